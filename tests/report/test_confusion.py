"""The mistakes in words, and the matrix."""

import json
import re

import numpy as np
import pytest

from segbox.report.confusion import matrix, mistake_table, mistakes


def test_mistakes_are_those_of_a_naive_loop():
    counts = np.random.default_rng(0).integers(0, 100, (5, 5))
    wrong = sum(counts[t, g] for t in range(5) for g in range(5) if t != g)
    naive = sorted(((counts[t, g], t, g) for t in range(5) for g in range(5) if t != g and counts[t, g]), reverse=True)
    found = mistakes(counts)
    assert [m.pixels for m in found[:10]] == [pixels for pixels, _, _ in naive[:10]]
    for m in found:
        assert m.pixels == counts[m.target, m.guess] and m.of_wrong == pytest.approx(m.pixels / wrong)
        assert m.of_class == pytest.approx(m.pixels / counts[m.target].sum())


def test_a_rare_class_that_is_mostly_taken_for_another_is_told():
    counts = np.diag([10_000] * 20)
    counts[:12, 12] = 500
    counts[19] = 0
    counts[19, 3] = 7
    found = mistakes(counts)
    assert len(found) == 11 and (found[-1].target, found[-1].guess, found[-1].of_class) == (19, 3, 1.0)
    assert mistakes(np.diag([3, 4])) == [] and mistakes(np.array([[5]])) == []


def test_the_matrix_shows_each_cell_and_its_numbers():
    counts = np.array([[90, 10, 0], [0, 50, 0], [1, 0, 9_999]])
    text = matrix(counts, ["<b>", "car", "tree"])
    assert "<b>" not in text and text.count('class="right"') == 1  # all three on the diagonal have one strength
    assert re.findall(r">(\d+)</text>", text) == ["90", "10", "100", "100"]
    data = json.loads(re.search(r'id="counts">(.*)</script>', text)[1])
    assert data["pairs"] == [[0, 0, 90], [0, 1, 10], [1, 1, 50], [2, 0, 1], [2, 2, 9999]]
    assert data["classes"] == ["&lt;b&gt;", "car", "tree"]
    assert '<path class="wrong"' in text and "M36 0h36" in text and "M0 72h36" not in text  # 1 of 10 000: no colour


def test_a_matrix_of_many_classes_stays_small():
    counts = np.random.default_rng(0).integers(1, 1000, (150, 150))
    text = matrix(counts, [f"class number {i} of a very long name, too long" for i in range(150)])
    assert len(text) < 1_000_000 and "…" in text


def test_the_table_is_escaped():
    text = mistake_table(mistakes(np.array([[5, 5], [0, 5]])), ["<script>", "b"])
    assert "&lt;script&gt;</b> is taken for <b>b</b>" in text and ">50.0<" in text and ">100.0<" in text
