"""The page of a data set's check: whole, self-contained, and with what it should show."""

from html.parser import HTMLParser

import numpy as np
import pytest

from segbox.class_weights import all_weights
from segbox.doctor.check import check_datasets
from segbox.doctor.html_report import check_page
from tests.doctor.broken_set import write_broken_set

EMPTY = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Fails on a tag that is closed by another."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = write_broken_set(tmp_path_factory.mktemp("page") / "a<b>")
    configs = {s: {"type": "FolderDataset", "root": str(root), "split": s} for s in ("train", "val")}
    report = check_datasets(str(root), configs)
    train = report.splits["train"]
    return check_page(report, all_weights(train.pixels, train.pixels_where_present))


def test_it_is_whole_and_needs_nothing(page):
    parser = Balance()
    parser.feed(page)
    assert not parser.open and "a&lt;b&gt;" in page and "a<b>" not in page
    pictures = [attrs["src"] for tag, attrs in parser.seen if tag == "img"]
    assert len(pictures) > 15 and all(src.startswith("data:image/jpeg;base64,") for src in pictures)
    assert not [tag for tag, _ in parser.seen if tag in ("script", "link", "iframe")]


def test_it_shows_the_problems_the_classes_and_examples(page):
    assert "14 problems" in page and page.count('class="card problem') == 14
    assert page.count("cannot be read</span>") == 2  # the cut image, the cut mask
    assert 'class="absent"' in page and ">car</span>" in page
    assert "Examples of train" in page and "Examples of val" in page


def test_a_sound_set():
    config = {"type": "ShapesDataset", "num_images": 20, "size": (32, 48)}
    report = check_datasets("shapes", {"train": config})
    page = check_page(report, {"inverse": np.ones(7)})
    assert "Ready to train" in page and "Problems" not in page and page.count("<figure") == 10
