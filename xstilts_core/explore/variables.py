"""Collect a study's variables that can be plotted: of recipes, of single runs and of languages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from xstilts_core.analysis.abilities import by_run, labels, own_and_gains, performance
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore.index import EVERY, FACTS, Choice, fact
from xstilts_core.explore.reader import Reader
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import counted

_CORPUS_SIZE = "log10 GiB in CC-100"
NO_COLOR = "nothing"


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one kind of unit, a row per unit. values: a numeric column per variable.
    groups: a column per grouping that can color the points. caution: a note on what n counts."""

    values: pd.DataFrame
    groups: pd.DataFrame
    caution: str


def _kind(study: Study, name: str) -> str:
    """Return the kind of a recipe's intermediate tasks, such as semantic, or "several"."""
    recipe = study.recipes.get(name)
    tasks = recipe.intermediate if recipe else [name]
    kinds = {TASKS[task].kind for task in tasks if task in TASKS}
    return kinds.pop() if len(kinds) == 1 else "several" if kinds else "unknown"


def _recipe_variables(reader: Reader) -> Variables:
    """Return a row per recipe: its own score and its gains, as means over runs."""
    table = own_and_gains(performance(reader.study))
    kinds = [_kind(reader.study, recipe) for recipe in table.index]
    groups = pd.DataFrame({"kind of task": kinds}, index=table.index)
    return Variables(table, groups, "A point per recipe, mean over its runs.")


def _run_variables(reader: Reader) -> Variables:
    """Return a row per recipe and run with gains over the baseline's run of the same seed; for
    published scores, the scores themselves."""
    study = reader.study
    table = by_run(performance(study), paired=not study.published)
    groups = table.index.to_frame()[["recipe", "run"]].astype(str)
    groups.insert(1, "kind of task", [_kind(study, recipe) for recipe in groups["recipe"]])
    caution = (
        "A point per recipe and run. Runs of one recipe resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


def _language_variables(reader: Reader) -> Variables:
    """Return a row per language: the baseline's scores, the recipes' mean gains, and the size of
    the language's part of XLM-R's training corpus."""
    index, choice = reader.index, Choice(scope=EVERY)
    axes, draws = index.axes, index.draws(choice)
    rows = draws.labels.join(pd.DataFrame(draws.values))
    rows = rows[~rows["recipe"].isin(reader.study.controls)]
    gains = rows.melt(list(draws.labels), value_name="gain").astype({"gain": float})
    means = gains.pivot_table("gain", "language", "task")
    means = means.reindex(index=axes.languages, columns=axes.tasks)
    table = pd.DataFrame(index=pd.Index(axes.languages, name="language"))
    for task, scores in zip(axes.tasks, index.values(BASELINE, choice.metric), strict=True):
        table[f"{task}: baseline, %"] = pd.DataFrame(scores).mean(axis=1).to_numpy()
        table[f"{task}: mean gain"] = means[task]
    sizes = [LANGUAGES[code].xlmr_gib if code in LANGUAGES else None for code in axes.languages]
    table[_CORPUS_SIZE] = [np.log10(size) if size else np.nan for size in sizes]
    # If the tasks differed by language, their mean would compare tasks, not languages.
    common = means.dropna(axis="columns")
    if len(common.columns):
        tasks = counted(len(common.columns), "task")
        table[f"{AVERAGE} ({tasks} in all languages): mean gain"] = common.mean(axis=1)
    groups = pd.DataFrame(
        {key.replace("_", " "): [fact(code, key) for code in axes.languages] for key in FACTS},
        index=table.index,
    )
    caution = (
        "A point per language, including English. Related languages resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


UNITS: Mapping[str, Callable[[Reader], Variables]] = {
    "recipes": _recipe_variables,
    "recipes and runs": _run_variables,
    "languages": _language_variables,
}


def variables(reader: Reader, unit: str) -> Variables:
    """Return the variables of a unit, with short names for published tasks. Raise UsageError if the
    study has fewer than two of them."""
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    selected = UNITS[unit](reader)
    table = selected.values.dropna(axis="columns", how="all")
    if table.shape[1] < 2:
        raise UsageError(f"{reader.study.name}: fewer than two variables of {unit} with values yet")
    return replace(selected, values=table.rename(columns=dict(labels(reader.study))))
