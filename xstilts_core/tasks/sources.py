"""Decide from declarations alone which source can provide which task, so that a study is refused
before anything is read or fetched."""

from typing import Literal

from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.tasks.registry import (
    INTERMEDIATE,
    PROBING,
    TARGETS,
    TASKS,
    TRANSLATIONS,
    VERSIONS,
)
from xstilts_core.tasks.task import Task

SourceName = Literal["mini", "files", "hub"]
# Tasks of the embedded suite: the paper's tasks and the parts of ANLI+, in nine languages, some of
# them in other domains, and probing tasks.
EMBEDDED_TASKS = (*INTERMEDIATE, *TARGETS, *PROBING, *VERSIONS)


def not_at_source(entry: Task, source: str) -> str:
    """Explain why a source can never provide a task, and what it has instead; "" if it can. What
    files and hub need is in `Spec.lacking`."""
    if source != "mini" and entry.name in VERSIONS:
        return (
            f"{entry.name} is made by the embedded suite (source mini) only: in other sources name "
            f"{VERSIONS[entry.name].task}"
        )
    if entry.role == "probing" and source != "mini":
        return (
            f"{entry.name} is a probing task, and its sentences are made by the embedded suite "
            f"(source mini): source {source} has none"
        )
    if source != "mini" or entry.name in EMBEDDED_TASKS:
        return ""
    names = [
        task.name
        for task in (INTERMEDIATE | TARGETS).values()
        if (task.role == "target") == (entry.role == "target")
    ]
    return (
        f"the embedded suite (source mini) has no {entry.name}, only {', '.join(names)}: read it "
        "with source files or hub"
    )


def not_intermediate(entry: Task) -> str:
    """Explain why a task cannot be an intermediate one, trained on in English; "" if it can."""
    if entry.format == "retrieval":
        return (
            f"{entry.name} is a retrieval task: it has no training data, so it cannot be an "
            "intermediate task"
        )
    if entry.role == "probing":
        return (
            f"{entry.name} is a probing task: its encoder is not trained, so it cannot be an "
            "intermediate task"
        )
    if entry.train_on not in (None, entry.name):
        return (
            f"{entry.name} has no training data of its own, so it cannot be an intermediate task: "
            f"name {entry.train_on}, its training task"
        )
    if "en" not in entry.languages:
        languages = ", ".join(entry.languages)
        return (
            f"{entry.name} has no English data (only {languages}), so it cannot be an intermediate "
            "task: intermediate training is in English"
        )
    return ""


def not_in_language(name: str, code: str, source: str, translator: str) -> str:
    """Explain why a data set (a task, or one of its parts) cannot be trained on in a language, and
    what would help; "" if it can."""
    if code == "en" or translator:
        return ""
    if source == "mini":
        codes = ", ".join(EMBEDDED_LANGUAGES)
        return (
            ""
            if code in EMBEDDED_LANGUAGES
            else f"the embedded suite (source mini) has no {name} in {code!r}, only in {codes}"
        )
    advice = "name a translator, a sequence-to-sequence model on the hub or in a folder"
    if name not in TRANSLATIONS:
        return f"no translation of {name} is published, only of {', '.join(TRANSLATIONS)}: {advice}"
    published = TASKS[TRANSLATIONS[name]]
    if code not in published.languages:
        return f"{published.name} has no {code!r}, only {', '.join(published.languages)}: {advice}"
    return ""
