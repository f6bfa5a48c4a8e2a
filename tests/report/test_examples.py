"""Which images are shown, and what their pictures show."""

import time

import numpy as np
import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.config import load_config
from segbox.data.datasets.shapes import ShapesDataset
from segbox.evaluation.open_model import open_model
from segbox.report import examples
from segbox.report.examples import (
    Example,
    addresses,
    draw,
    extremes,
    image_scores,
    load,
    positions_of,
    predict_again,
    score_of_training_images,
    spread,
)
from tests.report.made import made, write_run

PALETTE = [(200, 0, 0), (0, 200, 0)]


def test_images_are_ranked_by_their_own_mean_iou():
    good, bad, empty = [[8, 2], [0, 10]], [[5, 5], [5, 5]], [[0, 0], [0, 0]]
    ranked = image_scores(made(good, bad, empty, good, paths=["a", "b", "c", "a"]))
    assert [example.path for example in ranked] == ["b", "a"]
    assert [example.iou for example in ranked] == pytest.approx([100 / 3, 100 * (0.8 + 10 / 12) / 2])


@pytest.mark.parametrize("number, worst, best", [(0, 0, 0), (1, 1, 0), (5, 3, 2), (12, 6, 6), (30, 6, 6)])
def test_no_image_is_among_the_worst_and_the_best(number, worst, best):
    ranked = [Example(f"{i:02d}", float(i)) for i in range(number)]
    low, high = extremes(ranked)
    assert (len(low), len(high)) == (worst, best) and not {*low} & {*high}
    assert low == ranked[: len(low)] and high == ranked[::-1][: len(high)]


def test_others_are_spread_over_the_data_set():
    ranked = [Example(f"{i:03d}", float(-i)) for i in range(200)]
    paths = spread(ranked, ranked[:12])
    assert paths[:12] == [e.path for e in ranked[:12]] and len(paths) == len(set(paths)) == 40
    assert paths[12] == "012" and paths[-1] == "199" and paths[26] == "108"
    assert spread(ranked[:3], ranked[:3]) == ["000", "001", "002"]


def test_the_pictures_show_truth_prediction_and_errors():
    image = np.full((4, 6, 3), 100, np.uint8)
    target, guess = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.int64)
    target[:, 5], guess[:, 2] = IGNORE_INDEX, 1
    shown, truth, prediction, errors = draw(image, target, guess, PALETTE)
    assert (shown == 100).all() and truth[0, 5].tolist() == [100] * 3 and truth[0, 2].tolist() == [150, 50, 50]
    assert prediction[0, 2].tolist() == [50, 150, 50] and errors[0, 2].tolist() == [226, 54, 40]
    assert errors[0, 1].tolist() == [65] * 3 and errors[0, 5].tolist() == [32] * 3


SHAPES = [((30, 40, 1), np.uint8), ((30, 40, 5), np.float32), ((900, 1200, 3), np.uint8)]


@pytest.mark.parametrize("shape, kind", SHAPES)
def test_images_of_any_kind_become_pictures_of_bounded_size(shape, kind):
    image = (np.random.default_rng(0).random(shape) * 255).astype(kind)
    label = np.zeros((900, 1200), np.uint8)
    assert [picture.shape for picture in draw(image, label, label, PALETTE)] == 4 * [(360, 480, 3)]


def test_pictures_fit_into_the_page(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (480, 400, 3)).astype(np.uint8)
    shown = [Example(str(i), 1.0, (noise,)) for i in range(3)]
    monkeypatch.setattr(examples, "BUDGET", 200_000)
    assert sum(len(text) for texts in addresses(shown) for text in texts) <= 200_000
    monkeypatch.setattr(examples, "BUDGET", 10**9)
    assert sum(len(text) for texts in addresses(shown) for text in texts) > 300_000 and addresses([]) == []


def test_images_are_found_and_read_as_long_as_there_is_time():
    dataset = ShapesDataset(num_images=5, size=(16, 16), seed=3)
    assert positions_of(dataset, ["shapes-3-00004", "gone", "shapes-3-00001"]) == [4, 1]
    items = [item["path"] for batch in load(dataset, [4, 1, 0], time.perf_counter() - 1, always=2) for item in batch]
    assert items == ["shapes-3-00004", "shapes-3-00001"]


def test_predicting_again_counts_what_the_model_says(tmp_path):
    write_run(tmp_path)
    config = load_config(tmp_path / "tiny.py", ["data.train.num_images=12"])
    model = open_model(tmp_path / "last.pt", config, 7).model
    classes, paths = list(ShapesDataset.classes), [f"shapes-1-0000{i}" for i in range(3)]
    known = made(*3 * [np.eye(7, dtype=int).tolist()], classes=classes, paths=paths)
    again = predict_again(known, config, model, torch.device("cpu"), 60)
    assert [e.path for e in again.worst] == ["shapes-1-00000", "shapes-1-00001"] and len(again.best) == 1
    assert again.boundaries.images == 3 and again.largest_change > 50 and all(len(e.pictures) == 4 for e in again.worst)
    assert again.train[1] == 12 and 0 <= again.train[0] <= 100


def test_training_images_are_scored_without_augmentation(tmp_path):
    write_run(tmp_path)
    config = load_config(
        tmp_path / "tiny.py", ["data.train.num_images=10", "data.train.seed=1", "data.train.size=(32,40)"]
    )
    model, device = open_model(tmp_path / "last.pt", config, 7).model, torch.device("cpu")
    score = score_of_training_images(config, model, device, time.perf_counter() + 60)
    same = {**config, "data": {**config.data, "train": {**config.data.val, "num_images": 10}}}
    assert score == score_of_training_images(same, model, device, time.perf_counter() + 60)
    repeated = {"type": "RepeatDataset", "dataset": config.data.train, "times": 3}
    repeated = {**config, "data": {**config.data, "train": repeated}}
    assert score == score_of_training_images(repeated, model, device, time.perf_counter() + 60)
    assert score_of_training_images(config, model, device, time.perf_counter() - 1) is None
