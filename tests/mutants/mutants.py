"""All mutants: the lists of the modules of_*.py in this folder."""

import importlib
import pkgutil
from pathlib import Path

from tests.mutants.mutant import Mutant

MODULES = sorted(own.name for own in pkgutil.iter_modules([str(Path(__file__).parent)]) if own.name.startswith("of_"))
MUTANTS: list[Mutant] = [
    mutant for name in MODULES for mutant in getattr(importlib.import_module(f"tests.mutants.{name}"), name.upper())
]
