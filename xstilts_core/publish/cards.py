"""Cards for the Hugging Face hub and the README of kept runs, written only from the files of
finished runs: of a trained model, of a study's scores as a data set, of a folder of kept runs.

The texts are templates (`xstilts_core/wording/templates/`); this module has the facts for them, and
the front matter that the hub indexes.
"""

import json
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml
from huggingface_hub import DatasetCard, DatasetCardData, EvalResult, ModelCard, ModelCardData

from xstilts_core import analysis, results
from xstilts_core.data.hub_client import Repository
from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.files.encoder_files import LANGUAGE_HEAD
from xstilts_core.files.strict_yaml import FastLoader, load
from xstilts_core.jobs.kept_runs import unpack
from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.records import (
    KEPT,
    MODEL,
    TRAINED,
    Record,
    children,
    lost_parents,
    new_folder,
    parents,
    record,
)
from xstilts_core.results import SCORES, write_text
from xstilts_core.study import Study, study_file
from xstilts_core.study.spec import BASELINE, SPECS
from xstilts_core.study.study_kinds import STUDY
from xstilts_core.tasks import ADDED, EMBEDDED_LANGUAGES, HUB, TASKS, TEXTS, HubData, original
from xstilts_core.wording.numbers import gain, number
from xstilts_core.wording.text import page

PROJECT = "xstilts"
OWN_LICENCE = "apache-2.0"
README, GAINS, _RUN_TABLE = "README.md", "gains.csv", "runs.csv"
DIGITS = 4
_WORDS = yaml.load(Path(__file__).with_name("cards.yaml").read_text(encoding="utf-8"), FastLoader)
_OWN_ENCODERS = _WORDS["own_encoders"]
Spec = Mapping[str, Any]
Rows = list[tuple[str, ...]]


# ---- the card of a trained model


def model_card(run: Record) -> ModelCard:
    """Return the card of a run of phase 1, 2 or 3, written from result.json files alone, even if
    the model was not kept. Raise UsageError for a run that trains no model.

    The model index contains only scores of this model itself: the run's own, and those of
    retrieval, which trains nothing. The card has a licence only if everything that the run read
    comes with this suite.
    """
    phase, spec = run.result.phase, run.spec
    if phase not in TRAINED:
        raise UsageError(
            f"{run.name}: a run of phase {phase!r} trains no model, so it has no model "
            "card; its scores are on the card of the model that it scores and on the study's card: "
            f"xstilts card {run.study}"
        )
    scoring_runs, lineage = children(run), [*parents(run), run]
    embedded = all(
        item.spec["source"] == "mini"
        and item.spec.get("encoder", "mini") in _OWN_ENCODERS
        and not item.spec.get("translator")
        for item in lineage
    )
    licence = OWN_LICENCE if embedded and not lost_parents(run) else None
    encoder = str(spec.get("encoder", ""))
    started = _OWN_ENCODERS.get(encoder) or _shown(encoder)
    # A name without paths: "FacebookAI/xlm-roberta-large after CosmosQA (seed 2)".
    recipe = "" if phase in KEPT else f", recipe {spec['recipe']},"
    title = f"{started}{recipe} after {_titles(run.tasks)}"
    title = "Multilingual masked language model" if phase == "pretrain" else title
    title += f" (seed {spec['seed']})"
    direct = [child for child in scoring_runs if child.result.phase == "retrieval"]
    front_matter = ModelCardData(
        language=_training_languages(item.spec for item in lineage) or None,
        license=licence,
        library_name="transformers" if phase in KEPT else None,
        tags=[PROJECT, "cross-lingual-transfer", phase if phase in KEPT else "scores-only"],
        datasets=_hub_datasets(run) or None,
        base_model=None if encoder in _OWN_ENCODERS or _is_local(encoder) else encoder or None,
        model_name=title,
        eval_results=_model_index([run, *direct]) or None,
    )
    classes = encoder_files.configuration(run.folder / MODEL).get("architectures") or [""]
    text = page(
        "model_card.md.j2",
        front_matter=front_matter.to_yaml(),
        title=title,
        run=run,
        spec=spec,
        provenance=run.result.provenance,
        details=run.result.details,
        kept=phase in KEPT,
        started=started,
        # For the model type of an encoder-decoder, AutoModel would build the whole model.
        loader="AutoModelForTextEncoding" if classes[0].endswith("EncoderModel") else "AutoModel",
        has_language_head=(run.folder / MODEL / LANGUAGE_HEAD).is_file(),
        lineage=lineage,
        titles=_titles,
        fields=SPECS[phase].model_fields,
        shown=_shown,
        data=_data_facts([name for item in lineage for name in item.data], spec, lineage),
        licence=licence,
        scoring_runs=scoring_runs,
        limits=_limit_facts(spec),
        commands=_commands(run),
    )
    return ModelCard(f"{text}\n")


def _training_languages(specs: Iterable[Spec]) -> list[str]:
    """Return the languages of the training texts in these runs. Those of a hub encoder are
    unknown."""
    codes: set[str] = set()
    for spec in specs:
        embedded = EMBEDDED_LANGUAGES if spec["source"] == "mini" else ()
        if "encoder" not in spec:  # phase 1
            codes.update(spec["languages"] or embedded)
            continue
        codes.update(spec.get("data_languages") or ["en"])
        codes.update(EMBEDDED_LANGUAGES if spec["encoder"] == "mini" else ())
        codes.update((spec["mlm_languages"] or embedded) if spec.get("mlm") else ())
    return [code for code in LANGUAGES if code in codes]


def _model_index(runs: Sequence[Record]) -> list[EvalResult]:
    """Return the hub's model index, one entry per score. Data of the embedded suite or of local
    files do not get the name of the hub's data set."""
    entries = []
    for run in runs:
        source = str(run.spec["source"])
        for score in run.result.scores:
            task, on_hub = TASKS.get(score.task), _on_hub(score.task, run.spec)
            key = next(iter(on_hub), "")
            name = f"{PROJECT}-{source}-{score.task}"
            entries.append(
                EvalResult(
                    task_type=_WORDS["hub_tasks"][task.format] if task else "fill-mask",
                    dataset_type=on_hub[key].dataset if key else name,
                    dataset_name=f"{_titles([score.task])} ({_WORDS['sources'][source]})",
                    dataset_config=score.language,
                    dataset_split=score.split,
                    dataset_revision=_revisions([run]).get(key),
                    dataset_args={"n": score.n},
                    metric_type=score.metric,
                    metric_value=round(score.value, 4),
                )
            )
    return entries


def _commands(run: Record) -> list[str]:
    """Return shell lines that reproduce the run, beginning with the runs that it started from."""
    lines = [
        f"# first {name}, whose record is missing or was made again since"
        for name in lost_parents(run)
    ]
    current_commit = ""
    for item in (*parents(run), run):
        commit = item.result.provenance.get("commit", "")
        if commit and commit != current_commit:
            lines.append(f"git checkout {commit}")
            current_commit = commit
        parameters = item.result.provenance["parameters"]
        given = {name: value for name, value in parameters.items() if name not in _WORDS["places"]}
        if item.spec.get("data_root"):
            given["data_root"] = "DIR"
        words = [f"-p {name} {shlex.quote(_written(value))}" for name, value in given.items()]
        lines.append(" ".join(["xstilts notebook", SPECS[item.result.phase].notebook, *words]))
    return lines


# ---- the card of a study's scores, and the README of kept runs


def finished(study: Study) -> list[Record]:
    """Return the finished runs that match the study's current file. Raise UsageError for a study
    without runs of its own, or without finished ones."""
    study.require_runs()
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
        pretty_name=f"{PROJECT}: {study.name}",
        language=[code for code in LANGUAGES if code in languages] or None,
        multilinguality="multilingual" if len(languages) > 1 else "monolingual",
        size_categories=next(name for name, limit in _WORDS["sizes"].items() if rows < limit),
        tags=[PROJECT, "cross-lingual-transfer", "scores"],
        configs=[{"config_name": "scores", "data_files": SCORES}],
    )
    facts = _study_facts(study, runs)
    text = page("study_card.md.j2", front_matter=front_matter.to_yaml(), **facts)
    return DatasetCard(f"{text}\n")


def export_study(study: Study, out: Path) -> Path:
    """Write the card (README.md), scores.csv and the study's file to the new folder `out` and
    return `out`.

    The scores are from finished runs alone, without stale runs and runs that the study no longer
    has.
    """
    card, scores = str(study_card(study)), results.table([run.result for run in finished(study)])
    with new_folder(out) as folder:
        (folder / README).write_text(card, encoding="utf-8")
        scores.to_csv(folder / SCORES, index=False)
        shutil.copyfile(study.file, folder / Path(study.file).name)
    return out


def write_tables(folder: Path) -> Study:
    """Write README.md, scores.csv, gains.csv (the gains of 30_transfer with their intervals) and
    runs.csv beside kept runs (kept_runs.py), from the folder alone.

    Return the study of the kept runs, reduced to the seeds that are kept.
    """
    original_study = study_file.read(folder / STUDY)
    with TemporaryDirectory() as temporary_folder:
        file = Path(temporary_folder) / f"{folder.name}.yaml"
        content = {"title": original_study["title"], "reference": str(folder.resolve())}
        file.write_text(json.dumps(content), encoding="utf-8")
        study = Study.load(str(file), temporary_folder)
        unpack(study)
        runs = finished(study)
        scores = analysis.contenders(analysis.finished(study), study.controls)
        draws = analysis.gain_draws(scores, analysis.item_scores(study), targets=study.targets)
        tables = {
            SCORES: results.table([run.result for run in runs]),
            GAINS: analysis.gain_table(draws),
            _RUN_TABLE: _run_table(runs),
        }
        for name, table in tables.items():
            write_text(folder / name, table.round(DIGITS).to_csv(index=False))
        text = page(
            "reference_readme.md.j2",
            runs=runs,
            original=original_study,
            **_study_facts(study, runs),
        )
        write_text(folder / README, f"{text}\n")
    return study


def _run_table(runs: list[Record]) -> pd.DataFrame:
    """Return a row per run with how and where it was made. examples: number of training examples by
    data set. weights: the encoder's fingerprint."""
    rows = []
    for run in runs:
        provenance, details = run.result.provenance, run.result.details
        examples = details.get("examples", {}).items()
        rows.append(
            {
                "run": run.result.identity.run,
                "recipe": run.spec.get("recipe", ""),
                "seed": run.spec["seed"],
                "examples": ", ".join(f"{name} {count}" for name, count in examples),
                "steps": sum(details.get("counts", {}).values()) or "",
                "seconds": provenance.get("seconds", ""),
                "precision": details.get("precision", ""),
                "device": provenance.get("device", ""),
                "weights": run.result.identity.fingerprint[:12],
                "commit": provenance.get("commit", "")[:12],
                "dirty": provenance.get("dirty", ""),
            }
        )
    return pd.DataFrame(rows)


def _study_facts(study: Study, runs: Sequence[Record]) -> dict[str, Any]:
    """Return what the templates of a study's card and of kept runs need."""
    trained = [run for run in runs if run.result.phase != "data"]
    names = [
        name for run in runs for name in (*run.data, *(score.task for score in run.result.scores))
    ]
    frame, machines = analysis.finished(study), analysis.machines(study)
    frame = analysis.contenders(frame, study.controls)
    provenances = [run.result.provenance for run in runs]
    spec = {"source": study.source, "benchmark": study.benchmark}
    return {
        "study": study,
        "states": analysis.runs(study),
        "tasks": TASKS,
        "titles": _titles,
        "shown": _shown,
        "hyperparameters": _WORDS["hyperparameters"],
        "settings": _setting_rows(trained),
        "data": _data_facts(names, spec, runs),
        "gains": _gain_rows(frame),
        "scores": analysis.baseline_by_language(frame),
        "columns": results.table([run.result for run in runs]).columns,
        "phases": [name for name in SPECS if name != "data"],
        "missing": sum(state.state != "done" for state in results.states(study.specs)),
        "limits": [_limit_facts(run.spec) for run in trained],
        "machines": (machines.columns, machines.to_numpy().tolist()),
        "provenances": provenances,
        "command": command(study, runs),
    }


def command(study: Study, runs: Sequence[Record]) -> str:
    """Return the command that reproduces the study."""
    name = study.name if study.name in study_file.studies() else Path(study.file).name
    options = " --data-root DIR" if any(run.spec.get("data_root") for run in runs) else ""
    options += "".join(f" --{key} {_written(value)}" for key, value in study.given.items())
    return f"xstilts run {name}{options}"


def _setting_rows(runs: Sequence[Record]) -> Rows:
    """Return all values of the hyper-parameters in finished runs, by phase and tasks."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for run in runs:
        groups.setdefault((run.result.phase, ", ".join(run.tasks)), []).append(run)
    rows = []
    for key, group in groups.items():
        values = [
            dict.fromkeys(_shown(run.spec[name]) for run in group if name in run.spec)
            for name in _WORDS["hyperparameters"]
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


# ---- facts of all cards


def _is_local(name: str) -> bool:
    """Return whether a model's name is a local folder."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def _shown(value: Any) -> str:
    """Return a parameter's value as text for a card: 'mnli 500, ccg 200' for a mapping, and only
    the last name of a local folder's path."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, str) and _is_local(value):
        return f"a local folder, {Path(value).name}"
    return str(value)


def _written(value: Any) -> str:
    """Return a value as YAML, and only the last name of a local folder's path."""
    if isinstance(value, str) and _is_local(value):
        return f"DIR/{Path(value).name}"
    with suppress(UsageError):
        if isinstance(value, str) and load(value, "") == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def _titles(names: Iterable[str]) -> str:
    """Return the titles of tasks as text."""
    return ", ".join(TASKS[name].title if name in TASKS else name for name in names)


def _data_sets(names: Iterable[str]) -> list[str]:
    """Return the tasks without duplicates. A task of several data sets behind one head is replaced
    by its parts."""
    parts = (TASKS[name].parts or (name,) for name in names if name in TASKS)
    return list(dict.fromkeys(part for group in parts for part in group))


def _on_hub(name: str, spec: Spec) -> dict[str, HubData]:
    """Return a task's data sets by their names in the lock, if the run reads them from the hub."""
    tables = (HUB, ADDED) if spec.get("benchmark") == "xtreme-r" else (HUB,)
    data_sets = [table[name] for table in tables if name in table and spec["source"] == "hub"]
    return {Repository.of(data).key: data for data in data_sets}


def _hub_datasets(run: Record) -> list[str]:
    """Return the names of the hub data sets that a run was trained on, for the front matter. Local
    files and the embedded suite have none."""
    spec = run.spec
    data_sets = [
        *(HUB[name] for name in _data_sets(run.data) if name in HUB),
        *([TEXTS] if spec.get("mlm") else []),
    ]
    return list(dict.fromkeys(data.dataset for data in data_sets if spec["source"] == "hub"))


def _revisions(runs: Iterable[Record]) -> dict[str, str]:
    """Return the commits of the data sets and encoders that the runs read from the hub, by name."""
    return {
        name: commit
        for run in runs
        for name, commit in run.result.provenance.get("revisions", {}).items()
    }


def _data_facts(names: Iterable[str], spec: Spec, runs: Sequence[Record]) -> dict[str, Any]:
    """Return what the table of data and licences needs, for runs with the settings `spec`."""
    data_sets = _data_sets(names)
    return {
        "spec": spec,
        "tasks": [TASKS[name] for name in data_sets],
        "on_hub": {name: _on_hub(name, spec) for name in data_sets},
        "originals": {name: TASKS[original(name)] for name in data_sets},
        "texts": TEXTS,
        "revisions": _revisions(runs),
        "own_licence": OWN_LICENCE,
    }


def _limit_facts(spec: Spec) -> dict[str, Any]:
    """Return what the caveats on the data, the encoder and the hyper-parameters of a run need.

    unconfirmed: the tasks whose hyper-parameters are marked so, if the run used them.
    """
    names = [*(spec.get("tasks") or ()), *(spec.get("targets") or ())]
    keys = ("epochs", "batch_size", "learning_rate")
    unconfirmed = [
        name
        for name in names
        if spec["source"] != "mini"
        and name in TASKS
        and (published := TASKS[name].published)
        and not published.confirmed
        and all(spec.get(key) == getattr(published, key) for key in keys)
    ]
    own_encoder = spec.get("encoder", "mini") in _OWN_ENCODERS
    return {"spec": spec, "own_encoder": own_encoder, "unconfirmed": unconfirmed}
