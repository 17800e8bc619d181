"""English: subject, verb, object, place, time; do-support in questions not about the subject."""

from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import EMPTY, LETTERS, Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "who/PRON",
    ("subject", "animal"): "which/DET animal/NOUN",
    ("subject", "thing"): "what/PRON",
    ("object", "human"): "who/PRON",
    ("object", "animal"): "which/DET animal/NOUN",
    ("object", "thing"): "what/PRON",
    ("place", ""): "where/ADV",
    ("time", ""): "when/ADV",
}


class English(Realiser):
    """English."""

    code = "en"
    interjection = "haha"
    numbers = ("two", "three", "four", "five", "six", "seven")
    never = "never/ADV"
    questions = QUESTIONS

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: a big dog, every dog, three big dogs, cold water."""
        column = "word" if entity.number is None else "plural"
        noun = words(self.cell(entity.concept, column), role, "NOUN", entity.concept)
        core = self.adjective(entity, "word", role) + noun
        if entity.number is not None:
            return word(self.number_word(entity), "NUM", role) + core
        if self.is_bare(entity):
            return core
        if entity.quantifier == "every":
            return word("every", "DET", role) + core
        return word("an" if core[0].text[0] in "aeiou" else "a", "DET", role) + core

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return eats or eat: the base form follows does, do, and plural subjects."""
        return "plural" if ask in ("object", "place", "time") else super().agreement(event, ask)

    def event(self, event: Event, ask: str | None) -> Chunk:
        """Return a clause; does or do follows a question word that is not about the subject."""
        clause = super().event(event, ask)
        if ask in (None, "subject"):
            return clause
        length = sum(token.role == LETTERS[ask] for token in clause)
        return (
            clause[:length]
            + word("does" if event.subject.number is None else "do", "AUX", "V")
            + clause[length:]
        )

    def order(self, parts: Parts) -> Chunk:
        """Order: (question word) subject never verb object place time; fronted chunks get a
        comma."""
        lead: Chunk = EMPTY
        if parts.ask in (None, "subject"):
            lead, parts = parts.extract_front()
            lead = lead + word(",", "PUNCT") if lead else lead
        else:
            lead, parts = parts.extract(parts.ask)
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
        """Return a predicate: a doctor; in Rome; at Novex; 34 years old."""
        if fact.attribute == "age":
            return words(f"{fact.value}/NUM years/NOUN old/ADJ", "O")
        if fact.attribute == "occupation":
            return self.noun_phrase(Entity(str(fact.value)), "O", "")
        return word("in" if fact.attribute == "city" else "at", "ADP", "O") + self.place_name(
            str(fact.value)
        )

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna lives in Rome. Who lives in Rome? Where does Anna live?"""
        verbs = {
            "occupation": "is/AUX",
            "city": "lives/VERB",
            "employer": "works/VERB",
            "age": "is/AUX",
        }
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (
                (word("who", "PRON", "S") if ask else person)
                + words(verbs[fact.attribute], "V")
                + self.value(fact)
            )
        if fact.attribute == "occupation":
            return (
                words("what/PRON", "O") + words("is/AUX", "V") + person + words("'s/PART job/NOUN")
            )
        if fact.attribute == "age":
            return words("how/ADV old/ADJ", "O") + words("is/AUX", "V") + person
        base = "live/VERB" if fact.attribute == "city" else "work/VERB"
        return words("where/ADV", "O") + words("does/AUX", "V") + person + words(base, "V")

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction after a comma, which separates main clauses."""
        return word(",", "PUNCT") + word(joined.link, "CCONJ")
