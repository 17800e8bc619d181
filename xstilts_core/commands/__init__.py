"""What the subcommands of `xstilts` do: each checks its input, calls the core and prints, and
returns the exit code."""

from xstilts_core.commands.benchmark import score, submission
from xstilts_core.commands.look import data, notebook, tasks
from xstilts_core.commands.share import card, export, reference
from xstilts_core.commands.study import check, run, status

__all__ = [
    "card",
    "check",
    "data",
    "export",
    "notebook",
    "reference",
    "run",
    "score",
    "status",
    "submission",
    "tasks",
]
