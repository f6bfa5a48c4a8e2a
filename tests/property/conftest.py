"""Few and always the same examples with every test run; `HYPOTHESIS_PROFILE=long` looks at thousands of new ones."""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")  # not into the folder from which it is run
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("short", max_examples=30, derandomize=True, deadline=None, database=None)
settings.register_profile("long", max_examples=3000, deadline=None, database=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
