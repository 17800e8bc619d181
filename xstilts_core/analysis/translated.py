"""Compare intermediate data in other languages with the same data in English: gains by condition,
planned contrasts, and what they show.

    difference(recipe, target) = gain(recipe, target) - gain(English recipe, target)

The English recipe is the study's recipe that differs only in data_languages, noise and translator.
Both gains are over the same baseline, seed by seed and item by item, so the difference is paired
and its interval is that of intervals.py. Contrasts are means of such differences over recipes and
targets, planned before the numbers are seen; everything else in the report is descriptive.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, mean
from xstilts_core.analysis.recipes import DATA, twin
from xstilts_core.analysis.scores import AVERAGE, ENGLISH, in_order
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.tasks.embedded_sizes import RESOURCE

_EFFECTS = ["intermediate", "condition", "recipe", "task", "gain", "low", "high"]
_EFFECTS += ["difference", "difference_low", "difference_high", "seeds"]
_RELATIONS = ["intermediate", "language", "level", "recipe", "relation"]
_RELATIONS += ["difference", "low", "high", "targets", "seeds"]
_CONTRASTS = ["contrast", "difference", "low", "high", "recipes", "missing", "seeds"]
_OWN, _OTHERS, _IN_ENGLISH = "the same language", "other languages", "English"
_LEVELS = ("high", "mid", "low")


class _Condition(NamedTuple):
    """A recipe and its intermediate data. english: the recipe with plain English data, "" if
    none."""

    recipe: str
    english: str
    noise: float
    intermediate: str
    languages: tuple[str, ...]
    translator: str

    @property
    def data(self) -> tuple[str, tuple[str, ...], str]:
        """What the data are apart from their noise."""
        return self.intermediate, self.languages, self.translator

    @property
    def text(self) -> str:
        """A description of the data, like "de+sw, 20 % noise, by some/model"."""
        noise = f", {100 * self.noise:g} % noise" if self.noise else ""
        translator = f", by {self.translator}" if self.translator else ""
        return "+".join(self.languages) + noise + translator

    @property
    def foreign(self) -> str:
        """The single language of clean data that are not English; empty for several languages,
        noise or English."""
        clean = len(self.languages) == 1 and not self.noise
        return self.languages[0] if clean and self.languages != (ENGLISH,) else ""


def conditions(study: Study) -> list[_Condition]:
    """Return the conditions of a study's intermediate recipes, including plain English ones, in the
    order of the study."""
    return [
        _Condition(
            recipe=name,
            english=twin(study.recipes, recipe, DATA),
            noise=recipe.setting("noise"),
            intermediate="+".join(recipe.intermediate),
            languages=tuple(recipe.setting("data_languages") or (ENGLISH,)),
            translator=recipe.setting("translator"),
        )
        for name, recipe in study.recipes.items()
        if recipe.intermediate
    ]


def compared(study: Study) -> list[_Condition]:
    """Return the conditions that have an English recipe for comparison."""
    return [case for case in conditions(study) if case.english not in ("", case.recipe)]


def data_effects(study: Study, draws: Gains) -> pd.DataFrame:
    """Return every recipe that is part of a comparison with an English one, by target and on
    average: columns _EFFECTS, in points.

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
            effect = (np.nan,) * 3 if is_english else change.numbers
            seeds = (gain if is_english else change).count
            label = "English" if case.text == ENGLISH else case.text
            key = case.intermediate, label, case.recipe, task
            rows.append((*key, *gain.numbers, *effect, seeds))
    return pd.DataFrame(rows, columns=_EFFECTS)


def _contrast_table(contrasts: Mapping[str, Sequence[Estimate]]) -> pd.DataFrame:
    """Return one row per contrast that has parts, the mean of those whose runs are finished:
    columns _CONTRASTS."""
    rows = []
    for text, parts in contrasts.items():
        finished = [part for part in parts if part.finished]
        if parts:
            change, count = mean(finished or parts), len(finished)
            rows.append((text, *change.numbers, count, len(parts) - count, change.count))
    return pd.DataFrame(rows, columns=_CONTRASTS)


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


class _Relation(NamedTuple):
    """The difference of data in one other language from English data, on scored languages of one
    relation to it: mean over targets, their number, and the `resource_level` of the data."""

    case: _Condition
    name: str
    level: str
    change: Estimate
    targets: int


def _relations(study: Study, draws: Gains) -> list[_Relation]:
    """Return the relations of clean data in one other language that have a target with finished
    runs."""
    scored, relations = sorted(set(draws.labels["language"])), []
    for case in compared(study):
        if not case.foreign:
            continue
        others = [code for code in scored if code not in (case.foreign, ENGLISH)]
        groups = {_OWN: [case.foreign], _OTHERS: others, _IN_ENGLISH: [ENGLISH]}
        for name, codes in groups.items():
            changes = []
            for task in draws.tasks:
                cells = [draws.cells.get((one, task), {}) for one in (case.recipe, case.english)]
                shared = [code for code in codes if all(code in cell for cell in cells)]
                first, second = (draws.of_rows([cell[code] for code in shared]) for cell in cells)
                changes += [first - second] if shared else []
            if changes:
                level = resource_level(study, case.foreign)
                relations.append(_Relation(case, name, level, mean(changes), len(changes)))
    return relations


def data_relations(study: Study, draws: Gains) -> pd.DataFrame:
    """Return where intermediate data in another language help or harm: columns _RELATIONS, in
    points of difference from English data.

    There is a row per recipe of clean data in one other language and relation of the scored
    languages to it (the same, others, English), averaged over the targets that have them. level:
    `resource_level`. Rows are ordered by level.
    """
    rows = []
    for case, name, level, change, targets in _relations(study, draws):
        key = case.intermediate, case.foreign, level, case.recipe, name
        rows.append((*key, *change.numbers, targets, change.count))
    return in_order(pd.DataFrame(rows, columns=_RELATIONS), ["level"], {"level": _LEVELS})


def resource_contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return planned contrasts of data in one other language against English, mean over
    intermediate tasks: the columns of `_contrast_table`.

    By level of the data's language, on that language itself and on the others; over all levels,
    also on English; and own language minus others.
    """
    relations, contrasts = _relations(study, draws), {}
    for name in (_OWN, _OTHERS, _IN_ENGLISH):
        related = [relation for relation in relations if relation.name == name]
        for level in _LEVELS if name != _IN_ENGLISH else ():
            contrasts[f"data of {level} resources, scored on {name}"] = [
                relation.change for relation in related if relation.level == level
            ]
        all_data = f"all data not English, scored on {name}"
        contrasts[all_data] = [relation.change for relation in related]
    others = {one.case.recipe: one.change for one in relations if one.name == _OTHERS}
    contrasts[f"{_OWN}, less {_OTHERS}"] = [
        one.change - others[one.case.recipe]
        for one in relations
        if one.name == _OWN and one.case.recipe in others
    ]
    return _contrast_table(contrasts)
