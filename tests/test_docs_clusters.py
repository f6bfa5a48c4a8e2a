"""docs/clusters.md: its lines are run, with processes that are killed."""

import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

import segbox
from tests.faulty_data import smooth_image, write_image
from tests.runs import ROOT, run_tool
from tests.test_docs import python_blocks
from tests.trained import write_checkpoint

PAGE = ROOT / "docs" / "clusters.md"
RAY, DASK = python_blocks(PAGE)
COUNT = 12


class DiesOnce(segbox.Predictor):
    """The process that gets the first batch is killed by it."""

    def __call__(self, batch):
        mark = Path(self.checkpoint).with_name("died")
        if not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """As on the page: best.pt and images/."""
    write_checkpoint(tmp_path)
    for i in range(COUNT):
        write_image(tmp_path / f"images/{i:02}.png", smooth_image(24 + i % 2, 32, seed=i))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def expected(folder):
    model = segbox.load(folder / "best.pt", device="cpu")
    return {path.name: model(path).classes for path in (folder / "images").iterdir()}


def test_the_slurm_script_run_by_hand(folder, monkeypatch, capsys):
    script = PAGE.read_text(encoding="utf-8").split("#!/bin/bash\n")[1].split("```")[0]
    assert "--array=0-7 " in script
    (line,) = (line for line in script.splitlines() if line.startswith("segbox predict "))
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "8")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "0")
    for task in range(8):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(task))
        assert run_tool(monkeypatch, "predict.py", *line.split()[2:]) == 0
        assert f"shard {task + 1}/8 (SLURM_ARRAY_TASK_ID={task} SLURM_ARRAY_TASK_COUNT=8): " in capsys.readouterr().out
    assert run_tool(monkeypatch, "predict.py", *line.split()[2:], "--merge") == 0
    lines = [json.loads(line) for line in (folder / "predictions/manifest.jsonl").read_text().splitlines()]
    assert [line["input"] for line in lines[1:]] == sorted(expected(folder))
    for line in lines[1:]:
        mask = cv2.imread(str(folder / "predictions" / line["output"]["mask"]), -1)
        assert line["areas"] == np.bincount(mask.ravel(), minlength=7).tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_data_with_a_worker_that_is_killed(folder):
    ray = pytest.importorskip("ray")
    pytest.importorskip("pyarrow")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        exec(RAY.replace("segbox.Predictor", "DiesOnce").replace("batch_size=16", "batch_size=4"), dict(globals()))
        rows = ray.data.read_parquet("predictions/").take_all()
    finally:
        ray.shutdown()
    assert (folder / "died").exists()
    masks = {Path(row["path"]).name: cv2.imdecode(np.frombuffer(row["mask"], np.uint8), -1) for row in rows}
    labels = expected(folder)
    assert len(rows) == COUNT and masks.keys() == labels.keys() and not any(row["error"] for row in rows)
    assert all((masks[name] == label).all() for name, label in labels.items())
    assert all(sum(row["areas"]) in (24 * 32, 25 * 32) for row in rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask(folder):
    pytest.importorskip("distributed")
    names = {}
    exec(DASK, names)
    names["client"].close()
    found = {Path(path).name: areas for part in names["results"] for path, areas in zip(part["path"], part["areas"])}
    assert len(found) == COUNT
    for name, label in expected(folder).items():
        assert found[name].tolist() == np.bincount(label.ravel(), minlength=7).tolist()
