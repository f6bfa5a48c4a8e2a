"""A model that is trained on labels with planted errors finds them: train, then check, as a user does."""

import json
from pathlib import Path

import pytest

from segbox.commands import check, command_parser, train
from segbox.data.datasets.shapes import ShapesDataset
from tests.review.planted import write_planted
from tests.runs import ROOT

CONFIG = """
_base_ = "{root}/configs/demo/pspnet_r10_shapes.py"
data = dict(
    train=dict(
        _delete_=True,
        type="FolderDataset",
        root="{data}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.9, 1.25)),
            dict(type="RandomCrop", size=(64, 80)),
            dict(type="RandomFlip"),
        ],
    ),
    val=dict(_delete_=True, type="FolderDataset", root="{data}", split="val", pipeline=[]),
    batch_size=8,
    workers=0,
)
train = dict(max_steps=300)
hooks = dict(evaluate=None)
"""


@pytest.mark.slow
def test_the_first_places_are_planted_errors(tmp_path, monkeypatch):
    """In the first N places of N errors: at least two fifths of them; N random images hold 15 %."""
    monkeypatch.chdir(tmp_path)
    shape = {"size": (64, 80), "radii": (0.2, 0.36)}
    errors = {
        "train": write_planted(ShapesDataset(240, seed=0, **shape), tmp_path / "data", "train", share=0.15),
        "val": write_planted(ShapesDataset(120, seed=1, **shape), tmp_path / "data", "val", share=0.15, seed=1),
    }
    Path("shapes.py").write_text(CONFIG.format(root=ROOT, data=tmp_path / "data"))
    train.run(command_parser("train").parse_args(["shapes.py", "--work-dir", "run"]))
    for split, masks in errors.items():
        words = ["shapes.py", "--with", "run/last.pt", "--split", split, "--json", f"{split}.json"]
        with pytest.raises(SystemExit):
            check.run(command_parser("check").parse_args(words))
        places = json.loads(Path(f"{split}.json").read_text())["places"][: len(masks)]
        found = {place["image"] for place in places if is_hit(place, masks)}
        print(f"{split}: {len(found)} of {len(masks)} errors in the first {len(places)} places")
        assert len(found) >= 0.4 * len(masks)


def is_hit(place: dict, masks: dict) -> bool:
    mask = masks.get(Path(place["image"]).name)
    return mask is not None and bool(mask[place["point"]["y"], place["point"]["x"]])
