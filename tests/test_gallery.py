"""The pictures of docs/gallery.md: all there, small, with the colours that the legend promises."""

import importlib.util
import re

import cv2
import numpy as np
import pytest

from tests.runs import ROOT
from tests.trained import write_checkpoint

FOLDER = ROOT / "docs" / "gallery"
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """The script, which writes here."""
    spec = importlib.util.spec_from_file_location("draw", FOLDER / "draw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "HERE", tmp_path)
    return module


def test_the_page_shows_every_picture_and_all_are_small(draw):
    shown = re.findall(r"\(gallery/(\w+)\.png\)", PAGE)
    files = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert sorted(shown) == sorted(draw.PICTURES) == sorted(files)
    assert max(files.values()) <= draw.MOST_BYTES and sum(files.values()) < 600_000


def test_small_areas_keep_their_colours(draw, tmp_path, monkeypatch):
    """A legend of a few pixels beside a noisy photo, a quarter of a usual one."""
    monkeypatch.setattr(draw, "MOST_BYTES", draw.MOST_BYTES // 4)
    picture = np.random.default_rng(0).integers(90, 170, (120, 160, 3), np.uint8)
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 0, 255)]
    for i, colour in enumerate(colours):
        picture[100:110, 20 * i : 20 * i + 10] = colour
    cv2.imwrite("source.png", picture)
    draw.put(tmp_path / "source.png", tmp_path / "small.png")
    small = cv2.imread("small.png").astype(int)
    assert (tmp_path / "small.png").stat().st_size < draw.MOST_BYTES
    for i, colour in enumerate(colours):
        assert np.abs(small[102:108, 20 * i + 2 : 20 * i + 8] - colour).max() <= 24


def test_a_picture_is_drawn_by_the_command(draw, tmp_path):
    checkpoint = write_checkpoint(tmp_path)
    draw.draw(checkpoint, ["color"])
    assert cv2.imread("color.png").shape == (*draw.SIZE, 3)


def test_without_a_browser_the_picture_of_a_page_stays(draw, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda name: None)
    (tmp_path / "check.png").write_text("old")
    (tmp_path / "no.pt").touch()
    draw.draw(tmp_path / "no.pt", ["check"])
    assert "check.png stays as it is: no browser (chromium" in capsys.readouterr().out
    assert (tmp_path / "check.png").read_text() == "old"
