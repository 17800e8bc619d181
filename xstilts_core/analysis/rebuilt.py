"""Rebuild the tables of Phang et al. (2020) from a study, next to the published numbers whose
source is available.

The paper's own text was not available, so its tables are not numbered here: tasks, training
settings, gains by recipe and target, the benchmark's test scores, scores by language, and the two
variants (with masked language modeling, translated data). If no source confirms a published number,
the cell reads "unconfirmed" instead. `reference/phang2020.csv` has the numbers with their sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, gain_draws, gain_table
from xstilts_core.analysis.items import ItemScores
from xstilts_core.analysis.published import SECOND_HAND, known
from xstilts_core.analysis.recipes import VARIANTS, WORDS, plain, variants
from xstilts_core.analysis.scores import (
    AVERAGE,
    baseline,
    baseline_by_language,
    development_gains,
    target_scores,
)
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, IntermediateSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME
from xstilts_core.wording.numbers import cell, counted, excludes_zero, gain, number

UNCONFIRMED = "unconfirmed"
# The average over fewer targets is a different quantity.
_PART = "needs all nine targets"
_ENCODER, _SYSTEM, _NINE = "xlmr_large", "xstilts", "together"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table as text and numbers, and its caption."""

    caption: str
    frame: pd.DataFrame


def _ranged(estimate: Estimate, published: float = 0.0) -> str:
    """Format an estimate, or its difference from a published number, like the main table, '+1.2
    (-0.3 to 2.7) *'. Return an empty string if runs are missing; omit the brackets with one seed or
    without a measurement."""
    estimate -= estimate.gains.nothing(published)
    return cell(estimate.value, *(estimate.interval if estimate.count else (np.nan, np.nan)))


def _published(value: float, sign: bool = False) -> str:
    """Format a published number."""
    return number(value, sign=sign, missing=UNCONFIRMED)


def _tasks_table(study: Study) -> pd.DataFrame:
    """Return the tasks with their published sizes and the most examples of each that this study
    trains on. A size from memory alone is unconfirmed."""
    limits = {
        name: spec.train_examples
        for spec in study.specs
        if isinstance(spec, IntermediateSpec | TargetSpec) and len(spec.trains) == 1
        for name in spec.scores or spec.trains
    }
    rows = []
    for role, names in (("intermediate", INTERMEDIATE_NAMES), ("target", study.targets)):
        for name in names:
            task = TASKS[name]
            source = TASKS[task.train_on] if task.train_on else task
            sizes = {
                split: UNCONFIRMED
                if split in entry.recalled
                else f"{entry.sizes[split]:,}"
                if split in entry.sizes
                else ""
                for split, entry in (("train", source), ("dev", task), ("test", task))
            }
            if source.format == "retrieval":
                sizes["train"] = ""
            limit = f"{limits.get(name, 0):,}" if limits.get(name) else "all"
            rows.append(
                {
                    "role": role,
                    "task": task.title,
                    **sizes,
                    "languages": len(task.languages),
                    "format": task.format,
                    "metric": task.metric,
                    "train (this study)": limit if name in limits else "",
                }
            )
    return pd.DataFrame(rows)


def _training_table(study: Study) -> pd.DataFrame:
    """Return epochs, batch, learning rate and longest input by phase and task: this study's and the
    published ones."""
    names = ["epochs", "batch", "learning rate", "longest input"]
    rows = []
    for spec in study.specs:
        if isinstance(spec, IntermediateSpec | TargetSpec) and len(spec.trains) == 1:
            (name,) = spec.trains
            setup = TASKS[(spec.scores or spec.trains)[0]].published or TASKS[name].published
            ours, paper = (
                (run.epochs, run.batch_size, f"{run.learning_rate:g}", run.max_length)
                if run
                else (UNCONFIRMED,) * len(names)
                for run in (spec, setup if setup and setup.confirmed else None)
            )
            rows.append((spec.phase, TASKS[name].title, *ours, *paper))
    columns = ["phase", "trained on", *names, *(f"{name} (published)" for name in names)]
    return pd.DataFrame(rows, columns=columns, dtype=object).drop_duplicates(ignore_index=True)


def _paper_name(study: Study, recipe: str) -> str:
    """Return the name of a recipe's average gain among the published numbers, or an empty string if
    the recipe is not the paper's."""
    tasks = study.recipes[recipe].intermediate
    if plain(study.recipes, tasks) != recipe:
        return ""
    return _NINE if set(tasks) == set(INTERMEDIATE_NAMES) else tasks[0] if len(tasks) == 1 else ""


def _texts(table: pd.DataFrame, draws: Gains, brief: bool) -> pd.DataFrame:
    """Return gains as text, a row per recipe and a column per target: '-1.7*', with a star if the
    interval excludes 0, if `brief`; else with their intervals, like the main table."""
    texts = [
        f"{gain(value)}{'*' if excludes_zero(low, high) else ''}"
        if brief
        else cell(value, low, high)
        for value, low, high in zip(table["gain"], table["low"], table["high"], strict=True)
    ]
    wide = table.assign(text=texts).pivot(index="recipe", columns="task", values="text")
    return wide.reindex(index=draws.recipes, columns=draws.tasks).rename_axis(columns=None)


def _gains_table(study: Study, draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return gains by recipe and target, the average with its interval, the published average gain,
    and the difference from a confirmed one."""
    table = _texts(gain_table(draws), draws, brief=True)
    numbers = [known(_paper_name(study, recipe), AVERAGE, "gain") for recipe in table.index]
    averages = [draws.average(recipe) for recipe in table.index]
    table[AVERAGE] = [_ranged(average) for average in averages]
    table["paper (average)"] = [
        _published(paper.value, sign=True) + (f" ({SECOND_HAND})" if paper.second_hand else "")
        for paper in numbers
    ]
    table["difference"] = [
        UNCONFIRMED
        if paper.second_hand or np.isnan(paper.value)
        else _ranged(average, paper.value)
        if set(draws.tasks) == set(XTREME)
        else _PART
        for average, paper in zip(averages, numbers, strict=True)
    ]
    base = baseline(scores, targets=draws.tasks).iloc[0]
    first = [*(number(base[name]) for name in (*draws.tasks, AVERAGE)), UNCONFIRMED, UNCONFIRMED]
    rows = pd.DataFrame([first], columns=table.columns, index=[f"{BASELINE} (score)"])
    return pd.concat([rows, table]).rename_axis("recipe").reset_index()


def _benchmark_table(
    scores: pd.DataFrame, items: ItemScores, draws: Gains, development: pd.DataFrame
) -> pd.DataFrame:
    """Return scores of the baseline and of the recipe that development data choose for each target,
    next to the published scores, with the difference of gains.

    Means are over all languages including English, as in XTREME. Questions: F1 alone (XTREME's
    average includes exact match).
    """
    codes = sorted(set(target_scores(scores)["language"]))
    base = baseline(scores, codes, targets=draws.tasks).iloc[0]
    all_draws = gain_draws(scores, items, codes, targets=draws.tasks)
    chosen = development_gains(development, draws.cells, draws.tasks).idxmax()
    gains = {task: all_draws.gain(recipe, task) for task, recipe in chosen.items()}
    complete = set(gains) == set(draws.tasks) == set(XTREME)
    gains[AVERAGE] = all_draws.mean(list(gains.values()) if complete else [])
    rows = []
    for task in (*draws.tasks, AVERAGE):
        before, after = known(_ENCODER, task), known(_SYSTEM, task).value
        recipe, value = chosen.get(task, ""), gains.get(task, all_draws.nothing(np.nan))
        paper, difference = after - before.value, _published(base[task] - before.value, sign=True)
        if task == AVERAGE:
            paper = known("chosen", AVERAGE, "gain").value
        gap = UNCONFIRMED if np.isnan(paper) else _ranged(value, paper)
        split = f" ({before.split})" if before.split else ""
        rows.append(
            {
                "target": task,
                "metric": TASKS[task].metric if task in TASKS else "",
                BASELINE: number(base[task]),
                "XLM-R Large": _published(before.value) + split,
                "difference": difference if np.isfinite(base[task]) else "",
                "chosen": recipe,
                "gain": "0 (the baseline)" if recipe == BASELINE else _ranged(value),
                "X-STILTs": _published(after),
                "gain (published)": _published(paper, sign=True),
                "difference of gains": gap if complete or task != AVERAGE else _PART,
            }
        )
    return pd.DataFrame(rows)


def _language_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the baseline's scores by language and target; for retrieval also XLM-R Large's
    published score and the difference."""
    scored = baseline_by_language(scores)
    if scored.empty:
        return pd.DataFrame(columns=["language"])
    wide = scored.pivot(index="language", columns="task", values="value")
    table = pd.DataFrame({"language": [f"{LANGUAGES[code].name} ({code})" for code in wide.index]})
    for task in scored["task"].unique():
        values = wide[task].to_numpy()
        published = np.array([known(_ENCODER, task, language=code).value for code in wide.index])
        table[task] = [number(value) for value in values]
        if np.isfinite(published).any():
            texts = [_published(value) for value in published]
            table[f"{task}, XLM-R Large"] = np.where(np.isfinite(values), texts, "")
            table[f"{task}, difference"] = [gain(value) for value in values - published]
    return table


def _variants_table(study: Study, draws: Gains, kind: str) -> pd.DataFrame:
    """Return gains of the recipes with that setting minus those of the same tasks in plain English;
    no rows if a study has none."""
    recipes = {name: recipe for name, recipe in study.recipes.items() if name not in study.controls}
    rows = []
    for name, base in variants(recipes, kind).items():
        cells = [
            _ranged(draws.gain(name, task) - draws.gain(base, task))
            for task in (*draws.tasks, AVERAGE)
        ]
        rows.append((name, base or "no plain recipe", *cells, UNCONFIRMED))
    return pd.DataFrame(rows, columns=["recipe", "plain", *draws.tasks, AVERAGE, "paper"])


def paper_tables(
    study: Study,
    scores: pd.DataFrame,
    items: ItemScores,
    draws: Gains,
    development: pd.DataFrame,
) -> Mapping[str, PaperTable]:
    """Return every table by the name of its file. scores: from `finished`, without controls; draws:
    from `gain_draws` on them."""
    seeds, spread = counted(len(draws.seeds), "seed"), "no intervals: one seed"
    if len(draws.seeds) > 1:
        spread = "95 % intervals over seeds and test items, * if they exclude 0"
    zero_shot = (
        f"Zero-shot gains over {BASELINE} in points, mean over languages except English and "
        f"{seeds}; {spread}."
    )
    intervals = _texts(gain_table(draws), draws, brief=False)
    tables = {
        "tasks": PaperTable(
            "Tasks with their published sizes, and the examples that this study trains on.",
            _tasks_table(study),
        ),
        "training": PaperTable(
            "Training settings of this study, and published ones.", _training_table(study)
        ),
        "gains": PaperTable(
            f"{zero_shot} Published: average gain on development data; {SECOND_HAND}: reported of "
            "the paper, its tables not seen.",
            _gains_table(study, draws, scores),
        ),
        "intervals": PaperTable(zero_shot, intervals.reset_index()),
        "benchmark": PaperTable(
            f"Scores by the benchmark's rule (all languages; questions: F1), {seeds}, and gains "
            f"of the recipe chosen on development data; {spread}. Published: XTREME's test data, "
            "or development data if marked so.",
            _benchmark_table(scores, items, draws, development),
        ),
        "by_language": PaperTable(
            f"Scores of {BASELINE} by language, mean of {seeds}.", _language_table(scores)
        ),
    }
    for kind in VARIANTS:
        table = _variants_table(study, draws, kind)
        if len(table):
            tables[kind] = PaperTable(
                f"With {WORDS[kind]}: gains less those of the same tasks in plain English; "
                f"{seeds}, {spread}.",
                table,
            )
    return tables


def not_rebuilt(study: Study, tables: Mapping[str, PaperTable], draws: Gains) -> pd.DataFrame:
    """Return what this study cannot show of the paper, and why: columns table reason."""
    rows = [
        (kind, f"no recipe of this study has {WORDS[kind]}")
        for kind in VARIANTS
        if kind not in tables
    ]
    names = {_paper_name(study, name) for name, one in study.recipes.items() if one.intermediate}
    finished = draws.finished
    reasons = [f"no recipe of {name}" for name in INTERMEDIATE_NAMES if name not in names]
    reasons += ["no recipe of all nine tasks together"] if _NINE not in names else []
    reasons += [f"no finished gains on {name}" for name in study.targets if name not in finished]
    reasons += [
        f"{name} on {task}: runs missing"
        for name in draws.recipes
        for task in finished
        if (name, task) not in draws.cells
    ]
    rows += [("gains", reason) for reason in reasons]
    return pd.DataFrame(rows, columns=["table", "reason"])
