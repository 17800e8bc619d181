"""Natural language inference: MNLI, SNLI, ANLI and XNLI.

A hypothesis is a clause of the premise after some random edits: words are omitted, generalized,
added, exchanged or taken from the other clause. What the edits were does not matter: `relation`
decides the label from the two meanings, and draws that it cannot decide are discarded. It follows
the co-reference convention of SNLI (Bowman et al. 2015): premise and hypothesis are about the same
occasion, so another place, number or exclusive time contradicts.

Labels are balanced within groups (`maker.Maker`), by `balances` of lexicon/shares.yaml: of equal
length, negation and kind of subject, so that the hypothesis alone says little (Gururangan et al.
2018), of equal word overlap (McCoy et al. 2019), or of both. Entailments add words too (a
generalization, or a detail of what never happens), and the other labels can be made wholly of the
premise's own words: who, where, when, how many and whether at all must be looked up in the right
clause. ANLI always has rivals and is balanced in both.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from xstilts_core.mini.grammar import Passage, Sentence
from xstilts_core.mini.lexicon import (
    ANIMAL_OBJECTS,
    EXCLUSIVE_TIMES,
    RELATED_VERBS,
    STATIVE_VERBS,
    class_of,
    kind_of,
    read_yaml,
)
from xstilts_core.mini.makers.maker import Maker, Pair, Setting, tell_pair
from xstilts_core.mini.makers.variation import (
    ANIMAL,
    INDEFINITE,
    PEOPLE,
    SOMEONE,
    SOMETHING,
    THINGS,
    addable,
    added,
    altered,
    is_impossible,
    refronted,
    weakened,
)
from xstilts_core.mini.meaning import (
    Clause,
    Entity,
    Event,
    Fact,
    Joined,
    clauses,
    persons,
    settled,
    unfronted,
)
from xstilts_core.mini.world import World, drawn, is_animal

LABELS = ("entailment", "neutral", "contradiction")


_SHARES = read_yaml("shares.yaml")["inference"]
_HYPOTHESES = 12
"""Hypotheses that are drawn for a premise."""


# ---- the decision


def relation(premise: tuple[Clause, ...], hypothesis: Clause) -> str | None:
    """Return the label of a hypothesis, or None if readers might differ."""
    jobs = {
        str(clause.value): clause.person
        for clause in premise
        if isinstance(clause, Fact) and clause.attribute == "occupation"
    }
    if isinstance(hypothesis, Event) and hypothesis.subject.concept in jobs:
        if hypothesis.subject.quantifier == "every":
            return None
        hypothesis = replace(hypothesis, subject=jobs[hypothesis.subject.concept])
    labels = {_clause_relation(clause, hypothesis) for clause in premise}
    decided = labels - {"neutral", None}
    if len(decided) == 1:
        return decided.pop()
    return "neutral" if labels == {"neutral"} else None


def _clause_relation(stated: Clause, claimed: Clause) -> str | None:
    """Return the label by one clause alone."""
    if isinstance(stated, Event) and isinstance(claimed, Event):
        return _event_relation(stated, claimed)
    if isinstance(stated, Fact) and isinstance(claimed, Fact):
        if stated.attribute != claimed.attribute or not _is_same(stated.person, claimed.person):
            return "neutral"
        return "entailment" if stated.value == claimed.value else "contradiction"
    works = [clause for clause in (stated, claimed) if getattr(clause, "verb", "") == "work"]
    return None if works else "neutral"


def _event_relation(stated: Event, claimed: Event) -> str | None:
    if stated.verb != claimed.verb:
        pair = {stated.verb, claimed.verb}
        is_unclear = pair in RELATED_VERBS or "sleep" in pair
        return None if is_unclear and _includes(claimed.subject, stated.subject) else "neutral"
    if not _includes(claimed.subject, stated.subject):
        return _other_subject(stated, claimed)
    if not _are_clear(stated.time, claimed.time):
        return None
    is_same = _is_same(stated.subject, claimed.subject)
    aligned = replace(claimed, subject=stated.subject) if is_same else claimed
    if stated.negated:
        if is_same and _follows(aligned, stated):
            return "entailment" if claimed.negated else "contradiction"
        return "neutral"
    if claimed.negated:
        return "contradiction" if _follows(stated, claimed) else "neutral"
    if _follows(stated, claimed):
        return "entailment"
    conflicts = _conflicts(stated, claimed)
    if conflicts:
        agreed = aligned
        for name in conflicts:
            agreed = _copied(agreed, stated, name)
        return "contradiction" if is_same and _follows(stated, agreed) else None
    return "neutral" if _may_be_same(stated.object, claimed.object) else None


def _other_subject(stated: Event, claimed: Event) -> str | None:
    """Return the label of what another subject does; None if it may be the same one."""
    if stated.subject.concept != claimed.subject.concept:
        return "neutral"
    surnames, adjectives = (
        {getattr(event.subject, name) for event in (stated, claimed)}
        for name in ("surname", "adjective")
    )
    if len(surnames) > 1 or (len(adjectives) > 1 and None not in adjectives):
        return None
    same = replace(claimed, subject=stated.subject)
    return "neutral" if _event_relation(stated, same) in ("neutral", "entailment") else None


def _is_same(stated: Entity, claimed: Entity) -> bool:
    """Return whether the claimed noun phrase refers to the stated one: perhaps with less detail."""
    return claimed == stated or (
        claimed.concept not in INDEFINITE
        and claimed.quantifier == stated.quantifier
        and _includes(claimed, stated)
    )


def _includes(general: Entity | None, special: Entity | None) -> bool:
    """Return whether whatever the special noun phrase names is also called by the general one."""
    if general is None or special is None:
        return general is special
    match general.concept:
        case "someone":
            return kind_of(special.concept) in PEOPLE or special == SOMEONE
        case "animal":
            return is_animal(special)
        case "something":
            return class_of(special.concept) in THINGS or special in (SOMETHING, ANIMAL)
    return (
        general.concept == special.concept
        and general.quantifier in ("a", special.quantifier)
        and all(
            getattr(general, name) in (None, getattr(special, name))
            for name in ("surname", "adjective", "number")
        )
    )


def _follows(stated: Event, claimed: Event) -> bool:
    """Return whether an event follows from another of the same verb, both taken as positive."""
    return (
        _includes(claimed.subject, stated.subject)
        and _includes(claimed.object, stated.object)
        and claimed.place in (None, stated.place)
        and claimed.time in (None, stated.time)
    )


def _conflicts(stated: Event, claimed: Event) -> list[str]:
    """Return the details of which both events state another: they exclude each other."""
    numbers = [event.object and event.object.number for event in (stated, claimed)]
    values = {
        "place": (stated.place, claimed.place),
        "time": (stated.time, claimed.time),
        "number": numbers,
    }
    differing = [name for name, (old, new) in values.items() if old and new and old != new]
    return [name for name in differing if name != "time" or _exclude(*values["time"])]


def _exclude(first: str | None, second: str | None) -> bool:
    return first != second and any({first, second} <= set(times) for times in EXCLUSIVE_TIMES)


def _are_clear(first: str | None, second: str | None) -> bool:
    """Return whether two times exclude each other, or one clearly leaves the other open: "today"
    and "now" do not, nor do "before lunch" and "in the morning"."""
    if first is None or second is None or first == second or _exclude(first, second):
        return True
    days = set(EXCLUSIVE_TIMES[1])
    others = {time for times in EXCLUSIVE_TIMES for time in times} - days
    return len({first, second} & days) == len({first, second} & others) == 1


def _may_be_same(stated: Entity | None, claimed: Entity | None) -> bool:
    """Return whether a claimed object may be the stated one, without a number of its own."""
    if stated is None or claimed is None:
        return stated is claimed
    if _includes(claimed, stated) or stated.concept in INDEFINITE:
        return True
    return (
        stated.concept == claimed.concept
        and claimed.number in (None, stated.number)
        and claimed.surname in (None, stated.surname)
        and None in (stated.adjective, claimed.adjective)
    )


# ---- hypotheses


def _copied(event: Event, other: Event, role: str) -> Event | None:
    """Return the event with the subject, place, time or number of another one."""
    if role != "number":
        return replace(event, **{role: getattr(other, role)})
    objects = (event.object, other.object)
    if any(goal is None or class_of(goal.concept) not in ("thing", "animal") for goal in objects):
        return None
    return replace(event, object=replace(event.object, number=other.object.number))


def _edited(world: World, event: Event, rest: list[Clause]) -> Event | None:
    """Return the event after one random edit; None if it does not apply."""
    random = world.random
    goal = event.object
    events = [clause for clause in rest if isinstance(clause, Event)]
    match drawn(random, _SHARES["edits"]):
        case "omit":
            return weakened(random, event)
        case "omit surname":
            return replace(event, subject=replace(event.subject, surname=None))
        case "negate":
            return replace(event, negated=not event.negated)
        case "rival" if events:
            role = random.choice(("subject", "subject", "place", "time", "number"))
            return _copied(event, random.choice(events), role)
        case "add":
            ways = [way for way in addable(world, event) if way != "number"]
            return added(world, event, random.choice(ways)) if ways else None
        case "alter":
            return altered(world, event)
        case "exchange" if goal and kind_of(goal.concept) == "name":
            return replace(event, subject=goal, object=event.subject)
        case "subject":
            return replace(event, subject=world.subject())
        case "verb":
            return world.event("other_verb", event.subject)
        case "job":
            facts = [clause for clause in rest if isinstance(clause, Fact)]
            jobs = [fact.value for fact in facts if fact.attribute == "occupation"]
            return replace(event, subject=Entity(random.choice(jobs))) if jobs else None
    return None


def _is_sensible(world: World, event: Event) -> bool:
    """Return whether a speaker would say this: who can do it, where, and no "someone never"."""
    subject, goal = event.subject, event.object
    nouns = {subject.concept, goal.concept if goal else None}
    if event.negated and (subject.quantifier == "every" or not nouns.isdisjoint(INDEFINITE)):
        return False
    if is_impossible(event) or (goal and goal.concept == subject.concept):
        return False
    if event.verb in STATIVE_VERBS and (event.place or event.time):
        return False
    kind = "animal_place" if is_animal(subject) else "place"
    if event.place and event.place not in world.preference(kind, event.verb).items:
        return False
    eaten = ANIMAL_OBJECTS.get(event.verb) if is_animal(subject) else None
    if goal and eaten and goal.concept not in (*eaten, *INDEFINITE):
        return False
    return event.verb in world.preference("verb", subject.concept).items


def _event_hypothesis(world: World, clause: Event, rest: list[Clause]) -> Event | None:
    """Return a clause of the premise after up to three edits."""
    goal: Event | None = clause
    for _ in range(world.random.choice((0, 1, 1, 2, 2, 3))):
        goal = goal and _edited(world, goal, rest)
    if goal is None or not _is_sensible(world, goal):
        return None
    goal = refronted(world.random, settled(goal))
    return None if goal == clause else goal


def _fact_hypothesis(world: World, fact: Fact, rest: list[Clause]) -> Fact | None:
    """Return the fact about the person of another clause, with another's value, or unchanged."""
    random = world.random
    facts = [clause for clause in rest if isinstance(clause, Fact)]
    chance = random.random()
    if chance < 0.4:
        return replace(fact, person=replace(fact.person, surname=None))
    if chance < 0.7 and facts:
        other = random.choice(facts)
        if random.random() < 0.5:
            return replace(fact, person=other.person)
        return replace(other, person=fact.person)
    subjects = [clause.subject for clause in rest if isinstance(clause, Event)]
    people = [entity for entity in subjects if kind_of(entity.concept) == "name"]
    return replace(fact, person=random.choice(people)) if people else None


# ---- premises


def _draw_premise(world: World, task: str) -> Passage | None:
    """Draw a task's premise: SNLI: one event (a caption); MNLI and XNLI: one or two clauses, in one
    sentence or two; ANLI: three clauses in two sentences, two of them events with rival subjects.
    Return None if the draw fails."""
    parts = _premise_clauses(world, drawn(world.random, _SHARES["shapes"][task]))
    if parts and (len(parts) > 2 or (len(parts) == 2 and world.random.random() < 0.5)):
        *before, first, second = parts
        link = "but" if world.random.random() < 0.3 else "and"
        parts = (*before, Joined(unfronted(first), unfronted(second), link))
    return parts and tuple(map(Sentence, parts))


def _premise_clauses(world: World, shape: str) -> list[Clause] | None:
    """Draw the clauses of a kind of premise, about different persons except for a person's own
    fact; None if the draw fails."""
    first = _draw_event(world)
    person = first.subject if kind_of(first.subject.concept) == "name" else None
    fact = world.fact(person)
    if shape == "event":
        return [first]
    if shape == "fact and event":
        return [fact, first] if fact.value != first.subject.concept else None
    if shape == "facts":
        attribute = fact.attribute if world.random.random() < 0.5 else None
        exclude = frozenset((fact.person.concept,))
        other = world.fact(world.person(exclude=exclude), attribute)
        return [fact, other] if fact.value != other.value else None
    second = _rival(world, first)
    if second is None or first.subject.concept in INDEFINITE:
        return None
    if shape == "events":
        return [first, second]
    jobs = {first.subject.concept, second.subject.concept}
    is_clear = fact.person.concept not in persons(second) and fact.value not in jobs
    return [fact, first, second] if is_clear else None


def _rival(world: World, first: Event) -> Event | None:
    """Draw an event with another subject, often with the first one's verb or object."""
    second = _draw_event(world)
    if world.random.random() < 0.4:
        second = replace(second, verb=first.verb, object=first.object)
        if first.object and class_of(first.object.concept) == "thing":
            second = added(world, second, "number")
        if world.random.random() < 0.7:
            second = added(world, second, "place")
        if not _is_sensible(world, second):
            return None
    clash = persons(first) & persons(second)
    if second.object and second.object == first.object:
        clash -= {second.object.concept}
    return None if clash else settled(second)


def _draw_event(world: World) -> Event:
    """Draw an event, sometimes negated, and occasionally with the subject "someone" or "an
    animal" or the object "something"."""
    chance = world.random.random()
    subject = SOMEONE if chance < 0.08 else world.subject() if chance < 0.94 else ANIMAL
    is_definite = subject.concept not in INDEFINITE and subject.quantifier == "a"
    event = world.event("premise" if is_definite else "premise_of_anyone", subject)
    goal = event.object
    if goal and class_of(goal.concept) in ("thing", "mass") and world.random.random() < 0.1:
        return replace(event, object=SOMETHING, negated=False)
    return event


# ---- items


@dataclass(frozen=True, slots=True)
class _Inference(Pair):
    """A premise of one or two sentences, a hypothesis of one, and their relation. balance: what is
    balanced among the premise's hypotheses."""

    balance: str

    @property
    def profile(self) -> object:
        """What a label must not depend on, by `balance`: the words in common with the premise,
        and the structure that is visible from the hypothesis alone."""
        parts = _clauses(self.first)
        stated = sum((_words(clause) for clause in parts), Counter())
        (clause,) = _clauses(self.second)
        claimed = _words(clause)
        length = claimed.total()
        overlap = (length, (stated & claimed).total())
        if self.balance == "overlap":
            return (len(parts), overlap)
        structure = (
            (clause.attribute,)
            if isinstance(clause, Fact)
            else (
                clause.negated,
                clause.subject.concept in INDEFINITE,
                clause.subject.quantifier,
                clause.object in (SOMETHING, ANIMAL),
            )
        )
        if self.balance == "coarse":
            return (structure, length > overlap[1])
        return (len(parts), structure, overlap if self.balance == "both" else length)


def _clauses(sentences: Passage) -> tuple[Clause, ...]:
    return tuple(clause for sentence in sentences for clause in clauses(sentence.meaning))


def _words(clause: Clause) -> Counter[str]:
    """Return the words of a clause that have a meaning, in no language."""
    if isinstance(clause, Fact):
        words = [clause.person.concept, clause.person.surname, clause.attribute, str(clause.value)]
    else:
        words = [clause.verb, clause.place, clause.time, clause.negated and "never"]
        for entity in filter(None, (clause.subject, clause.object)):
            every = entity.quantifier == "every" and "every"
            number = entity.number and str(entity.number)
            words += [entity.concept, entity.surname, entity.adjective, number, every]
    return Counter(filter(None, words))


def _draw(setting: Setting, world: World) -> Iterator[_Inference]:
    """Yield a premise with hypotheses whose label can be decided."""
    sentences = _draw_premise(world, setting.task)
    if sentences is None:
        return
    premise = _clauses(sentences)
    balance = drawn(world.random, _SHARES["balances"][setting.task])
    for _ in range(_HYPOTHESES):
        clause = world.random.choice(premise)
        rest = [other for other in premise if other is not clause]
        change = _event_hypothesis if isinstance(clause, Event) else _fact_hypothesis
        goal = change(world, clause, rest)
        label = goal and relation(premise, goal)
        if label:
            yield _Inference(sentences, (Sentence(goal),), label, balance)


MAKERS = dict.fromkeys(_SHARES["balances"], Maker(_draw, tell_pair, LABELS))
