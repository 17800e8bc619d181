"""Words of a text in any script, without a tokenizer: for controls that look at words in common and at names."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from itertools import groupby

from xstilts_core.languages import language

# In a script without spaces each character is a word of its own; Latin letters and digits in it stay together.
UNSPACED = re.compile(r"[0-9A-Za-z]+|.", re.DOTALL)
Name = tuple[str, ...]


@cache
def in_words(character: str) -> bool:
    """Whether a character is a letter, a combining mark (Hindi's vowel signs) or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def spans(text: str, code: str) -> list[tuple[int, int]]:
    """(first, end) of every word: a run of letters, marks and digits; one character where the language writes no spaces."""
    found, first, spaced = [], 0, language(code).whitespace
    for inside, run in groupby(text, in_words):
        end = first + len(list(run))
        if inside:
            parts = [(first, end)] if spaced else [match.span() for match in UNSPACED.finditer(text, first, end)]
            found += parts
        first = end
    return found


def words(text: str, code: str) -> list[str]:
    """The words as written."""
    return [text[first:end] for first, end in spans(text, code)]


def folded(text: str, code: str) -> list[str]:
    """The words without regard to case, for comparisons."""
    return words(text.casefold(), code)


def masked(text: str, code: str, names: Collection[Name], mark: str) -> str:
    """The text with every name, a sequence of words, replaced by `mark`: the longest name at each place."""
    longest = max(map(len, names), default=0)
    places = spans(text, code)
    found = [text[first:end] for first, end in places]
    parts, written, position = [], 0, 0
    while position < len(found):
        size = longest_name(found, position, names, longest)
        if size:
            parts += [text[written : places[position][0]], mark]
            written = places[position + size - 1][1]
        position += max(1, size)
    return "".join([*parts, text[written:]])


def longest_name(found: Sequence[str], position: int, names: Collection[Name], longest: int) -> int:
    """Words of the longest name that begins at this word; 0 where none does."""
    sizes = range(min(longest, len(found) - position), 0, -1)
    return next((size for size in sizes if tuple(found[position : position + size]) in names), 0)
