"""The recipes whose results are our own train and are scored on some of their real images, with a tiny backbone."""

import json
import math
import os
from pathlib import Path

import pytest

from tests.runs import ROOT, run_tool

SHARED = Path(os.environ.get("SEGBOX_SHARED", ROOT.parent / "shared"))
RECIPES = {
    "deeplabv3plus/deeplabv3plus_mnv2_camvid": "camvid",
    "unet/unet_plain_isbi": "isbi",
    "unet/unet_mnv2_crackforest": "crackforest",
}


def some_of(source: Path, root: Path) -> Path:
    """The first pairs of each split."""
    for split, count in {"train": 4, "val": 2}.items():
        for kind in ("images", "annotations"):
            folder = root / kind / split
            folder.mkdir(parents=True)
            for path in sorted((source / kind / split).iterdir())[:count]:
                (folder / path.name).symlink_to(path)
    return root


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains_and_is_scored(monkeypatch, tmp_path, recipe):
    source = SHARED / "data" / RECIPES[recipe]
    if not source.is_dir():
        pytest.skip("the shared data are not here")
    config, work = f"{ROOT}/configs/{recipe}.py", tmp_path / "run"
    options = [f"data_root={some_of(source, tmp_path / 'data')}", "model.backbone.variant=test", "data.workers=0"]
    if "mnv2" in recipe:
        options.append("model.backbone_weights=None")
    options.append("train.precision=fp32")  # scores in training are then those of test.py
    short = ["data.batch_size=2", "train.max_steps=2", "crop_size=(64,96)", "hooks.evaluate.interval=2"]
    assert run_tool(monkeypatch, "train.py", config, "--work-dir", work, "--cfg-options", *options, *short) == 0
    rows = [json.loads(row) for row in (work / "log.jsonl").read_text().splitlines()]
    scored = next(row for row in rows if "mIoU" in row)
    assert 0 < scored["mIoU"] < 100 and all(math.isfinite(row.get("loss", 0)) for row in rows)
    out = tmp_path / "scores"
    arguments = [config, work / "last.pt", "--out", out, "--cfg-options", *options]
    assert run_tool(monkeypatch, "test.py", *arguments) == 0
    tested = json.loads((out / "scores.json").read_text())["scores"]
    assert tested["mIoU"] == pytest.approx(scored["mIoU"], abs=1e-3)
