"""A little of the campaign with every test run; all of it is `make faults`, or -m slow."""

import os
import subprocess
import sys

import pytest

from tests.faults import others as module
from tests.faults.changed_bytes import changed_bytes, try_all
from tests.faults.fuzz import fuzz
from tests.faults.kills import kills
from tests.faults.others import FAULTS, others
from tests.faults.report import Row, table
from tests.runs import ROOT

QUICK = ("two runs", "NaN in a batch", "image: trunc", "out of memory")  # others: engine/test_save_on_error.py


def all_as_expected(*rows):
    assert all(row.tried for row in rows)
    assert not any(row.failures for row in rows), table(list(rows))


def test_some_kills(tmp_path):
    rows = kills(tmp_path, 1, 2, ("evaluation",), of_a_run=2)
    assert sum(row.tried for row in rows) >= 2
    all_as_expected(*(row for row in rows if row.tried))


def test_some_other_faults(tmp_path, monkeypatch):
    chosen = {name: fault for name, fault in FAULTS.items() if name.startswith(QUICK)}
    monkeypatch.setattr(module, "FAULTS", chosen)
    all_as_expected(*others(tmp_path, 1, 1))


@pytest.mark.filterwarnings("ignore")  # what PyTorch thinks of a mutated config is not the question
def test_some_mutated_configs():
    all_as_expected(*fuzz(1, 100))


def test_some_changed_bytes(tmp_path):
    all_as_expected(*changed_bytes(tmp_path, 1, 100))


def test_a_process_that_a_file_ends_is_counted_and_the_others_are_read(tmp_path):
    def read(path):
        yield lambda: os._exit(9) if path.read_bytes()[0] < 128 else None

    row = try_all(tmp_path, 1, 60, "a file", [bytes(200), bytes([255] * 200)], read)
    assert row.tried == 60 and 10 < len(row.failures) < 50 and "ended the process with 9" in row.failures[0]


def test_the_table_counts_and_names_failures():
    good, bad = Row("a", "nothing"), Row("b", "a message")
    good.count(None, 2)
    good.count(None, 0)
    bad.count("died", None)
    text = table([good, bad])
    assert "| 1.0 (at most 2) " in text and "FAILED b: died" in text and "FAILED a" not in text


@pytest.mark.slow
def test_the_campaign():
    done = subprocess.run([sys.executable, "-m", "tests.faults"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
