"""One pass over a validation set: predictions brought to the size of the label files, and counted."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.data.sample import Item
from segbox.errors import DataError
from segbox.evaluation.inference import Predict
from segbox.evaluation.metrics import Metric
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.score_map import ScoreMap

Watch = Callable[[Item, Tensor], None]  # sees each image with its guessed class map


@torch.no_grad()
def evaluate(
    model: nn.Module,
    predict: Predict,
    batches: Iterable[Sequence[Item]],
    metric: Metric,
    device: torch.device,
    amp: torch.dtype | None = None,
    watch: Watch | None = None,
) -> Metric:
    """`metric` with all processes' images counted, each once. The model's mode is restored."""
    was_training = model.training
    seen = 0
    model.eval()
    try:
        for batch in batches:
            seen += len(batch)
            for items in of_one_size(batch):
                with scoring_explained(len(items), items[0]["image"].shape[-2:], device):
                    score(items, predict, metric, device, amp, watch)
    finally:
        model.train(was_training)
    counted = distributed.gather((seen, metric))
    if not any(images for images, _ in counted):
        raise DataError(
            "none of the validation images can be read, so there is nothing to score (skip_unreadable=True leaves out"
            " such files; segbox check says what is wrong with each)"
        )
    for rank, (_, other) in enumerate(counted):
        if rank != distributed.rank():
            metric.merge(other)
    return metric


def score(
    items: Sequence[Item],
    predict: Predict,
    metric: Metric,
    device: torch.device,
    amp: torch.dtype | None,
    watch: Watch | None,
) -> None:
    """Count images of one size, which pass the model together."""
    images = torch.stack([item["image"] for item in items]).to(device, non_blocking=True)
    with torch.autocast(device.type, amp or torch.bfloat16, enabled=amp is not None):
        scores = predict(images)
    for i, item in enumerate(items):
        guess = count(scores.of(slice(i, i + 1)), item["label"], metric)
        if watch is not None:
            watch(item, guess)


def of_one_size(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Runs of images that can be stacked."""
    group: list[Item] = []
    for item in items:
        if group and group[-1]["image"].shape != item["image"].shape:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def count(scores: ScoreMap, truth: Tensor, metric: Metric) -> Tensor:
    """The class map of one image, at the size of its label and on the CPU, when it is counted."""
    if not metric.needs_confidence:
        guess = scores.classes(truth.shape)[0].cpu()
        metric.update(guess, truth)
        return guess
    guess, confidence = (own[0].cpu() for own in scores.classes_and_confidences(truth.shape))
    metric.update(guess, truth, confidence)
    return guess
