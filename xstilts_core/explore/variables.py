"""Collect a study's variables that can be plotted: of recipes, of single runs and of languages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.performance import by_run, labels, own_and_gains, performance
from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore.index import FACTS, Choice, fact
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
    """The variables of one kind of unit. values: a row per unit, a numeric column per variable.
    groups: name -> the groups by which points can be colored. caution: a note on what n counts."""

    values: pd.DataFrame
    groups: Mapping[str, pd.Series]
    caution: str


def _recipe_kinds(study: Study, recipes: pd.Index) -> pd.Series:
    """Return the kind of each recipe's intermediate tasks, such as semantic, or "several"."""

    def kind(name: str) -> str:
        recipe = study.recipes.get(name)
        tasks = recipe.intermediate if recipe else [name]
        kinds = {TASKS[task].kind for task in tasks if task in TASKS}
        return kinds.pop() if len(kinds) == 1 else "several" if kinds else "unknown"

    return pd.Series([kind(name) for name in recipes], index=recipes)


def _recipe_variables(reader: Reader) -> Variables:
    """Return a row per recipe: its own score and its gains, as means over runs."""
    table = own_and_gains(performance(reader.study))
    groups = {"kind of task": _recipe_kinds(reader.study, table.index)}
    return Variables(table, groups, "A point per recipe, mean over its runs.")


def _run_variables(reader: Reader) -> Variables:
    """Return a row per recipe and run with gains over the baseline's run of the same seed; for
    published scores, the scores themselves."""
    study = reader.study
    table = by_run(performance(study), paired=not study.published)
    kinds = _recipe_kinds(study, table.index.get_level_values("recipe"))
    recipes = pd.Series(table.index.get_level_values("recipe"), index=table.index)
    runs = pd.Series(table.index.get_level_values("run").astype(str), index=table.index)
    groups = {
        "recipe": recipes,
        "kind of task": pd.Series(kinds.to_numpy(), index=table.index),
        "run": runs,
    }
    caution = (
        "A point per recipe and run. Runs of one recipe resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


def of_languages(reader: Reader) -> Variables:
    """Return a row per language: the baseline's scores, the recipes' mean gains, and the size of
    the language's part of XLM-R's training corpus."""
    index = reader.index
    change, choice = index.change(Choice()), Choice()
    contenders = [
        position
        for position, name in enumerate(index.recipes)
        if name != BASELINE and name not in reader.study.controls
    ]
    baseline_scores = index.scores(choice.metric).values[index.place(BASELINE)]
    columns = {}
    for position, name in enumerate(index.tasks):
        columns[f"{name}: baseline, %"] = mean(baseline_scores[position], 1)
        columns[f"{name}: mean gain"] = mean(
            change[contenders, position].transpose(1, 0, 2).reshape(len(index.languages), -1), 1
        )
    gains = [name for name in columns if name.endswith("mean gain")]
    sizes = [LANGUAGES[code].xlmr_gib if code in LANGUAGES else None for code in index.languages]
    table = pd.DataFrame(columns, index=pd.Index(index.languages, name="language"))
    table[_CORPUS_SIZE] = [np.log10(size) if size else np.nan for size in sizes]
    # If the tasks differed by language, their mean would compare tasks, not languages.
    common = [name for name in gains if table[name].notna().all()]
    if common:
        table[f"{AVERAGE} ({counted(len(common), 'task')} in all languages): mean gain"] = table[
            common
        ].mean(axis=1)
    groups = {
        key.replace("_", " "): pd.Series(
            [fact(code, key) for code in index.languages], index=table.index
        )
        for key in FACTS
    }
    caution = (
        "A point per language, including English. Related languages resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of the finite values; NaN if there are none."""
    counts = np.isfinite(values).sum(axis=axis)
    return np.divide(
        np.nansum(values, axis=axis), counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )


UNITS: Mapping[str, Callable[[Reader], Variables]] = MappingProxyType(
    {"recipes": _recipe_variables, "recipes and runs": _run_variables, "languages": of_languages}
)


def variables(reader: Reader, unit: str) -> Variables:
    """Return the variables of a unit, with short names for published tasks. Raise UsageError if the
    study has fewer than two of them."""
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    all_variables = UNITS[unit](reader)
    table = all_variables.values.dropna(axis="columns", how="all")
    if table.shape[1] < 2:
        raise UsageError(f"{reader.study.name}: fewer than two variables of {unit} with values yet")
    return Variables(
        table.rename(columns=dict(labels(reader.study))),
        all_variables.groups,
        all_variables.caution,
    )
