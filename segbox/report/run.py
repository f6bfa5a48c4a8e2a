"""What a folder tells of its run: the evaluation, the log, the config, how it was started."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbox.config import format_config
from segbox.errors import UserError
from segbox.evaluation.records import BEST_EVALUATION, EVALUATION, Evaluation
from segbox.report.compare_runs import CONFIG, read_dumped
from segbox.report.log_rows import LogRows, read_log

TEST_CONFIG = "test_config.py"
CONFIGS = (CONFIG, TEST_CONFIG)  # of a training, and of a test
CHECK = "check.json"  # what `segbox check CONFIG --json RUN/check.json` has found, if the user has asked for it
LOG = "log.jsonl"
ENVIRONMENT = "environment.json"


@dataclass(frozen=True)
class Run:
    """`evaluation` is the last one, `best` that of best.pt; `starts` are those of the training, oldest first."""

    folder: Path
    evaluation: Evaluation | None
    best: Evaluation | None
    log: LogRows
    config: Mapping[str, Any] | None
    starts: list[Mapping[str, Any]]
    check: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def checkpoint(self) -> str:
        """The checkpoint that was evaluated: a path, or another word that `read_saved` knows."""
        inside = self.folder / self.evaluation.checkpoint
        return str(inside) if inside.is_file() else self.evaluation.checkpoint

    def config_text(self) -> str:
        return "" if self.config is None else format_config(self.config)

    @property
    def is_training(self) -> bool:
        return bool(self.log.steps or self.starts)


def read_run(folder: Path) -> Run:
    """UserError for a folder that holds neither an evaluation nor a log."""
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; name the work dir of a run, or a folder that segbox test --out wrote")
    if not any((folder / name).is_file() for name in (EVALUATION, LOG)):
        raise UserError(
            f"{folder}: holds neither {EVALUATION} nor {LOG}, so there is nothing to report; name the work dir of a"
            " run, or write such a folder: segbox test CHECKPOINT --out FOLDER/"
        )
    evaluation = evaluation_in(folder / EVALUATION)
    starts = json_in(folder / ENVIRONMENT)
    check = json_in(folder / CHECK)
    return Run(
        folder,
        evaluation,
        evaluation_in(folder / BEST_EVALUATION),
        read_log(folder / LOG),
        config_in(folder, evaluation),
        [start for start in starts if isinstance(start, dict)] if isinstance(starts, list) else [],
        check if isinstance(check, dict) else {},
    )


def evaluation_in(path: Path) -> Evaluation | None:
    return Evaluation.read(path) if path.is_file() else None


def config_in(folder: Path, evaluation: Evaluation | None) -> Mapping[str, Any] | None:
    """The config that the evaluation was made by: those of trainings have a step, those of tests have none."""
    is_test = evaluation is not None and evaluation.step is None
    names = reversed(CONFIGS) if is_test else CONFIGS
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    return None if path is None else read_dumped(path)


def json_in(path: Path) -> Any:
    """The content of a JSON file; None if it is absent or incomplete."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
