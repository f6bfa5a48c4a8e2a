"""Every head: all of its parameters learn, it depends on the maps that its paper uses, and its numbers are right."""

from functools import cache

import pytest
import torch
from torch import nn

from tests.models import goldens
from tests.models.fixed import fill, never_reached, normal
from tests.models.head_cases import CASES, SINGLE, TIGHT, build, dropouts, inputs, outputs, shapes, titles
from tests.models.naive_layers import Weights
from tests.models.naive_pointrend import SEED


@cache
def filled(title):
    return fill(build(title))


def losses(head, maps):
    """In evaluation, so that biases before norms count and nothing is dropped."""
    return sum(value for name, value in outputs(head, maps).items() if name)


@pytest.mark.parametrize("title", titles())
def test_every_parameter_has_a_gradient_that_is_not_zero(title):
    maps, case = inputs(title), CASES.get(title)
    gates, idle = (case.gates, set(case.idle)) if case else ((), set())
    first, then = (never_reached(lambda: build(title), lambda head: losses(head, maps), o) - idle for o in ((), gates))
    assert bool(first) == bool(gates), "what is held back at first"
    assert then == set()


@pytest.mark.parametrize("title", titles())
@torch.no_grad()
def test_the_logits_depend_on_the_maps_that_the_paper_uses(title):
    head, maps = filled(title), inputs(title)
    expected = head(maps)
    used = set()
    for i, stride in enumerate(shapes(title)[0]):
        other = maps[i] + normal("another", maps[i].shape)
        change = (head((*maps[:i], other, *maps[i + 1 :])) - expected).abs().max()
        if change > 1e-4 * expected.abs().max():
            used.add(stride)
        else:
            assert change == 0, f"the map of stride {stride} changes next to nothing"
    assert used == (CASES[title].uses if title in CASES else used)
    assert used


@pytest.mark.parametrize("title", list(CASES))
def test_a_pixel_sees_all_of_the_last_map_or_only_what_is_near(title):
    strides, channels = shapes(title)
    head = filled(title)
    length = 4 if CASES[title].sees_all else 44
    maps = [normal(f"strip {s}", (1, c, -(-40 // s), length * 32 // s)) for s, c in zip(strides, channels)]
    maps[-1].requires_grad_()
    logits = head(tuple(maps))
    end = logits[..., : logits.shape[-1] // length]  # above the first place of the last map
    seen = torch.autograd.grad((end * normal("end", end.shape)).sum(), maps[-1])[0]
    reach = seen[0].abs().amax(dim=(0, 1))  # of each column
    assert reach[:2].max() > 0
    assert (reach > 0).all() if CASES[title].sees_all else reach[-1] == 0


@pytest.mark.parametrize(("title", "name"), [(title, name) for title in titles() for name in dropouts(title)])
@torch.no_grad()
def test_each_dropout_drops_in_training_alone(title, name):
    head, maps = fill(build(title, **{name: 0.5})), inputs(title)
    expected = filled(title)(maps)
    assert torch.equal(head(maps), expected)
    for module in head.modules():  # norms stay in evaluation
        module.training = getattr(module, "p", None) == 0.5
    torch.manual_seed(0)
    assert not torch.allclose(head(maps), expected)


@pytest.mark.parametrize(
    ("title", "times"),
    [
        ("FCN8sHead", 2),  # behind fc6 and fc7
        ("RefineNetHead", 5),  # each of four levels, and before the classifier
    ],
)
@torch.no_grad()
def test_how_often_a_head_drops(title, times):
    head, calls = fill(build(title)), []
    dropout = next(module for module in head.modules() if isinstance(module, nn.Dropout | nn.Dropout2d))
    dropout.register_forward_hook(lambda *_: calls.append(1))
    head(inputs(title))
    assert len(calls) == times


@pytest.mark.parametrize(("title", "times"), [("BiSeNetHead", 3)])  # before the classifier of each loss
@torch.no_grad()
def test_how_often_a_head_drops_in_its_losses(title, times):
    head, calls = fill(build(title)), []
    dropout = next(module for module in head.modules() if isinstance(module, nn.Dropout2d))
    dropout.register_forward_hook(lambda *_: calls.append(1))
    outputs(head, inputs(title))
    assert len(calls) == times + 1  # `outputs` calls the head itself too


@pytest.mark.parametrize("title", list(CASES))
@torch.no_grad()
def test_a_second_implementation_agrees(title):
    case, head, maps = CASES[title], filled(title), inputs(title)
    state = {name: value.double() for name, value in head.state_dict().items()}
    truth = case.truth(Weights(state), maps)
    by_name = truth if isinstance(truth, dict) else {"": truth}
    found = {"": head(maps)}

    def keep(logits, labels):
        heard.append(logits)
        return {"kept": logits.sum()}

    heard = []
    torch.manual_seed(SEED)
    head.loss(maps, torch.zeros(1, 4, 4, dtype=torch.long), keep)
    without_own_loss = title.startswith(("UNetPlusPlus", "PointRend"))
    names = [name for name in by_name if name or not without_own_loss]
    found |= dict(zip(names, heard, strict=True))
    for name, expected in by_name.items():
        scale = expected.abs().max().item()
        torch.testing.assert_close(found[name], expected, rtol=0, atol=case.tolerance * scale)


@pytest.mark.parametrize("title", titles())
def test_the_numbers_are_golden(title):
    golden = goldens.stored()
    assert title in golden, "no golden numbers: see tests/models/head_cases.py"
    tolerance = CASES[title].tolerance if title in CASES else SINGLE
    assert goldens.of_head(title) == pytest.approx(golden[title], rel=tolerance, abs=tolerance)


def test_tolerances_are_tight_unless_a_part_is_in_32_bits():
    assert {case.tolerance for case in CASES.values()} == {TIGHT, SINGLE}
    assert sum(case.tolerance == SINGLE for case in CASES.values()) == 8
