"""Batches of one kind, and the order of their items."""

import random

import pytest

from segbox.evaluation.batches import LONGEST_WAIT, batches_of, in_order


def sizes(kinds, most):
    return [[item[1] for item in batch] for batch in batches_of(enumerate(kinds), lambda i: i[1], lambda i: most)]


def test_batches_are_of_one_kind_and_full_where_they_can_be():
    assert sizes("aaaaa", 2) == [["a", "a"], ["a", "a"], ["a"]]
    assert sizes("abababab", 2) == [["a", "a"], ["b", "b"]] * 2
    assert sizes("abc", 1) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_nothing_waits_for_long(seed):
    generator = random.Random(seed)
    kinds = [generator.choice("aaab" if generator.random() < 0.9 else "cdefgh") for _ in range(500)]
    read, found = [], []
    items = ((read.append(i) or i) for i in range(500))
    for batch in batches_of(items, lambda i: kinds[i], lambda i: 4):
        assert len({kinds[i] for i in batch}) == 1 and len(batch) <= 4
        assert all(len(read) - 1 - i <= LONGEST_WAIT * 4 for i in batch) or len(read) == 500
        found += batch
    assert sorted(found) == list(range(500)) and found != sorted(found)
    assert list(in_order(found, int)) == list(range(500))


def test_one_of_its_kind_does_not_hold_up_a_million_others():
    early = []
    numbers = (i for batch in batches_of(range(1000), lambda i: i == 0, lambda i: 2) for i in batch)
    for own in in_order((early.append(i) or i for i in numbers), int):
        assert len(early) - own <= LONGEST_WAIT * 2 + 3
