"""A world: the habits of its inhabitants (who does what, how often, where and when), lasting facts
about persons, and samplers of meanings.

Preferences are drawn from a Dirichlet distribution mixed with a uniform share. In a sharp world
(sharpness 0.12, 3 % uniform) words predict each other, which is what aligns languages in
pretraining. Tasks use a flat world (0.6, 10 %), so that no answer can be guessed from habit.
"""

import functools
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Literal

from xstilts_core.errors import unknown
from xstilts_core.mini import preferences
from xstilts_core.mini.lexicon import concepts
from xstilts_core.mini.meaning import Attribute, Entity, Event, Fact
from xstilts_core.tasks import GENERAL, OTHER_DOMAINS

DOMAINS = (GENERAL, *OTHER_DOMAINS)
ATTRIBUTES: tuple[Attribute, ...] = ("occupation", "city", "employer", "age")
_HELD_SHARE = 0.15
"""Share of held-out names, surnames, cities and organisations in a world with `held_out` set
(dev and test splits)."""
_DOMAIN_WEIGHT = 3.0
"""Weight of a clinic or chat concept, relative to a general one, in a text of that domain."""
_AGES = range(18, 80)
KINDS = (
    "verb",
    "person_verb",
    "object",
    "animal_object",
    "place",
    "animal_place",
    "time",
    "adjective",
    "number",
    "name",
    "held_name",
)
_USUAL_SHARE = 0.8
"""Weight of a usual item (`preferences.USUAL`), relative to all others together (1)."""
_SHARP, _SHARP_UNIFORM = 0.12, 0.03
_FLAT, _FLAT_UNIFORM = 0.6, 0.10


@functools.cache
def vocabulary(class_name: str, domain: str = "general", held_out: bool = False) -> tuple[str, ...]:
    """Return the concepts of a class in a domain's texts: the general ones, then the domain's own.
    With `held_out`, return the held-out ones."""
    if domain not in DOMAINS:
        raise unknown("domain", domain, DOMAINS)
    seen = "held" if held_out else "open"
    domain_concepts = () if domain == "general" else concepts(class_name, domain=domain, seen=seen)
    return concepts(class_name, domain="general", seen=seen) + domain_concepts


@functools.cache
def classes() -> dict[str, str]:
    """Return the class of every noun and verb concept that a world can draw."""
    names = [
        "occupation",
        "animal",
        "thing",
        "mass",
        "verb_transitive",
        "verb_person",
        "verb_intransitive",
        "name_f",
        "name_m",
    ]
    return {concept: name for name in names for concept in concepts(name)}


def is_animal(entity: Entity) -> bool:
    """Return whether the entity is an animal, or the hypernym itself."""
    return entity.concept == "animal" or classes().get(entity.concept) == "animal"


@dataclass(frozen=True, slots=True)
class _Preference:
    """A distribution over items; `weights` sum to 1 and `bounds` are their cumulative sums."""

    items: tuple[str, ...]
    weights: tuple[float, ...]
    bounds: tuple[float, ...]

    def draw(self, random: Random) -> str:
        return self.items[min(bisect(self.bounds, random.random()), len(self.items) - 1)]

    def probability(self, item: str) -> float:
        """Return the probability of an item, 0 for an item that cannot occur."""
        return self.weights[self.items.index(item)] if item in self.items else 0.0


def preference(
    seed: str,
    items: tuple[str, ...],
    alpha: float,
    uniform: float,
    prior: dict[str, float],
    usual: str | None = None,
) -> _Preference:
    """Draw a Dirichlet(alpha) mixed with a uniform share, scaled by the prior weight of each item
    (1 if it has none).

    usual: an item that gets `_USUAL_SHARE` on top. Each item has its own random stream, so that the
    same habits hold in every domain and additional items do not shift them.
    """
    gammas = [Random(f"{seed}/{item}").gammavariate(alpha, 1.0) for item in items]
    total = sum(gammas) or 1.0
    raw = [
        (gamma / total * (1 - uniform) + uniform / len(items)) * prior.get(item, 1.0)
        for gamma, item in zip(gammas, items, strict=True)
    ]
    if usual in items:
        raw[items.index(usual)] += _USUAL_SHARE
    scale = sum(raw)
    weights = tuple(value / scale for value in raw)
    return _Preference(items, weights, tuple(accumulate(weights)))


class World:
    """Preferences and facts, drawn lazily and reproducibly from `seed` (any text). Samplers take
    the caller's `Random`.

    sharpness: Dirichlet concentration; uniform: share of the uniform mixture. domain: adds concepts
    to the general ones. held_out: a share of the entities are held out (dev and test splits
    only). lasting: facts about a person never change (the pretraining world); otherwise every call
    of `fact` draws a new value, so that no task can be solved from memory.
    """

    def __init__(
        self,
        seed: str,
        sharpness: float = _FLAT,
        uniform: float = _FLAT_UNIFORM,
        domain: Literal["general", "clinic", "chat"] = "general",
        held_out: bool = False,
        lasting: bool = False,
    ):
        self.seed, self.sharpness, self.uniform = seed, sharpness, uniform
        self.domain, self.held_out, self.lasting = domain, held_out, lasting
        self._preferences: dict[tuple[str, str], _Preference] = {}
        self._facts: dict[tuple[str, str], str | int] = {}
        self.occupations = vocabulary("occupation", domain)
        self.animals = vocabulary("animal", domain)
        self._nouns = frozenset(
            self.animals + vocabulary("thing", domain) + vocabulary("mass", domain)
        )
        self._adjectives = frozenset(vocabulary("adjective", domain))
        self._places = frozenset(vocabulary("place", domain))
        general = frozenset(concept for name in _OPEN_CLASSES for concept in vocabulary(name))
        domain_concepts = (
            frozenset(concept for name in _OPEN_CLASSES for concept in vocabulary(name, domain))
            - general
        )
        self._prior = dict.fromkeys(sorted(domain_concepts), _DOMAIN_WEIGHT)

    def preference(self, kind: str, key: str) -> _Preference:
        """Return the distribution `kind` of a concept: verb of a subject; object, place or time of
        a verb; adjective or number of a noun."""
        cached = self._preferences.get((kind, key))
        if cached is None:
            items, factor = self.choices(kind, key)
            usual = preferences.USUAL.get((kind, key)) if self.lasting else None
            cached = preference(
                f"{self.seed}/{kind}/{key}",
                items,
                self.sharpness * factor,
                self.uniform,
                self._prior,
                usual,
            )
            self._preferences[kind, key] = cached
        return cached

    def choices(self, kind: str, key: str) -> tuple[tuple[str, ...], float]:
        """Return the possible items, and how much flatter than the world their distribution is."""
        if kind == "verb":
            return self._verbs_of(key), 1.0
        if kind == "person_verb":
            return tuple(
                verb
                for verb in vocabulary("verb_person", self.domain)
                if verb not in preferences.MEDICAL_VERBS | preferences.STATIVE_VERBS
            ), 5.0
        if kind in ("object", "animal_object"):
            table = preferences.ANIMAL_OBJECTS if kind == "animal_object" else preferences.OBJECTS
            return tuple(item for item in table[key] if item in self._nouns), 2.0
        if kind in ("place", "animal_place"):
            places = (
                self._places & preferences.ANIMAL_PLACES if kind == "animal_place" else self._places
            )
            return tuple(
                item for item in preferences.PLACES.get(key, preferences.ANYWHERE) if item in places
            ), 1.0
        if kind == "time":
            return vocabulary("time", self.domain), 1.0
        if kind == "adjective":
            return tuple(
                item for item in preferences.ADJECTIVES.get(key, ()) if item in self._adjectives
            ), 1.5
        if kind == "number":
            return tuple("234567"), 1.7
        if kind in ("name", "held_name"):
            held_out = kind == "held_name"
            return vocabulary("name_f", held_out=held_out) + vocabulary(
                "name_m", held_out=held_out
            ), 20.0
        raise unknown("kind of preference", kind, KINDS)

    def _verbs_of(self, subject: str) -> tuple[str, ...]:
        verbs = tuple(
            verb
            for name in ("verb_transitive", "verb_person", "verb_intransitive")
            for verb in vocabulary(name, self.domain)
        )
        verbs = tuple(
            verb
            for verb in verbs
            if verb not in preferences.OBJECTS or self.choices("object", verb)[0]
        )
        kind = "animal" if subject == "animal" else classes().get(subject)
        if kind == "animal":
            return tuple(verb for verb in verbs if verb in preferences.ANIMAL_VERBS)
        if kind == "occupation" and subject not in preferences.MEDICAL_OCCUPATIONS:
            return tuple(verb for verb in verbs if verb not in preferences.MEDICAL_VERBS)
        return verbs

    def entity_name(self, random: Random, class_name: str) -> str:
        """Draw a surname, city or organisation; with `held_out`, a share of them is held
        out."""
        return random.choice(
            vocabulary(class_name, held_out=self.held_out and random.random() < _HELD_SHARE)
        )

    def person(
        self, random: Random, surname: float = 0.25, exclude: frozenset[str] = frozenset()
    ) -> Entity:
        """Draw a named person who is none of `exclude`. surname: probability of a second
        name."""
        while True:
            kind = "held_name" if self.held_out and random.random() < _HELD_SHARE else "name"
            name = self.preference(kind, "").draw(random)
            if name not in exclude:
                return Entity(
                    name, self.entity_name(random, "surname") if random.random() < surname else None
                )

    def subject(
        self, random: Random, persons: float = 0.6, every: float = 0.2, surname: float = 0.25
    ) -> Entity:
        """Draw a named person, someone of an occupation, or an animal (some with an adjective)."""
        chance = random.random()
        if chance < persons:
            return self.person(random, surname)
        quantifier = "every" if random.random() < every else "a"
        if chance < persons + (1 - persons) * 0.6:
            weights = [self._prior.get(item, 1.0) for item in self.occupations]
            return Entity(random.choices(self.occupations, weights)[0], quantifier=quantifier)
        animal = random.choice(self.animals)
        adjective = (
            self.preference("adjective", animal).draw(random)
            if quantifier == "a" and random.random() < 0.4
            else None
        )
        return Entity(animal, quantifier=quantifier, adjective=adjective)

    def thing(
        self, random: Random, noun: str, number: float = 0.25, adjective: float = 0.4
    ) -> Entity:
        """Return the noun, with a number (countable nouns only) and a fitting adjective, each with
        its probability."""
        adjectives = self.choices("adjective", noun)[0] if adjective else ()
        return Entity(
            noun,
            number=int(self.preference("number", noun).draw(random))
            if classes()[noun] != "mass" and random.random() < number
            else None,
            adjective=self.preference("adjective", noun).draw(random)
            if adjectives and random.random() < adjective
            else None,
        )

    def object(
        self, random: Random, verb: str, subject: Entity, surname: float = 0.25
    ) -> Entity | None:
        """Draw the object of a verb: a thing, a named person other than the subject, or None for
        intransitive verbs."""
        kind = classes()[verb]
        if kind == "verb_intransitive":
            return None
        if kind == "verb_person":
            return self.person(random, surname, frozenset((subject.concept,)))
        return self.thing(
            random,
            self.preference("animal_object" if is_animal(subject) else "object", verb).draw(random),
        )

    def place(self, random: Random, verb: str, subject: Entity) -> str:
        """Draw the place of an event."""
        return self.preference("animal_place" if is_animal(subject) else "place", verb).draw(random)

    def event(
        self,
        random: Random,
        subject: Entity | None = None,
        persons: float = 0.6,
        place: float = 0.65,
        time: float = 0.65,
        negated: float = 0.12,
        front: float = 0.25,
        every: float = 0.2,
        surname: float = 0.25,
        verb: str | None = None,
    ) -> Event:
        """Draw an event; numbers are probabilities. `subject` and `verb` are drawn unless given."""
        subject = subject or self.subject(random, persons, every, surname)
        verb = verb or self.preference("verb", subject.concept).draw(random)
        lasting = verb in preferences.STATIVE_VERBS
        where = (
            self.place(random, verb, subject) if random.random() < place and not lasting else None
        )
        when = (
            self.preference("time", verb).draw(random)
            if random.random() < time and not lasting
            else None
        )
        never = random.random() < negated and subject.quantifier != "every"
        if never and when in preferences.TIMES_WITHOUT_NEVER:
            when = None
        fronted = random.choice(("place", "time")) if random.random() < front else None
        if (fronted == "place" and not where) or (fronted == "time" and not when):
            fronted = None
        return Event(
            subject=subject,
            verb=verb,
            object=self.object(random, verb, subject, surname),
            place=where,
            time=when,
            negated=never,
            front=fronted,
        )

    def value(self, random: Random, attribute: Attribute) -> str | int:
        """Draw a value that the attribute can have in this world."""
        if attribute == "age":
            return random.choice(_AGES)
        if attribute == "occupation":
            return random.choice(vocabulary("occupation") if self.lasting else self.occupations)
        return self.entity_name(random, "city" if attribute == "city" else "organisation")

    def fact(
        self, random: Random, person: Entity | None = None, attribute: Attribute | None = None
    ) -> Fact:
        """Draw a property of a person: a permanent one in a lasting world, otherwise a new one."""
        person = person or self.person(random)
        attribute = attribute or random.choice(ATTRIBUTES)
        if not self.lasting:
            return Fact(person, attribute, self.value(random, attribute))
        key = (person.concept, attribute)
        if key not in self._facts:
            self._facts[key] = self.lasting_value(person.concept, attribute)
        return Fact(person, attribute, self._facts[key])

    def lasting_value(self, person: str, attribute: Attribute) -> str | int:
        """Return a person's permanent value. Values are assigned to names in turn, so that every
        city, employer and occupation belongs to somebody."""
        if attribute == "age":
            return Random(f"{self.seed}/age/{person}").choice(_AGES)
        values = list(vocabulary("organisation" if attribute == "employer" else attribute))
        Random(f"{self.seed}/{attribute}").shuffle(values)
        names = (*vocabulary("name_f"), *vocabulary("name_m"))
        return values[names.index(person) % len(values)]


_OPEN_CLASSES = (
    "occupation",
    "thing",
    "mass",
    "verb_transitive",
    "verb_person",
    "verb_intransitive",
    "adjective",
    "place",
    "time",
)


@functools.cache
def pretraining_world(domain: str = "general") -> World:
    """Return the sharp world of the pretraining corpus, which common-sense tasks also ask about.
    Habits and facts are the same in every domain."""
    return World("pretraining", _SHARP, _SHARP_UNIFORM, domain, lasting=True)


@functools.cache
def task_world(task: str, domain: str = "general", held_out: bool = False) -> World:
    """Return the flat world of a task. Tasks with different names share no preferences."""
    return World(f"task/{task}", _FLAT, _FLAT_UNIFORM, domain, held_out)
