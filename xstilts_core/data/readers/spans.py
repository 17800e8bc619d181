"""Read questions about a text in SQuAD's JSON, versions 1.1 and 2.0 (SQuAD, XQuAD, MLQA,
TyDiQA-GoldP), and as queries for the sentence with the answer (SQuAD, LAReQA)."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.shapes import Row, numbered_repeats, span
from xstilts_core.data.readers.text import Entry, parse_json, read_text
from xstilts_core.errors import UsageError, shown
from xstilts_core.examples import Passage, RankingExample, SpanExample
from xstilts_core.tasks import TASKS

# What follows the first key "answers" of a file if they were removed: XTREME's copies of test files
# have [{"answer_start": 0, "text": ""}] in every question.
_REMOVED = re.compile(rb'\s*:\s*\[\s*\{[^{}\]]*"text"\s*:\s*""')
_HEAD_BYTES = 1 << 20

_SHAPE = (
    '{"data": [{"paragraphs": [{"context", "qas": [{"id", "question", '
    '"answers": [{"text", "answer_start"}]}]}]}]}'
)


def read_squad(path: Path) -> list[SpanExample]:
    """Return the questions of a file, in order. Unanswerable ones have "is_impossible" (SQuAD 2.0).

    Repeated ids (XTREME's TyDiQA training files) get "#" and the question's position, from 1. Raise
    UsageError if the JSON is malformed or of another shape, if a question is blank, if an answer is
    blank or not at its offset, and if answers were removed (XTREME's test files): an example
    without answers would mean an unanswerable question. White space around a question is stripped,
    as the hub's rows have none. A context is left unchanged, because the offsets count from its
    beginning.
    """
    examples = [example_of(path, context, entry) for context, entry in questions(path)]
    if not examples:
        raise UsageError(f"{path} holds no question: expected at least one in {_SHAPE}")
    return numbered_repeats(examples)


def has_answers(path: Path) -> bool:
    """Return whether the file's first question has its answers. The file is not decoded, because
    `available` checks many files."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not _REMOVED.match(head.partition(b'"answers"')[2])


def questions(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (context, entry of "qas") of every question. Raise UsageError if the JSON is truncated
    or lacks a level."""
    for where, paragraph in paragraphs(path):
        context = member(paragraph, "context", str, where)
        for entry in member(paragraph, "qas", list, where):
            yield context, entry


def paragraphs(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (its position, the paragraph) of every paragraph."""
    content = parse_json(read_text(path), path, f"a complete file {_SHAPE}")
    for number, article in enumerate(member(content, "data", list, f"{path}, the top level")):
        where = f"{path}, data[{number}]"
        for place, paragraph in enumerate(member(article, "paragraphs", list, where)):
            yield f"{where}.paragraphs[{place}]", paragraph


def member(parent: Any, key: str, kind: type, where: str | Entry) -> Any:
    """Return parent[key]. Raise UsageError unless it has type `kind`."""
    value = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{where}: no {kind.__name__} named {key!r}: expected {_SHAPE}")
    return value


def example_of(path: Path, context: str, entry: dict[str, Any]) -> SpanExample:
    """Return one question with its answers, each checked against the context."""
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise UsageError(
            f"{path}: a question has the id {shown(name)}: expected a text in {_SHAPE}"
        )
    impossible = entry.get("is_impossible", False) is True
    answers = {"answers": []} if impossible else {}
    values = {**answers, **entry, "context": context}
    row = Row(Entry(path, name, f"question {shown(name)}"), values)
    if impossible and entry.get("answers"):
        raise row.wrong("marked is_impossible but has answers: expected one of the two")
    return span(row, exact=True, unanswerable=impossible)


# ---- where English sentences begin and end, for SQuAD, whose files do not mark them

# White space after a sentence's end: its mark, closing quotation marks and brackets, and
# Wikipedia's notes ("[note 1]"). The next sentence begins with a capital or a digit, possibly after
# a quotation mark or bracket.
BREAK = re.compile(r"""(?<=[.?!])[)'"”\]]*(?:\[[^\[\]]{1,20}\])*\s+(?=['"“(\[]*[A-Z0-9À-Þ])""")
# A full stop after these, or after single capitals ("J. R. R."), is part of the word.
_ABBREVIATIONS = (
    r"Mr|Mrs|Ms|Dr|Prof|Rev|Fr|St|Sta|Msgr|Lt|Gen|Col|Maj|Adm|Capt|Sgt|Rep|Gov|Sen|Pres|Jr|Sr|Mt|"
    r"Ft|Nos?|Vol|Art|Sec|Op|pp|vs|cf|ca|approx|esp|etc|Jan|Feb|Aug|Sept|Oct|Nov|Dec|Bros|Inc|Co|Ltd|al|e\.g|i\.e|a\.k\.a|a\.m|p\.m"
)
UNFINISHED = re.compile(rf"(?:^|[\s(\[\"'“])(?:{_ABBREVIATIONS}|(?:[A-Z]\.)*[A-Z])\.$")
# Even after single capitals these words begin a sentence ("in the U.S. The ...").
_BEGINNINGS = re.compile(
    r"(?:The|This|These|That|It|He|She|They|In|On|At|By|As|For|However|After|During|While|When|Although)\b"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every sentence, without the white space around it. Line breaks are
    white space.

    The rule is our own, in the spirit of the pattern-based breaker with which XTREME-R trains
    LAReQA's models (google-research/xtreme, third_party/processors/sb_sed.py), which has more
    exceptions. Every character that is not white space is in exactly one sentence.
    """
    # Not after an abbreviation.
    breaks = (
        match.end()
        for match in BREAK.finditer(text)
        if not UNFINISHED.search(text[max(0, match.start() - 20) : match.start()])
        or _BEGINNINGS.match(text, match.end())
    )
    return [
        (first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip()))
        for first, last in pairwise([0, *breaks, len(text)])
        if (piece := text[first:last]).strip()
    ]


# ---- questions and the sentences that answer them


_Sentences = dict[tuple[int, int], Passage]
"""The sentences of a paragraph by (start, end)."""


def _sentences(
    context: str, spans: Sequence[tuple[int, int]], code: str, paragraph: int
) -> _Sentences:
    """Return the sentences of a paragraph. Their ids are XTREME-R's: language, number of the
    paragraph (from 1) and of the sentence (from 0)."""
    return {
        (first, end): Passage(f"{code}_{paragraph}_{number}", code, context[first:end], context)
        for number, (first, end) in enumerate(spans)
    }


def _answer_passages(example: SpanExample, sentences: _Sentences) -> tuple[Passage, ...]:
    """Return the sentence in which the first answer begins, and any other of the paragraph with the
    same words; none if the answer begins between sentences."""
    answer = example.answers[0]
    start = answer.start + len(answer.text) - len(answer.text.lstrip())
    texts = [passage.text for (first, end), passage in sentences.items() if first <= start < end]
    return tuple(passage for passage in sentences.values() if passage.text in texts[:1])


def by_sentence(examples: Sequence[SpanExample]) -> list[RankingExample]:
    """Return English span questions as queries for the one sentence (found by `sentence_spans`)
    that holds the answer."""
    by_context: dict[str, _Sentences] = {}
    queries = []
    for example in examples:
        context, number = example.context, len(by_context) + 1
        if context not in by_context:
            by_context[context] = _sentences(context, sentence_spans(context), "en", number)
        if answers := _answer_passages(example, by_context[context]):
            queries.append(RankingExample(example.id, example.question.strip(), answers[:1]))
    return queries


def _read_xquad_r(path: Path) -> list[tuple[RankingExample, _Sentences]]:
    """Return every question with its answer sentences in the file's own language, and all sentences
    of its paragraph (XQuAD-R, Roy et al. 2020).

    A question whose answer begins in no sentence is left out, and so are the sentences of a
    paragraph without any other question, as in XTREME-R (third_party/utils_lareqa.py). Raise
    UsageError if sentence breaks are missing or exceed the paragraph.
    """
    pairs = []
    for number, (where, paragraph) in enumerate(paragraphs(path), start=1):
        context = member(paragraph, "context", str, where)
        spans = _sentence_breaks(where, paragraph, context)
        sentences = _sentences(context, spans, path.stem, number)
        for entry in member(paragraph, "qas", list, where):
            example = example_of(path, context, entry)
            if answers := _answer_passages(example, sentences):
                pairs.append((RankingExample(example.id, example.question, answers), sentences))
    return pairs


def _sentence_breaks(where: str, paragraph: Any, context: str) -> list[tuple[int, int]]:
    """Return the paragraph's "sentence_breaks"."""
    spans = paragraph.get("sentence_breaks")
    expected = "expected sentence_breaks [[start, end], ...], as in XQuAD-R (plain XQuAD has none)"
    if not isinstance(spans, list) or not spans:
        raise UsageError(f"{where}: no sentence_breaks: {expected}")
    for sentence in spans:
        valid = isinstance(sentence, list) and [type(number) for number in sentence] == [int, int]
        if not valid or not 0 <= sentence[0] < sentence[1] <= len(context):
            raise UsageError(
                f"{where}: sentence break {sentence!r} is not within the "
                f"{len(context)} characters: {expected}"
            )
    return [(first, end) for first, end in spans]


def _language_files(path: Path) -> list[Path]:
    """Return the files of all of LAReQA's languages in the path's folder. Raise UsageError with
    those that are missing."""
    codes = TASKS["lareqa"].languages
    files = [path.with_name(f"{code}.json") for code in codes]
    if missing := [file.name for file in files if not file.is_file()]:
        raise UsageError(
            f"{path.parent} lacks {', '.join(missing)}: "
            f"the sentences of all {len(codes)} languages are searched together"
        )
    return files


def read_lareqa(path: Path) -> list[RankingExample]:
    """Return the questions of a file with their answer sentences in all languages, whose files are
    beside it."""
    answers: dict[str, tuple[Passage, ...]] = {}
    for file in _language_files(path):
        for example, _ in _read_xquad_r(file):
            answers[example.id] = answers.get(example.id, ()) + example.passages
    return [
        RankingExample(example.id, example.query, answers[example.id])
        for example, _ in _read_xquad_r(path)
    ]


def read_sentences(path: Path) -> list[Passage]:
    """Return LAReQA's pool: the sentences of all languages, each once, in the order of the
    languages and of their files."""
    passages = (
        passage
        for file in _language_files(path)
        for _, sentences in _read_xquad_r(file)
        for passage in sentences.values()
    )
    return list({passage.id: passage for passage in passages}.values())
