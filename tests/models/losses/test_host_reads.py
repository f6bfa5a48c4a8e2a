"""Losses for GPUs: the host waits for none but those that say so, and the numbers are those of the CPU."""

import torch

from segbox.models.losses import banded
from tests.host_reads import HostReads, take_ways_of_gpus
from tests.models.losses.test_contract import CASES, every_loss, make, of

DISTANCES = ("BoundaryLoss", "HausdorffLoss")  # are computed on the CPU


def waits(config, num_classes):
    """How often the loss waits: for the labels, or for which classes to sort."""
    reads_classes = config["type"] == "LovaszLoss" and num_classes > 2
    return int(reads_classes or config["type"] in DISTANCES)


@every_loss
def test_on_gpus_losses_do_not_wait_and_are_the_same(config, num_classes, monkeypatch):
    logits, labels = make(num_classes, size=(4, 3))
    expected = of(config, num_classes, logits, labels)
    take_ways_of_gpus(monkeypatch)
    reads = HostReads()
    for name in ("cpu", "tolist"):
        copy = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda tensor, copy=copy: reads.found.append("copy") or copy(tensor))
    with reads:
        found = of(config, num_classes, logits, labels)
    assert reads.found == ["copy"] * waits(config, num_classes)
    torch.testing.assert_close(found, expected)


def test_every_way_is_tried():
    assert {waits(*case) for case in CASES} == {0, 1}


def test_weights_of_rows_are_copied_to_the_device_once():
    logits, labels = torch.zeros(1, 2, 4, 4), torch.zeros(1, 16, 16)
    first, second = (next(banded.cut(logits, [labels])).mix for _ in range(2))
    assert first.data_ptr() == second.data_ptr()
