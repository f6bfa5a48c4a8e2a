"""Predictions for official servers."""

from pathlib import Path

import cv2
import numpy as np

from segbox.data.datasets import ade20k, cityscapes, pascal_voc
from segbox.data.readers.files import read_label
from segbox.viz.submission import describe_submission, submission_path, write_submission

LABEL = np.arange(15, dtype=np.uint8).reshape(3, 5)


def submitted(folder, name, label, classes):
    path = submission_path(folder, name, classes)
    write_submission(path, label, classes)
    return path


def test_ade20k_counts_from_one(tmp_path):
    path = submitted(tmp_path, Path("ADE_val_1"), LABEL, ade20k.CLASSES)
    assert path.name == "ADE_val_1.png" and (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == LABEL + 1).all()
    path = submitted(tmp_path, Path("b"), LABEL, ("background", *ade20k.CLASSES))
    assert (read_label(path) == LABEL).all()


def test_cityscapes_has_its_own_ids_and_names(tmp_path):
    name = Path("frankfurt/frankfurt_000000_000294_leftImg8bit")
    path = submitted(tmp_path, name, LABEL, list(cityscapes.CLASSES))
    assert path == tmp_path / "frankfurt_000000_000294_pred_labelIds.png"
    assert read_label(path).ravel().tolist() == list(cityscapes.LABEL_IDS[:15])


def test_voc_has_a_palette(tmp_path):
    path = submitted(tmp_path, Path("2007_000033"), LABEL, pascal_voc.CLASSES)
    assert (read_label(path) == LABEL).all()
    colours = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert (colours == np.array(pascal_voc.bit_colours(256))[LABEL]).all()
    content = path.read_bytes()
    assert content[25] == 3 and content[24] == 8 and b"PLTE" in content  # 8-bit indices


def test_others_have_plain_ids(tmp_path):
    path = submitted(tmp_path, Path("folder/a"), LABEL, ("x", "y"))
    assert path == tmp_path / "folder" / "a.png" and (read_label(path) == LABEL).all()
    assert describe_submission(("x", "y")) == "as class ids"
    assert describe_submission(list(pascal_voc.CLASSES)) == "in the format of Pascal VOC's server"
