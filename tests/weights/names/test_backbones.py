"""Files of timm, torchvision, Hugging Face and NVIDIA give the features that the publisher's own network has."""

import re
from functools import partial

import pytest
import torch
from torch import nn

from segbox.errors import CheckpointError
from segbox.registry import BACKBONES
from segbox.weights.names.backbones import by_our_names

SIZE = (41, 70)
TIMM = [  # our form; timm's network; the places of its maps among ours, if it has not all of them
    ({"type": "ResNet", "variant": "18"}, "resnet18", None),
    ({"type": "ResNet", "variant": "50", "stem": "C", "output_stride": 8}, "resnet50c", None),
    ({"type": "ResNet", "variant": "18", "stem": "D"}, "resnet18d", None),
    ({"type": "ResNet", "variant": "50", "stem": "S"}, "resnet50s", None),
    ({"type": "ResNet", "variant": "se50", "se_bias": True}, "seresnet50", None),
    ({"type": "MobileNetV1", "variant": "1.0"}, "mobilenetv1_100", None),
    ({"type": "MobileNetV2", "variant": "0.5", "has_last_conv": False}, "mobilenetv2_050", None),
    ({"type": "MobileNetV2", "variant": "1.4", "output_stride": 16}, "mobilenetv2_140", -1),
    ({"type": "MobileNetV3", "variant": "large", "same_padding": True}, "tf_mobilenetv3_large_100", None),
    ({"type": "MobileNetV3", "variant": "small", "same_padding": True}, "tf_mobilenetv3_small_100", None),
    ({"type": "Xception", "variant": "41"}, "xception41", -1),
]
TORCHVISION = [
    ({"type": "ResNet", "variant": "34"}, "resnet34"),
    ({"type": "VGG", "variant": "16-bn"}, "vgg16_bn"),
    ({"type": "MobileNetV2", "variant": "1.0"}, "mobilenet_v2"),
    ({"type": "MobileNetV3", "variant": "large"}, "mobilenet_v3_large"),
    ({"type": "MobileNetV3", "variant": "small"}, "mobilenet_v3_small"),
]


def filled(network):
    """The network, built on the meta device, with random weights and statistics that keep the scale."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, value in network.state_dict().items():
        if not value.is_floating_point():
            weights[name] = torch.tensor(7)
            continue
        numbers = torch.empty(value.shape).normal_(generator=generator)
        if name.endswith("running_var"):
            numbers = 0.5 + numbers.abs()
        elif value.ndim > 1:
            numbers *= (2 / numbers[0].numel()) ** 0.5
        else:
            numbers = (1 if name.endswith("weight") else 0) + 0.2 * numbers
        weights[name] = numbers
    network.load_state_dict(weights, assign=True)
    return network.eval()


def ours_with(form, weights):
    with torch.device("meta"):
        backbone = BACKBONES.build(form)
    backbone.load_state_dict(by_our_names(weights, backbone, "a file"), assign=True)
    return backbone.eval()


def maps_of(network, images):
    with torch.no_grad():
        return network(images)


def assert_same(guesses, truths):
    for guess, truth in zip(guesses, truths, strict=True):
        assert float((guess - truth).abs().max()) <= 1e-4 * float(truth.abs().max())
        assert float(truth.std()) > 1e-3


@pytest.mark.parametrize(("form", "name", "place"), TIMM, ids=lambda value: value if isinstance(value, str) else "")
def test_files_of_timm(form, name, place):
    timm = pytest.importorskip("timm")
    stride = form.get("output_stride", 32)
    with torch.device("meta"):
        theirs = timm.create_model(name, **({} if stride == 32 else {"output_stride": stride}))
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    backbone = ours_with(form, filled(theirs).state_dict())
    own = maps_of(backbone, images)
    if place == -1:
        assert_same(own[-1:], [maps_of(theirs.forward_features, images)])
    else:
        assert_same(own, maps_of(partial(theirs.forward_intermediates, intermediates_only=True), images))


@pytest.mark.parametrize(("form", "name"), TORCHVISION)
def test_files_of_torchvision(form, name):
    models = pytest.importorskip("torchvision").models
    with torch.device("meta"):
        theirs = models.get_model(name)
    own = ours_with(form, filled(theirs).state_dict())
    images = torch.randn(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))  # VGG's pools round down there
    if form["type"] == "ResNet":
        theirs.avgpool = theirs.fc = nn.Identity()
        expected = maps_of(theirs, images).view(1, 512, 1, 2)
    else:
        expected = maps_of(theirs.features, images)
    assert_same(maps_of(own, images)[-1:], [expected])


def hugging_face():
    transformers = pytest.importorskip("transformers", minversion="5")  # the first that gives the new names
    shape = {"hidden_sizes": [8, 16, 40, 64], "depths": [1, 1, 1, 2], "num_attention_heads": [1, 2, 5, 8]}
    with torch.device("meta"):
        network = transformers.SegformerModel(transformers.SegformerConfig(**shape))
    return filled(network)


def old_names(weights):
    """Those inside of the hub's files, which transformers renames when it reads them."""
    rules = {
        r"stages\.(\d)\.patch_embeddings\.": r"encoder.patch_embeddings.\1.",
        r"stages\.(\d)\.blocks\.": r"encoder.block.\1.",
        r"stages\.(\d)\.layer_norm\.": r"encoder.layer_norm.\1.",
        r"attention\.sequence_reduction\.sequence_reduction\.": "attention.self.sr.",
        r"attention\.sequence_reduction\.layer_norm\.": "attention.self.layer_norm.",
        r"attention\.q_proj": "attention.self.query",
        r"attention\.k_proj": "attention.self.key",
        r"attention\.v_proj": "attention.self.value",
        r"attention\.o_proj": "attention.output.dense",
        r"mlp\.fc(\d)": r"mlp.dense\1",
        r"layernorm_before": "layer_norm_1",
        r"layernorm_after": "layer_norm_2",
    }
    found = {}
    for name, value in weights.items():
        for new, old in rules.items():
            name = re.sub(new, old, name)
        found[f"segformer.{name}"] = value
    return found


@pytest.mark.parametrize("is_old", [True, False])
def test_files_of_hugging_face(is_old):
    theirs = hugging_face()
    weights = theirs.state_dict()
    names = old_names(weights) if is_old else weights
    assert is_old == ("segformer.encoder.block.1.0.attention.self.key.weight" in names)
    own = ours_with({"type": "MixTransformer", "variant": "test"}, {**names, "classifier.weight": torch.zeros(1)})
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    expected = maps_of(lambda x: theirs(x, output_hidden_states=True).hidden_states, images)
    assert_same(maps_of(own, images), expected)


@pytest.fixture
def own_names():
    backbone = BACKBONES.build({"type": "MixTransformer", "variant": "test"})
    return filled(backbone).state_dict()


def nvidia_name(name):
    """Written down from NVlabs/SegFormer."""
    stage, rest = int(name.split(".")[1]) + 1, name.split(".", 2)[2]
    for old, new in (
        ("embed.project", f"patch_embed{stage}.proj"),
        ("embed.norm", f"patch_embed{stage}.norm"),
        ("blocks", f"block{stage}"),
        ("attention.query", "attn.q"),
        ("attention.key_value", "attn.kv"),
        ("attention.out", "attn.proj"),
        ("attention.reduce_norm", "attn.norm"),
        ("attention.reduce", "attn.sr"),
        ("mlp.expand", "mlp.fc1"),
        ("mlp.depthwise", "mlp.dwconv.dwconv"),
        ("mlp.project", "mlp.fc2"),
    ):
        rest = rest.replace(old, new)
    return f"norm{stage}.{rest.removeprefix('norm.')}" if rest.startswith("norm.") else rest


def test_files_of_nvidia(own_names):
    theirs = {nvidia_name(name): value for name, value in own_names.items()}
    assert {"patch_embed1.proj.weight", "block4.1.attn.kv.bias", "norm2.weight", "block3.0.mlp.dwconv.dwconv.bias"} <= {
        *theirs
    }
    backbone = BACKBONES.build({"type": "MixTransformer", "variant": "test"})
    found = by_our_names({**theirs, "head.weight": torch.zeros(3)}, backbone, "a file")
    assert found.keys() == own_names.keys() and all(torch.equal(found[name], own_names[name]) for name in found)


def mmseg_names(own):
    """Written down from mmsegmentation's MixVisionTransformer."""
    found = {}
    for name, value in own.items():
        for old, new in (
            (r"^stages\.(\d)\.embed\.project\.", r"layers.\1.0.projection."),
            (r"^stages\.(\d)\.embed\.norm\.", r"layers.\1.0.norm."),
            (r"^stages\.(\d)\.blocks\.", r"layers.\1.1."),
            (r"^stages\.(\d)\.norm\.", r"layers.\1.2."),
            (r"attention\.out\.", "attn.attn.out_proj."),
            (r"attention\.reduce_norm\.", "attn.norm."),
            (r"attention\.reduce\.", "attn.sr."),
            (r"mlp\.expand\.", "ffn.layers.0."),
            (r"mlp\.depthwise\.", "ffn.layers.1."),
            (r"mlp\.project\.", "ffn.layers.4."),
        ):
            name = re.sub(old, new, name)
        is_convolution = re.search(r"ffn\.layers\.[04]\.weight", name)
        found[name] = value[..., None, None] if is_convolution else value
    for name in [name for name in found if ".attention.query." in name]:
        pair = [found.pop(name), found.pop(name.replace("query", "key_value"))]
        found[name.replace("attention.query.", "attn.attn.in_proj_")] = torch.cat(pair)
    return found


def test_files_of_mmsegmentation(own_names):
    theirs = mmseg_names(own_names)
    assert {"layers.0.1.0.attn.attn.in_proj_weight", "layers.3.2.bias", "layers.1.1.0.ffn.layers.4.weight"} <= {*theirs}
    backbone = BACKBONES.build({"type": "MixTransformer", "variant": "test"})
    found = by_our_names(theirs, backbone, "a file")
    assert found.keys() == own_names.keys() and all(torch.equal(found[name], own_names[name]) for name in found)


def test_files_of_timm_for_the_backbone_timm():
    """FeatureListNet flattens the names of some networks, and PlainMaps and a getter put "model." before them."""
    timm = pytest.importorskip("timm")
    for name in ("test_resnet", "test_convnext", "test_vit"):
        with torch.device("meta"):
            theirs = timm.create_model(name)
        weights = filled(theirs).state_dict()
        own = BACKBONES.build({"type": "Timm", "name": name})
        missing = own.load_state_dict(by_our_names(weights, own, "a file"), strict=False).missing_keys
        assert not missing
        size = (160, 160) if name == "test_vit" else (64, 96)
        images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
        expected = maps_of(partial(theirs.forward_intermediates, intermediates_only=True), images)
        truth = maps_of(theirs.forward_features, images)
        if name == "test_vit":
            truth = truth[:, theirs.num_prefix_tokens :].transpose(1, 2).unflatten(2, (10, 10))
            expected = [truth]
        guesses = maps_of(own.eval(), images)
        assert_same(guesses[-len(expected) :], expected[-len(guesses) :])


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("MobileNetV1", "mobilenet_v1.conv_stem.convolution.weight", "TensorFlow, whose padding .*mobilenetv1_100.ra4"),
        (
            "MobileNetV2",
            "mobilenet_v2.conv_stem.first_conv.convolution.weight",
            "TensorFlow, .*torchvision://mobilenet",
        ),
        ("ResNet", "layer1.0.se_module.fc1.weight", "legacy_seresnet, another network.*se_bias=True"),
    ],
)
def test_files_of_other_networks_are_refused(kind, name, message):
    backbone = BACKBONES.build({"type": kind, "variant": "test"})
    with pytest.raises(CheckpointError, match=f"^hf://x: the weights .*{message}"):
        by_our_names({name: torch.zeros(3)}, backbone, "hf://x")


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "Timm"])
def test_files_with_our_names_are_not_changed(name):
    backbone = BACKBONES.build({"type": name, "variant": "test"})
    weights = backbone.state_dict()
    assert list(by_our_names({**weights, "fc.weight": torch.zeros(1)}, backbone, "a file")) == list(weights)


def test_timms_mobilenet_v3_is_for_tensorflows_padding():
    with torch.device("meta"):
        backbone = BACKBONES.build({"type": "MobileNetV3", "variant": "small"})
    with pytest.raises(CheckpointError, match=r"a file: .* set model\.backbone\.same_padding=True"):
        by_our_names({"conv_stem.weight": torch.zeros(1)}, backbone, "a file")
