"""Lesson 5: are sentences with the same meaning neighbours? What their cosines show, and what they
hide.

Anisotropy: the vectors of an encoder fill a narrow cone, so that sentences with nothing in common
have a high cosine (Ethayarajh 2019). The mean vector of each language accounts for most of it; the
suite's retrieval subtracts it (`centred`).
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from course.check import Check
from course.exercise import Choice, Exercise, Number, Written
from xstilts_core import analysis, results
from xstilts_core.phases import embeddings
from xstilts_core.phases.embeddings import ENGLISH, SentenceSpace
from xstilts_core.study import Study

STUDY = "lesson_retrieval"
SEED, SENTENCES = 1, 150
# The recipes of the lesson's study: no training, an English task, and the controls.
BEFORE, AFTER, RANDOM, _NAMELESS = "none", "squad_v1", "random", "names_masked"
TASK = "tatoeba"
LANGUAGES = ("de", "hi", "sw", "zh")


def study(outputs: str = "outputs") -> Study:
    """Return the lesson's study: an English task and controls on Tatoeba's sentences."""
    return Study.load(STUDY, outputs)


@lru_cache(maxsize=4)
def _space_at(file: str, outputs: str, recipe: str) -> SentenceSpace:
    return embeddings.parallel_sentences(Study.load(file, outputs), recipe, SEED, SENTENCES)


def space(study: Study, recipe: str = BEFORE) -> SentenceSpace:
    """Return the same sentences in nine languages, as vectors of a recipe's encoder by layer."""
    return _space_at(study.file, study.outputs, recipe)


def sentences(found: SentenceSpace, count: int) -> pd.DataFrame:
    """Return the first sentences: a row per language, a column per sentence."""
    rows = {code: texts[:count] for code, texts in zip(found.languages, found.texts, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[f"sentence {number}" for number in range(1, count + 1)])


def unrelated(vectors: np.ndarray) -> float:
    """Return the mean cosine of all pairs of different rows of vectors [sentences, width]."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    return float(cosines[~np.eye(len(vectors), dtype=bool)].mean())


def centred_accuracy(english: np.ndarray, other: np.ndarray) -> float:
    """Return the percentage of English sentences [sentences, width] whose nearest neighbour by
    cosine is their translation, the same row of `other`.

    Each language's mean vector is subtracted first.
    """
    return nearest_accuracy(english - english.mean(axis=0), other - other.mean(axis=0))


def nearest_accuracy(asked: np.ndarray, found: np.ndarray) -> float:
    """Return the percentage of rows of `asked` whose nearest row of `found` has the same index."""
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (asked, found)]
    nearest = (sides[0] @ sides[1].T).argmax(axis=1)
    return 100 * float((nearest == np.arange(len(asked))).mean())


def cosines(found: SentenceSpace) -> pd.DataFrame:
    """Return the mean cosine of unrelated sentences: a row per language, a column per layer."""
    rows = {code: [unrelated(layer[position]) for layer in found.vectors] for position, code in enumerate(found.languages)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=_layer_names(len(found.vectors)))


def _layer_names(count: int) -> list[str]:
    """Return the names of the hidden states 0, 1, ...: embeddings, layer 1, ..."""
    return ["embeddings", *(f"layer {layer}" for layer in range(1, count))]


def _accuracies(found: SentenceSpace, centred: bool) -> pd.DataFrame:
    """Return the percentage of English sentences that find their translation: a row per language, a
    column per layer; English itself has 100."""
    return pd.DataFrame(
        found.accuracy[centred].T,
        index=list(found.languages),
        columns=_layer_names(len(found.vectors)),
    )


def raw_and_centred(found: SentenceSpace) -> pd.DataFrame:
    """Return the last layer's accuracy by language, including English: with the raw vectors, and
    with each language's mean subtracted."""
    return pd.DataFrame(
        {
            "raw": _accuracies(found, False).iloc[:, -1],
            "centred": _accuracies(found, True).iloc[:, -1],
        }
    )


def pull(found: SentenceSpace) -> pd.DataFrame:
    """Return how often the most popular sentence of each language is the nearest neighbour of an
    English sentence: columns raw and centred.

    There are `SENTENCES` English sentences, so a fair count is 1. A "hub" is near to everything
    (Radovanović et al. 2010).
    """
    english = found.vectors[-1][0]

    def highest_count(other: np.ndarray, centred: bool) -> int:
        sides = [side - centred * side.mean(axis=0) for side in (english, other)]
        unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
        return int(np.bincount((unit[0] @ unit[1].T).argmax(axis=1)).max())

    languages = list(enumerate(found.languages))[1:]
    rows = {
        code: (
            highest_count(found.vectors[-1][position], False),
            highest_count(found.vectors[-1][position], True),
        )
        for position, code in languages
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["raw", "centred"])


def development(study: Study, recipe: str = BEFORE) -> pd.Series:
    """Return mean development accuracy by layer in percent: the suite's criterion for the layer."""
    folder = study.root / "retrieval" / TASK / f"from-{recipe}" / f"seed{SEED}"
    accuracies = json.loads((folder / results.RESULT).read_text(encoding="utf-8"))["details"]["development"]
    return pd.Series({int(layer): float(value) for layer, value in accuracies.items()}, name="development")


def scores(study: Study) -> pd.DataFrame:
    """Return test accuracy on Tatoeba in percent: a row per language, a column per recipe and
    control. Each uses the layer chosen on its own development data."""
    frame = analysis.finished(study)
    test_scores = frame[(frame["task"] == TASK) & (frame["metric"] == "accuracy")]
    return test_scores.pivot(index="language", columns="recipe", values="value")[[BEFORE, AFTER, _NAMELESS, RANDOM]].rename_axis(
        columns=None
    )


def before_and_after(study: Study) -> pd.DataFrame:
    """Return centred accuracy in percent, averaged over all languages other than English: a row per
    layer, before and after training on an English task."""
    sides = {name: _accuracies(space(study, recipe), True).drop(index=ENGLISH) for name, recipe in (("before", BEFORE), ("after", AFTER))}
    return pd.DataFrame({name: table.mean() for name, table in sides.items()})


def change(study: Study) -> float:
    """Return the effect of the English task on the last layer's centred accuracy, in points."""
    last = before_and_after(study).iloc[-1]
    return float(last["after"] - last["before"])


def rechosen(study: Study) -> float:
    """Return the same change of Tatoeba's test score in points, with each encoder's layer chosen on
    its own development data."""
    table = scores(study)
    return float((table[AFTER] - table[BEFORE]).mean())


def check(outputs: str = "outputs") -> Check:
    """Return the exercises of the lesson, about its study below `outputs`."""

    def own() -> Study:
        return study(outputs)

    questions = [*_space_questions(own), *control_questions(own), *_change_questions(own)]
    return Check([_cosine_exercise(own), _accuracy_exercise(own), *questions])


def _some_vectors(study: Study, languages: Sequence[str], count: int = 60) -> list[np.ndarray]:
    """Return the last layer's vectors of the first sentences, by language."""
    encoded = space(study)
    return [encoded.vectors[-1][encoded.languages.index(code)][:count] for code in languages]


def _cosine_exercise(own: Callable[[], Study]) -> Written:
    def with_itself(vectors: np.ndarray) -> float:
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return float((unit @ unit.T).mean())

    def products(vectors: np.ndarray) -> float:
        return float((vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].mean())

    return Written(
        "unrelated",
        "A function of vectors [sentences, width] that returns the mean cosine of all pairs of different sentences.",
        unrelated,
        lambda: [
            (np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),),
            *((side,) for side in _some_vectors(own(), ("en", "hi"))),
        ],
        "The sentences say different things, and yet their vectors point in similar directions: "
        "the space is a cone. A cosine means nothing until you know that of unrelated sentences.",
        "Scale every row to length 1, multiply by the transpose, and take the mean of the right entries.",
        {
            "Each sentence is also compared with itself, and that cosine is always 1: leave out the diagonal.": with_itself,
            "These are dot products: divide each vector by its length first.": products,
        },
        1e-4,
    )


def _accuracy_exercise(own: Callable[[], Study]) -> Written:
    def jointly(english: np.ndarray, other: np.ndarray) -> float:
        middle = np.concatenate([english, other]).mean(axis=0)
        return nearest_accuracy(english - middle, other - middle)

    return Written(
        "centred_accuracy",
        "A function of english and other, both [sentences, width], row i a translation of row i, "
        "that returns the percentage of the English sentences whose nearest neighbour is their "
        "translation, after each language's mean has been subtracted.",
        centred_accuracy,
        lambda: [tuple(_some_vectors(own(), ("en", code), 120)) for code in ("hi", "tr", "zh")],
        "A few lines and no training, and much of what looked like bad alignment was a constant by which the languages differ.",
        "Subtract, normalise, multiply, argmax; then count.",
        {
            "You subtracted one mean of both languages: each language has its own.": jointly,
            "Nothing was subtracted: this is the raw accuracy.": nearest_accuracy,
            "This is a share between 0 and 1; the answer should be in percent.": (
                lambda english, other: centred_accuracy(english, other) / 100
            ),
            "The direction: English sentences are the queries, the others are searched.": (
                lambda english, other: centred_accuracy(other, english)
            ),
        },
    )


def _space_questions(own: Callable[[], Study]) -> list[Exercise]:
    def gap(english: bool = False) -> float:
        table = raw_and_centred(space(own()))
        accuracies = table if english else table.drop(index=ENGLISH)
        return float((accuracies["centred"] - accuracies["raw"]).mean())

    return [
        Number(
            "gap",
            "How many points does centring gain in the last layer, on average over all languages but English?",
            gap,
            "A step of preprocessing that papers easily forget to mention, and larger than most gains that papers are written about.",
            "For each language: centred minus raw, in the last layer; then the mean.",
            "points",
            0.1,
            lambda: {"English is in the mean; it finds itself, with and without.": gap(True)},
        ),
        Number(
            "layer",
            "Which layer should be used for the test data (0: the embeddings)?",
            lambda: float(development(own()).idxmax()),
            "Chosen on development data, for all languages together. The best layer of each "
            "language on the test data would be a maximum of noise.",
            "Look at the development scores, and take the best.",
            "",
            0.0,
        ),
    ]


def control_questions(own: Callable[[], Study]) -> list[Exercise]:
    def lost(code: str, control: str = _NAMELESS) -> float:
        row = scores(own()).loc[code]
        return float(row[BEFORE] - row[control])

    return [
        Choice(
            "untaught",
            "The language in which an encoder with random weights finds most translations.",
            LANGUAGES,
            lambda: str(scores(own())[RANDOM].idxmax()),
            "Nothing was learnt, and still some translations are found: names and words that are "
            "spelt alike have the same pieces. Report this row beside every retrieval score.",
            "The column of the random weights, and its largest number.",
        ),
        Number(
            "names",
            "How many points of the Swahili score are lost if every name is hidden, on both sides?",
            lambda: lost("sw"),
            'This part of the score was a search for names. What is left is nearer to what "the same meaning" promises.',
            "The encoder as it is, minus the same encoder with names masked.",
            "points",
            0.06,
            lambda: {
                "That is German.": lost("de"),
                "That is against random weights.": lost("sw", RANDOM),
            },
        ),
    ]


def _change_questions(own: Callable[[], Study]) -> list[Exercise]:
    return [
        Number(
            "change",
            "By how many points does training on the English task change the last layer's "
            "centred accuracy (mean of all languages but English)? A loss is negative.",
            lambda: change(own()),
            "In the paper retrieval is what intermediate training helps most; compare the sign. "
            "One small encoder, one seed, one task: neither result disproves the other.",
            "After minus before, in the row of the last layer.",
            "points",
            0.1,
            lambda: {"This row is the embeddings, which were frozen: nothing can change there.": 0.0},
        ),
        Number(
            "rechosen",
            "The same change of Tatoeba's test score, mean of the languages, each encoder with "
            "the layer that its own development data choose.",
            lambda: rechosen(own()),
            "The choice of the layer is part of the comparison. A layer fixed for all encoders would have given another result.",
            "Two columns of the table of test scores: their difference, then the mean.",
            "points",
            0.06,
            lambda: {"That is the last layer, for both.": change(own())},
        ),
    ]
