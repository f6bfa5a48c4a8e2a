#!/usr/bin/env python3
"""List the configs as a Markdown table: method, backbone, data set, and the number to expect.

tools/list_configs.py                      # print it
tools/list_configs.py --write README.md    # put it between <!-- configs:begin --> and <!-- configs:end -->
tools/list_configs.py --check README.md    # exit status 2 if it is not up to date there
"""

import argparse
import ast
import re
from collections.abc import Mapping
from pathlib import Path

from segbox.config import load_config, shorten
from segbox.errors import ConfigError, ends_with_a_message

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- configs:begin -->", "<!-- configs:end -->"
COLUMNS = ("Method", "Backbone", "Data set", "Expected", "Source", "Config")
SENTENCE = re.compile(r"Expected: (.*?)\.(?:\s|$)")
TITLE = re.compile(r"(.+?) \((https?://[^)]+)\) with .+? on (.+?)\.(?:\s|$)")  # PSPNet (URL) with ResNet-50 on DRIVE.


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=Path, default=ROOT / "configs", help="the folder to list (default: configs)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", type=Path, metavar="FILE", help="is the table in FILE up to date?")
    action.add_argument("--write", type=Path, metavar="FILE", help="rewrite the table in FILE")
    return parser.parse_args()


def main() -> None:
    args = parse()
    lines = table(args.configs)
    if args.write is not None:
        before, _, after = split(args.write)
        args.write.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")
    elif args.check is not None:
        if split(args.check)[1].strip() != lines:
            raise ConfigError(
                f"{args.check}: its table of configs is out of date; run tools/list_configs.py --write {args.check}"
            )
    else:
        print(lines)


def table(folder: Path) -> str:
    paths = [path for path in sorted(folder.glob("*/*.py")) if path.parent.name != "_base_"]
    if not paths:
        raise ConfigError(f"{folder}: holds no configs (METHOD/NAME.py)")
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(row(path, folder) for path in paths)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(path: Path, folder: Path) -> tuple[str, ...]:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    sentence = SENTENCE.search(text)
    if sentence is None:
        raise ConfigError(f"{shorten(path)}: its first lines do not say what to expect (Expected: 41.7 mIoU (source).)")
    config = load_config(path)
    title = TITLE.match(text)
    method = f"[{title[1]}]({title[2]})" if title else config.model.decode_head.type.removesuffix("Head")
    link = f"[{path.stem}]({path.relative_to(folder.parent).as_posix()})"
    data_set = data_name(config.data.train, title[3] if title else path.parent.name)
    return method, backbone_name(config.model), data_set, *expectation(sentence[1]), link


def expectation(sentence: str) -> tuple[str, str]:
    """The number, and where it comes from: "41.7 mIoU", "the paper"."""
    number, _, source = sentence.partition(" (")
    if not any(letter.isdigit() for letter in number) or number.startswith("no "):
        return "–", sentence
    return number, source.removesuffix(")").replace("), ", ", ")


def backbone_name(model: Mapping) -> str:
    backbone = model["backbone"]
    name = backbone.get("name") or f"{backbone['type']}-{backbone['variant']}"
    stem = backbone.get("stem", "plain")
    neck = model.get("neck")
    return name + (f"-{stem}" if stem != "plain" else "") + (f" + {neck['type']}" if neck else "")


def data_name(data: Mapping, folder_name: str) -> str:
    """The set's type, or `folder_name` for a plain folder, which has no name of its own."""
    name = folder_name if data["type"] == "FolderDataset" else data["type"]
    return name + (" with background" if data.get("use_background") else "")


def split(path: Path) -> tuple[str, str, str]:
    """What stands before, between and after the two markers."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{path}: has no place for the table; write {BEGIN} and {END} on lines of their own")
    return before, between, after


if __name__ == "__main__":
    with ends_with_a_message():
        main()
