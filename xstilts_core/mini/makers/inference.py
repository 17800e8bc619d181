"""Natural language inference: MNLI, SNLI, ANLI and XNLI.

A hypothesis is derived from one clause of the premise by operations whose effect on truth is known.
Labels follow the co-reference convention of SNLI (Bowman et al. 2015): premise and hypothesis are
about the same occasion, so another place, number or exclusive time contradicts. The kind of subject
and the number of details of the hypothesis are the same for all three labels, group by group
(`maker.balanced`). Negation is more frequent in contradictions, as in the real MNLI, where the
hypothesis alone gives an accuracy of about 54 % (Gururangan et al. 2018); the report shows the
figure for this suite. ANLI has no such cue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from xstilts_core.examples import PairExample
from xstilts_core.mini.grammar import Sentence, passage
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import (
    ANIMAL,
    INDEFINITE,
    SOMEONE,
    SOMETHING,
    addable,
    added,
    altered,
    details,
    is_impossible,
    refronted,
    strengthened,
    subject_kind,
    weakened,
    without,
)
from xstilts_core.mini.meaning import (
    Entity,
    Event,
    Fact,
    Joined,
    clauses,
    persons,
    same_clause,
    unfronted,
)
from xstilts_core.mini.world import ATTRIBUTES, World, is_animal

LABELS = ("entailment", "neutral", "contradiction")

_RIVALS = {"anli": 1.0, "mnli": 0.15, "xnli": 0.15, "snli": 0.0}
"""Probability that a hypothesis takes its wrong subject, place or time from the other clause, so
that every word occurs in the premise."""
_FACT_SKIPPED = 0.75
"""Share of draws about facts that are skipped: facts make simpler hypotheses than events."""


@dataclass(frozen=True, slots=True)
class _Inference(Item):
    """A premise of one or two sentences, a hypothesis of one, and their relation."""

    premise: tuple[Sentence, ...]
    hypothesis: Sentence
    label: str
    adversarial: bool = False

    @property
    def key(self) -> object:
        return (self.premise, self.hypothesis)

    @property
    def profile(self) -> object:
        """The structure that is visible from the hypothesis alone."""
        clause = self.hypothesis.meaning
        if isinstance(clause, Fact):
            return clause.attribute
        kind = subject_kind(clause)
        return (
            clause.negated if self.adversarial else None,
            kind if kind in ("name", "someone") else clause.subject.quantifier,
            clause.object in (SOMETHING, ANIMAL),
            min(len(details(clause)), 2),
        )


def contradicted(
    random: Random, world: World, event: Event, rival: Event | None = None
) -> Event | None:
    """Return a hypothesis that the event contradicts."""
    if event.negated:
        goal = (
            strengthened(random, world, event, random.choice((0, 0, 1)))
            if random.random() < 0.8
            else event
        )
        return goal and replace(goal, negated=False)
    if random.random() < 0.75:
        return replace(
            weakened(
                random, replace(event, negated=True), random.choice((0, 0, 1)), whole_subject=True
            ),
            negated=True,
        )
    changed = altered(random, world, event, rival)
    if changed is None:
        return None
    weak = weakened(random, changed, random.choice((0, 0, 1)), whole_subject=True)
    names = [name for name in ("place", "time") if getattr(changed, name) != getattr(event, name)]
    if changed.object != event.object:
        return weak if weak.object == changed.object else None
    return weak if all(getattr(weak, name) == getattr(changed, name) for name in names) else None


def undecided(
    random: Random,
    world: World,
    event: Event,
    rival: Event | None = None,
    stated_verbs: frozenset[str] = frozenset(),
) -> Event | None:
    """Return a hypothesis that the event neither entails nor contradicts.

    stated_verbs: verbs about which the premise states more.
    """
    chance = random.random()
    # "Someone" would make the hypothesis true: the rival must be somebody in particular, and of a
    # kind that can do the same.
    is_usable_rival = (
        rival is not None
        and rival.subject.concept not in INDEFINITE
        and is_animal(rival.subject) == is_animal(event.subject)
    )
    if is_usable_rival and chance < 0.5 and rival.subject != event.subject:
        goal = weakened(
            random, replace(event, subject=rival.subject), random.choice((0, 1)), whole_subject=True
        )
        return goal if goal.object is None or goal.object.concept != goal.subject.concept else None
    if chance < 0.35:
        return _loosened(random, event) if event.negated else _enriched(random, world, event)
    if chance < 0.65:
        other = world.subject(random)
        if other.concept == event.subject.concept or (
            event.object and other.concept == event.object.concept
        ):
            return None
        if is_animal(other) != is_animal(event.subject):
            return None
        goal = weakened(
            random, replace(event, subject=other), random.choice((0, 1)), whole_subject=True
        )
        return replace(
            goal, negated=random.random() < 0.15 and goal.object not in (SOMETHING, ANIMAL)
        )
    goal = world.event(random, event.subject, place=0.5, time=0.5, negated=0.15)
    return goal if goal.verb != event.verb and goal.verb not in stated_verbs else None


def _loosened(random: Random, event: Event) -> Event | None:
    """Generalize a negated event: elsewhere or at another time it may or may not happen."""
    loose = weakened(random, event, random.choice((1, 1, 2)), whole_subject=True)
    return (
        replace(loose, negated=random.random() < 0.3)
        if unfronted(loose) != unfronted(event)
        else None
    )


def _enriched(random: Random, world: World, event: Event) -> Event | None:
    """Add details to an event: what happens may or may not happen at this place and time."""
    ways = addable(world, event)
    if not ways:
        return None
    way = random.choice(ways)
    rich = added(random, world, event, way)
    for name in details(event):
        if random.random() < 0.4:
            rich = without(rich, name)
    if random.random() < 0.3 and subject_kind(event) in ("name", "occupation"):
        rich = replace(rich, subject=SOMEONE)
    return replace(rich, negated=rich.subject != SOMEONE and random.random() < 0.15)


def _derive(
    random: Random,
    world: World,
    clause: Event,
    rest: tuple[Event | Fact, ...],
    label: str,
    rivals: bool,
) -> Event | None:
    """Derive a hypothesis about `clause` with the label, which the `rest` of the premise does not
    change; None if the draw fails."""
    others = [other for other in rest if isinstance(other, Event)]
    rival = others[0] if rivals and others else None
    if label == "entailment":
        goal = (
            strengthened(random, world, clause, 1)
            if clause.negated
            else weakened(random, clause, random.choice((1, 1, 2)))
        )
    elif label == "contradiction":
        goal = contradicted(random, world, clause, rival)
    else:
        stated_verbs = frozenset(other.verb for other in others) | (
            {"work"} if any(isinstance(other, Fact) for other in rest) else frozenset()
        )
        goal = undecided(random, world, clause, rival, stated_verbs)
    jobs = [
        other.value
        for other in rest
        if isinstance(other, Fact)
        and other.attribute == "occupation"
        and other.person == clause.subject
    ]
    if goal is None or (label == "neutral" and goal.subject.concept in jobs):
        return None
    if jobs and goal.subject == clause.subject and random.random() < 0.6:
        # The hypothesis names the person by the occupation that the premise states; another
        # occupation makes it undecided.
        if label == "neutral" and random.random() < 0.4:
            jobs = [job for job in world.occupations if job != jobs[0]]
        goal = replace(goal, subject=Entity(random.choice(jobs)))
    if goal.negated and goal.subject.quantifier == "every":
        goal = replace(goal, subject=replace(goal.subject, quantifier="a"))
    if same_clause(goal, clause) or is_impossible(goal):
        return None
    return refronted(random, goal)


def _fact_hypothesis(
    random: Random, world: World, fact: Fact, facts: tuple[Fact, ...], label: str
) -> Fact | None:
    """Return the fact itself, another value of it, or another person's fact or another attribute of
    the same person."""
    if label == "entailment":
        return fact
    if label == "contradiction":
        value = world.value(random, fact.attribute)
        return replace(fact, value=value) if value != fact.value else None
    if random.random() < 0.5:
        return replace(
            fact,
            person=world.person(random, exclude=frozenset(other.person.concept for other in facts)),
        )
    free = [
        name
        for name in ATTRIBUTES
        if name not in {other.attribute for other in facts if other.person == fact.person}
    ]
    return world.fact(random, fact.person, random.choice(free))


def _draw_premise(random: Random, world: World, task: str) -> tuple[Sentence, ...]:
    """Draw a task's premise. SNLI: one rich event (a caption). MNLI: two clauses, or a fact and an
    event, in one sentence or two. XNLI: the same kinds, with more single events. ANLI: three
    clauses in two sentences, two of them events with rival subjects."""
    first = _draw_event(random, world)
    if task == "snli" or random.random() < {"mnli": 0.6, "xnli": 0.75, "anli": 0.0}[task]:
        return (Sentence(first),)
    if task != "anli" and random.random() < 0.45:
        person = first.subject if subject_kind(first) == "name" else world.person(random)
        second = world.fact(random, person)
        pair = (second, first)
    else:
        second = _draw_event(random, world)
        if (
            persons(first) & persons(second)
            or first.verb == second.verb
            or subject_kind(first) in INDEFINITE.values()
        ):
            return _draw_premise(random, world, task)
        pair = (first, second)
    link = "but" if random.random() < 0.3 else "and"
    joined = task == "anli" or random.random() < (0.7 if task == "mnli" else 0.4)
    sentences = (
        (Sentence(Joined(*(unfronted(clause) for clause in pair), link)),)
        if joined
        else tuple(map(Sentence, pair))
    )
    if task == "anli":
        fact = world.fact(random, first.subject if subject_kind(first) == "name" else None)
        return (
            (Sentence(fact), *sentences)
            if fact.person.concept not in persons(second)
            else _draw_premise(random, world, task)
        )
    return sentences


def _draw_event(random: Random, world: World) -> Event:
    """Draw an event with many details, sometimes negated, and occasionally with the subject
    "someone" or "an animal"."""
    chance = random.random()
    subject = SOMEONE if chance < 0.08 else world.subject(random) if chance < 0.94 else ANIMAL
    event = world.event(random, subject, place=0.55, time=0.5, negated=0.15)
    return (
        replace(event, negated=False)
        if subject == ANIMAL or subject.quantifier == "every"
        else event
    )


def candidates(setting: Setting, random: Random) -> Iterator[_Inference]:
    """Yield endless premises with a hypothesis for each label that can be drawn."""
    world = setting.world()
    while True:
        sentences = _draw_premise(random, world, setting.task)
        premise_clauses = tuple(
            clause for sentence in sentences for clause in clauses(sentence.meaning)
        )
        clause = random.choice(premise_clauses)
        if isinstance(clause, Fact) and random.random() < _FACT_SKIPPED:
            continue
        for label in LABELS:
            if isinstance(clause, Fact):
                facts = tuple(other for other in premise_clauses if isinstance(other, Fact))
                goal = _fact_hypothesis(random, world, clause, facts, label)
            else:
                rest = tuple(other for other in premise_clauses if other is not clause)
                goal = _derive(
                    random, world, clause, rest, label, random.random() < _RIVALS[setting.task]
                )
            if goal is not None:
                yield _Inference(sentences, Sentence(goal), label, setting.task == "anli")


def tell(item: _Inference, language: str, domain: str, identity: str) -> PairExample:
    """Return premise and hypothesis in a language."""
    return PairExample(
        identity,
        passage(item.premise, language, domain),
        passage((item.hypothesis,), language, domain),
        item.label,
    )


MAKER = Maker(candidates, tell, LABELS)
