"""The README and the plain tables of a folder of kept runs (kept_runs.py), made from what is kept
and from nothing else."""

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
from xstilts_core.study.study_kinds import STUDY, kept_folder

GAINS, _RUN_TABLE, README = "gains.csv", "runs.csv", "README.md"
DIGITS = 4


def write_tables(folder: Path) -> Study:
    """Write README.md, scores.csv, gains.csv (those of 30_transfer, with their intervals) and
    runs.csv beside the kept runs.

    Returns the study whose runs these are, as far as they are kept.
    """
    with TemporaryDirectory() as place:
        file = Path(place) / f"{folder.name}.yaml"
        title = study_file.read(folder / STUDY)["title"]
        file.write_text(
            f"title: {title!r}\nreference: {str(folder.resolve())!r}\n", encoding="utf-8"
        )
        study = Study.load(str(file), place)
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
    """A row per run: how and where it was made. examples: by data set, those that were trained on;
    weights: the encoder's fingerprint."""
    rows = []
    for run in runs:
        made, details = run.result.provenance, run.result.details
        rows.append(
            {
                "run": run.result.identity.run,
                "recipe": run.spec.get("recipe", ""),
                "seed": run.spec["seed"],
                "examples": ", ".join(
                    f"{part} {count}" for part, count in details.get("examples", {}).items()
                ),
                "steps": sum(details.get("counts", {}).values()) or "",
                "seconds": made.get("seconds", ""),
                "precision": details.get("precision", ""),
                "device": made.get("device", ""),
                "weights": run.result.identity.fingerprint[:12],
                "commit": made.get("commit", "")[:12],
                "dirty": made.get("dirty", ""),
            }
        )
    return pd.DataFrame(rows)


def readme(study: Study, runs: list[Record]) -> str:
    """What the folder is, what a reader must know of it, and what `xstilts card` says of the
    study."""
    seeds = ", ".join(map(str, study.seeds))
    hours = sum(float(run.result.provenance.get("seconds", 0)) for run in runs) / 3600
    items = sum(score.n for run in runs for score in run.result.scores)
    head = [
        f"# {PROJECT}: what `{study.name}` measured",
        "",
        f"**{study.title}**",
        "",
        f"{counted(len(runs), 'finished run')} of {len(study.specs)} (seeds: {seeds}), {hours:.1f} hours, {items:,} scored answers: "
        f"what the reports need, without texts, gold answers, predictions or models. Encoder: {shown(study.encoder)}.",
        "",
        *(f"{sentence}\n" for sentence in cautions(study)),
        *pipes(
            [
                ("file", "what it has"),
                ("---", "---"),
                (f"`{SCORES}`", "every score"),
                (
                    f"`{GAINS}`",
                    "gains over the baseline with 95 % intervals over seeds and test items, as in 30_transfer",
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
        f"Written by `xstilts reference {study.name}`; by hand nothing here is changed. A study with `reference: {study.name}` makes the "
        "reports again from it, without training.",
    ]
    text = "\n\n".join(
        "\n".join(lines) for lines in [head, *sections(study, runs), ["## Cite", "", CITATION]]
    )
    return f"{text}\n"


def cautions(study: Study) -> list[str]:
    """What a reader must know before quoting a number."""
    cut = {**study.train, **study.target}.get("train_examples", 0)
    small = (
        f"The training sets are small (targets: at most {cut:,} rows where the table below says no other number). "
        if cut
        else ""
    )
    wanted = study_file.read(kept_folder(study.reference) / STUDY)["seeds"]
    part = (
        f"It is not whole: {len(study.seeds)} of {len(wanted)} seeds are kept. "
        if len(study.seeds) < len(wanted)
        else ""
    )
    return list(filter(None, [f"{small}{part}".strip(), trained_before(study.encoder)]))
