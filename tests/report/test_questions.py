"""The open questions' analysis on made-up studies whose answers are known, and its reports on
studies that are unfinished."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from made_claims import estimates
from made_studies import load

from xstilts_core import analysis, results
from xstilts_core.analysis.contrast import LABELLING, PLANNED, REST
from xstilts_core.analysis.recipes import transfers
from xstilts_core.analysis.scaling import NUMBER, Point, coefficients, recipe_sizes, training_size
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.jobs.notebook import run_notebook
from xstilts_core.report import figures
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec
from xstilts_core.wording.text import sentences

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LANGUAGES = ("en", "de", "sw")
SCALING = """
title: A made-up study of sizes
seeds: [1, 2]
recipes:
  none:
  mnli_80: {intermediate: [mnli], train_examples: 80}
  mnli_160: {intermediate: [mnli], train_examples: 160}
  mnli_320: {intermediate: [mnli], train_examples: 320}
  mnli_1280: {intermediate: [mnli], train_examples: 1280}
  squad_v1_320: {intermediate: [squad_v1], train_examples: 320}
  two: {intermediate: [mnli, squad_v1], train_examples: 160}
  four: {intermediate: [mnli, squad_v1, ccg, qqp], train_examples: 80}
targets: [xnli, udpos]
reports: [50_scaling]
"""
TARGET_SIZE = """
title: A made-up study of target sizes
seeds: [1, 2]
recipes:
  none:
  ccg: {intermediate: [ccg]}
  random: {control: random_init}
targets: [xnli, udpos, tatoeba]
target_sizes: [0, 32, 128, 512]
reports: [54_target_size]
"""
SYNTACTIC = """
title: A made-up study of kinds
seeds: [1, 2]
recipes:
  none:
  ccg: {intermediate: [ccg]}
  udpos: {intermediate: [udpos]}
  qqp: {intermediate: [qqp]}
  mnli: {intermediate: [mnli]}
  cosmosqa: {intermediate: [cosmosqa]}
targets: [udpos, panx, xnli, xquad]
reports: [52_syntactic_semantic]
"""
Gain = Callable[[Spec, str], float]


def fill(study: Study, gain: Gain, skip: str = "nothing") -> None:
    """Every run done but those with `skip` in their path; the score is 50 and the gain, in all
    languages but English."""
    for spec in study.specs:
        names = getattr(spec, "targets", [getattr(spec, "task", "")])
        scored = spec.phase in ("target", "retrieval")
        scores = [
            Score(
                name,
                code,
                "test",
                "f1" if name in ("udpos", "panx", "xquad") else "accuracy",
                50 + gain(spec, name),
                100,
            )
            for name in names
            for code in LANGUAGES
            if scored and (name, code) != ("tatoeba", "en")
        ]
        if skip not in str(spec.folder):
            results.write(spec, scores, "cpu", 1.0)


def by_size(spec: Spec, name: str) -> float:
    """1.5 points for a doubling beyond 80 examples on udpos, 0.7 on xnli; a seed adds as much to
    every run."""
    total = {
        "mnli_80": 80,
        "mnli_160": 160,
        "mnli_320": 320,
        "mnli_1280": 1280,
        "squad_v1_320": 320,
        "two": 320,
        "four": 320,
    }
    if spec.recipe not in total:
        return float(spec.seed)
    extra = {"two": 2.0, "four": 4.0}.get(spec.recipe, 0.0)
    return spec.seed + (1.5 if name == "udpos" else 0.7) * np.log2(total[spec.recipe] / 80) + extra


def draws_of(study: Study) -> analysis.Gains:
    return analysis.gain_draws(
        analysis.contenders(analysis.finished(study), study.controls), analysis.item_scores(study)
    )


def test_coefficients_are_those_of_least_squares() -> None:
    sizes, gains = np.array([32, 128, 512, 2048, 8000.0]), np.array([3.0, 2.5, 2.8, 0.4, 0.1])
    centred = np.log2(sizes) - np.log2(sizes).mean()
    for degree in (1, 2):
        assert coefficients(sizes, degree) @ gains == pytest.approx(
            np.polynomial.polynomial.polyfit(centred, gains, degree), abs=1e-12
        )


def test_slopes_of_a_made_up_study(tmp_path: Path) -> None:
    study = load(tmp_path, SCALING)
    fill(study, by_size)
    points = analysis.by_intermediate_size(study, draws_of(study))
    fits = analysis.fits(points).set_index(["series", "task"])
    assert set(fits.index.get_level_values("series")) == {"mnli"}, "squad_v1 has one size: no curve"
    assert fits.loc[("mnli", "udpos"), ["slope", "low", "high"]].tolist() == pytest.approx(
        [1.5] * 3
    ), "seeds agree: no width"
    assert fits.loc[("mnli", AVERAGE), "slope"] == pytest.approx(1.1) and fits.loc[
        ("mnli", "xnli"), "slope"
    ] == pytest.approx(0.7)
    assert abs(fits["bend"]).max() < 1e-9
    line = analysis.curves(points).query("task == 'udpos'")
    assert (line["size"].iloc[0], line["gain"].iloc[0], line["gain"].iloc[-1]) == pytest.approx(
        (80, 0.0, 6.0)
    )
    text = sentences("scaling", fits=fits.reset_index())
    assert (
        "mnli on average over the targets: +1.10 points for a doubling" in text
        and "the gain grows" in text
        and "2 seeds" in text
    )


def test_the_number_of_tasks_at_one_size(tmp_path: Path) -> None:
    study = load(tmp_path, SCALING)
    fill(study, by_size)
    assert recipe_sizes(study)["four"] == (("mnli", "squad_v1", "ccg", "qqp"), 320.0)
    points = analysis.by_number_of_tasks(study, draws_of(study))
    table = analysis.point_table(points).query("task == 'udpos'")
    assert table["size"].tolist() == [1, 2, 4] and set(table["series"]) == {NUMBER}
    assert table["gain"].tolist() == pytest.approx([3.0, 5.0, 7.0]), (
        "one task: the mean of mnli_320 and squad_v1_320"
    )
    assert "only" not in sentences(
        "task_number", fits=analysis.fits(points)
    ) and "one order" in sentences("task_number", fits=analysis.fits(points))


def test_all_examples_are_counted() -> None:
    assert (training_size("mnli", "mini"), training_size("anli_plus", "mini")) == (8_000, 24_000)
    assert training_size("mnli", "hub") == 392_702 and np.isnan(training_size("mnli", "files"))


def helped(spec: Spec, name: str) -> float:
    """ccg: 6 points at 32 examples, 4 at 128, then nothing but a seed's own noise."""
    if getattr(spec, "recipe", "") != "ccg" or spec.phase != "target":
        return 0.0
    return {32: 6.0, 128: 4.0}.get(spec.train_examples, 0.0) + 0.1 * (1.5 - spec.seed)


def test_where_it_stops_helping(tmp_path: Path) -> None:
    study = load(tmp_path, TARGET_SIZE)
    fill(study, helped)
    points = analysis.by_target_size(study, count=50)
    table = analysis.point_table(points)
    assert set(table["series"]) == {"ccg"} and "tatoeba" not in set(table["task"]), (
        "no controls; retrieval trains on nothing"
    )
    found = table[table["task"] == "udpos"]
    assert found["size"].tolist() == [32, 128, 512, 4000] and found[
        "gain"
    ].tolist() == pytest.approx([6, 4, 0, 0], abs=1e-9)
    assert table[table["task"] == AVERAGE]["size"].iloc[-1] == pytest.approx(np.sqrt(8000 * 4000))
    stops = analysis.helps(points).set_index("task")
    assert (stops.loc["udpos", "largest"], stops.loc["udpos", "stops"]) == (128, 512)
    text = sentences("target_size", fits=analysis.fits(points), stops=analysis.helps(points))
    assert (
        "ccg on average over the targets: the largest size with a gain above 0 is 128 examples; from 512 on"
        in text
    )


def test_sizes_are_never_averaged(tmp_path: Path) -> None:
    """The usual reports take the first size named; the file of scores has them all, with their size."""
    study = load(tmp_path, TARGET_SIZE)
    fill(study, helped)
    assert {
        spec.train_examples for spec in analysis.of_size(study).specs if spec.phase == "target"
    } == {0}
    matrix = analysis.gain_matrix(analysis.contenders(analysis.finished(study), study.controls))
    assert matrix.loc["ccg", "udpos"] == pytest.approx(0.0, abs=1e-9)
    small = analysis.gain_matrix(
        analysis.contenders(analysis.finished(analysis.of_size(study, 32)), study.controls)
    )
    assert small.loc["ccg", "udpos"] == pytest.approx(6.0)
    frame = pd.read_csv(results.write_scores(study.root, study.specs))
    assert (
        set(frame.loc[frame["phase"] == "target", "size"]) == {0, 32, 128, 512}
        and frame.loc[frame["phase"] == "retrieval", "size"].isna().all()
    )
    with pytest.raises(ValueError, match="several studies or sizes"):
        analysis.gain_matrix(frame)
    with pytest.raises(ValueError, match="unknown size 64"):
        analysis.of_size(study, 64)


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path) -> None:
    study = load(tmp_path, TARGET_SIZE.replace("[1, 2]", "[1]"))
    fill(study, helped)
    points = analysis.by_target_size(study, count=50)
    assert analysis.point_table(points)["low"].isna().all() and analysis.helps(points).empty
    assert "There is one seed" in sentences(
        "target_size", fits=analysis.fits(points), stops=analysis.helps(points)
    )


def test_a_loss_is_named(tmp_path: Path) -> None:
    study = load(tmp_path, TARGET_SIZE)
    fill(
        study,
        lambda spec, name: (
            -3.0 if getattr(spec, "recipe", "") == "ccg" and spec.phase == "target" else 0.0
        ),
    )
    points = analysis.by_target_size(study, count=50)
    stops = analysis.helps(points).set_index(["series", "task"])
    assert stops.loc[("ccg", "udpos"), "losses"].startswith("32, 128, 512")
    assert "With 32, 128, 512" in sentences(
        "target_size", fits=analysis.fits(points), stops=stops.reset_index()
    )


def test_slopes_cover_their_truth() -> None:
    """95 % intervals of a slope over five seeds: the share that has the true slope, of 600
    simulated studies."""
    generator = np.random.default_rng(0)
    sizes, hits, trials, seeds = np.array([32, 128, 512, 2048.0]), 0, 600, 5
    for _ in range(trials):
        noise = generator.normal(size=(len(sizes), seeds)) + generator.normal(size=seeds)
        gains = estimates(3 - 0.5 * np.log2(sizes)[:, None] + noise)
        points = [Point("x", "udpos", *pair) for pair in zip(sizes, gains, strict=True)]
        row = analysis.fits(points).iloc[0]
        hits += row["low"] <= -0.5 <= row["high"]
    assert 0.93 <= hits / trials <= 0.97


def by_kind(spec: Spec, name: str) -> float:
    """Each kind gains 3 on its own kind of target and 1 on the other; what is no transfer gains
    30."""
    recipe = getattr(spec, "recipe", "none")
    if recipe == "none" or spec.phase != "target":
        return 0.0
    if (recipe, name) in (("udpos", "udpos"), ("mnli", "xnli")):
        return 30.0
    own = (recipe in ("ccg", "udpos")) == (name in ("udpos", "panx"))
    return (3.0 if own else 1.0) + 0.2 * (1.5 - spec.seed) * own


def test_the_planned_contrast(tmp_path: Path) -> None:
    study = load(tmp_path, SYNTACTIC)
    fill(study, by_kind)
    assert (
        not transfers(study, "udpos", "udpos")
        and not transfers(study, "mnli", "xnli")
        and transfers(study, "mnli", "xquad")
    )
    table = analysis.contrasts(study, draws_of(study)).set_index("contrast")
    assert table.index[0] == PLANNED and table["points"].iloc[0] == pytest.approx(4.0)
    assert table.loc[f"syntactic less semantic, {LABELLING}", "points"] == pytest.approx(2.0)
    assert table.loc[f"syntactic less semantic, {REST}", "points"] == pytest.approx(-2.0)
    # Of the ten ways to call two of five recipes syntactic only the true one gives so much.
    assert table["p_recipes"].iloc[0] == pytest.approx(0.1) and table["smallest"].iloc[
        0
    ] == pytest.approx(0.1)
    assert table["low"].iloc[0] > 0
    answer = sentences("syntactic_semantic", table=table.reset_index())
    assert "+4.0 points" in answer and "each kind does better on its own kind of target" in answer
    # That the parts differ says nothing of a part that can be told from 0 no more.
    open_part = table.reset_index()
    open_part.loc[1, ["low", "high"]] = -0.5, 4.5
    answer = sentences("syntactic_semantic", table=open_part)
    assert (
        "each kind" not in answer
        and "syntactic ones do better on sequence labelling than on the rest" in answer
    )
    few = open_part.assign(seeds=[2, 1, *[2] * (len(open_part) - 2)])
    assert f"1 of {len(few)} numbers rest on one seed" in sentences("syntactic_semantic", table=few)
    recipes = analysis.kind_table(study, draws_of(study)).set_index(["recipe", "group"])
    assert recipes.loc[("udpos", LABELLING), ["gain", "cells"]].tolist() == pytest.approx([3.0, 1])
    effects = analysis.kind_effects(study, analysis.gains(analysis.finished(study)))
    assert set(effects["group"]) == {LABELLING, REST} and set(effects["reference"]) == {"semantic"}
    assert (
        effects.set_index("group").loc[REST, "estimate"]
        < 0
        < effects.set_index("group").loc[LABELLING, "estimate"]
    )


def test_a_contrast_needs_both_kinds(tmp_path: Path) -> None:
    study = load(tmp_path, SYNTACTIC)
    fill(study, by_kind, skip="from-ccg")
    table = analysis.contrasts(study, draws_of(study)).set_index("contrast")
    assert "syntactic less semantic, udpos" not in table.index, (
        "only udpos itself is left, which is no transfer there"
    )
    assert PLANNED in table.index
    (empty := tmp_path / "empty").mkdir()
    nothing = load(empty, SYNTACTIC)
    assert analysis.contrasts(nothing, draws_of(nothing)).empty and "No contrast yet" in sentences(
        "syntactic_semantic", table=analysis.contrasts(nothing, draws_of(nothing))
    )


def test_figures_of_nothing_say_so() -> None:
    nothing = analysis.point_table([])
    for figure in (
        figures.size_curves(nothing, analysis.curves([]), "size"),
        figures.contrast_rows(pd.DataFrame(columns=["points"])),
    ):
        assert len(figure.texts) == 1 and "yet" in figure.texts[0].get_text()


def test_two_sizes_are_drawn_without_a_curve() -> None:
    points = [
        Point("mnli", "udpos", size, gain)
        for size, gain in zip((32.0, 128.0), estimates(np.ones((2, 2))), strict=True)
    ]
    figure = figures.size_curves(analysis.point_table(points), analysis.curves(points), "size")
    assert analysis.curves(points).empty and [axes.get_title() for axes in figure.axes] == ["udpos"]


def shown(path: Path) -> str:
    """All text that an executed notebook shows."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    return "\n".join(
        str(output.get("data", {}).get(kind, ""))
        for output in outputs
        for kind in ("text/plain", "text/markdown")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "gain", "skip", "found", "nothing"),
    [
        (
            "50_scaling",
            SCALING,
            by_size,
            "target/mnli/from-two/seed2",
            "for a doubling",
            "No curve yet",
        ),
        (
            "54_target_size",
            TARGET_SIZE,
            helped,
            "size-512/seed2",
            "the largest size with a gain above 0 is 128",
            "No curve yet",
        ),
        (
            "52_syntactic_semantic",
            SYNTACTIC,
            by_kind,
            "panx/from-qqp/seed1",
            "sequence labelling less the rest",
            "No contrast yet",
        ),
    ],
)
def test_reports_on_unfinished_studies(
    tmp_path: Path, name: str, text: str, gain: Gain, skip: str, found: str, nothing: str
) -> None:
    study = load(tmp_path, text)
    target = study.root / "report" / name / results.NOTEBOOK
    for words in (nothing, found):
        run_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            {"study": study.file, "outputs": study.outputs},
            target,
            threads=1,
        )
        assert words in shown(target) and "missing" in shown(target)
        fill(study, gain, skip)
    assert (target.parent / results.RESULT).is_file() and list(target.parent.glob("*_column.pdf"))
