"""Predictions of heads that predict masks: each way of inference, against the formula and with bounded memory."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from segbox.evaluation.inference import build_inference
from segbox.evaluation.predictor import Predictor
from segbox.evaluation.score_map import MaskMap
from segbox.models.class_scores import at_size
from segbox.models.layers.masks import Masks
from tests.faulty_data import smooth_image
from tests.models.tiny_mask_head import TinyMaskHead
from tests.tiny import random_batch, tiny_model
from tests.trained import write_checkpoint

SIZE = 23, 31


def predicted(queries=5, classes=3, size=(6, 8), seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = (2 * torch.randn(2, queries, *rest, generator=generator) for rest in ((classes + 1,), size))
    return Masks(*drawn)


class Pointwise(nn.Module):
    """Masks of a pixel depend on this pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(3, 5, 1)
        self.classes = torch.randn(1, 5, 4)

    def logits(self, images: Tensor) -> Masks:
        return Masks(self.classes.expand(len(images), -1, -1), self.mix(images.float() / 50))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [SIZE, (6, 8), (6, 31), (3, 4)])
def test_scores_are_sums_over_queries(size, align_corners):
    masks = predicted()
    wide = F.interpolate(masks.masks, size, mode="bilinear", align_corners=align_corners)
    scores = torch.zeros(2, 3, *size)
    for query in range(5):
        for c in range(3):
            scores[:, c] += masks.classes[:, query].softmax(1)[:, c, None, None] * wide[:, query].sigmoid()
    found = MaskMap(masks, align_corners)
    torch.testing.assert_close(found.at(size), scores.log(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(at_size(masks, size, align_corners), scores.log(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.probabilities(size), scores / scores.sum(1, keepdim=True), rtol=1e-4, atol=1e-5)
    assert torch.equal(found.classes(size), scores.argmax(1).to(torch.uint8))
    torch.testing.assert_close(found.of(slice(1, 2)).at(size), scores[1:].log(), rtol=1e-4, atol=1e-5)


def test_queries_that_see_nothing_leave_finite_scores():
    masks = Masks(torch.zeros(1, 2, 4), torch.full((1, 2, 4, 5), -1e4))
    assert MaskMap(masks).at((9, 9)).isfinite().all()
    assert torch.equal(MaskMap(masks).probabilities((9, 9)), torch.full((1, 3, 9, 9), 1 / 3))


@pytest.mark.parametrize(
    "test",
    [dict(mode="slide", window=(16, 20), stride=(9, 13)), dict(flip=True), dict(divisor=16)],
    ids=["slide", "flip", "divisor"],
)
@torch.no_grad()
def test_ways_that_change_nothing_for_single_pixels(test):
    model, images = Pointwise(), random_batch(2, *SIZE, 3)[0]
    expected = build_inference(model)(images)
    found = build_inference(model, **test)(images)
    torch.testing.assert_close(found.probabilities(SIZE), expected.probabilities(SIZE), rtol=1e-4, atol=1e-6)
    assert torch.equal(found.classes(SIZE), expected.classes(SIZE))


@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0)])
@torch.no_grad()
def test_a_model_predicts_at_its_images_size(mask_head, scales):
    torch.manual_seed(0)
    model, images = tiny_model(head=mask_head).eval(), random_batch(2, 33, 47, 5)[0]
    logits = model(images)
    assert logits.shape == (2, 5, 33, 47) and isinstance(model.logits(images), Masks)
    scores = build_inference(model, scales=scales)(images)
    if scales == (1.0,):
        torch.testing.assert_close(scores.at((33, 47)), logits)
    classes, confidences, _ = scores.classes_confidences_entropies((33, 47))
    probabilities = scores.probabilities((33, 47))
    assert torch.equal(probabilities.argmax(1), classes.long())
    torch.testing.assert_close(probabilities.amax(1), confidences)


@pytest.mark.parametrize("shape", [(40, 3), (3, 40)], ids=["more queries", "more classes"])
def test_neither_all_masks_nor_all_scores_are_made_at_full_size(shape):
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            nonlocal largest
            result = function(*arguments, **(keywords or {}))
            made = result if isinstance(result, tuple) else (result,)
            largest = max([largest, *(own.untyped_storage().nbytes() for own in made if isinstance(own, Tensor))])
            return result

    masks = predicted(*shape, size=(30, 40))
    with Watch():
        MaskMap(masks).of(slice(0, 1)).classes((240, 320))
    assert 0 < largest < 40 * 240 * 320 * 4 / 2


def test_a_predictor_opens_a_checkpoint(tmp_path, mask_head):
    text = f'model["decode_head"] = dict(type="{mask_head}")\n'
    image = smooth_image(41, 57)
    predictors = [
        Predictor(None, write_checkpoint(tmp_path, text=text + f"test = dict({test})\n"), torch.device("cpu"))
        for test in ("", "mode='slide', window=(64, 64)")
    ]
    assert isinstance(predictors[0].model.decode_head, TinyMaskHead)
    one, other = (predictor.probabilities(image) for predictor in predictors)
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(one.sum(0), torch.ones(41, 57))
