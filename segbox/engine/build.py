"""From a config to a run: the place where models and data meet."""

import logging
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn

from segbox import __version__, distributed
from segbox.class_weights import ClassWeights
from segbox.config import Config
from segbox.data.datasets.dataset import SegDataset
from segbox.data.loader import Loader, build_dataset, train_loader
from segbox.data.statistics import class_pixels
from segbox.engine.checkpoint import unwritten
from segbox.engine.config_check import check_config
from segbox.engine.input_checks import check_images
from segbox.engine.optim import build_optimizer
from segbox.engine.runner import Runner, steps_of
from segbox.engine.settings import DataSettings, TrainSettings
from segbox.engine.sharding import described, in_step, shard
from segbox.engine.work_dir import is_cut
from segbox.errors import ConfigError, printable
from segbox.evaluation.evaluator import Evaluation
from segbox.evaluation.fill import fill_with_mean
from segbox.evaluation.out_of_memory import is_out_of_memory
from segbox.evaluation.score_table import score_table
from segbox.launch import launch
from segbox.literals import as_plain
from segbox.models.norms import convert_norm, sync_on_cpus
from segbox.models.segmentors import build_segmentor
from segbox.registry import HOOKS, call
from segbox.terminal import OutputLines, TerminalLines
from segbox.weights.loading import first_line
from segbox.weights.mean_std import describe_mean_std

logger = logging.getLogger("segbox")


def build_runner(config: Config, work_dir: Path, device: torch.device) -> Runner:
    """Everything that `segbox train` runs. Within `distributed.process_group` for several processes."""
    check_config(config, "model", "data", "optimizer", "train")
    cv2.setNumThreads(0)
    settings = call(TrainSettings, config.train, "train")
    data = call(DataSettings, config.data, "data")
    seed = config.get("seed", 0)
    per_process = share(data.batch_size, settings.accumulate)
    if data.train is None:
        raise ConfigError("data.train: the config has no training set")
    dataset = build_dataset(data.train, "data.train")
    evaluation = None if data.val is None else Evaluation(config, device, settings.amp)
    if evaluation is not None and evaluation.classes != dataset.classes:
        raise ConfigError(f"data.val has other classes than data.train: {evaluation.classes} and {dataset.classes}")
    counts = {"max_steps": settings.max_steps, "max_epochs": settings.max_epochs}
    max_steps = call(steps_of, counts, "train", images=len(dataset), batch_size=data.batch_size)

    set_determinism(settings.deterministic)
    torch.manual_seed(seed)
    model = build_segmentor(
        config.model, len(dataset.classes), ClassWeights(partial(class_pixels, dataset, data.workers))
    )
    seen = {"data.train": dataset} | ({} if evaluation is None else {"data.val": evaluation.dataset})
    check_images(seen, model, None if evaluation is None else evaluation.window)
    model = place(model, device, settings)
    optimizer = build_optimizer(config.optimizer, model)
    hooks = {name: HOOKS.build(c, f"hooks.{name}") for name, c in config.get("hooks", {}).items() if c is not None}

    palette = [list(map(int, colour)) for colour in dataset.palette]

    def batches(draw: int) -> Loader:
        fill_with_mean(dataset, model)
        rank, world, pin = distributed.rank(), distributed.world_size(), device.type == "cuda"
        return train_loader(dataset, per_process, seed, draw, data.workers, rank, world, pin)

    def score(model: nn.Module, is_stopped: Callable[[], bool]) -> dict[str, float]:
        with closing(iter(evaluation.loader)) as own:
            model, batches = in_step(model, own, is_stopped)
            scores = evaluation(model, batches=batches).compute()
        if distributed.is_main():
            logger.info("%s", score_table(scores, dataset.classes))
        return scores

    describe(config, dataset, data, settings, max_steps, device)
    if numbers := describe_mean_std(model):
        logger.info(numbers)
    if settings.shard:
        logger.info(described(model))
    return Runner(
        model,
        optimizer,
        hooks,
        batches,
        None if evaluation is None else evaluation.loader,
        score,
        max_steps=max_steps,
        batch_size=data.batch_size,
        epoch=len(dataset),
        work_dir=work_dir,
        device=device,
        classes=dataset.classes,
        description={"config": as_plain(config, "config"), "palette": palette},
        seed=seed,
        accumulate=settings.accumulate,
        clip_grad=settings.clip_grad,
        on_nan=settings.on_nan,
        max_skips=settings.max_skips,
        amp=settings.amp,
        channels_last=settings.channels_last,
        compile=settings.compile,
    )


def share(batch_size: int, accumulate: int) -> int:
    """Images per process and forward pass."""
    parts = distributed.world_size() * accumulate
    if batch_size % parts:
        raise ConfigError(
            f"data.batch_size={batch_size} is the images of a step over all processes; it must be a multiple of"
            f" {distributed.world_size()} process(es) x {accumulate} accumulated part(s)"
        )
    return batch_size // parts


def place(model: nn.Module, device: torch.device, settings: TrainSettings) -> nn.Module:
    """The model on its device, in its memory format, with its batch norms shared if asked for."""
    is_synced = settings.sync_batch_norm
    if is_synced is None:
        is_synced = device.type == "cuda" and distributed.world_size() > 1
    if is_synced:
        try:
            model = convert_norm(model, "SyncBN")
        except ValueError as error:
            raise ConfigError(f"train.sync_batch_norm: {error}") from error
    if device.type == "cpu":
        model = sync_on_cpus(model)
    if settings.shard and distributed.world_size() > 1:
        return shard(model, device)
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    try:
        return model.to(device, memory_format=layout)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        count = sum(parameter.numel() for parameter in model.parameters())
        raise ConfigError(
            f"model: its {count / 1e6:.0f} million parameters do not fit on {device}; several processes"
            " (segbox launch) with train.shard=True keep a part each"
        ) from error


def set_determinism(is_asked_for: bool) -> None:
    """The same last bits each time, on GPUs too. On CPUs runs are so anyway."""
    if is_asked_for:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(is_asked_for)
    torch.backends.cudnn.deterministic = is_asked_for
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and nothing here reads such memory


def choose_device(name: str | None) -> torch.device:
    """`name`, or the process's own GPU, or the CPU."""
    if name is None:
        name = f"cuda:{distributed.local_rank()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name}: {first_line(error)}") from None
    if device.type == "cuda":
        device = torch.device("cuda", distributed.local_rank() if device.index is None else device.index)
        if device.index >= torch.cuda.device_count():
            raise ConfigError(
                f"--device {name}: asks for {device}; PyTorch sees {torch.cuda.device_count()} GPU(s) here"
            )
        torch.cuda.set_device(device)
    return device


def start_logging(work_dir: Path | None = None) -> None:
    """Lines to the terminal, and with a work dir to its log.txt, from the main process alone."""
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    if launch().rank:
        logger.addHandler(logging.NullHandler())
        return
    terminal = (OutputLines if work_dir is None else TerminalLines)(sys.stdout)
    terminal.setFormatter(Printable("%(message)s"))
    logger.addHandler(terminal)
    if work_dir is not None:
        file = LogFile(work_dir / "log.txt", encoding="utf-8")
        if is_cut(work_dir / "log.txt"):
            file.stream.write("\n")
        file.setFormatter(Printable("%(asctime)s %(message)s"))
        logger.addHandler(file)


class Printable(logging.Formatter):
    """Names of files are in some messages."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n")


class LogFile(logging.FileHandler):
    """Ends the run when its lines cannot be written, as a full disk soon ends the checkpoints too."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            return super().handleError(record)
        logger.removeHandler(self)
        stream, self.stream = self.stream, None
        with suppress(OSError):  # what is still to be written meets the same
            stream.close()
        raise unwritten(Path(self.baseFilename), error) from error


def describe(
    config: Config,
    dataset: SegDataset,
    data: DataSettings,
    settings: TrainSettings,
    max_steps: int,
    device: torch.device,
) -> None:
    """The first lines of a run: what it runs on, and what it will do."""
    if not distributed.is_main():
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    processes = distributed.world_size()
    logger.info(
        f"segbox {__version__}, PyTorch {torch.__version__}, Python {platform.python_version()},"
        f" {processes} process(es) on {name}, precision {settings.amp or 'fp32'}"
    )
    epochs = max_steps * data.batch_size / max(1, len(dataset))
    logger.info(
        f"{len(dataset)} training images, {len(dataset.classes)} classes, {max_steps} steps of {data.batch_size} images"
        f" ({epochs:.1f} epochs), {config.optimizer.get('type')} with lr {config.optimizer.get('lr')}"
    )


def plain_scores(scores: Mapping[str, float]) -> dict[str, float | None]:
    """For JSON, which has no NaN: a class that does not occur has None."""
    return {name: None if value != value else round(value, 4) for name, value in scores.items()}


def check_classes(content: Mapping[str, Any], classes: Sequence[str], path: str | Path) -> None:
    """A checkpoint trained on other classes would be scored against the wrong names."""
    own = content.get("classes")
    if own is not None and list(own) != list(classes):
        raise ConfigError(f"{path} was trained on {', '.join(own)}; the config's data set has {', '.join(classes)}")
