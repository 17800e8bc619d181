"""The languages of the embedded suite: how each builds its noun phrases and clauses.

A language is a `Language` with a table of rules (`lexicon/<code>.yaml`) and, where its agreement
needs more than a table, a few methods of its own. A chunk is the tuple of tokens of one role.
Chunks are built once and shared by all sentences, since tokens are frozen.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

from xstilts_core.errors import UsageError, unknown
from xstilts_core.mini.lexicon import ABSENT, class_of, entry, read_yaml
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined, Token

Chunk = tuple[Token, ...]
_NOUN_CLASSES = ("name_f", "name_m", "occupation", "animal", "thing", "mass", "indefinite")
_VERB_CLASSES = ("verb_transitive", "verb_person", "verb_intransitive")
_FACT_CLASSES = {"occupation": "occupation", "city": "city", "employer": "organisation", "age": ""}
_LETTERS = {"subject": "S", "object": "O", "place": "P", "time": "T"}
_WITH_CONCEPT = frozenset(("NOUN", "PROPN", "VERB", "ADJ", "ADV", "PRON", "NUM"))


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """The rules of a language, as `lexicon/<code>.yaml` has them.

    A cell is text in the notation of the lexicon. A sentence about a fact also has placeholders,
    and a word in it may state its role after its part of speech ("is/AUX/V"). Orders name chunks;
    the verb group has three (before_verb, verb, after_verb).
    """

    interjection: str
    numbers: list[str]
    """The words for 2 to 7."""
    phrase: str
    """The order of number, every, article, adjective and noun."""
    order: str
    """The order of a statement, and of a question whose question word stays in place."""
    never: str
    questions: dict[str, Any]
    """Role, or case of an object -> cell; for subjects and objects by human, animal and thing."""
    links: dict[str, str]
    who: str
    """The question word for the person of a fact."""
    values: dict[str, str]
    """Attribute of a fact -> its value, with {name} or {number}. Without a value for occupation,
    occupations are noun phrases."""
    facts: dict[str, str]
    """Attribute -> statement, with {person} and {value}."""
    fact_questions: dict[str, str]
    """Attribute -> question about the value."""
    person_questions: dict[str, str] = field(default_factory=dict)
    """Attribute -> question about the person, where it is not the statement."""
    determiners: dict[str, Any] = field(default_factory=dict)
    """every and article -> cell, by gender (and "_object") in some languages."""
    first: str = ""
    """The chunk that begins a statement with nothing fronted, if not by `order`."""
    opening: tuple[str, ...] = ()
    """Roles whose question word begins the question."""
    question_order: str = ""
    """The order after such a question word, if it is not `order`."""
    commas: tuple[str, ...] = ()
    """Roles whose fronted chunk ends in a comma."""
    postpositions: bool = False
    name_form: str = "word"
    """The form of the name of a city or employer in a value."""
    comma: str = ","
    stop: str = "."
    question_mark: str = "?"
    question_opening: str = ""
    rules: dict[str, Any] = field(default_factory=dict)
    """Tables that only the language's own methods read."""


def words(
    cell: str, role: str = "-", pos: str = "NOUN", concept: str | None = None, entity: str = ""
) -> Chunk:
    """Return the tokens of a lexicon cell, or of text in the same notation; none of an empty cell.

    pos: part of speech of words that do not state their own. entity: PER, LOC or ORG makes the tags
    B-, I-, ...; "" makes O. Function words (determiners, adpositions, auxiliaries, particles,
    pronouns) have no concept.
    """
    tokens = []
    for position, item in enumerate(cell.split()):
        text, _, tags = item.partition("/")
        tag, _, stated_role = tags.partition("/")
        tag = tag or pos
        tokens.append(
            Token(
                text=text,
                pos=tag,
                ner=f"{'I' if position else 'B'}-{entity}" if entity else "O",
                role=stated_role or role,
                concept=concept if tag in _WITH_CONCEPT else None,
            )
        )
    return tuple(tokens)


def is_feminine(person: Entity) -> bool:
    """Return whether the entity is a woman, by her first name."""
    return class_of(person.concept) == "name_f"


def _check_class(concept: str, use: str, legal: tuple[str, ...]) -> None:
    """Raise an error for a concept whose class does not fit its use in the sentence."""
    if class_of(concept) not in legal:
        raise unknown("class", class_of(concept), legal, f"the {use} {concept!r}")


class Language:
    """A language without agreement beyond number; subclasses add their own."""

    code: str

    def __init__(self) -> None:
        self.rules = _Rules(**read_yaml(f"{self.code}.yaml"))
        # One cache per kind of chunk: a sentence is then a few look-ups and one concatenation.
        self.chunk = cache(self._chunk)
        self.adverbial = cache(self._adverbial)
        self.verb_group = cache(self._verb_group)
        self.value = cache(self._value)
        self.kind = cache(self._kind)
        self.question = cache(self._question)
        self.template = cache(self._template)
        self.words = cache(words)
        self._order = tuple(self.rules.order.split())
        self._question_order = tuple((self.rules.question_order or self.rules.order).split())
        self._phrase = tuple(self.rules.phrase.split())

    # Lexicon
    def cell(self, concept: str, column: str) -> str:
        """Return the form in a column, or the concept's main form if the language lacks it."""
        row = entry(self.code, concept)
        form = row.get(column, ABSENT)
        return row["word"] if form == ABSENT else form

    def feature(self, concept: str, column: str) -> str:
        """Return a property of a word (gender, class, marker); "" if it has none."""
        form = entry(self.code, concept).get(column, ABSENT)
        return "" if form == ABSENT else form

    def _kind(self, concept: str) -> str:
        """Return name, human, animal or thing."""
        group = class_of(concept)
        if group in ("name_f", "name_m"):
            return "name"
        if group == "occupation" or concept == "someone":
            return "human"
        return "animal" if group == "animal" or concept == "animal" else "thing"

    def is_bare(self, entity: Entity) -> bool:
        """Return whether the entity takes no article: mass nouns, someone and something."""
        return class_of(entity.concept) == "mass" or entity.concept in ("someone", "something")

    # Noun phrases
    def _chunk(self, entity: Entity, verb: str = "") -> Chunk:
        """Return the entity as the object of a verb, or without a verb as a subject."""
        _check_class(entity.concept, "object" if verb else "subject", _NOUN_CLASSES)
        role = "O" if verb else "S"
        if self.kind(entity.concept) != "name":
            return self.governed(self.noun_phrase(entity, role, verb), entity.concept, verb)
        name = self.name(entity, role, self.object_case(verb) if verb else "word")
        return self.governed(name, entity.concept, verb)

    def name(self, entity: Entity, role: str, column: str) -> Chunk:
        """Return a person's name; the column is the form of its last word."""
        first_column = column if entity.surname is None else "word"
        first = words(self.cell(entity.concept, first_column), role, "PROPN", entity.concept, "PER")
        if entity.surname is None:
            return first
        return (*first, Token(self.surname(entity, column), "PROPN", "I-PER", role, entity.surname))

    def surname(self, entity: Entity, column: str) -> str:
        """Return the form of the surname."""
        return self.cell(entity.surname or "", column)

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return the phrase of any entity that is not a name. role: the letter of its tokens."""
        noun_column, adjective_column = self.columns(entity, verb)
        noun = words(self.cell(entity.concept, noun_column), role, "NOUN", entity.concept)
        chunks = {"noun": noun, "adjective": self.adjective(entity, adjective_column, role)}
        slot = "every" if entity.quantifier == "every" else "article"
        slot = "number" if entity.number is not None else slot
        if slot == "number" or not self.is_bare(entity):
            chunks[slot] = self.words(self.determiner(entity, slot, verb), role)
        return tuple(chain.from_iterable(chunks[name] for name in self._phrase if name in chunks))

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return the columns of the noun's and the adjective's form. verb: "" for a subject."""
        return "plural" if entity.number else "word", "word"

    def adjective(self, entity: Entity, column: str, role: str) -> Chunk:
        """Return the adjective of a noun phrase; empty if it has none. "Old" may have a word of its
        own for people and animals."""
        if entity.adjective is None:
            return ()
        animate = "animate" if column == "word" else f"animate_{column}"
        form = self.kind(entity.concept) != "thing" and self.feature(entity.adjective, animate)
        return words(form or self.cell(entity.adjective, column), role, "ADJ", entity.adjective)

    def determiner(self, entity: Entity, slot: str, verb: str) -> str:
        """Return the cell of the number word, of "every" or of the article, as the slot says."""
        if slot == "number":
            return f"{self.number_word(entity)}/NUM"
        cell: str | dict[str, str] = self.rules.determiners[slot]
        if isinstance(cell, str):
            return cell
        return cell.get(self.declension(entity, verb)) or cell[self.declension(entity, "")]

    def declension(self, entity: Entity, verb: str) -> str:
        """Return gender and case, the key of the forms that agree with a noun."""
        gender = self.feature(entity.concept, "gender")
        return f"{gender}_object" if verb else gender

    def number_word(self, entity: Entity) -> str:
        """Return the word for the entity's number, 2 to 7."""
        numbers = self.rules.numbers
        if entity.number is None or not 2 <= entity.number <= len(numbers) + 1:
            raise UsageError(
                f"number {entity.number!r} of {entity.concept!r}: the grammar counts from 2 to "
                f"{len(numbers) + 1}"
            )
        if self.is_bare(entity):
            raise UsageError(
                f"number {entity.number!r} of {entity.concept!r}: mass nouns, someone and "
                "something are not counted"
            )
        return numbers[entity.number - 2]

    def governed(self, phrase: Chunk, concept: str, verb: str) -> Chunk:
        """Return the phrase with the adposition that the verb gives its object."""
        return self._with_adposition(phrase, self.kind(concept), verb) if verb else phrase

    def _with_adposition(self, phrase: Chunk, kind: str, verb: str) -> Chunk:
        adposition = words(self.adposition(kind, verb), "O", "ADP")
        return phrase + adposition if self.rules.postpositions else adposition + phrase

    def adposition(self, kind: str, verb: str) -> str:
        """Return the adposition of the verb's object; "" if it has none."""
        return ""

    def object_case(self, verb: str) -> str:
        """Return the form of a definite object of the verb."""
        return "word"

    def _adverbial(self, concept: str, role: str) -> Chunk:
        """Return a place (role P) or time (role T)."""
        _check_class(concept, "adverbial", ("place",) if role == "P" else ("time",))
        return words(self.cell(concept, "word"), role, "NOUN", concept)

    # Questions
    def question_word(self, event: Event, role: str) -> Chunk:
        """Return the question word for a role of the event."""
        if role in ("place", "time"):
            return self.words(self.rules.questions[role], _LETTERS[role])
        entity = event.subject if role == "subject" else event.object
        kind = self.kind(entity.concept) if entity else "thing"
        verb = event.verb if role == "object" else ""
        return self.question("human" if kind == "name" else kind, verb)

    def _question(self, kind: str, verb: str) -> Chunk:
        """Return the question word for the object of a verb, or for a subject."""
        if not verb:
            return words(self.rules.questions["subject"][kind], "S")
        chunk = words(self.rules.questions[self.question_case(kind, verb)][kind], "O")
        return self._with_adposition(chunk, kind, verb)

    def question_case(self, kind: str, verb: str) -> str:
        """Return the key of `questions` for the object of a verb."""
        return "object"

    # Clauses
    def agreement(self, event: Event, ask: str | None) -> str:
        """Return the verb form that agrees with the subject; "word" is the third person
        singular."""
        return "plural" if event.subject.number is not None and ask != "subject" else "word"

    def _verb_group(self, verb: str, agreement: str, negated: bool) -> dict[str, Chunk]:
        """Return the words before the verb, the verb, and the words after it."""
        _check_class(verb, "verb", _VERB_CLASSES)
        tokens = self.verb_words(verb, agreement, negated)
        index = next(index for index, token in enumerate(tokens) if token.pos == "VERB")
        return {
            "before_verb": tokens[:index],
            "verb": tokens[index : index + 1],
            "after_verb": tokens[index + 1 :],
        }

    def verb_words(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb with its auxiliaries and particles, role V."""
        column = "negative" if negated and self.feature(verb, "negative") else agreement
        return words(self.cell(verb, column), "V", "VERB", verb)

    def auxiliary(self, event: Event) -> Chunk:
        """Return the auxiliary of a question, if `question_order` has one."""
        return ()

    def event(self, event: Event, ask: str | None) -> Chunk:
        """Return an event as a clause, without final punctuation."""
        rules, opens = self.rules, ask in self.rules.opening
        chunks = {
            **self.verb_group(event.verb, self.agreement(event, ask), event.negated),
            "subject": self.chunk(event.subject),
            "negation": self.words(rules.never, "N", "ADV") if event.negated else (),
            "object": self.chunk(event.object, event.verb) if event.object else (),
            "place": self.adverbial(event.place, "P") if event.place else (),
            "time": self.adverbial(event.time, "T") if event.time else (),
        }
        # A question word and a fronted adverbial would compete for the first position.
        if ask is None:
            first = event.front or rules.first
        else:
            first = ask if opens else ""
            chunks[ask] = self.question_word(event, ask)
            chunks["auxiliary"] = self.auxiliary(event)
        lead: Chunk = ()
        if first:
            lead, chunks[first] = chunks[first], ()
        if lead and ask is None and first in rules.commas:
            lead += self.words(rules.comma, pos="PUNCT")
        order = self._question_order if opens else self._order
        return lead + tuple(chain.from_iterable(map(chunks.__getitem__, order)))

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the tokens between two clauses."""
        return self.words(self.rules.links[joined.link])

    # Facts
    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a fact as a clause, without final punctuation."""
        rules, name = self.rules, fact.attribute
        value = self.value(fact, ask)
        template = rules.fact_questions[name] if ask == "value" else rules.facts[name]
        if ask == "person":
            template = rules.person_questions.get(name, template)
        person = self.words(rules.who, "S") if ask == "person" else self.chunk(fact.person)
        feminine = ask != "person" and is_feminine(fact.person)
        return self._filled(template, "-", feminine, {"{person}": person, "{value}": value})

    def _filled(self, template: str, role: str, feminine: bool, chunks: dict[str, Chunk]) -> Chunk:
        """Return a template's tokens with the chunks in their places."""
        parts = self.template(template, role, feminine)
        return tuple(chain.from_iterable([chunks.get(part, part) for part in parts]))

    def _template(self, template: str, role: str, feminine: bool) -> list[str | Chunk]:
        """Split a template into chunks and placeholders. "masculine|feminine" agrees with the
        person."""
        parts: list[str | Chunk] = []
        for item in template.split():
            text, _, tags = item.partition("/")
            text = text.split("|")[-1 if feminine else 0]
            parts.append(words(f"{text}/{tags}", role) if tags else item)
        return parts

    def _value(self, fact: Fact, ask: str | None = None) -> Chunk:
        """Return the predicate of a fact, role O, after a check that its value fits."""
        attribute, value = fact.attribute, str(fact.value)
        if attribute not in _FACT_CLASSES:
            person = fact.person.concept
            raise unknown("attribute", attribute, _FACT_CLASSES, f"the fact about {person!r}")
        if _FACT_CLASSES[attribute]:
            _check_class(value, attribute, (_FACT_CLASSES[attribute],))
        template = self.rules.values.get(attribute)
        feminine = is_feminine(fact.person)
        if template is None:
            return self.noun_phrase(Entity(value), "O", "")
        name: Chunk = ()
        if attribute == "occupation":
            form = self.cell(value, "feminine" if feminine else "word")
            name = words(form, "O", "NOUN", value)
        elif attribute != "age":
            kind = "LOC" if attribute == "city" else "ORG"
            name = words(self.cell(value, self.rules.name_form), "O", "PROPN", value, kind)
        template = template.replace("{number}", value)
        return self._filled(template, "O", feminine and ask != "person", {"{name}": name})


class English(Language):
    """English."""

    code = "en"

    def determiner(self, entity: Entity, slot: str, verb: str) -> str:
        """Return a or an, by the next word."""
        following = self.cell(entity.adjective or entity.concept, "word")
        if slot == "article" and following[0] in "aeiou":
            return "an/DET"
        return super().determiner(entity, slot, verb)

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return eats or eat: the base form follows does, do, and plural subjects."""
        return "plural" if ask in self.rules.opening else super().agreement(event, ask)

    def auxiliary(self, event: Event) -> Chunk:
        """Return does or do, after a question word that is not about the subject."""
        return self.words("does" if event.subject.number is None else "do", "V", "AUX")


class German(Language):
    """German."""

    code = "de"

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return number or case of the noun, and the adjective's ending: ein großer Hund, jeden
        Hund, drei große Hunde, kalter Tee."""
        if entity.number is not None:
            return "plural", "e"
        ending = ""
        if entity.adjective is not None:
            slot = "every" if entity.quantifier == "every" else "article"
            endings = self.rules.rules[self.declension(entity, verb)]
            ending = endings["bare" if self.is_bare(entity) else slot]
        return "accusative" if verb else "word", ending

    def adjective(self, entity: Entity, column: str, role: str) -> Chunk:
        """Return the adjective with an ending; empty if there is none."""
        if entity.adjective is None:
            return ()
        return words(self.cell(entity.adjective, "word") + column, role, "ADJ", entity.adjective)

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return the verb form; animals have their own ("frisst") in column animal, "singular
        plural"."""
        number = super().agreement(event, ask)
        return f"animal {number}" if self.kind(event.subject.concept) == "animal" else number

    def verb_words(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the finite verb, then its particle if it has one."""
        animal, _, number = agreement.rpartition(" ")
        if animal and (animal_forms := self.feature(verb, "animal")):
            singular, plural = animal_forms.split("|")
            return words(plural if number == "plural" else singular, "V", "VERB", verb)
        return super().verb_words(verb, number, negated)


class Spanish(Language):
    """Spanish."""

    code = "es"

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return the columns of number and gender: un perro grande, tres bolsas rojas."""
        number = "plural" if entity.number else "word"
        if self.feature(entity.concept, "gender") != "f":
            return number, number
        return number, "feminine_plural" if entity.number else "feminine"

    def adposition(self, kind: str, verb: str) -> str:
        """Return a before people, before animals with verbs for persons, and before any object of
        a verb that requires it."""
        animal = kind == "animal" and class_of(verb) == "verb_person"
        personal = kind in ("name", "human") or self.feature(verb, "marker") == "a" or animal
        return "a" if personal else ""

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction; y becomes e before the sound i."""
        if joined.link == "and" and second[0].text[0] in "Ii":
            return self.words("e/CCONJ")
        return super().link(joined, second)


class Bulgarian(Language):
    """Bulgarian."""

    code = "bg"

    def surname(self, entity: Entity, column: str) -> str:
        """Return the surname; women have their own forms of Slavic surnames: Петров, Петрова."""
        return self.cell(entity.surname or "", "feminine" if is_feminine(entity) else "word")

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return the columns: голямо куче, три червени ябълки, трима лекари, два стола. Masculine
        things have a count form, masculine persons a normal plural."""
        gender = self.feature(entity.concept, "gender")
        if entity.number is not None:
            counted = gender == "m" and self.kind(entity.concept) != "human"
            return "count" if counted else "plural", "plural"
        return "object" if verb else "word", self.rules.rules["agreement"].get(gender, "word")

    def number_word(self, entity: Entity) -> str:
        """Return the number; masculine persons have their own, and "two" agrees."""
        number = super().number_word(entity)
        if self.feature(entity.concept, "gender") != "m":
            return "две" if number == "два" else number
        men = self.rules.rules["numbers_of_men"]
        return men[entity.number - 2] if self.kind(entity.concept) == "human" else number

    def adposition(self, kind: str, verb: str) -> str:
        """Return the verb's preposition (помага на)."""
        return self.feature(verb, "marker")

    def _value(self, fact: Fact, ask: str | None = None) -> Chunk:
        """Return a predicate; в becomes във before в and ф."""
        first, *rest = super()._value(fact, ask)
        if first.text == "в" and rest[0].text[0] in "ВФ":
            return (*self.words("във/ADP", "O"), *rest)
        return (first, *rest)


class Turkish(Language):
    """Turkish."""

    code = "tr"

    def object_case(self, verb: str) -> str:
        """Return the case of a definite object."""
        return self.feature(verb, "marker") or "accusative"

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return the noun's case. An indefinite object has a case ending only if its verb requires
        one; counted nouns stay singular."""
        definite = (
            entity.quantifier == "every" and entity.number is None and not self.is_bare(entity)
        ) or entity.concept == "someone"
        case = verb and (definite or self.feature(verb, "marker"))
        return self.object_case(verb) if case else "word", "word"

    def question_case(self, kind: str, verb: str) -> str:
        """Return the case of the question word: kimi, kime."""
        return self.object_case(verb)

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause; the person whose occupation is asked for is in the genitive."""
        clause = super().fact(fact, ask)
        if ask == "value" and fact.attribute == "occupation":
            return self.name(fact.person, "S", "genitive") + clause
        return clause


class Swahili(Language):
    """Swahili."""

    code = "sw"

    def noun_class(self, entity: Entity) -> str:
        """Return the class that agrees with the entity, by number; people are of class 1 or 2."""
        singular = self.feature(entity.concept, "class") or "1"
        return self.rules.rules["plurals"][singular] if entity.number is not None else singular

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return number and class: mbwa mkubwa, mifuko myekundu mitatu, maji baridi."""
        return "plural" if entity.number else "word", f"c{self.noun_class(entity)}"

    def number_word(self, entity: Entity) -> str:
        """Return the number; 2 to 5 agree."""
        number = super().number_word(entity)
        agreeing = dict(enumerate(self.rules.rules["numbers"][self.noun_class(entity)], start=2))
        return agreeing.get(entity.number, number)

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return subject class and object prefix, as "1 m". Only living objects of verbs for
        persons have a prefix."""
        subject, entity = self.noun_class(event.subject), event.object
        if ask == "subject" and subject == "2":
            subject = "1"
        if entity is None or class_of(event.verb) != "verb_person":
            return f"{subject} "
        if self.kind(entity.concept) == "thing":
            return f"{subject} "
        return f"{subject} wa" if entity.number is not None and ask != "object" else f"{subject} m"

    def verb_words(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return a verb: anakula, hali; anamwona, hamwoni (subject, tense, object, then the
        stem)."""
        noun_class, _, marker = agreement.partition(" ")
        stem, *rest = super().verb_words(verb, "word", negated)
        subject = self.rules.rules["subjects"][noun_class]
        if marker == "m" and stem.text[0] in "aeiou":
            marker = "mw"
        negative = "ha" if noun_class == "1" else f"ha{subject}"
        text = (negative if negated else f"{subject}na") + marker + stem.text
        return (Token(text, "VERB", role="V", concept=verb), *rest)


class Indonesian(Language):
    """Indonesian."""

    code = "id"

    def determiner(self, entity: Entity, slot: str, verb: str) -> str:
        """Return number and classifier, or the classifier as article: seekor anjing besar, setiap
        anjing, tiga buah tas merah."""
        measure = self.feature(entity.concept, "measure")
        if slot == "article":
            return f"se{measure}/DET"
        determiner = super().determiner(entity, slot, verb)
        return f"{determiner} {measure}/NOUN" if slot == "number" else determiner


class Hindi(Language):
    """Hindi."""

    code = "hi"

    def adposition(self, kind: str, verb: str) -> str:
        """Return the postposition: what the verb requires, or को for people; "" keeps the direct
        form."""
        marker = self.feature(verb, "marker")
        if kind == "thing":
            return "" if marker == "को" else marker
        return marker or ("को" if kind in ("name", "human") else "")

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return number, gender and case: the oblique form stands before a postposition."""
        oblique = verb and self.adposition(self.kind(entity.concept), verb)
        plural = entity.number is not None
        noun = ("plural_oblique" if plural else "oblique") if oblique else "plural"
        feminine = self.feature(entity.concept, "gender") == "f"
        return (
            noun if plural or oblique else "word",
            "feminine" if feminine else "oblique" if plural or oblique else "word",
        )

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return word (masculine, or a question word), feminine, plural or "feminine plural"."""
        number = super().agreement(event, ask)
        concept = event.subject.concept
        feminine = is_feminine(event.subject) or self.feature(concept, "gender") == "f"
        if ask == "subject" or not feminine:
            return number
        return "feminine plural" if number == "plural" else "feminine"

    def verb_words(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return participle and auxiliary: खाती है, खाते हैं."""
        auxiliary = "हैं" if agreement.endswith("plural") else "है"
        participle = super().verb_words(verb, agreement.split()[0], negated)
        return participle + words(auxiliary, "V", "AUX")

    def question_case(self, kind: str, verb: str) -> str:
        """Return oblique before a postposition."""
        return "oblique" if self.adposition(kind, verb) else "object"

    def _question(self, kind: str, verb: str) -> Chunk:
        """Return a question word: किस and its postposition are one word (किसको)."""
        if not verb or kind != "human":
            return super()._question(kind, verb)
        who = self.rules.questions["oblique"]["human"]
        return words(f"{who}{self.adposition(kind, verb)}", "O", "PRON")


class Chinese(Language):
    """Mandarin Chinese in simplified characters."""

    code = "zh"

    def columns(self, entity: Entity, verb: str) -> tuple[str, str]:
        """Return the column of an object, which differs for "something"."""
        return "object" if verb else "word", "word"

    def determiner(self, entity: Entity, slot: str, verb: str) -> str:
        """Return the determiner and a measure word: 一只大狗, 每只狗, 三个红色的苹果."""
        measure = self.feature(entity.concept, "measure")
        return f"{super().determiner(entity, slot, verb)} {measure}/NOUN"

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return "every" if the subject needs 都 before the verb."""
        subject = event.subject
        distributive = subject.quantifier == "every" and subject.number is None
        living = self.kind(subject.concept) in ("human", "animal") and not self.is_bare(subject)
        return "every" if distributive and living and ask != "subject" else "word"

    def verb_words(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb, after 都 for every."""
        both = words("都/ADV", "V") if agreement == "every" else ()
        return both + super().verb_words(verb, "word", negated)

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return 而 between clauses about two subjects, 并且 about one."""
        first, other = (
            clause.subject if isinstance(clause, Event) else clause.person
            for clause in (joined.first, joined.second)
        )
        if joined.link == "and" and first == other:
            return self.words(self.rules.links["and_same"])
        return super().link(joined, second)


LANGUAGE_CLASSES = {
    kind.code: kind
    for kind in (English, German, Spanish, Bulgarian, Turkish, Hindi, Chinese, Indonesian, Swahili)
}
