"""The contact sheet: what is on it, and where."""

import numpy as np

from segbox import IGNORE_INDEX
from segbox.viz.contact_sheet import contact_sheet
from tests.faulty_data import blocky_label, smooth_image

CLASSES = ("sky", "road", "a class with a very long name", "car")
PALETTE = [(0, 90, 200), (120, 120, 120), (0, 160, 0), (250, 40, 10)]


def sample(height=100, width=150, channels=3, dtype=np.uint8):
    image = smooth_image(height, width, channels).astype(dtype)
    return {"image": image, "label": blocky_label(height, width), "path": "a/b/made.png", "size": (height, width)}


def test_classes_are_in_their_colours():
    flat = {**sample(), "image": np.zeros((100, 150, 3), np.uint8), "label": np.full((100, 150), 3, np.uint8)}
    sheet = contact_sheet([flat], CLASSES, PALETTE, "heading")
    assert sheet.dtype == np.uint8
    mixed = (sheet == np.round(0.65 * np.array(PALETTE[3])).astype(np.uint8)).all(axis=2)
    assert mixed.sum() >= 100 * 150
    assert (sheet == PALETTE[3]).all(axis=2).sum() >= 14 * 14  # in the legend


def test_ignored_is_hatched():
    dark = {
        **sample(),
        "image": np.zeros((100, 150, 3), np.uint8),
        "label": np.full((100, 150), IGNORE_INDEX, np.uint8),
    }
    known = {**dark, "label": np.zeros((100, 150), np.uint8)}
    white = [(contact_sheet([s], CLASSES, PALETTE, "") == 255).all(axis=2).sum() for s in (dark, known)]
    assert white[0] - white[1] > 0.15 * 100 * 150


def test_any_images_fit():
    samples = [sample(), sample(30, 20), sample(500, 900), sample(channels=1), sample(channels=5)]
    samples.append(sample(dtype=np.uint16))
    samples.append({**sample(), "label": blocky_label(50, 75)})  # evaluation: the label has a size of its own
    sheet = contact_sheet(samples, CLASSES, PALETTE, "a heading " * 40)
    assert sheet.shape[1] < 1700 and sheet.ndim == 3
