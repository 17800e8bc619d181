"""Paraphrase: QQP (do two posts ask the same?) and PAWS-X (same words, same meaning?).

PAWS-X pairs have the same words: only their order can tell (Zhang et al. 2019). In paraphrases
("1"), an adjunct moves to the front or two clauses change places; in the others ("0"), subject and
object are swapped besides, or a role between two clauses. A pair of each label comes from the same
draw, and either of the two could have been drawn first: neither the number of shared words nor the
second text alone says anything.

QQP pairs are posts of a question and a remark that change places, and a different question swaps
subject and object.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xstilts_core.mini.grammar import Passage, Sentence
from xstilts_core.mini.makers.maker import Maker, Pair, Setting, tell_pair
from xstilts_core.mini.makers.variation import refronted
from xstilts_core.mini.meaning import Entity, Event, Joined, persons
from xstilts_core.mini.world import World

_ROLES = ("subject", "object", "place", "time")
_LINKS = ("and", "but", "")
"""Between two clauses; nothing makes two sentences of them."""


@dataclass(frozen=True, slots=True)
class _Paraphrase(Pair):
    """Two passages and whether they mean the same; `profile` is how the pair was made."""

    profile: object


def _actor(world: World, exclude: frozenset[str] = frozenset()) -> Entity:
    """Draw a named person or someone of an occupation, who is none of `exclude`."""
    if world.random.random() < 0.6:
        return world.person(exclude=exclude)
    jobs = [job for job in world.occupations if job not in exclude]
    return Entity(world.random.choice(jobs))


def _encounter(world: World, use: str) -> Event:
    """Draw what one person does to another, which also makes sense the other way round."""
    verb, subject = world.draw("person_verb", ""), _actor(world)
    event = world.event(use, subject, verb)
    return replace(event, object=_actor(world, frozenset((subject.concept,))))


def _turned(event: Event) -> Event:
    """Return the event with subject and object swapped."""
    return replace(event, subject=event.object, object=event.subject)


def _told(clauses: Sequence[Event], link: str) -> Passage:
    """Return two clauses as one sentence with a conjunction, or without one as two sentences."""
    if link == "":
        return tuple(map(Sentence, clauses))
    return (Sentence(Joined(*clauses, link)),)


def _paws_single(world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of one clause: an adjunct moves for both labels, and for one label subject and
    object are swapped."""
    first = refronted(world.random, _encounter(world, "pawsx"), 0.5)
    moved = refronted(world.random, first, 0.6)
    if moved.front == first.front:
        return
    profile = ("one clause", first.front, moved.front)
    for second, label in ((moved, "1"), (_turned(moved), "0")):
        yield _Paraphrase((Sentence(first),), (Sentence(second),), label, profile)


def _paws_company(world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of a clause beside one of an animal, which change places for both labels; for one
    label subject and object are swapped."""
    random = world.random
    animal = Entity(random.choice(world.animals))
    event = _encounter(world, "joined_pawsx")
    other = world.event("beside_pawsx", animal)
    if other.verb == event.verb or persons(other) & persons(event):
        return
    link, order = random.choice(_LINKS), random.choice((1, -1))
    first = _told((event, other)[::order], link)
    for second, label in ((event, "1"), (_turned(event), "0")):
        reordered = _told((other, second)[::order], link)
        yield _Paraphrase(first, reordered, label, ("in company", link, order))


def _paws_couple(world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of two clauses of two persons each, which change places for both labels; for one
    label they swap their subjects, objects, places or times."""
    random = world.random
    couple = _encounter(world, "joined_pawsx"), _encounter(world, "joined_pawsx")
    left, right = couple
    if persons(left) & persons(right) or left.verb == right.verb or left.negated or right.negated:
        return
    role = random.choice([name for name in _ROLES if getattr(left, name) != getattr(right, name)])
    swapped = (
        replace(left, **{role: getattr(right, role)}),
        replace(right, **{role: getattr(left, role)}),
    )
    if random.random() < 0.5:  # so that a usual place of a verb is no sign of either label
        couple, swapped = swapped, couple
    link = random.choice(_LINKS)
    for second, label in ((couple, "1"), (swapped, "0")):
        yield _Paraphrase(
            _told(couple, link), _told(second[::-1], link), label, ("two clauses", link, role)
        )


def _paws(setting: Setting, world: World) -> Iterator[_Paraphrase]:
    """Yield PAWS-X pairs; those of two persons in two clauses are the hardest, and the rarest."""
    kinds = (_paws_single, _paws_company, _paws_couple)
    return world.random.choices(kinds, (0.7, 0.2, 0.1))[0](world)


def _qqp(setting: Setting, world: World) -> Iterator[_Paraphrase]:
    """Yield pairs of posts whose question and remark change places; for one label the question
    swaps subject and object."""
    random = world.random
    event = _encounter(world, "qqp")
    roles = [name for name in ("place", "time") if getattr(event, name) is not None]
    remark = world.event("remark_qqp")
    alike = persons(remark) & persons(event) or remark.verb == event.verb
    if event.negated or not roles or alike:
        return
    role, order = random.choice(roles), random.choice((1, -1))
    first = (Sentence(remark), Sentence(event, role))[::order]
    reworded = Sentence(refronted(random, remark, 0.4))
    for asked, label in ((event, "duplicate"), (_turned(event), "different")):
        second = (Sentence(asked, role), reworded)[::order]
        yield _Paraphrase(first, second, label, (role, order))


MAKERS = {
    "pawsx": Maker(_paws, tell_pair, ("0", "1")),
    "qqp": Maker(_qqp, tell_pair, ("different", "duplicate")),
}
