"""What Phang et al. (2020) state, how sure that is, and whether a study finds the same.

The statements are those of the abstract (version 2, arXiv 2005.13013), and four averages that are reported of the paper at second
hand; the paper's own tables were not at hand. Nothing is shown without that status. The paper's numbers are XLM-R Large's on XTREME's
development data, a study's are its own encoder's on its test data: a study of the embedded suite is a model of the paper's, and where
it differs it says something of the suite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xstilts_core.analysis.choice import choices, per_target_gain
from xstilts_core.analysis.intervals import Estimate, GainDraws, mean
from xstilts_core.study import Study
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME

ABSTRACT = "confirmed: abstract of version 2"
REPORTED = "second hand: reported of the paper, its tables not seen"
SQUAD = ("squad_v1", "squad_v2")
AGREES, DIFFERS, UNDECIDED, NOT_MEASURED = "agrees", "differs", "undecided", "not measured"
NUMBER_RULE = "agrees if the 95 % interval holds the paper's number"
SIGN_RULE = "agrees if the 95 % interval lies above 0, differs if below, else undecided"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the paper. `measure` says what of a study answers it, `rule` how; `number` is the paper's, in points."""

    text: str
    evidence: str
    measure: Literal["average", "targets", "order", "best three", "multi-task", "per target", "nothing"]
    rule: str
    number: float | None = None
    tasks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


RETRIEVAL, QUESTIONS = ("bucc2018", "tatoeba"), ("xquad", "mlqa", "tydiqa")
STATEMENTS = (
    Statement("SQuAD gains 8.2 points on average", REPORTED, "average", NUMBER_RULE, 8.2, ("squad_v1",)),
    Statement("MNLI gains 7.5 points on average", REPORTED, "average", NUMBER_RULE, 7.5, ("mnli",)),
    Statement("HellaSwag gains 7.0 points on average", REPORTED, "average", NUMBER_RULE, 7.0, ("hellaswag",)),
    Statement("All nine tasks together gain 8.7 points on average", REPORTED, "average", NUMBER_RULE, 8.7, INTERMEDIATE_NAMES),
    Statement("Large improvements on BUCC and Tatoeba", ABSTRACT, "targets", SIGN_RULE, targets=RETRIEVAL),
    Statement("Moderate improvements on question answering", ABSTRACT, "targets", SIGN_RULE, targets=QUESTIONS),
    Statement("Retrieval improves more than question answering", ABSTRACT, "order", SIGN_RULE),
    Statement(
        "MNLI, SQuAD and HellaSwag are the best intermediate tasks overall",
        ABSTRACT,
        "best three",
        "agrees if the three single tasks of the largest average gains are MNLI, HellaSwag and a SQuAD",
        tasks=("mnli", *SQUAD, "hellaswag"),
    ),
    Statement("Multi-task training adds a little to the best single task", ABSTRACT, "multi-task", SIGN_RULE),
    Statement("The best recipe per target gains 5.4 points on XTREME's test data", ABSTRACT, "per target", NUMBER_RULE, 5.4),
    Statement(
        "Continued multilingual masked language modeling does not help consistently",
        ABSTRACT,
        "nothing",
        "no recipe of this suite does it yet",
    ),
    Statement(
        "Machine-translated intermediate data do not help consistently",
        ABSTRACT,
        "nothing",
        "42_translated compares the recipes of other languages with the English ones",
    ),
)


def recipe_of(tasks: Sequence[str], recipes: Mapping[str, Sequence[str]]) -> str:
    """The recipe that trains on exactly these intermediate tasks; "" where there is none."""
    return next((name for name, found in recipes.items() if set(found) == set(tasks)), "")


def single_recipes(draws: GainDraws, recipes: Mapping[str, Sequence[str]]) -> list[str]:
    """The recipes of one intermediate task that have a gain on every target."""
    return [name for name in draws.recipes if len(recipes.get(name, ())) == 1 and np.isfinite(draws.average(name).value)]


def over_recipes(draws: GainDraws, recipes: Mapping[str, Sequence[str]], targets: Sequence[str]) -> Estimate | None:
    """Mean gain of all single-task recipes on some targets; None where one of the targets, or any such recipe, is missing."""
    single = [name for name in draws.recipes if len(recipes.get(name, ())) == 1]
    found = [mean([draws.gain(name, task) for task in targets]) for name in single] if set(targets) <= set(draws.tasks) else []
    found = [entry for entry in found if np.isfinite(entry.value)]
    return mean(found) if found else None


def measured(statement: Statement, draws: GainDraws, recipes: Mapping[str, Sequence[str]], scores: pd.DataFrame) -> Estimate | None:
    """The study's own number; None where it has none. Averages over targets need all nine: over fewer they are another quantity."""
    whole = set(draws.tasks) == set(XTREME)
    single = single_recipes(draws, recipes) if whole else []
    match statement.measure:
        case "average":
            name = recipe_of(statement.tasks, recipes)
            found = draws.average(name) if whole and name in draws.recipes else None
        case "targets":
            found = over_recipes(draws, recipes, statement.targets)
        case "order":
            retrieval, questions = over_recipes(draws, recipes, RETRIEVAL), over_recipes(draws, recipes, QUESTIONS)
            found = retrieval - questions if retrieval and questions else None
        case "multi-task":
            name = recipe_of(INTERMEDIATE_NAMES, recipes)
            best = max((draws.average(entry) for entry in single), key=lambda entry: entry.value, default=None)
            found = draws.average(name) - best if best and name in draws.recipes else None
        case "per target":
            table = choices(draws, scores)
            found = per_target_gain(draws, table) if set(table["task"]) == set(XTREME) else None
        case _:
            found = None
    return found if found and np.isfinite(found.value) else None


def verdict(statement: Statement, found: Estimate) -> str:
    """By the statement's rule; an estimate without an interval decides nothing."""
    low, high = found.interval
    if np.isnan(low):
        return UNDECIDED
    if statement.number is None:
        return AGREES if low > 0 else DIFFERS if high < 0 else UNDECIDED
    if low <= statement.number <= high:
        return AGREES
    return f"{DIFFERS}, same sign" if low > 0 < statement.number else f"{DIFFERS}, other sign" if high < 0 < statement.number else DIFFERS


def best_three(statement: Statement, draws: GainDraws, recipes: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """The study's three best single tasks on average, and the verdict; more than three must have been measured."""
    single = single_recipes(draws, recipes) if set(draws.tasks) == set(XTREME) else []
    ranked = sorted(single, key=lambda name: -draws.average(name).value)[:3]
    if len(single) <= 3 or not {"mnli", "hellaswag"} <= {recipes[name][0] for name in single}:
        return "", NOT_MEASURED
    tasks = {recipes[name][0] for name in ranked}
    same = {"mnli", "hellaswag"} <= tasks <= set(statement.tasks)
    return ", ".join(f"{name} ({draws.average(name).value:+.1f})" for name in ranked), AGREES if same else DIFFERS


def comparison(study: Study, draws: GainDraws, scores: pd.DataFrame) -> pd.DataFrame:
    """Every statement of the paper beside the study's own number: columns statement evidence study verdict rule.

    draws: `gain_draws` of the study. scores: its `development`. The column study: points with the 95 % interval.
    """
    recipes, rows = {name: recipe.intermediate for name, recipe in study.recipes.items()}, []
    for statement in STATEMENTS:
        if statement.measure == "best three":
            text, decided = best_three(statement, draws, recipes)
        elif (found := measured(statement, draws, recipes, scores)) is None:
            text, decided = "", NOT_MEASURED
        else:
            low, high = found.interval
            interval = "no interval" if np.isnan(low) else f"{low:+.1f} to {high:+.1f}"
            text, decided = f"{found.value:+.1f} ({interval})", verdict(statement, found)
        rows.append((statement.text, statement.evidence, text, decided, statement.rule))
    return pd.DataFrame(rows, columns=["statement", "evidence", "study", "verdict", "rule"])
