"""Operations on events with a known effect on truth (omit, add, change or generalize a detail), and
what can be asked about an event."""

from dataclasses import replace
from random import Random

from xstilts_core.mini.lexicon import (
    EXCLUSIVE_TIMES,
    STATIVE_VERBS,
    TIMES_WITHOUT_NEVER,
    class_of,
    kind_of,
)
from xstilts_core.mini.meaning import Entity, Event, settled
from xstilts_core.mini.world import World, is_animal

INDEFINITE = ("someone", "something", "animal")
SOMEONE, SOMETHING, ANIMAL = map(Entity, INDEFINITE)
PEOPLE, THINGS = ("name", "occupation"), ("thing", "mass", "animal")


def question_roles(event: Event) -> list[str]:
    """Return the roles that a question about the event can ask for. Animals and indefinites cannot
    answer "who"."""
    is_person = kind_of(event.subject.concept) in PEOPLE and event.subject.quantifier == "a"
    roles = [name for name in ("object", "place", "time") if getattr(event, name) is not None]
    return ["subject", *roles] if is_person else roles


def asked_about(random: Random, event: Event, role: str, dropped: float = 0.5) -> Event:
    """Return the event that a question about a role states, with nothing fronted: places and times
    that are not asked for are left out at random, with probability `dropped`."""
    for name in ("place", "time"):
        if name != role and random.random() < dropped:
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
    adjuncts = () if event.verb in STATIVE_VERBS else ("place", "time")
    names = [name for name in adjuncts if getattr(event, name) is None]
    goal = event.object
    if goal is not None and class_of(goal.concept) in THINGS:
        if goal.adjective is None and world.preference("adjective", goal.concept).items:
            names.append("adjective")
        if goal.number is None and class_of(goal.concept) != "mass":
            names.append("number")
    return names


def added(world: World, event: Event, detail: str) -> Event:
    """Return the event with one more detail, drawn from the world."""
    if detail == "place":
        return replace(event, place=world.place(event.verb, event.subject))
    key = event.verb if detail == "time" else event.object.concept
    value = world.draw(detail, key)
    return _with_detail(event, detail, int(value) if detail == "number" else value)


def weakened(random: Random, event: Event) -> Event:
    """Return an event that follows from a positive one, without a detail or with a more general
    noun."""
    subject, goal, targets = event.subject, event.object, details(event)
    if not event.negated and goal and class_of(goal.concept) in THINGS:
        targets.append("object")
    if kind_of(subject.concept) in (*PEOPLE, "animal"):
        targets.append("subject")
    if subject.quantifier == "every":
        targets.append("every")
    if not targets:
        return event
    match random.choice(targets):
        case "object":
            animal = class_of(goal.concept) == "animal" and random.random() < 0.7
            return replace(event, object=ANIMAL if animal else SOMETHING)
        case "subject":
            return replace(event, subject=ANIMAL if is_animal(subject) else SOMEONE)
        case "every":
            return replace(event, subject=replace(subject, quantifier="a"))
        case detail:
            return without(event, detail)


def altered(world: World, event: Event) -> Event | None:
    """Return the event with a detail that excludes the old one: another place, number or exclusive
    time."""
    ways = [name for name in ("place", "time", "number") if name in details(event)]
    if not ways:
        return None
    way = world.random.choice(ways)
    if way == "place":
        moved = added(world, event, "place")
        return moved if moved != event else None
    if way == "number":
        others = [value for value in range(2, 8) if value != event.object.number]
    else:
        group = next((times for times in EXCLUSIVE_TIMES if event.time in times), ())
        others = [time for time in group if time != event.time]
    return _with_detail(event, way, world.random.choice(others)) if others else None
