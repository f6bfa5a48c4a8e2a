"""The picture of a training's first batch."""

import cv2
import numpy as np
import pytest
import torch

from segbox.viz.first_batch import FIRST_BATCH, drawing_first

CLASSES, PALETTE = ("sky", "road"), [(0, 90, 200), (120, 120, 120)]


def batch(value, count=3, channels=3):
    images = torch.full((count, channels, 24, 36), value, dtype=torch.uint8)
    return {"images": images, "labels": torch.ones(count, 24, 36, dtype=torch.uint8), "paths": [f"{value}.png"] * count}


def iter_of(batches):
    yield from batches


def test_the_first_batch_is_drawn_and_all_batches_come(tmp_path):
    lines, given = [], [batch(10), batch(200)]
    stream = drawing_first(lambda draw: iter_of(given[draw:]), tmp_path / FIRST_BATCH, CLASSES, PALETTE, lines.append)
    assert not (tmp_path / FIRST_BATCH).exists()
    assert list(stream(0)) == given
    assert lines == ["first_batch.png shows the first batch as the model gets it, its labels over it"]
    sheet = cv2.imread(str(tmp_path / FIRST_BATCH))
    assert (sheet == 10).all(axis=2).sum() >= 3 * 24 * 36 and not (sheet == 200).all(axis=2).any()
    mixed = np.round(0.65 * 120 + 0.35 * 10)
    assert (sheet == mixed).all(axis=2).sum() >= 3 * 24 * 36


@pytest.mark.parametrize("why", ["somebody's file", "a folder that is none", "labels that are none"])
def test_a_picture_that_fails_does_not_end_the_run(tmp_path, why):
    path, lines = tmp_path / "run" / FIRST_BATCH, []
    path.parent.mkdir()
    given = batch(10)
    if why == "somebody's file":
        path.write_text("mine")
    elif why == "a folder that is none":
        path = path.parent / "file" / FIRST_BATCH
        path.parent.write_text("")
    else:
        given["labels"] = given["labels"][:, :0]
    assert list(drawing_first(lambda draw: iter_of([given]), path, CLASSES, PALETTE, lines.append)(0)) == [given]
    assert len(lines) == 1 and lines[0].startswith("warning: the first batch could not be drawn: ")
    assert why != "somebody's file" or path.read_text() == "mine"


def test_the_batches_are_closed_with_the_stream(tmp_path):
    closed = []

    def batches(draw):
        try:
            yield from [batch(1), batch(2)]
        finally:
            closed.append(draw)

    stream = drawing_first(batches, tmp_path / FIRST_BATCH, CLASSES, PALETTE, print)(7)
    next(stream)
    stream.close()
    assert closed == [7]
