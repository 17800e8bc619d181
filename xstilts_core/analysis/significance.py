"""Paired permutation tests of gains, and p-values adjusted for the number of tests.

If a recipe changes nothing, its score and the baseline's could just as well be swapped, by seed or
by test item. A test swaps them at random and counts how often the gain is then as far from 0 as the
observed one (Fisher 1935; for test items Noreen 1989, and Yeh 2000 for F1). The unit of the swaps
determines the claim. Swapping seeds makes a claim about other trainings, but S seeds cannot give a
p below 2 / 2^S (three: 0.25). Swapping items makes a claim about other test items for the models as
trained; other seeds may give another answer, which is what the intervals are for.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from xstilts_core import metrics
from xstilts_core.analysis.gains import AVERAGE, chosen_languages, recipe_order, settled, task_order
from xstilts_core.analysis.items import (
    CHUNK,
    Predictions,
    Run,
    blocks,
    prediction_files,
    read_predictions,
)
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TARGET_NAMES

# Statistics that differ only by rounding count as equal.
_TIE = 1e-12
_PERMUTATIONS = 10_000
COLUMNS = ["recipe", "task", "gain", "unit", "units", "smallest", "p", "p_holm", "p_bh"]
"""smallest: the smallest p that this number of units can give. p_holm, p_bh: p adjusted over all
rows (Holm; Benjamini and Hochberg)."""


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's (1979) adjusted p-values, which keep the probability of any false finding below
    alpha.

    Of m p-values in ascending order, the k-th becomes the largest of min(1, (m - j + 1) p_j) over j
    <= k. NaN means that there was no test, and stays NaN.
    """
    p = np.asarray(p, dtype=float)
    result, tests = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    result[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return result


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return adjusted p-values that keep the expected share of false findings among all findings
    below alpha (Benjamini and Hochberg 1995).

    Uses scipy's `false_discovery_control`. NaN means that there was no test, and stays NaN.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=float)
    result, tests = np.full(len(p), np.nan), np.isfinite(p)
    if tests.any():
        result[tests] = false_discovery_control(p[tests])
    return result


def tail_share(found: float, drawn: np.ndarray, exact: bool) -> float:
    """Return a two-sided p-value: the share of the permutations `drawn` whose statistic is at least
    as far from 0 as the observed one, `found`.

    exact: `drawn` holds all possible permutations. Otherwise they are drawn at random, and p is (1
    + count) / (1 + permutations), never 0 (Phipson and Smyth 2010).
    """
    extreme = int(np.count_nonzero(np.abs(drawn) >= abs(found) - _TIE * max(1.0, abs(found))))
    return extreme / len(drawn) if exact else (1 + extreme) / (1 + len(drawn))


def sign_flip_p(values: np.ndarray, permutations: int = _PERMUTATIONS, seed: int = 0) -> float:
    """Return the two-sided p-value of a mean of 0 for `values` [units], if both signs of each unit
    are equally likely (Fisher 1935).

    Uses all 2^units sign patterns if these are at most `permutations`, else that many random ones.
    NaN without values.
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 0 or not np.isfinite(values).all():
        return float("nan")
    exact = 2.0 ** len(values) <= permutations
    if exact:
        signs = np.array(list(product((1.0, -1.0), repeat=len(values))))
    else:
        signs = np.random.default_rng([seed, 6]).choice(
            (1.0, -1.0), size=(permutations, len(values))
        )
    return tail_share(float(values.mean()), signs @ values / len(values), exact)


def adjusted(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return a table of rows that have the COLUMNS up to p, with p adjusted over all of them."""
    table = pd.DataFrame(rows, columns=COLUMNS[:-2])
    p = table["p"].to_numpy(float)
    return table.assign(p_holm=holm(p), p_bh=benjamini_hochberg(p))


def seed_tests(table: pd.DataFrame, languages: Sequence[str] | None = None) -> pd.DataFrame:
    """Test gains by swapping seeds: one row per recipe and target, and per recipe on average if no
    target is missing; columns COLUMNS.

    table: from `gains`. languages: None selects all but English. A seed's gain is its mean over
    languages (and targets).
    """
    valid = table[table["language"].isin(chosen_languages(table["language"], languages))].dropna(
        subset=["gain"]
    )
    by_seed = valid.groupby(["recipe", "task", "seed"], as_index=False)["gain"].mean()
    tasks, rows = task_order(by_seed["task"]), []
    for recipe in recipe_order(by_seed["recipe"]):
        gains = (
            by_seed[by_seed["recipe"] == recipe]
            .pivot(index="seed", columns="task", values="gain")
            .reindex(columns=tasks)
        )
        for name, values in [*gains.items(), (AVERAGE, gains.mean(axis=1, skipna=False))]:
            values = values.dropna().to_numpy()
            if count := len(values):
                test = "seed", count, 2.0 ** (1 - count), sign_flip_p(values)
                rows.append((recipe, name, settled(values.mean()), *test))
    return adjusted(rows)


def swapped(
    runs: Mapping[Run, Predictions],
    recipes: Sequence[str],
    permutations: int,
    generator: np.random.Generator,
) -> tuple[int, dict[str, np.ndarray]]:
    """Return the number of test items, and each recipe's gains [1 + permutations] in points: first
    as observed, then with random items swapped between baseline and recipe.

    An item is swapped in all its languages and seeds at once. Means are over the languages and the
    seeds that both have.
    """
    items, by_language = blocks(runs)
    totals = {name: np.zeros(1 + permutations) for name in recipes}
    counts, step = dict.fromkeys(recipes, 0), max(1, CHUNK // items)
    for start in range(0, 1 + permutations, step):
        swaps = generator.integers(
            2, size=(min(step, 1 + permutations - start), items), dtype=np.uint8
        ).astype(float)
        if start == 0:
            swaps[0] = 0.0
        for block, name in product(by_language, recipes):
            code = block.runs[0][0]
            pairs = [
                (block.runs.index((code, name, seed)), block.runs.index((code, BASELINE, seed)))
                for seed in common(block.runs, name)
            ]
            if not pairs:
                continue
            ours, base = (block.statistics[:, list(side)] for side in zip(*pairs, strict=True))
            shift = (swaps[:, block.positions] @ (ours - base).reshape(len(ours), -1)).reshape(
                len(swaps), *ours.shape[1:]
            )
            above, below = (
                metrics.score_sums(sums, len(ours), block.columns)[block.metric]
                for sums in (ours.sum(axis=0) - shift, base.sum(axis=0) + shift)
            )
            totals[name][start : start + len(swaps)] += (above - below).sum(axis=1)
            counts[name] += len(pairs) if start == 0 else 0
    return items, {name: totals[name] / counts[name] for name in recipes if counts[name]}


def common(group: Sequence[Run], recipe: str) -> list[int]:
    """Return the seeds that both the recipe and the baseline have among runs of one language."""
    seeds = [{seed for _, name, seed in group if name == side} for side in (recipe, BASELINE)]
    return sorted(seeds[0] & seeds[1])


def item_tests(
    study: Study,
    languages: Sequence[str] | None = None,
    permutations: int = _PERMUTATIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """Test gains by swapping test items: one row per recipe and target whose finished runs stored
    predictions; columns COLUMNS.

    languages: None selects all but English. The score is recomputed from the swapped items, so F1
    is tested as it is reported.
    """
    rows = []
    files = prediction_files(study)
    for task in task_order(files):
        codes = set(chosen_languages((run[0] for run in files[task]), languages))
        runs = {
            run: path
            for run, path in files[task].items()
            if run[0] in codes and run[1] not in study.controls
        }
        recipes = [name for name in recipe_order(run[1] for run in runs) if name != BASELINE]
        if not runs or not recipes:
            continue
        cache = {path: read_predictions(path) for path in dict.fromkeys(runs.values())}
        generator = np.random.default_rng([seed, 7, TARGET_NAMES.index(task)])
        items, gains = swapped(
            {run: cache[path] for run, path in runs.items()}, recipes, permutations, generator
        )
        for name, values in gains.items():
            p = tail_share(values[0], values[1:], exact=False)
            rows.append(
                (name, task, settled(values[0]), "test item", items, 1 / (1 + permutations), p)
            )
    order = recipe_order(row[0] for row in rows)
    rows.sort(key=lambda row: order.index(row[0]))
    return adjusted(rows)
