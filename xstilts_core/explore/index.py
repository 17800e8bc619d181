"""Hold a study's scores as one array, so that every choice of a view is a slice and a mean.

Gains, means and intervals are those of `analysis.gain_array`, whose `Gains` is filled from the
array, because selecting from a table with tens of thousands of rows takes seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Axes, Gains, gain_array, gain_table
from xstilts_core.analysis.gains import (
    AVERAGE,
    ENGLISH,
    PHASES,
    recipe_order,
    target_scores,
    task_order,
)
from xstilts_core.analysis.items import NO_ITEMS, ItemScores
from xstilts_core.errors import UsageError, unknown
from xstilts_core.languages import LANGUAGES
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS

PRIMARY = "each task's own"
_ZERO_SHOT, EVERY, ALONE = "all but English", "all, English too", "English alone"
SCOPES = (_ZERO_SHOT, EVERY, ALONE)
FACTS = ("script", "family", "word_order", "resource_level")


@dataclass(frozen=True, slots=True)
class Choice:
    """The scores selected for a view. "" selects all. family: its first part, such as
    Indo-European."""

    baseline: str = BASELINE
    metric: str = PRIMARY
    scope: str = _ZERO_SHOT
    script: str = ""
    family: str = ""
    word_order: str = ""
    resource_level: str = ""
    kind: str = ""


def fact(code: str, name: str) -> str:
    """Return one of FACTS for a language, or "unknown" for a code that is not in the table of
    languages. A family is returned without its branch."""
    language = LANGUAGES.get(code)
    return str(getattr(language, name)).split(":")[0] if language else "unknown"


def chosen(languages: Sequence[str], choice: Choice) -> frozenset[str]:
    """Return the languages that a choice selects."""
    scopes = {
        _ZERO_SHOT: lambda code: code != ENGLISH,
        EVERY: lambda code: True,
        ALONE: lambda code: code == ENGLISH,
    }
    if choice.scope not in scopes:
        raise unknown("scope", choice.scope, SCOPES)
    filters = {name: getattr(choice, name) for name in FACTS if getattr(choice, name)}
    in_scope = scopes[choice.scope]
    return frozenset(
        code
        for code in languages
        if in_scope(code) and all(fact(code, key) == value for key, value in filters.items())
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores by one metric, [recipes, tasks, languages, seeds]: values in percent, and the
    numbers of test items; NaN if there is no score."""

    values: np.ndarray
    items: np.ndarray


@dataclass
class GainIndex:
    """A study's target scores by recipe, task, language and seed, one array per metric, built from
    a frame with the columns `results.COLUMNS`."""

    frame: pd.DataFrame
    recipes: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    metrics: tuple[str, ...] = (PRIMARY,)
    tables: dict[str, Scores] = field(default_factory=dict)
    made: dict[tuple[str, str, int], Gains] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scores = target_scores(self.frame)
        self.recipes = tuple(recipe_order(scores["recipe"]))
        self.tasks = tuple(task_order(scores["task"]))
        self.languages = tuple(
            sorted(scores["language"].unique(), key=lambda code: (code != ENGLISH, code))
        )
        self.seeds = tuple(sorted({int(number) for number in scores["seed"]}))
        self.tables[PRIMARY] = self.table(scores)
        targets = self.frame[self.frame["phase"].isin(PHASES)]
        self.metrics = (PRIMARY, *sorted(targets["metric"].unique()))

    def table(self, scores: pd.DataFrame) -> Scores:
        """Build the array of one metric."""
        return Scores(self.axes.array(scores, "value"), self.axes.array(scores, "n"))

    @property
    def axes(self) -> Axes:
        return Axes(self.recipes, self.tasks, self.languages, self.seeds)

    def scores(self, metric: str) -> Scores:
        """Return the array of a metric; raise UsageError if no target has that metric."""
        if metric not in self.metrics:
            raise unknown("metric", metric, self.metrics)
        if metric not in self.tables:
            self.tables[metric] = self.table(target_scores(self.frame, metric))
        return self.tables[metric]

    def place(self, recipe: str) -> int:
        """Return the row of a recipe; raise UsageError if it has no scores."""
        if recipe not in self.recipes:
            raise unknown("recipe", recipe, self.recipes, "the finished runs")
        return self.recipes.index(recipe)

    def named(self, recipe: str, baseline: str) -> str:
        """Swap the names of the chosen baseline and of "none", the analysis's name for the
        baseline."""
        return {baseline: BASELINE, BASELINE: baseline}.get(recipe, recipe)

    def draws(self, choice: Choice, items: ItemScores = NO_ITEMS) -> Gains:
        """Return the `Gains`, as of `analysis.gain_draws`, for the chosen languages and kind of
        task.

        items: resampled scores by the tasks' own metrics; they are ignored for other metrics.
        """
        self.place(choice.baseline)
        resampled_items = items if choice.metric == PRIMARY else NO_ITEMS
        key = (choice.baseline, choice.metric, len(resampled_items))
        if key not in self.made:
            scores = self.scores(choice.metric)
            self.made[key] = gain_array(
                self.axes, scores.values, scores.items, resampled_items, choice.baseline
            )
        tasks = tuple(
            name
            for name in self.made[key].tasks
            if not choice.kind or TASKS[name].kind == choice.kind
        )
        return replace(self.made[key], tasks=tasks, languages=chosen(self.languages, choice))

    def matrix(
        self, choice: Choice, items: ItemScores = NO_ITEMS, without: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Return the choice's `analysis.gain_table` without the recipes in `without`. Raise
        UsageError if no language or task is left."""
        draws = self.draws(choice, items)
        if not draws.languages or not draws.tasks:
            raise UsageError(
                f"no {'language' if draws.tasks else 'task'} of this study matches all filters: "
                "choose fewer filters"
            )
        recipes = tuple(
            name for name in draws.recipes if self.named(name, choice.baseline) not in without
        )
        table = gain_table(replace(draws, recipes=recipes))
        return table.assign(recipe=[self.named(name, choice.baseline) for name in table["recipe"]])

    def baseline(self, choice: Choice) -> Mapping[str, float]:
        """Return the chosen baseline's mean score in percent by task and on average. A task without
        scores is NaN, and then so is the average."""
        values = self.scores(choice.metric).values[self.place(choice.baseline)]
        codes = chosen(self.languages, choice)
        selected = np.array([code in codes for code in self.languages], dtype=bool)
        means = {}
        for name in self.draws(choice).tasks:
            scores = values[self.tasks.index(name)][selected]
            means[name] = float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")
        return {**means, AVERAGE: float(np.mean(list(means.values())))} if means else {}

    def reason(self, recipe: str, task: str, choice: Choice) -> str:
        """Explain why a recipe has no mean gain on a task, or on AVERAGE."""
        if recipe == choice.baseline:
            return f"{recipe} is the baseline: choose another one, or another recipe"
        if task == AVERAGE:
            return "not every target has a gain"
        values = self.scores(choice.metric).values[:, self.tasks.index(task)]
        if not np.isfinite(values).any():
            known = sorted(
                self.frame.loc[
                    self.frame["phase"].isin(PHASES) & (self.frame["task"] == task), "metric"
                ].unique()
            )
            return f"{task} is not scored by {choice.metric}: it has {', '.join(known)}"
        recipe_scored, baseline_scored = (
            np.isfinite(values[self.place(name)]) for name in (recipe, choice.baseline)
        )
        unscored = [
            name
            for name, scored in ((recipe, recipe_scored), (choice.baseline, baseline_scored))
            if not scored.any()
        ]
        if unscored:
            return f"no finished runs of {' and of '.join(unscored)} on {task}"
        paired = recipe_scored & baseline_scored
        if not paired.any():
            return f"the finished runs of {recipe} and {choice.baseline} on {task} share no seed"
        codes = ", ".join(
            code for code, scored in zip(self.languages, paired.any(axis=-1), strict=True) if scored
        )
        return f"none of this task's languages is chosen: {codes}"

    def by_language(
        self, recipe: str, task: str, choice: Choice, items: ItemScores = NO_ITEMS
    ) -> pd.DataFrame:
        """Return a row per language of a cell, with the columns language, gain, low, high, n,
        baseline, counted (whether it is part of the mean), and seed<k>, the gain of each seed."""
        draws = self.draws(choice, items)
        cell = draws.cells.get((self.named(recipe, choice.baseline), task))
        if cell is None:
            raise UsageError(self.reason(recipe, task, choice))
        rows, estimates = list(cell.values()), [draws.of_rows([row]) for row in cell.values()]
        gains = pd.DataFrame(draws.values[rows], columns=draws.seeds).reindex(columns=self.seeds)
        indices = [self.languages.index(code) for code in cell]
        scores = self.scores(choice.metric).values[
            self.place(choice.baseline), self.tasks.index(task), indices
        ]
        table = pd.DataFrame(
            [estimate.numbers for estimate in estimates], columns=["gain", "low", "high"]
        )
        table.insert(0, "language", list(cell))
        return table.assign(
            n=draws.n[rows],
            baseline=np.nanmean(np.where(gains.isna(), np.nan, scores), axis=1),
            counted=[code in draws.languages for code in cell],
            **{f"seed{seed}": gains[seed] for seed in self.seeds},
        )
