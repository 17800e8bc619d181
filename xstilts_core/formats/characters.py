"""Whole characters, as a reader sees them: a letter with its accents, points and vowel signs is
one, whatever a tokenizer makes of it."""

import unicodedata
from functools import lru_cache

import numpy as np

# What continues the character before it, beside the combining marks (M*): joiners, skin tones, the
# second parts of Hangul syllables.
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
    """[code points]: whether each continues the character before it (Extend of UAX 29, and
    conjoining Hangul)."""
    table = np.zeros(0x110000, dtype=bool)
    for first, end in _PLANES:
        table[first:end] = [
            unicodedata.category(chr(code)).startswith("M") for code in range(first, end)
        ]
    for first, last in _JOINERS:
        table[first : last + 1] = True
    return table


def whole(text: str, offsets: np.ndarray) -> np.ndarray:
    """Character offsets of tokens [n, 2], widened to whole characters of the text.

    A normaliser that joins or drops marks (NFC, stripped accents) places a token on the base letter
    alone, and tokens of bytes or of single code points may begin or end inside a character: an
    answer would lose its last accent, or begin with one.
    """
    if text.isascii() or not len(offsets):
        return offsets
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    begins = ~_continuing()[codes]
    begins[0] = True
    # Position of the character that each code point is part of; and where characters begin at or
    # behind each position.
    own = np.maximum.accumulate(np.where(begins, np.arange(len(codes)), 0))
    starts = np.append(np.flatnonzero(begins), len(codes))
    first, last = np.minimum(offsets[:, 0], len(codes) - 1), offsets[:, 1]
    widened = np.stack([own[first], starts[np.searchsorted(starts, last)]], axis=1)
    return np.where(offsets[:, :1] < offsets[:, 1:], widened, offsets)
