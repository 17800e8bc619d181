"""Lesson 7: which gains are more than chance: three runs, intervals, many tests at once, the best
of several, power.

The scores are published ones (xstilts_core/study/published): RoBERTa Large, English intermediate
tasks, English targets, up to three runs each. Nothing is trained. The statistics are those of
`analysis`; simulations draw from a seed of their own: all pupils see the same.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from xstilts_core import analysis
from xstilts_core.analysis import hierarchy, power
from xstilts_core.lessons.check import Check
from xstilts_core.lessons.exercise import Exercise, Number, Written
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

STUDY = "published"
LEVEL = 0.05
# What a sensible study might look for, in points; and how many simulated studies answer a question
# about chance.
_WISHED, _USUAL_SEEDS, STUDIES = 2.0, 3, 4_000


@lru_cache(maxsize=1)
def scores() -> pd.DataFrame:
    """One row per recipe, run and task, in percent (`analysis.performance`): targets only."""
    found = analysis.performance(Study.load(STUDY))
    return found[found["kind"] == "target"].reset_index(drop=True)


@lru_cache(maxsize=1)
def gains() -> pd.DataFrame:
    """A row per recipe and target: runs (how many), gain, spread (standard deviation over runs),
    low and high (95 %), p; points.

    A run's gain is its score less the baseline's mean, of which no single runs were published: the
    intervals leave out how sure that is. NaN where there is one run, and where all runs are the
    same to the last digit: three equal numbers do not show a spread of 0.
    """
    table = scores()
    base = table[table["recipe"] == BASELINE].set_index("task")["score"]
    rows = []
    for (recipe, task), found in table[table["recipe"] != BASELINE].groupby(
        ["recipe", "task"], sort=False
    ):
        values = (found["score"] - base[task]).to_numpy()
        spread = float(values.std(ddof=1)) if len(values) > 1 else np.nan
        parts = _parts_of(values) if spread > power.ROUNDING else []
        low, high = hierarchy.student_interval(values.mean(), parts)
        rows.append(
            (
                recipe,
                task,
                len(values),
                values.mean(),
                spread,
                low,
                high,
                power.p_value(values.mean(), parts),
            )
        )
    return pd.DataFrame(
        rows, columns=["recipe", "task", "runs", "gain", "spread", "low", "high", "p"]
    )


def runs_of(recipe: str, task: str) -> list[float]:
    """Gains of the single runs of a recipe on a target, in points."""
    table = scores()[scores()["task"] == task].set_index("recipe")["score"]
    return [round(float(score - table[BASELINE]), 2) for score in np.atleast_1d(table[recipe])]


def _parts_of(values: Sequence[float]) -> list[hierarchy.Part]:
    """What the variance of a mean is made of, where nothing but seeds differs."""
    return [hierarchy.Part("seeds", float(np.var(values, ddof=1)) / len(values), len(values) - 1)]


def half_width(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of the mean of so many runs, with Student's t."""
    return hierarchy.half_width(_parts_of(values))


def quantile(seeds: int) -> float:
    """How many standard errors a 95 % interval reaches to each side, with so many seeds: Student's
    t with seeds - 1 degrees of freedom."""
    return float(stdtrit(seeds - 1, 0.975))


def p_values() -> np.ndarray:
    """The p-values of all cells that can be tested."""
    return gains()["p"].dropna().to_numpy()


def findings(p: Sequence[float]) -> pd.DataFrame:
    """How many of these tests are findings at 0.05, by rule."""
    values = np.asarray(p, dtype=float)
    rules = {
        "each test on its own": values,
        "Holm: any false finding": analysis.holm(values),
        "Benjamini-Hochberg: share of false findings": analysis.benjamini_hochberg(values),
    }
    return pd.DataFrame(
        {"findings": {name: int((adjusted < LEVEL).sum()) for name, adjusted in rules.items()}}
    )


def holm_findings(p: Sequence[float]) -> int:
    """How many of the tests Holm's rule keeps at 0.05."""
    return int((analysis.holm(np.asarray(p, dtype=float)) < LEVEL).sum())


def nothing_there(cells: int, seeds: int = _USUAL_SEEDS) -> np.ndarray:
    """[STUDIES]: cells with p < 0.05, each in a study in which no recipe changes anything."""
    values = np.random.default_rng(7).standard_normal((STUDIES, cells, seeds))
    t = values.mean(axis=-1) / (values.std(axis=-1, ddof=1) / np.sqrt(seeds))
    return (np.abs(t) > quantile(seeds)).sum(axis=1)


def histogram(counts: np.ndarray) -> pd.DataFrame:
    """Percent of the studies (rows: how many cells) with so many cells below 0.05."""
    found = np.bincount(counts)
    return pd.DataFrame({"percent of studies": 100 * found / found.sum()}, index=range(len(found)))


def largest(recipes: int, spread: float, seeds: int = _USUAL_SEEDS) -> float:
    """Mean over studies of the largest of so many recipes' mean gains, in points, where no recipe
    changes anything."""
    values = np.random.default_rng(8).standard_normal((STUDIES, recipes, seeds)) * spread
    return float(values.mean(axis=-1).max(axis=1).mean())


def usual_spread() -> float:
    """Median standard deviation over runs of the published cells, in points."""
    return float(gains()["spread"].median())


def detectable(seeds: int, spread: float) -> float:
    """The gain in points that so many seeds tell from 0 with 80 % power, where runs spread so
    much."""
    return power.detectable_gain([hierarchy.Part("seeds", spread**2 / seeds, seeds - 1)])


def detectable_table(seeds: Sequence[int], spreads: Sequence[float]) -> pd.DataFrame:
    """`detectable` in points: a row per number of seeds, a column per spread."""
    return pd.DataFrame(
        {
            f"spread {spread:.1f}": {count: detectable(count, spread) for count in seeds}
            for spread in spreads
        }
    )


def check() -> Check:
    """The exercises of the lesson."""
    return Check(
        [
            _width_exercise(),
            _flip_exercise(),
            *_test_questions(),
            _holm_exercise(),
            _curse_exercise(),
            _power_exercise(),
        ]
    )


def _width_exercise() -> Written:
    def error(values: Sequence[float], ddof: int = 1) -> float:
        return float(np.std(values, ddof=ddof) / np.sqrt(len(values)))

    return Written(
        "half_width",
        "A function of a list of gains, one per run: half the width of the 95 % interval of their mean, with Student's t.",
        half_width,
        lambda: [
            ([1.0, 2.0, 4.0],),
            (runs_of("commonsenseqa", "rte"),),
            (runs_of("mnli", "rte"),),
            ([0.0, 1.0, 1.5, 3.0, 2.0],),
        ],
        "With three runs t is 4.3, and not 1.96: whoever draws one standard error, as many figures do, covers the truth in 58 % of cases.",
        "Standard deviation over runs, divided by the root of their number, times t.",
        {
            "1.96 is for many runs. With few, the spread itself is uncertain: take `lesson.quantile(number of runs)`.": (
                lambda values: 1.96 * error(values)
            ),
            "The standard deviation divides by n - 1 here (ddof=1): three runs do not know their mean.": (
                lambda values: quantile(len(values)) * error(values, 0)
            ),
            "That is for a single run; asked for is their mean, which is surer by the root of n.": (
                lambda values: quantile(len(values)) * float(np.std(values, ddof=1))
            ),
            "That is the standard error: how many of them make 95 %?": error,
            "That is the whole width.": lambda values: 2 * half_width(values),
        },
        5e-3,
    )


def _flip_exercise() -> Number:
    def seeds(sides: int) -> int:
        return next(count for count in range(1, 20) if sides * 0.5**count < LEVEL)

    return Number(
        "seeds_needed",
        "The fewest seeds with which a two-sided sign-flip test can give a p below 0.05.",
        lambda: seeds(2),
        "With three seeds no result whatsoever is below 0.25 in this test. Student's t goes lower; it buys that by assuming normal noise.",
        "S seeds have 2 ** S patterns of signs. How many of them are as extreme as all signs alike?",
        "seeds",
        0.0,
        lambda: {"One-sided: a loss of the same size would have been reported too.": seeds(1)},
    )


def _test_questions() -> list[Exercise]:
    def found() -> float:
        return float((p_values() < LEVEL).sum())

    return [
        Number(
            "small_p",
            "How many of the cells have a p below 0.05, each taken on its own?",
            found,
            "Far more than chance alone gives. Which of them are the real ones, nobody can say from this number.",
            "Count in the column p.",
            "cells",
            0.0,
            lambda: {
                "These are the cells whose p is not below 0.05.": len(p_values()) - found(),
                "That is after a correction.": float(holm_findings(p_values())),
            },
        ),
        Number(
            "by_chance",
            "How many cells with p below 0.05 are to be expected if no intermediate task changed anything at all?",
            lambda: LEVEL * len(p_values()),
            "Expected: in one study it may be one, or ten. A table with that many stars is a table of nothing.",
            "A p is below 0.05 in 5 % of the tests in which there is nothing to find.",
            "cells",
            0.1,
            lambda: {"Cells without a p are no tests.": LEVEL * len(gains())},
        ),
    ]


def _holm_exercise() -> Written:
    def unstopped(p: Sequence[float]) -> int:
        return sum(value < LEVEL / (len(p) - place) for place, value in enumerate(sorted(p)))

    def stepped_up(p: Sequence[float]) -> int:
        return int((analysis.benjamini_hochberg(np.asarray(p, dtype=float)) < LEVEL).sum())

    return Written(
        "holm_findings",
        "A function of a list of p-values: how many are findings at 0.05 by Holm's rule.",
        holm_findings,
        lambda: [
            ([0.001, 0.02, 0.03],),
            ([0.014, 0.2, 0.02, 0.01],),
            ([0.012, 0.03, 0.02, 0.04],),
            (p_values().tolist(),),
            ([0.2],),
        ],
        "Holm keeps the chance of a single false finding below 5 % for the whole table, whatever the tests have to do with one another.",
        "Sort; the smallest must be below 0.05 / m, the next below 0.05 / (m - 1) ...; stop at the first that is not.",
        {
            "No correction: each is held against 0.05.": lambda p: sum(
                value < LEVEL for value in p
            ),
            "Every one is held against 0.05 / m, which is Bonferroni's rule: Holm's bound grows after each finding.": (
                lambda p: sum(value < LEVEL / len(p) for value in p)
            ),
            "After the first that fails, none is a finding any more.": unstopped,
            "That is Benjamini and Hochberg's rule, which keeps something else small.": stepped_up,
        },
    )


def _curse_exercise() -> Number:
    def expected() -> float:
        return largest(recipes(), usual_spread())

    def recipes() -> int:
        return gains()["recipe"].nunique()

    return Number(
        "best_of_ten",
        "Ten recipes that change nothing, three seeds each, runs that spread as much as the published ones do (the median): the mean "
        "gain of the best of them, in points.",
        expected,
        'So much is "the best of ten tasks gains" worth before anything is true. Choose on development data, report test data.',
        "Draw ten mean gains around 0, take the largest, do it a few thousand times: `lesson.largest` does.",
        "points",
        0.05,
        lambda: {
            "That is the best single run; asked for is the best mean of three.": largest(
                recipes(), usual_spread(), 1
            ),
            "On average over all ten it is 0; but the best of them is chosen because it is high.": 0.0,
            "That is the spread of one run.": usual_spread(),
        },
    )


def _power_exercise() -> Number:
    def enough(gain_of: Callable[[int], float]) -> int:
        return next(count for count in range(2, 200) if gain_of(count) <= _WISHED)

    def half(count: int) -> float:
        return hierarchy.half_width(
            [hierarchy.Part("seeds", usual_spread() ** 2 / count, count - 1)]
        )

    return Number(
        "enough_seeds",
        f"The fewest seeds with which a true gain of {_WISHED:.0f} points is told from 0 with 80 % power, where runs spread as much as the "
        "published ones do (the median).",
        lambda: enough(lambda count: detectable(count, usual_spread())),
        "Know this number before you start. If you cannot pay for it, ask a question about something larger, or about the mean of many "
        "targets.",
        "`lesson.detectable(seeds, spread)` for 2, 3, 4 ... seeds: when is it at most the gain you wish to find?",
        "seeds",
        0.0,
        lambda: {
            "There the half-width of the interval is the gain itself: about half of such studies would miss it.": enough(
                half
            ),
        },
    )
