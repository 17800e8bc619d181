"""Sentences and passages: tell meanings in a language, and locate a clause's chunks in the text."""

from dataclasses import dataclass, replace
from random import Random

from xstilts_core.mini.grammar import detokenise, phrase, realise
from xstilts_core.mini.meaning import Event, Fact, Joined, Meaning, Token

ROLE_LETTERS = {
    "subject": "S",
    "object": "O",
    "place": "P",
    "time": "T",
    "person": "S",
    "value": "OP",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement, or with `ask` a question about one role of the meaning (realise's `ask`)."""

    meaning: Meaning
    ask: str | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """A chunk of a passage: sentence, clause (1 for the second of a joined sentence) and role."""

    sentence: int
    clause: int
    role: str


def separator(language: str, domain: str) -> str:
    """Return the text between two sentences: a space, nothing in Chinese, or a line break between
    chat messages, which have no full stop."""
    if domain == "chat":
        return "\n"
    return "" if language == "zh" else " "


def sentence_text(sentence: Sentence, language: str, domain: str = "general") -> str:
    """Return the text of one sentence."""
    return detokenise(realise(sentence.meaning, language, sentence.ask, domain), language)[0]


def passage(sentences: tuple[Sentence, ...], language: str, domain: str = "general") -> str:
    """Return the text of several sentences."""
    return separator(language, domain).join(
        sentence_text(sentence, language, domain) for sentence in sentences
    )


def chunk(meaning: Meaning, language: str, role: str) -> str:
    """Return the text of one chunk alone, for short answers and choices."""
    return detokenise(phrase(meaning, language, role), language)[0]


def clauses(meaning: Meaning) -> tuple[Event | Fact, ...]:
    """Return the one or two clauses of a meaning."""
    return (meaning.first, meaning.second) if isinstance(meaning, Joined) else (meaning,)


def _chunk_indices(tokens: tuple[Token, ...], meaning: Meaning, spot: Spot) -> list[int]:
    """Return the indices of the tokens of a spot in the tokens of its sentence."""
    clause = clauses(meaning)[spot.clause]
    letters = ROLE_LETTERS[spot.role]
    if isinstance(meaning, Joined):
        link = next(
            index
            for index, token in enumerate(tokens)
            if token.pos == "CCONJ" and token.role == "-"
        )
        region = range(link) if spot.clause == 0 else range(link + 1, len(tokens))
    else:
        region = range(len(tokens))
    indices = [index for index in region if tokens[index].role in letters]
    if not indices or indices[-1] - indices[0] + 1 != len(indices):
        raise ValueError(
            f"no contiguous {spot.role} chunk of {clause} in "
            f"{' '.join(token.text for token in tokens)!r}"
        )
    return indices


def passage_with_spot(
    sentences: tuple[Sentence, ...], spot: Spot, language: str, domain: str = "general"
) -> tuple[str, int, int]:
    """Return the text of a passage and the character range [start, end) of one chunk in it."""
    between, texts, length, start, end = separator(language, domain), [], 0, -1, -1
    for number, sentence in enumerate(sentences):
        tokens = realise(sentence.meaning, language, sentence.ask, domain)
        text, spans = detokenise(tokens, language)
        if number == spot.sentence:
            indices = _chunk_indices(tokens, sentence.meaning, spot)
            start, end = length + spans[indices[0]][0], length + spans[indices[-1]][1]
        texts.append(text)
        length += len(text) + len(between)
    return between.join(texts), start, end


def persons(meaning: Meaning) -> set[str]:
    """Return the concepts that act: subjects, persons of facts, and objects that are named
    persons."""
    concepts = set()
    for clause in clauses(meaning):
        if isinstance(clause, Fact):
            concepts.add(clause.person.concept)
        else:
            concepts.add(clause.subject.concept)
            if clause.object is not None:
                concepts.add(clause.object.concept)
    return concepts


def concepts_of(meaning: Meaning) -> set[str]:
    """Return every noun, verb and adjective concept of a meaning (for held-out lemmas)."""
    concepts = set()
    for clause in clauses(meaning):
        if isinstance(clause, Fact):
            concepts |= {clause.person.concept, str(clause.value)}
            continue
        concepts |= {clause.verb, clause.place or "", clause.time or ""}
        for entity in (clause.subject, clause.object):
            if entity is not None:
                concepts |= {entity.concept, entity.adjective or ""}
    return concepts


def same_clause(first: Event | Fact, second: Event | Fact) -> bool:
    """Return whether two clauses mean the same, whatever is fronted."""
    return unfronted(first) == unfronted(second)


def unfronted(clause: Event | Fact) -> Event | Fact:
    """Return the clause with nothing fronted."""
    return (
        clause if isinstance(clause, Fact) or clause.front is None else replace(clause, front=None)
    )


def settled(event: Event) -> Event:
    """Return the event without its front if the fronted adjunct is missing."""
    is_missing = (event.front == "place" and event.place is None) or (
        event.front == "time" and event.time is None
    )
    return replace(event, front=None) if is_missing else event


def refronted(random: Random, event: Event, chance: float = 0.25) -> Event:
    """Return the event with another random choice of the fronted adjunct."""
    fronted = random.choice(("place", "time")) if random.random() < chance else None
    return settled(replace(event, front=fronted))
