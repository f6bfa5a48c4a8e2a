"""Data sets as `segbox convert` lays them out: for each split a folder of images, and one of masks."""

from collections.abc import Mapping, Sequence

import numpy as np

from segbox.data.datasets.dataset import Colour
from segbox.data.datasets.pairs import IMAGE_SUFFIXES, PairDataset, check_split, find_pairs, open_root
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.registry import DATASETS

HOW_TO_GET = """\
{download}
  segbox convert {name} FOLDER {{root}}
Expected in the root (now {{root}}):
{tree}"""


def register(
    name: str,
    folders: Mapping[str, tuple[str, str]],
    label_suffix: str,
    classes: tuple[str, ...],
    palette: Sequence[Colour],
    label_table: np.ndarray,
    download: str,
) -> None:
    """Make `name` a type of data set. `folders`: split -> those of its images and of its masks."""
    trees = [f"  {images}/NAME.*\n  {labels}/NAME{label_suffix}" for images, labels in folders.values()]
    how_to_get = HOW_TO_GET.format(download=download, name=name.lower(), tree="\n".join(trees))

    def dataset(
        root: str,
        split: str = "train",
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
        exif: bool = True,
    ) -> PairDataset:
        check_split(split, folders)
        images, labels = folders[split]
        path = open_root(root, [images, labels], how_to_get)
        pairs = find_pairs(path / images, path / labels, IMAGE_SUFFIXES, label_suffix)
        return PairDataset(pairs, classes, palette, label_table, pipeline, transform_labels, skip_unreadable, exif)

    dataset.__name__ = name
    dataset.classes = classes  # known without the files
    DATASETS.register(dataset, name=name)
