"""Lesson 4: a small study of intermediate tasks, its gains, the evidence for them, and advice from
published scores (RoBERTa Large: English tasks before English targets, Pruksachatkun et al. 2020)."""

from functools import lru_cache

import pandas as pd

from course import small_study
from course.check import Check
from course.exercise import Choice, Names, Number
from xstilts_core import analysis
from xstilts_core.analysis import Gains
from xstilts_core.analysis.advice import Pooling, rule_regrets
from xstilts_core.report import advice
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import INTERMEDIATE_NAMES

STUDY = "lesson_intermediate"
ENGLISH, QUESTIONS, TAGGING = "en", "tydiqa", "udpos"
_SQUAD, _SUPERTAGS = "squad_v1", "ccg"
_PUBLISHED, _ASKED, _DOUBTED = "published", "xnli", "mnli"
CELLS = tuple(f"{recipe} on {task}" for recipe in (_SQUAD, _SUPERTAGS) for task in (TAGGING, QUESTIONS))
SIGNS = (
    "both rise",
    "both fall",
    "English rises, the others fall",
    "English falls, the others rise",
)


@lru_cache(maxsize=1)
def study() -> Study:
    """Return the study params/lesson_intermediate.yaml."""
    return Study.load(STUDY)


@lru_cache(maxsize=1)
def scores() -> pd.DataFrame:
    """Return all scores of the study, after running its missing runs."""
    return small_study.run(study())


@lru_cache(maxsize=1)
def gains() -> pd.DataFrame:
    """Return scores, baseline scores and gains in points by recipe, target, language and seed."""
    return analysis.gains(scores())


@lru_cache(maxsize=1)
def draws() -> Gains:
    """Return the gains with the sources of their intervals: seeds and test items."""
    return analysis.gain_draws(scores(), analysis.item_scores(study()))


def gain_table() -> pd.DataFrame:
    """Return mean zero-shot gains with 95 % intervals, a row per cell."""
    table = analysis.gain_table(draws())
    return table[table["task"] != "average"][["recipe", "task", "gain", "low", "high", "seeds"]].reset_index(drop=True)


def by_seed(recipe: str, task: str) -> pd.DataFrame:
    """Return the gains by language (rows) and seed (columns)."""
    rows = gains().query("recipe == @recipe and task == @task")
    return rows.pivot(index="language", columns="seed", values="gain").rename_axis(index=None, columns=None)


def english_and_others() -> pd.DataFrame:
    """Return mean gains in English and over the other languages, a row per cell."""
    rows = {}
    for recipe in (_SQUAD, _SUPERTAGS):
        for task in (TAGGING, QUESTIONS):
            means = by_seed(recipe, task).mean(axis=1)
            rows[f"{recipe} on {task}"] = (float(means[ENGLISH]), float(means.drop(ENGLISH).mean()))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["English", "mean of the others"])


def development() -> pd.DataFrame:
    """Return English development scores by recipe (rows) and target (columns), averaged over seeds.
    Only these may be looked at before the test."""
    development_scores = analysis.development(study())
    return (
        development_scores.pivot_table(index="recipe", columns="task", values="value")
        .loc[list(study().recipes)]
        .rename_axis(index=None, columns=None)
    )


def tested() -> pd.DataFrame:
    """Return zero-shot test scores by recipe and target, averaged over seeds and languages other
    than English."""
    test_scores = analysis.target_scores(scores()).query("language != @ENGLISH")
    return (
        test_scores.pivot_table(index="recipe", columns="task", values="value")
        .loc[list(study().recipes)]
        .rename_axis(index=None, columns=None)
    )


@lru_cache(maxsize=1)
def advised() -> pd.DataFrame:
    """Return the advisor's answer for XNLI: expected gains in points with 80 % intervals, and the
    chance, a share, that the recipe helps."""
    (answer,) = advice.answers(_ASKED, [_PUBLISHED])
    return answer.table[["recipe", "gain", "low_80", "high_80", "chance"]]


@lru_cache(maxsize=1)
def _model() -> Pooling:
    """Return the advisor's model of the published gains."""
    return Pooling(advice.evidence([_PUBLISHED]))


def published_gains() -> pd.DataFrame:
    """Return the published gains in points by target and recipe, the recipe's training examples,
    and the gain that the advisor expects from the other targets."""
    table = _model().evidence.rename(columns={"size": "examples"})
    table["expected"] = _model().left_out["gain"]
    return table[["target", "recipe", "examples", "expected", "gain"]].sort_values(["target", "examples"], ignore_index=True)


def losses() -> pd.Series:
    """Return the points that the first choice of the advisor and of each simple rule loses, a mean
    over the published targets."""
    return rule_regrets(_model()).rename("points lost")


def check() -> Check:
    """Return the exercises of the lesson."""
    return Check(
        [
            gain_exercise(),
            _signs_exercise(),
            _seeds_exercise(),
            _clear_exercise(),
            _ranked_exercise(),
            _sure_exercise(),
            _harm_exercise(),
            _lost_exercise(),
        ]
    )


def gain_exercise() -> Number:
    def mean(english: bool | None, seed: int | None = None) -> float:
        gains_by_seed = by_seed(_SQUAD, QUESTIONS)
        rows = gains_by_seed if english is None else gains_by_seed.loc[[ENGLISH]] if english else gains_by_seed.drop(ENGLISH)
        return float(rows.to_numpy().mean() if seed is None else rows[seed].mean())

    return Number(
        "gain",
        "The zero-shot gain of squad_v1 on TyDiQA, in points: the mean over seeds and languages.",
        lambda: mean(english=False),
        "SQuAD and TyDiQA are two data sets of one format, so that an encoder learns from the first what it needs for the second.",
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
        recipe_scores = analysis.target_scores(scores()).query("recipe == @_SUPERTAGS and task == @QUESTIONS and language != @ENGLISH")
        return float(recipe_scores.groupby("seed")["value"].mean().std(ddof=1))

    return Number(
        "deviation",
        "The standard deviation (n - 1) over seeds of the gain of ccg on TyDiQA; a seed's gain is "
        "its mean over all languages other than English.",
        lambda: deviation(1),
        "The mean of three seeds has a standard error of 0.58 of this, and Student's t for two "
        "degrees of freedom is 4.3: that is why the interval is so wide.",
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
        table = gain_table()
        clear_rows = table[(table["low"] > 0) | (table["high"] < 0)]
        return [f"{recipe} on {task}" for recipe, task in zip(clear_rows[("recipe")], clear_rows[("task")], strict=True)]

    return Names(
        "clear",
        "The cells (such as 'ccg on tydiqa') whose 95 % interval over seeds and test items excludes zero.",
        clear,
        "The others are not shown to be zero: this study is too small for that. And of many cells some exclude zero by chance: lesson 7.",
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
        "Ranked on English development data, reported on test data: whoever chooses on test data "
        "reports too large a gain. What is best in English need not be best elsewhere; without "
        "labels in other languages nobody knows before the test.",
        "What may be looked at before the test? Its column for this target.",
        ordered=True,
        legal=(BASELINE, _SQUAD, _SUPERTAGS),
        slips=lambda: {"That is the order of the test scores. Whoever chooses by them has nothing left to report.": ranked(tested())},
    )


def _sure_exercise() -> Names:
    def sure() -> list[str]:
        table = advised()
        return list(table["recipe"][(table["low_80"] > 0) | (table["high_80"] < 0)])

    return Names(
        "sure",
        "The recipes whose 80 % interval for XNLI excludes 0, whatever its side.",
        sure,
        "Nobody has measured this target in the published study, and other targets tell little about it: the intervals are wide.",
        "Both ends above 0, or both below it. A loss that is sure is worth knowing, too.",
        legal=(BASELINE, *INTERMEDIATE_NAMES),
        slips=lambda: {
            "Those are expected to help, and could harm all the same: look at the ends.": list(advised()["recipe"][advised()["gain"] > 0])
        },
    )


def _harm_exercise() -> Number:
    def helps() -> float:
        return float(100 * advised().set_index("recipe")["chance"][_DOUBTED])

    return Number(
        "harm",
        f"The probability, in percent, that {_DOUBTED} lowers the score on XNLI.",
        lambda: 100 - helps(),
        "Nearly even odds. A small encoder gained much (docs/measured.md): other evidence gives another answer.",
        "The column chance has the probability that a recipe helps.",
        "percent",
        0.6,
        lambda: {"That is the probability that it helps.": helps()},
    )


def _lost_exercise() -> Number:
    def lost(with_none: bool = True, chosen: str = "examples") -> float:
        table = published_gains()
        targets = table.groupby("target")
        best = targets["gain"].max()
        first = table.loc[targets[chosen].idxmax()].set_index("target")["gain"]
        return float((best.clip(lower=0) - first if with_none else -first).mean())

    return Number(
        "lost",
        "Points that the recipe with the most examples loses against the best choice, a mean over the targets.",
        lost,
        "Much data is not much help. The advisor loses less, but here no less than the rule that takes what is best on the other targets.",
        "For each target: the best gain, or 0 where no recipe gains, less the gain of the recipe with the most examples.",
        "points",
        0.06,
        lambda: {
            "That is the mean gain of the recipes chosen: what would the best choice have gained?": -lost(with_none=False),
            "That is the loss of the advisor's first choices.": lost(chosen="expected"),
        },
    )
