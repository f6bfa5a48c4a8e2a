"""Our table of torchvision's files against torchvision's own."""

import hashlib
import re

import pytest
import torch

from segbox.errors import CheckpointError
from segbox.weights.sources import torchvision as ours
from segbox.weights.sources.find import find_weights


def published() -> dict[str, dict[str, str]]:
    """Of the networks that segbox has: {name: {tag: URL}}."""
    models = pytest.importorskip("torchvision").models
    wanted = re.compile(r"resnet\d+|vgg1[69](_bn)?|mobilenet_v.*|(fcn|deeplabv3|lraspp)_.*")
    names = [name for name in models.list_models() if wanted.fullmatch(name)]
    found = {name: {own.name: own.url for own in models.get_model_weights(name)} for name in names}
    del found["vgg16"]["IMAGENET1K_FEATURES"]  # the features alone, of another training, for detection
    return found


def test_the_table_is_that_of_torchvision():
    table = {name: {tag: ours.URL + file for tag, file in files.items()} for name, files in ours.FILES.items()}
    assert table == published()


def test_each_file_states_its_hash_and_torchvisions_mean_and_std():
    models = pytest.importorskip("torchvision").models
    for name, files in ours.FILES.items():
        for tag in files:
            location = ours.locate(f"{name}.{tag}")
            assert re.fullmatch("[0-9a-f]{8}", location.digest) and location.digest in location.url
            preprocess = models.get_weight(f"{models.get_model_weights(name).__name__}.{tag}").transforms()
            assert location.card.mean == pytest.approx([255 * value for value in preprocess.mean])
            assert location.card.std == pytest.approx([255 * value for value in preprocess.std])


def test_a_name_without_a_tag_is_the_first_version():
    urls = [ours.locate(f"resnet50{tag}").url for tag in ("", ".IMAGENET1K_V1", ".IMAGENET1K_V2")]
    assert urls[0] == urls[1] != urls[2]
    assert ours.locate("fcn_resnet50").filename == "fcn_resnet50_coco-1167a1af.pth"


def test_files_are_those_of_torch_hub(monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert ours.locate("resnet18").folder.as_posix() == f"{torch.hub.get_dir()}/checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    assert ours.locate("resnet18").folder.as_posix() == f"{torch.hub.get_dir()}/checkpoints"


def test_a_file_that_torchvision_downloaded_is_used_if_it_is_whole(monkeypatch):
    content = b"weights"
    digest = hashlib.sha256(content).hexdigest()[:8]
    monkeypatch.setitem(ours.FILES, "resnet18", {ours.V1: f"resnet18-{digest}.pth"})
    folder = ours.torch_checkpoints()
    folder.mkdir(parents=True)
    (folder / f"resnet18-{digest}.pth").write_bytes(content)
    found = find_weights("torchvision://resnet18")
    assert found.path == folder / f"resnet18-{digest}.pth" and found.licence == "BSD-3-Clause"
    found.path.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="Delete it, and it is downloaded again"):
        find_weights("torchvision://resnet18")


def test_a_file_is_downloaded_to_torchs_folder(monkeypatch, server):
    from tests.weights.sources.server import Reply

    digest = hashlib.sha256(b"weights").hexdigest()[:8]
    monkeypatch.setattr(ours, "URL", f"{server.url}/")
    monkeypatch.setitem(ours.FILES, "resnet18", {ours.V1: f"resnet18-{digest}.pth"})
    server.replies[f"/resnet18-{digest}.pth"] = Reply(b"weights")
    assert find_weights("torchvision://resnet18").path.parent == ours.torch_checkpoints()
