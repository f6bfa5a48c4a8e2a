"""What may be begun in a folder, and gone on with."""

import logging

import pytest
import torch

from segbox.engine.checkpoint import write_checkpoint
from segbox.engine.work_dir import discard_old_run, find_resume, refuse_old_run
from segbox.errors import CheckpointError, ConfigError

RUN = {"step": 3, "model": {"w": torch.arange(4.0)}, "optimizer": {}, "hooks": {}}


@pytest.fixture
def told():
    """What the program logs."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("segbox")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_an_old_run_is_not_written_over(tmp_path):
    refuse_old_run(tmp_path / "not_there")
    (tmp_path / "log.txt").write_text("x")
    refuse_old_run(tmp_path)
    write_checkpoint(RUN, tmp_path / "best.pt")
    with pytest.raises(
        ConfigError, match=r"already holds a run \(best\.pt and 0 more\).*--resume.*--overwrite.*--work-dir"
    ):
        refuse_old_run(tmp_path)


def test_what_an_old_run_wrote_is_discarded_and_nothing_else(tmp_path):
    for name in (
        "step_00000001.pt",
        "last.pt",
        "best.pt",
        "before_nan.pt",
        "log.jsonl",
        "log.txt",
        "notes.md",
        "my.pt",
    ):
        (tmp_path / name).write_text("x")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("x")
    discard_old_run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.txt", "my.pt", "notes.md"]


def test_resume_begins_where_there_is_nothing_yet(tmp_path, told):
    assert find_resume(tmp_path, "") is None
    assert "holds no checkpoint yet; beginning at step 0" in told[0]


def test_resume_passes_over_a_truncated_one_and_says_so(tmp_path, told):
    for step in (1, 2):
        write_checkpoint({**RUN, "step": step}, tmp_path / f"step_{step:08d}.pt")
    newest = tmp_path / "step_00000002.pt"
    newest.write_bytes(newest.read_bytes()[:200])
    path, content = find_resume(tmp_path, "")
    assert path.name == "step_00000001.pt" and content["step"] == 1
    assert len(told) == 1 and told[0].startswith("passed over: ") and "step_00000002.pt: is a truncated" in told[0]
    (tmp_path / "step_00000001.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of its 2 checkpoints can be read; begin anew with --overwrite"):
        find_resume(tmp_path, "")


def test_resume_from_a_path(tmp_path):
    write_checkpoint(RUN, tmp_path / "a.pt")
    assert find_resume(tmp_path, str(tmp_path / "a.pt"))[1]["step"] == 3
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*b\.pt"):
        find_resume(tmp_path, str(tmp_path / "b.pt"))
