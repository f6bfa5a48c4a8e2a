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
