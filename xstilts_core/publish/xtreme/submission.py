"""Write a study's kept predictions as a submission, <task>/test-<language>.<tsv|json|jsonl>."""

import gzip
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xstilts_core.data.readers.text import listing
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError
from xstilts_core.publish.xtreme.chosen import CHOSEN, Part, parts
from xstilts_core.publish.xtreme.kinds import kind_of
from xstilts_core.publish.xtreme.rules import RULES, Rules
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import require_answers
from xstilts_core.tasks import TASKS

SHOWN = 4
# Warnings by (source, task) about test items that differ from the official ones.
_WARNINGS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (
            "hub",
            "udpos",
        ): "XTREME's own test files fuse multiword tokens (zum, del), but the hub's copy splits "
        "them into words, so its tags do not match the official labels in languages with such "
        "tokens. The source `files`, from UD's treebanks, fuses them too"
    }
)


def write_submission(
    study: Study, out: Path, recipe: str = CHOSEN, seed: int | None = None, incomplete: bool = False
) -> list[Part]:
    """Write the submission, read it back with the scorer's readers and return its parts.

    recipe: the recipe for all tasks, or CHOSEN. seed: None for the study's first. incomplete: write
    an incomplete submission instead of raising. Raise UsageError if a task, a language or test
    items are missing, if `out` is not empty, or if predictions do not make a legal file.
    """
    rules = RULES[study.benchmark]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        holds = f"not empty (it holds {listing(out, '*')})" if out.is_dir() else "a file"
        raise UsageError(f"{out} is {holds}: give a new folder")
    selected_parts = parts(study, recipe, seed)
    missing_parts = [f"{part.task} {reason}" for part in selected_parts for reason in part.lacking]
    if missing_parts and not incomplete:
        more = f"; and {len(missing_parts) - SHOWN} more" if len(missing_parts) > SHOWN else ""
        raise UsageError(
            f"{study.name} makes no complete submission to {rules.title}: "
            f"{'; '.join(missing_parts[:SHOWN])}{more} (--partial writes it as it is)"
        )
    texts = {
        Path(part.task, rules.file(part.task, code)): text_of(part, code)
        for part in selected_parts
        for code in part.files
    }
    if not texts:
        raise UsageError(
            f"{study.name} has no predictions of test data for {rules.title}: "
            f"{'; '.join(missing_parts[:SHOWN])}"
        )
    for path, text in texts.items():
        (out / path.parent).mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8", newline="\n")
    check(rules, selected_parts, out)
    return selected_parts


def text_of(part: Part, code: str) -> str:
    """Return the official file of one language."""
    spec, task = part.spec, TASKS[part.task]
    lines = kept(part.files[code])
    if task.format == "span" and (
        numbered_id := next((line["id"] for line in lines if "#" in line["id"]), "")
    ):
        raise UsageError(
            f"{part.files[code]}: question {numbered_id!r} has a number, because the source "
            "repeats its id: expected a source with unique ids"
        )
    return kind_of(task).write(lines, partial(source_of(spec).load, part.task, "test", code))


def kept(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of kept predictions without its header. UsageError if malformed."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            header, *rows = (json.loads(line) for line in stream)
        require_answers(header, path)
        return [{"id": line["id"], "prediction": line["prediction"]} for line in rows]
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): "
            "run its notebook again"
        ) from None


def check(rules: Rules, found: list[Part], out: Path) -> None:
    """Read every written file with the readers that `score` uses."""
    for part in found:
        task = TASKS[part.task]
        for code in part.files:
            kind_of(task).read(task, out / part.task / rules.file(part.task, code))


def cautions(found: list[Part]) -> list[str]:
    """Return what is missing in a submission, and warnings about its data."""
    missing_parts = [f"{part.task} {reason}" for part in found for reason in part.lacking]
    keys = [(part.spec.source, part.task) for part in found if part.spec and part.files]
    return missing_parts + [
        f"{name}: {_WARNINGS[source, name]}" for source, name in keys if (source, name) in _WARNINGS
    ]
