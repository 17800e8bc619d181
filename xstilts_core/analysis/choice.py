"""Choice of the intermediate task for a target: made on development data, reported on test data.

Zero-shot transfer has development data only in English. The score by which a target run chose its
checkpoint (English development data of the task it trains on) therefore also chooses the recipe.
Retrieval trains nothing: its score is the development score of the chosen layer, over the language
pairs that have development data. The baseline, no intermediate task, is always a candidate.

The oracle chooses on the test scores themselves. Its gain beyond the choice is the regret (Poth et
al. 2021, in points here). The largest of several noisy gains is too large on average (the winner's
curse), so the regret is an upper estimate.
"""

import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, answer_table, mean
from xstilts_core.analysis.gains import recipe_order, settled
from xstilts_core.analysis.runs import finished_results, of_size
from xstilts_core.results import Result
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, Scoring

NOTHING = float("nan")
PER_TARGET, ONE, DIFFERENCE = (
    "a recipe per target",
    "one recipe for all targets",
    "per target, beyond one for all",
)
ORACLE, REGRET = "oracle: best on test data", "regret of choosing on development data"
CHOICES = [
    "task",
    "chosen",
    "development",
    "gain",
    "low",
    "high",
    "oracle",
    "oracle_gain",
    "regret",
    "regret_low",
    "regret_high",
]


def development_score(result: Result) -> float:
    """Return the development score of a target or retrieval run in percent; NaN without development
    data."""
    by_layer = result.details.get("development", {})
    value = result.details.get("best_score", by_layer.get(str(result.details.get("layer"))))
    return NOTHING if value is None else float(value)


def development(study: Study) -> pd.DataFrame:
    """Return the development scores of the finished runs: columns recipe task seed value. A run
    that scores several targets has a row for each."""
    rows = []
    for spec, result in finished_results(of_size(study)):
        if isinstance(spec, Scoring) and spec.recipe not in study.controls:
            value = development_score(result)
            rows += [(spec.recipe, name, spec.seed, value) for name in spec.scores]
    table = pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])
    return table.dropna(subset=["value"], ignore_index=True)


def _development_gains(draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean gains on development data, paired by seed: a row per recipe, baseline first, and
    a column per target that has any.

    Only recipes that also have test gains there are included, as no other choice can be reported.
    """
    baseline = (
        scores[scores["recipe"] == BASELINE]
        .rename(columns={"value": "baseline"})
        .drop(columns="recipe")
    )
    table = scores.merge(baseline, on=["task", "seed"])
    table = table.loc[
        [
            name == BASELINE or (name, task) in draws.cells
            for name, task in zip(table["recipe"], table["task"], strict=True)
        ]
    ]
    means = settled(
        table.assign(gain=table["value"] - table["baseline"])
        .groupby(["recipe", "task"])["gain"]
        .mean()
    ).unstack("task")
    targets = [
        task
        for task in draws.tasks
        if task in means and means[task].drop(BASELINE, errors="ignore").notna().any()
    ]
    return means.reindex(index=recipe_order([BASELINE, *means.index]), columns=targets).rename_axis(
        index="recipe", columns=None
    )


def choices(draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the recipe chosen for each target: columns CHOICES. `scores` is from `development`;
    targets without development data have no row.

    development, gain, oracle_gain: gains over the baseline in points, on English development data
    and on zero-shot test data. Intervals are those of the two recipes named: the choice is not
    repeated in every replicate. Ties go to the baseline, then to the order of the paper's tables.
    """
    means, rows = _development_gains(draws, scores), []
    for task in means:
        candidates = list(means[task].dropna().index)
        chosen = means[task].idxmax()
        oracle = max(candidates, key=lambda name: draws.gain(name, task).value)
        gain, best = draws.gain(chosen, task), draws.gain(oracle, task)
        regret = best - gain
        rows.append(
            (
                task,
                chosen,
                means.loc[chosen, task],
                *gain.numbers,
                oracle,
                best.value,
                *regret.numbers,
            )
        )
    return pd.DataFrame(rows, columns=CHOICES)


def strategies(draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the value of choosing per target, averaged over the targets of `choices`: columns
    strategy recipe gain low high targets.

    The single recipe for all targets has the largest mean gain on development data among the
    recipes with a score on every such target.
    """
    table, means = choices(draws, scores), _development_gains(draws, scores)
    if table.empty:
        return pd.DataFrame(columns=["strategy", "recipe", "gain", "low", "high", "targets"])
    tasks = list(table["task"])
    single = settled(means[tasks].mean(axis=1, skipna=False)).idxmax()
    per_target = per_target_gain(draws, table)
    for_all = mean([draws.gain(single, task) for task in tasks])
    oracle = mean(
        [draws.gain(name, task) for name, task in zip(table["oracle"], tasks, strict=True)]
    )
    answers = {
        (PER_TARGET, "as chosen"): per_target,
        (ONE, single): for_all,
        (DIFFERENCE, ""): per_target - for_all,
        (ORACLE, "as best"): oracle,
        (REGRET, ""): oracle - per_target,
    }
    result = answer_table(["strategy", "recipe"], list(answers), list(answers.values()))
    return result.drop(columns=["seeds", "resampled"]).assign(targets=len(tasks))


def per_target_gain(draws: Gains, table: pd.DataFrame) -> Estimate:
    """Return the mean gain of the recipes chosen per target in `choices`."""
    return mean(
        [draws.gain(name, task) for name, task in zip(table["chosen"], table["task"], strict=True)]
    )
