"""The command `xstilts`: parse the arguments, call the subcommand and report usage errors."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from xstilts_core import __version__, commands
from xstilts_core.commands.places import refusal
from xstilts_core.errors import UsageError
from xstilts_core.jobs import stopping

_DATA_ROOT = "folder of the original files, for source files and for data that the hub lacks"
_INIT_EXAMPLE = """example:
  xstilts init my_project
  cd my_project && xstilts check quick
Commands look for notebooks/ and params/ in the current folder and in the folders above it."""
_RUN_EXAMPLE = """example:
  xstilts run quick --jobs 4
  xstilts run real_slice --data-root ../data
  xstilts run paper --source files --data-root ../data --encoder ../my_encoder
  xstilts run my_study.yaml --outputs /scratch/outputs --dry-run
An interrupted study resumes where it stopped.
Exit code: 0 all runs done, 1 some failed, 2 an error in the study or the command."""
_TASKS_EXAMPLE = """example:
  xstilts tasks
  xstilts tasks --json | python -m json.tool
  xstilts tasks --markdown > docs/tasks.md"""
_DATA_EXAMPLE = """example:
  xstilts data xquad --language de --split test --limit 3
  xstilts data xnli --language sw --split dev --source files --data-root ../data
  xstilts data panx --language sw --split test --source hub"""
_NOTEBOOK_EXAMPLE = """example:
  xstilts notebook 21_target -p study by_hand -p train_on squad_v1 -p targets '[xquad, mlqa]' \\
    -p train_examples 500
  xstilts notebook 30_transfer -p study quick
Values are read as YAML. A run notebook writes to the folder that belongs to its parameters:
outputs/<study>/target/..."""
_SCORE_EXAMPLE = """example:
  xstilts score --predictions my_submission --labels official_labels
  xstilts score --benchmark xtreme-r --predictions my_submission --labels official_labels --json
Both folders hold <task>/test-<language>.<tsv|json|jsonl>. A task that one of them lacks is listed
as missing. In a task that both have, a missing language, line or id is an error (the official
evaluator counts an unanswered question as wrong)."""
_SUBMISSION_EXAMPLE = """example:
  xstilts submission paper --out my_submission
  xstilts submission paper --out my_submission --recipe mnli --seed 2"""

_EXPORT_EXAMPLE = """example:
  xstilts export outputs/quick/intermediate/mnli/seed1 my_encoder
  xstilts export quick/intermediate/mnli/seed1 my_encoder --push-to-hub my-name/mini-mnli
  xstilts export quick my_scores --push-to-hub my-name/quick-scores
A run of phase 1 or 2 is exported as a folder that AutoModel and AutoTokenizer load, with a model
card. A study is exported as its scores, with a data card. The suite does not keep target models.
A new repository is private unless --public is given. An existing one keeps its visibility, and its
history keeps replaced files. The token is HF_TOKEN, or that of `hf auth login`."""
_CARD_EXAMPLE = """example:
  xstilts card outputs/quick/intermediate/mnli/seed1
  xstilts card quick --out -
Writes a run's model card, or a study's data card, from result.json files alone. The file is
README.md in the folder of the run or study, or --out."""

_REFERENCE_EXAMPLE = """example:
  xstilts reference laptop
  xstilts reference my_study --out kept
Adds the finished runs to DIR/<study>/: scores, provenance, training logs and statistics of each
test item. Seeds added from other machines stay; it is an error if a run differs from the kept run
of the same name. A study with `reference: laptop` makes all its reports from the kept runs."""


def parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="xstilts",
        description="English intermediate-task training and zero-shot cross-lingual transfer.",
    )
    top.add_argument("--version", action="version", version=f"xstilts {__version__}")
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, example: str, study: bool = False) -> argparse.ArgumentParser:
        command = parsers.add_parser(
            name, help=text, description=text, epilog=example, formatter_class=raw
        )
        if study:
            command.add_argument(
                "study", metavar="STUDY", help="name in params/ or path of a YAML file"
            )
            command.add_argument(
                "--outputs",
                default="outputs",
                metavar="DIR",
                help="folder that holds DIR/<study>/ (default: outputs)",
            )
            command.add_argument("--data-root", default="", metavar="DIR", help=_DATA_ROOT)
            command.add_argument(
                "--source",
                default="",
                metavar="S",
                help="mini, files or hub, instead of the study's source",
            )
            command.add_argument(
                "--encoder",
                default="",
                metavar="E",
                help="folder or hub name, instead of the study's encoder",
            )
        return command

    init = add(
        "init",
        "lay out a new project: notebooks, studies, Snakefile",
        _INIT_EXAMPLE,
    )
    init.add_argument("dir", metavar="DIR", help="new or existing folder; no file is overwritten")

    run = add(
        "run",
        "run a whole study: all its notebooks, its scores, its reports",
        _RUN_EXAMPLE,
        study=True,
    )
    run.add_argument(
        "--jobs", metavar="N", help="notebooks at once (default: one per GPU, or 3 for 2 cores)"
    )
    run.add_argument(
        "--profile",
        default="local",
        metavar="NAME",
        help="where to run: a folder in params/profiles/ (default: local)",
    )
    run.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[],
        metavar="K",
        help="only the runs of these seeds (default: all)",
    )
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="only print what would be run: runs, hours, memory, disk",
    )
    check = add(
        "check",
        "check a study's YAML file and list its runs",
        "example:\n  xstilts check quick",
        study=True,
    )
    check.add_argument(
        "--json", action="store_true", help="each run's folder and parameters as JSON"
    )
    status = add(
        "status", "state of each run of a study", "example:\n  xstilts status quick", study=True
    )
    status.add_argument("--json", action="store_true", help="as JSON")
    tasks = add(
        "tasks",
        "the tasks: data sets, sizes, languages, metric, licence, citation, recipe",
        _TASKS_EXAMPLE,
    )
    tasks.add_argument("--json", action="store_true", help="all details of each task, as JSON")
    tasks.add_argument("--markdown", action="store_true", help="the page docs/tasks.md")
    data = add("data", "examples of a task as JSON lines", _DATA_EXAMPLE)
    data.add_argument("task", metavar="TASK", help="name of a task (xstilts tasks)")
    data.add_argument("--language", default="en", metavar="XX", help="language code (default: en)")
    data.add_argument(
        "--split", default="train", metavar="S", help="train, dev or test (default: train)"
    )
    data.add_argument(
        "--limit",
        type=int,
        default=10,
        metavar="N",
        help="maximum number of examples; 0: all (default: 10)",
    )
    data.add_argument(
        "--source",
        default="mini",
        metavar="S",
        help="mini (the embedded suite), files or hub (default: mini)",
    )
    data.add_argument("--data-root", default="", metavar="DIR", help=_DATA_ROOT)
    notebook = add("notebook", "run one notebook with parameters of your own", _NOTEBOOK_EXAMPLE)
    notebook.add_argument(
        "name", metavar="NAME", help="a notebook in notebooks/ (21_target) or a path"
    )
    pair = ("KEY", "VALUE")
    notebook.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=pair,
        help="a parameter; may be repeated",
    )
    notebook.add_argument(
        "--output", default="", metavar="FILE", help="extra copy of the executed notebook"
    )
    notebook.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="threads of its kernel (default: one per core)",
    )
    _add_benchmark(add)
    _add_sharing(add)
    return top


def _add_benchmark(add: Callable[..., argparse.ArgumentParser]) -> None:
    score = add(
        "score",
        "score a folder of predictions as XTREME's or XTREME-R's own evaluator does",
        _SCORE_EXAMPLE,
    )
    names = ("xtreme", "xtreme-r")
    score.add_argument(
        "--benchmark",
        default="xtreme",
        choices=names,
        metavar="NAME",
        help="xtreme or xtreme-r (default: xtreme)",
    )
    score.add_argument(
        "--predictions",
        required=True,
        metavar="DIR",
        help="folder of predictions: DIR/<task>/test-<language>.tsv ...",
    )
    score.add_argument(
        "--labels", required=True, metavar="DIR", help="folder of labels, laid out in the same way"
    )
    score.add_argument(
        "--json", action="store_true", help="every language and metric, all digits, as JSON"
    )
    submission = add(
        "submission",
        "write a study's predictions as a folder that can be submitted to the benchmark",
        _SUBMISSION_EXAMPLE,
        study=True,
    )
    submission.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    recipe = (
        "one recipe for all tasks; chosen: the best of each on development data (default: chosen)"
    )
    submission.add_argument("--recipe", default="chosen", metavar="NAME", help=recipe)
    submission.add_argument(
        "--seed",
        type=int,
        default=None,
        metavar="K",
        help="a seed of the study (default: its first)",
    )
    submission.add_argument(
        "--partial",
        action="store_true",
        help="write the folder even if tasks, languages or test items are missing",
    )


def _add_sharing(add: Callable[..., argparse.ArgumentParser]) -> None:
    export = add(
        "export",
        "write a run's encoder as a plain Hugging Face folder, or a study's scores; or upload them",
        _EXPORT_EXAMPLE,
    )
    card = add("card", "a model card of a run, or a data card of a study", _CARD_EXAMPLE)
    reference = add(
        "reference",
        "keep a study's finished runs in git, small, without texts or models",
        _REFERENCE_EXAMPLE,
        study=True,
    )
    reference.add_argument(
        "--out",
        default="reference",
        metavar="DIR",
        help="folder that holds DIR/<study>/ (default: reference)",
    )
    for command in (export, card):
        command.add_argument(
            "run",
            metavar="RUN",
            help="a run's folder, or its path below outputs/ (quick/...); or a study",
        )
        command.add_argument(
            "--outputs",
            default="outputs",
            metavar="DIR",
            help="folder that holds DIR/<study>/ (default: outputs)",
        )
    export.add_argument("dir", metavar="DIR", help="a new folder")
    export.add_argument(
        "--push-to-hub", default="", metavar="OWNER/NAME", help="also upload it, in one commit"
    )
    export.add_argument("--public", action="store_true", help="make a new repository public")
    card.add_argument(
        "--out",
        default="",
        metavar="FILE",
        help="where to write it; -: print it (default: README.md in its folder)",
    )
    card.add_argument("--force", action="store_true", help="overwrite a file with other content")


COMMANDS = {
    "init": commands.init,
    "run": commands.run,
    "check": commands.check,
    "status": commands.status,
    "tasks": commands.tasks,
    "data": commands.data,
    "notebook": commands.notebook,
    "score": commands.score,
    "submission": commands.submission,
    "export": commands.export,
    "card": commands.card,
    "reference": commands.reference,
}


# Seconds after which an interrupted command ends without finishing its cleanup. `run` may have jobs
# on a cluster to cancel.
_SECONDS_TO_STOP = {"run": 30, "notebook": stopping.SECONDS_TO_UNWIND}


def interrupted(_: int) -> None:
    raise KeyboardInterrupt


def _configure_encoding(arguments: list[str] | None) -> None:
    """Print characters that the terminal cannot show as escapes. If even paths are limited to ASCII
    (LC_ALL=C, PYTHONUTF8=0), restart Python in UTF-8 mode."""
    if arguments is None and sys.getfilesystemencoding() == "ascii":
        utf8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **utf8})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 something failed, 2 usage error."""
    _configure_encoding(arguments)
    typed = sys.argv[1:] if arguments is None else arguments
    if invalid := [
        word for word in typed if any("\ud800" <= letter <= "\udfff" for letter in word)
    ]:
        print(
            f"xstilts: {invalid[0]!a} is not UTF-8 text: rename the file or folder", file=sys.stderr
        )
        return 2
    options = parser().parse_args(arguments)
    if options.command not in _SECONDS_TO_STOP:
        return _run_command(options)
    with stopping.answered(interrupted, _SECONDS_TO_STOP[options.command]):
        return _run_command(options)


def _run_command(options: argparse.Namespace) -> int:
    """Run the subcommand, report its errors on stderr and return the exit code."""
    try:
        return COMMANDS[options.command](options)
    except UsageError as error:
        print(f"xstilts {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nstopped; finished work is kept, and the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    except OSError as error:
        from xstilts_core.files import disk

        if isinstance(error, BrokenPipeError):  # `xstilts tasks | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if reason := refusal(error, options):
            print(f"xstilts {options.command}: {reason}", file=sys.stderr)
            return 2
        if not disk.is_full(error):
            raise
        print(
            f"xstilts {options.command}: "
            f"{disk.full_sentence(Path(error.filename or Path.cwd()), 0)}",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
