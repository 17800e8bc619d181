"""Collect measured gains of recipes from studies and published scores: the evidence of advice."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xstilts_core.analysis.abilities import performance, training_examples
from xstilts_core.analysis.scaling import taken
from xstilts_core.analysis.scores import chosen_languages, comparable, contenders, gains
from xstilts_core.analysis.study_runs import finished
from xstilts_core.errors import UsageError
from xstilts_core.results import SCORES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, IntermediateSpec
from xstilts_core.study.study_kinds import reference_folder
from xstilts_core.study.wording import require_known
from xstilts_core.tasks import FORMATS, TASKS

_ONE_RUN = 1.0
"""Standard error, in points, of a gain in a table whose gains have one run each: an assumption."""


def measured_gains(
    studies: Sequence[Study], languages: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return one row per study, recipe and target with a gain: columns table recipe tasks target
    gain error runs format size same_format log_size.

    languages: those to average over; None selects all but English, unless a target has no others.
    Published scores are in English and count for every language. tasks: the recipe's intermediate
    tasks. error: the standard error over runs, pooled over the table. format: the target's. size:
    the recipe's training examples; log_size: its logarithm. same_format: 1 if one of the recipe's
    tasks has the target's format.
    Raise UsageError for a study without gains.
    """
    table = pd.concat([_of_study(study, languages) for study in studies], ignore_index=True)
    return _described(table.assign(log_size=np.log10(table["size"])))


def _of_study(study: Study, languages: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of one study without what follows from them."""
    by_run, recipes = _published(study) if study.published else _measured(study, languages)
    groups = by_run.dropna().groupby(["recipe", "target"], sort=False)["gain"]
    rows = groups.agg(gain="mean", variance="var", runs="count").reset_index()
    rows["tasks"] = rows["recipe"].map(lambda name: recipes[name][0])
    rows["size"] = rows["recipe"].map(lambda name: recipes[name][1])
    rows = rows[[target not in tasks for target, tasks in rows[["target", "tasks"]].to_numpy()]]
    if rows.empty:
        raise UsageError(f"{study.name} has no finished gains: it cannot be evidence")
    freedom = (rows["runs"] - 1).sum()
    pooled = (rows["variance"] * (rows["runs"] - 1)).sum() / freedom if freedom else _ONE_RUN**2
    rows = rows.assign(table=study.name, error=np.sqrt(pooled / rows["runs"]))
    return rows.drop(columns="variance")


_Recipes = Mapping[str, tuple[tuple[str, ...], float]]


def _measured(study: Study, languages: Sequence[str] | None) -> tuple[pd.DataFrame, _Recipes]:
    """Return gains by recipe, target and run, and the tasks and size of each recipe. Those of kept
    runs are read from their table of scores."""
    if study.reference:
        scores = comparable(pd.read_csv(reference_folder(study.reference) / SCORES))
    else:
        scores = finished(study)
    table = gains(contenders(scores, study.controls)).rename(columns={"task": "target"})
    if len(table):
        codes = set(table["language"])
        require_known("language of measured gains", languages or (), codes, study.name)
    chosen = table["language"].isin(chosen_languages(table["language"], languages))
    if languages is None:  # a target of one's own may be in English alone
        chosen |= table.groupby("target")["language"].transform("nunique") == 1
    table = table[chosen]
    recipes = {
        spec.recipe: (tuple(spec.tasks), sum(_size(spec, name) for name in spec.tasks))
        for spec in study.specs
        if isinstance(spec, IntermediateSpec)
    }
    by_run = table.groupby(["recipe", "target", "seed"], sort=False, as_index=False)["gain"].mean()
    return by_run, recipes


def _size(spec: IntermediateSpec, name: str) -> float:
    """Return the training examples of a task that count in a run. Local files have at most those of
    the hub."""
    size = taken(name, spec.examples_of(name), "mini" if spec.embedded else "hub")
    return min(size, spec.cap) if len(spec.tasks) > 1 else size


def _published(study: Study) -> tuple[pd.DataFrame, _Recipes]:
    """Return `_measured` of published scores, as gains over the baseline's mean."""
    scores = performance(study).rename(columns={"task": "target"})
    scores = scores[scores["kind"] == "target"]
    is_baseline = scores["recipe"] == BASELINE
    baseline = scores[is_baseline].groupby("target")["score"].mean()
    by_run = scores[~is_baseline].assign(
        gain=lambda frame: frame["score"] - frame["target"].map(baseline)
    )
    sizes = training_examples(study).items()
    return by_run[["recipe", "target", "run", "gain"]], {
        name: ((name,), float(size)) for name, size in sizes
    }


def _described(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the target's format, and whether the recipe has it."""
    formats = rows["target"].map(FORMATS) if "format" not in rows else rows["format"]
    same = [
        float(any(FORMATS[name] == form for name in tasks))
        for tasks, form in zip(rows["tasks"], formats, strict=True)
    ]
    return rows.assign(format=formats, same_format=same)


def candidates(table: pd.DataFrame, target: str, form: str) -> pd.DataFrame:
    """Return the rows to predict for a target of a format: every recipe of the evidence whose tasks
    the suite has, as in the first table."""
    possible = [
        target not in tasks and all(name in TASKS for name in tasks) for tasks in table["tasks"]
    ]
    rows = table[possible].drop_duplicates("recipe")
    return _described(rows.assign(table=table["table"].iloc[0], target=target, format=form))


def with_similarity(rows: pd.DataFrame, vectors: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Add the column similarity: the cosine of the mean vectors of two tasks' texts (TextEmb: Vu
    et al. 2020), mean over the recipe's tasks; NaN without vectors of one of them."""
    units = {name: vector / np.linalg.norm(vector) for name, vector in vectors.items()}

    def similarity(tasks: Sequence[str], target: str) -> float:
        if target not in units or not all(name in units for name in tasks):
            return float("nan")
        return float(np.mean([units[name] @ units[target] for name in tasks]))

    pairs = zip(rows["tasks"], rows["target"], strict=True)
    return rows.assign(similarity=[similarity(*pair) for pair in pairs])
