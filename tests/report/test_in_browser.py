"""The page in a real browser: what its script adds, and that nothing is wider than the window."""

import pytest
import torch

from segbox.report.write import write_report
from tests.browser import in_a_browser, opened_browser
from tests.report.made import made, write_run

pytestmark = [pytest.mark.slow, in_a_browser]
COLUMN = "return [...document.querySelector('.sortable').tBodies[0].rows].map(row => row.cells[{}].textContent)"
PARTS = "return [...document.querySelectorAll('figure.case')[0].querySelectorAll('.view')].map(view => {}(view){})"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "a <b>&"
    folder.mkdir()
    return write_report(write_run(folder), torch.device("cpu"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with opened_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def head(browser, title):
    browser.do(f"[...document.querySelectorAll('th button')].find(b => b.textContent === '{title}').click()")


def test_the_table_sorts_by_numbers_and_names(browser, page):
    browser.open(page.as_uri())
    by_id = browser.do(COLUMN.format(1))
    head(browser, "IoU")
    values = [float(text) for text in browser.do(COLUMN.format(3))]
    assert values == sorted(values, reverse=True) and browser.do(COLUMN.format(1)) != by_id
    head(browser, "IoU")
    assert [float(text) for text in browser.do(COLUMN.format(3))] == values[::-1]
    head(browser, "class")
    assert browser.do(COLUMN.format(1)) == sorted(by_id)
    head(browser, "id")
    assert browser.do(COLUMN.format(1)) == by_id[::-1]
    head(browser, "id")
    assert browser.do(COLUMN.format(1)) == by_id and not browser.console()


def test_the_slider_moves_from_image_to_errors(browser, page):
    browser.open(page.as_uri())
    shown = PARTS.format("getComputedStyle", ".clipPath")
    assert browser.do(shown)[1:] == ["inset(0px 0% 0px 0px)"] * 2 + ["inset(0px 100% 0px 0px)"]
    slide = "const s = document.querySelector('figure.case input'); s.value = {}; s.dispatchEvent(new Event('input'))"
    browser.do(slide.format(0.25))
    assert browser.do(shown)[1:] == ["inset(0px 75% 0px 0px)"] + ["inset(0px 100% 0px 0px)"] * 2
    browser.do("document.querySelectorAll('.all button')[3].click()")
    assert browser.do(shown)[1:] == ["inset(0px 0% 0px 0px)"] * 3
    assert browser.do("return document.querySelector('figure.case button.on').textContent") == "errors"
    assert not browser.console()


def test_a_cell_of_the_matrix_tells_its_numbers(browser, tmp_path):
    road = [[9_500, 500, 0], [0, 120_000, 0], [0, 0, 0]]
    made(road, classes=["road", "<i>car", "sky"]).write(tmp_path / "evaluation.json")
    browser.open(write_report(tmp_path, torch.device("cpu")).as_uri())
    browser.resize(1400, 900)
    box = "const s = document.querySelector('.matrix'); s.scrollIntoView(); const m = s.getScreenCTM();"
    left, top, side = browser.do(f"{box} return [m.e, m.f, m.a * s.dataset.side]")

    def told(row, column):
        browser.point_at(left + (column + 0.5) * side, top + (row + 0.5) * side)
        return browser.do("return document.querySelector('.told').textContent")

    assert told(0, 1) == "road → <i>car: 5 % of road, 500 pixels"
    assert told(1, 1) == "<i>car, found: 100 % of <i>car, 120 k pixels"
    assert told(2, 0) == "sky does not occur in the labels"
    browser.point_at(2, 2)
    assert browser.do("return document.querySelector('.told').textContent").startswith("Rows: truth")
    assert not browser.console()


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(browser, page, width):
    browser.resize(width, 900)
    browser.open(page.as_uri())
    assert browser.do("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]
    assert not browser.console()


@pytest.mark.parametrize("width", [400, 1400])
def test_long_names_and_many_classes_do_not_widen_it(browser, tmp_path, width):
    counts = [[5 + (i == j) * 50 for j in range(150)] for i in range(150)]
    classes = [f"{i}{'_a_class_with_a_long_name' * 3}" for i in range(150)]
    path = "/somewhere/" + "folder_of_a_long_name" * 9
    made(counts, classes=classes, checkpoint=path).write(tmp_path / "evaluation.json")
    browser.resize(width, 900)
    browser.open(write_report(tmp_path, torch.device("cpu")).as_uri())
    assert browser.do("return document.documentElement.scrollWidth") == width and not browser.console()


def test_without_script_the_pictures_are_side_by_side(browser, page, tmp_path):
    plain = tmp_path / "plain.html"
    plain.write_text(page.read_text(encoding="utf-8").replace("<script>", "<script type='none'>"), encoding="utf-8")
    browser.resize(1400, 900)
    browser.open(plain.as_uri())
    lefts = browser.do(PARTS.format("", ".getBoundingClientRect().left"))
    assert lefts == sorted(set(lefts)) and len(lefts) == 4
    assert browser.do("return getComputedStyle(document.querySelector('.slider')).display") == "none"
