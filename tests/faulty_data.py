"""Small files, whole and damaged, for the tests of the data floor."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np


def smooth_image(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Bytes without sharp edges, so that resampling twice or once hardly differs."""
    coarse = np.random.default_rng(seed).uniform(40, 215, (5, 6, channels)).astype(np.float32)
    planes = [cv2.resize(coarse[:, :, i], (width, height), interpolation=cv2.INTER_CUBIC) for i in range(channels)]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


def blocky_label(height: int, width: int, num_classes: int = 4) -> np.ndarray:
    coarse = np.arange(12).reshape(3, 4) % num_classes
    return cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)


def sample(height: int = 48, width: int = 64, channels: int = 3) -> dict:
    return {
        "image": smooth_image(height, width, channels),
        "label": blocky_label(height, width),
        "path": "made.png",
        "size": (height, width),
    }


def write_png(path: Path, rows: np.ndarray, bits: int, palette: list[tuple[int, int, int]] | None) -> None:
    """A grey PNG, or one with a palette, of 1, 2, 4 or 8 bits."""
    height, width = rows.shape
    header = struct.pack(">IIBBBBB", width, height, bits, 0 if palette is None else 3, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if palette is not None:
        chunks += [(b"PLTE", bytes(np.array(palette, np.uint8))), (b"tRNS", b"\x00\x80")]
    planes = (rows[:, :, None] >> np.arange(bits)[::-1]) & 1  # each id as its bits, highest first
    packed = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1)
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\x00" + bytes(row) for row in packed))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def deep_image(height: int, width: int, channels: int = 3, seed: int = 0, kind: str = "uint16") -> np.ndarray:
    """A smooth one with levels between those of bytes: 12 bits, or parts of 1."""
    smooth = smooth_image(height, width, channels, seed).astype(np.float32)
    noise = np.random.default_rng(seed).uniform(0, 16, smooth.shape).astype(np.float32)
    return (smooth * 16 + noise).astype(kind) if kind != "float32" else (smooth + noise) / 300


def write_deep_png(path: Path, image: np.ndarray) -> Path:
    """Of 1, 3 or 4 channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[:, :, [2, 1, 0, 3][: image.shape[2]]] if image.shape[2] > 1 else image)
    return path


def write_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = image[:, :, ::-1] if image.ndim == 3 and image.shape[2] == 3 else image
    assert cv2.imwrite(str(path), bgr)
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def write_pairs(root: Path, names: list[str], split: str = "train", size: tuple[int, int] = (24, 32)) -> Path:
    """A folder data set of three classes."""
    for name in names:
        write_image(root / "images" / split / f"{name}.jpg", smooth_image(*size))
        write_image(root / "annotations" / split / f"{name}.png", blocky_label(*size, num_classes=3))
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return root
