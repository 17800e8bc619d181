"""Which data a run read, from where, and under which licences; as far as its own record says."""

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
    """Whether a model's name is a folder of somebody's machine."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def shown(value: Any) -> str:
    """A parameter's value for others to read: 'mnli 500, ccg 200' for a mapping; of a folder on
    this machine only its own name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, str) and is_local(value):
        return f"a local folder, {Path(value).name}"
    return str(value)


def hub_model(name: str) -> str:
    """The name if it is one of the hub's models, else ""."""
    return "" if name in ("", SHIPPED, _PRETRAINED) or is_local(name) else name


def is_embedded(spec: Mapping[str, Any]) -> bool:
    """Whether a run stands on the embedded suite alone, its encoder included."""
    return (
        spec["source"] == "mini"
        and spec.get("encoder", _PRETRAINED) in (SHIPPED, _PRETRAINED)
        and not spec.get("translator")
    )


def seen_languages(specs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Languages of the texts that a model has seen in these runs, as far as the suite knows: not
    those of an encoder of the hub."""
    found: set[str] = set()
    for spec in specs:
        embedded = EMBEDDED_LANGUAGES if spec["source"] == "mini" else ()
        if "encoder" not in spec:  # phase 1
            found.update(spec["languages"] or embedded)
            continue
        found.update(spec.get("data_languages") or ["en"])
        found.update(EMBEDDED_LANGUAGES if spec["encoder"] == SHIPPED else ())
        found.update((spec["mlm_languages"] or embedded) if spec.get("mlm") else ())
    return [code for code in LANGUAGES if code in found]


def parts(names: Iterable[str]) -> list[Task]:
    """The data sets of tasks, each once: a task that is several data sets behind one head is named
    by these."""
    return [
        TASKS[part]
        for part in dict.fromkeys(
            part for name in names if name in TASKS for part in TASKS[name].parts or (name,)
        )
    ]


def of_hub(name: str, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A task's data sets on the hub: name in the lock, and a link with configuration."""
    tables = (HUB, ADDED) if spec.get("benchmark") == "xtreme-r" else (HUB,)
    found = [table[name] for table in tables if name in table]
    return [
        (f"{entry.dataset}@{entry.revision}" if entry.revision else entry.dataset, linked(entry))
        for entry in found
    ]


def followed(entry: Task) -> str:
    """Whose task a data set of the embedded suite follows: in another domain the original's;
    probing tasks say for themselves."""
    return (
        entry.citation
        if entry.role == "probing"
        else f"the task after {TASKS[original(entry.name)].citation}"
    )


def _data_rows(
    names: Sequence[str], spec: Mapping[str, Any], revisions: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """One row per data set: task, where it was read, licence, citation."""
    rows = []
    for entry in parts(names):
        if spec["source"] == "mini":
            rows.append((entry.title, EMBEDDED, OWN_LICENCE, f"this suite; {followed(entry)}"))
            continue
        places = of_hub(entry.name, spec) if spec["source"] == "hub" else []
        told = [
            f"{link}{f', commit `{revisions[key][:12]}`' if key in revisions else ''}"
            for key, link in places
        ]
        rows.append((entry.title, "; ".join(told) or "local files", entry.licence, entry.citation))
    return rows


def data_table(
    names: Sequence[str], spec: Mapping[str, Any], revisions: Mapping[str, str]
) -> list[str]:
    """`_data_rows` as a Markdown table, the texts of continued masked language modelling among
    them; no lines where there are none."""
    rows = _data_rows(names, spec, revisions)
    if spec.get("mlm") and spec["source"] == "hub":
        rows.append(("texts", linked(TEXTS), "on the data set's card", ""))
    columns = ("task", "data", "licence", "citation")
    return pipes([columns, ["---"] * len(columns), *rows]) if rows else []


def hub_datasets(names: Sequence[str], spec: Mapping[str, Any]) -> list[str]:
    """Names of the hub's data sets that were trained on, for the front matter: not of local files,
    nor of the embedded suite."""
    if spec["source"] != "hub":
        return []
    found = [key.partition("@")[0] for entry in parts(names) for key, _ in of_hub(entry.name, {})]
    return list(dict.fromkeys([*found, *([TEXTS.dataset] if spec.get("mlm") else [])]))
