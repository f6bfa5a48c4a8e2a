"""Time and memory beside the bare work, with wide margins: what they are on any machine, unless the code got slower.

The waits of a step for a GPU are counted in tests/engine/test_step_guard.py, those of losses in
tests/models/losses/test_host_reads.py.
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from segbox.benchmark.evaluation import eval_cases, metric_cases
from segbox.benchmark.losses import loss_cases
from segbox.benchmark.measure import FLOOR, OURS, Case, local, measure_case
from segbox.evaluation.score_map import MaskMap
from segbox.models.layers import resize
from segbox.models.layers.masks import Masks

RUNS = 5


def folding_cases() -> Iterator[Case]:
    """The masks of 200 queries to a class map."""
    generator = torch.Generator().manual_seed(0)
    classes = 3 * torch.randn(1, 200, 151, generator=generator)
    masks = 3 * torch.randn(1, 200, 64, 64, generator=generator)
    size = (256, 256)

    def bare() -> Tensor:
        return torch.einsum("bqk,bqhw->bkhw", classes.softmax(dim=2)[..., :-1], resize(masks, size).sigmoid()).argmax(1)

    ours = local(OURS, lambda: MaskMap(Masks(classes, masks)).classes(size))
    yield Case("folding", [ours, local(FLOOR, bare)])


CASES = {  # how to make a case; the largest share of the bare work's time, and of its memory (None: as it comes)
    "loss": (lambda: loss_cases([], [19], (256, 256), 2), 0.6, 0.4),
    "evaluation": (lambda: eval_cases([], [19], (512, 512)), 0.6, 0.6),
    "windows": (lambda: eval_cases([], [19], (640, 640), is_slide=True), 0.8, 0.6),
    "counting": (lambda: metric_cases([], [19], (512, 1024)), 2.0, None),
    "folding 200 queries": (folding_cases, 1.2, 0.6),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_takes_no_more_than_its_share(name):
    make, time, memory = CASES[name]
    [case] = make()
    found = measure_case(case, RUNS, peaks=memory is not None)
    ours, bare = found.sides
    assert [ours.note, bare.note] == ["", ""]
    assert ours.cpu[1] < time * bare.cpu[1]
    if memory is not None and bare.peak_mb is not None:  # it is known on Linux alone
        assert ours.peak_mb < memory * bare.peak_mb
