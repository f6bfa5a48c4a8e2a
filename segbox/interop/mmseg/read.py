"""A trained model of mmsegmentation, by its name or by its files."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError, printable
from segbox.interop.imported import Imported
from segbox.interop.mmseg.config_file import read_config_file
from segbox.interop.mmseg.config_text import read_text
from segbox.interop.mmseg.convert import convert
from segbox.interop.mmseg.zoo import SCHEME, find_entry, locate
from segbox.weights.loading import read_checkpoint, weights_in
from segbox.weights.sources.find import find_location, find_weights

logger = logging.getLogger("segbox")


def read_mmseg(word: str | Path, config: str | Path | None = None) -> Imported:
    """The model of a checkpoint: a path, an address, or mmseg://NAME. Without `config` (a file of mmsegmentation), by
    the config that the checkpoint carries."""
    scheme, is_word, name = str(word).partition("://")
    if is_word and scheme == SCHEME:
        entry = find_entry(name)
        found = find_location(str(word), SCHEME, locate(entry), "")
        origin, licence = f"mmsegmentation's {entry.name}", entry.licence
    else:
        found = find_weights(word)
        origin, licence = f"mmsegmentation, {Path(found.path).name}", found.licence
    content = read_checkpoint(found.path, lazily=True)
    meta = meta_of(content)
    values = carried_config(meta, str(word)) if config is None else read_config_file(config)
    imported = convert(values, state_of(content, str(word)), meta, origin)
    for note in imported.notes:
        logger.info("%s: %s", word, note)
    return replace(imported, licence=licence)


def meta_of(content: Any) -> Mapping[str, Any]:
    meta = content.get("meta") if isinstance(content, Mapping) else None
    return meta if isinstance(meta, Mapping) else {}


def state_of(content: Any, source: str) -> dict[str, Tensor]:
    state = content.get("state_dict") if isinstance(content, Mapping) else None
    return weights_in(content if state is None else {"state_dict": state}, source)


def carried_config(meta: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The config in a checkpoint: `cfg` of 1.x, `config` of 0.x."""
    text = next((meta[key] for key in ("cfg", "config") if isinstance(meta.get(key), str)), None)
    if text is None:
        raise CheckpointError(
            f"{source}: carries no config of mmsegmentation; name its file: segbox import mmseg CONFIG CHECKPOINT OUT"
        )
    return read_text(text, f"{printable(source)} (its config)")
