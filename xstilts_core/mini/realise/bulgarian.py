"""Bulgarian: no indefinite article; adjectives and numerals agree; persons have own numerals."""

from xstilts_core.mini.lexicon import class_of, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "кой/PRON",
    ("subject", "animal"): "кое/DET животно/NOUN",
    ("subject", "thing"): "какво/PRON",
    ("object", "human"): "кого/PRON",
    ("object", "animal"): "кое/DET животно/NOUN",
    ("object", "thing"): "какво/PRON",
    ("place", ""): "къде/ADV",
    ("time", ""): "кога/ADV",
}
EVERY = {"m": "всеки", "f": "всяка", "n": "всяко"}
_AGREEMENT = {"m": "word", "f": "feminine", "n": "neuter"}
_PERSONS = ("двама", "трима", "четирима", "петима", "шестима", "седем")


class Bulgarian(Realiser):
    """Bulgarian."""

    code = "bg"
    interjection = "хаха"
    numbers = ("два", "три", "четири", "пет", "шест", "седем")
    never = "никога/ADV не/PART"
    questions = QUESTIONS

    def surname(self, entity: Entity, column: str) -> str:
        """Return the surname; women have their own forms of Slavic surnames: Петров, Петрова."""
        return self.cell(
            entity.surname or "", "feminine" if class_of(entity.concept) == "name_f" else "word"
        )

    def name(self, entity: Entity, role: str, verb: str, column: str = "word") -> Chunk:
        """Return a name, after the verb's preposition if it is the object."""
        return self.governed(super().name(entity, role, verb, column), role, verb)

    def governed(self, phrase: Chunk, role: str, verb: str) -> Chunk:
        """Put the verb's preposition, if it has one (помага на), before the phrase."""
        preposition = self.marker(verb) if verb and role == "O" else ""
        return word(preposition, "ADP", role) + phrase if preposition else phrase

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a phrase: голямо куче, всяко куче, три червени ябълки, трима лекари, два стола."""
        return self.governed(self.bare_phrase(entity, role), role, verb)

    def bare_phrase(self, entity: Entity, role: str) -> Chunk:
        """Return the noun phrase without the verb's preposition."""
        concept = entity.concept
        gender = entry("bg", concept)["gender"]
        if entity.number is not None:
            return self.counted(entity, gender, role)
        noun = words(self.cell(concept, "object" if role == "O" else "word"), role, "NOUN", concept)
        if gender not in EVERY:
            return noun
        core = self.adjective(entity, _AGREEMENT[gender], role) + noun
        if entity.quantifier == "every" and not self.is_bare(entity):
            return word(EVERY[gender], "DET", role) + core
        return core

    def counted(self, entity: Entity, gender: str, role: str) -> Chunk:
        """Return numeral, plural adjective and noun. Masculine things have a count form, masculine
        persons a normal plural."""
        number = self.number_word(entity)
        column = "plural"
        if gender == "m" and self.kind(entity.concept) == "human":
            number = _PERSONS[(entity.number or 2) - 2]
        elif gender == "m":
            column = "count"
        elif number == "два":
            number = "две"
        noun = words(self.cell(entity.concept, column), role, "NOUN", entity.concept)
        return word(number, "NUM", role) + self.adjective(entity, "plural", role) + noun

    def question_word(self, event: Event, role: str) -> Chunk:
        """Return a question word: кой, кого, какво, на кого, кое животно, къде, кога."""
        chunk = super().question_word(event, role)
        return self.governed(chunk, "O", event.verb) if role == "object" else chunk

    def order(self, parts: Parts) -> Chunk:
        """Order: subject никога не verb object place time. After a question word the subject
        follows the verb."""
        if parts.ask in (None, "subject"):
            lead, parts = parts.extract_front()
            return (
                lead
                + parts.subject
                + parts.negation
                + parts.verb
                + parts.object
                + parts.place
                + parts.time
            )
        lead, parts = parts.extract(parts.ask)
        return (
            lead
            + parts.negation
            + parts.verb
            + parts.subject
            + parts.object
            + parts.place
            + parts.time
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: лекарка; в Рим (във before в and ф); в Новекс; на 34 години."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"на/ADP {value}/NUM години/NOUN", "O")
        if fact.attribute == "occupation":
            return words(self.occupation_form(fact.person, value), "O", "NOUN", value)
        place = self.place_name(value)
        return word("във" if place[0].text[0] in "ВФ" else "в", "ADP", "O") + place

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Анна живее в Рим. Кой живее в Рим? Къде живее Анна?"""
        verbs = {
            "occupation": "е/AUX",
            "city": "живее/VERB",
            "employer": "работи/VERB",
            "age": "е/AUX",
        }
        verb = words(verbs[fact.attribute], "V")
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (word("кой", "PRON", "S") if ask else person) + verb + self.value(fact)
        if fact.attribute == "occupation":
            return (
                words("каква/DET", "O")
                + words("е/AUX", "V")
                + words("професията/NOUN на/ADP")
                + person
            )
        if fact.attribute == "age":
            return words("на/ADP колко/DET години/NOUN", "O") + verb + person
        return words("къде/ADV", "O") + verb + person

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before и."""
        return (
            word("и", "CCONJ") if joined.link == "and" else word(",", "PUNCT") + word("но", "CCONJ")
        )
