"""The losses that heads make themselves, against loops over pixels and against OpenCV."""

import math

import cv2
import numpy as np
import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.models.losses.borders import border_loss, borders
from segbox.models.losses.detail import detail_losses, details
from segbox.registry import HEADS
from tests.models.fixed import fill, never_reached, normal, projected


def patches(*size):
    """Labels of rectangles, some of them ignored."""
    labels = torch.zeros(2, *size, dtype=torch.uint8)
    labels[0, 2:6, 3:] = 4
    labels[0, 4:, :4] = 2
    labels[1, :5, :5] = IGNORE_INDEX
    labels[1, 3:8, 4:9] = 1
    return labels


def naive_details(labels):
    height, width = labels.shape

    def laplacian(y, x):
        near = [(i, j) for i in (y - 1, y, y + 1) for j in (x - 1, x, x + 1)]
        inside = [labels[i, j].item() for i, j in near if 0 <= i < height and 0 <= j < width]
        return 9 * labels[y, x].item() - sum(inside)

    found = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            rows, columns = (height + 1) // 2, (width + 1) // 2
            coarse = 2 * (y * rows // height), 2 * (x * columns // width)
            found[y, x] = laplacian(y, x) > 0 or laplacian(*coarse) > 0
    return found


@pytest.mark.parametrize("size", [(9, 12), (10, 11)])
def test_details(size):
    labels = patches(*size)
    found = details(labels)
    assert found.any() and not found.all()
    assert found.tolist() == [naive_details(image).tolist() for image in labels]


def test_detail_losses():
    labels = patches(9, 12)
    logits = torch.randn(2, 2, 9, 12, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    total, dices = 0.0, []
    for image, truth in zip(logits, details(labels)):
        both = squares = ones = 0.0
        for own, pixels in zip(image, (~truth, truth)):
            for z, y in zip(own.flatten().tolist(), pixels.flatten().tolist()):
                p = 1 / (1 + math.exp(-z))
                total -= math.log(p if y else 1 - p)
                both, squares, ones = both + p * y, squares + p * p, ones + y
        dices.append(1 - 2 * both / (squares + 1e-3 + ones + 1e-3))
    expected = {"bce": total / logits.numel(), "dice": sum(dices) / 2}
    assert {name: value.item() for name, value in detail_losses(logits, labels).items()} == pytest.approx(expected)


def naive_borders(labels, width):
    height, widest = labels.shape
    found = np.zeros((height, widest), np.uint8)
    for y in range(height):
        for x in range(widest):
            for i, j in ((y - 1, x), (y, x + 1), (y + 1, x + 1), (y + 1, x - 1)):
                if 0 <= i < height and 0 <= j < widest:
                    one, other = labels[y, x].item(), labels[i, j].item()
                    found[y, x] |= one != other and IGNORE_INDEX not in (one, other)
    return cv2.dilate(found, cv2.getStructuringElement(cv2.MORPH_RECT, (width, width))).astype(bool)


@pytest.mark.parametrize("width", [1, 3, 4])
def test_borders(width):
    labels = patches(20, 24)
    found = borders(labels, width)
    assert found.any() and not found.all()
    assert found.tolist() == [naive_borders(image, width).tolist() for image in labels]


def test_border_loss():
    truth = borders(patches(20, 24))
    logits = torch.randn(truth.shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    share = truth.sum().item() / truth.numel()
    total = 0.0
    for z, y in zip(logits.flatten().tolist(), truth.flatten().tolist()):
        p = 1 / (1 + math.exp(-z))
        total -= (1 - share) * math.log(p) if y else share * math.log(1 - p)
    assert border_loss(logits, truth).item() == pytest.approx(total / truth.numel())


def pid_head():
    return HEADS.build({"type": "PIDHead", "channels": 8}, in_channels=(8, 8, 8), in_strides=(8,) * 3, num_classes=5)


def test_borders_reach_all_of_their_branch():
    maps, labels = [normal(f"map {i}", (2, 8, 5, 6)) for i in range(3)], patches(40, 48)
    assert never_reached(pid_head, lambda head: sum(head.loss(maps, labels, projected).values())) == set()


@torch.no_grad()
def test_a_pixel_is_near_a_border_if_the_head_is_sure():
    head, heard = fill(pid_head()), []
    head.find_borders[3].weight.mul_(30)
    maps, labels = [normal(f"map {i}", (2, 8, 5, 6)) for i in range(3)], patches(5, 6)
    head.loss(maps, labels, lambda logits, labels: heard.append(labels) or {})
    is_sure = torch.sigmoid(head.find_borders(maps[1])[:, 0]) > 0.8
    assert torch.equal(heard[0], labels)
    assert torch.equal(heard[1], torch.where(is_sure, labels, torch.full_like(labels, IGNORE_INDEX)))
    assert is_sure.any() and not is_sure.all()
