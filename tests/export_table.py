"""The table of docs/export.md: python -m tests.export_table --write [NAME ...]

Every head on a small ResNet and every backbone with FCNHead, or those that are named, with random weights through ONNX
Runtime beside PyTorch, at three sizes that are not the example's. Rows that are not run stay as they are. Some rows
take minutes.
"""

import re
import sys
import tempfile
from pathlib import Path

import torch

from segbox.commands.list import markdown
from segbox.errors import UserError
from segbox.export.check import SIZES, compare
from segbox.export.export import export_program, open_exported, write_format
from segbox.export.pictures import batch_of, generated_pictures
from segbox.export.plan import Plan, plain_plan
from segbox.registry import BACKBONES, HEADS
from tests.generated_table import put_table
from tests.runs import ROOT
from tests.tiny import tiny_model
from tests.trained import random_weights

PAGE = ROOT / "docs" / "export.md"
BEGIN, END = "<!-- parts:begin -->\n", "<!-- parts:end -->"
EXACT = 1e-4  # of the standard deviation of the logits
ROUNDINGS = 3  # a model that amplifies rounding may differ by as many times what float32 differs from float64
HEAD = ("Part", "Kind", "In the file, at sizes that are not the example's")
NOT_RUN = "not run yet"


def plan_of(head: str, backbone: str) -> Plan:
    torch.manual_seed(0)
    model = tiny_model(backbone, head).eval()
    model.load_state_dict(random_weights(model))
    return plain_plan(model, "logits")


def result_of(head: str, backbone: str) -> str:
    plan = plan_of(head, backbone)
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = write_format(plan, export_program(plan), Path(folder, "model.onnx"))
            found = compare(plan, open_exported(files[0], threads=1).run, generated_pictures(plan))
        except UserError as error:
            return f"no: {str(error).replace('|', '/')[:200]}"
    deviation, rounding = deviation_and_rounding(plan)
    largest = max(one.largest for one in found) / deviation
    different = max(one.different for one in found)
    if largest <= EXACT:
        return f"exact ({largest:.0e})"
    if largest <= ROUNDINGS * rounding:
        return f"as exact as float32 ({largest:.0e}; PyTorch's own rounding: {rounding:.0e})"
    return f"no: differs by {largest:.1e}, {different:.2g} % of the pixels"


def deviation_and_rounding(plan: Plan) -> tuple[float, float]:
    """The standard deviation of the logits; and how far, in parts of it, PyTorch's float32 is from its float64."""
    images = [torch.from_numpy(batch_of(plan, generated_pictures(plan)[:1], size)) for size in SIZES]
    single = [plan.graph(image) for image in images]
    plan.graph.network.double()
    plan.graph.dtype = torch.double
    rounding = max((a - plan.graph(image)).abs().max().item() for a, image in zip(single, images))
    deviation = single[0].std().item()
    return deviation, rounding / deviation


def rows(asked: list[str]) -> list[tuple[str, str, str]]:
    known = dict(re.findall(r"^\| `(\w+)` \| \w+ \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M))
    cases = [(name, "head", (name, "ResNet")) for name in HEADS] + [
        (name, "backbone", ("FCNHead", name)) for name in BACKBONES
    ]
    made = []
    for name, kind, case in cases:
        if name in asked or not asked:
            known[name] = result_of(*case)
            print(name, known[name], file=sys.stderr, flush=True)
        made.append((f"`{name}`", kind, known.get(name, NOT_RUN)))
    return made


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--write"]
    put_table(
        PAGE,
        markdown(("Part", "Kind", "In the file, at sizes that are not the example's"), rows(names)) + "\n",
        BEGIN,
        END,
    )
