"""Scores on a GPU are the CPU's: the same class maps, and the same integers in the confusion matrix."""

import pytest
import torch

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.metric_set import MetricSet
from segbox.evaluation.predictor import Predictor
from segbox.models.norms import batch_norms
from segbox.models.segmentors import build_segmentor
from tests.gpu.runs import CPU
from tests.runs import write_config

SETS = [
    dict(type="ShapesDataset", num_images=3, size=(64, 90)),
    dict(type="ShapesDataset", num_images=1, size=(50, 70)),
]
VAL = f"data.val=dict(type='ConcatDataset',datasets={SETS})"
TESTS = [
    "test.mode=whole",
    "test=dict(mode='whole',divisor=16)",
    "test=dict(mode='whole',flip=True,scales=(0.5,1.0,1.5))",
    "test=dict(mode='slide',window=(32,40),windows_per_batch=3)",
    "test=dict(mode='slide',window=(32,40),flip=True,scales=(0.75,1.25),base_size=80)",
    "test=dict(mode='crop',window=(48,48))",
]


def config_of(folder, *overrides):
    return load_config(write_config(folder), [VAL, "data.val_batch_size=2", *overrides])


def model_of(config, dtype=torch.float64):
    """With many classes in its predictions: batch norms know the first image, and no class is ahead there."""
    torch.manual_seed(0)
    model = build_segmentor(config.model, 7).to(dtype).train()
    images = next(iter(Evaluator(config, CPU).loader))[0]["image"].expand(2, -1, -1, -1)
    for norm in batch_norms(model):
        norm.momentum = 1.0
    with torch.no_grad():
        model(images)
        means = model.eval().logits(images).mean((0, 2, 3))
        model.decode_head.classify.bias -= means
    return model


def score(config, model, device, amp=None):
    """The metric, and the class maps."""
    maps = []
    metric = Evaluator(config, device, amp)(model.to(device), lambda item, prediction: maps.append(prediction))
    return metric, maps


@pytest.mark.parametrize("test", TESTS)
def test_counts_and_class_maps_are_those_of_the_cpu(tmp_path, device, test):
    config = config_of(tmp_path, test, "metric.extra=['mBIoU','imageIoU','ECE']")
    expected, expected_maps = score(config, model_of(config), CPU)
    metric, maps = score(config, model_of(config), device)
    assert expected.counts.sum() > 4000 and (expected.counts.sum(0) > 0).sum() > 2
    assert [m.device.type for m in maps] == ["cpu"] * 4 and all(map(torch.equal, maps, expected_maps))
    assert metric.counts.tolist() == expected.counts.tolist()
    scores = metric.compute()
    ece, expected_ece = scores.pop("ECE"), expected.compute()["ECE"]
    assert ece == pytest.approx(expected_ece, abs=1e-3)
    assert scores == pytest.approx({k: v for k, v in expected.compute().items() if k != "ECE"}, nan_ok=True)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_scores_nearly_the_same(tmp_path, device, amp):
    config = config_of(tmp_path, TESTS[3])
    expected, expected_maps = score(config, model_of(config, torch.float32), CPU)
    metric, maps = score(config, model_of(config, torch.float32), device, amp)
    assert metric.counts.sum() == expected.counts.sum()
    same = sum((a == b).sum().item() for a, b in zip(maps, expected_maps)) / expected.counts.sum()
    assert same > 0.95


def test_channels_last_scores_the_same(tmp_path, device):
    config = config_of(tmp_path)
    expected, _ = score(config, model_of(config), CPU)
    metric, _ = score(config, model_of(config).to(memory_format=torch.channels_last), device)
    assert metric.counts.tolist() == expected.counts.tolist()


def test_metrics_count_tensors_of_a_gpu(device):
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.randint(0, 5, (60, 70), dtype=torch.uint8, generator=generator) for _ in range(2))
    target[:5] = 255
    own, expected = MetricSet("abcde"), MetricSet("abcde")
    own.update(prediction.to(device), target)
    own.update(prediction.to(device), target.to(device))
    expected.update(prediction, target)
    expected.merge(expected)
    assert own.counts.tolist() == expected.counts.tolist() and own.counts.sum() == 2 * 55 * 70


def test_evaluation_leaves_the_run_alone(tmp_path, device):
    """Memory of the first evaluation is not held beside that of the next."""
    config = config_of(tmp_path)
    evaluation, model = Evaluator(config, device), model_of(config).to(device).train()
    first = evaluation(model).counts.tolist()
    held = torch.cuda.memory_allocated() if device.type == "cuda" else 0
    assert [evaluation(model).counts.tolist() for _ in range(3)] == [first] * 3 and model.training
    if device.type == "cuda":
        assert torch.cuda.memory_allocated() <= held


def test_a_predictor_gives_what_the_cpu_gives(tmp_path, device):
    config = config_of(tmp_path, "train.max_steps=2", "hooks.evaluate=None")
    build_runner(config, tmp_path, device).train()
    image = torch.randint(0, 256, (50, 70, 3), dtype=torch.uint8).numpy()
    maps, probabilities = [], []
    for where in (CPU, device):
        predictor = Predictor(config, tmp_path / "last.pt", where)
        predictor.model.double()
        maps.append(predictor.class_map(image))
        probabilities.append(predictor.probabilities(image))
    assert (maps[0] == maps[1]).all() and probabilities[1].device == CPU
    torch.testing.assert_close(probabilities[1], probabilities[0], rtol=1e-5, atol=1e-6)
