"""All tasks as a table for the terminal, as a page (docs/tasks.md) and as JSON rows, made from
their declarations alone."""

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
_IN_DOMAINS = "Tasks above in texts of a clinic, and as chat messages: only in the embedded suite (source mini)"
_LEGEND = (
    "Sizes are those of the first language; 9,842?: recalled. 33 + 5 languages: so many in XTREME, so many more in XTREME-R.",
    "(unconfirmed): recalled from a paper that is not at hand, or chosen where nothing is published.",
)


def task_rows() -> list[dict[str, Any]]:
    """All that is declared of every task: its fields, its data sets on the hub or why there are
    none, and its places in local files."""
    return [
        {
            **asdict(entry),
            "version_of": VERSIONS[entry.name].task if entry.name in VERSIONS else "",
            "hub": asdict(HUB[entry.name]) if entry.name in HUB else None,
            "hub_added": asdict(ADDED[entry.name]) if entry.name in ADDED else None,
            "not_on_hub": not_at_source(entry, "hub")
            or LOCAL.get(entry.name)
            or LOCAL_ADDED.get(entry.name, ""),
            "files": places(entry),
        }
        for entry in TASKS.values()
    ]


def terminal_table() -> str:
    """Two lines and more for every task, no wider than WIDTH: what it is, then its data set,
    licence, citation and recipe."""
    lines = []
    for role, heading in ROLES.items():
        entries = _of_role(role)
        rows = [
            ("name", "title", "format", "metric", "train / dev / test", "languages"),
            *map(summary, entries),
        ]
        shown = aligned(rows)
        lines += [heading, "", shown[0]]
        for entry, line in zip(entries, shown[1:], strict=True):
            facts = "; ".join((source(entry), entry.licence, entry.citation, short_recipe(entry)))
            lines += [
                line,
                *textwrap.wrap(facts, WIDTH, initial_indent=4 * " ", subsequent_indent=4 * " "),
            ]
        lines.append("")
    return "\n".join([*lines, _IN_DOMAINS, "", *aligned(versions()), "", *_LEGEND])


def _of_role(role: str) -> list[Task]:
    """The tasks of a role but for versions in other domains."""
    return [entry for entry in TASKS.values() if entry.role == role and entry.name not in VERSIONS]


def versions() -> list[tuple[str, ...]]:
    """A row for each version of a task in another domain, below a row of names."""
    entries = [TASKS[name] for name in VERSIONS]
    columns = ("name", "version of", "domain", "trained on", "languages")
    return [
        columns,
        *(
            (entry.name, *VERSIONS[entry.name], trained_on(entry), _language_text(entry))
            for entry in entries
        ),
    ]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, columns below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def summary(entry: Task) -> tuple[str, ...]:
    sizes = " / ".join(size(entry, split) for split in SPLITS)
    return (entry.name, entry.title, entry.format, entry.metric, sizes, _language_text(entry))


def size(entry: Task, split: str) -> str:
    """The examples of a split; "-" where none are stated, "?" after those recalled."""
    return (
        f"{entry.sizes[split]:,}{'?' if split in entry.recalled else ''}"
        if split in entry.sizes
        else "-"
    )


def _language_text(entry: Task) -> str:
    """Few languages by their codes, many by their number; "+ 8": those that XTREME-R adds."""
    found = (
        " ".join(entry.languages) if len(entry.languages) <= _LISTED else f"{len(entry.languages)}"
    )
    return f"{found} + {len(entry.added)}" if entry.added else found


def source(entry: Task) -> str:
    """The data set on the hub, or that of local files or of the embedded suite, or the parts."""
    if entry.parts:
        return (", then " if entry.staged else " + ").join(entry.parts)
    found = [table[entry.name].dataset for table in (HUB, ADDED) if entry.name in table]
    return ", ".join(found) or ("embedded suite" if entry.role == "probing" else "local files")


def short_recipe(entry: Task) -> str:
    """How it is trained as published; the examples of a batch are those of one update."""
    if entry.published is None:
        return (
            "no recipe of its own"
            if entry.train_on in (None, entry.name)
            else f"trained on {entry.train_on}"
        )
    return _recipe_text(entry.published) + ("" if entry.published.confirmed else " (unconfirmed)")


def _recipe_text(published: Published) -> str:
    trained = f"{published.epochs} epochs, batch {published.batch_size}"
    return f"{trained}, length {published.max_length}, learning rate {published.learning_rate:.0e}"


def places(entry: Task) -> dict[str, list[str]]:
    """Split -> the patterns of its files below a data root, in the order in which they are tried.

    Without the places that count only where slices of a data set stand, which nobody else has, and
    those that are refused.
    """
    usual = {split: FILES.get((entry.name, split), ()) for split in SPLITS}
    found = {
        split: [layout for layout in layouts if not (layout.refused or layout.given)]
        for split, layouts in usual.items()
    }
    return {
        split: list(dict.fromkeys(pattern for layout in layouts for pattern in layout.patterns))
        for split, layouts in found.items()
        if layouts
    }


def markdown() -> str:
    """The page docs/tasks.md: a table of all tasks, then a section for each."""
    lines = [
        "# Tasks",
        "",
        f"Made by `{COMMAND}` from the declarations in `xstilts_core/tasks/` and `xstilts_core/data/readers/`: change those, not this "
        "page.",
        "",
        *_LEGEND,
        "Patterns of files are below the data root; `{code}`, `{name}`, `{tatoeba}` and `{treebank}` stand for the language. The first",
        "place with labelled files wins.",
    ]
    for role, heading in ROLES.items():
        entries = _of_role(role)
        rows = [
            (f"[{entry.name}](#{entry.name})", *summary(entry)[1:], source(entry))
            for entry in entries
        ]
        columns = ("task", "title", "format", "metric", "train / dev / test", "languages", "data")
        lines += ["", f"## {heading}", "", *pipes([columns, ["---"] * len(columns), *rows])]
        for entry in entries:
            lines += ["", f"### {entry.name}", "", *section(entry)]
    columns, *rows = versions()
    return "\n".join(
        [*lines, "", f"## {_IN_DOMAINS}", "", *pipes([columns, ["---"] * len(columns), *rows])]
    )


def section(entry: Task) -> list[str]:
    """What is known of one task, a line for each fact."""
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
    return f"[{found.dataset}](https://huggingface.co/datasets/{found.dataset}), configuration {configs}{branch}"


def _hub_splits(entry: Task) -> list[tuple[str, str]]:
    """Our splits as the data set calls them."""
    if entry.name not in HUB:
        return []
    named = ", ".join(
        f"{split}: {' + '.join(f'`{part}`' for part in parts)}"
        for split, parts in HUB[entry.name].splits.items()
    )
    return [("splits on the hub", named)]


def recipe_with_source(entry: Task) -> str:
    if entry.published is None:
        return short_recipe(entry)
    return f"{_recipe_text(entry.published)}; {'confirmed' if entry.published.confirmed else 'unconfirmed'}: {entry.published.source}"


def pipes(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a Markdown table."""
    return [f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |" for row in rows]
