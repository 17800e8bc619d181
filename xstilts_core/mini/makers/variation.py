"""Operations on events with a known effect on truth: omit, add, change or generalize a detail."""

from dataclasses import replace
from random import Random

from xstilts_core.mini.makers.passage import settled
from xstilts_core.mini.meaning import Entity, Event
from xstilts_core.mini.preferences import EXCLUSIVE_TIMES, STATIVE_VERBS
from xstilts_core.mini.world import World, classes

SOMEONE, SOMETHING, ANIMAL = Entity("someone"), Entity("something"), Entity("animal")
INDEFINITE = {"someone": "someone", "animal": "some animal"}
NAMES = frozenset(("name_f", "name_m"))


def subject_kind(event: Event) -> str:
    """Return the class of the subject's concept; indefinites are their own kind."""
    if event.subject.concept in INDEFINITE:
        return INDEFINITE[event.subject.concept]
    kind = classes()[event.subject.concept]
    return "name" if kind in NAMES else kind


def details(event: Event) -> list[str]:
    """Return the details that can be omitted without changing who does what."""
    goal = event.object
    present = (
        ("place", event.place),
        ("time", event.time),
        ("adjective", goal and goal.adjective),
        ("number", goal and goal.number),
        ("subject_adjective", event.subject.adjective),
    )
    return [name for name, value in present if value]


def without(event: Event, detail: str) -> Event:
    """Return the event without one detail."""
    if detail in ("place", "time"):
        return settled(replace(event, **{detail: None}))
    if detail == "subject_adjective":
        return replace(event, subject=replace(event.subject, adjective=None))
    return replace(event, object=replace(event.object, **{detail: None}))


def addable(world: World, event: Event) -> list[str]:
    """Return the details that the event lacks and could have."""
    names = [
        name
        for name in ("place", "time")
        if getattr(event, name) is None and event.verb not in STATIVE_VERBS
    ]
    kind = classes().get(event.object.concept) if event.object else None
    if kind in ("thing", "mass", "animal"):
        if event.object.adjective is None and world.choices("adjective", event.object.concept)[0]:
            names.append("adjective")
        if event.object.number is None and kind != "mass":
            names.append("number")
    return names


def added(random: Random, world: World, event: Event, detail: str) -> Event:
    """Return the event with one more detail, drawn from the world."""
    if detail == "place":
        return replace(event, place=world.place(random, event.verb, event.subject))
    if detail == "time":
        return replace(event, time=world.preference("time", event.verb).draw(random))
    value = world.preference(detail, event.object.concept).draw(random)
    return replace(
        event, object=replace(event.object, **{detail: int(value) if detail == "number" else value})
    )


def weakened(random: Random, event: Event, steps: int, whole_subject: bool = False) -> Event:
    """Return a positive event that follows from a positive one, by omitting details and
    generalizing nouns. `whole_subject` keeps the subject."""
    for _ in range(steps):
        targets = details(event)
        if (
            not event.negated
            and event.object
            and classes().get(event.object.concept) in ("thing", "mass", "animal")
        ):
            targets.append("object")
        if not whole_subject and subject_kind(event) in ("name", "occupation", "animal"):
            targets.append("subject")
        if not whole_subject and event.subject.quantifier == "every":
            targets.append("every")
        if not targets:
            break
        target = random.choice(targets)
        if target == "object":
            animal = classes().get(event.object.concept) == "animal"
            event = replace(event, object=ANIMAL if animal and random.random() < 0.7 else SOMETHING)
        elif target == "subject":
            event = replace(
                event,
                subject=SOMEONE if classes().get(event.subject.concept) != "animal" else ANIMAL,
            )
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
        number = random.choice([value for value in range(2, 8) if value != event.object.number])
        return replace(event, object=replace(event.object, number=number))
    if way == "place":
        place = (
            rival.place
            if rival is not None and rival.place
            else world.place(random, event.verb, event.subject)
        )
        return replace(event, place=place) if place != event.place else None
    group = next((times for times in EXCLUSIVE_TIMES if event.time in times), ())
    if rival is not None and rival.time in group and rival.time != event.time:
        return replace(event, time=rival.time)
    others = [time for time in group if time != event.time]
    return replace(event, time=random.choice(others)) if others else None
