#!/usr/bin/env bash
# Score on several GPUs, or in several processes:  tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of segbox test]
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2s/^# //p' "$0" >&2; exit 2; fi
exec "${PYTHON:-python3}" -m segbox launch "$3" test "$1" "$2" "${@:4}"
