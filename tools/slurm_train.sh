#!/usr/bin/env bash
# Train under Slurm:  GPUS=16 GPUS_PER_NODE=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]
# SRUN_ARGS, CPUS_PER_TASK (for a node) are passed on to srun. One torchrun a node starts the processes.
# Before preemption or the time limit: SIGTERM makes a run write a checkpoint and end with status 143. In a batch script
#     #SBATCH --requeue
#     #SBATCH --signal=TERM@120
# let Slurm start it again; it then goes on from that checkpoint by itself. (scontrol requeue $SLURM_JOB_ID does it too.)
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,3s/^# //p' "$0" >&2; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
partition=$1 job=$2
shift 2
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
if [ "$gpus" -lt "$per_node" ]; then per_node=$gpus; fi
nodes=$(( (gpus + per_node - 1) / per_node ))
export NODE_COMMAND=' \
    export NNODES=$SLURM_NNODES NODE_RANK=$SLURM_NODEID \
        MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) \
        MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}; \
    exec "$0" "$@"'
config=$1
shift
# shellcheck disable=SC2086
exec srun -p "$partition" --job-name="$job" --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
    --gres=gpu:"$per_node" --cpus-per-task="${CPUS_PER_TASK:-$((per_node * 5))}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    bash -c "$NODE_COMMAND" "$here/dist_train.sh" "$config" "$per_node" "$@"
