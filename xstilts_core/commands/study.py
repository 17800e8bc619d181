"""`xstilts run`, `check` and `status`: one study."""

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

PLACES = "places are taken from the folder where the command is typed"


def load(options: argparse.Namespace) -> Any:
    from xstilts_core.study import Study
    from xstilts_core.study.study_file import check_model

    data_root = place(options.data_root)
    if data_root and not expanded(options.data_root).is_dir():
        raise UsageError(f"--data-root {options.data_root}: no such folder ({PLACES})")
    study = Study.load(options.study, place(options.outputs), data_root, given(options))
    require_folder(options.outputs, study.root)
    if options.command not in (
        "status",
        "reference",
    ):  # results can be read where the encoder is not
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
    """What was typed in place of what the study says. UsageError where it is no source, or can be
    no encoder to start from."""
    from xstilts_core.study import study_file
    from xstilts_core.tasks import Source

    if options.source and options.source not in get_args(Source):
        raise unknown("source", options.source, get_args(Source), "--source")
    encoder = model(options.encoder)
    if encoder and options.command != "status":
        study_file.check_encoder(
            encoder if encoder == options.encoder else str(expanded(options.encoder).resolve()),
            "--encoder",
        )
    return {"source": options.source, "encoder": encoder}


def _print_given(study: Any) -> None:
    """What the study is not run with that its file says."""
    if study.given:
        print(
            f"{', '.join(' '.join(entry) for entry in study.given.items())} in place of what {study.file} says"
        )


def check_encoder(study: Any) -> None:
    """UsageError where the study's encoder cannot be what it starts from, or a run asks for what
    that has not.

    A folder is looked at as a whole, which takes seconds; an encoder of the hub in the first cell
    of a run, once it is in the cache. One whose runs are kept is asked for nothing.
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
            reason := encoder_files.beyond(config, study.encoder, *reach)
        ):
            raise UsageError(f"{study.file}, {spec.folder.relative_to(study.root)}: {reason}")


def configuration(study: Any, folder: Path | None) -> dict[str, Any]:
    """What is known of the encoder's configuration before a run: all of a folder's and the shipped
    one's, the size of the study's own."""
    from xstilts_core.files import encoder_files

    for spec in study.specs:
        if spec.phase == "pretrain" and study.encoder == "pretrained":
            return {"num_hidden_layers": spec.layers, "max_position_embeddings": spec.max_length}
    place = encoder_files.shipped() if study.encoder == encoder_files.SHIPPED else folder
    return encoder_files.configuration(place) if place else {}


def counted(study: Any) -> str:
    if study.published:
        return f"no runs, published scores ({study.published})"
    return f"{len(study.specs)} runs{f', kept in reference ({study.reference}): nothing is trained' if study.reference else ''}"


def members(study: Any) -> tuple[Any, ...]:
    """The study itself, or those that it is made of."""
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
        member.require_places()
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
    """Run one study to its end, `part` of it: its runs of some seeds. A study that fails does not
    keep the next one from running."""
    from xstilts_core.jobs import aside, grid, kept_runs, progress, sharing
    from xstilts_core.report import summary

    out = summary.console()
    _print_given(study)
    trains = bool(part.specs) and not study.reference
    with grid.only_grid(study) as lock, grid.kernels(jobs, profile, study.source == "hub", trains):
        queue = grid.wait_for_jobs(study, profile, lambda text: print(text, flush=True))
        if study.reference:
            kept_runs.unpack(study)
        with aside.prepared(part) as plan:
            taken = sharing.gather(part)
            told = again(
                plan,
                [f"{len(taken)} of them taken over from {', '.join(study.shares)}"]
                if taken
                else [],
            )
            out.print(
                f"{study.name}: {counted(part)}{told}, {jobs} at once, in {study.root}",
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
        watch.queue = None  # from now on the folders alone say what was made
        watch.look()
        failures = watch.failures()
        missing = 0 if study.reference else len(part.specs) - watch.count()["done"] - len(failures)
        if code and not failures:
            out.print(grid.why_stopped(study, code), highlight=False, soft_wrap=True)
        out.print(
            f"making the reports: {', '.join(study.reports)}", highlight=False, soft_wrap=True
        )
        made, reports = summary.conclude(study, jobs, profile, lock)
    if not study.published:
        summary.print_gains(study, out)
    out.print(
        "\n".join(made if study.published else [watch.line(), *made]),
        highlight=False,
        soft_wrap=True,
    )
    summary.print_failures(failures, reports, missing, study.root, out)
    return 1 if code or failures or reports or missing else 0


def again(plan: Any, more: Sequence[str]) -> str:
    """What becomes of results that were there before: part of a sentence."""
    said = (
        [f"{len(plan.stale)} of them made with other settings before and run again"]
        if plan.stale
        else []
    )
    said += (
        [f"{len(plan.after)} of them run again after those that they start from"]
        if plan.after
        else []
    )
    said += (
        [f"{len(plan.back)} of them taken up again, as their settings are what they were"]
        if plan.back
        else []
    )
    return "".join(f", {part}" for part in (*said, *more))


def foresee(studies: Sequence[Any], jobs: int, profile: str) -> int:
    """What would be run, and an estimate of its time, memory and disk."""
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
        _print_given(study)
        _print_lacking(study)
        taken = sharing.foreseen(study, studies[:position])
        planned = grid.dry_run(study, jobs, profile)
        local = grid.executor(profile) == "local"
        found = forecast.forecast(
            study, jobs, grid.threads(jobs), gpu=bool(visible_gpus()), local=local, shared=taken
        )
        notes.show(found, summary.console())
        print(
            f"jobs of Snakemake{', before runs are taken over' if taken or aside.plan(study).back else ''}: {planned}"
        )
        walls.append(found.wall)
    if len(walls) > 1:
        print(f"all {len(studies)} studies, one after the other: about {notes.spent(sum(walls))}")
    return 0


def _print_lacking(study: Any) -> None:
    """What `xstilts run` will ask for."""
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
    _print_given(study)
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
    _print_lacking(study)


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
        _print_standing(study, options)
    return 0


def standing(study: Any) -> list[dict[str, Any]]:
    """Where each run stands, and which of its tasks it did not learn."""
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    missed = [
        (str(spec.folder.relative_to(study.root)), judged.task)
        for spec, judged in learnt.missed(study)
    ]
    return [
        {**row, "not_learnt": [task for folder, task in missed if folder == row["folder"]]}
        for row in grid.standing(study)
    ]


def _print_standing(study: Any, options: argparse.Namespace) -> None:
    from xstilts_core.jobs import grid
    from xstilts_core.phases import learnt

    _print_given(study)
    rows = grid.standing(study)
    for row in rows:
        print(
            f"{row['state']:<8} {row['folder']}{f'  ({reason})' if (reason := row['reason']) else ''}"
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
        places = {
            "outputs": options.outputs if options.outputs != "outputs" else "",
            "data-root": options.data_root,
        }
        places |= {"source": options.source, "encoder": options.encoder}
        words = [
            "xstilts",
            "run",
            options.study,
            *(word for name, value in places.items() if value for word in (f"--{name}", value)),
        ]
        print(f"to go on: {shlex.join(words)}")
