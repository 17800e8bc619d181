"""The command `xstilts`: parse the arguments, call the subcommand and report usage errors."""

import argparse
import io
import os
import sys
from pathlib import Path
from textwrap import indent

import yaml

from xstilts_core import __version__
from xstilts_core.commands import look, share, study
from xstilts_core.commands.advise import advise
from xstilts_core.commands.places import refusal
from xstilts_core.errors import UsageError
from xstilts_core.jobs import stopping

COMMANDS = {
    command.__name__: command
    for command in (
        *(study.run, study.check, study.status, advise),
        *(look.init, look.tasks, look.data, look.notebook),
        *(share.export, share.card, share.reference, share.score, share.submission),
    )
}
_TEXTS = Path(__file__).with_name("commands.yaml")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, which commands.yaml describes."""
    top = argparse.ArgumentParser(
        prog="xstilts",
        description="English intermediate-task training and zero-shot cross-lingual transfer.",
    )
    top.add_argument("--version", action="version", version=f"xstilts {__version__}")
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))
    for name, entry in texts.items():
        if name == "shared":
            continue
        example = indent(entry["example"], "  ")
        command = parsers.add_parser(
            name,
            help=entry["help"],
            description=entry["help"],
            epilog=f"example:\n{example}\n{entry.get('notes', '')}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for flag, options in entry["arguments"].items():
            if "type" in options:
                options = {**options, "type": {"int": int, "float": float}[options["type"]]}
            if isinstance(options.get("metavar"), list):
                options = {**options, "metavar": tuple(options["metavar"])}
            command.add_argument(flag, **options)
    return top


# Seconds after which an interrupted command ends without finishing its cleanup. `run` may have jobs
# on a cluster to cancel.
_SECONDS_TO_STOP = {"run": 30, "advise": 30, "notebook": stopping.SECONDS_TO_UNWIND}


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
