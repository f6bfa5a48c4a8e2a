"""The launchers under Slurm, which is played by two small scripts: srun starts the command once a node."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from segbox.engine.checkpoint import read_run
from tests.processes import free_port
from tests.runs import ROOT, differences, run_tool, write_config

SRUN = """#!{python}
import os, subprocess, sys
options = [word for word in sys.argv[1:] if word.startswith("-")]
command = sys.argv[sys.argv.index("bash"):]
nodes = int(next(word for word in options if word.startswith("--nodes=")).split("=")[1])
open("{folder}/srun.txt", "w").write("\\n".join(sys.argv[1:]))
known = dict(os.environ, SLURM_NNODES=str(nodes), SLURM_JOB_ID="7", SLURM_JOB_NODELIST="nodes")
tasks = [subprocess.Popen(command, env=dict(known, SLURM_NODEID=str(i))) for i in range(nodes)]
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = "#!/bin/sh\necho 127.0.0.1\necho other\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with a config, and Slurm's commands in the path."""
    for name, text in (("srun", SRUN.format(python=sys.executable, folder=tmp_path)), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    own = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    for name, value in {**own, "OMP_NUM_THREADS": "1", "MASTER_PORT": str(free_port())}.items():
        monkeypatch.setenv(name, value)
    write_config(tmp_path)
    return tmp_path


def call(script, *arguments, **numbers):
    known = {**os.environ, **{name: str(value) for name, value in numbers.items()}}
    return subprocess.run(
        [ROOT / "tools" / script, *map(str, arguments)], capture_output=True, text=True, env=known, timeout=300
    )


def test_what_slurm_is_asked_for(slurm, monkeypatch):
    (slurm / "srun").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {slurm}/srun.txt\n')
    monkeypatch.setenv("SRUN_ARGS", "--time=5 --exclusive")
    assert call("slurm_train.sh", "gpu", "my job", "a b.py", "--seed", "3", GPUS=16, GPUS_PER_NODE=8).returncode == 0
    words = (slurm / "srun.txt").read_text().splitlines()
    for word in ("--job-name=my job", "--nodes=2", "--ntasks=2", "--gres=gpu:8", "--cpus-per-task=40", "--exclusive"):
        assert word in words
    assert words[-5:] == [str(ROOT / "tools/dist_train.sh"), "a b.py", "8", "--seed", "3"]
    assert call("slurm_test.sh", "gpu", "job", "a.py", "a.pt", "--flip", GPUS=4, CPUS_PER_TASK=9).returncode == 0
    words = (slurm / "srun.txt").read_text().splitlines()
    assert "--nodes=1" in words and "--gres=gpu:4" in words and "--cpus-per-task=9" in words
    assert words[-5:] == [str(ROOT / "tools/dist_test.sh"), "a.py", "a.pt", "4", "--flip"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            dict(GPUS=12, GPUS_PER_NODE=8),
            "error: GPUS=12 is not a multiple of GPUS_PER_NODE=8, but all nodes have the same number\n",
        ),
        (dict(GPUS="x"), "error: GPUS=x GPUS_PER_NODE=8: expected numbers of 1 or more\n"),
        (dict(GPUS=0), "error: GPUS=0 GPUS_PER_NODE=8: expected numbers of 1 or more\n"),
    ],
)
def test_numbers_that_cannot_be(slurm, numbers, message):
    done = call("slurm_train.sh", "gpu", "job", "a.py", **numbers)
    assert (done.returncode, done.stderr) == (2, message) and not (slurm / "srun.txt").exists()


@pytest.mark.slow
def test_two_nodes_train_and_score_as_two_processes_of_one(slurm, monkeypatch):
    config, common = slurm / "tiny.py", ["--device", "cpu"]
    two_nodes = {"GPUS": 2, "GPUS_PER_NODE": 1}
    done = call("slurm_train.sh", "cpu", "job", config, *common, "--work-dir", slurm / "nodes", **two_nodes)
    assert done.returncode == 0 and "2 process(es)" in done.stdout, done.stdout + done.stderr
    done = call("dist_train.sh", config, 2, *common, "--work-dir", slurm / "one")
    assert done.returncode == 0, done.stderr
    first, second = (read_run(slurm / name / "last.pt") for name in ("nodes", "one"))
    assert first["step"] == 6 and not differences(first["model"], second["model"])
    weights = slurm / "one" / "last.pt"
    done = call("slurm_test.sh", "cpu", "job", config, weights, *common, "--out", slurm / "nodes.json", **two_nodes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_tool(monkeypatch, "test.py", config, weights, *common, "--out", slurm / "alone.json") == 0
    scores = [json.loads(Path(slurm / name).read_text()) for name in ("nodes.json", "alone.json")]
    assert scores[0]["confusion_matrix"] == scores[1]["confusion_matrix"]
