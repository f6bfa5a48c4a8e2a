"""Whatever the number of images, processes and seen samples."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from segbox.data.sampler import EndlessSampler, ShardSampler

LENGTHS, SEEDS, WORLDS, STARTS = st.integers(1, 50), st.integers(0, 2**63 - 1), st.integers(1, 9), st.integers(0, 10**6)


def first(count, *arguments):
    return list(islice(EndlessSampler(*arguments), count))


@given(LENGTHS, SEEDS, WORLDS, STARTS)
def test_processes_deal_one_stream(length, seed, world, start):
    hands = [first(8, length, seed, rank, world, start) for rank in range(world)]
    assert [draw for turn in zip(*hands) for draw in turn] == first(8 * world, length, seed, 0, 1, start)


@given(LENGTHS, SEEDS, STARTS, st.integers(0, 60))
def test_a_resumed_stream_is_the_rest(length, seed, start, seen):
    whole = first(seen + 20, length, seed, 0, 1, start)
    assert first(20, length, seed, 0, 1, start + seen) == whole[seen:]
    assert len({number for _, number in whole}) == len(whole)


@given(LENGTHS, SEEDS, st.integers(0, 1000))
def test_an_epoch_has_each_image_once(length, seed, epoch):
    assert sorted(index for index, _ in first(length, length, seed, 0, 1, epoch * length)) == list(range(length))


@given(st.integers(0, 200), WORLDS)
def test_shares_of_an_evaluation_are_all_of_it_once(length, world):
    shares = [list(ShardSampler(length, rank, world)) for rank in range(world)]
    assert sorted(index for share in shares for index, _ in share) == list(range(length))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
