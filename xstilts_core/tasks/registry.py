"""Read the declarations of tasks.yaml: `TASKS[name]`, and `task(name)` with a helpful error."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter

from xstilts_core.errors import unknown
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.tasks.task import Published, Task

GENERAL = "general"
OTHER_DOMAINS = ("clinic", "chat")
# Two intermediate tasks, and targets of three formats. Most cells are transfer: XNLI is the only
# target whose training task is also an intermediate task.
_IN_ALL_DOMAINS = ("mnli", "squad_v1", "xnli", "udpos", "tydiqa")

_CONTENT = yaml.load(Path(__file__).with_name("tasks.yaml").read_text("utf-8"), FastLoader)


def declared(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Task]:
    """Return tasks from their fields by name, as in a group of tasks.yaml."""
    named = {name: {"name": name, **fields} for name, fields in entries.items()}
    return TypeAdapter(dict[str, Task]).validate_python(named)


INTERMEDIATE, TARGETS, XTREME_R, TRANSLATED, DOMAINS, PROBING = (
    declared(_CONTENT[group])
    for group in ("intermediate", "targets", "xtreme_r", "translated", "domains", "probing")
)
# A task's English training set -> its published translations.
TRANSLATIONS: dict[str, str] = _CONTENT["translations"]
# The embedded suite's own recipes, by format.
EMBEDDED = TypeAdapter(dict[str, Published]).validate_python(_CONTENT["embedded_recipes"])


class _Version(NamedTuple):
    """The original task of a version, and its domain."""

    task: str
    domain: str


# Tasks of the embedded suite in its two other domains: short clinical texts and chat messages. They
# exist in no other source. A version is a task of its own, with a head, folders and scores of its
# own.
VERSIONS: Mapping[str, _Version] = MappingProxyType(
    {
        f"{name}_{domain}": _Version(name, domain)
        for name in _IN_ALL_DOMAINS
        for domain in OTHER_DOMAINS
    }
)


def original(name: str) -> str:
    """Return the original task of a version, or the name itself for any other task."""
    return VERSIONS[name].task if name in VERSIONS else name


def _version(entry: Task, domain: str) -> Task:
    """Return a task's version in a domain. It differs from its original only in the words and the
    register of its texts: it has no settings of the original data set, and it trains on the version
    in the same domain."""
    return replace(
        entry,
        name=f"{entry.name}_{domain}",
        title=f"{entry.title}, {domain}",
        domain=domain,
        citation="made by xstilts_core/mini",
        licence="Apache-2.0",
        languages=tuple(code for code in entry.languages if code in EMBEDDED_LANGUAGES),
        added=(),
        train_on=entry.train_on and f"{entry.train_on}_{domain}",
        published=None,
        sizes={},
        recalled=(),
        version=1,
    )


TASKS: dict[str, Task] = {
    **INTERMEDIATE,
    **TARGETS,
    **XTREME_R,
    **TRANSLATED,
    **DOMAINS,
    **{
        name: _version((INTERMEDIATE | TARGETS)[version.task], version.domain)
        for name, version in VERSIONS.items()
    },
    **PROBING,
}
# The format of every task of the suite, and of those that only published scores have.
FORMATS: Mapping[str, str] = MappingProxyType(
    {name: entry.format for name, entry in TASKS.items()} | _CONTENT["formats_elsewhere"]
)
# The paper's nine intermediate and nine target tasks: rows and columns of its tables.
INTERMEDIATE_NAMES = tuple(
    entry.name for entry in INTERMEDIATE.values() if entry.role == "intermediate"
)
XTREME = tuple(TARGETS)
# Every language of an XTREME task, English first.
XTREME_LANGUAGES = tuple(
    dict.fromkeys(("en", *sorted(code for entry in TARGETS.values() for code in entry.languages)))
)
TARGET_NAMES = tuple(entry.name for entry in TASKS.values() if entry.role == "target")
PROBING_NAMES = tuple(PROBING)


def task(name: str, where: str = "") -> Task:
    """Return the task called `name`; otherwise raise UsageError with the nearest name. `where` is
    the file or option that gave it."""
    if name not in TASKS:
        raise unknown("task", name, TASKS, where)
    return TASKS[name]


def recipe(entry: Task, source: str) -> Published | None:
    """Return the second layer of parameters: the embedded suite's recipe for the task's format, or
    the task's published recipe; None if nothing is trained (retrieval)."""
    return EMBEDDED.get(entry.format) if source == "mini" else entry.published
