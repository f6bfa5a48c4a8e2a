"""What must not grow in runs of days: memory, open files, and the time that resuming takes."""

import os
import time
from pathlib import Path

import pytest

from segbox.engine.checkpoint import read_run, write_checkpoint
from segbox.engine.hooks.hook import Hook
from tests.faults.kills import SHORT
from tests.runs import tiny_runner


class Watch(Hook):
    """Memory in MB, and the number of open files, at some steps; seconds to the first step."""

    def __init__(self, *steps):
        self.steps, self.seen, self.first = steps, [], None

    def before_train(self, runner):
        self.begin = time.perf_counter()

    def after_step(self, runner):
        if self.first is None:
            self.first = time.perf_counter() - self.begin
        if runner.step in self.steps:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen.append((pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("workers", [0, 1])
def test_memory_and_open_files_do_not_grow(tmp_path, workers):
    often = ["hooks.checkpoint.interval=100", "hooks.log.interval=10"]
    overrides = [*SHORT, *often, "train.max_steps=2000", f"data.workers={workers}"]
    runner = tiny_runner(tmp_path, overrides)
    watch = Watch(400, 800, 1200, 1600, 2000)
    runner.hooks = {**runner.hooks, "watch": watch}
    runner.train()
    print(f"{workers} workers: MB and open files after 400, 800, ... 2000 steps: {watch.seen}")
    (memory, files), *_, (last_memory, last_files) = watch.seen
    assert last_files <= files and last_memory < memory + 8


def first_step_after(folder, step):
    """Seconds, the least of three."""
    found = []
    for i in range(3):
        runner = tiny_runner(folder / f"{step} {i}", [*SHORT, f"train.max_steps={step + 1}", "hooks.checkpoint=None"])
        content = read_run(folder / "a.pt")
        write_checkpoint({**content, "step": step, "draws": step * 4}, folder / "b.pt")
        begin = time.perf_counter()
        runner.resume(folder / "b.pt")
        watch = Watch()
        runner.hooks = {**runner.hooks, "watch": watch}
        runner.train()
        found.append(time.perf_counter() - begin)
    return min(found)


def test_resuming_takes_as_long_wherever_the_run_was(tmp_path):
    runner = tiny_runner(tmp_path, [*SHORT, "train.max_steps=1", "hooks.checkpoint=None"])
    runner.train()
    runner.save("a.pt")
    early, late = first_step_after(tmp_path, 10), first_step_after(tmp_path, 100_000)
    print(f"from the checkpoint to the end of the first step: {early:.3f} s at step 10, {late:.3f} s at step 100000")
    assert late < 3 * early + 0.1
