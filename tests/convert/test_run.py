"""Whatever is converted: nothing half-written, nothing made twice, nothing mixed."""

import json
import os
import shutil
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from segbox.convert.plan import Plan, WorkerPool, folder_item, within
from segbox.convert.run import problems_text, run, summary_text
from segbox.errors import DataError, UserError
from tests.convert.made import SIZE, mask_of, write_picture
from tests.faulty_data import cut

CREW = WorkerPool(0)


def number(item, size):
    """The mask is the number in the file's name, everywhere."""
    value = int(item.source.stem)
    if value == 13:
        raise DataError("unlucky")
    if value == 14:
        raise ZeroDivisionError("a bug")
    return None if value == 15 else np.full(size, value, np.uint8)


def make_plan(root, *numbers, **settings):
    images = [write_picture(root / f"src/{i}.jpg") for i in numbers]
    items = [folder_item(path, path, path.stem, "train") for path in images]
    return Plan(root / "out", items, number, "annotations", settings, ("a", "b", "c"), {"list.txt": ["x", "y"]})


def contents(folder):
    """Place -> bytes, of all that is not hidden."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_none_and_two_processes_write_the_same(tmp_path):
    plan = make_plan(tmp_path, *range(10))
    run(plan, WorkerPool(0))
    alone = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    seen = []
    summary = run(plan, WorkerPool(2, lambda done, total: seen.append((done, total))))
    assert contents(tmp_path / "out") == alone and len(alone) == 22
    assert summary.pixels[:10].tolist() == [SIZE[0] * SIZE[1]] * 10
    assert seen[-1] == (10, 10)


def test_only_what_is_not_whole_is_made_again(tmp_path, monkeypatch):
    plan = make_plan(tmp_path, 0, 1, 2)
    first = run(plan, CREW)
    cut(tmp_path / "out/annotations/train/1.png")
    (tmp_path / "out/annotations/train/2.png").unlink()
    (tmp_path / "out/images/train/0.jpg").unlink()
    again = run(plan, CREW)
    assert (first.written, first.skipped, again.written, again.skipped) == (3, 0, 2, 1)
    assert (again.pixels == first.pixels).all()
    assert (mask_of(tmp_path / "out", "train/1") == 1).all() and (tmp_path / "out/images/train/0.jpg").exists()
    assert run(plan, CREW, overwrite=True).written == 3


def test_links_survive_moving_both_and_copies_stand_alone(tmp_path):
    plan = make_plan(tmp_path / "a", 0)
    run(plan, CREW)
    (tmp_path / "a").rename(tmp_path / "b")
    link = tmp_path / "b/out/images/train/0.jpg"
    assert link.is_symlink() and link.samefile(tmp_path / "b/src/0.jpg")
    plan = make_plan(tmp_path / "b", 0)
    run(plan, CREW, copy=True)
    assert not link.is_symlink() and link.read_bytes() == (tmp_path / "b/src/0.jpg").read_bytes()


@pytest.mark.parametrize("error", [OSError(1314, "a privilege is missing"), ValueError("another drive")])
def test_without_links_images_are_copied(tmp_path, monkeypatch, error):
    def refused(*arguments):
        raise error

    monkeypatch.setattr("pathlib.Path.symlink_to", refused)
    for _ in range(2):
        run(make_plan(tmp_path, 0), CREW)
    copy = tmp_path / "out/images/train/0.jpg"
    assert not copy.is_symlink() and copy.read_bytes() == (tmp_path / "src/0.jpg").read_bytes()


def test_a_failed_write_leaves_nothing_and_ends_at_once(tmp_path, monkeypatch):
    plan = make_plan(tmp_path, 0, 1)

    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="No space"):
        run(plan, CREW)
    monkeypatch.undo()
    monkeypatch.setattr(cv2, "imencode", full)
    with pytest.raises(UserError, match=r"0\.jpg: .*No space left"):
        run(plan, CREW)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != ".conversion"]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_wrong_with_a_file_is_told_and_the_others_are_made(tmp_path, workers):
    plan = make_plan(tmp_path, 0, 13, 15, 1)
    cut(tmp_path / "src/1.jpg")
    summary = run(plan, WorkerPool(workers))
    assert (summary.written, summary.left_out) == (1, 1)
    assert [problem.split(" ")[0] for problem in summary.problems] == [
        f"{tmp_path}/src/13.jpg:",
        f"{tmp_path}/src/1.jpg:",
    ]
    assert not (tmp_path / "out/list.txt").exists() and not (tmp_path / "out/classes.txt").exists()
    text = problems_text(summary.problems * 10, 40)
    assert text.startswith("20 of 40 files could not be converted") and "... and 10 more" in text


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bug_is_told_with_the_file(tmp_path, workers):
    with pytest.raises(RuntimeError, match=r"while converting .*14\.jpg:\n(.*\n)*.*ZeroDivisionError: a bug"):
        run(make_plan(tmp_path, 0, 14), WorkerPool(workers))


def test_masks_of_other_settings_are_not_mixed(tmp_path):
    run(make_plan(tmp_path, 0, classes=("a",)), CREW)
    run(make_plan(tmp_path, 1, classes=("a",)), CREW)
    with pytest.raises(DataError, match=r"other settings \(classes: \['a'\] there, \('b',\) now\)"):
        run(make_plan(tmp_path, 2, classes=("b",)), CREW)
    (tmp_path / "out/.conversion").unlink()
    with pytest.raises(DataError, match=r"0\.png exists already and was not made by this tool"):
        run(make_plan(tmp_path, 0), CREW)
    run(make_plan(tmp_path, 0), CREW, overwrite=True)
    assert json.loads((tmp_path / "out/.conversion").read_text()) == {"annotations": {}}


def test_two_sources_of_one_mask_are_told(tmp_path):
    plan = make_plan(tmp_path, 0, 1)
    plan.items = [*plan.items, plan.items[0]]
    with pytest.raises(DataError, match=r"1 files would be written twice: annotations/train/0\.png from .* and from"):
        run(plan, CREW)
    plan.items = []
    with pytest.raises(DataError, match="nothing to convert"):
        run(plan, CREW)


def test_files_of_the_user_are_not_written_over(tmp_path):
    plan = make_plan(tmp_path, 0, 1)
    (tmp_path / "out/images/train").mkdir(parents=True)
    (tmp_path / "out/images/train/0.jpg").write_bytes(b"another image")
    (tmp_path / "out/classes.txt").write_text("mine\n")
    for copy in (False, True):
        with pytest.raises(UserError, match=r"out/classes\.txt would be (written over|overwritten)"):
            run(plan, CREW, copy)
    assert (tmp_path / "out/classes.txt").read_text() == "mine\n"
    (tmp_path / "out/classes.txt").write_text("a\nb\nc\n")  # as it would be
    for copy in (False, True):
        (problem,) = run(plan, CREW, copy).problems
        assert "out/images/train/0.jpg exists already and is another image" in problem
    assert (tmp_path / "out/images/train/0.jpg").read_bytes() == b"another image"
    (tmp_path / "out/images/train/0.jpg").unlink()
    for _ in range(2):
        assert not run(plan, CREW, True).problems
    (tmp_path / "out/list.txt").write_text("mine\n")
    with pytest.raises(UserError, match=r"out/list\.txt would be (written over|overwritten)"):
        run(plan, CREW)
    assert not run(plan, CREW, overwrite=True).problems


def test_files_of_the_source_are_not_written_over(tmp_path):
    plan = make_plan(tmp_path, 0, 1)
    images = [item.image for item in plan.items]
    plan.root, before = tmp_path, contents(tmp_path)
    first, second = plan.items
    for mask, link in (("src/1.jpg", ""), ("m.png", "src/1.jpg"), ("src/0.jpg", "src/0.jpg"), ("src/0.jpg", "")):
        plan.items = [replace(first, mask=mask, link=link), second]
        with pytest.raises(DataError, match=r"src/[01]\.jpg would be overwritten"):
            run(plan, CREW, overwrite=True)
    assert contents(tmp_path) == before
    plan.items = [
        replace(item, mask=f"{item.source.stem}.png", link=f"src/{item.source.name}") for item in (first, second)
    ]
    for copy in (False, True):
        assert not run(plan, CREW, copy, overwrite=True).problems
    assert [image.read_bytes() for image in images] == [before[f"src/{image.name}"] for image in images]


def test_a_mask_of_another_size_is_refused(tmp_path):
    plan = make_plan(tmp_path, 0)
    plan.draw = partial(lambda item, size: np.zeros((3, 4), np.uint8))
    assert "the image is 36x24, the mask 4x3" in run(plan, CREW).problems[0]


def test_the_summary_counts(tmp_path):
    plan = make_plan(tmp_path, 0, 1, 255)
    plan.notes = ["a note"]
    lines = summary_text(plan, run(plan, CREW)).splitlines()
    assert lines[0].endswith("annotations: 3 masks written, 0 were there already")
    assert lines[1].split() == ["0", "a", "864", "pixels", "33.33", "%"]
    assert lines[3].split()[:2] == ["255", "ignored"] and lines[4:] == ["  never: c", "a note"]


def test_names_stay_within_the_root(tmp_path):
    assert within(tmp_path, "a/../b.jpg") == tmp_path / "b.jpg"
    assert within(tmp_path, "..\\b.jpg", tmp_path / "a") == tmp_path / "b.jpg"
    for name in ("..", "a/../../b", "/b", "\\b", "c:b", "", 7, None, "a\0"):
        with pytest.raises(DataError, match="leads out of"):
            within(tmp_path, name)
