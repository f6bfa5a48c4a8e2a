"""List the published models that open by name: segbox.load(NAME), segbox predict NAME SOURCE, model.weights=NAME.

segbox list models --dataset cityscapes --max-params 30 --sort params
segbox list models hr18 ade20k                 # the words occur in the name or in the data set
segbox list models pspnet --all --json         # also those that segbox cannot build yet, with the reason
"""

import argparse
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from segbox.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from segbox.interop.published import Published

SORTS = {  # of the option: (attribute, whether the largest comes first)
    "miou": ("mIoU", True),
    "params": ("parameters", False),
    "gflops": ("gflops", False),
    "name": ("name", False),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", help="words that occur in the name or in the data set")
    parser.add_argument("--dataset", metavar="NAME", help="the data set, such as ade20k")
    parser.add_argument("--max-params", type=float, metavar="M", help="at most so many millions of parameters")
    parser.add_argument("--max-gflops", type=float, metavar="N", help="at most so many GFLOPs")
    parser.add_argument("--min-miou", type=float, metavar="N", help="at least this mIoU")
    parser.add_argument("--sort", choices=SORTS, default="miou", help="default: miou, the highest first")
    parser.add_argument("--all", action="store_true", help="also models that segbox cannot build yet")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    from segbox.interop.published import published

    every = list(published())
    datasets = list(dict.fromkeys(model.dataset for model in every))
    if args.dataset is not None and not any(key(args.dataset) in key(name) for name in datasets):
        raise ConfigError(
            f"--dataset {args.dataset}: no model is for it.{did_you_mean(args.dataset, datasets)} There are"
            f" {', '.join(datasets)}"
        )
    models = [model for model in every if fits(model, args)]
    attribute, is_descending = SORTS[args.sort]
    missing = -math.inf if is_descending else math.inf
    models.sort(key=lambda model: value_of(model, attribute, missing), reverse=is_descending)
    if args.json:
        print(json.dumps([asdict(model) for model in models], indent=1))
        return
    print_table(models, args.all)


def value_of(model: "Published", attribute: str, missing: float) -> Any:
    value = getattr(model, attribute)
    return missing if value is None else value


def fits(model: "Published", args: argparse.Namespace) -> bool:
    """Whether a model is asked for. What is not known of it does not fit a limit."""
    text = f"{model.name} {model.dataset}"
    limits = ((model.parameters, args.max_params, 1e6), (model.gflops, args.max_gflops, 1))
    return (
        (args.all or not model.needs)
        and all(key(word) in key(text) for word in args.text)
        and (args.dataset is None or key(args.dataset) in key(model.dataset))
        and all(most is None or (value is not None and value <= most * unit) for value, most, unit in limits)
        and (args.min_miou is None or (model.mIoU is not None and model.mIoU >= args.min_miou))
    )


def key(text: str) -> str:
    """Names without case and signs: "ADE20K" and "ade-20k"."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def print_table(models: list["Published"], has_reasons: bool) -> None:
    from terminaltables import AsciiTable

    head = ["name", "data set", "mIoU", "scales, flip", "M parameters", "GFLOPs", "licence"]
    rows = [
        [
            model.name,
            model.dataset,
            number(model.mIoU, 2),
            number(model.mIoU_flip, 2),
            number(model.parameters and model.parameters / 1e6, 1),
            number(model.gflops, 1),
            model.licence,
            *([model.needs] if has_reasons else []),
        ]
        for model in models
    ]
    table = AsciiTable([[*head, *(["does not open"] if has_reasons else [])], *rows])
    table.justify_columns = dict.fromkeys(range(2, 6), "right")
    print(table.table)
    print(
        f"{len(models)} models. mIoU: as published, on one scale, and on several scales with flips. GFLOPs: of one"
        " image of 512 x 512, 1 multiply-add = 2 FLOPs"
    )


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
