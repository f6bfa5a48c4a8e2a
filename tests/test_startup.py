"""What a new process imports, counted: a slow import that nothing needs would be paid by every start."""

import subprocess
import sys

import pytest

from tests.runs import ROOT, write_config

SLOW = (
    "torchvision",
    "timm",
    "transformers",
    "matplotlib",
    "sympy",
    "triton",
    "torch._dynamo",
    "scipy",
    "pandas",
    "IPython",
)


def imported_by(code: str, *names: str) -> set[str]:
    """Those of the modules that a process has imported after this code."""
    last = f"\nimport sys; print('imported', *sorted(set({names!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + last], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.strip().splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["bench", "loss", "--help"]], ids=str)
def test_help_imports_nothing_large(arguments):
    code = f"from segbox.commands import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert imported_by(code, "torch", "numpy", "cv2", *SLOW) == set()


def test_building_and_predicting_import_pytorch_without_its_compiler():
    code = "import segbox.engine.build, segbox.evaluation.predictor, segbox.viz.prediction"
    assert imported_by(code, "torch", *SLOW) == {"torch"}


@pytest.mark.slow  # a whole process: seconds
def test_a_run_imports_no_optional_package(tmp_path):
    config = write_config(tmp_path, "train = dict(max_steps=1)\nhooks = dict(evaluate=None)\n")
    arguments = ["train", str(config), "--work-dir", str(tmp_path / "run")]
    found = imported_by(f"from segbox.commands import main\nmain({arguments!r})", "torch", *SLOW)
    assert found <= {
        "torch",
        "torch._dynamo",
        "sympy",
        "triton",
    }  # by PyTorch's optimizers and its counter of operations
