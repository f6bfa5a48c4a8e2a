"""One pass over a validation set."""

import multiprocessing

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from segbox import distributed
from segbox.config import Config
from segbox.errors import ConfigError, DataError, UserError
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.inference import whole_image
from segbox.evaluation.loop import evaluate
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.score_map import LogitMap
from tests.runs import tiny_runner

CPU = torch.device("cpu")


class Brightness(nn.Module):
    """Class 1 where the image is bright."""

    def forward(self, images):
        bright = images[:, :1].float() / 255 - 0.5
        return torch.cat([-bright, bright], dim=1)


def item(height, width, label_size=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    label = torch.randint(0, 2, label_size or (height, width), dtype=torch.uint8, generator=generator)
    return {"image": image, "label": label, "path": f"{seed}.png", "size": (height, width)}


def test_batches_score_as_one_by_one():
    items = [item(6, 8, seed=0), item(6, 8, seed=1), item(5, 9, seed=2), item(6, 8, seed=3)]
    batched, single = ConfusionMatrix(("a", "b")), ConfusionMatrix(("a", "b"))
    seen = []
    model = Brightness().train()
    batches = [items[:2], items[2:3], items[3:]]
    evaluate(model, whole_image(model), batches, batched, CPU, watch=lambda item, prediction: seen.append(item["path"]))
    for own in items:
        single.update((own["image"][0].float() / 255 > 0.5).to(torch.uint8), own["label"])
    assert (batched.counts == single.counts).all() and seen == ["0.png", "1.png", "2.png", "3.png"]
    assert model.training


def test_predictions_are_brought_to_the_size_of_the_labels():
    metric = ConfusionMatrix(("a", "b"))
    predictions = []
    model = Brightness()
    batches = [[item(6, 8, (12, 17))], [item(6, 8, (3, 4))]]
    evaluate(
        model,
        whole_image(model),
        batches,
        metric,
        CPU,
        watch=lambda item, prediction: predictions.append(prediction.shape),
    )
    assert predictions == [(12, 17), (3, 4)] and metric.counts.sum() == 12 * 17 + 12


def test_the_mode_of_the_model_is_restored_after_an_error():
    model = nn.Dropout().train()

    def broken(images):
        assert not model.training
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate(model, broken, [[item(4, 4)]], ConfusionMatrix(("a", "b")), CPU)
    assert model.training


@pytest.mark.parametrize("count", [1, 2])
def test_memory_that_runs_out_is_told_with_what_to_try(count):
    def predict(images):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    items = [item(8, 9)] * count
    with pytest.raises(UserError) as caught:
        evaluate(nn.Conv2d(3, 3, 1), predict, [items], ConfusionMatrix("abc"), CPU)
    first = "data.val_batch_size=1, then " if count == 2 else ""
    assert str(caught.value) == (
        f"cpu is out of memory while scoring {count} image(s) of 8x9. Try {first}test.mode=slide with a smaller"
        " test.window and test.windows_per_batch=1"
    )


def test_nothing_that_can_be_read_is_no_score():
    model = Brightness().train()
    with pytest.raises(DataError, match="none of the validation images can be read"):
        evaluate(model, whole_image(model), [], ConfusionMatrix(("a", "b")), CPU)
    assert model.training


def test_a_process_without_images_is_no_mistake(monkeypatch):
    other = ConfusionMatrix(("a", "b"))
    other.update(item(4, 4)["label"], item(4, 4)["label"])
    monkeypatch.setattr(distributed, "gather", lambda value: [value, (1, other)])
    metric = evaluate(Brightness(), whole_image(Brightness()), [], ConfusionMatrix(("a", "b")), CPU)
    assert metric.counts.sum() == 16


def test_class_maps_resize_scores_not_classes():
    probabilities = torch.tensor([[[0.9, 0.0001]], [[0.1, 0.4]], [[0.0001, 0.6]]])  # 3 1 2
    scores = LogitMap(probabilities.log()[None])
    assert scores.classes((1, 2)).tolist() == [[[0, 2]]] and scores.classes((1, 2)).dtype == torch.uint8
    assert scores.classes((1, 8)).tolist() == [[[0, 0, 0, 1, 1, 1, 2, 2]]]  # between the two, what both believe a bit


def config(**test):
    val = {"type": "ShapesDataset", "num_images": 2, "size": (40, 60)}
    val["pipeline"] = [{"type": "Resize", "short": 20}]
    return Config({"data": {"val": val, "val_batch_size": 2, "workers": 0}, "test": test})


def test_the_protocols():
    matrix = Evaluator(config(), CPU)(Shapes())
    assert 0 < matrix.counts.sum() <= 2 * 40 * 60 and matrix.counts.sum() > 2 * 40 * 60 * 0.5
    crop = Evaluator(config(mode="crop", window=(16, 24)), CPU)
    assert crop.description() == "crop 16x24; classes that do not occur are left out of the means"
    assert 0 < crop(Shapes()).counts.sum() <= 2 * 16 * 24
    assert (
        "size, filled up with the mean to multiples of 16 pixels; " in Evaluator(config(divisor=16), CPU).description()
    )
    several = Evaluator(config(mode="slide", window=16, scales=(0.5, 1.0), flip=True), CPU)
    assert several.description().startswith("slide 16x16, scales 0.5, 1.0, flipped too; ")
    assert several(Shapes()).counts.sum() == matrix.counts.sum()


def test_images_of_two_sizes_make_full_batches(tmp_path):
    for folder, channels in (("images", 3), ("annotations", 1)):
        (tmp_path / folder).mkdir()
        for i in range(5):
            height, width = (30, 20) if i % 2 else (20, 30)
            content = np.random.default_rng(i).integers(0, 7, (height, width, channels), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / folder / f"{i}.png"), content)
    val = {"type": "FolderDataset", "root": str(tmp_path), "classes": list("abcdefg")}
    counts = []
    for batch_size, sizes in ((2, [2, 2, 1]), (1, [1] * 5)):
        config = Config({"data": {"val": val, "val_batch_size": batch_size, "workers": 0}})
        seen, paths, model = [], [], Shapes()
        model.register_forward_pre_hook(lambda _, images, seen=seen: seen.append(len(images[0])))
        metric = Evaluator(config, CPU)(model, lambda item, _, paths=paths: paths.append(item["path"]))
        assert seen == sizes and len(set(paths)) == 5
        counts.append(metric.counts)
    assert (counts[0] == counts[1]).all() and counts[0].sum() == 5 * 600


class Shapes(nn.Module):
    def forward(self, images):
        return torch.stack([images.float().mean(dim=1) * k for k in range(7)], dim=1)


@pytest.mark.parametrize("is_shown", [False, True])
def test_a_bug_leaves_no_workers(is_shown):
    """Which would keep Python from ending, as they ignore the first SIGTERM."""
    own = config()
    own["data"]["workers"] = 2
    evaluation = Evaluator(own, CPU)
    with pytest.raises(ZeroDivisionError) as caught:
        evaluation(Shapes(), lambda *_: 1 / 0, show_progress=is_shown)
    assert not multiprocessing.active_children(), caught


def test_extra_scores_are_made_of_the_same_pass(monkeypatch):
    asked = config()
    asked["metric"] = {"extra": ("mBIoU", "imageIoU", "ECE")}
    scores = Evaluator(asked, CPU)(Shapes()).compute()
    assert {"mIoU", "mBIoU", "imageIoU", "ECE"} <= set(scores) and 0 <= scores["ECE"] <= 100
    plain = Evaluator(config(), CPU)(Shapes()).compute()
    assert plain == pytest.approx({name: scores[name] for name in plain}, nan_ok=True) and "ECE" not in plain


def test_the_best_checkpoint_may_go_by_an_extra_score(tmp_path):
    best = ["train.max_steps=1", "hooks.evaluate.best=mBIoU"]
    with pytest.raises(
        ConfigError, match=r"mBIoU is computed only if metric\.extra names it: metric\.extra=\['mBIoU'\]"
    ):
        tiny_runner(tmp_path / "a", best).train()
    runner = tiny_runner(tmp_path / "b", [*best, "metric.extra=['mBIoU']"])
    runner.train()
    assert runner.hooks["evaluate"].highest == runner.evaluate()["mBIoU"]


def test_a_centre_crop_that_fits_no_memory_is_refused():
    val = dict(type="ShapesDataset", num_images=1, size=(8, 8))
    config = Config(data=dict(val=val), test=dict(mode="crop", window=10**9))
    with pytest.raises(ConfigError, match=r"test\.window \(--crop-size\): an image of 1e\+09 x 1e\+09 pixels takes"):
        Evaluator(config, torch.device("cpu"))
