"""Builds a Runner from a config: here models and data meet."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import cv2
import torch
from torch import nn

from segbox import distributed
from segbox.class_weights import ClassWeights
from segbox.config import Config
from segbox.data.datasets.dataset import SegDataset
from segbox.data.loader import Loader, build_dataset, train_loader
from segbox.data.sample import Batch
from segbox.data.statistics import class_pixels
from segbox.engine.config_check import check_config
from segbox.engine.devices import describe_choices, set_backends, to_device, with_memory_format, with_precision
from segbox.engine.input_checks import check_images
from segbox.engine.logs import describe_run
from segbox.engine.optim import build_optimizer
from segbox.engine.runner import Runner
from segbox.engine.settings import DataSettings, TrainSettings, total_steps
from segbox.engine.sharding import synchronized
from segbox.errors import ConfigError
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.fill_color import fill_with_mean
from segbox.evaluation.records import Evaluation
from segbox.evaluation.score_table import score_table
from segbox.evaluation.uncertainty import describe_interval
from segbox.literals import as_plain
from segbox.models.segmentors import build_segmentor, without_downloads
from segbox.registry import HOOKS, call

logger = logging.getLogger("segbox")


def build_runner(config: Config, work_dir: Path, device: torch.device, is_resumed: bool = False) -> Runner:
    """Build everything that `segbox train` runs; with several processes, inside `distributed.process_group`.

    With `is_resumed`, the weights come from a checkpoint: pretrained ones are not downloaded.
    """
    check_config(config, "model", "data", "optimizer", "train")
    cv2.setNumThreads(0)
    given, data = call(TrainSettings, config.train, "train"), call(DataSettings, config.data, "data")
    settings = with_precision(given, device)
    images = images_per_process(data.batch_size, settings.gradient_accumulation_steps)
    dataset, evaluator = build_datasets(config, data, device, settings.precision)
    limits = {"max_steps": settings.max_steps, "max_epochs": settings.max_epochs}
    max_steps = call(total_steps, limits, "train", images=len(dataset), batch_size=data.batch_size)
    seed = config.get("seed", 0)
    begin = without_downloads(config.model) if is_resumed else config.model
    model = build_model(begin, settings, data.workers, seed, dataset, evaluator, device)
    settings = with_memory_format(settings, model, device)
    model = to_device(model, device, settings)
    optimizer = build_optimizer(config.optimizer, model)
    hooks = {name: HOOKS.build(c, f"hooks.{name}") for name, c in config.get("hooks", {}).items() if c is not None}
    val_images = 0 if evaluator is None else len(evaluator.dataset)
    describe_run(config, dataset, data, settings, max_steps, device, model, is_resumed, val_images)
    if distributed.is_main():
        logger.info(describe_choices(given, settings, optimizer, device.type))
    return Runner(
        model,
        optimizer,
        hooks,
        batch_stream(dataset, model, data, images, seed, device),
        None if evaluator is None else evaluator.loader,
        scorer(evaluator),
        max_steps=max_steps,
        batch_size=data.batch_size,
        epoch=len(dataset),
        work_dir=work_dir,
        device=device,
        classes=dataset.classes,
        description={
            "config": as_plain(config, "config"),
            "palette": [[*map(int, c)] for c in dataset.palette],
            "precision": settings.precision,
        },
        seed=seed,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        clip_grad=settings.clip_grad,
        on_nan=settings.on_nan,
        max_skips=settings.max_skips,
        amp=settings.precision,
        channels_last=settings.channels_last,
        compile=settings.compile,
    )


def images_per_process(batch_size: int, gradient_accumulation_steps: int) -> int:
    """The images of one forward pass of one process."""
    parts = distributed.world_size() * gradient_accumulation_steps
    if batch_size % parts:
        raise ConfigError(
            f"data.batch_size={batch_size} is the images of a step over all processes; it must be a multiple of"
            f" {distributed.world_size()} process(es) x {gradient_accumulation_steps} accumulated part(s)"
        )
    return batch_size // parts


def build_datasets(
    config: Config, data: DataSettings, device: torch.device, amp: str | None
) -> tuple[SegDataset, Evaluator | None]:
    """The training set, and the evaluator on the validation set if the config has one."""
    if data.train is None:
        raise ConfigError("data.train: the config has no training set")
    dataset = data.with_cache(build_dataset(data.train, "data.train"))
    evaluator = None if data.val is None else Evaluator(config, device, amp)
    if evaluator is not None and evaluator.classes != dataset.classes:
        raise ConfigError(f"data.val has other classes than data.train: {evaluator.classes} and {dataset.classes}")
    if evaluator is not None:
        data.with_cache(evaluator.dataset)  # not by itself: a single pass gains nothing
    return dataset, evaluator


def build_model(
    config: Mapping,
    settings: TrainSettings,
    workers: int,
    seed: int,
    dataset: SegDataset,
    evaluator: Evaluator | None,
    device: torch.device,
) -> nn.Module:
    """The model on the CPU, with the initial weights of this seed, checked against the images of the data sets."""
    set_backends(settings, device)
    torch.manual_seed(seed)
    weights = ClassWeights(partial(class_pixels, dataset, workers))
    model = build_segmentor(config, len(dataset.classes), weights, dataset.classes)
    if evaluator is None:
        check_images({"data.train": dataset}, model)
    else:
        check_images({"data.train": dataset, "data.val": evaluator.dataset}, model, evaluator.window)
    return model


def batch_stream(
    dataset: SegDataset, model: nn.Module, data: DataSettings, images: int, seed: int, device: torch.device
) -> Callable[[int], Iterable[Batch]]:
    """The function that starts this process's endless training batches (of `images` each) at a given draw."""

    def batches(draw: int) -> Loader:
        fill_with_mean(dataset, model)
        rank, world, pin = distributed.rank(), distributed.world_size(), device.type == "cuda"
        return train_loader(dataset, images, seed, draw, data.workers, rank, world, pin)

    return batches


def scorer(evaluator: Evaluator | None) -> Callable[[nn.Module, Callable[[], bool]], Evaluation]:
    """The function that evaluates a model in all processes and logs the table of scores."""

    def score(model: nn.Module, is_stopped: Callable[[], bool]) -> Evaluation:
        with closing(evaluator.batches()) as own:
            model, batches = synchronized(model, own, is_stopped)
            evaluation = evaluator.record(evaluator(model, batches=batches))
        if distributed.is_main():
            logger.info("%s", score_table(evaluation.scores, evaluator.classes))
            if line := describe_interval(evaluation):
                logger.info(line)
        return evaluation

    return score
