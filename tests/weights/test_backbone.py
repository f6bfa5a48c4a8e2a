"""Pretrained weights of a backbone: names, channels, mean and std, and what is refused."""

import logging

import pytest
import torch

from segbox.errors import CheckpointError, ConfigError
from segbox.registry import BACKBONES
from segbox.weights import backbone as rooms
from segbox.weights.mean_std import OF_CARD, Card
from segbox.weights.published import published
from segbox.weights.sources.find import WeightFile
from tests.tiny import tiny_model

HALF = Card("timm://somebody", (127.5,) * 3, (127.5,) * 3)
DEEP = {"type": "ResNet", "variant": "test", "stem": "D"}


def random_weights(backbone):
    """Weights and statistics, none of which the backbone begins with."""
    torch.manual_seed(5)
    return {n: torch.rand_like(v) + 0.5 if v.is_floating_point() else v for n, v in backbone.state_dict().items()}


def in_timms_names(weights):
    """Those of a deep stem."""
    names = {name: name.replace("stem.7.", "bn1.").replace("stem.", "conv1.") for name in weights}
    return {names[name]: value for name, value in weights.items()}


@pytest.fixture
def timms_file(tmp_path):
    weights = random_weights(BACKBONES.build(DEEP))
    torch.save({**in_timms_names(weights), "fc.weight": torch.ones(9, 3)}, tmp_path / "timm.pth")
    return tmp_path / "timm.pth", weights


def model_with(path, backbone=DEEP, **said):
    return tiny_model(**{"backbone": backbone, "backbone_weights": str(path), **said})


def test_a_file_by_other_names_loads_whole(timms_file):
    path, weights = timms_file
    loaded = model_with(path).backbone.state_dict()
    assert loaded.keys() == weights.keys() and all(torch.equal(loaded[name], weights[name]) for name in weights)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_stem_by_other_names_is_adapted_to_other_channels(timms_file, channels):
    path, weights = timms_file
    model = model_with(path, {**DEEP, "in_channels": channels}, mean=100, std=50)
    first = weights["stem.0.weight"]
    expected = first.sum(1, keepdim=True) if channels == 1 else first[:, [0, 1, 2, 0]] * 3 / 4
    torch.testing.assert_close(model.backbone.stem[0].weight.detach(), expected)
    assert torch.equal(model.backbone.stem[7].weight.detach(), weights["stem.7.weight"])


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (lambda weights: weights.pop("layer4.1.bn2.running_var"), "missing in the file: layer4.1.bn2.running_var"),
        (
            lambda weights: weights.update({"layer1.0.se.fc1.bias": torch.ones(2)}),
            "not in the model: layer1.0.se.fc1.bias",
        ),
        (
            lambda weights: weights.update({"layer1.0.bn1.bias": torch.ones(2)}),
            "another shape: layer1.0.bn1.bias: 2 in the file, 8 in the model",
        ),
    ],
)
def test_what_is_missing_or_has_no_place_is_refused_with_its_name(timms_file, change, row):
    path, weights = timms_file
    weights = in_timms_names(weights)
    change(weights)
    torch.save(weights, path)
    with pytest.raises(CheckpointError, match="are not the weights of ResNet test-D") as caught:
        model_with(path)
    assert row in str(caught.value)
    fit = tiny_model(backbone=DEEP).load_backbone_parameters(path, strict=False)
    assert not fit.is_perfect() and len(fit.fitting) > 50


def test_parts_of_other_models_are_named_and_left(timms_file, caplog):
    path, weights = timms_file
    torch.save({**in_timms_names(weights), "decoder.1.weight": torch.ones(3), "pos.x": torch.ones(1)}, path)
    with caplog.at_level(logging.INFO, "segbox"):
        model_with(path)
    assert "not used, as the backbone has no such parts: decoder, pos" in caplog.text


def test_a_file_of_nothing_that_fits(tmp_path):
    torch.save({"a.b": torch.ones(1)}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="are not the weights of ResNet test-D"):
        model_with(tmp_path / "a.pt")


# Mean and std


@pytest.fixture
def with_card(timms_file, monkeypatch):
    """Any word is the file above, with a card of 0.5."""
    path, _ = timms_file
    asked = []

    def find(word, *arguments):
        asked.append(word)
        return WeightFile(word, path, "Apache-2.0", HALF)

    monkeypatch.setattr(rooms, "find_weights", find)
    return asked


def numbers_of(model):
    return model.mean.flatten().tolist(), model.std.flatten().tolist()


def test_mean_and_std_come_from_the_card(with_card, caplog):
    model = model_with("timm://somebody")
    assert with_card == ["timm://somebody"] and numbers_of(model) == ([127.5] * 3, [127.5] * 3)
    assert model.mean_std_sources == dict.fromkeys(("mean", "std"), OF_CARD + "timm://somebody")
    with caplog.at_level(logging.WARNING, "segbox"):
        model = model_with("timm://somebody", mean=127.5, std=(1, 2, 3))
    assert numbers_of(model) == ([127.5] * 3, [1.0, 2.0, 3.0])
    assert [record.message for record in caplog.records] == [
        "model.std: the config's (1, 2, 3) is used; the weights of timm://somebody were trained with"
        " (127.5, 127.5, 127.5)"
    ]


def test_a_card_says_nothing_about_other_channels(with_card):
    model = model_with("timm://somebody", {**DEEP, "in_channels": 2}, mean=(5, 6), std=7)
    assert numbers_of(model) == ([5.0, 6.0], [7.0, 7.0])


def test_the_numbers_in_a_file_of_segbox_win_over_a_card(with_card, timms_file):
    path, weights = timms_file
    named = {f"backbone.{name}": value for name, value in weights.items()}
    torch.save({**named, "mean": torch.full((3, 1, 1), 9.0), "std": torch.full((3, 1, 1), 8.0)}, path)
    assert numbers_of(model_with("timm://somebody")) == ([9.0] * 3, [8.0] * 3)


# The word "imagenet"


def test_imagenet_is_the_word_of_the_form(with_card, monkeypatch):
    monkeypatch.setattr(type(BACKBONES.build(DEEP)), "imagenet", {"test-D": "timm://d", "test": "timm://plain"})
    model_with("imagenet")
    assert with_card == ["timm://d"]


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (
            {"type": "ResNet", "variant": "34", "stem": "C"},
            r"ImageNet weights of ResNet 34-C; .* 18, 34, .*50-C, .*None",
        ),
        ({"type": "ResNet", "variant": "50", "stem": "E"}, "of ResNet 50-E; there are"),
        ({"type": "ResNet", "variant": "se50"}, "of ResNet se50; there are .*se50 with se_bias"),
        ({"type": "ResNet", "variant": "10-half"}, "of ResNet 10-half"),
        (
            {"type": "MobileNetV2", "variant": "0.75"},
            r"of MobileNetV2 0\.75; there are weights of MobileNetV2 1\.0, 1\.4",
        ),
        ({"type": "MobileNetV2", "variant": "1.0", "expands_first": True}, "of MobileNetV2 1.0 with expands_first"),
        ({"type": "MobileNetV1", "variant": "1.0", "act": "relu"}, r"of MobileNetV1 1\.0 with relu"),
        ({"type": "Xception", "variant": "41", "depthwise_act": True}, "of Xception 41 with depthwise_act"),
        ({"type": "UNetEncoder"}, "of UNetEncoder. Set model.backbone_weights to None"),
    ],
)
def test_imagenet_of_a_form_without_weights_names_those_that_have_some(backbone, message):
    with torch.device("meta"):
        built = BACKBONES.build(backbone)
    with pytest.raises(ConfigError, match=message) as caught:
        rooms.word_for(built, "imagenet")
    assert str(caught.value).startswith('model.backbone_weights: "imagenet": nobody publishes')
    assert rooms.word_for(built, "a.pt") == "a.pt"


def test_imagenet_of_timm_is_its_own_argument():
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=r"model\.backbone\.pretrained=True"):
        rooms.word_for(BACKBONES.build({"type": "Timm", "variant": "test"}), "imagenet")


@pytest.mark.parametrize("name", [name for name in BACKBONES if hasattr(BACKBONES[name], "imagenet")])
def test_the_words_of_a_backbone_are_published(name):
    words = BACKBONES[name].imagenet
    assert words and all(published(word) for word in words.values())


@pytest.mark.parametrize(
    ("backbone", "word"),
    [
        ({"type": "ResNet", "variant": "18"}, "torchvision://resnet18"),
        ({"type": "ResNet", "variant": "34", "stem": "D"}, "timm://resnet34d.ra2_in1k"),
        ({"type": "ResNet", "variant": "50", "stem": "C", "output_stride": 8}, "timm://resnet50c.gluon_in1k"),
        ({"type": "ResNet", "variant": "101", "stem": "S"}, "timm://resnet101s.gluon_in1k"),
        ({"type": "ResNet", "variant": "se50", "se_bias": True}, "timm://seresnet50.a1_in1k"),
        ({"type": "VGG", "variant": "16-bn", "taps": "before_pool"}, "torchvision://vgg16_bn"),
        ({"type": "MobileNetV1", "in_channels": 4}, "timm://mobilenetv1_100.ra4_e3600_r224_in1k"),
        ({"type": "MobileNetV2", "has_last_conv": False}, "torchvision://mobilenet_v2"),
        ({"type": "MobileNetV3", "variant": "small"}, "torchvision://mobilenet_v3_small"),
        ({"type": "Xception"}, "timm://xception65.tf_in1k"),
        ({"type": "MixTransformer", "variant": "b3"}, "hf://nvidia/mit-b3"),
        ({"type": "Swin", "variant": "base"}, "timm://swin_base_patch4_window7_224.ms_in22k"),
        ({"type": "Twins", "variant": "pcpvt-large"}, "timm://twins_pcpvt_large.in1k"),
        ({"type": "PoolFormer", "variant": "m36"}, "timm://poolformer_m36.sail_in1k"),
    ],
)
def test_imagenet_means(backbone, word):
    with torch.device("meta"):
        assert rooms.word_for(BACKBONES.build(backbone), "imagenet") == word
