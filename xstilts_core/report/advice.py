"""Answer in words and numbers which intermediate task to train on first, for a target of the suite
or for labelled rows of a user's own."""

from collections.abc import Callable, Mapping, Sequence
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
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import FORMATS, TARGET_NAMES, TASKS
from xstilts_core.wording.text import page, sentences

Own = Mapping[str, Sequence[Example]]
_LEAST_TARGETS = 3


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
    studies: Sequence[str], code: str = "", encoding: Encoding = Encoding()
) -> pd.DataFrame:
    """Return the gains that studies, given by name, measured in a language ("": in all but
    English), with what encoders know of them (`Encoding.described`)."""
    return encoding.described(_measured(studies, code, encoding), {}, embeddings.ENGLISH)


def _measured(studies: Sequence[str], code: str, encoding: Encoding) -> pd.DataFrame:
    """Return the gains of `evidence` alone. Raise UsageError if fewer than _LEAST_TARGETS targets
    are measured."""
    loaded = [Study.load(name, encoding.outputs, ".") for name in studies]
    table = analysis.measured_gains(loaded, [code] if code else None)
    if table["target"].nunique() < _LEAST_TARGETS:
        raise UsageError(
            f"{', '.join(studies)}: gains on {', '.join(table['target'].unique())} alone: "
            f"advice needs {_LEAST_TARGETS} targets (--studies)"
        )
    return table


def answers(
    target: str,
    studies: Sequence[str],
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
    own: dict[str, Sequence[Example]] = {}
    if data:
        path = expanded(data)
        own[path.stem] = read_own(path, form)
        if path.stem in FORMATS:
            raise UsageError(f"--data {data}: {path.stem} is a task of the suite: rename the file")
        target = path.stem
    elif target not in TARGET_NAMES:
        raise unknown("target", target, TARGET_NAMES, "xstilts advise")
    else:
        form = FORMATS[target]
    return [_answer(target, form, studies, code, encoding, own) for code in languages or [""]]


def _answer(
    target: str,
    form: str,
    studies: Sequence[str],
    code: str,
    encoding: Encoding,
    own: Own,
) -> Answer:
    """Return the answer for one language."""
    measured = _measured(studies, code, encoding)
    rows = pd.concat([measured, analysis.candidates(measured, target, form)], ignore_index=True)
    rows = encoding.described(rows, own, code or embeddings.ENGLISH)
    measured, rows = rows[: len(measured)], rows[len(measured) :]
    table, regrets = analysis.advise(measured, rows)
    table["commands"] = [
        _commands(recipe, tasks, target, encoding)
        for recipe, tasks in zip(table["recipe"], table["tasks"], strict=True)
    ]
    gains = measured.sort_values("gain", ascending=False)
    table["reasons"] = [
        sentences(
            "advice_reasons", row=row, gains=gains[gains["recipe"] == row.recipe], target=target
        )
        for row in table.itertuples()
    ]
    counts = measured.groupby("table", sort=False)["target"].nunique()
    values = {"form": form, "code": code, "counts": counts, "regrets": regrets}
    text = page("advice.page.j2", table=table, target=target, rule=table.attrs["rule"], **values)
    return Answer(code, table, text)


def _commands(recipe: str, tasks: Sequence[str], target: str, encoding: Encoding) -> list[str]:
    """Return the commands that train a recipe and then the target, or that export the encoder for a
    target of one's own."""
    options = "".join(
        f" -p {key} {getattr(encoding, key)}"
        for key in ("encoder", "source", "data_root")
        if getattr(encoding, key) not in ("", "mini")
    )
    before = f"xstilts notebook 20_intermediate -p recipe {recipe} -p tasks '[{', '.join(tasks)}]'"
    if target not in TASKS:
        export = f"xstilts export by_hand/intermediate/{recipe}/seed1 my_encoder"
        return [] if recipe == BASELINE else [before + options, export]
    if train_on := TASKS[target].train_on:
        last = f"21_target -p recipe {recipe} -p train_on {train_on} -p targets '[{target}]'"
    else:
        last = f"22_retrieval -p recipe {recipe} -p task {target}"
    last = f"xstilts notebook {last}{options}"
    return [last] if recipe == BASELINE else [before + options, last]
