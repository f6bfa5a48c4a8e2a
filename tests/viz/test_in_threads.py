"""Work in threads: in order, at the same time, and a few at a time."""

import threading

import pytest

from segbox.viz.in_threads import in_threads


def test_results_come_in_order_though_the_first_ends_last():
    last_is_done = threading.Event()

    def work(item):
        if item == 0:
            assert last_is_done.wait(20)  # needs a second thread
        if item == 1:
            last_is_done.set()
        return item * item

    assert list(in_threads(work, range(9), 2)) == [i * i for i in range(9)]
    assert list(in_threads(work, [], 2)) == []


def test_a_few_items_are_begun_before_they_are_asked_for():
    taken = []
    items = (taken.append(i) or i for i in range(10**9))
    results = in_threads(lambda item: item, items, 3)
    for i in range(5):
        assert next(results) == i and len(taken) <= i + 4
    results.close()
    assert len(taken) <= 8


def test_an_error_is_raised_in_its_turn_and_ends_the_rest():
    done = []

    def work(item):
        if item == 2:
            raise OSError("full")
        done.append(item)
        return item

    results = in_threads(work, range(10**9), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OSError, match="full"):
        next(results)
    assert len(done) <= 6 and not list(results)


def test_an_error_of_the_items_is_raised_too():
    with pytest.raises(ZeroDivisionError):
        list(in_threads(str, (1 // i for i in (2, 1, 0)), 2))
