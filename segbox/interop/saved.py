"""Trained models by name: a checkpoint of segbox, a published folder, or a model of another library.

Nothing is built here, and no code of a file is run: a config inside a checkpoint or a folder holds plain values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbox.errors import CheckpointError, short
from segbox.interop.eomt import convert_eomt, is_eomt
from segbox.interop.imported import Imported
from segbox.interop.mmseg import zoo
from segbox.interop.mmseg.read import read_mmseg
from segbox.interop.smp import read_smp
from segbox.interop.torchvision import read_torchvision
from segbox.interop.transformers import read_transformers
from segbox.literals import as_plain
from segbox.weights.loading import read_checkpoint, weights_in
from segbox.weights.safetensors_file import is_safetensors
from segbox.weights.sources.find import WeightFile, find_weights

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "segbox"  # the key of our own `config.json`, and of the header of our safetensors: the version that wrote it
DICTS = ("model", "test", "data", "metric")
SECTIONS = (*DICTS, "imports")  # what is used of a config


@dataclass(frozen=True)
class Saved:
    """A trained model as its file, folder or library describes it; `weights` has our names.

    `config` holds the sections that predictions need: model, test, and how images are read (data.val). It is empty for
    bare weights. A model that `stands_alone` is built from its own config always; that of a checkpoint of a run, from
    the config that the user names, if he names one. Classes and palette are not checked yet.
    """

    source: str  # for messages
    weights: Mapping[str, Tensor]
    config: Mapping[str, Any] = field(default_factory=dict)
    classes: Any = None
    palette: Any = None
    stands_alone: bool = False
    dataset: str | None = None  # as in Imported
    origin: str = ""
    licence: str | None = None
    notes: tuple[str, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=dict)


def read_saved(word: str | Path, instead: str = "") -> Saved:
    """The trained model that a word names: a path, a folder, or scheme://name. `instead`: see `find_weights`."""
    scheme, is_word, _ = str(word).partition("://")
    if is_word and scheme == zoo.SCHEME:
        return of_import(read_mmseg(str(word)), str(word))
    if is_word and scheme == "torchvision":
        return of_import(read_torchvision(str(word)), str(word))
    if not is_word and str(word).endswith(".py"):
        raise CheckpointError(f"{word}: is a config, not a checkpoint; name a checkpoint behind it")
    if not is_word and Path(word).is_dir():
        return read_folder(Path(word))
    found = find_weights(word, instead)
    if CONFIG not in found.others:
        return read_file(found)
    config = described(found.others[CONFIG])
    return read_ours(config, found) if FORMAT in config else read_theirs(config, found.word)


def read_folder(folder: Path) -> Saved:
    """A folder with a config.json: ours, or that of another library."""
    if not (folder / CONFIG).is_file():
        raise CheckpointError(
            f"{folder}: holds no {CONFIG}, so it is no published model; name the checkpoint in it, or a folder that"
            " segbox publish wrote"
        )
    config = described(folder / CONFIG)
    if FORMAT not in config:
        return read_theirs(config, str(folder))
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{folder}: holds no {WEIGHTS}; copy the whole folder")
    return read_ours(config, WeightFile(str(folder), folder / WEIGHTS))


def read_theirs(config: Mapping[str, Any], word: str) -> Saved:
    """A model of another library, by the config.json beside its weights."""
    if "_model_class" in config:
        return of_import(read_smp(word), word)
    if "model_type" in config or "architectures" in config:
        return of_import(read_transformers(word), word)
    raise CheckpointError(
        f"{word}: its {CONFIG} is none of segbox, transformers or segmentation_models_pytorch; it has"
        f" {', '.join(map(str, list(config)[:8])) or 'nothing'}"
    )


def described(path: Path) -> dict[str, Any]:
    """The content of a config.json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a dict, got {short(content)}")
    return content


def read_file(found: WeightFile) -> Saved:
    """A single file: published by segbox, a checkpoint of a run, of mmsegmentation, or bare weights."""
    header = header_of(found.path)
    if header is not None:
        return read_ours(header, found)
    content = read_checkpoint(found.path, lazily=True)
    if is_of_mmseg(content):
        return of_import(read_mmseg(str(found.path)), found.word)
    weights = weights_in(content, found.word)
    if is_eomt(weights):
        return of_import(convert_eomt(weights, found.word, found.licence), found.word)
    own = content if "model" in content or "state_dict" in content else {}
    return Saved(
        found.word,
        weights,
        sections(own.get("config") or {}, found.word),
        own.get("classes"),
        own.get("palette"),
        origin=f"a training with segbox ({found.path.name})",
        licence=found.licence,
        scores=best_score(own),
    )


def is_of_mmseg(content: Any) -> bool:
    """Whether it is a checkpoint of mmsegmentation that holds its config."""
    meta = content.get("meta") if isinstance(content, Mapping) and "state_dict" in content else None
    return isinstance(meta, Mapping) and any(isinstance(meta.get(key), str) for key in ("cfg", "config"))


def header_of(path: Path) -> dict[str, Any] | None:
    """What segbox has written into the header of a safetensors file; None for other files."""
    if not path.is_file() or not is_safetensors(path):
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(FORMAT)
        content = None if text is None else json.loads(text)
    except (SafetensorError, OSError, ValueError):
        return None  # reading the weights tells what is wrong
    return content if isinstance(content, dict) else None


def read_ours(content: Mapping[str, Any], found: WeightFile) -> Saved:
    """What `pretrained_folder.py` has written: a description, and weights."""
    return Saved(
        found.word,
        weights_in(read_checkpoint(found.path, lazily=True), found.word),
        sections(content, found.word),
        content.get("classes"),
        content.get("palette"),
        stands_alone=True,
        origin=str(content.get("origin") or found.word),
        licence=content.get("licence") or found.licence,
        notes=tuple(map(str, content.get("notes") or ())),
        scores=content["scores"] if isinstance(content.get("scores"), Mapping) else {},
    )


def of_import(model: Imported, source: str) -> Saved:
    stated = {name: mean_or_std(model.model[name]) for name in ("mean", "std") if model.model.get(name) is not None}
    return Saved(
        source,
        {**stated, **model.weights},
        {"model": model.model, "test": model.test, "data": {"val": {"pipeline": list(model.pipeline)}}},
        model.classes,
        model.palette,
        stands_alone=True,
        dataset=model.dataset,
        origin=model.origin,
        licence=model.licence,
        notes=model.notes,
    )


def mean_or_std(values: Sequence[float]) -> Tensor:
    """As our models hold them, beside their weights."""
    return torch.tensor(values, dtype=torch.float).view(-1, 1, 1)


def sections(config: Any, source: str) -> dict[str, Any]:
    """The sections of a config that predictions need, as plain values."""
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{source}: its config is {short(config)}, not a dict")
    used = {name: as_plain(config[name], f"{source}: {name}") for name in SECTIONS if config.get(name) is not None}
    wrong = next((name for name in DICTS if not isinstance(used.get(name, {}), Mapping)), None)
    if wrong:
        raise CheckpointError(f"{source}: its config's {wrong} is {short(used[wrong])}, not a dict")
    return used


def best_score(content: Mapping[str, Any]) -> dict[str, Any]:
    """The score of a checkpoint's own step, which the hook `evaluate` has kept; {} if it is another step's."""
    hooks, config = content.get("hooks"), content.get("config")
    state = hooks.get("evaluate") if isinstance(hooks, Mapping) else None
    is_own = isinstance(state, Mapping) and state.get("highest_step") == content.get("step")
    if not is_own or state.get("highest") is None:
        return {}
    settings = (config.get("hooks") or {}).get("evaluate") if isinstance(config, Mapping) else None
    name = settings.get("best", "mIoU") if isinstance(settings, Mapping) else "mIoU"
    return {str(name): state["highest"]}
