"""Paraphrase: QQP (do two posts ask the same?) and PAWS-X (same words, same meaning?).

PAWS-X pairs share nearly all words. In paraphrases ("1"), clauses change their order or an adjunct
moves to the front; in the others ("0"), subject and object, the subjects of two clauses or their
adjuncts are swapped (Zhang et al. 2019 swap words too). QQP pairs are posts of a question and a
remark. The same question may come in another order, with its remark reworded; a different question
differs in one word or in what it asks about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from xstilts_core.examples import PairExample
from xstilts_core.mini.grammar import Sentence, passage
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import (
    altered,
    details,
    question_roles,
    refronted,
    subject_kind,
    without,
)
from xstilts_core.mini.meaning import Event, Joined, persons, settled
from xstilts_core.mini.world import World, is_animal

_PAWS_LABELS = ("0", "1")
_QQP_LABELS = ("different", "duplicate")


@dataclass(frozen=True, slots=True)
class _Paraphrase(Item):
    """Two passages and whether they mean the same; `profile` is how the pair was made."""

    first: tuple[Sentence, ...]
    second: tuple[Sentence, ...]
    label: str
    profile: object

    @property
    def key(self) -> object:
        return (self.first, self.second)

    @property
    def unit(self) -> object:
        return self.first


def _swap_roles(random: Random, first: Event, second: Event) -> tuple[Event, Event] | None:
    """Return the two events with their subjects, places or times swapped; None if no swap changes
    the meaning and makes sense."""
    roles = [name for name in ("place", "time") if getattr(first, name) != getattr(second, name)]
    same_kind = (subject_kind(first) == "animal") == (subject_kind(second) == "animal")
    if same_kind and persons(first).isdisjoint(persons(second)):
        roles += ["subject", "subject"]
    if not roles:
        return None
    role = random.choice(roles)
    first_value, second_value = getattr(first, role), getattr(second, role)
    return settled(replace(first, **{role: second_value})), settled(
        replace(second, **{role: first_value})
    )


def _paws_single(random: Random, world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of one event of two persons: an adjunct moves for both labels, and for one label
    subject and object are swapped."""
    subject = world.person(random)
    verb = world.preference("person_verb", "").draw(random)
    first = world.event(random, subject, place=0.8, time=0.8, negated=0.1, front=0.5, verb=verb)
    moved = refronted(random, first, chance=0.67)
    if moved.front == first.front:
        return
    swapped = replace(moved, subject=first.object, object=first.subject)
    profile = ("one clause", first.front, moved.front)
    for second, label in ((moved, "1"), (swapped, "0")):
        yield _Paraphrase((Sentence(first),), (Sentence(second),), label, profile)


def _paws_joined(random: Random, world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of two clauses, in either order; for one label something is swapped."""
    event, other_event = (
        world.event(random, place=0.55, time=0.45, front=0.0, every=0.0) for _ in range(2)
    )
    if (
        persons(event) & persons(other_event)
        or event.verb == other_event.verb
        or event.negated != other_event.negated
    ):
        return
    reverse = random.random() < 0.6
    fronted = refronted(random, event, 0.0 if reverse else 1.0)
    if not reverse and fronted.front is None:
        return
    first = (Sentence(Joined(event, other_event)),)
    swapped = _swap_roles(random, event, other_event)
    pairs = [((fronted, other_event), "1")] + (
        [((replace(swapped[0], front=None), swapped[1]), "0")] if swapped else []
    )
    for (left, right), label in pairs:
        if not reverse and label == "0":
            left = settled(replace(left, front=fronted.front))
        second = Joined(right, left) if reverse else Joined(left, right)
        yield _Paraphrase(first, (Sentence(second),), label, ("two clauses", reverse))


def _paws_changed(random: Random, world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of one clause in two orders; for one label its place, time or number differs."""
    first = world.event(random, place=0.8, time=0.8, every=0.0)
    moved = refronted(random, first, chance=1.0)
    changed = altered(random, world, moved)
    if moved.front == first.front or changed is None:
        return
    profile = ("changed", first.front, moved.front)
    for second, label in ((moved, "1"), (changed, "0")):
        yield _Paraphrase((Sentence(first),), (Sentence(second),), label, profile)


def _paws_candidates(setting: Setting, random: Random) -> Iterator[_Paraphrase]:
    """Yield PAWS-X pairs: most have the same words in another order; the others have a changed
    detail, as an easier case to learn from."""
    world = setting.world()
    while True:
        yield from random.choices((_paws_single, _paws_joined, _paws_changed), (0.3, 0.35, 0.35))[
            0
        ](random, world)


def _other_question(random: Random, world: World, question: Sentence) -> Sentence | None:
    """Return a question that differs in what it asks about, in a word, or in its subject."""
    event, chance = question.meaning, random.random()
    if chance < 0.3:
        roles = [role for role in question_roles(event) if role != question.ask]
        return Sentence(event, random.choice(roles)) if roles else None
    if chance < 0.6 and question.ask != "subject":
        subject = world.subject(random, every=0.0)
        usable = subject.concept not in persons(event) and (
            is_animal(subject) == (subject_kind(event) == "animal")
        )
        return Sentence(replace(event, subject=subject), question.ask) if usable else None
    if chance < 0.8:
        changed = altered(random, world, event)
        if changed is None or (
            question.ask in ("place", "time")
            and getattr(changed, question.ask) != getattr(event, question.ask)
        ):
            return None
        return (
            Sentence(changed, question.ask)
            if question.ask != "object" or changed.object == event.object
            else None
        )
    changed = world.event(random, event.subject, place=0.6, time=0.6, negated=0.0, front=0.0)
    if changed.verb == event.verb or question.ask not in question_roles(changed):
        return None
    return Sentence(changed, question.ask)


def _reworded(random: Random, event: Event) -> Event:
    """Return the remark in other words, with another front or without a detail."""
    names = details(event)
    return (
        without(event, random.choice(names))
        if names and random.random() < 0.5
        else refronted(random, event, 0.8)
    )


def _qqp_candidates(setting: Setting, random: Random) -> Iterator[_Paraphrase]:
    """Yield pairs of posts of one question and one or two remarks."""
    world = setting.world()
    while True:
        event = world.event(random, place=0.6, time=0.6, negated=0.0, front=0.0, every=0.0)
        roles = question_roles(event)
        if not roles:
            continue
        question = Sentence(event, random.choice(roles))
        remark = world.event(random, negated=0.15)
        if persons(remark) & persons(event) or remark.verb == event.verb:
            continue
        facts = (
            (Sentence(world.fact(random, world.person(random))),) if random.random() < 0.4 else ()
        )
        first = (Sentence(remark), *facts, question)
        reworded_remark = Sentence(_reworded(random, remark))
        other = _other_question(random, world, question)
        question_first = random.random() < 0.5
        for second, label in ((question, "duplicate"), (other, "different")):
            if second is not None:
                yield _Paraphrase(
                    first,
                    (second, reworded_remark) if question_first else (reworded_remark, second),
                    label,
                    (question_first, len(facts)),
                )


def tell(item: _Paraphrase, language: str, domain: str, identity: str) -> PairExample:
    """Return both passages in a language."""
    return PairExample(
        identity,
        passage(item.first, language, domain),
        passage(item.second, language, domain),
        item.label,
    )


PAWSX = Maker(_paws_candidates, tell, _PAWS_LABELS)
QQP = Maker(_qqp_candidates, tell, _QQP_LABELS)
