"""What cards say of runs beyond their numbers: data with sources and licences, languages, values as
text, scores in the hub's format, and the commands that reproduce a run."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from huggingface_hub import EvalResult

from xstilts_core.errors import UsageError
from xstilts_core.files.strict_yaml import load
from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.cards.record import Record, lost_parents, parents
from xstilts_core.publish.task_table import linked
from xstilts_core.tasks import ADDED, EMBEDDED_LANGUAGES, HUB, TASKS, TEXTS, original

PROJECT = "xstilts"
OWN_LICENCE = "apache-2.0"
_OWN_ENCODERS = ("mini", "pretrained")
# Parameters that describe the machine, not the experiment.
_PLACES = ("outputs", "data_root", "device", "checkpoint_every")
# The hub's name for each of our formats. Phase 1 has no task.
_HUB_TASKS = MappingProxyType(
    {
        "pair": "text-classification",
        "choice": "multiple-choice",
        "span": "question-answering",
        "tagging": "token-classification",
        "retrieval": "sentence-similarity",
        "ranking": "text-ranking",
    }
)
_SOURCES = MappingProxyType(
    {"mini": "embedded suite, made-up texts", "files": "local files", "hub": "Hugging Face hub"}
)
Spec = Mapping[str, Any]


def is_local(name: str) -> bool:
    """Return whether a model's name is a local folder."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def shown(value: Any) -> str:
    """Return a parameter's value as text for a card: 'mnli 500, ccg 200' for a mapping, and only
    the last name of a local folder's path."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, str) and is_local(value):
        return f"a local folder, {Path(value).name}"
    return str(value)


def titles(names: Iterable[str]) -> str:
    """Return the titles of tasks as text."""
    return ", ".join(TASKS[name].title if name in TASKS else name for name in names)


def hub_model(spec: Spec) -> str:
    """Return the name of a run's encoder if it is on the hub, else ""."""
    name = str(spec.get("encoder", ""))
    return "" if name in _OWN_ENCODERS or is_local(name) else name


def is_embedded(spec: Spec) -> bool:
    """Return whether a run uses the embedded suite alone, for its encoder too."""
    return (
        spec["source"] == "mini"
        and spec.get("encoder", "mini") in _OWN_ENCODERS
        and not spec.get("translator")
    )


def training_languages(specs: Iterable[Spec]) -> list[str]:
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


def _data_sets(names: Iterable[str]) -> list[str]:
    """Return the tasks without duplicates. A task of several data sets behind one head is replaced
    by its parts."""
    parts = (TASKS[name].parts or (name,) for name in names if name in TASKS)
    return list(dict.fromkeys(part for group in parts for part in group))


def _hub_links(name: str, benchmark: str = "") -> dict[str, str]:
    """Return a task's data sets on the hub: name in the lock -> link with configuration."""
    tables = (HUB, ADDED) if benchmark == "xtreme-r" else (HUB,)
    data_sets = [table[name] for table in tables if name in table]
    return {
        f"{data.dataset}@{data.revision}" if data.revision else data.dataset: linked(data)
        for data in data_sets
    }


def data_rows(
    names: Iterable[str], spec: Spec, revisions: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Return a row per data set (task, source, licence, citation), and one for the texts of
    continued masked language modelling.

    An embedded data set cites the task that it imitates: a version in another domain the original,
    a probing task its own citation.
    """
    rows = []
    for task in map(TASKS.__getitem__, _data_sets(names)):
        if spec["source"] == "mini":
            after = f"the task after {TASKS[original(task.name)].citation}"
            citation = task.citation if task.role == "probing" else after
            source = "embedded suite: made-up texts"
            rows.append((task.title, source, OWN_LICENCE, f"this suite; {citation}"))
            continue
        links = _hub_links(task.name, spec.get("benchmark", "")) if spec["source"] == "hub" else {}
        sources = [
            f"{link}, commit `{revisions[key][:12]}`" if key in revisions else link
            for key, link in links.items()
        ]
        rows.append((task.title, "; ".join(sources) or "local files", task.licence, task.citation))
    if spec.get("mlm") and spec["source"] == "hub":
        rows.append(("texts", linked(TEXTS), "on the data set's card", ""))
    return rows


def hub_datasets(names: Iterable[str], spec: Spec) -> list[str]:
    """Return the names of the hub data sets that were trained on, for the front matter. Local files
    and the embedded suite have none."""
    if spec["source"] != "hub":
        return []
    datasets = [key.partition("@")[0] for name in _data_sets(names) for key in _hub_links(name)]
    return list(dict.fromkeys([*datasets, *([TEXTS.dataset] if spec.get("mlm") else [])]))


def revisions(runs: Iterable[Record]) -> dict[str, str]:
    """Return the commits of the data sets and encoders that the runs read from the hub, by name."""
    return {
        name: commit
        for run in runs
        for name, commit in run.result.provenance.get("revisions", {}).items()
    }


def unconfirmed(spec: Spec) -> list[str]:
    """Return the tasks for which the run used hyper-parameters that are marked unconfirmed."""
    names = [*(spec.get("tasks") or ()), *(spec.get("targets") or ())]
    recalled = {
        name: TASKS[name].published.settings()
        for name in names
        if name in TASKS and TASKS[name].published and not TASKS[name].published.confirmed
    }
    keys = ("epochs", "batch_size", "learning_rate")
    return [
        name
        for name, settings in recalled.items()
        if spec["source"] != "mini" and all(spec.get(key) == settings[key] for key in keys)
    ]


def model_index(runs: Sequence[Record]) -> list[EvalResult]:
    """Return the hub's model index, one entry per score. Data of the embedded suite or of local
    files do not get the name of the hub's data set."""
    entries = []
    for run in runs:
        for score in run.result.scores:
            task, source = TASKS.get(score.task), str(run.spec["source"])
            links = _hub_links(score.task, run.spec.get("benchmark", ""))
            key = next(iter(links), "") if source == "hub" else ""
            entries.append(
                EvalResult(
                    task_type=_HUB_TASKS[task.format] if task else "fill-mask",
                    dataset_type=key.partition("@")[0] or f"{PROJECT}-{source}-{score.task}",
                    dataset_name=f"{task.title if task else score.task} ({_SOURCES[source]})",
                    dataset_config=score.language,
                    dataset_split=score.split,
                    dataset_revision=revisions([run]).get(key),
                    dataset_args={"n": score.n},
                    metric_type=score.metric,
                    metric_value=round(score.value, 4),
                )
            )
    return entries


def commands(run: Record) -> list[str]:
    """Return shell lines that reproduce the run, beginning with the runs that it started from."""
    lines = [
        f"# first {name}, whose record is missing or was made again since"
        for name in lost_parents(run)
    ]
    current_commit = ""
    for record in (*parents(run), run):
        commit = record.result.provenance.get("commit", "")
        if commit and commit != current_commit:
            lines.append(f"git checkout {commit}")
            current_commit = commit
        parameters = record.result.provenance["parameters"]
        given = {name: value for name, value in parameters.items() if name not in _PLACES}
        if record.spec.get("data_root"):
            given["data_root"] = "DIR"
        words = [f"-p {name} {shlex.quote(written(value))}" for name, value in given.items()]
        lines.append(" ".join(["xstilts notebook", record.notebook, *words]))
    return lines


def written(value: Any) -> str:
    """Return a value as YAML, and only the last name of a local folder's path."""
    if isinstance(value, str) and is_local(value):
        return f"DIR/{Path(value).name}"
    with suppress(UsageError):
        if isinstance(value, str) and load(value, "") == value:
            return value
    return json.dumps(value, ensure_ascii=False)
