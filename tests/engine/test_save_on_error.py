"""What a run loses when an error or a signal ends it: nothing that was whole."""

import json
import os
import signal
from functools import partial
from types import SimpleNamespace

import pytest

from segbox import distributed
from segbox.engine.checkpoint import newest_readable, read_run
from segbox.engine.hooks.hook import Hook
from segbox.engine.save_on_error import save_state
from segbox.engine.sharding import until_stopped
from segbox.engine.signals import Stopped
from segbox.errors import DataError, TrainingError
from tests.processes import CPU, fork, free_port, kill, together, wait
from tests.runs import differences, tiny_runner
from tests.tiny import others_are_slow

RARE = ["hooks.checkpoint.interval=100"]  # so that only the end of a run saves
PARTS = ["train.gradient_accumulation_steps=2", *RARE]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The last checkpoint of a run that nothing disturbs: six steps, scored after the third and the sixth."""
    folder = tmp_path_factory.mktemp("straight")
    tiny_runner(folder, RARE).train()
    return read_run(folder / "last.pt")


def goes_on(folder, straight, step, overrides=RARE):
    """From the newest checkpoint, which is of this step, to the same end; the steps that were evaluated, in order."""
    path, content, refused = newest_readable(folder)
    assert (path.name, content["step"], refused) == ("last.pt", step, [])
    runner = tiny_runner(folder, overrides)
    runner.resume(path, content)
    runner.train()
    found = read_run(folder / "last.pt")
    for part in ("step", "draws", "scored_step", "model", "ema", "optimizer", "hooks"):
        assert not differences(straight[part], found[part], part)
    assert read_run(folder / "best.pt")["step"] == straight["hooks"]["evaluate"]["highest_step"]
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["step"] for row in rows if "mIoU" in row]


class Breaks(Hook):
    """An error in one moment of a step."""

    def __init__(self, moment, step, error=None):
        self.step, self.error = step, error or DataError("a.png: is cut off")
        setattr(self, moment, self.act)

    def act(self, runner, *_):
        if runner.step == self.step:
            raise self.error


MOMENTS = ("before_step", "after_step", "save", "evaluate", "after_eval")


@pytest.mark.parametrize("moment", others_are_slow(MOMENTS, ("before_step", "save", "evaluate")))
def test_an_error_between_steps_costs_nothing_and_the_message_says_so(tmp_path, straight, moment):
    runner = tiny_runner(tmp_path, RARE)
    lines = []
    runner.log = lines.append
    runner.hooks = {"breaks": Breaks(moment, 3), **runner.hooks}
    with pytest.raises(DataError) as caught:
        runner.train()
    where = f"The state after step 3 is in {tmp_path}/last.pt; go on with --resume"
    assert str(caught.value) == f"a.png: is cut off\n{where}"
    assert lines[-1] == f"ended by DataError: a.png: is cut off\n{where}"
    assert goes_on(tmp_path, straight, 3)[-2:] == [3, 6]


@pytest.fixture(scope="module")
def straight_in_parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight_in_parts")
    tiny_runner(folder, PARTS).train()
    return read_run(folder / "last.pt")


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("a bug"),
        pytest.param(RuntimeError("of a device"), marks=pytest.mark.slow),
        pytest.param(OSError(5, "of a disk"), marks=pytest.mark.slow),
    ],
)
def test_an_error_within_a_step_leaves_the_state_before_it(tmp_path, straight_in_parts, error):
    """In its second part, when the first has moved the statistics of the norms. A bug keeps its own words."""
    runner = tiny_runner(tmp_path, PARTS)
    real, calls = runner.forward_losses, iter(range(100))

    def forward_losses(batch):
        losses = real(batch)
        if next(calls) == 9:
            raise error
        return losses

    runner.forward_losses = forward_losses
    with pytest.raises(type(error)) as caught:
        runner.train()
    assert caught.value is error and "step" not in str(error)
    goes_on(tmp_path, straight_in_parts, 4, PARTS)


def test_a_bad_file_of_the_data_costs_nothing(tmp_path, straight):
    runner = tiny_runner(tmp_path, RARE)
    real = runner.train_batches

    def batches(draw):
        for number, batch in enumerate(real(draw)):
            if number == 5:
                raise DataError("a.png: is cut off")
            yield batch

    runner.train_batches = batches
    with pytest.raises(DataError, match=r"is cut off\nThe state after step 5 is in .*last\.pt"):
        runner.train()
    assert goes_on(tmp_path, straight, 5) == [3, 6]


def test_the_middle_of_a_step_is_not_saved(tmp_path, monkeypatch):
    runner = tiny_runner(tmp_path, ["hooks.checkpoint.interval=2"])
    real, calls = runner.optimizer.step, iter(range(100))

    def step(*given):
        real(*given)
        if next(calls) == 3:
            raise TrainingError("half of it is done")

    monkeypatch.setattr(runner.optimizer, "step", step)
    with pytest.raises(TrainingError, match="The state within a step was not saved; go on from the newest checkpoint"):
        runner.train()
    assert read_run(tmp_path / "last.pt")["step"] == 2


def test_a_state_that_cannot_be_saved_hides_no_error(tmp_path, monkeypatch):
    runner = tiny_runner(tmp_path, RARE)
    runner.hooks = {**runner.hooks, "breaks": Breaks("after_step", 2, ZeroDivisionError("a bug"))}
    lines = []
    runner.log = lines.append
    monkeypatch.setattr("segbox.engine.runner.write_checkpoint", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        runner.train()
    assert "The state after step 2 could not be saved: division by zero" in lines[-1]


def test_the_first_step_has_no_state_to_save(tmp_path):
    runner = tiny_runner(tmp_path, RARE)
    runner.hooks = {**runner.hooks, "breaks": Breaks("before_step", 0)}
    with pytest.raises(DataError) as caught:
        runner.train()
    assert str(caught.value) == "a.png: is cut off" and not (tmp_path / "last.pt").exists()


def test_a_sharded_model_is_not_gathered_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("segbox.engine.save_on_error.is_sharded", lambda model: True)
    runner = SimpleNamespace(step=3, work_dir=tmp_path, is_saved=lambda: False, is_consistent=True, model=None)
    assert save_state(runner).startswith("The parts of a sharded model were not gathered; go on from the newest")


@pytest.mark.parametrize("rank", [0, 1])
def test_of_several_processes_the_first_saves_alone(tmp_path, rank):
    """The error meets one of them, and that one ends; the other has no more of it than a broken connection."""
    port = free_port()

    def work(own):
        os.environ |= {"RANK": str(own), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        distributed.MESSAGE_SECONDS = 0.1
        with distributed.process_group(CPU):
            runner = tiny_runner(tmp_path, RARE)
            runner.hooks = {**runner.hooks, "breaks": Breaks("after_step", 4) if own == rank else Hook()}
            runner.train()

    children = [fork(lambda own=own: work(own)) for own in (0, 1)]
    try:
        assert wait(children, 60) == [1, 1]
    finally:
        kill(children)
    content = read_run(tmp_path / "last.pt")
    assert (content["step"], content["scored_step"]) == (4, 3)


# --- evaluation -------------------------------------------------------------------------------------------------------


def test_a_step_is_saved_before_it_is_evaluated_and_again_with_what_was_learned(tmp_path):
    runner = tiny_runner(tmp_path, ["hooks.checkpoint.interval=3"])
    real, seen = runner.score, []

    def score(*given):
        content = read_run(tmp_path / "last.pt")
        seen.append((content["step"], content["scored_step"], content["hooks"]["evaluate"]["highest_step"]))
        return real(*given)

    runner.score = score
    runner.hooks = {**runner.hooks, "look": Hook()}
    runner.hooks["look"].before_step = lambda runner: runner.step == 3 and seen.append(read_run(tmp_path / "last.pt"))
    runner.train()
    before, between, after = seen
    assert before == (3, 0, 0) and after == (6, 3, 3)
    assert (between["step"], between["scored_step"], between["hooks"]["evaluate"]["highest_step"]) == (3, 3, 3)
    content = read_run(tmp_path / "last.pt")
    assert content["scored_step"] == 6 and content["hooks"]["evaluate"] == runner.hooks["evaluate"].state_dict()


def breaking(runner, score, step, *given):
    if runner.step == step:
        raise DataError("v.png: is cut off")
    return score(*given)


def test_a_bad_validation_file_costs_nothing_and_is_met_again_when_resumed(tmp_path, straight):
    for step in (3, 3, 6):
        runner = tiny_runner(tmp_path, RARE)
        if (tmp_path / "last.pt").exists():
            runner.resume(tmp_path / "last.pt")
        runner.score = partial(breaking, runner, runner.score, step)
        with pytest.raises(DataError, match=rf"v\.png: is cut off\nThe state after step {step} is in .*last\.pt"):
            runner.train()
        assert read_run(tmp_path / "last.pt")["step"] == step
    assert goes_on(tmp_path, straight, 6) == [3, 6]


def test_what_was_evaluated_is_not_evaluated_again(tmp_path, straight):
    runner = tiny_runner(tmp_path, RARE)
    runner.hooks = {**runner.hooks, "stop": Breaks("before_step", 3)}
    with pytest.raises(DataError):
        runner.train()
    assert goes_on(tmp_path, straight, 3) == [3, 6]
    assert goes_on(tmp_path, straight, 6) == [3, 6]


def test_a_checkpoint_of_an_older_version_was_evaluated(tmp_path):
    tiny_runner(tmp_path, RARE).train()
    content = read_run(tmp_path / "last.pt")
    del content["scored_step"]
    runner = tiny_runner(tmp_path, RARE)
    runner.resume(tmp_path / "last.pt", content)
    assert runner.scored_step == 6


def interrupted(folder, number, overrides, rank=0):
    """A signal to one process when it has scored its first image, at step 3: the signal of which all know, the step
    that was reached, and the number of passes in the evaluation."""
    runner = tiny_runner(folder, overrides)
    real, passes = runner.score, []

    def count(*_):
        passes.append(1)
        if len(passes) == 1 and distributed.rank() == rank:
            os.kill(os.getpid(), number)

    def score(model, is_stopped):
        handle = model.decode_head.register_forward_hook(count)
        try:
            return real(model, is_stopped)
        finally:
            handle.remove()

    runner.score = score
    request = runner.train()
    return request.signal, runner.step, len(passes)


MANY = [*RARE, "data.val_batch_size=1", "data.val.num_images=12"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The same run without a signal."""
    folder = tmp_path_factory.mktemp("many")
    tiny_runner(folder, MANY).train()
    return read_run(folder / "last.pt")


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGTERM, 0),
        (signal.SIGHUP, 1),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 0, marks=pytest.mark.slow),
    ],
)
def test_a_signal_is_answered_within_an_evaluation(tmp_path, many, number, workers):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        found = interrupted(tmp_path / "a", number, [*MANY, f"data.workers={workers}"])
    finally:
        signal.signal(number, before)
    assert found == (number, 3, 1)
    assert goes_on(tmp_path / "a", many, 3, MANY) == [3, 6]


@pytest.mark.parametrize(
    ("rank", "shard"),
    [
        (1, False),
        (0, True),
        pytest.param(0, False, marks=pytest.mark.slow),
        pytest.param(1, True, marks=pytest.mark.slow),
    ],
)
def test_all_processes_give_up_an_evaluation_together(tmp_path, rank, shard):
    """Whichever has the signal; of 19 images, the second process has one less."""
    if shard and "fully_shard" not in vars(pytest.importorskip("torch.distributed.fsdp")):
        pytest.skip("PyTorch 2.4 and 2.5 shard models on GPUs only")
    overrides = [*MANY, "data.val.num_images=19", f"train.shard={shard}"]
    found = together(2, lambda: interrupted(tmp_path, signal.SIGTERM, overrides, rank))
    assert [end[:2] for end in found] == [(signal.SIGTERM, 3)] * 2
    assert max(passes for *_, passes in found) <= 5
    content = read_run(tmp_path / "last.pt")
    assert (content["step"], content["scored_step"]) == (3, 0)


def test_processes_with_any_number_of_batches_vote_until_all_are_done():
    def work():
        own = range(distributed.rank() * 5)
        found = list(until_stopped(iter(own), lambda: False))
        with pytest.raises(Stopped):
            list(until_stopped(iter(own), lambda: distributed.rank() == 0))
        return found

    assert together(3, work) == [list(range(count)) for count in (0, 5, 10)]
    assert list(until_stopped(iter(range(9)), lambda: False)) == list(range(9))
