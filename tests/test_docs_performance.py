"""docs/performance.md and its pictures are what docs/performance/write.py makes from the stored numbers."""

import importlib.util
import json
import re

import pytest

from segbox.benchmark.measure import Measured, Timed
from segbox.benchmark.pictures import LEFT, WIDTH, curves_of, growth_picture, parts_picture, shares
from segbox.commands import bench, command_parser
from tests.runs import ROOT

FOLDER = ROOT / "docs" / "performance"


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_performance", FOLDER / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_and_pictures_are_made_from_the_stored_numbers(writer):
    """make performance"""
    made = writer.files(json.loads((FOLDER / "numbers.json").read_text(encoding="utf-8")))
    assert {path.name for path in made} == {"performance.md", "parts.svg", "growth.svg"}
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: write it again with `make performance`"


def test_every_subject_of_the_plan_can_be_measured(writer):
    for subject, (_, names, full, quick) in writer.PLAN.items():
        assert set(names) <= set(writer.LIBRARIES)
        for words in (full, quick):
            assert command_parser("bench").parse_args([subject, *words.split()]).runs
    assert set(bench.SUBJECTS) - set(writer.PLAN) == {"depthwise", "memory"}


def test_the_numbers_name_no_host_and_no_person():
    text = (FOLDER / "numbers.json").read_text(encoding="utf-8")
    assert not re.search(r"/home|/root|/tmp|/work", text)


def timed(name: str, seconds: float) -> Timed:
    return Timed(name, (seconds, seconds, seconds), (1.0, 1.0, 1.0))


def test_parts_are_differences_and_never_negative():
    case = Measured("one step", [timed("forward", 2.0), timed("losses", 5.0), timed("all", 4.0)])
    assert shares(case) == [("forward", 2.0), ("losses", 3.0), ("all", 0.0)]
    picture = parts_picture([case])
    assert "one step: 5 s" in picture and "forward 40 %" in picture and "losses 60 %" in picture
    wide = WIDTH - 2 * LEFT
    assert re.findall(r'width="([\d.]+)" height="26"', picture) == [f"{wide * part:.1f}" for part in (0.4, 0.6, 0)]
    assert "prefers-color-scheme: dark" in picture


def test_curves_are_found_by_the_names_of_cases():
    cases = [Measured(f"loss by classes: {n}", [timed("segbox", n / 10), timed("bare", n / 5)]) for n in (2, 19)]
    assert curves_of(cases) == {"loss by classes": {"segbox": [(2, 0.2), (19, 1.9)], "bare": [(2, 0.4), (19, 3.8)]}}
    assert growth_picture(cases).count("<polyline") == 2
