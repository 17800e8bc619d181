"""Paired permutation tests of a study's gains, over seeds and over test items.

The unit of the swaps (significance.py) determines the claim. Swapping seeds makes a claim about
other trainings, but S seeds cannot give a p below 2 / 2^S (three: 0.25). Swapping items (Noreen
1989, and Yeh 2000 for F1) makes a claim about other test items for the models as trained; other
seeds may give another answer, which is what the intervals are for.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core import metrics
from xstilts_core.analysis.gain_array import Gains
from xstilts_core.analysis.intervals import p_value
from xstilts_core.analysis.items import CHUNK, Predictions, Run, blocks, read_runs
from xstilts_core.analysis.scores import AVERAGE, ENGLISH, recipe_order, settled, task_order
from xstilts_core.analysis.significance import (
    PERMUTATIONS,
    benjamini_hochberg,
    holm,
    sign_flip_p,
    tail_share,
)
from xstilts_core.analysis.study_runs import prediction_files
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TARGET_NAMES

_COLUMNS = ["recipe", "task", "gain", "unit", "units", "smallest", "p"]


def _adjusted(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Return a table of tests with the columns _COLUMNS, p_holm and p_bh: p adjusted over all rows
    (Holm; Benjamini and Hochberg). smallest: the smallest p that this number of units can give."""
    table = pd.DataFrame(rows, columns=_COLUMNS)
    p = table["p"].to_numpy(float)
    return table.assign(p_holm=holm(p), p_bh=benjamini_hochberg(p))


def clear_after_holm(draws: Gains) -> int:
    """Count the zero-shot gains, of a recipe on a target each, that differ from 0 at 0.05 after
    Holm's correction over all of them. The p-values belong to the gains' intervals: they cover
    seeds and test items."""
    cells = [draws.gain(*key) for key in product(draws.recipes, draws.tasks)]
    with np.errstate(invalid="ignore"):  # an infinite quantile of a part without variance
        p = np.array([p_value(cell.value, cell.parts) for cell in cells])
    return int((holm(p[~np.isnan(p)]) < 0.05).sum())


def seed_tests(table: pd.DataFrame) -> pd.DataFrame:
    """Test zero-shot gains by swapping seeds: one row per recipe and target, and per recipe on
    average if no target is missing; columns of `_adjusted`.

    table: from `gains`. A seed's gain is its mean over languages other than English (and targets).
    """
    zero_shot = table[table["language"] != ENGLISH].dropna(subset=["gain"])
    tasks, rows = task_order(zero_shot["task"]), []
    for recipe in recipe_order(sorted(zero_shot["recipe"])):
        group = zero_shot[zero_shot["recipe"] == recipe].groupby(["seed", "task"])["gain"]
        gains = group.mean().unstack().reindex(columns=tasks)
        gains[AVERAGE] = gains.mean(axis=1, skipna=False)
        for name, values in gains.items():
            if count := int(values.count()):
                known = values.dropna().to_numpy()
                test = "seed", count, 2.0 ** (1 - count), sign_flip_p(known)
                rows.append((recipe, name, settled(known.mean()), *test))
    return _adjusted(rows)


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
                for seed in sorted({seed for _, _, seed in block.runs})
                if {(code, name, seed), (code, BASELINE, seed)} <= set(block.runs)
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


def item_tests(study: Study) -> pd.DataFrame:
    """Test zero-shot gains by swapping test items: one row per recipe and target whose finished
    runs stored predictions; columns of `_adjusted`.

    The score is recomputed from the swapped items, so F1 is tested as it is reported.
    """
    rows: list[tuple[Any, ...]] = []
    files = prediction_files(study)
    for task in task_order(files):
        runs = {
            run: path
            for run, path in files[task].items()
            if run[0] != ENGLISH and run[1] not in study.controls
        }
        recipes = [name for name in recipe_order(run[1] for run in runs) if name != BASELINE]
        if not recipes:
            continue
        generator = np.random.default_rng([0, 7, TARGET_NAMES.index(task)])
        items, gains = swapped(read_runs(runs), recipes, PERMUTATIONS, generator)
        for name, values in gains.items():
            p = tail_share(values[0], values[1:], exact=False)
            test = "test item", items, 1 / (1 + PERMUTATIONS), p
            rows.append((name, task, settled(values[0]), *test))
    order = recipe_order(row[0] for row in rows)
    return _adjusted(sorted(rows, key=lambda row: order.index(row[0])))
