"""Hindi: verb last, postpositions; habitual verbs agree with the subject in gender and number."""

from xstilts_core.mini.lexicon import ABSENT, class_of, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import EMPTY, Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "कौन/PRON",
    ("subject", "animal"): "कौन/DET सा/PART जानवर/NOUN",
    ("subject", "thing"): "क्या/PRON",
    ("object", "human"): "किस/PRON",
    ("object", "animal"): "कौन/DET सा/PART जानवर/NOUN",
    ("object", "thing"): "क्या/PRON",
    ("place", ""): "कहाँ/ADV",
    ("time", ""): "कब/ADV",
}
_LIVES = {"word": "रहता/VERB है/AUX", "feminine": "रहती/VERB है/AUX"}
_WORKS = {"word": "काम/NOUN करता/VERB है/AUX", "feminine": "काम/NOUN करती/VERB है/AUX"}
_GENITIVE = {"word": "का", "feminine": "की"}


class Hindi(Realiser):
    """Hindi."""

    code = "hi"
    interjection = "अरे"
    numbers = ("दो", "तीन", "चार", "पाँच", "छह", "सात")
    stop = "।"
    never = "कभी/ADV नहीं/PART"
    questions = QUESTIONS

    def postposition(self, kind: str, verb: str) -> str:
        """Return the postposition of an object: what the verb requires, or को for people; "" keeps
        the direct form."""
        if not verb:
            return ""
        marker = self.marker(verb)
        if kind == "thing":
            return "" if marker == "को" else marker
        return marker or ("को" if kind in ("name", "human") else "")

    def name(self, entity: Entity, role: str, verb: str, column: str = "word") -> Chunk:
        """Return a name, with its postposition if it is the object."""
        phrase = super().name(entity, role, verb, column)
        return phrase + word(self.postposition("name", verb), "ADP", role) if verb else phrase

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: एक बड़ा कुत्ता, हर कुत्ते को, तीन लाल थैले, ठंडा पानी, in the
        oblique form before a postposition."""
        postposition = self.postposition(self.kind(entity.concept), verb) if role == "O" else ""
        row = entry("hi", entity.concept)
        plural = entity.number is not None
        noun_column = (
            ("plural_oblique" if postposition else "plural")
            if plural
            else ("oblique" if postposition else "word")
        )
        column = (
            "feminine" if row["gender"] == "f" else "oblique" if plural or postposition else "word"
        )
        noun = words(self.cell(entity.concept, noun_column), role, "NOUN", entity.concept)
        core = self.described(entity, column, role) + noun
        if plural:
            core = word(self.number_word(entity), "NUM", role) + core
        elif not self.is_bare(entity):
            core = (
                word("हर", "DET", role) if entity.quantifier == "every" else word("एक", "NUM", role)
            ) + core
        return core + word(postposition, "ADP", role) if postposition else core

    def described(self, entity: Entity, column: str, role: str) -> Chunk:
        """Return the adjective; "old" has its own word for people and animals."""
        if entity.adjective is None or self.kind(entity.concept) == "thing":
            return self.adjective(entity, column, role)
        animate = "animate" if column == "word" else f"animate_{column}"
        form = entry("hi", entity.adjective)[animate]
        return (
            words(form, role, "ADJ", entity.adjective)
            if form != ABSENT
            else self.adjective(entity, column, role)
        )

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return word (masculine, or a question word), feminine, plural or "feminine plural"."""
        concept = event.subject.concept
        if ask == "subject":
            return "word"
        feminine = class_of(concept) == "name_f" or entry("hi", concept)["gender"] == "f"
        plural = event.subject.number is not None
        if feminine:
            return "feminine plural" if plural else "feminine"
        return "plural" if plural else "word"

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return participle and auxiliary: खाती है, खाते हैं."""
        form, _, plural = agreement.partition(" ")
        auxiliary = "हैं" if plural or form == "plural" else "है"
        return words(self.cell(verb, form), "V", "VERB", verb) + word(auxiliary, "AUX", "V")

    def question_word(self, event: Event, role: str) -> Chunk:
        """Return a question word: कौन, किसको, किसकी, क्या, कौन सा जानवर, कहाँ, कब."""
        kind = self.question_kind(event, role) if role == "object" else "thing"
        postposition = self.postposition(kind, event.verb)
        if kind == "human":
            return word("किस" + postposition, "PRON", "O")
        if kind == "animal" and postposition:
            return words("किस/DET जानवर/NOUN", "O") + word(postposition, "ADP", "O")
        if role == "object" and postposition:
            return words("किस/DET चीज़/NOUN", "O") + word(postposition, "ADP", "O")
        return super().question_word(event, role)

    def order(self, parts: Parts) -> Chunk:
        """Order: subject time place object never verb; a compound verb's noun precedes never."""
        lead, parts = parts.extract_front()
        noun, verb = EMPTY, parts.verb
        if verb[0].pos != "VERB":
            noun, verb = verb[:1], verb[1:]
        return (
            lead
            + parts.subject
            + parts.time
            + parts.place
            + parts.object
            + noun
            + parts.negation
            + verb
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: एक डॉक्टर; रोम में; नोवेक्स में; 34 साल की."""
        value = str(fact.value)
        gender = self.gender(fact)
        if fact.attribute == "age":
            return words(f"{value}/NUM साल/NOUN {_GENITIVE[gender]}/ADP", "O")
        if fact.attribute == "occupation":
            return word("एक", "NUM", "O") + words(
                self.occupation_form(fact.person, value), "O", "NOUN", value
            )
        return self.place_name(value) + word("में", "ADP", "O")

    def gender(self, fact: Fact) -> str:
        """Return the verb form that agrees with the person."""
        return "feminine" if class_of(fact.person.concept) == "name_f" else "word"

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: अन्ना रोम में रहती है। रोम में कौन रहता है? अन्ना कहाँ रहती है?"""
        gender = "word" if ask == "person" else self.gender(fact)
        forms = {"city": _LIVES[gender], "employer": _WORKS[gender]}
        verb = words(forms.get(fact.attribute, "है/AUX"), "V")
        person = self.chunk(fact.person, "subject", "")
        if ask is None:
            return person + self.value(fact) + verb
        if ask == "person":
            value = self.value(fact)
            if fact.attribute == "age":
                value = value[:-1] + word(_GENITIVE["word"], "ADP", "O")
            return word("कौन", "PRON", "S") + value + verb
        if fact.attribute == "occupation":
            return person + words("का/ADP पेशा/NOUN") + words("क्या/PRON", "O") + verb
        if fact.attribute == "age":
            return person + words("की/ADP उम्र/NOUN") + words("क्या/PRON", "O") + verb
        return person + words("कहाँ/ADV", "O") + verb

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return the conjunction, without a comma before और."""
        return (
            word("और", "CCONJ")
            if joined.link == "and"
            else word(",", "PUNCT") + word("लेकिन", "CCONJ")
        )
