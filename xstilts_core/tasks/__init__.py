"""The registry of tasks: `TASKS[name]`, and `task(name)` with a helpful error."""

from xstilts_core.errors import unknown
from xstilts_core.tasks.domains import DOMAINS
from xstilts_core.tasks.embedded_domains import EMBEDDED_DOMAINS, GENERAL, VERSIONS, original
from xstilts_core.tasks.hub import ADDED, CONVERTED, HUB, LOCAL, LOCAL_ADDED, TEXTS, HubData
from xstilts_core.tasks.intermediate import INTERMEDIATE
from xstilts_core.tasks.probing import PROBING
from xstilts_core.tasks.sources import (
    EMBEDDED_LANGUAGES,
    EMBEDDED_TASKS,
    SourceName,
    not_at_source,
    not_in_language,
    not_intermediate,
)
from xstilts_core.tasks.targets import TARGETS
from xstilts_core.tasks.task import RECIPE_FIELDS, Benchmark, Published, Task
from xstilts_core.tasks.translated import TRANSLATED, TRANSLATIONS
from xstilts_core.tasks.xtreme_r import XTREME_R

__all__ = [
    "ADDED",
    "CONVERTED",
    "EMBEDDED",
    "EMBEDDED_LANGUAGES",
    "EMBEDDED_TASKS",
    "GENERAL",
    "HUB",
    "INTERMEDIATE_NAMES",
    "LOCAL",
    "LOCAL_ADDED",
    "PROBING_NAMES",
    "RECIPE_FIELDS",
    "TARGET_NAMES",
    "TASKS",
    "TEXTS",
    "TRANSLATIONS",
    "VERSIONS",
    "XTREME",
    "XTREME_LANGUAGES",
    "Benchmark",
    "HubData",
    "Published",
    "SourceName",
    "Task",
    "not_at_source",
    "not_in_language",
    "not_intermediate",
    "original",
    "recipe",
    "task",
]

TASKS: dict[str, Task] = {
    entry.name: entry
    for entry in (
        *INTERMEDIATE,
        *TARGETS,
        *XTREME_R,
        *TRANSLATED,
        *DOMAINS,
        *EMBEDDED_DOMAINS,
        *PROBING,
    )
}
# The paper's nine intermediate and nine target tasks: rows and columns of its tables.
INTERMEDIATE_NAMES = tuple(entry.name for entry in INTERMEDIATE if entry.role == "intermediate")
XTREME = tuple(entry.name for entry in TARGETS)
# Every language of an XTREME task, English first.
XTREME_LANGUAGES = tuple(
    dict.fromkeys(("en", *sorted(code for entry in TARGETS for code in entry.languages)))
)
TARGET_NAMES = tuple(entry.name for entry in TASKS.values() if entry.role == "target")
PROBING_NAMES = tuple(entry.name for entry in PROBING)


def task(name: str, where: str = "") -> Task:
    """Return the task called `name`; otherwise raise UsageError with the nearest name. `where` is
    the file or option that gave it."""
    if name not in TASKS:
        raise unknown("task", name, TASKS, where)
    return TASKS[name]


# The embedded suite's own recipes. They were measured on its development splits, because a model of
# a million parameters needs a learning rate that would ruin XLM-R.
MEASURED = "measured on the embedded suite's development splits"
EMBEDDED: dict[str, Published] = {
    "pair": Published(3, 32, 128, MEASURED, learning_rate=7e-4),
    "choice": Published(2, 32, 128, MEASURED, learning_rate=5e-4),
    "span": Published(2, 16, 192, MEASURED, learning_rate=2e-3),
    "tagging": Published(2, 32, 128, MEASURED, learning_rate=4e-4),
}


def recipe(entry: Task, source: str) -> Published | None:
    """Return the second layer of parameters: the embedded suite's recipe for the task's format, or
    the task's published recipe; None if nothing is trained (retrieval)."""
    return EMBEDDED.get(entry.format) if source == "mini" else entry.published
