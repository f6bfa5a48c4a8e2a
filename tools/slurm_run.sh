#!/usr/bin/env bash
# The common part of slurm_train.sh and slurm_test.sh:  slurm_run.sh SCRIPT N PARTITION JOB_NAME arguments...
# SCRIPT expects the number of processes per node after its first N arguments.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
script=$1 before=$2 partition=$3 job=$4
shift 4
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
if ! [[ $gpus =~ ^[1-9][0-9]*$ && $per_node =~ ^[1-9][0-9]*$ ]]; then
    echo "error: GPUS=$gpus GPUS_PER_NODE=$per_node: expected numbers of 1 or more" >&2
    exit 2
fi
if [ "$gpus" -lt "$per_node" ]; then per_node=$gpus; fi
if [ $((gpus % per_node)) -ne 0 ]; then
    echo "error: GPUS=$gpus is not a multiple of GPUS_PER_NODE=$per_node, but all nodes have the same number" >&2
    exit 2
fi
nodes=$((gpus / per_node))
export NODE_COMMAND=' \
    export NNODES=$SLURM_NNODES NODE_RANK=$SLURM_NODEID \
        MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) \
        MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}; \
    exec "$0" "$@"'
# shellcheck disable=SC2086
exec srun -p "$partition" --job-name="$job" --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
    --gres=gpu:"$per_node" --cpus-per-task="${CPUS_PER_TASK:-$((per_node * 5))}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    bash -c "$NODE_COMMAND" "$here/$script" "${@:1:before}" "$per_node" "${@:before+1}"
