"""Sentences and their translations: Tatoeba in the layout of LASER."""

from pathlib import Path

from xstilts_core.examples import SentenceExample
from xstilts_core.readers.text import read_lines, wrong


def read_tatoeba(path: Path, english: Path, language: str) -> list[SentenceExample]:
    """Both sides of a LASER file pair, first those of `language`, then the English ones; line k translates line k.

    Ids are "<language>-<line>" with lines from 1. XTREME's own copy of these files sorts the English side, and so holds no gold:
    read LASER's. UsageError for a blank line or unequal lengths.
    """
    sides = {language: (path, read_lines(path)), "en": (english, read_lines(english))}
    lengths = [len(lines) for _, lines in sides.values()]
    if lengths[0] != lengths[1]:
        raise wrong(
            path, min(lengths) + 1, f"{lengths[0]} lines here but {lengths[1]} in {english}: expected as many, line k translates line k"
        )
    examples = []
    for (code, (file, lines)), other in zip(sides.items(), ("en", language), strict=True):
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise wrong(file, number, "blank: expected one sentence on every line")
            examples.append(SentenceExample(f"{code}-{number}", code, line.strip(), f"{other}-{number}"))
    return examples
