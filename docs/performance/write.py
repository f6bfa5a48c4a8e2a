"""Measure what docs/performance.md shows, and write the page: `make performance`, or

    python docs/performance/write.py --peer mmseg=/path/to/environment smp=.venv torchvision=.venv
    python docs/performance/write.py --quick            # small sizes, a minute
    python docs/performance/write.py --only train eval  # measures these again, and keeps the other numbers
    python docs/performance/write.py --stored           # measures nothing

The numbers are kept in numbers.json; page and pictures are made from them alone.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segbox.benchmark.measure import FLOOR, Measured, ratio_to_first, read_measured, time_of
from segbox.benchmark.peers import LIBRARIES, running
from segbox.benchmark.pictures import growth_picture, parts_picture
from segbox.benchmark.result import as_markdown, machine_text, seconds_text
from segbox.commands import bench, command_parser
from segbox.machine import keep_freed_memory
from segbox.outputs import atomic_file

HERE = Path(__file__).resolve().parent
PAGE, NUMBERS = HERE.parent / "performance.md", HERE / "numbers.json"
SMALL = "--size 128 128 --classes 19 --runs 1"
PLAN = {  # subject: its title, the peers that have it, its arguments, and those of --quick
    "train": ("A training step", ("mmseg", "smp"), "--runs 2", SMALL),
    "infer": ("Images to class maps", ("mmseg", "smp", "torchvision"), "--runs 3", SMALL),
    "data": ("A training sample", ("mmseg",), "--runs 10", "--size 256 512 --crop 128 256 --runs 3"),
    "loss": ("Cross entropy with its gradient", ("mmseg",), "--classes 19 150 --runs 3", SMALL),
    "eval": ("From logits to scores", ("mmseg",), "--runs 3", "--size 256 512 --classes 19 150 --runs 1"),
    "slide": ("The same, by windows", ("mmseg",), "--classes 19 150 --runs 2", "--size 640 768 --classes 19 --runs 1"),
    "metric": ("Counting", ("mmseg",), "--runs 5", "--size 256 512 --runs 1"),
    "startup": ("Start", LIBRARIES, "--runs 2", "--runs 1"),
    "growth": ("How it grows", (), "--runs 3", "--runs 1"),
    "parts": ("Where the time goes", (), "--runs 5", "--size 128 128 --classes 19 --runs 5"),
}
PICTURES = {"parts": parts_picture, "growth": growth_picture}
INTRODUCTION = """# Performance

After this page you know how long segbox takes beside the least that PyTorch, NumPy or a decoder need for the same work,
and beside other libraries, and how to measure it on your machine:

    segbox bench train my_config.py                               # a step, beside the bare loop
    segbox bench eval --peer mmseg=/path/to/its/environment       # beside mmsegmentation
    segbox bench infer --runtimes eager onnxruntime openvino      # PyTorch beside exported files

Every side gets the same inputs and the same weights, and its numbers are compared first: where they differ, the side is
not timed. Then the sides run in turns, so that a busy machine slows all of them alike: read the ratios rather than the
seconds. *Bare* is the same work without a toolbox: the network, `F.interpolate`, `F.cross_entropy` and
`optimizer.step()`; for scores, full-size probabilities and `np.bincount`; for samples, the decoding of the files alone.
The model of `train` and `infer` is PSPNet-R18-D8, unless the table names another. Models of peers drop nothing, and
mmsegmentation's loss is told to leave ignored pixels out of its mean, as segbox does. Of an exported file, the logits
are compared and the class maps timed; its runtime has as many threads as the others. Files are smooth pictures with a
camera's noise, logits are noise, in which classes change from cell to cell: those of a trained network take less time.
"""
LAST = """## Write this page again

    make performance PEERS="mmseg=/path/to/environment smp=.venv torchvision=.venv"

measures everything and writes page and pictures; `QUICK=1` takes small sizes. The numbers are in
[performance/numbers.json](performance/numbers.json). Not compared: GPUs, and Ultralytics' models, which have no
counterpart of the same weights.
"""


def main() -> None:
    args = arguments()
    results = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    if not args.stored:
        keep_freed_memory()  # as commands do
        for subject, result in measured(args.only or [*PLAN], args.peer, args.quick):
            results[subject] = result
            write(NUMBERS, json.dumps(results) + "\n")
            print(f"{subject}: measured", file=sys.stderr)
    for path, text in files(results).items():
        write(path, text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", nargs="+", default=[], metavar="NAME=PATH", help="as for segbox bench")
    parser.add_argument("--only", nargs="+", choices=[*PLAN], help="subjects to measure again (all)")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--stored", action="store_true", help="measure nothing")
    return parser.parse_args()


def measured(subjects: list[str], words: list[str], is_quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    with running(words, threads=1) as peers:
        for subject in subjects:
            _, names, full, quick = PLAN[subject]
            args = command_parser("bench").parse_args([subject, *(quick if is_quick else full).split()])
            yield subject, bench.measured(args, [peer for peer in peers if peer.name in names])


def write(path: Path, text: str) -> None:
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def files(results: dict[str, Any]) -> dict[Path, str]:
    """The page and its pictures, from stored results alone."""
    pictures = {HERE / f"{name}.svg": draw(cases(results[name])) for name, draw in PICTURES.items() if name in results}
    return {PAGE: page(results), **pictures}


def cases(result: dict[str, Any]) -> list[Measured]:
    return [read_measured(case) for case in result["cases"]]


def page(results: dict[str, Any]) -> str:
    sections = [INTRODUCTION, at_a_glance(results)]
    for subject in [name for name in PICTURES if name in results]:
        title = PLAN[subject][0]
        sections.append(f"## {title}\n\n![{title}](performance/{subject}.svg)\n")
    for subject in [name for name in PLAN if name in results and name not in PICTURES]:
        title = f"## {PLAN[subject][0]}: `segbox bench {subject}`"
        sections.append(f"{title}\n\n{as_markdown(results[subject])}\n\n{machine_text(results[subject])}.\n")
    return "\n".join([*sections, LAST])


def at_a_glance(results: dict[str, Any]) -> str:
    """The ratios of every case."""
    lines = ["## At a glance", "", "| Work | segbox | segbox / bare | others / segbox |", "|---|--:|--:|---|"]
    for subject in [name for name in PLAN if name in results and name not in PICTURES]:
        lines += [row(subject, case) for case in cases(results[subject]) if case.sides]
    return "\n".join([*lines, "", "More than 1 in the last column: segbox is faster by this factor.", ""])


def row(subject: str, case: Measured) -> str:
    own, bare = time_of(case, case.sides[0]), ratio_to_first(case, FLOOR)
    others = [(side.name, ratio_to_first(case, side.name)) for side in case.sides[1:] if side.name != FLOOR]
    shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in others if ratio is not None)
    return " | ".join(
        [
            f"| {subject}: {case.name}",
            seconds_text(own[1]) if own else "-",
            f"{1 / bare:.2f}" if bare else "-",
            f"{shown or '-'} |",
        ]
    )


if __name__ == "__main__":
    main()
