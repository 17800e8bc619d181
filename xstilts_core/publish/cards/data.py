"""The data that a run read, their sources and licences, as far as its record contains them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.task_table import linked, pipes
from xstilts_core.tasks import ADDED, EMBEDDED_LANGUAGES, HUB, TASKS, TEXTS, Task, original

EMBEDDED = "embedded suite: made-up texts"
OWN_LICENCE = "apache-2.0"
SHIPPED, _PRETRAINED = "mini", "pretrained"


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


def hub_model(name: str) -> str:
    """Return the name if it is that of a model on the hub, else ""."""
    return "" if name in ("", SHIPPED, _PRETRAINED) or is_local(name) else name


def is_embedded(spec: Mapping[str, Any]) -> bool:
    """Return whether a run uses the embedded suite alone, for its encoder too."""
    return (
        spec["source"] == "mini"
        and spec.get("encoder", _PRETRAINED) in (SHIPPED, _PRETRAINED)
        and not spec.get("translator")
    )


def seen_languages(specs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the languages of the training texts in these runs. Those of a hub encoder are
    unknown."""
    seen_codes: set[str] = set()
    for spec in specs:
        embedded = EMBEDDED_LANGUAGES if spec["source"] == "mini" else ()
        if "encoder" not in spec:  # phase 1
            seen_codes.update(spec["languages"] or embedded)
            continue
        seen_codes.update(spec.get("data_languages") or ["en"])
        seen_codes.update(EMBEDDED_LANGUAGES if spec["encoder"] == SHIPPED else ())
        seen_codes.update((spec["mlm_languages"] or embedded) if spec.get("mlm") else ())
    return [code for code in LANGUAGES if code in seen_codes]


def parts(names: Iterable[str]) -> list[Task]:
    """Return the data sets of the tasks without duplicates. A task of several data sets behind one
    head is replaced by its parts."""
    return [
        TASKS[data_set]
        for data_set in dict.fromkeys(
            data_set for name in names if name in TASKS for data_set in TASKS[name].parts or (name,)
        )
    ]


def of_hub(name: str, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a task's data sets on the hub: (name in the lock, link with configuration)."""
    tables = (HUB, ADDED) if spec.get("benchmark") == "xtreme-r" else (HUB,)
    data_sets = [table[name] for table in tables if name in table]
    return [
        (f"{data.dataset}@{data.revision}" if data.revision else data.dataset, linked(data))
        for data in data_sets
    ]


def followed(entry: Task) -> str:
    """Return the citation of the task that an embedded data set imitates.

    A version in another domain cites the original; a probing task has a citation of its own.
    """
    return (
        entry.citation
        if entry.role == "probing"
        else f"the task after {TASKS[original(entry.name)].citation}"
    )


def _data_rows(
    names: Sequence[str], spec: Mapping[str, Any], revisions: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Return a row per data set: task, source, licence, citation."""
    rows = []
    for task in parts(names):
        if spec["source"] == "mini":
            rows.append((task.title, EMBEDDED, OWN_LICENCE, f"this suite; {followed(task)}"))
            continue
        hub_data = of_hub(task.name, spec) if spec["source"] == "hub" else []
        sources = [
            f"{link}{f', commit `{revisions[key][:12]}`' if key in revisions else ''}"
            for key, link in hub_data
        ]
        rows.append((task.title, "; ".join(sources) or "local files", task.licence, task.citation))
    return rows


def data_table(
    names: Sequence[str], spec: Mapping[str, Any], revisions: Mapping[str, str]
) -> list[str]:
    """Return the rows as a Markdown table, with a row for the texts of continued masked language
    modelling; no lines if there are no rows."""
    rows = _data_rows(names, spec, revisions)
    if spec.get("mlm") and spec["source"] == "hub":
        rows.append(("texts", linked(TEXTS), "on the data set's card", ""))
    columns = ("task", "data", "licence", "citation")
    return pipes([columns, ["---"] * len(columns), *rows]) if rows else []


def hub_datasets(names: Sequence[str], spec: Mapping[str, Any]) -> list[str]:
    """Return the names of the hub data sets that were trained on, for the front matter. Local files
    and the embedded suite have none."""
    if spec["source"] != "hub":
        return []
    datasets = [key.partition("@")[0] for task in parts(names) for key, _ in of_hub(task.name, {})]
    return list(dict.fromkeys([*datasets, *([TEXTS.dataset] if spec.get("mlm") else [])]))
