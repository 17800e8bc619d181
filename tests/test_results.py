"""result.json is whole or absent; the state of a run is read from its folder; scores.csv has the
columns it promises."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from made_studies import load

from xstilts_core import analysis, results
from xstilts_core.errors import UsageError
from xstilts_core.results import Score
from xstilts_core.study.spec import RetrievalSpec, TargetSpec
from xstilts_core.tasks import TASKS

SCORES = [
    Score("xnli", "de", "test", "accuracy", 61.25, 400),
    Score("xnli", "sw", "test", "accuracy", 40.0, 400),
]


def spec(folder: Path, seed: int = 1, recipe: str = "none") -> TargetSpec:
    return TargetSpec(study="tiny", outputs=str(folder), seed=seed, recipe=recipe)


def test_write_and_read(tmp_path: Path) -> None:
    run = spec(tmp_path)
    path = results.write(run, SCORES, "cpu", 12.345, {"best_step": 40})
    assert path == tmp_path / "tiny" / "target" / "mnli" / "from-none" / "seed1" / "result.json"
    result = results.read(path)
    assert result.scores == SCORES and result.details == {"best_step": 40}
    assert (
        result.provenance["device"] == "cpu"
        and result.provenance["seconds"] == 12.35
        and "pandas" not in result.provenance
    )
    assert {"commit", "dirty", "versions", "parents"} <= set(result.provenance)
    assert TargetSpec(**result.spec) == run


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    results.write_text(path, "old")

    def fail(handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        results.write_text(path, "new, but cut off")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_states(tmp_path: Path) -> None:
    run = spec(tmp_path)
    assert results.state(run).state == "missing"
    run.folder.mkdir(parents=True)
    (run.folder / results.NOTEBOOK).write_text("{}")
    assert results.state(run) == results.State(
        run, "failed", "interrupted: it was stopped before it finished"
    )
    (run.folder / results.FAILURE).write_text("21_target, cell 3: ValueError: no\n")
    assert results.state(run) == results.State(run, "failed", "21_target, cell 3: ValueError: no")
    results.write(run, SCORES, "cpu", 1.0)
    assert results.state(run).state == "done"
    other = TargetSpec(study="tiny", outputs=str(tmp_path), epochs=9)
    assert other.folder == run.folder
    assert results.state(other) == results.State(other, "stale", "made with other epochs")


def test_a_new_version_of_a_task_makes_its_runs_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = spec(tmp_path)
    results.write(run, SCORES, "cpu", 1.0)
    monkeypatch.setitem(TASKS, "xquad", replace(TASKS["xquad"], version=2))
    assert results.state(run).state == "done"
    monkeypatch.setitem(TASKS, "xnli", replace(TASKS["xnli"], version=2))
    assert results.state(run) == results.State(
        run, "stale", "made with version 1 of task xnli, now 2"
    )


def test_another_place_is_not_stale(tmp_path: Path) -> None:
    run = spec(tmp_path)
    results.write(run, SCORES, "cpu", 1.0)
    (tmp_path / "moved").mkdir()
    (tmp_path / "tiny").rename(tmp_path / "moved" / "tiny")
    assert results.state(spec(tmp_path / "moved")).state == "done"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"scores": [{"task": "xnli"}]}'])
def test_a_broken_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(
        UsageError,
        match=r"result.json is not a result of this suite .*: delete its folder and run it again",
    ):
        results.read(path)


def test_scores_csv(tmp_path: Path) -> None:
    runs = [spec(tmp_path), spec(tmp_path, 2, "ccg")]
    results.write(runs[0], SCORES, "cpu", 1.0)
    results.write(runs[1], SCORES[:1], "cpu", 1.0)
    retrieval = RetrievalSpec(study="tiny", outputs=str(tmp_path))
    results.write(retrieval, [Score("tatoeba", "de", "test", "accuracy", 55.0, 1000)], "cpu", 1.0)
    report = tmp_path / "tiny" / "report" / "00_study" / "result.json"
    results.write_text(report, '{"phase": "report"}')
    with results.write_scores(tmp_path / "tiny", [*runs, retrieval]).open(
        encoding="utf-8", newline=""
    ) as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == results.COLUMNS and len(rows) == 4
    assert {
        (row["phase"], row["recipe"], row["seed"], row["train_on"], row["value"]) for row in rows
    } == {
        ("target", "none", "1", "mnli", "61.25"),
        ("target", "none", "1", "mnli", "40.0"),
        ("target", "ccg", "2", "mnli", "61.25"),
        ("retrieval", "none", "1", "", "55.0"),
    }


def test_another_model_at_the_same_place_is_another_run(
    tmp_path: Path, encoders: dict[str, Path]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(encoders["xlmr"], folder)
    run = TargetSpec(
        train_on="mnli", targets=["xnli"], encoder=str(folder), outputs=str(tmp_path / "outputs")
    )
    before = run.fingerprint
    assert (
        before
        and TargetSpec(
            train_on="mnli", targets=["xnli"], encoder="FacebookAI/xlm-roberta-base"
        ).fingerprint
        == ""
    )
    results.write(run, [], "cpu", 1.0)
    assert results.state(run).state == "done"
    (folder / "README.md").write_text("what it is for")
    assert run.fingerprint == before
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(weights))
    assert results.state(run).reason == "made with other weights"


def test_scores_csv_has_what_the_reports_have(tmp_path: Path) -> None:
    """Neither a run that the study has no more, nor one made with other settings."""
    text = "title: t\nseeds: [1, 2]\nrecipes:\n  none:\n  old: {intermediate: [mnli]}\ntargets: [xnli]\nreports: []\n"
    for made in load(tmp_path, text).specs:
        results.write(made, SCORES, "cpu", 1.0)
    study = load(tmp_path, text.replace("old", "new").replace("[1, 2]", "[1]"))
    assert set(pandas.read_csv(results.write_scores(study.root, study.specs))["recipe"]) == {"none"}
    results.write(study.by_folder[study.root / "target/mnli/from-new/seed1"], SCORES, "cpu", 1.0)
    table = pandas.read_csv(results.write_scores(study.root, study.specs))
    assert set(table["recipe"]) == {"none", "new"} and set(table["seed"]) == {1}
    order = list(results.COLUMNS)
    told = analysis.finished(study).sort_values(order, ignore_index=True)
    assert table.fillna("").sort_values(order, ignore_index=True).equals(told)
    changed = load(tmp_path, text + "train: {epochs: 9}\n")
    assert (
        pandas.read_csv(results.write_scores(changed.root, changed.specs)).empty
        and analysis.finished(changed).empty
    )
