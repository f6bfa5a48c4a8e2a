"""The schedules that others define: PyTorch's, and the two warm-ups of EoMT."""

import pytest
import torch
from torch import nn

from segbox.engine.hooks.lr_schedule import Schedule
from segbox.errors import ConfigError
from segbox.registry import HOOKS

PARTS = (0.3, 2.0)  # base rates


def ours(config, steps):
    hook = HOOKS.build(config, "hooks.lr_schedule")
    return [[hook.rate_at(base, step, steps) for base in PARTS] for step in range(steps)]


def pytorch(schedule, steps, **arguments):
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": base} for base in PARTS])
    scheduler, found = schedule(optimizer, **arguments), []
    for _ in range(steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return found


def close(a, b):
    return torch.allclose(
        torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(("cycles", "growth", "first"), [(1, 1, 70), (7, 1, 10), (3, 2, 10)])
def test_restarts_are_those_of_pytorch(cycles, growth, first):
    found = ours({"type": "CosineRestartsLR", "cycles": cycles, "growth": growth, "min_lr": 0.01}, 70)
    expected = pytorch(torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, 70, T_0=first, T_mult=growth, eta_min=0.01)
    assert close(found, expected)
    assert [step for step in range(70) if found[step][0] == PARTS[0]] == [first * k for k in {
        (1, 1): [0], (7, 1): range(7), (3, 2): [0, 1, 3]}[cycles, growth]]  # fmt: skip


@pytest.mark.parametrize(("rise", "steps"), [(0.3, 100), (0.25, 37), (0.0, 20), (1.0, 20)])
def test_one_cycle_is_that_of_pytorch(rise, steps):
    found = ours({"type": "OneCycleLR", "rise": rise, "start_divisor": 10, "end_divisor": 100}, steps)
    arguments = dict(total_steps=steps, pct_start=rise, div_factor=10, final_div_factor=100, cycle_momentum=False)
    expected = pytorch(torch.optim.lr_scheduler.OneCycleLR, steps - 1, max_lr=list(PARTS), **arguments)
    assert close(found[:-1], expected)  # PyTorch refuses the scheduler's step after the last one
    assert rise == 1 or found[-1] == pytest.approx([base / 1000 for base in PARTS])


def eomt(base, step, steps, first, second, in_backbone):
    """The rates of the authors' code: the backbone waits for `first` steps, and warms up for `second`."""
    if not in_backbone:
        return base * step / first if step < first else base * (1 - (step - first) / (steps - first)) ** 0.9
    if step < first:
        return 0.0
    if step < first + second:
        return base * (step - first) / second
    return base * (1 - (step - first - second) / (steps - first - second)) ** 0.9


def test_the_backbone_waits_until_the_new_parts_are_warm():
    warm_ups = {"warmup_steps": 5, "warmup_ratio": 0.0, "backbone_warmup_steps": 10}
    hook = HOOKS.build({"type": "PolyLR", "power": 0.9, **warm_ups}, "hooks.lr_schedule")
    for step in range(40):
        for in_backbone in (True, False):
            expected = eomt(0.3, step, 40, 5, 10, in_backbone)
            assert hook.rate_at(0.3, step, 40, in_backbone) == pytest.approx(expected, rel=1e-12)
    cosine = HOOKS.build({"type": "CosineLR", **warm_ups}, "hooks.lr_schedule")
    assert [cosine.rate_at(1.0, step, 40, True) for step in (4, 5, 10, 15)] == [0, 0, 0.5, 1]


@pytest.mark.parametrize("name", [name for name in HOOKS if issubclass(HOOKS[name], Schedule)])
def test_all_schedules_are_functions_of_the_step(name):
    hook = HOOKS.build({"type": name}, "hooks.lr_schedule")
    forwards = [hook.rate_at(1.0, step, 50) for step in range(50)]
    backwards = [hook.rate_at(1.0, step, 50) for step in reversed(range(50))]
    assert forwards == backwards[::-1] and 0 <= min(forwards) < max(forwards) <= 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "CosineRestartsLR", "growth": 0}, "growth=0: expected a number above 0"),
        ({"type": "CosineRestartsLR", "cycles": 0}, "cycles: expected"),
        ({"type": "OneCycleLR", "start_divisor": 0.5}, "start_divisor=0.5, end_divisor=10000.0: expected numbers of 1"),
        ({"type": "OneCycleLR", "rise": 2.0}, "rise: expected"),
    ],
)
def test_mistakes(config, message):
    with pytest.raises(ConfigError, match=message):
        HOOKS.build(config, "hooks.lr_schedule")
