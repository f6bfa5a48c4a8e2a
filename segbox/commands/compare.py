"""Compare runs: is one of them better, or is it chance?

segbox compare work_dirs/a work_dirs/b                # the last evaluations of two trainings
segbox compare work_dirs/a work_dirs/b --best         # those of best.pt
segbox compare scores/plain scores/flipped --html compare.html

A run is a work dir, a folder that `segbox test --out FOLDER/` has written, or an evaluation.json. All runs are compared
with the first one, on the same images (paired bootstrap). docs/compare.md says how to read the numbers.
"""

import argparse
import json
from pathlib import Path

from segbox.commands import output
from segbox.errors import UserError, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a work dir, a folder of test --out, evaluation.json")
    parser.add_argument("--best", action="store_true", help="of work dirs, the evaluation of best.pt, not the last one")
    parser.add_argument("--common", action="store_true", help="compare on the images that all runs have in common")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="resamples of the bootstrap (1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (0)")
    parser.add_argument("--html", metavar="FILE", help="write a page with the tables and the differences as bars")
    parser.add_argument("--json", metavar="FILE", help="write all numbers")


def check_arguments(args: argparse.Namespace) -> None:
    if len(args.runs) < 2:
        raise UserError(f"{args.runs[0]}: is one run; name two or more to compare")
    if not 100 <= args.resamples <= 1_000_000:
        raise UserError(f"--resamples {args.resamples}: expected 100 to 1000000")
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: expected 0 or more")
    for option, name, suffixes in (("--html", args.html, (".html", ".htm")), ("--json", args.json, (".json",))):
        if name is not None and Path(name).suffix.lower() not in suffixes:
            raise UserError(f"{option} {name}: expected a file with the ending {suffixes[0]}")


def run(args: argparse.Namespace) -> None:
    check_arguments(args)

    from segbox.outputs import claim
    from segbox.report.compare import compare
    from segbox.report.compare_page import comparison_page
    from segbox.report.compare_runs import read_runs
    from segbox.report.compare_text import as_json, comparison_text

    outputs = [Path(name) for name in (args.html, args.json) if name is not None]
    runs = read_runs(args.runs, args.best)
    claim(((path, "the comparison") for path in outputs), [own.file for own in runs])
    found = compare(runs, args.common, args.resamples, args.seed)
    print(printable(comparison_text(found), keep="\n"))
    if args.html is not None:
        output.write(args.html, comparison_page(found))
    if args.json is not None:
        output.write(args.json, json.dumps(as_json(found), indent=1, allow_nan=False) + "\n")
