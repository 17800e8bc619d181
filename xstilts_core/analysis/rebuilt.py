"""Rebuild the tables of Phang et al. (2020) from a study, next to the published numbers whose
source is available.

The paper's own text was not available, so its tables are not numbered here: tasks, training
settings, gains by recipe and target, the benchmark's test scores, scores by language, and the two
variants (with masked language modeling, translated data). If no source confirms a published number,
the cell reads "unconfirmed" instead. `reference/phang2020.csv` has the numbers with their sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from xstilts_core.analysis.choice import choices
from xstilts_core.analysis.claims import (
    VARIANTS,
    WORDS,
    gain,
    plain,
    published,
    variants,
)
from xstilts_core.analysis.gain_array import Estimate, Gains, gain_draws, gain_table, mean
from xstilts_core.analysis.gains import AVERAGE, baseline, baseline_by_language, target_scores
from xstilts_core.analysis.items import ItemScores
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, IntermediateSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME, Task
from xstilts_core.wording import numbers

UNCONFIRMED, _SECOND_HAND = "unconfirmed", "second hand"
# The average over fewer targets is a different quantity.
PART = "needs all nine targets"
MEAN = "mean"
ENCODER, _SYSTEM = "xlmr_large", "xstilts"
NINE = "together"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table as text and numbers, and its caption."""

    caption: str
    frame: pd.DataFrame


def ranged(estimate: Estimate | None) -> str:
    """Format an estimate like the main table, '+1.2 (-0.3 to 2.7) *'. Return an empty string if
    runs are missing; omit the brackets with one seed or without a measurement."""
    if estimate is None:
        return ""
    ends = estimate.interval if estimate.count else (np.nan, np.nan)
    return numbers.cell(estimate.value, *ends)


class Published(NamedTuple):
    """A published number, its split, and whether only others reported it; NaN if there is none."""

    value: float = float("nan")
    split: str = ""
    second_hand: bool = False


def known(system: str, task: str, quantity: str = "score", language: str = MEAN) -> Published:
    """Return a published number, on test data if available."""
    rows = published()
    rows = rows[
        (rows["system"] == system)
        & (rows["task"] == task)
        & (rows["quantity"] == quantity)
        & (rows["language"] == language)
    ]
    rows = rows.sort_values("split", key=lambda column: column != "test")
    if rows.empty:
        return Published()
    first = rows.iloc[0]
    return Published(first["value"], first["split"], first["evidence"] == _SECOND_HAND)


def _tasks_table(study: Study) -> pd.DataFrame:
    """Return the tasks with their published sizes and the most examples of each that this study
    trains on."""
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
            sizes = [
                size(source, "train") if source.format != "retrieval" else "",
                size(task, "dev"),
                size(task, "test"),
            ]
            limit = "" if name not in limits else f"{limits[name]:,}" if limits[name] else "all"
            rows.append(
                (role, task.title, *sizes, len(task.languages), task.format, task.metric, limit)
            )
    columns = [
        "role",
        "task",
        "train",
        "dev",
        "test",
        "languages",
        "format",
        "metric",
        "train (this study)",
    ]
    return pd.DataFrame(rows, columns=columns)


def size(found: Task, split: str) -> str:
    """Format the number of examples of a split: "unconfirmed" if it is from memory alone, empty if
    the split does not exist."""
    return (
        UNCONFIRMED
        if split in found.recalled
        else f"{found.sizes[split]:,}"
        if split in found.sizes
        else ""
    )


def _training_table(study: Study) -> pd.DataFrame:
    """Return epochs, batch, learning rate and longest input by phase and task: this study's and the
    published ones."""
    rows = []
    for spec in study.specs:
        if not isinstance(spec, IntermediateSpec | TargetSpec) or len(spec.trains) != 1:
            continue
        (name,) = spec.trains
        task = TASKS[(spec.scores or spec.trains)[0]]
        ours = (spec.epochs, spec.batch_size, f"{spec.learning_rate:g}", spec.max_length)
        setup = task.published or TASKS[name].published
        paper = (
            (setup.epochs, setup.batch_size, f"{setup.learning_rate:g}", setup.max_length)
            if setup
            else ()
        )
        confirmed = setup is not None and setup.confirmed
        rows.append(
            (spec.phase, TASKS[name].title, *ours, *(paper if confirmed else (UNCONFIRMED,) * 4))
        )
    names = ["epochs", "batch", "learning rate", "longest input"]
    columns = ["phase", "trained on", *names, *(f"{name} (published)" for name in names)]
    return pd.DataFrame(rows, columns=columns, dtype=object).drop_duplicates(ignore_index=True)


def _paper_name(study: Study, recipe: str) -> str:
    """Return the name of a recipe's average gain among the published numbers, or an empty string if
    the recipe is not the paper's."""
    entry = study.recipes[recipe]
    if plain(study.recipes, entry.intermediate) != recipe:
        return ""
    return (
        NINE
        if set(entry.intermediate) == set(INTERMEDIATE_NAMES)
        else entry.intermediate[0]
        if len(entry.intermediate) == 1
        else ""
    )


def _brief(row: pd.Series) -> str:
    """Format a gain as '-1.7*', with a star if its interval excludes 0."""
    star = "*" if numbers.excludes_zero(row["low"], row["high"]) else ""
    return f"{numbers.gain(row['gain'])}{star}"


def _interval_text(row: pd.Series) -> str:
    """Format a gain with its interval, like the main table."""
    return numbers.cell(row["gain"], row["low"], row["high"])


def _gains_table(study: Study, draws: Gains, scores: pd.DataFrame) -> pd.DataFrame:
    """Return gains by recipe and target, the average with its interval, the published average gain,
    and the difference from a confirmed one."""
    base, table = baseline(scores, targets=draws.tasks), gain_table(draws)
    columns = list(draws.tasks)
    base_scores = [numbers.number(base[name].iloc[0]) for name in (*columns, AVERAGE)]
    rows = [(f"{BASELINE} (score)", *base_scores, UNCONFIRMED, UNCONFIRMED)]
    for recipe, gains in table.groupby("recipe", sort=False):
        texts = gains.set_index("task").apply(_brief, axis=1)
        (value, _, second_hand), average = (
            known(_paper_name(study, recipe), AVERAGE, "gain"),
            draws.average(recipe),
        )
        paper = numbers.number(value, sign=True, missing=UNCONFIRMED)
        paper += f" ({_SECOND_HAND})" if second_hand else ""
        if second_hand or np.isnan(value):
            gap = UNCONFIRMED
        else:
            gap = (
                ranged(average - draws.nothing(value)) if set(draws.tasks) == set(XTREME) else PART
            )
        rows.append((recipe, *(texts[name] for name in columns), ranged(average), paper, gap))
    return pd.DataFrame(
        rows, columns=["recipe", *columns, AVERAGE, "paper (average)", "difference"]
    )


def _intervals_table(draws: Gains) -> pd.DataFrame:
    """Return the gains of `_gains_table` with their intervals."""
    table = gain_table(draws)
    texts_of = {
        recipe: gains.set_index("task").apply(_interval_text, axis=1)
        for recipe, gains in table.groupby("recipe", sort=False)
    }
    rows = [(recipe, *(texts[name] for name in draws.tasks)) for recipe, texts in texts_of.items()]
    return pd.DataFrame(rows, columns=["recipe", *draws.tasks])


def _benchmark_table(
    scores: pd.DataFrame, items: ItemScores, draws: Gains, development: pd.DataFrame
) -> pd.DataFrame:
    """Return scores of the baseline and of the recipe that development data choose for each target,
    next to the published scores, with the difference of gains.

    Means are over all languages including English, as in XTREME. Questions: F1 alone (XTREME's
    average includes exact match).
    """
    codes = sorted(set(target_scores(scores)["language"]))
    base, all_draws = (
        baseline(scores, codes, targets=draws.tasks),
        gain_draws(scores, items, codes, targets=draws.tasks),
    )
    chosen = choices(draws, development).set_index("task")["chosen"]
    rows, gains = [], []
    for task in draws.tasks:
        recipe = chosen.get(task, "")
        gain = all_draws.gain(recipe, task) if recipe else None
        if gain:
            gains.append(gain)
        (before, split, _), after = known(ENCODER, task), known(_SYSTEM, task).value
        paper_gain = after - before
        gain_gap = (
            ranged(gain - all_draws.nothing(paper_gain))
            if gain and np.isfinite(paper_gain)
            else UNCONFIRMED
            if np.isnan(paper_gain)
            else ""
        )
        choice_gain = "0 (the baseline)" if recipe == BASELINE else ranged(gain)
        gap = (
            numbers.number(base[task].iloc[0] - before, sign=True, missing=UNCONFIRMED)
            if np.isfinite(base[task].iloc[0])
            else ""
        )
        paper = (
            numbers.number(before, missing=UNCONFIRMED) + (f" ({split})" if split else ""),
            numbers.number(after, missing=UNCONFIRMED),
            numbers.number(paper_gain, sign=True, missing=UNCONFIRMED),
        )
        rows.append(
            (
                task,
                TASKS[task].metric,
                numbers.number(base[task].iloc[0]),
                paper[0],
                gap,
                recipe,
                choice_gain,
                *paper[1:],
                gain_gap,
            )
        )
    paper_gain = known("chosen", AVERAGE, "gain").value
    complete = len(gains) == len(draws.tasks) and set(draws.tasks) == set(XTREME)
    average = mean(gains) if complete else None
    gain_gap = ranged(average - all_draws.nothing(paper_gain)) if average else PART
    base_scores = (numbers.number(base[AVERAGE].iloc[0]), UNCONFIRMED, UNCONFIRMED)
    rows.append(
        (
            AVERAGE,
            "",
            *base_scores,
            "",
            ranged(average),
            UNCONFIRMED,
            numbers.number(paper_gain, sign=True, missing=UNCONFIRMED),
            gain_gap,
        )
    )
    names = [
        "target",
        "metric",
        "none",
        "XLM-R Large",
        "difference",
        "chosen",
        "gain",
        "X-STILTs",
        "gain (published)",
        "difference of gains",
    ]
    return pd.DataFrame(rows, columns=names)


def language_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the baseline's scores by language and target; for retrieval also XLM-R Large's
    published score and the difference."""
    scored = baseline_by_language(scores)
    if scored.empty:
        return pd.DataFrame(columns=["language"])
    wide = scored.pivot(index="language", columns="task", values="value").reindex(
        columns=list(dict.fromkeys(scored["task"]))
    )
    table = pd.DataFrame({"language": [f"{LANGUAGES[code].name} ({code})" for code in wide.index]})
    for task in wide:
        table[task] = [numbers.number(value) for value in wide[task]]
        published_scores = [known(ENCODER, task, language=code).value for code in wide.index]
        if np.isfinite(published_scores).any():
            table[f"{task}, XLM-R Large"] = [
                "" if not text else numbers.number(value, missing=UNCONFIRMED)
                for text, value in zip(table[task], published_scores, strict=True)
            ]
            table[f"{task}, difference"] = [
                numbers.gain(value) for value in wide[task].to_numpy() - published_scores
            ]
    return table


def _variants_table(study: Study, draws: Gains, kind: str) -> pd.DataFrame:
    """Return gains of the recipes with that setting minus those of the same tasks in plain English;
    no rows if a study has none."""
    recipes = {name: recipe for name, recipe in study.recipes.items() if name not in study.controls}
    rows = []
    for name, base in variants(recipes, kind):
        cells = [
            ranged(gain(draws, name, tasks) - gain(draws, base, tasks))
            for tasks in (*([task] for task in draws.tasks), draws.tasks)
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
    seeds = f"{len(draws.seeds)} seed{'' if len(draws.seeds) == 1 else 's'}"
    spread = (
        "95 % intervals over seeds and test items, * if they exclude 0"
        if len(draws.seeds) > 1
        else "no intervals: one seed"
    )
    zero_shot = (
        f"Zero-shot gains over {BASELINE} in points, mean over languages except English and "
        f"{seeds}; {spread}"
    )
    published_note = (
        f"Published: average gain on development data; {_SECOND_HAND}: reported of the paper, its "
        "tables not seen"
    )
    tables = {
        "tasks": PaperTable(
            "Tasks with their published sizes, and the examples that this study trains on.",
            _tasks_table(study),
        ),
        "training": PaperTable(
            "Training settings of this study, and published ones.", _training_table(study)
        ),
        "gains": PaperTable(f"{zero_shot}. {published_note}.", _gains_table(study, draws, scores)),
        "intervals": PaperTable(f"{zero_shot}.", _intervals_table(draws)),
        "benchmark": PaperTable(
            f"Scores by the benchmark's rule (all languages; questions: F1), {seeds}, and gains "
            f"of the recipe chosen on development data; {spread}. Published: XTREME's test data, "
            "or development data if marked so.",
            _benchmark_table(scores, items, draws, development),
        ),
        "by_language": PaperTable(
            f"Scores of {BASELINE} by language, mean of {seeds}.", language_table(scores)
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
    names = [
        _paper_name(study, name) for name, recipe in study.recipes.items() if recipe.intermediate
    ]
    rows += [("gains", f"no recipe of {name}") for name in INTERMEDIATE_NAMES if name not in names]
    rows += [("gains", "no recipe of all nine tasks together")] if NINE not in names else []
    rows += [
        ("gains", f"no finished gains on {name}")
        for name in study.targets
        if name not in draws.finished
    ]
    missing = [
        (name, task)
        for name in draws.recipes
        for task in draws.finished
        if (name, task) not in draws.cells
    ]
    rows += [("gains", f"{name} on {task}: runs missing") for name, task in missing]
    return pd.DataFrame(rows, columns=["table", "reason"])
