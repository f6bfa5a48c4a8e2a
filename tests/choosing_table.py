"""The table of docs/choosing_a_model.md, from the configs themselves: python -m tests.choosing_table --write"""

import re

from segbox.commands.list import Row, markdown
from segbox.config import load_config
from segbox.models.complexity import build_without_data, costs_of
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
    "upernet/upernet_convnext_t",
    "ocrnet/ocrnet_hr48",
    "deeplabv3plus/deeplabv3plus_r101",
    "segformer/segformer_b5",
)
DATA = ("ade20k", "cityscapes", "voc", "coco_voc")  # the costs are of the first config that there is
SCORES = ("cityscapes", "ade20k")


def table() -> str:
    rows = sorted((row_of(name) for name in MODELS), key=lambda row: float(row[2]))
    head = ("Config", "M parameters", "GFLOPs", "Cityscapes", "ADE20K", "Begins from")
    return markdown(head, rows) + "\n"


def row_of(name: str) -> list[str]:
    paths = {data: ROOT / "configs" / f"{name}_{data}.py" for data in DATA}
    rows = {data: Row(path) for data, path in paths.items() if path.exists()}
    first = next(iter(rows))
    total = costs_of(build_without_data(load_config(paths[first]).model, CLASSES), SIZE)["total"]
    found = (re.match(r"[\d.]+(?= mIoU)", rows[data].number) if data in rows else None for data in SCORES)
    scores = ["–" if score is None else score[0] for score in found]
    link = f"[{name.split('/')[1]}](../{paths[first].relative_to(ROOT).as_posix()})"
    return [link, f"{total.parameters / 1e6:.1f}", f"{total.flops / 1e9:.0f}", *scores, rows[first].weights]


if __name__ == "__main__":
    put_table(PAGE, table(), BEGIN, END)
