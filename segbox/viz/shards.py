"""Several processes predict one list of images: each its share, what is made already is passed over."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

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
from segbox.viz.sources import output_names, relative_paths


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
    names, shown = output_names(images), relative_paths(images)
    header = header_of([path.as_posix() for path in shown], predictor, kinds, share)
    files = [kind for kind in kinds if kind != "areas"]  # these are in the manifest
    made = made_before(out, header)
    own = range(share.number - 1, len(images), share.count)

    def is_made(i: int) -> bool:
        return shown[i].as_posix() in made and all(
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
    shown = [path.as_posix() for path in relative_paths(images)]
    found = [path for path in manifests_in(out, {"list": digest_of_list(shown)}) if path.name != JOINED]
    if not found:
        raise UserError(f"{out}: holds no manifests; --merge comes after the shards, with the same SOURCE and --out")
    header = header_in(found[0])
    count, header["shard"], header["of"] = header["of"], 1, 1
    manifests_in(out, header)
    targets = [out / JOINED, *([out / AREAS] if "areas" in header["save"] else [])]
    claim([(target, "--merge") for target in targets])
    merged = Merged()
    lines = best_lines(found)
    with ExitStack() as stack:
        joined = stack.enter_context(new_text_file(out / JOINED))
        tables = [stack.enter_context(area_table(path, "image", header["classes"])) for path in targets[1:]]
        add_line(joined, out / JOINED, json.dumps(header) + "\n")
        for i, name in enumerate(shown):
            line = lines.get(name, b"")
            record = json.loads(line or b"{}")
            if not line or not all((out / file).is_file() for file in record.get("output", {}).values()):
                merged.missing.append(f"{name} (shard {i % count + 1}/{count})")
                continue
            merged.add(record, tables)
            add_line(joined, out / JOINED, line.decode())
    return merged


def best_lines(manifests: Sequence[Path]) -> dict[str, bytes]:
    """The line of each image: the last one that says that it was made, or else the last error."""
    lines: dict[str, bytes] = {}
    made: set[str] = set()
    for path in manifests:
        for line, record in records_in(path):
            name = record["input"]
            if "error" not in record:
                made.add(name)
            elif name in made:
                continue
            lines[name] = line
    return lines


def add_line(file: TextIO, path: Path, line: str) -> None:
    with write_errors_named(path):
        file.write(line)
