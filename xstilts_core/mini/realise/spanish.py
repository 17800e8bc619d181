"""Spanish: adjectives follow and agree; named and human objects take the personal a."""

from xstilts_core.mini.lexicon import class_of, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import EMPTY, Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "quién/PRON",
    ("subject", "animal"): "qué/DET animal/NOUN",
    ("subject", "thing"): "qué/PRON",
    ("object", "human"): "a/ADP quién/PRON",
    ("object", "animal"): "qué/DET animal/NOUN",
    ("object", "thing"): "qué/PRON",
    ("place", ""): "dónde/ADV",
    ("time", ""): "cuándo/ADV",
}


class Spanish(Realiser):
    """Spanish."""

    code = "es"
    interjection = "jaja"
    numbers = ("dos", "tres", "cuatro", "cinco", "seis", "siete")
    question_opening = "¿"
    never = "nunca/ADV"
    questions = QUESTIONS

    def takes_a(self, kind: str, verb: str) -> bool:
        """Return whether the object takes the preposition a: people always, animals with verbs for
        persons, and any object of a verb that requires it."""
        if not verb:
            return False
        return (
            kind in ("name", "human")
            or self.marker(verb) == "a"
            or (kind == "animal" and class_of(verb) == "verb_person")
        )

    def name(self, entity: Entity, role: str, verb: str, column: str = "word") -> Chunk:
        """Return a name, after a if it is the object."""
        phrase = super().name(entity, role, verb, column)
        return word("a", "ADP", role) + phrase if verb else phrase

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: un perro grande, cada perro, tres bolsas rojas, agua fría."""
        plural = entity.number is not None
        feminine = entry("es", entity.concept)["gender"] == "f"
        noun = words(
            self.cell(entity.concept, "plural" if plural else "word"), role, "NOUN", entity.concept
        )
        column = (
            ("feminine_plural" if plural else "feminine")
            if feminine
            else ("plural" if plural else "word")
        )
        core = noun + self.adjective(entity, column, role)
        if plural:
            core = word(self.number_word(entity), "NUM", role) + core
        elif not self.is_bare(entity):
            article = "cada" if entity.quantifier == "every" else "una" if feminine else "un"
            core = word(article, "DET", role) + core
        preposition = role == "O" and self.takes_a(self.kind(entity.concept), verb)
        return word("a", "ADP", role) + core if preposition else core

    def question_word(self, event: Event, role: str) -> Chunk:
        """Return a question word: quién, a quién, qué, qué animal, dónde, cuándo."""
        chunk = super().question_word(event, role)
        kind = self.question_kind(event, role) if role == "object" else "human"
        return (
            word("a", "ADP", "O") + chunk
            if kind != "human" and self.takes_a(kind, event.verb)
            else chunk
        )

    def order(self, parts: Parts) -> Chunk:
        """Order: subject nunca verb object place time; nunca verb subject after a question word."""
        if parts.ask in (None, "subject"):
            lead, parts = parts.extract_front()
            lead = lead + word(",", "PUNCT") if lead else EMPTY
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
        """Return a predicate: médica (bare, as usual in Spanish); en Roma; en Novex; 34 años."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"{value}/NUM años/NOUN", "O")
        if fact.attribute == "occupation":
            return words(self.occupation_form(fact.person, value), "O", "NOUN", value)
        return word("en", "ADP", "O") + self.place_name(value)

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna vive en Roma. ¿Quién vive en Roma? ¿Dónde vive Anna?"""
        verbs = {
            "occupation": "es/AUX",
            "city": "vive/VERB",
            "employer": "trabaja/VERB",
            "age": "tiene/VERB",
        }
        verb = words(verbs[fact.attribute], "V")
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (word("quién", "PRON", "S") if ask else person) + verb + self.value(fact)
        if fact.attribute == "occupation":
            return (
                words("cuál/PRON", "O")
                + words("es/AUX", "V")
                + words("la/DET profesión/NOUN de/ADP")
                + person
            )
        if fact.attribute == "age":
            return words("cuántos/DET años/NOUN", "O") + verb + person
        return words("dónde/ADV", "O") + verb + person

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction; y becomes e before the sound i."""
        if joined.link == "but":
            return word(",", "PUNCT") + word("pero", "CCONJ")
        return word("e" if second[0].text[0] in "Ii" else "y", "CCONJ")
