"""Evaluations are compared on the same images, classes and labels only."""

from dataclasses import replace

import numpy as np
import pytest

from segbox.errors import DataError
from segbox.evaluation.matching import below_common_folder, matched
from segbox.evaluation.records import Evaluation, ImageCounts

CLASSES = ("sky", "road", "pole")
COUNTS = {"1.png": [[5, 1, 0], [2, 9, 0], [0, 0, 4]], "2.png": [[3, 0, 0], [0, 7, 1], [1, 0, 0]]}


def evaluation(counts=COUNTS, folder="/data/val", classes=CLASSES, **more):
    images = [ImageCounts.of(f"{folder}/{name}", np.array(own)) for name, own in counts.items()]
    return Evaluation(classes, [(i, i, i) for i in range(len(classes))], "", {}, images, **more)


def test_classes_in_another_order_are_the_same_classes():
    order = [2, 0, 1]  # of the other's classes
    other = {name: np.array(own)[np.ix_(order, order)] for name, own in COUNTS.items()}
    a, b = evaluation(absent=0), evaluation(other, classes=tuple(CLASSES[i] for i in order))
    first, second = matched([a, b], ["a", "b"])
    assert (second.classes, second.absent, second.palette) == (CLASSES, 0, a.palette)
    assert [own.tolist() for own in second.tables()] == [own.tolist() for own in first.tables()]
    assert (second.counts() == a.counts()).all()


def test_moved_and_reordered_images_are_found_by_their_names():
    moved = evaluation(dict(reversed(COUNTS.items())), folder="D:\\other\\place")
    moved = replace(moved, images=[replace(own, path=own.path.replace("/", "\\")) for own in moved.images])
    first, second = matched([evaluation(), moved], ["a", "b"])
    assert [own.path[-5:] for own in second.images] == ["1.png", "2.png"]
    assert (second.tables()[0] == first.tables()[0]).all()
    assert below_common_folder(["/a/b/x/1.png", "/a/b/y/1.png"]) == ["x/1.png", "y/1.png"]
    assert below_common_folder(["1.png"]) == ["1.png"]


def test_names_of_images_alone_do_not_match_other_folders():
    """One path in common says that data were not moved."""
    a = evaluation({"x/1.png": COUNTS["1.png"], "y/1.png": COUNTS["2.png"]})
    b = evaluation({"x/1.png": COUNTS["1.png"], "z/1.png": COUNTS["2.png"]})
    with pytest.raises(DataError, match=r"1 only in a \(/data/val/y/1.png\); 1 only in b \(/data/val/z/1.png\)"):
        matched([a, b], ["a", "b"])


def test_other_images_are_refused_or_left_out():
    more = {**COUNTS, **{f"{i}.png": COUNTS["1.png"] for i in (3, 4, 5, 6)}}
    a, b = evaluation(), evaluation(more)
    message = (
        r"a and b were not evaluated on the same images: 4 only in b \(/data/val/3.png, /data/val/4.png,"
        r" /data/val/5.png, \.\.\.\)\. .* compare the 2 that they have in common: --common"
    )
    with pytest.raises(DataError, match=message):
        matched([a, b], ["a", "b"])
    for own in matched([b, a, b], ["b", "a", "c"], common=True):
        assert [image.path for image in own.images] == ["/data/val/1.png", "/data/val/2.png"]
    other = evaluation({"7.png": COUNTS["1.png"]})
    with pytest.raises(DataError, match="a, b: have no image in common"):
        matched([evaluation(), other], ["a", "b"], common=True)


def test_a_repeated_image_is_each_time_another():
    twice = evaluation()
    twice = replace(twice, images=[*twice.images, twice.images[0]])
    assert len(matched([twice, twice], ["a", "b"])[1].images) == 3
    with pytest.raises(DataError, match="1 only in a"):
        matched([twice, evaluation()], ["a", "b"])


def test_other_classes_and_other_labels_are_refused():
    other = evaluation(classes=("sky", "road", "sign"))
    with pytest.raises(DataError, match=r"a and b have other classes \(pole only in a; sign only in b\)"):
        matched([evaluation(), other], ["a", "b"])
    two = evaluation({name: np.array(own)[:2, :2] for name, own in COUNTS.items()}, classes=CLASSES[:2])
    with pytest.raises(DataError, match=r"other classes \(pole only in a\)"):
        matched([evaluation(), two], ["a", "b"])
    changed = {**COUNTS, "2.png": [[3, 0, 0], [0, 7, 0], [1, 0, 1]]}
    with pytest.raises(DataError, match=r"same labels: those of /data/val/2.png have 12 and 12 pixels"):
        matched([evaluation(), evaluation(changed)], ["a", "b"])
