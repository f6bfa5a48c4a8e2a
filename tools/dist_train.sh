#!/usr/bin/env bash
# Train on several GPUs, or in several processes on CPUs:  tools/dist_train.sh CONFIG GPUS [options of segbox train]
# Several machines: NNODES, NODE_RANK and MASTER_ADDR (and MASTER_PORT) in the environment, the same command on each.
# data.batch_size is divided between the processes: any number takes the same steps with the same learning rate.
# --max-restarts N (or MAX_RESTARTS in the environment): when a process dies, all start again and resume.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2,5s/^# //p' "$0" >&2; exit 2; fi
exec "${PYTHON:-python3}" -m segbox launch "$2" train "$1" "${@:3}"
