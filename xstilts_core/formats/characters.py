"""Widen token offsets to whole characters: a letter together with its accents, points and vowel
signs, however a tokenizer splits it."""

import unicodedata
from functools import lru_cache

import numpy as np

# Code points besides the combining marks (M*) that continue the character before them: joiners,
# skin tones and the second parts of Hangul syllables.
_JOINERS = (
    (0x200C, 0x200D),
    (0x1F3FB, 0x1F3FF),
    (0x1160, 0x11FF),
    (0xD7B0, 0xD7FF),
    (0xE0020, 0xE007F),
)
_PLANES = ((0x300, 0x20000), (0xE0000, 0xE0200))


@lru_cache(maxsize=1)
def _continuing() -> np.ndarray:
    """Return whether each code point [0x110000] continues the character before it (Extend of UAX
    29, and conjoining Hangul)."""
    table = np.zeros(0x110000, dtype=bool)
    for first, end in _PLANES:
        table[first:end] = [
            unicodedata.category(chr(code)).startswith("M") for code in range(first, end)
        ]
    for first, last in _JOINERS:
        table[first : last + 1] = True
    return table


def widen_offsets(text: str, offsets: np.ndarray) -> np.ndarray:
    """Widen the character offsets of tokens [n, 2] to whole characters of the text.

    A normalizer that composes or drops marks (NFC, stripped accents) maps a token to the base
    letter alone, and tokens of bytes or of single code points may begin or end inside a character.
    Without widening, an answer could lose its last accent or begin with one.
    """
    if text.isascii() or not len(offsets):
        return offsets
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    is_start = ~_continuing()[codes]
    is_start[0] = True
    # Position of the character that each code point belongs to, and of the first character that
    # begins at or after each position.
    owners = np.maximum.accumulate(np.where(is_start, np.arange(len(codes)), 0))
    starts = np.append(np.flatnonzero(is_start), len(codes))
    first, last = np.minimum(offsets[:, 0], len(codes) - 1), offsets[:, 1]
    widened = np.stack([owners[first], starts[np.searchsorted(starts, last)]], axis=1)
    return np.where(offsets[:, :1] < offsets[:, 1:], widened, offsets)
