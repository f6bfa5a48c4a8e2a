"""The log of a run: lines on the terminal and in the work dir's log.txt, and the first lines of a training."""

import logging
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from segbox import __version__, distributed
from segbox.arguments import is_own
from segbox.config import Config
from segbox.data.datasets.dataset import SegDataset
from segbox.data.placement import Size
from segbox.engine.checkpoint import write_error
from segbox.engine.input_checks import training_size
from segbox.engine.settings import DataSettings, TrainSettings
from segbox.engine.sharding import sharding_summary
from segbox.engine.work_dir import ends_mid_line
from segbox.errors import printable, short
from segbox.launch import launch
from segbox.models.complexity import build_without_data, costs_of, count_parameters
from segbox.models.encoder_decoder import EncoderDecoder
from segbox.terminal import OutputLines, TerminalLines
from segbox.weights.backbone import word_for
from segbox.weights.mean_std import describe_mean_std

logger = logging.getLogger("segbox")


def start_logging(work_dir: Path | None = None) -> None:
    """Log to the terminal and, with a work dir, to its log.txt. Only the main process logs."""
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
        if ends_mid_line(work_dir / "log.txt"):
            file.stream.write("\n")
        file.setFormatter(Printable("%(asctime)s %(message)s"))
        logger.addHandler(file)


class Printable(logging.Formatter):
    """Escapes control characters: file names in messages may hold any character."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n")


class LogFile(logging.FileHandler):
    """Raises CheckpointError when a line cannot be written: on a full disk, the next checkpoint would fail too."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            return super().handleError(record)
        logger.removeHandler(self)
        stream, self.stream = self.stream, None
        with suppress(OSError):  # flushing the rest fails for the same reason
            stream.close()
        raise write_error(Path(self.baseFilename), error) from error


def describe_run(
    config: Config,
    dataset: SegDataset,
    data: DataSettings,
    settings: TrainSettings,
    max_steps: int,
    device: torch.device,
    model: nn.Module,
    is_resumed: bool,
    val_images: int,
) -> None:
    """Log the first lines of a run: environment, model, data and length, start, units of the images, sharding."""
    if not distributed.is_main() or not logger.isEnabledFor(logging.INFO):
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    processes = distributed.world_size()
    logger.info(
        f"segbox {__version__}, PyTorch {torch.__version__}, Python {platform.python_version()},"
        f" {processes} process(es) on {name}"
    )
    logger.info(describe_model(config.model, model, len(dataset.classes), training_size(dataset)))
    epochs = max_steps * data.batch_size / max(1, len(dataset))
    logger.info(
        f"{len(dataset)} training and {val_images} validation images, {len(dataset.classes)} classes, {max_steps} steps"
        f" of {data.batch_size} images ({epochs:.1f} epochs of {len(dataset) / data.batch_size:.4g} steps),"
        f" {config.optimizer.get('type')} with lr {config.optimizer.get('lr')}"
    )
    for line in ("" if is_resumed else describe_start(config.model, model), describe_mean_std(model)):
        if line:
            logger.info(line)
    if settings.shard:
        logger.info(sharding_summary(model))


def describe_model(config: Mapping, model: nn.Module, num_classes: int, size: Size | None) -> str:
    """The parts of the model, its parameters, and the operations of its prediction for an image of the size."""
    name = type(model).__name__
    if isinstance(model, EncoderDecoder):
        name = f"{type(model.decode_head).__name__} on {type(model.backbone).__name__}"
    text = f"{name}: {count_parameters(model) / 1e6:.3g} M parameters"
    outside = any(not is_own(type(m)) and not type(m).__module__.startswith("timm.") for m in model.modules())
    if size is None or outside or not isinstance(model, EncoderDecoder):
        return text  # a part from outside is built once only: it may have side effects
    try:
        flops = costs_of(build_without_data(config, num_classes), size)["total"].flops
    except Exception as error:  # a user's own layer need not work on the meta device, and trains all the same
        return f"{text}, GFLOPs not counted ({type(error).__name__}: {short(str(error))})"
    return f"{text}, {flops / 1e9:.4g} GFLOPs for an image of {size[0]}x{size[1]}"


def describe_start(config: Mapping, model: nn.Module) -> str:
    """What the parameters of the model begin with; empty for a model without a backbone."""
    if config.get("weights") is not None:
        return f"the model begins with the weights of {config['weights']}"
    if not isinstance(config.get("backbone"), Mapping):
        return ""
    if config.get("backbone_weights") is not None:
        return f"the backbone begins with {word_for(model.backbone, config['backbone_weights'])}, the rest at random"
    if config["backbone"].get("pretrained"):
        return "the backbone begins with timm's pretrained weights, the rest at random"
    return "THE BACKBONE BEGINS AT RANDOM: the config has no model.backbone_weights"
