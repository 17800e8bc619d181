"""Answer in words and numbers which intermediate task to train on first, for a target of the suite
or for labelled rows of a user's own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xstilts_core import analysis
from xstilts_core.data.own import read_own
from xstilts_core.data.source import find_source
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.files.paths import expanded
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

Own = Mapping[str, Sequence[Example]]
Seconds = Callable[[Sequence[Spec]], Sequence[float]]
"""Forecast the seconds of each of these runs, in the order of the phases, on this machine."""
_LEAST_TARGETS = 3
_NUMBERS = ["gain", "low_80", "high_80", "chance", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What embeds the texts of tasks and where these are read.

    encoder: compares texts ("": none are compared). models: a study whose encoders after
    intermediate training are scored on labelled rows ("": none are).
    """

    encoder: str = ""
    models: str = ""
    source: str = "mini"
    data_root: str = ""
    outputs: str = "outputs"

    def described(self, rows: pd.DataFrame, own: Own, code: str) -> pd.DataFrame:
        """Return rows like those of the evidence with what encoders know of them: how similar texts
        are, those of one's own in a language; how well labels can be read off (`_scores`)."""
        names = [*rows["tasks"].explode(), *rows["target"]]
        if self.encoder:
            texts = {name: embeddings.spread_texts(side, code) for name, side in own.items()}
            texts |= self._read(names, embeddings.task_texts)
            vectors = embeddings.mean_vectors(self.encoder, texts, self.outputs)
            rows = analysis.with_similarity(rows, vectors) if vectors else rows
        if self.models:
            scores = self._scores({**own, **self._read(names, embeddings.labelled_rows)})
            known = scores.columns.difference(["recipe", "target"])
            rows = rows.drop(columns=known, errors="ignore")
            rows = rows.merge(scores, "left", ["recipe", "target"])
            if rows["h_score"].isna().all():
                raise UsageError(
                    f"--models {self.models}: no gain of one of its recipes on a target with "
                    f"labelled rows in source {self.source} is known (--studies, --source)"
                )
        return rows

    def _read(self, names: Sequence[str], read: Callable[..., Sequence[Any]]) -> dict[str, Any]:
        """Return what is read from the source for each of these tasks that it has."""
        source, content = find_source(self.source, self.data_root), {}
        for name in dict.fromkeys(name for name in names if name in TASKS):
            with suppress(UsageError):  # the source lacks it: nothing is known of it
                content[name] = read(source, name)
        return content

    def _scores(self, rows: Own) -> pd.DataFrame:
        """Return how much better labels can be read off the encoder of each recipe of `models` than
        off that of its baseline (`analysis.score_differences`)."""
        study = Study.load(self.models, self.outputs, self.data_root)
        sides = {name: embeddings.labelled(examples) for name, examples in rows.items()}
        collections = {name: side for name, (side, _) in sides.items()}
        vectors = {
            recipe: embeddings.vectors(encoder, collections, self.outputs)
            for recipe, encoder in embeddings.study_encoders(study).items()
        }
        labels = {name: classes for name, (_, classes) in sides.items() if classes}
        return analysis.score_differences(vectors, labels)


@dataclass(frozen=True, slots=True)
class Answer:
    """Advice for one target in one language, or in all but English ("").

    table: as from `analysis.advise`, with reasons and commands. text: the answer in words.
    """

    language: str
    table: pd.DataFrame
    text: str


def evidence(
    studies: Sequence[str | Study], code: str = "", encoding: Encoding = Encoding()
) -> pd.DataFrame:
    """Return the gains that studies (or their names) measured in a language ("": in all but
    English), with what encoders know of them (`Encoding.described`)."""
    return encoding.described(_measured(studies, code, encoding), {}, embeddings.ENGLISH)


def _measured(studies: Sequence[str | Study], code: str, encoding: Encoding) -> pd.DataFrame:
    """Return the gains of `evidence` alone. Raise UsageError if fewer than _LEAST_TARGETS targets
    are measured."""
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
    return table


def answers(
    target: str,
    studies: Sequence[str | Study],
    languages: Sequence[str] = (),
    data: str = "",
    form: str = "",
    encoding: Encoding = Encoding(),
    seconds: Seconds | None = None,
) -> list[Answer]:
    """Return an answer for each language, or one for all together.

    data: a file of rows of one's own, in the format `form` (data/own.py); its name is the target's,
    unless it has one. seconds: forecasts what training takes on this machine. Raise UsageError for
    an unknown name or wrong rows.
    """
    for code in languages:
        language(code, "--languages")
    own: dict[str, Sequence[Example]] = {}
    if data:
        path = expanded(data)
        own[path.stem] = read_own(path, form)
        if path.stem in FORMATS and not getattr(TASKS.get(path.stem), "file", ""):
            raise UsageError(f"--data {data}: {path.stem} is a task of the suite: rename the file")
        target = path.stem
    elif target not in TARGET_NAMES:
        raise unknown("target", target, TARGET_NAMES, "xstilts advise")
    else:
        form = FORMATS[target]
    return [
        _answer(target, form, _measured(studies, code, encoding), code, encoding, own, seconds)
        for code in languages or [""]
    ]


def best_recipes(measured: pd.DataFrame, encoding: Encoding = Encoding()) -> pd.DataFrame:
    """Return the best recipe for each target of the first study of what `evidence` returns: columns
    target recipe gain low_80 high_80 chance score reasons. None is better if the score is below 0.
    """
    first = measured[measured["table"] == measured["table"].iloc[0]]
    targets = first.drop_duplicates("target")[["target", "format"]].to_numpy()
    measured, rows = _with_candidates(measured, targets, encoding, {}, embeddings.ENGLISH)
    table, _ = analysis.advise(measured, rows)
    best = table.dropna(subset=["chance"]).groupby("target", sort=False).head(1)
    best = best.set_index("target").loc[first["target"].unique()].reset_index()
    best["reasons"] = _reasons(best, measured)
    return best[["target", "recipe", *_NUMBERS, "reasons"]]


def _with_candidates(
    measured: pd.DataFrame,
    targets: Iterable[tuple[str, str]],
    encoding: Encoding,
    own: Own,
    code: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the evidence and the rows to predict for targets, given with their formats, both with
    what encoders know of them."""
    candidates = [analysis.candidates(measured, name, form) for name, form in targets]
    rows = pd.concat([measured, *candidates], ignore_index=True)
    rows = encoding.described(rows, own, code)
    return rows[: len(measured)], rows[len(measured) :]


def _answer(
    target: str,
    form: str,
    measured: pd.DataFrame,
    code: str,
    encoding: Encoding,
    own: Own,
    seconds: Seconds | None,
) -> Answer:
    """Return the answer for one language."""
    measured, rows = _with_candidates(
        measured, [(target, form)], encoding, own, code or embeddings.ENGLISH
    )
    table, regrets = analysis.advise(measured, rows)
    recipes = list(table["recipe"])
    runs = [
        _runs(recipe, tasks, target, encoding)
        for recipe, tasks in zip(recipes, table["tasks"], strict=True)
    ]
    table["commands"] = [_commands(*pair, target) for pair in zip(recipes, runs, strict=True)]
    table["seconds"] = _seconds(runs, encoding.outputs, seconds) if seconds else float("nan")
    table["reasons"] = _reasons(table.assign(target=target), measured)
    counts = measured.groupby("table", sort=False)["target"].nunique()
    values = {"form": form, "code": code, "counts": counts, "regrets": regrets}
    text = page("advice.page.j2", table=table, target=target, rule=table.attrs["rule"], **values)
    return Answer(code, table, text)


def _reasons(table: pd.DataFrame, measured: pd.DataFrame) -> list[str]:
    """Return for each recipe and target the measured gains behind its prediction."""
    gains = measured.sort_values("gain", ascending=False)
    of_recipe = dict(list(gains.groupby("recipe")))
    return [
        sentences(
            "advice_reasons",
            row=row,
            gains=of_recipe.get(row.recipe, gains.iloc[:0]),
            target=row.target,
        )
        for row in table.itertuples()
    ]


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


def _seconds(rows: Sequence[_Runs], outputs: str, forecast: Seconds) -> list[float]:
    """Return the forecast time of each row's runs on this machine; NaN where it is unknown."""
    fixed = {"study": "by_hand", "outputs": outputs}
    specs = [
        [make(kind, settings | fixed, "xstilts advise") for kind, settings in runs] for runs in rows
    ]
    distinct = {spec.folder: spec for runs in specs for spec in runs}
    in_order = sorted(distinct.values(), key=lambda spec: list(SPECS).index(spec.phase))
    by_folder = dict(zip((spec.folder for spec in in_order), forecast(in_order), strict=True))
    return [sum(by_folder[spec.folder] for spec in runs) for runs in specs]
