#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share:  dist_run.sh TOOL N arguments...  where argument N+1 counts the processes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$1 before=$2
shift 2
first=("${@:1:before}")
processes=${@:before+1:1}
rest=("${@:before+2}")
if ! [[ $processes =~ ^[1-9][0-9]*$ ]]; then
    echo "error: expected a number of processes, got '$processes'" >&2
    exit 2
fi
if [ "${NNODES:-1}" -gt 1 ]; then
    where=(--nnodes "$NNODES" --node_rank "${NODE_RANK:?}" --master_addr "${MASTER_ADDR:?}" --master_port "${MASTER_PORT:-29500}")
else
    where=(--standalone) # finds a free port by itself
fi
# The cores are shared out; each process would otherwise start a thread on every core.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(( ($(getconf _NPROCESSORS_ONLN) + processes - 1) / processes ))}
# torchrun, but a process that told a user's mistake (exit status 2) or was asked to stop has said all there is to say.
launch='
import logging
import sys
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main
for name in ("multiprocessing.api", "agent.server.api"):
    logging.getLogger(f"torch.distributed.elastic.{name}").setLevel(logging.CRITICAL)
try:
    main()
except SignalException as error:
    sys.exit(128 + error.sigval)
except ChildFailedError as error:
    status = error.get_first_failure()[1].exitcode
    if status not in (2, 130, 143):
        raise
    sys.exit(status)
'
exec "${PYTHON:-python3}" -c "$launch" "${where[@]}" --nproc_per_node "$processes" "$here/$tool" "${first[@]}" "${rest[@]}"
