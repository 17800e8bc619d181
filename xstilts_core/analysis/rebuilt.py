"""The tables of Phang et al. (2020) rebuilt from a study, beside the published numbers whose source
is at hand.

The paper's own text was not at hand, so its tables are not numbered here: tasks, training settings,
gains by recipe and target, the benchmark's test scores, scores by language, and the two variants
(masked language modeling beside, translated data). Where no source confirms a published number the
cell says "unconfirmed" and has no number. `reference/phang2020.csv` has the numbers with their
sources.
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
    difference,
    gain,
    plain,
    published,
    variants,
)
from xstilts_core.analysis.findings import gain_text
from xstilts_core.analysis.gains import AVERAGE, baseline, baseline_by_language, target_scores
from xstilts_core.analysis.intervals import Estimate, GainDraws, gain_draws, gain_table, mean
from xstilts_core.analysis.items import ItemScores
from xstilts_core.languages import LANGUAGES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, IntermediateSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME

UNCONFIRMED, _SECOND_HAND = "unconfirmed", "second hand"
# The average of fewer targets is another quantity.
PART = "needs all nine targets"
MEAN = "mean"
ENCODER, _SYSTEM = "xlmr_large", "xstilts"
NINE = "together"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table as text and numbers, and what its caption says."""

    caption: str
    frame: pd.DataFrame


def number(value: float | None, signed: bool = False) -> str:
    """'80.4', '+1.2', or "unconfirmed" where there is none."""
    if value is None or np.isnan(value):
        return UNCONFIRMED
    return f"{value:+z.1f}" if signed else f"{value:.1f}"


def score(value: float) -> str:
    """A score of the study; nothing where its runs are missing."""
    return "" if np.isnan(value) else f"{value:.1f}"


def ranged(found: Estimate | None) -> str:
    """'+1.2 (-0.3 to 2.7) *': the text of the main table; "" where runs are missing, no brackets
    with one seed or no measurement."""
    if found is None or np.isnan(found.value):
        return ""
    low, high = found.interval if found.count else (np.nan, np.nan)
    return gain_text(pd.Series({"gain": found.value, "low": low, "high": high}))


class Published(NamedTuple):
    """A published number, the split that it is of, and whether nobody but others reported it; NaN
    where there is none."""

    value: float = float("nan")
    split: str = ""
    second_hand: bool = False


def known(system: str, task: str, quantity: str = "score", language: str = MEAN) -> Published:
    """What is known of a published number, on test data where there is one."""
    rows = published()
    rows = rows[
        (rows["system"] == system)
        & (rows["task"] == task)
        & (rows["quantity"] == quantity)
        & (rows["language"] == language)
    ]
    rows = rows.sort_values("split", key=lambda column: column != "test")
    return (
        Published(*rows.iloc[0][["value", "split"]], rows["evidence"].iloc[0] == _SECOND_HAND)
        if len(rows)
        else Published()
    )


def _tasks_table(study: Study) -> pd.DataFrame:
    """The tasks with their published sizes, and how many examples of each this study trains on at
    most."""
    specs = [spec for spec in study.specs if isinstance(spec, IntermediateSpec | TargetSpec)]
    limits = {
        spec.tasks[0]: spec.train_examples
        for spec in specs
        if isinstance(spec, IntermediateSpec) and len(spec.tasks) == 1
    }
    limits |= {
        name: spec.train_examples
        for spec in specs
        if isinstance(spec, TargetSpec)
        for name in spec.targets
    }
    rows = []
    for role, names in (("intermediate", INTERMEDIATE_NAMES), ("target", study.targets)):
        for name in names:
            found = TASKS[name]
            source = TASKS[found.train_on] if found.train_on else found
            sizes = [
                size(source, "train") if source.format != "retrieval" else "",
                size(found, "dev"),
                size(found, "test"),
            ]
            used = "" if name not in limits else f"{limits[name]:,}" if limits[name] else "all"
            rows.append(
                (role, found.title, *sizes, len(found.languages), found.format, found.metric, used)
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


def size(found, split: str) -> str:
    """Examples of a split; the word where the number is from memory alone, nothing where there is
    no such split."""
    return (
        UNCONFIRMED
        if split in found.recalled
        else f"{found.sizes[split]:,}"
        if split in found.sizes
        else ""
    )


def _training_table(study: Study) -> pd.DataFrame:
    """Epochs, batch, learning rate and longest input by phase and task: this study's, and the
    published ones."""
    rows = []
    for spec in study.specs:
        if isinstance(spec, IntermediateSpec) and len(spec.tasks) == 1:
            name = spec.tasks[0]
        elif isinstance(spec, TargetSpec):
            name = spec.train_on
        else:
            continue
        task = TASKS[spec.targets[0]] if isinstance(spec, TargetSpec) else TASKS[name]
        own = (spec.epochs, spec.batch_size, f"{spec.learning_rate:g}", spec.max_length)
        found = task.published or TASKS[name].published
        paper = (
            (found.epochs, found.batch_size, f"{found.learning_rate:g}", found.max_length)
            if found
            else ()
        )
        confirmed = found is not None and found.confirmed
        rows.append(
            (spec.phase, TASKS[name].title, *own, *(paper if confirmed else (UNCONFIRMED,) * 4))
        )
    names = ["epochs", "batch", "learning rate", "longest input"]
    columns = ["phase", "trained on", *names, *(f"{name} (published)" for name in names)]
    return pd.DataFrame(rows, columns=columns, dtype=object).drop_duplicates(ignore_index=True)


def _paper_name(study: Study, recipe: str) -> str:
    """The name that a recipe's average gain has among the published numbers; "" where it is none of
    the paper's."""
    own = study.recipes[recipe]
    if plain(study.recipes, own.intermediate) != recipe:
        return ""
    return (
        NINE
        if set(own.intermediate) == set(INTERMEDIATE_NAMES)
        else own.intermediate[0]
        if len(own.intermediate) == 1
        else ""
    )


def _brief(row: pd.Series) -> str:
    """'-1.7*': a gain, with a star where its interval excludes 0."""
    return (
        ""
        if np.isnan(row["gain"])
        else f"{row['gain']:+z.1f}{'*' if row['low'] > 0 or row['high'] < 0 else ''}"
    )


def _gains_table(study: Study, draws: GainDraws, scores: pd.DataFrame) -> pd.DataFrame:
    """Gains by recipe and target, the average with its interval, the published average gain, and
    the difference from a confirmed one."""
    base, table = baseline(scores, targets=draws.tasks), gain_table(draws)
    columns = list(draws.tasks)
    own = [score(base[name].iloc[0]) for name in (*columns, AVERAGE)]
    rows = [(f"{BASELINE} (score)", *own, UNCONFIRMED, UNCONFIRMED)]
    for recipe, found in table.groupby("recipe", sort=False):
        texts = found.set_index("task").apply(_brief, axis=1)
        (value, _, second_hand), whole = (
            known(_paper_name(study, recipe), AVERAGE, "gain"),
            draws.average(recipe),
        )
        paper = number(value, signed=True) + (f" ({_SECOND_HAND})" if second_hand else "")
        if second_hand or np.isnan(value):
            apart = UNCONFIRMED
        else:
            apart = (
                ranged(whole - draws.nothing(value)) if set(draws.tasks) == set(XTREME) else PART
            )
        rows.append((recipe, *(texts[name] for name in columns), ranged(whole), paper, apart))
    return pd.DataFrame(
        rows, columns=["recipe", *columns, AVERAGE, "paper (average)", "difference"]
    )


def _intervals_table(draws: GainDraws) -> pd.DataFrame:
    """The gains of `_gains_table` with their intervals."""
    table = gain_table(draws)
    wide = {
        recipe: found.set_index("task").apply(gain_text, axis=1)
        for recipe, found in table.groupby("recipe", sort=False)
    }
    rows = [(recipe, *(texts[name] for name in draws.tasks)) for recipe, texts in wide.items()]
    return pd.DataFrame(rows, columns=["recipe", *draws.tasks])


def _benchmark_table(
    scores: pd.DataFrame, items: ItemScores, draws: GainDraws, development: pd.DataFrame
) -> pd.DataFrame:
    """Scores of the baseline and of the recipe that development data choose for each target, the
    published ones, and how gains differ.

    Means over all languages, English too, as XTREME has them. Questions: F1 alone (XTREME's average
    takes exact match in).
    """
    codes = sorted(set(target_scores(scores)["language"]))
    base, every = (
        baseline(scores, codes, targets=draws.tasks),
        gain_draws(scores, items, codes, targets=draws.tasks),
    )
    chosen = choices(draws, development).set_index("task")["chosen"]
    rows, own = [], []
    for task in draws.tasks:
        recipe = chosen.get(task, "")
        found = every.gain(recipe, task) if recipe else None
        own.append(found)
        (before, split, _), after = known(ENCODER, task), known(_SYSTEM, task).value
        theirs = after - before
        apart = (
            ranged(found - every.nothing(theirs))
            if found and np.isfinite(theirs)
            else UNCONFIRMED
            if np.isnan(theirs)
            else ""
        )
        own_gain = "0 (the baseline)" if recipe == BASELINE else ranged(found)
        below = (
            number(base[task].iloc[0] - before, signed=True)
            if np.isfinite(base[task].iloc[0])
            else ""
        )
        paper = (
            number(before) + (f" ({split})" if split else ""),
            number(after),
            number(theirs, signed=True),
        )
        rows.append(
            (
                task,
                TASKS[task].metric,
                score(base[task].iloc[0]),
                paper[0],
                below,
                recipe,
                own_gain,
                *paper[1:],
                apart,
            )
        )
    theirs = known("chosen", AVERAGE, "gain").value
    whole = mean(own) if None not in own and set(draws.tasks) == set(XTREME) else None
    apart = ranged(whole - every.nothing(theirs)) if whole else PART
    before = (score(base[AVERAGE].iloc[0]), UNCONFIRMED, UNCONFIRMED)
    rows.append(
        (AVERAGE, "", *before, "", ranged(whole), UNCONFIRMED, number(theirs, signed=True), apart)
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
    """The baseline's scores by language and target; for retrieval XLM-R Large's published score and
    the difference beside it."""
    found = baseline_by_language(scores)
    if found.empty:
        return pd.DataFrame(columns=["language"])
    wide = found.pivot(index="language", columns="task", values="value").reindex(
        columns=list(dict.fromkeys(found["task"]))
    )
    table = pd.DataFrame({"language": [f"{LANGUAGES[code].name} ({code})" for code in wide.index]})
    for task in wide:
        table[task] = [score(value) for value in wide[task]]
        theirs = [known(ENCODER, task, language=code).value for code in wide.index]
        if np.isfinite(theirs).any():
            table[f"{task}, XLM-R Large"] = [
                "" if not text else number(value)
                for text, value in zip(table[task], theirs, strict=True)
            ]
            table[f"{task}, difference"] = [
                "" if np.isnan(value) else f"{value:+z.1f}"
                for value in wide[task].to_numpy() - theirs
            ]
    return table


def _variants_table(study: Study, draws: GainDraws, kind: str) -> pd.DataFrame:
    """Gains of the recipes with that setting less those of the same tasks in plain English; without
    rows where a study has none."""
    recipes = {name: recipe for name, recipe in study.recipes.items() if name not in study.controls}
    rows = []
    for name, base in variants(recipes, kind):
        cells = [
            ranged(difference(gain(draws, name, [task]), gain(draws, base, [task])))
            for task in draws.tasks
        ]
        whole = ranged(difference(gain(draws, name, draws.tasks), gain(draws, base, draws.tasks)))
        rows.append((name, base or "no plain recipe", *cells, whole, UNCONFIRMED))
    return pd.DataFrame(rows, columns=["recipe", "plain", *draws.tasks, AVERAGE, "paper"])


def paper_tables(
    study: Study,
    scores: pd.DataFrame,
    items: ItemScores,
    draws: GainDraws,
    development: pd.DataFrame,
) -> Mapping[str, PaperTable]:
    """Every table by the name of its file. scores: of `finished`, without controls; draws: of
    `gain_draws` on them."""
    seeds = f"{len(draws.seeds)} seed{'' if len(draws.seeds) == 1 else 's'}"
    spread = (
        "95 % intervals over seeds and test items, * where they exclude 0"
        if len(draws.seeds) > 1
        else "no intervals: one seed"
    )
    zero_shot = f"Zero-shot gains over {BASELINE} in points, mean over languages but English and {seeds}; {spread}"
    theirs = f"Published: average gain on development data; {_SECOND_HAND}: reported of the paper, its tables not seen"
    found = {
        "tasks": PaperTable(
            "Tasks with their published sizes, and the examples that this study trains on.",
            _tasks_table(study),
        ),
        "training": PaperTable(
            "Training settings of this study, and published ones.", _training_table(study)
        ),
        "gains": PaperTable(f"{zero_shot}. {theirs}.", _gains_table(study, draws, scores)),
        "intervals": PaperTable(f"{zero_shot}.", _intervals_table(draws)),
        "benchmark": PaperTable(
            f"Scores by the benchmark's rule (all languages; questions: F1), {seeds}, and gains of the recipe chosen on development data; "
            f"{spread}. Published: XTREME's test data, or where it says so development data.",
            _benchmark_table(scores, items, draws, development),
        ),
        "by_language": PaperTable(
            f"Scores of {BASELINE} by language, mean of {seeds}.", language_table(scores)
        ),
    }
    for kind in VARIANTS:
        table = _variants_table(study, draws, kind)
        if len(table):
            found[kind] = PaperTable(
                f"With {WORDS[kind]}: gains less those of the same tasks in plain English; {seeds}, {spread}.",
                table,
            )
    return found


def not_rebuilt(study: Study, tables: Mapping[str, PaperTable], draws: GainDraws) -> pd.DataFrame:
    """What of the paper this study cannot show, and why: columns table reason."""
    rows = [
        (kind, f"no recipe of this study has {WORDS[kind]}")
        for kind in VARIANTS
        if kind not in tables
    ]
    names = [_paper_name(study, name) for name, own in study.recipes.items() if own.intermediate]
    rows += [("gains", f"no recipe of {name}") for name in INTERMEDIATE_NAMES if name not in names]
    rows += [("gains", "no recipe of all nine tasks together")] if NINE not in names else []
    rows += [
        ("gains", f"no finished gains on {name}")
        for name in study.targets
        if name not in draws.finished
    ]
    lacking = [
        (name, task)
        for name in draws.recipes
        for task in draws.finished
        if (name, task) not in draws.cells
    ]
    rows += [("gains", f"{name} on {task}: runs missing") for name, task in lacking]
    return pd.DataFrame(rows, columns=["table", "reason"])


def rebuilt_without(missing: pd.DataFrame) -> str:
    """What of the paper is not there, from `not_rebuilt`, as one sentence; "" where nothing is
    missing."""
    return f"Not rebuilt: {'; '.join(missing['reason'])}." if len(missing) else ""
