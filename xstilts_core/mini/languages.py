"""The languages of the embedded suite: how each builds its noun phrases and clauses.

A language is a table of rules: `lexicon/rules.yaml` has those that most languages share, and says
what each means, and `lexicon/<code>.yaml` the others. A chunk is the tuple of tokens of one role.
Chunks are built once and shared by all sentences, since tokens are frozen.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import chain, pairwise
from types import SimpleNamespace

from xstilts_core.errors import UsageError, unknown
from xstilts_core.mini.lexicon import ABSENT, VERB_CLASSES, class_of, entry, read_yaml
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined, Token, Tokens

Features = frozenset[str]
_NOUN_CLASSES = ("name_f", "name_m", "occupation", "animal", "thing", "mass", "indefinite")
_VALUES = {
    "occupation": ("occupation", "NOUN", ""),
    "city": ("city", "PROPN", "LOC"),
    "employer": ("organisation", "PROPN", "ORG"),
    "age": None,
}
"""Attribute of a fact -> class, part of speech and entity type of its value; None for a number."""
_WITH_CONCEPT = frozenset(("NOUN", "PROPN", "VERB", "ADJ", "ADV", "PRON", "NUM"))


def words(
    cell: str, role: str = "-", pos: str = "NOUN", concept: str | None = None, entity: str = ""
) -> Tokens:
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


def _check_class(concept: str, use: str, legal: tuple[str, ...]) -> None:
    """Raise an error for a concept whose class does not fit its use in the sentence."""
    if class_of(concept) not in legal:
        raise unknown("class", class_of(concept), legal, f"the {use} {concept!r}")


def _pick(table: Mapping[str, str], features: Features) -> str:
    """Return the cell of the first row of a table whose features are all there; "" for none."""
    return next((cell for row, cell in table.items() if features.issuperset(row.split())), "")


class Language:
    """A language by its rules."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.rules = SimpleNamespace(**read_yaml("rules.yaml") | read_yaml(f"{code}.yaml"))
        # One cache per kind of chunk: a sentence is then a few look-ups and one concatenation.
        self.features = cache(self._features)
        self.chunk = cache(self._chunk)
        self.subject = cache(self._subject)
        self.adverbial = cache(self._adverbial)
        self.verb_group = cache(self._verb_group)
        self.value = cache(self._value)
        self.question = cache(self._question)
        self.template = cache(self._template)
        self.words = cache(words)

    # Lexicon
    def cell(self, concept: str, columns: str) -> str:
        """Return the form in the first column that has one, otherwise the concept's main form."""
        row = entry(self.code, concept)
        forms = (row.get(column, ABSENT) for column in columns.split())
        return next((form for form in forms if form != ABSENT), row["word"])

    def feature(self, concept: str, column: str) -> str:
        """Return a property of a word (gender, measure word, marker); "" if it has none."""
        form = entry(self.code, concept).get(column, ABSENT)
        return "" if form == ABSENT else form

    def _features(self, entity: Entity, verb: str = "", *others: str) -> Features:
        """Return what the rules know of an entity as the object of a verb, or without a verb as a
        subject, and the others."""
        concept, kinds = entity.concept, self.rules.kinds
        kind = kinds.get(concept) or kinds.get(class_of(concept), "")
        features = {"any", *kind.split(), self.feature(concept, "gender"), *others}
        if entity.number is not None:
            features.add("plural")
        elif entity.quantifier == "every" and "bare" not in features:
            features.add("every")
        if verb:
            features |= {"object", class_of(verb), self.feature(verb, "marker")}
            if _pick(self.rules.adpositions, frozenset(features)):
                features.add("marked")
        return frozenset(features)

    # Noun phrases
    def _chunk(self, entity: Entity, verb: str = "") -> Tokens:
        """Return the entity as the object of a verb, or without a verb as a subject."""
        _check_class(entity.concept, "object" if verb else "subject", _NOUN_CLASSES)
        role, features = "O" if verb else "S", self.features(entity, verb)
        if "name" in features:
            phrase = self.name(entity, role, _pick(self.rules.nouns, features))
        else:
            phrase = self.noun_phrase(entity, role, features)
        if "marked" not in features:
            return phrase
        adposition = words(_pick(self.rules.adpositions, features), role, "ADP")
        return phrase + adposition if self.rules.postpositions else adposition + phrase

    def _subject(self, entity: Entity, *others: str) -> tuple[Tokens, Features]:
        """Return the entity as a subject, and its features with the others."""
        return self.chunk(entity), self.features(entity, "", *others)

    def name(self, entity: Entity, role: str, column: str) -> Tokens:
        """Return a person's name; the column is the form of its last word."""
        first_column = "" if entity.surname else column
        first = words(self.cell(entity.concept, first_column), role, "PROPN", entity.concept, "PER")
        if not entity.surname:
            return first
        surname = self.cell(entity.surname, column)
        return (*first, Token(surname, "PROPN", "I-PER", role, entity.surname))

    def noun_phrase(self, entity: Entity, role: str, features: Features) -> Tokens:
        """Return the phrase of any entity that is not a name. role: the letter of its tokens."""
        rules = self.rules
        noun = self.cell(entity.concept, _pick(rules.nouns, features))
        measure, number = self.feature(entity.concept, "measure"), self.number(entity, features)
        determiner = _pick(rules.determiners, features).format(number=number, measure=measure)
        chunks = {
            "noun": words(noun, role, "NOUN", entity.concept),
            "adjective": self.adjective(entity.adjective, role, features),
            "determiner": words(determiner, role),
        }
        order = _pick(rules.phrase, features).split()
        return self.fitted(tuple(chain.from_iterable(map(chunks.__getitem__, order))))

    def adjective(self, adjective: str | None, role: str, features: Features) -> Tokens:
        """Return the adjective of a noun phrase; empty if it has none. "Old" may have a word of its
        own for people and animals."""
        if adjective is None:
            return ()
        column = _pick(self.rules.adjectives, features)
        animate = "" if "thing" in features else f"animate_{column or 'word'}"
        form = self.cell(adjective, f"{animate} {column}") + _pick(self.rules.endings, features)
        return words(form, role, "ADJ", adjective)

    def number(self, entity: Entity, features: Features) -> str:
        """Return the word for the entity's number, 2 to 7; "" without a number."""
        if entity.number is None:
            return ""
        numbers = dict(enumerate(_pick(self.rules.numbers, features).split(), start=2))
        what = f"number {entity.number!r} of {entity.concept!r}"
        if entity.number not in numbers:
            raise UsageError(f"{what}: the grammar counts from 2 to {max(numbers)}")
        if "bare" in features:
            raise UsageError(f"{what}: mass nouns, someone and something are not counted")
        return numbers[entity.number]

    def fitted(self, tokens: Tokens) -> Tokens:
        """Return the tokens, in the form that they have before the first letter of the next."""
        fitted = list(tokens)
        for index, (token, following) in enumerate(pairwise(tokens)):
            text = self.before(token.text, following.text)
            fitted[index] = replace(token, text=text) if text != token.text else token
        return tuple(fitted)

    def before(self, word: str, following: str) -> str:
        """Return the form of a word before another: an apple."""
        letters, form = self.rules.junctures.get(word, ("", ""))
        return form if following[0] in letters else word

    def _adverbial(self, concept: str, role: str) -> Tokens:
        """Return a place (role P) or time (role T)."""
        _check_class(concept, "adverbial", ("place",) if role == "P" else ("time",))
        return words(self.cell(concept, "word"), role, "NOUN", concept)

    # Clauses
    def question_word(self, event: Event, role: str) -> Tokens:
        """Return the question word for a role of the event."""
        if role in ("place", "time"):
            return self.words(self.rules.questions[role], role[0].upper())
        entity, verb = (event.subject, "") if role == "subject" else (event.object, event.verb)
        return self.question(role, self.features(entity, verb))

    def _question(self, role: str, features: Features) -> Tokens:
        """Return the question word for a subject or object with these features."""
        adposition = _pick(self.rules.adpositions, features)
        cell = _pick(self.rules.questions[role], features)
        return words(cell.format(adposition=adposition), role[0].upper())

    def _verb_group(self, verb: str, features: Features, goal: Features) -> dict[str, Tokens]:
        """Return the words before the verb, the verb, the words after it, and the auxiliary of a
        question. features: those of the subject, the question and the negation; goal: those of an
        object with a prefix."""
        _check_class(verb, "verb", VERB_CLASSES)
        rules = self.rules
        form = self.cell(verb, _pick(rules.verbs, features))
        prefix = self.before(_pick(rules.object_prefixes, goal), form)
        form = _pick(rules.prefixes, features) + prefix + form
        tokens = (
            *words(_pick(rules.before_verb, features), "V"),
            *words(form, "V", "VERB", verb),
            *words(_pick(rules.after_verb, features), "V"),
        )
        index = next(index for index, token in enumerate(tokens) if token.pos == "VERB")
        return {
            "before_verb": tokens[:index],
            "verb": tokens[index : index + 1],
            "after_verb": tokens[index + 1 :],
            "auxiliary": words(_pick(rules.auxiliaries, features), "V"),
        }

    def event(self, event: Event, ask: str | None) -> Tokens:
        """Return an event as a clause, without final punctuation."""
        rules, opens = self.rules, ask in self.rules.opening
        question = "asked" if ask == "subject" else "opening" if opens else "any"
        negation = "negated" if event.negated else "any"
        subject, features = self.subject(event.subject, question, negation)
        goal: Features = frozenset()
        if event.object and rules.object_prefixes:
            asked = "asked" if ask == "object" else "any"
            goal = self.features(event.object, event.verb, asked)
        chunks = {
            **self.verb_group(event.verb, features, goal),
            "subject": subject,
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
        lead: Tokens = ()
        if first:
            lead, chunks[first] = chunks[first], ()
        if lead and ask is None and first in rules.commas:
            lead += self.words(rules.comma, pos="PUNCT")
        order = (opens and rules.question_order) or rules.order
        return lead + tuple(chain.from_iterable(map(chunks.__getitem__, order)))

    def link(self, joined: Joined, second: Tokens) -> Tokens:
        """Return the tokens between two clauses."""
        links, link = self.rules.links, joined.link
        subjects = {
            clause.subject if isinstance(clause, Event) else clause.person
            for clause in (joined.first, joined.second)
        }
        same = links.get(f"{link}_same") if len(subjects) == 1 else None
        return self.fitted((*self.words(same or links[link]), second[0]))[:-1]

    # Facts
    def fact(self, fact: Fact, ask: str | None) -> Tokens:
        """Return a fact as a clause, without final punctuation."""
        rules, name, feminine = self.rules, fact.attribute, "f" in self.features(fact.person)
        value = self.value(fact, ask)
        template, person = rules.facts[name], self.chunk(fact.person)
        if ask == "value":
            template = rules.fact_questions[name]
            if name in rules.asked_persons:
                person = self.name(fact.person, "S", rules.asked_persons[name])
        elif ask == "person":
            template = rules.person_questions.get(name, template)
            person, feminine = self.words(rules.who, "S"), False
        return self._filled(template, "-", feminine, {"{person}": person, "{value}": value})

    def _filled(
        self, template: str, role: str, feminine: bool, chunks: dict[str, Tokens]
    ) -> Tokens:
        """Return a template's tokens with the chunks in their places."""
        parts = self.template(template, role, feminine)
        return tuple(chain.from_iterable([chunks.get(part, part) for part in parts]))

    def _template(self, template: str, role: str, feminine: bool) -> list[str | Tokens]:
        """Split a template into chunks and placeholders. "masculine|feminine" agrees with the
        person."""
        parts: list[str | Tokens] = []
        for item in template.split():
            text, _, tags = item.partition("/")
            text = text.split("|")[-1 if feminine else 0]
            parts.append(words(f"{text}/{tags}", role) if tags else item)
        return parts

    def _value(self, fact: Fact, ask: str | None = None) -> Tokens:
        """Return the predicate of a fact, role O, after a check that its value fits."""
        attribute, value, rules = fact.attribute, str(fact.value), self.rules
        if attribute not in _VALUES:
            person = fact.person.concept
            raise unknown("attribute", attribute, _VALUES, f"the fact about {person!r}")
        features = self.features(fact.person)
        name: Tokens = ()
        if kind := _VALUES[attribute]:
            legal, pos, entity = kind
            _check_class(value, attribute, (legal,))
            form = self.cell(value, _pick(rules.value_forms, features))
            name = words(form, "O", pos, value, entity)
        if attribute not in rules.values:
            return self.noun_phrase(Entity(value), "O", self.features(Entity(value)))
        template = rules.values[attribute].replace("{number}", value)
        feminine = "f" in features and ask != "person"
        return self.fitted(self._filled(template, "O", feminine, {"{name}": name}))
