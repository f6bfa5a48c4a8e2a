"""Images that their EXIF tags turn: which lie on their masks, which do not, and of which nobody can tell."""

from pathlib import Path

import pytest

from segbox.data.datasets.folder import FolderDataset
from segbox.data.loader import build_dataset, exif_of
from segbox.doctor.check import check_datasets
from segbox.doctor.inspect_folder import check_folder, inspect_folder
from segbox.errors import DataError
from tests.data.readers.test_orientation import tagged_png
from tests.doctor.broken_set import turn
from tests.faulty_data import blocky_label, smooth_image, write_image

WIDE, SQUARE = (24, 40), (32, 32)
CLASSES = ["a", "b", "c"]


def write_set(root: Path, *images: tuple[int, tuple[int, int], bool]) -> Path:
    """Each with its orientation, its size as stored, and whether its mask was drawn on the turned image."""
    for i, (orientation, size, is_shown) in enumerate(images):
        (root / "images").mkdir(parents=True, exist_ok=True)
        turn(root / f"images/{i}.jpg", orientation, smooth_image(*size, seed=i))
        label = blocky_label(*size, num_classes=3)
        write_image(root / f"annotations/{i}.png", label.T.copy() if is_shown and orientation > 4 else label)
    return root


def found(root: Path, **arguments) -> dict:
    config = {"type": "FolderDataset", "root": str(root), "classes": CLASSES, **arguments}
    return {problem.kind: problem for problem in check_datasets("", {"train": config}).problems}


def test_masks_on_the_stored_pixels(tmp_path):
    root = write_set(
        tmp_path, (6, WIDE, False), (8, WIDE, False), (6, SQUARE, False), (3, WIDE, False), (1, WIDE, False)
    )
    problems = found(root)
    away, unknown = problems.pop("turned image"), problems.pop("perhaps turned")
    assert not problems and not away.is_note and unknown.is_note
    assert away.files == [f"{root}/images/{i}.jpg" for i in (0, 1)]
    assert away.details[0] == "orientation 6, image 40x24, mask 24x40"
    assert away.message == "2 images read with EXIF rotation: image and mask match only without it"
    assert away.advice == "exif=False in the data set reads images without it."
    assert unknown.files == [f"{root}/images/{i}.jpg" for i in (2, 3)]
    assert "2 fit only without it" in unknown.advice

    problems = found(root, exif=False)
    assert problems.keys() == {"perhaps turned", "rightly unturned"} and all(p.is_note for p in problems.values())
    assert (
        "2 images read without EXIF rotation (exif=False): image and mask match;"
        in problems["rightly unturned"].message
    )


def test_masks_as_viewers_show_the_images(tmp_path):
    root = write_set(tmp_path, (5, WIDE, True), (3, WIDE, True))
    problems = found(root)
    assert problems.keys() == {"perhaps turned", "rightly turned"} and all(p.is_note for p in problems.values())
    assert "1 fit only as they are read now" in problems["perhaps turned"].advice
    away = found(root, exif=False)["turned image"]
    assert away.advice == "exif=True in the data set reads images with it." and "(exif=False)" in away.message


def test_masks_drawn_in_both_ways(tmp_path):
    root = write_set(tmp_path, (6, WIDE, True), (6, WIDE, False), (7, WIDE, False))
    for exif, others in ((True, 1), (False, 2)):
        away = found(root, exif=exif)["turned image"]
        assert len(away.files) == 3 - others
        assert f"The masks are not consistent: {others} other images" in away.advice and "exiftran" in away.advice


def test_neither_way_fits(tmp_path):
    root = write_set(tmp_path, (6, WIDE, False))
    write_image(root / "annotations/0.png", blocky_label(20, 20, num_classes=3))
    assert found(root).keys() == {"size mismatch"}


def test_masks_with_tags_of_their_own(tmp_path):
    root = write_set(tmp_path, (6, WIDE, True))
    tagged_png(root / "annotations/0.png", 6, blocky_label(*WIDE, num_classes=3)[:, :, None])
    problem = found(root)["mask with a tag"]
    assert problem.files == [f"{root}/annotations/0.png"] and problem.is_note
    assert not found(root, exif=False).keys() - {"rightly unturned"}


def test_one_argument_decides(tmp_path):
    root = write_set(tmp_path, (6, WIDE, False))
    config = {"type": "FolderDataset", "root": str(root), "classes": CLASSES}
    with pytest.raises(DataError, match=r"turned by its EXIF tag\? `exif` in the data set says"):
        build_dataset(config)[0, 0]
    assert build_dataset({**config, "exif": False})[0, 0]["image"].shape[:2] == WIDE
    wrapped = {"type": "RepeatDataset", "times": 2, "dataset": config, "exif": False}
    assert build_dataset(wrapped)[1, 0]["image"].shape[:2] == WIDE


def test_photos_are_read_as_the_data_sets_are():
    plain, stored = {"type": "FolderDataset"}, {"type": "FolderDataset", "exif": False}
    for config, expected in (
        ({}, True),
        (plain, True),
        (stored, False),
        ({"type": "RepeatDataset", "dataset": stored}, False),
        ({"type": "RepeatDataset", "dataset": plain, "exif": False}, False),
        ({"type": "ConcatDataset", "datasets": [stored, plain]}, True),
    ):
        assert exif_of(config) == expected, config


def test_a_folder_says_it_itself(tmp_path):
    root = write_set(tmp_path / "stored", (6, WIDE, False), (1, WIDE, False))
    folder = inspect_folder(str(root), CLASSES)
    assert folder.splits["all"]["exif"] is False and any("exif=False" in remark for remark in folder.remarks)
    assert isinstance(folder.report.scans["all"].dataset, FolderDataset) and not folder.report.errors
    assert [problem.kind for problem in check_folder(str(root), CLASSES).errors] == ["turned image"]  # as it is
    shown = inspect_folder(str(write_set(tmp_path / "shown", (6, WIDE, True), (1, WIDE, True))), CLASSES)
    assert "exif" not in shown.splits["all"] and not shown.report.errors
    both = inspect_folder(str(write_set(tmp_path / "both", (6, WIDE, True), (6, WIDE, False))), CLASSES)
    assert "exif" not in both.splits["all"] and [problem.kind for problem in both.report.errors] == ["turned image"]
