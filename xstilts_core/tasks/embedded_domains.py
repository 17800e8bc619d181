"""Tasks of the embedded suite in its two other domains: short texts of a clinic, and chat messages.
No data set elsewhere has them.

A version is a task of its own, with a head, folders and scores of its own. It differs from the task
that it is of in the words and the register of its texts alone: languages, labels, metric and, in
the embedded suite, sizes and recipe are the same.
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
# Two intermediate tasks, and targets of three formats. Most cells are transfer: only XNLI trains on
# what is also an intermediate task.
_IN_ALL_DOMAINS = ("mnli", "squad_v1", "xnli", "udpos", "tydiqa")


class _Version(NamedTuple):
    """Which task a version is of, and in which domain."""

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
    """The task that a version is of; any other task itself."""
    return VERSIONS[name].task if name in VERSIONS else name


def version(entry: Task, domain: str) -> Task:
    """A task in a domain: what a data set of its own had is left out, and it trains on the version
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


EMBEDDED_DOMAINS: tuple[Task, ...] = tuple(
    version(entry, domain)
    for entry in (*INTERMEDIATE, *TARGETS)
    if entry.name in _IN_ALL_DOMAINS
    for domain in OTHER_DOMAINS
)
