from itertools import islice

import pytest

from segbox.data.sampler import EndlessSampler, ShardSampler


def first(number: int, *arguments, **named) -> list:
    return list(islice(EndlessSampler(*arguments, **named), number))


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_any_number_of_processes_deals_the_same_stream(world_size):
    hands = [first(30, 7, seed=5, rank=rank, world_size=world_size) for rank in range(world_size)]
    dealt = [draw for turn in zip(*hands) for draw in turn]
    assert dealt[:30] == first(30, 7, seed=5)


def test_each_epoch_has_everything_once_in_its_own_order():
    epochs = [tuple(i for i, _ in first(35, 7, seed=0)[e * 7 : e * 7 + 7]) for e in range(5)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) == 5


def test_each_seed_has_an_order_of_its_own():
    assert len({tuple(i for i, _ in first(7, 7, seed=seed)) for seed in range(5)}) == 5


def test_seeds_are_all_different():
    draws = first(500, 7, seed=0) + first(500, 7, seed=1)
    assert len({seed for _, seed in draws}) == 1000


@pytest.mark.parametrize("start", [3, 14, 20])
def test_a_later_start_is_the_rest_of_the_stream(start):
    assert first(9, 7, seed=2, start=start) == first(40, 7, seed=2)[start : start + 9]


def test_a_start_far_away_costs_nothing():
    assert len(first(2, 1000, seed=0, start=10**15)) == 2


def test_a_resumed_run_may_have_another_number_of_processes():
    one = first(24, 7, seed=0)
    two = [first(6, 7, seed=0, rank=rank, world_size=2, start=12) for rank in range(2)]
    assert sorted(one[12:]) == sorted(two[0] + two[1])


def test_iterating_again_begins_again():
    sampler = EndlessSampler(7, seed=0)
    assert list(islice(sampler, 5)) == list(islice(sampler, 5))


def test_nothing_to_draw_from():
    with pytest.raises(ValueError, match="empty"):
        EndlessSampler(0, seed=0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 9])
def test_shards_are_a_partition(world_size):
    shards = [ShardSampler(7, rank, world_size) for rank in range(world_size)]
    assert sorted(index for shard in shards for index, _ in shard) == list(range(7))
    assert [len(shard) for shard in shards] == [len(list(shard)) for shard in shards]
    assert all(seed is None for shard in shards for _, seed in shard)
