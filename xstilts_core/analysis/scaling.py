"""How a gain changes with a size: of the intermediate task, of the number of tasks, of the target's
training set.

A curve is fitted by least squares over the sizes of the study, gain = a + b log2(size): b is points
for a doubling; a second fit has a term in log2(size)^2, whose sign says whether the curve bends. A
least-squares coefficient is a sum of the gains times fixed weights (a row of the design's
pseudo-inverse), so that its interval is made like that of any other mean of gains (intervals.py):
it covers other seeds and, where predictions were kept, other test items; not other sizes, nor that
the gain may follow another law between or beyond them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import AVERAGE, contenders, task_order
from xstilts_core.analysis.hierarchy import NOTHING
from xstilts_core.analysis.intervals import Estimate, GainDraws, combined, covers, gain_draws, mean
from xstilts_core.analysis.items import DRAWS, item_scores
from xstilts_core.analysis.runs import finished, of_size
from xstilts_core.mini import suite
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.tasks import TASKS

NUMBER = "number of tasks"
_POINTS = ["series", "task", "size", "gain", "low", "high", "seeds", "resampled"]
_FITS = [
    "series",
    "task",
    "sizes",
    "slope",
    "low",
    "high",
    "bend",
    "bend_low",
    "bend_high",
    "seeds",
]
_CURVES = ["series", "task", "size", "gain", "low", "high"]
# Least sizes for a line, and for a bend: with one size fewer every curve fits.
LEAST, _LEAST_FOR_BEND = 3, 4


@dataclass(frozen=True, slots=True)
class Point:
    """The gain at one size. series: what the curve is of (an intermediate task, NUMBER, a recipe);
    task: a target, or AVERAGE."""

    series: str
    task: str
    size: float
    gain: Estimate
    resampled: str


def training_size(name: str, source: str) -> float:
    """English training examples of a task: exact for the embedded suite, as published for the hub;
    NaN for local files."""
    parts = TASKS[name].parts or (name,)
    if source == "mini":
        return float(sum(suite.SIZES[part]["train"] for part in parts))
    return (
        float(sum(TASKS[part].sizes.get("train", NOTHING) for part in parts))
        if source == "hub"
        else NOTHING
    )


def taken(name: str, most: int, source: str) -> float:
    """Training examples that a run takes of a task with train_examples `most`."""
    whole = training_size(name, source)
    return whole if not most else float(min(most, whole)) if whole == whole else float(most)


def recipe_sizes(study: Study) -> dict[str, tuple[tuple[str, ...], float]]:
    """Recipe -> its intermediate tasks, and the English training examples of all of them
    together."""
    found = {}
    for spec in study.specs:
        if isinstance(spec, IntermediateSpec):
            total = sum(taken(name, spec.train_examples, spec.source) for name in spec.tasks)
            found[spec.recipe] = (tuple(spec.tasks), total)
    return found


def _with_average(
    series: str, sizes: Mapping[str, float], gains: Mapping[str, tuple[Estimate, str]]
) -> list[Point]:
    """A point per target that has a gain, and one for their average where none is missing: there
    the geometric mean of the sizes."""
    points = [
        Point(series, name, sizes[name], *found)
        for name, found in gains.items()
        if np.isfinite(found[0].value)
    ]
    if len(points) == len(gains) > 1:
        words = " / ".join(dict.fromkeys(point.resampled for point in points))
        middle = float(np.exp(np.mean(np.log([point.size for point in points]))))
        points.append(Point(series, AVERAGE, middle, mean([point.gain for point in points]), words))
    return points


def _recipe_points(draws: GainDraws, recipe: str, series: str, size: float) -> list[Point]:
    gains = {
        name: (draws.gain(recipe, name), draws.resampled(recipe, name)) for name in draws.tasks
    }
    return _with_average(series, dict.fromkeys(gains, size), gains)


def by_intermediate_size(study: Study, draws: GainDraws) -> list[Point]:
    """Gains of the recipes of one task against its training examples: a series per task that has at
    least two sizes."""
    found = {
        name: size
        for name, size in recipe_sizes(study).items()
        if len(size[0]) == 1 and np.isfinite(size[1])
    }
    tasks = [size[0][0] for size in found.values()]
    kept = sorted((size, name) for name, size in found.items() if tasks.count(size[0][0]) > 1)
    return [
        point
        for (names, size), recipe in kept
        for point in _recipe_points(draws, recipe, names[0], size)
    ]


def by_number_of_tasks(study: Study, draws: GainDraws) -> list[Point]:
    """Gains against the number of intermediate tasks at one total size, that of the recipe of most
    tasks (within 2 %).

    One task: the mean over the recipes of one task of that size; so for any number that several
    recipes have.
    """
    found = recipe_sizes(study)
    if not found:
        return []
    total = max(found.values(), key=lambda entry: len(entry[0]))[1]
    groups: dict[int, list[str]] = {}
    for name, (tasks, size) in found.items():
        if abs(size - total) <= 0.02 * total:
            groups.setdefault(len(tasks), []).append(name)
    points = []
    for count, recipes in sorted(groups.items()) if len(groups) > 1 else ():
        cells = {task: mean([draws.gain(name, task) for name in recipes]) for task in draws.tasks}
        gains = {task: (found, draws.resampled(recipes[0], task)) for task, found in cells.items()}
        points += _with_average(NUMBER, dict.fromkeys(gains, float(count)), gains)
    return points


def placed(found: Estimate, seeds: Sequence[int], wanted: Sequence[int], count: int) -> Estimate:
    """The estimate with a place for every seed of the study, and `count` item draws: those of
    several sizes can then be added."""
    places = [wanted.index(number) for number in seeds]
    pulls, draws = np.zeros(len(wanted)), np.zeros((count, len(wanted)))
    pulls[places] = found.pulls
    if len(found.draws) == count:
        draws[:, places] = found.draws
    return Estimate(found.exact, pulls, draws, found.count)


def by_target_size(study: Study, count: int = DRAWS) -> list[Point]:
    """Gains of every recipe against the English examples that the target was trained on: a series
    per recipe.

    Every size is compared with the baseline of the same size. Retrieval, which trains on nothing,
    has no curve. On average the largest size is the geometric mean of the targets' own.
    """
    points = []
    trained = {
        name: TASKS[name].train_on for name in task_order(study.targets) if TASKS[name].train_on
    }
    for size in sorted(study.target_sizes, key=lambda number: number or np.inf):
        view = of_size(study, size)
        draws = gain_draws(contenders(finished(view), view.controls), item_scores(view, count))
        sizes = {
            name: taken(source, size, study.source) for name, source in trained.items() if source
        }
        for recipe in draws.recipes:
            gains = {}
            for name in sizes:
                found = placed(draws.gain(recipe, name), draws.seeds, study.seeds, count)
                gains[name] = (found, draws.resampled(recipe, name))
            points += _with_average(recipe, sizes, gains)
    return [point for point in points if np.isfinite(point.size)]


def groups(points: Iterable[Point]) -> dict[tuple[str, str], list[Point]]:
    """By (series, task), in the order of their sizes."""
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.series, point.task), []).append(point)
    return {key: sorted(group, key=lambda point: point.size) for key, group in found.items()}


def point_table(points: Sequence[Point]) -> pd.DataFrame:
    """The gains themselves: columns POINTS; gain, low, high in points, NaN without an interval
    (`resampled` says why)."""
    rows = []
    for point in points:
        words = covers(point.gain.count, False) if point.gain.count < 2 else point.resampled
        rows.append(
            (
                point.series,
                point.task,
                point.size,
                point.gain.value,
                *point.gain.interval,
                point.gain.count,
                words,
            )
        )
    return pd.DataFrame(rows, columns=_POINTS)


def coefficients(sizes: np.ndarray, degree: int) -> np.ndarray:
    """[degree + 1, sizes]: weights of the gains in each coefficient of a polynomial in log2(size),
    less its mean."""
    centred = np.log2(sizes) - np.log2(sizes).mean()
    return np.linalg.pinv(np.vander(centred, degree + 1, increasing=True))


def fits(points: Sequence[Point]) -> pd.DataFrame:
    """One row per series and target with at least three sizes: columns FITS.

    slope: points of gain for a doubling of the size, from the line; bend: the coefficient of
    log2(size)^2 in the second fit, NaN below four sizes; both with 95 % intervals, NaN with one
    seed. Formulas: see the module.
    """
    rows = []
    for (series, task), group in groups(points).items():
        sizes = np.array([point.size for point in group])
        if len(set(sizes)) < LEAST:
            continue
        gains = [point.gain for point in group]
        slope = combined(gains, coefficients(sizes, 1)[1])
        bend = (
            combined(gains, coefficients(sizes, 2)[2])
            if len(set(sizes)) >= _LEAST_FOR_BEND
            else None
        )
        bent = (bend.value, *bend.interval) if bend else (NOTHING,) * 3
        rows.append(
            (series, task, len(set(sizes)), slope.value, *slope.interval, *bent, slope.count)
        )
    return pd.DataFrame(rows, columns=_FITS)


def curves(points: Sequence[Point], count: int = 25) -> pd.DataFrame:
    """The fitted lines, `count` sizes from the smallest to the largest: columns CURVES, with the 95
    % interval of the line at each."""
    rows = []
    for (series, task), group in groups(points).items():
        sizes = np.array([point.size for point in group])
        if len(set(sizes)) < LEAST:
            continue
        weights, middle = coefficients(sizes, 1), np.log2(sizes).mean()
        for size in np.geomspace(sizes.min(), sizes.max(), count):
            found = combined(
                [point.gain for point in group], weights[0] + (np.log2(size) - middle) * weights[1]
            )
            rows.append((series, task, size, found.value, *found.interval))
    return pd.DataFrame(rows, columns=_CURVES)


def helps(points: Sequence[Point]) -> pd.DataFrame:
    """Up to which size a gain can be told from 0: columns series task largest stops sizes losses.

    largest: the largest size whose interval lies above 0; stops: the smallest size from which on
    none does. NaN where there is none. losses: the sizes whose interval lies below 0, in words
    ("32, 1,024"). Rows without any interval are left out: with one seed nothing can be told.
    """
    rows = []
    for (series, task), group in groups(points).items():
        if all(point.gain.count < 2 for point in group):
            continue
        above = [point.gain.interval[0] > 0 for point in group]
        losses = ", ".join(f"{point.size:,.0f}" for point in group if point.gain.interval[1] < 0)
        last = max((place for place, found in enumerate(above) if found), default=-1)
        stops = group[last + 1].size if last + 1 < len(group) else NOTHING
        rows.append(
            (series, task, group[last].size if last >= 0 else NOTHING, stops, len(group), losses)
        )
    return pd.DataFrame(rows, columns=["series", "task", "largest", "stops", "sizes", "losses"])
