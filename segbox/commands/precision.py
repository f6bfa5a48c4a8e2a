"""The options --precision and --amp."""

import argparse

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def add_precision(parser: argparse.ArgumentParser, text: str) -> None:
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--precision", choices=PRECISIONS, help=text)
    either.add_argument(
        "--amp",
        dest="precision",
        nargs="?",
        const="bf16",
        choices=("bf16", "fp16"),
        help="mixed precision: --precision bf16, or that given",
    )
