"""Models of segmentation_models_pytorch, with random weights, beside that library's own logits."""

import json
import warnings

import pytest
import torch

from segbox.errors import CheckpointError, UserError
from segbox.interop.smp import REFUSED, convert_smp, read_smp
from segbox.interop.smp_encoders import VGGS
from tests.interop.parity import assert_equal_logits, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import segmentation_models_pytorch as smp

SMALL = (32, 32, 16, 16, 16)
CASES = {
    "Unet": dict(encoder_name="resnet18", decoder_channels=(64, 48, 32, 24, 16)),
    "Unet binary": dict(encoder_name="resnet18", classes=1, in_channels=4, decoder_channels=SMALL),
    "Unet scse": dict(encoder_name="resnet18", decoder_attention_type="scse", decoder_channels=SMALL),
    "Unet shallow": dict(encoder_name="resnet18", encoder_depth=3, decoder_channels=(64, 32, 16)),
    "Unet plain": dict(
        encoder_name="tu-test_resnet", decoder_use_norm=False, decoder_interpolation="bilinear", decoder_channels=SMALL
    ),
    "Unet vgg": dict(encoder_name="vgg16", decoder_channels=SMALL),
    "Unet mobilenet": dict(encoder_name="mobilenet_v2", decoder_channels=SMALL),
    "Unet mit": dict(encoder_name="mit_b0", decoder_channels=SMALL, decoder_attention_type="scse"),
    "Unet timm": dict(encoder_name="tu-test_convnext", decoder_channels=SMALL),
    "UnetPlusPlus": dict(encoder_name="tu-test_resnet", decoder_channels=(48, 32, 24, 16, 8)),
    "UnetPlusPlus scse": dict(
        encoder_name="tu-test_resnet", encoder_depth=4, decoder_channels=SMALL[1:], decoder_attention_type="scse"
    ),
    "Linknet": dict(encoder_name="tu-test_resnet"),
    "Linknet plain": dict(encoder_name="mobilenet_v2", decoder_use_norm=False),
    "FPN": dict(encoder_name="tu-test_resnet", decoder_pyramid_channels=64),
    "FPN mit": dict(encoder_name="mit_b0", decoder_pyramid_channels=64, decoder_segmentation_channels=32),
    "PSPNet": dict(encoder_name="resnet18"),
    "PSPNet deep": dict(encoder_name="resnet18", encoder_depth=5, upsampling=32, psp_out_channels=32),
    "DeepLabV3": dict(encoder_name="tu-test_resnet", encoder_output_stride=16, decoder_channels=32),
    "DeepLabV3 resnet": dict(encoder_name="resnet18", decoder_channels=16),
    "DeepLabV3Plus resnet": dict(encoder_name="resnet18", decoder_channels=16),
    "DeepLabV3Plus mobilenet": dict(encoder_name="mobilenet_v2", decoder_channels=16),
    "DeepLabV3 mobilenet": dict(encoder_name="mobilenet_v2", decoder_channels=16),
    "DeepLabV3Plus": dict(encoder_name="tu-test_resnet", decoder_channels=32),
    "DeepLabV3Plus plain": dict(
        encoder_name="tu-test_resnet", decoder_channels=32, decoder_aspp_separable=False, encoder_output_stride=8
    ),
}
ODD = {
    "Unet vgg": (32, 64),
    "Unet": (65, 83),
    "Unet mobilenet": (47, 66),
    "Unet mit": (49, 71),
    "PSPNet": (72, 104),
}
ELSEWHERE = ("Unet binary", "Unet shallow")  # tested below
WIDE = {"DeepLabV3": (64, 416), "DeepLabV3Plus": (64, 416), "DeepLabV3Plus plain": (64, 224)}  # to see the largest rate


class NoLayer(torch.nn.Identity):
    weight = bias = torch.zeros(1)


def build(title):
    arguments = dict(encoder_weights=None, classes=3) | CASES[title]
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        if "vgg" in title:  # its classifier of 120 million weights is made and thrown away
            patch.setattr(torch.nn, "Linear", NoLayer)
        return randomized(getattr(smp, title.split()[0])(**arguments))


def config_of(title, model):
    """As in the file: lists for tuples."""
    return json.loads(json.dumps({"_model_class": title.split()[0], **model.config}))


@pytest.mark.parametrize("title", [title for title in CASES if title not in ELSEWHERE])
def test_logits_are_those_of_smp(title):
    model = build(title)
    imported = convert_smp(config_of(title, model), model.state_dict(), title)
    size = (ODD | WIDE).get(title, (64, 96))
    assert_equal_logits(imported, model, size, imported.model["backbone"].get("in_channels", 3))
    assert imported.model.get("align_corners", False) == (title.split()[0] not in ("Unet", "UnetPlusPlus", "Linknet"))


def test_a_saved_folder(tmp_path):
    model = build("Unet binary")
    model.save_pretrained(tmp_path)
    imported = read_smp(str(tmp_path))
    ours = assert_equal_logits(imported, model, (33, 50), 4)
    assert imported.origin == "segmentation_models_pytorch's Unet on resnet18"
    assert imported.model["num_classes"] == 2 and imported.model["decode_head"]["out_channels"] == 1
    assert ours.mean.flatten().tolist() == [0.0] * 4 and ours.std.flatten().tolist() == [255.0] * 4
    assert "divided by 255 is assumed" in imported.notes[0] and "set model.mean" in imported.notes[0]
    assert read_smp(str(tmp_path / "model.safetensors")).model == imported.model


def test_a_state_dict_with_the_arguments_of_its_model(tmp_path):
    model, path = build("Unet shallow"), tmp_path / "epoch=3.ckpt"
    torch.save({"state_dict": {f"model.{name}": value for name, value in model.state_dict().items()}}, path)
    arguments = dict(_model_class="Unet", classes=3, **CASES["Unet shallow"])
    imported = read_smp(str(path), arguments)
    assert_equal_logits(imported, model, (40, 56))
    assert imported.model["mean"] == (123.675, 116.28, 103.53)
    with pytest.raises(CheckpointError, match=r"there is no config.json beside it"):
        read_smp(str(path))


def test_a_classification_head_and_an_activation_are_left_out():
    aux = dict(classes=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = randomized(smp.FPN(**CASES["FPN mit"], encoder_weights=None, classes=3, aux_params=aux))
    config = config_of("FPN", model) | dict(activation="sigmoid")
    imported = convert_smp(config, model.state_dict(), "x")
    assert_equal_logits(imported, lambda images: model(images)[0], (32, 64))
    notes = " ".join(imported.notes)
    assert "activation 'sigmoid' is left out" in notes and "overlap" in notes and "classification head" in notes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(_model_class="PAN"), "x: segbox has no counterpart of smp's PAN (its feature pyramid attention)"),
        (dict(_model_class="Unett"), "x: _model_class is 'Unett'. Did you mean \"Unet\"? segbox has Unet, UnetPlus"),
        (dict(), "x: _model_class is None. segbox has"),
        (dict(encoder_name="efficientnet-b0"), "x: segbox has no counterpart of smp's encoder 'efficientnet-b0'"),
        (dict(encoder_name="tu-test_vit"), "segbox has no counterpart of smp's encoder tu-test_vit"),
        (dict(encoder_name="tu-nosuchnet"), "timm has no maps of 'nosuchnet'"),
        (dict(encoder_name="vgg16", encoder_depth=4), "encoder_depth: 4 has no counterpart in segbox for vgg16"),
        (dict(encoder_depth=1), "encoder_depth 1 has no counterpart in segbox; it has 2 to 5"),
        (dict(_model_class="DeepLabV3", encoder_output_stride=4), "encoder_output_stride 4 is none of 8, 16"),
        (dict(decoder_use_norm="layernorm"), "Unet.decoder_use_norm: 'layernorm' has no counterpart"),
        (dict(decoder_use_batchnorm="inplace"), "Unet.decoder_use_batchnorm: 'inplace' has no counterpart"),
        (dict(decoder_attention_type="cbam"), "Unet.decoder_attention_type: 'cbam' has no counterpart"),
        (dict(decoder_interpolation="bicubic"), "Unet.decoder_interpolation: 'bicubic' has no counterpart"),
        (dict(decoder_channels=(16, 8)), "Unet.decoder_channels: (16, 8) for an encoder of depth 5"),
        (dict(decoder_new=3), "Unet: segbox has no counterpart of decoder_new"),
        (dict(_model_class="FPN", decoder_merge_policy="cat"), "FPN.decoder_merge_policy: 'cat' has no counterpart"),
        (dict(_model_class="FPN", encoder_depth=4), "FPN.encoder_depth: 4 has no counterpart"),
        (dict(_model_class="PSPNet", upsampling=4), "upsampling=4 makes maps of another size than the images'"),
        (dict(_model_class="Linknet", encoder_name="mit_b0"), "no counterpart of this decoder on mit_b0, which has no"),
        (
            dict(_model_class="DeepLabV3", encoder_name="resnext50_32x4d"),
            "encoder_output_stride: smp's way to dilate resnext50_32x4d has no counterpart in segbox",
        ),
        (dict(classes=4), "x: the weights are for 1 classes, its config says classes=4"),
        (dict(), "x: there is no tensor segmentation_head.0.bias"),
    ],
)
def test_messages(arguments, message):
    arguments = dict(encoder_name="resnet18") | arguments
    if "_model_class" not in arguments and not message.startswith("x: _model_class"):
        arguments["_model_class"] = "Unet"
    weights = {} if "no tensor" in message else {"segmentation_head.0.bias": torch.zeros(1)}
    with pytest.raises(UserError) as error:
        convert_smp(arguments, weights, "x")
    assert message in str(error.value)


def test_every_model_of_smp_is_converted_or_refused():
    from segbox.interop.smp_decoders import DECODERS

    assert {cls.__name__ for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()} == {*DECODERS, *REFUSED}


def test_an_unknown_tensor_is_refused():
    model = build("Unet shallow")
    weights = model.state_dict() | {"decoder.blocks.0.conv3.0.weight": torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"x: the tensor decoder.blocks.0.conv3.0.weight belongs to no part"):
        convert_smp(config_of("Unet", model), weights, "x")


def test_encoders_have_the_normalization_of_smp():
    from segmentation_models_pytorch.encoders.vgg import pretrained_settings

    from segbox.weights.mean_std import IMAGENET

    for name in VGGS:
        settings = pretrained_settings[name]["imagenet"]
        assert [255 * value for value in settings["mean"]] == pytest.approx(IMAGENET["mean"])
        assert [255 * value for value in settings["std"]] == pytest.approx(IMAGENET["std"])
