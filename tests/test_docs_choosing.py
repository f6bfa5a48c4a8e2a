"""docs/choosing_a_model.md and docs/imbalance.md: their numbers are computed again."""

import re

import numpy as np
import pytest

from segbox.class_weights import all_weights
from segbox.config import load_config
from segbox.engine.config_check import check_config
from segbox.registry import LOSSES
from tests import choosing_table
from tests.choosing_table import BEGIN, END, MODELS, PAGE, row_of
from tests.runs import ROOT
from tests.test_docs import python_blocks, section

IMBALANCE = ROOT / "docs" / "imbalance.md"
ROAD, BICYCLIST, OTHERS = 32.96, 0.30, (17.54, 24.21, 1.02, 4.67, 10.12, 1.22, 1.17, 6.11, 0.67)  # CamVid, percent


def test_two_rows_of_the_table_of_models():
    text = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert text.count("\n") == len(MODELS) + 2
    for name in ("segformer/segformer_b0", "linknet/linknet_r18"):
        assert f"| {' | '.join(row_of(name))} |" in text


def test_measured_seconds_are_kept_one_by_one(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(choosing_table, "PAGE", page)
    monkeypatch.setattr(choosing_table.sys, "argv", ["choosing_table", "--measure", "--write"])
    monkeypatch.setattr(choosing_table, "processor", lambda: "Z80")
    known, asked = choosing_table.seconds_in(choosing_table.table_of_page()), []

    def seconds(name):
        asked.append(name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return 0.256

    monkeypatch.setattr(choosing_table, "seconds", seconds)
    with pytest.raises(KeyboardInterrupt):
        choosing_table.main(["--measure", "--write"])
    choosing_table.main(["--measure", "--write", *MODELS[:4]])
    assert asked == [*MODELS[:3], *MODELS[2:4]]
    written = choosing_table.table_of_page()
    stems = [name.split("/")[1] for name in MODELS[:4]]
    assert choosing_table.seconds_in(written) == known | dict.fromkeys(stems, "0.26 (Z80)") and len(known) > 10
    assert choosing_table.with_seconds(written, choosing_table.seconds_in(written)) == written
    assert choosing_table.with_seconds(written, {}).count("| – |\n") == len(MODELS)
    with pytest.raises(SystemExit, match="fcn/fcn: not in the table; it has lraspp"):
        choosing_table.main(["fcn/fcn"])


@pytest.mark.slow
def test_the_table_of_models_is_up_to_date():
    """python -m tests.choosing_table --write"""
    assert choosing_table.table() in PAGE.read_text(encoding="utf-8")


def test_the_names_of_configs_exist():
    names = re.findall(r"`(\w+/\w+_\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(names) == 10 and all(load_config(name) for name in names)


def test_the_weights_of_camvid():
    """The shares are those that `segbox check` prints for its training set."""
    pixels = np.array([ROAD, BICYCLIST, *OTHERS])
    ratios = {name: weights[1] / weights[0] for name, weights in all_weights(pixels, pixels.sum() + 0 * pixels).items()}
    table = section(IMBALANCE, "Class weights")
    for name in ("inverse", "enet", "sqrt", "cbrt"):
        written = int(re.search(rf'^\| `"{name}".* (\d+) \|$', table, re.M)[1])
        assert written == pytest.approx(ratios[name], rel=0.05), name


def test_the_losses_and_metrics_of_the_page():
    rows = section(IMBALANCE, "Losses that count regions").split("## ")[0]
    losses = re.findall(r"^\| `(\w+Loss)(?:\((\w+)=([\d.]+)(?:, (\w+)=([\d.]+))?\))?`", rows, re.M)
    assert len(losses) == 6
    for name, *arguments in losses:
        pairs = zip(arguments[::2], arguments[1::2])
        LOSSES.build({"type": name, **{key: float(value) for key, value in pairs if key}}, num_classes=3)
    for block in python_blocks(IMBALANCE):
        names: dict = {}
        exec(block, names)
        config = load_config("pspnet/pspnet_r50_ade20k")
        check_config({key: value for key, value in config.items() if key not in names} | pick(names))
    for setting in re.findall(r"`(metric\.\w+=\w+)`", IMBALANCE.read_text(encoding="utf-8")):
        check_config(load_config("pspnet/pspnet_r50_ade20k", [setting]))


def pick(names: dict) -> dict:
    """The section that a block sets; of a model, its losses on a whole model."""
    if "data" in names:
        return {"data": names["data"]}
    model = load_config("pspnet/pspnet_r50_ade20k").to_dict()["model"]
    model["decode_head"]["loss"] = names["model"]["decode_head"]["loss"]
    return {"model": model}
