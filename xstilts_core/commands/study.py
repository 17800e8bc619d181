"""`xstilts run`, `check` and `status`: run a study, validate it, print the state of its runs."""

import argparse
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from xstilts_core.commands.places import load


def _print_overrides(study: Any) -> None:
    """Print the options that override the study's file."""
    if study.given:
        print(
            f"{', '.join(' '.join(option) for option in study.given.items())} "
            f"in place of what {study.file} says"
        )


def counted(study: Any) -> str:
    if study.published:
        return f"no runs, published scores ({study.published})"
    kept = f", kept in reference ({study.reference}): no training" if study.reference else ""
    return f"{len(study.specs)} runs{kept}"


def run(options: argparse.Namespace) -> int:
    from xstilts_core.jobs import grid
    from xstilts_core.report import summary, webpage

    study = load(options)
    jobs = grid.jobs_at_once(options.jobs, options.profile)
    parts = [member.part(options.seeds) for member in study.members]
    if options.dry_run:
        return foresee(parts, jobs, options.profile)
    for member in study.members:
        member.require_data_root()
    code = max(
        run_one(member, part, jobs, options.profile)
        for member, part in zip(study.members, parts, strict=True)
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
    show = partial(out.print, highlight=False, soft_wrap=True)
    _print_overrides(study)
    trains = bool(part.specs) and not study.reference
    with grid.only_grid(study) as lock, grid.kernels(jobs, profile, study.on_hub, trains):
        grid.wait_for_jobs(study, profile, lambda text: print(text, flush=True))
        if study.reference:
            kept_runs.unpack(study)
        with aside.prepared(part) as plan:
            outcomes = _outcomes(plan, sharing.gather(part), study)
            show(f"{study.name}: {counted(part)}{outcomes}, {jobs} at once, in {study.root}")
            watch = progress.Watch(part, jobs, out)
            code = 0
            if trains:
                command = grid.command(study, grid.targets(part), jobs, profile)
                code = grid.run(command, study, lock, watch.follow)
        watch.look()
        failures = watch.failures()
        missing = 0 if study.reference else len(part.specs) - watch.count()["done"] - len(failures)
        if code and not failures:
            show(grid.why_stopped(study, code))
        show(f"making the reports: {', '.join(study.reports)}")
        written_files, failed_reports = summary.conclude(study, jobs, profile, lock)
    if not study.published:
        summary.print_gains(study, out)
    show("\n".join(written_files if study.published else [watch.line(), *written_files]))
    summary.print_failures(failures, failed_reports, missing, study.root, out)
    return 1 if code or failures or failed_reports or missing else 0


def _outcomes(plan: Any, shared_runs: Sequence[Any], study: Any) -> str:
    """Return the part of a sentence that says what happens to existing results."""
    outcomes = (
        (plan.stale, "made with other settings before and run again"),
        (plan.after, "run again after those that they start from"),
        (plan.back, "taken up again, as their settings are what they were"),
        (shared_runs, f"taken over from {', '.join(study.shares)}"),
    )
    return "".join(f", {len(runs)} of them {outcome}" for runs, outcome in outcomes if runs)


def foresee(studies: Sequence[Any], jobs: int, profile: str) -> int:
    """Print what would be run and an estimate of its time, memory and disk space."""
    from xstilts_core.jobs import aside, grid, sharing
    from xstilts_core.jobs.estimate import forecast
    from xstilts_core.jobs.machine import visible_gpus
    from xstilts_core.report import summary
    from xstilts_core.wording.numbers import spent

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
            study,
            jobs,
            grid.threads(jobs),
            gpu=bool(visible_gpus()),
            local=local,
            shared=shared,
            cores=grid.cores(),
        )
        forecast.show(prediction, summary.console())
        before = ", before runs are taken over" if shared or aside.plan(study).back else ""
        print(f"jobs of Snakemake{before}: {jobs_planned}")
        walls.append(prediction.wall)
    if len(walls) > 1:
        print(f"all {len(studies)} studies, one after the other: about {spent(sum(walls))}")
    return 0


def _print_requirements(study: Any) -> None:
    """Print what `xstilts run` will require."""
    for reason in study.lacking:
        print(f"before it can run: {reason} (--data-root DIR)")


def check(options: argparse.Namespace) -> int:
    study = load(options)
    if options.json:
        runs = [
            {"folder": str(spec.folder.relative_to(spec.root)), "parameters": spec.changed()}
            for member in study.members
            for spec in member.specs
        ]
        print(json.dumps(runs, indent=1, ensure_ascii=False))
        return 0
    for member in study.members:
        _print_runs(member)
    return 0


def _print_runs(study: Any) -> None:
    counts = Counter(spec.phase for spec in study.specs)
    print(f"{study.file}: {study.title}")
    _print_overrides(study)
    phases = ", ".join(f"{count} {phase}" for phase, count in counts.items())
    print(f"{counted(study)}: {phases}" if phases else counted(study))
    for spec in study.specs:
        print(f"  {spec.folder.relative_to(study.root)}")
    _print_requirements(study)


def status(options: argparse.Namespace) -> int:
    studies = load(options).members
    if options.json:
        rows = [row for study in studies for row in _standing(study)]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for study in studies:
        _print_status(study, options)
    return 0


def _standing(study: Any) -> list[dict[str, Any]]:
    """Return a row for each run: its state, and the tasks that it did not learn."""
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    rows = {row["folder"]: {**row, "not_learnt": []} for row in grid.standing(study)}
    for spec, judged in learnt.missed(study):
        rows[str(spec.folder.relative_to(study.root))]["not_learnt"].append(judged.task)
    return list(rows.values())


def _print_status(study: Any, options: argparse.Namespace) -> None:
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    _print_overrides(study)
    rows = grid.standing(study)
    for row in rows:
        reason = f"  ({row['reason']})" if row["reason"] else ""
        print(f"{row['state']:<8} {row['folder']}{reason}")
        if row["state"] == "failed" and row["notebook"]:
            print(f"{'':<8} traceback: {row['notebook']}")
    count = Counter(row["state"] for row in rows)
    print(", ".join(f"{number} {state}" for state, number in count.items()) or counted(study))
    for line in learnt.unlearnt(study).values():
        print(f"did not learn: {line}")
    if holder := grid.at_work(study):
        print(f"'xstilts run' is at work on it (process {holder})")
    elif count["done"] < len(rows):
        typed = {
            "--outputs": "" if options.outputs == "outputs" else options.outputs,
            "--data-root": options.data_root,
            "--source": options.source,
            "--encoder": options.encoder,
        }
        words = [word for option in typed.items() if option[1] for word in option]
        print(f"to go on: {shlex.join(['xstilts', 'run', options.study, *words])}")
