"""Language-independent meanings of the embedded suite's sentences: frozen values that every
language can express.

Concepts are named by an English identifier (`lexicon/concepts.tsv`). The grammar turns a meaning
into tokens of one language; the same meaning in two languages is an exact translation.
"""

from dataclasses import dataclass, replace
from typing import Literal

Attribute = Literal["occupation", "city", "employer", "age"]


@dataclass(frozen=True, slots=True)
class Entity:
    """A noun phrase. A named person has class `name`; `surname` may follow the name.

    concept: a concept of class name, occupation, animal, thing or mass, or one of the indefinites
    someone, something, animal (the hypernym). quantifier: "a" (indefinite singular, bare for mass
    nouns and indefinites) or "every" (countable only). number: 2..7 makes a plural ("three red
    bags") and overrides the quantifier. Countable only.
    """

    concept: str
    surname: str | None = None
    quantifier: Literal["a", "every"] = "a"
    number: int | None = None
    adjective: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An action of someone, with optional place and time; simple present. `negated`: never."""

    subject: Entity
    verb: str
    object: Entity | None = None
    place: str | None = None
    time: str | None = None
    negated: bool = False
    front: Literal["place", "time"] | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A lasting property of a named person: "Anna is a doctor", "lives in Rome", "works at Novex",
    "is 34 years old"."""

    person: Entity
    attribute: Attribute
    value: str | int


@dataclass(frozen=True, slots=True)
class Joined:
    """Two clauses in one sentence."""

    first: "Event | Fact"
    second: "Event | Fact"
    link: Literal["and", "but"] = "and"


Clause = Event | Fact
Meaning = Clause | Joined


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a realised sentence.

    pos: universal part of speech (UD). ner: O or B-/I- with PER, LOC, ORG. role: the chunk of the
    word: S subject, V verb (auxiliaries too), O object or predicate, P place, T time, N negation,
    "-" link words and punctuation. concept: the concept that the word expresses, None for function
    words.
    """

    text: str
    pos: str
    ner: str = "O"
    role: str = "-"
    concept: str | None = None


Tokens = tuple[Token, ...]


def clauses(meaning: Meaning) -> tuple[Clause, ...]:
    """Return the one or two clauses of a meaning."""
    return (meaning.first, meaning.second) if isinstance(meaning, Joined) else (meaning,)


def persons(meaning: Meaning) -> set[str]:
    """Return the concepts that act: subjects, persons of facts, and objects."""
    concepts = set()
    for clause in clauses(meaning):
        entities = (clause.person,) if isinstance(clause, Fact) else (clause.subject, clause.object)
        concepts |= {entity.concept for entity in entities if entity is not None}
    return concepts


def concepts_of(meaning: Meaning) -> set[str | None]:
    """Return every noun, verb and adjective concept of a meaning (for held-out lemmas)."""
    concepts: set[str | None] = {*persons(meaning)}
    for clause in clauses(meaning):
        if isinstance(clause, Fact):
            concepts.add(str(clause.value))
        else:
            entities = filter(None, (clause.subject, clause.object))
            concepts |= {
                clause.verb,
                clause.place,
                clause.time,
                *(entity.adjective for entity in entities),
            }
    return concepts


def unfronted(clause: Clause) -> Clause:
    """Return the clause with nothing fronted."""
    return replace(clause, front=None) if getattr(clause, "front", None) else clause


def settled(event: Event) -> Event:
    """Return the event without its front if the fronted adjunct is missing."""
    is_missing = event.front is not None and getattr(event, event.front) is None
    return replace(event, front=None) if is_missing else event
