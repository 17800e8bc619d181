"""The README and tables of a folder of kept runs (kept_runs.py), made from the folder alone."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from xstilts_core import analysis, results
from xstilts_core.analysis.findings import counted
from xstilts_core.jobs.kept_runs import unpack
from xstilts_core.publish.cards.data import shown
from xstilts_core.publish.cards.limits import trained_before
from xstilts_core.publish.cards.origin import CITATION, PROJECT
from xstilts_core.publish.cards.record import Record
from xstilts_core.publish.cards.study_card import finished, sections
from xstilts_core.publish.task_table import pipes
from xstilts_core.results import SCORES, write_text
from xstilts_core.study import Study, study_file
from xstilts_core.study.study_kinds import STUDY, reference_folder

GAINS, _RUN_TABLE, README = "gains.csv", "runs.csv", "README.md"
DIGITS = 4


def write_tables(folder: Path) -> Study:
    """Write README.md, scores.csv, gains.csv (the gains of 30_transfer with their intervals) and
    runs.csv beside the kept runs.

    Return the study of the kept runs, reduced to the seeds that are kept.
    """
    with TemporaryDirectory() as temporary_folder:
        file = Path(temporary_folder) / f"{folder.name}.yaml"
        title = study_file.read(folder / STUDY)["title"]
        file.write_text(
            f"title: {title!r}\nreference: {str(folder.resolve())!r}\n", encoding="utf-8"
        )
        study = Study.load(str(file), temporary_folder)
        unpack(study)
        runs = finished(study)
        scores = analysis.contenders(analysis.finished(study), study.controls)
        gains = analysis.gain_table(
            analysis.gain_draws(scores, analysis.item_scores(study), targets=study.targets)
        )
        tables = {
            SCORES: results.table([run.result for run in runs]),
            GAINS: gains,
            _RUN_TABLE: _run_table(runs),
        }
        for name, table in tables.items():
            write_text(folder / name, table.round(DIGITS).to_csv(index=False))
        write_text(folder / README, readme(study, runs))
    return study


def _run_table(runs: list[Record]) -> pd.DataFrame:
    """Return a row per run with how and where it was made. examples: number of training examples by
    data set. weights: the encoder's fingerprint."""
    rows = []
    for run in runs:
        provenance, details = run.result.provenance, run.result.details
        rows.append(
            {
                "run": run.result.identity.run,
                "recipe": run.spec.get("recipe", ""),
                "seed": run.spec["seed"],
                "examples": ", ".join(
                    f"{name} {count}" for name, count in details.get("examples", {}).items()
                ),
                "steps": sum(details.get("counts", {}).values()) or "",
                "seconds": provenance.get("seconds", ""),
                "precision": details.get("precision", ""),
                "device": provenance.get("device", ""),
                "weights": run.result.identity.fingerprint[:12],
                "commit": provenance.get("commit", "")[:12],
                "dirty": provenance.get("dirty", ""),
            }
        )
    return pd.DataFrame(rows)


def readme(study: Study, runs: list[Record]) -> str:
    """Return the README: description of the folder, caveats, and sections of the study's card."""
    seeds = ", ".join(map(str, study.seeds))
    hours = sum(float(run.result.provenance.get("seconds", 0)) for run in runs) / 3600
    items = sum(score.n for run in runs for score in run.result.scores)
    introduction = [
        f"# {PROJECT}: what `{study.name}` measured",
        "",
        f"**{study.title}**",
        "",
        f"{counted(len(runs), 'finished run')} of {len(study.specs)} (seeds: {seeds}), "
        f"{hours:.1f} hours, {items:,} scored answers: the data that the reports need, without "
        f"texts, gold answers, predictions or models. Encoder: {shown(study.encoder)}.",
        "",
        *(f"{sentence}\n" for sentence in cautions(study)),
        *pipes(
            [
                ("file", "content"),
                ("---", "---"),
                (f"`{SCORES}`", "every score"),
                (
                    f"`{GAINS}`",
                    "gains over the baseline with 95 % intervals over seeds and test items, "
                    "as in 30_transfer",
                ),
                (f"`{_RUN_TABLE}`", "where, when and how each run was made"),
                (f"`{STUDY}`", "the study's file"),
                ("`seed*.runs.jsonl.gz`", "per run its `result.json` and its training log"),
                (
                    "`seed*.items.jsonl.gz`",
                    "per run, task and language the sufficient statistics of each test item",
                ),
            ]
        ),
        "",
        f"Written by `xstilts reference {study.name}`; do not edit by hand. A study with "
        f"`reference: {study.name}` makes the reports again from this folder, without training.",
    ]
    text = "\n\n".join(
        "\n".join(lines)
        for lines in [introduction, *sections(study, runs), ["## Cite", "", CITATION]]
    )
    return f"{text}\n"


def cautions(study: Study) -> list[str]:
    """Return caveats that a reader needs before quoting a number."""
    train_limit = {**study.train, **study.target}.get("train_examples", 0)
    size_caution = (
        f"The training sets are small (targets: at most {train_limit:,} rows unless the table "
        "below gives another number). "
        if train_limit
        else ""
    )
    all_seeds = study_file.read(reference_folder(study.reference) / STUDY)["seeds"]
    seeds_caution = (
        f"Only {len(study.seeds)} of {len(all_seeds)} seeds are kept. "
        if len(study.seeds) < len(all_seeds)
        else ""
    )
    return list(
        filter(None, [f"{size_caution}{seeds_caution}".strip(), trained_before(study.encoder)])
    )
