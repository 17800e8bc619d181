"""Turkish: verb last, case by suffix (after an apostrophe on names), question words in place,
negation in the verb."""

from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "kim/PRON",
    ("subject", "animal"): "hangi/DET hayvan/NOUN",
    ("subject", "thing"): "ne/PRON",
    ("accusative", "human"): "kimi/PRON",
    ("accusative", "animal"): "hangi/DET hayvanı/NOUN",
    ("accusative", "thing"): "ne/PRON",
    ("dative", "human"): "kime/PRON",
    ("dative", "animal"): "hangi/DET hayvana/NOUN",
    ("dative", "thing"): "neye/PRON",
    ("place", ""): "nerede/ADV",
    ("time", ""): "ne/DET zaman/NOUN",
}
_QUESTION_LETTERS = {"subject": "S", "accusative": "O", "dative": "O", "place": "P", "time": "T"}


class Turkish(Realiser):
    """Turkish."""

    code = "tr"
    interjection = "vay"
    numbers = ("iki", "üç", "dört", "beş", "altı", "yedi")
    never = "asla/ADV"
    questions = QUESTIONS

    def case(self, verb: str) -> str:
        """Return the case of a definite object."""
        return self.marker(verb) or "accusative"

    def name(self, entity: Entity, role: str, verb: str, column: str = "word") -> Chunk:
        """Return a name; the last word of an object takes the case that the verb requires."""
        return super().name(entity, role, verb, self.case(verb) if verb else column)

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: büyük bir köpek, her köpek, üç köpek, soğuk su. An indefinite
        object has a case ending only if its verb requires one."""
        column = "word"
        if role == "O" and verb:
            case = self.case(verb)
            definite = (
                entity.quantifier == "every" and entity.number is None and not self.is_bare(entity)
            )
            if self.marker(verb) or definite or entity.concept == "someone":
                column = case
        noun = words(self.cell(entity.concept, column), role, "NOUN", entity.concept)
        old_age = self.kind(entity.concept) == "animal"
        adjective = self.adjective(entity, "animate" if old_age else "word", role)
        if entity.number is not None:
            return word(self.number_word(entity), "NUM", role) + adjective + noun
        if self.is_bare(entity):
            return adjective + noun
        if entity.quantifier == "every":
            return word("her", "DET", role) + adjective + noun
        return adjective + word("bir", "DET", role) + noun

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return "word": counted nouns stay singular, and so does the verb."""
        return "word"

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb, negative after asla."""
        return words(self.cell(verb, "negative" if negated else "word"), "V", "VERB", verb)

    def question_word(self, event: Event, role: str) -> Chunk:
        """Return a question word: kim, kimi, kime, ne, hangi hayvan, nerede, ne zaman."""
        if role == "object":
            return self.question_chunk(self.case(event.verb), self.question_kind(event, role))
        return super().question_word(event, role)

    def make_question_chunk(self, role: str, kind: str) -> Chunk:
        """Return the question word, by case instead of role for an object."""
        return words(self.questions[role, kind], _QUESTION_LETTERS[role])

    def order(self, parts: Parts) -> Chunk:
        """Order: subject time place asla object verb. A question word stays in place."""
        lead, parts = parts.extract_front()
        return (
            lead
            + parts.subject
            + parts.time
            + parts.place
            + parts.negation
            + parts.object
            + parts.verb
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: bir doktor; Roma'da; Novex'te; 34 yaşında."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"{value}/NUM yaşında/NOUN", "O")
        if fact.attribute == "occupation":
            return self.noun_phrase(Entity(value), "O", "")
        return self.place_name(value, column="locative")

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: Anna Roma'da yaşıyor. Kim Roma'da yaşıyor? Anna nerede yaşıyor?"""
        verbs = {"city": "yaşıyor/VERB", "employer": "çalışıyor/VERB"}
        verb = words(verbs[fact.attribute], "V") if fact.attribute in verbs else ()
        person = self.chunk(fact.person, "subject", "")
        if ask != "value":
            return (word("kim", "PRON", "S") if ask else person) + self.value(fact) + verb
        if fact.attribute == "occupation":
            person = super().name(fact.person, "S", "", "genitive")
            return person + words("mesleği/NOUN") + words("ne/PRON", "O")
        question = "kaç/DET yaşında/NOUN" if fact.attribute == "age" else "nerede/ADV"
        return person + words(question, "O") + verb

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before ve."""
        return (
            word("ve", "CCONJ")
            if joined.link == "and"
            else word(",", "PUNCT") + word("ama", "CCONJ")
        )
