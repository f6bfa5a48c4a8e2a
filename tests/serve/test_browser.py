"""The page in a real browser: a dropped picture, the overlay, its slider and switches, on a desktop and on a phone."""

import base64

import cv2
import numpy as np
import pytest

from tests.browser import in_a_browser, opened_browser
from tests.serve.serving import Model, as_png, half_bright, serving

pytestmark = [pytest.mark.slow, in_a_browser]
DROP = """
const files = new DataTransfer();
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
files.items.add(new File([bytes], arguments[1]));
const event = new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true});
document.querySelector(".drop").dispatchEvent(event);
"""
PIXEL = "return [...document.querySelector('canvas.classes').getContext('2d').getImageData(%d, 5, 1, 1).data]"
SHOWN = "[...document.querySelectorAll('.stage .over')].map((over) => getComputedStyle(over).display)"
SLIDE = "const s = document.querySelector('input[type=range]'); s.value = 80; s.dispatchEvent(new Event('input'))"
LINKS = "document.querySelectorAll('.downloads a').forEach((link) => link.dispatchEvent(new Event('click')))"
CATCH = """
window.saved = [];
URL.createObjectURL = (blob) => { window.saved.push(blob); return "#"; };
HTMLAnchorElement.prototype.click = function () { window.names = [...(window.names || []), this.download]; };
"""
READ = "return window.saved[arguments[0]].arrayBuffer().then((b) => [...new Uint8Array(b)])"


@pytest.fixture(scope="module")
def client():
    with serving(Model(), Model()) as client:
        yield client


def drop(browser, content, name):
    browser.do(DROP, base64.b64encode(content).decode(), name)


def opened(browser, client):
    browser.open(f"http://127.0.0.1:{client.port}/")
    return browser


def test_a_dropped_picture_is_segmented(client, tmp_path):
    picture = as_png(half_bright(60, 100))
    with opened_browser(tmp_path / "profile") as browser:
        opened(browser, client)
        browser.do("document.querySelector('select').value = 'b'")
        drop(browser, picture, "photo.png")
        browser.wait_for("document.querySelector('.result canvas')")
        assert "b" in browser.do("return document.querySelector('.facts').textContent").split(", ")
        assert (browser.do(PIXEL % 5), browser.do(PIXEL % 400)) == ([200, 30, 40, 255], [10, 120, 250, 255])
        assert browser.do(f"return {SHOWN}") == ["block", "none"]

        browser.do(SLIDE)
        assert browser.do("return getComputedStyle(document.querySelector('canvas.classes')).opacity") == "0.8"
        browser.do("document.querySelector('.areas input[value=\"0\"]').click()")
        assert (browser.do(PIXEL % 5)[3], browser.do(PIXEL % 400)[3]) == (0, 255)
        browser.do("document.querySelector('#view-confidence').click()")
        assert browser.do(f"return {SHOWN}") == ["none", "block"]

        browser.do(CATCH)
        browser.do(LINKS)
        browser.wait_for("window.saved.length === 5")
        names = [f"photo_{end}" for end in ("mask.png", "color.png", "overlay.jpg", "areas.csv", "shown.png")]
        assert browser.do("return window.names") == names
        mask = bytes(browser.do(READ, 0))
        assert mask == client.predict(picture, "output=mask").content
        shown = cv2.imdecode(np.frombuffer(bytes(browser.do(READ, 4)), np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (300, 500, 3)
        assert browser.console() == []


def test_text_is_answered_with_a_sentence_and_the_page_goes_on(client, tmp_path):
    with opened_browser(tmp_path / "profile") as browser:
        opened(browser, client)
        drop(browser, b"dear all", "letter.txt")
        text = browser.wait_for("document.querySelector('.status.bad')?.textContent")
        assert text.startswith("this is no picture that can be read")
        drop(browser, as_png(half_bright()), "photo.png")
        browser.wait_for("document.querySelector('.result canvas')")
        assert browser.do("return document.querySelector('.status').textContent") == ""


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(client, tmp_path, width):
    with opened_browser(tmp_path / "profile") as browser:
        browser.resize(width)
        opened(browser, client)
        drop(browser, as_png(half_bright(300, 900)), f"{'long' * 40}.png")
        browser.wait_for("document.querySelector('.result canvas')")
        assert browser.do("return document.documentElement.scrollWidth") <= width
        assert browser.console() == []


def test_without_javascript_the_form_leads_to_the_result(client, tmp_path):
    picture = tmp_path / "photo.png"
    picture.write_bytes(as_png(half_bright(60, 100)))
    with opened_browser(tmp_path / "profile", "--blink-settings=scriptEnabled=false") as browser:
        opened(browser, client)
        browser.find("input[name=image]", "value", {"text": str(picture)})
        browser.find("button", "click")
        source = browser.source_with("<b>photo.png</b>")
        assert source.count("<a download=") == 4 and "<canvas" not in source and browser.console() == []
