"""Lesson 3: a small study of zero-shot transfer, and the references for its scores."""

import math
from functools import lru_cache

import pandas as pd

from course import small_study
from course.check import Check
from course.exercise import Choice, Names, Number
from xstilts_core import analysis
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

STUDY = "lesson_zero_shot"
ENGLISH, _INFERENCE, TAGGING = "en", "xnli", "udpos"
RANDOM = "random"
LOWEST = 3


@lru_cache(maxsize=1)
def study() -> Study:
    """Return the study params/lesson_zero_shot.yaml."""
    return Study.load(STUDY)


@lru_cache(maxsize=1)
def scores() -> pd.DataFrame:
    """Return test scores of all runs in percent, one per row, after executing the missing runs."""
    target_scores = analysis.target_scores(_analysis_frame())
    return target_scores[["recipe", "task", "language", "metric", "value", "n"]]


@lru_cache(maxsize=1)
def _analysis_frame() -> pd.DataFrame:
    """Return all scores of the study, with controls without a model among the target runs."""
    results = small_study.run(study())
    return results.assign(phase=results["phase"].replace("control", "target"))


def table(task: str) -> pd.DataFrame:
    """Return percentages by recipe or control (rows) and language (columns), English first."""
    task_scores = scores()[scores()["task"] == task].pivot(index="recipe", columns="language", values="value")
    rows = [name for name in study().recipes if name in task_scores.index]
    return task_scores.loc[rows, [ENGLISH, *(code for code in task_scores if code != ENGLISH)]].rename_axis(index=None, columns=None)


def others(task: str, recipe: str) -> pd.Series:
    """Return the scores in the languages other than English."""
    return table(task).loc[recipe].drop(ENGLISH)


def english(task: str, recipe: str) -> float:
    return float(table(task).loc[recipe, ENGLISH])


def beside() -> pd.DataFrame:
    """Return the English and zero-shot means of every recipe or control, by task."""
    rows = {
        (task, recipe): (english(task, recipe), float(others(task, recipe).mean()))
        for task in (_INFERENCE, TAGGING)
        for recipe in table(task).index
    }
    index = pd.MultiIndex.from_tuples(rows)
    return pd.DataFrame(rows.values(), index=index, columns=["English", "mean of the others"])


def margin(score: float, items: int) -> float:
    """Return half of the 95 % interval of an accuracy in percent over `items` items (normal
    approximation of the binomial)."""
    share = score / 100
    return 100 * 1.96 * math.sqrt(share * (1 - share) / items)


def check() -> Check:
    """Return the exercises of the lesson."""
    return Check([*_score_questions(), *control_questions()])


def _score_questions() -> list[Number | Names]:
    def mean(task: str, recipe: str = BASELINE) -> float:
        return float(others(task, recipe).mean())

    def gap(task: str) -> float:
        return english(task, BASELINE) - mean(task)

    def error(factor: float) -> float:
        score = english(_INFERENCE, BASELINE)
        return margin(score, items()) / 1.96 * factor

    def items() -> int:
        return int(scores().query("task == @_INFERENCE and recipe == @BASELINE")["n"].iloc[0])

    return [
        Number(
            "zero_shot",
            "The zero-shot score of the baseline (`none`) on XNLI: the mean over the languages it was not trained in, in percent.",
            lambda: mean(_INFERENCE),
            "This is the number that tables of transfer report. English is not part of it.",
            "The row of the baseline; every column but one; their mean.",
            "percent",
            0.06,
            lambda: {
                "English is among them: it is the language of training.": float(table(_INFERENCE).loc[BASELINE].mean()),
                "This is the English score.": english(_INFERENCE, BASELINE),
                "This is the encoder of random weights.": mean(_INFERENCE, RANDOM),
            },
        ),
        Number(
            "gap",
            "The transfer gap of the baseline on UDPOS: how many points are the other languages below English, in the mean?",
            lambda: gap(TAGGING),
            "A gap alone says little: a model that is bad in English has a small one.",
            "English less the mean of the others.",
            "points",
            0.06,
            lambda: {"That is XNLI.": gap(_INFERENCE)},
        ),
        Names(
            "lowest",
            f"The {LOWEST} languages in which the baseline tags words worst (UDPOS), the lowest first.",
            lambda: list(others(TAGGING, BASELINE).sort_values().index[:LOWEST]),
            "No single cause explains them: word order, script, the amount of text in phase 1 and the tokenizer all differ from English.",
            "Sort the row of the baseline.",
            ordered=True,
        ),
        Number(
            "margin",
            "The 95 % margin of error of the baseline's English XNLI score, in points, from the number of its test items alone.",
            lambda: error(1.96),
            "Differences smaller than this between two languages are not worth an explanation. Seeds add to it: lesson 7.",
            "The standard error of a share p over n items is sqrt(p (1 - p) / n).",
            "points",
            0.06,
            lambda: {
                "This is one standard error. How many standard errors make 95 %?": error(1.0),
                "This is the width of the whole interval; the margin goes to one side.": error(3.92),
            },
        ),
    ]


def control_questions() -> list[Number | Choice]:
    def above(codes_of: str) -> float:
        if codes_of == ENGLISH:
            return english(TAGGING, BASELINE) - english(TAGGING, RANDOM)
        return float((others(TAGGING, BASELINE) - others(TAGGING, RANDOM)).mean())

    def best() -> str:
        return str(max(study().controls, key=lambda name: others(_INFERENCE, name).mean()))

    return [
        Choice(
            "strongest",
            "The control that comes nearest to the baseline's zero-shot score on XNLI, or is above it: the highest one.",
            tuple(study().controls),
            best,
            "It needs no understanding of both texts. A score that is not above this one shows no transfer of inference.",
            "The highest mean of the languages other than English.",
            lambda: {RANDOM: ("Look at its languages other than English: what is chance with three labels?")},
        ),
        Number(
            "pretraining",
            "How many points of the baseline's zero-shot score on UDPOS are above those of the same encoder with random weights?",
            lambda: above("others"),
            "This part is due to pretraining. In English the difference is smaller: English "
            "words can be learnt without it, so the English score hides what an encoder has to "
            "offer.",
            "Language by language, then the mean; without the language of training.",
            "points",
            0.06,
            lambda: {"That is English.": above(ENGLISH)},
        ),
    ]
