"""The fault campaign: minutes long, seeded, counted.

make faults
python -m tests.faults --kills 200 --repeats 3 --configs 2000 --files 2000 --seed 0
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; also forked children stay as fast
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tests.faults.changed_bytes import changed_bytes
from tests.faults.fuzz import fuzz
from tests.faults.kills import kills
from tests.faults.others import others
from tests.faults.report import Row, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3, help="of each other fault")
    parser.add_argument("--configs", type=int, default=2000)
    parser.add_argument("--files", type=int, default=2000, help="pictures, and as many checkpoints, with bytes changed")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    begin = time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, work in {
            "kills": lambda own: kills(own, args.seed, args.kills),
            "others": lambda own: others(own, args.seed, args.repeats),
            "fuzz": lambda own: fuzz(args.seed, args.configs),
            "bytes": lambda own: changed_bytes(own, args.seed, args.files),
        }.items():
            own = Path(folder) / name
            own.mkdir()
            rows += work(own)
    print(table(rows))
    failed = sum(len(row.failures) for row in rows)
    tried = sum(row.tried for row in rows)
    print(f"{tried} faults, {failed} of them not as expected; seed {args.seed}, {time.monotonic() - begin:.0f} s")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
