#!/usr/bin/env bash
# Train under Slurm:  GPUS=16 GPUS_PER_NODE=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of segbox train]
# SRUN_ARGS and CPUS_PER_TASK (per node) are passed to srun. One torchrun per node starts the processes.
# Before preemption or the time limit, SIGTERM makes a run write a checkpoint and end with status 143. In a batch script
#     #SBATCH --requeue
#     #SBATCH --signal=TERM@120
# let Slurm start it again; it then resumes from that checkpoint. (scontrol requeue $SLURM_JOB_ID does so, too.)
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi
exec "$(dirname "$0")/slurm_run.sh" dist_train.sh 1 "$@"
