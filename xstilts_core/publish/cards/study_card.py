"""The card of a study's scores as a data set on the hub: the grid, its data, scores and limits."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import DatasetCard, DatasetCardData

from xstilts_core import analysis, results
from xstilts_core.errors import UsageError
from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.cards import facts
from xstilts_core.publish.cards.folder import new_folder
from xstilts_core.publish.cards.model_card import limits_of
from xstilts_core.publish.cards.record import Record, record
from xstilts_core.results import SCORES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, SPECS, DataSpec
from xstilts_core.study.study_file import studies
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import gain, number
from xstilts_core.wording.text import page

# The hub's size categories, by number of rows.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HYPERPARAMETERS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "max_length",
    "train_examples",
    "test_examples",
    "freeze_embeddings",
)
Rows = list[tuple[str, ...]]


def finished(study: Study) -> list[Record]:
    """Return the finished runs that match the study's current file. Raise UsageError for a study
    without runs of its own, or without finished ones."""
    if study.published:
        raise UsageError(
            f"{study.file}: these scores were published by others ({study.published}), "
            "so there are no runs to describe"
        )
    if study.parts:
        raise UsageError(
            f"{study.file}: a study of parts has no runs of its own: "
            f"name one of {', '.join(study.parts)}"
        )
    runs = [
        record(state.spec.folder) for state in results.states(study.specs) if state.state == "done"
    ]
    if not any(run.result.scores for run in runs):
        raise UsageError(
            f"{study.name} has no scores yet below {study.root}: xstilts run {study.name}"
        )
    return runs


def study_card(study: Study) -> DatasetCard:
    """Return the card of a study, made from its file and the result.json of its finished runs, with
    the metadata that the hub indexes; a licence is for the publisher to choose. Raise UsageError if
    there are no finished runs."""
    runs = finished(study)
    rows = sum(len(run.result.scores) for run in runs)
    languages = {score.language for run in runs for score in run.result.scores}
    front_matter = DatasetCardData(
        pretty_name=f"{facts.PROJECT}: {study.name}",
        language=[code for code in LANGUAGES if code in languages] or None,
        multilinguality="multilingual" if len(languages) > 1 else "monolingual",
        size_categories=next((name for limit, name in _SIZES if rows < limit), "1M<n<10M"),
        tags=[facts.PROJECT, "cross-lingual-transfer", "scores"],
        configs=[{"config_name": "scores", "data_files": SCORES}],
    )
    text = page("study_card.md.j2", front_matter=front_matter.to_yaml(), **study_facts(study, runs))
    return DatasetCard(f"{text}\n")


def export_study(study: Study, out: Path) -> Path:
    """Write the card (README.md), scores.csv and the study's file to the new folder `out` and
    return `out`.

    The scores are from finished runs alone, without stale runs and runs that the study no longer
    has.
    """
    card, scores = str(study_card(study)), results.table([run.result for run in finished(study)])
    with new_folder(out) as folder:
        (folder / "README.md").write_text(card, encoding="utf-8")
        scores.to_csv(folder / SCORES, index=False)
        shutil.copyfile(study.file, folder / Path(study.file).name)
    return out


def study_facts(study: Study, runs: Sequence[Record]) -> dict[str, Any]:
    """Return what the templates of a study's card and of kept runs need."""
    trained = [run for run in runs if run.result.phase != DataSpec.phase]
    names = dict.fromkeys(
        name for run in runs for name in (*run.data, *(score.task for score in run.result.scores))
    )
    spec, revisions = {"source": study.source, "benchmark": study.benchmark}, facts.revisions(runs)
    machines = analysis.machines(study)
    frame = analysis.contenders(analysis.finished(study), study.controls)
    provenances = [run.result.provenance for run in runs]
    shared = {
        str(made["shared_from"]).partition("/")[0] for made in provenances if "shared_from" in made
    }
    return {
        "study": study,
        "states": analysis.runs(study),
        "tasks": TASKS,
        "titles": facts.titles,
        "shown": facts.shown,
        "hyperparameters": _HYPERPARAMETERS,
        "settings": _setting_rows(trained),
        "data": facts.data_rows(names, spec, revisions),
        "revisions": revisions,
        "gains": _gain_rows(frame),
        "scores": analysis.baseline_by_language(frame),
        "columns": list(results.table([run.result for run in runs]).columns),
        "phases": [name for name in SPECS if name != DataSpec.phase],
        "missing": sum(state.state != "done" for state in results.states(study.specs)),
        "limits": [limits_of(run.spec) for run in trained],
        "machines": (list(machines.columns), machines.to_numpy().tolist()),
        "shared": sorted(shared),
        "commits": list(
            dict.fromkeys(made["commit"] for made in provenances if made.get("commit"))
        ),
        "command": command(study, runs),
    }


def command(study: Study, runs: Sequence[Record]) -> str:
    """Return the command that reproduces the study."""
    name = study.name if study.name in studies() else Path(study.file).name
    options = " --data-root DIR" if any(run.spec.get("data_root") for run in runs) else ""
    options += "".join(f" --{key} {facts.written(value)}" for key, value in study.given.items())
    return f"xstilts run {name}{options}"


def _setting_rows(runs: Sequence[Record]) -> Rows:
    """Return all values of the hyper-parameters in finished runs, by phase and tasks."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for run in runs:
        groups.setdefault((run.result.phase, ", ".join(run.tasks)), []).append(run)
    rows = []
    for key, group in groups.items():
        values = [
            dict.fromkeys(facts.shown(run.spec[name]) for run in group if name in run.spec)
            for name in _HYPERPARAMETERS
        ]
        rows.append((*key, str(len(group)), *map("; ".join, values)))
    return rows


def _gain_rows(frame: pd.DataFrame) -> Rows | str:
    """Return the targets, the baseline's scores and the mean gains by recipe, or why there are
    none."""
    try:
        gains, baseline = analysis.gain_matrix(frame), analysis.baseline(frame)
    except UsageError as error:
        return str(error)
    return [
        ("recipe", *gains.columns),
        (f"{BASELINE} (score)", *map(number, baseline.iloc[0][gains.columns])),
        *((f"{recipe} (gain)", *map(gain, row)) for recipe, row in gains.iterrows()),
    ]
