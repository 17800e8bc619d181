"""The six example types: text as a person would read it, never tensors.

One class serves training, development, test and fixtures. `id` is unique within (task, split,
language). Files that repeat ids (XTREME's TyDiQA training files) use the position as id instead.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairExample:
    """Two texts and the name of their relation (natural language inference, paraphrase)."""

    id: str
    text_a: str
    text_b: str
    label: str | None


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A context, a question (may be empty) and possible continuations or answers; `label` indexes
    the right one."""

    id: str
    context: str
    question: str
    choices: tuple[str, ...]
    label: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `text` begins at character `start` of the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question about a context. Without answers, the context has no answer to it (SQuAD 2.0)."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class TagsExample:
    """Words and one tag per word (part of speech, BIO entity tag, supertag)."""

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentenceExample:
    """One sentence of a two-sided collection (English and another language); `match` is the id of
    its translation."""

    id: str
    language: str
    text: str
    match: str | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage to search for: a sentence or description.
    `context` is the paragraph around it, empty if it stands alone."""

    id: str
    language: str
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class RankingExample:
    """A query and its right passages, at least one; the pool to search has them and others."""

    id: str
    query: str
    passages: tuple[Passage, ...]


Example = PairExample | ChoiceExample | SpanExample | TagsExample | SentenceExample | RankingExample


@dataclass(frozen=True, slots=True)
class TranslationCount:
    """Training examples of a part in a language. found: matched by id; filled: replaced by others
    of the published set; dropped: lost."""

    part: str
    language: str
    found: int
    filled: int = 0
    dropped: int = 0
