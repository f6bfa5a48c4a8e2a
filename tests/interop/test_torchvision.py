"""Every segmentation model of torchvision, with random weights, beside torchvision's own logits."""

import pytest
import torch

from segbox.data.datasets import pascal_voc
from segbox.errors import CheckpointError
from segbox.interop.torchvision import CLASSES, MODELS, PALETTE, convert_torchvision, read_torchvision
from segbox.weights.sources.find import WeightFile
from tests.interop.parity import assert_equal_logits, randomized


def theirs(name, num_classes=4, aux_loss=True):
    from torchvision.models import segmentation

    aux = {} if name.startswith("lraspp") else {"aux_loss": aux_loss}
    return randomized(getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=num_classes, **aux))


@pytest.mark.parametrize("name", [name for name in MODELS if "101" not in name])
def test_logits_are_torchvisions(name):
    model = theirs(name)
    imported = convert_torchvision(name, model.state_dict(), name)
    ours = assert_equal_logits(imported, lambda images: model(images)["out"], (33, 47))
    assert imported.origin == f"torchvision's {name}" and imported.classes is None
    if not name.startswith("lraspp"):
        assert_auxiliary_equals(ours, model)


def assert_auxiliary_equals(ours, theirs):
    images = torch.randint(0, 256, (1, 3, 40, 56), dtype=torch.uint8)
    with torch.no_grad():
        maps, _ = ours.maps_and_features(images)
        logits = ours.auxiliary_heads[0](maps)
        features = theirs.backbone((images - ours.mean) / ours.std)
        expected = theirs.aux_classifier(features["aux"])
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_the_large_models_differ_from_the_small_ones_by_their_backbone():
    for head in ("fcn", "deeplabv3"):
        (small, *parts), (large, *others) = MODELS[f"{head}_resnet50"], MODELS[f"{head}_resnet101"]
        assert parts == others and large == small | {"variant": "101"}


def test_a_model_without_its_auxiliary_head():
    model = theirs("deeplabv3_mobilenet_v3_large", aux_loss=False)
    imported = convert_torchvision("deeplabv3_mobilenet_v3_large", model.state_dict(), "x.pth")
    assert "auxiliary_head" not in imported.model
    # Wide enough to see the largest rate: 27 cells, and a rate of 24.
    assert_equal_logits(imported, lambda images: model(images)["out"], (33, 420))


def test_classes_are_those_of_pascal_voc():
    from torchvision.models.segmentation import FCN_ResNet50_Weights

    assert tuple(pascal_voc.CLASSES) == CLASSES and list(PALETTE) == pascal_voc.PALETTE
    published = FCN_ResNet50_Weights.DEFAULT.meta["categories"]
    assert [name.strip("_") for name in published] == list(CLASSES)


def test_a_file_of_ones_own_training(tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(theirs("lraspp_mobilenet_v3_large", num_classes=21).state_dict(), path)
    imported = read_torchvision(str(path), "lraspp_mobilenet_v3_large")
    assert imported.model["num_classes"] == 21 and imported.classes is None and imported.licence is None
    with pytest.raises(CheckpointError, match=r"does not say its model\. torchvision's segmentation models are fcn_re"):
        read_torchvision(str(path))


def test_published_weights_have_classes_and_a_palette(tmp_path):
    path = tmp_path / "published.pth"
    torch.save(theirs("lraspp_mobilenet_v3_large", num_classes=21).state_dict(), path)
    word = "torchvision://lraspp_mobilenet_v3_large"
    imported = read_torchvision(WeightFile(word, path))
    assert imported.classes == CLASSES and imported.palette == PALETTE and imported.licence == "BSD-3-Clause"
    assert imported.dataset == "coco_voc" and imported.pipeline == ({"type": "Resize", "short": 520},)
    assert list(imported.model["mean"]) == [123.675, 116.28, 103.53]
    with pytest.raises(CheckpointError, match="expected the published weights of 21 classes"):
        torch.save(theirs("lraspp_mobilenet_v3_large", num_classes=4).state_dict(), path)
        read_torchvision(WeightFile(word, path))


def test_messages():
    with pytest.raises(CheckpointError, match=r"there is no 'fcn_resnet5'. Did you mean \"fcn_resnet50\""):
        read_torchvision("torchvision://fcn_resnet5")
    weights = theirs("lraspp_mobilenet_v3_large").state_dict()
    with pytest.raises(CheckpointError, match=r"x.pth: there is no tensor classifier.4.bias"):
        convert_torchvision("fcn_resnet50", weights, "x.pth")
    with pytest.raises(CheckpointError, match=r"x.pth: the tensor head.weight belongs to no part"):
        convert_torchvision("lraspp_mobilenet_v3_large", weights | {"head.weight": torch.ones(1)}, "x.pth")
