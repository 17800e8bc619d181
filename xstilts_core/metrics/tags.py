"""Chunk scores of tags by the rule of seqeval 0.0.x, for all sentences at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np

from xstilts_core.metrics.scores import check_lengths

# A tag's first letter as a bit, so that testing for one of several letters is a single operation on
# a whole corpus.
B, I, E, S, OUTSIDE, _DOT, OTHER = (1 << position for position in range(7))
LETTERS = {"B": B, "I": I, "E": E, "S": S, "O": OUTSIDE, ".": _DOT}


@dataclass(frozen=True, slots=True)
class Chunks:
    """Type, first and last token of every chunk as arrays; last tokens are unique and ascending."""

    types: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _find_chunks(letters: np.ndarray, types: np.ndarray) -> Chunks:
    """Find chunks by the start and end rules of seqeval 0.0.x, which are conlleval's.

    letters [tokens]: bits of the tags' first letters; types [tokens]: numbers of the tags' types. A
    type is all that follows the last "-", or the whole tag if it has no "-". An "O" follows each
    sentence.
    """
    before = np.concatenate([[OUTSIDE], letters[:-1]]).astype(letters.dtype)
    changed = np.empty(len(types), dtype=bool)
    changed[0] = True
    np.not_equal(types[1:], types[:-1], out=changed[1:])
    ends = (before & (E | S)) != 0
    ends |= ((before & (B | I)) != 0) & ((letters & (B | S | OUTSIDE)) != 0)
    ends |= ((before & (OUTSIDE | _DOT)) == 0) & changed
    starts = (letters & (B | S)) != 0
    starts |= ((before & (E | S | OUTSIDE)) != 0) & ((letters & (E | I)) != 0)
    starts |= ((letters & (OUTSIDE | _DOT)) == 0) & changed
    # A chunk that ends before token i began at the last start before i.
    last_start = np.maximum.accumulate(np.where(starts, np.arange(len(letters)), 0))
    last = np.flatnonzero(ends) - 1
    return Chunks(types[last], last_start[last], last)


def tagging_statistics(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> np.ndarray:
    """Return [sentences, 5], columns TAGGING: chunks that are right, predicted and gold; tokens
    that are right, and all tokens.

    XTREME's numbers for PAN-X and UD POS were computed with the rule of seqeval 0.0.x. For
    part-of-speech tags F1 is therefore not token accuracy: runs of equal tags merge into one chunk,
    except SCONJ and SYM, which count as single-token chunks because of their first letter.

    Raise ValueError if a sentence has another number of tags than its gold, or a tag is empty.
    """
    check_lengths(gold, predicted, "tag sequences")
    lengths, predicted_lengths = (
        np.fromiter(map(len, side), dtype=np.int64, count=len(side)) for side in (gold, predicted)
    )
    if not lengths.any():
        raise ValueError(f"nothing to score: all {len(gold)} tag sequences are empty")
    if (wrong := np.flatnonzero(lengths != predicted_lengths)).size:
        position = wrong[0]
        raise ValueError(
            f"sentence {position} (counted from 0) has {lengths[position]} gold tags but "
            f"{predicted_lengths[position]} predicted ones"
        )
    codes: defaultdict[str, int] = defaultdict(count().__next__)
    outside = codes["O"]
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(sentence)) + sentence  # each earlier sentence has an "O" after it
    size = len(sentence) + len(lengths)
    flat = []
    for side in (gold, predicted):
        tags = np.full(size, outside, dtype=np.int32)
        tags[position] = np.fromiter(
            map(codes.__getitem__, chain.from_iterable(side)), dtype=np.int32, count=len(sentence)
        )
        flat.append(tags)
    if "" in codes:
        raise ValueError(
            "a tag is the empty text: every token needs a tag such as O, B-PER or NOUN"
        )
    kinds: defaultdict[str, int] = defaultdict(count().__next__)
    letter_of = np.array([LETTERS.get(tag[0], OTHER) for tag in codes], dtype=np.uint8)
    type_of = np.array([kinds[tag.rsplit("-", 1)[-1]] for tag in codes], dtype=np.int32)
    truth, guess = (_find_chunks(letter_of[tags], type_of[tags]) for tags in flat)
    # A predicted chunk is right if a gold chunk of the same type has the same start and end.
    ends_at = np.full(size, -1)
    ends_at[truth.last] = np.arange(len(truth.last))
    match = ends_at[guess.last]
    correct = (
        (match >= 0) & (truth.first[match] == guess.first) & (truth.types[match] == guess.types)
    )
    hit = sentence[flat[0][position] == flat[1][position]]
    owner = np.repeat(np.arange(len(lengths)), lengths + 1)
    owners = (
        owner[guess.last[correct]],
        owner[guess.last],
        owner[truth.last],
        hit,
    )
    return np.stack(
        [*(np.bincount(sentences, minlength=len(lengths)) for sentences in owners), lengths], axis=1
    )
