"""Opens an exported file with its runtime."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from segbox.errors import UserError
from segbox.export import run_segbox
from segbox.export.run_segbox import Exported, Mistake, first_line
from segbox.export.write import for_any_size


def open_exported(path: Path, threads: int | None = None) -> Exported:
    """The model of an .onnx, .xml or .pt2 file: `run(images B C H W)` and `metadata`. Threads: those of the runtime,
    which for .pt2 is this process's PyTorch."""
    if path.suffix == ".pt2" and path.is_file():
        return open_program(path)
    try:
        return run_segbox.open_exported(path, threads)
    except Mistake as error:
        raise UserError(str(error)) from error


def open_program(path: Path) -> Exported:
    extra = {"segbox.json": ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # zip, pickle and version errors
        raise UserError(f"{path}: torch {torch.__version__} cannot open it: {first_line(error)}") from error
    if not extra["segbox.json"]:
        raise UserError(f"{path}: has no metadata of segbox; segbox export writes it")
    return Exported(json.loads(extra["segbox.json"]), runs(program))


def runs(program: torch.export.ExportedProgram) -> Callable[[np.ndarray], np.ndarray]:
    module = for_any_size(program).module()

    def run(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return module(torch.from_numpy(images)).numpy()

    return run
