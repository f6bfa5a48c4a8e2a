#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share:  dist_run.sh TOOL N arguments...  where argument N+1 counts the processes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$1 before=$2
shift 2
first=("${@:1:before}")
processes=${@:before+1:1}
rest=()
restarts=${MAX_RESTARTS:-0}
for argument in "${@:before+2}"; do
    case ${option:-}$argument in
        --max-restarts) option=restarts ;;
        --max-restarts=*) restarts=${argument#*=} ;;
        restarts*) restarts=$argument option= ;;
        *) rest+=("$argument") ;;
    esac
done
if ! [[ $processes =~ ^[1-9][0-9]*$ ]]; then
    echo "error: expected a number of processes, got '$processes'" >&2
    exit 2
fi
if ! [[ $restarts =~ ^[0-9]+$ ]]; then
    echo "error: --max-restarts: expected a number, got '$restarts'" >&2
    exit 2
fi
if [ "${NNODES:-1}" -gt 1 ]; then
    where=(--nnodes "$NNODES" --node_rank "${NODE_RANK:?}" --master_addr "${MASTER_ADDR:?}" --master_port "${MASTER_PORT:-29500}")
else
    where=(--standalone) # finds a free port by itself
fi
# The cores are shared out; each process would otherwise start a thread on every core.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(( ($(getconf _NPROCESSORS_ONLN) + processes - 1) / processes ))}
# torchrun, but a process that told a user's mistake (exit status 2) or was asked to stop has said all there is to say;
# of one that was killed or met a bug, its number and the run's log are told in a line.
launch='
import argparse
import logging
import os
import signal
import sys
from pathlib import Path
try:
    import torch
except ModuleNotFoundError:
    print(f"error: {sys.executable} has no package torch; install segbox for it (pip install -e .), or name another"
          " Python: PYTHON=path/to/python", file=sys.stderr)
    sys.exit(2)
from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main
for name in ("multiprocessing.api", "agent.server.api"):
    logging.getLogger(f"torch.distributed.elastic.{name}").setLevel(logging.CRITICAL)
config = sys.argv.pop(1)
parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
parser.add_argument("--work-dir", default=Path("work_dirs") / Path(config).stem)
log = Path(parser.parse_known_args()[0].work_dir) / "log.txt"
try:
    main()
except SignalException as error:
    sys.exit(128 + error.sigval)
except DistError as error:
    text = " ".join(str(error).split())
    known = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500", **os.environ}
    place = " and ".join(f"{name}={known[name]}" for name in ("MASTER_ADDR", "MASTER_PORT"))
    why = "the port is in use on this machine; choose another MASTER_PORT" if "EADDRINUSE" in text else text[:300]
    print(f"error: the nodes did not meet at {place}: {why}", file=sys.stderr)
    sys.exit(2)
except ChildFailedError as error:
    rank, failure = error.get_first_failure()
    status = failure.exitcode
    if status in (2, 129, 130, 143):
        sys.exit(status)
    end = f"ended with status {status}" if status > 0 else f"was killed by {signal.Signals(-status).name}"
    why = " (for want of memory?)" if status == -signal.SIGKILL else ""
    where = f" The log: {log}." if log.exists() else ""
    print(f"error: process {rank} {end}{why}; what it said stands above.{where} Go on with --resume", file=sys.stderr)
    sys.exit(status if status > 0 else 128 - status)
'
exec "${PYTHON:-python3}" -c "$launch" "${first[0]:-none}" "${where[@]}" --max_restarts "$restarts" \
    --nproc_per_node "$processes" "$here/$tool" "${first[@]}" "${rest[@]}"
