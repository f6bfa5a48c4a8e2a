"""A sample, and batches of samples: what data sets and loaders give."""

from collections.abc import Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from torch import Tensor

from segbox.data.placement import Placement, Size
from segbox.errors import DataError


class _Always(TypedDict):
    image: np.ndarray  # H W C, RGB; bytes, or what the file holds: uint16, int16, float32
    path: str
    size: Size  # of the image on disk


class Sample(_Always, total=False):
    """One image in the pipeline. `label` is absent if it is not transformed, `placement` if no geometry is pending."""

    label: np.ndarray  # H W, uint8, IGNORE_INDEX where no class
    label_path: str  # for messages
    placement: Placement
    source: Any  # a `TopRows` of `readers`, if `image` has its size but not its pixels yet
    label_source: Any  # the same for `label`
    fill: Sequence[float] | float  # the colour outside of the image, in its units; 0 if absent
    outside: Any  # an `Outside` of `render`: which pixels lie outside of the image


class Batch(TypedDict):
    """A batch for training: images of one size."""

    images: Tensor  # B C H W, bytes or float32
    labels: Tensor  # B H W
    paths: list[str]


class Item(TypedDict):
    """One image for evaluation. The label keeps its own size when only the image was resized."""

    image: Tensor  # C H W, bytes or float32
    label: Tensor  # H W
    path: str
    size: Size


def collate(samples: Sequence[Sample]) -> Batch:
    first = samples[0]
    for other in samples:
        if other["image"].shape != first["image"].shape:
            raise DataError(
                f"images of one batch differ in size: {_size(first)} ({first['path']}) and {_size(other)}"
                f" ({other['path']}); end the training pipeline with RandomCrop or Pad"
            )
        if _is_of_bytes(other["image"]) != _is_of_bytes(first["image"]):
            raise DataError(
                f"images of one batch differ in depth: {first['image'].dtype} ({first['path']}) and"
                f" {other['image'].dtype} ({other['path']}); give both data sets the same bits"
            )
    images = np.empty((len(samples), *_channels_first_shape(first["image"])), _kept_dtype(first["image"]))
    for planes, sample in zip(images, samples, strict=True):
        _write_planes(sample["image"], planes)
    labels = np.stack([sample["label"] for sample in samples])
    paths = [sample["path"] for sample in samples]
    return {"images": torch.from_numpy(images), "labels": torch.from_numpy(labels), "paths": paths}


def collate_list(samples: Sequence[Sample | None]) -> list[Item]:
    """For evaluation: a list, as images differ in size. Unreadable files (None) are left out."""
    return [
        {
            "image": as_tensor(sample["image"]),
            "label": torch.from_numpy(np.ascontiguousarray(sample["label"])),
            "path": sample["path"],
            "size": sample["size"],
        }
        for sample in samples
        if sample is not None
    ]


def _size(sample: Sample) -> str:
    return "x".join(map(str, sample["image"].shape))


def as_tensor(image: np.ndarray) -> Tensor:
    planes = np.empty(_channels_first_shape(image), _kept_dtype(image))
    _write_planes(image, planes)
    return torch.from_numpy(planes)


def _channels_first_shape(image: np.ndarray) -> tuple[int, int, int]:
    return image.shape[2], *image.shape[:2]


def _kept_dtype(image: np.ndarray) -> type:
    """Deep images become float32, which holds all values of 16 bits; PyTorch has few operations for uint16."""
    return np.uint8 if _is_of_bytes(image) else np.float32


def _write_planes(image: np.ndarray, planes: np.ndarray) -> None:
    """H W C into C H W."""
    if _is_of_bytes(image) and image.shape[2] == 3:
        cv2.split(image, list(planes))  # in half the time of copying a transposed view
    else:
        planes[...] = image.transpose(2, 0, 1)


def _is_of_bytes(image: np.ndarray) -> bool:
    return image.dtype == np.uint8
