"""Hold a study's scores as one array, so that every choice of a view is a slice and a mean.

Gains, means and intervals are those of `analysis.gains` and `analysis.intervals`. Their `Cell` and
`GainDraws` are filled here from the array, because selecting from a table with tens of thousands of
rows takes seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import (
    AVERAGE,
    ENGLISH,
    PHASES,
    recipe_order,
    target_scores,
    task_order,
)
from xstilts_core.analysis.intervals import NO_ITEMS, Cell, Estimate, GainDraws, gain_table
from xstilts_core.analysis.items import ItemScores
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
    """The scores by one metric. values: [recipes, tasks, languages, seeds] in percent, NaN if there
    is no score. items: [tasks, languages], the numbers of test items."""

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
    made: dict[tuple[str, str, int], GainDraws] = field(default_factory=dict)
    centred: tuple[np.ndarray, np.ndarray] | None = None

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
        axes = {
            "recipe": self.recipes,
            "task": self.tasks,
            "language": self.languages,
            "seed": self.seeds,
        }
        indices = [
            scores[column].map({label: index for index, label in enumerate(labels)}).to_numpy()
            for column, labels in axes.items()
        ]
        values = np.full([len(labels) for labels in axes.values()], np.nan)
        values[tuple(indices)] = scores["value"].to_numpy(float)
        items = np.zeros(values.shape[1:3], dtype=int)
        np.maximum.at(items, (indices[1], indices[2]), scores["n"].to_numpy(int))
        return Scores(values, items)

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

    def change(self, choice: Choice) -> np.ndarray:
        """Return gains over the chosen baseline, [recipes, tasks, languages, seeds], paired by seed
        and language. NaN if either score is missing."""
        values = self.scores(choice.metric).values
        return values - values[self.place(choice.baseline)]

    def named(self, recipe: str, baseline: str) -> str:
        """Swap the names of the chosen baseline and of "none", the analysis's name for the
        baseline."""
        return {baseline: BASELINE, BASELINE: baseline}.get(recipe, recipe)

    def draws(self, choice: Choice, items: ItemScores = NO_ITEMS) -> GainDraws:
        """Return the `GainDraws`, as of `analysis.gain_draws`, for the chosen languages and kind of
        task.

        items: resampled scores by the tasks' own metrics; they are ignored for other metrics.
        """
        resampled_items = items if choice.metric == PRIMARY else NO_ITEMS
        key = (choice.baseline, choice.metric, len(resampled_items))
        if key not in self.made:
            self.made[key] = self.fill(choice, resampled_items)
        tasks = tuple(
            name
            for name in self.made[key].tasks
            if not choice.kind or TASKS[name].kind == choice.kind
        )
        return replace(self.made[key], tasks=tasks, languages=chosen(self.languages, choice))

    def fill(self, choice: Choice, items: ItemScores) -> GainDraws:
        """Fill every cell in one pass over all languages; the formulas are those of
        `analysis.intervals.language_gain`."""
        gains = self.change(choice)
        known = ~np.isnan(gains)
        counts = known.sum(axis=-1)
        means = np.divide(
            np.nansum(gains, axis=-1), counts, out=np.full(counts.shape, np.nan), where=counts > 0
        )
        pulls = (
            np.where(known, gains - means[..., None], 0.0)
            / np.sqrt(np.maximum(counts * (counts - 1), 1))[..., None]
        )
        base, tested = self.place(choice.baseline), self.scores(choice.metric).items
        scores, available = (
            self.resampled(items)
            if items
            else (np.zeros((*gains.shape, 1)), np.zeros(gains.shape, dtype=bool))
        )
        # Items can be resampled only if every seed with a gain has the predictions of both runs.
        itemwise = ((available & available[base]) | ~known).all(axis=-1)
        draws, cells = scores.shape[-1], {}
        no_changes = np.zeros((draws, len(self.seeds)))
        for row, recipe in enumerate(self.recipes):
            for column, name in enumerate(self.tasks):
                indices = np.flatnonzero(counts[row, column])
                if row == base or len(indices) == 0:
                    continue
                estimates = []
                for cell in ((row, column, index) for index in indices):
                    seeds, changes = int(counts[cell]), no_changes
                    if itemwise[cell]:
                        changes = (
                            (scores[cell] - scores[(base, *cell[1:])])
                            * known[cell][:, None]
                            / seeds
                        ).T
                    estimates.append(Estimate(float(means[cell]), pulls[cell], changes, seeds))
                codes = tuple(self.languages[index] for index in indices)
                cells[self.named(recipe, choice.baseline), name] = Cell(
                    codes, tuple(estimates), tested[column, indices], itemwise[row, column, indices]
                )
        scored = np.isfinite(
            self.scores(choice.metric).values
        )  # some tasks and recipes lack a metric
        tasks = tuple(name for index, name in enumerate(self.tasks) if scored[:, index].any())
        other_names = [
            name for index, name in enumerate(self.recipes) if scored[index].any() and index != base
        ]
        recipes = tuple(self.named(name, choice.baseline) for name in other_names)
        return GainDraws(recipes, tasks, cells, frozenset(), self.seeds, draws)

    def resampled(self, items: ItemScores) -> tuple[np.ndarray, np.ndarray]:
        """Return scores on resampled items minus their mean, [recipes, tasks, languages, seeds,
        draws], and a mask of the runs that have them."""
        if self.centred is None:
            shape = (len(self.recipes), len(self.tasks), len(self.languages), len(self.seeds))
            scores = np.zeros((*shape, len(next(iter(items.values())))), dtype=np.float32)
            available = np.zeros(shape, dtype=bool)
            axes = [
                {label: index for index, label in enumerate(labels)}
                for labels in (self.recipes, self.tasks, self.languages, self.seeds)
            ]
            for (name, language, recipe, seed), values in items.items():
                index = tuple(
                    axis.get(label, -1)
                    for axis, label in zip(axes, (recipe, name, language, seed), strict=True)
                )
                if min(index) >= 0:
                    scores[index], available[index] = values - values.mean(), True
            self.centred = scores, available
        return self.centred

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
        row, column = self.place(recipe), self.tasks.index(task)
        indices = [self.languages.index(code) for code in cell.languages]
        seeds = self.change(choice)[row, column, indices]
        scores = self.scores(choice.metric).values[self.place(choice.baseline), column, indices]
        table = pd.DataFrame(
            {
                "language": cell.languages,
                "gain": [estimate.value for estimate in cell.gains],
                "low": [estimate.interval[0] for estimate in cell.gains],
                "high": [estimate.interval[1] for estimate in cell.gains],
                "n": cell.items,
                "baseline": np.nanmean(np.where(np.isnan(seeds), np.nan, scores), axis=1),
                "counted": [code in draws.languages for code in cell.languages],
            }
        )
        return table.assign(
            **{f"seed{seed}": seeds[:, index] for index, seed in enumerate(self.seeds)}
        )
