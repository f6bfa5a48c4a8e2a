"""EarlyStopping: when it ends a run, in all processes at once, and what a resumed run remembers."""

import math

import pytest
import torch
from torch import nn

from segbox import distributed
from segbox.engine.hooks.early_stopping import EarlyStopping
from segbox.engine.hooks.evaluate import Evaluate
from segbox.engine.runner import Runner
from segbox.errors import CheckpointError, ConfigError
from segbox.registry import HOOKS
from tests.processes import CPU, together
from tests.runs import scored

SCORES = [10.0, 20.0, 20.4, math.nan, 20.5, 30.0, 30.0, 30.0]  # of steps 1, 2, 3, ...


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images, labels):
        return {"square": (self.weight * images.float() - labels).square().mean()}


def batches(draw):
    while True:
        yield {"images": torch.ones(2, 3, 4, 5), "labels": torch.zeros(2, 3, 4, 5), "paths": ["a.png", "b.png"]}


def run(folder, hook, resume=None, scores=SCORES, max_steps=8):
    """A run that is evaluated after each step, with these scores."""
    model, hooks = Line(), {"evaluate": Evaluate(1, best=None), "early_stopping": hook}
    runner = Runner(
        model, torch.optim.SGD(model.parameters(), lr=0.1), hooks, batches, [],
        lambda model, is_stopped: scored(mIoU=scores[runner.step - 1]), max_steps=max_steps,
        batch_size=2 * distributed.world_size(), epoch=4, work_dir=folder, device=CPU, classes=["a"], description={},
    )  # fmt: skip
    runner.lines = []
    runner.log = runner.lines.append
    if resume is not None:
        runner.resume(resume)
    assert not runner.train().is_made()
    return runner


def test_the_run_ends_after_so_many_evaluations_without_a_rise(tmp_path):
    runner = run(tmp_path, EarlyStopping(2))
    assert runner.step == 8 and runner.is_ended
    assert "early stopping at step 8: mIoU was at best 30.00, at step 6" in runner.lines[-1]
    runner = run(tmp_path, EarlyStopping(3, min_delta=1))
    assert runner.step == 5 and "at best 20.00, at step 2, and did not rise by more than 1 in 3" in runner.lines[-1]
    assert (
        run(tmp_path, EarlyStopping(1), scores=[math.nan])
        .lines[-1]
        .startswith("early stopping at step 1: mIoU was never a number")
    )
    assert not run(tmp_path, EarlyStopping(3)).is_ended


@pytest.mark.parametrize("half", [1, 3, 4])
def test_a_resumed_run_ends_at_the_same_step(tmp_path, half):
    whole = run(tmp_path, EarlyStopping(3, min_delta=1))
    path = run(tmp_path, EarlyStopping(3, min_delta=1), max_steps=half).save("half.pt")
    rest = run(tmp_path, EarlyStopping(3, min_delta=1), resume=path)
    assert rest.step == whole.step == 5
    assert rest.hooks["early_stopping"].state_dict() == whole.hooks["early_stopping"].state_dict()


def test_an_ended_run_ends_again_unless_its_patience_is_larger(tmp_path):
    path = run(tmp_path, EarlyStopping(3, min_delta=1)).save("last.pt")
    assert run(tmp_path, EarlyStopping(3, min_delta=1), resume=path).step == 5
    assert run(tmp_path, EarlyStopping(4, min_delta=1), resume=path).step == 8


def test_an_evaluation_that_is_repeated_counts_once(tmp_path):
    runner = run(tmp_path, EarlyStopping(3), max_steps=3)
    hook = runner.hooks["early_stopping"]
    before = hook.state_dict()
    hook.after_eval(runner, {"mIoU": 1.0})
    assert hook.state_dict() == before


def test_process_0_decides_and_all_end_at_the_same_step(tmp_path):
    def work():
        scores = [5.0, 4.0, 3.0, 2.0] if distributed.is_main() else [1.0, 2.0, 3.0, 4.0]
        return run(tmp_path, EarlyStopping(2), scores=scores, max_steps=4).step

    assert together(2, work) == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "patience=0: expected a number of evaluations, 1 or more"),
        ({"patience": 1, "min_delta": -1.0}, r"min_delta=-1\.0: expected a number of points"),
        ({"patience": 1, "min_delta": math.nan}, "expected a finite number, got nan"),
        ({"patience": 1, "metric": "ECE"}, "falls when a model improves"),
        ({}, "EarlyStopping needs the argument 'patience'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        HOOKS.build({"type": "EarlyStopping", **arguments}, "hooks.early_stopping")


def test_what_it_needs_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(ConfigError, match=r"hooks\.early_stopping\.metric: there is no score 'mIou'.*\"mIoU\""):
        run(tmp_path, EarlyStopping(1, metric="mIou"))
    runner = run(tmp_path, EarlyStopping(1), max_steps=1)
    del runner.hooks["evaluate"]
    with pytest.raises(ConfigError, match=r"nothing evaluates the model; add hooks\.evaluate"):
        runner.train()
    with pytest.raises(CheckpointError, match="its count of evaluations is"):
        EarlyStopping(1).load_state_dict({"highest": 3.0, "waited": "x"})
