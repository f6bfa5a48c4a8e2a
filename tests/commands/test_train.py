"""The command that trains, stopped and gone on with in every way."""

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
import warnings

import cv2
import numpy as np
import pytest
import torch

from segbox.config import load_config
from segbox.engine.checkpoint import read_run
from segbox.errors import CheckpointError
from segbox.registry import BACKBONES
from segbox.weights import backbone
from segbox.weights.mean_std import Card
from segbox.weights.sources.find import WeightFile
from tests.faulty_data import cut, write_pairs
from tests.runs import ROOT, differences, run_tool, write_config, written

FAST = ["train.max_steps=2", "hooks.evaluate=None"]
STOP = """
import os, signal
from segbox.engine.hooks.hook import Hook
from segbox.registry import HOOKS

@HOOKS.register
class StopAt(Hook):
    def __init__(self, step: int, number: int) -> None:
        self.step, self.number = step, number

    def after_step(self, runner):
        if runner.step == self.step:
            os.kill(os.getpid(), self.number)

@HOOKS.register
class Bug(Hook):
    def after_step(self, runner):
        if runner.step == 3:
            raise ZeroDivisionError("a bug")
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "stop_at", raising=False)
    (tmp_path / "stop_at.py").write_text(STOP)
    monkeypatch.syspath_prepend(tmp_path)
    return write_config(tmp_path)


def train(monkeypatch, config, *arguments):
    return run_tool(monkeypatch, "train.py", config, "--device", "cpu", "--no-report", *arguments)


def test_a_run_leaves_what_it_promises(config, monkeypatch, capsys):
    assert (
        train(monkeypatch, config, "--seed", 3, "--amp", "--cfg-options", "train.max_steps=4", "optimizer.lr=0.03") == 0
    )
    folder = config.parent / "work_dirs" / "tiny"
    assert {"environment.json", "evaluation.json", "evaluation_best.json"} < set(written(folder))
    names = {name for name in written(folder) if not name.endswith(".json")} - {".segbox_outputs", "first_batch.png"}
    assert names == {"best.pt", "last.pt", "config.py", "log.jsonl", "log.txt", "step_00000002.pt", "step_00000004.pt"}
    dumped = load_config(folder / "config.py")
    assert (dumped.seed, dumped.train.precision, dumped.optimizer.lr) == (3, "bf16", 0.03)
    content = read_run(folder / "last.pt")
    assert content["classes"][1] == "circle" and len(content["palette"]) == 7
    assert content["config"]["optimizer"]["lr"] == 0.03 and content["step"] == 4
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 4] and "mIoU" in rows[1] and "IoU/circle" in rows[3]
    out = capsys.readouterr().out
    assert "6 training and 3 validation images, 7 classes, 4 steps of 4 images (2.7 epochs of 1.5 steps)" in out
    assert " s a step, " in out and out.index("GFLOPs for an image of 32x48") < out.index("step 2/4")
    assert out.index("first_batch.png shows the first batch") < out.index("step 2/4")
    assert cv2.imread(str(folder / "first_batch.png")).shape[1] > 400
    assert (
        "steps in bf16, channels last, fused SGD" in out
        and "step 4/4" in out
        and "| circle" in out
        and "done: 4 steps" in out
    )
    assert out.count(" (bootstrap over 3 images)\n") == 2


def test_a_finished_run_writes_its_page(config, monkeypatch, capsys):
    assert run_tool(monkeypatch, "train.py", config, "--device", "cpu", "--cfg-options", "train.max_steps=4") == 0
    folder = config.parent / "work_dirs" / "tiny"
    assert capsys.readouterr().out.endswith("\nthe page of this run: work_dirs/tiny/report.html\n")
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "Scores of <code>last.pt</code>, step 4" in text and text.count("<figure") == 3
    assert "otherwise than in the evaluation" not in text  # predicted with the averaged weights, which were evaluated


def test_a_page_that_fails_does_not_fail_the_run(config, monkeypatch, capsys):
    monkeypatch.setattr("segbox.report.write.report_page", lambda *_: 1 / 0)
    assert run_tool(monkeypatch, "train.py", config, "--device", "cpu", "--cfg-options", *FAST) == 0
    warning = "warning: work_dirs/tiny/report.html was not written (ZeroDivisionError: division by zero). Again:"
    assert capsys.readouterr().out.endswith(f"\n{warning} segbox report work_dirs/tiny\n")


def test_the_first_lines_weigh_batch_against_rate(config, monkeypatch, capsys):
    """A run of its own config.py keeps the rate that the batch was given, scaled or not."""
    smaller = ["--cfg-options", "data.batch_size=2", "train.gradient_accumulation_steps=2", *FAST]
    assert train(monkeypatch, config, "--work-dir", "a", *smaller) == 0
    lines = capsys.readouterr().out.splitlines()
    parts = "2 images a step: 1 process(es) x 1 image(s) x 2 accumulated part(s)"
    assert lines[6] == f"{parts}; the config file's lr 0.02 is for 4"
    assert lines[7].startswith("warning: lr 0.02 is for 4 images a step, and this run has 2; --scale-lr makes it 0.01")

    assert train(monkeypatch, config, "--work-dir", "b", "--scale-lr", *smaller) == 0
    assert capsys.readouterr().out.splitlines()[7] == "lr 0.02 -> 0.01: 2 images a step where the config file has 4"
    assert load_config("b/config.py").optimizer.lr == read_run(config.parent / "b/last.pt")["config"]["optimizer"]["lr"]
    again = ["--work-dir", "b", "--resume", "--cfg-options", "train.max_steps=3"]
    assert train(monkeypatch, "b/config.py", "--scale-lr", *again) == 0
    out = capsys.readouterr().out
    assert f"{parts}; the config file's lr 0.01 is for 2\nlr stays 0.01: 2 images a step" in out
    assert load_config("b/config.py").optimizer.lr == 0.01 and "warning" not in out
    assert train(monkeypatch, config, "--scale-lr", *smaller, "optimizer.lr=0.03") == 2
    assert "the command line gives 0.03. Leave one out" in capsys.readouterr().err


def test_the_config_that_is_trained_is_not_written_over(config, monkeypatch, capsys):
    own = config.rename(config.with_name("config.py"))
    before = own.read_text()
    assert train(monkeypatch, own, "--work-dir", ".", "--overwrite", "--cfg-options", *FAST) == 2
    assert (
        "error: config.py exists and was not written by a run" in capsys.readouterr().err and own.read_text() == before
    )


def test_an_old_run_is_kept_until_the_new_one_is_known_to_be_whole(config, monkeypatch, capsys):
    assert train(monkeypatch, config, "--work-dir", "a", "--cfg-options", *FAST) == 0
    assert train(monkeypatch, config, "--work-dir", "a", "--cfg-options", *FAST) == 2
    assert "error: a already holds a run (step_00000002.pt and 1 more)" in capsys.readouterr().err
    assert (
        train(monkeypatch, config, "--work-dir", "a", "--overwrite", "--cfg-options", "hooks.lr_schedule.power='x'")
        == 2
    )
    assert os.path.exists("a/step_00000002.pt")
    shutil.copy("a/step_00000002.pt", "a/step_00000002_good.pt")
    assert (
        train(monkeypatch, config, "--work-dir", "a", "--overwrite", "--cfg-options", "train.max_steps=1", FAST[1]) == 0
    )
    assert os.path.exists("a/step_00000002_good.pt")  # a copy is the user's own
    assert not os.path.exists("a/step_00000002.pt") and read_run(config.parent / "a" / "last.pt")["step"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(config, monkeypatch, capsys, number):
    stop = f"hooks = dict(checkpoint=dict(interval=4), stop=dict(type='StopAt', step=3, number={int(number)}))\n"
    child = write_config(config.parent, f"imports = ['stop_at']\n{stop}", "stop.py")
    assert train(monkeypatch, child, "--work-dir", "stopped") == 128 + number
    assert f"stopped by {number.name} after step 3; go on with --resume" in capsys.readouterr().out
    assert read_run(config.parent / "stopped" / "last.pt")["step"] == 3
    picture = config.parent / "stopped" / "first_batch.png"
    picture.write_text("of the first start")
    log = config.parent / "stopped" / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 3, "lo')
    assert train(monkeypatch, config, "--work-dir", "stopped", "--resume") == 0
    assert "resumed from stopped/last.pt at step 3" in capsys.readouterr().out
    assert picture.read_text() == "of the first start"
    assert train(monkeypatch, config, "--work-dir", "straight") == 0
    a, b = (read_run(config.parent / name / "last.pt") for name in ("straight", "stopped"))
    for part in ("step", "model", "ema", "optimizer"):
        assert not differences(a[part], b[part], part)
    broken = [line for line in log.read_text().splitlines() if not line.endswith("}")]
    assert broken == ['{"step": 3, "lo']


def started(*arguments, **settings):
    """A tool in a process of its own."""
    command = [sys.executable, *map(str, arguments)]
    own = {"PYTHONPATH": f"{ROOT}:{os.getcwd()}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, text=True, env={**os.environ, **own}, **settings)


def test_a_bug_ends_a_run_with_workers_at_once(config):
    """Workers ignore the first SIGTERM, and so Python's own, for which its exit waits."""
    child = write_config(config.parent, "imports = ['stop_at']\nhooks = dict(bug=dict(type='Bug'))\n", "bug.py")
    options = ["--device", "cpu", "--work-dir", "bug", "--cfg-options", "data.workers=2"]
    run = started(ROOT / "tools/train.py", child, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = run.communicate(timeout=240)
    assert run.returncode == 1 and errors.startswith("Traceback") and errors.endswith("ZeroDivisionError: a bug\n")
    assert "ended by ZeroDivisionError: a bug\nThe state after step 3 is in bug/last.pt; go on with --resume" in out
    assert read_run(config.parent / "bug" / "last.pt")["step"] == 3


def in_this_terminal() -> None:
    """Of a new process: its input is its terminal, whose end it hears of also if these tests run under nohup."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_run_is_saved_when_its_terminal_is_closed(config):
    """The kernel sends SIGHUP, and whatever is written to the terminal fails."""
    ours, theirs = pty.openpty()
    options = ["--device", "cpu", "--work-dir", "closed", "--cfg-options", "train.max_steps=100000"]
    run = started(
        ROOT / "tools/train.py", config, *options, stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=in_this_terminal,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b"step 4/" not in said:
        said += os.read(ours, 4096)
    os.close(ours)
    assert run.wait(timeout=240) == 128 + signal.SIGHUP
    step = read_run(config.parent / "closed" / "last.pt")["step"]
    assert step >= 4
    log = (config.parent / "closed" / "log.txt").read_text()
    assert log.endswith(f"stopped by SIGHUP after step {step}; go on with --resume\n")


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["disowned terminal", "pipe"])
def test_a_run_goes_on_without_whoever_read_its_lines(config, gone):
    ours, theirs = pty.openpty() if gone == "disowned terminal" else os.pipe()
    options = ["--device", "cpu", "--work-dir", "alone", "--cfg-options", "hooks.evaluate=None", "train.max_steps=8"]
    run = started(ROOT / "tools/train.py", config, *options, stdout=theirs, start_new_session=True)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    assert run.wait(timeout=240) == 0
    assert "done: 8 steps" in (config.parent / "alone" / "log.txt").read_text()


def test_resume_from_a_path_without_one_and_when_done(config, monkeypatch, capsys):
    assert train(monkeypatch, config, "--work-dir", "a", "--resume", "--cfg-options", *FAST) == 0
    assert "a holds no checkpoint yet; starting at step 0" in capsys.readouterr().out
    assert train(monkeypatch, config, "--work-dir", "a", "--resume", "--cfg-options", *FAST) == 0
    assert "nothing left to train: 2 of 2 steps are done" in capsys.readouterr().out
    more = ["train.max_steps=3", FAST[1]]
    assert train(monkeypatch, config, "--work-dir", "b", "--resume", "a/last.pt", "--cfg-options", *more) == 0
    assert read_run(config.parent / "b" / "last.pt")["step"] == 3
    newest = config.parent / "b" / "step_00000003.pt"
    cut(newest)
    assert train(monkeypatch, config, "--work-dir", "b", "--resume", "--cfg-options", *more) == 2
    assert "none of its 2 checkpoints can be read; start again with --overwrite" in capsys.readouterr().err
    newest.with_name("step_00000002.pt").write_bytes((config.parent / "a" / "last.pt").read_bytes())
    assert train(monkeypatch, config, "--work-dir", "b", "--resume", "--cfg-options", *more) == 0
    out = capsys.readouterr().out
    assert "skipped: b/step_00000003.pt: is a truncated" in out and "resumed from b/step_00000002.pt at step 2" in out


def folder_config(config, extra=""):
    """The tiny config on a folder of images, on a fresh name each time."""
    text = """
pipeline = [dict(type="RandomCrop", size=(24, 32))]
train = dict(type="FolderDataset", root="pairs", split="train", pipeline="${pipeline}")
data = dict(_delete_=True, batch_size=2, workers=0, train=train)
train = dict(max_steps=2)
hooks = dict(evaluate=None)
"""
    return write_config(config.parent, text + extra, "folder.py")


def spoil_size(root):
    cv2.imwrite(str(root / "annotations" / "train" / "a.png"), np.zeros((9, 9), np.uint8))


def spoil_ids(root):
    cv2.imwrite(str(root / "annotations" / "train" / "a.png"), np.full((24, 32), 77, np.uint8))


def spoil_colour(root):
    cv2.imwrite(str(root / "annotations" / "train" / "a.png"), np.full((24, 32, 3), 77, np.uint8))


def spoil_depth(root):
    cv2.imwrite(str(root / "annotations" / "train" / "a.png"), np.full((24, 32), 7000, np.uint16))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (None, "there is no folder"),
        (lambda root: (root / "images" / "train" / "a.jpg").unlink(), "1 have no image in"),
        (lambda root: (root / "annotations" / "train" / "b.png").unlink(), "1 have no mask *.png in"),
        (spoil_size, "the image is 24x32 (height x width) but its label pairs/annotations/train/a.png is 9x9"),
        (spoil_ids, "a.png: the label holds ids that are no class: 77 (768 pixels)"),
        (spoil_colour, "a.png: is a colour image, not a mask of class ids"),
        (spoil_depth, "a.png: a mask must hold one byte per pixel, this one is uint16"),
        (lambda root: cut(root / "images" / "train" / "a.jpg"), "a.jpg: the file is cut off after"),
    ],
)
def test_bad_data_ends_with_one_message(config, monkeypatch, capsys, spoil, message):
    path = folder_config(config)
    if spoil is not None:
        spoil(write_pairs(config.parent / "pairs", ["a", "b"]))
    assert train(monkeypatch, path) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Traceback" not in error


def test_bad_data_met_by_a_worker(config, monkeypatch, capsys):
    path = folder_config(config, "data['workers'] = 1\n")
    spoil_ids(write_pairs(config.parent / "pairs", ["a", "b"]))
    assert train(monkeypatch, path) == 2
    assert capsys.readouterr().err.startswith(
        "error: pairs/annotations/train/a.png: the label holds ids that are no cl"
    )


def test_an_unreadable_image_is_replaced_if_the_config_says_so(config, monkeypatch):
    path = folder_config(config, "data['train']['skip_unreadable'] = True\n")
    cut(write_pairs(config.parent / "pairs", ["a", "b", "c"]) / "images" / "train" / "a.jpg")
    with pytest.warns(UserWarning, match=r"a\.jpg.*replaced by another image"):
        assert train(monkeypatch, path) == 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_nothing_that_can_be_read_ends_the_run_with_one_message(config, monkeypatch, capsys, split):
    changes = "data['train']['skip_unreadable'] = True\n"
    if split == "val":
        changes += "data['val'] = {**data['train'], 'pipeline': []}\nhooks = dict(evaluate=dict(interval=1))\n"
    path = folder_config(config, f"{changes}data['{split}']['root'] = 'broken'\n")
    write_pairs(config.parent / "pairs", ["a", "b"])
    for name in "ab":
        cut(write_pairs(config.parent / "broken", [name]) / f"images/train/{name}.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # evaluation tells each file that it leaves out
        assert train(monkeypatch, path) == 2
    error = capsys.readouterr().err
    assert error.count("error: ") == 1 and "Traceback" not in error
    assert ("none of the 2 images of the data set" if split == "train" else "none of the validation images") in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--cfg-options", "data.bacth_size=4"],
            "override 'data.bacth_size=4': data has no 'bacth_size'. Did you mean",
        ),
        (
            ["--cfg-options", "hooks.evaluate.best=mIou"],
            "hooks.evaluate.best: there is no score 'mIou'. Did you mean \"mIoU\"",
        ),
        (
            ["--cfg-options", "model.decode_head.type=FCNHaed"],
            "model.decode_head: there is no head 'FCNHaed'. Did you mean \"FCNH",
        ),
        (["--cfg-options", "train.max_steps=4k"], "train.max_steps: expected a whole number or None, got '4k'"),
        (["--device", "warp"], "--device warp: "),
        (["--resume", "gone.pt"], "there is no checkpoint gone.pt"),
        (["--resume", "stop_at.py"], "stop_at.py: is no checkpoint"),
        (["--work-dir", "tiny.py/inside"], "--work-dir tiny.py/inside: cannot be written to (Not a directory)"),
    ],
)
def test_mistakes_end_with_one_message(config, monkeypatch, capsys, arguments, message):
    assert train(monkeypatch, config, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not_been(config, monkeypatch):
    """SIGKILL at any moment, three times in a row: also in the middle of a checkpoint."""
    long = ["train.max_steps=40", "hooks.checkpoint.interval=1", "hooks.evaluate=None", "data.workers=2"]
    command = [sys.executable, str(ROOT / "tools" / "train.py"), "tiny.py", "--device", "cpu", "--work-dir", "killed"]
    for attempt in range(3):
        run = subprocess.Popen([*command, "--resume", "--cfg-options", *long], stdout=subprocess.PIPE, text=True)
        while f"step {10 * attempt + 6}/" not in run.stdout.readline():
            assert run.poll() is None
        time.sleep(0.037 * attempt)
        run.kill()
        run.communicate()
    assert run.returncode == -signal.SIGKILL and read_run(config.parent / "killed" / "last.pt")["step"] < 40
    assert train(monkeypatch, config, "--work-dir", "killed", "--resume", "--cfg-options", *long) == 0
    assert train(monkeypatch, config, "--work-dir", "straight", "--cfg-options", *long) == 0
    a, b = (read_run(config.parent / name / "last.pt") for name in ("straight", "killed"))
    for part in ("step", "model", "ema", "optimizer"):
        assert not differences(a[part], b[part], part)


def test_a_run_that_resumes_needs_no_pretrained_weights(config, monkeypatch, capsys, tmp_path):
    """Its weights, mean and std are those of the checkpoint."""
    torch.manual_seed(0)
    torch.save(BACKBONES.build(load_config(config).model.backbone).state_dict(), tmp_path / "a.pth")
    card = Card("timm://a.b", (120.0,) * 3, (60.0,) * 3)
    monkeypatch.setattr(backbone, "find_weights", lambda word, *more: WeightFile(word, tmp_path / "a.pth", card=card))
    begin = ["model.backbone_weights=timm://a.b", "train.max_steps=2"]
    assert train(monkeypatch, config, "--work-dir", "a", "--cfg-options", *FAST, *begin) == 0
    assert "the backbone begins with timm://a.b" in capsys.readouterr().out

    def unreachable(word, *more):
        raise CheckpointError(f"{word}: no network")

    monkeypatch.setattr(backbone, "find_weights", unreachable)
    begin[1] = "train.max_steps=3"
    assert train(monkeypatch, config, "--work-dir", "a", "--resume", "--cfg-options", *FAST, *begin) == 0
    out = capsys.readouterr().out
    assert "resumed from a/last.pt at step 2" in out and "begins" not in out
    saved = torch.load("a/last.pt", weights_only=True)["model"]
    assert saved["mean"].flatten().tolist() == [120.0] * 3 and saved["std"].flatten().tolist() == [60.0] * 3
    assert train(monkeypatch, config, "--work-dir", "b", "--cfg-options", *FAST, *begin) == 2


def test_overwrite_discards_the_page_of_the_old_run(config, monkeypatch):
    assert run_tool(monkeypatch, "train.py", config, "--device", "cpu", "--cfg-options", *FAST) == 0
    page = config.parent / "work_dirs" / "tiny" / "report.html"
    assert page.exists() and train(monkeypatch, config, "--overwrite", "--cfg-options", *FAST) == 0
    assert not page.exists()
    page.write_text("mine")
    assert train(monkeypatch, config, "--overwrite", "--cfg-options", *FAST) == 0 and page.read_text() == "mine"
