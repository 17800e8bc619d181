"""Realise meanings as sentences in any of the suite's languages, and join tokens to text.

The same meaning in two languages is an exact translation. Word forms come from the lexicons,
agreement and word order from `realise/`. Parts of speech are those of Universal Dependencies, by
the conventions of each language's own treebank.
"""

from dataclasses import replace
from functools import cache

from xstilts_core.mini.lexicon import LANGUAGES, unknown
from xstilts_core.mini.meaning import Event, Fact, Joined, Meaning, Token
from xstilts_core.mini.realise.bulgarian import Bulgarian
from xstilts_core.mini.realise.chinese import Chinese
from xstilts_core.mini.realise.clause import Chunk, Realiser
from xstilts_core.mini.realise.english import English
from xstilts_core.mini.realise.german import German
from xstilts_core.mini.realise.hindi import Hindi
from xstilts_core.mini.realise.indonesian import Indonesian
from xstilts_core.mini.realise.spanish import Spanish
from xstilts_core.mini.realise.swahili import Swahili
from xstilts_core.mini.realise.turkish import Turkish

__all__ = ["LANGUAGES", "detokenise", "phrase", "realise"]

_REALISERS = {
    kind.code: kind
    for kind in (English, German, Spanish, Bulgarian, Turkish, Hindi, Chinese, Indonesian, Swahili)
}
DOMAINS = ("general", "clinic", "chat")
_EVENT_ROLES = ("subject", "object", "place", "time")
_FACT_QUESTIONS = ("person", "value")
_CLOSING = frozenset({".", ",", "?", "!", "।", "。", "，", "？", "'s"})


@cache
def _realiser(language: str) -> Realiser:
    """Return the grammar of a language, built once."""
    if language not in _REALISERS:
        raise unknown("language", language, "the embedded suite's grammar", LANGUAGES)
    return _REALISERS[language]()


def _check_role(meaning: Meaning, role: str, use: str) -> None:
    """Raise an error for a role that this kind of meaning lacks, or this meaning leaves empty."""
    if isinstance(meaning, Joined):
        raise ValueError(
            f"{use} {role!r}: a Joined meaning has no roles of its own; take its first or second "
            "clause"
        )
    legal = _EVENT_ROLES if isinstance(meaning, Event) else _FACT_QUESTIONS
    if role not in legal:
        raise unknown(use, role, type(meaning).__name__, legal)
    if isinstance(meaning, Event) and getattr(meaning, role) is None:
        filled = tuple(name for name in _EVENT_ROLES if getattr(meaning, name) is not None)
        raise ValueError(
            f"{use} {role!r}: this Event has none (it has {', '.join(filled)}): {meaning}"
        )


def _clause(realiser: Realiser, meaning: Meaning, ask: str | None) -> Chunk:
    """Realise a meaning without its final punctuation."""
    if isinstance(meaning, Event):
        return realiser.event(meaning, ask)
    if isinstance(meaning, Fact):
        return realiser.fact(meaning, ask)
    second = _clause(realiser, meaning.second, None)
    return _clause(realiser, meaning.first, None) + realiser.link(meaning, second) + second


@cache
def _capital(token: Token, language: str) -> Token:
    """Return the token with its first letter in upper case; Turkish i becomes İ."""
    first = token.text[0]
    upper = "İ" if language == "tr" and first == "i" else first.upper()
    return replace(token, text=upper + token.text[1:])


@cache
def _mark(text: str, pos: str = "PUNCT") -> Token:
    """Return a punctuation mark or an interjection, which has no role."""
    return Token(text, pos)


def realise(
    meaning: Meaning, language: str, ask: str | None = None, domain: str = "general"
) -> tuple[Token, ...]:
    """Realise a meaning as a sentence with its final punctuation.

    ask: subject, object, place or time of an Event, or person or value of a Fact, makes a question
    about it, whose question word has the letter of the asked role. None makes a statement, in which
    each of the chunks subject, object, place and time is contiguous. The value of a fact has role
    O. domain: chat begins with an interjection, without a capital, and has no final full stop.
    Raise ValueError for an unknown language, role, domain or concept, or a role that is empty in
    the meaning.
    """
    realiser = _realiser(language)
    if domain not in DOMAINS:
        raise unknown("domain", domain, "realise", DOMAINS)
    if ask is not None:
        _check_role(meaning, ask, "ask")
    clause = _clause(realiser, meaning, ask)
    chat = domain == "chat"
    if chat:
        clause = (_mark(realiser.interjection, "INTJ"), _mark(realiser.comma), *clause)
        return (*clause, _mark(realiser.question_mark)) if ask else clause
    clause = (_capital(clause[0], language), *clause[1:])
    if ask is None:
        return (*clause, _mark(realiser.stop))
    opening = (_mark(realiser.question_opening),) if realiser.question_opening else ()
    return (*opening, *clause, _mark(realiser.question_mark))


def phrase(meaning: Meaning, language: str, role: str) -> tuple[Token, ...]:
    """Return one chunk in the form that it has inside the statement, for short answers and choices.

    role: subject, object, place or time of an Event; person or value of a Fact.
    """
    realiser = _realiser(language)
    _check_role(meaning, role, "role")
    if isinstance(meaning, Fact):
        return (
            realiser.value(meaning)
            if role == "value"
            else realiser.chunk(meaning.person, "subject", "")
        )
    if role == "subject":
        return realiser.chunk(meaning.subject, "subject", "")
    if role == "object":
        return realiser.chunk(meaning.object, "object", meaning.verb)
    return (
        realiser.adverbial(meaning.place, "P")
        if role == "place"
        else realiser.adverbial(meaning.time, "T")
    )


def detokenise(tokens: tuple[Token, ...], language: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text in normal spelling, and the (start, end) characters of every token in it.

    Chinese has no spaces between words, and a dot between the parts of a foreign name.
    """
    if language not in _REALISERS:
        raise unknown("language", language, "the embedded suite's grammar", LANGUAGES)
    unspaced = language == "zh"
    pieces: list[str] = []
    spans = []
    position = 0
    previous: Token | None = None
    for token in tokens:
        gap = ""
        if previous is not None:
            if unspaced:
                gap = "·" if token.ner == "I-PER" and previous.ner.endswith("-PER") else ""
            elif token.text not in _CLOSING and previous.text != "¿":
                gap = " "
        start = position + len(gap)
        position = start + len(token.text)
        pieces.append(gap + token.text)
        spans.append((start, position))
        previous = token
    return "".join(pieces), tuple(spans)
