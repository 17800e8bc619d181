"""Hold a study's scores as one array, so that every choice of a view is a slice and a mean.

Gains, means and intervals are those of `analysis.gain_array`, which is filled from the array,
because selecting from a table with tens of thousands of rows takes seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import (
    Gains,
    axes_of,
    by_language,
    gain_array,
    gain_table,
)
from xstilts_core.analysis.items import ItemScores
from xstilts_core.analysis.scores import AVERAGE, ENGLISH, PHASES, TRAITS, fact, target_scores
from xstilts_core.errors import UsageError, unknown
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS

PRIMARY = "each task's own"
_ZERO_SHOT, EVERY, ALONE = "all but English", "all, English too", "English alone"
SCOPES = (_ZERO_SHOT, EVERY, ALONE)
FACTS = TRAITS


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


def _chosen(languages: Sequence[str], choice: Choice) -> frozenset[str]:
    """Return the languages that a choice selects."""
    if choice.scope not in SCOPES:
        raise unknown("scope", choice.scope, SCOPES)
    return frozenset(
        code
        for code in languages
        if choice.scope == EVERY or (code == ENGLISH) == (choice.scope == ALONE)
        if all(getattr(choice, key) in ("", fact(code, key)) for key in FACTS)
    )


class Scores(NamedTuple):
    """The scores by one metric, [recipes, tasks, languages, seeds]: values in percent, and the
    numbers of test items; NaN if there is no score."""

    values: np.ndarray
    items: np.ndarray


class GainIndex:
    """A study's target scores by recipe, task, language and seed, one array per metric, built from
    a frame with the columns `results.COLUMNS`. axes: the arrays' labels, English first."""

    def __init__(self, frame: pd.DataFrame) -> None:
        scores = target_scores(frame)
        axes = axes_of(scores)
        languages = tuple(sorted(axes.languages, key=lambda code: code != ENGLISH))
        self.frame = frame[frame["phase"].isin(PHASES)]
        self.axes = replace(axes, languages=languages)
        self.metrics = (PRIMARY, *sorted(self.frame["metric"].unique()))
        self.arrays = {PRIMARY: self._array(scores)}
        self.made: dict[tuple[str, str, int], Gains] = {}

    def _array(self, scores: pd.DataFrame) -> Scores:
        return Scores(self.axes.array(scores, "value"), self.axes.array(scores, "n"))

    def scores(self, metric: str) -> Scores:
        """Return the array of a metric; raise UsageError if no target has that metric."""
        if metric not in self.metrics:
            raise unknown("metric", metric, self.metrics)
        if metric not in self.arrays:
            self.arrays[metric] = self._array(target_scores(self.frame, metric))
        return self.arrays[metric]

    def values(self, recipe: str, metric: str) -> np.ndarray:
        """Return a recipe's scores by a metric, [tasks, languages, seeds]; raise UsageError if it
        has none."""
        if recipe not in self.axes.recipes:
            raise unknown("recipe", recipe, self.axes.recipes, "the finished runs")
        return self.scores(metric).values[self.axes.recipes.index(recipe)]

    def named(self, recipe: str, baseline: str) -> str:
        """Swap the names of the chosen baseline and of "none", the analysis's name for the
        baseline."""
        return {baseline: BASELINE, BASELINE: baseline}.get(recipe, recipe)

    def draws(self, choice: Choice, items: ItemScores | None = None) -> Gains:
        """Return the `Gains`, as of `analysis.gain_draws`, for the chosen languages and kind of
        task.

        items: resampled scores by the tasks' own metrics; they are ignored for other metrics.
        """
        self.values(choice.baseline, choice.metric)
        resampled = items if items and choice.metric == PRIMARY else {}
        key = choice.baseline, choice.metric, len(resampled)
        if key not in self.made:
            self.made[key] = gain_array(
                self.axes, *self.scores(choice.metric), resampled, choice.baseline
            )
        gains = self.made[key]
        return replace(
            gains,
            tasks=tuple(name for name in gains.tasks if choice.kind in ("", TASKS[name].kind)),
            languages=_chosen(self.axes.languages, choice),
        )

    def matrix(
        self, choice: Choice, items: ItemScores | None = None, without: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Return the choice's `analysis.gain_table` without the recipes in `without`. Raise
        UsageError if no language or task is left."""
        draws = self.draws(choice, items)
        if not draws.languages or not draws.tasks:
            raise UsageError(
                f"no {'language' if draws.tasks else 'task'} of this study matches all filters: "
                "choose fewer filters"
            )
        names = {recipe: self.named(recipe, choice.baseline) for recipe in draws.recipes}
        recipes = tuple(recipe for recipe in draws.recipes if names[recipe] not in without)
        table = gain_table(replace(draws, recipes=recipes))
        return table.assign(recipe=table["recipe"].map(names))

    def baseline(self, choice: Choice) -> Mapping[str, float]:
        """Return the chosen baseline's mean score in percent by task and on average. A task without
        scores is NaN, and then so is the average."""
        draws, values = self.draws(choice), self.values(choice.baseline, choice.metric)
        selected = values[:, [code in draws.languages for code in self.axes.languages]]
        means = {
            name: pd.Series(selected[self.axes.tasks.index(name)].ravel()).mean()
            for name in draws.tasks
        }
        return {**means, AVERAGE: float(np.mean(list(means.values())))} if means else {}

    def reason(self, recipe: str, task: str, choice: Choice) -> str:
        """Explain why a recipe has no mean gain on a task, or on AVERAGE."""
        if recipe == choice.baseline:
            return f"{recipe} is the baseline: choose another one, or another recipe"
        if task == AVERAGE:
            return "not every target has a gain"
        column = self.axes.tasks.index(task)
        if not np.isfinite(self.scores(choice.metric).values[:, column]).any():
            metrics = self.frame.loc[self.frame["task"] == task, "metric"].unique()
            return f"{task} is not scored by {choice.metric}: it has {', '.join(sorted(metrics))}"
        scored = {
            name: np.isfinite(self.values(name, choice.metric)[column])
            for name in (recipe, choice.baseline)
        }
        if unscored := [name for name, finite in scored.items() if not finite.any()]:
            return f"no finished runs of {' and of '.join(unscored)} on {task}"
        paired = (scored[recipe] & scored[choice.baseline]).any(axis=-1)
        if not paired.any():
            return f"the finished runs of {recipe} and {choice.baseline} on {task} share no seed"
        codes = ", ".join(compress(self.axes.languages, paired))
        return f"none of this task's languages is chosen: {codes}"

    def by_language(
        self, recipe: str, task: str, choice: Choice, items: ItemScores | None = None
    ) -> pd.DataFrame:
        """Return a row per language of a cell, with the columns language, gain, low, high, n,
        baseline, counted (whether it is part of the mean), and seed<k>, the gain of each seed."""
        draws, axes = self.draws(choice, items), self.axes
        key = self.named(recipe, choice.baseline), task
        if key not in draws.cells:
            raise UsageError(self.reason(recipe, task, choice))
        cell = draws.cells[key]
        rows = list(cell.values())
        table = by_language(draws, rows)[["language", "gain", "low", "high", "n"]]
        gains = pd.DataFrame(draws.values[rows], columns=draws.seeds)
        gains = gains.reindex(columns=axes.seeds)
        scores = pd.DataFrame(
            self.values(choice.baseline, choice.metric)[axes.tasks.index(task)],
            index=axes.languages,
            columns=axes.seeds,
        )
        paired = scores.loc[list(cell)].reset_index(drop=True).where(gains.notna())
        return table.assign(
            baseline=paired.mean(axis=1),
            counted=table["language"].isin(draws.languages),
            **{f"seed{seed}": gains[seed] for seed in axes.seeds},
        )
