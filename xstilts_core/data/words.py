"""Split a text in any script into words without a tokenizer, for controls based on shared words and
names."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from itertools import groupby

from xstilts_core.languages import language

# In a script without spaces each character is a word; Latin letters and digits stay together.
UNSPACED = re.compile(r"[0-9A-Za-z]+|.", re.DOTALL)
# Prefixes of the Unicode names of letters in the scripts of languages that write no spaces
# (LANGUAGES, `whitespace`): Chinese, Japanese, Thai and Burmese.
_UNSPACED_NAMES = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "IDEOGRAPHIC",
    "THAI",
    "MYANMAR",
)
Name = tuple[str, ...]


@cache
def _in_words(character: str) -> bool:
    """Return whether a character is a letter, a combining mark (Hindi's vowel signs) or a digit."""
    return unicodedata.category(character)[0] in "LMN"


@cache
def _unspaced_letter(character: str) -> bool:
    """Return whether a character belongs to a script that is written without spaces."""
    return unicodedata.name(character, "").startswith(_UNSPACED_NAMES)


def uses_spaces(words: Sequence[str]) -> bool:
    """Return whether a sentence of these words is written with spaces between them.

    The script decides, because data sets mix languages. At least half of the words with letters
    must be in a script without spaces, because Japanese and Chinese texts have Latin names.
    """
    unspaced = [any(map(_unspaced_letter, word)) for word in words if any(map(str.isalpha, word))]
    return 2 * sum(unspaced) < len(unspaced) or not unspaced


def spans(text: str, code: str) -> list[tuple[int, int]]:
    """Return (first, end) of every word: a run of letters, marks and digits, or a single character
    if the language writes no spaces."""
    word_spans, first, spaced = [], 0, language(code).whitespace
    for inside, run in groupby(text, _in_words):
        end = first + len(list(run))
        if inside and spaced:
            word_spans.append((first, end))
        elif inside:
            word_spans += [match.span() for match in UNSPACED.finditer(text, first, end)]
        first = end
    return word_spans


def words(text: str, code: str) -> list[str]:
    """Return the words as written."""
    return [text[first:end] for first, end in spans(text, code)]


def folded(text: str, code: str) -> list[str]:
    """Return the case-folded words, for comparisons."""
    return words(text.casefold(), code)


def masked(text: str, code: str, names: Collection[Name], mark: str) -> str:
    """Return the text with every name, a sequence of words, replaced by `mark`. The longest name at
    each position wins."""
    longest = max(map(len, names), default=0)
    word_spans = spans(text, code)
    text_words = [text[first:end] for first, end in word_spans]
    pieces, copied_end, position = [], 0, 0
    while position < len(text_words):
        sizes = range(min(longest, len(text_words) - position), 0, -1)
        size = next(
            (size for size in sizes if tuple(text_words[position : position + size]) in names), 0
        )
        if size:
            pieces += [text[copied_end : word_spans[position][0]], mark]
            copied_end = word_spans[position + size - 1][1]
        position += max(1, size)
    return "".join([*pieces, text[copied_end:]])
