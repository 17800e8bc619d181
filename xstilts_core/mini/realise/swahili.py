"""Swahili: noun classes govern adjectives, numerals and verb prefixes; the verb marks persons as
objects.

Classes are numbered as in grammars of Bantu languages: 1/2 living beings, 3/4, 5/6, 7/8, 9/10 and
11/10.
"""

from xstilts_core.mini.lexicon import class_of, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined, Token
from xstilts_core.mini.realise.clause import Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "nani/PRON",
    ("subject", "animal"): "mnyama/NOUN gani/DET",
    ("subject", "thing"): "kitu/NOUN gani/DET",
    ("object", "human"): "nani/PRON",
    ("object", "animal"): "mnyama/NOUN gani/DET",
    ("object", "thing"): "nini/PRON",
    ("place", ""): "wapi/ADV",
    ("time", ""): "lini/ADV",
}
_PLURAL_CLASS = {"1": "2", "3": "4", "5": "6", "7": "8", "9": "10", "11": "10"}
_SUBJECT = {
    "1": "a",
    "2": "wa",
    "3": "u",
    "4": "i",
    "5": "li",
    "6": "ya",
    "7": "ki",
    "8": "vi",
    "9": "i",
    "10": "zi",
    "11": "u",
}
NUMBERS = {
    "2": ("wawili", "watatu", "wanne", "watano"),
    "4": ("miwili", "mitatu", "minne", "mitano"),
    "6": ("mawili", "matatu", "manne", "matano"),
    "8": ("viwili", "vitatu", "vinne", "vitano"),
    "10": ("mbili", "tatu", "nne", "tano"),
}


class Swahili(Realiser):
    """Swahili."""

    code = "sw"
    interjection = "aisee"
    numbers = ("mbili", "tatu", "nne", "tano", "sita", "saba")
    never = "kamwe/ADV"
    questions = QUESTIONS

    def noun_class(self, entity: Entity) -> str:
        """Return the class that agrees with the entity, by number; people are of class 1 or 2."""
        if self.kind(entity.concept) == "name":
            return "1"
        singular_class = entry("sw", entity.concept)["class"]
        return _PLURAL_CLASS[singular_class] if entity.number is not None else singular_class

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: mbwa mkubwa, kila mbwa, mifuko mitatu myekundu, maji baridi."""
        agreeing = self.noun_class(entity)
        column = "word" if entity.number is None else "plural"
        noun = words(self.cell(entity.concept, column), role, "NOUN", entity.concept)
        core = noun + self.adjective(entity, f"c{agreeing}", role)
        if entity.number is not None:
            number = self.number_word(entity)
            class_numbers = NUMBERS[agreeing]
            return core + word(
                class_numbers[entity.number - 2]
                if entity.number - 2 < len(class_numbers)
                else number,
                "NUM",
                role,
            )
        if entity.quantifier == "every" and not self.is_bare(entity):
            return word("kila", "DET", role) + core
        return core

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return subject class and object prefix, as "1 m". Only living objects of verbs for
        persons have a prefix."""
        subject = self.noun_class(event.subject)
        if ask == "subject" and subject == "2":
            subject = "1"
        entity = event.object
        if (
            entity is None
            or class_of(event.verb) != "verb_person"
            or self.kind(entity.concept) == "thing"
        ):
            return f"{subject} "
        return f"{subject} wa" if entity.number is not None and ask != "object" else f"{subject} m"

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return a verb: anakula, hali; anamwona, hamwoni (subject, tense, object, then the
        stem)."""
        subject, _, marker = agreement.partition(" ")
        first, *rest = words(self.cell(verb, "negative" if negated else "word"), "V", "VERB", verb)
        if marker == "m" and first.text[0] in "aeiou":
            marker = "mw"
        negative = "ha" if subject == "1" else "ha" + _SUBJECT[subject]
        prefix = negative if negated else _SUBJECT[subject] + "na"
        text = prefix + marker + first.text
        return (Token(text=text, pos="VERB", ner="O", role="V", concept=verb), *rest)

    def order(self, parts: Parts) -> Chunk:
        """Order: subject verb kamwe object place time. Question words stay in place."""
        lead, parts = parts.extract_front()
        return (
            lead
            + parts.subject
            + parts.verb
            + parts.negation
            + parts.object
            + parts.place
            + parts.time
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: daktari; Roma; katika Novex; umri wa miaka 34."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"umri/NOUN wa/ADP miaka/NOUN {value}/NUM", "O")
        if fact.attribute == "occupation":
            return self.noun_phrase(Entity(value), "O", "")
        return (
            self.place_name(value)
            if fact.attribute == "city"
            else word("katika", "ADP", "O") + self.place_name(value)
        )

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna anaishi Roma. Nani anaishi Roma? Anna anaishi wapi?"""
        verbs = {
            "occupation": "ni/AUX",
            "city": "anaishi/VERB",
            "employer": "anafanya/VERB kazi/NOUN",
            "age": "ana/VERB",
        }
        verb = words(verbs[fact.attribute], "V")
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (word("nani", "PRON", "S") if ask else person) + verb + self.value(fact)
        if fact.attribute == "occupation":
            return words("kazi/NOUN ya/ADP") + person + verb + words("nini/PRON", "O")
        question_words = "umri/NOUN gani/DET" if fact.attribute == "age" else "wapi/ADV"
        return person + verb + words(question_words, "O")

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before na."""
        return (
            word("na", "CCONJ")
            if joined.link == "and"
            else word(",", "PUNCT") + word("lakini", "CCONJ")
        )
