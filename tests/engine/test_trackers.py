"""TensorBoard, Weights & Biases and MLflow: what they get, with stand-ins for the packages and for their servers."""

import math
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from segbox.engine.hooks import tracker
from segbox.engine.hooks.log import Log
from segbox.engine.hooks.mlflow import clean
from segbox.engine.hooks.tracker import picture_of, scalars_of
from segbox.errors import CheckpointError, ConfigError, UserError
from segbox.registry import HOOKS
from tests.engine.test_hooks import stand_in

BATCH = {"images": torch.full((6, 3, 2, 4), 9, dtype=torch.uint8), "labels": torch.tensor([[[0, 1, 255, 1]] * 2] * 6)}
CONFIG = {"seed": 0, "train": {"max_steps": 3}}


class Refused(Exception):
    error_code = "INVALID_PARAMETER_VALUE"


class Server:
    """Remembers the calls; `error` is raised instead while it is set."""

    def __init__(self):
        self.calls, self.error = [], None

    def call(self, name, /, *values, **named):
        if self.error is not None:
            raise self.error
        self.calls.append((name, values or named))

    def named(self, name):
        return [values for call, values in self.calls if call == name]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def wandb(server, monkeypatch):
    def init(**arguments):
        server.call("init", **arguments)
        return SimpleNamespace(
            id=arguments["id"] or "new",
            url="https://wandb.example/new",
            define_metric=lambda name, step_metric: None,
            log=lambda row: server.call("log", row),
            finish=lambda exit_code: server.call("finish", exit_code),
        )

    module = ModuleType("wandb")
    module.init, module.Image, module.Settings = init, np.shape, dict
    module.errors = SimpleNamespace(UsageError=Refused, AuthenticationError=Refused)
    monkeypatch.setitem(sys.modules, "wandb", module)


class Client:
    """MlflowClient."""

    def __init__(self, server, tracking_uri):
        self.server = server
        self.get_experiment_by_name = lambda name: None
        self.log_batch = lambda *values, **named: server.call("log_batch", values[0], named)

    def create_experiment(self, name):
        self.server.call("create_experiment", name)
        return "7"

    def create_run(self, experiment, run_name):
        self.server.call("create_run", experiment, run_name)
        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    def update_run(self, run_id, status):
        self.server.call("update_run", run_id, status)

    def set_terminated(self, run_id, status):
        self.server.call("set_terminated", run_id, status)

    def log_image(self, run_id, picture, artifact_file):
        self.server.call("log_image", run_id, picture.shape, artifact_file)


@pytest.fixture
def mlflow(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    module = ModuleType("mlflow")
    module.MlflowClient = lambda tracking_uri: Client(server, tracking_uri)
    module.entities = SimpleNamespace(
        Param=lambda *values: values, Metric=lambda name, value, time, step: (name, value, step)
    )
    module.exceptions = SimpleNamespace(MlflowException=Refused)
    monkeypatch.setitem(sys.modules, "mlflow", module)


def runner_with(folder, hook):
    runner = stand_in(folder, is_ended=False, batch=BATCH, hooks={"log": Log(2), "tracker": hook})
    runner.description, runner.max_steps = {"config": CONFIG, "palette": [[0, 0, 0], [255, 0, 0]]}, 3

    def call(moment, *arguments):
        for each in runner.hooks.values():
            getattr(each, moment)(runner, *arguments)

    runner.call = call
    return runner


def trained(folder, config, change=lambda step: None):
    """A run of three steps, an evaluation behind the last; `change(step)` is called before each."""
    runner = runner_with(folder, HOOKS.build(config, "hooks.tracker"))
    runner.call("before_train")
    for runner.step in (1, 2, 3):
        change(runner.step)
        runner.call("after_step")
    runner.call("after_eval", {"mIoU": 50.0, "IoU/sky": 25.0, "IoU/road": math.nan})
    runner.call("after_train")
    return runner


def test_wandb_gets_the_rows_the_config_and_a_picture(tmp_path, wandb, server):
    runner = trained(tmp_path, {"type": "WandB", "project": "roads", "tags": ["a"]})
    (begin,) = server.named("init")
    assert begin["project"] == "roads" and begin["config"] == CONFIG and begin["name"] == tmp_path.name
    assert begin["id"] is None and begin["resume"] is None
    picture, first, second, scores = (row for (row,) in server.named("log"))
    assert picture == {"step": 1, "first batch": (4, 16, 3)}
    assert (first["step"], second["step"], first["train/loss"], first["train/lr"]) == (2, 3, 1.0, 0.5)
    assert scores == {"step": 3, "eval/mIoU": 50.0, "eval/IoU/sky": 25.0}
    assert server.calls[-1] == ("finish", (0,))
    assert runner.hooks["tracker"].state_dict() == {"run_id": "new"}


def test_mlflow_gets_the_rows_the_config_and_a_picture(tmp_path, mlflow, server):
    runner = trained(tmp_path, {"type": "MLflow", "experiment": "roads"})
    assert server.calls[:2] == [("create_experiment", ("roads",)), ("create_run", ("7", tmp_path.name))]
    (_, parameters), (_, first), (_, second), (_, scores) = server.named("log_batch")
    assert parameters["params"] == [("seed", "0"), ("train.max_steps", "3")]
    assert ("train/loss", 1.0, 2) in first["metrics"] and ("train/loss", 1.0, 3) in second["metrics"]
    assert scores["metrics"] == [("eval/mIoU", 50.0, 3), ("eval/IoU/sky", 25.0, 3)]
    assert server.named("log_image") == [("abc", (4, 16, 3), "first_batch.png")]
    assert server.calls[-1] == ("set_terminated", ("abc", "FINISHED"))
    assert runner.hooks["tracker"].state_dict() == {"run_id": "abc"}


def test_a_resumed_run_goes_on_in_the_same_run(tmp_path, wandb, mlflow, server):
    for config in ({"type": "WandB"}, {"type": "MLflow"}):
        hook = HOOKS.build(config, "hooks.tracker")
        hook.load_state_dict({"run_id": "old"})
        runner = runner_with(tmp_path, hook)
        runner.step = 2
        runner.call("before_train")
        runner.call("after_train")
    assert (server.named("init")[0]["id"], server.named("init")[0]["resume"]) == ("old", "allow")
    assert server.named("update_run") == [("old", "RUNNING")] and not server.named("create_run")
    assert server.named("finish") == [(1,)] and server.named("set_terminated") == [("old", "KILLED")]
    with pytest.raises(CheckpointError, match="its run_id is 7"):
        hook.load_state_dict({"run_id": 7})


def test_a_server_that_fails_is_a_warning_and_gets_the_rows_later(tmp_path, wandb, server, monkeypatch):
    monkeypatch.setattr(tracker, "RETRY_SECONDS", 0)

    def change(step):
        server.error = OSError("no route to host") if step == 2 else None

    runner = trained(tmp_path, {"type": "WandB"}, change)
    warnings = [line for line in runner.lines if "WARNING" in line]
    assert warnings == ["WARNING: hooks.wandb fails (no route to host); the training goes on, and tries again"]
    assert [row["step"] for (row,) in server.named("log")] == [1, 2, 3, 3]


@pytest.mark.parametrize("kind", ["WandB", "MLflow"])
def test_a_server_that_never_answers_does_not_end_the_run(tmp_path, wandb, mlflow, server, kind):
    server.error = OSError("no route to host")
    runner = trained(tmp_path, {"type": kind})
    assert sum("WARNING" in line for line in runner.lines) == 1
    assert runner.lines[-1] == f"hooks.{kind.lower()} did not get the last 4 message(s); log.jsonl has all"


@pytest.mark.parametrize("kind", ["WandB", "MLflow"])
def test_a_refused_argument_ends_the_run_before_its_first_step(tmp_path, wandb, mlflow, server, kind):
    server.error = Refused("no such entity")
    with pytest.raises(UserError, match=f"hooks.{kind.lower()}: no such entity"):
        runner_with(tmp_path, HOOKS.build({"type": kind})).call("before_train")


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [
        ("WandB", "wandb", "wandb"),
        ("MLflow", "mlflow", "mlflow-skinny"),
        ("TensorBoard", "torch.utils.tensorboard", "tensorboard"),
    ],
)
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, kind, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf'hooks\.{kind.lower()} needs .*: pip install "segbox\[{extra}\]"'):
        runner_with(tmp_path, HOOKS.build({"type": kind})).call("before_train")


def test_only_the_main_process_sends(tmp_path, wandb, server, monkeypatch):
    monkeypatch.setattr("segbox.distributed.is_main", lambda: False)
    trained(tmp_path, {"type": "WandB"})
    assert server.calls == []


def test_tensorboard_hides_the_steps_that_a_resumed_run_left(tmp_path, monkeypatch):
    opened = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            opened.append((folder, purge_step))
            self.calls = []
            self.add_scalar = lambda name, value, step: self.calls.append((name, value, step))
            self.add_image = lambda name, picture, step, dataformats: self.calls.append((name, picture.shape, step))
            self.add_text = lambda name, text: self.calls.append((name, text))
            self.close = lambda: self.calls.append("closed")

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    calls = trained(tmp_path, {"type": "TensorBoard"}).hooks["tracker"].writer.calls
    assert calls[0][0] == "config" and '"max_steps": 3' in calls[0][1]
    assert calls[1] == ("first batch", (4, 16, 3), 1) and calls[-1] == "closed"
    assert ("train/loss", 1.0, 2) in calls and ("eval/IoU/sky", 25.0, 3) in calls
    resumed = runner_with(tmp_path, HOOKS.build({"type": "TensorBoard"}))
    resumed.step = 2
    resumed.call("before_train")
    assert opened == [(str(tmp_path / "tensorboard"), None), (str(tmp_path / "tensorboard"), 3)]
    resumed.hooks["log"].tensorboard = True
    with pytest.raises(ConfigError, match=r"hooks\.tensorboard and hooks\.log\.tensorboard write the same"):
        resumed.hooks["tracker"].before_train(resumed)


def test_without_a_log_there_is_nothing_to_send(tmp_path, wandb):
    runner = runner_with(tmp_path, HOOKS.build({"type": "WandB"}))
    del runner.hooks["log"]
    with pytest.raises(ConfigError, match=r"hooks\.wandb shows what hooks\.log logs; add hooks\.log"):
        runner.call("before_train")
    with pytest.raises(ConfigError, match="mode='ofline': expected one of online, offline"):
        HOOKS.build({"type": "WandB", "mode": "ofline"}, "hooks.wandb")


def test_the_picture_shows_images_above_their_labels():
    picture = picture_of(BATCH, [[0, 0, 0], [255, 0, 0]])
    assert picture.shape == (4, 16, 3) and (picture[:2] == 9).all()
    assert picture[2, :4].tolist() == [[0, 0, 0], [255, 0, 0], [0, 0, 0], [255, 0, 0]]
    deep = picture_of({**BATCH, "images": torch.linspace(-2, 700, 144).view(6, 3, 2, 4)}, [[0, 0, 0]])
    assert deep.dtype == np.uint8 and deep[0, 0, 0] == 0


def test_names_and_numbers_that_a_server_would_refuse():
    assert scalars_of({"step": 3, "loss": math.nan, "lr": 0.1}, "train") == {"train/lr": 0.1}
    assert clean("eval/IoU/person (on bike)") == "eval/IoU/person _on bike_"
    assert clean("/a//b/../c/") == "a_b/_/c"
