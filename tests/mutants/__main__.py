"""The mutation campaign: small mistakes in a copy of the source, each of which some test must see.

make mutants
python -m tests.mutants --only psp --jobs 2
"""

import argparse
import gc
import importlib
import os
import sys
import time
from collections.abc import Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; also forked children stay as fast
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from terminaltables import AsciiTable

from tests.mutants.campaign import CAUGHT, SURVIVED, Result, campaign
from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS

LOADED_ONCE = ("torch._dynamo", "torchvision", "timm", "cv2", "hypothesis.strategies")  # seconds, for all children


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name or file holds this text")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for the tests of one mutant")
    parser.add_argument("--no-check", action="store_true", help="do not first run the tests without a mutant")
    args = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if args.only.lower() in f"{mutant.name} {mutant.file}".lower()]
    if not mutants:
        parser.error(f"--only {args.only}: no mutant is called so, and none is in such a file")
    begin = time.monotonic()
    for library in LOADED_ONCE:
        importlib.import_module(library)
    gc.freeze()  # or each child's collections would go through all of these libraries
    if not args.no_check:
        check_unchanged(mutants, args.jobs, args.timeout)
    results = []
    for result in campaign(mutants, args.jobs, args.timeout):
        results.append(result)
        print(f"{len(results)}/{len(mutants)} {result.mutant.name}: {result.verdict}", flush=True)
    print(table(sorted(results, key=lambda result: result.mutant.file)))
    escaped = [result for result in results if result.verdict != CAUGHT]
    for result in escaped:
        print(f"--- {result.mutant.name}: {result.verdict}\n{result.output[-1500:]}")
    caught = len(results) - len(escaped)
    print(f"{len(results)} mutants, {caught} caught, {len(escaped)} not; {time.monotonic() - begin:.0f} s")
    sys.stdout.flush()
    os._exit(1 if escaped else 0)  # an ordinary end would print pages: what PyTorch's compiler has not given back


def check_unchanged(mutants: Sequence[Mutant], jobs: int, limit: float) -> None:
    """Without a mistake in the source the same tests pass: else a failure would say nothing."""
    alone = [Mutant(tests, file="", old="", new="", tests=tests) for tests in sorted({m.tests for m in mutants})]
    for result in campaign(alone, jobs, limit):
        if result.verdict != SURVIVED:
            sys.exit(f"{result.mutant.tests}: does not pass without a mutant\n{result.output[-3000:]}")
    print(f"without a mutant, the {len(alone)} groups of tests pass", flush=True)


def table(results: Sequence[Result]) -> str:
    head = ["mutant", "file", "verdict", "seconds"]
    rows = [[r.mutant.name, r.mutant.file, r.verdict, f"{r.seconds:.0f}"] for r in results]
    cells = AsciiTable([head, *rows])
    cells.justify_columns = {3: "right"}
    return cells.table


if __name__ == "__main__":
    main()
