"""The table of docs/choosing_a_model.md, from the configs themselves: python -m tests.choosing_table --write

The seconds stay those of the page. These measure, on one thread, the models that have none of this machine yet, or only
those that are named. The page is written after each, so nothing measured is lost; to measure again, clear the cell.

    python -m tests.choosing_table --measure --write
    python -m tests.choosing_table --measure --write segformer/segformer_b0
"""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from segbox.benchmark.result import processor
from segbox.commands.list import Row, markdown
from segbox.config import load_config
from segbox.models.complexity import build_without_data, costs_of
from segbox.models.segmentors import build_segmentor, without_weights
from tests.generated_table import put_table
from tests.runs import ROOT

PAGE = ROOT / "docs" / "choosing_a_model.md"
BEGIN, END = "<!-- models:begin -->\n", "<!-- models:end -->"
SIZE, CLASSES = (512, 512), 21
MODELS = (  # folder and beginning of the names of configs
    "lraspp/lraspp_mobilenet_v3_large",
    "linknet/linknet_r18",
    "bisenet/bisenet_r18",
    "segformer/segformer_b0",
    "hrnet/fcn_hr18",
    "segformer/segformer_b2",
    "unet/unet_r34",
    "pspnet/pspnet_r50",
    "deeplabv3plus/deeplabv3plus_r50",
    "linear/linear_dinov2_s",
    "linear/linear_dinov2_b",
    "linear/linear_dinov2_b_frozen",
    "linear/linear_dinov3_b_frozen",
    "linear/linear_lingbot_b",
    "upernet/upernet_dinov2_b",
    "upernet/upernet_convnext_t",
    "fpn/fpn_repvit_m1_1",
    "lraspp/lraspp_mobilenet_v4_conv_m",
    "segformer/segformer_efficientvit_b1",
    "segformer/segformer_pvt_v2_b2",
    "ocrnet/ocrnet_hr48",
    "deeplabv3plus/deeplabv3plus_r101",
    "segformer/segformer_b5",
)
DATA = ("ade20k", "cityscapes", "voc", "coco_voc")  # the costs are of the first config that there is
SCORES = ("cityscapes", "ade20k")
HEAD = ["Config", "M parameters", "GFLOPs", "Cityscapes", "ADE20K", "Begins from"]


def table() -> str:
    """With the column of seconds, if the page has any."""
    rows = [row_of(name) for name in MODELS]
    plain = markdown(HEAD, sorted(rows, key=lambda row: float(row[2]))) + "\n"
    known = seconds_in(table_of_page())
    return with_seconds(plain, known) if known else plain


def table_of_page() -> str:
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


def seconds_in(text: str) -> dict[str, str]:
    """Name of a config -> the last cell of its row, if that is seconds and a machine."""
    return dict(re.findall(r"^\| \[(\w+)\].* \| ([\d.]+ \([^|]+\)) \|$", text, re.M))


def with_seconds(text: str, known: dict[str, str]) -> str:
    """A table with these cells as its last column, in place of those that it has."""
    head, line, *rows = [row.strip("|").split("|")[: len(HEAD)] for row in text.splitlines()]
    cells = (known.get(re.match(r" \[(\w+)\]", row[0])[1], "–") for row in rows)
    every = [[*head, " CPU seconds "], [*line, " --- "], *([*row, f" {cell} "] for row, cell in zip(rows, cells))]
    return "".join(f"|{'|'.join(row)}|\n" for row in every)


def measure(names: Sequence[str]) -> None:
    """Put the seconds into the page, after each model."""
    machine = f"({processor()})"
    for name in names:
        known, stem = seconds_in(table_of_page()), name.split("/")[1]
        if not known.get(stem, "").endswith(machine):
            known[stem] = f"{seconds(name):.2g} {machine}"
            put_table(PAGE, with_seconds(table_of_page(), known), BEGIN, END)


def seconds(name: str) -> float:
    """Of the CPU, for a prediction on one thread with random weights; the best of three."""
    torch.set_num_threads(1)
    model = build_segmentor(without_weights(load_config(next(iter(paths_of(name).values()))).model), CLASSES).eval()
    images, taken = torch.zeros(1, 3, *SIZE, dtype=torch.uint8), []
    for _ in range(3):
        start = time.process_time()
        with torch.inference_mode():
            model(images)
        taken.append(time.process_time() - start)
    return min(taken)


def paths_of(name: str) -> dict[str, Path]:
    paths = {data: ROOT / "configs" / f"{name}_{data}.py" for data in DATA}
    return {data: path for data, path in paths.items() if path.exists()}


def row_of(name: str) -> list[str]:
    paths = paths_of(name)
    rows = {data: Row(path) for data, path in paths.items()}
    first = next(iter(rows))
    total = costs_of(build_without_data(load_config(paths[first]).model, CLASSES), SIZE)["total"]
    found = (re.match(r"[\d.]+(?= mIoU)", rows[data].number) if data in rows else None for data in SCORES)
    scores = ["–" if score is None else score[0] for score in found]
    link = f"[{name.split('/')[1]}](../{paths[first].relative_to(ROOT).as_posix()})"
    return [link, f"{total.parameters / 1e6:.1f}", f"{total.flops / 1e9:.0f}", *scores, rows[first].weights]


def main(arguments: list[str]) -> None:
    names = [argument for argument in arguments if not argument.startswith("-")]
    if unknown := set(names) - set(MODELS):
        raise SystemExit(f"{', '.join(sorted(unknown))}: not in the table; it has {', '.join(MODELS)}")
    if "--measure" in arguments and "--write" not in arguments:
        raise SystemExit("--measure puts the seconds into the page: give --write too")
    if "--measure" in arguments:
        measure(names or MODELS)
    else:
        put_table(PAGE, table(), BEGIN, END)


if __name__ == "__main__":
    main(sys.argv[1:])
