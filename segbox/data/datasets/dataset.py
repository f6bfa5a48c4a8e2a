"""The contract of a data set, and how its files become a sample."""

import random
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Dataset

from segbox import IGNORE_INDEX
from segbox.data.decoded import DecodedCache
from segbox.data.sample import Sample
from segbox.data.sampler import Draw
from segbox.data.transforms.pipeline import Pipeline
from segbox.errors import DataError

TURNED = " (is the image turned by its EXIF tag? `exif` in the data set says whether such tags count)"
TRIES = 20  # other images that are tried in place of an unreadable one

Colour = tuple[int, int, int]


class SegDataset(Dataset, ABC):
    """Images with one class id per pixel. A subclass defines `classes`, `palette`, `__len__` and `load`.

    `dataset[index, seed]` loads a sample, checks it and runs the pipeline on it. Seed None stands for evaluation:
    nothing is random, and a skipped file gives None. A constructor sets those attributes below that it takes as
    arguments.
    """

    classes: tuple[str, ...]
    palette: list[Colour]
    channels: int = 3
    bits: int = 8  # per channel: 8 are bytes; 16 and 32 (floats) keep the values of their files
    pipeline: Pipeline = Pipeline()
    transform_labels: bool = True  # False: geometry applies to the image only; the label keeps the size of its file
    fill: Sequence[float] | float = (
        0  # the colour outside of the image after a crop or a rotation; a run sets the model's mean
    )
    exif: bool = True  # images are turned as their EXIF orientation says; False: pixels stay as they are stored
    cache: DecodedCache | None = None  # of decoded files; a run sets it
    skip_unreadable: bool = False  # True: a file that cannot be read is replaced (training) or left out (evaluation)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def load(self, index: int) -> Sample:
        """Read the files. DataError names a file that cannot be read."""

    def load_late(self, index: int) -> Sample:
        """`load`, or a sample whose files are decoded when the pipeline knows which rows it shows.

        Of a label that is decoded so, unknown ids are an error once a crop shows them.
        """
        return self.load(index)

    def __getitem__(self, draw: Draw) -> Sample | None:
        index, seed = draw
        rng = random.Random(0 if seed is None else seed)
        sample = self._load_readable(index, None if seed is None else rng)
        if sample is None:
            return None
        check_label(sample, self.classes)
        sample = {**sample, "fill": self.fill}
        if self.transform_labels:
            done = self.pipeline(sample, rng)
            if "label_source" in sample and _has_unknown_ids(done["label"], self.classes):
                check_label(self.load(index), self.classes)
            return done
        label = sample["label"]
        image_only = {key: value for key, value in sample.items() if key != "label"}
        return {**self.pipeline(image_only, rng), "label": label}

    def _load_readable(self, index: int, rng: random.Random | None) -> Sample | None:
        if not self.skip_unreadable:
            is_late = rng is not None and self.transform_labels and self.pipeline.placing
            return self.load_late(index) if is_late and _loads_as_its_class(self) else self.load(index)
        errors: list[DataError] = []
        for candidate in self._candidates(index, rng):
            try:
                sample = self.load(candidate)
            except DataError as error:
                errors.append(error)
                continue
            _warn(errors, "replaced by another image")
            return sample
        if rng is None:
            _warn(errors, "left out of the evaluation")
            return None
        all_of = f"none of the {len(self)} images of the data set" if len(errors) == len(self) else None
        what = f"{all_of} can" if all_of else f"{len(errors)} images, drawn one after the other, cannot"
        raise DataError(
            f"{what} be read, so skip_unreadable=True has nothing left to train on (segbox check says what is"
            f" wrong with each); the last: {errors[-1]}"
        )

    def _candidates(self, index: int, rng: random.Random | None) -> Iterator[int]:
        """The image, and in training others that may replace it, each once."""
        yield index
        if rng is not None:
            others = rng.sample(range(len(self)), min(TRIES, len(self)))
            yield from (other for other in others if other != index)


def _loads_as_its_class(dataset: SegDataset) -> bool:
    """Whether `load_late` belongs to `load`: a subclass may change what is loaded, and know nothing of the other."""
    owners = [next(each for each in type(dataset).__mro__ if name in vars(each)) for name in ("load", "load_late")]
    return owners[0] is owners[1]


def _warn(errors: Sequence[DataError], instead: str) -> None:
    """The text names the file, so Python's filter shows it once per file and process."""
    for error in errors:
        warnings.warn(f"{error}; {instead} (skip_unreadable=True)", stacklevel=2)


def check_label(sample: Sample, classes: tuple[str, ...]) -> None:
    """DataError unless the label has the size of the image and holds only known ids."""
    image, label = sample["image"].shape[:2], sample["label"].shape
    if sample["label"].dtype != np.uint8 or len(label) != 2:
        raise DataError(f"{sample['path']}: its label must be H W of uint8, not {label} of {sample['label'].dtype}")
    if image != label:
        where = f"{sample['label_path']} " if "label_path" in sample else ""
        turned = TURNED if image == label[::-1] else ""
        raise DataError(f"{sample['path']}: the image is {_size(image)} but its label {where}is {_size(label)}{turned}")
    if "label_source" not in sample and _has_unknown_ids(sample["label"], classes):
        raise DataError(_describe_unknown_ids(sample, classes))


def _has_unknown_ids(label: np.ndarray, classes: tuple[str, ...]) -> bool:
    """IGNORE_INDEX + 1 is 0 in bytes. A histogram would take twenty times as long."""
    return (label + np.uint8(1)).max() > len(classes)


def _describe_unknown_ids(sample: Sample, classes: tuple[str, ...]) -> str:
    counts = np.bincount(sample["label"].ravel(), minlength=256)
    bad = [i for i in range(len(classes), IGNORE_INDEX) if counts[i]]
    shown = ", ".join(f"{i} ({counts[i]} pixels)" for i in bad[:8]) + (", ..." if len(bad) > 8 else "")
    known = ", ".join(f"{i} {name}" for i, name in enumerate(classes[:20])) + (", ..." if len(classes) > 20 else "")
    path = sample.get("label_path", sample["path"])
    return (
        f"{path}: the label holds ids that are no class: {shown}. Known: {known}, and {IGNORE_INDEX} for ignored."
        f" Add the classes, or map the ids (label_map={{{bad[0]}: {IGNORE_INDEX}}} ignores one)"
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]} (height x width)"
