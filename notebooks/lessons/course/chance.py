"""Lesson 7: which gains are more than chance? Few runs, intervals, multiple tests, selection of the
best of several, and power.

The scores were published by others (xstilts_core/study/published): RoBERTa Large, English
intermediate tasks, English targets, up to three runs each. Zero-shot gains by seed are those of the
embedded suite (reference/mini). Nothing is trained. The statistics are
those of `analysis`. Simulations have fixed seeds, so that all pupils see the same numbers.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from course.check import Check
from course.exercise import Exercise, Number, Written
from xstilts_core import analysis
from xstilts_core.analysis import intervals
from xstilts_core.results import SCORES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.study.study_kinds import reference_folder

STUDY = "published"
KEPT = "mini"
# A recipe and a target on which several seeds are needed.
_SLOW = "ccg", "udpos"
LEVEL = 0.05
# A gain in points that a sensible study might look for, and the number of simulated studies.
_WISHED, _USUAL_SEEDS, STUDIES = 2.0, 3, 4_000


@lru_cache(maxsize=1)
def scores() -> pd.DataFrame:
    """Return target scores in percent, a row per recipe, run and task (`analysis.performance`)."""
    performance = analysis.performance(Study.load(STUDY))
    return performance[performance["kind"] == "target"].reset_index(drop=True)


@lru_cache(maxsize=1)
def gains() -> pd.DataFrame:
    """Return a row per recipe and target: number of runs, gain, spread (standard deviation over
    runs), low and high (95 % interval) in points, and p.

    A run's gain is its score minus the baseline's mean. The baseline's single runs were not
    published, so the intervals ignore its uncertainty. Values are NaN for one run, and if all runs
    are equal to the last digit: three equal numbers do not show a spread of 0.
    """
    table = scores()
    baseline_scores = table[table["recipe"] == BASELINE].set_index("task")["score"]
    rows = []
    for (recipe, task), run_scores in table[table["recipe"] != BASELINE].groupby(["recipe", "task"], sort=False):
        values = (run_scores["score"] - baseline_scores[task]).to_numpy()
        spread = float(values.std(ddof=1)) if len(values) > 1 else np.nan
        variance_parts = _parts_of(values) if spread > intervals.ROUNDING else []
        low, high = intervals.student_interval(values.mean(), variance_parts)
        rows.append(
            (
                recipe,
                task,
                len(values),
                values.mean(),
                spread,
                low,
                high,
                intervals.p_value(values.mean(), variance_parts),
            )
        )
    return pd.DataFrame(rows, columns=["recipe", "task", "runs", "gain", "spread", "low", "high", "p"])


def runs_of(recipe: str, task: str) -> list[float]:
    """Return the gain of each run of a recipe on a target, in points."""
    table = scores()[scores()["task"] == task].set_index("recipe")["score"]
    return [round(float(score - table[BASELINE]), 2) for score in np.atleast_1d(table[recipe])]


def _parts_of(values: Sequence[float]) -> list[intervals.Part]:
    """Return the variance component of a mean of runs that differ only by seed."""
    return [intervals.Part("seeds", float(np.var(values, ddof=1)) / len(values), len(values) - 1)]


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the mean of these runs, with Student's t."""
    return intervals.half_width(_parts_of(values))


def quantile(seeds: int) -> float:
    """Return the half-width of a 95 % interval in standard errors: the quantile of Student's t with
    seeds - 1 degrees of freedom."""
    return float(stdtrit(seeds - 1, 0.975))


def p_values() -> np.ndarray:
    """Return the p-values of all cells that can be tested."""
    return gains()["p"].dropna().to_numpy()


def findings(p: Sequence[float]) -> pd.DataFrame:
    """Return the number of findings at 0.05 among these tests, for each rule of correction."""
    values = np.asarray(p, dtype=float)
    rules = {
        "each test on its own": values,
        "Holm: any false finding": analysis.holm(values),
        "Benjamini-Hochberg: share of false findings": analysis.benjamini_hochberg(values),
    }
    return pd.DataFrame({"findings": {name: int((adjusted < LEVEL).sum()) for name, adjusted in rules.items()}})


def holm_findings(p: Sequence[float]) -> int:
    """Return the number of findings at 0.05 by Holm's rule."""
    return int((analysis.holm(np.asarray(p, dtype=float)) < LEVEL).sum())


def nothing_there(cells: int, seeds: int = _USUAL_SEEDS) -> np.ndarray:
    """Simulate studies in which no recipe changes anything. Return the number of cells with
    p < 0.05 in each, shape [STUDIES]."""
    values = np.random.default_rng(7).standard_normal((STUDIES, cells, seeds))
    t = values.mean(axis=-1) / (values.std(axis=-1, ddof=1) / np.sqrt(seeds))
    return (np.abs(t) > quantile(seeds)).sum(axis=1)


def histogram(counts: np.ndarray) -> pd.DataFrame:
    """Return the percentage of studies by number of cells below 0.05 (rows)."""
    studies_by_count = np.bincount(counts)
    return pd.DataFrame(
        {("percent of studies"): 100 * studies_by_count / studies_by_count.sum()},
        index=range(len(studies_by_count)),
    )


def largest(recipes: int, spread: float, seeds: int = _USUAL_SEEDS) -> float:
    """Return the largest mean gain among `recipes` in points, averaged over simulated studies in
    which no recipe changes anything."""
    values = np.random.default_rng(8).standard_normal((STUDIES, recipes, seeds)) * spread
    return float(values.mean(axis=-1).max(axis=1).mean())


def usual_spread() -> float:
    """Return the median over cells of the published standard deviation over runs, in points."""
    return float(gains()["spread"].median())


def detectable(seeds: int, spread: float) -> float:
    """Return the gain in points that can be told from 0 with 80 % power, for a number of seeds and
    a standard deviation over runs."""
    return intervals.detectable_gain([intervals.Part("seeds", spread**2 / seeds, seeds - 1)])


def detectable_table(seeds: Sequence[int], spreads: Sequence[float]) -> pd.DataFrame:
    """Return `detectable` in points, with a row per number of seeds and a column per spread."""
    return pd.DataFrame({f"spread {spread:.1f}": {count: detectable(count, spread) for count in seeds} for spread in spreads})


@lru_cache(maxsize=1)
def by_seed() -> pd.DataFrame:
    """Return the zero-shot gains of the embedded suite's kept runs in points, means over the
    languages other than English: a row per recipe and target, a column per seed."""
    kept = analysis.gains(analysis.target_scores(pd.read_csv(reference_folder(KEPT) / SCORES)))
    zero_shot = kept[kept["language"] != "en"]
    return zero_shot.pivot_table(index=["recipe", "task"], columns="seed", values="gain")


def with_more_seeds(recipe: str, task: str) -> pd.DataFrame:
    """Return gain, low and high (95 %, Student's t over seeds) of the first 2, 3 .. seeds (rows)."""
    values = by_seed().loc[(recipe, task)].to_numpy()
    rows = {}
    for seeds in range(2, len(values) + 1):
        gain = values[:seeds].mean()
        rows[seeds] = gain, *intervals.student_interval(gain, _parts_of(values[:seeds]))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["gain", "low", "high"])


def seeds_to_tell(recipe: str, task: str) -> int:
    """Return the number of seeds from which on the interval excludes 0."""
    table = with_more_seeds(recipe, task)
    open_rows = table[(table["low"] <= 0) & (table["high"] >= 0)]
    return int(max(open_rows.index, default=1)) + 1


def check() -> Check:
    """Return the exercises of the lesson."""
    return Check(
        [
            _width_exercise(),
            _flip_exercise(),
            *_test_questions(),
            _holm_exercise(),
            _curse_exercise(),
            _power_exercise(),
            _told_exercise(),
        ]
    )


def _width_exercise() -> Written:
    def error(values: Sequence[float], ddof: int = 1) -> float:
        return float(np.std(values, ddof=ddof) / np.sqrt(len(values)))

    return Written(
        "half_width",
        "A function of a list of gains, one per run, that returns half the width of the 95 % interval of their mean, with Student's t.",
        half_width,
        lambda: [
            ([1.0, 2.0, 4.0],),
            (runs_of("commonsenseqa", "rte"),),
            (runs_of("mnli", "rte"),),
            ([0.0, 1.0, 1.5, 3.0, 2.0],),
        ],
        "With three runs t is 4.3, not 1.96: an interval of one standard error, as in many figures, covers the truth in 58 % of cases.",
        "Standard deviation over runs, divided by the root of their number, times t.",
        {
            "1.96 is for many runs. With few, the spread itself is uncertain: take `lesson.quantile(number of runs)`.": (
                lambda values: 1.96 * error(values)
            ),
            "The standard deviation divides by n - 1 here (ddof=1), as the true mean of the three runs is not known.": (
                lambda values: quantile(len(values)) * error(values, 0)
            ),
            "That is for a single run. The question is about their mean, whose error is smaller by the root of n.": (
                lambda values: quantile(len(values)) * float(np.std(values, ddof=1))
            ),
            "That is the standard error. How many standard errors make 95 %?": error,
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
        "With three seeds no result whatsoever is below 0.25 in this test. Student's t goes lower, at the price of assuming normal noise.",
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
            "Far more than chance alone gives. This number does not say which of them are real.",
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
            lambda: {"Cells without a p are not tests.": LEVEL * len(gains())},
        ),
    ]


def _holm_exercise() -> Written:
    def unstopped(p: Sequence[float]) -> int:
        return sum(value < LEVEL / (len(p) - rank) for rank, value in enumerate(sorted(p)))

    def stepped_up(p: Sequence[float]) -> int:
        return int((analysis.benjamini_hochberg(np.asarray(p, dtype=float)) < LEVEL).sum())

    return Written(
        "holm_findings",
        "A function of a list of p-values that returns how many are findings at 0.05 by Holm's rule.",
        holm_findings,
        lambda: [
            ([0.001, 0.02, 0.03],),
            ([0.014, 0.2, 0.02, 0.01],),
            ([0.012, 0.03, 0.02, 0.04],),
            (p_values().tolist(),),
            ([0.2],),
        ],
        "Holm keeps the chance of a single false finding below 5 % for the whole table, however the tests depend on one another.",
        "Sort; the smallest must be below 0.05 / m, the next below 0.05 / (m - 1) ...; stop at the first that is not.",
        {
            "No correction: each p is compared with 0.05.": lambda p: sum(value < LEVEL for value in p),
            "Every p is compared with 0.05 / m, which is Bonferroni's rule: Holm's bound grows after each finding.": (
                lambda p: sum(value < LEVEL / len(p) for value in p)
            ),
            "After the first p that fails, no other is a finding.": unstopped,
            "That is Benjamini and Hochberg's rule, which controls something else.": stepped_up,
        },
    )


def _curse_exercise() -> Number:
    def expected() -> float:
        return largest(recipes(), usual_spread())

    def recipes() -> int:
        return gains()["recipe"].nunique()

    return Number(
        "best_of_ten",
        "Ten recipes that change nothing, three seeds each, runs that spread as much as the "
        "published ones do (the median): the mean gain of the best of them, in points.",
        expected,
        'This is what "the best of ten tasks gains" is worth if nothing is true. Choose on development data, report test data.',
        "Draw ten mean gains around 0, take the largest, do it a few thousand times: `lesson.largest` does.",
        "points",
        0.05,
        lambda: {
            "That is the best single run; the question is about the best mean of three.": largest(recipes(), usual_spread(), 1),
            "Over all ten the average is 0; but the best is chosen because it is high.": 0.0,
            "That is the spread of one run.": usual_spread(),
        },
    )


def _power_exercise() -> Number:
    def enough(gain_of: Callable[[int], float]) -> int:
        return next(count for count in range(2, 200) if gain_of(count) <= _WISHED)

    def half(count: int) -> float:
        return intervals.half_width([intervals.Part("seeds", usual_spread() ** 2 / count, count - 1)])

    return Number(
        "enough_seeds",
        f"The fewest seeds with which a true gain of {_WISHED:.0f} points is told from 0 with 80 "
        "% power, where runs spread as much as the published ones do (the median).",
        lambda: enough(lambda count: detectable(count, usual_spread())),
        "Know this number before you start. If you cannot pay for it, ask a question about "
        "something larger, or about the mean of many targets.",
        "`lesson.detectable(seeds, spread)` for 2, 3, 4 ... seeds: when is it at most the gain you wish to find?",
        "seeds",
        0.0,
        lambda: {
            "There the half-width of the interval is the gain itself: about half of such studies would miss it.": enough(half),
        },
    )


def _told_exercise() -> Number:
    return Number(
        "seeds_to_tell",
        "The number of seeds from which on the interval of ccg on udpos excludes 0.",
        lambda: seeds_to_tell(*_SLOW),
        "Its spread over seeds is small, and still three seeds did not tell it. A gain that cannot be told yet is not a gain of 0.",
        "Read down the first table: from which row on do low and high have the same sign?",
        "seeds",
        0.0,
        lambda: {"That is the last row in which 0 is inside.": seeds_to_tell(*_SLOW) - 1},
    )
