"""Whatever transforms are put behind each other, on images of whatever size."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segbox import IGNORE_INDEX
from segbox.data.transforms.pipeline import build_pipeline
from tests.faulty_data import blocky_label, smooth_image

SIDES = st.integers(1, 60)
PAIRS = st.tuples(SIDES, SIDES)
PROBABILITY = st.floats(0, 1)
EXACT = [  # pixels move, and stay what they are
    st.builds(dict, type=st.just("RandomCrop"), size=PAIRS, cat_max_ratio=st.sampled_from([1.0, 0.75])),
    st.builds(dict, type=st.just("CenterCrop"), size=PAIRS),
    st.builds(dict, type=st.just("RandomFlip"), probability=PROBABILITY),
    st.builds(dict, type=st.just("RandomFlip"), probability=PROBABILITY, direction=st.just("vertical")),
    st.builds(dict, type=st.just("Pad"), size=PAIRS),
    st.builds(dict, type=st.just("Pad"), divisor=st.integers(1, 40)),
]
OTHERS = [
    st.builds(dict, type=st.just("Resize"), size=PAIRS, keep_ratio=st.booleans()),
    st.builds(dict, type=st.just("Resize"), short=SIDES, long=st.none() | SIDES),
    st.builds(dict, type=st.just("RandomResize"), ratio_range=st.tuples(st.floats(0.1, 1), st.floats(1, 3))),
    st.builds(dict, type=st.just("RandomRotate"), degrees=st.floats(0, 180), probability=PROBABILITY),
    st.builds(dict, type=st.just("PhotoMetricDistortion")),
    st.builds(dict, type=st.just("GaussianBlur"), probability=PROBABILITY),
]


def sample(size: tuple[int, int]) -> dict:
    label = blocky_label(*size)
    image = smooth_image(*size)
    return {"image": image, "label": label, "path": "made.png", "size": size}


@given(st.lists(st.one_of(*EXACT, *OTHERS), max_size=5), PAIRS, st.integers(0, 2**64 - 1))
def test_any_pipeline(configs, size, seed):
    pipeline = build_pipeline(configs)
    start = sample(size)
    first, again = pipeline(start, random.Random(seed)), pipeline(sample(size), random.Random(seed))
    assert (first["image"] == again["image"]).all() and (first["label"] == again["label"]).all()
    assert first["image"].shape == (*first["label"].shape, 3) and min(first["label"].shape) >= 1
    assert first["image"].dtype == first["label"].dtype == np.uint8
    assert set(np.unique(first["label"])) <= {*np.unique(start["label"]), IGNORE_INDEX}
    assert (start["image"] == sample(size)["image"]).all() and (start["label"] == sample(size)["label"]).all()
    assert (first["path"], first["size"]) == ("made.png", size)


@given(st.lists(st.one_of(*EXACT), min_size=1, max_size=5), PAIRS, st.integers(0, 2**64 - 1))
def test_labels_stay_on_their_pixels(configs, size, seed):
    start = sample(size)
    start["image"] = np.repeat(start["label"][:, :, None] * 50, 3, axis=2)
    end = build_pipeline(configs)(start, random.Random(seed))
    labelled = end["label"] != IGNORE_INDEX
    assert (end["image"][labelled] == end["label"][labelled][:, None] * 50).all()


@given(st.lists(st.one_of(*OTHERS), max_size=3), PAIRS, PAIRS, st.integers(0, 2**64 - 1))
def test_a_crop_at_the_end_says_the_size(configs, size, crop, seed):
    end = build_pipeline([*configs, {"type": "RandomCrop", "size": crop}])(sample(size), random.Random(seed))
    assert end["label"].shape == crop
