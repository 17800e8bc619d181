"""Every report notebook on a study of params/ that asks for it: without any result, half finished,
with one seed, and with nothing to tell.

Its cells run here, in one process, on made-up scores; figures are kept in place of being written,
so that their words can be read.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml
from made_studies import load
from matplotlib.figure import Figure
from matplotlib.text import Text
from notebook_cells import said_by

from xstilts_core import results
from xstilts_core.files.paths import home
from xstilts_core.report import figures, report
from xstilts_core.results import Score
from xstilts_core.study import Study, identity, study_file
from xstilts_core.tasks import TASKS

# Only large studies have these.
QUICK = ("32_languages", "60_paper", "61_claims")
# 70 and 71 advise from the results of several studies (test_advice_notebooks.py).
REPORTS = sorted(path.stem for path in (home() / "notebooks").glob("[34568]*.ipynb"))
NOTHING = r"(?i)\b(no|nothing|not|0 supported)\b"


@cache
def sizes() -> dict[Path, tuple[int, list[str]]]:
    """The studies of params/ on the embedded suite: how many runs they have, and their reports."""
    found = {path: Study.load(str(path)) for path in study_file.studies().values()}
    return {
        path: (len(study.specs), study.reports)
        for path, study in found.items()
        if study.specs and study.source == "mini"
    }


def study_of(report: str, folder: Path, seeds: str, recipes: int = 0, targets: int = 0) -> Study:
    """The smallest study of params/ with this report, with these seeds; of its recipes (no
    controls) and targets so many, 0: all."""
    offering = {path: size for path, (size, reports) in sizes().items() if report in reports}
    path = study_file.find("quick") if report in QUICK else min(offering, key=offering.__getitem__)
    text = re.sub(r"(?m)^seeds: .*$", f"seeds: {seeds}", path.read_text(encoding="utf-8"))
    if recipes or targets:
        content = yaml.safe_load(text)
        names = [
            name
            for name, recipe in content["recipes"].items()
            if recipe and "control" not in recipe
        ][: recipes or None]
        content["recipes"] = {"none": None} | {name: content["recipes"][name] for name in names}
        content["targets"] = content["targets"][: targets or None]
        # Settings of tasks that may be left out now.
        content.pop("tasks", None)
        content.get("intermediate", {}).pop("task_examples", None)
        text = yaml.safe_dump(content, sort_keys=False)
    return load(folder, text)


def scores(spec) -> Iterator[Score]:
    """A score for every target and language: half of a recipe's name's letters above 50, with a
    noise of its own for each seed."""
    names = getattr(spec, "targets", None) or ([spec.task] if hasattr(spec, "task") else [])
    gain = 0.5 * len(getattr(spec, "recipe", "")) + 0.3 * (
        (7 * spec.seed + len(str(spec.folder))) % 5
    )
    for place, name in enumerate(names):
        for code in TASKS[name].languages:
            if code in ("de", "hi", "sw") or (code == "en" and TASKS[name].train_on):
                yield Score(
                    name,
                    code,
                    "test",
                    TASKS[name].metric,
                    50 + gain + place + (0.7 * spec.seed if code == "de" else 0.0),
                    100,
                )
    if spec.phase == "intermediate":
        for name in spec.tasks:
            yield Score(name, "en", "dev", TASKS[name].metric, 60 + gain, 100)


def level(spec) -> Iterator[Score]:
    """The same score for everything: what nobody can add up without rounding."""
    return (replace(score, value=100 / 3 + 0.1) for score in scores(spec))


def in_german(spec) -> Iterator[Score]:
    return (score for score in scores(spec) if score.language in ("de", "en"))


def level_in_german(spec) -> Iterator[Score]:
    return (score for score in level(spec) if score.language in ("de", "en"))


def fill(study: Study, every: int, scores: Callable[..., Iterator[Score]] = scores) -> None:
    """Every run done but each `every`-th of phase 3."""
    made = {
        "commit": "0123456789abcdef",
        "dirty": False,
        "seconds": 1.0,
        "device": "cpu",
        "parents": [],
        "revisions": {},
        "versions": {},
    }
    for place, spec in enumerate(study.specs):
        if spec.phase not in ("target", "retrieval") or place % every:
            found = [asdict(score) for score in scores(spec)]
            kept = {"target": {"best_score": 60.0 + place % 7}}.get(spec.phase, {})
            content = {
                "phase": spec.phase,
                "spec": spec.model_dump(mode="json"),
                "identity": asdict(identity.of_spec(spec)),
                "provenance": made,
            }
            spec.folder.mkdir(parents=True)
            (spec.folder / results.RESULT).write_text(
                json.dumps({**content, "scores": found, "details": kept}), encoding="utf-8"
            )


def read(
    notebook: str, study: Study, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Figure], str]:
    """Run the cells of a report. Returns its figures by their file names, and what it said."""
    kept: dict[str, Figure] = {}

    def save(figure: Figure, folder: Path, name: str) -> list[Path]:
        kept[name] = figure
        return []

    for module in (report, figures, figures.files):
        monkeypatch.setattr(module, "save", save)
    return kept, said_by(notebook, monkeypatch, study=study.file, outputs=study.outputs)


def words(figure: Figure) -> str:
    return " ".join(
        " ".join(text.get_text().split()) for text in figure.findobj(Text) if text.get_visible()
    )


def tables(study: Study, report: str) -> dict[str, pd.DataFrame]:
    return {
        path.stem: pd.read_csv(path)
        for path in (study.root / "report" / report).glob("*.csv")
        if path.stat().st_size > 1
    }


@pytest.mark.parametrize("report", REPORTS)
def test_without_any_result(report, tmp_path, monkeypatch):
    study = study_of(report, tmp_path, "[1, 2]")
    kept, said = read(report, study, monkeypatch)
    assert f"{len(study.specs)} missing" in said and "missing" in said
    result = json.loads(
        (study.root / "report" / report / results.RESULT).read_text(encoding="utf-8")
    )
    assert re.search(NOTHING, result.get("answer", "no answer"))
    for name, figure in kept.items():
        assert "phases" in name or re.search(NOTHING, words(figure)), name


@pytest.mark.parametrize(
    ("every", "seeds"),
    [(9, "[1, 2]"), (3, "[1, 2, 3]")],
    ids=["a ninth missing", "a third missing"],
)
@pytest.mark.parametrize("report", REPORTS)
def test_half_finished(report, every, seeds, tmp_path, monkeypatch):
    study = study_of(report, tmp_path, seeds)
    fill(study, every)
    kept, said = read(report, study, monkeypatch)
    assert "missing" in said and "No finished" not in said
    found = tables(study, report)
    states = found["runs"]["state"].value_counts()
    assert states["missing"] > 0 and states["done"] + states["missing"] == len(study.specs)
    # A diagram of the study has no result in it; what a study has no runs of is said in words
    # alone.
    drawn = {
        name: words(figure) for name, figure in kept.items() if figure.axes and "phases" not in name
    }
    assert drawn
    for name, text in drawn.items():
        assert (
            f"Study made_up: {states['done']} of {len(study.specs)} runs done, made from commit 0123456789ab"
            in text
        ), (name, text)
        assert "runs.csv" in text and re.search(r"\d seeds?\b", text), (name, text)
        assert "baseline" in name or "interval" in text, (name, text)


@pytest.mark.parametrize("report", REPORTS)
def test_one_seed_has_no_interval_and_says_so(report, tmp_path, monkeypatch):
    study = study_of(report, tmp_path, "[1]")
    fill(study, every=1000)
    kept, said = read(report, study, monkeypatch)
    for name, frame in tables(study, report).items():
        for column in {"low", "high"} & set(frame):
            # What is no measurement, such as the baseline chosen for every target, gains nothing
            # without any spread.
            assert (frame[column].isna() | (frame["low"] == frame["high"])).all(), (name, column)
    shown = [words(figure) for name, figure in kept.items() if "phases" not in name]
    assert re.search(r"(?i)\b(one|1) seed\b", " ".join([said, *shown]))
    for name, figure in kept.items():
        text = words(figure)
        if "interval" in text:
            assert re.search(r"(?i)\b(no intervals?|without an interval)\b", text), (name, text)


@pytest.mark.parametrize(
    ("scores", "size"),
    [
        (level, {}),
        (in_german, {}),
        (scores, {"recipes": 1}),
        (scores, {"targets": 1}),
        (level_in_german, {"recipes": 1, "targets": 1}),
    ],
    ids=["all equal", "one language", "one recipe", "one target", "nothing to tell"],
)
@pytest.mark.parametrize("report", REPORTS)
def test_nothing_varies(report, scores, size, tmp_path, monkeypatch):
    """No report fails, says a number that is none, or makes a claim of equal scores."""
    study = study_of(report, tmp_path, "[1, 2]", **size)
    fill(study, 1000, scores)
    kept, said = read(report, study, monkeypatch)
    for text in (said, *map(words, kept.values())):
        assert not re.search(r"\b(nan|inf)\b", text), re.findall(r".{60}\b(?:nan|inf)\b.{20}", text)
    if scores in (level, level_in_german):
        for name, frame in tables(study, report).items():
            if {"low", "high"} <= set(frame):
                assert not ((frame["low"] > 0) | (frame["high"] < 0)).any(), name
