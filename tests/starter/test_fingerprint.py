"""How thin classes are, compared with drawn stripes; and what else is taken from a scan."""

import numpy as np
import pytest

from segbox.doctor.inspect_folder import inspect_folder
from segbox.starter.fingerprint import fingerprint, median_width, region_widths
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.starter.facts import facts


@pytest.mark.parametrize("width", [2, 3, 4, 7, 12, 30])
@pytest.mark.parametrize("is_upright", [True, False])
def test_the_width_of_a_stripe(width, is_upright):
    label = np.zeros((100, 120), np.uint8)
    label[:, 40 : 40 + width] = 1
    found = dict(region_widths(label if is_upright else label.T.copy(), 2))
    [(measured, pixels)] = found[1]
    assert measured == pytest.approx(width, abs=0.5) and pixels == 100 * width
    assert len(found[0]) == 2  # the ground on both sides


def test_specks_do_not_make_a_class_thin():
    label = np.zeros((100, 120), np.uint8)
    label[10:50, 10:60] = 1
    label[70:90:4, ::4] = 1  # 150 single pixels
    rows = dict(region_widths(label, 2))[1]
    assert len(rows) == 151 and median_width(rows) > 20
    assert median_width(np.array([[2.0, 10], [9.0, 11]])) == 9 and median_width(np.array([[2.0, 11], [9.0, 10]])) == 2


def test_ignored_pixels_belong_to_no_class():
    label = np.full((20, 30), 255, np.uint8)
    label[5:9] = 1
    assert [k for k, _ in region_widths(label, 2)] == [1]


def test_of_a_folder(tmp_path):
    for i, size in enumerate([(40, 70), (40, 70), (60, 80)]):
        label = np.zeros(size, np.uint8)
        label[:, 20:22] = 255  # binary masks of 0 and 255: the map to classes counts
        write_image(tmp_path / f"images/train/{i}.png", smooth_image(*size, seed=i))
        write_image(tmp_path / f"masks/train/{i}.png", label)
    write_image(tmp_path / "images/val/9.png", smooth_image(40, 70, seed=9))
    write_image(tmp_path / "masks/val/9.png", 255 * blocky_label(40, 70, 2))
    own = fingerprint(inspect_folder(str(tmp_path)))
    assert (own.train_images, own.val_images, own.median, own.largest) == (3, 1, (40, 70), (60, 80))
    assert own.is_binary and own.is_rgb and not own.has_one_size and not own.is_large
    assert own.thin == (1,) and own.rarest == 1 and own.imbalance == pytest.approx(10400 / 280 - 1)


def test_what_follows_from_the_numbers():
    own = facts(classes=("a", "b", "c"), fractions=(0.9, 0.1, 0.0), widths=(9.0, 3.5, 0.0))
    assert own.thin == (1,) and own.rarest == 1 and own.imbalance == pytest.approx(9) and not own.is_imbalanced
    assert facts(largest=(1500, 1500)).is_large and not facts(bits=16).is_rgb and not facts(channels=1).is_rgb
