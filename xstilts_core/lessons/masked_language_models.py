"""Lesson 2: what the shipped encoder has learnt from filling gaps in nine languages.

Two heads are trained on frozen encoders, the shipped one and, as a control, one of random weights
(guesser.py), on the same documents, which phase 1 has not seen.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from xstilts_core.data import splits
from xstilts_core.examples import SentenceExample, TagsExample
from xstilts_core.formats.tokens import Template
from xstilts_core.languages import EMBEDDED_LANGUAGES, language
from xstilts_core.lessons.check import Check
from xstilts_core.lessons.exercise import Choice, Number, Written
from xstilts_core.lessons.guesser import (
    LONGEST,
    MASKED,
    Gap,
    documents,
    guess,
    guesser,
    hidden_ids,
    trained,
)

ENGLISH = "en"
OTHERS = tuple(code for code in EMBEDDED_LANGUAGES if code != ENGLISH)
_TEST_SEED, _TEST_DOCUMENTS = 102, 100
TAGGED, PAIRS = 40, 80
# Tags of Universal Dependencies that are frequent in the suite.
TAGS = ("NOUN", "VERB", "PROPN", "ADP", "PUNCT")


def learning_curves() -> pd.DataFrame:
    """Loss by step while the two heads were trained."""
    return pd.DataFrame(
        {"shipped encoder": trained(False).log, "random weights": trained(True).log}
    )


@lru_cache(maxsize=16)
def _gaps_of(code: str) -> tuple[Gap, ...]:
    """New documents of a language with some of their pieces masked, the same for every model."""
    tokenizer, rng = (
        guesser().encoder.tokenizer,
        np.random.default_rng([_TEST_SEED, EMBEDDED_LANGUAGES.index(code)]),
    )
    made = []
    for text in documents(_TEST_SEED, _TEST_DOCUMENTS)[code]:
        ids = tokenizer(text, truncation=True, max_length=LONGEST)["input_ids"]
        places = 1 + np.flatnonzero(rng.random(len(ids) - 2) < MASKED)
        if len(places):
            made.append((ids, places))
    return tuple(made)


@lru_cache(maxsize=32)
def scores(code: str, random_weights: bool) -> tuple[float, float]:
    """Mean loss (natural logarithm) and percent of right first guesses in one language."""
    gaps = _gaps_of(code)
    table, right = guess(trained(random_weights), gaps), hidden_ids(gaps)
    loss = -table[torch.arange(len(right)), right].mean()
    return float(loss), 100 * float((table.argmax(-1) == right).float().mean())


def by_language() -> pd.DataFrame:
    """A row per language: loss and percent of right first guesses, of the shipped encoder and of
    random weights."""
    rows = {code: (*scores(code, False), *scores(code, True)) for code in EMBEDDED_LANGUAGES}
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["loss", "right", "loss_random", "right_random"]
    )


@lru_cache(maxsize=16)
def _tagged_gaps(code: str) -> tuple[tuple[Gap, str, int], ...]:
    """One gap per word that is a single piece, with its part of speech and the number of its
    sentence, from the POS test data."""
    tokenizer, between = guesser().encoder.tokenizer, " " if language(code).whitespace else ""
    made = []
    for number, example in enumerate(splits.load("udpos", "test", code)[:TAGGED]):
        assert isinstance(example, TagsExample)
        ends = np.cumsum([len(word) + len(between) for word in example.words]) - len(between)
        spans = {
            int(end): (len(word), tag)
            for word, end, tag in zip(example.words, ends, example.tags, strict=True)
        }
        found = tokenizer(between.join(example.words), return_offsets_mapping=True)
        for place, (first, end) in enumerate(found["offset_mapping"]):
            size, tag = spans.get(end, (0, ""))
            if tag and first < end and end - first >= size:
                made.append(((found["input_ids"], np.array([place])), tag, number))
    return tuple(made)


@lru_cache(maxsize=1)
def by_tag() -> pd.DataFrame:
    """Percent of right first guesses by part of speech (rows), in English and in the mean of the
    other languages; n: gaps in all."""
    rows = []
    for code in EMBEDDED_LANGUAGES:
        gaps = [gap for gap, _, _ in _tagged_gaps(code)]
        right = (guess(guesser(), gaps).argmax(-1) == hidden_ids(gaps)).numpy()
        rows += [
            (code, tag, 100 * float(hit))
            for (_, tag, _), hit in zip(_tagged_gaps(code), right, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["language", "tag", "right"])
    means = table.groupby(["tag", "language"])["right"].mean().unstack("language").loc[list(TAGS)]
    counts = table.groupby("tag").size()
    return pd.DataFrame(
        {
            "English": means[ENGLISH],
            "others": means[list(OTHERS)].mean(axis=1),
            "n": counts.loc[list(TAGS)],
        }
    )


def readable(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Pieces put together again as text, a mask as a line."""
    return (
        "".join(tokenizer.convert_ids_to_tokens(list(ids)))
        .replace("▁", " ")
        .replace(tokenizer.mask_token, " ____ ")
        .strip()
    )


def top_guesses(tag: str = "VERB", number: int = 0, count: int = 5) -> pd.DataFrame:
    """One sentence in all languages, its first one-piece word of that kind masked: what stood
    there, and the best guesses.

    Languages in which the sentence has no such word are left out.
    """
    tokenizer, rows = guesser().encoder.tokenizer, {}
    for code in EMBEDDED_LANGUAGES:
        fitting = next(
            (gap for gap, found, item in _tagged_gaps(code) if (found, item) == (tag, number)), None
        )
        if fitting is None:
            continue
        best = guess(guesser(), [fitting])[0].topk(count)
        names = [tokenizer.convert_ids_to_tokens(int(place)).lstrip("▁") for place in best.indices]
        shown = [
            f"{name} {100 * math.exp(value):.0f} %"
            for name, value in zip(names, best.values.tolist(), strict=True)
        ]
        (place,) = fitting[1]
        sentence = [*fitting[0][1:place], tokenizer.mask_token_id, *fitting[0][place + 1 : -1]]
        rows[code] = (
            readable(tokenizer, sentence),
            readable(tokenizer, [fitting[0][place]]),
            ", ".join(shown),
        )
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["sentence", "stood there", "best guesses"]
    )


def sides(code: str) -> tuple[list[str], list[str]]:
    """Sentences of Tatoeba's development data and their English translations, in the same order."""
    found = [
        example
        for example in splits.load("tatoeba", "dev", code)
        if isinstance(example, SentenceExample)
    ]
    other = {example.id: example.text for example in found if example.language == code}
    english = {example.match: example.text for example in found if example.language == ENGLISH}
    shared = [key for key in other if key in english][:PAIRS]
    return [other[key] for key in shared], [english[key] for key in shared]


@lru_cache(maxsize=1)
def beside_translation() -> pd.DataFrame:
    """Percent of right first guesses in a sentence that stands alone, beside an unrelated English
    one, beside its translation."""
    tokenizer = guesser().encoder.tokenizer
    template, rows = Template.of(tokenizer), {}
    for code in OTHERS:
        texts, english = sides(code)
        pieces = [
            tokenizer(side, add_special_tokens=False)["input_ids"] for side in (texts, english)
        ]
        rng = np.random.default_rng(_TEST_SEED)
        places = [np.flatnonzero(rng.random(len(ids)) < MASKED) for ids in pieces[0]]
        places = [found if len(found) else np.array([0]) for found in places]
        right = hidden_ids(list(zip(pieces[0], places, strict=True)))
        unrelated = [*pieces[1][1:], pieces[1][0]]
        alone = [
            (template.single(ids), found + len(template.before))
            for ids, found in zip(pieces[0], places, strict=True)
        ]
        beside = [
            [
                (template.pair(first, ids), found + template.second_start(first))
                for first, ids, found in zip(side, pieces[0], places, strict=True)
            ]
            for side in (unrelated, pieces[1])
        ]
        rows[code] = [
            100 * float((guess(guesser(), gaps).argmax(-1) == right).float().mean())
            for gaps in (alone, *beside)
        ]
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["alone", "beside another", "beside its translation"]
    )


def check() -> Check:
    """The exercises of the lesson."""
    return Check([*_loss_questions(), *_learnt_questions()])


def _loss_questions() -> list[Number | Written]:
    def entries() -> int:
        return len(guesser().encoder.tokenizer)

    return [
        Number(
            "uniform",
            "The loss (mean of -ln p) of a guesser that gives every piece of the vocabulary the same probability.",
            lambda: math.log(entries()),
            "Every loss below this means that something was learnt; how far below depends on how predictable the text is.",
            "What is p, where all pieces are equally likely?",
            "nats",
            0.005,
            lambda: {
                "This is a logarithm to the base 2: bits. The suite, as torch, takes the natural one.": math.log2(
                    entries()
                ),
                "This is a logarithm to the base 10.": math.log10(entries()),
                "This is the number of pieces, the perplexity of that guesser. Its loss is asked for.": float(
                    entries()
                ),
                "p is right; the loss is -ln p.": 1 / entries(),
            },
        ),
        Written(
            "perplexity",
            "A function of a mean loss (in nats): between how many equally likely pieces would a guesser of that loss have to choose?",
            math.exp,
            lambda: [(0.0,), (1.0,), (3.2,)],
            "Perplexity is the loss, told as a number of choices. Compare it only between models with the same vocabulary.",
            "Undo the logarithm.",
            {
                "The base: torch's losses are natural logarithms.": lambda loss: 2**loss,
                "The base: torch's losses are natural logarithms, not decimal ones.": lambda loss: (
                    10**loss
                ),
                "The sign: a larger loss must give more choices.": lambda loss: math.exp(-loss),
            },
        ),
    ]


def _learnt_questions() -> list[Number | Choice]:
    def above(codes: Sequence[str]) -> float:
        return float(np.mean([scores(code, False)[1] - scores(code, True)[1] for code in codes]))

    def gap(first: str, second: str) -> float:
        return float((beside_translation()[second] - beside_translation()[first]).mean())

    return [
        Number(
            "above_random",
            "By how many points does the shipped encoder beat random weights in right first guesses, in the mean over the nine languages?",
            lambda: above(EMBEDDED_LANGUAGES),
            "Only this part is what phase 1 has taught the encoder. The rest its head learns from the frequency of words.",
            "Subtract within each language, then take the mean of all nine.",
            "points",
            0.1,
            lambda: {
                "That is English alone.": above([ENGLISH]),
                "English is one of the nine here.": above(OTHERS),
            },
        ),
        Choice(
            "hardest_tag",
            "The part of speech that is guessed worst in the languages other than English.",
            TAGS,
            lambda: str(by_tag()["others"].idxmin()),
            "Grammar can be read off the sentence around a gap; who or what is meant mostly cannot, however good the model is.",
            "Which words could you guess yourself from the rest of the sentence?",
        ),
        Number(
            "translation",
            "By how many points do right guesses rise, in the mean over languages, where the English sentence beside a gap is its "
            "translation and not an unrelated one?",
            lambda: gap("beside another", "beside its translation"),
            "The encoder finds in the English sentence what is missing in the other: what aligns the languages also fills gaps. Phase 1 "
            "had such pairs (TLM, Lample and Conneau 2019).",
            "Two columns, language by language; then the mean.",
            "points",
            0.1,
            lambda: {
                "Against the sentence alone, more context and the translation are mixed up. Which column has as much context?": gap(
                    "alone", "beside its translation"
                ),
            },
        ),
    ]
