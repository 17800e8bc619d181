"""Compare intermediate data in other languages with the same data in English: gains by condition,
planned contrasts, and what they show.

    difference(recipe, target) = gain(recipe, target) - gain(English recipe, target)

The English recipe is the study's recipe that differs only in data_languages, noise and translator.
Both gains are over the same baseline, seed by seed and item by item, so the difference is paired
and its interval is that of `intervals.py`. Contrasts are means of such differences over recipes and
targets, planned before the numbers are seen; everything else in the report is descriptive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, answer_table, mean
from xstilts_core.analysis.scores import AVERAGE, ENGLISH, in_order
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.tasks.embedded_sizes import RESOURCE

COLUMNS = [
    "intermediate",
    "condition",
    "recipe",
    "task",
    "gain",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "seeds",
]
_RELATIONS = [
    "intermediate",
    "language",
    "level",
    "recipe",
    "relation",
    "difference",
    "low",
    "high",
    "targets",
    "seeds",
]
OWN, OTHERS, _IN_ENGLISH = "the same language", "other languages", "English"
LEVELS = ("high", "mid", "low")


@dataclass(frozen=True, slots=True)
class _Condition:
    """A recipe whose intermediate data have their own languages or noise. english: the recipe with
    plain English data, "" if none."""

    recipe: str
    intermediate: str
    languages: tuple[str, ...]
    noise: float
    translator: str
    english: str

    @property
    def text(self) -> str:
        """A description of the data, like "de+sw, 20 % noise, by some/model"."""
        noise = f", {100 * self.noise:g} % noise" if self.noise else ""
        return (
            f"{'+'.join(self.languages)}{noise}"
            f"{f', by {self.translator}' if self.translator else ''}"
        )

    @property
    def data(self) -> tuple[str, tuple[str, ...], str]:
        """What the data are apart from their noise."""
        return self.intermediate, self.languages, self.translator

    @property
    def plain(self) -> bool:
        """Whether the data are plain English."""
        return self.languages == (ENGLISH,) and not self.noise

    @property
    def foreign(self) -> str:
        """The single language of clean data that are not English; empty for several languages,
        noise or English."""
        return (
            self.languages[0]
            if len(self.languages) == 1 and self.languages != (ENGLISH,) and not self.noise
            else ""
        )


def plain(recipe: Recipe) -> Recipe:
    """Return the recipe with plain English data."""
    return recipe.without("data_languages", "noise", "translator")


def conditions(study: Study) -> list[_Condition]:
    """Return the conditions of a study's intermediate recipes, including plain English ones, in the
    order of the study."""
    english = {name: recipe for name, recipe in study.recipes.items() if recipe == plain(recipe)}
    return [
        _Condition(
            name,
            "+".join(recipe.intermediate),
            tuple(recipe.setting("data_languages") or (ENGLISH,)),
            recipe.setting("noise"),
            recipe.setting("translator"),
            next((other for other, candidate in english.items() if candidate == plain(recipe)), ""),
        )
        for name, recipe in study.recipes.items()
        if recipe.intermediate
    ]


def compared(study: Study) -> list[_Condition]:
    """Return the conditions that have an English recipe for comparison."""
    return [case for case in conditions(study) if case.english and case.english != case.recipe]


def data_effects(study: Study, draws: Gains) -> pd.DataFrame:
    """Return every recipe that is part of a comparison with an English one, by target and on
    average: columns COLUMNS, in points.

    gain, low, high: over the baseline. difference...: from the English recipe, NaN for English
    recipes themselves. Values are NaN if runs are missing. seeds: the number behind the difference,
    for English recipes behind the gain.
    """
    recipes = {name for case in compared(study) for name in (case.recipe, case.english)}
    rows = []
    for case in conditions(study):
        for task in (*draws.tasks, AVERAGE) if case.recipe in recipes and draws.tasks else ():
            gain = draws.gain(case.recipe, task)
            change = gain - draws.gain(case.english, task)
            is_english = case.recipe == case.english
            label = "English" if case.plain else case.text
            effect = (np.nan,) * 3 if is_english else change.numbers
            seeds = (gain if is_english else change).count
            key = case.intermediate, label, case.recipe, task
            rows.append((*key, *gain.numbers, *effect, seeds))
    return pd.DataFrame(rows, columns=COLUMNS)


def _contrast_table(contrasts: Mapping[str, Sequence[Estimate]]) -> pd.DataFrame:
    """Return one row per contrast that has parts, the mean of those whose runs are finished:
    columns contrast, difference, low, high, recipes, missing and seeds."""
    planned = {text: parts for text, parts in contrasts.items() if parts}
    known = [[part for part in parts if np.isfinite(part.exact)] for parts in planned.values()]
    means = [mean(some or parts) for some, parts in zip(known, planned.values(), strict=True)]
    table = answer_table(["contrast"], [(text,) for text in planned], means, "difference")
    counts = np.array([len(some) for some in known], dtype=int)
    table.insert(4, "recipes", counts)
    table.insert(5, "missing", [len(parts) for parts in planned.values()] - counts)
    return table.drop(columns="resampled")


def data_contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return the planned contrasts, mean over intermediate tasks and targets, in points: the
    columns of `_contrast_table`; NaN if all runs are missing.

    The contrasts are: clean data in another language against English, for each language and all of
    them; several languages against English; each level of noise against the same languages without
    noise. recipes: the number compared; missing: the number whose runs are missing.
    """
    planned = compared(study)

    def against_english(chosen: Sequence[_Condition]) -> list[Estimate]:
        return [draws.average(case.recipe) - draws.average(case.english) for case in chosen]

    single = [case for case in planned if case.foreign]
    contrasts = {"one other language, against English": against_english(single)}
    for code in dict.fromkeys(case.foreign for case in single):
        same = [case for case in single if case.foreign == code]
        contrasts[f"{LANGUAGES[code].name}, against English"] = against_english(same)
    several = [case for case in planned if len(case.languages) > 1 and not case.noise]
    contrasts["several languages, against English"] = against_english(several)
    clean = {case.data: case.recipe for case in conditions(study) if not case.noise}
    for level in sorted({case.noise for case in planned if case.noise}):
        contrasts[f"{100 * level:g} % noise, against the same data without"] = [
            draws.average(case.recipe) - draws.average(clean[case.data])
            for case in planned
            if case.noise == level and case.data in clean
        ]
    return _contrast_table(contrasts)


def resource_level(study: Study, code: str) -> str:
    """Return high, mid or low: how much of a language phase 1 saw, by the embedded suite's own
    corpus or, for any other encoder, by CC-100."""
    if study.embedded and study.encoder in ("mini", "pretrained") and code in RESOURCE:
        return "high" if RESOURCE[code] >= 1 else "mid" if RESOURCE[code] >= 0.5 else "low"
    return LANGUAGES[code].resource_level


def _language_change(
    draws: Gains, entry: _Condition, task: str, codes: Iterable[str]
) -> Estimate | None:
    """Return the mean difference from the English recipe on these languages of a target, or None if
    the target has none of them or runs are missing."""
    gains, english = (draws.cells.get((name, task), {}) for name in (entry.recipe, entry.english))
    shared = [code for code in codes if code in gains and code in english]
    rows = ([cell[code] for code in shared] for cell in (gains, english))
    first, second = map(draws.of_rows, rows)
    return first - second if shared else None


def _relation_codes(draws: Gains, code: str) -> dict[str, list[str]]:
    """Group the scored languages by their relation to a language of the data."""
    scored = sorted({language for cell in draws.cells.values() for language in cell})
    return {
        OWN: [code],
        OTHERS: [language for language in scored if language not in (code, ENGLISH)],
        _IN_ENGLISH: [ENGLISH],
    }


def _relation_estimates(study: Study, draws: Gains) -> list[tuple[_Condition, str, list[Estimate]]]:
    """Return, for clean data in one other language and each relation of the scored languages to it,
    a difference from English for each target."""
    estimates = []
    for case in compared(study):
        for relation, codes in _relation_codes(draws, case.foreign).items() if case.foreign else ():
            parts = [_language_change(draws, case, task, codes) for task in draws.tasks]
            estimates.append((case, relation, [part for part in parts if part is not None]))
    return estimates


def data_relations(study: Study, draws: Gains) -> pd.DataFrame:
    """Return where intermediate data in another language help or harm: columns _RELATIONS, in
    points of difference from English data.

    There is a row per recipe of clean data in one other language and relation of the scored
    languages to it (the same, others, English), averaged over the targets that have them. level:
    `resource_level`. Rows are ordered by level.
    """
    rows = []
    for case, relation, parts in _relation_estimates(study, draws):
        if parts:
            change, level = mean(parts), resource_level(study, case.foreign)
            key = case.intermediate, case.foreign, level, case.recipe, relation
            rows.append((*key, *change.numbers, len(parts), change.count))
    return in_order(pd.DataFrame(rows, columns=_RELATIONS), ["level"], {"level": LEVELS})


def resource_contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return planned contrasts of data in one other language against English, mean over
    intermediate tasks: the columns of `_contrast_table`.

    By level of the data's language, on that language itself and on the others; over all levels,
    also on English; and own language minus others.
    """
    means = [
        (case, relation, mean(parts))
        for case, relation, parts in _relation_estimates(study, draws)
        if parts
    ]
    contrasts = {}
    for relation in (OWN, OTHERS, _IN_ENGLISH):
        related = [(case, value) for case, name, value in means if name == relation]
        for level in LEVELS if relation != _IN_ENGLISH else ():
            contrasts[f"data of {level} resources, scored on {relation}"] = [
                value for case, value in related if resource_level(study, case.foreign) == level
            ]
        contrasts[f"all data not English, scored on {relation}"] = [value for _, value in related]
    by_recipe = {(case.recipe, relation): value for case, relation, value in means}
    contrasts[f"{OWN}, less {OTHERS}"] = [
        value - by_recipe[name, OTHERS]
        for (name, relation), value in by_recipe.items()
        if relation == OWN and (name, OTHERS) in by_recipe
    ]
    return _contrast_table(contrasts)
