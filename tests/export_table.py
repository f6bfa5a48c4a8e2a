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
from segbox.export.graph import Graph
from segbox.export.pictures import batch_of, generated_pictures
from segbox.export.plan import Plan
from segbox.registry import BACKBONES, HEADS
from tests.generated_table import put_table
from tests.runs import ROOT
from tests.tiny import tiny_model
from tests.trained import random_weights

PAGE = ROOT / "docs" / "export.md"
BEGIN, END = "<!-- parts:begin -->\n", "<!-- parts:end -->"
EXACT = 1e-4  # of the standard deviation of the logits
HEAD = ("Part", "Kind", "In the file, at sizes that are not the example's")
NOT_RUN = "not run yet"


def plan_of(head: str, backbone: str) -> Plan:
    model = tiny_model(backbone, head).eval()
    model.load_state_dict(random_weights(model))
    metadata = {
        "input": "uint8",
        "channels": 3,
        "precision": "fp32",
        "mean": model.mean.flatten().tolist(),
        "std": model.std.flatten().tolist(),
    }
    return Plan(Graph(model, "logits", 1, False, False, True), None, metadata)


def result_of(head: str, backbone: str) -> str:
    plan = plan_of(head, backbone)
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = write_format(plan, export_program(plan), Path(folder, "model.onnx"))
            found = compare(plan, open_exported(files[0], threads=1).run, generated_pictures(plan))
        except UserError as error:
            return f"no: {str(error).replace('|', '/')[:200]}"
    images = torch.from_numpy(batch_of(plan, generated_pictures(plan)[:1], SIZES[0]))
    largest = max(one.largest for one in found) / plan.graph(images).std().item()
    different = max(one.different for one in found)
    if largest <= EXACT:
        return f"exact ({largest:.0e})"
    return f"no: differs by {largest:.1e}, {different:.2g} % of the pixels"


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
