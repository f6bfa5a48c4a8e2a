"""Seed the global random generators, for users' transforms that draw from them."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from segbox.data.sampler import Draw


@contextmanager
def seeded_globals(draw: Draw) -> Iterator[None]:
    """Seed `random`, NumPy and PyTorch (CPU) by the draw, and restore their states afterwards.

    A transform that uses them then gives the same image with any number of workers and processes, and in a resumed run.
    """
    before = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    own, numpys, torchs = _seeds(draw)
    random.seed(own)
    np.random.seed([numpys >> 32, numpys & 0xFFFFFFFF])
    torch.default_generator.manual_seed(torchs)  # of the CPU: a worker must not touch a GPU
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def _seeds(draw: Draw) -> tuple[int, int, int]:
    """Three 63-bit seeds, independent of each other and of the sample's seed. In evaluation the index decides."""
    index, seed = draw
    text = f"global {index if seed is None else seed}"
    digest = hashlib.blake2b(text.encode(), digest_size=24).digest()
    first, second, third = (int.from_bytes(digest[i : i + 8], "little") >> 1 for i in (0, 8, 16))
    return first, second, third
