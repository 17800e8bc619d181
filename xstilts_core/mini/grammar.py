"""Put meanings into words: sentences and passages in any of the suite's languages.

The same meaning in two languages is an exact translation. Parts of speech are those of Universal
Dependencies, by the conventions of each language's own treebank.
"""

from dataclasses import dataclass, replace
from functools import cache

from xstilts_core.errors import UsageError, unknown
from xstilts_core.mini.languages import Language
from xstilts_core.mini.lexicon import DOMAINS, LANGUAGES
from xstilts_core.mini.meaning import Event, Fact, Joined, Meaning, Token, Tokens

ROLE_LETTERS = {
    "subject": "S",
    "object": "O",
    "place": "P",
    "time": "T",
    "person": "S",
    "value": "OP",
}
_CLOSING = frozenset({".", ",", "?", "!", "।", "。", "，", "？", "'s"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement, or with `ask` a question about one role of the meaning (realise's `ask`)."""

    meaning: Meaning
    ask: str | None = None


Passage = tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A chunk of a passage: sentence, clause (1 for the second of a joined sentence) and role."""

    sentence: int
    clause: int
    role: str


@cache
def _language(code: str) -> Language:
    """Return the grammar of a language, built once."""
    if code not in LANGUAGES:
        raise unknown("language", code, LANGUAGES, "the embedded suite's grammar")
    return Language(code)


def _check_role(meaning: Meaning, role: str, use: str) -> None:
    """Raise an error for a role that this kind of meaning lacks, or this meaning leaves empty."""
    if isinstance(meaning, Joined):
        raise UsageError(
            f"{use} {role!r}: a Joined meaning has no roles of its own; take its first or second "
            "clause"
        )
    is_event = isinstance(meaning, Event)
    legal = ("subject", "object", "place", "time") if is_event else ("person", "value")
    if role not in legal:
        raise unknown(use, role, legal, type(meaning).__name__)
    if getattr(meaning, role) is None:
        present = ", ".join(name for name in legal if getattr(meaning, name) is not None)
        raise UsageError(f"{use} {role!r}: this Event has none (it has {present}): {meaning}")


def _clause(language: Language, meaning: Meaning, ask: str | None) -> Tokens:
    """Realise a meaning without its final punctuation."""
    if isinstance(meaning, Event):
        return language.event(meaning, ask)
    if isinstance(meaning, Fact):
        return language.fact(meaning, ask)
    second = _clause(language, meaning.second, None)
    return _clause(language, meaning.first, None) + language.link(meaning, second) + second


@cache
def _capital(token: Token, language: str) -> Token:
    """Return the token with its first letter in upper case; Turkish i becomes İ."""
    first = token.text[0]
    upper = "İ" if language == "tr" and first == "i" else first.upper()
    return replace(token, text=upper + token.text[1:])


def realise(
    meaning: Meaning, language: str, ask: str | None = None, domain: str = "general"
) -> Tokens:
    """Realise a meaning as a sentence with its final punctuation.

    ask: subject, object, place or time of an Event, or person or value of a Fact, makes a question
    about it, whose question word has the letter of the asked role. None makes a statement, in which
    each of the chunks subject, object, place and time is contiguous. The value of a fact has role
    O. domain: chat begins with an interjection, without a capital, and has no final full stop.
    Raise UsageError for an unknown language, role, domain or concept, or a role that is empty in
    the meaning.
    """
    grammar = _language(language)
    rules = grammar.rules
    if domain not in DOMAINS:
        raise unknown("domain", domain, DOMAINS, "realise")
    if ask is not None:
        _check_role(meaning, ask, "ask")
    clause = _clause(grammar, meaning, ask)
    start: Tokens = ()
    if domain == "chat":
        start, end = grammar.words(f"{rules.interjection}/INTJ {rules.comma}", "-", "PUNCT"), ""
    else:
        end, clause = rules.stop, (_capital(clause[0], language), *clause[1:])
        if ask is not None:
            start = grammar.words(rules.question_opening, "-", "PUNCT")
    return start + clause + grammar.words(rules.question_mark if ask else end, "-", "PUNCT")


def phrase(meaning: Meaning, language: str, role: str) -> Tokens:
    """Return one chunk in the form that it has inside the statement, for short answers and choices.

    role: subject, object, place or time of an Event; person or value of a Fact.
    """
    grammar = _language(language)
    _check_role(meaning, role, "role")
    if role == "value":
        return grammar.value(meaning)
    if role == "object":
        return grammar.chunk(meaning.object, meaning.verb)
    if role in ("subject", "person"):
        return grammar.chunk(getattr(meaning, role))
    return grammar.adverbial(getattr(meaning, role), ROLE_LETTERS[role])


def detokenise(tokens: Tokens, language: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text in normal spelling, and the (start, end) characters of every token in it.

    Chinese has no spaces between words, and a dot between the parts of a foreign name.
    """
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES, "the embedded suite's grammar")
    text, spans, previous = "", [], None
    for token in tokens:
        if previous is not None:
            if language == "zh":
                text += "·" if token.ner == "I-PER" and previous.ner.endswith("-PER") else ""
            elif token.text not in _CLOSING and previous.text != "¿":
                text += " "
        spans.append((len(text), len(text) + len(token.text)))
        text += token.text
        previous = token
    return text, tuple(spans)


def separator(language: str, domain: str) -> str:
    """Return the text between two sentences: a space, nothing in Chinese, or a line break between
    chat messages, which have no full stop."""
    if domain == "chat":
        return "\n"
    return "" if language == "zh" else " "


def tokens_of(sentence: Sentence, language: str, domain: str) -> Tokens:
    """Return the tokens of one sentence."""
    return realise(sentence.meaning, language, sentence.ask, domain)


def sentence_text(sentence: Sentence, language: str, domain: str) -> str:
    """Return the text of one sentence."""
    return detokenise(tokens_of(sentence, language, domain), language)[0]


def passage(sentences: Passage, language: str, domain: str) -> str:
    """Return the text of several sentences."""
    return separator(language, domain).join(
        sentence_text(sentence, language, domain) for sentence in sentences
    )


def clause_tokens(tokens: Tokens, meaning: Meaning) -> list[Tokens]:
    """Return the tokens of each clause; the second clause begins with the conjunction."""
    if not isinstance(meaning, Joined):
        return [tokens]
    cut = next(
        index for index, token in enumerate(tokens) if token.pos == "CCONJ" and token.role == "-"
    )
    return [tokens[:cut], tokens[cut:]]


def passage_with_spot(
    sentences: Passage, spot: Spot, language: str, domain: str
) -> tuple[str, int, int]:
    """Return the text of a passage and the character range [start, end) of one chunk in it."""
    between = separator(language, domain)
    tokens = [tokens_of(sentence, language, domain) for sentence in sentences]
    texts, spans = zip(*(detokenise(words, language) for words in tokens), strict=True)
    offset = len(between.join([*texts[: spot.sentence], ""]))
    # The role of every token, with the number of its clause.
    parts = clause_tokens(tokens[spot.sentence], sentences[spot.sentence].meaning)
    roles = [(number, token.role) for number, part in enumerate(parts) for token in part]
    sought = [(spot.clause, letter) for letter in ROLE_LETTERS[spot.role]]
    chunk = [span for span, role in zip(spans[spot.sentence], roles, strict=True) if role in sought]
    return between.join(texts), offset + chunk[0][0], offset + chunk[-1][1]
