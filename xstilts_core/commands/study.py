"""`xstilts run`, `check` and `status`: run a study, validate it, print the state of its runs."""

import argparse
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from xstilts_core.commands.places import model, place, require_folder
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.paths import expanded

PLACES = "relative paths start from the folder where the command is typed"


def load(options: argparse.Namespace) -> Any:
    from xstilts_core.study import Study
    from xstilts_core.study.study_file import check_model

    data_root = place(options.data_root)
    if data_root and not expanded(options.data_root).is_dir():
        raise UsageError(f"--data-root {options.data_root}: no such folder ({PLACES})")
    study = Study.load(options.study, place(options.outputs), data_root, given(options))
    require_folder(options.outputs, study.root)
    # `status` and `reference` read results, which works without the encoder.
    if options.command not in ("status", "reference"):
        for member in members(study):
            check_encoder(member)
        for name in dict.fromkeys(
            name
            for spec in study.specs
            for name in getattr(spec, "translators", ())
            if not study.reference
        ):
            check_model(name, f"{study.file}: translator", "facebook/nllb-200-distilled-600M")
    return study


def given(options: argparse.Namespace) -> dict[str, str]:
    """Return the source and encoder that override the study's file.

    Raise UsageError for an unknown source or for an encoder that cannot be trained from.
    """
    from xstilts_core.study import study_file
    from xstilts_core.tasks import SourceName

    if options.source and options.source not in get_args(SourceName):
        raise unknown("source", options.source, get_args(SourceName), "--source")
    encoder = model(options.encoder)
    if encoder and options.command != "status":
        study_file.check_encoder(
            encoder if encoder == options.encoder else str(expanded(options.encoder).resolve()),
            "--encoder",
        )
    return {"source": options.source, "encoder": encoder}


def _print_overrides(study: Any) -> None:
    """Print the options that override the study's file."""
    if study.given:
        print(
            f"{', '.join(' '.join(option) for option in study.given.items())} "
            f"in place of what {study.file} says"
        )


def check_encoder(study: Any) -> None:
    """Raise UsageError if the study cannot start from its encoder, or if a run needs more layers or
    positions than the encoder has.

    A local folder is checked completely, which takes seconds. A hub encoder is checked when it is
    fetched or loaded. A study of kept runs needs no encoder.
    """
    if study.reference:
        return
    from xstilts_core.files import encoder_files
    from xstilts_core.study import study_file

    folder = study_file.check_encoder(study.encoder, f"{study.file}: encoder")
    if folder:
        from xstilts_core.encoders import loading

        loading.check(folder, f"{study.file}: encoder {study.encoder!r}")
    config = configuration(study, folder)
    for spec in study.specs:
        reach = (getattr(spec, "layer", -1), getattr(spec, "max_length", 0))
        if spec.phase != "pretrain" and (
            reason := encoder_files.limits_problem(config, study.encoder, *reach)
        ):
            raise UsageError(f"{study.file}, {spec.folder.relative_to(study.root)}: {reason}")


def configuration(study: Any, folder: Path | None) -> dict[str, Any]:
    """Return what is known of the encoder's configuration before a run: everything for a folder or
    the shipped encoder, the size alone for an encoder that the study pretrains."""
    from xstilts_core.files import encoder_files

    for spec in study.specs:
        if spec.phase == "pretrain" and study.encoder == "pretrained":
            return {"num_hidden_layers": spec.layers, "max_position_embeddings": spec.max_length}
    encoder_folder = encoder_files.shipped() if study.encoder == encoder_files.SHIPPED else folder
    return encoder_files.configuration(encoder_folder) if encoder_folder else {}


def counted(study: Any) -> str:
    if study.published:
        return f"no runs, published scores ({study.published})"
    return (
        f"{len(study.specs)} runs"
        f"{f', kept in reference ({study.reference}): no training' if study.reference else ''}"
    )


def members(study: Any) -> tuple[Any, ...]:
    """Return the parts of a study of parts, else the study itself."""
    return study.members if study.parts else (study,)


def run(options: argparse.Namespace) -> int:
    from xstilts_core.jobs import grid
    from xstilts_core.report import summary, webpage

    study = load(options)
    jobs = grid.jobs_at_once(options.jobs, options.profile)
    parts = [member.of_seeds(options.seeds) for member in members(study)]
    if options.dry_run:
        return foresee(parts, jobs, options.profile)
    for member in members(study):
        member.require_data_root()
    code = max(
        run_one(member, part, jobs, options.profile)
        for member, part in zip(members(study), parts, strict=True)
    )
    if study.parts:
        summary.console().print(
            f"all parts: {webpage.build(study)}", highlight=False, soft_wrap=True
        )
    return code


def run_one(study: Any, part: Any, jobs: int, profile: str) -> int:
    """Run `part` of one study, its runs of some seeds, to the end and return the exit code.

    A failure is reported, not raised, so that the next study can run.
    """
    from xstilts_core.jobs import aside, grid, kept_runs, progress, sharing
    from xstilts_core.report import summary

    out = summary.console()
    _print_overrides(study)
    trains = bool(part.specs) and not study.reference
    with grid.only_grid(study) as lock, grid.kernels(jobs, profile, study.on_hub, trains):
        queue = grid.wait_for_jobs(study, profile, lambda text: print(text, flush=True))
        if study.reference:
            kept_runs.unpack(study)
        with aside.prepared(part) as plan:
            shared_runs = sharing.gather(part)
            outcomes = again(
                plan,
                [f"{len(shared_runs)} of them taken over from {', '.join(study.shares)}"]
                if shared_runs
                else [],
            )
            out.print(
                f"{study.name}: {counted(part)}{outcomes}, {jobs} at once, in {study.root}",
                highlight=False,
                soft_wrap=True,
            )
            watch = progress.Watch(part, jobs, out, queue)
            code = (
                grid.run(
                    grid.command(study, grid.targets(part), jobs, profile),
                    study,
                    lock,
                    watch.follow,
                )
                if trains
                else 0
            )
        watch.queue = None  # from here on the state is read from the folders alone
        watch.look()
        failures = watch.failures()
        missing = 0 if study.reference else len(part.specs) - watch.count()["done"] - len(failures)
        if code and not failures:
            out.print(grid.why_stopped(study, code), highlight=False, soft_wrap=True)
        out.print(
            f"making the reports: {', '.join(study.reports)}", highlight=False, soft_wrap=True
        )
        written_files, failed_reports = summary.conclude(study, jobs, profile, lock)
    if not study.published:
        summary.print_gains(study, out)
    out.print(
        "\n".join(written_files if study.published else [watch.line(), *written_files]),
        highlight=False,
        soft_wrap=True,
    )
    summary.print_failures(failures, failed_reports, missing, study.root, out)
    return 1 if code or failures or failed_reports or missing else 0


def again(plan: Any, more: Sequence[str]) -> str:
    """Return the part of a sentence that says what happens to existing results."""
    outcomes = (
        [f"{len(plan.stale)} of them made with other settings before and run again"]
        if plan.stale
        else []
    )
    outcomes += (
        [f"{len(plan.after)} of them run again after those that they start from"]
        if plan.after
        else []
    )
    outcomes += (
        [f"{len(plan.back)} of them taken up again, as their settings are what they were"]
        if plan.back
        else []
    )
    return "".join(f", {outcome}" for outcome in (*outcomes, *more))


def foresee(studies: Sequence[Any], jobs: int, profile: str) -> int:
    """Print what would be run and an estimate of its time, memory and disk space."""
    from xstilts_core.jobs import aside, grid, sharing
    from xstilts_core.jobs.estimate import forecast, notes
    from xstilts_core.jobs.runner import visible_gpus
    from xstilts_core.report import summary

    walls = []
    for position, study in enumerate(studies):
        sharing.require_own_folder(study)
        if study.reference:
            print(f"{study.name}: {counted(study)}")
            continue
        _print_overrides(study)
        _print_requirements(study)
        shared = sharing.foreseen(study, studies[:position])
        jobs_planned = grid.dry_run(study, jobs, profile)
        local = grid.executor(profile) == "local"
        prediction = forecast.forecast(
            study, jobs, grid.threads(jobs), gpu=bool(visible_gpus()), local=local, shared=shared
        )
        notes.show(prediction, summary.console())
        print(
            f"jobs of Snakemake"
            f"{', before runs are taken over' if shared or aside.plan(study).back else ''}"
            f": {jobs_planned}"
        )
        walls.append(prediction.wall)
    if len(walls) > 1:
        print(f"all {len(studies)} studies, one after the other: about {notes.spent(sum(walls))}")
    return 0


def _print_requirements(study: Any) -> None:
    """Print what `xstilts run` will require."""
    for reason in study.lacking:
        print(f"before it can run: {reason} (--data-root DIR)")


def check(options: argparse.Namespace) -> int:
    study = load(options)
    if options.json:
        specs = [spec for member in members(study) for spec in member.specs]
        runs = [
            {"folder": str(spec.folder.relative_to(spec.root)), "parameters": spec.changed()}
            for spec in specs
        ]
        print(json.dumps(runs, indent=1, ensure_ascii=False))
        return 0
    for member in members(study):
        _print_runs(member)
    return 0


def _print_runs(study: Any) -> None:
    counts = Counter(spec.phase for spec in study.specs)
    print(f"{study.file}: {study.title}")
    _print_overrides(study)
    print(
        ": ".join(
            filter(
                None,
                (counted(study), ", ".join(f"{count} {phase}" for phase, count in counts.items())),
            )
        )
    )
    for spec in study.specs:
        print(f"  {spec.folder.relative_to(study.root)}")
    _print_requirements(study)


def status(options: argparse.Namespace) -> int:
    studies = members(load(options))
    if options.json:
        print(
            json.dumps(
                [row for study in studies for row in standing(study)], indent=1, ensure_ascii=False
            )
        )
        return 0
    for study in studies:
        _print_status(study, options)
    return 0


def standing(study: Any) -> list[dict[str, Any]]:
    """Return a row for each run: its state, and the tasks that it did not learn."""
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    missed_tasks = [
        (str(spec.folder.relative_to(study.root)), judged.task)
        for spec, judged in learnt.missed(study)
    ]
    return [
        {**row, "not_learnt": [task for folder, task in missed_tasks if folder == row["folder"]]}
        for row in grid.standing(study)
    ]


def _print_status(study: Any, options: argparse.Namespace) -> None:
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    _print_overrides(study)
    rows = grid.standing(study)
    for row in rows:
        print(
            f"{row['state']:<8} {row['folder']}"
            f"{f'  ({reason})' if (reason := row['reason']) else ''}"
        )
        if row["state"] == "failed" and row["notebook"]:
            print(f"{'':<8} traceback: {row['notebook']}")
    count = Counter(row["state"] for row in rows)
    print(", ".join(f"{number} {state}" for state, number in count.items()) or counted(study))
    for line in learnt.unlearnt(study).values():
        print(f"did not learn: {line}")
    if holder := grid.at_work(study):
        print(f"'xstilts run' is at work on it (process {holder})")
    elif count["done"] < len(rows):
        given_options = {
            "outputs": options.outputs if options.outputs != "outputs" else "",
            "data-root": options.data_root,
        }
        given_options |= {"source": options.source, "encoder": options.encoder}
        words = [
            "xstilts",
            "run",
            options.study,
            *(
                word
                for name, value in given_options.items()
                if value
                for word in (f"--{name}", value)
            ),
        ]
        print(f"to go on: {shlex.join(words)}")
