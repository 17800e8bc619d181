"""Tasks of the embedded suite in its two other domains: short clinical texts and chat messages.
They exist in no other source.

A version is a task of its own, with a head, folders and scores of its own. It differs from its
original only in the words and the register of its texts: languages, labels, metric and, in the
embedded suite, sizes and recipe are the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.tasks.intermediate import INTERMEDIATE
from xstilts_core.tasks.targets import TARGETS
from xstilts_core.tasks.task import Task

GENERAL = "general"
OTHER_DOMAINS = ("clinic", "chat")
# Two intermediate tasks, and targets of three formats. Most cells are transfer: XNLI is the only
# target whose training task is also an intermediate task.
_IN_ALL_DOMAINS = ("mnli", "squad_v1", "xnli", "udpos", "tydiqa")


class _Version(NamedTuple):
    """The original task of a version, and its domain."""

    task: str
    domain: str


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


def version(entry: Task, domain: str) -> Task:
    """Return a task's version in a domain: it has no settings of the original data set, and it
    trains on the version in the same domain."""
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


EMBEDDED_DOMAINS: tuple[Task, ...] = tuple(
    version(entry, domain)
    for entry in (*INTERMEDIATE, *TARGETS)
    if entry.name in _IN_ALL_DOMAINS
    for domain in OTHER_DOMAINS
)
