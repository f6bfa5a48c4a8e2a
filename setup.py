"""Packaging: version, dependencies and extras. Everything else about the tools is in pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
EXTRAS = {"rasterio": "geo"}  # names of extras that are not those of their packages


class WithConfigs(build_py):
    """The configs stand beside the package in a checkout, and inside of it in a wheel."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(here / "configs", Path(self.build_lib, "segbox", "configs"), dirs_exist_ok=True)


def requirements(name: str) -> list[str]:
    lines = (here / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


optional = requirements("optional")
EXPORT = ("onnx", "openvino")  # the packages of `segbox export` begin with one of these
version = re.search(r'__version__ = "(.+)"', (here / "segbox" / "__init__.py").read_text(encoding="utf-8"))[1]

setup(
    name="segbox",
    version=version,
    description="Semantic segmentation in PyTorch, built from declarative configs",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The segbox authors",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["semantic segmentation", "PyTorch", "computer vision", "deep learning"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["segbox", "segbox.*"]),
    package_data={"segbox": ["interop/mmseg/*.tsv", "serve/*.css", "serve/*.js"]},
    cmdclass={"build_py": WithConfigs},
    entry_points={"console_scripts": ["segbox = segbox.commands:main"]},
    install_requires=requirements("runtime"),
    extras_require={
        **{EXTRAS.get(name, name): [line] for line in optional for name in re.split(r"[[<>=!]", line)[:1]},
        "export": [line for line in optional if line.startswith(EXPORT)],
        "all": optional,
        "tests": requirements("tests"),
        "docs": requirements("docs"),
    },
)
