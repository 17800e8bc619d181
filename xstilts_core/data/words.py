"""Words of a text in any script, without a tokenizer: for controls that look at words in common and
at names."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from itertools import groupby

from xstilts_core.languages import LANGUAGES, language

# In a script without spaces each character is a word of its own; Latin letters and digits in it
# stay together.
UNSPACED = re.compile(r"[0-9A-Za-z]+|.", re.DOTALL)
# Beginnings of the Unicode names of letters in the scripts of the languages that write no spaces
# (LANGUAGES, `whitespace`).
_UNSPACED_SCRIPTS = {
    "Han": ("CJK",),
    "Japanese": ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC"),
    "Thai": ("THAI",),
    "Burmese": ("MYANMAR",),
}
_UNSPACED_NAMES = tuple(
    {
        name
        for row in LANGUAGES.values()
        if not row.whitespace
        for name in _UNSPACED_SCRIPTS[row.script]
    }
)
Name = tuple[str, ...]


@cache
def _in_words(character: str) -> bool:
    """Whether a character is a letter, a combining mark (Hindi's vowel signs) or a digit."""
    return unicodedata.category(character)[0] in "LMN"


@cache
def _unspaced_letter(character: str) -> bool:
    """Whether a character belongs to a script that is written without spaces."""
    return unicodedata.name(character, "").startswith(_UNSPACED_NAMES)


def uses_spaces(words: Sequence[str]) -> bool:
    """Whether a sentence of these words is written with spaces between them: told by its script, as
    data sets mix languages.

    In Japanese and Chinese there are Latin names: where half of the words that have letters are of
    a script without spaces, it is one.
    """
    kinds = [any(map(_unspaced_letter, word)) for word in words if any(map(str.isalpha, word))]
    return 2 * sum(kinds) < len(kinds) or not kinds


def spans(text: str, code: str) -> list[tuple[int, int]]:
    """(first, end) of every word: a run of letters, marks and digits; one character where the
    language writes no spaces."""
    found, first, spaced = [], 0, language(code).whitespace
    for inside, run in groupby(text, _in_words):
        end = first + len(list(run))
        if inside:
            parts = (
                [(first, end)]
                if spaced
                else [match.span() for match in UNSPACED.finditer(text, first, end)]
            )
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
    """The text with every name, a sequence of words, replaced by `mark`: the longest name at each
    place."""
    longest = max(map(len, names), default=0)
    places = spans(text, code)
    found = [text[first:end] for first, end in places]
    parts, written, position = [], 0, 0
    while position < len(found):
        size = _longest_name(found, position, names, longest)
        if size:
            parts += [text[written : places[position][0]], mark]
            written = places[position + size - 1][1]
        position += max(1, size)
    return "".join([*parts, text[written:]])


def _longest_name(
    found: Sequence[str], position: int, names: Collection[Name], longest: int
) -> int:
    """Words of the longest name that begins at this word; 0 where none does."""
    sizes = range(min(longest, len(found) - position), 0, -1)
    return next((size for size in sizes if tuple(found[position : position + size]) in names), 0)
