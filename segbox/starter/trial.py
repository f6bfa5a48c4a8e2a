"""Measure real steps of a setup on this machine: its own batches, loss and optimizer, from random weights."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import torch

from segbox.config import Config
from segbox.data.loader import build_dataset
from segbox.data.sample import Batch, Item, collate_list
from segbox.engine.build import build_runner
from segbox.engine.runner import Runner
from segbox.errors import UserError
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.out_of_memory import is_out_of_memory
from segbox.machine import cores, memory, peak_mb
from segbox.models.segmentors import without_weights
from segbox.precision import AMP
from segbox.starter.setup import Measured, Setup, with_half_batch

STEPS = 3  # measured, after one that warms up
PROBE_IMAGES = 2  # on a CPU, where the time is proportional to the images
FASTER = 0.9  # another precision or memory format must take at most this part of the time
HOPELESS = 2.0  # a first step that takes so many times the best one is not repeated
BUSY = 0.4  # of the cores: steps that get less would be clearly faster alone
MEMORY_PART = 0.6  # of the machine's, for the training process
IMPORT_SECONDS = 5.0  # of a new process, before it builds anything
SHOWN = 13  # images that report.html predicts again
WINDOW = 1024  # of an image to predict: the time of the rest is proportional
PRECISIONS = {"cpu": ("bf16",), "cuda": ("bf16", "fp16")}  # to compare with fp32


class Stopwatch:
    """Measures setups. `config_of` writes and loads the config of a setup, `say` tells the user what goes on."""

    def __init__(self, config_of: Callable[[Setup], Config], device: torch.device, say: Callable[[str], None]) -> None:
        self.config_of = config_of
        self.device = device
        self.say = say
        self.precisions = PRECISIONS[device.type]  # without those that were much slower

    def __call__(self, setup: Setup, worth: float) -> Measured | None:
        """None if not even the smallest batch fits into the memory."""
        fitting: Setup | None = setup
        found = None
        while fitting is not None and found is None:
            try:
                found = self.measure(fitting, worth)
            except UserError as error:
                if not is_out_of_memory(error.__cause__ or error):
                    raise
            fitting = with_half_batch(fitting)
        height, width = setup.crop
        scale = f", images x {setup.scale:g}" if setup.scale != 1 else ""
        text = "not enough memory" if found is None else step_text(found)
        self.say(f"  {setup.recipe.model}, crops of {height}x{width}{scale}: {text}")
        return found

    def measure(self, setup: Setup, worth: float) -> Measured | None:
        """Stops early if a step is clearly slower than `worth` seconds. None if a step would not fit into memory."""
        begin, config = time.perf_counter(), for_trial(self.config_of(setup))
        with runner_of(config, self.device) as runner, closing(iter(runner.train_batches(0))) as batches:
            start = IMPORT_SECONDS + time.perf_counter() - begin
            whole = next(batches)
            small = part_of(whole, PROBE_IMAGES) if self.device.type == "cpu" else whole
            factor = setup.batch / len(small["images"])
            seconds, megabytes = probe(runner, small)
            if self.device.type == "cpu" and factor * megabytes * 2**20 > MEMORY_PART * memory():
                return None
            if factor * seconds > 2 * worth:
                return Measured(setup, factor * seconds, 0.0, start, is_guess=True)
            setup = self.fastest(setup, runner, small)
            share = core_share()
            seconds = statistics.median(timed(runner, batches, STEPS))
            share = share() if self.device.type == "cpu" else 1.0
            evaluation = evaluation_seconds(replace_amp(config, setup.amp), runner)
            start += evaluation * min(1.0, SHOWN / runner.val_loader.images)  # the page at the end
        return Measured(setup, self.with_loading(seconds, config), evaluation, start, core_share=share)

    def with_loading(self, seconds: float, config: Config) -> float:
        """A step, also where the workers are slower; on a CPU, they take their time from it."""
        work, workers = loading_seconds(config), max(1, config.data.workers)
        taken = work / max(workers, cores()) if self.device.type == "cpu" else 0.0
        return max(seconds + taken, work / workers)

    def fastest(self, setup: Setup, runner: Runner, batch: Batch) -> Setup:
        """The setup in the precision, and then in the memory format, of the fastest steps; the runner is set to it.

        On a CPU, smaller crops tell the precision: one that it does not compute itself may be ten times slower.
        """
        small = part_of(batch, PROBE_IMAGES, cut=2) if self.device.type == "cpu" else batch
        best, seconds = setup, timed_as(runner, setup, small)
        for amp in self.precisions:
            own = timed_as(runner, replace(setup, amp=amp), small, HOPELESS * seconds)
            if own > HOPELESS * seconds:
                self.precisions = tuple(other for other in self.precisions if other != amp)
            if own < FASTER * seconds:
                best, seconds = replace(setup, amp=amp), own
        other = replace(best, channels_last=not best.channels_last)
        seconds = timed_as(runner, best, batch)
        if timed_as(runner, other, batch, HOPELESS * seconds) < FASTER * seconds:
            # Once more, as other programs may have slowed down one of the two.
            best = other if timed_as(runner, other, batch) < FASTER * timed_as(runner, best, batch) else best
        set_format(runner, best)
        return best


def step_text(found: Measured) -> str:
    setup = found.setup
    if found.is_guess:
        return f"about {found.step_seconds:.2g} s a step of {setup.batch}, too slow"
    layout = "channels last" if setup.channels_last else "channels first"
    text = f"{found.step_seconds:.3g} s a step of {setup.batch} in {setup.amp or 'fp32'}, {layout}"
    if found.core_share > BUSY:
        return text
    return f"{text} (other programs are busy: the steps got {100 * found.core_share:.0f} % of the cores)"


def core_share() -> Callable[[], float]:
    """Starts now; the function gives the part of the cores' time that this process has used since."""
    wall, own = time.perf_counter(), time.process_time()

    def share() -> float:
        return (time.process_time() - own) / (time.perf_counter() - wall) / torch.get_num_threads()

    return share


def for_trial(config: Config) -> Config:
    """The config, made to read no weights, count no classes and write nothing."""
    config.model = Config(without_weights(config.model))
    loss = config.model.decode_head.get("loss")
    if isinstance(loss, dict):
        loss.pop("class_weight", None)  # it costs a look at all masks, and no time in a step
    config.hooks = Config({name: config.hooks[name] for name in ("ema", "lr_schedule")})
    return config


def replace_amp(config: Config, amp: str | None) -> Config:
    config.train.precision = amp or "fp32"
    return config


@contextmanager
def runner_of(config: Config, device: torch.device) -> Iterator[Runner]:
    """A runner that is ready to train; what it allocated on a GPU is freed."""
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(config, Path(folder), device)
        try:
            runner.call("before_train")
            runner.model.train()
            yield runner
        finally:
            del runner
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()


def part_of(batch: Batch, images: int, cut: int = 1) -> Batch:
    """The first images of a batch, with sides divided by `cut`."""
    height, width = (side // cut for side in batch["images"].shape[-2:])
    return {
        "images": batch["images"][:images, :, :height, :width],
        "labels": batch["labels"][:images, :height, :width],
        "paths": batch["paths"][:images],
    }


def probe(runner: Runner, batch: Batch) -> tuple[float, float]:
    """The seconds of a step on this batch, after one that warms up, and the peak of the memory in MB (0: unknown)."""
    taken: list[float] = []
    megabytes = peak_mb(lambda: taken.extend(timed(runner, repeat(batch), 1)), runner.device.type)
    return taken[0], megabytes or 0.0


def timed_as(runner: Runner, setup: Setup, batch: Batch, at_most: float = float("inf")) -> float:
    """The seconds of a step on this batch in the precision and format of a setup."""
    set_format(runner, setup)
    return min(timed(runner, repeat(batch), 2, at_most))


def set_format(runner: Runner, setup: Setup) -> None:
    """Give a runner the precision and the memory format of a setup, as if it had been built with them."""
    runner.amp = AMP[setup.amp]
    runner.scaler = torch.amp.GradScaler(runner.device.type, enabled=setup.amp == "fp16")
    runner.memory_format = torch.channels_last if setup.channels_last else torch.contiguous_format
    for model in (runner.model, runner.averaged_model):
        if model is not None:
            model.to(memory_format=runner.memory_format)
    runner.optimizer.state.clear()  # its tensors have the old format


def timed(runner: Runner, batches: Iterator[Batch], steps: int, at_most: float = float("inf")) -> list[float]:
    """The seconds of steps after one that warms up; of that one alone if it takes longer than `at_most`."""
    taken: list[float] = []
    while len(taken) <= steps and max(taken, default=0) <= 2 * at_most:
        begin = time.perf_counter()
        runner.train_step(batches)
        if runner.device.type == "cuda":
            torch.cuda.synchronize(runner.device)
        taken.append(time.perf_counter() - begin)
    return taken[1:] or taken


def loading_seconds(config: Config) -> float:
    """The seconds in which one process loads a batch, by the time for some images."""
    dataset = build_dataset(config.data.train, "data.train")
    begin = time.perf_counter()
    for index in range(STEPS):
        dataset[index % len(dataset), index]
    an_image = (time.perf_counter() - begin) / STEPS
    return an_image * config.data.batch_size


def evaluation_seconds(config: Config, runner: Runner) -> float:
    """The time of the whole validation set: to start its workers, and then by one image (the middle one)."""
    evaluator = Evaluator(config, runner.device, config.train.precision)
    count = len(evaluator.dataset)
    begin = time.perf_counter()
    with closing(iter(evaluator.loader)) as batches:
        next(batches)
    started = time.perf_counter()
    [item] = collate_list([evaluator.dataset[count // 2, None]])
    loading = (time.perf_counter() - started) / max(1, config.data.workers)
    window, factor = window_of(item)
    predicting = min(timed_prediction(evaluator, runner, window) for _ in range(2))
    return started - begin + count * max(loading, factor * predicting)


def timed_prediction(evaluator: Evaluator, runner: Runner, item: Item) -> float:
    begin = time.perf_counter()
    evaluator(runner.model, batches=[[item]])
    return time.perf_counter() - begin


def window_of(item: Item) -> tuple[Item, float]:
    """A part of an image that is small enough to be predicted quickly, and how many times larger the image is."""
    height, width = item["image"].shape[1:]
    part = {**item, "image": item["image"][:, :WINDOW, :WINDOW], "label": item["label"][:WINDOW, :WINDOW]}
    return part, height * width / (min(height, WINDOW) * min(width, WINDOW))
