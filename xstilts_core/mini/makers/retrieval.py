"""Sentence retrieval: Tatoeba (a thousand translation pairs) and BUCC 2018 (pairs hidden among
distractors on both sides).

BUCC's sentences are longer, and some distractors differ from a gold sentence in only one chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample
from xstilts_core.mini.grammar import Sentence, sentence_text
from xstilts_core.mini.makers.maker import Item, Setting, of_split
from xstilts_core.mini.makers.variation import altered, is_impossible
from xstilts_core.mini.meaning import Event, Joined, Meaning, clauses, unfronted
from xstilts_core.mini.world import World

_HARD_SHARE = 0.3
"""Share of BUCC's distractors that differ from a gold sentence in one chunk."""


@dataclass(frozen=True, slots=True)
class _RetrievalItem(Item):
    """A sentence and its side: both (a translation pair); a distractor's is "english" or
    "other"."""

    meaning: Meaning
    side: str = "both"

    @property
    def key(self) -> object:
        return tuple(unfronted(clause) for clause in clauses(self.meaning))


def _draw(setting: Setting, world: World) -> Iterator[_RetrievalItem]:
    """Yield a sentence: Tatoeba's are single clauses, half of BUCC's are joined."""
    random = world.random
    if setting.task == "tatoeba":
        fact = random.random() < 0.1
        meaning = world.fact() if fact else world.event("tatoeba")
    elif random.random() < 0.5:
        meaning = world.event("bucc")
    else:
        event = random.random() < 0.7
        second = world.event("second_bucc") if event else world.fact()
        meaning = Joined(world.event("first_bucc"), second)
    yield _RetrievalItem(meaning)


def draw_items(setting: Setting, gold: int, distractors: int) -> tuple[_RetrievalItem, ...]:
    """Return gold pairs, followed in BUCC by distractors for the English and for the other side."""
    world = setting.world()
    random, stream = world.random, of_split(_draw, setting, world)
    items = [next(stream) for _ in range(gold)]
    keys = {item.key for item in items}
    for side in ("english", "other"):
        size = len(items) + distractors
        while len(items) < size:
            is_hard = random.random() < _HARD_SHARE
            hard = (
                _altered_sentence(world, random.choice(items[:gold]).meaning) if is_hard else None
            )
            item = _RetrievalItem(hard or next(stream).meaning, side)
            if hard is None or item.key not in keys:
                keys.add(item.key)
                items.append(item)
    return tuple(items)


def _altered_sentence(world: World, gold: Meaning) -> Meaning | None:
    """Return a gold sentence with another place, time or number."""
    first = gold.first if isinstance(gold, Joined) else gold
    other = altered(world, first) if isinstance(first, Event) else None
    if other is None or is_impossible(other):
        return None
    return replace(gold, first=other) if isinstance(gold, Joined) else other


def tell_sides(
    items: tuple[_RetrievalItem, ...], setting: Setting, language: str
) -> list[SentenceExample]:
    """Return both sides, English first, each in its own random order; `match` is the id of the
    translation on the other side."""
    if language == "en":
        raise UsageError(
            f"{setting.task} pairs English with another language: language 'en' has no other side"
        )
    random, sides = setting.random(), []
    for code, other, distractor in (("en", language, "english"), (language, "en", "other")):
        side = [
            SentenceExample(
                f"{code}-{number:06d}",
                code,
                sentence_text(Sentence(item.meaning), code, setting.domain),
                f"{other}-{number:06d}" if item.side == "both" else None,
            )
            for number, item in enumerate(items)
            if item.side in ("both", distractor)
        ]
        random.shuffle(side)
        sides += side
    return sides
