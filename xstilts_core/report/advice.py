"""Answer in words and numbers which intermediate task to train on first, for a target of the suite
or for labelled rows of a user's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core import analysis
from xstilts_core.data.own import read_own
from xstilts_core.data.source import find_source
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.paths import expanded
from xstilts_core.jobs.estimate import forecast
from xstilts_core.jobs.machine import cores, visible_gpus
from xstilts_core.languages import language
from xstilts_core.phases import embeddings
from xstilts_core.study import Study
from xstilts_core.study.spec import (
    SPECS,
    IntermediateSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    make,
)
from xstilts_core.tasks import FORMATS, TARGET_NAMES, TASKS
from xstilts_core.wording.text import page, sentences

Vectors = Mapping[str, np.ndarray]
_LEAST_TARGETS = 3
_NUMBERS = ["gain", "low_80", "high_80", "chance", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What embeds the texts of tasks ("": nothing) and where these are read."""

    encoder: str = ""
    source: str = "mini"
    data_root: str = ""
    outputs: str = "outputs"

    def vectors(self, names: Sequence[str], own: Mapping[str, Sequence[str]]) -> Vectors:
        """Return the mean vectors of texts of one's own, and of the texts of the tasks that the
        source has; empty without an encoder."""
        if not self.encoder:
            return {}
        source, texts = find_source(self.source, self.data_root), dict(own)
        for name in dict.fromkeys(name for name in names if name in TASKS):
            try:
                texts[name] = embeddings.task_texts(source, name)
            except UsageError:  # the source lacks it: nothing is known of its similarity
                continue
        return embeddings.mean_vectors(self.encoder, texts, self.outputs)


@dataclass(frozen=True, slots=True)
class Answer:
    """Advice for one target in one language, or in all but English ("").

    table: as from `analysis.advise`, with reasons and commands. text: the answer in words.
    """

    language: str
    table: pd.DataFrame
    text: str


def evidence(
    studies: Sequence[str | Study],
    code: str = "",
    encoding: Encoding = Encoding(),
    **own: Sequence[str],
) -> tuple[pd.DataFrame, Vectors]:
    """Return the gains that studies (or their names) measured in a language ("": in all but
    English), and the mean vectors of their tasks' texts and of one's own.

    Raise UsageError if fewer than _LEAST_TARGETS targets are measured.
    """
    loaded = [
        Study.load(study, encoding.outputs, ".") if isinstance(study, str) else study
        for study in studies
    ]
    table = analysis.measured_gains(loaded, [code] if code else None)
    if table["target"].nunique() < _LEAST_TARGETS:
        names = ", ".join(study.name for study in loaded)
        raise UsageError(
            f"{names}: gains on {', '.join(table['target'].unique())} alone: "
            f"advice needs {_LEAST_TARGETS} targets (--studies)"
        )
    tasks = [*table["tasks"].explode(), *table["target"]]
    vectors = encoding.vectors(tasks, own)
    return (analysis.with_similarity(table, vectors) if vectors else table), vectors


def answers(
    target: str,
    studies: Sequence[str | Study],
    languages: Sequence[str] = (),
    data: str = "",
    form: str = "",
    encoding: Encoding = Encoding(),
) -> list[Answer]:
    """Return an answer for each language, or one for all together.

    data: a file of rows of one's own, in the format `form` (data/own.py); its name is the target's,
    unless it has one. Raise UsageError for an unknown name or wrong rows.
    """
    for code in languages:
        language(code, "--languages")
    own: dict[str, Sequence[str]] = {}
    if data:
        path = expanded(data)
        own[path.stem] = embeddings.spread_texts(
            read_own(path, form), next(iter(languages), embeddings.ENGLISH)
        )
        if path.stem in FORMATS and not getattr(TASKS.get(path.stem), "file", ""):
            raise UsageError(f"--data {data}: {path.stem} is a task of the suite: rename the file")
        target = path.stem
    elif target not in TASKS or TASKS[target].role != "target":
        raise unknown("target", target, TARGET_NAMES, "xstilts advise")
    else:
        form = FORMATS[target]
    return [_answer(target, form, studies, code, encoding, own) for code in languages or [""]]


def best_recipes(measured: pd.DataFrame, vectors: Vectors) -> pd.DataFrame:
    """Return the best recipe for each target of the first study of what `evidence` returns: columns
    target recipe gain low_80 high_80 chance score reasons. None is better if the score is below 0.
    """
    first = measured[measured["table"] == measured["table"].iloc[0]]
    targets = first.drop_duplicates("target")[["target", "format"]].to_numpy()
    rows = pd.concat(
        [analysis.candidates(measured, name, form) for name, form in targets], ignore_index=True
    )
    table, _ = analysis.advise(
        measured, analysis.with_similarity(rows, vectors) if vectors else rows
    )
    best = table.dropna(subset=["chance"]).groupby("target", sort=False).head(1)
    best = best.set_index("target").loc[first["target"].unique()].reset_index()
    gains = measured.sort_values("gain", ascending=False)
    best["reasons"] = [
        sentences(
            "advice_reasons", row=row, target=row.target, gains=gains[gains.recipe == row.recipe]
        )
        for row in best.itertuples()
    ]
    return best[["target", "recipe", *_NUMBERS, "reasons"]]


def _answer(
    target: str,
    form: str,
    studies: Sequence[str | Study],
    code: str,
    encoding: Encoding,
    own: Mapping[str, Sequence[str]],
) -> Answer:
    """Return the answer for one language."""
    measured, vectors = evidence(studies, code, encoding, **own)
    rows = analysis.candidates(measured, target, form)
    table, regrets = analysis.advise(
        measured, analysis.with_similarity(rows, vectors) if vectors else rows
    )
    recipes = list(table["recipe"])
    runs = [
        _runs(recipe, tasks, target, encoding)
        for recipe, tasks in zip(recipes, table["tasks"], strict=True)
    ]
    table["commands"] = [_commands(*pair, target) for pair in zip(recipes, runs, strict=True)]
    table["seconds"] = _seconds(runs, encoding.outputs) if encoding.encoder else np.nan
    gains = measured.sort_values("gain", ascending=False)
    table["reasons"] = [
        sentences(
            "advice_reasons", row=row, gains=gains[gains["recipe"] == row.recipe], target=target
        )
        for row in table.itertuples()
    ]
    counts = measured.groupby("table", sort=False)["target"].nunique()
    values = {"form": form, "code": code, "counts": counts, "regrets": regrets}
    text = page(
        "advice.page.j2",
        table=table,
        target=target,
        rule=table.attrs["rule"],
        spent=forecast.spent,
        **values,
    )
    return Answer(code, table, text)


_Runs = Sequence[tuple[type[Spec], dict[str, Any]]]


def _runs(recipe: str, tasks: Sequence[str], target: str, encoding: Encoding) -> _Runs:
    """Return the runs by hand, each with its settings, that train a recipe and then the target, if
    that is a task of the suite."""
    places = {name: getattr(encoding, name) for name in ("encoder", "source", "data_root")}
    shared = {name: value for name, value in places.items() if value not in ("", "mini")}
    runs: list[tuple[type[Spec], dict[str, Any]]] = []
    if tasks:
        runs.append((IntermediateSpec, {"recipe": recipe, "tasks": list(tasks)}))
    if target in TASKS and (train_on := TASKS[target].train_on):
        runs.append((TargetSpec, {"recipe": recipe, "train_on": train_on, "targets": [target]}))
    elif target in TASKS:
        runs.append((RetrievalSpec, {"recipe": recipe, "task": target}))
    return [(kind, settings | shared) for kind, settings in runs]


def _commands(recipe: str, runs: _Runs, target: str) -> list[str]:
    """Return the commands of these runs, and for a target of one's own the one that exports the
    encoder."""
    commands = []
    for kind, settings in runs:
        values = (
            f" -p {key} '[{', '.join(value)}]'" if isinstance(value, list) else f" -p {key} {value}"
            for key, value in settings.items()
        )
        commands.append(f"xstilts notebook {kind.notebook}{''.join(values)}")
    if runs and target not in TASKS:
        commands.append(f"xstilts export by_hand/intermediate/{recipe}/seed1 my_encoder")
    return commands


def _seconds(rows: Sequence[_Runs], outputs: str) -> list[float]:
    """Return the forecast time of each row's runs on this machine; NaN where it is unknown."""
    fixed = {"study": "by_hand", "outputs": outputs}
    specs = [
        [make(kind, settings | fixed, "xstilts advise") for kind, settings in runs] for runs in rows
    ]
    distinct = {spec.folder: spec for runs in specs for spec in runs}
    in_order = sorted(distinct.values(), key=lambda spec: list(SPECS).index(spec.phase))
    seconds = forecast.run_seconds(in_order, cores(), gpu=bool(visible_gpus()))
    by_folder = dict(zip((spec.folder for spec in in_order), seconds, strict=True))
    return [sum(by_folder[spec.folder] for spec in runs) for runs in specs]
