"""The page without JavaScript: what stands in it, and that it holds all of it."""

import base64
import re

import numpy as np
import pytest

from segbox.serve.page import content_policy, digest
from segbox.serve.result_page import shown_size
from tests.serve.serving import Model, as_png, form, half_bright, serving

IMAGE = half_bright(60, 100)
IMAGE[30:] = 20
PICTURE = as_png(IMAGE)  # three quarters are road


@pytest.fixture(scope="module")
def client():
    with serving(Model(), Model()) as client:
        yield client


@pytest.fixture(scope="module")
def result(client):
    body, kind = form(PICTURE, 'a"<b>.png', model="b")
    reply = client.predict(body, "output=page", Content_Type=kind)
    assert reply.status == 200
    return reply.content.decode()


def downloads(page):
    found = re.findall(r'<a download="([^"]*)" href="data:([^;]*);base64,([^"]*)">', page)
    return {name: (kind, base64.b64decode(content)) for name, kind, content in found}


def test_the_form_is_there_at_once_and_nothing_is_loaded(client):
    page = client.get("/").content.decode()
    assert 'action="/predict?output=page" enctype="multipart/form-data"' in page and "<section" not in page
    assert '<option value="a">a</option><option value="b">b</option>' in page
    assert not re.search(r'(?:src|href)="(?!data:)[^"#]', page) and "url(" not in page


def test_the_style_and_script_of_the_page_are_those_that_a_browser_lets_through(client, result):
    for page in (client.get("/").content.decode(), result):
        for kind in ("style", "script"):
            (content,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.S)
            assert f"{kind}-src '{digest(content)}'" in content_policy()
        assert not re.search(r'<[^>]* (?:style|on\w+)="', page)


def test_a_result_lists_the_classes_by_area(result):
    assert (
        '<option value="b" selected>' in result and "100 x 60 pixels" in result and "mean confidence 62.5 %" in result
    )
    rows = re.findall(r"<tr><td>(.*?)</tr>", result)
    assert len(rows) == 2 and "road" in rows[0] and "75.0 %" in rows[0] and 'fill="rgb(200,30,40)"' in rows[0]
    assert "not in this picture: 1</summary>tree" in result


def test_names_are_text(result):
    assert "<b>sky" not in result and "&lt;b&gt;sky&lt;/b&gt;" in result
    assert "a&quot;&lt;b&gt;_mask.png" in result or "a%22&lt;b&gt;_mask.png" in result


def test_the_downloads_are_what_programs_get(client, result):
    files = downloads(result)
    for suffix, output in (("_mask.png", "mask"), ("_color.png", "color")):
        (own,) = [content for name, (_, content) in files.items() if name.endswith(suffix)]
        assert own == client.predict(PICTURE, f"output={output}").content
    assert {kind for kind, _ in files.values()} == {"image/png", "image/jpeg", "text/csv"}


def test_the_ids_for_the_switches_are_those_of_the_mask(result):
    width, height = (int(re.search(f'data-{name}="(\\d+)"', result)[1]) for name in ("width", "height"))
    ids = np.frombuffer(base64.b64decode(re.search('data-ids="([^"]*)"', result)[1]), np.uint8).reshape(height, width)
    assert (width, height) == (500, 300) and np.array_equal(ids, np.kron(IMAGE[..., 0] > 127, np.ones((5, 5))))


@pytest.mark.parametrize(
    ("size", "shown"),
    [((480, 640), (640, 480)), ((3000, 4000), (1280, 960)), ((5, 10), (510, 255)), ((1, 9999), (1280, 1))],
)
def test_pictures_are_shown_in_a_size_for_screens(size, shown):
    assert shown_size(*size) == shown
