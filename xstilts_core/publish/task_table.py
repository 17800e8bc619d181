"""List all tasks, from their declarations alone: as a table for the terminal, as a page
(docs/tasks.md) and as JSON rows."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from xstilts_core.data.readers.files import FILES
from xstilts_core.tasks import (
    ADDED,
    HUB,
    LOCAL,
    LOCAL_ADDED,
    TASKS,
    VERSIONS,
    HubData,
    Task,
    not_at_source,
)
from xstilts_core.wording.text import page

WIDTH = 120
_LISTED = 8
SPLITS = ("train", "dev", "test")
COMMAND = "xstilts tasks --markdown > docs/tasks.md"
ROLES = {
    "intermediate": "Intermediate tasks: trained on in English before the target",
    "target": "Targets: trained on in English, scored in every language",
    "part": "Only trained on: parts of a task above, before a target, or in other languages",
    "probing": "Probing tasks: read off a frozen encoder in English, scored in every language",
}
_COLUMNS = ("name", "title", "format", "metric", "train / dev / test", "languages")
_VERSION_COLUMNS = ("name", "version of", "domain", "trained on", "languages")
Rows = Sequence[Sequence[str]]


def task_rows() -> list[dict[str, Any]]:
    """Return the declarations of every task: its fields, its data sets on the hub or why there are
    none, and the patterns of its local files."""
    return [
        {
            **asdict(task),
            "version_of": VERSIONS[task.name].task if task.name in VERSIONS else "",
            "hub": asdict(HUB[task.name]) if task.name in HUB else None,
            "hub_added": asdict(ADDED[task.name]) if task.name in ADDED else None,
            "not_on_hub": not_at_source(task, "hub")
            or LOCAL.get(task.name)
            or LOCAL_ADDED.get(task.name, ""),
            "files": _patterns(task),
        }
        for task in TASKS.values()
    ]


def terminal_table() -> str:
    """Return two or more lines for every task, no wider than WIDTH: its main fields, then its data
    set, licence, citation and recipe."""
    groups = {}
    for role, tasks in _by_role().items():
        header, *lines = _aligned([_COLUMNS, *map(_summary, tasks)])
        facts = [
            "; ".join((_source(task), task.licence, task.citation, recipe(task))) for task in tasks
        ]
        indents = {"initial_indent": 4 * " ", "subsequent_indent": 4 * " "}
        wrapped = [textwrap.fill(fact, WIDTH, **indents) for fact in facts]
        groups[ROLES[role]] = [
            header,
            *(text for pair in zip(lines, wrapped, strict=True) for text in pair),
        ]
    versions = _aligned([_VERSION_COLUMNS, *_version_rows()])
    return page("tasks.txt.j2", groups=groups, versions=versions)


def markdown() -> str:
    """Return the page docs/tasks.md: a table of all tasks, then a section for each task."""
    return page(
        "tasks.md.j2",
        command=COMMAND,
        roles=ROLES,
        tasks=_by_role(),
        columns=("task", *_COLUMNS[1:], "data"),
        summary=_summary,
        source=_source,
        size=_size,
        recipe=recipe,
        trained_on=_trained_on,
        links={
            name: [linked(table[name]) for table in (HUB, ADDED) if name in table] for name in TASKS
        },
        local=LOCAL,
        local_added=LOCAL_ADDED,
        hub_splits={name: data.splits for name, data in HUB.items()},
        patterns=_patterns,
        version_columns=_VERSION_COLUMNS,
        versions=_version_rows(),
    )


def _by_role() -> dict[str, list[Task]]:
    """Return the tasks by role, without their versions in other domains."""
    tasks = [task for task in TASKS.values() if task.name not in VERSIONS]
    return {role: [task for task in tasks if task.role == role] for role in ROLES}


def _version_rows() -> Rows:
    """Return a row for each version of a task in another domain."""
    tasks = [TASKS[name] for name in VERSIONS]
    return [
        (task.name, *VERSIONS[task.name], _trained_on(task), _language_text(task)) for task in tasks
    ]


def _aligned(rows: Rows) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _summary(task: Task) -> tuple[str, ...]:
    sizes = " / ".join(_size(task, split) for split in SPLITS)
    return (task.name, task.title, task.format, task.metric, sizes, _language_text(task))


def _size(task: Task, split: str) -> str:
    """Return the number of examples in a split: "-" if not stated, followed by "?" if recalled."""
    mark = "?" if split in task.recalled else ""
    return f"{task.sizes[split]:,}{mark}" if split in task.sizes else "-"


def _language_text(task: Task) -> str:
    """Return the codes of a few languages or the number of many; "+ 8": added by XTREME-R."""
    few = len(task.languages) <= _LISTED
    languages = " ".join(task.languages) if few else f"{len(task.languages)}"
    return f"{languages} + {len(task.added)}" if task.added else languages


def _source(task: Task) -> str:
    """Return the task's parts, its data sets on the hub, "embedded suite" or "local files"."""
    if task.parts:
        return (", then " if task.staged else " + ").join(task.parts)
    datasets = [table[task.name].dataset for table in (HUB, ADDED) if task.name in table]
    return ", ".join(datasets) or ("embedded suite" if task.role == "probing" else "local files")


def recipe(task: Task, with_source: bool = False) -> str:
    """Return the published training recipe, and whether it is confirmed. The batch size is the
    number of examples per update."""
    published = task.published
    if published is None:
        borrowed = task.train_on not in (None, task.name)
        return f"trained on {task.train_on}" if borrowed else "no recipe of its own"
    text = (
        f"{published.epochs} epochs, batch {published.batch_size}, length {published.max_length}, "
        f"learning rate {published.learning_rate:.0e}"
    )
    if with_source:
        return f"{text}; {'' if published.confirmed else 'un'}confirmed: {published.source}"
    return text if published.confirmed else f"{text} (unconfirmed)"


def _trained_on(task: Task) -> str:
    return task.train_on or ("nothing" if task.role == "target" else "itself")


def _patterns(task: Task) -> dict[str, list[str]]:
    """Return for each split the patterns of its files below a data root, in the order of trial.

    Layouts that are refused, or used only beside slices of a data set (which nobody else has), are
    left out.
    """
    patterns = {}
    for split in SPLITS:
        layouts = [
            layout
            for layout in FILES.get((task.name, split), ())
            if not (layout.refusal or layout.requires)
        ]
        if layouts:
            names = (pattern for layout in layouts for pattern in layout.files)
            patterns[split] = list(dict.fromkeys(names))
    return patterns


def linked(data: HubData) -> str:
    """Return a link to a data set on the hub, with its configurations and branch."""
    configs = dict.fromkeys((data.config, *data.configs.values()))
    branch = f", branch `{data.revision}`" if data.revision else ""
    return (
        f"[{data.dataset}](https://huggingface.co/datasets/{data.dataset}), "
        f"configuration {' and '.join(f'`{config}`' for config in configs)}{branch}"
    )
