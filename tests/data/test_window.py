import numpy as np
import pytest

from segbox.data.placement import identity
from segbox.data.window import TOLERANCE, resize_window
from tests.faulty_data import smooth_image


def naive(image: np.ndarray, placement) -> np.ndarray:
    """Bilinear interpolation in floats, the edge repeated."""
    (height, width), matrix = placement.size, placement.matrix
    weights = []
    for scale, shift, length, output in (
        (matrix[1, 1], matrix[1, 2], image.shape[0], height),
        (matrix[0, 0], matrix[0, 2], image.shape[1], width),
    ):
        own = np.zeros((output, length))
        for i in range(output):
            place = np.clip((i + 0.5 - shift) / scale - 0.5, 0, length - 1)
            low = int(place)
            own[i, low] += 1 - (place - low)
            own[i, min(low + 1, length - 1)] += place - low
        weights.append(own)
    return np.einsum("yh,xw,hwc->yxc", *weights, image.astype(float), optimize=True)


def windows(count: int = 20):
    """Random crops of an image that was resized by 0.51 to 3, some of them mirrored."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        ratio = rng.uniform(0.51, 3)
        size = int(300 * ratio + 0.5), int(400 * ratio + 0.5)
        height, width = (int(rng.integers(40, side + 1)) for side in (min(size[0], 120), min(size[1], 150)))
        placement = identity((300, 400)).resized(size)
        placement = placement.cropped(
            int(rng.integers(0, size[0] - height + 1)), int(rng.integers(0, size[1] - width + 1)), (height, width)
        )
        for direction in ("horizontal", "vertical"):
            placement = placement.flipped(direction) if rng.random() < 0.5 else placement
        yield placement


def test_it_is_a_window_of_the_resized_image():
    image, found = smooth_image(300, 400), 0
    for placement in windows():
        window = resize_window(image, placement)
        if window is not None:
            found += 1
            assert np.abs(window - naive(image, placement)).max() < 1.6  # half a level, and the grids
    assert found >= 18


def test_the_grids_meet_within_the_tolerance():
    """On a ramp of 8 levels a pixel of the source, a shift of the grid shows as a difference of levels."""
    image = np.repeat(np.arange(0, 2400, 8, dtype=np.float32)[:, None, None], 400, axis=1)
    differences = []
    for placement in windows():
        window = resize_window(image, placement)
        if window is not None:
            differences.append(np.abs(window - naive(image, placement)[:, :, 0]).max())
    assert 0 < max(differences) <= 8 * TOLERANCE + 0.01


def test_the_first_pixels_mix_with_those_before_the_window():
    image = np.repeat(np.arange(0, 240, 4, dtype=np.float32)[:, None, None], 80, axis=1)
    placement = identity((60, 80)).resized((120, 160)).cropped(8, 8, (40, 40))
    assert (resize_window(image, placement) == naive(image, placement)[:, :, 0]).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_grids_that_do_not_meet(scale):
    """Half a pixel of the output beside every pixel of the source."""
    placement = (
        identity((60, 80))
        .resized((60 * scale, 80 * scale))
        .then(np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]]), (40, 40))
    )
    assert resize_window(smooth_image(60, 80), placement) is None
