"""The table of areas."""

import csv

import numpy as np
import pytest

from segbox.viz.areas import area_table, class_shares

LABEL = np.array([[0, 2, 2], [2, 2, 0]], np.uint8)


def test_shares_of_all_classes():
    assert class_shares(LABEL, ("sky", "road", "car")) == pytest.approx({"sky": 1 / 3, "road": 0, "car": 2 / 3})


def test_names_come_back_as_they_were_written(tmp_path):
    classes = ("road, wet", 'the "best"', "żółć")
    with area_table(tmp_path / "t.csv", "image", classes) as table:
        for name in ("a,b.png", "c\nd\udcff.png"):
            table.add(name, LABEL)
        assert not (tmp_path / "t.csv").exists()  # until it is complete
    rows = list(csv.reader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()))
    assert rows == [
        ["image", "class", "pixels", "share"],
        *(
            [name, own, pixels, share]
            for name in ("a,b.png", "c\\nd\\udcff.png")
            for own, pixels, share in zip(classes, "204", ("0.333333", "0.000000", "0.666667"))
        ),
    ]


def test_no_table_if_it_is_not_complete(tmp_path):
    with pytest.raises(KeyboardInterrupt), area_table(tmp_path / "t.csv", "image", ("a", "b", "c")) as table:
        table.add("x", LABEL)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
