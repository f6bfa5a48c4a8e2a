"""All models of mmsegmentation whose numbers are in the folder data: MODELS of the modules beside this one."""

import importlib
import pkgutil
from pathlib import Path

PLACES = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
NAMES = sorted(name for name in PLACES if not name.startswith(("test_", "make_", "cases")))
MODELS = {
    name: case
    for module in NAMES
    for name, case in getattr(importlib.import_module(f"{__package__}.{module}"), "MODELS", {}).items()
}
