"""The defects that a widely used toolbox was shown to have, one test each: none of them is ours."""

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbox import distributed
from segbox.data.datasets.folder import FolderDataset
from segbox.data.readers.files import read_label
from segbox.engine.checkpoint import LAST, read_run
from segbox.engine.devices import choose_device
from segbox.errors import DataError
from segbox.evaluation.inference import build_inference
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.models.losses.bce_with_logits import BCEWithLogitsLoss
from segbox.models.losses.cross_entropy import CrossEntropyLoss
from segbox.models.losses.dice import DiceLoss
from segbox.models.losses.focal import FocalLoss
from segbox.models.losses.lovasz import LovaszLoss
from tests.runs import run_tool, tiny_runner
from tests.tiny import tiny_model


def pixels(num_classes=4, ignored_rows=3):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, num_classes, 8, 9, generator=generator)
    labels = torch.randint(0, num_classes, (2, 8, 9), generator=generator).to(torch.uint8)
    labels[:, :ignored_rows] = 255
    return logits, labels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tiny_runner(folder, ["train.max_steps=1", "hooks.evaluate=None"]).train()
    return folder


def test_1_class_weights_go_with_ignored_pixels():
    logits, labels = pixels()
    weight = [0.5, 2.0, 1.0, 3.0]
    expected = F.cross_entropy(logits, labels.long(), torch.tensor(weight), ignore_index=255)
    assert CrossEntropyLoss(4, class_weight=weight)(logits, labels).item() == pytest.approx(expected.item(), rel=1e-5)


def test_2_a_model_that_says_background_everywhere_has_no_high_fscore():
    target = torch.zeros(10, 10, dtype=torch.uint8)
    target[0, :6] = torch.tensor([1, 1, 2, 2, 3, 3])
    matrix = ConfusionMatrix(("background", "a", "b", "c"))
    matrix.update(torch.zeros_like(target), target)
    scores = matrix.compute()
    assert scores["mFscore"] == scores["mDice"] < 25 and scores["mPrecision"] < 25


def test_3_dice_ignores_pixels_not_a_class_of_that_number():
    logits, labels = torch.zeros(1, 3, 4, 6), torch.full((1, 4, 6), 255, dtype=torch.uint8)
    labels[:, :2] = torch.tensor([0, 0, 1, 1, 2, 2])
    logits.scatter_(1, labels.where(labels != 255, 0)[:, None].long(), 50.0)  # perfect where there are labels
    assert DiceLoss(3)(logits, labels).item() == pytest.approx(0, abs=1e-4)


def test_4_focal_loss_has_many_classes_on_cpus():
    logits, labels = pixels()
    loss = FocalLoss(4)(logits.requires_grad_(), labels)
    loss.backward()
    assert 0 < loss.item() < math.inf


def test_5_lovasz_loss_works_as_it_comes():
    assert 0 < LovaszLoss(4)(*pixels()).item() < 2


def test_6_one_channel_and_only_ignored_pixels_are_a_loss_of_zero():
    logits = torch.randn(2, 1, 8, 9, requires_grad=True)
    loss = BCEWithLogitsLoss(2)(logits, torch.full((2, 8, 9), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


@pytest.mark.parametrize("head", ["FCNHead", "BiSeNetHead"])  # one reads maps, the other the image too
def test_7_windows_have_their_own_size_not_the_images(head):
    model = tiny_model(head=head, num_classes=3).eval().requires_grad_(False)
    images = torch.randint(0, 256, (1, 3, 70, 90), dtype=torch.uint8)
    scores = build_inference(model, "slide", window=(64, 64), stride=(32, 32))(images)
    assert scores.classes((70, 90)).shape == (1, 70, 90)


def test_8_our_own_checkpoints_are_read_as_weights_alone(run):
    content = torch.load(run / LAST, weights_only=True)
    assert content["step"] == 1 and read_run(run / LAST)["classes"][1] == "circle"


def test_9_resume_takes_a_path(run, monkeypatch, tmp_path, capsys):
    arguments = [run / "tiny.py", "--work-dir", tmp_path / "on", "--resume", run / LAST, "--device", "cpu"]
    more = ["--cfg-options", "train.max_steps=2", "hooks.evaluate=None"]
    assert run_tool(monkeypatch, "train.py", *arguments, *more) == 0
    assert f"resumed from {run / LAST} at step 1" in capsys.readouterr().out
    assert read_run(tmp_path / "on" / LAST)["step"] == 2


def test_10_processes_on_cpus_ask_for_no_gpu(monkeypatch):
    def refuse(*arguments):
        raise AttributeError("module 'torch._C' has no attribute '_cuda_setDevice'")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "set_device", refuse)
    monkeypatch.setenv("LOCAL_RANK", "1")
    device = choose_device(None)
    with distributed.process_group(device):
        assert device == torch.device("cpu")


def test_11_labels_out_of_range_are_refused_in_evaluation():
    target = torch.zeros(10, 10, dtype=torch.uint8)
    target[:4] = 7
    with pytest.raises(ValueError, match=r"40 pixels have class ids outside 0\.\.1"):
        ConfusionMatrix(("a", "b")).update(torch.zeros_like(target), target)


def test_12_a_mask_of_16_bits_is_not_cut_to_8(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 4), 300, np.uint16))
    with pytest.raises(DataError, match=r"one byte per pixel, this one is uint16 with ids up to 300"):
        read_label(tmp_path / "deep.png")


def test_13_an_empty_folder_is_named(tmp_path):
    for folder in ("images", "annotations"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path}/images: holds no images"):
        FolderDataset(str(tmp_path), classes=("a", "b"))


def test_14_ignored_pixels_do_not_count_in_the_mean():
    logits, labels = pixels()
    expected = F.cross_entropy(logits, labels.long(), ignore_index=255)
    assert CrossEntropyLoss(4)(logits, labels).item() == pytest.approx(expected.item(), rel=1e-5)
