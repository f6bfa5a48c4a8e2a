"""The models that mmsegmentation has published: names, scores and addresses, in zoo.tsv.

`needs` of a row says why segbox cannot build the model; it is empty for those that it can.
tests/interop/mmseg/make_zoo.py writes the table.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from segbox.errors import CheckpointError, did_you_mean
from segbox.weights.sources.find import LOCATORS
from segbox.weights.sources.licences import NVIDIA
from segbox.weights.sources.location import Location

TABLE = Path(__file__).with_name("zoo.tsv")
GFLOPS = Path(__file__).with_name("gflops.tsv")  # of one image of 512 x 512; of those that segbox can build
SCHEME = "mmseg"
LICENCE = "Apache-2.0"  # of mmsegmentation, whose weights these are


@dataclass(frozen=True)
class Entry:
    """A published model. Scores are in percent; None: not stated."""

    name: str  # that of its config in mmsegmentation 1.x
    dataset: str
    mIoU: float | None
    mIoU_flip: float | None  # the mean over several scales and flips
    mDice: float | None
    parameters: int | None
    url: str
    config: str  # in mmsegmentation's folder configs
    needs: str

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def licence(self) -> str:
        """That of mmsegmentation; that of the weights from which the training began, if it is stricter."""
        return NVIDIA if "_mit-b" in self.name else LICENCE


@cache
def entries() -> Mapping[str, Entry]:
    """All published models, by name."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["name"]: entry_of(row) for row in rows}


def entry_of(row: Mapping[str, str]) -> Entry:
    scores = {name: float(row[name]) if row[name] else None for name in ("mIoU", "mIoU_flip", "mDice")}
    count = int(row["parameters"]) if row["parameters"] else None
    return Entry(
        row["name"],
        row["dataset"],
        **scores,
        parameters=count,
        url=row["url"],
        config=row["config"],
        needs=row["needs"],
    )


@cache
def gflops() -> Mapping[str, float]:
    """Billions of operations by name; a multiply-add is two. tests/interop/mmseg/make_gflops.py writes the table."""
    with GFLOPS.open(encoding="utf-8", newline="") as file:
        return {row["name"]: float(row["gflops"]) for row in csv.DictReader(file, delimiter="\t")}


@cache
def names() -> Mapping[str, Entry]:
    """The models by all their names: that of the config, the file's, and the file's without date and hash, which is the
    config's name in mmsegmentation 0.x."""
    found: dict[str, Entry] = {}
    for entry in entries().values():
        stem = entry.file.removesuffix(".pth")
        for name in (re.sub(r"[-_]\d{8}(_\d{6})?-[0-9a-f]{8}$", "", stem), stem):
            found.setdefault(name, entry)
    return {**found, **entries()}


def find_entry(name: str) -> Entry:
    """The published model of a name; CheckpointError if there is none, or if segbox lacks a part of it."""
    entry = names().get(name.removesuffix(".py").removesuffix(".pth"))
    if entry is None:
        raise CheckpointError(
            f"{SCHEME}://{name}: mmsegmentation has published no model of this name.{did_you_mean(name, names())}"
            " segbox list models names those that open"
        )
    if entry.needs:
        raise CheckpointError(f"{SCHEME}://{name}: cannot be built: {entry.needs}")
    return entry


def locate(entry: Entry) -> Location:
    """Where its file lies. The name ends with the first digits of its SHA-256."""
    digest = entry.file.removesuffix(".pth").rpartition("-")[2]
    return Location(entry.url, entry.file, digest, entry.licence)


LOCATORS[SCHEME] = lambda name: locate(find_entry(name))  # for `find_weights`
