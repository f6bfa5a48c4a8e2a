"""The names and colours of the classes of an mmsegmentation model."""

from collections.abc import Iterator, Mapping
from typing import Any

from segbox.registry import DATASETS

Names = tuple[str, ...]
Palette = tuple[tuple[int, int, int], ...]
# mmsegmentation's data sets -> ours, whose classes are the same up to spelling, and the shipped config of each
OURS: dict[str, tuple[str, str | None]] = {
    "ADE20KDataset": ("ADE20K", "ade20k"),
    "BDD100KDataset": ("Cityscapes", None),
    "COCOStuffDataset": ("COCOStuff", "coco_stuff"),
    "ChaseDB1Dataset": ("CHASE_DB1", "chase_db1"),
    "CityscapesDataset": ("Cityscapes", "cityscapes"),
    "DRIVEDataset": ("DRIVE", "drive"),
    "DarkZurichDataset": ("Cityscapes", None),
    "HRFDataset": ("HRF", "hrf"),
    "ISPRSDataset": ("Vaihingen", "vaihingen"),
    "LoveDADataset": ("LoveDA", "loveda"),
    "NightDrivingDataset": ("Cityscapes", None),
    "PascalContextDataset": ("PascalContext", "pascal_context"),
    "PascalContextDataset59": ("PascalContext", "pascal_context"),
    "PascalVOCDataset": ("PascalVOC", "voc"),
    "PotsdamDataset": ("Potsdam", "potsdam"),
    "STAREDataset": ("STARE", "stare"),
}
WITH_BACKGROUND = "PascalContextDataset"
DATA_SECTIONS = ("data", "test_dataloader", "val_dataloader", "train_dataloader")


def classes_and_palette(
    config: Mapping[str, Any], meta: Mapping[str, Any], num_classes: int
) -> tuple[Names | None, Palette | None]:
    """From the checkpoint's meta, else from the config; by our own spelling where the data set is one of ours. None
    where they are unknown."""
    names, palette = given(config, meta, num_classes)
    for kind in dataset_types(config):
        own = own_names(kind)
        if own is not None and len(own[0]) == num_classes and (names is None or plain(names) == plain(own[0])):
            return own
    return names, palette


def given(config: Mapping[str, Any], meta: Mapping[str, Any], num_classes: int) -> tuple[Names | None, Palette | None]:
    """What the checkpoint or the config's `metainfo` says."""
    sources = [meta.get("dataset_meta"), meta, *(one.get("metainfo") or one for one in data_sets(config))]
    for source in sources:
        if isinstance(source, Mapping):
            names = as_names(source.get("classes", source.get("CLASSES")), num_classes)
            if names is not None:
                return names, as_palette(source.get("palette", source.get("PALETTE")), num_classes)
    return None, None


def as_names(value: Any, count: int) -> Names | None:
    is_list = isinstance(value, list | tuple) and all(isinstance(name, str) and name.strip() for name in value)
    names = tuple(name.strip() for name in value) if is_list else ()
    return names if len(names) == count == len(set(names)) else None


def as_palette(value: Any, count: int) -> Palette | None:
    colours = value if isinstance(value, list | tuple) else ()
    is_palette = len(colours) == count and all(
        isinstance(colour, list | tuple)
        and len(colour) == 3
        and all(isinstance(part, int) and 0 <= part <= 255 for part in colour)
        for colour in colours
    )
    return tuple(tuple(map(int, colour)) for colour in colours) if is_palette else None


def own_names(kind: str) -> tuple[Names, Palette] | None:
    if kind not in OURS:
        return None
    spec = DATASETS[OURS[kind][0]].spec
    if kind == WITH_BACKGROUND:
        spec = spec.with_background()
    return spec.classes, tuple(tuple(map(int, colour)) for colour in spec.palette)


def plain(names: Names) -> list[str]:
    return [name.strip().lower().replace("_", " ") for name in names]


def shipped_dataset(config: Mapping[str, Any], classes: Names | None) -> str | None:
    """The config of ours for the data set that a model was tested on, if its classes are the model's."""
    for kind in dataset_types(config):
        own = own_names(kind)
        if own is not None and own[0] == classes:
            return OURS[kind][1]
    return None


def dataset_types(config: Mapping[str, Any]) -> list[str]:
    return [*dict.fromkeys(str(one["type"]).removeprefix("mmseg.") for one in data_sets(config) if "type" in one)]


def data_sets(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The dicts of all data sets in a config, that of the test first."""
    for name in DATA_SECTIONS:
        section = config.get(name)
        if isinstance(section, Mapping):
            parts = [section.get(part) for part in ("test", "val", "train", "dataset")]
            yield from (one for part in parts for one in inside(part))
    if isinstance(config.get("dataset_type"), str):
        yield {"type": config["dataset_type"]}


def inside(value: Any) -> Iterator[Mapping[str, Any]]:
    """A data set, or those in a wrapper such as RepeatDataset or ConcatDataset."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from inside(one)
    elif isinstance(value, Mapping):
        if "dataset" in value or "datasets" in value:
            yield from inside(value.get("dataset", value.get("datasets")))
        else:
            yield value
