"""The comparison with PyTorch, with runtimes that are made up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segbox.errors import UserError
from segbox.export.check import SIZES, compare, verdict
from segbox.export.pictures import batch_of, generated_pictures
from segbox.export.plan import plan_export
from tests.export.test_graph import predictor_of


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return predictor_of(tmp_path_factory.mktemp("model"))


def right(plan):
    def run(images):
        with torch.no_grad():
            return plan.graph(torch.from_numpy(images)).numpy()

    return run


def wrong_at(plan, size):
    def run(images):
        found = right(plan)(images)
        return found[::-1, :, ::-1] if images.shape[2:] == size else found

    return run


def test_sizes_and_batches(predictor):
    assert any(side % 2 for side in SIZES[-1]) and len({*SIZES}) == 3
    plan = plan_export(predictor, None, None, "fp32")
    shapes = []
    compare(plan, lambda images: shapes.append(images.shape) or right(plan)(images), generated_pictures(plan))
    assert shapes == [(1, 3, *SIZES[0]), (1, 3, *SIZES[1]), (2, 3, *SIZES[2])]
    fixed = plan_export(predictor, None, (64, 80), "fp32")
    assert [one.size for one in compare(fixed, right(fixed), generated_pictures(fixed))] == [(64, 80)] * 3


@pytest.mark.parametrize("output", ["classes", "probabilities", "logits"])
def test_a_right_file_has_no_differences(predictor, output):
    plan = plan_export(predictor, output, None, "fp32")
    found = compare(plan, right(plan), generated_pictures(plan))
    assert all(one.largest < 1e-5 and one.different < 0.01 and one.classes > 1 for one in found)
    verdict(plan, found, right(plan), generated_pictures(plan))


@pytest.mark.parametrize("output", ["classes", "probabilities"])
def test_a_file_that_is_wrong_at_one_size_is_refused_and_the_fault_is_named(predictor, output):
    plan = plan_export(predictor, output, None, "fp32")
    pictures, wrong = generated_pictures(plan), wrong_at(plan, SIZES[2])
    found = compare(plan, wrong, pictures)
    assert [one.different > 1 for one in found] == [False, False, True] and found[2].largest > 0.01
    with pytest.raises(UserError, match=r"at 117x187 pixels, .*the program of torch.export agrees with PyTorch"):
        verdict(plan, found, right(plan), pictures)
    with pytest.raises(UserError, match=r"the program of torch.export differs too: a layer has fixed"):
        verdict(plan, found, wrong, pictures)


def test_a_file_that_its_runtime_cannot_run_is_refused(predictor):
    plan = plan_export(predictor, None, None, "fp32")

    def broken(images):
        raise RuntimeError("Add: 49 by 98\nmore")

    with pytest.raises(UserError, match=r"at 160x256 .* cannot be run, .* \(Add: 49 by 98 \.\.\.\)\. With"):
        compare(plan, broken, generated_pictures(plan))
    fixed = replace(plan, size=(64, 80))
    with pytest.raises(UserError, match=r"at 64x80 .*\(Add: 49 by 98 \.\.\.\)$"):
        compare(fixed, broken, generated_pictures(fixed))


def test_numbers_that_float16_does_not_hold_are_refused(predictor):
    plan = plan_export(predictor, None, None, "fp16")
    classify = plan.graph.network.decode_head.classify
    classify.weight.mul_(1e7)  # the classes stay: without the bias, only the scale of the logits changes
    classify.bias.zero_()
    half = right(replace(plan, graph=plan.of_file()))
    pictures = generated_pictures(plan)
    with pytest.raises(UserError, match=r"float16 holds too few digits, or no numbers over 65504\. Without --half"):
        verdict(plan, compare(plan, half, pictures), half, pictures)


def test_a_tenth_of_a_percent_is_allowed(predictor):
    plan = plan_export(predictor, None, None, "fp32")

    def run(images, pixels):
        found = right(plan)(images)
        found[0, 0, :pixels] = (found[0, 0, :pixels] + 1) % 5
        return found

    pictures = generated_pictures(plan)
    verdict(plan, compare(plan, lambda images: run(images, 40), pictures), right(plan), pictures)  # of 40 960
    with pytest.raises(UserError, match=r"0\.1 % are allowed"):
        verdict(plan, compare(plan, lambda images: run(images, 60), pictures), right(plan), pictures)


def test_pictures_are_cut_from_the_middle_and_enlarged_where_they_are_too_small(predictor):
    plan = plan_export(predictor, None, None, "fp32")
    picture = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    assert (batch_of(plan, [picture], (4, 6))[0].transpose(1, 2, 0) == picture[3:7, 3:9]).all()
    assert batch_of(plan, [picture] * 2, (40, 13)).shape == (2, 3, 40, 13)
