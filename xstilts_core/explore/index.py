"""The scores of a study as one array, made once: every choice of a view is then a slice and a mean.

Gains, means and intervals are those of `analysis.gains` and `analysis.intervals`, whose `Cell` and
`GainDraws` are filled here from the array, because one look at tens of thousands of rows of a table
would take seconds.
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
    """What of the scores is looked at. "" chooses all. family: the first part, as Indo-European."""

    baseline: str = BASELINE
    metric: str = PRIMARY
    scope: str = _ZERO_SHOT
    script: str = ""
    family: str = ""
    word_order: str = ""
    resource_level: str = ""
    kind: str = ""


def fact(code: str, name: str) -> str:
    """One of FACTS of a language; a family without its branch. "unknown" for a code that the table
    of languages lacks."""
    found = LANGUAGES.get(code)
    return str(getattr(found, name)).split(":")[0] if found else "unknown"


def chosen(languages: Sequence[str], choice: Choice) -> frozenset[str]:
    """The languages that a choice keeps."""
    scopes = {
        _ZERO_SHOT: lambda code: code != ENGLISH,
        EVERY: lambda code: True,
        ALONE: lambda code: code == ENGLISH,
    }
    if choice.scope not in scopes:
        raise unknown("scope", choice.scope, SCOPES)
    wanted = {name: getattr(choice, name) for name in FACTS if getattr(choice, name)}
    inside = scopes[choice.scope]
    return frozenset(
        code
        for code in languages
        if inside(code) and all(fact(code, key) == value for key, value in wanted.items())
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """values [recipes, tasks, languages, seeds] in percent, NaN where there is no score; items
    [tasks, languages]: test items."""

    values: np.ndarray
    items: np.ndarray


@dataclass
class GainIndex:
    """Scores of a study's targets by recipe, task, language and seed, one array per metric; made
    from a frame of `results.COLUMNS`."""

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
        """The array of one metric."""
        axes = {
            "recipe": self.recipes,
            "task": self.tasks,
            "language": self.languages,
            "seed": self.seeds,
        }
        places = [
            scores[column].map({label: place for place, label in enumerate(labels)}).to_numpy()
            for column, labels in axes.items()
        ]
        values = np.full([len(labels) for labels in axes.values()], np.nan)
        values[tuple(places)] = scores["value"].to_numpy(float)
        items = np.zeros(values.shape[1:3], dtype=int)
        np.maximum.at(items, (places[1], places[2]), scores["n"].to_numpy(int))
        return Scores(values, items)

    def scores(self, metric: str) -> Scores:
        """The array of a metric; UsageError for one that no target has."""
        if metric not in self.metrics:
            raise unknown("metric", metric, self.metrics)
        if metric not in self.tables:
            self.tables[metric] = self.table(target_scores(self.frame, metric))
        return self.tables[metric]

    def place(self, recipe: str) -> int:
        """The row of a recipe; UsageError for one without scores."""
        if recipe not in self.recipes:
            raise unknown("recipe", recipe, self.recipes, "the finished runs")
        return self.recipes.index(recipe)

    def change(self, choice: Choice) -> np.ndarray:
        """[recipes, tasks, languages, seeds] gains over the chosen baseline, paired by seed and
        language; NaN where one is missing."""
        values = self.scores(choice.metric).values
        return values - values[self.place(choice.baseline)]

    def named(self, recipe: str, baseline: str) -> str:
        """The analysis knows the baseline as "none": whichever is chosen changes names with it."""
        return {baseline: BASELINE, BASELINE: baseline}.get(recipe, recipe)

    def draws(self, choice: Choice, items: ItemScores = NO_ITEMS) -> GainDraws:
        """The `GainDraws` of these scores, for the languages and kind of task that are chosen;
        equal to `analysis.gain_draws`.

        items: resampled scores by the tasks' own metrics, which other metrics do not use.
        """
        known = items if choice.metric == PRIMARY else NO_ITEMS
        key = (choice.baseline, choice.metric, len(known))
        if key not in self.made:
            self.made[key] = self.fill(choice, known)
        tasks = tuple(
            name
            for name in self.made[key].tasks
            if not choice.kind or TASKS[name].kind == choice.kind
        )
        return replace(self.made[key], tasks=tasks, languages=chosen(self.languages, choice))

    def fill(self, choice: Choice, items: ItemScores) -> GainDraws:
        """Every cell: see `analysis.intervals.language_gain`, of which this is one pass over all
        languages."""
        gains = self.change(choice)
        known = ~np.isnan(gains)
        count = known.sum(axis=-1)
        means = np.divide(
            np.nansum(gains, axis=-1), count, out=np.full(count.shape, np.nan), where=count > 0
        )
        pulls = (
            np.where(known, gains - means[..., None], 0.0)
            / np.sqrt(np.maximum(count * (count - 1), 1))[..., None]
        )
        base, tested = self.place(choice.baseline), self.scores(choice.metric).items
        drawn, there = (
            self.resampled(items)
            if items
            else (np.zeros((*gains.shape, 1)), np.zeros(gains.shape, dtype=bool))
        )
        # Every seed with a gain needs the predictions of both of its runs.
        itemwise = ((there & there[base]) | ~known).all(axis=-1)
        draws, cells = drawn.shape[-1], {}
        nothing = np.zeros((draws, len(self.seeds)))
        for row, recipe in enumerate(self.recipes):
            for column, name in enumerate(self.tasks):
                places = np.flatnonzero(count[row, column])
                if row == base or len(places) == 0:
                    continue
                found = []
                for cell in ((row, column, place) for place in places):
                    number, changes = int(count[cell]), nothing
                    if itemwise[cell]:
                        changes = (
                            (drawn[cell] - drawn[(base, *cell[1:])]) * known[cell][:, None] / number
                        ).T
                    found.append(Estimate(float(means[cell]), pulls[cell], changes, number))
                codes = tuple(self.languages[place] for place in places)
                cells[self.named(recipe, choice.baseline), name] = Cell(
                    codes, tuple(found), tested[column, places], itemwise[row, column, places]
                )
        scored = np.isfinite(
            self.scores(choice.metric).values
        )  # not every task and recipe has every metric
        tasks = tuple(name for place, name in enumerate(self.tasks) if scored[:, place].any())
        others = [
            name for place, name in enumerate(self.recipes) if scored[place].any() and place != base
        ]
        recipes = tuple(self.named(name, choice.baseline) for name in others)
        return GainDraws(recipes, tasks, cells, frozenset(), self.seeds, draws)

    def resampled(self, items: ItemScores) -> tuple[np.ndarray, np.ndarray]:
        """Scores on resampled items less their mean [recipes, tasks, languages, seeds, draws], and
        where there are any."""
        if self.centred is None:
            shape = (len(self.recipes), len(self.tasks), len(self.languages), len(self.seeds))
            drawn = np.zeros((*shape, len(next(iter(items.values())))), dtype=np.float32)
            there = np.zeros(shape, dtype=bool)
            axes = [
                {label: place for place, label in enumerate(labels)}
                for labels in (self.recipes, self.tasks, self.languages, self.seeds)
            ]
            for (name, language, recipe, seed), values in items.items():
                place = tuple(
                    axis.get(label, -1)
                    for axis, label in zip(axes, (recipe, name, language, seed), strict=True)
                )
                if min(place) >= 0:
                    drawn[place], there[place] = values - values.mean(), True
            self.centred = drawn, there
        return self.centred

    def matrix(
        self, choice: Choice, items: ItemScores = NO_ITEMS, without: Sequence[str] = ()
    ) -> pd.DataFrame:
        """`analysis.gain_table` of the choice, without these recipes. UsageError where no language
        or task is left."""
        draws = self.draws(choice, items)
        if not draws.languages or not draws.tasks:
            raise UsageError(
                f"no {'language' if draws.tasks else 'task'} of this study fits all filters: choose fewer"
            )
        kept = tuple(
            name for name in draws.recipes if self.named(name, choice.baseline) not in without
        )
        table = gain_table(replace(draws, recipes=kept))
        return table.assign(recipe=[self.named(name, choice.baseline) for name in table["recipe"]])

    def baseline(self, choice: Choice) -> Mapping[str, float]:
        """The chosen baseline's mean score in percent by task and on average; NaN where it has
        none, or not every task."""
        values = self.scores(choice.metric).values[self.place(choice.baseline)]
        codes = chosen(self.languages, choice)
        inside = np.array([code in codes for code in self.languages], dtype=bool)
        found = {}
        for name in self.draws(choice).tasks:
            part = values[self.tasks.index(name)][inside]
            found[name] = float(np.nanmean(part)) if np.isfinite(part).any() else float("nan")
        return {**found, AVERAGE: float(np.mean(list(found.values())))} if found else {}

    def reason(self, recipe: str, task: str, choice: Choice) -> str:
        """Why a recipe has no mean gain on a task, or on AVERAGE."""
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
        one, other = (np.isfinite(values[self.place(name)]) for name in (recipe, choice.baseline))
        lacking = [
            name for name, there in ((recipe, one), (choice.baseline, other)) if not there.any()
        ]
        if lacking:
            return f"no finished runs of {' and of '.join(lacking)} on {task}"
        both = one & other
        if not both.any():
            return f"the finished runs of {recipe} and {choice.baseline} on {task} share no seed"
        codes = ", ".join(
            code for code, there in zip(self.languages, both.any(axis=-1), strict=True) if there
        )
        return f"the chosen languages have none of this task's: {codes}"

    def by_language(
        self, recipe: str, task: str, choice: Choice, items: ItemScores = NO_ITEMS
    ) -> pd.DataFrame:
        """A row per language of a cell: language gain low high n baseline counted (in the mean),
        and seed<k>: the gain of each seed."""
        draws = self.draws(choice, items)
        cell = draws.cells.get((self.named(recipe, choice.baseline), task))
        if cell is None:
            raise UsageError(self.reason(recipe, task, choice))
        row, column = self.place(recipe), self.tasks.index(task)
        places = [self.languages.index(code) for code in cell.languages]
        seeds = self.change(choice)[row, column, places]
        scores = self.scores(choice.metric).values[self.place(choice.baseline), column, places]
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
            **{f"seed{seed}": seeds[:, place] for place, seed in enumerate(self.seeds)}
        )
