"""Class maps: those of all full-size logits or probabilities, although most of these are not computed."""

import pytest
import torch
import torch.nn.functional as F

from segbox.errors import DataError
from segbox.evaluation import class_maps
from segbox.evaluation.class_maps import largest, whole_spans
from segbox.evaluation.inference import starts
from segbox.evaluation.score_map import CroppedMap, LogitMap, ScoreMap, Window, WindowMap

SIZES = [((6, 9), (48, 72)), ((7, 40), (50, 300)), ((9, 9), (9, 9)), ((1, 1), (5, 7)), ((1, 6), (3, 50))]


def regions(classes, size, seed=0, noise=0.5):
    """Logits of smooth regions, as a trained model has them."""
    torch.manual_seed(seed)
    coarse = F.interpolate(4 * torch.randn(2, classes, 3, 3), size, mode="bicubic")
    return coarse + noise * torch.randn_like(coarse)


def full(logits, size, align_corners):
    return F.interpolate(logits.double(), size, mode="bilinear", align_corners=align_corners)


def agree(found, values):
    """The same classes, except where two values are equal but for rounding."""
    best = values.max(dim=1)
    chosen = values.gather(1, found[:, None].long())[:, 0]
    assert found.dtype == torch.uint8 and found.shape == best.indices.shape
    assert ((best.values - chosen) <= 1e-5 * values.abs().max()).all()
    assert (found == best.indices).float().mean() > 0.999


@pytest.fixture(params=[4096, 512])
def pixels(request, monkeypatch):
    monkeypatch.setattr(class_maps, "FEWEST_PIXELS", request.param)
    monkeypatch.setattr(class_maps, "FLOATS", request.param)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), SIZES)
@pytest.mark.parametrize("noise", [0.0, 8.0])
def test_classes_are_those_of_all_logits(small, size, align_corners, noise, pixels):
    logits = regions(7, small, noise=noise)
    agree(LogitMap(logits, align_corners).classes(size), full(logits, size, align_corners))


def test_more_classes_than_a_signed_byte_holds():
    logits = torch.randn(1, 255, 4, 5)
    agree(LogitMap(logits).classes((30, 40)), full(logits, (30, 40), False))


def test_classes_that_no_byte_names_are_refused_and_their_probabilities_are_not():
    scores = LogitMap(torch.randn(1, 256, 4, 5))
    for size in ((30, 40), (3, 4)):  # by both ways
        for read in (scores.classes, scores.classes_and_confidences, scores.classes_confidences_entropies):
            with pytest.raises(DataError, match="the model: 256 classes; class maps and labels are bytes"):
                read(size)
    assert scores.probabilities((30, 40)).shape == (1, 256, 30, 40)


@pytest.mark.parametrize("few", [0.0, 1.1], ids=["by blocks", "by pixels"])
@pytest.mark.parametrize(("align_corners", "noise", "classes"), [(False, 8.0, 7), (True, 0.0, 7), (False, 8.0, 40)])
def test_overlapping_windows_add_up_their_probabilities(align_corners, noise, classes, few, pixels, monkeypatch):
    monkeypatch.setattr(class_maps, "FEW", few)
    (height, width), (h, w) = (90, 150), (64, 50)
    corners = [(y, x) for y in starts(height, h, 42) for x in starts(width, w, 33)]
    parts = [regions(classes, (9, 7), seed, noise) for seed in range(len(corners))]
    windows = [Window(y, x, h, w, LogitMap(own, align_corners)) for (y, x), own in zip(corners, parts, strict=True)]
    total = torch.zeros(2, classes, height, width, dtype=torch.double)
    for (y, x), own in zip(corners, parts, strict=True):
        total[..., y : y + h, x : x + w] += full(own, (h, w), align_corners).softmax(dim=1)
    scores = WindowMap(windows, height, width)
    agree(scores.classes((height, width)), total)
    assert torch.equal(scores.of(slice(1, 2)).classes((height, width))[0], scores.classes((height, width))[1])


def test_probabilities_are_computed_where_windows_differ(monkeypatch):
    """The point of it all."""
    left, right = torch.zeros(2, 1, 4, 6, 6)
    left[:, 1], right[:, 1], right[:, 2, 2, 2] = 5, 5, 9
    seen, add_up = [], class_maps.summed_pixels
    monkeypatch.setattr(class_maps, "summed_pixels", lambda own, y, x: seen.append((y, x)) or add_up(own, y, x))
    windows = [Window(0, x, 48, 48, LogitMap(own)) for x, own in ((0, left), (24, right))]
    found = WindowMap(windows, 48, 72).classes((48, 72))[0]
    alone = LogitMap(right).classes((48, 48))[0]
    [(y, x)] = seen
    assert set(zip(y.tolist(), x.tolist())) == set(
        map(tuple, ((alone[:, :24] == 2).nonzero() + torch.tensor([0, 24])).tolist())
    )
    assert (found[:, 48:] == alone[:, 24:]).all() and (found[:, :24] == 1).all()


def test_the_way_for_any_map_finds_the_same():
    logits = regions(5, (12, 12))
    scores = LogitMap(logits)
    assert (scores.classes((96, 96)) == ScoreMap.classes(scores, (96, 96))).float().mean() > 0.999


def test_of_equal_classes_the_first_is_taken():
    logits = torch.zeros(1, 4, 3, 3)
    logits[:, 0] = -1
    assert (LogitMap(logits).classes((20, 20)) == 1).all()
    assert largest(torch.tensor([[1.0], [3.0], [3.0]]), torch.tensor([2, 5, 9])).tolist() == [5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_not_finite_take_the_way_for_any_map(value):
    logits = torch.randn(1, 4, 5, 5)
    logits[0, 2, 2, 2] = value
    scores = LogitMap(logits)
    assert not scores.is_quick((20, 20), float("inf"))
    assert torch.equal(scores.classes((20, 20)), ScoreMap.classes(scores, (20, 20)))


def test_a_cropped_map_is_part_of_the_map_of_the_padded_image():
    whole = LogitMap(regions(5, (6, 6)).requires_grad_())
    scores = CroppedMap(whole, (48, 48), (41, 45))
    assert torch.equal(scores.classes((41, 45)), whole.classes((48, 48))[:, :41, :45])
    assert (scores.classes((41, 45)) == ScoreMap.classes(scores, (41, 45))).float().mean() > 0.999
    assert torch.equal(scores.classes((20, 20)), ScoreMap.classes(scores, (20, 20)))


def test_shrunk_maps_and_other_sizes_of_windows_take_the_way_for_any_map():
    logits = torch.randn(1, 4, 20, 20)
    agree(LogitMap(logits).classes((11, 50)), full(logits, (11, 50), False))
    windows = [Window(0, 0, 40, 40, LogitMap(logits)), Window(0, 10, 40, 40, LogitMap(-logits))]
    scores = WindowMap(windows, 40, 50)
    assert torch.equal(scores.classes((60, 60)), ScoreMap.classes(scores, (60, 60)))


def test_a_block_of_one_class_is_not_computed(monkeypatch):
    """The point of it all."""
    logits = torch.zeros(1, 5, 32, 64)
    logits[:, 3, :, :40] = logits[:, 1, :, 40:] = 9
    seen = []
    monkeypatch.setattr(class_maps, "largest", lambda values, ids: seen.append(ids.tolist()) or largest(values, ids))
    found = LogitMap(logits).classes((256, 512))
    assert seen.pop(0) == [0, 1, 2, 3, 4]  # at the scale of the logits
    assert seen == [[1, 3]] * len(seen) and 0 < len(seen) <= 5
    assert (found[..., :316] == 3).all() and (found[..., 324:] == 1).all()


def test_blocks_end_with_whole_spans():
    rows = [(own.start, own.stop) for own in whole_spans(4, [4, 8, 8, 30, 3], 16)]
    assert rows == [(4, 16), (16, 24), (24, 40), (40, 54), (54, 57)]


def test_windows_may_reach_beyond_the_map_and_leave_gaps():
    """As in a band of a raster."""
    corners, size = [(-40, 0), (-40, 33), (24, 33), (-64, 0), (0, 90)], (40, 90)
    windows = [Window(y, x, 64, 50, LogitMap(regions(7, (9, 7), i)[:1])) for i, (y, x) in enumerate(corners)]
    band = WindowMap(windows, *size)
    found, slowly = band.classes(size), ScoreMap.classes(band, size)
    assert all(own.is_quick() for own in windows) and (found == slowly).float().mean() > 0.999
    assert (found[0, 24:, :33] == 0).all()
