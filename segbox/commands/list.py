"""List the configs as Markdown tables: a row per config with its expected score, or a row per method.

segbox list [--methods]                        # print a table
segbox list --write README.md docs/configs.md  # put the tables between <!-- configs:begin --> and
                                                         # <!-- configs:end -->, or methods:begin and methods:end,
                                                         # or weights:begin and weights:end (of backbones)
segbox list --check README.md docs/configs.md  # exit status 2 if their tables are out of date
segbox list models --dataset ade20k            # published models that open by name: see segbox list models --help
"""

import argparse
import ast
import os
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from segbox.commands import list_models
from segbox.config import shipped_configs
from segbox.errors import ConfigError

SENTENCE = re.compile(r"Expected: (.*?)\.(?:\s|$)")
TITLE = re.compile(r"(.+?) \((https?://[^)]+)\) with .+? on (.+?)\.(?:\s|$)")  # PSPNet (URL) with ResNet-50 on DRIVE.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    shipped = shipped_configs()
    parser.add_argument("--configs", type=Path, default=shipped, help="the folder to list (default: those of segbox)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--methods", action="store_true", help="print a row per method")
    action.add_argument(
        "--check", type=Path, nargs="+", metavar="FILE", help="check that the tables in FILE are up to date"
    )
    action.add_argument("--write", type=Path, nargs="+", metavar="FILE", help="rewrite the tables in FILE")
    models = parser.add_subparsers(dest="what", metavar="models").add_parser(
        "models",
        help="list published models instead",
        description=list_models.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    list_models.add_arguments(models)


def run(args: argparse.Namespace) -> None:
    if args.what == "models":
        list_models.run(args)
        return
    rows = [Row(path) for path in config_files(args.configs)]
    for file in args.write or args.check or ():
        text = read(file)
        new = with_tables(text, rows, file)
        if args.check and new != text:
            raise ConfigError(f"{file}: its table is out of date; run segbox list --write {file}")
        if new != text:
            file.write_text(new, encoding="utf-8")
    if not (args.write or args.check):
        print(TABLES["methods" if args.methods else "configs"](rows, args.configs.parent))


def config_files(folder: Path) -> list[Path]:
    paths = [path for path in sorted(folder.glob("*/*.py")) if path.parent.name != "_base_"]
    if not paths:
        raise ConfigError(f"{folder}: holds no configs (METHOD/NAME.py)")
    return paths


def config_table(rows: Sequence["Row"], seen_from: Path) -> str:
    return markdown(
        ("Method", "Backbone", "Data set", "Expected", "Source", "Begins from", "Config"),
        [
            (row.method, row.backbone, row.data, row.number, row.source, row.weights, row.link(seen_from))
            for row in rows
        ],
    )


def method_table(rows: Sequence["Row"], seen_from: Path) -> str:
    """A row per method folder: its backbones and data sets."""
    lines = []
    for folder, group in groupby(rows, key=lambda row: row.path.parent):
        members = list(group)
        method = next((row.method for row in members if row.method.startswith("[")), members[0].method)
        backbones = ", ".join(dict.fromkeys(row.backbone for row in members))
        data = ", ".join(dict.fromkeys(row.data for row in members))
        link = f"[{folder.name}/]({relative(folder, seen_from)}) ({len(members)})"
        lines.append((method, backbones, data, link))
    return markdown(("Method", "Backbones", "Data sets", "Configs"), lines)


def weights_table(rows: Sequence["Row"], seen_from: Path) -> str:
    """A row per form of a backbone that "imagenet" has weights for."""
    from segbox.registry import BACKBONES
    from segbox.weights.published import published

    lines = []
    for name in sorted(BACKBONES):
        for form, word in getattr(BACKBONES[name], "imagenet", {}).items():
            known = published(word)
            numbers = (" ".join(f"{part:g}" for part in parts) for parts in (known.mean, known.std))
            lines.append((f"{name} {form}", f"`{word}`", known.licence or "none stated", *numbers))
    return markdown(("Backbone", '"imagenet" means', "Licence", "Mean of RGB from 0 to 1", "Std"), lines)


TABLES = {"configs": config_table, "methods": method_table, "weights": weights_table}


def with_tables(text: str, rows: Sequence["Row"], file: Path) -> str:
    """The text of a file with the tables between its markers replaced."""
    found = 0
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, has_begin, rest = text.partition(begin)
        _, has_end, after = rest.partition(end)
        if has_begin and has_end:
            found += 1
            text = f"{before}{begin}\n{make(rows, file.resolve().parent)}\n{end}{after}"
    if not found:
        markers = " or ".join(f"<!-- {name}:begin --> and <!-- {name}:end -->" for name in TABLES)
        raise ConfigError(f"{file}: has no markers for a table; write {markers} on lines of their own")
    return text


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


class Row:
    """A row of the table, from the docstring and the values of a config."""

    def __init__(self, path: Path) -> None:
        from segbox.config import load_config, shorten

        text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
        sentence = SENTENCE.search(text)
        if sentence is None:
            raise ConfigError(
                f"{shorten(path)}: its docstring has no expected score (such as: Expected: 41 mIoU (paper).)"
            )
        config = load_config(path)
        title = TITLE.match(text)
        self.path = path
        self.method = f"[{title[1]}]({title[2]})" if title else config.model.decode_head.type.removesuffix("Head")
        self.backbone = backbone_name(config.model)
        self.weights = begins_from(config.model)
        self.data = data_name(config.data.train, title[3] if title else path.parent.name)
        self.number, self.source = expectation(sentence[1])

    def link(self, seen_from: Path) -> str:
        return f"[{self.path.stem}]({relative(self.path, seen_from)})"


def relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def expectation(sentence: str) -> tuple[str, str]:
    """The score and its source: "41.7 mIoU", "the paper"."""
    number, _, source = sentence.partition(" (")
    if not any(letter.isdigit() for letter in number) or number.startswith("no "):
        return "–", sentence
    return number, source.removesuffix(")").replace("), ", ", ")


def backbone_name(model: Mapping) -> str:
    backbone = model["backbone"]
    name = backbone.get("name") or f"{backbone['type']}-{backbone['variant']}"
    variant = backbone.get("stem", "plain")
    neck = model.get("neck")
    return name + (f"-{variant}" if variant != "plain" else "") + (f" + {neck['type']}" if neck else "")


def begins_from(model: Mapping) -> str:
    """The word of the weights and their licence."""
    from segbox.weights.published import published

    backbone = model["backbone"]
    word = f"timm://{backbone['name']}" if backbone.get("pretrained") else model.get("backbone_weights")
    if word is None:
        return "random"
    known = published(word)
    return f"`{word}`" + (f" ({known.licence or 'no licence stated'})" if known else "")


def data_name(data: Mapping, folder_name: str) -> str:
    """The type of the data set, or `folder_name` for a FolderDataset."""
    name = folder_name if data["type"] == "FolderDataset" else data["type"]
    return name + (" with background" if data.get("use_background") else "")


def read(file: Path) -> str:
    if not file.is_file():
        raise ConfigError(f"there is no file {file}")
    return file.read_text(encoding="utf-8")
