"""`xstilts advise`: which intermediate task to train on first."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from xstilts_core.commands.places import model, place
from xstilts_core.errors import UsageError

_SHOWN = ("gain", "low_80", "high_80", "low_95", "high_95", "chance", "seconds")


def advise(options: argparse.Namespace) -> int:
    from xstilts_core.report.advice import Encoding, answers

    if bool(options.target) == bool(options.data):
        raise UsageError("give a target of the suite (xstilts tasks), or rows with --data FILE")
    if bool(options.data) != bool(options.format):
        raise UsageError("--data FILE and --format F belong together: give both or neither")
    encoding = Encoding(
        encoder=model(options.encoder),
        models=options.models,
        source=options.source,
        data_root=place(options.data_root),
        outputs=place(options.outputs),
    )
    languages = [code.strip() for code in options.languages.split(",") if code.strip()]

    def ask(*studies: Any) -> list[Any]:
        return answers(
            options.target,
            [*studies, *options.studies],
            languages,
            options.data,
            options.format,
            encoding,
            _seconds if options.costs else None,
        )

    if options.budget is None:
        advice = ask()
    else:
        # Only the answer goes to standard output.
        with redirect_stdout(sys.stderr):
            advice = _measured(options, languages, encoding, ask)
    if not options.json:
        print("\n\n".join(answer.text for answer in advice))
        return 0
    for answer in advice:
        ranks = answer.table[["recipe", "tasks", *_SHOWN, "reasons", "commands"]]
        content = {"language": answer.language, "rule": answer.table.attrs["rule"]}
        rows = json.loads(ranks.to_json(orient="records"))
        print(json.dumps({**content, "ranks": rows}, ensure_ascii=False))
    return 0


def _seconds(specs: Sequence[Any], threads: int = 0) -> Sequence[float]:
    """Return `forecast.run_seconds`. It is imported here, as this takes seconds."""
    from xstilts_core.jobs.estimate import forecast

    return forecast.run_seconds(specs, threads)


def _measured(
    options: argparse.Namespace,
    languages: list[str],
    encoding: Any,
    ask: Callable[..., list[Any]],
) -> list[Any]:
    """Run the recipes of the answer before the target within the budget, and return the answers
    from these runs and the other evidence."""
    from xstilts_core.data.source import find_source
    from xstilts_core.files.paths import expanded
    from xstilts_core.jobs import grid, halving
    from xstilts_core.study import study_file
    from xstilts_core.tasks import declare_own

    if encoding.source != "mini" and not encoding.encoder:
        raise UsageError(f"--budget with --source {encoding.source} needs --encoder E to train")
    path = expanded(options.data).resolve()
    target = options.target or path.stem
    like = options.like or ("mini" if encoding.source == "mini" else "laptop")
    study_file.find(like)  # a mistake is said before the evidence is read
    clock = halving.Clock(target, encoding.outputs, options.budget)
    jobs = grid.jobs_at_once(options.jobs, "local")
    advice = ask()
    if options.data:
        declare_own(target, str(path), options.format, (languages or ["en"])[0])
    source = find_source(encoding.source, encoding.data_root)
    for code in languages:  # in which the trial must score the target
        source.evaluated(target, source.test_split(target), [code])
    print("trying out the runs to forecast their time", flush=True)
    study = halving.trial(
        target,
        {row.recipe: row.tasks for row in advice[0].table.itertuples() if row.tasks},
        like,
        clock,
        jobs,
        partial(_seconds, threads=grid.threads(jobs)),
        source=encoding.source,
        encoder=encoding.encoder or "mini",
        outputs=encoding.outputs,
        data_root=encoding.data_root,
    )

    def rank(runs: Any) -> list[str]:
        answers = ask(runs)
        print("\n\n".join(answer.text for answer in answers))
        return list(answers[0].table["recipe"])

    halving.halve(study, clock, jobs, rank)
    if halving.has_gains(study):
        return ask(study)
    print(
        f"The budget of {options.budget:g} minutes ended before a gain was measured. "
        "With a larger one, the same command goes on."
    )
    return advice
