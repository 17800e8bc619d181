"""Indonesian: no inflection, classifiers, adjectives after nouns; asked objects stay in place."""

from xstilts_core.mini.lexicon import ABSENT, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "siapa/PRON yang/PRON",
    ("subject", "animal"): "hewan/NOUN apa/DET yang/PRON",
    ("subject", "thing"): "apa/PRON yang/PRON",
    ("object", "human"): "siapa/PRON",
    ("object", "animal"): "hewan/NOUN apa/DET",
    ("object", "thing"): "apa/PRON",
    ("place", ""): "di/ADP mana/PRON",
    ("time", ""): "kapan/ADV",
}


class Indonesian(Realiser):
    """Indonesian."""

    code = "id"
    interjection = "wah"
    numbers = ("dua", "tiga", "empat", "lima", "enam", "tujuh")
    never = "tidak/PART pernah/ADV"
    questions = QUESTIONS

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a phrase: seekor anjing besar, setiap anjing, tiga buah tas merah, air dingin."""
        noun = words(self.cell(entity.concept, "word"), role, "NOUN", entity.concept)
        column = "word" if self.kind(entity.concept) == "thing" else "animate"
        core = noun + self.adjective(entity, column, role)
        measure = entry("id", entity.concept)["measure"]
        if measure == ABSENT:
            return core
        if entity.number is not None:
            return word(self.number_word(entity), "NUM", role) + word(measure, "NOUN", role) + core
        if entity.quantifier == "every":
            return word("setiap", "DET", role) + core
        return word("se" + measure, "DET", role) + core

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return "word": verbs do not agree."""
        return "word"

    def order(self, parts: Parts) -> Chunk:
        """Order: subject tidak pernah verb object place time. Fronted chunks end in a comma; di
        mana and kapan open the clause."""
        if parts.ask in ("place", "time"):
            lead, parts = parts.extract(parts.ask)
        else:
            lead, parts = parts.extract_front()
            lead = lead + word(",", "PUNCT") if lead else lead
        return (
            lead
            + parts.subject
            + parts.negation
            + parts.verb
            + parts.object
            + parts.place
            + parts.time
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: seorang dokter; di Roma; di Novex; 34 tahun."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"{value}/NUM tahun/NOUN", "O")
        if fact.attribute == "occupation":
            return self.noun_phrase(Entity(value), "O", "")
        return word("di", "ADP", "O") + self.place_name(value)

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna tinggal di Roma. Siapa yang tinggal di Roma? Di mana Anna
        tinggal?"""
        verbs = {
            "occupation": "adalah/AUX",
            "city": "tinggal/VERB",
            "employer": "bekerja/VERB",
            "age": "berumur/VERB",
        }
        verb = words(verbs[fact.attribute], "V")
        person = self.chunk(fact.person, "subject", "")
        if ask is None:
            return person + verb + self.value(fact)
        if ask == "person":
            verb = words("merupakan/VERB", "V") if fact.attribute == "occupation" else verb
            return words("siapa/PRON yang/PRON", "S") + verb + self.value(fact)
        if fact.attribute == "occupation":
            return words("apa/PRON", "O") + words("pekerjaan/NOUN") + person
        if fact.attribute == "age":
            return words("berapa/PRON", "O") + words("umur/NOUN") + person
        return words("di/ADP mana/PRON", "O") + person + verb

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before dan."""
        return (
            word("dan", "CCONJ")
            if joined.link == "and"
            else word(",", "PUNCT") + word("tetapi", "CCONJ")
        )
