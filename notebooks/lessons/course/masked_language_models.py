"""Lesson 2: what has the shipped encoder learnt from filling gaps in nine languages?

Two heads are trained on frozen encoders (guesser.py): the shipped one and, as a control, one with
random weights. Both are trained on the same documents, which phase 1 has not seen.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from course.check import Check
from course.exercise import Choice, Number, Written
from course.guesser import (
    LONGEST,
    MASKED,
    Gap,
    documents,
    guess,
    guesser,
    hidden_ids,
    trained,
)
from xstilts_core.data.source import Embedded
from xstilts_core.examples import SentenceExample, TagsExample
from xstilts_core.formats.tokens import Template
from xstilts_core.languages import EMBEDDED_LANGUAGES, language

ENGLISH = "en"
OTHERS = tuple(code for code in EMBEDDED_LANGUAGES if code != ENGLISH)
_TEST_SEED, _TEST_DOCUMENTS = 102, 100
TAGGED, PAIRS = 40, 80
# Tags of Universal Dependencies that are frequent in the suite.
TAGS = ("NOUN", "VERB", "PROPN", "ADP", "PUNCT")


def learning_curves() -> pd.DataFrame:
    """Return the training loss of the two heads by step."""
    return pd.DataFrame({"shipped encoder": trained(False).log, "random weights": trained(True).log})


@lru_cache(maxsize=16)
def _gaps_of(code: str) -> tuple[Gap, ...]:
    """Return new documents of a language with some pieces masked, the same for every model."""
    tokenizer, rng = (
        guesser().encoder.tokenizer,
        np.random.default_rng([_TEST_SEED, EMBEDDED_LANGUAGES.index(code)]),
    )
    gaps = []
    for text in documents(_TEST_SEED, _TEST_DOCUMENTS)[code]:
        ids = tokenizer(text, truncation=True, max_length=LONGEST)["input_ids"]
        positions = 1 + np.flatnonzero(rng.random(len(ids) - 2) < MASKED)
        if len(positions):
            gaps.append((ids, positions))
    return tuple(gaps)


@lru_cache(maxsize=32)
def scores(code: str, random_weights: bool) -> tuple[float, float]:
    """Return a language's mean loss (natural logarithm) and percentage of right first guesses."""
    gaps = _gaps_of(code)
    table, right = guess(trained(random_weights), gaps), hidden_ids(gaps)
    loss = -table[torch.arange(len(right)), right].mean()
    return float(loss), 100 * float((table.argmax(-1) == right).float().mean())


def by_language() -> pd.DataFrame:
    """Return the loss and the percentage of right first guesses by language, for the shipped
    encoder and for random weights."""
    rows = {code: (*scores(code, False), *scores(code, True)) for code in EMBEDDED_LANGUAGES}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["loss", "right", "loss_random", "right_random"])


@lru_cache(maxsize=16)
def _tagged_gaps(code: str) -> tuple[tuple[Gap, str, int], ...]:
    """Return a gap for each word of the POS test data that is a single piece, with its part of
    speech and the number of its sentence."""
    tokenizer, between = guesser().encoder.tokenizer, " " if language(code).whitespace else ""
    gaps = []
    for number, example in enumerate(Embedded().load("udpos", "test", code)[:TAGGED]):
        assert isinstance(example, TagsExample)
        ends = np.cumsum([len(word) + len(between) for word in example.words]) - len(between)
        spans = {int(end): (len(word), tag) for word, end, tag in zip(example.words, ends, example.tags, strict=True)}
        encoding = tokenizer(between.join(example.words), return_offsets_mapping=True)
        for position, (first, end) in enumerate(encoding["offset_mapping"]):
            size, tag = spans.get(end, (0, ""))
            if tag and first < end and end - first >= size:
                gaps.append(((encoding["input_ids"], np.array([position])), tag, number))
    return tuple(gaps)


@lru_cache(maxsize=1)
def by_tag() -> pd.DataFrame:
    """Return the percentage of right first guesses by part of speech (rows), in English and in the
    mean of the other languages. n: number of gaps in all languages."""
    rows = []
    for code in EMBEDDED_LANGUAGES:
        gaps = [gap for gap, _, _ in _tagged_gaps(code)]
        right = (guess(guesser(), gaps).argmax(-1) == hidden_ids(gaps)).numpy()
        rows += [(code, tag, 100 * float(hit)) for (_, tag, _), hit in zip(_tagged_gaps(code), right, strict=True)]
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
    """Join pieces to a text, with a line for each mask."""
    return "".join(tokenizer.convert_ids_to_tokens(list(ids))).replace("▁", " ").replace(tokenizer.mask_token, " ____ ").strip()


def top_guesses(tag: str = "VERB", number: int = 0, count: int = 5) -> pd.DataFrame:
    """Mask the first one-piece word with this tag in a sentence, in all languages. Return the
    sentence, the masked word and the best guesses.

    Languages in which the sentence has no such word are left out.
    """
    tokenizer, rows = guesser().encoder.tokenizer, {}
    for code in EMBEDDED_LANGUAGES:
        matching_gap = next(
            (gap for gap, gap_tag, item in _tagged_gaps(code) if (gap_tag, item) == (tag, number)),
            None,
        )
        if matching_gap is None:
            continue
        best = guess(guesser(), [matching_gap])[0].topk(count)
        names = [tokenizer.convert_ids_to_tokens(int(position)).lstrip("▁") for position in best.indices]
        guesses = [f"{name} {100 * math.exp(value):.0f} %" for name, value in zip(names, best.values.tolist(), strict=True)]
        (position,) = matching_gap[1]
        sentence = [
            *matching_gap[0][1:position],
            tokenizer.mask_token_id,
            *matching_gap[0][position + 1 : -1],
        ]
        rows[code] = (
            readable(tokenizer, sentence),
            readable(tokenizer, [matching_gap[0][position]]),
            ", ".join(guesses),
        )
    return pd.DataFrame.from_dict(rows, orient="index", columns=["sentence", "stood there", "best guesses"])


def sides(code: str) -> tuple[list[str], list[str]]:
    """Return sentences of Tatoeba's development data and their translations, in the same order."""
    examples = [example for example in Embedded().load("tatoeba", "dev", code) if isinstance(example, SentenceExample)]
    originals = {example.id: example.text for example in examples if example.language == code}
    english = {example.match: example.text for example in examples if example.language == ENGLISH}
    keys = [key for key in originals if key in english][:PAIRS]
    return [originals[key] for key in keys], [english[key] for key in keys]


@lru_cache(maxsize=1)
def beside_translation() -> pd.DataFrame:
    """Return the percentage of right first guesses in a sentence alone, beside an unrelated English
    sentence, and beside its English translation."""
    tokenizer = guesser().encoder.tokenizer
    template, rows = Template.of(tokenizer), {}
    for code in OTHERS:
        texts, english = sides(code)
        pieces = [tokenizer(side, add_special_tokens=False)["input_ids"] for side in (texts, english)]
        rng = np.random.default_rng(_TEST_SEED)
        positions = [np.flatnonzero(rng.random(len(ids)) < MASKED) for ids in pieces[0]]
        positions = [sentence_positions if len(sentence_positions) else np.array([0]) for sentence_positions in positions]
        right = hidden_ids(list(zip(pieces[0], positions, strict=True)))
        unrelated = [*pieces[1][1:], pieces[1][0]]
        alone = [
            (template.single(ids), sentence_positions + len(template.before))
            for ids, sentence_positions in zip(pieces[0], positions, strict=True)
        ]
        beside = [
            [
                (template.pair(first, ids), sentence_positions + template.second_start(first))
                for first, ids, sentence_positions in zip(side, pieces[0], positions, strict=True)
            ]
            for side in (unrelated, pieces[1])
        ]
        rows[code] = [100 * float((guess(guesser(), gaps).argmax(-1) == right).float().mean()) for gaps in (alone, *beside)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["alone", "beside another", "beside its translation"])


def check() -> Check:
    """Return the exercises of the lesson."""
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
            "What is p if all pieces are equally likely?",
            "nats",
            0.005,
            lambda: {
                "This is a logarithm to the base 2: bits. The suite, as torch, takes the natural one.": math.log2(entries()),
                "This is a logarithm to the base 10.": math.log10(entries()),
                "This is the number of pieces, the perplexity of that guesser. Its loss is asked for.": float(entries()),
                "p is right; the loss is -ln p.": 1 / entries(),
            },
        ),
        Written(
            "perplexity",
            "A function of a mean loss (in nats): between how many equally likely pieces does a guesser with that loss choose?",
            math.exp,
            lambda: [(0.0,), (1.0,), (3.2,)],
            "Perplexity is the loss, expressed as a number of choices. Compare it only between models with the same vocabulary.",
            "Undo the logarithm.",
            {
                "The base: torch's losses are natural logarithms.": lambda loss: 2**loss,
                "The base: torch's losses are natural logarithms, not decimal ones.": lambda loss: 10**loss,
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
            "Only this part is what phase 1 has taught the encoder. The head learns the rest from the frequency of words.",
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
            "By how many points do right guesses rise, in the mean over languages, if the "
            "English sentence beside a gap is its translation and not an unrelated one?",
            lambda: gap("beside another", "beside its translation"),
            "The encoder finds in the English sentence what is missing in the other: what aligns "
            "the languages also fills gaps. Phase 1 had such pairs (TLM, Lample and Conneau "
            "2019).",
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
