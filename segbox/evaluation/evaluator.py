"""Scores a model on the validation set of a config, by its sections `test` and `metric`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import nn

from segbox import distributed
from segbox.config import Config
from segbox.data.loader import Loader, build_dataset, val_loader
from segbox.data.placement import Size
from segbox.data.render import BYTES_PER_PIXEL
from segbox.data.sample import Item
from segbox.data.settings import DataSettings
from segbox.errors import ConfigError
from segbox.evaluation.batches import batches_of
from segbox.evaluation.fill_color import fill_with_mean
from segbox.evaluation.inference import build_inference, pair
from segbox.evaluation.loop import Watch, evaluate
from segbox.evaluation.metric_set import MetricSet
from segbox.evaluation.records import Evaluation
from segbox.machine import too_large
from segbox.precision import AMP
from segbox.progress import with_progress
from segbox.registry import call


class Evaluator:
    """The validation set, the inference settings (section `test`) and the metric. Call it with a model to score it."""

    def __init__(self, config: Config, device: torch.device, amp: str | None = None) -> None:
        self.test = dict(config.get("test", {}))
        self.metric = config.get("metric", {})
        self.device = device
        self.amp = AMP[amp]
        data = call(DataSettings, config["data"], "data")
        if data.val is None:
            raise ConfigError("data.val: the config has no validation set to score on")
        self.dataset = build_dataset(*self._val_config(data.val))
        self.classes = self.dataset.classes
        call(MetricSet, self.metric, "metric", classes=self.classes)  # find mistakes before hours of training
        call(build_inference, self.test, "test", model=nn.Identity())
        self.batch_size = data.val_batch_size
        self.loader: Loader = val_loader(
            self.dataset, self.batch_size, data.workers, distributed.rank(), distributed.world_size()
        )

    def _val_config(self, val: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Labels keep the size of their files; only test.mode=crop scores a centre crop of the resized pair."""
        is_crop = self.test.get("mode") == "crop"
        if not is_crop:
            return {**val, "transform_labels": False}, "data.val"
        height, width = pair(self.test.get("window", (512, 512)))
        if why := too_large(height, width, BYTES_PER_PIXEL):
            raise ConfigError(f"test.window (--crop-size): {why}")
        pipeline = [dict(type="Resize", short=min(height, width)), dict(type="CenterCrop", size=(height, width))]
        return {**val, "transform_labels": True, "pipeline": pipeline}, "data.val"

    def __call__(
        self,
        model: nn.Module,
        watch: Watch | None = None,
        show_progress: bool = False,
        batches: Iterable[Sequence[Item]] | None = None,
    ) -> MetricSet:
        """Score the model. `batches`, if given, are scored in place of the validation set's."""
        fill_with_mean(self.dataset, model)
        with closing(self.batches(show_progress)) as own:
            batches = own if batches is None else batches
            predict = call(build_inference, self.test, "test", model=model)
            metric = call(MetricSet, self.metric, "metric", classes=self.classes)
            return evaluate(model, predict, batches, metric, self.device, self.amp, watch)

    def batches(self, show_progress: bool = False) -> Iterator[list[Item]]:
        """One pass over this process's images, in batches of one size; not in their order. Close a pass that you may
        leave early, as that of a loader."""
        with closing(iter(self.loader)) as read:
            is_shown = show_progress and distributed.is_main()
            lists = with_progress(read, len(self.loader)) if is_shown else read
            items = (item for items in lists for item in items)
            yield from batches_of(
                items, lambda item: (item["image"].shape, item["image"].dtype), lambda item: self.batch_size
            )

    def record(self, metric: MetricSet, checkpoint: str = "") -> Evaluation:
        """What a finished evaluation leaves behind. The order of the images depends on no number of processes."""
        return Evaluation(
            self.classes,
            self.dataset.palette,
            self.description(),
            metric.compute(),
            sorted(metric.matrix.images, key=lambda image: (image.path, image.pairs.tobytes())),
            checkpoint,
            absent=metric.matrix.absent,
            ignore_background=metric.matrix.ignore_background,
        )

    @property
    def window(self) -> Size | None:
        """The size of the sliding window; None if the model sees whole images."""
        return pair(self.test.get("window", (512, 512))) if self.test.get("mode") == "slide" else None

    def description(self) -> str:
        """The settings of the evaluation in words, to print beside the scores."""
        mode = self.test.get("mode", "whole")
        height, width = pair(self.test.get("window", (512, 512)))
        size = {"whole": "whole images at the labels' own size"}.get(mode, f"{mode} {height}x{width}")
        scales = tuple(self.test.get("scales", (1.0,)))
        several = "" if scales == (1.0,) else f", scales {', '.join(map(str, scales))}"
        if several and self.test.get("base_size") is not None:
            several += f" of {self.test['base_size']} pixels on the longer side"
        absent = "count as 0" if self.metric.get("absent") == 0 else "are left out of the means"
        background = f"; {self.classes[0]} is left out of the means" if self.metric.get("ignore_background") else ""
        flip = ", flipped too" if self.test.get("flip") else ""
        divisor = self.test.get("divisor", 1)
        filled = "" if divisor == 1 else f", filled up with the mean to multiples of {divisor} pixels"
        return f"{size}{several}{flip}{filled}; classes that do not occur {absent}{background}"
