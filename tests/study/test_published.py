"""Published scores as a study: their files, the rule of their authors, the report on them, and the
same report on a study with runs."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xstilts_core import analysis, results
from xstilts_core.analysis.abilities import ALL, GIVEN_SIZE, OWN, absent, by_run, tasks_of
from xstilts_core.commands import cli
from xstilts_core.jobs.notebook import run_notebook
from xstilts_core.report import figures
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.wording.text import sentences

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "31_correlations.ipynb"
TIDY = ["x", "y", "method", "estimate", "low", "high", "p", "p_holm", "n"]
RUNS = """
title: A made-up study
seeds: [{seeds}]
recipes:
  none:
  mnli: {{intermediate: [mnli]}}
  squad_v1: {{intermediate: [squad_v1]}}
  ccg: {{intermediate: [ccg]}}
  qqp: {{intermediate: [qqp]}}
  floor: {{control: majority}}
targets: [xnli, panx, tatoeba]
"""
GAINS = {
    "mnli": (4.0, 1.0, 2.0),
    "squad_v1": (2.0, -3.0, 1.0),
    "ccg": (-1.0, 2.0, -2.0),
    "qqp": (3.0, -1.0, 6.0),
}
OWN_SCORES = {"mnli": 70.0, "squad_v1": 60.0, "ccg": 90.0, "qqp": 80.0}


@pytest.fixture(scope="module")
def published() -> Study:
    return Study.load("published")


@pytest.fixture(scope="module")
def scores(published: Study) -> pd.DataFrame:
    return analysis.performance(published)


def write(folder: Path, text: str) -> Study:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def fill(study: Study, without: str = "") -> None:
    """Every run done but those whose folder has `without` in its name. Each seed lifts all targets
    by ten points."""
    metrics = {"xnli": "accuracy", "panx": "f1", "tatoeba": "accuracy"}
    for spec in study.specs:
        recipe = getattr(spec, "recipe", "")
        if without and without in str(spec.folder.relative_to(study.root)):
            continue
        if spec.phase == "intermediate":
            metric = "accuracy" if recipe in ("mnli", "ccg", "qqp") else "f1"
            made = [Score(recipe, "en", "dev", metric, OWN_SCORES[recipe], 100)]
        else:
            gains = dict(zip(metrics, GAINS.get(recipe, (0.0, 0.0, 0.0)), strict=True))
            found = [
                (name, code)
                for name in metrics
                if name in spec.uses
                for code in ("en", "de", "sw")
                if (name, code) != ("tatoeba", "en")
            ]
            # English gains nothing: it must not count.
            value = {
                (name, code): 50 + 10 * spec.seed + (gains[name] if code != "en" else 0.0)
                for name, code in found
            }
            made = [
                Score(name, code, "test", metrics[name], value[name, code], 100)
                for name, code in found
            ]
        results.write(spec, made, "cpu", 1.0)


def test_the_published_scores_are_those_of_the_paper(
    published: Study, scores: pd.DataFrame
) -> None:
    rows = by_run(scores)
    assert (
        rows.shape == (30, 35)
        and len(tasks_of(scores, "target")) == 10
        and len(tasks_of(scores, "probing")) == 25
    )
    # Checked in the result files of the authors' runs.
    assert rows.loc[("mnli", 2), "multirc"] == pytest.approx(57.9) and rows.loc[
        ("sst", 1), "wic"
    ] == pytest.approx(50.3)
    assert np.isnan(rows.loc[("cosmosqa", 1), "rte"])
    lacking = absent(scores)
    assert rows.isna().sum().sum() == lacking["runs_missing"].sum() == 65
    assert lacking.set_index(["recipe", "task"]).loc[
        ("qamr", "record"), ["runs_missing", "runs_found"]
    ].tolist() == [2, 1]
    labels = analysis.labels(published)
    assert labels["edges-coref-ontonotes"] == "EP-Coref" and set(rows.columns) < set(labels)


def test_transfer_is_the_mean_over_runs_less_the_mean_of_the_baseline(scores: pd.DataFrame) -> None:
    table = analysis.transfer(scores).set_index(["recipe", "task"])
    mnli = table.loc[("mnli", "rte")]
    assert (
        mnli["gain"] == pytest.approx(100 * (np.mean([0.819, 0.884, 0.895]) - 0.835))
        and mnli["runs"] == 3
    )
    probe = table.loc[("mnli", "cola")]
    assert probe["baseline"] == pytest.approx(100 * np.mean([0.677, 0.663, 0.702]))
    targets = tasks_of(scores, "target")
    assert table.loc[("qqp", "average"), "gain"] == pytest.approx(
        np.mean([table.loc[("qqp", name), "gain"] for name in targets])
    )


def test_correlations_follow_the_rule_of_the_authors(
    published: Study, scores: pd.DataFrame
) -> None:
    """scipy, pair by pair, and Holm's rule written out: over the whole table of 10 x 35, of which
    10 cells are a target with itself."""
    table = analysis.task_correlations(published, scores, resamples=200)
    assert (
        list(table) == TIDY and len(table) == 10 * 35 - 10 and set(table["method"]) == {"spearman"}
    )
    rows = by_run(scores)
    for row in table.itertuples():
        both = rows[[row.x, row.y]].dropna()
        expected = stats.spearmanr(both[row.x], both[row.y])
        assert row.n == len(both) >= 3
        assert row.estimate == pytest.approx(
            expected.statistic, abs=1e-12
        ) and row.p == pytest.approx(expected.pvalue, abs=1e-12)
        assert row.low <= row.estimate <= row.high
    whole = np.sort(np.concatenate([np.zeros(10), table["p"]]))
    step = next(k for k, p in enumerate(whole) if p > 0.05 / (350 - k))
    assert (table["p_holm"] < 0.05).sum() == step - 10 > 0
    assert (table["p_holm"] >= table["p"]).all()


def test_leaving_nothing_out_is_the_whole_table(published: Study, scores: pd.DataFrame) -> None:
    table, without = (
        analysis.task_correlations(published, scores, resamples=0),
        analysis.left_out(published, scores),
    )
    first, targets = without.iloc[0], tasks_of(scores, "target")
    sure = table[table["p_holm"] < 0.05]
    assert first["left_out"] == ALL and first["rows"] == 30 and len(without) == 11
    assert (
        first["target_pairs"] == sure["y"].isin(targets).sum() / 2
        and first["probing_pairs"] == (~sure["y"].isin(targets)).sum()
    )
    assert first["mean_estimate"] == pytest.approx(table["estimate"].mean())
    kept = scores[scores["recipe"] != without.iloc[1]["left_out"]]
    assert without.iloc[1]["mean_estimate"] == pytest.approx(
        analysis.task_correlations(published, kept, resamples=0)["estimate"].mean()
    )
    words = sentences(
        "correlations", **analysis.correlation_summary(published, table, without, scores)
    )
    assert (
        f"{first['target_pairs']} of 45 pairs of targets and {first['probing_pairs']} of 250"
        in words
        and "Without SocialIQA alone" in words
    )


def test_own_scores_and_sizes(published: Study, scores: pd.DataFrame) -> None:
    table, found = (
        analysis.own_and_gains(scores),
        analysis.own_correlations(published, scores, resamples=200),
    )
    assert table.shape == (10, 12) and table.loc["mnli", OWN] == pytest.approx(90.1)
    assert set(found["x"]) == {OWN, GIVEN_SIZE} and len(found) == 22 and set(found["n"]) == {10}
    row = found.set_index(["x", "y"]).loc[(OWN, "rte")]
    assert row["estimate"] == pytest.approx(
        stats.spearmanr(table[OWN], table["rte"]).statistic, abs=1e-12
    )


def test_the_commands_cope(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = ["--outputs", str(tmp_path)]
    for command in (["check", "published"], ["status", "published", *place]):
        assert cli.main(command) == 0
        assert "no runs, published scores (pruksachatkun2020)" in capsys.readouterr().out
    for command in (["check", "published", "--json"], ["status", "published", "--json", *place]):
        assert cli.main(command) == 0
        assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["run", "published", "--dry-run", *place]) == 0
    out = capsys.readouterr().out
    assert "report 1" in out and "0 to do" in out and not (tmp_path / "published").exists()
    assert cli.main(["submission", "published", *place, "--out", str(tmp_path / "new")]) == 2
    assert "published" in capsys.readouterr().err


def test_runs_have_the_same_shape(tmp_path: Path) -> None:
    study = write(tmp_path, RUNS.format(seeds="1, 2, 3"))
    fill(study)
    table = analysis.performance(study)
    assert tasks_of(table, "target") == ["xnli", "panx", "tatoeba"] and "floor" not in set(
        table["recipe"]
    )
    rows, gains = by_run(table), by_run(table, paired=True)
    # The seed is in the scores of all targets, and in no gain.
    assert rows.loc[("mnli", 2), "xnli"] == 74 and gains.loc[("mnli", 2)].tolist() == [
        4.0,
        1.0,
        2.0,
    ]
    assert analysis.own_and_gains(table).loc["ccg"].tolist() == [
        90.0,
        -1.0,
        2.0,
        -2.0,
        pytest.approx(-1 / 3),
    ]
    found = analysis.task_correlations(study, table, resamples=200).set_index(["x", "y"])
    expected = stats.spearmanr(gains["xnli"], gains["tatoeba"]).statistic
    assert found.loc[("xnli", "tatoeba"), "estimate"] == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(found["low"]).all() and len(found) == 6
    # Three pairs, three tests: the smallest p-value times three, in both orders.
    first = found["p"].idxmin()
    assert (
        found.loc[first, "p_holm"]
        == found.loc[first[::-1], "p_holm"]
        == pytest.approx(min(1, 3 * found.loc[first, "p"]))
    )
    assert "Study mine: " in sentences(
        "performance_origin", **analysis.performance_facts(study, table)
    ) and "4 recipes, 3 seeds" in sentences(
        "performance_origin", **analysis.performance_facts(study, table)
    )


def test_leaving_out_tests_as_the_table_does(tmp_path: Path) -> None:
    """By permutation: of three rows no order is rare, though scipy's p-value of a perfect one is
    0."""
    study = write(tmp_path, RUNS.format(seeds="1"))
    fill(study)
    table = analysis.performance(study)
    few = table[table["recipe"].isin([*table["recipe"].unique()[:4]])]
    found, without = (
        analysis.task_correlations(study, few, resamples=200),
        analysis.left_out(study, few),
    )
    assert found["n"].max() <= 4 and found["p"].min() > 0.05
    assert (without[["target_pairs", "probing_pairs"]] == 0).all(axis=None)


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path) -> None:
    study = write(tmp_path, RUNS.format(seeds="1"))
    fill(study)
    table = analysis.performance(study)
    found, without = (
        analysis.task_correlations(study, table, resamples=200),
        analysis.left_out(study, table),
    )
    own = analysis.own_correlations(study, table, resamples=200)
    assert (
        found["estimate"].notna().all()
        and found[["low", "high"]].isna().all(axis=None)
        and own[["low", "high"]].isna().all(axis=None)
    )
    assert "There is one seed, so there are no intervals." in sentences(
        "correlations", **analysis.correlation_summary(study, found, without, table)
    )
    drawn = figures.correlation_map(
        found, source=sentences("performance_origin", **analysis.performance_facts(study, table))
    )
    note = " ".join(drawn.get_supxlabel().split())
    assert "No intervals" in note and "4 recipes, 1 seed. Study mine: " in note
    assert len(drawn.axes[0].texts) == 6, "in a small table every coefficient is shown"


def test_figures(published: Study, scores: pd.DataFrame, tmp_path: Path) -> None:
    labels, words = (
        analysis.labels(published),
        sentences("performance_origin", **analysis.performance_facts(published, scores)),
    )
    table = analysis.task_correlations(published, scores, resamples=0)
    for width in (figures.FULL, figures.COLUMN):
        drawn = figures.correlation_map(table, labels, source=words, width=width)
        texts = [text.get_text() for text in drawn.axes[0].texts]
        assert len(texts) == (table["p_holm"] < 0.05).sum() and ".90" in texts
        note = " ".join(drawn.get_supxlabel().split())
        assert "22 to 29 rows" in note and "Pruksachatkun" in note and "10 recipes, 3 runs" in note
    names = {label.get_text() for label in drawn.axes[0].get_yticklabels()}
    assert {"EP-Coref", "CB"} < names
    gains = figures.transfer_map(analysis.transfer(scores), labels, source=words)
    assert "\N{MINUS SIGN}97.4" in [text.get_text() for text in gains.axes[0].texts]
    own = figures.own_scores(
        analysis.own_and_gains(scores),
        analysis.own_correlations(published, scores, 0),
        labels,
        source=words,
    )
    assert [axes.get_title().split("\n")[0] for axes in own.axes if axes.get_visible()][
        -1
    ] == "average"
    assert all(path.stat().st_size > 1000 for path in figures.save(own, tmp_path, "own"))


def shown(path: Path) -> str:
    """All text of an executed notebook; no cell has failed."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    data = [output.get("data", {}) for cell in cells for output in cell.outputs]
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    return "\n".join(
        str(entry.get(kind, ""))
        for entry in data
        for kind in ("text/plain", "text/markdown", "text/html")
    )


@pytest.mark.parametrize("done", [False, True])
def test_the_report_on_an_unfinished_study(done: bool, tmp_path: Path) -> None:
    study = write(tmp_path, RUNS.format(seeds="1, 2"))
    if done:
        fill(study, without="tatoeba/from-qqp")
    target = study.root / "report" / "31_correlations"
    run_notebook(
        NOTEBOOK,
        {"study": study.file, "outputs": study.outputs},
        target / results.NOTEBOOK,
        threads=1,
    )
    text = shown(target / results.NOTEBOOK)
    for word in ("retrieval/tatoeba/from-qqp/seed1", "2 missing" if done else "39 missing"):
        assert word in text, word
    assert ("After Holm" if done else "No correlations yet") in text
    table = pd.read_csv(target / "correlations.csv")
    assert list(table) == TIDY and len(table) == (6 if done else 0)
    assert json.loads((target / results.RESULT).read_text())["notebook"] == "31_correlations"


@pytest.mark.slow
def test_xstilts_run_published(tmp_path: Path, time_limit) -> None:
    call = [
        sys.executable,
        "-m",
        "xstilts_core.commands.cli",
        "run",
        "published",
        "--outputs",
        str(tmp_path),
        "--jobs",
        "1",
    ]
    with time_limit(120):  # 20 seconds on a free machine
        made = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "no runs, published scores (pruksachatkun2020)" in made.stdout
    folder = tmp_path / "published" / "report" / "31_correlations"
    table = pd.read_csv(folder / "correlations.csv")
    assert list(table) == TIDY and len(table) == 340 and table.notna().all(axis=None)
    for name in ("correlations", "correlations_column", "transfer", "own_scores"):
        assert all((folder / f"{name}.{kind}").is_file() for kind in ("pdf", "png", "svg")), name
    text = shown(folder / results.NOTEBOOK)
    for word in (
        "aclanthology.org/2020.acl-main.467",
        "MIT",
        "What this does not show",
        "985 scores of 1050",
        "edges-coref-ontonotes",
    ):
        assert word in text, word
    assert (tmp_path / "published" / "report" / "index.html").is_file() and not (
        tmp_path / "published" / "scores.csv"
    ).exists()
