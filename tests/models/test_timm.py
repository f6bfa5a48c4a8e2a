"""timm's networks behind the contract of backbones. No weights are fetched; without timm these tests are skipped."""

import logging
import math
import sys

import pytest
import torch

from segbox.errors import ConfigError, UserError
from segbox.models.backbones import timm as ours
from segbox.models.layers.probe import SizeRule
from segbox.models.segmentors import build_segmentor
from segbox.models.unused_parameters import advice_for
from segbox.registry import BACKBONES
from segbox.weights.sources.find import WeightFile
from tests.tiny import random_batch, tiny_model

FIVE, FOUR = (2, 4, 8, 16, 32), (4, 8, 16, 32)


def build(name=None, **arguments):
    pytest.importorskip("timm")
    return BACKBONES.build({"type": "Timm", "name": name, **arguments}).eval()


@pytest.mark.parametrize(
    ("name", "strides", "arguments"),
    [
        ("test_resnet", FIVE, {}),
        ("test_resnet", (2, 4, 8, 8, 8), {"output_stride": 8}),
        ("test_convnext", FOUR, {}),
        ("test_efficientnet", (2, 4, 8, 16, 16), {"output_stride": 16}),
        ("mobilenetv3_small_050", FIVE, {}),
        ("mobilenetv3_small_050", (2, 4, 8, 16, 16), {"output_stride": 16}),
        ("swin_tiny_patch4_window7_224", FOUR, {"model_arguments": {"embed_dim": 12, "depths": (1, 1, 1, 1)}}),
        ("test_vit", (16,), {}),
        ("test_vit", (16, 16), {"out_indices": (1, -1)}),
        ("vit_small_patch14_dinov2", (14,), {"model_arguments": {"embed_dim": 24, "depth": 2, "img_size": 56}}),
        ("vit_small_patch14_dinov2", (16,), {"model_arguments": {"embed_dim": 24, "depth": 2, "patch_size": 16}}),
        ("vit_small_patch16_dinov3", (16,), {"model_arguments": {"embed_dim": 24, "depth": 2, "num_heads": 2}}),
    ],
)
def test_maps_are_as_promised(name, strides, arguments):
    backbone = build(name, in_channels=4, **arguments)
    assert backbone.strides == strides
    for height, width in ((33, 47), (64, 70)):
        with torch.no_grad():
            maps = backbone(torch.randn(1, 4, height, width))
        expected = [(1, c, math.ceil(height / s), math.ceil(width / s)) for c, s in zip(backbone.channels, strides)]
        assert [tuple(m.shape) for m in maps] == expected


def test_whole_patches_are_timms_own_maps():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("test_convnext", features_only=True).eval()
    ours = build("test_convnext")
    ours.network.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for a, b in zip(ours(images), theirs(images), strict=True):
            torch.testing.assert_close(a, b)


def test_a_plain_vit_gives_its_normed_tokens():
    backbone = build("test_vit")
    images = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        tokens = backbone.network.model.forward_features(images)
        expected = tokens[:, -100:].transpose(1, 2).unflatten(2, (10, 10))
        torch.testing.assert_close(backbone(images)[0], expected)


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_every_parameter_learns(name):
    pytest.importorskip("timm")
    parts = {"backbone": {"type": "Timm", "name": name}, "decode_head": {"type": "FCNHead"}}
    model = build_segmentor({"type": "EncoderDecoder", **parts}, num_classes=5)
    images, labels = random_batch(2, 33, 47, num_classes=5)
    sum(model(images, labels).values()).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet17"}, 'Did you mean "resnet18"'),
        ({}, "give the name of one network"),
        ({"name": "test_resnet", "variant": "test_vit"}, "one network"),
        ({"name": "test_vit", "output_stride": 8}, "timm cannot build test_vit"),
        ({"name": "test_vit", "out_indices": (9,)}, r"some of 0\.\.5"),
        ({"name": "test_resnet", "model_arguments": {"colour": 1}}, "colour"),
    ],
)
def test_refusals(arguments, message):
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=message):
        BACKBONES.build({"type": "Timm", **arguments})


def test_test_goes_before_the_name():
    assert build("convnext_tiny", variant="test").strides == FIVE


def test_a_network_is_examined_once(monkeypatch):
    """It takes seconds for a large one, and the check of a config builds the model of a run too."""
    calls, plan = [], ours.plan_network
    monkeypatch.setattr(ours, "plan_network", lambda *args: calls.append(args) or plan(*args))
    ours.examined.cache_clear()
    same = []
    for _ in range(2):
        torch.manual_seed(0)
        same.append(build("test_vit", model_arguments={"img_size": [32, 48]}).state_dict())
    torch.testing.assert_close(*same, rtol=0, atol=0)
    assert len(calls) == 1
    for other in ({"in_channels": 4}, {"out_indices": [0]}, {"model_arguments": {"img_size": 48}}):
        build("test_vit", **{"model_arguments": {"img_size": [32, 48]}, **other})
    assert len(calls) == 4


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r'pip install "segbox\[timm\]"'):
        BACKBONES.build({"type": "Timm", "name": "test_resnet"})


def test_weights_that_cannot_be_reached(monkeypatch):
    timm = pytest.importorskip("timm")

    def offline(name, pretrained=False, **arguments):
        if pretrained:
            raise OSError("no route to host\nmore")
        return create_model(name, **arguments)

    create_model = timm.create_model
    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"cannot reach them: no route to host\. With pretrained=False"):
        ours.create("hf-hub:somebody/something", {}, pretrained=True)


def test_pretrained_weights_come_from_the_source_of_all_weights(monkeypatch, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    theirs = timm.create_model("test_resnet")
    torch.save(theirs.state_dict(), tmp_path / "a.pth")
    asked = []
    monkeypatch.setattr(
        ours, "find_weights", lambda *given: asked.append(given) or WeightFile(given[0], tmp_path / "a.pth")
    )
    own = ours.Timm("test_resnet", pretrained=True)
    assert asked == [("timm://test_resnet.r160_in1k", "begin without it: model.backbone.pretrained=False")]
    loaded = own.network.state_dict()
    assert loaded and all(torch.equal(value, theirs.state_dict()[name]) for name, value in loaded.items())


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"hf_hub_id": "timm/a.b"}, "timm://a.b"),
        ({"hf_hub_id": "timm/a.b", "hf_hub_filename": "x.bin"}, "hf://timm/a.b/x.bin"),
        ({"hf_hub_id": "c/a"}, "hf://c/a"),
        ({"hf_hub_id": "timm/a.b", "custom_load": "hf"}, None),
        ({"url": "https://x.y/a-01234567.pth"}, "https://x.y/a-01234567.pth"),
        ({"url": "https://x.y/a.npz", "custom_load": True}, None),
        ({"hf_hub_id": "timm/a.b", "file": "a.pth"}, None),
        ({"url": "", "hf_hub_id": None}, None),
    ],
)
def test_words_of_timms_weights(said, word):
    assert ours.word_of(said) == word


def test_registering_does_not_import_timm():
    assert not hasattr(ours, "timm")  # it is imported where it is used


CARD_OF_VIT = (127.5, 127.5, 127.5)


def model_of(backbone, head="FCNHead", **said):
    pytest.importorskip("timm")
    parts = {"backbone": {"type": "Timm", **backbone}, "decode_head": {"type": head}}
    return build_segmentor({"type": "EncoderDecoder", **parts, **said}, num_classes=5)


def numbers_of(model):
    return tuple(model.mean.flatten().tolist()), tuple(model.std.flatten().tolist())


@pytest.fixture
def local_weights(tmp_path):
    """A network whose pretrained weights lie in a file: nothing is downloaded."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    weights = timm.create_model("test_vit").state_dict()
    torch.save(weights, tmp_path / "vit.pth")
    overlay = {"file": str(tmp_path / "vit.pth"), "hf_hub_id": None}
    return {"name": "test_vit", "pretrained": True, "model_arguments": {"pretrained_cfg_overlay": overlay}}


def test_pretrained_weights_bring_their_mean_and_std(local_weights):
    """Compared with timm's own way of feeding the network."""
    timm = pytest.importorskip("timm")
    model = model_of(local_weights).eval()
    assert numbers_of(model) == (CARD_OF_VIT, CARD_OF_VIT) and model.mean_std_sources["mean"] == "the card of test_vit"
    theirs = timm.create_model("test_vit", pretrained=True, **local_weights["model_arguments"]).eval()
    config = timm.data.resolve_data_config({}, model=theirs)
    images, _ = random_batch(2, 160, 160, num_classes=5)
    fed = (images / 255 - torch.tensor(config["mean"]).view(3, 1, 1)) / torch.tensor(config["std"]).view(3, 1, 1)
    with torch.no_grad():
        expected = theirs.forward_features(fed)[:, -100:].transpose(1, 2).unflatten(2, (10, 10))
        torch.testing.assert_close(model.maps_and_features(images)[0][0], expected, rtol=1e-4, atol=1e-4)


def test_other_numbers_than_those_of_the_card(local_weights):
    stated = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
    with pytest.raises(
        ConfigError, match=r"model\.mean: \(123\.675, .*test_vit were trained with mean \(127\.5, 127\.5"
    ):
        model_of(local_weights, **stated)
    model = model_of({**local_weights, "check_card": False}, **stated)
    assert numbers_of(model)[0] == pytest.approx(stated["mean"])
    assert numbers_of(model_of({"name": "test_vit"}, **stated))[1] == pytest.approx(stated["std"])  # begins at random
    with pytest.raises(ConfigError, match=r"model\.mean: 3 numbers .* for images of 4 channels"):
        model_of({**local_weights, "in_channels": 4})
    assert numbers_of(model_of({**local_weights, "in_channels": 1}, mean=2000, std=300)) == ((2000.0,), (300.0,))


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("vit_base_patch16_siglip_224", (127.5,) * 3, (127.5,) * 3),
        ("mobilenetv1_100", (127.5,) * 3, (127.5,) * 3),
        ("vit_base_patch16_clip_224", (122.770938, 116.746013, 104.093734), (68.500533, 66.632155, 70.323163)),
        ("convnext_tiny", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    ],
)
def test_cards(name, mean, std):
    timm = pytest.importorskip("timm")
    card = ours.card_of(name, timm.get_pretrained_cfg(name).to_dict(), is_binding=True)
    assert card.mean == pytest.approx(mean, abs=1e-5) and card.std == pytest.approx(std, abs=1e-5)


def test_a_network_of_one_size():
    """Smaller images are filled up, for larger ones there is a message with a way out, which works."""
    backbone = build("test_coatnet")
    assert backbone.size_rule == SizeRule((160, 160), only=(160, 160))
    with torch.no_grad():
        assert [m.shape[-2:] for m in backbone(torch.zeros(1, 3, 64, 90))][-1] == (2, 3)
        with pytest.raises(ConfigError) as caught:
            backbone(torch.zeros(1, 3, 161, 90))
    assert "test_coatnet takes images of up to 160x160 (height x width), and got 161x90" in str(caught.value)
    assert 'test.mode="slide", test.window=(160, 160)' in str(caught.value)
    assert "model.backbone.model_arguments=dict(img_size=(192, 96))" in str(caught.value)
    larger = build("test_coatnet", model_arguments={"img_size": (192, 96)})
    with torch.no_grad():
        assert larger(torch.zeros(1, 3, 161, 90))[-1].shape[-2:] == (6, 3)


def test_a_network_of_windows():
    backbone = build("test_maxvit")
    assert backbone.size_rule == SizeRule((160, 160))
    for height, width in ((33, 47), (200, 170)):
        with torch.no_grad():
            maps = backbone(torch.zeros(1, 3, height, width))
        assert [m.shape[-2:] for m in maps] == [(-(-height // s), -(-width // s)) for s in FIVE]


def dead_after_a_step(model):
    images, labels = random_batch(2, 33, 47, num_classes=5)
    sum(model(images, labels).values()).backward()
    return [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]


def test_maps_that_no_head_reads():
    with torch.device("meta"):
        model = model_of({"name": "hrnet_w18_small"})
    told = advice_for(["backbone.network.incre_modules.0.0.conv1.weight"], model)
    assert "The backbone's maps are 0 (stride 2), 1 (stride 4), 2 (stride 8), 3 (stride 16), 4 (stride 32)" in told
    assert "model.backbone.out_indices=(4,)" in told and "model.freeze_backbone=True" in told
    assert "give it a loss" in advice_for(["decode_head.x", "backbone.y"], model)
    assert "out_indices" not in advice_for(["backbone.layer4.0.conv1.weight"], tiny_model())


def test_only_the_maps_that_are_read(caplog):
    with caplog.at_level(logging.INFO, "segbox"):
        model = model_of({"name": "hrnet_w18_small", "out_indices": (4,)})
    assert "66 parameters of hrnet_w18_small are not needed for its maps and not trained" in caplog.text
    assert not dead_after_a_step(model)
    assert {p.requires_grad for n, p in model.backbone.named_parameters() if n in model.unused} == {False}
    model.freeze_backbone()
    model.train_backbone()
    assert not dead_after_a_step(model)
    assert sum(not p.requires_grad for p in model.backbone.parameters()) == 66


def test_channels_are_those_of_the_maps():
    with torch.device("meta"):
        assert ours.Timm("samvit_base_patch16", out_indices=(-1,)).channels == (256,)  # behind its neck; timm says 768


@pytest.mark.slow
def test_a_way_out_is_tried_before_it_is_told():
    with torch.device("meta"):
        assert ours.Timm("convit_tiny").size_to_build_for(250, 300) == (304, 304)  # takes squares only
        fixed = ours.Timm("efficientformer_l1")
        assert fixed.size_to_build_for(250, 300) is None
    assert not fixed.unused  # though in evaluation it keeps a table of what its biases were
