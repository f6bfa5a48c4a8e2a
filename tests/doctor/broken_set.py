"""A data set of three classes in which something of everything is wrong."""

import struct
from pathlib import Path

import cv2
import numpy as np

from tests.faulty_data import blocky_label, cut, smooth_image, write_image

SIZE = (24, 32)


def write_broken_set(root: Path) -> Path:
    """Twelve images to train on, of which only `good` is without fault, and two to validate on."""
    (root).mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    for seed, name in enumerate(("good", "ids", "colour", "deep", "small", "cut_image", "cut_mask", "empty_mask")):
        write_pair(root, name, seed)
    label = blocky_label(*SIZE, num_classes=2)
    label[0, :5], label[1, :2] = 7, 200
    write_image(root / "annotations/train/ids.png", label)
    colours = np.array([(60, 60, 60), (250, 0, 0)], np.uint8)[blocky_label(*SIZE, num_classes=2)]
    write_image(root / "annotations/train/colour.png", colours)
    write_image(root / "annotations/train/deep.png", blocky_label(*SIZE, num_classes=2).astype(np.uint16) * 1000)
    write_image(root / "annotations/train/small.png", blocky_label(20, 30, num_classes=2))
    cut(root / "images/train/cut_image.png")
    cut(root / "annotations/train/cut_mask.png")
    write_image(root / "annotations/train/empty_mask.png", np.full(SIZE, 255, np.uint8))
    write_image(root / "images/train/no_mask.png", smooth_image(*SIZE, seed=20))
    write_image(root / "annotations/train/no_image.png", blocky_label(*SIZE, num_classes=2))
    write_pair(root, "twin", 0, label=1 - blocky_label(*SIZE, num_classes=2))
    write_pair(root, "turned", 21, suffix=".jpg", label=blocky_label(*SIZE[::-1], num_classes=2))
    turn(root / "images/train/turned.jpg", 6, stored=smooth_image(*SIZE[::-1], seed=21))
    write_pair(root, "leak", 1, split="val")
    write_pair(root, "fine", 31, split="val")
    return root


def write_pair(root, name, seed, split="train", suffix=".png", label=None):
    write_image(root / "images" / split / f"{name}{suffix}", smooth_image(*SIZE, seed=seed))
    label = blocky_label(*SIZE, num_classes=2) if label is None else label
    write_image(root / "annotations" / split / f"{name}.png", label)


def turn(path: Path, orientation: int, stored: np.ndarray) -> Path:
    """A JPEG whose EXIF tag says how it is to be turned."""
    data = cv2.imencode(".jpg", stored)[1].tobytes()
    exif = b"Exif\0\0" + exif_block(orientation)
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def exif_block(orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
