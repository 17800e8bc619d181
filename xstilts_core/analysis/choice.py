"""Choice of the intermediate task for a target: made on development data, reported on test data.

Zero-shot transfer has development data only in English. The score by which a target run chose its
checkpoint (English development data of the task it trains on) therefore also chooses the recipe.
Retrieval trains nothing: its score is the development score of the chosen layer, over the language
pairs that have development data. The baseline, no intermediate task, is always a candidate.

The oracle chooses on the test scores themselves. Its gain beyond the choice is the regret (Poth et
al. 2021, in points here). The largest of several noisy gains is too large on average (the winner's
curse), so the regret is an upper estimate.
"""

from collections.abc import Iterable

import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, answer_table, mean
from xstilts_core.analysis.scores import development_gains, settled

ONE = "one recipe for all targets"
_CHOICES = ["task", "chosen", "development", "gain", "low", "high"]
_CHOICES += ["oracle", "oracle_gain", "regret", "regret_low", "regret_high"]


def choices(draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the recipe chosen for each target: columns _CHOICES. `scores` is from `development`;
    targets without development data have no row.

    development, gain, oracle_gain: gains over the baseline in points, on English development data
    and on zero-shot test data. Intervals are those of the two recipes named: the choice is not
    repeated in every replicate. Ties go to the baseline, then to the order of the paper's tables.
    """
    means, rows = development_gains(scores, draws.cells, draws.tasks), []
    for task in means:
        chosen = means[task].idxmax()
        candidates = means[task].dropna().index
        oracle = max(candidates, key=lambda name: draws.gain(name, task).value)
        gain, best = draws.gain(chosen, task), draws.gain(oracle, task)
        choice = task, chosen, means.loc[chosen, task], *gain.numbers
        rows.append((*choice, oracle, best.value, *(best - gain).numbers))
    return pd.DataFrame(rows, columns=_CHOICES)


def strategies(draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the value of choosing per target, averaged over the targets of `choices`: columns
    strategy recipe gain low high targets.

    The single recipe for all targets has the largest mean gain on development data among the
    recipes with a score on every such target.
    """
    table = choices(draws, scores)
    tasks = list(table["task"])
    if not tasks:
        return pd.DataFrame(columns=["strategy", "recipe", "gain", "low", "high", "targets"])

    def average(recipes: Iterable[str]) -> Estimate:
        return mean([draws.gain(name, task) for name, task in zip(recipes, tasks, strict=True)])

    means = development_gains(scores, draws.cells, tasks)
    single = settled(means.mean(axis=1, skipna=False)).idxmax()
    per_target, oracle = average(table["chosen"]), average(table["oracle"])
    for_all = average([single] * len(tasks))
    answers = {
        ("a recipe per target", "as chosen"): per_target,
        (ONE, single): for_all,
        ("per target, beyond one for all", ""): per_target - for_all,
        ("oracle: best on test data", "as best"): oracle,
        ("regret of choosing on development data", ""): oracle - per_target,
    }
    result = answer_table(["strategy", "recipe"], list(answers), list(answers.values()))
    return result.drop(columns=["seeds", "resampled"]).assign(targets=len(tasks))
