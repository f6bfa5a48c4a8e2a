"""SIGKILL at random moments: of the run, of its start, and of the writing of a checkpoint."""

import io
import mmap
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from segbox import distributed
from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import newest_readable, read_run
from segbox.engine.hooks.hook import Hook
from segbox.engine.work_dir import find_resume, only_run_in
from tests.faults.report import Row, quiet
from tests.processes import CPU, fork, free_port, kill, wait
from tests.runs import differences, write_config

INTERVAL = 2
SHORT = [
    "train.max_steps=8",
    "hooks.evaluate=None",
    f"hooks.checkpoint.interval={INTERVAL}",
    "data.train.size=(24, 28)",
    "crop_size=(16, 24)",
]
VARIANTS = {
    "fp32": [],
    "bf16, accumulation": ["train.precision=bf16", "train.gradient_accumulation_steps=2", "train.clip_grad=1.0"],
    "data workers": ["data.workers=1"],
    "2 processes": ["train.sync_batch_norm=True"],
    "evaluation": ["hooks.evaluate=dict(type='Evaluate',interval=2)", "data.val.size=(24,28)"],
}
MOMENTS = ("write", "fsync", "replace", "link")


class Tell(Hook):
    """Where the run is, to the process that will kill it."""

    def __init__(self, shared: mmap.mmap) -> None:
        self.shared = shared

    def after_step(self, runner) -> None:
        if distributed.is_main():
            self.shared[0] = runner.step


def go_on(folder: Path, overrides: list[str], shared: mmap.mmap) -> None:
    """What `tools/train.py --resume` does."""
    quiet()
    with only_run_in(folder):
        runner = build_runner(load_config(folder / "tiny.py", [*SHORT, *overrides]), folder, CPU)
        found = find_resume(folder, "")
        if found is not None:
            runner.resume(*found)
        runner.hooks = {"tell": Tell(shared), **runner.hooks}
        runner.train()


def start(folder: Path, variant: str, shared: mmap.mmap, writing: tuple[str, int, float] | None = None) -> list[int]:
    """The run in processes of its own."""

    def work(rank: int) -> None:
        if writing is not None and rank == 0:
            die_while_writing(*writing)
        if variant != "2 processes":
            return go_on(folder, VARIANTS[variant], shared)
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        distributed.MESSAGE_SECONDS = 0.1
        with distributed.process_group(CPU):
            go_on(folder, VARIANTS[variant], shared)
        return None

    port = free_port()
    return [fork(lambda rank=rank: work(rank)) for rank in range(2 if variant == "2 processes" else 1)]


def die_while_writing(moment: str, number: int, share: float) -> None:
    """In this process: SIGKILL in the `number`th checkpoint, with a share of its bytes written, or at a system call."""
    count = iter(range(1, 10**6))
    owner, name = (torch, "save") if moment == "write" else (os, moment)
    real = getattr(owner, name)

    def deadly(*arguments, **settings):
        is_trial = moment == "write" and isinstance(arguments[1], io.BytesIO)  # whether it can be read back
        if is_trial or next(count) < number:
            return real(*arguments, **settings)
        if moment == "write":
            content = io.BytesIO()
            real(arguments[0], content)
            arguments[1].write(content.getvalue()[: int(share * content.tell())])
            arguments[1].flush()
        elif share > 0.5:
            real(*arguments, **settings)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(owner, name, deadly)


@contextmanager
def shared_step() -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, 1) as shared:
        yield shared


def kills(
    folder: Path, seed: int, count: int, variants: tuple[str, ...] = tuple(VARIANTS), of_a_run: int = 6
) -> list[Row]:
    """`count` kills, an equal part of them for each variant, half of them while a checkpoint is written."""
    rows = []
    for number, variant in enumerate(variants):
        anywhere = Row(f"SIGKILL at any moment, {variant}", "newest checkpoint whole, end equal to the last bit")
        writing = Row(f"SIGKILL while a checkpoint is written, {variant}", "the same")
        rows += [anywhere, writing]
        straight, seconds = run_straight(folder / f"straight{number}", variant)
        rng = random.Random(f"{seed} {variant}")
        runs = 0
        while anywhere.tried + writing.tried < count // len(variants):
            runs += 1
            own = folder / f"run{number}_{runs}"
            killed_run(own, variant, rng, seconds, anywhere, writing, of_a_run)
            problems = compare(straight, own / "last.pt")
            if straight.with_name("best.pt").exists():
                problems += compare(straight.with_name("best.pt"), own / "best.pt")
            if problems:
                writing.failures.append(f"seed {seed}, run {runs}: the end differs in {problems[:3]}")
            shutil.rmtree(own)
    return rows


def run_straight(folder: Path, variant: str) -> tuple[Path, float]:
    folder.mkdir(parents=True)
    write_config(folder)
    begin = time.monotonic()
    with shared_step() as shared:
        assert set(wait(start(folder, variant, shared), 120)) == {0}
    return folder / "last.pt", time.monotonic() - begin


def killed_run(
    folder: Path, variant: str, rng: random.Random, seconds: float, anywhere: Row, writing: Row, times: int
) -> None:
    """One run to its end, killed a few times on the way."""
    folder.mkdir()
    write_config(folder)
    for _ in range(times):
        with shared_step() as shared:
            is_writing = rng.random() < 0.5
            deadly = (rng.choice(MOMENTS), rng.randint(1, 3), rng.random()) if is_writing else None
            before = newest_readable(folder)[1].get("step", 0)
            children = start(folder, variant, shared, deadly)
            try:
                ends = wait(children[:1], 60 if is_writing else rng.uniform(0, seconds))
                if ends == [None]:
                    os.kill(rng.choice(children), signal.SIGKILL)
            finally:
                kill(children)
            reached = max(shared[0], before)
        if ends == [0]:
            return
        row = writing if is_writing else anywhere
        path, content, refused = newest_readable(folder)
        step = content.get("step", 0)
        problem = None
        if refused:
            problem = f"not whole: {refused}"
        elif not 0 <= reached - step <= INTERVAL or step < before:
            problem = f"at step {reached}, the newest checkpoint ({path}) was of step {step}, before it {before}"
        row.count(problem, reached - step)
    with shared_step() as shared:
        ends = wait(start(folder, variant, shared), 120)
        assert set(ends) == {0}, f"a run that was killed {folder} did not go on: {ends}"


def compare(a: Path, b: Path) -> list[str]:
    first, second = read_run(a), read_run(b)
    parts = ("step", "draws", "scored_step", "model", "ema", "optimizer", "hooks")
    return [d for part in parts for d in differences(first[part], second[part], part)]
