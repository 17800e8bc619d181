"""The command `xstilts`: thin. Each subcommand checks its input, calls the core and prints."""

import argparse
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xstilts_core import __version__
from xstilts_core.names import UsageError

PLACES = "places are taken from the folder where the command is typed"
DATA_ROOT = "folder of the original files, for source files and what the hub lacks"
RUN_EXAMPLE = """example:
  xstilts run quick --jobs 4
  xstilts run real_slice --data-root ../data
  xstilts run my_study.yaml --outputs /scratch/outputs --dry-run
A study that was stopped goes on where it stood. Exit code: 0 all runs done, 1 some failed, 2 a mistake in the study or the command."""
TASKS_EXAMPLE = """example:
  xstilts tasks
  xstilts tasks --json | python -m json.tool"""
DATA_EXAMPLE = """example:
  xstilts data xquad --language de --split test --limit 3
  xstilts data xnli --language sw --split dev --source files --data-root ../data
  xstilts data panx --language sw --split test --source hub"""
NOTEBOOK_EXAMPLE = """example:
  xstilts notebook 21_target -p study by_hand -p train_on squad_v1 -p targets '[xquad, mlqa]' -p train_examples 500
  xstilts notebook 30_transfer -p study quick
Values are read as YAML. A run notebook writes in the folder that belongs to its parameters: outputs/<study>/target/..."""


def parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="xstilts", description="English intermediate-task training and zero-shot cross-lingual transfer.")
    top.add_argument("--version", action="version", version=f"xstilts {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, example: str, study: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=example, formatter_class=raw)
        if study:
            command.add_argument("study", metavar="STUDY", help="name in params/ or path of a YAML file")
            command.add_argument("--outputs", default="outputs", metavar="DIR", help="folder that holds DIR/<study>/ (default: outputs)")
            command.add_argument("--data-root", default="", metavar="DIR", help=DATA_ROOT)
        return command

    run = add("run", "run a whole study: all its notebooks, its scores, its reports", RUN_EXAMPLE, study=True)
    run.add_argument("--jobs", type=int, default=0, metavar="N", help="notebooks at once (default: one per GPU, or 3 for 2 cores)")
    run.add_argument("--profile", default="local", metavar="NAME", help="where to run: a folder in params/profiles/ (default: local)")
    run.add_argument("--dry-run", action="store_true", help="only say what would be run: runs, hours, memory, disk")
    check = add("check", "check a study's YAML file and list its runs", "example:\n  xstilts check quick", study=True)
    check.add_argument("--json", action="store_true", help="each run's folder and parameters as JSON")
    status = add("status", "where each run of a study stands", "example:\n  xstilts status quick", study=True)
    status.add_argument("--json", action="store_true", help="as JSON")
    tasks = add("tasks", "the tasks: format, languages, metric, training data, sizes, licence", TASKS_EXAMPLE)
    tasks.add_argument("--json", action="store_true", help="all that is known of each, as JSON")
    data = add("data", "examples of a task as JSON lines", DATA_EXAMPLE)
    data.add_argument("task", metavar="TASK", help="name of a task (xstilts tasks)")
    data.add_argument("--language", default="en", metavar="XX", help="language code (default: en)")
    data.add_argument("--split", default="train", metavar="S", help="train, dev or test (default: train)")
    data.add_argument("--limit", type=int, default=10, metavar="N", help="at most so many examples; 0: all (default: 10)")
    data.add_argument("--source", default="mini", metavar="S", help="mini (the embedded suite), files or hub (default: mini)")
    data.add_argument("--data-root", default="", metavar="DIR", help=DATA_ROOT)
    notebook = add("notebook", "run one notebook with parameters of your own", NOTEBOOK_EXAMPLE)
    notebook.add_argument("name", metavar="NAME", help="a notebook in notebooks/ (21_target) or a path")
    pair = ("KEY", "VALUE")
    notebook.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=pair, help="a parameter; may be repeated")
    notebook.add_argument("--output", default="", metavar="FILE", help="another copy of the executed notebook")
    notebook.add_argument("--threads", type=int, default=0, metavar="N", help="threads of its kernel (default: one per core)")
    return top


def place(path: str) -> str:
    """A path as typed, made independent of the folder: kernels and Snakemake work from the project's folder."""
    from xstilts_core.spec import home

    if not path:
        return ""
    full = Path(path).expanduser().resolve()
    return str(full.relative_to(home())) if full.is_relative_to(home()) and full != home() else str(full)


def load(options: argparse.Namespace) -> Any:
    from xstilts_core.study import Study
    from xstilts_core.study_file import check_encoder

    data_root = place(options.data_root)
    if data_root and not Path(options.data_root).expanduser().is_dir():
        raise UsageError(f"--data-root {options.data_root}: no such folder ({PLACES})")
    study = Study.load(options.study, place(options.outputs), data_root)
    if options.command != "status":  # results can be read where the encoder is not
        check_encoder(study.encoder, study.file)
    return study


def run(options: argparse.Namespace) -> int:
    from xstilts_core import grid, progress, summary

    study = load(options)
    if options.jobs < 0:
        raise UsageError(f"--jobs {options.jobs}: give 1 or more, or leave it out ({grid.usual_jobs()} here)")
    grid.executor(options.profile)
    jobs = options.jobs or grid.usual_jobs(options.profile)
    if options.dry_run:
        print_lacking(study)
        return foresee(study, jobs, options.profile)
    study.require_places()
    out = summary.console()
    with grid.only_grid(study) as lock, grid.kernels(jobs, options.profile):
        queue = grid.wait_for_jobs(study, options.profile, lambda text: print(text, flush=True))
        stale = grid.forget_stale(study)
        again = f", {len(stale)} of them made with other settings before and run again" if stale else ""
        out.print(f"{study.name}: {len(study.specs)} runs{again}, {jobs} at once, in {study.root}", highlight=False, soft_wrap=True)
        watch = progress.Watch(study, jobs, out, queue)
        code = grid.run(grid.command(study, ["grid"], jobs, options.profile), study, lock, watch.follow)
        watch.queue = None  # from now on the folders alone say what was made
        watch.look()
        failures = watch.failures()
        missing = len(study.specs) - watch.count()["done"] - len(failures)
        out.print(f"making the reports: {', '.join(study.reports)}", highlight=False, soft_wrap=True)
        made, reports = grid.conclude(study, jobs, options.profile, lock)
    summary.print_gains(study, out)
    out.print("\n".join([watch.line(), *made]), highlight=False, soft_wrap=True)
    if code and not failures:
        out.print(grid.why_stopped(study, code), markup=False, highlight=False, soft_wrap=True)
    summary.print_failures(failures | reports, missing, study.root, out)
    return 1 if code or failures or reports or missing else 0


def foresee(study: Any, jobs: int, profile: str) -> int:
    """What would be run, and an estimate of its time, memory and disk."""
    from xstilts_core import grid, summary
    from xstilts_core.estimate import forecast
    from xstilts_core.runner import visible_gpus

    planned = grid.dry_run(study, jobs, profile)
    found = forecast.forecast(study, jobs, grid.threads(jobs), gpu=bool(visible_gpus()), local=grid.executor(profile) == "local")
    forecast.show(found, summary.console())
    print(f"jobs of Snakemake: {planned}")
    return 0


def print_lacking(study: Any) -> None:
    """What `xstilts run` will ask for."""
    for reason in study.lacking:
        print(f"before it can run: {reason} (--data-root DIR)")


def check(options: argparse.Namespace) -> int:
    study = load(options)
    if options.json:
        runs = [{"folder": str(spec.folder.relative_to(study.root)), "parameters": spec.changed()} for spec in study.specs]
        print(json.dumps(runs, indent=1, ensure_ascii=False))
        return 0
    counts = Counter(spec.phase for spec in study.specs)
    print(f"{study.file}: {study.title}")
    print(f"{len(study.specs)} runs: " + ", ".join(f"{count} {phase}" for phase, count in counts.items()))
    for spec in study.specs:
        print(f"  {spec.folder.relative_to(study.root)}")
    print_lacking(study)
    return 0


def status(options: argparse.Namespace) -> int:
    from xstilts_core import grid

    study = load(options)
    rows = grid.standing(study)
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['state']:<8} {row['folder']}{f'  ({reason})' if (reason := row['reason']) else ''}")
        if row["state"] == "failed" and row["notebook"]:
            print(f"{'':<8} traceback: {row['notebook']}")
    count = Counter(row["state"] for row in rows)
    print(", ".join(f"{number} {state}" for state, number in count.items()))
    if holder := grid.at_work(study):
        print(f"'xstilts run' is at work on it (process {holder})")
    elif count["done"] < len(rows):
        places = [f" --{name} {value}" for name, value in (("outputs", options.outputs), ("data-root", options.data_root)) if value]
        print(f"to go on: xstilts run {options.study}{''.join(places).replace(' --outputs outputs', '')}")
    return 0


def tasks(options: argparse.Namespace) -> int:
    from xstilts_core.tasks import TASKS

    if options.json:
        print(json.dumps([asdict(entry) for entry in TASKS.values()], indent=1, ensure_ascii=False))
        return 0
    rows = [("name", "role", "format", "metric", "train on", "train/dev/test", "languages", "licence")]
    for entry in TASKS.values():
        sizes = "/".join(f"{entry.sizes[split]:,}" if split in entry.sizes else "-" for split in ("train", "dev", "test"))
        train_on = entry.train_on or ("-" if entry.role == "target" else "itself")
        languages = " ".join(entry.languages) if len(entry.languages) <= 8 else f"{len(entry.languages)} languages"
        rows.append((entry.name, entry.role, entry.format, entry.metric, train_on, sizes, languages, entry.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def data(options: argparse.Namespace) -> int:
    from xstilts_core.data import load as examples
    from xstilts_core.languages import language
    from xstilts_core.tasks import task

    task(options.task, "xstilts data")
    language(options.language)
    found = examples(options.task, options.split, options.language, source=options.source, data_root=place(options.data_root))
    for example in found[: options.limit or None]:
        print(json.dumps(asdict(example), ensure_ascii=False))
    return 0


def notebook(options: argparse.Namespace) -> int:
    import yaml

    from xstilts_core.notebook import NotebookFailure
    from xstilts_core.runner import run_by_hand

    parameters = {}
    for key, text in options.parameters:
        try:
            parameters[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"-p {key} {text}: not a YAML value; quote texts with special characters") from None
    try:
        print(run_by_hand(options.name, parameters, options.output, options.threads))
    except NotebookFailure as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


COMMANDS = {"run": run, "check": check, "status": status, "tasks": tasks, "data": data, "notebook": notebook}


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns the exit code: 0 done, 1 something failed, 2 a mistake in what was typed."""
    options = parser().parse_args(arguments)
    if options.command == "run":
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupted)
    try:
        return COMMANDS[options.command](options)
    except UsageError as error:
        print(f"xstilts {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except OSError as error:
        from xstilts_core import disk

        if isinstance(error, BrokenPipeError):  # `xstilts tasks | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if not disk.is_full(error):
            raise
        print(f"xstilts {options.command}: {disk.full_sentence(Path(error.filename or Path.cwd()), 0)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
