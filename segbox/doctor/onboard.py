"""From a bare folder to data sets: the layout, the classes that the masks hold, the channels of the images."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.folder import FolderDataset
from segbox.data.readers.format import KINDS
from segbox.data.readers.headers import read_header
from segbox.data.statistics import OnProgress
from segbox.doctor.examine import Scan, scan
from segbox.doctor.file_problems import is_jpeg
from segbox.doctor.layout import Arguments, Layout, find_class_names, recognise
from segbox.doctor.orientation_problems import fits_better_otherwise
from segbox.doctor.pairing_problems import duplicates_between
from segbox.doctor.problem import Problem
from segbox.doctor.report import Report, Steps, add_split

ANY_CLASSES = [f"id_{i}" for i in range(IGNORE_INDEX)]
RARE = 0.02
UNTURNED = "the masks lie on the stored pixels: exif=False reads the images without turning them by their EXIF tags"
USUAL: Arguments = {"channels": 3, "bits": 8, "exif": True}
LOOKED_AT = 16  # images whose headers are read to know the channels


@dataclass
class Folder:
    """A folder that was looked at: `splits` are arguments of FolderDataset, `remarks` say what was guessed."""

    layout: Layout
    classes: tuple[str, ...]
    label_map: dict[int, int]
    channels: int
    bits: int
    splits: dict[str, Arguments]
    report: Report
    remarks: list[str]


def check_folder(
    folder: str, classes: Sequence[str] | None = None, workers: int = 0, on_progress: OnProgress | None = None
) -> Report:
    """The report on a folder; what was guessed about its classes is a note."""
    found = look_at(folder, classes, workers, on_progress, may_unturn=False)
    told = f" with label_map={found.label_map}" if found.label_map else ""
    advice = f"segbox init writes a config that says so{told}; --classes names the classes."
    where = ", ".join(found.splits)
    found.report.problems += [Problem("guess", where, remark, advice, is_note=True) for remark in found.remarks]
    return found.report


def look_at(
    folder: str,
    classes: Sequence[str] | None = None,
    workers: int = 0,
    on_progress: OnProgress | None = None,
    may_unturn: bool = True,
) -> Folder:
    """Every file is read once; then the classes are chosen, and the files judged by them.

    With `may_unturn`, all are read again without their EXIF tags where only so images lie on their masks.
    """
    layout = recognise(folder)
    kind = _kind(layout)
    scans = _scan_all(layout, kind, workers, on_progress)
    if may_unturn and fits_better_otherwise(scans.values()):
        kind["exif"] = False
        scans = _scan_all(layout, kind, workers, on_progress)
    names, label_map, remarks = choose_classes(_ids_to_learn(scans), classes or find_class_names(layout.root))
    report = Report(f"{layout.root}: {layout.description}")
    splits = {}
    for name, found in scans.items():
        splits[name] = {**layout.splits[name], "classes": names}
        splits[name] |= {key: value for key, value in kind.items() if value != USUAL[key]}
        if label_map:
            splits[name]["label_map"] = label_map
        add_split(report, name, _as_seen(found, splits[name]))
    report.problems += duplicates_between(report.scans)
    if not kind["exif"]:
        remarks.append(UNTURNED)
    return Folder(layout, names, label_map, kind["channels"], kind["bits"], splits, report, remarks)


def _scan_all(layout: Layout, kind: Arguments, workers: int, on_progress: OnProgress | None) -> dict[str, Scan]:
    datasets = {name: _open({**arguments, "classes": ANY_CLASSES, **kind}) for name, arguments in layout.splits.items()}
    steps = Steps(sum(len(dataset) for dataset in datasets.values()), on_progress)
    scans = {}
    for name, dataset in datasets.items():
        scans[name] = scan(dataset, workers, steps)
        steps.add(len(dataset))
    return scans


def _open(arguments: Arguments) -> FolderDataset:
    """Whatever its files are like: their defects are findings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        label_map = {IGNORE_INDEX: IGNORE_INDEX, **arguments.get("label_map", {})}
        return FolderDataset(**{"bits": 8, **arguments, "label_map": label_map, "allow_missing": True})


def _as_seen(found: Scan, arguments: Arguments) -> Scan:
    """The same files, seen through the classes that were chosen."""
    dataset = _open(arguments)
    return replace(found, dataset=dataset, tables=[dataset.label_table] * len(found.pairs))


def _kind(layout: Layout) -> Arguments:
    """The usual channels and bits, unless all images say something else; transparency does not count."""
    dataset = _open({**next(iter(layout.splits.values())), "classes": ANY_CLASSES})
    places = np.linspace(0, len(dataset) - 1, min(LOOKED_AT, len(dataset))).astype(int)
    files = [dataset.files(int(index))[0] for index in places]
    headers = [header for header in map(read_header, files) if header is not None]
    channels, depths = {header.channels for header in headers}, {header.depth for header in headers}
    is_tiff = all(file.suffix.lower() in (".tif", ".tiff") for file in files)
    are_these = len(channels) == 1 and (channels == {1} or is_tiff)
    found = dict(USUAL)
    if are_these:
        found["channels"] = channels.pop()
    if len(depths) == 1 and depths <= set(KINDS):
        found["bits"] = depths.pop()
    return found


def _ids_to_learn(scans: Mapping[str, Scan]) -> set[int]:
    """All that occur, but for strays; none where masks are JPEG, which is full of ids that nobody drew."""
    pairs = [pair for found in scans.values() for pair in found.pairs if pair.mask.kind == "ids"]
    if any(is_jpeg(pair.label_path) for pair in pairs):
        return set()
    masks = Counter(number for pair in pairs for number in pair.mask.ids)
    return set(masks) - strays(masks, len(pairs))


def strays(masks: Mapping[int, int], count: int) -> set[int]:
    """Ids far above a row of others, each in hardly any of `count` masks: slips of the brush, not classes."""
    found = sorted(set(masks) - {IGNORE_INDEX})
    row = next((i for i, number in enumerate(found) if number != i), len(found))
    return {i for i in found[row:] if row > 1 and i >= 2 * row and masks[i] <= max(1, RARE * count)}


def choose_classes(ids: set[int], names: Sequence[str] | None) -> tuple[tuple[str, ...], dict[int, int], list[str]]:
    """The classes, the map from ids in the files to classes ({} where they are the same), and remarks on guesses."""
    found = sorted(ids - {IGNORE_INDEX})
    if names is not None:
        return tuple(names), *_map_to_names(ids, found, len(names))
    if ids == {0, IGNORE_INDEX}:
        remark = "the masks hold 0 and 255: 255 is taken for the second class, not for ignored"
        return ("background", "foreground"), {IGNORE_INDEX: 1}, [remark]
    if not found:
        return ("unknown",), {}, ["no mask holds ids that could be read, so the classes are not known"]
    if found == [0, 1]:
        return ("background", "foreground"), {}, ["two classes are named background and foreground: rename them"]
    label_map = {} if found == list(range(len(found))) else {old: new for new, old in enumerate(found)}
    remarks = ["the classes are named after their ids: rename them, or give --classes or a classes.txt"]
    if label_map:
        remarks.append(f"the ids are not 0 to {len(found) - 1} in a row: label_map makes them so")
    return tuple(f"id_{i}" for i in found), label_map, remarks


def _map_to_names(ids: set[int], found: list[int], count: int) -> tuple[dict[int, int], list[str]]:
    if not found or found[-1] < count:
        if ids == {0, IGNORE_INDEX} and count == 2:
            return {IGNORE_INDEX: 1}, ["the masks hold 0 and 255: 255 is taken for the second class, not for ignored"]
        return {}, []
    if found == list(range(1, count + 1)):
        label_map = {i: i - 1 for i in found}
        return label_map, ["the ids begin with 1: label_map makes them begin with 0"]
    if len(found) == count:
        return {old: new for new, old in enumerate(found)}, [f"the ids {found} get the {count} names in that order"]
    return {}, []
