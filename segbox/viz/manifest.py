"""What a shard of a prediction has made: JSON lines, a header and then one line for each image.

The header holds digests of the list of images, of the model and of the options: manifests of one folder agree in them,
so no two shards can divide different lists. A line is written when the image's files are there; a process that was
killed has perhaps begun one, which counts for nothing.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from segbox.errors import UserError
from segbox.evaluation.predictor import Predictor
from segbox.launch import Share
from segbox.outputs import write_errors_named
from segbox.weights.digest import digest_of_weights

JOINED = "manifest.jsonl"
SAME = {"list": "the list of images", "model": "the model", "options": "the options"}
Header = dict[str, Any]


def manifest_of(out: Path, share: Share) -> Path:
    return out / f"manifest_{share.number}_of_{share.count}.jsonl"


def header_of(shown: Sequence[str], predictor: Predictor, kinds: Sequence[str], share: Share) -> Header:
    """`shown` are the names of all images, of this shard or not."""
    config = predictor.opened.config
    options = {"save": sorted(kinds), "test": config.get("test"), "val": (config.get("data") or {}).get("val")}
    return {
        "list": digest_of_list(shown),
        "model": digest_of_weights(predictor.model),
        "options": digest([json.dumps(options, sort_keys=True, default=str).encode()]),
        "shard": share.number,
        "of": share.count,
        "images": len(shown),
        "save": sorted(kinds),
        "classes": list(predictor.classes),
    }


def digest_of_list(shown: Sequence[str]) -> str:
    return digest(f"{name}\0".encode(errors="surrogateescape") for name in shown)


def digest(parts: Iterable[bytes | memoryview]) -> str:
    known = hashlib.blake2b(digest_size=16)
    for part in parts:
        known.update(part)
    return known.hexdigest()


def manifests_in(out: Path, header: Mapping[str, Any]) -> list[Path]:
    """The manifests of a folder. UserError if one is of another list, model or options than the header says."""
    found = [path for path in sorted(out.glob("manifest*.jsonl")) if first_line(path)]
    for path in found:
        own = header_in(path)
        if other := [words for key, words in SAME.items() if own[key] != header.get(key, own[key])]:
            raise UserError(
                f"{path}: is of a prediction in which {' and '.join(other)} differed. All shards of a folder share the"
                " list, the model and the options: choose another --out, or delete the manifests to begin anew"
            )
    return found


def header_in(path: Path) -> Header:
    try:
        header = json.loads(first_line(path))
        if set(SAME) <= set(header):
            return header
    except (ValueError, TypeError):
        pass
    raise UserError(f"{path}: is no manifest of segbox predict; move it, or choose another --out")


def first_line(path: Path) -> bytes:
    """Empty if the line is not complete: a process was killed before it had made anything."""
    with path.open("rb") as file:
        line = file.readline()
    return line if line.endswith(b"\n") else b""


def records_in(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Where each complete line behind the header begins, and its content."""
    with path.open("rb") as file:
        place = len(file.readline())
        for number, line in enumerate(file, 2):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                is_sound = isinstance(record, dict) and isinstance(record.get("input"), str)
            except ValueError:
                is_sound = False
            if not is_sound:
                raise UserError(f"{path}, line {number}: is damaged; delete the line, and its image is made again")
            yield place, record
            place += len(line)


@contextmanager
def appending(path: Path, header: Header) -> Iterator[BinaryIO]:
    """A manifest to add lines to, each in one write; what a killed process left incomplete is cut off."""
    with write_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab", buffering=0)
    with file:
        with write_errors_named(path):
            os.truncate(path, complete_bytes(path))
        if not path.stat().st_size:
            append(file, path, header)
        yield file


def complete_bytes(path: Path) -> int:
    """The bytes up to the last end of a line."""
    with path.open("rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))


def append(file: BinaryIO, path: Path, record: Mapping[str, Any]) -> None:
    with write_errors_named(path):
        file.write(json.dumps(record).encode() + b"\n")
