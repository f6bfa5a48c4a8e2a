#!/usr/bin/env bash
# Score under Slurm:  GPUS=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]
# GPUS_PER_NODE, SRUN_ARGS and CPUS_PER_TASK are those of slurm_train.sh; the scores are those of one process.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi
exec "$(dirname "$0")/slurm_run.sh" dist_test.sh 2 "$@"
