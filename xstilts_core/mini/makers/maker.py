"""The shared part of all makers: the world that they draw from, the choice of a split's items, and
pairs of passages."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from random import Random
from zlib import crc32

from xstilts_core.examples import Example, PairExample
from xstilts_core.mini.grammar import Passage, passage
from xstilts_core.mini.world import World, task_world

_SPLIT_BUCKETS = {"train": range(4), "dev": range(4, 6), "test": range(6, 8)}
"""Split by an item's own checksum, modulo 8, so that no item is in two splits."""
_MISSES = 20_000
"""Number of consecutive candidates without a new item after which the maker is exhausted."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One split of one task in one domain."""

    task: str
    split: str
    domain: str

    @property
    def held_out(self) -> bool:
        """Whether held-out entities occur: in dev and test only."""
        return self.split != "train"

    def world(self) -> World:
        """Return the task's own flat world, with the random numbers of the split."""
        return task_world(self.task, self.domain, self.held_out).drawing(self.random())

    def random(self) -> Random:
        return Random(f"{self.task}/{self.split}/{self.domain}")


class Item:
    """Meanings with a gold label, before any language. `key` must not repeat in a split. Items of
    makers with labels also have `label` and `profile`."""

    __slots__ = ()

    @property
    def unit(self) -> object:
        """What must stay in one split: items with the same unit are in the same split."""
        return self.key


@dataclass(frozen=True, slots=True)
class Pair(Item):
    """Two passages and their relation."""

    first: Passage
    second: Passage
    label: str
    key = property(attrgetter("first", "second"))
    unit = property(attrgetter("first"))


def tell_pair(item: Pair, language: str, domain: str, identity: str) -> PairExample:
    """Return both passages in a language."""
    first, second = (passage(told, language, domain) for told in (item.first, item.second))
    return PairExample(identity, first, second, item.label)


Draw = Callable[[Setting, World], Iterator[Item]]
"""Yields the items of one attempt in the setting's world, perhaps none."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The maker of a task. tell: returns an item in a language, given its id; labels: the classes
    to balance.

    With labels, a split has equally many items of each label within each profile.
    """

    draw: Draw
    tell: Callable[[Item, str, str, str], Example]
    labels: tuple[str, ...] = ()

    def items(self, setting: Setting, count: int) -> tuple[Item, ...]:
        """Draw `count` items of a split."""
        world = setting.world()
        stream = of_split(self.draw, setting, world)
        if self.labels:
            stream = _balanced(stream, self.labels, world.random)
        return tuple(islice(stream, count))


def of_split(draw: Draw, setting: Setting, world: World) -> Iterator[Item]:
    """Yield the items of endless draws that belong to the split, each key once."""
    buckets, keys, misses = _SPLIT_BUCKETS[setting.split], set(), 0
    while True:
        for item in draw(setting, world):
            misses += 1
            if misses > _MISSES:
                where = f"{setting.task} {setting.split} ({setting.domain})"
                raise RuntimeError(
                    f"{where}: no new item among {_MISSES} candidates after {len(keys)} items"
                )
            key = item.key
            # A checksum of the text is equal in every process and on every machine.
            if crc32(repr(item.unit).encode()) % 8 in buckets and key not in keys:
                keys.add(key)
                misses = 0
                yield item


def _balanced(items: Iterable[Item], labels: tuple[str, ...], random: Random) -> Iterator[Item]:
    """Yield items in groups of one per label, all of one profile, so that neither label counts nor
    profiles predict the label."""
    pending: dict[object, dict[str, list[Item]]] = defaultdict(
        lambda: {label: [] for label in labels}
    )
    for item in items:
        by_label = pending[item.profile]
        by_label[item.label].append(item)
        if all(by_label.values()):
            group = [by_label[label].pop() for label in labels]
            random.shuffle(group)
            yield from group
