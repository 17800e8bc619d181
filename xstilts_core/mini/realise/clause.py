"""The shared part of all languages: tokens from lexicon cells, names, chunks with their roles, and
the frame of a clause.

A language is a `Realiser` with its noun phrases, its verb group and its word order. A chunk is the
tuple of tokens of one role. Chunks are built once and shared by all sentences, since tokens are
frozen.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from xstilts_core.mini.lexicon import ABSENT, class_of, entry, unknown
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined, Token

Chunk = tuple[Token, ...]
EMPTY: Chunk = ()
_LARGEST_NUMBER = 7
_NOUN_CLASSES = ("name_f", "name_m", "occupation", "animal", "thing", "mass", "indefinite")
_VERB_CLASSES = ("verb_transitive", "verb_person", "verb_intransitive")
_FACT_CLASSES = {
    "occupation": ("occupation",),
    "city": ("city",),
    "employer": ("organisation",),
    "age": (),
}
LETTERS = {"subject": "S", "object": "O", "place": "P", "time": "T"}


class Parts(NamedTuple):
    """The chunks of an event before word order. The chunk of the asked role is the question word.
    ask: the asked role or None.

    front is None in questions, because a question word and a fronted adverbial would compete for
    the first position.
    """

    subject: Chunk
    verb: Chunk
    negation: Chunk
    object: Chunk
    place: Chunk
    time: Chunk
    front: str | None
    ask: str | None

    def extract_front(self) -> tuple[Chunk, "Parts"]:
        """Return the chunk that precedes the subject (empty if none), and the other parts."""
        return (EMPTY, self) if self.front is None else self.extract(self.front)

    def extract(self, role: str) -> tuple[Chunk, "Parts"]:
        """Return a chunk and the other parts. role: subject, object, place or time."""
        if role == "time":
            return self.time, self._replace(time=EMPTY)
        if role == "place":
            return self.place, self._replace(place=EMPTY)
        if role == "object":
            return self.object, self._replace(object=EMPTY)
        return self.subject, self._replace(subject=EMPTY)


def word(text: str, pos: str, role: str = "-") -> Chunk:
    """Return a chunk of one function word."""
    return (Token(text, pos, role=role),)


def words(
    cell: str, role: str = "-", pos: str = "NOUN", concept: str | None = None, entity: str = ""
) -> Chunk:
    """Return the tokens of a lexicon cell, or of text in the same notation.

    pos: part of speech of words that do not state their own. entity: PER, LOC or ORG makes the tags
    B-, I-, ...; "" makes O. Function words (determiners, adpositions, auxiliaries, particles,
    pronouns) have no concept.
    """
    tokens = []
    for position, item in enumerate(cell.split(" ")):
        text, _, stated_tag = item.partition("/")
        tag = stated_tag or pos
        content = concept if tag in ("NOUN", "PROPN", "VERB", "ADJ", "ADV", "PRON", "NUM") else None
        ner = f"{'I' if position else 'B'}-{entity}" if entity else "O"
        tokens.append(Token(text=text, pos=tag, ner=ner, role=role, concept=content))
    return tuple(tokens)


def _check_class(concept: str, use: str, legal: tuple[str, ...]) -> None:
    """Raise an error for a concept whose class does not fit its use in the sentence."""
    if class_of(concept) not in legal:
        raise unknown("class", class_of(concept), f"the {use} {concept!r}", legal)


class Realiser:
    """A language. Subclasses define noun phrases, verb group, word order, facts and questions."""

    code: str
    interjection: str
    numbers: tuple[str, ...]  # the words for 2 to 7
    comma = ","
    stop = "."
    question_mark = "?"
    question_opening = ""
    never = ""  # the cell of the negation
    questions: Mapping[tuple[str, str], str]  # (role, kind) -> cell; kind is "" for place and time

    def __init__(self) -> None:
        # One cache per chunk kind: a sentence is then a few look-ups and one concatenation.
        self.chunk = cache(self.make_chunk)
        self.adverbial = cache(self.make_adverbial)
        self.verb_group = cache(self.checked_verb_group)
        self.value = cache(self.checked_value)
        self.kind = cache(self.make_kind)
        self.marker = cache(self.make_marker)
        self.question_chunk = cache(self.make_question_chunk)
        self.negation = words(self.never, "N", "ADV") if self.never else EMPTY

    # Lexicon
    def cell(self, concept: str, column: str) -> str:
        """Return the form in a column, or the concept's main form if the language lacks it."""
        row = entry(self.code, concept)
        form = row[column]
        return row["word"] if form == ABSENT else form

    def make_marker(self, verb: str) -> str:
        """Return what the verb adds to its object (a preposition, a case); "" if nothing."""
        form = entry(self.code, verb).get("marker", ABSENT)
        return "" if form == ABSENT else form

    def make_kind(self, concept: str) -> str:
        """Return name, human, animal or thing."""
        group = class_of(concept)
        if group in ("name_f", "name_m"):
            return "name"
        if group == "occupation" or concept == "someone":
            return "human"
        return "animal" if group == "animal" or concept == "animal" else "thing"

    def adjective(self, entity: Entity, column: str, role: str) -> Chunk:
        """Return the adjective of a noun phrase in a form of the lexicon; empty if it has none."""
        if entity.adjective is None:
            return EMPTY
        return words(self.cell(entity.adjective, column), role, "ADJ", entity.adjective)

    def number_word(self, entity: Entity) -> str:
        """Return the word for the entity's number, 2 to 7."""
        if entity.number is None or not 2 <= entity.number <= _LARGEST_NUMBER:
            raise ValueError(
                f"number {entity.number!r} of {entity.concept!r}: the grammar counts from 2 to "
                f"{_LARGEST_NUMBER}"
            )
        if self.is_bare(entity):
            raise ValueError(
                f"number {entity.number!r} of {entity.concept!r}: mass nouns, someone and "
                "something are not counted"
            )
        return self.numbers[entity.number - 2]

    def is_bare(self, entity: Entity) -> bool:
        """Return whether the entity takes no article: mass nouns, someone and something."""
        return class_of(entity.concept) == "mass" or entity.concept in ("someone", "something")

    # Chunks
    def make_chunk(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return the noun phrase as subject or object of a verb. role: subject or object."""
        letter = LETTERS[role]
        _check_class(entity.concept, role, _NOUN_CLASSES)
        if self.kind(entity.concept) == "name":
            return self.name(entity, letter, verb if role == "object" else "")
        return self.noun_phrase(entity, letter, verb)

    def name(self, entity: Entity, role: str, verb: str, column: str = "word") -> Chunk:
        """Return a person's name; the column is the form of its last word. verb: the verb whose
        object the name is, "" if none."""
        if entity.surname is None:
            return words(self.cell(entity.concept, column), role, "PROPN", entity.concept, "PER")
        first = words(self.cell(entity.concept, "word"), role, "PROPN", entity.concept, "PER")
        surname = Token(
            text=self.surname(entity, column),
            pos="PROPN",
            ner="I-PER",
            role=role,
            concept=entity.surname,
        )
        return (*first, surname)

    def surname(self, entity: Entity, column: str) -> str:
        """Return the surname's form; languages with feminine surnames look at the first name."""
        return self.cell(entity.surname or "", column)

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return the phrase of any entity that is not a name. role: the letter of its tokens."""
        raise NotImplementedError

    def make_adverbial(self, concept: str, role: str) -> Chunk:
        """Return a place (role P) or time (role T)."""
        _check_class(concept, "adverbial", ("place",) if role == "P" else ("time",))
        return words(self.cell(concept, "word"), role, "NOUN", concept)

    def place_name(self, concept: str, role: str = "O", column: str = "word") -> Chunk:
        """Return the name of a city or an organisation."""
        kind = "LOC" if class_of(concept) == "city" else "ORG"
        return words(self.cell(concept, column), role, "PROPN", concept, kind)

    def occupation_form(self, person: Entity, concept: str) -> str:
        """Return the occupation's word for this person, feminine for women if there is one."""
        return self.cell(concept, "feminine" if class_of(person.concept) == "name_f" else "word")

    def checked_value(self, fact: Fact) -> Chunk:
        """Return the predicate of a fact, after a check that its value fits the attribute."""
        if fact.attribute not in _FACT_CLASSES:
            raise unknown(
                "attribute",
                fact.attribute,
                f"the fact about {fact.person.concept!r}",
                tuple(_FACT_CLASSES),
            )
        if _FACT_CLASSES[fact.attribute]:
            _check_class(str(fact.value), fact.attribute, _FACT_CLASSES[fact.attribute])
        return self.make_value(fact)

    def make_value(self, fact: Fact) -> Chunk:
        """Return the predicate of a fact, role O."""
        raise NotImplementedError

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return the verb form that agrees with the subject; "word" is the third person
        singular."""
        return "plural" if event.subject.number is not None and ask != "subject" else "word"

    def checked_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb group of a concept, after checking that it is a verb."""
        _check_class(verb, "verb", _VERB_CLASSES)
        return self.make_verb_group(verb, agreement, negated)

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb with its auxiliaries and particles, role V."""
        return words(self.cell(verb, agreement), "V", "VERB", verb)

    def question_kind(self, event: Event, role: str) -> str:
        """Return whether a question about subject or object is about a human, animal or thing."""
        entity = event.subject if role == "subject" else event.object
        kind = self.kind(entity.concept) if entity else "thing"
        return "human" if kind == "name" else kind

    def question_word(self, event: Event, role: str) -> Chunk:
        """Return the question word for a role of the event."""
        kind = self.question_kind(event, role) if role in ("subject", "object") else ""
        return self.question_chunk(role, kind)

    def make_question_chunk(self, role: str, kind: str) -> Chunk:
        """Return the question word for a role and kind, from `questions`."""
        return words(self.questions[role, kind], LETTERS[role])

    def order(self, parts: Parts) -> Chunk:
        """Put the chunks of an event in the order of the language, without final punctuation."""
        raise NotImplementedError

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a fact as a clause, without final punctuation."""
        raise NotImplementedError

    def event(self, event: Event, ask: str | None) -> Chunk:
        """Return an event as a clause, without final punctuation."""
        subject, thing, place, time = event.subject, event.object, event.place, event.time
        return self.order(
            Parts(
                subject=self.question_word(event, "subject")
                if ask == "subject"
                else self.chunk(subject, "subject", ""),
                verb=self.verb_group(event.verb, self.agreement(event, ask), event.negated),
                negation=self.negation if event.negated else EMPTY,
                object=self.question_word(event, "object")
                if ask == "object"
                else self.chunk(thing, "object", event.verb)
                if thing
                else EMPTY,
                place=self.question_word(event, "place")
                if ask == "place"
                else self.adverbial(place, "P")
                if place
                else EMPTY,
                time=self.question_word(event, "time")
                if ask == "time"
                else self.adverbial(time, "T")
                if time
                else EMPTY,
                front=None if ask else event.front,
                ask=ask,
            )
        )

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the tokens between two clauses."""
        raise NotImplementedError
