#!/usr/bin/env bash
# Score under Slurm:  GPUS=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of segbox test]
# GPUS_PER_NODE, SRUN_ARGS and CPUS_PER_TASK as for slurm_train.sh. The scores equal those of one process.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi
exec "$(dirname "$0")/slurm_run.sh" dist_test.sh 2 "$@"
