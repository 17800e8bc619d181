"""Operations on events with a known effect on truth (omit, add, change or generalize a detail), and
what can be asked about an event."""

from dataclasses import replace
from random import Random

from xstilts_core.mini.lexicon import EXCLUSIVE_TIMES, STATIVE_VERBS, TIMES_WITHOUT_NEVER, class_of
from xstilts_core.mini.meaning import Entity, Event, settled
from xstilts_core.mini.world import World, is_animal

SOMEONE, SOMETHING, ANIMAL = Entity("someone"), Entity("something"), Entity("animal")
INDEFINITE = {"someone": "someone", "animal": "some animal"}
_THINGS = ("thing", "mass", "animal")


def subject_kind(event: Event) -> str:
    """Return the class of the subject's concept; indefinites are their own kind."""
    concept = event.subject.concept
    if concept in INDEFINITE:
        return INDEFINITE[concept]
    kind = class_of(concept)
    return "name" if kind in ("name_f", "name_m") else kind


def question_roles(event: Event) -> list[str]:
    """Return the roles that a question about the event can ask for. Animals and indefinites cannot
    answer "who"."""
    is_person = subject_kind(event) in ("name", "occupation") and event.subject.quantifier == "a"
    roles = [name for name in ("object", "place", "time") if getattr(event, name) is not None]
    return ["subject", *roles] if is_person else roles


def asked_about(random: Random, event: Event, role: str) -> Event:
    """Return the event that a question about a role states, with nothing fronted: places and times
    that are not asked for are left out at random."""
    for name in ("place", "time"):
        if name != role and random.random() < 0.5:
            event = replace(event, **{name: None})
    return replace(event, front=None)


def refronted(random: Random, event: Event, chance: float = 0.25) -> Event:
    """Return the event with another random choice of the fronted adjunct."""
    fronted = random.choice(("place", "time")) if random.random() < chance else None
    return settled(replace(event, front=fronted))


def is_impossible(event: Event) -> bool:
    """Return whether "never" contradicts the event's time ("never today")."""
    return event.negated and event.time in TIMES_WITHOUT_NEVER


def details(event: Event) -> list[str]:
    """Return the details that can be omitted without changing who does what."""
    goal = event.object
    present = {
        "place": event.place,
        "time": event.time,
        "adjective": goal and goal.adjective,
        "number": goal and goal.number,
        "subject_adjective": event.subject.adjective,
    }
    return [name for name, value in present.items() if value]


def _with_detail(event: Event, detail: str, value: str | int | None) -> Event:
    """Return the event with another value of a detail, or with None without it."""
    if detail in ("place", "time"):
        return replace(event, **{detail: value})
    if detail == "subject_adjective":
        return replace(event, subject=replace(event.subject, adjective=value))
    return replace(event, object=replace(event.object, **{detail: value}))


def without(event: Event, detail: str) -> Event:
    """Return the event without one detail."""
    return settled(_with_detail(event, detail, None))


def addable(world: World, event: Event) -> list[str]:
    """Return the details that the event lacks and could have."""
    names = [
        name
        for name in ("place", "time")
        if getattr(event, name) is None and event.verb not in STATIVE_VERBS
    ]
    goal = event.object
    if goal is not None and class_of(goal.concept) in _THINGS:
        if goal.adjective is None and world.choices("adjective", goal.concept):
            names.append("adjective")
        if goal.number is None and class_of(goal.concept) != "mass":
            names.append("number")
    return names


def added(random: Random, world: World, event: Event, detail: str) -> Event:
    """Return the event with one more detail, drawn from the world."""
    if detail == "place":
        return replace(event, place=world.place(random, event.verb, event.subject))
    key = event.verb if detail == "time" else event.object.concept
    value = world.preference(detail, key).draw(random)
    return _with_detail(event, detail, int(value) if detail == "number" else value)


def weakened(random: Random, event: Event, steps: int, whole_subject: bool = False) -> Event:
    """Return a positive event that follows from a positive one, by omitting details and
    generalizing nouns. `whole_subject` keeps the subject."""
    for _ in range(steps):
        targets = details(event)
        if not event.negated and event.object and class_of(event.object.concept) in _THINGS:
            targets.append("object")
        if not whole_subject and subject_kind(event) in ("name", "occupation", "animal"):
            targets.append("subject")
        if not whole_subject and event.subject.quantifier == "every":
            targets.append("every")
        if not targets:
            break
        target = random.choice(targets)
        if target == "object":
            animal = class_of(event.object.concept) == "animal" and random.random() < 0.7
            event = replace(event, object=ANIMAL if animal else SOMETHING)
        elif target == "subject":
            event = replace(event, subject=ANIMAL if is_animal(event.subject) else SOMEONE)
        elif target == "every":
            event = replace(event, subject=replace(event.subject, quantifier="a"))
        else:
            event = without(event, target)
    return event


def strengthened(random: Random, world: World, event: Event, steps: int) -> Event | None:
    """Return a negated event that follows from a negated one: what never happens does not happen at
    a particular place or time either."""
    for step in range(steps):
        names = addable(world, event)
        if not names:
            return event if step else None
        event = added(random, world, event, random.choice(names))
    return event


def altered(random: Random, world: World, event: Event, rival: Event | None = None) -> Event | None:
    """Return the event with a detail that excludes the old one: another place, number or exclusive
    time (the rival's if it fits)."""
    ways = [name for name in ("place", "time", "number") if name in details(event)]
    if not ways:
        return None
    way = random.choice(ways)
    if way == "number":
        others = [value for value in range(2, 8) if value != event.object.number]
    elif way == "place":
        stated = rival.place if rival is not None else None
        place = stated or world.place(random, event.verb, event.subject)
        return replace(event, place=place) if place != event.place else None
    else:
        group = next((times for times in EXCLUSIVE_TIMES if event.time in times), ())
        others = [time for time in group if time != event.time]
        if rival is not None and rival.time in others:
            return replace(event, time=rival.time)
    return _with_detail(event, way, random.choice(others)) if others else None
