"""What an evaluation leaves behind: its counts, image by image, and its file."""

import json
import math

import numpy as np
import pytest
import torch

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.errors import CheckpointError, DataError
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.records import Evaluation, ImageCounts
from tests.processes import CPU, together
from tests.runs import tiny_runner, write_config

CLASSES = ("sky", "road", "pole", "sign")


def maps(images=5, size=(12, 9), seed=0):
    """Targets, some ignored, and predictions of the first three classes."""
    random = np.random.default_rng(seed)
    for number in range(images):
        target = random.choice([0, 1, 2, 255], size).astype(np.uint8)
        yield f"folder/{number}.png", torch.from_numpy(target), torch.from_numpy(random.integers(0, 3, size, np.uint8))


def evaluation(images, **more):
    return Evaluation(CLASSES, [(0, 1, 2)] * 4, "whole images", {"mIoU": 12.5, "IoU/sign": math.nan}, images, **more)


def counted(**settings):
    metric = ConfusionMatrix(CLASSES)
    for path, target, prediction in maps(**settings):
        metric.update(prediction, target, path=path)
    return metric


def test_tables_and_counts_are_those_of_pixel_by_pixel():
    own = evaluation(counted().images)
    hits, targets, guesses = (np.zeros((5, 4), int) for _ in range(3))
    counts = np.zeros((4, 4), int)
    for number, (_, target, prediction) in enumerate(maps()):
        for label, guess in zip(target.flatten().tolist(), prediction.flatten().tolist()):
            if label != 255:
                counts[label, guess] += 1
                targets[number, label] += 1
                guesses[number, guess] += 1
                hits[number, label] += label == guess
    for table, expected in zip(own.tables(), (hits, targets, guesses), strict=True):
        assert table.dtype == np.int64 and (table == expected).all()
    assert (own.counts() == counts).all() and (counted().counts == counts).all()
    assert [image.path for image in own.images] == [f"folder/{number}.png" for number in range(5)]


def test_an_image_takes_no_more_than_its_pairs_of_classes():
    counts = np.zeros((150, 150), np.int64)
    counts[3, 149], counts[7, 7] = 2**33, 5
    assert ImageCounts.of("a.png", counts).pairs.tolist() == [[3, 149, 2**33], [7, 7, 5]]
    assert [table.shape for table in evaluation([]).tables()] == [(0, 4)] * 3 and not evaluation([]).counts().any()
    ignored = evaluation([ImageCounts.of("a.png", np.zeros((4, 4), np.int64))])
    assert ignored.images[0].pairs.shape == (0, 3) and [table.sum() for table in ignored.tables()] == [0] * 3


def test_a_written_evaluation_is_read_back(tmp_path):
    path = tmp_path / "evaluation.json"
    images = [*counted().images, ImageCounts("\udcff \"'.png", np.zeros((0, 3), np.int64))]
    own = evaluation(images, checkpoint="best.pt", step=7, absent=0, ignore_background=True)
    own.write(path)
    read = Evaluation.read(path)
    json.loads(path.read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    for name in ("classes", "protocol", "checkpoint", "step", "absent", "ignore_background"):
        assert getattr(read, name) == getattr(own, name), name
    assert list(map(list, read.palette)) == list(map(list, own.palette))
    assert read.scores["mIoU"] == 12.5 and math.isnan(read.scores["IoU/sign"])
    for mine, its in zip(own.images, read.images, strict=True):
        assert its.path == mine.path and its.pairs.dtype == np.int64 and (its.pairs == mine.pairs).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(segbox_evaluation=2), r"has format 2, this segbox reads format 1; update segbox"),
        (lambda c: c.pop("segbox_evaluation"), r"is JSON, but no evaluation of segbox"),
        (lambda c: c.pop("scores"), r"is damaged \(it has no 'scores'\); write it again with `segbox test"),
        (lambda c: c.update(scores=[1]), "is damaged"),
        (lambda c: c.update(classes=[1, 2]), "is damaged .1 is no text"),
        (lambda c: c.update(palette=[[1, 2]]), "is damaged"),
        (lambda c: c.update(step="now"), "is damaged"),
        (lambda c: c["images"][0].update(pairs=[[0, 1, 2]]), r"counts of folder/0.png are no rows of target, guess"),
        (lambda c: c["images"][0].update(pairs=[0, 1]), r"counts of folder/0.png are no rows of target, guess"),
        (lambda c: c["images"][0].update(pairs=[0, 1, 0.5]), "are no rows of target, guess, pixels"),
        (lambda c: c["images"][0].update(pairs=[0, 4, 1]), "are not of 4 classes"),
        (lambda c: c["images"][0].update(pairs=[0, 1, -1]), "are not of 4 classes"),
        (lambda c: c["images"][0].update(pairs=[0, 1, 1, 0, 1, 2]), "name a pair of classes twice"),
    ],
)
def test_a_broken_or_foreign_file_is_refused(tmp_path, change, message):
    path = tmp_path / "evaluation.json"
    evaluation(counted().images).write(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as error:
        Evaluation.read(path)
    assert str(error.value).startswith(f"{path}: ") and "segbox test" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "[" * 100_000, "\x00\xff"])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "own.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"own\.json: is .*segbox test"):
        Evaluation.read(tmp_path / "own.json")
    with pytest.raises(DataError, match=r"no\.json: cannot be read \(No such file"):
        Evaluation.read(tmp_path / "no.json")


def recorded(folder):
    """The record of an untrained model, in this process or its group."""
    config = load_config(write_config(folder), ["data.val.num_images=5"])
    torch.manual_seed(0)
    evaluator = Evaluator(config, CPU)
    metric = evaluator(build_runner(config, folder, CPU).model)
    own = evaluator.record(metric, "some.pt")
    assert (own.counts() == metric.counts).all() and own.scores["mIoU"] == metric.compute()["mIoU"]
    return [(image.path, image.pairs.tolist()) for image in own.images]


def test_images_of_several_processes_are_those_of_one(tmp_path):
    alone = recorded(tmp_path)
    assert len(alone) == 5 == len({path for path, _ in alone}) and alone == sorted(alone)
    assert together(2, lambda: recorded(tmp_path)) == [alone, alone]


def test_a_run_leaves_its_last_and_its_best_evaluation(tmp_path):
    runner = tiny_runner(tmp_path, ["train.max_steps=6", "hooks.evaluate.interval=2"])
    evaluate = runner.score
    rises = iter([10.0, 30.0, 20.0])

    def score(*arguments):
        own = evaluate(*arguments)
        own.scores["mIoU"] = next(rises)
        return own

    runner.score = score
    runner.train()
    last, best = (Evaluation.read(tmp_path / name) for name in ("evaluation.json", "evaluation_best.json"))
    assert (last.step, last.checkpoint, last.scores["mIoU"]) == (6, "last.pt", 20.0)
    assert (best.step, best.checkpoint, best.scores["mIoU"]) == (4, "best.pt", 30.0)
    assert last.counts().sum() == best.counts().sum() > 3000 and len(last.images) == len(best.images) == 3


def test_an_evaluation_that_cannot_be_written_is_told_with_how_to_go_on(tmp_path):
    runner = tiny_runner(tmp_path, ["train.max_steps=3"])
    (tmp_path / "evaluation.json").mkdir()
    with pytest.raises(CheckpointError, match=r"evaluation\.json could not be written: Is a directory.*--resume"):
        runner.train()
