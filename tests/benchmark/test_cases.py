"""The sides of each case compute the same, and bad arguments are refused."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from segbox.benchmark import depthwise, evaluation, inference, losses, parts, samples, training
from segbox.benchmark.measure import Case, local, measure, measure_case
from segbox.benchmark.models import Shape, imported_model, model_of, without_dropout
from segbox.benchmark.peer import shared
from segbox.export.plan import plain_plan
from tests.export.test_formats import needs_torch

SECTION = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="test"),
    decode_head=dict(type="FCNHead", dropout=0.5),
)
CONFIG = dict(model=SECTION)
SHAPE = Shape(5, (32, 48), 2)


def agreed(case: Case) -> list[str]:
    """The names of the sides, which all have the same numbers."""
    found = measure_case(case, runs=1, peaks=False)
    assert [side.note for side in found.sides] == [""] * len(case.sides), found
    return [side.name for side in found.sides]


def test_losses():
    [case] = losses.loss_cases([], [5], (24, 40), 2)
    assert agreed(case) == ["segbox", "bare"]


@pytest.mark.parametrize("is_slide", [False, True])
def test_evaluation(is_slide, monkeypatch):
    monkeypatch.setattr(evaluation, "WINDOW", 48)
    monkeypatch.setattr(evaluation, "STEP", 32)
    [case] = evaluation.eval_cases([], [5], (64, 96), is_slide=is_slide)
    assert agreed(case) == ["segbox", "bare"]


def test_files_to_scores():
    for case in evaluation.files_cases([], (32, 48)):
        assert agreed(case) == ["segbox", "bare"] and case.name.startswith(("jpg", "png"))
        found, guessed, true = np.array(case.sides[0].digest()[2:]).reshape(3, 19)
        assert guessed.sum() == true.sum() == 30 * 48 and (found <= true).all()


def test_counting():
    [case] = evaluation.metric_cases([], [5], (33, 40))
    assert agreed(case) == ["segbox", "bare"]


def test_windows_are_found_by_the_pixels_of_their_first_corner():
    image = torch.from_numpy(shared.with_places(64, 96))
    assert shared.places_of(image[..., 16:48, 40:72]) == [(2, 5)]


def test_overlapping_windows_of_a_network_differ_a_bit():
    logits = torch.from_numpy(shared.scores(1, 3, 8, 12))
    left, right = (shared.window_of(logits, 0, x, 8, 8) for x in (0, 4))
    gap = (left[..., 4:] - right[..., :4]).abs()
    assert (gap > 0).all() and gap.mean() < 0.1 * logits.abs().mean()


def test_depthwise():
    [case] = depthwise.depthwise_cases([8], (9, 12), 2, 2, 1)
    assert agreed(case) == ["segbox", "bare"]


def test_the_runner_and_the_bare_loop_take_the_same_steps():
    [case] = training.train_cases([], CONFIG, SHAPE, {})
    assert [side.name for side in case.sides] == ["segbox", "bare"]
    ours, bare = ([side.digest()[1] for _ in range(3)] for side in case.sides)
    assert ours == pytest.approx(bare, rel=1e-3) and len(set(ours)) == 3


def test_a_compiled_step_is_compared_and_the_time_of_the_first_told(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    [case] = training.train_cases([], CONFIG, SHAPE, {}, compile=True)
    assert agreed(case) == ["segbox", "segbox, compile", "bare"]
    assert len(compiled) == 1
    [note] = case.notes
    assert re.fullmatch(r"segbox, compile: its first run took [\d.]+ s", note)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler has warnings of its own
def test_a_step_by_the_compiler():
    [case] = training.train_cases([], CONFIG, SHAPE, {}, compile=True)
    assert agreed(case) == ["segbox", "segbox, compile", "bare"]


def test_other_losses_are_those_of_the_model():
    own = {**SECTION, "decode_head": dict(type="FCNHead", dropout=0.5, loss=dict(type="DiceLoss"))}
    assert not training.is_plain(model_of(own, 5)) and training.is_plain(model_of(SECTION, 5))


def test_runtimes():
    [case] = inference.infer_cases([], CONFIG, SHAPE, {})
    assert agreed(case) == ["segbox", "segbox, channels_last", "bare"]


def test_another_runtime_is_a_line(monkeypatch):
    def wrong(model: nn.Module) -> inference.Network:
        return lambda images: -model.logits(images)

    monkeypatch.setitem(inference.RUNTIMES, "wrong", wrong)
    [case] = inference.infer_cases([], CONFIG, SHAPE, {}, ["eager", "wrong"])
    assert [side.note != "" for side in measure_case(case, 1, False).sides] == [False, True, False]


def by_torch(model, output, suffix):
    """What an exported file computes, by PyTorch."""
    graph = plain_plan(model, output).graph
    return lambda images: graph(torch.from_numpy(images)).numpy()


def test_exported_files_are_compared_and_timed_like_the_others(monkeypatch):
    monkeypatch.setattr(inference, "written", by_torch)
    [case] = inference.infer_cases([], CONFIG, SHAPE, {}, ["eager", "onnxruntime", "openvino"])
    assert agreed(case) == ["segbox", "segbox, onnxruntime", "segbox, openvino", "bare"]
    assert case.sides[1].peak_mb() is None


def test_a_file_whose_classes_are_not_those_of_its_logits_is_not_timed(monkeypatch):
    def wrong(model, output, suffix):
        run = by_torch(model, output, suffix)
        return run if output == "logits" else lambda images: (run(images) + 1) % 5

    monkeypatch.setattr(inference, "written", wrong)
    [case] = inference.infer_cases([], CONFIG, SHAPE, {}, ["eager", "onnxruntime"])
    file = measure_case(case, 1, False).sides[1]
    assert file.note == "100 % of its classes are not those of its logits" and file.cpu is None


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_real_runtimes(runtime):
    for name in ("onnx", "onnxscript", runtime):
        pytest.importorskip(name)
    [case] = inference.infer_cases([], CONFIG, SHAPE, {}, ["eager", runtime])
    assert agreed(case) == ["segbox", f"segbox, {runtime}", "bare"]


def test_samples():
    found = [*measure(samples.data_cases([], (40, 64), (16, 32)), runs=1)]
    assert [side.note for case in found for side in case.sides] == [""] * 6


def test_parts_grow_by_the_same_work():
    cases = [*measure(parts.parts_cases(CONFIG, SHAPE, (40, 64)), runs=1, peaks=False)]
    assert [len(case.sides) for case in cases] == [4, 5, 3]


def test_models_of_peers_lose_their_dropout():
    own = {**SECTION, "auxiliary_head": [dict(type="FCNHead", dropout=0.1)], "weights": "a.pth"}
    found = without_dropout(own)
    assert found["decode_head"]["dropout"] == 0 == found["auxiliary_head"][0]["dropout"]
    assert SECTION["decode_head"]["dropout"] == 0.5


def test_a_model_of_torchvision_is_rebuilt(tmp_path):
    segmentation = pytest.importorskip("torchvision.models.segmentation")
    torch.manual_seed(0)
    theirs = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "a.pth")
    imported = imported_model("torchvision", "lraspp_mobilenet_v3_large", str(tmp_path / "a.pth"))
    ours = model_of(imported.model, 3, imported.weights).eval()
    images = torch.from_numpy(shared.pixels(1, 3, 32, 32))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (shared.MEAN, shared.STD))
    with torch.no_grad():
        case = Case("c", [local("a", lambda: ours(images)), local("b", lambda: theirs((images - mean) / std)["out"])])
    with torch.no_grad():
        assert measure_case(case, 0, False).sides[1].note == ""
