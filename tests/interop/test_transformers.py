"""Models of transformers, with random weights, beside that library's own logits. One file: its import takes seconds."""

import json
import warnings

import pytest
import torch
from torch.nn.functional import interpolate

from segbox.errors import CheckpointError
from segbox.interop.transformers import convert_transformers, read_transformers
from tests.interop.parity import assert_equal_logits, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import (
        ConvNextConfig,
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SwinConfig,
        UperNetConfig,
        UperNetForSemanticSegmentation,
    )

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def segformer(**arguments):
    shape = dict(hidden_sizes=[8, 16, 40, 64], depths=[1, 1, 1, 2], decoder_hidden_size=16)
    return randomized(SegformerForSemanticSegmentation(SegformerConfig(**shape, num_labels=5, **arguments)))


def upernet(backbone, **arguments):
    """With the channels of the third map, which older versions of transformers must be told."""
    own = dict(hidden_size=16, auxiliary_channels=8, num_labels=5, auxiliary_in_channels=32) | arguments
    return randomized(UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone, **own)))


def swin(**arguments):
    shape = dict(embed_dim=8, depths=[1, 2, 1, 2], num_heads=[1, 2, 4, 8], window_size=7)
    return SwinConfig(**shape, out_features=STAGES, **arguments)


def convnext():
    return ConvNextConfig(hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1], out_features=STAGES)


MODELS = {
    "segformer": (lambda: segformer(), (65, 83)),
    "upernet swin": (lambda: upernet(swin()), (230, 291)),
    "upernet convnext": (lambda: upernet(convnext(), auxiliary_num_convs=2, pool_scales=[1, 2]), (96, 128)),
}


def logits_of(model):
    def logits(images):
        return interpolate(model(images).logits, images.shape[-2:], mode="bilinear", align_corners=False)

    return logits


@pytest.fixture(scope="module", params=list(MODELS))
def case(request, tmp_path_factory):
    """A model, the folder it was saved to, the size of images."""
    build, size = MODELS[request.param]
    model, folder = build(), tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder)
    return model, folder, size


def test_logits_of_a_saved_folder_are_those_of_transformers(case):
    model, folder, size = case
    imported = read_transformers(str(folder))
    ours = assert_equal_logits(imported, logits_of(model), size, batch=2)
    assert imported.classes is None  # LABEL_0 ... are no names
    if len(ours.auxiliary_heads):
        assert_auxiliary_equals(ours, model, size)


def test_names_of_the_modules_are_taken_too(case):
    model, folder, _ = case
    of_file = read_transformers(str(folder)).weights
    config = json.loads((folder / "config.json").read_text())
    of_modules = convert_transformers(config, model.state_dict(), "x").weights
    assert of_file.keys() == of_modules.keys()
    assert all(torch.equal(of_file[name], of_modules[name]) for name in of_file)


def assert_auxiliary_equals(ours, theirs, size):
    images = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    with torch.no_grad():
        found = ours.auxiliary_heads[0](ours.maps_and_features(images)[0])
        maps = theirs.backbone.forward_with_filtered_kwargs((images - ours.mean) / ours.std).feature_maps
        expected = theirs.auxiliary_head(maps)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def saved(model):
    return json.loads(model.config.to_json_string()) | {"architectures": [type(model).__name__]}


def tiny():
    model = segformer()
    return saved(model), model.state_dict()


def test_classes_are_those_of_id2label():
    config, weights = tiny()
    names = {"0": "road", "1": "wall", "2": "car", "3": "sky", "4": "tree"}
    assert convert_transformers(config | dict(id2label=names), weights, "x").classes == tuple(names.values())
    for labels in ({"0": "road"}, names | {"4": "sky"}, names | {"5": "more"}):  # incomplete, twice, too many
        assert convert_transformers(config | dict(id2label=labels), weights, "x").classes is None


@pytest.mark.parametrize(
    ("preprocessing", "mean", "std"),
    [
        (None, 123.675, 58.395),
        (dict(image_mean=[0.5] * 3, image_std=[0.25] * 3), 127.5, 63.75),
        (dict(image_mean=[0.5] * 3, image_std=[0.25] * 3, rescale_factor=1 / 100), 50, 25),
        (dict(image_mean=[100] * 3, image_std=[50] * 3, do_rescale=False), 100, 50),
        (dict(do_normalize=False), 0, 255),
    ],
)
def test_mean_and_std_are_those_of_the_processor(preprocessing, mean, std):
    imported = convert_transformers(*tiny(), "x", preprocessing)
    assert imported.model["mean"][0] == pytest.approx(mean) and imported.model["std"][0] == pytest.approx(std)
    assert ("no preprocessor_config.json" in " ".join(imported.notes)) == (preprocessing is None)


def test_the_processor_in_a_folder_is_read(tmp_path):
    model = segformer()
    model.save_pretrained(tmp_path)
    own = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, do_reduce_labels=True, do_resize=True)
    own["size"] = {"height": 512, "width": 768}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(own))
    imported = read_transformers(str(tmp_path))
    assert imported.model["std"] == (127.5,) * 3
    assert "reduce_labels" in imported.notes[0] and "to height 512 and width 768, segbox" in imported.notes[1]
    assert imported.origin == "transformers' SegformerForSemanticSegmentation"


def test_one_class_is_the_log_odds_of_two():
    config = SegformerConfig(hidden_sizes=[8, 16, 40, 64], depths=[1, 1, 1, 2], decoder_hidden_size=16, num_labels=1)
    model = randomized(SegformerForSemanticSegmentation(config))
    imported = convert_transformers(saved(model), model.state_dict(), "x")
    assert imported.model["num_classes"] == 2 and imported.classes is None
    assert_equal_logits(imported, logits_of(model), (32, 64))


UPERNET = dict(architectures=["UperNetForSemanticSegmentation"])
SWIN = dict(model_type="swin", out_features=STAGES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(architectures=["OneFormerForUniversalSegmentation"]),
            "no counterpart of transformers' OneFormerForUniversalSegmentation (its text",
        ),
        (
            dict(architectures=["BertModel"]),
            "no counterpart of transformers' BertModel; it has SegformerForSemanticSeg",
        ),
        (dict(architectures=None), "no counterpart of transformers' None"),
        (dict(sr_ratios=[4, 4, 2, 1]), "x: sr_ratios=(4, 4, 2, 1) has no counterpart in segbox; it has (8, 4, 2, 1)"),
        (dict(depths=[9, 1, 1, 2]), "segbox has no MixTransformer of hidden_sizes, depths ((8, 16, 40, 64), (9, 1, 1,"),
        (UPERNET, "no counterpart of UPerNet without a backbone_config"),
        (UPERNET | dict(backbone_config=dict(model_type="resnet")), "no counterpart of UPerNet on resnet; it has conv"),
        (
            UPERNET | dict(backbone_config=dict(model_type="swin", out_features=["stage4"])),
            "on the maps ('stage4',) has",
        ),
        (
            UPERNET | dict(backbone_config=SWIN | dict(embed_dim=5)),
            "segbox has no Swin of embed_dim, depths, num_heads (",
        ),
        (UPERNET | dict(backbone_config=SWIN | dict(qkv_bias=False)), "qkv_bias=False has no counterpart in segbox"),
        (UPERNET | dict(backbone_config=SWIN, auxiliary_concat_input=True), "auxiliary_concat_input=True has no"),
    ],
)
def test_messages(changes, message):
    config, weights = tiny()
    with pytest.raises(CheckpointError) as error:
        convert_transformers(config | changes, weights, "x")
    assert message in str(error.value)
