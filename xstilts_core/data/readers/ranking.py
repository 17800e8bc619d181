"""Read queries and the passages that answer them: LAReQA, SQuAD's questions by sentence,
Mewsli-X."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.breaks import sentence_spans
from xstilts_core.data.readers.shapes import Row
from xstilts_core.data.readers.spans import example_of, member, paragraphs
from xstilts_core.data.readers.text import parse_json, record_opening, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Passage, RankingExample, SpanExample
from xstilts_core.languages import LANGUAGES

# ---- questions and the sentences that answer them


def _answer_passages(
    example: SpanExample, sentences: Sequence[Passage], spans: Sequence[tuple[int, int]]
) -> tuple[Passage, ...]:
    """Return the sentence in which the first answer begins, and any other of the paragraph with the
    same words; none if the answer begins between sentences."""
    answer = example.answers[0]
    start = answer.start + len(answer.text) - len(answer.text.lstrip())
    text = next(
        (
            passage.text
            for passage, (first, end) in zip(sentences, spans, strict=True)
            if first <= start < end
        ),
        None,
    )
    return tuple(passage for passage in sentences if passage.text == text)


def _sentence_passages(
    context: str, spans: Sequence[tuple[int, int]], code: str, paragraph: int
) -> list[Passage]:
    """Return the sentences of a paragraph. Their ids are XTREME-R's: language, number of the
    paragraph (from 1) and of the sentence (from 0)."""
    return [
        Passage(f"{code}_{paragraph}_{number}", code, context[first:end], context)
        for number, (first, end) in enumerate(spans)
    ]


def by_sentence(examples: Sequence[SpanExample]) -> list[RankingExample]:
    """Return English span questions as queries for the one sentence (found by `sentence_spans`)
    that holds the answer."""
    by_context: dict[str, tuple[list[Passage], list[tuple[int, int]]]] = {}
    queries = []
    for example in examples:
        if example.context not in by_context:
            spans = sentence_spans(example.context)
            by_context[example.context] = (
                _sentence_passages(example.context, spans, "en", len(by_context) + 1),
                spans,
            )
        if answers := _answer_passages(example, *by_context[example.context]):
            queries.append(RankingExample(example.id, example.question.strip(), answers[:1]))
    return queries


def _read_xquad_r(path: Path) -> list[tuple[RankingExample, list[Passage]]]:
    """Return every question with its answer sentences in the file's own language, and all sentences
    of its paragraph (XQuAD-R, Roy et al. 2020).

    A question whose answer begins in no sentence is left out, and so are the sentences of a
    paragraph without any other question, as in XTREME-R (third_party/utils_lareqa.py). Raise
    UsageError if sentence breaks are missing or exceed the paragraph.
    """
    pairs = []
    for number, (origin, paragraph) in enumerate(paragraphs(path), start=1):
        context = member(paragraph, "context", str, path, origin)
        spans = _sentence_breaks(path, origin, paragraph, context)
        sentences = _sentence_passages(context, spans, path.stem, number)
        for entry in member(paragraph, "qas", list, path, origin):
            example = example_of(path, context, entry)
            if answers := _answer_passages(example, sentences, spans):
                pairs.append((RankingExample(example.id, example.question, answers), sentences))
    return pairs


def _sentence_breaks(
    path: Path, origin: str, paragraph: Any, context: str
) -> list[tuple[int, int]]:
    """Return the paragraph's "sentence_breaks"."""
    spans = paragraph.get("sentence_breaks") if isinstance(paragraph, dict) else None
    expected = "expected sentence_breaks [[start, end], ...], as in XQuAD-R (plain XQuAD has none)"
    if not isinstance(spans, list) or not spans:
        raise UsageError(f"{path}, {origin}: no sentence_breaks: {expected}")
    for span in spans:
        valid = isinstance(span, list) and [type(number) for number in span] == [int, int]
        if not valid or not 0 <= span[0] < span[1] <= len(context):
            raise UsageError(
                f"{path}, {origin}: sentence break {span!r} is not within the "
                f"{len(context)} characters: {expected}"
            )
    return [(first, end) for first, end in spans]


def _language_files(path: Path, codes: Sequence[str]) -> list[Path]:
    """Return the files of all these languages in the path's folder. Raise UsageError with those
    that are missing."""
    files = [path.with_name(f"{code}.json") for code in codes]
    if missing := [file.name for file in files if not file.is_file()]:
        raise UsageError(
            f"{path.parent} lacks {', '.join(missing)}: "
            f"the sentences of all {len(codes)} languages are searched together"
        )
    return files


def read_lareqa(path: Path, codes: Sequence[str]) -> list[RankingExample]:
    """Return the questions of a file with their answer sentences in all languages, whose files are
    beside it."""
    answers: dict[str, tuple[Passage, ...]] = {}
    for file in _language_files(path, codes):
        for example, _ in _read_xquad_r(file):
            answers[example.id] = answers.get(example.id, ()) + example.passages
    return [
        RankingExample(example.id, example.query, answers[example.id])
        for example, _ in _read_xquad_r(path)
    ]


def read_sentences(path: Path, codes: Sequence[str]) -> list[Passage]:
    """Return LAReQA's pool: the sentences of all languages, each once, in the order of the
    languages and of their files."""
    files = _language_files(path, codes)
    return list(
        {
            passage.id: passage
            for file in files
            for _, sentences in _read_xquad_r(file)
            for passage in sentences
        }.values()
    )


# ---- mentions and the entities that they name

# Marks around a mention, and the pattern that replaces such marks of the text itself (XTREME-R,
# third_party/utils_mewslix.py).
_MARKED = "{mention}: {left} {{ {mention} }} {right}"
_BRACES = re.compile(r"\{(.*?)\}")


def _records(path: Path) -> Iterator[Row]:
    """Yield every line of a JSON lines file. Lines are read one by one, because the file of
    entities has half a gigabyte."""
    with record_opening(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise wrong(path, number, "not UTF-8: expected a UTF-8 text file") from None
            record = parse_json(text, path, "one object a line", number)
            yield Row(f"{path}, line {number}", record)


def _sentences_of(record: Row, text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the sentences. Raise UsageError if one is not within the text."""
    spans = [
        (entry.get("start", int), entry.get("end", int))
        for entry in record.objects("sentence_spans")
    ]
    for first, end in spans:
        if not 0 <= first <= end <= len(text):
            raise record.wrong(
                f"sentence {first} to {end}: "
                f"expected a span within the {len(text)} characters of the text"
            )
    return spans


def _entity(record: Row) -> Passage:
    """Return an entity as its description: the sentences, without line breaks."""
    description = record.get("description")
    spans = _sentences_of(record, description) or [(0, len(description))]
    text = " ".join(" ".join(description[first:end] for first, end in spans).split())
    if not text:
        raise record.wrong("the description is empty: expected sentences that describe the entity")
    return Passage(record.get("entity_id"), record.get("description_language"), text)


@lru_cache(maxsize=1)
def read_entities(path: Path) -> dict[str, Passage]:
    """Return Mewsli-X's pool by Wikidata id. Cached for the next language: a million descriptions
    take about a gigabyte. Raise UsageError on a repeat."""
    pool: dict[str, Passage] = {}
    for record in _records(path):
        passage = _entity(record)
        if passage.id in pool:
            raise record.wrong(
                f"entity {passage.id} is also on an earlier line: expected each once"
            )
        pool[passage.id] = passage
    if not pool:
        raise UsageError(f"{path} is empty: expected one entity a line")
    return pool


def _query(context: Row, mention: Row) -> str:
    """Return the mention, a colon, and its sentence with the mention in braces, as in XTREME-R.
    Other braces become parentheses.

    The mention comes first, so that shortening the input never removes it.
    """
    text, span = context.get("text"), mention.object("mention_span")
    first, end, words = span.get("start", int), span.get("end", int), span.get("text")
    if not text:
        raise context.wrong(
            "the article's text is empty: the release leaves it out; "
            "restore it with Mewsli-X's get-mewsli-x.sh"
        )
    excerpt = text[first:end] if first >= 0 else ""
    if not words.strip() or excerpt != words:
        raise context.wrong(
            f"expected the mention {words!r} at characters {first} to {end} of the text, "
            f"found {excerpt!r}"
        )
    sentences = _sentences_of(context, text)
    start = max((begin for begin, _ in sentences if begin <= first), default=0)
    stop = min((close for _, close in sentences if close >= end), default=len(text))
    left, right = (_BRACES.sub(r"(\1)", part) for part in (text[start:first], text[end:stop]))
    return " ".join(_MARKED.format(mention=words, left=left, right=right).split())


def read_mentions(path: Path, code: str, entities: Path) -> list[RankingExample]:
    """Return the mentions in the articles of one language, each with the entity that it names, from
    the pool's file.

    Raise UsageError if a mention is not at its position, or names an entity that the pool lacks.
    """
    pool = read_entities(entities)
    mentions = []
    for record in _records(path):
        context = record.object("context")
        if (language := context.get("language")) != code:
            if language not in LANGUAGES:
                raise unknown("language", language, LANGUAGES, record.position)
            continue
        for mention in record.objects("mentions"):
            if (name := mention.get("entity_id")) not in pool:
                raise record.wrong(
                    f"entity {name} is not in {entities}: "
                    f"expected one of its {len(pool):,} entities"
                )
            example_id = mention.get("example_id")
            mentions.append(RankingExample(example_id, _query(context, mention), (pool[name],)))
    return mentions


def read_mention_pairs(path: Path) -> list[RankingExample]:
    """Return English Wikipedia's mentions, each with its entity's description."""
    mentions = []
    for record in _records(path):
        pair = record.object("contextual_mention")
        mention = pair.object("mention")
        passage = _entity(record.object("entity"))
        text = _query(pair.object("context"), mention)
        mentions.append(RankingExample(mention.get("example_id"), text, (passage,)))
    if not mentions:
        raise UsageError(f"{path} is empty: expected one mention and entity a line")
    return mentions
