"""Lesson 5: sentences that mean the same as neighbours: what their cosines say, and what hides in
them.

Anisotropy: the vectors of an encoder fill a narrow cone, so that sentences that have nothing in
common have a high cosine (Ethayarajh 2019). A mean vector by language carries most of it; the
suite's retrieval takes it off (`centred`).
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from xstilts_core import analysis, results
from xstilts_core.lessons.check import Check
from xstilts_core.lessons.exercise import Choice, Exercise, Number, Written
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
    """The lesson's study: an English task, and the controls, on Tatoeba's sentences."""
    return Study.load(STUDY, outputs)


@lru_cache(maxsize=4)
def _space_at(file: str, outputs: str, recipe: str) -> SentenceSpace:
    return embeddings.parallel_sentences(Study.load(file, outputs), recipe, SEED, SENTENCES)


def space(study: Study, recipe: str = BEFORE) -> SentenceSpace:
    """The same sentences in nine languages, as vectors of the encoder of a recipe, layer by
    layer."""
    return _space_at(study.file, study.outputs, recipe)


def sentences(found: SentenceSpace, count: int) -> pd.DataFrame:
    """The first sentences: a row per language, a column per sentence."""
    rows = {code: texts[:count] for code, texts in zip(found.languages, found.texts, strict=True)}
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=[f"sentence {number}" for number in range(1, count + 1)]
    )


def unrelated(vectors: np.ndarray) -> float:
    """Mean cosine of every two different rows of vectors [sentences, width]."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    return float(cosines[~np.eye(len(vectors), dtype=bool)].mean())


def centred_accuracy(english: np.ndarray, other: np.ndarray) -> float:
    """Percent of English sentences [sentences, width] whose nearest neighbour is their translation,
    in the same row of `other`.

    By cosine, after each language's mean vector has been taken off.
    """
    return nearest_accuracy(english - english.mean(axis=0), other - other.mean(axis=0))


def nearest_accuracy(asked: np.ndarray, found: np.ndarray) -> float:
    """Percent of the rows of `asked` whose nearest row of `found`, by cosine, is the same row."""
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (asked, found)]
    nearest = (sides[0] @ sides[1].T).argmax(axis=1)
    return 100 * float((nearest == np.arange(len(asked))).mean())


def cosines(found: SentenceSpace) -> pd.DataFrame:
    """Mean cosine of unrelated sentences: a row per language, a column per layer."""
    rows = {
        code: [unrelated(layer[place]) for layer in found.vectors]
        for place, code in enumerate(found.languages)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=_layer_names(len(found.vectors)))


def _layer_names(count: int) -> list[str]:
    """Names of the hidden states 0, 1, ...: embeddings, layer 1, ..."""
    return ["embeddings", *(f"layer {layer}" for layer in range(1, count))]


def _accuracies(found: SentenceSpace, centred: bool) -> pd.DataFrame:
    """Percent of English sentences that find their translation: a row per language, a column per
    layer; English itself has 100."""
    return pd.DataFrame(
        found.accuracy[centred].T,
        index=list(found.languages),
        columns=_layer_names(len(found.vectors)),
    )


def raw_and_centred(found: SentenceSpace) -> pd.DataFrame:
    """The last layer's accuracy by language, English too: as the vectors are, and after each
    language's mean has been taken off."""
    return pd.DataFrame(
        {
            "raw": _accuracies(found, False).iloc[:, -1],
            "centred": _accuracies(found, True).iloc[:, -1],
        }
    )


def pull(found: SentenceSpace) -> pd.DataFrame:
    """How often the most popular sentence of each language is the nearest neighbour of an English
    one: columns raw and centred.

    Of `SENTENCES` English sentences; 1 would be fair. A "hub" is near to everything (Radovanović et
    al. 2010).
    """
    english = found.vectors[-1][0]

    def most(other: np.ndarray, centred: bool) -> int:
        sides = [side - centred * side.mean(axis=0) for side in (english, other)]
        unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
        return int(np.bincount((unit[0] @ unit[1].T).argmax(axis=1)).max())

    languages = list(enumerate(found.languages))[1:]
    rows = {
        code: (most(found.vectors[-1][place], False), most(found.vectors[-1][place], True))
        for place, code in languages
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["raw", "centred"])


def development(study: Study, recipe: str = BEFORE) -> pd.Series:
    """Mean development accuracy by layer, in percent: what the suite chooses its layer by."""
    folder = study.root / "retrieval" / TASK / f"from-{recipe}" / f"seed{SEED}"
    kept = json.loads((folder / results.RESULT).read_text(encoding="utf-8"))["details"][
        "development"
    ]
    return pd.Series(
        {int(layer): float(value) for layer, value in kept.items()}, name="development"
    )


def scores(study: Study) -> pd.DataFrame:
    """Test accuracy of Tatoeba, in percent: a row per language, a column per recipe and control.
    Each with the layer of its own development data."""
    frame = analysis.finished(study)
    kept = frame[(frame["task"] == TASK) & (frame["metric"] == "accuracy")]
    return kept.pivot(index="language", columns="recipe", values="value")[
        [BEFORE, AFTER, _NAMELESS, RANDOM]
    ].rename_axis(columns=None)


def before_and_after(study: Study) -> pd.DataFrame:
    """Centred accuracy in percent, mean of all languages but English: a row per layer, before and
    after training on an English task."""
    sides = {
        name: _accuracies(space(study, recipe), True).drop(index=ENGLISH)
        for name, recipe in (("before", BEFORE), ("after", AFTER))
    }
    return pd.DataFrame({name: table.mean() for name, table in sides.items()})


def change(study: Study) -> float:
    """What the English task adds to the last layer's centred accuracy, in points."""
    last = before_and_after(study).iloc[-1]
    return float(last["after"] - last["before"])


def rechosen(study: Study) -> float:
    """The same change of Tatoeba's test score, in points, each encoder with the layer that its own
    development data choose."""
    table = scores(study)
    return float((table[AFTER] - table[BEFORE]).mean())


def check(outputs: str = "outputs") -> Check:
    """The exercises of the lesson, about its study below `outputs`."""

    def own() -> Study:
        return study(outputs)

    questions = [*_space_questions(own), *control_questions(own), *_change_questions(own)]
    return Check([_cosine_exercise(own), _accuracy_exercise(own), *questions])


def _some_vectors(study: Study, languages: Sequence[str], count: int = 60) -> list[np.ndarray]:
    """The last layer's vectors of the first sentences, by language."""
    found = space(study)
    return [found.vectors[-1][found.languages.index(code)][:count] for code in languages]


def _cosine_exercise(own: Callable[[], Study]) -> Written:
    def with_itself(vectors: np.ndarray) -> float:
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return float((unit @ unit.T).mean())

    def products(vectors: np.ndarray) -> float:
        return float((vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].mean())

    return Written(
        "unrelated",
        "A function of vectors [sentences, width]: the mean cosine of every two different sentences.",
        unrelated,
        lambda: [
            (np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),),
            *((side,) for side in _some_vectors(own(), ("en", "hi"))),
        ],
        "Sentences that say different things, and yet their vectors point into similar directions: the space is a cone. A cosine means "
        "nothing until you know what unrelated sentences have.",
        "Make every row of length 1, multiply with the transpose, and take the mean of the right entries.",
        {
            "Each sentence is compared with itself too, and that cosine is always 1: leave out the diagonal.": with_itself,
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
        "A function of english and other, both [sentences, width], row i a translation of row i: percent of the English sentences whose "
        "nearest neighbour is their translation, after each language's mean has been taken off.",
        centred_accuracy,
        lambda: [tuple(_some_vectors(own(), ("en", code), 120)) for code in ("hi", "tr", "zh")],
        "A few lines, no training: and much of what looked like bad alignment was a constant by which the languages differ.",
        "Subtract, normalise, multiply, argmax; then count.",
        {
            "One mean of both languages together was taken off: each language has one of its own.": jointly,
            "Nothing was taken off: this is the raw accuracy.": nearest_accuracy,
            "A share between 0 and 1; asked for is percent.": lambda english, other: (
                centred_accuracy(english, other) / 100
            ),
            "The direction: English sentences are asked, the others are searched.": lambda english, other: (
                centred_accuracy(other, english)
            ),
        },
    )


def _space_questions(own: Callable[[], Study]) -> list[Exercise]:
    def gap(english: bool = False) -> float:
        table = raw_and_centred(space(own()))
        kept = table if english else table.drop(index=ENGLISH)
        return float((kept["centred"] - kept["raw"]).mean())

    return [
        Number(
            "gap",
            "How many points does centring gain in the last layer, on average over all languages but English?",
            gap,
            "A step of preprocessing that is easily left out of a paper's text, and larger than most gains that papers are written about.",
            "For each language: centred minus raw, in the last layer; then the mean.",
            "points",
            0.1,
            lambda: {"English is in the mean; it finds itself, with and without.": gap(True)},
        ),
        Number(
            "layer",
            "Which layer should be used for the test data (0: the embeddings)?",
            lambda: float(development(own()).idxmax()),
            "Chosen on development data, for all languages together. Whoever takes the best layer of each language on the test data "
            "reports a maximum of noise.",
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
            "Nothing was learnt, and still a part is found: names and words that are spelt alike have the same pieces. Report this row "
            "beside every retrieval score.",
            "The column of the random weights, and its largest number.",
        ),
        Number(
            "names",
            "How many points of the Swahili score are lost where every name is hidden, on both sides?",
            lambda: lost("sw"),
            'So much of the score was a search for names. What is left is nearer to what "the same meaning" promises.',
            "The encoder as it is, less the same encoder with names masked.",
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
            "By how many points does training on the English task change the last layer's centred accuracy (mean of all languages but "
            "English)? A loss is negative.",
            lambda: change(own()),
            "In the paper retrieval is what intermediate training helps most; compare the sign. One small encoder, one seed, one task: "
            "neither result disproves the other.",
            "After minus before, in the row of the last layer.",
            "points",
            0.1,
            lambda: {
                "This row is the embeddings, which were frozen: nothing can change there.": 0.0
            },
        ),
        Number(
            "rechosen",
            "The same change of Tatoeba's test score, mean of the languages, each encoder with the layer that its own development data "
            "choose.",
            lambda: rechosen(own()),
            "Which layer is read is part of what is compared. A layer fixed for all encoders would have told another story.",
            "Two columns of the table of test scores: their difference, then the mean.",
            "points",
            0.06,
            lambda: {"That is the last layer, for both.": change(own())},
        ),
    ]
