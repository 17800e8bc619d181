"""Sentences for probing (tasks/tasks.yaml): negation, number, word order, word content, and whether
two sentences have the same meaning.

Labels share their sentences if possible, so that only the property distinguishes them, and all
items that share a sentence are in one split. For negation, number and word content, half of the
sentences have a second clause, about others, so that their length reveals little.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample
from xstilts_core.mini.grammar import Sentence, detokenise, realise, sentence_text
from xstilts_core.mini.lexicon import TIMES_WITHOUT_NEVER, class_of
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import added, altered, is_impossible, refronted, without
from xstilts_core.mini.meaning import Event, Joined, Meaning, Tokens, persons
from xstilts_core.mini.world import World
from xstilts_core.tasks import TASKS

_JOINED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Probe(Item):
    """A sentence and its label. frame: the part that the sentences of all labels share.

    swap: position of two words to swap, as a share of the possible positions, 0 to 1; None for no
    swap. second: in translation match, the meaning of the second sentence; the first one is then
    English.
    """

    meaning: Meaning
    label: str
    frame: object
    swap: float | None = None
    second: Meaning | None = None
    profile: object = None
    key = property(attrgetter("meaning", "second", "label"))
    unit = property(attrgetter("frame"))


def _simple_event(world: World, verb: str | None = None) -> Event:
    """Draw an event that could also never happen."""
    event = world.event("probe", verb=verb)
    return replace(event, time=None) if event.time in TIMES_WITHOUT_NEVER else event


def _second_clause(world: World, first: Event) -> Event | None:
    """Draw a clause about others, in half of the cases."""
    if world.random.random() >= _JOINED_SHARE:
        return None
    second = world.event("second_probe")
    return second if persons(first).isdisjoint(persons(second)) else None


def _joined(first: Event, second: Event | None) -> Meaning:
    return Joined(first, second) if second is not None else first


def _negation(setting: Setting, world: World) -> Iterator[_Probe]:
    """Yield the same sentence without and with "never"."""
    event = _simple_event(world)
    rest = _second_clause(world, event)
    for label, negated in (("plain", False), ("negated", True)):
        yield _Probe(_joined(replace(event, negated=negated), rest), label, (event, rest))


def _number(setting: Setting, world: World) -> Iterator[_Probe]:
    """Yield the same sentence with one object and with several."""
    event = _simple_event(world)
    if event.object is None or class_of(event.object.concept) not in ("thing", "animal"):
        return
    rest = _second_clause(world, event)
    one = without(event, "number")
    several = event if event.object.number else added(world, event, "number")
    for told, label in ((one, "one"), (several, "several")):
        yield _Probe(_joined(told, rest), label, (one, rest))


def _word_order(setting: Setting, world: World) -> Iterator[_Probe]:
    """Yield the same sentence in the right order and with two neighbours swapped; every language
    has positions for a swap."""
    event = world.event(setting.task)
    if event.place is None or (event.object is None and event.time is None):
        return
    yield _Probe(event, "kept", event)
    yield _Probe(event, "swapped", event, swap=world.random.random())


def _word_content(setting: Setting, world: World) -> Iterator[_Probe]:
    """Yield frames that fit every verb, drawn for another verb, with one of the verbs."""
    verbs = TASKS[setting.task].labels
    frame = _simple_event(world, verb="dance")
    rest = _second_clause(world, frame)
    if rest is None or rest.verb not in verbs:
        verb = world.random.choice(verbs)
        yield _Probe(_joined(replace(frame, verb=verb), rest), verb, (frame, rest))


def _translation(setting: Setting, world: World) -> Iterator[_Probe]:
    """Yield a sentence paired with a refronted one, which may differ in place, time or number."""
    event = world.event(setting.task)
    moved = refronted(world.random, event, chance=1.0)
    changed = altered(world, moved)
    if moved.front == event.front or changed is None or is_impossible(changed):
        return
    for second, label in ((moved, "same"), (changed, "other")):
        yield _Probe(event, label, event, second=second, profile=(event.front, moved.front))


def _swapped(tokens: Tokens, share: float) -> Tokens:
    """Swap two neighbouring words, but neither the first word, whose capital would reveal the swap,
    nor punctuation."""
    positions = [
        position
        for position in range(1, len(tokens) - 1)
        if "PUNCT" not in (tokens[position].pos, tokens[position + 1].pos)
        and tokens[position].text != tokens[position + 1].text
    ]
    if not positions:
        raise UsageError(f"no two words to swap in {' '.join(token.text for token in tokens)!r}")
    position = positions[int(share * len(positions))]
    return (*tokens[:position], tokens[position + 1], tokens[position], *tokens[position + 2 :])


def _tell(item: _Probe, language: str, domain: str, identity: str) -> PairExample:
    """Return the sentence in a language; in translation match, after the English one."""
    if item.second is not None:
        first = sentence_text(Sentence(item.meaning), "en", domain)
        second = sentence_text(Sentence(item.second), language, domain)
        return PairExample(identity, first, second, item.label)
    tokens = realise(item.meaning, language, domain=domain)
    tokens = tokens if item.swap is None else _swapped(tokens, item.swap)
    return PairExample(identity, detokenise(tokens, language)[0], "", item.label)


MAKERS = {
    name: Maker(candidates, _tell, TASKS[name].labels)
    for name, candidates in {
        "probe_negation": _negation,
        "probe_number": _number,
        "probe_word_order": _word_order,
        "probe_word_content": _word_content,
        "probe_translation": _translation,
    }.items()
}
