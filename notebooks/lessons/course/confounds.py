"""Lesson 6: what else could have made the difference? Ablations that change one thing, controls,
and one recipe that causes every correlation.

The lesson's study crosses recipes with the number of English target examples, so that it contains
runs with "more data of the same kind". The correlations are of published scores
(xstilts_core/study/published).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from course.check import Check
from course.exercise import Choice, Exercise, Names, Number
from xstilts_core import analysis
from xstilts_core.analysis.abilities import by_run
from xstilts_core.data.source import source_of
from xstilts_core.report.figures.style import BLUE, FULL, PrintFigure, look, say
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, IntermediateSpec, TargetSpec

STUDY = "lesson_confounds"
ENGLISH = "en"
# The lesson's recipes: the advertised one, another English task of the same size, and the controls.
CLAIMED, OTHER, _SECOND_ONLY, _OVERLAP = "mnli", "ccg", "second_only", "overlap"
_PUBLISHED = "published"
# A target and a probing task whose scores seem to be correlated.
X, Y = "boolq", "edges-dpr"
_RUINED = 2


def study(outputs: str = "outputs") -> Study:
    """Return the lesson's study."""
    return Study.load(STUDY, outputs)


def arm(recipe: str, size: int) -> str:
    """Return the name of a run in this lesson, such as 'mnli, 300'."""
    return f"{recipe}, {size}"


def arms(study: Study) -> pd.DataFrame:
    """Return the settings in which the target runs differ: a row per run, a column per setting."""
    rows = {}
    for spec in study.specs:
        if isinstance(spec, TargetSpec):
            recipe = study.recipes[spec.recipe]
            visible_input = "second text alone" if spec.control else "both texts"
            rows[arm(spec.recipe, spec.train_examples)] = (
                ", ".join(recipe.intermediate) or "none",
                spec.train_examples,
                visible_input,
            )
    return pd.DataFrame.from_dict(rows, orient="index", columns=["intermediate task", "target examples", "the model sees"])


def one_change(study: Study, start: str) -> list[str]:
    """Return the runs that differ from the run `start` in exactly one setting."""
    table = arms(study)
    changed = (table != table.loc[start]).sum(axis=1)
    return [str(name) for name in table.index[changed == 1]]


def seen_twice(study: Study, size: int) -> int:
    """Return how many of the target's `size` training examples CLAIMED has seen in phase 2."""
    (phase_2,) = [spec for spec in study.specs if isinstance(spec, IntermediateSpec) and spec.recipe == CLAIMED]

    def drawn(count: int) -> set[str]:
        (drawn_examples,) = source_of(study).training(CLAIMED, count, phase_2.seed).values()
        return {example.id for example in drawn_examples}

    return len(drawn(phase_2.train_examples) & drawn(size))


def scores(study: Study) -> pd.DataFrame:
    """Return XNLI accuracy in percent: a row per run, a column per language. The control by word
    overlap has a single row."""
    tables = []
    for size in study.target_sizes:
        frame = analysis.finished(analysis.of_size(study, size))
        target_rows = frame[(frame["phase"].isin(("target", "control"))) & (frame["metric"] == "accuracy") & (frame["split"] == "test")]
        names = [_OVERLAP if recipe == _OVERLAP else arm(recipe, size) for recipe in target_rows[("recipe")]]
        tables.append(target_rows.assign(run=names).pivot(index=("run"), columns=("language"), values=("value")))
    table = pd.concat(tables)
    table = table[~table.index.duplicated()].rename_axis(index=None, columns=None)
    rows = [name for name in (*arms(study).index, _OVERLAP) if name in table.index]
    return table.loc[rows, [ENGLISH, *(code for code in table if code != ENGLISH)]]


def zero_shot(table: pd.DataFrame) -> pd.Series:
    """Return the mean of every row over the languages other than English."""
    return table.drop(columns=ENGLISH).mean(axis=1)


def difference(table: pd.DataFrame, run: str, against: str) -> float:
    """Return the zero-shot mean of `run` minus that of `against`, in points."""
    means = zero_shot(table)
    return float(means[run] - means[against])


def _above_overlap(table: pd.DataFrame, run: str) -> list[str]:
    """Return the languages other than English in which a run beats counting common words."""
    others = table.drop(columns=ENGLISH)
    return [str(code) for code in others if others.loc[run, code] > others.loc[_OVERLAP, code]]


@lru_cache(maxsize=1)
def recipes() -> pd.DataFrame:
    """Return published scores in percent, averaged over runs: a row per intermediate task, a column
    per target and probing task."""
    return by_run(analysis.performance(Study.load(_PUBLISHED))).groupby("recipe", sort=False).mean()


@lru_cache(maxsize=1)
def left_out() -> pd.DataFrame:
    """Return the number of correlated pairs of tasks (Holm), with all recipes and without each."""
    study = Study.load(_PUBLISHED)
    return analysis.left_out(study, analysis.performance(study))[["left_out", "target_pairs", "probing_pairs", "mean_estimate"]]


def together(without: Sequence[str] = ()) -> float:
    """Return Pearson's correlation of X and Y over all recipes except those named."""
    kept_recipes = recipes().drop(index=list(without))
    return float(np.corrcoef(kept_recipes[X], kept_recipes[Y])[0, 1])


def scatter() -> Figure:
    """Plot Y against X in percent, a point per recipe. The points have no names, which pupils find
    out in the lesson."""
    table = recipes()
    with look():
        figure = PrintFigure(figsize=(FULL, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(table[X], table[Y], "o", color=BLUE, markersize=5)
        axes.grid()
        axes.set(xlabel=f"{X}, percent", ylabel=f"{Y}, percent")
        say(
            figure,
            "Scores of Pruksachatkun et al. (2020), mean over runs; a point is an intermediate task",
        )
    return figure


def worst() -> list[str]:
    """Return the recipes with the lowest scores on X."""
    return [str(name) for name in recipes()[X].nsmallest(_RUINED).index]


def check(outputs: str = "outputs") -> Check:
    """Return the exercises of the lesson, about its study below `outputs`."""
    planned = study(outputs)
    small, large = planned.target_sizes

    def table() -> pd.DataFrame:
        return scores(planned)

    return Check(
        [
            _one_change_exercise(planned, small),
            *_contrast_questions(table, small, large),
            _overlap_exercise(table, large),
            *lurking(),
        ]
    )


def _one_change_exercise(planned: Study, small: int) -> Names:
    return Names(
        "one_change",
        f"The runs that differ from '{arm(BASELINE, small)}' in exactly one setting.",
        lambda: one_change(planned, arm(BASELINE, small)),
        "Each of these comparisons shows what one setting does. All others mix two, and no statistics can separate them.",
        "Compare row by row, and count the columns that differ.",
        legal=tuple(arms(planned).index),
    )


def _contrast_questions(table: Callable[[], pd.DataFrame], small: int, large: int) -> list[Exercise]:
    def contrast(run: str, size: int, against: str, other: int) -> float:
        return difference(table(), arm(run, size), arm(against, other))

    def with_english() -> float:
        means = table().mean(axis=1)
        return float(means[arm(CLAIMED, small)] - means[arm(BASELINE, small)])

    claim = f"'{arm(CLAIMED, small)}'"
    return [
        Number(
            "claimed",
            f"The gain as it would be advertised: {claim} over '{arm(BASELINE, small)}', zero-shot, in points.",
            lambda: contrast(CLAIMED, small, BASELINE, small),
            "So far so good: one setting was changed. But what is that setting made of?",
            "The mean over all languages other than English, of both runs; then subtract.",
            "points",
            0.06,
            lambda: {
                "English is in your mean.": with_english(),
                f"That is with {large} target examples.": contrast(CLAIMED, large, BASELINE, large),
            },
        ),
        Number(
            "same_data",
            f"XNLI's own training task is MNLI. Compare {claim} with the baseline that has seen the very same MNLI examples, in points.",
            lambda: contrast(CLAIMED, small, BASELINE, large),
            "What is left is what training on them in two phases adds to just having them. The "
            "rest was more data of the target's own kind.",
            f"How many different MNLI examples has {claim} seen in both phases together? Which run of the table has as many?",
            "points",
            0.06,
            lambda: {
                "This baseline has seen fewer examples.": contrast(CLAIMED, small, BASELINE, small),
                "Here the first run trains on more of them in phase 3 as well.": contrast(CLAIMED, large, BASELINE, large),
            },
        ),
        Number(
            "this_task",
            f"Would any English training have done? Compare {claim} with the other intermediate task, all else equal, in points.",
            lambda: contrast(CLAIMED, small, OTHER, small),
            "Another task of the same size is the baseline for what this task teaches; no task at all, for what any training does.",
            "Two runs with the same number of target examples, and with one intermediate task each.",
            "points",
            0.06,
            lambda: {
                "That is against no intermediate task.": contrast(CLAIMED, small, BASELINE, small),
                f"That is with {large} target examples.": contrast(CLAIMED, large, OTHER, large),
            },
        ),
    ]


def _overlap_exercise(table: Callable[[], pd.DataFrame], large: int) -> Number:
    def better() -> float:
        return float(len(_above_overlap(table(), arm(BASELINE, large))))

    return Number(
        "better_than_counting",
        f"In how many languages other than English is '{arm(BASELINE, large)}' better than counting common words?",
        better,
        "Wherever it is not, its score can be had without any model. It may still come from understanding, but this does not show it.",
        "Compare the two rows, language by language.",
        "languages",
        0.0,
        lambda: {"That is where counting is as good or better.": len(table().columns) - 1 - better()},
    )


def lurking() -> list[Exercise]:
    return [
        Choice(
            "lurking",
            "The recipe without which the fewest pairs of tasks still go together.",
            tuple(str(name) for name in recipes().index),
            lambda: str(left_out().iloc[1:].set_index("left_out")[["target_pairs", "probing_pairs"]].sum(axis=1).idxmin()),
            "It did badly on nearly everything. One such row correlates every column with every other.",
            "Add the two columns of pairs; the first row leaves out nothing.",
        ),
        Number(
            "without_ruined",
            f"Pearson's correlation of {X} and {Y} over the recipes, without the {_RUINED} recipes that are worst on {X}.",
            lambda: together(worst()),
            "The correlation was between encoders that were ruined and encoders that were not. "
            "Among the latter little of it is left; but eight points do not show that there is "
            "none.",
            "Drop the two rows, then correlate the two columns.",
            "",
            0.005,
            lambda: {
                "That is with all of them.": together(),
                "Only one is left out.": together(worst()[:1]),
                "These are the two that are best.": together([str(name) for name in recipes()[X].nlargest(_RUINED).index]),
            },
        ),
    ]
