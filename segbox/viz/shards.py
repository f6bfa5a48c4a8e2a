"""Several processes predict one list of images: each its share, what is made already is passed over."""

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from segbox.convert.polygon_files import POLYGONS
from segbox.errors import UserError
from segbox.evaluation.predictor import Predictor
from segbox.launch import Share
from segbox.outputs import claim, new_text_file, plan, write_errors_named
from segbox.progress import ProgressBar
from segbox.viz.areas import AreaTable, area_table
from segbox.viz.manifest import (
    JOINED,
    Header,
    append,
    appending,
    digest_of_list,
    header_in,
    header_of,
    manifest_of,
    manifests_in,
    records_in,
)
from segbox.viz.predictions import AREAS, Picture, files_of, numbered, planned_files, predict_pictures
from segbox.viz.sources import output_names, shown_names

NOWHERE = -1  # the manifest of an image without a line
MOST_OPEN = 100  # manifests at a time: systems allow a few hundred files


def predict_share(
    predictor: Predictor,
    images: Sequence[Path],
    out: Path,
    kinds: Sequence[str],
    share: Share,
    say: Callable[[str], None],
    batch_size: int | None = 1,
) -> tuple[int, list[str]]:
    """Make what is missing of a share of all images, and `say` how much that is. Returns how many images that were, and
    the errors of single ones."""
    if whole := sorted(set(kinds) & set(POLYGONS)):
        raise UserError(f"--save {','.join(whole)} writes files of all images together, so it cannot be divided")
    names, shown = output_names(images), shown_names(images)
    header = header_of(shown, predictor, kinds, share)
    files = [kind for kind in kinds if kind != "areas"]  # these are in the manifest
    made = made_before(out, header)
    own = range(share.number - 1, len(images), share.count)

    def is_made(i: int) -> bool:
        return shown[i] in made and all(
            file.is_file() for file in files_of(out / names[i], files, predictor.classes).values()
        )

    missing = [i for i in own if not is_made(i)]
    say(f"{len(own)} of {len(images)} images, {len(own) - len(missing)} of them are made already")
    plan(planned_files(images, names, out, files, predictor.classes), {})  # two of one name, of whatever shards
    chosen = [[part[i] for i in missing] for part in (images, names, shown)]
    claim(planned_files(*chosen[:2], out, files, predictor.classes), images)
    path = manifest_of(out, share)
    failures, bar = [], ProgressBar(len(missing))
    with ExitStack() as stack:
        stack.callback(bar.clear)
        file = stack.enter_context(appending(path, header))
        pictures = predict_pictures(predictor, numbered(*chosen), out, files, batch_size)
        for done, picture in enumerate(stack.enter_context(closing(pictures)), 1):
            append(file, path, record_of(picture, out, files, predictor.classes))
            failures += [picture.error] if picture.error else []
            bar.show(done, picture.path.name)
    return len(missing), failures


def made_before(out: Path, header: Header) -> set[str]:
    """The images that were made, by the manifests of all shards: the division may have been another one."""
    found = manifests_in(out, header)
    return {record["input"] for path in found for _, record in records_in(path) if "error" not in record}


def record_of(picture: Picture, out: Path, kinds: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """The line of a manifest. `areas` are the pixels of the classes, in their order."""
    seconds = round(picture.seconds, 4)
    if picture.error:
        return {"input": picture.shown, "error": picture.error, "seconds": seconds}
    files = files_of(out / picture.name, kinds, classes)
    output = {kind: file.relative_to(out).as_posix() for kind, file in files.items()}
    return {"input": picture.shown, "output": output, "seconds": seconds, "areas": picture.areas}


@dataclass
class Merged:
    """What the manifests of a folder say of a list of images."""

    made: int = 0
    failed: list[str] = field(default_factory=list)  # messages
    missing: list[str] = field(default_factory=list)  # "NAME (shard I/N)"

    def add(self, record: Mapping[str, Any], tables: Sequence[AreaTable]) -> None:
        if "error" in record:
            self.failed.append(record["error"])
            return
        self.made += 1
        for table in tables:
            table.add_counts(record["input"], record["areas"])


def merge_manifests(out: Path, images: Sequence[Path]) -> Merged:
    """Write `manifest.jsonl`, and areas.csv if it was asked for, of the manifests of all shards."""
    shown = shown_names(images)
    found = [path for path in manifests_in(out, {"list": digest_of_list(shown)}) if path.name != JOINED]
    if not found:
        raise UserError(f"{out}: holds no manifests; --merge comes after the shards, with the same SOURCE and --out")
    header = header_in(found[0])
    count, header["shard"], header["of"] = header["of"], 1, 1
    manifests_in(out, header)
    targets = [out / JOINED, *([out / AREAS] if "areas" in header["save"] else [])]
    claim([(target, "--merge") for target in targets])
    merged = Merged()
    with ExitStack() as stack:
        joined = stack.enter_context(new_text_file(out / JOINED))
        tables = [stack.enter_context(area_table(path, "image", header["classes"])) for path in targets[1:]]
        add_line(joined, out / JOINED, json.dumps(header) + "\n")
        lines = stack.enter_context(closing(best_lines(found, shown)))
        for i, (name, line) in enumerate(zip(shown, lines)):
            record = json.loads(line or b"{}")
            if not line or not all((out / file).is_file() for file in record.get("output", {}).values()):
                merged.missing.append(f"{name} (shard {i % count + 1}/{count})")
                continue
            merged.add(record, tables)
            add_line(joined, out / JOINED, line.decode())
    return merged


def best_lines(manifests: Sequence[Path], shown: Sequence[str]) -> Iterator[bytes]:
    """The line of each image: the last one that says that it was made, or else the last error; empty if there is none.

    Lines are read where they lie: all of them together would take more memory than the names.
    """
    opened: dict[int, BinaryIO] = {}
    with ExitStack() as stack:
        for number, place in zip(*best_places(manifests, shown)):
            if number not in opened and number != NOWHERE:
                if len(opened) == MOST_OPEN:
                    stack.close()
                    opened.clear()
                opened[number] = stack.enter_context(manifests[number].open("rb"))
            yield line_at(opened[number], place) if number != NOWHERE else b""


def best_places(manifests: Sequence[Path], shown: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
    """For each image, the number of a manifest and the place of its best line there."""
    numbers = {name: i for i, name in enumerate(shown)}
    files, places, is_made = array("i", [NOWHERE]) * len(shown), array("q", [0]) * len(shown), bytearray(len(shown))
    for number, path in enumerate(manifests):
        for place, record in records_in(path):
            i, has_failed = numbers.get(record["input"]), "error" in record
            if i is not None and not (has_failed and is_made[i]):
                files[i], places[i], is_made[i] = number, place, not has_failed
    return files, places


def line_at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.readline()


def add_line(file: TextIO, path: Path, line: str) -> None:
    with write_errors_named(path):
        file.write(line)
