"""The published models: their table, their names, and, where mmsegmentation's configs are, each of them."""

import importlib.metadata
import os
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from segbox.errors import CheckpointError, UserError
from segbox.interop.mmseg.config_file import read_config_file
from segbox.interop.mmseg.convert import convert
from segbox.interop.mmseg.part import converters
from segbox.interop.mmseg.read import read_mmseg
from segbox.interop.mmseg.zoo import entries, find_entry, locate
from segbox.models.segmentors import build_segmentor

# What is a parameter in mmsegmentation alone: the weights of STDC's loss, which never change; and SAN's text encoder,
# less the embeddings of classes, which are in its place here.
THEIRS = {"stdc": 3, "san-vit-b16": 63_428_609 - 172 * 512, "san-vit-l14": 123_651_073 - 172 * 768}
PSP = "pspnet_r50-d8_4xb2-40k_cityscapes-512x1024"
FILE = "pspnet_r50-d8_512x1024_40k_cityscapes_20200605_003338-2966598c"


def folder_of_configs() -> Path | None:
    """mmsegmentation's configs: those of SEGBOX_MMSEG_CONFIGS, else of its installed wheel."""
    if "SEGBOX_MMSEG_CONFIGS" in os.environ:
        return Path(os.environ["SEGBOX_MMSEG_CONFIGS"])
    try:
        files = importlib.metadata.files("mmsegmentation") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    found = next((file for file in files if file.name == "metafile.yaml"), None)
    return None if found is None else Path(found.locate()).parents[1]


CONFIGS = folder_of_configs()
WITH_CONFIGS = pytest.mark.skipif(CONFIGS is None, reason="mmsegmentation's configs are not here")


def test_the_table_is_complete():
    table = entries()
    assert len(table) == 626
    assert Counter(entry.dataset for entry in table.values()).most_common(2) == [("Cityscapes", 281), ("ADE20K", 176)]
    assert all(entry.url.startswith("https://download.openmmlab.com/") for entry in table.values())
    assert all(len(locate(entry).digest) == 8 for entry in table.values())
    assert sum(entry.parameters is None for entry in table.values()) == 2  # VPD, which needs Stable Diffusion
    assert table[PSP].mIoU == 77.85 and table[PSP].mIoU_flip == 79.18 and table[PSP].parameters == 48_975_494
    assert table["unet-s5-d16_fcn_4xb4-40k_drive-64x64"].mDice == 88.38


@pytest.mark.parametrize("name", [PSP, f"{PSP}.py", FILE, f"{FILE}.pth", "pspnet_r50-d8_512x1024_40k_cityscapes"])
def test_all_names_of_a_model_find_it(name):
    entry = find_entry(name)
    assert entry.name == PSP
    assert locate(entry).digest == "2966598c" and locate(entry).filename == f"{FILE}.pth"


def test_an_unknown_name_is_told_with_the_nearest_one():
    with pytest.raises(CheckpointError, match=rf'no model of this name. Did you mean "{PSP}"') as caught:
        read_mmseg(f"mmseg://{PSP[:-1]}")
    assert "\n" not in str(caught.value)


def test_a_model_that_cannot_be_built_is_refused_before_the_download():
    with pytest.raises(CheckpointError, match="DepthEstimator"):
        read_mmseg("mmseg://vpd_sd_4xb8-25k_nyu-512x512")


def test_no_part_that_the_table_misses_is_there():
    missing = {found[1] for entry in entries().values() if (found := re.search(r"type: (\S+) has", entry.needs))}
    assert len(missing) >= 1 and not missing & set(converters()), "run tests/interop/mmseg/make_zoo.py needs"
    assert sum(not entry.needs for entry in entries().values()) == 624  # as docs/interop.md says


@pytest.mark.slow
@WITH_CONFIGS
def test_the_table_says_what_can_be_built():
    wrong = {}
    for entry in entries().values():
        try:
            convert(read_config_file(CONFIGS / entry.config), {})
            reason = ""
        except UserError as error:
            reason = str(error)
        if reason != entry.needs:
            wrong[entry.name] = reason
    assert not wrong, "run tests/interop/mmseg/make_zoo.py needs"


@pytest.mark.slow
@WITH_CONFIGS
def test_models_have_as_many_parameters_as_in_mmsegmentation():
    """Each different model of those that can be built."""
    counts: dict[str, int] = {}
    wrong = {}
    opened = [entry for entry in entries().values() if not entry.needs]
    for entry in opened:
        model = convert(read_config_file(CONFIGS / entry.config), {}).model
        key = repr(model)
        if key not in counts:
            with torch.device("meta"):
                counts[key] = sum(value.numel() for value in build_segmentor(model, None).parameters())
        theirs = next((count for start, count in THEIRS.items() if entry.name.startswith(start)), 0)
        if counts[key] + theirs != entry.parameters:
            wrong[entry.name] = f"{counts[key]:,} instead of {entry.parameters:,}"
    print(f"{len(opened) - len(wrong)} of {len(entries())} published models have equal parameter counts")
    assert not wrong
    assert len(opened) >= 624
