"""Two processes (gloo) draw, score and end as one does."""

import json
import os
import subprocess
import sys

import pytest
import torch

from segbox import distributed
from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import read_run
from segbox.engine.protocol import Evaluation
from segbox.errors import UserError
from tests.runs import ROOT, write_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """The one launch that all these tests look at."""
    folder = tmp_path_factory.mktemp("two")
    write_config(folder)
    command = [str(ROOT / "tools" / "dist_run.sh"), "../tests/two_processes.py", "0", "2", str(folder)]
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert (folder / "seen.json").exists(), done.stderr
    return folder, json.loads((folder / "seen.json").read_text()), done


def test_the_processes_share_the_samples_of_one(launched, tmp_path):
    folder, seen, _ = launched
    config = load_config(folder / "tiny.py")
    batches = iter(build_runner(config, tmp_path, CPU).train_batches(0))
    for step in range(4):
        ours = next(batches)["paths"]
        assert [len(own[step]) for own in seen["paths"]] == [2, 2]
        assert ours[0::2] == seen["paths"][0][step] and ours[1::2] == seen["paths"][1][step]


def test_the_confusion_matrix_is_that_of_one_process(launched):
    folder, seen, _ = launched
    config = load_config(folder / "tiny.py")
    runner = build_runner(config, folder, CPU)
    runner.model.load_state_dict(read_run(folder / "last.pt")["ema"])
    assert Evaluation(config, CPU)(runner.model).counts.tolist() == seen["counts"]
    assert sum(map(sum, seen["counts"])) > 1000


def test_the_processes_stay_together(launched):
    _, seen, _ = launched
    assert seen["weights"][0] == seen["weights"][1]
    assert seen["mean"] == 0.5 and seen["any"] == [True, False]


def test_one_log_is_written(launched):
    folder, _, _ = launched
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 6, 6]


def test_the_mistake_of_one_process_is_told_once_and_ends_all(launched):
    _, _, done = launched
    assert done.returncode == 2
    assert done.stderr == "error in process 1: a.png: is cut off\n"


def test_alone_everything_is_a_no_op(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.process_group(CPU):
        assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
        assert distributed.gather(5) == [5] and distributed.any_says(True) and not distributed.any_says(False)
        assert torch.equal(distributed.mean(torch.ones(2)), torch.ones(2))
        distributed.barrier()


def test_the_end_of_another_process_is_not_a_bug_of_this_one(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda *args, **more: None)
    monkeypatch.setattr(distributed, "LAST_WORD_SECONDS", 0)
    with pytest.raises(UserError, match="another process of this run has ended"), distributed.process_group(CPU):
        raise RuntimeError("[../pair.cc:547] Connection closed by peer [127.0.0.1]:1234")
    with pytest.raises(RuntimeError, match="a bug"), distributed.process_group(CPU):
        raise RuntimeError("a bug")
