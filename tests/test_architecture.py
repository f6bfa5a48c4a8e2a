"""Imports point down, heavy packages load where they are used, and start-up waits for neither."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "segbox"
MODULES = sorted(PACKAGE.rglob("*.py"))
# What tools import to read arguments; none of it imports torch.
BELOW_TORCH = {
    *("", "registry", "arguments", "renamed", "config", "config_merge", "literals", "errors", "machine", "launch"),
    *("differences", "terminal", "ending", "outputs"),
}
SHARED = {*BELOW_TORCH, "distributed", "precision", "progress", "class_weights"}
MODEL_PARTS = {f"models.{part}" for part in ("backbones", "necks", "heads", "losses")}
WEIGHTS = {"weights", "weights.sources", "weights.names"}
INTEROP = {"interop", "interop.mmseg"}
MODELS = {"models", "models.layers", *MODEL_PARTS, *WEIGHTS, *INTEROP}
DATA_PARTS = {f"data.{part}" for part in ("readers", "rasters", "datasets", "transforms")}
DATA = {"data", *DATA_PARTS, "weights.sources"}  # the folders of caches
# Between the library and the commands; none knows another, but the benchmark times what the export writes.
ROOMS = {"report", "serve", "review", "starter", "benchmark", "export", "rasters"}
MAY_IMPORT = {  # floor: the floors below that it may import; the first floor that fits a module's name is its own
    "weights.sources": {"weights"},
    "weights.names": set(),
    "weights": {"weights.sources", "weights.names"},
    "interop.mmseg": {"interop", "weights", "weights.sources"},
    "interop": {"interop.mmseg", "weights", "weights.sources", "weights.names"},
    "models.layers": set(),
    "models.backbones": {"models.layers", *WEIGHTS},
    "models.necks": {"models.layers"},
    "models.heads": {"models.layers"},
    "models.losses": {"models.layers"},
    "models": MODELS,
    "data.readers": {"data"},
    "data.rasters": {"data", "data.readers"},
    "data.datasets": DATA,
    "data.transforms": DATA,
    "data": DATA,
    "convert": DATA,
    "evaluation": {*MODELS, *DATA},
    "engine": {"evaluation", *MODELS, *DATA},
    "viz": {"evaluation", "convert", *MODELS, *DATA},
    "report": {"viz", "evaluation", *MODELS, *DATA},
    "export": {"viz", "evaluation", *MODELS, *DATA},
    "serve": {"viz", "evaluation", *MODELS, *DATA},
    "rasters": {"evaluation", *MODELS, *DATA},
    "doctor": {"viz", "convert", *DATA},
    "review": {"doctor", "viz", "evaluation", *MODELS, *DATA},
    "starter": {"doctor", "viz", "engine", "evaluation", "convert", *MODELS, *DATA},
    "benchmark.peer": set(),  # runs in the environments of other libraries
    "benchmark": {"benchmark.peer", "export", "engine", "evaluation", *MODELS, *DATA},
    "commands": {*ROOMS, "doctor", "viz", "engine", "evaluation", "convert", *MODELS, *DATA},
    "api": {"viz", "engine", "evaluation", *MODELS, *DATA},
    "": {"api"},
    "__main__": {"commands"},
}
OPTIONAL = {
    "torchvision",
    "timm",
    "transformers",
    "segmentation_models_pytorch",
    "tensorboard",
    "wandb",
    "mlflow",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "yaml",
    "yapf",
    "rasterio",
    "tifffile",
}


def name_of(path: Path) -> str:
    """The module's name below segbox."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def floor_of(name: str) -> str:
    return next((floor for floor in MAY_IMPORT if f"{name}.".startswith(f"{floor}.")), name.split(".")[0])


def imports(path: Path, at_start_only: bool = False) -> Iterator[tuple[str, int]]:
    """What a module imports as (absolute module, number of leading dots), except what only types need."""
    for node, is_at_start in import_statements(path):
        if at_start_only and not is_at_start:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "segbox":
            yield from ((f"segbox.{alias.name}", 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


HOLDS_STATEMENTS = (ast.Module, ast.stmt, ast.excepthandler, ast.match_case)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def import_statements(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Those that are not for types alone, and whether each runs when the module is imported."""
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), True)]
    while waiting:
        node, is_at_start = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, is_at_start))
        elif isinstance(node, HOLDS_STATEMENTS) and not is_for_types(node):
            inside = is_at_start and not isinstance(node, ast.FunctionDef)
            waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path):
    own = floor_of(name_of(path))
    allowed = MAY_IMPORT.get(own, set()) | {own} | SHARED
    for module, dots in imports(path):
        if dots:
            assert dots == 1 and "." not in module, f"{path}: a relative import stays inside its folder"
            continue
        below = module.removeprefix("segbox.")
        is_ours = module.startswith("segbox.") and (PACKAGE / below.split(".")[0]).with_suffix(".py").exists()
        is_ours = is_ours or (module.startswith("segbox.") and (PACKAGE / below.split(".")[0]).is_dir())
        if is_ours:
            assert floor_of(below) in allowed, f"{path} imports {module}: up or sideways from {own}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_optional_and_slow_packages_are_imported_where_they_are_used(path):
    at_start = {module.split(".")[0] for module, dots in imports(path, at_start_only=True) if not dots}
    assert not at_start & OPTIONAL
    if name_of(path) in {"", *BELOW_TORCH}:
        assert "torch" not in at_start


@pytest.mark.parametrize("path", sorted((PACKAGE / "commands").glob("*.py")), ids=lambda path: path.name)
def test_commands_do_not_wait_for_torch(path):
    ours = {module.removeprefix("segbox.") for module, _ in imports(path, at_start_only=True) if "segbox" in module}
    others = {module for module, _ in imports(path, at_start_only=True)} & {"torch", "torchvision", "cv2", "numpy"}
    assert ours <= {"", "segbox", "__version__", "commands", *BELOW_TORCH} and not others


def test_the_package_and_its_config_load_without_torch():
    code = "import sys, segbox, segbox.config, segbox.registry; print({'torch', 'cv2', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "set()\n"


def test_the_rules_above_see_what_they_forbid(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nfrom segbox import engine\nfrom .. import x\n"
        "if TYPE_CHECKING:\n    import timm\ndef f():\n    import torchvision\n"
    )
    assert set(imports(path)) == {("typing", 0), ("segbox.engine", 0), ("", 2), ("torchvision", 0)}
    assert ("torchvision", 0) not in set(imports(path, at_start_only=True))
    assert floor_of("models.heads.psp") == "models.heads" and floor_of("models.norms") == "models"
    assert floor_of("engine.hooks.ema") == "engine" and floor_of("config") == "config"
