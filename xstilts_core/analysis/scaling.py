"""Show how a gain changes with a size: of the intermediate task, of the number of tasks, or of the
target's training set.

A curve is fitted by least squares over the sizes of the study: gain = a + b log2(size), where b is
points per doubling. A second fit has a term in log2(size)^2, whose sign shows the direction of the
bend. A least-squares coefficient is a sum of the gains with fixed weights (a row of the design's
pseudo-inverse), so its interval is computed like that of any other mean of gains (intervals.py). It
covers other seeds and, if predictions were stored, other test items. It covers neither other sizes
nor the possibility that the gain follows another law between or beyond them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import (
    Estimate,
    Gains,
    answer_table,
    combined,
    gain_draws,
    joined,
    mean,
)
from xstilts_core.analysis.intervals import NOTHING
from xstilts_core.analysis.scores import AVERAGE, contenders, task_order
from xstilts_core.analysis.study_runs import DRAWS, finished, item_scores, of_size
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.tasks import TASKS
from xstilts_core.tasks.embedded_sizes import SIZES

NUMBER = "number of tasks"
_FITS = ["series", "task", "sizes", "slope", "low", "high"]
_FITS += ["bend", "bend_low", "bend_high", "seeds"]
# Fewest sizes for a line and for a bend; with one size fewer, any data fit exactly.
LEAST, _LEAST_FOR_BEND = 3, 4


class Point(NamedTuple):
    """The gain at one size. series: what the curve belongs to (an intermediate task, NUMBER, a
    recipe); task: a target, or AVERAGE."""

    series: str
    task: str
    size: float
    gain: Estimate


def training_size(name: str, source: str) -> float:
    """Return the English training examples of a task: exact for the embedded suite, as published
    for the hub, NaN for local files."""
    subtasks = TASKS[name].parts or (name,)
    if source == "mini":
        return float(sum(SIZES[subtask]["train"] for subtask in subtasks))
    sizes = [TASKS[subtask].sizes.get("train", NOTHING) for subtask in subtasks]
    return float(sum(sizes)) if source == "hub" else NOTHING


def taken(name: str, most: int, source: str) -> float:
    """Return the training examples that a run with train_examples `most` takes from a task."""
    size = training_size(name, source)
    return size if not most else float(min(most, size)) if size == size else float(most)


def recipe_sizes(study: Study) -> dict[str, tuple[tuple[str, ...], float]]:
    """Return recipe -> its intermediate tasks and their total number of English training
    examples."""
    sizes = {}
    for spec in study.specs:
        if isinstance(spec, IntermediateSpec):
            total = sum(taken(name, spec.train_examples, spec.source) for name in spec.tasks)
            sizes[spec.recipe] = (tuple(spec.tasks), total)
    return sizes


def _with_average(
    series: str, sizes: Mapping[str, float], gains: Mapping[str, Estimate]
) -> list[Point]:
    """Return a point per target with a gain and, if none is missing, one for their average, placed
    at the geometric mean of the sizes."""
    points = [
        Point(series, name, sizes[name], gain) for name, gain in gains.items() if gain.finished
    ]
    if len(points) == len(gains) > 1:
        middle = float(np.exp(np.mean(np.log([point.size for point in points]))))
        points.append(Point(series, AVERAGE, middle, mean([point.gain for point in points])))
    return points


def _at_size(draws: Gains, recipes: Sequence[str], series: str, size: float) -> list[Point]:
    """Return the points of the recipes' mean gain at one size of all targets."""
    gains = {task: mean([draws.gain(name, task) for name in recipes]) for task in draws.tasks}
    return _with_average(series, dict.fromkeys(gains, size), gains)


def by_intermediate_size(study: Study, draws: Gains) -> list[Point]:
    """Return gains of the single-task recipes against their training examples: a series per task
    that has at least two sizes."""
    by_task: dict[str, list[tuple[float, str]]] = {}
    for recipe, (tasks, size) in recipe_sizes(study).items():
        if len(tasks) == 1 and np.isfinite(size):
            by_task.setdefault(tasks[0], []).append((size, recipe))
    return [
        point
        for task, recipes in sorted(by_task.items())
        for size, recipe in (sorted(recipes) if len(recipes) > 1 else ())
        for point in _at_size(draws, [recipe], task, size)
    ]


def by_number_of_tasks(study: Study, draws: Gains) -> list[Point]:
    """Return gains against the number of intermediate tasks at one total size, that of the recipe
    with most tasks (within 2 %).

    The point for one task is the mean over the single-task recipes of that size; the same holds for
    any number that several recipes share.
    """
    sizes = recipe_sizes(study)
    total = max(sizes.values(), key=lambda entry: len(entry[0]), default=((), NOTHING))[1]
    by_count: dict[int, list[str]] = {}
    for name, (tasks, size) in sizes.items():
        if abs(size - total) <= 0.02 * total:
            by_count.setdefault(len(tasks), []).append(name)
    return [
        point
        for count, recipes in (sorted(by_count.items()) if len(by_count) > 1 else ())
        for point in _at_size(draws, recipes, NUMBER, float(count))
    ]


def by_target_size(study: Study, count: int = DRAWS) -> list[Point]:
    """Return gains of every recipe against the English examples that the target was trained on: a
    series per recipe.

    Every size is compared with the baseline of the same size. Retrieval has no training and
    therefore no curve. In the average, the largest size is the geometric mean of the targets' full
    sizes.
    """
    parts, points = {}, []
    for size in sorted(study.target_sizes, key=lambda number: number or np.inf):
        view = of_size(study, size)
        parts[size] = gain_draws(
            contenders(finished(view), view.controls), item_scores(view, count)
        )
    draws = joined(parts)
    for size, part in parts.items():
        sizes = {
            name: taken(source, size, study.source)
            for name in task_order(study.targets)
            if (source := TASKS[name].train_on)
        }
        for recipe in part.recipes:
            gains = {name: draws.gain(f"{recipe} {size}", name) for name in sizes}
            points += _with_average(recipe, sizes, gains)
    return [point for point in points if np.isfinite(point.size)]


def _curves(points: Iterable[Point]) -> Iterator[tuple[list[Point], np.ndarray]]:
    """Yield the points of each series and target in the order of their sizes, and these sizes."""
    curves: dict[tuple[str, str], list[Point]] = {}
    for point in sorted(points, key=lambda point: point.size):
        curves.setdefault((point.series, point.task), []).append(point)
    for key in dict.fromkeys((point.series, point.task) for point in points):
        yield curves[key], np.array([point.size for point in curves[key]])


def point_table(points: Sequence[Point]) -> pd.DataFrame:
    """Return the gains as a table: columns series, task, size and those of `answer_table`."""
    keys, gains = [point[:3] for point in points], [point.gain for point in points]
    return answer_table(["series", "task", "size"], keys, gains)


def coefficients(sizes: np.ndarray, degree: int) -> np.ndarray:
    """Return the weights [degree + 1, sizes] of the gains in each coefficient of a polynomial in
    log2(size), centered."""
    centred = np.log2(sizes) - np.log2(sizes).mean()
    return np.linalg.pinv(np.vander(centred, degree + 1, increasing=True))


def fits(points: Sequence[Point]) -> pd.DataFrame:
    """Return one row per series and target with at least three sizes: columns _FITS.

    slope: points of gain per doubling of the size, from the line; bend: the coefficient of
    log2(size)^2 in the second fit, NaN below four sizes. Both have 95 % intervals, NaN with one
    seed. The module docstring has the formulas.
    """
    rows = []
    for curve, sizes in _curves(points):
        if (count := len(set(sizes))) < LEAST:
            continue
        gains = [point.gain for point in curve]
        slope, bend = combined(gains, coefficients(sizes, 1)[1]), (NOTHING,) * 3
        if count >= _LEAST_FOR_BEND:
            bend = combined(gains, coefficients(sizes, 2)[2]).numbers
        rows.append((*curve[0][:2], count, *slope.numbers, *bend, slope.count))
    return pd.DataFrame(rows, columns=_FITS)


def curves(points: Sequence[Point]) -> pd.DataFrame:
    """Return the fitted lines at 25 sizes from the smallest to the largest, with the line's
    95 % interval at each size: columns series, task, size, gain, low and high."""
    keys, gains = [], []
    for curve, sizes in _curves(points):
        if len(set(sizes)) < LEAST:
            continue
        weights, middle = coefficients(sizes, 1), np.log2(sizes).mean()
        for size in np.geomspace(sizes.min(), sizes.max(), 25):
            keys.append((*curve[0][:2], size))
            factors = weights[0] + (np.log2(size) - middle) * weights[1]
            gains.append(combined([point.gain for point in curve], factors))
    table = answer_table(["series", "task", "size"], keys, gains)
    return table.drop(columns=["seeds", "resampled"])


def helps(points: Sequence[Point]) -> pd.DataFrame:
    """Return up to which size a gain can be told from 0: columns series task largest stops sizes
    losses.

    largest: the largest size whose interval lies above 0; stops: the smallest size from which on no
    interval does. Both are NaN if there is none. losses: the sizes whose interval lies below 0, as
    text ("32, 1,024"). Rows without any interval are excluded: with one seed nothing can be told.
    """
    rows = []
    for curve, _ in _curves(points):
        if all(point.gain.count < 2 for point in curve):
            continue
        above = [point.gain.interval[0] > 0 for point in curve]
        losses = ", ".join(f"{point.size:,.0f}" for point in curve if point.gain.interval[1] < 0)
        last = max(np.flatnonzero(above), default=-1)
        largest = curve[last].size if last >= 0 else NOTHING
        stops = curve[last + 1].size if last + 1 < len(curve) else NOTHING
        rows.append((*curve[0][:2], largest, stops, len(curve), losses))
    return pd.DataFrame(rows, columns=["series", "task", "largest", "stops", "sizes", "losses"])
