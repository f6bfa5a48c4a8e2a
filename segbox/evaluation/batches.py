"""Put items of one kind together, and back into their order."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
LONGEST_WAIT = 8  # batches: so many full ones may follow an item before it goes on without others of its kind


def batches_of(
    items: Iterable[Item], kind: Callable[[Item], Hashable], most: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Batches of items of one kind, each of up to `most(item)` items. One that has waited long goes on incomplete, so
    that few items are held back."""
    begun: dict[Hashable, tuple[int, list[Item]]] = {}
    for count, item in enumerate(items):
        own = kind(item)
        _, batch = begun.setdefault(own, (count, []))
        batch.append(item)
        if len(batch) >= most(item):
            yield begun.pop(own)[1]
        begin, oldest = next(iter(begun.values()), (count, []))
        if oldest and count - begin >= LONGEST_WAIT * most(oldest[0]):
            yield begun.pop(kind(oldest[0]))[1]
    yield from (batch for _, batch in begun.values())


def in_order(items: Iterable[Item], number: Callable[[Item], int]) -> Iterator[Item]:
    """Items that are numbered from 0 on, by their numbers; those that come too early wait."""
    early: dict[int, Item] = {}
    following = 0
    for item in items:
        early[number(item)] = item
        while following in early:
            yield early.pop(following)
            following += 1
