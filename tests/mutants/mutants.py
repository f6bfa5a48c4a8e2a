"""All mutants."""

from tests.mutants.mutant import Mutant
from tests.mutants.of_benchmark import OF_BENCHMARK
from tests.mutants.of_data import OF_DATA
from tests.mutants.of_engine import OF_ENGINE
from tests.mutants.of_eomt import OF_EOMT
from tests.mutants.of_export import OF_EXPORT
from tests.mutants.of_foundation import OF_FOUNDATION
from tests.mutants.of_interop import OF_INTEROP
from tests.mutants.of_layers import OF_LAYERS
from tests.mutants.of_losses import OF_LOSSES
from tests.mutants.of_masks import OF_MASKS
from tests.mutants.of_models import OF_MODELS
from tests.mutants.of_rasters import OF_RASTERS
from tests.mutants.of_report import OF_REPORT
from tests.mutants.of_review import OF_REVIEW
from tests.mutants.of_scale import OF_SCALE
from tests.mutants.of_serve import OF_SERVE
from tests.mutants.of_starter import OF_STARTER

MUTANTS: list[Mutant] = [
    *OF_MODELS,
    *OF_LAYERS,
    *OF_LOSSES,
    *OF_MASKS,
    *OF_ENGINE,
    *OF_FOUNDATION,
    *OF_DATA,
    *OF_INTEROP,
    *OF_EOMT,
    *OF_EXPORT,
    *OF_RASTERS,
    *OF_REPORT,
    *OF_REVIEW,
    *OF_SCALE,
    *OF_SERVE,
    *OF_STARTER,
    *OF_BENCHMARK,
]
