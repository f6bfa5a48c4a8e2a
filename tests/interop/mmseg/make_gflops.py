"""Count the operations of the published models of mmsegmentation that segbox builds: segbox/interop/mmseg/gflops.tsv.

python -m tests.interop.mmseg.make_gflops CONFIGS     # the folder mmseg/.mim/configs of an installed mmsegmentation
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox.interop.mmseg.config_file import read_config_file
from segbox.interop.mmseg.convert import convert
from segbox.interop.mmseg.zoo import GFLOPS, entries
from segbox.models.complexity import build_without_data, costs_of

SIZE = (512, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", type=Path)
    folder = parser.parse_args().configs
    known: dict[str, float] = {}
    lines = ["name\tgflops\n"]
    for entry in entries().values():
        if not entry.needs:
            model = convert(read_config_file(folder / entry.config), {}).model
            key = json.dumps(model, sort_keys=True)
            if key not in known:
                known[key] = gflops(model)
            lines.append(f"{entry.name}\t{known[key]:.1f}\n")
            print(lines[-1], end="", flush=True)
    GFLOPS.write_text("".join(lines), encoding="utf-8")


def gflops(model: Mapping[str, Any]) -> float:
    """Of one image of 512 x 512; a multiply-add is two operations."""
    return costs_of(build_without_data(model, None), SIZE)["total"].flops / 1e9


if __name__ == "__main__":
    main()
