import numpy as np
import pytest
import torch

from segbox.data.sample import collate, collate_list
from segbox.errors import DataError
from tests.faulty_data import sample


def test_collate():
    batch = collate([sample(), sample()])
    assert batch["images"].shape == (2, 3, 48, 64)
    assert batch["images"].dtype == batch["labels"].dtype == torch.uint8
    assert (batch["images"][1].permute(1, 2, 0).numpy() == sample()["image"]).all()
    assert batch["labels"].shape == (2, 48, 64)
    assert batch["paths"] == ["made.png", "made.png"]
    assert batch["images"].is_contiguous()


def test_one_batch_one_size():
    with pytest.raises(DataError, match=r"48x64x3 \(made.png\) and 40x64x3 \(other.jpg\).*RandomCrop or Pad"):
        collate([sample(), {**sample(40), "path": "other.jpg"}])


def test_collate_list_takes_any_sizes_and_leaves_out_what_is_missing():
    flipped = {**sample(40, 50), "label": sample(40, 50)["label"][:, ::-1]}
    items = collate_list([sample(), None, flipped])
    assert [item["image"].shape for item in items] == [(3, 48, 64), (3, 40, 50)]
    assert items[1]["size"] == (40, 50)
    assert (items[1]["label"].numpy() == np.array(flipped["label"])).all()


def test_deep_images_travel_as_floats_that_hold_every_level():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    deep = {**sample(256, 256), "image": levels}
    batch, (item,) = collate([deep, deep]), collate_list([deep])
    assert batch["images"].dtype == item["image"].dtype == torch.float32
    for image in (batch["images"][1], item["image"]):
        assert (image[0].numpy() == levels[:, :, 0]).all()
    signed = {**deep, "image": (levels[:, :, :1].astype(np.int32) - 32768).astype(np.int16)}
    assert collate([signed, deep])["images"].min() == -32768


def test_one_batch_one_depth():
    deep = {**sample(), "image": sample()["image"].astype(np.uint16), "path": "deep.png"}
    with pytest.raises(DataError, match=r"differ in depth: uint8 \(made.png\) and uint16 \(deep.png\)"):
        collate([sample(), deep])
