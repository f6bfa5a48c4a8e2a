"""Pictures and checkpoints with some bytes wrong: each is read, or refused by our own error; none crashes or hangs."""

import io
import os
import random
import signal
import struct
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

from segbox.data.readers.files import read_image, read_label
from segbox.data.readers.headers import read_header
from segbox.doctor.scan import examine_mask
from segbox.engine.checkpoint import read_run
from segbox.errors import UserError
from segbox.weights.loading import load_weights, read_weights
from tests.faults.report import Row
from tests.faulty_data import blocky_label, smooth_image, write_png
from tests.processes import fork, kill, wait

SECONDS = 60  # for one file; longer, and it hangs
BATCH = 100  # files that one process reads
NUMBERS = (0, 1, 255, 2**15, 2**16 - 1, 2**20, 2**31 - 1, 2**32 - 1)


def changed_bytes(folder: Path, seed: int, count: int) -> tuple[Row, Row]:
    return (
        try_all(folder, seed, count, "picture with some bytes wrong", pictures(folder), read_picture),
        try_all(folder, seed, count, "checkpoint with some bytes wrong", checkpoints(), read_checkpoint),
    )


def pictures(folder: Path) -> list[bytes]:
    image = smooth_image(24, 32)
    files = [cv2.imencode(suffix, image)[1].tobytes() for suffix in (".png", ".jpg", ".bmp", ".tif", ".webp")]
    deep = image.astype(np.uint16) * 200
    files += [cv2.imencode(suffix, deep)[1].tobytes() for suffix in (".png", ".tif")]
    files.append(cv2.imencodemulti(".tif", [image[:, :, 0]] * 5)[1].tobytes())
    write_png(folder / "palette.png", blocky_label(24, 32, 3), 4, [(0, 0, 0)] * 16)
    files.append((folder / "palette.png").read_bytes())
    for format, options in (("GIF", {}), ("TIFF", {"compression": "tiff_deflate"}), ("PNG", {"interlace": 1})):
        file = io.BytesIO()
        Image.fromarray(image).save(file, format, **options)
        files.append(file.getvalue())
    return files


def read_picture(path: Path) -> Iterator[Callable]:
    yield lambda: read_image(path)
    yield lambda: read_image(path, 5, 16)
    yield lambda: read_label(path)
    yield lambda: read_header(path)
    yield lambda: examine_mask(path)


def a_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def checkpoints() -> list[bytes]:
    weights = a_model().state_dict()
    run = {
        "step": 3,
        "model": weights,
        "optimizer": {"0.weight": {"momentum_buffer": torch.ones(4, 3, 3, 3)}},
        "hooks": {},
    }
    files = []
    for is_new in (True, False):
        file = io.BytesIO()
        torch.save({**run, "classes": ["a", "b"]}, file, _use_new_zipfile_serialization=is_new)
        files.append(file.getvalue())
    return files


def read_checkpoint(path: Path) -> Iterator[Callable]:
    yield lambda: read_run(path)
    yield lambda: load_weights(a_model(), read_weights(path), path, skip_unfitting=True)


def try_all(
    folder: Path, seed: int, count: int, name: str, files: list[bytes], read: Callable[[Path], Iterator[Callable]]
) -> Row:
    """Each in turn, in processes that may crash."""
    row = Row(name, "is read, or our own error")
    path, said = folder / "changed.png", folder / "said.txt"

    def work(numbers: range) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries think of the files
        with said.open("a", buffering=1) as out:
            for number in numbers:
                out.write(f"{number}\n")
                rng = random.Random(f"{seed} {name} {number}")
                path.write_bytes(changed(rng.choice(files), rng))
                for step in read(path):
                    problem = outcome(step)
                    if problem:
                        out.write(f"{number} {problem}\n")
                        break

    number = 0
    while number < count:
        said.write_text("")
        batch = range(number, min(count, number + BATCH))
        children = [fork(lambda batch=batch: work(batch))]
        try:
            (end,) = wait(children, SECONDS * len(batch))
        finally:
            kill(children)
        lines = [line.partition(" ") for line in said.read_text().splitlines()]
        failed = {int(n): problem for n, _, problem in lines if problem}
        last = int(lines[-1][0])
        if end != 0:
            failed[last] = f"ended the process with {end}"
        for tried in range(number, last + 1):
            row.count(f"seed {seed}, number {tried}: {failed[tried]}" if tried in failed else None)
        number = last + 1
    return row


def outcome(step: Callable) -> str | None:
    signal.alarm(SECONDS)  # which ends the process
    try:
        step()
    except UserError:
        return None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})".replace("\n", " ")
    finally:
        signal.alarm(0)
    return None


def changed(data: bytes, rng: random.Random) -> bytes:
    """A few changes, half of them in the first bytes, where the sizes are."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(changed) if rng.random() < 0.5 else min(len(changed), 120))
        kind = rng.choice(("byte", "number", "short", "cut", "noise", "copy"))
        if kind == "byte":
            changed[place] = rng.randrange(256)
        elif kind == "number":
            changed[place : place + 4] = struct.pack(rng.choice("<>") + "I", rng.choice((*NUMBERS, len(data), place)))
        elif kind == "short":
            changed[place : place + 2] = struct.pack(rng.choice("<>") + "H", rng.choice(NUMBERS[:5]))
        elif kind == "cut":
            del changed[place : place + rng.randrange(1, 20)]
        elif kind == "noise":
            changed[place:place] = rng.randbytes(rng.randrange(1, 20))
        else:
            other = rng.randrange(len(changed))
            changed[place : place + 8] = changed[other : other + 8]
        if len(changed) < 4:
            break
    return bytes(changed)
