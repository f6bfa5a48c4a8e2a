"""Plan the conversion of a folder of colour masks into one of class ids; names, colours and lists go with it."""

from collections.abc import Iterator
from pathlib import Path

from segbox.convert.plan import Item, Plan, WorkerPool, folder_item
from segbox.convert.rgb import FOUND, MOST, plan_items, read_palette
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import known_name, read_lines
from segbox.doctor.beside import find_palette
from segbox.doctor.file_problems import is_jpeg
from segbox.doctor.inspect_folder import Folder, open_dataset
from segbox.doctor.layout import Arguments, name_in_list

TEST = "test"


def can_convert(folder: Folder) -> bool:
    """Whether every mask is in colours, and the colours are known: from a palette, or because they are few."""
    pairs = [pair for found in folder.report.scans.values() for pair in found.pairs]
    if not pairs or any(pair.mask.kind != "colours" or is_jpeg(pair.label_path) for pair in pairs):
        return False
    colours = {colour for pair in pairs for colour in pair.mask.colours}
    palette = find_palette(folder.layout.root)
    if palette is not None:
        return len(colours) <= max(MOST, len(read_palette([str(palette)])))
    return len(colours) <= MOST and any(len(set(colour)) > 1 for colour in colours)


def plan_conversion(folder: Folder, target: Path, pool: WorkerPool) -> Plan:
    """All masks of the folder, also those for testing, in the layout of `FolderDataset`."""
    items, names = [], {}
    for split, dataset, arguments in _parts(folder):
        for index, (image, _) in enumerate(dataset.pairs):
            name = Path(image).with_suffix("").as_posix()
            names[name_in_list(image, arguments)] = name
            items.append(_item(dataset, index, name, split))
    palette = find_palette(folder.layout.root)
    plan = plan_items(target, items, pool, palette and [str(palette)])
    plan.way_out = f"move {target} away, and start again"
    if palette is None:
        plan.notes = [f"{FOUND} the config, or in {folder.layout.root / 'palette.txt'} before the conversion"]
    for split, path in _lists(folder).items():
        listed = [known_name(line, names) for line in read_lines(path)]
        plan.texts[f"{split}.txt"] = [names[name] for name in listed if name in names]
    return plan


def _item(dataset: FolderDataset, index: int, name: str, split: str | None) -> Item:
    image, mask = dataset.files(index)
    return folder_item(mask, image, name, split)


def _parts(folder: Folder) -> Iterator[tuple[str | None, FolderDataset, Arguments]]:
    """The data sets that hold all files; with the split's name where each has folders of its own."""
    splits = folder.splits
    first = next(iter(splits.values()))
    if "all" in splits or "split_file" in first:
        whole = {key: value for key, value in first.items() if key != "split_file"}
        yield None, open_dataset(whole), whole
        return
    for split, arguments in splits.items():
        yield split, open_dataset(arguments), arguments
    tests = _test_arguments(folder)
    if tests is not None:
        yield TEST, open_dataset(tests), tests


def _test_arguments(folder: Folder) -> Arguments | None:
    """The folders for testing, named like those for training; None without them, or if they serve as val."""
    train, val = folder.splits["train"], folder.splits["val"]
    if "split" in train:
        tests = {**train, "split": TEST}
    else:
        name = Path(train["images"]).parts[0]
        tests = {**train, **{key: train[key].replace(name, TEST, 1) for key in ("images", "annotations")}}
    is_val = all(tests.get(key) == val.get(key) for key in ("split", "images", "annotations"))
    root, inside = folder.layout.root, tests.get("split", "")
    is_there = all((root / tests[key] / inside).is_dir() for key in ("images", "annotations"))
    return tests if is_there and not is_val else None


def _lists(folder: Folder) -> dict[str, Path]:
    """Split -> the file that lists its names; with the list for testing, unless it serves as val."""
    root = folder.layout.root
    found = {split: root / given["split_file"] for split, given in folder.splits.items() if "split_file" in given}
    if found:
        tests = found["train"].with_name(f"{TEST}.txt")
        if tests.is_file() and tests not in found.values():
            found[TEST] = tests
    return found
