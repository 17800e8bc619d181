"""Chinese: measure words, time and place before verbs, question words in place, no spaces."""

from xstilts_core.mini.lexicon import ABSENT, entry
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined
from xstilts_core.mini.realise.clause import EMPTY, Chunk, Parts, Realiser, word, words

QUESTIONS = {
    ("subject", "human"): "谁/PRON",
    ("subject", "animal"): "什么/DET 动物/NOUN",
    ("subject", "thing"): "什么/PRON",
    ("object", "human"): "谁/PRON",
    ("object", "animal"): "什么/DET 动物/NOUN",
    ("object", "thing"): "什么/PRON",
    ("place", ""): "在/ADP 哪里/PRON",
    ("time", ""): "什么/DET 时候/NOUN",
}


class Chinese(Realiser):
    """Mandarin Chinese in simplified characters."""

    code = "zh"
    interjection = "哈哈"
    numbers = ("两", "三", "四", "五", "六", "七")
    comma = "，"
    stop = "。"
    question_mark = "？"
    never = "从不/ADV"
    questions = QUESTIONS

    def noun_phrase(self, entity: Entity, role: str, verb: str) -> Chunk:
        """Return a noun phrase: 一只大狗, 每只狗, 三个红色的苹果, 冷水."""
        noun = words(
            self.cell(entity.concept, "object" if role == "O" else "word"),
            role,
            "NOUN",
            entity.concept,
        )
        column = "word" if self.kind(entity.concept) == "thing" else "animate"
        core = self.adjective(entity, column, role) + noun
        measure = entry("zh", entity.concept)["measure"]
        if measure == ABSENT:
            return core
        if entity.number is not None:
            counter = word(self.number_word(entity), "NUM", role)
        else:
            counter = (
                word("每", "DET", role) if entity.quantifier == "every" else word("一", "NUM", role)
            )
        return counter + word(measure, "NOUN", role) + core

    def agreement(self, event: Event, ask: str | None) -> str:
        """Return "every" if the subject needs 都 before the verb."""
        subject = event.subject
        distributive = subject.quantifier == "every" and subject.number is None and ask != "subject"
        return (
            "every"
            if distributive
            and self.kind(subject.concept) in ("human", "animal")
            and not self.is_bare(subject)
            else "word"
        )

    def make_verb_group(self, verb: str, agreement: str, negated: bool) -> Chunk:
        """Return the verb, after 都 for every; `order` moves 都 before negation and place."""
        both = word("都", "ADV", "V") if agreement == "every" else EMPTY
        return both + words(self.cell(verb, "word"), "V", "VERB", verb)

    def order(self, parts: Parts) -> Chunk:
        """Order: subject time (都) 从不 place verb object. A fronted place ends in a comma."""
        lead, parts = parts.extract_front()
        if lead and parts.front == "place":
            lead = lead + word(self.comma, "PUNCT")
        split = len(parts.verb) - 1
        both, verb = parts.verb[:split], parts.verb[split:]
        return (
            lead
            + parts.subject
            + parts.time
            + both
            + parts.negation
            + parts.place
            + verb
            + parts.object
        )

    def make_value(self, fact: Fact) -> Chunk:
        """Return a predicate: 医生 (bare, as usual in Chinese); 在罗马; 在诺维克斯; 34岁."""
        value = str(fact.value)
        if fact.attribute == "age":
            return words(f"{value}/NUM 岁/NOUN", "O")
        if fact.attribute == "occupation":
            return words(self.cell(value, "word"), "O", "NOUN", value)
        return word("在", "ADP", "O") + self.place_name(value)

    def fact(self, fact: Fact, ask: str | None) -> Chunk:
        """Return a clause: 安娜住在罗马。谁住在罗马？安娜住在哪里？"""
        person = self.chunk(fact.person, "subject", "")
        value = self.value(fact)
        if ask == "person":
            person = word("谁", "PRON", "S")
        if ask == "value":
            question_words = {"occupation": "什么/PRON", "age": "多/ADV 大/ADJ"}
            value = words(question_words.get(fact.attribute, "在/ADP 哪里/PRON"), "O")
            if fact.attribute == "occupation":
                return person + words("的/PART 职业/NOUN") + words("是/AUX", "V") + value
        if fact.attribute == "employer":
            return person + value + words("工作/VERB", "V")
        verbs = {"occupation": "是/AUX", "city": "住/VERB", "age": "今年/NOUN"}
        role = "-" if fact.attribute == "age" else "V"
        return person + words(verbs[fact.attribute], role) + value

    def link(self, joined: Joined, second: Chunk) -> Chunk:
        """Return 而 between clauses about two subjects, 并且 about one."""
        if joined.link == "but":
            return word(self.comma, "PUNCT") + word("但是", "CCONJ")
        first, other = (
            clause.subject if isinstance(clause, Event) else clause.person
            for clause in (joined.first, joined.second)
        )
        return word(self.comma, "PUNCT") + word("并且" if first == other else "而", "CCONJ")
