"""Writes a trained model for others: a folder of config.json, model.safetensors and a model card, README.md.

`segbox/interop/saved.py` reads it. The header of model.safetensors holds the same description as config.json, so the
file is complete on its own, too.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from segbox import __version__
from segbox.data.loader import bits_of, exif_of, pipeline_of
from segbox.errors import ConfigError
from segbox.evaluation.model_card import model_card
from segbox.evaluation.open_model import Opened
from segbox.interop.saved import CONFIG, FORMAT, WEIGHTS
from segbox.literals import as_plain
from segbox.models.segmentors import without_weights
from segbox.outputs import claim, new_file, write_bytes, write_errors_named, write_text

CARD = "README.md"
DIGITS = 8  # of the SHA-256 in the name of a file, as torch.hub writes and checks them


def save_pretrained(opened: Opened, folder: Path, **more: Any) -> None:
    """Write the model into a folder. Files of others are never replaced. `more` replaces parts of the description:
    licence, origin, scores."""
    claim((folder / name, name) for name in (CONFIG, WEIGHTS, CARD))
    opened = replace(opened, saved=replace(opened.saved, **more))
    description = described(opened)
    write_weights(folder / WEIGHTS, opened.model.state_dict(), description)
    write_text(folder / CONFIG, json.dumps(description, indent=1) + "\n")
    write_text(folder / CARD, model_card(opened))


def described(opened: Opened) -> dict[str, Any]:
    """The content of config.json: all that is needed to build the model and to predict."""
    saved, config = opened.saved, opened.config
    model = {key: value for key, value in without_weights(config["model"]).items() if key not in ("mean", "std")}
    description = {
        FORMAT: __version__,
        "model": {**model, "num_classes": opened.num_classes()},
        "test": dict(config.get("test") or {}),
        "data": {"val": images_of(config.get("data") or {})},
        "imports": list(config.get("imports") or ()),
        "classes": list(opened.names()),
        "palette": [list(colour) for colour in opened.palette()],
        "scores": dict(saved.scores),
        "licence": saved.licence,
        "origin": saved.origin,
        "notes": list(saved.notes),
    }
    refuse_other_keys(as_plain(description, "config"), "config")
    return description


def images_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """How images are read and prepared, without where they lie: see `own_data`."""
    own = data.get("val") or data.get("train") or {}
    pipeline = pipeline_of(data.get("val") or {}, "data.val")[0]
    return {"pipeline": list(pipeline), "bits": bits_of(own), "exif": exif_of(own)}


def refuse_other_keys(value: Any, path: str) -> None:
    """JSON would turn keys that are no strings into strings."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{path}: its key {key!r} is no string, which config.json cannot hold")
            refuse_other_keys(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            refuse_other_keys(inner, f"{path}.{i}")


def write_weights(path: Path, weights: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    own = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    header = {FORMAT: json.dumps(description)}  # one key: safetensors writes several in any order
    write_bytes(path, safetensors.torch.save(own, header))


def link_by_hash(weights: Path, name: str) -> Path:
    """A second name of the weights, NAME-HASH.safetensors: the hash is checked when others download it."""
    content = hashlib.sha256()
    with weights.open("rb") as file:
        while block := file.read(2**20):
            content.update(block)
    path = weights.with_name(f"{name}-{content.hexdigest()[:DIGITS]}{weights.suffix}")
    claim([(path, weights)])
    with new_file(path) as partial, write_errors_named(path):
        try:
            os.link(weights, partial)
        except OSError:  # disks without links
            shutil.copyfile(weights, partial)
    return path
