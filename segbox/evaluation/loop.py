"""The evaluation loop: predictions are resized to the label files' size and counted by the metric."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.data.sample import Item
from segbox.errors import DataError
from segbox.evaluation.inference import InferenceFunction
from segbox.evaluation.metrics import Metric
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.score_map import ScoreMap

Watch = Callable[[Item, Tensor], None]  # called with each image and its predicted class map


@torch.no_grad()
def evaluate(
    model: nn.Module,
    predict: InferenceFunction,
    batches: Iterable[Sequence[Item]],
    metric: Metric,
    device: torch.device,
    amp: torch.dtype | None = None,
    watch: Watch | None = None,
) -> Metric:
    """Count each image of all processes once, in batches of one size. Returns `metric`; the model's train/eval mode is
    restored."""
    was_training = model.training
    seen = 0
    model.eval()
    try:
        for batch in batches:
            seen += len(batch)
            with scoring_explained(len(batch), batch[0]["image"].shape[-2:], device):
                score(batch, predict, metric, device, amp, watch)
    finally:
        model.train(was_training)
    counted = distributed.gather((seen, metric))
    if not any(images for images, _ in counted):
        raise DataError(
            "none of the validation images can be read, so there is nothing to score (skip_unreadable=True leaves out"
            " such files; segbox check lists what is wrong with each)"
        )
    for rank, (_, other) in enumerate(counted):
        if rank != distributed.rank():
            metric.merge(other)
    return metric


def score(
    items: Sequence[Item],
    predict: InferenceFunction,
    metric: Metric,
    device: torch.device,
    amp: torch.dtype | None,
    watch: Watch | None,
) -> None:
    """Predict and count images of one size, which form one batch."""
    images = torch.stack([item["image"] for item in items]).to(device, non_blocking=True)
    with torch.autocast(device.type, amp or torch.bfloat16, enabled=amp is not None):
        scores = predict(images)
    for i, item in enumerate(items):
        prediction = count(scores.of(slice(i, i + 1)), item, metric)
        if watch is not None:
            watch(item, prediction)


def count(scores: ScoreMap, item: Item, metric: Metric) -> Tensor:
    """Count one image. Returns its predicted class map, at the size of its label, on the CPU."""
    target, path = item["label"], item["path"]
    if not metric.needs_confidence:
        prediction = scores.classes(target.shape)[0].cpu()
        metric.update(prediction, target, path=path)
        return prediction
    prediction, confidence = (own[0].cpu() for own in scores.classes_and_confidences(target.shape))
    metric.update(prediction, target, confidence, path)
    return prediction
