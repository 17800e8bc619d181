"""The pretraining corpus of phase 1: documents of each language, code-switched documents, and short
translation pairs.

Pure monolingual text aligns only closely related languages. Code-switching of chunks (which a
dictionary teaches) and a share of translation pairs (Lample and Conneau 2019) align the others.
Pairs in one language, which retell a sentence with something moved or changed, teach an encoder to
compare two sentences in languages in which it will not be trained. Held-out names never occur.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from random import Random

from xstilts_core.errors import unknown
from xstilts_core.mini.grammar import (
    LANGUAGES,
    ROLE_LETTERS,
    Sentence,
    clause_tokens,
    detokenise,
    sentence_text,
    separator,
    tokens_of,
)
from xstilts_core.mini.makers.variation import (
    addable,
    added,
    altered,
    details,
    is_impossible,
    question_roles,
    refronted,
    without,
)
from xstilts_core.mini.meaning import Event, Joined, Meaning, Token, Tokens, unfronted
from xstilts_core.mini.world import World, drawn, pretraining_world
from xstilts_core.tasks.embedded_sizes import DOMAIN_SHARES, RESOURCE

_SWITCHED_SHARE = 0.35
"""Share of code-switched documents among all documents."""
_PAIR_SHARE = 0.3
"""Share of pairs among all sequences; half of the translations have English on one side."""
_SWITCH_CHANCE = 0.6
"""Probability that a chunk of a code-switched sentence comes from a random language."""
_RETOLD_SHARE, _QUESTION_SHARE = 0.25, 0.2
"""Shares of pairs that retell in one language, and of those whose second side asks about the first
and answers. The others translate."""
_JOINED_SHARE = 0.25
"""Share of translations with two clauses: who does what is then to be kept apart."""
_FACT_SHARE, _DIALOGUE_SHARE = 0.3, 0.5


@dataclass(frozen=True, slots=True)
class _CorpusDocument:
    """A text of the corpus. language: its code, or "mixed" for code-switched text. pair: the second
    sentence of a translation pair (the first one's language is `language`), otherwise None. Chat
    messages are separated by line breaks."""

    language: str
    text: str
    pair: str | None = None


def documents(languages: tuple[str, ...], seed: int, count: int) -> Iterator[_CorpusDocument]:
    """Yield the corpus, the same for the same arguments.

    count: documents of a high-resource language; every other language gets its `RESOURCE` share of
    it. Code-switched documents and pairs follow if there are at least two languages. The order is
    language by language: shuffle before training.
    """
    for language in languages:
        if language not in LANGUAGES:
            raise unknown("language", language, LANGUAGES, "the corpus of the embedded suite")
    single = 0
    for language in languages:
        random = Random(f"corpus/{seed}/{language}")
        own_count = round(count * RESOURCE[language])
        single += own_count
        for _ in range(own_count):
            domain = drawn(random, DOMAIN_SHARES)
            text = _document(random, domain, _Voice(language, domain))
            yield _CorpusDocument(language, text)
    if len(languages) < 2:
        return
    random = Random(f"corpus/{seed}/mixed/{'-'.join(languages)}")
    mixed = round(single * _SWITCHED_SHARE / (1 - _SWITCHED_SHARE))
    for _ in range(mixed):
        domain = drawn(random, DOMAIN_SHARES)
        text = _document(random, domain, _SwitchingVoice(languages, random, domain))
        yield _CorpusDocument("mixed", text)
    for _ in range(round((single + mixed) * _PAIR_SHARE / (1 - _PAIR_SHARE))):
        yield _pair(random, languages)


def _draw_language(random: Random, languages: tuple[str, ...]) -> str:
    """Draw a language by its resource weight."""
    return random.choices(languages, [RESOURCE[language] for language in languages])[0]


def _pair(random: Random, languages: tuple[str, ...]) -> _CorpusDocument:
    """Return a sentence in two languages, half of the time English and another; a statement in one
    language with a question and its answer in the other; or a sentence retold in its language."""
    first = second = _draw_language(random, languages)
    domain = drawn(random, DOMAIN_SHARES)
    world = pretraining_world(domain).drawing(random)
    kind = random.random()
    if kind < _RETOLD_SHARE:
        voice = _Voice(first, domain)
        event = world.event("translated")
        return _CorpusDocument(first, voice.tell(event), voice.tell(_retold(world, event)))
    if "en" in languages and random.random() < 0.5:
        first = second = "en"
    while second == first:
        second = _draw_language(random, languages)
    left, right = _Voice(first, domain), _Voice(second, domain)
    if kind < _RETOLD_SHARE + _QUESTION_SHARE:
        event = world.event("asked", world.person())
        role = random.choice(question_roles(event))
        dialogue = (right.tell(event, role), right.answer(event, role))
        return _CorpusDocument(first, left.tell(event), right.between.join(dialogue))
    chance = random.random()
    meaning: Meaning = world.fact() if chance < 0.2 else world.event("translated")
    if chance > 1 - _JOINED_SHARE:
        second = world.event("second_translated")
        meaning = Joined(unfronted(meaning), second, random.choice(("and", "but")))
    return _CorpusDocument(first, left.tell(meaning), right.tell(meaning))


def _retold(world: World, event: Event) -> Event:
    """Return the event with another front, and often with a detail left out, added or changed, or
    denied."""
    random = world.random
    way = random.choice(("same", "omitted", "added", "changed", "denied"))
    names, free = details(event), addable(world, event)
    if way == "omitted" and names:
        event = without(event, random.choice(names))
    elif way == "added" and free:
        event = added(world, event, random.choice(free))
    elif way == "changed":
        event = altered(world, event) or event
    elif way == "denied" and event.subject.quantifier != "every":
        event = replace(event, negated=not event.negated)
    event = replace(event, negated=event.negated and not is_impossible(event))
    return refronted(random, event, 0.5)


class _Voice:
    """A speaker of one language."""

    def __init__(self, language: str, domain: str):
        self.language, self.domain = language, domain
        self.between = separator(language, domain)

    def tell(self, meaning: Meaning, ask: str | None = None) -> str:
        """Return a statement, or with `ask` a question, as text."""
        return sentence_text(Sentence(meaning, ask), self.language, self.domain)

    def answer(self, event: Event, role: str) -> str:
        """Return one chunk of the event as a sentence, with the event's final punctuation."""
        tokens = tokens_of(Sentence(event), self.language, self.domain)
        chunk = tuple(token for token in tokens if token.role in ROLE_LETTERS[role])
        mark = tokens[-1:] if tokens[-1].pos == "PUNCT" else ()
        return detokenise(chunk + mark, self.language)[0]


class _SwitchingVoice(_Voice):
    """A code-switching speaker, whose chunks come at random from any language in the frame of a
    base language: "Anna 吃 un Apfel in the kitchen"."""

    def __init__(self, languages: tuple[str, ...], random: Random, domain: str):
        super().__init__(_draw_language(random, languages), domain)
        self.languages, self.random = languages, random
        self.between = separator("en", domain)

    def tell(self, meaning: Meaning, ask: str | None = None) -> str:
        """Return the sentence with switched chunks. Joined clauses are switched separately."""
        sentence = Sentence(meaning, ask)
        told: list[tuple[str, Token]] = []
        clauses = self.clauses(sentence, self.language)
        for number, clause in enumerate(clauses):
            finished = set()
            for token in clause:
                if token.pos == "PUNCT":
                    told.append((told[-1][0] if told else self.language, token))
                elif token.role == "-":
                    told.append(self.linking(token, number, sentence))
                elif token.role not in finished:
                    finished.add(token.role)
                    language = self.switched()
                    other = self.clauses(sentence, language)
                    chunk = _chunk(other[number], token.role) if len(other) == len(clauses) else ()
                    if not chunk:
                        language, chunk = self.language, _chunk(clause, token.role)
                    told += [(language, word) for word in chunk]
        return " ".join(
            detokenise(tuple(token for _, token in run), language)[0]
            for language, run in groupby(told, itemgetter(0))
        )

    def switched(self) -> str:
        """Draw the language of a chunk."""
        if self.random.random() < _SWITCH_CHANCE:
            return _draw_language(self.random, self.languages)
        return self.language

    def clauses(self, sentence: Sentence, language: str) -> list[Tokens]:
        """Return the sentence's clauses in a language."""
        return clause_tokens(tokens_of(sentence, language, self.domain), sentence.meaning)

    def linking(self, token: Token, number: int, sentence: Sentence) -> tuple[str, Token]:
        """Return a conjunction, possibly of another language; other function words stay."""
        if token.pos == "CCONJ" and self.random.random() < _SWITCH_CHANCE:
            language = _draw_language(self.random, self.languages)
            clauses = self.clauses(sentence, language)
            if len(clauses) > number and clauses[number][0].pos == "CCONJ":
                return language, clauses[number][0]
        return self.language, token

    def answer(self, event: Event, role: str) -> str:
        """Return the chunk in a random language."""
        language = _draw_language(self.random, self.languages)
        return _Voice(language, self.domain).answer(event, role)


def _chunk(clause: Tokens, role: str) -> Tokens:
    return tuple(token for token in clause if token.role == role)


def _document(random: Random, domain: str, voice: _Voice) -> str:
    """Return a document of one to four sentences, mostly about one person: facts, events and joined
    clauses. Half of the documents also contain a question and its answer."""
    world = pretraining_world(domain).drawing(random)
    person = world.person()
    sentences = []
    for _ in range(random.randint(1, 3)):
        chance = random.random()
        if chance < _FACT_SHARE:
            meaning: Meaning = world.fact(person)
        elif chance < 0.65:
            meaning = world.event("told", person)
        elif chance < 0.8:
            first = world.event("first_told", person)
            link = "but" if random.random() < 0.25 else "and"
            meaning = Joined(first, world.event("second_told"), link)
        else:
            meaning = world.event("told")
        sentence = voice.tell(meaning)
        if sentence not in sentences:
            sentences.append(sentence)
    if random.random() < _DIALOGUE_SHARE:
        sentences = _dialogue(world, voice, sentences)
    return voice.between.join(sentences)


def _dialogue(world: World, voice: _Voice, sentences: list[str]) -> list[str]:
    """Add an event, a question about it (or about a fact) and the short answer."""
    random = world.random
    person, before = world.person(), sentences[:2]
    if random.random() < 0.25:
        fact = world.fact(person)
        return [*before, voice.tell(fact, random.choice(("value", "person"))), voice.tell(fact)]
    event = world.event("asked", person)
    role = random.choice(question_roles(event))
    statement = voice.tell(event)
    before = [*before, statement] if random.random() < 0.5 else [statement, *before]
    return [*before, voice.tell(event, role), voice.answer(event, role)]


def spaced_sentences(languages: tuple[str, ...], seed: int, count: int) -> Iterator[str]:
    """Yield sentences and questions with a space between any two words, even in a language without
    spaces, for learning a vocabulary."""
    for language in languages:
        random = Random(f"vocabulary/{seed}/{language}")
        for _ in range(count):
            domain = drawn(random, DOMAIN_SHARES)
            world = pretraining_world(domain).drawing(random)
            event, fact = world.event(), world.fact()
            joined = Joined(event, world.event(), random.choice(("and", "but")))
            questions = (Sentence(event, role) for role in question_roles(event))
            for sentence in (Sentence(joined), Sentence(fact), Sentence(fact, "value"), *questions):
                tokens = tokens_of(sentence, language, domain)
                yield " ".join(token.text for token in tokens)
