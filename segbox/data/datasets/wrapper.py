"""Data sets that wrap other data sets."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from segbox.arguments import Made, parameters_of
from segbox.data.datasets.dataset import SegDataset
from segbox.data.sample import Sample
from segbox.data.sampler import Draw
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.errors import ConfigError
from segbox.registry import DATASETS


@dataclass
class Shared:
    """Arguments of a wrapper that override those of the data sets inside it."""

    pipeline: PipelineConfig = ()
    transform_labels: bool = True
    skip_unreadable: bool = False
    exif: bool = True


class MadeDataset(Made):
    def beside_of(self, builder: Callable) -> Callable | None:
        return Shared if {"dataset", "datasets"} & parameters_of(builder).keys() else None


MADE = MadeDataset(DATASETS)
DatasetConfig = Annotated[Mapping, MADE]
Inner = Annotated[SegDataset, MADE]  # a data set inside a wrapper: in the config a dict


class DatasetWrapper(SegDataset):
    """Selects, repeats or joins the samples of other data sets. A subclass defines `__len__` and `locate`.

    A sample goes through the pipeline of the data set that it comes from. In a config, `pipeline`, `transform_labels`,
    `skip_unreadable` and `exif` of the wrapper override those of the sets inside (`loader.build_dataset`); its `fill`
    and its `cache` do so too.
    """

    @abstractmethod
    def locate(self, index: int) -> tuple[SegDataset, int]:
        """The data set that holds the sample, and its index there."""

    def load(self, index: int) -> Sample:
        dataset, index = self.locate(index)
        return dataset.load(index)

    def __getitem__(self, draw: Draw) -> Sample | None:
        dataset, index = self.locate(draw[0])
        dataset.fill, dataset.cache = self.fill, self.cache
        return dataset[index, draw[1]]


def unwrap(dataset: SegDataset, index: int) -> tuple[SegDataset, int]:
    """The data set of files behind all wrappers, and the index there."""
    while isinstance(dataset, DatasetWrapper):
        dataset, index = dataset.locate(index)
    return dataset, index


def check_built(dataset: SegDataset, name: str) -> SegDataset:
    if not isinstance(dataset, SegDataset):
        raise ConfigError(f"{name}: expected a data set, dict(type=..., ...), got {dataset!r}")
    return dataset


def check_agree(datasets: Sequence[SegDataset]) -> None:
    """ConfigError unless all data sets have the same classes and palette."""
    first = datasets[0]
    for position, other in enumerate(datasets[1:], 1):
        if tuple(other.classes) != tuple(first.classes):
            raise ConfigError(
                f"datasets.{position} has other classes than datasets.0: {_difference(first.classes, other.classes)}."
                " Give both the same classes in the same order; RelabelDataset merges, drops and orders those of a set"
            )
        colours = [[tuple(map(int, colour)) for colour in dataset.palette] for dataset in (first, other)]
        if colours[0] != colours[1]:
            place = next(i for i, pair in enumerate(zip(*colours)) if pair[0] != pair[1])
            raise ConfigError(
                f"datasets.{position} has another palette than datasets.0: {first.classes[place]!r} is"
                f" {colours[0][place]} and {colours[1][place]}; give both the same palette"
            )


def _difference(one: Sequence[str], other: Sequence[str]) -> str:
    if len(one) != len(other):
        return f"{len(one)} ({_few(one)}) and {len(other)} ({_few(other)})"
    place = next(i for i, names in enumerate(zip(one, other)) if names[0] != names[1])
    return f"id {place} is {one[place]!r} and {other[place]!r}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
