"""Ratios that do not depend on the machine stay where they are. Margins are wide: other programs may be busy."""

import sys

import pytest

from segbox.benchmark import evaluation, losses, samples, training
from segbox.benchmark.measure import Case, measure_case, ratio_to_first
from segbox.benchmark.models import Shape

pytestmark = pytest.mark.slow
RESNET = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="18", stem="C", output_stride=8),
    decode_head=dict(type="PSPHead", channels=128, dropout=0.0),
)


def bare_part(case: Case, runs: int = 5) -> float:
    """The time of the bare side as a part of segbox's."""
    found = measure_case(case, runs, peaks=False)
    assert [side.note for side in found.sides] == ["", ""]
    return ratio_to_first(found, "bare")


def test_a_step_costs_little_more_than_the_bare_loop():
    [case] = training.train_cases([], dict(model=RESNET), Shape(19, (128, 128), 2), {})
    assert bare_part(case) > 0.8  # 1.0


def test_the_loss_is_no_slower_than_interpolation():
    [case] = losses.loss_cases([], [150], (256, 256), 2)
    assert bare_part(case) > 1.2  # 2


def test_scores_come_faster_than_from_full_size_probabilities():
    [case] = evaluation.eval_cases([], [19], (256, 512))
    assert bare_part(case) > 1.5  # 3
    [case] = evaluation.eval_cases([], [19], (640, 768), is_slide=True)
    assert bare_part(case, 3) > 1.1  # 1.7


def test_a_sample_costs_little_more_than_decoding():
    for case in samples.data_cases([], (512, 1024), (256, 512), formats=("png",)):  # its files live as long
        assert bare_part(case, 9) > 0.4


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of resident memory is Linux's")
def test_full_size_logits_are_never_held():
    [case] = losses.loss_cases([], [150], (256, 256), 2)
    ours, bare = measure_case(case, runs=0, peaks=True).sides
    assert ours.peak_mb < 0.6 * bare.peak_mb
    [case] = evaluation.eval_cases([], [150], (256, 512))
    ours, bare = measure_case(case, runs=0, peaks=True).sides
    assert ours.peak_mb < 0.6 * bare.peak_mb
