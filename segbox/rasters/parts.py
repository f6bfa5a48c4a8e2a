"""Finished cells of a class map, in a folder beside it: what a killed process, or several processes, go on with."""

import hashlib
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from segbox.errors import UserError, short
from segbox.outputs import atomic_file, write_errors_named
from segbox.rasters.cells import Cell

OPTIONS = "options.json"


class Parts:
    """One file per cell. Only cells that were made with the same options are found."""

    def __init__(self, target: Path, options: Mapping[str, object]) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.parts")
        self.options = json.loads(json.dumps(options))
        self.key = hashlib.blake2b(json.dumps(self.options).encode(), digest_size=4).hexdigest()

    def begin(self) -> None:
        """Raise UserError if other processes, or an earlier call, have begun with other options."""
        file = self.folder / OPTIONS
        if not self.folder.exists():
            with atomic_file(file) as partial, write_errors_named(file):
                partial.write_text(json.dumps(self.options, indent=1), encoding="utf-8")
        try:
            begun = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.folder}: is no folder of finished strips; move or delete it ({error})") from error
        changed = [name for name in self.options if begun.get(name) != self.options[name]]
        if changed:
            listed = "; ".join(f"{name}: {short(begun.get(name))}, now {short(self.options[name])}" for name in changed)
            raise UserError(
                f"{self.target} was begun with other options: {listed}. Call all processes with the same ones, or"
                f" delete {self.folder} to begin again"
            )

    def file(self, cell: Cell) -> Path:
        return self.folder / f"{self.key}_{cell.columns.start}_{cell.rows.start}.npz"

    def missing(self, cells: Iterable[Cell]) -> list[Cell]:
        return [cell for cell in cells if not self.file(cell).exists()]

    def write(self, cell: Cell, classes: np.ndarray) -> None:
        file = self.file(cell)
        with atomic_file(file) as partial, write_errors_named(file):
            np.savez_compressed(partial, classes=classes)

    def read(self, cell: Cell) -> np.ndarray:
        try:
            return np.load(io.BytesIO(self.file(cell).read_bytes()))["classes"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{self.file(cell)}: cannot be read ({error}); delete it and call again") from error

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
