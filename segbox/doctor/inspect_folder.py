"""Find out how to read a folder of images and masks: its layout, classes, channels, bits and EXIF rotation."""

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
from segbox.doctor.beside import find_colours, names_of_palette
from segbox.doctor.check import ScanProgress, add_split
from segbox.doctor.file_problems import is_jpeg
from segbox.doctor.layout import Arguments, Layout, find_class_names, recognise_layout
from segbox.doctor.orientation_problems import only_fit_other_way
from segbox.doctor.pairing_problems import duplicates_between, too_few_to_split
from segbox.doctor.problem import Problem
from segbox.doctor.report import Report
from segbox.doctor.scan import Scan, scan

ANY_CLASSES = [f"id_{i}" for i in range(IGNORE_INDEX)]
RARE = 0.02  # fraction of the masks
EXIF_IGNORED = "the masks match the images as they are stored: exif=False reads them without EXIF rotation"
USUAL: Arguments = {"channels": 3, "bits": 8, "exif": True}
SAMPLED = 16  # images whose headers are read to find the channels and bits


@dataclass
class Folder:
    """The result of `inspect_folder`. `splits` are arguments of FolderDataset, `remarks` list what was assumed."""

    layout: Layout
    classes: tuple[str, ...]
    label_map: dict[int, int]
    channels: int
    bits: int
    splits: dict[str, Arguments]
    report: Report
    remarks: list[str]

    @property
    def exif(self) -> bool:
        """Whether files are read with their EXIF rotation."""
        return next(iter(self.splits.values())).get("exif", True)


def check_folder(
    folder: str, classes: Sequence[str] | None = None, workers: int = 0, on_progress: OnProgress | None = None
) -> Report:
    """The report on a folder. Assumptions about its classes become notes."""
    found = inspect_folder(folder, classes, workers, on_progress, may_ignore_exif=False)
    label_map = f" with label_map={found.label_map}" if found.label_map else ""
    advice = f"`segbox init` writes a config that says so{label_map}; --classes names the classes."
    names = ", ".join(found.splits)
    found.report.problems += [Problem("guess", names, remark, advice, is_note=True) for remark in found.remarks]
    return found.report


def inspect_folder(
    folder: str,
    classes: Sequence[str] | None = None,
    workers: int = 0,
    on_progress: OnProgress | None = None,
    may_ignore_exif: bool = True,
) -> Folder:
    """Read every file once, choose the classes, and check the files with them.

    With `may_ignore_exif`, all files are read again without EXIF rotation if images match their masks only then.
    """
    layout = recognise_layout(folder)
    kind = _kind(layout)
    scans = _scan_all(layout, kind, workers, on_progress)
    if may_ignore_exif and only_fit_other_way(scans.values()):
        kind["exif"] = False
        scans = _scan_all(layout, kind, workers, on_progress)
    names, label_map, remarks = choose_classes(
        _ids_to_learn(scans), classes or names_of_palette(layout.root) or find_class_names(layout.root)
    )
    palette = find_colours(layout.root, names)
    report = Report(f"{layout.root}: {layout.description}")
    splits = {}
    for name, found in scans.items():
        splits[name] = {**layout.splits[name], "classes": names}
        splits[name] |= {key: value for key, value in kind.items() if value != USUAL[key]}
        if label_map:
            splits[name]["label_map"] = label_map
        if palette is not None:
            splits[name]["palette"] = palette
        add_split(report, name, _with_classes(found, splits[name]))
    report.problems += [*duplicates_between(report.scans), *too_few_to_split(report.scans)]
    if not kind["exif"]:
        remarks.append(EXIF_IGNORED)
    return Folder(layout, names, label_map, kind["channels"], kind["bits"], splits, report, remarks)


def _scan_all(layout: Layout, kind: Arguments, workers: int, on_progress: OnProgress | None) -> dict[str, Scan]:
    datasets = {
        name: open_dataset({**arguments, "classes": ANY_CLASSES, **kind}) for name, arguments in layout.splits.items()
    }
    steps = ScanProgress(sum(len(dataset) for dataset in datasets.values()), on_progress)
    scans = {}
    for name, dataset in datasets.items():
        scans[name] = scan(dataset, workers, steps)
        steps.add(len(dataset))
    return scans


def open_dataset(arguments: Arguments) -> FolderDataset:
    """Build the data set without raising for problems of its files; the checks report these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        label_map = {IGNORE_INDEX: IGNORE_INDEX, **arguments.get("label_map", {})}
        return FolderDataset(**{"bits": 8, **arguments, "label_map": label_map, "allow_missing": True})


def _with_classes(found: Scan, arguments: Arguments) -> Scan:
    """The same scan with the classes that were chosen; no file is read again."""
    dataset = open_dataset(arguments)
    return replace(found, dataset=dataset, label_tables=[dataset.label_table] * len(found.pairs))


def _kind(layout: Layout) -> Arguments:
    """Channels and bits of the images: 3 and 8 unless all sampled images have others. Transparency does not count."""
    dataset = open_dataset({**next(iter(layout.splits.values())), "classes": ANY_CLASSES})
    indices = np.linspace(0, len(dataset) - 1, min(SAMPLED, len(dataset))).astype(int)
    files = [dataset.files(int(index))[0] for index in indices]
    headers = [header for header in map(read_header, files) if header is not None]
    channels, depths = {header.channels for header in headers}, {header.depth for header in headers}
    is_tiff = all(file.suffix.lower() in (".tif", ".tiff") for file in files)
    found = dict(USUAL)
    if len(channels) == 1 and (channels == {1} or is_tiff):
        found["channels"] = channels.pop()
    if len(depths) == 1 and depths <= set(KINDS):
        found["bits"] = depths.pop()
    return found


def _ids_to_learn(scans: Mapping[str, Scan]) -> set[int]:
    """All ids that occur, without stray ones; none if masks are JPEG, whose compression creates ids."""
    pairs = [pair for found in scans.values() for pair in found.pairs if pair.mask.kind == "ids"]
    if any(is_jpeg(pair.label_path) for pair in pairs):
        return set()
    masks = Counter(number for pair in pairs for number in pair.mask.ids)
    return set(masks) - stray_ids(masks, len(pairs))


def stray_ids(masks: Mapping[int, int], count: int) -> set[int]:
    """Ids far above the others (0, 1, 2, ...) and in hardly any of `count` masks: labelling mistakes, not classes."""
    found = sorted(set(masks) - {IGNORE_INDEX})
    row = next((i for i, number in enumerate(found) if number != i), len(found))
    return {i for i in found[row:] if row > 1 and i >= 2 * row and masks[i] <= max(1, RARE * count)}


def choose_classes(ids: set[int], names: Sequence[str] | None) -> tuple[tuple[str, ...], dict[int, int], list[str]]:
    """The classes, the map from ids in the files to classes ({} if they are equal), and remarks on what was assumed."""
    found = sorted(ids - {IGNORE_INDEX})
    if names is not None:
        return tuple(names), *_map_to_names(ids, found, len(names))
    if ids == {0, IGNORE_INDEX}:
        remark = "the masks hold 0 and 255; 255 is read as the second class, not as ignored"
        return ("background", "foreground"), {IGNORE_INDEX: 1}, [remark]
    if not found:
        return ("unknown",), {}, ["no mask holds readable ids, so the classes are unknown"]
    if found == [0, 1]:
        remark = "the two classes were named background and foreground: rename them if you like"
        return ("background", "foreground"), {}, [remark]
    label_map = {} if found == list(range(len(found))) else {old: new for new, old in enumerate(found)}
    remarks = ["the classes were named after their ids: rename them, or give --classes or a classes.txt"]
    if label_map:
        remarks.append(f"the ids are not 0 to {len(found) - 1}: label_map renumbers them")
    return tuple(f"id_{i}" for i in found), label_map, remarks


def _map_to_names(ids: set[int], found: list[int], count: int) -> tuple[dict[int, int], list[str]]:
    if not found or found[-1] < count:
        if ids == {0, IGNORE_INDEX} and count == 2:
            return {IGNORE_INDEX: 1}, ["the masks hold 0 and 255; 255 is read as the second class, not as ignored"]
        return {}, []
    if found == list(range(1, count + 1)):
        label_map = {i: i - 1 for i in found}
        return label_map, ["the ids start at 1: label_map makes them start at 0"]
    if len(found) == count:
        return {old: new for new, old in enumerate(found)}, [
            f"the ids {found} were given the {count} names in this order"
        ]
    return {}, []
