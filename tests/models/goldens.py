"""Golden numbers of what is registered, kept in goldens.json.

python -m tests.models.goldens            what changed or is new; nothing is written
python -m tests.models.goldens --write    writes it down: only after another implementation has given the same
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from tests.models import backbone_cases, head_cases, neck_cases
from tests.models.fixed import fill, projections

FILE = Path(__file__).with_suffix(".json")


def stored() -> dict[str, list[float]]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


@torch.no_grad()
def numbers(values: list[Tensor]) -> list[float]:
    """Of each tensor three projections, of a single number itself."""
    return [number.item() for value in values for number in ([value] if value.dim() == 0 else projections(value))]


def of_head(title: str) -> list[float]:
    head = fill(head_cases.build(title))
    return numbers(list(head_cases.outputs(head, head_cases.inputs(title)).values()))


def of_backbone(title: str) -> list[float]:
    return numbers(list(fill(backbone_cases.build(title))(backbone_cases.images())))


def of_neck(title: str) -> list[float]:
    return numbers(list(fill(neck_cases.build(title))(neck_cases.inputs(title))))


def measured() -> dict[str, list[float]]:
    found = {title: of_head(title) for title in head_cases.titles()}
    found |= {title: of_backbone(title) for title in backbone_cases.titles() if title not in backbone_cases.ELSEWHERE}
    return found | {title: of_neck(title) for title in neck_cases.titles()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.models.goldens", description=__doc__)
    parser.add_argument("--write", action="store_true")
    is_written = parser.parse_args().write
    known, found = stored(), measured()
    for title, values in found.items():
        if title not in known:
            print(f"{title}: new, {values}")
        elif any(abs(a - b) > 1e-9 for a, b in zip(known[title], values, strict=True)):
            print(f"{title}: was {known[title]}, is {values}")
    if is_written:
        lines = [f" {json.dumps(title)}: {json.dumps(values)}" for title, values in sorted(found.items())]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
