"""Every backbone and neck: all of its parameters learn, each map depends on what it should, its numbers are right."""

import pytest
import torch

from segbox.models.layers import ResidualBlock, initialize
from segbox.registry import BACKBONES
from tests.models import backbone_cases, goldens, neck_cases
from tests.models.fixed import fill, never_reached, normal, projections
from tests.models.naive_layers import Weights

RESIDUAL = [title for title in backbone_cases.CASES if title.split()[0] in ("ResNet", "MobileNetV2", "MobileNetV3")]


def loss_of(maps):
    """Of all maps or of some: generic, so that no gradient is zero by symmetry."""
    return sum(projections(x, 1)[0] for x in maps)


def loss_of_backbone(backbone):
    return loss_of(backbone(backbone_cases.images()))


@pytest.mark.parametrize("title", backbone_cases.titles())
def test_every_parameter_of_a_backbone_has_a_gradient_that_is_not_zero(title):
    assert never_reached(lambda: backbone_cases.build(title), loss_of_backbone, backbone_cases.gates(title)) == set()


@pytest.mark.parametrize("title", RESIDUAL)
def test_blocks_that_begin_as_the_identity_are_reached_once_their_last_norms_are_not_zero(title):
    def make():
        backbone = backbone_cases.build(title)
        initialize(backbone, zero_init_residual=True)
        return backbone

    names = {module: name for name, module in make().named_modules() if isinstance(module, ResidualBlock)}
    blocks = {name: block for block, name in names.items() if block.last_norm is not None}
    gates = [name for name, value in make().named_parameters() if name.endswith("weight") and not value.any()]
    ends = [
        f"{name}.{own}.weight"
        for name, block in blocks.items()
        for own, module in block.named_modules()
        if module is block.last_norm
    ]
    assert gates == ends
    held = never_reached(make, loss_of_backbone)
    assert held and all(name.startswith(tuple(f"{block}." for block in blocks)) for name in held)
    assert never_reached(make, loss_of_backbone, gates) == set()


@pytest.mark.parametrize("title", backbone_cases.titles())
def test_each_map_of_a_backbone_depends_on_all_channels_of_the_image(title):
    backbone = fill(backbone_cases.build(title))
    images = backbone_cases.images().requires_grad_()
    for x in backbone(images):
        gradient = torch.autograd.grad(loss_of([x]), images, retain_graph=True)[0]
        assert (gradient.abs().amax(dim=(0, 2, 3)) > 1e-9).all()


@pytest.mark.parametrize("title", list(backbone_cases.CASES))
@torch.no_grad()
def test_a_second_implementation_of_a_backbone_agrees(title):
    backbone = fill(backbone_cases.build(title))
    truth = backbone_cases.CASES[title].truth(Weights(backbone.state_dict()), backbone_cases.images())
    for x, expected in zip(backbone(backbone_cases.images()), truth, strict=True):
        torch.testing.assert_close(x, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("title", [title for title in backbone_cases.titles() if title not in backbone_cases.ELSEWHERE])
def test_the_numbers_of_a_backbone_are_golden(title):
    assert title in goldens.stored(), "no golden numbers: see tests/models/head_cases.py"
    assert goldens.of_backbone(title) == pytest.approx(goldens.stored()[title], rel=1e-9, abs=1e-9)


@torch.no_grad()
def test_blocks_are_left_out_in_training_alone():
    images = backbone_cases.images().expand(8, -1, -1, -1)
    for rate in (0.0, 0.5):
        backbone = fill(BACKBONES.build({"type": "MixTransformer", "variant": "test", "drop_path": rate}))
        expected = backbone(images)[-1]
        torch.manual_seed(0)
        assert torch.equal(backbone.train()(images)[-1], expected) == (rate == 0.0)


def test_backbones_that_are_compared_elsewhere_exist():
    assert set(BACKBONES) >= backbone_cases.ELSEWHERE


@pytest.mark.parametrize("title", neck_cases.titles())
def test_every_parameter_of_a_neck_has_a_gradient_that_is_not_zero(title):
    maps = neck_cases.inputs(title)
    assert never_reached(lambda: neck_cases.build(title), lambda neck: loss_of(neck(maps))) == set()


@pytest.mark.parametrize("title", list(neck_cases.CASES))
@torch.no_grad()
def test_each_map_of_a_neck_depends_on_those_that_its_paper_uses(title):
    neck, maps = fill(neck_cases.build(title)), neck_cases.inputs(title)
    expected = neck(maps)
    used = [[] for _ in expected]
    for i, x in enumerate(maps):
        changed = neck((*maps[:i], x + normal("another", x.shape), *maps[i + 1 :]))
        for own, before, after in zip(used, expected, changed, strict=True):
            if not torch.equal(before, after):
                assert (before - after).abs().max() > 1e-4 * before.abs().max()
                own.append(i)
    assert tuple(map(tuple, used)) == neck_cases.CASES[title].uses


@pytest.mark.parametrize("title", list(neck_cases.CASES))
@torch.no_grad()
def test_a_second_implementation_of_a_neck_agrees(title):
    neck, maps = fill(neck_cases.build(title)), neck_cases.inputs(title)
    truth = neck_cases.CASES[title].truth(Weights(neck.state_dict()), maps)
    for x, expected in zip(neck(maps), truth, strict=True):
        torch.testing.assert_close(x, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("title", neck_cases.titles())
def test_the_numbers_of_a_neck_are_golden(title):
    assert title in goldens.stored(), "no golden numbers: see tests/models/head_cases.py"
    assert goldens.of_neck(title) == pytest.approx(goldens.stored()[title], rel=1e-9, abs=1e-9)
