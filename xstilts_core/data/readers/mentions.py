"""Read Mewsli-X: mentions of entities, and the descriptions of the entities among which they are
searched."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from xstilts_core.data.readers.shapes import Row
from xstilts_core.data.readers.text import parse_json, record_opening, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Passage, RankingExample
from xstilts_core.languages import LANGUAGES

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


def read_mentions(path: Path, entities: Path, code: str) -> list[RankingExample]:
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
                raise unknown("language", language, LANGUAGES, record.where)
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
