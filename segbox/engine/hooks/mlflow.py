"""MLflow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from segbox.errors import UserError
from segbox.registry import HOOKS
from segbox.weights.loading import first_line

from .tracker import Tracker

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

# Answers that waiting does not change.
REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "PERMISSION_DENIED",
    "RESOURCE_DOES_NOT_EXIST",
    "UNAUTHENTICATED",
}
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}  # MLflow's: minutes
LONGEST_VALUE = 500
MOST_PARAMETERS = 100  # in one request


@HOOKS.register
class MLflow(Tracker):
    """Sends curves, config and the first batch to an experiment of MLflow.

    Without `tracking_uri`, MLflow reads MLFLOW_TRACKING_URI. Characters that MLflow refuses in names become "_".
    """

    title = "hooks.mlflow"

    def __init__(self, experiment: str = "segbox", name: str | None = None, tracking_uri: str | None = None) -> None:
        self.experiment, self.name, self.tracking_uri = experiment, name, tracking_uri

    def open(self, runner: Runner) -> None:
        try:
            from mlflow import MlflowClient, entities, exceptions
        except ImportError:
            raise UserError('hooks.mlflow needs MLflow: pip install "segbox[mlflow-skinny]"') from None
        for variable, value in PATIENCE.items():
            os.environ.setdefault(variable, value)
        self.entities = entities
        try:
            self.client = MlflowClient(tracking_uri=self.tracking_uri)
            if self.run_id is None:
                self._begin(runner)
            else:
                self.client.update_run(self.run_id, status="RUNNING")
        except exceptions.MlflowException as error:
            if error.error_code not in REFUSALS:
                raise
            raise UserError(f"hooks.mlflow: {first_line(error)}") from error
        runner.log(f"MLflow: run {self.run_id} of experiment {self.experiment}")

    def _begin(self, runner: Runner) -> None:
        known = self.client.get_experiment_by_name(self.experiment)
        experiment = self.client.create_experiment(self.experiment) if known is None else known.experiment_id
        run_id = self.client.create_run(experiment, run_name=self.name or runner.work_dir.name).info.run_id
        parameters = [
            self.entities.Param(clean(name)[-250:], str(value)[:LONGEST_VALUE])
            for name, value in flat(runner.description["config"])
        ]
        for begin in range(0, len(parameters), MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[begin : begin + MOST_PARAMETERS])
        self.run_id = run_id

    def send(self, step: int, scalars: dict[str, float]) -> None:
        now = int(time.time() * 1000)
        metrics = [self.entities.Metric(clean(name), float(value), now, step) for name, value in scalars.items()]
        for begin in range(0, len(metrics), 1000):  # MLflow's limit
            self.client.log_batch(self.run_id, metrics=metrics[begin : begin + 1000])

    def send_picture(self, step: int, picture: np.ndarray) -> None:
        self.client.log_image(self.run_id, picture, artifact_file="first_batch.png")

    def close(self, is_complete: bool) -> None:
        self.client.set_terminated(self.run_id, "FINISHED" if is_complete else "KILLED")


def clean(name: str) -> str:
    """MLflow takes letters, digits and these signs, in names that are paths without empty parts."""
    return re.sub(r"/{2,}|\.{2,}", "_", re.sub(r"[^\w\-. :/]", "_", name)).strip("/")


def flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested dicts, with the names as in --cfg-options."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
