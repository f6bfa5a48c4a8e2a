"""The table of docs/choosing_a_model.md, from the configs themselves: python -m tests.choosing_table --write

The seconds stay those of the page; --measure measures them again, on an idle machine.
"""

import re
import sys
import time
from pathlib import Path

import torch

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


def table(measure: bool = False) -> str:
    """With a column of seconds, if these are measured or stand in the page."""
    rows = {name: row_of(name) for name in MODELS}
    known = {name: seconds(name) for name in MODELS} if measure else seconds_of_page()
    head = ["Config", "M parameters", "GFLOPs", "Cityscapes", "ADE20K", "Begins from", *["Seconds"] * bool(known)]
    if known:
        rows = {name: [*row, known.get(name, "–")] for name, row in rows.items()}
    return markdown(head, sorted(rows.values(), key=lambda row: float(row[2]))) + "\n"


def seconds_of_page() -> dict[str, str]:
    """Name -> what stands in the last column, if these are numbers."""
    found = dict(re.findall(r"^\| \[(\w+)\].* \| ([\d.]+) \|$", PAGE.read_text(encoding="utf-8"), re.M))
    return {name: found[stem] for name in MODELS if (stem := name.split("/")[1]) in found}


def seconds(name: str) -> str:
    """Of a prediction on one thread of the CPU, with random weights; the best of three."""
    torch.set_num_threads(1)
    model = build_segmentor(without_weights(load_config(next(iter(paths_of(name).values()))).model), CLASSES).eval()
    images, taken = torch.zeros(1, 3, *SIZE, dtype=torch.uint8), []
    for _ in range(3):
        start = time.perf_counter()
        with torch.inference_mode():
            model(images)
        taken.append(time.perf_counter() - start)
    return f"{min(taken):.2g}"


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


if __name__ == "__main__":
    put_table(PAGE, table("--measure" in sys.argv), BEGIN, END)
