"""What other libraries save: a folder, on this machine or on the hub, of a config.json and weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError
from segbox.weights.loading import read_weights
from segbox.weights.sources.find import find_weights

CONFIG, PREPROCESSING = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDICES = tuple(f"{name}.index.json" for name in WEIGHTS)  # of weights in several files


@dataclass(frozen=True)
class Folder:
    """A config and the files of its weights."""

    word: str
    config: Mapping[str, Any]
    paths: tuple[Path, ...]
    preprocessing: Mapping[str, Any] | None = None
    licence: str | None = None

    def weights(self) -> dict[str, Tensor]:
        return {name: value for path in self.paths for name, value in read_weights(path).items()}

    def __str__(self) -> str:
        return self.word


def open_folder(word: str | Path, needs_config: bool = True) -> Folder:
    """A folder; a file of weights with a config.json beside it; or a word that names a repository (hf://OWNER/NAME)."""
    path = Path(word)
    if path.is_dir():
        return local_folder(str(word), path, weight_files(path))
    found = find_weights(word)
    others = dict(found.others)
    for name in (CONFIG, PREPROCESSING):
        if name not in others and (beside := found.path.parent / name).is_file():
            others[name] = beside
    if needs_config and CONFIG not in others:
        raise CheckpointError(f"{word}: there is no {CONFIG} beside it; name the folder that has both")
    config, preprocessing = (read_json(others[name]) if name in others else None for name in (CONFIG, PREPROCESSING))
    return Folder(str(word), config or {}, (found.path,), preprocessing, found.licence)


def local_folder(word: str, path: Path, paths: tuple[Path, ...]) -> Folder:
    if not (path / CONFIG).is_file():
        raise CheckpointError(f"{word}: there is no {CONFIG} in this folder")
    beside = path / PREPROCESSING
    return Folder(word, read_json(path / CONFIG), paths, read_json(beside) if beside.is_file() else None)


def weight_files(folder: Path) -> tuple[Path, ...]:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return (folder / name,)
    for name in INDICES:
        if (folder / name).is_file():
            parts = read_json(folder / name).get("weight_map")
            if not isinstance(parts, Mapping):
                raise CheckpointError(f"{folder / name}: there is no weight_map in it")
            paths = tuple(folder / Path(part).name for part in sorted(set(map(str, parts.values()))))
            if missing := [path.name for path in paths if not path.is_file()]:
                raise CheckpointError(f"{folder}: {', '.join(missing)} of {name} are not there")
            return paths
    raise CheckpointError(f"{folder}: there are no weights in this folder ({' or '.join(WEIGHTS)})")


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # UnicodeDecodeError too
        raise CheckpointError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a dict, found {type(content).__name__}")
    return content
