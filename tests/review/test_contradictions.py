"""Places of a data set: planted errors come first, calibrated by what is typical of a class."""

import numpy as np
import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.repeat import RepeatDataset
from segbox.data.datasets.shapes import ShapesDataset
from segbox.errors import ConfigError, DataError
from segbox.evaluation.score_map import LogitMap
from segbox.review.contradictions import Review, different_images, judged, repeats_of
from segbox.review.folds import folds_of
from segbox.review.places_page import region_of
from tests.review.planted import KINDS, plant

CPU = torch.device("cpu")
UNSURE = 5  # the class of which the stub model is never sure


class Planted(SegDataset):
    """Generated shapes. The image shows the true label; some labels have an error."""

    classes = ShapesDataset.classes
    palette = ShapesDataset.palette
    transform_labels = False

    def __init__(self, count: int, wrong: int) -> None:
        rng = np.random.default_rng(1)
        shapes = ShapesDataset(count, size=(64, 80), radii=(0.15, 0.3))
        self.truth = [shapes.load(index)["label"] for index in range(count)]
        self.labels, self.masks = [*self.truth], {}
        for number, index in enumerate(rng.permutation(count)[:wrong].tolist()):
            label, mask = plant(self.truth[index], KINDS[number % 3], len(self.classes), rng)
            if mask.any():
                self.labels[index], self.masks[index] = label, mask

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, index: int) -> dict:
        truth = np.where(self.truth[index] == IGNORE_INDEX, 0, self.truth[index])
        image = np.repeat(truth[..., None], 3, axis=2).astype(np.uint8)
        return {"image": image, "label": self.labels[index], "path": f"{index:03d}", "size": image.shape[:2]}


def stub(images: torch.Tensor) -> LogitMap:
    """Knows the truth, draws its borders two pixels to the right, and confuses whole objects of one class, unsurely."""
    truth = images[:, 0].long()
    truth = torch.cat([truth[..., :1].expand(-1, -1, 2), truth[..., :-2]], dim=2)
    logits = torch.nn.functional.one_hot(truth, len(ShapesDataset.classes)).movedim(3, 1).float() * 6
    unsure = (truth == UNSURE)[:, None].float()
    return LogitMap(logits * (1 - unsure * 0.75))


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    dataset = Planted(count=60, wrong=18)
    review = Review(dataset, tmp_path_factory.mktemp("review"))
    review.add(different_images(dataset), stub, CPU)
    return review


def is_hit(review: Review, place) -> bool:
    mask = review.dataset.masks.get(place.index)
    region = region_of(place, review.dataset.labels[place.index], review.prediction(place.index)) > 0
    return mask is not None and (mask & region).sum() > 0.5 * region.sum()


def test_planted_errors_come_first(reviewed):
    """Nearly all in the first N places of N errors; N random images hold a third of them. None is missing."""
    places, errors = reviewed.ranked(), reviewed.dataset.masks
    assert reviewed.images == 60 and len(errors) >= 15
    hits = {place.index for place in places[: len(errors)] if is_hit(reviewed, place)}
    assert len(hits) >= 0.8 * len(errors)
    assert {place.index for place in places if is_hit(reviewed, place)} == set(errors)


def test_a_class_of_which_the_model_is_never_sure_is_judged_by_its_own_measure(reviewed):
    typical = reviewed.typical()
    assert typical[UNSURE] < 0.45 and np.delete(typical, UNSURE).min() > 0.7
    sure = [place for place in reviewed.ranked() if place.predicted == UNSURE and is_hit(reviewed, place)]
    assert sure and all(place.confidence < 0.5 for place in sure)


def test_typical_probabilities_are_means_over_the_labelled_pixels(reviewed):
    sums, counts = np.zeros(7), np.zeros(7)
    for index in range(60):
        image = torch.from_numpy(reviewed.dataset.load(index)["image"]).movedim(2, 0)[None]
        probabilities = stub(image).logits.softmax(dim=1)[0].double().numpy()
        for own in range(7):
            mask = reviewed.dataset.labels[index] == own
            sums[own] += probabilities[own][mask].sum()
            counts[own] += mask.sum()
    assert reviewed.typical() == pytest.approx(sums / counts, rel=1e-4)


def test_scores_follow_the_formula(reviewed):
    typical = reviewed.typical()
    places = reviewed.ranked()
    assert [place.score for place in places] == sorted((place.score for place in places), reverse=True)
    for place in places[:5]:
        expected = place.odds - np.log(typical[place.predicted]) + np.log(typical[place.labelled])
        assert place.score == pytest.approx(expected * np.log(place.pixels))


def test_scores_are_read_at_the_size_of_the_label():
    logits = torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    label = torch.randint(0, 4, (9, 11), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    label[0, :3] = IGNORE_INDEX
    prediction, best, own = judged(LogitMap(logits), label)
    large = torch.nn.functional.interpolate(logits, (9, 11), mode="bilinear", align_corners=False)[0].log_softmax(0)
    assert np.array_equal(prediction, large.argmax(0).numpy())
    assert np.allclose(best, large.max(0).values.numpy(), atol=1e-5)
    for y in range(9):
        for x in range(11):
            if label[y, x] != IGNORE_INDEX:
                assert own[y, x] == pytest.approx(float(large[int(label[y, x]), y, x]), abs=1e-4)


def test_nothing_to_judge(tmp_path):
    with pytest.raises(DataError, match="none of the images can be read"):
        Review(ShapesDataset(2), tmp_path).ranked()


# --- parts -----------------------------------------------------------------------------------------------------------


def test_each_image_is_judged_once_by_a_model_that_has_not_seen_it():
    dataset = RepeatDataset(ShapesDataset(7), times=3)
    assert different_images(dataset) == [0, 1, 2, 3, 4, 5, 6]
    assert repeats_of(dataset)[2] == [2, 9, 16]
    parts = list(folds_of(dataset, 3))
    assert sorted(index for judged, _ in parts for index in judged) == [*range(7)]
    for own, others in parts:
        assert sorted({index % 7 for index in others}) == sorted(set(range(7)) - set(own))
        assert len(others) == 3 * (7 - len(own))
    assert parts == list(folds_of(dataset, 3))


def test_too_many_parts():
    with pytest.raises(ConfigError, match="--folds 8: expected 2 to 7 parts, the number of images"):
        next(folds_of(ShapesDataset(7), 8))
