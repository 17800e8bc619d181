"""German: the finite verb is second; objects are accusative; separable particles are last."""

from xstilts_core.mini.lexicon import ABSENT, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import EMPTY, Chunk, Parts, Realiser, word, words

# (gender, case) -> endings of ein, jed-, the adjective after ein, after jed-, and without article
_ENDINGS = {
    ("m", "S"): ("", "er", "er", "e", "er"),
    ("m", "O"): ("en", "en", "en", "en", "en"),
    ("f", "S"): ("e", "e", "e", "e", "e"),
    ("f", "O"): ("e", "e", "e", "e", "e"),
    ("n", "S"): ("", "es", "es", "e", "es"),
    ("n", "O"): ("", "es", "es", "e", "es"),
}
QUESTIONS = {
    ("subject", "human"): "wer/PRON",
    ("subject", "animal"): "welches/DET Tier/NOUN",
    ("subject", "thing"): "was/PRON",
    ("object", "human"): "wen/PRON",
    ("object", "animal"): "welches/DET Tier/NOUN",
    ("object", "thing"): "was/PRON",
    ("place", ""): "wo/ADV",
    ("time", ""): "wann/ADV",
}


class German(Realiser):
    """German."""

    code = "de"
    interjection = "boah"
    numbers = ("zwei", "drei", "vier", "fünf", "sechs", "sieben")
    never = "nie/ADV"
    questions = QUESTIONS

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: ein großer Hund, jeden Hund, drei große Hunde, kalter Tee. role: S
        nominative, O accusative."""
        if entity.number is not None:
            noun = words(self.cell(entity.concept, "plural"), role, "NOUN", entity.concept)
            return (
                word(self.number_word(entity), "NUM", role)
                + self.inflected(entity, "e", role)
                + noun
            )
        noun = words(
            self.cell(entity.concept, "accusative" if role == "O" else "word"),
            role,
            "NOUN",
            entity.concept,
        )
        gender = entry("de", entity.concept)["gender"]
        if gender == ABSENT:
            return noun
        article, every, mixed, weak, strong = _ENDINGS[gender, role]
        if self.is_bare(entity):
            return self.inflected(entity, strong, role) + noun
        if entity.quantifier == "every":
            return word("jed" + every, "DET", role) + self.inflected(entity, weak, role) + noun
        return word("ein" + article, "DET", role) + self.inflected(entity, mixed, role) + noun

    def inflected(self, entity: Entity, ending: str, role: str) -> Chunk:
        """Return the adjective with its ending; empty if there is none."""
        if entity.adjective is None:
            return EMPTY
        return words(self.cell(entity.adjective, "word") + ending, role, "ADJ", entity.adjective)

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return the verb form; animals have their own ("frisst") in column animal, "singular
        plural"."""
        plural = super().agreement(event, ask)
        return f"animal {plural}" if self.kind(event.subject.concept) == "animal" else plural

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the finite verb, then its particle if it has one."""
        animal, _, number = agreement.rpartition(" ")
        animal_forms = entry("de", verb)["animal"] if animal else ABSENT
        if animal_forms != ABSENT:
            singular, plural = animal_forms.split("|")
            return words(plural if number == "plural" else singular, "V", "VERB", verb)
        return super().make_verb_group(verb, number, negated)

    def order(self, parts: Parts) -> Chunk:
        """Order: first field, verb, subject, time, nie, object, place, particle."""
        if parts.ask is not None:
            lead, parts = parts.extract(parts.ask)
        else:
            lead, parts = parts.extract(parts.front or "subject")
        finite, particle = parts.verb[:1], parts.verb[1:]
        return (
            lead
            + finite
            + parts.subject
            + parts.time
            + parts.negation
            + parts.object
            + parts.place
            + particle
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: Ärztin (bare, as German has it); in Rom; bei Novex; 34 Jahre alt."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"{value}/NUM Jahre/NOUN alt/ADJ", "O")
        if fact.attribute == "occupation":
            return words(self.occupation_form(fact.person, value), "O", "NOUN", value)
        return word("in" if fact.attribute == "city" else "bei", "ADP", "O") + self.place_name(
            value
        )

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna wohnt in Rom. Wer wohnt in Rom? Wo wohnt Anna?"""
        verbs = {
            "occupation": "ist/AUX",
            "city": "wohnt/VERB",
            "employer": "arbeitet/VERB",
            "age": "ist/AUX",
        }
        verb = words(verbs[fact.attribute], "V")
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (word("wer", "PRON", "S") if ask else person) + verb + self.value(fact)
        if fact.attribute == "occupation":
            return (
                words("was/PRON", "O")
                + words("ist/AUX", "V")
                + person
                + words("von/ADP Beruf/NOUN")
            )
        if fact.attribute == "age":
            return words("wie/ADV alt/ADJ", "O") + verb + person
        return words("wo/ADV", "O") + verb + person

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before und."""
        return (
            word("und", "CCONJ")
            if joined.link == "and"
            else word(",", "PUNCT") + word("aber", "CCONJ")
        )
