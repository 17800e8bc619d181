"""Lesson 1: how many pieces does the same text need in nine languages, with the shipped tokenizer
and with smaller ones trained in the lesson?"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from course.check import Check
from course.exercise import Choice, Names, Number, Written
from xstilts_core import model
from xstilts_core.data import words
from xstilts_core.data.source import Embedded
from xstilts_core.languages import EMBEDDED_LANGUAGES, language
from xstilts_core.mini import corpus
from xstilts_core.phases import pretrain

ENGLISH = "en"
# XQuAD's paragraphs: item i is the same text in every language.
TASK, _SPLIT = "xquad", "test"
LONGEST, VOCABULARY = 48, 1_000
SIZES = (600, 1_000, 2_000, 4_000)
# Training data of the lesson's tokenizers: sentences per language, from a seed that phase 1 has not
# used.
SENTENCES, SEED = 400, 2


@lru_cache(maxsize=1)
def shipped() -> PreTrainedTokenizerBase:
    """Return the tokenizer of the shipped checkpoint: 6,000 pieces for nine languages."""
    return AutoTokenizer.from_pretrained(model.shipped())


@lru_cache(maxsize=8)
def trained(vocabulary: int, languages: tuple[str, ...] = EMBEDDED_LANGUAGES) -> PreTrainedTokenizerBase:
    """Return a tokenizer of at most `vocabulary` pieces, trained as in phase 1 on `languages`."""
    return pretrain.train_tokenizer(corpus.spaced_sentences(languages, SEED, SENTENCES), vocabulary, 192)


@lru_cache(maxsize=1)
def texts() -> Mapping[str, tuple[str, ...]]:
    """Return the same paragraphs by language, in the same order."""
    return {code: tuple(example.context for example in Embedded().load(TASK, _SPLIT, code)) for code in EMBEDDED_LANGUAGES}


def pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> list[str]:
    """Return the pieces of a text, without special tokens; "▁" begins a word."""
    return tokenizer.tokenize(text)


@lru_cache(maxsize=64)
def encoded(tokenizer: PreTrainedTokenizerBase, code: str) -> tuple[np.ndarray, ...]:
    """Return the ids of each of the language's texts, without special tokens."""
    return tuple(np.array(ids) for ids in tokenizer(list(texts()[code]), add_special_tokens=False)["input_ids"])


@lru_cache(maxsize=16)
def _word_count(code: str) -> int:
    """Return the number of words in all of the language's texts."""
    return sum(len(words.words(text, code)) for text in texts()[code])


def lengths(tokenizer: PreTrainedTokenizerBase, code: str) -> np.ndarray:
    """Return the number of pieces of each of the language's texts [texts], no special tokens."""
    return np.array([len(ids) for ids in encoded(tokenizer, code)])


def split_table(tokenizer: PreTrainedTokenizerBase, number: int = 0) -> pd.DataFrame:
    """Return one text in all languages: its pieces, separated by bars, and their number."""
    rows = {code: pieces(tokenizer, row[number]) for code, row in texts().items()}
    return pd.DataFrame(
        {
            "pieces": {code: " | ".join(row) for code, row in rows.items()},
            "count": {c: len(r) for c, r in rows.items()},
        }
    )


def costs(tokenizer: PreTrainedTokenizerBase) -> pd.DataFrame:
    """Return the costs of a tokenizer, a row per language.

    pieces_per_word: fertility, with words delimited by spaces, and in Chinese single characters.
    premium: pieces of all texts divided by the pieces of the same texts in English (Petrov et al.
    2023). unknown: percentage of pieces that are <unk>.
    """
    english = lengths(tokenizer, ENGLISH).sum()
    rows = []
    for code in texts():
        ids = np.concatenate(encoded(tokenizer, code))
        unknown = 100 * float((ids == tokenizer.unk_token_id).mean())
        rows.append((language(code).script, len(ids) / _word_count(code), len(ids) / english, unknown))
    return pd.DataFrame(rows, index=list(texts()), columns=["script", "pieces_per_word", "premium", "unknown"])


def _cut_share(tokenizer: PreTrainedTokenizerBase, code: str, longest: int) -> float:
    """Return the percentage of the language's texts that are longer than `longest` tokens,
    including <s> and </s>, and so lose their end."""
    return 100 * float((lengths(tokenizer, code) + tokenizer.num_special_tokens_to_add() > longest).mean())


def cut_table(longest: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> pd.DataFrame:
    """Return the percentage of truncated texts by language and maximum length."""
    return pd.DataFrame({f"{most} tokens": {code: _cut_share(tokenizer, code, most) for code in texts()} for most in longest})


def by_vocabulary(sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Return the premium by language (rows) and vocabulary size of the tokenizer (columns)."""
    return pd.DataFrame({f"{size} pieces": costs(trained(size))["premium"] for size in sizes})


def premium(pieces: Sequence[float], english: Sequence[float]) -> float:
    """Return the pieces of all texts relative to those of the same texts in English."""
    return float(sum(pieces) / sum(english))


def small_tokenizer() -> PreTrainedTokenizerBase:
    return trained(VOCABULARY)


def grown() -> str:
    """Return the language whose premium grows most from the largest vocabulary to 1,000 pieces."""
    table = by_vocabulary((VOCABULARY, SIZES[-1]))
    return str((table.iloc[:, 0] - table.iloc[:, 1]).idxmax())


def check() -> Check:
    """Return the exercises of the lesson."""
    return Check([_premium_exercise(), *_premium_questions(), *_length_questions(), _unseen_exercise()])


def _premium_exercise() -> Written:
    def cases() -> list[tuple[list[int], list[int]]]:
        real = [lengths(shipped(), code)[:5].tolist() for code in ("hi", ENGLISH)]
        return [([20, 30], [10, 20]), ([6, 6, 6], [4, 5, 9]), (real[0], real[1])]

    return Written(
        "premium",
        "A function of two lists, the number of pieces of each text and of the same text in "
        "English, that returns what all texts cost relative to English.",
        premium,
        cases,
        "Costs that are counted in tokens, such as a bill or a training, differ by this factor.",
        "Add up each side first, then divide.",
        {
            "The direction: 2 must mean twice as many pieces as English has.": (lambda pieces, english: sum(english) / sum(pieces)),
            "A mean of the texts' ratios gives a short text the weight of a long one; the question is what all texts cost together.": (
                lambda pieces, english: float(np.mean([a / b for a, b in zip(pieces, english, strict=True)]))
            ),
            "A difference in pieces grows with the number of texts; give a ratio.": (lambda pieces, english: sum(pieces) - sum(english)),
        },
    )


def _premium_questions() -> list[Choice]:
    def dearest_hints() -> dict[str, str]:
        fertile = str(costs(shipped())["pieces_per_word"].idxmax())
        return {
            fertile: "This one has the most pieces per word. But how many words does it need?",
            "zh": ("What is a word here? Without spaces, a character was counted as one. Take the column that needs no words."),
        }

    return [
        Choice(
            "dearest",
            "The language in which the same texts take the most pieces with the shipped tokenizer.",
            EMBEDDED_LANGUAGES,
            lambda: str(costs(shipped())["premium"].idxmax()),
            "Per word it is not the dearest: languages put different amounts of meaning into a "
            "word, and one needs more, shorter words. Compare texts that say the same.",
            "Which column compares texts that say the same?",
            dearest_hints,
        ),
        Choice(
            "squeezed",
            f"The language whose premium grows most if the shared vocabulary shrinks from {SIZES[-1]:,} to {VOCABULARY:,} pieces.",
            EMBEDDED_LANGUAGES,
            grown,
            "Pieces go to what is frequent in the tokenizer's training text. A script of its own "
            "shares no pieces with the others, and long words fall into many.",
            "The difference of two columns of the table, not the larger of one.",
        ),
    ]


def _length_questions() -> list[Number]:
    def cut(code: str, special: int = 0) -> float:
        return _cut_share(small_tokenizer(), code, LONGEST + special)

    def cost() -> float:
        return float(costs(small_tokenizer())["premium"]["hi"])

    return [
        Number(
            "cut",
            f"Percent of the Hindi texts that lose their end with {VOCABULARY:,} pieces and a max_length of {LONGEST}.",
            lambda: cut("hi"),
            "The same limit cuts far more texts here than in English. If the part that is cut "
            "contains the answer to the question, the score blames the model.",
            "Count the texts with more tokens than the limit, and divide by the number of all texts.",
            "percent",
            0.1,
            lambda: {
                "That is English.": cut("en"),
                "Two tokens are missing: <s> and </s> are also in the input.": cut("hi", 2),
                "These are the texts that fit.": 100 - cut("hi"),
            },
        ),
        Number(
            "attention",
            "How many times as many comparisons of tokens does self-attention make for a Hindi "
            f"text as for an English one, with {VOCABULARY:,} pieces? Take the premium as the "
            "ratio of lengths.",
            lambda: cost() ** 2,
            "Every token looks at every token. Counted text by text, with <s> and </s>, it is a "
            "little less. Feed-forward layers grow with the length only: a model of short inputs "
            "pays less than this.",
            "A text of n tokens: how many pairs of tokens are there?",
            "times",
            # Also accept squares summed over the texts, with or without <s> and </s>: the same
            # idea without the mean.
            0.07,
            lambda: {
                "This is the ratio of lengths. How does the number of pairs grow?": cost(),
                "Twice is not squared.": 2 * cost(),
            },
        ),
    ]


def _unseen_exercise() -> Names:
    def unknown() -> list[str]:
        share = costs(trained(VOCABULARY, (ENGLISH,)))["unknown"]
        return [str(code) for code in share.index[share > 50]]

    return Names(
        "unseen",
        "The languages of which more than half of the pieces are unknown to a tokenizer that has learnt from English alone.",
        unknown,
        "Their scripts were never seen, so not even single characters are in the vocabulary. "
        "Byte-level tokenizers avoid <unk>; they pay with length.",
        "Look at the column `unknown`, in percent.",
    )
