"""Predictors: windows, scales and mirror images of models for which the answer is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from segbox.errors import ConfigError
from segbox.evaluation.inference import build_inference, multi_scale, slide, starts, whole_image, with_flip
from segbox.evaluation.score_map import LogitMap, normalized_entropy
from segbox.registry import call
from tests.tiny import tiny_model


class Pointwise(nn.Module):
    """A pixel's logits depend on this pixel alone; sizes of what it saw are kept."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(3, 4, 1)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        return self.mix(images.float() / 50)


def probabilities(predict, images):
    return predict(images).probabilities(images.shape[-2:])


@pytest.fixture
def images():
    return torch.randint(0, 256, (2, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def model():
    return Pointwise().eval().requires_grad_(False)


@pytest.mark.parametrize("window", [(16, 16), (37, 20), (20, 53), (37, 53), (64, 64), (64, 16), (1, 1)])
@pytest.mark.parametrize("windows_per_batch", [1, 4, 100])
def test_sliding_a_pointwise_model_changes_nothing(model, images, window, windows_per_batch):
    stride = (max(1, window[0] * 2 // 3), max(1, window[1] // 2))
    if window == (1, 1):
        images = images[..., :5, :6]
    expected = probabilities(whole_image(model), images)
    model.seen.clear()
    found = probabilities(slide(whole_image(model), window, stride, windows_per_batch), images)
    assert torch.allclose(found, expected, atol=1e-6)
    assert {shape[2:] for shape in model.seen} == {(min(window[0], images.shape[2]), min(window[1], images.shape[3]))}
    assert max(shape[0] for shape in model.seen) <= 2 * windows_per_batch


def test_several_windows_per_pass_are_the_same_as_one_by_one(images):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 5, padding=2).double().requires_grad_(False)
    images = images.double() / 50
    one, many = (probabilities(slide(whole_image(model), (16, 24), (10, 13), number), images) for number in (1, 5))
    assert torch.allclose(one, many, atol=1e-6)
    assert not torch.allclose(
        one, probabilities(whole_image(model), images), atol=1e-3
    )  # this model does see its window


def test_overlaps_are_averaged():
    """A model that answers by the left edge of what it sees: where two windows meet, the mean of both.

    A number that all logits of a window share does not count.
    """

    def predict(images):
        value = images[:, :1, :1, :1].expand(-1, 1, *images.shape[2:])
        return LogitMap(torch.cat([value, 1 - value], dim=1).log() + 3 * value)

    images = torch.arange(6.0).view(1, 1, 1, 6) / 8
    found = probabilities(slide(predict, (1, 4), (1, 2)), images)[0, 0, 0]
    assert (found * 8).tolist() == pytest.approx([0, 0, 1, 1, 2, 2], abs=1e-5)


@pytest.mark.parametrize("length", range(1, 40))
@pytest.mark.parametrize(("window", "stride"), [(1, 1), (5, 2), (8, 8), (10, 7)])
def test_windows_cover_exactly(length, window, stride):
    window = min(window, length)
    found = starts(length, window, stride)
    covered = [y for start in found for y in range(start, start + window)]
    assert set(covered) == set(range(length)) and min(covered) == 0 and max(covered) == length - 1
    assert found == sorted(set(found)) and all(b - a <= stride for a, b in zip(found, found[1:]))
    assert len(found) == 1 or found[-2] + window < length  # none that could be left out


def test_the_mirror_image_of_a_pointwise_model_changes_nothing(model, images):
    found, expected = (
        probabilities(predict, images) for predict in (with_flip(whole_image(model)), whole_image(model))
    )
    assert torch.allclose(found, expected, atol=1e-6)


def test_flipping_makes_any_model_symmetric(images):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3, padding=1).requires_grad_(False)
    predict = with_flip(whole_image(model))
    images = images.float() / 50
    mirrored = probabilities(predict, images.flip(-1)).flip(-1)
    assert torch.allclose(probabilities(predict, images), mirrored, atol=1e-6)
    assert not torch.allclose(probabilities(whole_image(model), images), mirrored, atol=1e-3)


@pytest.mark.parametrize("test", [{}, {"flip": True}, {"mode": "slide", "window": 24}, {"scales": (0.5, 1.0)}])
def test_filling_up_to_whole_cells_changes_nothing_for_a_pointwise_model(model, images, test):
    expected = probabilities(build_inference(model, **test), images)
    model.seen.clear()
    found = build_inference(model, **test, divisor=16)(images)
    assert torch.allclose(found.probabilities((37, 53)), expected, atol=1e-5)
    assert torch.allclose(found.of(slice(1, 2)).probabilities((37, 53))[0], expected[1], atol=1e-5)
    assert all(side % 16 == 0 for shape in model.seen for side in shape[2:])


def test_filling_up_puts_the_cells_of_a_coarse_map_where_they_are():
    """The mean of a ramp over cells of 16 pixels is the ramp at their middle; 70 pixels are 4.4 cells."""

    class Cells(nn.Module):
        mean = torch.tensor([35.0]).view(1, 1, 1)

        def logits(self, images):
            self.border = images[..., -1, :].unique().tolist()
            missing = (0, -images.shape[3] % 16, 0, -images.shape[2] % 16)
            height = F.avg_pool2d(F.pad(images.float(), missing), 16)
            return torch.cat([height, torch.zeros_like(height)], dim=1)

    model = Cells()
    ramp = torch.arange(70)
    for images in (ramp.view(1, 1, -1, 1).expand(1, 1, 70, 64).to(kind) for kind in (torch.float, torch.uint8)):
        off = build_inference(model)(images).at((70, 64))[0, 0, :, 30]
        assert model.border == [69]
        exact = build_inference(model, divisor=16)(images).at((70, 64))[0, 0, :, 30]
        assert model.border == [35]
        inside = slice(8, 56)  # to the middle of the last whole cell
        assert torch.allclose(exact[inside], ramp[inside].float(), atol=1e-3)
        assert (off - ramp)[inside].abs().max() > 4


def test_scales_of_a_flat_image_change_nothing(model):
    images = torch.full((1, 3, 20, 30), 90, dtype=torch.uint8)
    found = probabilities(multi_scale(whole_image(model), (0.5, 1.0, 1.75)), images)
    assert [shape[2:] for shape in model.seen] == [(35, 52), (20, 30), (10, 15)]
    assert torch.allclose(found, probabilities(whole_image(model), images), atol=1e-6)


def test_several_scales_are_the_mean_of_each(model, images):
    size = images.shape[-2:]
    each = [probabilities(multi_scale(whole_image(model), (scale,)), images) for scale in (1.0, 1.4)]
    found = probabilities(multi_scale(whole_image(model), (1.0, 1.4)), images)
    assert torch.allclose(found, sum(each) / 2, atol=1e-6)
    assert multi_scale(whole_image(model), (0.6, 0.4))(images).own_size == (22, 32)
    assert multi_scale(whole_image(model), (0.6, 1.4))(images).own_size == size


def test_a_base_size_is_the_longer_side_at_scale_1(model, images):
    build_inference(model, scales=(0.5, 1.5), base_size=106)(images)
    assert [shape[2:] for shape in model.seen] == [(111, 159), (37, 53)]
    model.seen.clear()
    build_inference(model, base_size=106)(images)  # has no effect on a single scale, as in the older toolboxes
    assert [shape[2:] for shape in model.seen] == [(37, 53)]


@pytest.mark.parametrize("mode", ["whole", "slide"])
@pytest.mark.parametrize("flip", [True, False])
def test_probabilities_sum_to_one(model, images, mode, flip):
    predict = build_inference(model, mode, window=16, scales=(0.5, 1.25), flip=flip)
    found = probabilities(predict, images)
    assert found.shape == (2, 4, 37, 53) and found.dtype == torch.float32
    assert torch.allclose(found.sum(dim=1), torch.ones(2, 37, 53), atol=1e-5) and found.min() >= 0


def test_the_default_stride_is_two_thirds_of_the_window(model, images):
    build_inference(model, "slide", window=(15, 53), windows_per_batch=1)(images)
    assert len(model.seen) == len(starts(37, 15, 10)) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "window"}, "test: mode 'window' is none of whole, slide, crop"),
        ({"scales": ()}, "test: scales (): expected one or more numbers above 0"),
        ({"scales": (1.0, 0)}, "expected one or more numbers above 0"),
        ({"scales": (float("nan"),)}, "test.scales.0: expected a finite number, got nan"),
        ({"scales": (1.0, float("inf"))}, "test.scales.1: expected a finite number, got inf"),
        ({"mode": "slide", "window": (8, 8), "stride": (9, 4)}, "expected 1 <= stride <= window"),
        ({"mode": "slide", "window": (8, 8), "stride": 0}, "expected 1 <= stride <= window"),
        ({"base_size": 0}, "test: base_size 0: expected 1 pixel or more"),
        ({"divisor": 0}, "test: divisor 0: expected 1 pixel or more"),
        ({"divisor": 2.5}, "test.divisor: expected a whole number, got 2.5"),
        ({"flip": "yes"}, "test.flip: expected True or False, got 'yes'"),
        ({"scale": (1.0,)}, "test.scale: build_inference takes no argument 'scale'. Did you mean \"scales\"?"),
    ],
)
def test_mistakes_in_the_section_test(model, settings, message):
    with pytest.raises(ConfigError) as caught:
        call(build_inference, settings, "test", model=model)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "test",
    [{}, {"flip": True}, {"scales": (0.5, 1.0)}, {"mode": "slide", "window": 24}, {"divisor": 16, "flip": True}],
)
def test_a_model_is_asked_for_logits_at_its_own_scale_and_classes_agree_with_probabilities(test):
    model = tiny_model(num_classes=5).eval().requires_grad_(False)
    images = torch.randint(0, 256, (2, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    scores = build_inference(model, **test)(images)
    if not {"mode", "divisor"} & set(test):
        assert scores.shape[2:] == scores.own_size == model.logits(images).shape[2:] and scores.shape[3] < 53
    size = (41, 60)
    classes, confidence = scores.classes_and_confidences(size)
    full = scores.probabilities(size)
    highest = full.max(dim=1)
    assert (classes == highest.indices).float().mean() > 0.999 and torch.equal(classes, scores.classes(size))
    assert torch.allclose(confidence, highest.values, atol=1e-5)
    again, same, entropy = scores.classes_confidences_entropies(size)
    assert torch.equal(again, classes) and torch.equal(same, confidence)
    assert torch.allclose(entropy, -(full * full.log()).sum(dim=1) / math.log(5), atol=1e-5)
    one = scores.of(slice(1, 2))
    assert torch.allclose(one.probabilities(size)[0], full[1], atol=1e-6)


def test_entropy_is_0_where_one_class_is_certain_and_1_where_all_are_equally_probable():
    probabilities = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]])
    assert torch.allclose(normalized_entropy(probabilities, dim=1), torch.tensor([0, 1, 0.5]))
    assert normalized_entropy(torch.ones(3, 1), dim=1).tolist() == [0, 0, 0]  # a single class


def test_a_single_pass_is_the_models_own_output():
    model = tiny_model(num_classes=5).eval().requires_grad_(False)
    images = torch.randint(0, 256, (1, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    expected = model(images)
    scores = whole_image(model)(images)
    assert torch.allclose(scores.at((37, 53)), expected, atol=1e-5)
    assert torch.allclose(probabilities(whole_image(model), images), expected.softmax(dim=1), atol=1e-6)


@pytest.mark.parametrize("test", [{}, {"flip": True}, {"scales": (0.5, 1.0)}, {"mode": "slide", "window": 24}])
def test_one_channel_is_the_log_odds_of_the_second_class(test):
    model = tiny_model(num_classes=2, decode_head={"type": "FCNHead", "out_channels": 1}).eval().requires_grad_(False)
    images = torch.randint(0, 256, (1, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert model(images).shape[1] == 1 and model.logits(images).shape[1] == 2
    found = probabilities(build_inference(model, **test), images)
    assert found.shape == (1, 2, 37, 53) and torch.allclose(found.sum(dim=1), torch.ones(1, 37, 53), atol=1e-5)
    if not test:
        assert torch.allclose(found[:, 1], model(images)[:, 0].sigmoid(), atol=1e-5)
    bare = nn.Conv2d(3, 1, 1).requires_grad_(False)
    found = probabilities(whole_image(bare), images.float() / 255)
    assert torch.allclose(found[:, 1], bare(images.float() / 255)[:, 0].sigmoid(), atol=1e-6)


def test_half_precision_stays_out_of_what_is_made_of_logits():
    model = tiny_model(num_classes=5).eval().requires_grad_(False)
    images = torch.randint(0, 256, (1, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        scores = build_inference(model, flip=True, scales=(0.5, 1.0))(images)
        inside = scores.probabilities((37, 53))
    assert torch.equal(inside, scores.probabilities((37, 53))) and inside.dtype == torch.float32


@pytest.mark.parametrize("test", [{}, {"flip": True}, {"mode": "slide", "window": (256, 256)}, {"divisor": 48}])
def test_no_tensor_of_all_classes_at_full_size_is_made(test):
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            nonlocal largest
            result = function(*arguments, **(keywords or {}))
            made = result if isinstance(result, tuple) else (result,)
            largest = max([largest, *(own.untyped_storage().nbytes() for own in made if isinstance(own, Tensor))])
            return result

    class Coarse(nn.Module):
        def logits(self, images):
            return torch.zeros(len(images), 60, images.shape[2] // 8, images.shape[3] // 8)

    images = torch.zeros(1, 3, 320, 320, dtype=torch.uint8)
    with Watch():
        assert build_inference(Coarse(), **test)(images).classes((320, 320)).shape == (1, 320, 320)
    assert 0 < largest < 60 * 320 * 320 * 4 / 3


def test_what_is_kept_in_inference_mode_serves_gradients_too():
    logits = torch.randn(1, 3, 5, 7, requires_grad=True)
    with torch.inference_mode():
        LogitMap(logits.detach()).at((11, 13))
    resized = LogitMap(logits).rows_at(slice(0, 11), (11, 13))
    resized.sum().backward()
    assert logits.grad.sum().item() == pytest.approx(3 * 11 * 13, rel=1e-5)


@pytest.mark.parametrize("scale", [1e6, 1e30, 1e308])
def test_a_scale_that_fits_no_memory_is_refused_with_the_numbers(scale):
    message = r"test\.scales \(--scales\): at scale .*e\+.*, an image of .* pixels takes .* GB; this machine has .* GB"
    with pytest.raises(ConfigError, match=message):
        build_inference(Pointwise(), scales=(1.0, scale))(torch.zeros(1, 3, 40, 50))


SIZES = [(37, 53), (37, 20), (9, 53), (60, 53), (1, 1), (5, 7)]  # of a map of 5 x 7


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_map_is_resized_as_its_model_does(size, align_corners):
    logits = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)
    scores = LogitMap(logits, align_corners)
    torch.testing.assert_close(scores.at(size), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(scores.of(slice(1, 2)).at(size), expected[1:], rtol=1e-5, atol=1e-5)


@pytest.fixture
def aligned():
    torch.manual_seed(0)
    model = tiny_model(head="PSPHead", align_corners=True).eval()
    return model.requires_grad_(False)


def widened(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def test_aligned_corners_in_a_single_pass(aligned, images):
    scores = build_inference(aligned)(images)
    torch.testing.assert_close(scores.at((37, 53)), aligned(images), rtol=1e-4, atol=1e-5)
    own = widened(aligned.logits(images), (90, 70))
    torch.testing.assert_close(scores.probabilities((90, 70)), own.softmax(dim=1), rtol=1e-4, atol=1e-5)


def test_aligned_corners_in_windows(aligned, images):
    """Each window as an image of its own, then all of it at the size of the label."""
    total = torch.zeros(len(images), 5, 37, 53)
    for y in (0, 10, 17):
        for x in (0, 15, 29):
            total[..., y : y + 20, x : x + 24] += aligned(images[..., y : y + 20, x : x + 24]).softmax(dim=1)
    scores = build_inference(aligned, mode="slide", window=(20, 24), stride=(10, 15))(images)
    torch.testing.assert_close(scores.probabilities((37, 53)), total / total.sum(1, keepdim=True), rtol=1e-4, atol=1e-5)
    expected = widened(total.log(), (50, 80)).softmax(dim=1)
    torch.testing.assert_close(scores.probabilities((50, 80)), expected, rtol=1e-4, atol=1e-5)


def test_aligned_corners_of_a_padded_image(aligned, images):
    larger = aligned.mean.round().to(torch.uint8).expand(len(images), 3, 48, 64).clone()
    larger[..., :37, :53] = images
    scores = build_inference(aligned, divisor=16)(images)
    torch.testing.assert_close(scores.at((37, 53)), aligned(larger)[..., :37, :53], rtol=1e-4, atol=1e-5)
    expected = widened(aligned(larger)[..., :37, :53], (70, 60))
    torch.testing.assert_close(scores.at((70, 60)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("test", [{"flip": True}, {"scales": (1.0, 0.5)}])
def test_aligned_corners_of_what_is_averaged(aligned, images, test):
    """Averaged at the scale of the finest logits, then resized once."""
    own = aligned.logits(images)
    if "flip" in test:
        others = [aligned.logits(images.flip(-1)).softmax(dim=1).flip(-1)]
    else:
        small = F.interpolate(images.float(), (18, 26), mode="bilinear", align_corners=False)
        others = [widened(aligned.logits(small), own.shape[-2:]).softmax(dim=1)]
    total = sum([own.softmax(dim=1), *others])
    scores = build_inference(aligned, **test)(images)
    expected = widened(total.log(), (37, 53)).softmax(dim=1)
    torch.testing.assert_close(scores.probabilities((37, 53)), expected, rtol=1e-4, atol=1e-5)
