"""List all tasks, from their declarations alone: as a table for the terminal, as a page
(docs/tasks.md) and as JSON rows. The words and columns are in the templates."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from xstilts_core.data.readers.files import FILES
from xstilts_core.tasks import ADDED, HUB, LOCAL, LOCAL_ADDED, TASKS, VERSIONS, Task, not_at_source
from xstilts_core.wording.text import page

WIDTH = 120
COMMAND = "xstilts tasks --markdown > docs/tasks.md"
ROLES = {
    "intermediate": "Intermediate tasks: trained on in English before the target",
    "target": "Targets: trained on in English, scored in every language",
    "part": "Only trained on: parts of a task above, before a target, or in other languages",
    "probing": "Probing tasks: read off a frozen encoder in English, scored in every language",
}


def task_rows() -> list[dict[str, Any]]:
    """Return the declarations of every task of the suite: its fields, its data sets on the hub or
    why there are none, and the patterns of its local files."""
    return [
        {
            **{key: value for key, value in asdict(task).items() if key != "file"},
            "version_of": VERSIONS[task.name].task if task.name in VERSIONS else "",
            "hub": asdict(HUB[task.name]) if task.name in HUB else None,
            "hub_added": asdict(ADDED[task.name]) if task.name in ADDED else None,
            "not_on_hub": not_at_source(task, "hub")
            or LOCAL.get(task.name)
            or LOCAL_ADDED.get(task.name, ""),
            "files": _patterns(task),
        }
        for task in TASKS.values()
        if not task.file
    ]


def tasks_page(template: str) -> str:
    """Return the filled-in template of the terminal's table, no wider than WIDTH, or of the page
    docs/tasks.md. Versions of tasks in other domains are listed apart."""
    tasks = [task for task in TASKS.values() if task.name not in VERSIONS and not task.file]
    return page(
        template,
        command=COMMAND,
        width=WIDTH,
        roles=ROLES,
        tasks={role: [task for task in tasks if task.role == role] for role in ROLES},
        versions=[(TASKS[name], version) for name, version in VERSIONS.items()],
        hub={name: [table[name] for table in (HUB, ADDED) if name in table] for name in TASKS},
        hub_splits=HUB,
        local=LOCAL,
        local_added=LOCAL_ADDED,
        patterns=_patterns,
        aligned=_aligned,
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _patterns(task: Task) -> dict[str, list[str]]:
    """Return for each split the patterns of its files below a data root, in the order of trial.

    Layouts that are refused, or used only beside slices of a data set (which nobody else has), are
    left out.
    """
    patterns = {}
    for split in ("train", "dev", "test"):
        layouts = [
            layout
            for layout in FILES.get((task.name, split), ())
            if not (layout.refusal or layout.requires)
        ]
        if layouts:
            names = (pattern for layout in layouts for pattern in layout.files)
            patterns[split] = list(dict.fromkeys(names))
    return patterns
