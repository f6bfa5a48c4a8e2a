"""Samplers. Image and seed are a function of the draw number, so a checkpoint needs no state of them."""

import hashlib
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

Draw = tuple[int, int | None]  # index and seed; no seed in evaluation


class EndlessSampler(Sampler[Draw]):
    """One endless stream of shuffled epochs: process r gets the draws r, r + world_size, ...

    `start` counts the draws of all processes together, so a run may resume with another number of them.
    """

    def __init__(self, length: int, seed: int, rank: int = 0, world_size: int = 1, start: int = 0) -> None:
        if length < 1:
            raise ValueError("there is nothing to draw from: the data set is empty")
        self.length = length
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start

    def __iter__(self) -> Iterator[Draw]:
        number = self.start + self.rank
        epoch, order = -1, np.empty(0, np.int64)
        while True:
            if number // self.length != epoch:
                epoch = number // self.length
                order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
            yield int(order[number % self.length]), _sample_seed(self.seed, number)
            number += self.world_size


class ShardSampler(Sampler[Draw]):
    """This process's part of one pass: each image once, without repeats that would make the parts equally long."""

    def __init__(self, length: int, rank: int = 0, world_size: int = 1) -> None:
        self.indices = range(rank, length, world_size)

    def __iter__(self) -> Iterator[Draw]:
        return ((index, None) for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)


def _sample_seed(seed: int, number: int) -> int:
    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest()  # neighbours are unrelated
    return int.from_bytes(digest, "little")
