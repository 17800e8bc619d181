"""The embedded suite as data sets: nine intermediate and nine target tasks under their real names,
in nine languages, without a download.

Some of them also exist in two other domains, as separate tasks (`udpos_clinic`), and there are
probing tasks. Item i of (task, split, domain) has the same meaning in every language, so that every
training set has exact translations. Recipes train on English by default; a target is evaluated in
its task's own languages, as far as the suite has them.
"""

import functools

from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.mini.disk_cache import cached
from xstilts_core.mini.lexicon import DOMAINS, LANGUAGES
from xstilts_core.mini.makers import (
    choices,
    inference,
    paraphrase,
    probing,
    questions,
    retrieval,
    tagging,
)
from xstilts_core.mini.makers.maker import Item, Setting
from xstilts_core.tasks import GENERAL, TASKS, VERSIONS
from xstilts_core.tasks.embedded_sizes import RETRIEVAL, SIZES

_MODULES = (choices, inference, paraphrase, probing, questions, tagging)
MAKERS = {task: maker for part in _MODULES for task, maker in part.MAKERS.items()}
PARTS = {
    entry.name: entry.parts
    for entry in TASKS.values()
    if entry.parts and MAKERS.keys() >= set(entry.parts)
}
"""Tasks that combine several data sets behind one head."""


def load(
    task: str, split: str, language: str, domain: str = GENERAL, limit: int | None = None
) -> list[Example]:
    """Return the examples of one split in one language, the same in every call.

    limit: generate only the first examples (translation pairs, for retrieval), for quick looks and
    small studies. domain: for a task that is not itself a version in a domain. For retrieval, the
    sentences of both sides are in one list. Raise UsageError on an unknown task, split, language or
    domain.
    """
    _check(task, split, language, domain)
    if task in PARTS:
        return [
            example
            for part in PARTS[task]
            for example in load(part, split, language, domain, limit)
        ]
    if limit is not None:
        return generate(task, split, language, domain, limit)
    return cached(
        f"{task}-{split}-{language}-{domain}", lambda: generate(task, split, language, domain)
    )


def generate(
    task: str, split: str, language: str, domain: str, limit: int | None = None
) -> list[Example]:
    """Generate the examples of one split in one language from their meanings."""
    original, domain = VERSIONS.get(task, (task, domain))
    meanings = items(original, split, domain, limit)
    if task in RETRIEVAL:
        return list(retrieval.tell_sides(meanings, Setting(task, split, domain), language))
    tell = MAKERS[original].tell
    return [
        tell(item, language, domain, f"{task}-{split}-{number:05d}")
        for number, item in enumerate(meanings)
    ]


def _check(task: str, split: str, language: str, domain: str) -> None:
    """Raise UsageError if one of the four names is unknown to the suite."""
    if task not in SIZES and task not in PARTS:
        raise unknown("task", task, (*SIZES, *PARTS), "the embedded suite")
    if task in PARTS and split == "train":
        raise UsageError(
            f"{task} trains on several data sets behind one head: load its parts "
            f"{', '.join(PARTS[task])} one by one"
        )
    where = "the embedded suite"
    splits = SIZES[PARTS[task][0] if task in PARTS else task]
    if split not in splits:
        raise unknown("split", split, splits, f"{where}'s {task}")
    for kind, value, legal in (("language", language, LANGUAGES), ("domain", domain, DOMAINS)):
        if value not in legal:
            raise unknown(kind, value, legal, where)
    if task in VERSIONS and domain not in (GENERAL, VERSIONS[task].domain):
        raise UsageError(
            f"{task} is of domain {VERSIONS[task].domain}, not {domain}: name "
            f"{VERSIONS[task].task} with a domain"
        )


@functools.lru_cache(maxsize=96)
def items(task: str, split: str, domain: str, limit: int | None = None) -> tuple[Item, ...]:
    """Draw the meanings of a split, or its first `limit`, once for all languages."""
    setting, size = Setting(task, split, domain), SIZES[task][split]
    if limit is not None and limit < 1:
        raise UsageError(
            f"limit {limit!r} for {task} {split} of the embedded suite: it must be at least 1"
        )
    count = size if limit is None else min(limit, size)
    if task in RETRIEVAL:
        return retrieval.draw_items(setting, count, RETRIEVAL[task])
    return MAKERS[task].items(setting, count)
