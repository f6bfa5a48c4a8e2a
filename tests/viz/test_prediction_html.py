"""What a notebook shows."""

import base64
import re

import cv2
import numpy as np

from segbox.viz.prediction_html import prediction_html


def picture_in(page):
    content = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_the_picture_and_its_classes_the_largest_first():
    picture = np.full((100, 300, 3), (200, 100, 50), np.uint8)
    page = prediction_html(
        picture, {"sky": 0.2495, "road": 0.75, "car": 0.0, "sign": 0.0005}, [(1, 2, 3)] * 3 + [(4, 5, 6)]
    )
    assert (picture_in(page) == picture).all() and "300 x 100 image" in page
    assert re.findall(r"</span> (.*?)</span>", page) == ["road 75.0 %", "sky 24.9 %", "sign &lt; 0.1 %"]
    assert page.count("rgb(1,2,3)") == 2 and page.count("rgb(4,5,6)") == 1


def test_large_pictures_become_smaller_and_tiny_ones_larger():
    for size, shown in (
        ((1000, 2048), (250, 512)),
        ((10, 4), (250, 100)),
        ((1, 5000), (1, 512)),
        ((300, 400), (300, 400)),
    ):
        assert picture_in(prediction_html(np.zeros((*size, 3), np.uint8), {"a": 1.0}, [(0, 0, 0)])).shape[:2] == shown


def test_names_are_text_and_a_long_legend_is_cut():
    names = ["<script>alert(1)</script>", "a & b", *map(str, range(28))]
    page = prediction_html(np.zeros((9, 9, 3), np.uint8), dict.fromkeys(names, 1 / 30), [(0, 0, 0)] * 30)
    assert "<script" not in page and "&lt;script&gt;" in page and "a &amp; b" in page and "and 10 more" in page
