"""Is a gain more than chance? Paired permutation tests, and p-values adjusted for how many were
looked at.

If a recipe changes nothing, its score and the baseline's could as well have been swapped: by seed,
or by test item. A test swaps them at random and asks how often the gain is then as far from 0
(Fisher 1935; for test items Noreen 1989, and Yeh 2000 for F1). What may be swapped decides what is
claimed. Seeds: of other trainings, but S seeds cannot give a p below 2 / 2^S (three: 0.25). Items:
of other test items, for the models as they were trained; other seeds may give another answer, which
is what the intervals are for.
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
    aligned,
    placed,
    prediction_files,
    read_predictions,
)
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TARGET_NAMES

# Statistics that are equal but for rounding count as equal.
_TIE = 1e-12
_PERMUTATIONS = 10_000
COLUMNS = ["recipe", "task", "gain", "unit", "units", "smallest", "p", "p_holm", "p_bh"]
"""smallest: the least p that so many units can give. p_holm, p_bh: adjusted over all rows (Holm;
Benjamini and Hochberg)."""


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) adjusted p-values, which keep the chance of any false finding below alpha; NaN
    are no tests and stay NaN.

    Of m p-values in ascending order, the k-th becomes the largest of min(1, (m - j + 1) p_j) over j
    <= k.
    """
    p = np.asarray(p, dtype=float)
    found, kept = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = kept[np.argsort(p[kept], kind="stable")]
    found[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return found


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values that keep the expected share of false findings among all findings below
    alpha (Benjamini and Hochberg 1995).

    scipy's `false_discovery_control`; NaN are no tests and stay NaN.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=float)
    found, kept = np.full(len(p), np.nan), np.isfinite(p)
    if kept.any():
        found[kept] = false_discovery_control(p[kept])
    return found


def tail_share(found: float, drawn: np.ndarray, exact: bool) -> float:
    """Two-sided p-value: the share of the permutations `drawn` whose statistic is at least as far
    from 0 as the one found.

    Of all permutations that there are, exact; of permutations drawn at random, (1 + count) / (1 +
    permutations), never 0 (Phipson and Smyth 2010).
    """
    extreme = int(np.count_nonzero(np.abs(drawn) >= abs(found) - _TIE * max(1.0, abs(found))))
    return extreme / len(drawn) if exact else (1 + extreme) / (1 + len(drawn))


def sign_flip_p(values: np.ndarray, permutations: int = _PERMUTATIONS, seed: int = 0) -> float:
    """Two-sided p that the mean of `values` [units] is 0: each unit's sign is as likely the other
    one (Fisher 1935).

    All 2^units signs where these are no more than `permutations`, else that many at random. NaN
    without values.
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


def adjusted(rows: Sequence[tuple]) -> pd.DataFrame:
    """Rows of COLUMNS up to p, with p adjusted over all of them."""
    table = pd.DataFrame(rows, columns=COLUMNS[:-2])
    p = table["p"].to_numpy(float)
    return table.assign(p_holm=holm(p), p_bh=benjamini_hochberg(p))


def seed_tests(table: pd.DataFrame, languages: Sequence[str] | None = None) -> pd.DataFrame:
    """One row per recipe and target, and per recipe on average where no target is missing: columns
    COLUMNS; the unit is the seed.

    table: of `gains`. languages None: all but English. A seed's gain is its mean over languages
    (and targets).
    """
    kept = table[table["language"].isin(chosen_languages(table["language"], languages))].dropna(
        subset=["gain"]
    )
    by_seed = kept.groupby(["recipe", "task", "seed"], as_index=False)["gain"].mean()
    tasks, rows = task_order(by_seed["task"]), []
    for recipe in recipe_order(by_seed["recipe"]):
        wide = (
            by_seed[by_seed["recipe"] == recipe]
            .pivot(index="seed", columns="task", values="gain")
            .reindex(columns=tasks)
        )
        for name, values in [*wide.items(), (AVERAGE, wide.mean(axis=1, skipna=False))]:
            values = values.dropna().to_numpy()
            if len(values):
                rows.append(
                    (
                        recipe,
                        name,
                        settled(values.mean()),
                        "seed",
                        len(values),
                        2.0 ** (1 - len(values)),
                        sign_flip_p(values),
                    )
                )
    return adjusted(rows)


def swapped(
    runs: Mapping[Run, Predictions],
    recipes: Sequence[str],
    permutations: int,
    generator: np.random.Generator,
) -> tuple[int, dict[str, np.ndarray]]:
    """Test items, and by recipe its gains [1 + permutations] in points: as found, then with the
    baseline's and its items swapped.

    An item is swapped in all its languages and seeds at once. Mean over seeds and languages, by the
    seeds that both have.
    """
    by_language: dict[str, list[Run]] = {}
    for run in runs:
        by_language.setdefault(run[0], []).append(run)
    found = {code: aligned([runs[run] for run in group]) for code, group in by_language.items()}
    order = {
        name: place
        for place, name in enumerate(
            dict.fromkeys(name for ids, _ in found.values() for name in ids)
        )
    }
    tables = {code: placed(*table, order) for code, table in found.items()}
    totals, counts = (
        {name: np.zeros(1 + permutations) for name in recipes},
        dict.fromkeys(recipes, 0),
    )
    step = max(1, CHUNK // len(order))
    for start in range(0, 1 + permutations, step):
        swaps = generator.integers(
            2, size=(min(step, 1 + permutations - start), len(order)), dtype=np.uint8
        ).astype(float)
        if start == 0:
            swaps[0] = 0.0
        for code, group in by_language.items():
            (places, table), columns = tables[code], runs[group[0]].columns
            wide = table.reshape(len(table), len(group), len(columns))
            for name in recipes:
                pairs = [
                    (group.index((code, name, seed)), group.index((code, BASELINE, seed)))
                    for seed in common(group, name)
                ]
                if not pairs:
                    continue
                made, base = (wide[:, [pair[side] for pair in pairs]] for side in (0, 1))
                moved = (swaps[:, places] @ (made - base).reshape(len(table), -1)).reshape(
                    len(swaps), *made.shape[1:]
                )
                metric = runs[group[0]].metric
                above = metrics.score_sums(made.sum(axis=0) - moved, len(table), columns)[metric]
                below = metrics.score_sums(base.sum(axis=0) + moved, len(table), columns)[metric]
                totals[name][start : start + len(swaps)] += (above - below).sum(axis=1)
                counts[name] += len(pairs) if start == 0 else 0
    return len(order), {name: totals[name] / counts[name] for name in recipes if counts[name]}


def common(group: Sequence[Run], recipe: str) -> list[int]:
    """The seeds that both the recipe and the baseline have, among runs of one language."""
    seeds = [{seed for _, name, seed in group if name == wanted} for wanted in (recipe, BASELINE)]
    return sorted(seeds[0] & seeds[1])


def item_tests(
    study: Study,
    languages: Sequence[str] | None = None,
    permutations: int = _PERMUTATIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per recipe and target whose finished runs kept predictions: columns COLUMNS; the unit
    is the test item.

    languages None: all but English. The score is computed anew from the swapped items, so that F1
    is tested as it is reported.
    """
    rows = []
    files = prediction_files(study)
    for task in task_order(files):
        kept = set(chosen_languages((run[0] for run in files[task]), languages))
        runs = {
            run: path
            for run, path in files[task].items()
            if run[0] in kept and run[1] not in study.controls
        }
        recipes = [name for name in recipe_order(run[1] for run in runs) if name != BASELINE]
        if not runs or not recipes:
            continue
        known = {path: read_predictions(path) for path in dict.fromkeys(runs.values())}
        generator = np.random.default_rng([seed, 7, TARGET_NAMES.index(task)])
        items, found = swapped(
            {run: known[path] for run, path in runs.items()}, recipes, permutations, generator
        )
        for name, values in found.items():
            p = tail_share(values[0], values[1:], exact=False)
            rows.append(
                (name, task, settled(values[0]), "test item", items, 1 / (1 + permutations), p)
            )
    order = recipe_order(row[0] for row in rows)
    return adjusted(sorted(rows, key=lambda row: order.index(row[0])))
