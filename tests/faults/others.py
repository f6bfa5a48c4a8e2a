"""Faults other than SIGKILL: of disks, files, data, memory, clocks and signals. Each in a process of its own."""

import os
import random
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import newest_readable, read_run
from segbox.engine.hooks.hook import Hook
from segbox.engine.runner import Runner
from segbox.engine.work_dir import find_resume, only_run_in
from segbox.errors import DataError
from tests.faults.kills import INTERVAL, SHORT, compare
from tests.faults.report import Row, quiet
from tests.faulty_data import cut, smooth_image, write_pairs, write_png
from tests.processes import CPU, fork, kill, wait
from tests.runs import ROOT, write_config

Result = tuple[str | None, int | None]  # what went wrong, and how many steps were lost
SECONDS = 60


def others(folder: Path, seed: int, repeats: int) -> list[Row]:
    straight = folder / "straight"
    straight.mkdir()
    write_config(straight)
    assert train(straight)[0] == 0
    rows = []
    for name, (expected, work) in FAULTS.items():
        row = Row(name, expected)
        rows.append(row)
        for i in range(repeats):
            own = folder / f"{len(rows)}_{i}"
            own.mkdir()
            write_config(own)
            row.count(*work(own, random.Random(f"{seed} {name} {i}"), straight))
    return rows


# --- a run in a process of its own -----------------------------------------------------------------------------------


class At(Hook):
    def __init__(self, step: int, action: Callable[[Runner], Any]) -> None:
        self.step, self.action = step, action

    def after_step(self, runner: Runner) -> None:
        if runner.step == self.step:
            self.action(runner)


def train(folder: Path, *overrides: str, work_dir: Path | None = None, prepare: Callable | None = None, text: str = ""):
    """What the tool does, with `prepare(runner)` before the first step; its exit status and what it said."""
    if text:
        write_config(folder, text)
    said = folder / "said.txt"

    def work() -> None:
        keep_what_is_said(said)
        if prepare is None:
            return tool(folder, overrides, work_dir or folder)
        from segbox.ending import ends_with_a_message

        with ends_with_a_message():
            quiet()
            with only_run_in(work_dir or folder):
                config = load_config(folder / "tiny.py", [*SHORT, *overrides])
                runner = build_runner(config, work_dir or folder, CPU)
                found = find_resume(work_dir or folder, "")
                if found is not None:
                    runner.resume(*found)
                prepare(runner)
                runner.train()
        return None

    children = [fork(work)]
    try:
        (end,) = wait(children, SECONDS)
    finally:
        kill(children)
    return end, said.read_text(errors="replace") if said.exists() else ""


def keep_what_is_said(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = sys.stderr = os.fdopen(file, "w", buffering=1)


def tool(folder: Path, overrides: tuple[str, ...], work_dir: Path) -> None:
    options = ["--device", "cpu", "--work-dir", str(work_dir), "--resume", "--cfg-options", *SHORT, *overrides]
    sys.argv = ["tools/train.py", str(folder / "tiny.py"), *options]
    runpy.run_path(str(ROOT / "tools" / "train.py"), run_name="__main__")


def goes_on(folder: Path, straight: Path, reached: int, *overrides: str, work_dir: Path | None = None) -> Result:
    """Resumed, it ends as the run that met no fault; the steps that it had to do again."""
    _, content, refused = newest_readable(work_dir or folder)
    lost = reached - content.get("step", 0)
    if refused or lost > INTERVAL:
        return f"lost {lost} steps; skipped: {refused}", lost
    end, said = train(folder, *overrides, work_dir=work_dir)
    if end != 0:
        return f"did not go on: {said[-300:]}", lost
    problems = compare(straight / "last.pt", (work_dir or folder) / "last.pt")
    return (f"the end differs in {problems[:3]}" if problems else None), lost


def message_of(end: int | None, said: str, *parts: str) -> str | None:
    """A clear message is one line, or a few, without a stack trace."""
    if end != 2 or "Traceback" in said or not all(part in said for part in parts):
        return f"status {end}, wanted a message with {parts}: {said[-400:]}"
    return None


# --- disks and folders -----------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path | None]:
    """A file system of its own, where that is allowed (to root); else None."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def full_while_saving(folder: Path, rng: random.Random, straight: Path) -> Result:
    size = (straight / "last.pt").stat().st_size // 1024
    with small_disk(folder, int(size * rng.uniform(2.2, 2.8))) as disk:
        if disk is None:  # the same by a limit on the size of a file
            limit = rng.randint(1, size) * 1024

            def no_room(runner: Runner) -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

            end, said = train(folder, prepare=lambda runner: runner.hooks.update(full=At(3, no_room)))
            problem = message_of(end, said, "could not be written", "go on with --resume")
            return (problem, None) if problem else goes_on(folder, straight, 4)
        end, said = train(folder, work_dir=disk)
        problem = message_of(end, said, "could not be written: ", "go on with --resume")
        if problem:
            return problem, None
        step = newest_readable(disk)[1]["step"]
        for name in ("step_00000002.pt", "best.pt"):
            (disk / name).unlink(missing_ok=True)
        bigger = ["mount", "-o", f"remount,size={8 * size}k", str(disk)]
        subprocess.run(bigger, check=True)
        return goes_on(folder, straight, step + INTERVAL, work_dir=disk)


def full_while_logging(folder: Path, rng: random.Random, straight: Path) -> Result:
    size = (straight / "last.pt").stat().st_size // 1024
    step = rng.choice([3, 5])
    with small_disk(folder, 8 * size) as disk:
        if disk is None:  # the same by a limit on the size of a file

            def no_line(runner: Runner) -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                size = (folder / "log.jsonl").stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

            def limit(runner: Runner) -> None:
                runner.hooks = {"full": At(step, no_line), **runner.hooks}

            end, said = train(folder, "hooks.log.interval=1", prepare=limit)
            problem = message_of(end, said, "log.jsonl could not be written: ", "go on with --resume")
            return (problem, None) if problem else goes_on(folder, straight, step)

        def fill(runner: Runner) -> None:
            log = disk / "log.jsonl"  # its last page is filled too: the next line needs a new one
            with log.open("a") as file:
                file.write(" " * (-log.stat().st_size % 4096 - 1) + "\n")
            with (disk / "filler").open("wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096):
                        pass
                except OSError:
                    return

        def prepare(runner: Runner) -> None:
            runner.hooks = {"full": At(step, fill), **runner.hooks}

        end, said = train(folder, "hooks.log.interval=1", prepare=prepare, work_dir=disk)
        problem = message_of(end, said, "log.jsonl could not be written: ", "No space left", "go on with --resume")
        (disk / "filler").unlink()
        return (problem, None) if problem else goes_on(folder, straight, step, work_dir=disk)


def read_only_folder(folder: Path, rng: random.Random, straight: Path) -> Result:
    with small_disk(folder, 1000) as disk:
        if disk is None:
            disk = folder / "disk"
            disk.chmod(0o500)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        end, said = train(folder, work_dir=disk / rng.choice(["", "inside"]))
        return message_of(end, said, "--work-dir", "cannot be written to", "choose another"), None


def two_runs(folder: Path, rng: random.Random, straight: Path) -> Result:
    held = folder / "held"

    def hold() -> None:
        with only_run_in(folder):
            held.touch()
            time.sleep(SECONDS)

    child = fork(hold)
    until = time.monotonic() + 10
    while not held.exists() and time.monotonic() < until:
        time.sleep(0.01)
    try:
        end, said = train(folder)
        problem = message_of(end, said, f"another run is using {folder} (process {child} on ")
    finally:
        kill([child])
    return (problem, None) if problem else goes_on(folder, straight, 0)


def cut_checkpoint(folder: Path, rng: random.Random, straight: Path) -> Result:
    """The disk lost the end of the newest: the one before it is taken."""
    train(folder, "train.max_steps=6", "hooks.lr_schedule=None")
    assert train(folder, text="train = dict(max_steps=8)\n")[0] == 0
    for path in folder.glob("*.pt"):
        path.unlink()
    end, said = train(folder, prepare=lambda runner: runner.hooks.update(stop=At(6, lambda r: os._exit(9))))
    cut(folder / "last.pt", rng.uniform(0.01, 0.99))
    end, said = train(folder)
    if end != 0 or "skipped: " not in said or "resumed from" not in said:
        return f"status {end}: {said[-300:]}", None
    problems = compare(straight / "last.pt", folder / "last.pt")
    return (f"the end differs in {problems[:3]}" if problems else None), 2


def clock_goes_backwards(folder: Path, rng: random.Random, straight: Path) -> Result:
    reached = rng.randint(2, 7)

    def prepare(runner: Runner) -> None:
        now = time.time()
        ticks = iter(range(10**9))
        time.time = lambda: now - 3600.0 * next(ticks)
        runner.hooks = {**runner.hooks, "stop": At(reached, lambda runner: os.kill(os.getpid(), signal.SIGKILL))}

    train(folder, "hooks.log.interval=1", prepare=prepare)
    for i, path in enumerate(sorted(folder.glob("*.pt"))):  # and the newest seem the oldest
        os.utime(path, (10**9 - i * 1000, 10**9 - i * 1000))
    return goes_on(folder, straight, reached)


# --- signals and memory ----------------------------------------------------------------------------------------------


def signalled(number: signal.Signals) -> Callable[[Path, random.Random, Path], Result]:
    """To a run that has begun its steps: as Slurm sends it before preemption, or a terminal that is closed."""

    def work(folder: Path, rng: random.Random, straight: Path) -> Result:
        reached = rng.randint(1, 7)

        def run() -> None:
            signal.signal(number, signal.SIG_DFL)
            keep_what_is_said(folder / "said.txt")
            real = Runner.train

            def prepared(runner: Runner):
                stop = At(reached, lambda runner: os.kill(os.getpid(), number))
                runner.hooks = {**runner.hooks, "stop": stop}
                return real(runner)

            Runner.train = prepared
            tool(folder, (), folder)

        (end,) = wait([fork(run)], SECONDS)
        step = newest_readable(folder)[1].get("step", 0)
        if end != 128 + number or step != reached:
            return f"status {end}, step {step} of {reached}: {(folder / 'said.txt').read_text()[-300:]}", reached - step
        return goes_on(folder, straight, reached)

    return work


def broken_part(folder: Path, rng: random.Random, straight: Path) -> Result:
    """A hook of somebody's own; the state of that very step is there."""
    reached = rng.randint(1, 7)
    bug = At(reached, lambda runner: 1 / 0)
    end, said = train(folder, "data.workers=1", prepare=lambda runner: runner.hooks.update(bug=bug))
    step = newest_readable(folder)[1].get("step", 0)
    if end != 1 or "ZeroDivisionError" not in said or step != reached:
        return f"status {end}, step {step} of {reached}: {said[-300:]}", reached - step
    return goes_on(folder, straight, reached)


def bad_validation(folder: Path, rng: random.Random, straight: Path) -> Result:
    reached = rng.randint(1, 7)

    def spoil(runner: Runner) -> None:
        def score(model: torch.nn.Module, is_stopped: Callable[[], bool]) -> dict[str, float]:
            raise DataError("v.png: is cut off")

        runner.score = score

    evaluated = f"hooks.evaluate=dict(type='Evaluate',interval={reached})"
    end, said = train(folder, evaluated, prepare=spoil)
    step = newest_readable(folder)[1].get("step", 0)
    problem = message_of(end, said, "v.png: is cut off", f"The state after step {reached} is in ", "--resume")
    if problem or step != reached:
        return problem or f"step {step} of {reached}", reached - step
    return goes_on(folder, straight, reached)


def worker_killed(folder: Path, rng: random.Random, straight: Path) -> Result:
    reached = rng.randint(1, 5)

    def end_worker(runner: Runner) -> None:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        os.kill(int(rng.choice(children)), signal.SIGKILL)

    workers = f"data.workers={rng.randint(1, 2)}"
    end, said = train(folder, workers, prepare=lambda runner: runner.hooks.update(kill=At(reached, end_worker)))
    problem = message_of(end, said, "a data worker has ended (", "Go on with --resume")
    return (problem, None) if problem else goes_on(folder, straight, reached, workers)


def out_of_memory(folder: Path, rng: random.Random, straight: Path) -> Result:
    """An allocation that the machine refuses, in the middle of the forward pass."""
    reached = rng.randint(1, 7)

    def starve(runner: Runner) -> None:
        runner.model.backbone.register_forward_pre_hook(lambda module, inputs: torch.empty(2**50, dtype=torch.uint8))

    end, said = train(folder, prepare=lambda runner: runner.hooks.update(starve=At(reached, starve)))
    problem = message_of(
        end, said, "is out of memory with 4 image(s) of 16x24", "Try train.gradient_accumulation_steps=2", "a crop of"
    )
    return (problem, None) if problem else goes_on(folder, straight, reached)


# --- data ------------------------------------------------------------------------------------------------------------


def spoil_batch(step: int) -> Callable[[Runner], None]:
    def prepare(runner: Runner) -> None:
        real = runner.train_batches

        def spoiled(draw: int):
            for number, batch in enumerate(real(draw), draw // runner.batch_size):
                if number == step:
                    batch["images"] = batch["images"].float()
                    batch["images"][0, 0, 0, 0] = float("nan")
                yield batch

        runner.train_batches = spoiled

    return prepare


def nan_stops(folder: Path, rng: random.Random, straight: Path) -> Result:
    step = rng.randint(0, 7)
    end, said = train(folder, prepare=spoil_batch(step))
    path = folder / "before_nan.pt"
    problem = message_of(end, said, f"of step {step + 1} is not finite", "shape", str(path))
    if problem or read_run(path)["step"] != step:
        return problem or f"before_nan.pt is of step {read_run(path)['step']}", None
    return goes_on(folder, straight, step)


def nan_is_skipped(folder: Path, rng: random.Random, straight: Path) -> Result:
    step = rng.randint(0, 7)
    text = 'train = dict(max_steps=6, on_nan="skip")\n'
    end, said = train(folder, prepare=spoil_batch(step), text=text)
    content = newest_readable(folder)[1]
    if end != 0 or (content["step"], content["skipped"]) != (8, 1):
        return f"status {end}, {content.get('step')} steps, {content.get('skipped')} skipped: {said[-300:]}", None
    broken = [name for name, value in content["model"].items() if not torch.isfinite(value).all()]
    return (f"not finite: {broken}" if broken else None), 1


PAIRS = """
pipeline = [dict(type="RandomCrop", size="${{crop_size}}")]
train = dict(type="FolderDataset", root="{root}", split="train", pipeline="${{pipeline}}")
data = dict(batch_size=2, workers=0, train=train)
train = dict(max_steps=8)
"""


def with_pairs(spoil: Callable[[Path, Path], object], *messages: str) -> Callable[[Path, random.Random, Path], Result]:
    """Eight pairs, of which one is spoiled. It ends with these words and the file's name, or without any, it trains."""

    def work(folder: Path, rng: random.Random, straight: Path) -> Result:
        root = write_pairs(folder / "pairs", [f"image{i}" for i in range(8)])
        name = f"image{rng.randrange(8)}"
        image, mask = root / "images" / "train" / f"{name}.jpg", root / "annotations" / "train" / f"{name}.png"
        spoil(image, mask)
        text = PAIRS.format(root=root)
        path = folder / "pairs.py"
        write_config(folder)
        path.write_text((folder / "tiny.py").read_text().split("data = dict(")[0] + text + TAIL)
        said = folder / "said.txt"

        def run() -> None:
            keep_what_is_said(said)
            sys.argv = ["tools/train.py", str(path), "--device", "cpu", "--work-dir", str(folder / "out")]
            resource.setrlimit(resource.RLIMIT_AS, (20 * 2**30, resource.RLIM_INFINITY))
            runpy.run_path(str(ROOT / "tools" / "train.py"), run_name="__main__")

        children = [fork(run)]
        try:
            (end,) = wait(children, SECONDS)
        finally:
            kill(children)
        if messages:
            return message_of(end, said.read_text(), name, *messages), None
        step = newest_readable(folder / "out")[1].get("step")
        return (None if (end, step) == (0, 8) else f"status {end}: {said.read_text()[-300:]}"), None

    return work


TAIL = """
optimizer = dict(lr=0.02)
hooks = dict(lr_schedule=dict(warmup_steps=2), log=dict(interval=2), evaluate=None, checkpoint=dict(interval=2))
"""


def header_of_a_bomb(path: Path) -> None:
    """A PNG of a few bytes that says it is 60000 x 60000."""
    write_png(path, np.zeros((4, 4), np.uint8), 8, None)
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)


def scramble(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes(reversed(data[20:])))


def saved(path: Path, mode: str, **options: Any) -> None:
    """The image in another mode, under the same name."""
    format = options.pop("format", "PNG")
    Image.fromarray(smooth_image(24, 32)).convert(mode).save(path, format=format, **options)


def exif_rotated(path: Path) -> None:
    image = Image.fromarray(smooth_image(24, 32))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def animated(path: Path) -> None:
    frames = [Image.fromarray(smooth_image(24, 32, seed=i)) for i in range(3)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def sixteen_bits(path: Path) -> None:
    cv2.imwrite(str(path.with_suffix(".png")), smooth_image(24, 32).astype(np.uint16) * 257)
    path.with_suffix(".png").replace(path)


def mask_of(values: np.ndarray) -> Callable[[Path, Path], object]:
    return lambda image, mask: cv2.imwrite(str(mask), values)


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def rename_oddly(image: Path, mask: Path) -> None:
    for path in (image, mask):
        path.rename(path.with_stem("-a\nb \x1b[31m\udcff😀"))


# --- weights to begin with -------------------------------------------------------------------------------------------


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("/tmp/this_was_run",)


def with_weights(spoil: Callable[[Path, random.Random], object], *messages: str) -> Callable[..., Result]:
    """A run that is to begin from a checkpoint; it ends before its first step, with these words and the file's name."""

    def work(folder: Path, rng: random.Random, straight: Path) -> Result:
        path = folder / "given.pt"
        shutil.copyfile(straight / "last.pt", path)
        spoil(path, rng)
        end, said = train(folder, f"model.weights={path}")
        problem = message_of(end, said, str(path), *messages)
        return problem or ("it began to train" if "step 1/" in said else None), None

    return work


def change_numbers(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path, random.Random], None]:
    """Of one tensor."""

    def spoil(path: Path, rng: random.Random) -> None:
        content = read_run(path)
        weights = content["ema"]
        name = rng.choice([name for name, value in weights.items() if value.is_floating_point()])
        weights[name] = change(weights[name])
        torch.save(content, path)

    return spoil


def with_a_hole(value: torch.Tensor) -> torch.Tensor:
    value = value.clone()
    value.view(-1)[len(value.view(-1)) // 2] = torch.nan
    return value


def compress(path: Path, rng: random.Random) -> None:
    """Its first tensor made of a hundred megabytes of nothing."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(10**8) if name.endswith("data/0") else content)


NEW_IDS = np.full((24, 32), 77, np.uint8)
MESSAGE, TRAINS = "a message that names the file", "it trains on it"
FAULTS: dict[str, tuple[str, Callable[[Path, random.Random, Path], Result]]] = {
    "disk full while a checkpoint is written": ("message; goes on once there is room", full_while_saving),
    "disk full while logging": ("message; goes on once there is room", full_while_logging),
    "read-only work dir": ("message before the first step", read_only_folder),
    "two runs in one work dir": ("the second is refused with the first's number", two_runs),
    "newest checkpoint cut short": ("the one before is taken, and that is said", cut_checkpoint),
    "clock going backwards": ("nothing", clock_goes_backwards),
    "SIGTERM, as Slurm sends it": ("checkpoint, exit status 143, goes on", signalled(signal.SIGTERM)),
    "SIGHUP, as of a closed terminal": ("checkpoint, exit status 129, goes on", signalled(signal.SIGHUP)),
    "bug in a part of one's own": ("traceback, checkpoint, exit status 1, goes on", broken_part),
    "bad validation file": ("message, checkpoint; goes on once it is mended", bad_validation),
    "data worker killed": ("message; goes on", worker_killed),
    "out of memory": ("message with batch and crop to try; goes on", out_of_memory),
    'NaN in a batch, on_nan="stop"': ("message with files and the state before; goes on", nan_stops),
    'NaN in a batch, on_nan="skip"': ("the step is dropped and counted", nan_is_skipped),
    "weights: pickle that runs code": (
        MESSAGE,
        with_weights(lambda p, rng: torch.save(RunsCode(), p), "wants to run code"),
    ),
    "weights: compressed bomb": (MESSAGE, with_weights(compress, "a compressed archive")),
    "weights: bytes without end": (
        MESSAGE,
        with_weights(lambda p, rng: torch.save({"w": bytearray(3)}, p), "holds a bytearray"),
    ),
    "weights: cut short": (
        MESSAGE,
        with_weights(lambda p, rng: cut(p, rng.uniform(0.01, 0.99)), "truncated or damaged"),
    ),
    "weights: integers": (MESSAGE, with_weights(change_numbers(lambda w: w.int()), "holds int32, the model float32")),
    "weights: one NaN": (MESSAGE, with_weights(change_numbers(with_a_hole), "holds numbers that are NaN")),
    "image: corrupt": (MESSAGE, with_pairs(lambda image, mask: scramble(image), "is not an image")),
    "image: truncated": (MESSAGE, with_pairs(lambda image, mask: cut(image), "is cut off")),
    "image: zero bytes": (MESSAGE, with_pairs(lambda image, mask: image.write_bytes(b""), "is empty")),
    "image: decompression bomb": (
        MESSAGE,
        with_pairs(lambda image, mask: header_of_a_bomb(image), "says that it is 60000 pixels wide"),
    ),
    "image: CMYK": (TRAINS, with_pairs(lambda image, mask: saved(image, "CMYK", format="JPEG"))),
    "image: RGBA": (TRAINS, with_pairs(lambda image, mask: saved(image, "RGBA"))),
    "image: grey": (TRAINS, with_pairs(lambda image, mask: saved(image, "L", format="JPEG"))),
    "image: 16 bits": (TRAINS, with_pairs(lambda image, mask: sixteen_bits(image))),
    "image: palette": (TRAINS, with_pairs(lambda image, mask: saved(image, "P"))),
    "image: turned by EXIF": (MESSAGE, with_pairs(lambda image, mask: exif_rotated(image), "turned by its EXIF tag")),
    "image: pipe": (MESSAGE, with_pairs(lambda image, mask: as_pipe(image), "it is a pipe or a device")),
    "image: name of line breaks, escapes, bytes that are no letters": (TRAINS, with_pairs(rename_oddly)),
    "image: animated": (TRAINS, with_pairs(lambda image, mask: animated(image))),
    "mask: corrupt": (MESSAGE, with_pairs(lambda image, mask: scramble(mask), "")),
    "mask: truncated": (MESSAGE, with_pairs(lambda image, mask: cut(mask), "is cut off")),
    "mask: zero bytes": (MESSAGE, with_pairs(lambda image, mask: mask.write_bytes(b""), "is empty")),
    "mask: decompression bomb": (
        MESSAGE,
        with_pairs(lambda image, mask: header_of_a_bomb(mask), "says that it is 60000 pixels wide"),
    ),
    "mask: colours": (MESSAGE, with_pairs(mask_of(smooth_image(24, 32)), "is a colour image")),
    "mask: 16 bits": (MESSAGE, with_pairs(mask_of(np.full((24, 32), 7000, np.uint16)), "one byte per pixel")),
    "mask: palette": (TRAINS, with_pairs(lambda i, m: write_png(m, np.ones((24, 32), np.uint8), 4, [(0, 0, 0)] * 16))),
    "mask: other size": (MESSAGE, with_pairs(mask_of(np.zeros((9, 9), np.uint8)), "9")),
    "mask: new ids in the middle of training": (MESSAGE, with_pairs(mask_of(NEW_IDS), "77")),
}
