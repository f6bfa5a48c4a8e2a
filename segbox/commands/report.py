"""Write the page of a run again: scores, confusions, pictures, curves, what to try next.

segbox report work_dirs/NAME        # the work dir of a training: work_dirs/NAME/report.html
segbox report scores/               # a folder that `segbox test --out scores/` wrote

`segbox train` and `segbox test --out DIR/` write the page by themselves.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the work dir of a run, or a folder that segbox test --out wrote")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")


def run(args: argparse.Namespace) -> None:
    from segbox.engine.devices import choose_device
    from segbox.report.write import write_report

    print(f"Written: {write_report(Path(args.run), choose_device(args.device))}")
