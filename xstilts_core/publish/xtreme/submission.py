"""The folder that a benchmark takes, <task>/test-<language>.<tsv|json|jsonl>, from what a study's
runs predicted."""

import gzip
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xstilts_core.data import splits
from xstilts_core.data.readers.text import listing
from xstilts_core.errors import UsageError
from xstilts_core.jobs.kept_runs import require_answers
from xstilts_core.publish.xtreme.chosen import CHOSEN, Part, parts
from xstilts_core.publish.xtreme.kinds import kind_of
from xstilts_core.publish.xtreme.rules import RULES, Rules
from xstilts_core.study import Study
from xstilts_core.tasks import TASKS

SHOWN = 4
# (source, task): where its test items are not quite the official ones.
_CAUTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (
            "hub",
            "udpos",
        ): "XTREME's own test files fuse multiword tokens (zum, del), the hub's copy has the words inside: its tags do "
        "not fit the official labels in languages that have such tokens. Source files, from UD's treebanks, fuses them too"
    }
)


def write_submission(
    study: Study, out: Path, recipe: str = CHOSEN, seed: int | None = None, incomplete: bool = False
) -> list[Part]:
    """Write the folder and read it back with the reader that scores. Returns its parts.

    recipe: one for all tasks, or CHOSEN. seed: the study's first where None. incomplete: write what
    there is. UsageError where the study lacks a task, language or test items, where `out` holds
    something, and for predictions that make no legal file.
    """
    rules = RULES[study.benchmark]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        holds = f"not empty (it holds {listing(out, '*')})" if out.is_dir() else "a file"
        raise UsageError(f"{out} is {holds}: give a new folder")
    found = parts(study, recipe, seed)
    lacking = [f"{part.task} {reason}" for part in found for reason in part.lacking]
    if lacking and not incomplete:
        more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        raise UsageError(
            f"{study.name} makes no whole submission to {rules.title}: {'; '.join(lacking[:SHOWN])}{more} (--partial: as it is)"
        )
    texts = {
        Path(part.task, rules.file(part.task, code)): text_of(part, code)
        for part in found
        for code in part.files
    }
    if not texts:
        raise UsageError(
            f"{study.name} has no predictions of test data for {rules.title}: {'; '.join(lacking[:SHOWN])}"
        )
    for path, text in texts.items():
        (out / path.parent).mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8", newline="\n")
    check(rules, found, out)
    return found


def text_of(part: Part, code: str) -> str:
    """The official file of one language."""
    spec, entry = part.spec, TASKS[part.task]
    lines = kept(part.files[code])
    if entry.format == "span" and (
        odd := next((line["id"] for line in lines if "#" in line["id"]), "")
    ):
        raise UsageError(
            f"{part.files[code]}: question {odd!r} is numbered, for the source repeats its id: expected a source of whole ids"
        )
    return kind_of(entry).write(
        lines, partial(splits.load, part.task, "test", code, spec.source, spec.data_root)
    )


def kept(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of kept predictions, less its head; UsageError where it is broken."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            head, *found = (json.loads(line) for line in stream)
        require_answers(head, path)
        return [{"id": line["id"], "prediction": line["prediction"]} for line in found]
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): run its notebook again"
        ) from None


def check(rules: Rules, found: list[Part], out: Path) -> None:
    """Read every file as `score` does."""
    for part in found:
        entry = TASKS[part.task]
        for code in part.files:
            kind_of(entry).read(entry, out / part.task / rules.file(part.task, code))


def cautions(found: list[Part]) -> list[str]:
    """What to know of a submission before it is sent."""
    lacking = [f"{part.task} {reason}" for part in found for reason in part.lacking]
    keys = [(part.spec.source, part.task) for part in found if part.spec and part.files]
    return lacking + [
        f"{name}: {_CAUTIONS[source, name]}" for source, name in keys if (source, name) in _CAUTIONS
    ]
