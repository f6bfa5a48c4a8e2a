"""Servers of these tests answer from threads, whose log must not go to the closed streams of runs before."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def no_handlers_of_earlier_runs() -> Iterator[None]:
    log = logging.getLogger("segbox")
    before, log.handlers = log.handlers, []
    yield
    log.handlers = before
