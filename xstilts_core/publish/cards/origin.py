"""Where a run's numbers come from: commits, versions, machine; and the commands that make it
again."""

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
# Parameters that say where a run is made, on the machine that made it.
PLACES = ("outputs", "data_root", "device", "checkpoint_every")
CITATION = (
    f"The method: Phang, Calixto, Htut, Pruksachatkun, Liu, Vania, Kann and Bowman (2020), [English Intermediate-Task Training Improves "
    f"Zero-Shot Cross-Lingual Transfer Too]({PAPER})."
)


def provenance_table(run: Record) -> list[str]:
    """What the run's record says of its making, as a Markdown table."""
    made = run.result.provenance
    rows = [
        ("run", run.name),
        ("commit", _commit_text(made)),
        (
            "versions",
            ", ".join(f"{name} {number}" for name, number in made.get("versions", {}).items()),
        ),
        ("device", made.get("device", "")),
        ("seconds", f"{made['seconds']:,.0f}" if "seconds" in made else ""),
        ("started from", ", ".join(made["parents"])),
        ("taken over from", made.get("shared_from", "")),
        *(
            (f"commit of {name}", f"`{commit}`")
            for name, commit in made.get("revisions", {}).items()
        ),
    ]
    return pipes([("", ""), ("---", "---"), *(row for row in rows if row[1])])


def _commit_text(made: Mapping[str, Any]) -> str:
    """The commit of the suite, and whether the source differed from it."""
    if not made.get("commit"):
        return "not in git"
    return (
        f"`{made['commit']}`{', with changes that were not committed' if made.get('dirty') else ''}"
    )


def commands(run: Record) -> list[str]:
    """Shell lines that make the run again, those that it started from first."""
    lines, at = [], ""
    for entry in (*parents(run), run):
        commit = entry.result.provenance.get("commit", "")
        if commit and commit != at:
            lines.append(f"git checkout {commit}")
            at = commit
        lines.append(command(entry))
    lost = [
        f"# first {name}, whose record is gone or was made anew since" for name in lost_parents(run)
    ]
    return [*lost, *lines]


def command(run: Record) -> str:
    """One notebook with the run's own parameters: those that are not the defaults of its commit."""
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
    """A value as YAML; of a folder on this machine its name alone."""
    if isinstance(value, str) and is_local(value):
        return f"DIR/{Path(value).name}"
    with suppress(UsageError):
        if isinstance(value, str) and load(value, "") == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def reproduction(run: Record) -> list[str]:
    """The section on how to make the run again."""
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
            "The source had changes that were not committed: this commit alone may give other numbers.",
        ]
    return lines
