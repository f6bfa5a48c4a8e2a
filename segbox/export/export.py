"""From a plan to files with their names: written, checked, and only then moved into place."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segbox.export import run_segbox
from segbox.export.check import Comparison, compare, verdict
from segbox.export.opened import open_exported, runs
from segbox.export.plan import Plan
from segbox.export.write import export_program, refuse_too_large, write_format
from segbox.outputs import claim, existing, new_file, write_bytes, write_errors_named

RUNNER = Path(run_segbox.__file__)


def claim_files(out: Path) -> None:
    """Raise UserError if a file of the user would be overwritten."""
    others = [out.with_suffix(".bin")] if out.suffix == ".xml" else []
    claim((path, path.name) for path in (out, *others, *runner_of(out)))


def runner_of(out: Path) -> list[Path]:
    """Where the script that runs the file is written; it cannot run programs of torch.export."""
    return [] if out.suffix == ".pt2" else [out.with_name(RUNNER.name)]


def export_model(
    plan: Plan, out: Path, pictures: Sequence[np.ndarray], calibration: Sequence[np.ndarray] = ()
) -> list[Comparison]:
    """Write the file, and beside it what runs it; UserError, and no file, if its classes are not those of PyTorch."""
    refuse_too_large(plan, out)
    program = export_program(plan)
    with write_errors_named(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".segbox_", dir=existing(out.parent))
    with folder:
        files = write_format(plan, program, Path(folder.name, out.name), calibration)
        found = compare(plan, open_exported(files[0]).run, pictures)
        verdict(plan, found, runs(program), pictures)
        for file in reversed(files):  # the one that names the others is the last
            with new_file(out.with_name(file.name)) as partial, write_errors_named(out):
                os.replace(file, partial)
    for path in runner_of(out):
        write_bytes(path, RUNNER.read_bytes())
    return found
