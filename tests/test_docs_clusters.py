"""docs/clusters.md: its lines are run, with processes that are killed."""

import json
import os
import shutil
import signal
import sys
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
RAY, DASK, SPARK = python_blocks(PAGE)
COUNT = 12
PATIENCE = 600  # seconds, for processes to start on a machine that is busy
PATIENCE_OF_RAY = {  # it reads them when it is imported
    "RAY_worker_register_timeout_seconds": PATIENCE,
    "RAY_gcs_server_request_timeout_seconds": PATIENCE,
    "RAY_agent_register_timeout_ms": 1000 * PATIENCE,
    "RAY_health_check_timeout_ms": 1000 * PATIENCE,
}


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


def check_rows(rows, folder, monkeypatch):
    """One row for each image, with the mask that `segbox predict` writes, byte for byte."""
    assert run_tool(monkeypatch, "predict.py", "best.pt", "images", "--out", "alone", "--save", "mask") == 0
    alone = {path.name: path.read_bytes() for path in (folder / "alone").glob("*.png")}
    made = {f"{Path(row['path']).stem}_mask.png": bytes(row["mask"]) for row in rows}
    assert made == alone and len(rows) == len(alone) == COUNT
    for row in rows:
        label = cv2.imdecode(np.frombuffer(row["mask"], np.uint8), -1)
        assert list(row["areas"]) == np.bincount(label.ravel(), minlength=7).tolist() and not row["error"]


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
def test_ray_data_with_a_worker_that_is_killed(folder, monkeypatch):
    for name, value in PATIENCE_OF_RAY.items():
        monkeypatch.setenv(name, str(value))
    ray = pytest.importorskip("ray")
    pytest.importorskip("pyarrow")
    ray.init(num_cpus=4, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        exec(RAY.replace("segbox.Predictor", "DiesOnce").replace("batch_size=16", "batch_size=4"), dict(globals()))
        rows = ray.data.read_parquet("predictions/").take_all()
    finally:
        ray.shutdown()
    assert (folder / "died").exists()
    check_rows(rows, folder, monkeypatch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_with_a_worker_that_is_killed(folder, monkeypatch):
    pytest.importorskip("distributed")
    import dask

    names = dict(globals())
    with dask.config.set({"distributed.comm.timeouts.connect": PATIENCE}):
        exec(DASK.replace("segbox.Predictor", "DiesOnce").replace("16", "4"), names)
        names["client"].shutdown()
    assert (folder / "died").exists()
    rows = [dict(zip(part, row)) for part in names["results"] for row in zip(*part.values())]
    check_rows(rows, folder, monkeypatch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark(folder, monkeypatch):
    pytest.importorskip("pyspark")
    pandas = pytest.importorskip("pandas")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    names = {}
    exec(SPARK.replace("SparkSession.builder", "SparkSession.builder.master('local[2]')"), names)
    names["spark"].stop()
    check_rows(pandas.read_parquet("predictions").to_dict("records"), folder, monkeypatch)
