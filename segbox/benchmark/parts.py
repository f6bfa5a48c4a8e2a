"""`segbox bench parts`: where the time of one step, one sample and one evaluated image goes.

The sides of a case do more and more of the same work, so the time of a part is the difference to the side before.
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segbox.benchmark import samples
from segbox.benchmark.measure import Case, Side, local
from segbox.benchmark.models import Shape, images_and_labels, model_of, runner_of
from segbox.data.datasets.folder import FolderDataset
from segbox.data.readers.files import read_image, read_label
from segbox.evaluation.inference import build_inference
from segbox.evaluation.metrics import ConfusionMatrix


def parts_cases(config: Mapping[str, Any], shape: Shape, size: tuple[int, int]) -> Iterator[Case]:
    """`shape` is that of the step and of the evaluated image, `size` that of the files of the sample."""
    with ExitStack() as stack:
        yield Case(f"one step, {shape}", step_sides(stack, config, shape))
    with tempfile.TemporaryDirectory() as name, samples.cv2_threads(1):
        sides = sample_sides(Path(name), size, shape.size)
        yield Case(f"one sample, {size[0]} x {size[1]} to {shape.size[0]} x {shape.size[1]}", sides)
    yield Case(f"one evaluated image, {shape.size[0]} x {shape.size[1]}", image_sides(config, shape))


def so_far(name: str, run: Any) -> Side:
    return local(name, run, checked=False)


def step_sides(stack: ExitStack, config: Mapping[str, Any], shape: Shape) -> list[Side]:
    runner = stack.enter_context(runner_of(config, shape, "cpu"))
    images, labels = images_and_labels(shape, "cpu")
    batch = {"images": images, "labels": labels, "paths": ["a.png"] * shape.batch}
    model: nn.Module = runner.model

    def forward() -> Any:
        maps, features = model.maps_and_features(images)
        return [model.decode_head(features), *(head(maps) for head in model.auxiliary_heads)]

    return [
        so_far("network, forward", forward),
        so_far("losses", lambda: model(images, labels)),
        so_far("network, backward", lambda: sum(model(images, labels).values()).backward()),
        so_far("optimizer, checks, loop", lambda: runner.train_step(repeat(batch))),
    ]


def sample_sides(root: Path, size: tuple[int, int], crop: tuple[int, int]) -> list[Side]:
    image, label = samples.write_pair(root, "jpg", size)
    loaded, cropped, whole = (
        FolderDataset(str(root), classes=samples.CLASSES, pipeline=samples.pipeline(crop)[:count])
        for count in (0, 3, 4)
    )
    seeds = [itertools.count(), itertools.count()]
    return [
        so_far("image decoded", lambda: read_image(image)),
        so_far("mask decoded", lambda: (read_image(image), read_label(label))),
        so_far("mask checked", lambda: loaded[0, 0]),
        so_far("scale, crop, flip", lambda: cropped[0, next(seeds[0])]),
        so_far("colours", lambda: whole[0, next(seeds[1])]),
    ]


@torch.inference_mode()
def image_sides(config: Mapping[str, Any], shape: Shape) -> Sequence[Side]:
    images, labels = images_and_labels(Shape(shape.classes, shape.size, 1), "cpu")
    model = model_of(config["model"], shape.classes).eval()
    predict = build_inference(model)
    names = [str(k) for k in range(shape.classes)]

    @torch.inference_mode()
    def classes() -> torch.Tensor:
        return predict(images).classes(shape.size)[0]

    return [
        so_far("network", torch.inference_mode()(lambda: model.logits(images))),
        so_far("resizing, class map", classes),
        so_far("counting", lambda: ConfusionMatrix(names).update(classes(), labels[0])),
    ]
