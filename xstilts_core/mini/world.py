"""A world: the habits of its inhabitants (who does what, how often, where and when), lasting facts
about persons, and samplers of meanings.

Preferences are drawn from a Dirichlet distribution mixed with a uniform share. In a sharp world
(sharpness 0.12, 3 % uniform) words predict each other, which is what aligns languages in
pretraining. Tasks use a flat world (0.6, 10 %), so that no answer can be guessed from habit.
"""

import functools
from bisect import bisect
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from types import SimpleNamespace

from xstilts_core.mini import lexicon
from xstilts_core.mini.lexicon import GENERAL, VERB_CLASSES, class_of, concepts
from xstilts_core.mini.meaning import Attribute, Entity, Event, Fact, settled

ATTRIBUTES: tuple[Attribute, ...] = ("occupation", "city", "employer", "age")
EVENTS = {
    use: SimpleNamespace(**shares)
    for use, shares in lexicon.read_yaml("shares.yaml")["events"].items()
}
"""Use of an event -> the probabilities of what it has."""
_HELD_SHARE = 0.15
"""Share of held-out names, surnames, cities and organisations in a world with `held_out` set
(dev and test splits)."""
_DOMAIN_WEIGHT = 3.0
"""Weight of a clinic or chat concept, relative to a general one, in a text of that domain."""
_AGES = range(18, 80)
_USUAL_SHARE = 0.8
"""Weight of a usual item (`lexicon.USUAL`), relative to all others together (1)."""
_SHARP, _FLAT = (0.12, 0.03), (0.6, 0.10)
"""Dirichlet concentration, and share of the uniform mixture."""


def drawn(random: Random, weights: Mapping[str, float]) -> str:
    """Draw an item by its weight."""
    return random.choices(tuple(weights), tuple(weights.values()))[0]


@functools.cache
def vocabulary(class_name: str, domain: str = GENERAL, held_out: bool = False) -> tuple[str, ...]:
    """Return the concepts of a class in a domain's texts: the general ones, then the domain's own.
    With `held_out`, return the held-out ones."""
    seen = "held" if held_out else "open"
    domains = dict.fromkeys((GENERAL, domain))
    return tuple(concept for name in domains for concept in concepts(class_name, name, seen))


def is_animal(entity: Entity) -> bool:
    """Return whether the entity is an animal, or the hypernym itself."""
    return "animal" in (entity.concept, class_of(entity.concept))


@dataclass(frozen=True, slots=True)
class _Preference:
    """A distribution: item -> weight, which sum to 1; `bounds` are their cumulative sums."""

    weights: dict[str, float]
    items: tuple[str, ...]
    bounds: tuple[float, ...]


class World:
    """Preferences and facts, drawn lazily and reproducibly from `seed` (any text). Its samplers
    need the random numbers of a caller: `drawing`.

    domain: adds concepts to the general ones. held_out: a share of the entities are held out (dev
    and test splits only). lasting: a sharp world, where facts about a person never change (the
    pretraining world); otherwise a flat one, where every call of `fact` draws a new value, so that
    no task can be solved from memory.
    """

    def __init__(
        self,
        seed: str,
        domain: str = GENERAL,
        held_out: bool = False,
        lasting: bool = False,
    ):
        self.seed, self.domain, self.held_out, self.lasting = seed, domain, held_out, lasting
        self.sharpness, self.uniform = _SHARP if lasting else _FLAT
        self.occupations = vocabulary("occupation", domain)
        self.animals = vocabulary("animal", domain)
        own = {concept for concept, row in lexicon.inventory().items() if row["domain"] == domain}
        self._prior = {} if domain == GENERAL else dict.fromkeys(own, _DOMAIN_WEIGHT)
        self.preference = functools.cache(self._preference)
        self.lasting_value = functools.cache(self._lasting_value)

    def drawing(self, random: Random) -> "World":
        """Return the same world, whose samplers draw with these random numbers."""
        world = copy(self)
        world.random = random
        return world

    def draw(self, kind: str, key: str) -> str:
        """Draw from a distribution of the world."""
        habit = self.preference(kind, key)
        return habit.items[min(bisect(habit.bounds, self.random.random()), len(habit.items) - 1)]

    def _preference(self, kind: str, key: str) -> _Preference:
        """Return the distribution `kind` of a concept: verb of a subject; object, place or time of
        a verb; adjective or number of a noun.

        It is a Dirichlet distribution mixed with a uniform share, scaled by the prior weight of
        each item; a usual item of a lasting world gets `_USUAL_SHARE` on top. Each item has its own
        random stream, so that the same habits hold in every domain and additional items do not
        shift them.
        """
        items = self.choices(kind, key)
        seed, alpha = f"{self.seed}/{kind}/{key}", self.sharpness * lexicon.FLATTER[kind]
        gammas = [Random(f"{seed}/{item}").gammavariate(alpha, 1.0) for item in items]
        total = sum(gammas) or 1.0
        raw = {
            item: (gamma / total * (1 - self.uniform) + self.uniform / len(items))
            * self._prior.get(item, 1.0)
            for item, gamma in zip(items, gammas, strict=True)
        }
        usual = lexicon.USUAL.get(kind, {}).get(key) if self.lasting else None
        if usual in raw:
            raw[usual] += _USUAL_SHARE
        scale = sum(raw.values())
        weights = {item: value / scale for item, value in raw.items()}
        return _Preference(weights, items, tuple(accumulate(weights.values())))

    def choices(self, kind: str, key: str) -> tuple[str, ...]:
        """Return the items that can occur in a distribution."""
        if kind in lexicon.POSSIBLE:
            default = lexicon.ANYWHERE if kind == "place" else ()
            items = lexicon.POSSIBLE[kind].get(key, default)
            domains, rows = (GENERAL, self.domain), lexicon.inventory()
            return tuple(item for item in items if rows[item]["domain"] in domains)
        match kind:
            case "verb":
                return self._verbs_of(key)
            case "person_verb":
                excluded = lexicon.MEDICAL_VERBS | lexicon.STATIVE_VERBS
                verbs = vocabulary("verb_person", self.domain)
                return tuple(verb for verb in verbs if verb not in excluded)
            case "animal_place":
                places = self.choices("place", key)
                return tuple(place for place in places if place in lexicon.ANIMAL_PLACES)
            case "time":
                return vocabulary("time", self.domain)
            case "number":
                return tuple("234567")
        held_out = kind == "held_name"
        return vocabulary("name_f", held_out=held_out) + vocabulary("name_m", held_out=held_out)

    def _verbs_of(self, subject: str) -> tuple[str, ...]:
        verbs = [verb for name in VERB_CLASSES for verb in vocabulary(name, self.domain)]
        verbs = [
            verb for verb in verbs if verb not in lexicon.OBJECTS or self.choices("object", verb)
        ]
        kind = class_of(subject)
        if "animal" in (subject, kind):
            return tuple(verb for verb in verbs if verb in lexicon.ANIMAL_VERBS)
        if kind == "occupation" and subject not in lexicon.MEDICAL_OCCUPATIONS:
            return tuple(verb for verb in verbs if verb not in lexicon.MEDICAL_VERBS)
        return tuple(verbs)

    def entity_name(self, class_name: str) -> str:
        """Draw a surname, city or organisation; with `held_out`, a share of them is held out."""
        held_out = self.held_out and self.random.random() < _HELD_SHARE
        return self.random.choice(vocabulary(class_name, held_out=held_out))

    def person(self, surname: float = 0.25, exclude: frozenset[str] = frozenset()) -> Entity:
        """Draw a named person who is none of `exclude`. surname: probability of a surname."""
        while True:
            kind = "held_name" if self.held_out and self.random.random() < _HELD_SHARE else "name"
            name = self.draw(kind, "")
            if name not in exclude:
                full = self.random.random() < surname
                return Entity(name, self.entity_name("surname") if full else None)

    def subject(self, use: str = "usual") -> Entity:
        """Draw a named person, someone of an occupation, or an animal (some with an adjective), as
        the subject of an event for this use."""
        random = self.random
        chance, share = random.random(), EVENTS[use]
        if chance < share.persons:
            return self.person(share.surname)
        quantifier = "every" if random.random() < share.every else "a"
        if chance < share.persons + (1 - share.persons) * 0.6:
            weights = [self._prior.get(item, 1.0) for item in self.occupations]
            return Entity(random.choices(self.occupations, weights)[0], quantifier=quantifier)
        animal, adjective = random.choice(self.animals), None
        if quantifier == "a" and random.random() < 0.4:
            adjective = self.draw("adjective", animal)
        return Entity(animal, quantifier=quantifier, adjective=adjective)

    def object(self, verb: str, subject: Entity, surname: float = 0.25) -> Entity | None:
        """Draw the object of a verb: a thing, perhaps with a number (countable nouns only) and a
        fitting adjective; a named person other than the subject; or None for intransitive verbs."""
        verb_class = class_of(verb)
        if verb_class == "verb_intransitive":
            return None
        if verb_class == "verb_person":
            return self.person(surname, frozenset((subject.concept,)))
        kind = "animal_object" if is_animal(subject) else "object"
        noun, number, adjective = self.draw(kind, verb), None, None
        if class_of(noun) != "mass" and self.random.random() < 0.25:
            number = int(self.draw("number", noun))
        if self.preference("adjective", noun).items and self.random.random() < 0.4:
            adjective = self.draw("adjective", noun)
        return Entity(noun, number=number, adjective=adjective)

    def place(self, verb: str, subject: Entity) -> str:
        """Draw the place of an event."""
        return self.draw("animal_place" if is_animal(subject) else "place", verb)

    def event(
        self,
        use: str = "usual",
        subject: Entity | None = None,
        verb: str | None = None,
    ) -> Event:
        """Draw an event for a use (`EVENTS`). `subject` and `verb` are drawn unless given."""
        random = self.random
        share = EVENTS[use]
        subject = subject or self.subject(use)
        verb = verb or self.draw("verb", subject.concept)
        lasting = verb in lexicon.STATIVE_VERBS
        where = when = None
        if random.random() < share.place and not lasting:
            where = self.place(verb, subject)
        if random.random() < share.time and not lasting:
            when = self.draw("time", verb)
        never = random.random() < share.negated and subject.quantifier != "every"
        if never and when in lexicon.TIMES_WITHOUT_NEVER:
            when = None
        fronted = random.choice(("place", "time")) if random.random() < share.front else None
        event = Event(
            subject=subject,
            verb=verb,
            object=self.object(verb, subject, share.surname),
            place=where,
            time=when,
            negated=never,
            front=fronted,
        )
        return settled(event)

    def value(self, attribute: Attribute) -> str | int:
        """Draw a value that the attribute can have in this world."""
        if attribute == "age":
            return self.random.choice(_AGES)
        if attribute == "occupation":
            return self.random.choice(
                vocabulary("occupation") if self.lasting else self.occupations
            )
        return self.entity_name("city" if attribute == "city" else "organisation")

    def fact(self, person: Entity | None = None, attribute: Attribute | None = None) -> Fact:
        """Draw a property of a person: a permanent one in a lasting world, otherwise a new one."""
        person = person or self.person()
        attribute = attribute or self.random.choice(ATTRIBUTES)
        if not self.lasting:
            return Fact(person, attribute, self.value(attribute))
        return Fact(person, attribute, self.lasting_value(person.concept, attribute))

    def _lasting_value(self, person: str, attribute: Attribute) -> str | int:
        """Return a person's permanent value. Values are assigned to names in turn, so that every
        city, employer and occupation belongs to somebody."""
        if attribute == "age":
            return Random(f"{self.seed}/age/{person}").choice(_AGES)
        values = list(vocabulary("organisation" if attribute == "employer" else attribute))
        Random(f"{self.seed}/{attribute}").shuffle(values)
        names = (*vocabulary("name_f"), *vocabulary("name_m"))
        return values[names.index(person) % len(values)]


@functools.cache
def pretraining_world(domain: str = GENERAL) -> World:
    """Return the sharp world of the pretraining corpus, which common-sense tasks also ask about.
    Habits and facts are the same in every domain."""
    return World("pretraining", domain, lasting=True)


@functools.cache
def task_world(task: str, domain: str = GENERAL, held_out: bool = False) -> World:
    """Return the flat world of a task. Tasks with different names share no preferences."""
    return World(f"task/{task}", domain, held_out)
