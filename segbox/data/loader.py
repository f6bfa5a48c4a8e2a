"""From a data set to a stream of batches, with or without worker processes."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import Shared
from segbox.data.randomness import seeded_globals
from segbox.data.sample import Batch, Item, Sample, collate, collate_list
from segbox.data.sampler import Draw, EndlessSampler, ShardSampler
from segbox.data.transforms.pipeline import Pipeline, build_pipeline
from segbox.errors import ConfigError, DataError, UserError
from segbox.machine import cores, keep_freed_memory, shared_memory_left
from segbox.registry import DATASETS

SHARED = tuple(field.name for field in fields(Shared))  # arguments that a wrapper hands to the sets inside


def build_dataset(config: Mapping, path: str = "data", **context: Any) -> SegDataset:
    """The data set of a config; `path` is where the config stands, `context` is offered as by `Registry.build`.

    `dataset` and `datasets` in a config are data sets inside a wrapper. The pipeline arguments of the wrapper apply to
    all of them, so that a pipeline is written once, and evaluation can change those of all sets.
    """
    if not isinstance(config, Mapping):
        return DATASETS.build(config, path, **context)  # raises the error
    config = dict(config)
    if "pipeline" in config and not isinstance(config["pipeline"], Pipeline):  # errors name this path
        config["pipeline"] = build_pipeline(config["pipeline"], f"{path}.pipeline")
    if "dataset" in config or "datasets" in config:
        shared = {key: config.pop(key) for key in SHARED if key in config}
        build = partial(_build_inner, shared=shared, context=context)
        if "dataset" in config:
            config["dataset"] = build(config["dataset"], f"{path}.dataset")
        if isinstance(config.get("datasets"), list | tuple):
            config["datasets"] = [build(inner, f"{path}.datasets.{i}") for i, inner in enumerate(config["datasets"])]
    return DATASETS.build(config, path, **context)


def _build_inner(config: Any, path: str, shared: Mapping[str, Any], context: Mapping[str, Any]) -> SegDataset:
    return build_dataset({**config, **shared} if isinstance(config, Mapping) else config, path, **context)


def classes_without_files(config: Mapping) -> tuple[str, ...] | None:
    """The class names of a data set's config without opening files: from the config, or those of a public data set."""
    if not isinstance(config, Mapping):
        return None
    if config.get("classes") is not None:
        return tuple(config["classes"])
    inner = config.get("dataset") or next(iter(config.get("datasets", ())), None)
    if inner is not None:
        return classes_without_files(inner)
    builder = DATASETS.get(config.get("type"), "data")
    spec = getattr(builder, "spec", None)  # a public data set's
    if spec is not None:
        has_background = config.get("use_background") and spec.background is not None
        return (spec.with_background() if has_background else spec).classes
    return getattr(builder, "classes", None)


def pipeline_of(config: Mapping, path: str = "data") -> tuple[Sequence, str]:
    """The pipeline that every image of a data set goes through, and its config path: for prediction on other images."""
    if "pipeline" in config:
        return config["pipeline"], f"{path}.pipeline"
    if "dataset" in config:
        return pipeline_of(config["dataset"], f"{path}.dataset")
    found = [pipeline_of(inner, f"{path}.datasets.{i}") for i, inner in enumerate(config.get("datasets", ()))]
    for pipeline, place in found[1:]:
        if list(pipeline) != list(found[0][0]):
            raise ConfigError(
                f"{place} differs from {found[0][1]}, so it is unknown which one other images need;"
                f" set {path}.pipeline, which then applies to all of them"
            )
    return found[0] if found else ((), f"{path}.pipeline")


def bits_of(config: Mapping) -> int:
    """Bits per channel that a data set's config reads: images to predict must have them too."""
    inside = [config["dataset"]] if "dataset" in config else config.get("datasets", ())
    return config.get("bits") or max(map(bits_of, inside), default=8)


def exif_of(config: Mapping) -> bool:
    """Whether a data set's config turns images by their EXIF tag: images to predict are read the same way."""
    inside = [config["dataset"]] if "dataset" in config else config.get("datasets", ())
    return config.get("exif", any(map(exif_of, inside)) if inside else True)


def train_loader(
    dataset: SegDataset,
    batch_size_per_process: int,
    seed: int,
    start: int = 0,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> "Loader[Batch]":
    """Endless. `start` is the number of samples that all processes together have already seen."""
    _check_filled(dataset)
    sampler = EndlessSampler(len(dataset), seed, rank, world_size, start)
    return Loader(dataset, sampler, batch_size_per_process, collate, workers, pin_memory)


def val_loader(
    dataset: SegDataset, batch_size: int = 1, workers: int = 0, rank: int = 0, world_size: int = 1
) -> "Loader[list[Item]]":
    """One pass over this process's part of the data set; the images of a batch may differ in size."""
    _check_filled(dataset)
    return Loader(dataset, ShardSampler(len(dataset), rank, world_size), batch_size, collate_list, workers, False)


class Loader:
    """Batches in the order of the sampler, the same for any number of workers.

    A UserError in a worker is returned as an object and raised here, because PyTorch would wrap its message in a stack
    trace. The global random state does not change.

    Each pass starts its own workers, and ends them when it is finished, closed, or ended by an error. Close a pass that
    you may leave early: `with closing(iter(loader)) as batches`. Workers that wait would keep Python from exiting.
    """

    def __init__(
        self,
        dataset: SegDataset,
        sampler: Sampler[Draw],
        batch_size: int,
        collate: Callable[[Sequence[Sample]], Any],
        workers: int,
        pin_memory: bool,
    ) -> None:
        self.images = len(dataset)
        self.batches = DataLoader(
            _Guarded(dataset),
            batch_size,
            sampler=sampler,
            collate_fn=_GuardedCollate(collate),
            num_workers=min(workers, cores()),  # more would only wait for each other
            pin_memory=pin_memory,
            worker_init_fn=start_worker,
            prefetch_factor=2 if workers else None,
            generator=torch.Generator().manual_seed(0),
        )

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.batches)
        try:
            for batch in batches:
                if isinstance(batch, _Mistake):
                    raise batch.error
                if batch:  # empty when nothing of an evaluation batch could be read
                    yield batch
        finally:
            end_workers(batches)

    def __len__(self) -> int:
        return len(self.batches)


def start_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism; more threads would only wait for each other
    torch.set_num_threads(1)
    keep_freed_memory()
    # The main process answers signals to the group: it saves, and needs its workers until then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def end_workers(batches: Iterator) -> None:
    """End the workers of one pass. PyTorch does so when the iterator is deleted, which a traceback can delay."""
    if isinstance(batches, _MultiProcessingDataLoaderIter):
        batches._shutdown_workers()


class _Mistake:
    """An error on its way to the main process."""

    def __init__(self, error: UserError) -> None:
        self.error = error


class _Guarded(Dataset):
    def __init__(self, dataset: SegDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, draw: Draw) -> Sample | _Mistake | None:
        try:
            with seeded_globals(draw):
                return self.dataset[draw]
        except UserError as error:
            return _Mistake(error)


class _GuardedCollate:
    def __init__(self, collate: Callable[[Sequence[Sample]], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence[Sample | _Mistake]) -> Any:
        for sample in samples:
            if isinstance(sample, _Mistake):
                return sample
        try:
            batch = self.collate(samples)
            if get_worker_info() is not None:
                refuse_without_room(batch)
            return batch
        except UserError as error:
            return _Mistake(error)


def refuse_without_room(batch: Batch | list[Item]) -> None:
    """Refuse a batch that does not fit into shared memory: PyTorch would lose it, and the run wait for ever."""
    parts = batch if isinstance(batch, list) else [batch]
    needed = sum(value.nbytes for part in parts for value in part.values() if isinstance(value, Tensor))
    left = shared_memory_left()
    if needed > left:
        raise UserError(
            f"a data worker has {left / 2**20:.3g} MB of shared memory (/dev/shm) left for a batch of"
            f" {needed / 2**20:.3g} MB. Give the container more (docker run --shm-size=8g, or --ipc=host), or take"
            " fewer data.workers; data.workers=0 needs none"
        )


def _check_filled(dataset: SegDataset) -> None:
    if not len(dataset):
        raise DataError(f"{type(dataset).__name__} holds no images")
