"""Encode texts as flat token arrays: tokenize each text once, then add special tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedTokenizerBase

from xstilts_core.data.words import uses_spaces
from xstilts_core.errors import UsageError

IGNORED = -100
_SPACE_PROBES = (("a", "b"), ("the", "house"), ("in", "a"), ("1", "2"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A tokenized text: ids [n], and character offsets [n, 2] if requested."""

    ids: list[int]
    offsets: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """The special tokens that a tokenizer adds to one or two texts (<s> A </s></s> B </s> for
    XLM-R)."""

    before: list[int]
    between: list[int]
    after: list[int]
    single_after: list[int]
    types: bool

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "Template":
        """Derive the template from the tokenizer itself, by encoding a probe."""
        probe = tokenizer("a", add_special_tokens=False)["input_ids"]
        one, two = tokenizer("a")["input_ids"], tokenizer("a", "a")["input_ids"]
        size = len(probe)
        start = next(k for k in range(len(one)) if one[k : k + size] == probe)
        second = next(k for k in range(start + size, len(two)) if two[k : k + size] == probe)
        return cls(
            before=one[:start],
            between=two[start + size : second],
            after=two[second + size :],
            single_after=one[start + size :],
            types="token_type_ids" in tokenizer.model_input_names,
        )

    @property
    def pair_size(self) -> int:
        """Number of special tokens around two texts."""
        return len(self.pair([], []))

    @property
    def single_size(self) -> int:
        """Number of special tokens around one text."""
        return len(self.single([]))

    def second_start(self, first: Sequence[int]) -> int:
        """Return the position of the second text's first token."""
        return len(self.before) + len(first) + len(self.between)

    def pair(self, first: list[int], second: list[int]) -> list[int]:
        return self.before + first + self.between + second + self.after

    def single(self, only: list[int]) -> list[int]:
        return self.before + only + self.single_after


def tokenise(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], offsets: bool = False
) -> dict[str, Piece]:
    """Tokenize each distinct text once: text -> Piece. Offsets are computed only on request (for
    spans), because they take far more memory than ids."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    encoding = tokenizer(
        unique,
        add_special_tokens=False,
        return_offsets_mapping=offsets,
        return_attention_mask=False,
        verbose=False,
    )
    columns = [encoding["input_ids"], *([encoding["offset_mapping"]] if offsets else [])]
    return {text: Piece(*piece) for text, *piece in zip(unique, *columns, strict=True)}


def writes_space(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the space before a word is part of its sub-tokens inside a text, and only
    there, as in byte-level BPE (RoBERTa, ModernBERT) and Gemma's.

    This is tested, not looked up: the sub-tokens of a word that follows another must be those of "
    word" and differ from those of "word". XLM-R marks every word, alone or not; BERT's sub-tokens
    ignore spaces.
    """

    def pieces(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    return any(
        pieces(f"{first} {word}")
        == pieces(first) + pieces(f" {word}")
        != pieces(first) + pieces(word)
        for first, word in _SPACE_PROBES
    )


def sentence_words(words: Sequence[str], spaced: bool) -> list[str]:
    """Return the words of a sentence as texts whose sub-tokens are those in running text. spaced:
    whether the tokenizer `writes_space`.

    No space precedes the first word, nor any word of a language that writes no spaces.
    """
    space = " " if spaced and uses_spaces(words) else ""
    return [*words[:1], *(space + word for word in words[1:])]


@dataclass(frozen=True, slots=True)
class Encoded:
    """All that a model reads, in flat arrays.

    ids [tokens]; types [tokens] or None; lengths [sequences]; rows [rows + 1]: row r has the
    sequences rows[r]..rows[r + 1] (one, or one per choice); example [rows]: the example of each row
    (windows and split sentences give several rows). columns: a value per row; token_columns: a
    value per token.
    """

    ids: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    example: np.ndarray
    types: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    token_columns: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def starts(self) -> np.ndarray:
        """Index of each sequence's first token, and the end [sequences + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def row_lengths(self) -> np.ndarray:
        """Number of tokens of each row [rows]."""
        return np.diff(self.starts[self.rows])

    def __len__(self) -> int:
        return len(self.rows) - 1


class Builder:
    """Collector of sequences and rows, which builds the flat arrays."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.sequences: list[list[int]] = []
        self.seconds: list[int] = []
        self.rows = [0]
        self.example: list[int] = []

    def add(self, sequence: list[int], second: int | None = None) -> None:
        """Add a sequence; `second` is the position of its second text, for token types."""
        self.sequences.append(sequence)
        self.seconds.append(len(sequence) if second is None else second)

    def add_texts(self, first: list[int], second: list[int] | None, max_length: int) -> None:
        """Add a sequence of one text, or of two, of which the longer is cut first."""
        template = self.template
        if second is None:
            self.add(template.single(first[: max_length - template.single_size]))
            return
        first, second = cut_pair(first, second, max_length - template.pair_size)
        self.add(template.pair(first, second), template.second_start(first))

    def close(self, example: int) -> None:
        """End a row that belongs to this example."""
        self.rows.append(len(self.sequences))
        self.example.append(example)

    def build(
        self,
        columns: dict[str, np.ndarray] | None = None,
        token_columns: dict[str, np.ndarray] | None = None,
    ) -> Encoded:
        lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        ids = np.fromiter(
            (i for sequence in self.sequences for i in sequence),
            dtype=np.int32,
            count=int(lengths.sum()),
        )
        types = None
        if self.template.types:
            steps = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            types = (steps >= np.repeat(self.seconds, lengths)).astype(np.int8)
        return Encoded(
            ids=ids,
            lengths=lengths,
            rows=np.array(self.rows),
            example=np.array(self.example, dtype=np.int64),
            types=types,
            columns=columns or {},
            token_columns=token_columns or {},
        )


def cut_pair(first: list[int], second: list[int], room: int) -> tuple[list[int], list[int]]:
    """Cut the longer of two texts until both fit in `room` tokens; UsageError if it is negative."""
    if room < 0:
        raise UsageError(
            f"max_length is too small by {-room}: special tokens alone need that many more, and "
            "the texts need room as well"
        )
    excess = len(first) + len(second) - room
    while excess > 0:
        if len(first) > len(second):
            first = first[: max(len(second), len(first) - excess)]
        else:
            second = second[: max(len(first) - (len(first) == len(second)), len(second) - excess)]
        excess = len(first) + len(second) - room
    return first, second


def encode_texts(
    rows: Sequence[tuple[str, str | None]],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    columns: dict[str, np.ndarray] | None = None,
) -> Encoded:
    """Encode a row per text, or per pair of texts. Longer ones are cut."""
    pieces = tokenise(tokenizer, (text for pair in rows for text in pair if text is not None))
    builder = Builder(Template.of(tokenizer))
    for position, (first, second) in enumerate(rows):
        ids = None if second is None else pieces[second].ids
        builder.add_texts(pieces[first].ids, ids, max_length)
        builder.close(position)
    return builder.build(columns)
