"""EoMT: a head that runs the last blocks of its backbone."""

import copy
from functools import cache

import pytest
import torch

from segbox.errors import ConfigError
from segbox.export.write import FREE, for_any_size, traced
from segbox.models.backbones.timm_tokens import require_plain
from segbox.models.heads.eomt import EoMTHead
from segbox.models.segmentors import build_segmentor
from tests.models import naive_eomt
from tests.tiny import random_batch

timm = pytest.importorskip("timm")
VIT = dict(type="Timm", name="test_vit", model_arguments=dict(depth=3, img_size=48))
HEAD = dict(type="EoMTHead", num_queries=6, num_blocks=2)
AT_512 = dict(patch_size=16, img_size=512)


def build(backbone=VIT, head=HEAD, **more):
    torch.manual_seed(0)
    config = dict(type="EncoderDecoder", backbone=backbone, decode_head=head, **more)
    return build_segmentor(config, num_classes=4)


def random_model():
    return copy.deepcopy(built_once())


@cache
def built_once():
    """With weights that matter: at the start, norms change nothing and masks are near zero."""
    model = build().double()
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, 1.0 if name.endswith("norm.weight") else 0.0, 0.3)
    return model.requires_grad_(False)


def features_of(model, height=48, width=32):
    images = random_batch(2, height, width, 4)[0]
    return images, model.maps_and_features(images)[1]


@pytest.mark.parametrize("probability", [(0, 0), (1, 1), (0, 1)])
def test_predictions_are_those_of_the_second_writing(probability):
    model = random_model().train()
    model.decode_head.set_mask_probability(probability)
    images, features = features_of(model)
    layers = model.decode_head.layers(features)
    assert len(layers) == 3
    is_open = [[p == 0] * 6 for p in probability]
    for i, image in enumerate((images - model.mean) / model.std):
        for ours, (classes, masks) in zip(layers, naive_eomt.masks_and_classes(model, image, 2, is_open), strict=True):
            torch.testing.assert_close(ours.classes[i], classes)
            torch.testing.assert_close(ours.masks[i], masks)
    assert (layers[1].masks > 0).any() and (layers[1].masks < 0).any()  # or masks would change nothing


def test_masks_of_some_queries_are_opened():
    model = random_model().train()
    head = model.decode_head
    _, (tokens,) = features_of(model)
    tokens = tokens.with_queries(head.queries)
    masks = torch.full((2, 6, 12, 8), -1.0)  # nothing is seen
    shut = head.attention(masks, tokens, torch.tensor(1.0))
    assert shut[:, :, :6, :7].all() and shut[:, :, 6:].all() and not shut[:, :, :6, 7:].any()  # 6 queries, class token
    some = [head.attention(masks, tokens, torch.tensor(0.5))[:, 0, :6, -1] for _ in range(50)]
    assert 0.4 < torch.stack(some).float().mean() < 0.6 and not torch.equal(some[0], some[1])
    head.eval()
    own, again = (head.attention(masks, tokens, torch.tensor(0.5))[:, 0, :6, -1] for _ in range(2))
    assert own.float().mean() == 0.5 and torch.equal(own, again)


def test_only_a_model_in_the_middle_of_its_training_predicts_with_masks():
    model = random_model()
    head = model.decode_head
    _, features = features_of(model)
    calls = []
    head.upscale.register_forward_hook(lambda *_: calls.append(1))

    def predicted(mode, probability):
        model.train(mode)
        head.set_mask_probability([probability] * 2)
        calls.clear()
        return head(features).masks, len(calls)

    finished, count = predicted(False, 0)
    assert count == 1  # the others are not computed
    unfinished, count = predicted(False, 1)
    assert count == 3 and not torch.equal(finished, unfinished)
    assert torch.equal(unfinished, predicted(True, 1)[0])
    loaded = random_model().eval()
    loaded.load_state_dict(model.state_dict())  # of a checkpoint, which predicts as it was scored
    assert torch.equal(loaded.decode_head(features).masks, unfinished)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("vit_small_patch14_reg4_dinov2", dict(patch_size=16, img_size=32)),
        ("vit_small_patch16_dinov3", {}),
        ("vit_small_patch16_rope_mixed_224", {}),
        ("test_vit", dict(patch_size=14, img_size=28)),
    ],
)
@torch.no_grad()
def test_queries_change_nothing_that_does_not_look_at_them(name, arguments):
    """Any size of images. With queries that nobody sees, the patches are those of the backbone alone."""
    small = dict(embed_dim=32, depth=3, num_heads=2) if name != "test_vit" else dict(depth=3)
    backbone = dict(type="Timm", name=name, model_arguments=small | arguments)
    model = build(backbone).eval().double()
    images, features = features_of(model, 45, 67)
    masks = model.decode_head(features).masks
    stride = 7 if name == "test_vit" else 4
    assert masks.shape == (2, 6, -(-45 // stride), -(-67 // stride))
    tokens = features[0].with_queries(model.decode_head.queries)
    count = tokens.values.shape[1]
    blind = torch.ones(1, 1, count, count, dtype=torch.bool)
    blind[..., 6:, :6] = False
    model.backbone.gives_tokens = False
    expected = model.backbone((images - model.mean) / model.std)[0]
    torch.testing.assert_close(tokens.after(0, 1, blind).after(1, 3, blind).normed(6)[1], expected)


@torch.no_grad()
def test_it_exports_with_its_backbone_for_any_size():
    model = random_model().eval()
    sides = dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC)
    program = for_any_size(traced(model, torch.zeros(1, 3, *FREE).double(), sides)).module()
    for size in ((48, 32), (45, 67)):
        images = 255 * torch.rand(1, 3, *size).double()
        torch.testing.assert_close(program(images), model(images))


def test_masks_outlive_a_new_number_of_classes():
    model = random_model().requires_grad_(True).float()
    model.decode_head.set_mask_probability([0, 0.5])
    model.reset_classes(7)
    assert model.decode_head.masked == (False, True)
    assert model.eval()(features_of(model)[0]).shape[1] == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(backbone=dict(type="ResNet", variant="test")), "plain vision transformer itself, and ResNet has none"),
        (dict(neck=dict(type="ViTPyramid")), "model.neck: EoMTHead reads tokens"),
        (dict(auxiliary_head=dict(type="FCNHead")), "model.auxiliary_head: EoMTHead reads tokens"),
        (dict(freeze_stages=1), "model.freeze_stages: EoMTHead reads tokens"),
        (dict(backbone=VIT | dict(gives_tokens=True)), "gives_tokens"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build(**changes)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [("test_resnet", {}, "test_resnet is none; take one of"), ("test_vit", dict(patch_drop_rate=0.5), "patches out")],
)
def test_networks_that_are_no_plain_transformer_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        require_plain(timm.create_model(name, **arguments), name)


def test_more_blocks_with_queries_than_there_are_blocks():
    model = random_model()
    model.decode_head.num_blocks = 4
    with pytest.raises(ConfigError, match="num_blocks: 4, but the backbone has 3 blocks"):
        model.decode_head(features_of(model)[1])


@pytest.mark.parametrize(
    ("name", "arguments", "num_blocks", "expected"),
    [
        ("vit_small_patch16_dinov3", {}, 3, 23_315_863),
        ("vit_small_patch16_lingbot", {}, 3, 23_325_079),
        pytest.param("vit_small_plus_patch16_dinov3", {}, 3, 30_412_183, marks=pytest.mark.slow),
        pytest.param("vit_base_patch14_reg4_dinov2", AT_512, 3, 93_157_015, marks=pytest.mark.slow),
        pytest.param("vit_giant_patch14_reg4_dinov2", AT_512, 5, 1_162_609_815, marks=pytest.mark.slow),
    ],
)
def test_parameters_are_those_published(name, arguments, num_blocks, expected):
    """Of transformers' EoMT and of the original, for 150 classes; those of the recipes are in test_list.py."""
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0, **arguments)
        head = EoMTHead((network.embed_dim,), (16,), 150, num_blocks=num_blocks)
    assert sum(p.numel() for part in (network, head) for p in part.parameters()) == expected
