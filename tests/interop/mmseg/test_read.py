"""Checkpoints of mmsegmentation, by their own config or by a file, and `segbox import`."""

import cv2
import numpy as np
import pytest
import torch

from segbox.commands import main
from segbox.config import load_config
from segbox.errors import CheckpointError
from segbox.interop.mmseg import read, zoo
from segbox.interop.mmseg.read import read_mmseg
from segbox.models.segmentors import build_segmentor
from segbox.weights.loading import read_checkpoint
from segbox.weights.sources.find import WeightFile
from tests.interop.mmseg.resnets import PSP, model, resnet
from tests.interop.mmseg.test_parity import fixture, state_of
from tests.models.fixed import normal

PALETTE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
NAMES = ["road", "sky", "tree"]
TEST = {"mode": "slide", "crop_size": (32, 32), "stride": (20, 20)}


def text(**more):
    values = {"model": model(resnet(kind="ResNet"), PSP, test=TEST), **more}
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


@pytest.fixture(scope="module")
def state():
    found = state_of(fixture("psp_r18b"))
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


@pytest.fixture(params=["cfg", "config"])
def checkpoint(request, tmp_path, state):
    """As mmsegmentation 1.x or 0.x writes them."""
    about = {"CLASSES": NAMES, "PALETTE": PALETTE}
    about = {"dataset_meta": {"classes": NAMES, "palette": PALETTE}} if request.param == "cfg" else about
    path = tmp_path / "psp.pth"
    torch.save({"meta": {request.param: text(), "iter": 5, **about}, "state_dict": state, "optimizer": {}}, path)
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return end.value.code


def test_a_checkpoint_is_imported_by_its_own_config(checkpoint, state, tmp_path, capsys):
    out = tmp_path / "out" / "mine.pt"
    main(["import", "mmseg", str(checkpoint), str(out)])
    told = capsys.readouterr().out
    assert "12.6 M parameters, 3 classes" in told and f"segbox predict {out.with_suffix('.py')} {out}" in told
    content = read_checkpoint(out)
    assert content["classes"] == NAMES and content["palette"] == PALETTE
    config = load_config(out.with_suffix(".py"))
    assert config.test.window == (32, 32) and config.test.stride == (20, 20) and config.optimizer.type == "SGD"
    ours = build_segmentor({**config.model, "weights": str(out)}, 3).eval()
    expected = fixture("psp_r18b")
    images = normal("images", (1, 3, 49, 71)).float() * ours.std + ours.mean
    step = int(expected["step"])
    with torch.no_grad():
        logits = ours.logits(images)[..., ::step, ::step]
    theirs = torch.from_numpy(expected["logits"])
    assert (logits - theirs).abs().max() < 1e-4 * theirs.abs().max()


def test_without_class_names_they_are_numbers(state, tmp_path, monkeypatch):
    """The command that the import prints works."""
    monkeypatch.chdir(tmp_path)
    torch.save(state, "bare.pth")
    (tmp_path / "psp.py").write_text(text())
    main(["import", "mmseg", "psp.py", "bare.pth", "mine.pt"])
    cv2.imwrite("photo.png", np.zeros((40, 50, 3), np.uint8))
    main(["predict", "mine.py", "mine.pt", "photo.png", "--save", "areas"])
    assert "photo.png,class 2," in (tmp_path / "predictions" / "areas.csv").read_text()


def test_existing_files_are_kept(checkpoint, tmp_path, capsys):
    (tmp_path / "mine.py").write_text("my own config")
    assert run("import", "mmseg", checkpoint, tmp_path / "mine.pt") == 2
    assert "mine.py already exists; --overwrite replaces it" in capsys.readouterr().err
    assert not (tmp_path / "mine.pt").exists() and (tmp_path / "mine.py").read_text() == "my own config"


def test_a_config_file_wins(checkpoint, tmp_path):
    (tmp_path / "psp.py").write_text(text().replace("'slide'", "'whole'"))
    assert read_mmseg(checkpoint, tmp_path / "psp.py").test["mode"] == "whole"
    assert read_mmseg(checkpoint).test["mode"] == "slide"


def test_bare_weights_need_a_config(tmp_path, state):
    (tmp_path / "psp.py").write_text(text())
    torch.save(state, tmp_path / "bare.pth")
    with pytest.raises(CheckpointError, match=r"carries no config .* segbox import mmseg CONFIG CHECKPOINT OUT"):
        read_mmseg(tmp_path / "bare.pth")
    assert "decode_head.fuse.conv.weight" in read_mmseg(tmp_path / "bare.pth", tmp_path / "psp.py").weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["state_dict"].pop("decode_head.bottleneck.conv.weight"), "decode_head.fuse.conv.weight"),
        (lambda c: c["meta"].update(cfg=text().replace("'depth': 18", "'depth': 34")), "belongs to another model"),
        (lambda c: c["meta"].update(cfg="import os\nmodel = os.system('x')"), "this is no config of mmsegmentation"),
        (lambda c: c["meta"].update(cfg=text().replace("PSPHead", "MyHead")), "MyHead has no counterpart"),
        (lambda c: c.update(state_dict={}), "expected weights"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(tmp_path, state, capsys, change, message):
    content = {"meta": {"cfg": text()}, "state_dict": dict(state)}
    change(content)
    torch.save(content, tmp_path / "a.pth")
    assert run("import", "mmseg", tmp_path / "a.pth", tmp_path / "new" / "b.pt") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists() or not list((tmp_path / "new").iterdir())


def test_a_licence_is_that_of_the_weights_a_training_began_from_if_it_is_stricter():
    strict = {name for name, entry in zoo.entries().items() if "non-commercial" in entry.licence}
    assert strict == {name for name, entry in zoo.entries().items() if entry.config.startswith("segformer/")}


def test_a_published_name_is_found_and_has_its_licence(checkpoint, monkeypatch):
    name = "mmseg://pspnet_r50-d8_4xb2-40k_cityscapes-512x1024"

    def found(word, scheme, location, instead):
        assert (word, scheme) == (name, "mmseg") and location.digest == "2966598c"
        return WeightFile(word, checkpoint, location.licence)

    monkeypatch.setattr(read, "find_location", found)
    imported = read_mmseg(name)
    assert imported.licence == "Apache-2.0" and imported.classes == tuple(NAMES)
    assert imported.origin == "mmsegmentation's pspnet_r50-d8_4xb2-40k_cityscapes-512x1024"


def test_names_of_files_cannot_write_code_into_the_config(checkpoint, tmp_path):
    odd = checkpoint.rename(tmp_path / 'x"""\nimport os\n#.pth')
    main(["import", "mmseg", str(odd), str(tmp_path / "mine.pt")])
    lines = (tmp_path / "mine.py").read_text().splitlines()
    assert lines[0].startswith("# ") and not any(line.startswith("import") for line in lines)
    load_config(tmp_path / "mine.py")
