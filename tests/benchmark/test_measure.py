"""Numbers are compared before times are taken, and a side that computes something else is not timed."""

import math

import numpy as np
import pytest

from segbox.benchmark.measure import DIFFERENT, Case, Side, difference, local, measure, ratio_to_first, read_measured
from segbox.benchmark.peer.shared import class_ids, confusion, digest, pixels, scores
from segbox.benchmark.result import as_markdown, as_text, seconds_text
from segbox.errors import UserError


def side(name, numbers, log):
    return Side(name, lambda: digest(numbers), lambda: log.append(name) or (float(len(log)), 1.0), lambda: 3.0)


def test_sides_are_timed_in_turns_and_the_first_turn_warms_up():
    log = []
    [found] = measure([Case("c", [side("a", [1.0, 2.0], log), side("b", [1.0, 2.0], log)])], runs=3)
    assert log == ["a", "b"] * 4
    assert found.sides[0].cpu == (4.0, 5.0, 6.0) and found.sides[1].cpu == (5.0, 6.0, 7.0)  # of 3 5 7 and 4 6 8
    assert found.sides[1].difference == 0 and found.sides[0].difference is None and found.sides[1].peak_mb == 3.0
    assert ratio_to_first(found, "b") == pytest.approx(6 / 5) and ratio_to_first(found, "c") is None


def test_a_side_of_other_numbers_is_told_and_not_timed():
    log = []
    [found] = measure([Case("c", [side("a", [1.0, 2.0], log), side("b", [1.0, 2.1], log)])], runs=2)
    assert set(log) == {"a"} and found.sides[1].note == DIFFERENT and found.sides[1].cpu is None
    assert found.sides[1].difference == pytest.approx(0.05)
    [found] = measure([Case("c", [side("a", [1.0, 2.0], log), side("b", [1.0, 2.1], log)], tolerance=0.1)], runs=1)
    assert found.sides[1].note == "" and found.sides[1].cpu is not None


def test_a_side_that_fails_leaves_the_others():
    def fail():
        raise UserError("b: RuntimeError: broken")

    log = []
    broken = Side("b", fail, fail, fail)
    [found] = measure([Case("c", [side("a", [1.0], log), broken])], runs=1)
    assert found.sides[0].cpu and found.sides[1].note == "b: RuntimeError: broken" and found.sides[1].peak_mb is None


def test_a_side_that_fails_when_it_is_timed():
    def fail():
        raise UserError("b ended with status 2")

    log = []
    broken = Side("b", lambda: None, fail, fail)
    [found] = measure([Case("c", [broken, side("a", [1.0], log)])], runs=1)
    assert found.sides[0].note == "b ended with status 2" and found.sides[0].cpu is None and found.sides[1].cpu


def test_the_memory_alone():
    log = []
    [found] = measure([Case("c", [side("a", [1.0], log)])], runs=0)
    assert log == [] and found.sides[0].cpu is None and found.sides[0].peak_mb == 3.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 3.0], [1.0, 4.0], 0.25),
        ([1.0], [1.0, 2.0], math.inf),
        ([math.nan], [1.0], math.inf),
    ],
)
def test_differences_are_parts_of_the_largest_value(a, b, expected):
    assert difference(digest(a), digest(b)) == expected


def test_a_local_side_compares_what_it_is_told_to():
    calls = []
    own = local("a", lambda: calls.append("run"), lambda: calls.append("check") or np.arange(3))
    assert own.digest() == digest(np.arange(3)) and calls == ["check"]
    assert all(seconds >= 0 for seconds in own.seconds()) and calls == ["check", "run"]
    assert local("a", lambda: [1.0], checked=False).digest() is None


def test_inputs_are_the_same_for_every_process():
    assert digest(pixels(2, 3, 40, 70)) == digest(pixels(2, 3, 40, 70)) and pixels(3, 40, 70).shape == (3, 40, 70)
    ids = class_ids(5, 2, 40, 70)
    assert set(np.unique(ids)) <= {0, 1, 2, 3, 4, 255} and (ids[:, :2] == 255).all() and (ids[:, 2:] != 255).all()
    assert scores(1, 2, 3).dtype == np.float32
    guess = np.roll(ids, 3, axis=2) % 5
    pairs = [(true, own) for true, own in zip(ids.ravel(), guess.ravel()) if true != 255]
    assert [[pairs.count((i, j)) for j in range(5)] for i in range(5)] == confusion(guess, ids, 5).tolist()


def test_results_are_printed():
    log = []
    case = Case("a case", [side("segbox", [1.0], log), side("bare", [1.5], log)], ["smp has no such work"])
    cases = [found.as_dict() for found in measure([case], runs=1)]
    machine = {"cpu": "A CPU", "cores": 2, "gpu": None, "python": "3.11", "versions": {"torch": "2"}, "peers": {}}
    result = {"subject": "s", "setting": {"threads": 1, "runs": 1}, "machine": machine, "cases": cases}
    text, table = as_text(result), as_markdown(result)
    assert "A CPU, 2 cores, 1 thread; Python 3.11, torch 2; CPU time, median of 1 in turns" in text
    for shown in (text, table):
        assert "smp has no such work" in shown and f"bare: {DIFFERENT}" in shown
    assert (
        "| a case | segbox | 2 s | 2 s to 2 s | 1.00 | 3.0 | - |" in table
        and "|  | bare | - | - | - | - | 0.5 |" in table
    )
    assert read_measured(cases[0]).as_dict() == cases[0]


def test_times_are_short():
    shown = [seconds_text(seconds) for seconds in (12.34, 1.0, 0.01234, 0.000012)]
    assert shown == ["12.3 s", "1 s", "12.3 ms", "12 us"]
