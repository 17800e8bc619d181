"""Lesson 4: a small study of intermediate tasks, its gains, and what they rest on."""

from functools import lru_cache

import pandas as pd

from xstilts_core import analysis
from xstilts_core.analysis import GainDraws
from xstilts_core.lessons import small_study
from xstilts_core.lessons.check import Check
from xstilts_core.lessons.exercise import Choice, Names, Number
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

STUDY = "lesson_intermediate"
ENGLISH, QUESTIONS, TAGGING = "en", "xquad", "udpos"
_SQUAD, _SUPERTAGS = "squad_v1", "ccg"
CELLS = tuple(
    f"{recipe} on {task}" for recipe in (_SQUAD, _SUPERTAGS) for task in (TAGGING, QUESTIONS)
)
SIGNS = (
    "both rise",
    "both fall",
    "English rises, the others fall",
    "English falls, the others rise",
)


@lru_cache(maxsize=1)
def study() -> Study:
    """params/lesson_intermediate.yaml."""
    return Study.load(STUDY)


@lru_cache(maxsize=1)
def scores() -> pd.DataFrame:
    """All scores of the study; runs what is missing first."""
    return small_study.run(study())


@lru_cache(maxsize=1)
def gains() -> pd.DataFrame:
    """A row per recipe, target, language and seed: the recipe's score, the baseline's, and the gain
    in points."""
    return analysis.gains(scores())


@lru_cache(maxsize=1)
def draws() -> GainDraws:
    """The gains with what their intervals are made of: seeds and test items."""
    return analysis.gain_draws(scores(), analysis.item_scores(study()))


def gain_table() -> pd.DataFrame:
    """Mean zero-shot gains with 95 % intervals, a row per cell."""
    found = analysis.gain_table(draws())
    return found[found["task"] != "average"][
        ["recipe", "task", "gain", "low", "high", "seeds"]
    ].reset_index(drop=True)


def by_seed(recipe: str, task: str) -> pd.DataFrame:
    """Gains by language (rows) and seed (columns)."""
    found = gains().query("recipe == @recipe and task == @task")
    return found.pivot(index="language", columns="seed", values="gain").rename_axis(
        index=None, columns=None
    )


def english_and_others() -> pd.DataFrame:
    """Mean gains in English and over the other languages, a row per cell."""
    rows = {}
    for recipe in (_SQUAD, _SUPERTAGS):
        for task in (TAGGING, QUESTIONS):
            means = by_seed(recipe, task).mean(axis=1)
            rows[f"{recipe} on {task}"] = (float(means[ENGLISH]), float(means.drop(ENGLISH).mean()))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["English", "mean of the others"])


def development() -> pd.DataFrame:
    """English development scores by recipe (rows) and target (columns), mean over seeds: what may
    be looked at before the test."""
    found = analysis.development(study())
    return (
        found.pivot_table(index="recipe", columns="task", values="value")
        .loc[list(study().recipes)]
        .rename_axis(index=None, columns=None)
    )


def tested() -> pd.DataFrame:
    """Zero-shot test scores by recipe and target, mean over seeds and languages other than
    English."""
    found = analysis.target_scores(scores()).query("language != @ENGLISH")
    return (
        found.pivot_table(index="recipe", columns="task", values="value")
        .loc[list(study().recipes)]
        .rename_axis(index=None, columns=None)
    )


def check() -> Check:
    """The exercises of the lesson."""
    return Check(
        [
            gain_exercise(),
            _signs_exercise(),
            _seeds_exercise(),
            _clear_exercise(),
            _ranked_exercise(),
        ]
    )


def gain_exercise() -> Number:
    def mean(english: bool | None, seed: int | None = None) -> float:
        found = by_seed(_SQUAD, QUESTIONS)
        rows = (
            found if english is None else found.loc[[ENGLISH]] if english else found.drop(ENGLISH)
        )
        return float(rows.to_numpy().mean() if seed is None else rows[seed].mean())

    return Number(
        "gain",
        "The zero-shot gain of squad_v1 on XQuAD, in points: the mean over seeds and languages.",
        lambda: mean(english=False),
        "XQuAD's English training set is SQuAD itself: this is what more training of one kind gives, and no transfer between two tasks.",
        "Recipe less baseline, for each seed and language; then the mean of all.",
        "points",
        0.06,
        lambda: {
            "English is among them: zero-shot means the other languages.": mean(english=None),
            "That is English, the language of training.": mean(english=True),
            "That is one seed; there are three.": mean(english=False, seed=1),
        },
    )


def _signs_exercise() -> Choice:
    def signs() -> str:
        english, others = english_and_others().loc[f"{_SQUAD} on {TAGGING}"]
        return SIGNS[(0 if others > 0 else 2) if english > 0 else (3 if others > 0 else 1)]

    return Choice(
        "signs",
        "What does squad_v1 do to UDPOS: in English, and in the mean of the other languages?",
        SIGNS,
        signs,
        "One of the two numbers cannot stand for the other. Whether each is more than chance is another question: see the intervals.",
        "Two numbers, two signs: the table of English and the others has both.",
    )


def _seeds_exercise() -> Number:
    def deviation(degrees: int) -> float:
        return float(by_seed(_SUPERTAGS, QUESTIONS).drop(ENGLISH).mean().std(ddof=degrees))

    def of_scores() -> float:
        found = analysis.target_scores(scores()).query(
            "recipe == @SUPERTAGS and task == @QUESTIONS and language != @ENGLISH"
        )
        return float(found.groupby("seed")["value"].mean().std(ddof=1))

    return Number(
        "deviation",
        "The standard deviation (n - 1) over seeds of the gain of ccg on XQuAD; a seed's gain is its mean over all languages but English.",
        lambda: deviation(1),
        "The mean of three seeds has a standard error of 0.58 of this, and Student's t for two degrees of freedom is 4.3: that is why "
        "the interval is so wide.",
        "First a mean for each seed, then the deviation of three numbers.",
        "points",
        0.06,
        lambda: {
            "This divides by n: numpy's std does, unless you give it ddof=1.": deviation(0),
            "This is the deviation of the recipe's scores. The baseline varies with the seed, too: take the gains.": of_scores(),
        },
    )


def _clear_exercise() -> Names:
    def clear() -> list[str]:
        found = gain_table()
        kept = found[(found["low"] > 0) | (found["high"] < 0)]
        return [
            f"{recipe} on {task}" for recipe, task in zip(kept["recipe"], kept["task"], strict=True)
        ]

    return Names(
        "clear",
        "The cells (such as 'ccg on xquad') whose 95 % interval over seeds and test items excludes zero.",
        clear,
        "The others are not shown to be zero: this study is too small to tell. And of many cells some exclude zero by chance: lesson 7.",
        "Low above 0, or high below it.",
        legal=CELLS,
    )


def _ranked_exercise() -> Names:
    def ranked(table: pd.DataFrame) -> list[str]:
        return list(table[TAGGING].sort_values(ascending=False).index)

    return Names(
        "ranked",
        "The three recipes for UDPOS, the best first, as a user would rank them before any test score is seen.",
        lambda: ranked(development()),
        "Ranked on English development data, reported on test data: whoever chooses on test data reports too large a gain. What is "
        "best in English need not be best elsewhere; without labels in other languages nobody knows before the test.",
        "What may be looked at before the test? Its column for this target.",
        ordered=True,
        legal=(BASELINE, _SQUAD, _SUPERTAGS),
        slips=lambda: {
            "That is the order of the test scores. Whoever chooses by them has nothing left to report.": ranked(
                tested()
            )
        },
    )
