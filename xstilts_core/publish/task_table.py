"""List all tasks, from their declarations alone: as a table for the terminal, as a page
(docs/tasks.md) and as JSON rows."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from xstilts_core.data.readers import FILES
from xstilts_core.tasks import (
    ADDED,
    HUB,
    LOCAL,
    LOCAL_ADDED,
    TASKS,
    VERSIONS,
    HubData,
    Published,
    Task,
    not_at_source,
)

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
_IN_DOMAINS = (
    "Tasks above as texts of a clinic and as chat messages, only in the embedded suite "
    "(source mini)"
)
_LEGEND = (
    "Sizes are those of the first language; 9,842?: recalled, unchecked. 33 + 5 languages: 33 in "
    "XTREME, 5 more in XTREME-R.",
    "(unconfirmed): recalled from a paper that was not available, or chosen if nothing is "
    "published.",
)


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
            "files": places(task),
        }
        for task in TASKS.values()
    ]


def terminal_table() -> str:
    """Return two or more lines for every task, no wider than WIDTH: its main fields, then its data
    set, licence, citation and recipe."""
    lines = []
    for role, heading in ROLES.items():
        tasks = _of_role(role)
        rows = [
            ("name", "title", "format", "metric", "train / dev / test", "languages"),
            *map(summary, tasks),
        ]
        table_lines = aligned(rows)
        lines += [heading, "", table_lines[0]]
        for task, line in zip(tasks, table_lines[1:], strict=True):
            facts = "; ".join((source(task), task.licence, task.citation, short_recipe(task)))
            lines += [
                line,
                *textwrap.wrap(facts, WIDTH, initial_indent=4 * " ", subsequent_indent=4 * " "),
            ]
        lines.append("")
    return "\n".join([*lines, _IN_DOMAINS, "", *aligned(versions()), "", *_LEGEND])


def _of_role(role: str) -> list[Task]:
    """Return the tasks of a role, without their versions in other domains."""
    return [task for task in TASKS.values() if task.role == role and task.name not in VERSIONS]


def versions() -> list[tuple[str, ...]]:
    """Return a header and a row for each version of a task in another domain."""
    tasks = [TASKS[name] for name in VERSIONS]
    columns = ("name", "version of", "domain", "trained on", "languages")
    return [
        columns,
        *(
            (task.name, *VERSIONS[task.name], trained_on(task), _language_text(task))
            for task in tasks
        ),
    ]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def summary(entry: Task) -> tuple[str, ...]:
    sizes = " / ".join(size(entry, split) for split in SPLITS)
    return (entry.name, entry.title, entry.format, entry.metric, sizes, _language_text(entry))


def size(entry: Task, split: str) -> str:
    """Return the number of examples in a split: "-" if not stated, followed by "?" if recalled."""
    return (
        f"{entry.sizes[split]:,}{'?' if split in entry.recalled else ''}"
        if split in entry.sizes
        else "-"
    )


def _language_text(entry: Task) -> str:
    """Return the codes of a few languages or the number of many; "+ 8": added by XTREME-R."""
    languages = (
        " ".join(entry.languages) if len(entry.languages) <= _LISTED else f"{len(entry.languages)}"
    )
    return f"{languages} + {len(entry.added)}" if entry.added else languages


def source(entry: Task) -> str:
    """Return the task's parts, its data sets on the hub, "embedded suite" or "local files"."""
    if entry.parts:
        return (", then " if entry.staged else " + ").join(entry.parts)
    datasets = [table[entry.name].dataset for table in (HUB, ADDED) if entry.name in table]
    return ", ".join(datasets) or ("embedded suite" if entry.role == "probing" else "local files")


def short_recipe(entry: Task) -> str:
    """Return the published training recipe. The batch size is the number of examples per update."""
    if entry.published is None:
        return (
            "no recipe of its own"
            if entry.train_on in (None, entry.name)
            else f"trained on {entry.train_on}"
        )
    return _recipe_text(entry.published) + ("" if entry.published.confirmed else " (unconfirmed)")


def _recipe_text(published: Published) -> str:
    budget = f"{published.epochs} epochs, batch {published.batch_size}"
    return f"{budget}, length {published.max_length}, learning rate {published.learning_rate:.0e}"


def places(entry: Task) -> dict[str, list[str]]:
    """Return for each split the patterns of its files below a data root, in the order of trial.

    Layouts that are refused, or used only beside slices of a data set (which nobody else has), are
    left out.
    """
    layouts_by_split = {split: FILES.get((entry.name, split), ()) for split in SPLITS}
    accepted_layouts = {
        split: [layout for layout in layouts if not (layout.refusal or layout.requires)]
        for split, layouts in layouts_by_split.items()
    }
    return {
        split: list(dict.fromkeys(pattern for layout in layouts for pattern in layout.files))
        for split, layouts in accepted_layouts.items()
        if layouts
    }


def markdown() -> str:
    """Return the page docs/tasks.md: a table of all tasks, then a section for each task."""
    lines = [
        "# Tasks",
        "",
        f"Made by `{COMMAND}` from the declarations in `xstilts_core/tasks/` and "
        "`xstilts_core/data/readers/`: change those, not this page.",
        "",
        *_LEGEND,
        "File patterns are relative to the data root; `{code}`, `{name}`, `{tatoeba}` and "
        "`{treebank}` stand for the language.",
        "The first pattern with labelled files is used.",
    ]
    for role, heading in ROLES.items():
        tasks = _of_role(role)
        rows = [
            (f"[{task.name}](#{task.name})", *summary(task)[1:], source(task)) for task in tasks
        ]
        columns = ("task", "title", "format", "metric", "train / dev / test", "languages", "data")
        lines += ["", f"## {heading}", "", *pipes([columns, ["---"] * len(columns), *rows])]
        for task in tasks:
            lines += ["", f"### {task.name}", "", *section(task)]
    columns, *rows = versions()
    return "\n".join(
        [*lines, "", f"## {_IN_DOMAINS}", "", *pipes([columns, ["---"] * len(columns), *rows])]
    )


def section(entry: Task) -> list[str]:
    """Return a table of the facts on one task."""
    facts = [
        ("title", entry.title),
        ("data", _data_text(entry)),
        *_hub_splits(entry),
        ("languages", " ".join(entry.languages)),
    ]
    if entry.added:
        facts.append(("added by XTREME-R", " ".join(entry.added)))
    if entry.name in LOCAL_ADDED:
        facts.append(("added languages on the hub", f"no: {LOCAL_ADDED[entry.name]}"))
    facts += [
        (f"files, {split}", ", ".join(f"`{pattern}`" for pattern in patterns))
        for split, patterns in places(entry).items()
    ]
    if entry.pool:
        facts.append(("searched", f"{entry.pool:,} passages, in all languages together"))
    if entry.labels:
        facts.append(("labels", ", ".join(entry.labels)))
    facts += [
        (
            "sizes",
            ", ".join(f"{split} {size(entry, split)}" for split in entry.sizes) or "not stated",
        ),
        ("metric", entry.metric),
        ("kind, domain", f"{entry.kind}, {entry.domain}"),
        ("trained on", trained_on(entry)),
        ("recipe", recipe_with_source(entry)),
        ("licence", entry.licence),
        ("citation", entry.citation),
    ]
    return pipes([("", ""), ("---", "---"), *facts])


def trained_on(entry: Task) -> str:
    return entry.train_on or ("nothing" if entry.role == "target" else "itself")


def _data_text(entry: Task) -> str:
    if entry.name in LOCAL:
        return f"local files: {LOCAL[entry.name]}"
    return "; ".join(
        linked(table[entry.name]) for table in (HUB, ADDED) if entry.name in table
    ) or source(entry)


def linked(found: HubData) -> str:
    configs = " and ".join(
        f"`{config}`" for config in dict.fromkeys((found.config, *found.configs.values()))
    )
    branch = f", branch `{found.revision}`" if found.revision else ""
    return (
        f"[{found.dataset}](https://huggingface.co/datasets/{found.dataset}), "
        f"configuration {configs}{branch}"
    )


def _hub_splits(entry: Task) -> list[tuple[str, str]]:
    """Return the names of our splits in the hub's data set."""
    if entry.name not in HUB:
        return []
    split_names = ", ".join(
        f"{split}: {' + '.join(f'`{hub_name}`' for hub_name in hub_names)}"
        for split, hub_names in HUB[entry.name].splits.items()
    )
    return [("splits on the hub", split_names)]


def recipe_with_source(entry: Task) -> str:
    if entry.published is None:
        return short_recipe(entry)
    return (
        f"{_recipe_text(entry.published)}; "
        f"{'confirmed' if entry.published.confirmed else 'unconfirmed'}: {entry.published.source}"
    )


def pipes(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines of a Markdown table."""
    return [f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |" for row in rows]
