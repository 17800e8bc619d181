"""The README and tables of a folder of kept runs (kept_runs.py), made from the folder alone."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from xstilts_core import analysis, results
from xstilts_core.jobs.kept_runs import unpack
from xstilts_core.publish.cards.record import Record
from xstilts_core.publish.cards.study_card import finished, study_facts
from xstilts_core.results import SCORES, write_text
from xstilts_core.study import Study, study_file
from xstilts_core.study.study_kinds import STUDY
from xstilts_core.wording.text import page

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
        text = page(
            "reference_readme.md.j2",
            **study_facts(study, runs),
            runs=len(runs),
            hours=sum(float(run.result.provenance.get("seconds", 0)) for run in runs) / 3600,
            items=sum(score.n for run in runs for score in run.result.scores),
            train_limit={**study.train, **study.target}.get("train_examples", 0),
            all_seeds=study_file.read(folder / STUDY)["seeds"],
        )
        write_text(folder / README, f"{text}\n")
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
