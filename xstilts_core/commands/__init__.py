"""The subcommands of `xstilts`: check the input, call the core, print, return the exit code."""

from xstilts_core.commands.advise import advise
from xstilts_core.commands.benchmark import score, submission
from xstilts_core.commands.look import data, notebook, tasks
from xstilts_core.commands.project import init
from xstilts_core.commands.share import card, export, reference
from xstilts_core.commands.study import check, run, status

__all__ = [
    "advise",
    "card",
    "check",
    "data",
    "export",
    "init",
    "notebook",
    "reference",
    "run",
    "score",
    "status",
    "submission",
    "tasks",
]
