"""The provenance of a run: commits, versions and machine, and the commands that reproduce it."""

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from xstilts_core.errors import UsageError
from xstilts_core.files.strict_yaml import load
from xstilts_core.publish.cards.data import is_local
from xstilts_core.publish.cards.record import Record, lost_parents, parents
from xstilts_core.publish.task_table import pipes

PROJECT = "xstilts"
PAPER = "https://arxiv.org/abs/2005.13013"
_BY_HAND = "by_hand"
# Parameters that describe the machine, not the experiment.
PLACES = ("outputs", "data_root", "device", "checkpoint_every")
CITATION = (
    "The method: Phang, Calixto, Htut, Pruksachatkun, Liu, Vania, Kann and Bowman (2020), "
    "[English Intermediate-Task Training Improves Zero-Shot Cross-Lingual Transfer Too]"
    f"({PAPER})."
)


def provenance_table(run: Record) -> list[str]:
    """Return the run's provenance as a Markdown table."""
    provenance = run.result.provenance
    rows = [
        ("run", run.name),
        ("commit", _commit_text(provenance)),
        (
            "versions",
            ", ".join(
                f"{name} {number}" for name, number in provenance.get("versions", {}).items()
            ),
        ),
        ("device", provenance.get("device", "")),
        ("seconds", f"{provenance['seconds']:,.0f}" if "seconds" in provenance else ""),
        ("started from", ", ".join(provenance["parents"])),
        ("taken over from", provenance.get("shared_from", "")),
        *(
            (f"commit of {name}", f"`{commit}`")
            for name, commit in provenance.get("revisions", {}).items()
        ),
    ]
    return pipes([("", ""), ("---", "---"), *(row for row in rows if row[1])])


def _commit_text(made: Mapping[str, Any]) -> str:
    """Return the commit of the suite, and whether the source differed from it."""
    if not made.get("commit"):
        return "not in git"
    return (
        f"`{made['commit']}`{', with changes that were not committed' if made.get('dirty') else ''}"
    )


def commands(run: Record) -> list[str]:
    """Return shell lines that reproduce the run, beginning with the runs that it started from."""
    lines, current_commit = [], ""
    for record in (*parents(run), run):
        commit = record.result.provenance.get("commit", "")
        if commit and commit != current_commit:
            lines.append(f"git checkout {commit}")
            current_commit = commit
        lines.append(command(record))
    missing_parents = [
        f"# first {name}, whose record is missing or was made again since"
        for name in lost_parents(run)
    ]
    return [*missing_parents, *lines]


def command(run: Record) -> str:
    """Return the command that runs the notebook with the run's non-default parameters."""
    given = {
        name: value
        for name, value in run.result.provenance["parameters"].items()
        if name not in PLACES
    }
    if run.spec.get("data_root"):
        given["data_root"] = "DIR"
    words = " ".join(f"-p {name} {shlex.quote(written(value))}" for name, value in given.items())
    return f"xstilts notebook {run.notebook} {words}".rstrip()


def written(value: Any) -> str:
    """Return a value as YAML, and only the last name of a local folder's path."""
    if isinstance(value, str) and is_local(value):
        return f"DIR/{Path(value).name}"
    with suppress(UsageError):
        if isinstance(value, str) and load(value, "") == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def reproduction(run: Record) -> list[str]:
    """Return the lines of the section on how to reproduce the run."""
    lines = ["```bash", *commands(run), "```"]
    if run.study != _BY_HAND:
        lines += ["", f"Or the whole study it belongs to: `xstilts run {run.study}`."]
    if run.result.provenance.get("revisions"):
        lines += [
            "",
            "With the commits above in `params/hub.lock` the same data and encoder are fetched.",
        ]
    if run.result.provenance.get("dirty"):
        lines += [
            "",
            "The source had changes that were not committed: this commit alone may give "
            "other numbers.",
        ]
    return lines
