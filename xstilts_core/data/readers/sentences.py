"""Read sentences and their translations: Tatoeba in LASER's layout, BUCC 2018 in that of the shared
task."""

from pathlib import Path

from xstilts_core.data.readers.shapes import both_sides
from xstilts_core.data.readers.text import read_lines, truncation_hint, wrong
from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample


def read_tatoeba(path: Path, english: Path, language: str) -> list[SentenceExample]:
    """Return both sides of a LASER file pair: first the sentences of `language`, then the English
    ones. Line k translates line k.

    Ids are "<language>-<line>" with lines from 1. XTREME's own copy of these files sorts the
    English side, so it has no gold pairs: use LASER's. Raise UsageError for a blank line or unequal
    lengths.
    """
    sides = {file: read_lines(file) for file in (path, english)}
    lengths = list(map(len, sides.values()))
    if lengths[0] != lengths[1]:
        raise wrong(
            path,
            min(lengths) + 1,
            f"{lengths[0]} lines here but {lengths[1]} in {english}: "
            "expected as many, line k translates line k",
        )
    for file, lines in sides.items():
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise wrong(file, number, "blank: expected one sentence on every line")
    return both_sides(language, list(sides.values()))


def read_bucc(path: Path, english: Path, gold: Path, language: str) -> list[SentenceExample]:
    """Return two monolingual collections of "id TAB sentence", first that of `language`, with their
    matches from the gold pairs "id TAB English id".

    A sentence without a pair has match None. Such sentences make mining hard, so collections
    without any are refused (google/xtreme on the hub is such a copy). Also raise UsageError for a
    repeated id, a pair of ids that the collections lack, and a second pair with the same sentence.
    """
    files = {language: path, "en": english}
    sides = {code: _rows(file, "id TAB sentence") for code, file in files.items()}
    match: dict[str, dict[str, str]] = {code: {} for code in sides}
    for number, pair in enumerate(_rows(gold, "id TAB English id").items(), start=1):
        for code, name, translation in ((language, *pair), ("en", *reversed(pair))):
            problem = ""
            if name not in sides[code]:
                problem = (
                    f"id {name!r} is not in {files[code]}: "
                    "expected all pairs' sentences there (truncated download?)"
                )
            elif name in match[code]:
                problem = f"id {name!r} is in a second pair: expected one translation a sentence"
            if problem:
                raise wrong(gold, number, problem)
            match[code][name] = translation
    if all(len(match[code]) == len(side) for code, side in sides.items()):
        raise UsageError(
            f"{path} and {english} hold no sentence without a pair in {gold}: expected the whole "
            "collections of the shared task; mining must distinguish translations from all other "
            "sentences, and among pairs alone its F1 says nothing"
        )
    return [
        SentenceExample(name, code, text, match[code].get(name))
        for code, side in sides.items()
        for name, text in side.items()
    ]


def _rows(path: Path, expected: str) -> dict[str, str]:
    """Return a mapping from the first column to the second, in the order of the file."""
    texts: dict[str, str] = {}
    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        name, _, text = (part.strip() for part in line.partition("\t"))
        if not name or not text:
            raise wrong(
                path, number, f"{line[:60]!r}: expected {expected}{truncation_hint(number, lines)}"
            )
        if name in texts:
            raise wrong(path, number, f"id {name!r} is also on an earlier line: expected each once")
        texts[name] = text
    return texts
