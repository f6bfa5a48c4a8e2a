"""What `pip install` of the wheel gives: the command, the configs, and a whole run outside of a checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import torch

from segbox import __version__
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import ROOT

PARTS = ("segbox", "configs", "docs", "requirements", "tools")
FILES = (
    "setup.py",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "SECURITY.md",
)
LEFT_BEHIND = ("__pycache__/test_a.cpython-311.pyc", "test_a.pyc", ".DS_Store")  # by tests, and by macOS
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder of the wheel and the sdist, built from a copy, so that nothing is left in the checkout."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("test_a.py", *LEFT_BEHIND):
        (source / "tests" / file).parent.mkdir(parents=True, exist_ok=True)
        (source / "tests" / file).touch()
    for file in FILES:
        shutil.copy(ROOT / file, source)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"],
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return source / "dist"


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """The `segbox` of an environment that holds the wheel alone; PyTorch and the like are those of this one."""
    environment = tmp_path_factory.mktemp("environment")
    python = environment / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    wheel = str(next(dist.glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, cwd=environment, env=CLEAN)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    return environment / "bin" / "segbox"


def run(program, folder, *arguments):
    words = [str(program), *map(str, arguments)]
    done = subprocess.run(words, cwd=folder, env=CLEAN, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# Three commands in one process: to import PyTorch takes longer than each of them.
TRAIN_TEST_PREDICT = """
import sys
from segbox.commands import main
images, *overrides = sys.argv[1:]
main(["train", "configs/my_data.py", "--device", "cpu", "--cfg-options", *overrides])
config, checkpoint = "work_dirs/my_data/config.py", "work_dirs/my_data/last.pt"
main(["test", config, checkpoint, "--device", "cpu"])
main(["predict", config, checkpoint, images, "--device", "cpu"])
"""


def test_the_archives_hold_every_module_and_every_config(dist):
    files = [path for kind in ("*.py", "*.tsv", "*.js", "*.css") for path in (ROOT / "segbox").rglob(kind)]
    modules = {str(path.relative_to(ROOT)) for path in files}
    configs = {str(path.relative_to(ROOT)) for path in (ROOT / "configs").rglob("*.py")}
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    assert modules | {f"segbox/{config}" for config in configs} <= held
    assert not [name for name in held if "__pycache__" in name or name.startswith(("tests", "tools"))]
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    others = {"requirements/runtime.txt", "tools/train.py", "tests/test_a.py"}
    assert modules | configs | set(FILES) | others <= held
    assert not [name for name in held if name.removeprefix("tests/") in LEFT_BEHIND]


def test_the_metadata_are_those_of_the_source(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        (folder,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
        metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
        assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert (metadata["Name"], metadata["Version"], metadata["License"]) == ("segbox", __version__, "MIT")
    assert metadata["Requires-Python"] == ">=3.10"
    required = [line for line in metadata.get_all("Requires-Dist") if "extra" not in line]
    assert required == (ROOT / "requirements" / "runtime.txt").read_text().split()
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_from_a_folder_of_images_to_predictions_outside_of_a_checkout(installed, tmp_path):
    for i in range(6):
        write_image(tmp_path / "my_data" / "images" / f"{i}.png", smooth_image(40, 70, seed=i))
        write_image(tmp_path / "my_data" / "masks" / f"{i}.png", blocky_label(40, 70, num_classes=2))
    assert "segbox train configs/my_data.py" in run(installed, tmp_path, "init", "my_data", "--no-measure")
    assert "segbox::_base_/models/deeplabv3plus_" in (tmp_path / "configs" / "my_data.py").read_text()
    small = [
        "model.backbone.variant=test",
        "model.backbone_weights=None",
        "data.workers=0",
        "data.batch_size=2",
        "train.max_epochs=None",
        "train.max_steps=2",
    ]
    out = run(installed.with_name("python"), tmp_path, "-c", TRAIN_TEST_PREDICT, "my_data/images", *small)
    trained, _, scored = out.partition("done: 2 steps")
    assert trained != out and "mIoU" in scored and "6 image(s)" in scored
    assert len(list((tmp_path / "predictions").glob("*_mask.png"))) == 6


def test_a_shipped_config_is_found_by_its_name(installed, tmp_path):
    assert 'type="PSPHead"' in run(installed, tmp_path, "config", "pspnet/pspnet_r50_ade20k").replace("'", '"')
    assert "pspnet_r50_ade20k" in run(installed, tmp_path, "list")
