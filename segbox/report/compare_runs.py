"""The runs that a user names: work dirs, folders of `segbox test --out`, and files."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbox.errors import DataError, UserError
from segbox.evaluation.records import BEST_EVALUATION, EVALUATION, Evaluation
from segbox.literals import read_literal

CONFIG = "config.py"  # of a work dir


@dataclass(frozen=True)
class Run:
    """An evaluation, and the config of its training if that is known."""

    name: str
    file: Path
    evaluation: Evaluation
    config: Mapping[str, Any] | None


def read_runs(named: Sequence[str], best: bool = False) -> list[Run]:
    """The last evaluations of work dirs or, with `best`, those of best.pt."""
    files = [evaluation_file(Path(name).expanduser(), best) for name in named]
    for number, file in enumerate(files):
        if file.resolve() in [other.resolve() for other in files[:number]]:
            raise UserError(f"{named[number]}: is named twice; name each run once")
    evaluations = [Evaluation.read(file) for file in files]
    configs = [config_of(file, own) for file, own in zip(files, evaluations)]
    return [Run(*parts) for parts in zip(short_names(named), files, evaluations, configs, strict=True)]


def evaluation_file(path: Path, best: bool) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"{path}: does not exist; name a work dir, a folder of `segbox test --out`, or a file")
        return path
    file = path / (BEST_EVALUATION if best else EVALUATION)
    if not file.exists():
        if best and (path / EVALUATION).exists():
            raise DataError(
                f"{path}: holds no {file.name}, so it has no evaluation of a best.pt; name {path / EVALUATION} to"
                " compare the one that it holds"
            )
        raise DataError(
            f"{path}: holds no {file.name}. A training writes {EVALUATION} after each evaluation, and {BEST_EVALUATION}"
            " with each best.pt; for a checkpoint of an earlier run, `segbox test CONFIG CHECKPOINT --out FOLDER/`"
            f" writes {EVALUATION}"
        )
    return file


def short_names(named: Sequence[str]) -> list[str]:
    """The last parts of the paths, as many as make them different."""
    parts = [Path(name).expanduser().resolve().parts for name in named]
    for length in range(1, max(map(len, parts))):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [str(name) for name in named]


def config_of(file: Path, evaluation: Evaluation) -> Mapping[str, Any] | None:
    """The config beside the evaluation, or beside the checkpoint that was evaluated."""
    beside = [file.with_name(CONFIG)]
    checkpoint = Path(evaluation.checkpoint)
    if checkpoint.is_file():
        beside.append(checkpoint.with_name(CONFIG))
    return next((read_dumped(path) for path in beside if path.is_file()), None)


def read_dumped(path: Path) -> dict[str, Any]:
    """The values of a resolved config. Its code is not run: the run may be someone else's."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError) as error:
        raise DataError(f"{path}: is no config of a run ({error})") from error
    return {
        node.targets[0].id: read_literal(ast.unparse(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
