"""Carry out a plan: in several processes, without half-written files; existing masks are kept."""

import json
import os
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np

from segbox.convert.draw import Size
from segbox.convert.plan import Item, Plan, WorkerPool
from segbox.data.class_names import checked_classes
from segbox.data.readers.files import read_image, read_label
from segbox.data.statistics import count_ids
from segbox.errors import DataError, UserError
from segbox.outputs import atomic_file, refuse_others, write_text

RECORD = ".conversion"  # in the target: what its masks were made with
SHOWN = 10  # problems
TURNED = " (an EXIF tag turns the image? --no-exif takes it as its pixels are stored)"


@dataclass
class Output:
    """Where files are written, and the counts of one item."""

    root: Path
    copy: bool = False
    overwrite: bool = False
    exif: bool = True  # images are turned by their EXIF tags before their sizes are compared
    written: int = 0
    skipped: int = 0
    left_out: int = 0
    problem: str = ""
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))

    def needs(self, place: str) -> bool:
        """Whether a mask must be made. A readable one is counted and kept."""
        if self.overwrite or not (self.root / place).exists():
            return True
        try:
            self.pixels += count_ids(read_label(self.root / place))
        except DataError:
            return True
        self.skipped += 1
        return False

    def write_mask(self, place: str, mask: np.ndarray) -> None:
        self.write_image(place, mask)
        self.pixels += count_ids(mask)
        self.written += 1

    def write_image(self, place: str, pixels: np.ndarray) -> None:
        """H W, or H W 3 in RGB."""
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
        with atomic_file(self.root / place) as part:
            part.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())

    def link(self, place: str, image: Path) -> None:
        """Copy the image with `copy`, else make a relative link to it; a copy where the disk has no links."""
        path = self.root / place
        is_other = path.is_file() and not path.is_symlink() and path.stat().st_size != image.stat().st_size
        if is_other and not self.overwrite:
            raise DataError(f"{path} exists already and is another image; move it, or --overwrite")
        if self.copy:
            if path.is_symlink() or not path.exists() or path.stat().st_size != image.stat().st_size:
                with atomic_file(path) as part:
                    shutil.copyfile(image, part)
        elif not (path.exists() and path.samefile(image)):
            with atomic_file(path) as part:
                try:
                    part.symlink_to(os.path.relpath(image.resolve(), path.parent.resolve()))
                except (OSError, ValueError):  # Windows without developer mode; from one of its drives to another
                    shutil.copyfile(image, part)


class _Bug(UserError):
    """An unexpected exception in a worker. As a UserError it is passed on without waiting for the other workers."""


@dataclass
class Summary:
    written: int
    skipped: int
    left_out: int
    pixels: np.ndarray  # of each id
    problems: list[str]


def run(plan: Plan, pool: WorkerPool, copy: bool = False, overwrite: bool = False, exif: bool = True) -> Summary:
    """Try every item; problems with some of them are in the summary."""
    _check_places(plan)
    if plan.classes:
        checked_classes(plan.classes, f"the classes for {plan.root}")
    texts = {plan.root / place: "\n".join(lines) + "\n" for place, lines in plan.texts.items()}
    if plan.classes:
        texts[plan.root / "classes.txt"] = "\n".join(plan.classes) + "\n"
    if not overwrite:
        _check_record(plan)
        refuse_others(path for path, text in texts.items() if os.path.lexists(path) and not _holds(path, text))
    record = json.dumps(_record(plan.root) | {plan.folder: plan.settings}, indent=1)
    with atomic_file(plan.root / RECORD) as part:
        part.write_text(f"{record}\n", encoding="utf-8")
    output = Output(plan.root, copy, overwrite, exif)
    function = partial(_convert, plan.convert or partial(convert_pair, plan.draw), output)
    try:
        done = pool.map(function, plan.items)
    except _Bug as bug:
        raise RuntimeError(str(bug)) from None
    problems = [output.problem for output in done if output.problem]
    if not problems:  # lists name only files that exist
        for path, text in texts.items():
            write_text(path, text)
    pixels = sum((output.pixels for output in done), np.zeros(256, np.int64))
    counts = [sum(getattr(output, name) for output in done) for name in ("written", "skipped", "left_out")]
    return Summary(*counts, pixels, problems)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _convert(convert: Callable, start: Output, item: Item) -> Output:
    output = Output(start.root, start.copy, start.overwrite, start.exif)
    try:
        convert(item, output)
    except DataError as error:
        message = str(error)
        output.problem = message if str(item.source) in message else f"{item.source}: {message}"
    except (UserError, OSError) as error:  # such as a full disk, which the next file would not fit on either
        raise UserError(f"{item.source}: {error}") from error
    except Exception:
        raise _Bug(f"while converting {item.source}:\n{traceback.format_exc()}") from None
    return output


def convert_pair(draw: Callable[[Item, Size], np.ndarray | None], item: Item, output: Output) -> None:
    """Make one mask, and link its image."""
    if item.mask and output.needs(item.mask):
        size = item.size
        if item.image is not None:
            size = read_image(item.image, exif=output.exif).shape[:2]
            check_size(item, "the image", size, "the annotation", item.size)
        mask = draw(item, size)
        if mask is None:
            output.left_out += 1
            return
        check_size(item, "the image", size, "the mask", mask.shape)
        output.write_mask(item.mask, mask)
    if item.link:
        output.link(item.link, item.image)


def check_size(item: Item, one: str, size: Size | None, other: str, other_size: Size | None) -> None:
    if None not in (size, other_size) and tuple(size) != tuple(other_size):
        raise DataError(
            f"{item.source}: {one} is {size[1]}x{size[0]}, {other} {other_size[1]}x{other_size[0]}"
            f"{_turned(size, other_size)}"
        )


def _turned(size: Size, other: Size) -> str:
    return TURNED if tuple(size) == tuple(other)[::-1] else ""


def _check_places(plan: Plan) -> None:
    if not plan.items:
        raise DataError(f"there is nothing to convert for {plan.root}")
    for name in ("mask", "link"):
        times = Counter(place for item in plan.items if (place := getattr(item, name)))
        twice = [place for place, count in times.items() if count > 1]
        if twice:
            sources = [str(item.source) for item in plan.items if getattr(item, name) == twice[0]]
            raise DataError(f"{len(twice)} files would be written twice: {twice[0]} from {' and from '.join(sources)}")
    _refuse_sources(plan)


def _refuse_sources(plan: Plan) -> None:
    """DataError if a file of the source would be overwritten. An image that lies where its link would be is kept."""
    folder_of = cache(os.path.realpath)

    def places(path: Path) -> list[str]:
        """The path itself, and the file that it links to."""
        return [os.path.join(folder_of(path.parent), path.name), os.path.realpath(path)]

    read = {place: path for item in plan.items for path in (item.source, item.image) if path for place in places(path)}
    for item in plan.items:
        stays = places(item.image) if item.link else []
        for name, harmless in ((item.mask, []), (item.link, stays)):
            place = places(plan.root / name)[0] if name else ""
            if place in read and place not in harmless:
                raise DataError(f"{read[place]} would be overwritten; give another target folder")


def _check_record(plan: Plan) -> None:
    settings = _record(plan.root).get(plan.folder)
    if settings is None:
        found = next((item.mask for item in plan.items if item.mask and (plan.root / item.mask).exists()), None)
        if found is not None:
            raise DataError(f"{plan.root / found} exists already and was not made by this tool; {plan.way_out}")
    elif settings != json.loads(json.dumps(plan.settings)):
        differing = sorted(k for k in {*settings, *plan.settings} if settings.get(k) != _plain(plan.settings.get(k)))
        shown = ", ".join(f"{k}: {settings.get(k)} there, {plan.settings.get(k)} now" for k in differing)
        raise DataError(
            f"the masks in {plan.root / plan.folder} were made with other settings ({shown}); {plan.way_out}"
        )


def _plain(value: object) -> object:
    return json.loads(json.dumps(value))


def _record(root: Path) -> dict:
    with suppress(FileNotFoundError, ValueError):
        record = json.loads((root / RECORD).read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    return {}


# --- the report at the end -------------------------------------------------------------------------------------------


def summary_text(plan: Plan, summary: Summary) -> str:
    counts = f"{summary.written} masks written, {summary.skipped} were there already"
    lines = [f"{plan.root / plan.folder}: {counts}"]
    if summary.left_out:
        lines[0] += f", {summary.left_out} images left out"
    total = max(1, int(summary.pixels.sum()))
    width = max([len("ignored"), *map(len, plan.classes)])
    for i in np.flatnonzero(summary.pixels):
        name = plan.classes[i] if i < len(plan.classes) else "ignored" if i == 255 else ""
        pixels = int(summary.pixels[i])
        lines.append(f"  {i:3} {name:{width}} {pixels:13} pixels {100 * pixels / total:6.2f} %")
    absent = [name for i, name in enumerate(plan.classes) if not summary.pixels[i]]
    if absent:
        lines.append(f"  never: {', '.join(absent)}")
    return "\n".join([*lines, *plan.notes])


def problems_text(problems: list[str], total: int) -> str:
    more = f"\n  ... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return (
        f"{len(problems)} of {total} files could not be converted (the others were; repair these and start again):\n  "
        + "\n  ".join(problems[:SHOWN])
        + more
    )
