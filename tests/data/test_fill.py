"""Where a transform leaves the image there is the fill, whatever is done to the colours."""

import random

import cv2
import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.render import colour_of, recolour, render
from segbox.data.transforms.pipeline import Pipeline, build_pipeline
from segbox.errors import DataError

LIGHT = {"type": "PhotoMetricDistortion", "saturation": (1, 1), "hue": 0, "white": 400}
BLUR = {"type": "GaussianBlur", "probability": 1.0, "radius": (2, 2)}
TURN = {"type": "RandomRotate", "degrees": 30, "probability": 1.0}
FILL = (100.4, 37.5, 210.6, 3.2, 55.0)


def noise(kind, channels, height=24, width=32):
    pixels = np.random.default_rng(0).integers(0, 250, (height, width, channels)).astype(kind)
    return {"image": pixels, "label": np.zeros((height, width), np.uint8), "path": "a.png", "size": (height, width)}


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "float32", "float16"])
@pytest.mark.parametrize(
    "configs",
    [
        [{"type": "RandomCrop", "size": (40, 44)}],
        [{"type": "CenterCrop", "size": (40, 44)}, LIGHT],
        [{"type": "Pad", "divisor": 60}, BLUR, LIGHT],
        [{"type": "Resize", "size": (20, 20)}, {"type": "Pad", "size": 40}, TURN],
        [TURN, LIGHT, BLUR],
        [{"type": "RandomCrop", "size": 40}, LIGHT, TURN, BLUR],
        [{"type": "RandomCrop", "size": 20}, LIGHT, {"type": "Pad", "size": 40}, LIGHT],
        [{"type": "RandomCrop", "size": 40}, BLUR, {"type": "RandomFlip", "probability": 1.0}, LIGHT],
    ],
    ids=lambda configs: "-".join(config["type"] for config in configs),
)
def test_outside_is_the_fill(configs, kind, channels):
    fill = FILL[:channels]
    exact = np.array(fill).astype(kind) if kind.startswith("float") else np.rint(fill).astype(kind)
    pipeline = build_pipeline(configs)
    for seed in range(3):
        done = pipeline({**noise(kind, channels), "fill": fill}, random.Random(seed))
        plain = pipeline({**noise(kind, channels), "fill": 0}, random.Random(seed))
        outside = done["label"] == IGNORE_INDEX
        near = cv2.dilate(outside.astype(np.uint8), np.ones((3, 3))) != 0
        far = cv2.erode(outside.astype(np.uint8), np.ones((5, 5)), borderValue=1) != 0
        assert done["image"].dtype == kind and outside.any() and set(done) == set(noise(kind, channels))
        assert (done["image"][far] == exact).all()
        if BLUR not in configs:  # which takes of its neighbours
            assert (done["image"][~near] == plain["image"][~near]).all()


def test_a_crop_of_bytes_pixel_by_pixel():
    done = build_pipeline([{"type": "RandomCrop", "size": (30, 40)}, LIGHT])(
        {**noise("uint8", 3), "fill": (123.675, 116.28, 103.53)}, random.Random(3)
    )["image"]
    for y in range(30):
        for x in range(40):
            assert (y < 24 and x < 32) or done[y, x].tolist() == [124, 116, 104]


def test_an_image_put_in_by_hand_is_left_alone():
    def mirrored(sample, rng):
        sample = render(sample)
        return {**sample, "image": sample["image"][:, ::-1].copy(), "label": sample["label"][:, ::-1].copy()}

    def brighter(sample, rng):
        return recolour(sample, sample["image"] + np.uint8(1))

    crop = build_pipeline([{"type": "RandomCrop", "size": (24, 40)}]).transforms[0]
    done = Pipeline([crop, mirrored, brighter])({**noise("uint8", 3), "fill": 9}, random.Random(0))
    assert (done["image"][:, 8:] == noise("uint8", 3)["image"][:, ::-1] + 1).all()
    assert (done["image"][:, :8] == 10).all()


def test_colours_of_other_kinds():
    assert colour_of(np.zeros((1, 1, 3), np.uint8), (-4, 300, 1.5)).tolist() == [0, 255, 2]
    assert colour_of(np.zeros((1, 1, 2), np.int16), -1000.4).tolist() == [-1000, -1000]
    with pytest.raises(DataError, match="the fill has 3 numbers for an image of 1 channels"):
        colour_of(np.zeros((1, 1, 1), np.uint8), (1, 2, 3))
