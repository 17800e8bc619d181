"""Intermediate data in other languages against the same data in English: gains by condition,
planned contrasts, what they show.

    difference(recipe, target) = gain(recipe, target) - gain(English recipe, target)

The English recipe is the study's recipe that is the same but for data_languages, noise and
translator. Both gains are over the same baseline, seed by seed and item by item, so that the
difference is paired: its interval is that of `intervals.py`. Contrasts are means of such
differences over recipes and targets, planned before the numbers are seen; everything else in the
report describes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import AVERAGE, ENGLISH
from xstilts_core.analysis.intervals import Estimate, GainDraws, mean
from xstilts_core.languages import LANGUAGES
from xstilts_core.mini.corpus import RESOURCE
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe

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
_CONTRASTS = ["contrast", "difference", "low", "high", "recipes", "missing", "seeds"]
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
    """A recipe whose intermediate data have languages or noise of their own. english: the recipe
    with plain English data; "" if none."""

    recipe: str
    intermediate: str
    languages: tuple[str, ...]
    noise: float
    translator: str
    english: str

    @property
    def text(self) -> str:
        """ "de+sw, 20 % noise, by some/model"."""
        noise = f", {100 * self.noise:g} % noise" if self.noise else ""
        return f"{'+'.join(self.languages)}{noise}{f', by {self.translator}' if self.translator else ''}"

    @property
    def plain(self) -> bool:
        """Whether the data are plain English."""
        return self.languages == (ENGLISH,) and not self.noise

    @property
    def foreign(self) -> str:
        """The one language of clean data that is not English; "" where there are several, noise, or
        none."""
        return (
            self.languages[0]
            if len(self.languages) == 1 and self.languages != (ENGLISH,) and not self.noise
            else ""
        )


def plain(recipe: Recipe) -> Recipe:
    """The recipe with plain English data."""
    return recipe.without("data_languages", "noise", "translator")


def conditions(study: Study) -> list[_Condition]:
    """The conditions of a study's intermediate recipes, plain English ones among them, in the order
    of the study."""
    english = {name: recipe for name, recipe in study.recipes.items() if recipe == plain(recipe)}
    return [
        _Condition(
            name,
            "+".join(recipe.intermediate),
            tuple(recipe.setting("data_languages") or (ENGLISH,)),
            recipe.setting("noise"),
            recipe.setting("translator"),
            next((other for other, found in english.items() if found == plain(recipe)), ""),
        )
        for name, recipe in study.recipes.items()
        if recipe.intermediate
    ]


def compared(study: Study) -> list[_Condition]:
    """The conditions that have an English recipe to be compared with."""
    return [found for found in conditions(study) if found.english and found.english != found.recipe]


def estimate(draws: GainDraws, recipe: str, task: str) -> Estimate:
    """A recipe's gain on a target, or its mean over all of them; NaN where runs are missing."""
    return draws.average(recipe) if task == AVERAGE else draws.gain(recipe, task)


def data_effects(study: Study, draws: GainDraws) -> pd.DataFrame:
    """Every recipe with an English one beside it, by target and on average: columns COLUMNS, in
    points.

    gain, low, high: over the baseline. difference...: to the English recipe, NaN for English ones
    themselves. NaN where runs are missing. seeds: behind the difference, of English recipes behind
    the gain.
    """
    wanted = {name for found in compared(study) for name in (found.recipe, found.english)}
    rows = []
    for found in conditions(study):
        for task in (*draws.tasks, AVERAGE) if found.recipe in wanted and draws.tasks else ():
            gain = estimate(draws, found.recipe, task)
            change = gain - estimate(draws, found.english, task)
            own = found.recipe == found.english
            text = "English" if found.plain else found.text
            told = (np.nan,) * 3 if own else (change.value, *change.interval)
            rows.append(
                (
                    found.intermediate,
                    text,
                    found.recipe,
                    task,
                    gain.value,
                    *gain.interval,
                    *told,
                    (gain if own else change).count,
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def contrast(text: str, parts: Iterable[Estimate]) -> tuple[object, ...]:
    """One row of CONTRASTS: the mean of the parts that are known."""
    wanted = list(parts)
    known = [part for part in wanted if np.isfinite(part.value)]
    if not known:
        return (text, np.nan, np.nan, np.nan, 0, len(wanted), 0)
    whole = mean(known)
    return (text, whole.value, *whole.interval, len(known), len(wanted) - len(known), whole.count)


def data_contrasts(study: Study, draws: GainDraws) -> pd.DataFrame:
    """The planned contrasts, mean over intermediate tasks and targets: columns CONTRASTS, in
    points; NaN where all runs are missing.

    Clean data in another language against English, for each language and all of them; several
    languages against English; each level of noise against the same languages without. recipes:
    compared; missing: those whose runs are.
    """
    found = compared(study)

    def against_english(chosen: Sequence[_Condition]) -> list[Estimate]:
        return [draws.average(entry.recipe) - draws.average(entry.english) for entry in chosen]

    single = [entry for entry in found if entry.foreign]
    several = [entry for entry in found if len(entry.languages) > 1 and not entry.noise]
    rows = (
        [contrast("one other language, against English", against_english(single))] if single else []
    )
    for code in dict.fromkeys(entry.foreign for entry in single):
        rows.append(
            contrast(
                f"{LANGUAGES[code].name}, against English",
                against_english([entry for entry in single if entry.foreign == code]),
            )
        )
    if several:
        rows.append(contrast("several languages, against English", against_english(several)))
    clean = {
        (entry.intermediate, entry.languages, entry.translator): entry
        for entry in conditions(study)
        if not entry.noise
    }
    for level in sorted({entry.noise for entry in found if entry.noise}):
        pairs = [
            (entry, clean[key])
            for entry in found
            if entry.noise == level
            and (key := (entry.intermediate, entry.languages, entry.translator)) in clean
        ]
        if pairs:
            text = f"{100 * level:g} % noise, against the same data without"
            rows.append(
                contrast(
                    text,
                    [
                        draws.average(noisy.recipe) - draws.average(base.recipe)
                        for noisy, base in pairs
                    ],
                )
            )
    return pd.DataFrame(rows, columns=_CONTRASTS)


def resource_level(study: Study, code: str) -> str:
    """high, mid or low: how much of a language phase 1 saw. The embedded suite's by its own corpus,
    any other encoder's by CC-100."""
    if study.source == "mini" and study.encoder in ("mini", "pretrained") and code in RESOURCE:
        return "high" if RESOURCE[code] >= 1 else "mid" if RESOURCE[code] >= 0.5 else "low"
    return LANGUAGES[code].resource_level


def _language_change(
    draws: GainDraws, entry: _Condition, task: str, codes: Iterable[str]
) -> Estimate | None:
    """Mean difference to the English recipe on these languages of a target; None where it has none
    of them, or runs are missing."""
    cells = [draws.cells.get((name, task)) for name in (entry.recipe, entry.english)]
    if None in cells:
        return None
    mine, english = (dict(zip(cell.languages, cell.gains, strict=True)) for cell in cells if cell)
    parts = [mine[code] - english[code] for code in codes if code in mine and code in english]
    return mean(parts) if parts else None


def _relation_codes(draws: GainDraws, code: str) -> dict[str, list[str]]:
    """The scored languages by how they stand to a language of the data."""
    scored = sorted({found for cell in draws.cells.values() for found in cell.languages})
    return {
        OWN: [code],
        OTHERS: [found for found in scored if found not in (code, ENGLISH)],
        _IN_ENGLISH: [ENGLISH],
    }


def _relation_estimates(
    study: Study, draws: GainDraws
) -> list[tuple[_Condition, str, list[Estimate]]]:
    """For clean data in one other language, by how the scored languages stand to it: a difference
    to English for each target."""
    found = []
    for entry in compared(study):
        for relation, codes in (
            _relation_codes(draws, entry.foreign).items() if entry.foreign else ()
        ):
            parts = [_language_change(draws, entry, task, codes) for task in draws.tasks]
            found.append((entry, relation, [part for part in parts if part is not None]))
    return found


def data_relations(study: Study, draws: GainDraws) -> pd.DataFrame:
    """Where intermediate data in another language help or harm: columns RELATIONS, in points of
    difference to English data.

    A row per recipe of clean data in one other language and how the scored languages stand to it:
    the same, others, English; mean over the targets that have them. level: `resource_level`.
    Ordered by level.
    """
    rows = []
    for entry, relation, parts in _relation_estimates(study, draws):
        if parts:
            whole = mean(parts)
            level = resource_level(study, entry.foreign)
            rows.append(
                (
                    entry.intermediate,
                    entry.foreign,
                    level,
                    entry.recipe,
                    relation,
                    whole.value,
                    *whole.interval,
                    len(parts),
                    whole.count,
                )
            )
    table = pd.DataFrame(rows, columns=_RELATIONS)
    return table.sort_values(
        "level", key=lambda levels: levels.map(LEVELS.index), kind="stable"
    ).reset_index(drop=True)


def resource_contrasts(study: Study, draws: GainDraws) -> pd.DataFrame:
    """Planned contrasts of data in one other language against English, mean over intermediate
    tasks: columns CONTRASTS.

    By level of the data's language: on that language itself, and on the others; on English over all
    levels; and own language less others.
    """
    found = [
        (entry, relation, mean(parts))
        for entry, relation, parts in _relation_estimates(study, draws)
        if parts
    ]
    rows = []
    for relation in (OWN, OTHERS, _IN_ENGLISH):
        of_relation = [(entry, value) for entry, name, value in found if name == relation]
        for level in LEVELS if relation != _IN_ENGLISH else ():
            parts = [
                value
                for entry, value in of_relation
                if resource_level(study, entry.foreign) == level
            ]
            if parts:
                rows.append(contrast(f"data of {level} resources, scored on {relation}", parts))
        if of_relation:
            rows.append(
                contrast(
                    f"all data not English, scored on {relation}",
                    [value for _, value in of_relation],
                )
            )
    by_recipe = {(entry.recipe, relation): value for entry, relation, value in found}
    names = [
        name for name, relation in by_recipe if relation == OWN and (name, OTHERS) in by_recipe
    ]
    if names:
        rows.append(
            contrast(
                f"{OWN}, less {OTHERS}",
                [by_recipe[name, OWN] - by_recipe[name, OTHERS] for name in names],
            )
        )
    return pd.DataFrame(rows, columns=_CONTRASTS)
