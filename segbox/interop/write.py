"""An imported model as files of segbox: a checkpoint, and a config beside it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbox import __version__
from segbox.config import format_config
from segbox.errors import printable
from segbox.interop.imported import Imported
from segbox.literals import as_source
from segbox.outputs import atomic_file

SCHEDULE = "segbox::_base_/schedules/sgd_poly.py"
WITH_BACKGROUND = (("ade20k", 151), ("pascal_context", 60))  # data sets whose id 0 is a class only if asked for


def whole_weights(imported: Imported) -> dict[str, Tensor]:
    """The weights with mean and std, as a model of segbox holds them."""
    mean_std = {name: torch.tensor(imported.model[name]).view(-1, 1, 1) for name in ("mean", "std")}
    return {**imported.weights, **mean_std}


def sections_of(imported: Imported) -> dict[str, Any]:
    """The sections of a config that say what the model is and how it is run."""
    data = {"data": {"val": {"pipeline": list(imported.pipeline)}}} if imported.pipeline else {}
    return {"model": dict(imported.model), "test": dict(imported.test), **data}


def write_imported(imported: Imported, checkpoint: Path, config: Path) -> None:
    """Write both files, each whole or not at all."""
    content = {
        "model": whole_weights(imported),
        "classes": None if imported.classes is None else list(imported.classes),
        "palette": None if imported.palette is None else [list(colour) for colour in imported.palette],
        "config": sections_of(imported),
        "origin": imported.origin,
        "licence": imported.licence,
        "segbox": __version__,
    }
    text = config_text(imported, checkpoint, config)
    with atomic_file(checkpoint) as partial, atomic_file(config) as partial_config:
        torch.save({name: value for name, value in content.items() if value is not None}, partial)
        partial_config.write_text(text, encoding="utf-8")


def config_text(imported: Imported, checkpoint: Path, config: Path) -> str:
    """The config file. A data set that segbox knows is one of its bases."""
    bases = [f"segbox::_base_/datasets/{imported.dataset}.py"] if imported.dataset else []
    sections = sections_of(imported)
    if (imported.dataset, imported.model["num_classes"]) in WITH_BACKGROUND:
        val = {**sections.get("data", {}).get("val", {}), "use_background": True}
        sections["data"] = {"train": {"use_background": True}, "val": val}
    header = header_text(imported, checkpoint, config)
    return f"{header}\n_base_ = {as_source([*bases, SCHEDULE])}\n\n{format_config(sections)}"


def header_text(imported: Imported, checkpoint: Path, config: Path) -> str:
    """The comment on top. Names of files may hold anything, so it is no Python string."""
    lines = [
        f"{imported.origin}, imported.",
        "",
        f"    segbox predict {config} {checkpoint} photo.jpg",
        f"    segbox train {config} --cfg-options model.weights={checkpoint}",
        "",
        *([f"Licence of the weights: {imported.licence}."] if imported.licence else []),
        *(f"{note[0].upper()}{note[1:]}." for note in imported.notes),
    ]
    return "".join(f"# {printable(line)}".rstrip() + "\n" for line in lines)
