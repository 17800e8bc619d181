"""A phase 2 that did not learn is told wherever its gains are: in one sentence, from results alone,
of the study's finished runs."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import explored_study
import pandas as pd
import pytest
from made_studies import load
from rich.console import Console
from test_reports import read, words

from xstilts_core import analysis, results
from xstilts_core.analysis.study_runs import LEARNING
from xstilts_core.commands import cli
from xstilts_core.explore import Gains, Reader
from xstilts_core.explore.index import Choice
from xstilts_core.phases import learnt
from xstilts_core.phases.learnt import Judgement
from xstilts_core.report import figures, summary
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.wording.text import sentences

YAML = """
title: Did they learn?
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  both: {intermediate: [mnli, ccg]}
  ccg: {intermediate: [ccg]}
targets: [xnli, udpos]
reports: [00_study, 30_transfer]
"""
LINE = (
    "mnli: English development accuracy of mnli after phase 2, 35.2 and 34.0 (seeds 1 and 2), is not distinguishable from 33.3 (always neutral): "
    "these encoders learnt nothing, and their gains show the effect of spoilt encoders (restarts: 2 would train it again)"
)
OF_BOTH = (
    "both: not all of its tasks were learnt. English development scores after phase 2, beside those of one answer to all items: "
    "mnli 35.2 (seed 1; 33.3) (restarts: 2 would train it again)"
)


def judgement(task: str, score: float, low: float, **changes: object) -> Judgement:
    return Judgement(
        **{
            **dict(
                zip(
                    Judgement.__slots__,
                    (task, "accuracy", score, 33.3, "always neutral", low, low + 4, 400),
                    strict=False,
                )
            ),
            **changes,
        }
    )


def keep(spec: IntermediateSpec, *found: Judgement) -> None:
    """Have a result that keeps these judgements, as `phase.Run.finish` writes them."""
    path = spec.folder / results.RESULT
    content = json.loads(path.read_text(encoding="utf-8"))
    content["details"][learnt.DETAIL] = {judged.task: judged.content() for judged in found}
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """mnli failed with both seeds, one of the tasks of both with seed 1, ccg learnt; a result of
    ccg is of a version that kept nothing."""
    found = load(tmp_path, YAML, "learning")
    for spec in found.specs:
        scores = []
        for name in getattr(spec, "targets", ()):
            scores += [
                results.Score(
                    name, code, "test", "accuracy" if name == "xnli" else "f1", 50.0 + spec.seed, 10
                )
                for code in ("de", "sw")
            ]
        explored_study.write_result(spec, scores)
        if isinstance(spec, IntermediateSpec) and (spec.recipe, spec.seed) != ("ccg", 2):
            first = judgement("mnli", 35.2 if spec.seed == 1 else 34.0, -2.0)
            second = judgement("ccg", 80.0, 40.0)
            seen = {
                "mnli": [first],
                "ccg": [second],
                "both": [first, second]
                if spec.seed == 1
                else [judgement("mnli", 60.0, 20.0), second],
            }
            keep(spec, *seen[spec.recipe])
    return found


def forget(study: Study) -> None:
    """Have results of an earlier version, in which nothing of it stands."""
    for spec in study.specs:
        if isinstance(spec, IntermediateSpec):
            keep(spec)


def test_one_sentence_says_which_seeds_and_tasks(study):
    found = learnt.unlearnt(study)
    assert list(found) == ["mnli", "both"] and found["mnli"] == LINE
    assert found["both"] == OF_BOTH
    table = analysis.learning(study)
    assert list(table.columns) == LEARNING and len(table) == 7
    assert table.loc[~table["learnt"], ["recipe", "seed", "task"]].to_numpy().tolist() == [
        ["mnli", 1, "mnli"],
        ["both", 1, "mnli"],
        ["mnli", 2, "mnli"],
    ]


def test_below_the_reference_and_after_several_attempts():
    spec = SimpleNamespace(recipe="one", tasks=["ccg"], data_languages=[], translated=())
    failures = [(3, judgement("ccg", 9.0, -20.0, attempts=3))]
    told = learnt.sentence(spec, failures)
    assert "9.0 (seed 3), is below 33.3" in told and told.endswith(
        "this encoder learnt nothing, and its gains show the effect of a spoilt encoder (the best of 3 attempts)"
    )
    spec.tasks = ["mnli", "ccg"]
    all_of = learnt.sentence(
        spec, [(1, judgement("mnli", 33.0, -1.0)), (1, judgement("ccg", 34.0, -1.0))]
    )
    assert (
        "of mnli after" in all_of
        and "of ccg after" in all_of
        and "this encoder learnt nothing, and" in all_of
    )
    spec.tasks = ["ccg"]
    spec.data_languages, spec.translated = ["tr", "sw"], ("tr", "sw")
    assert learnt.sentence(spec, failures).endswith(
        "what this encoder learnt in Turkish and Swahili does not show in English (the best of 3 attempts)"
    )
    spec.data_languages = ["en", "tr", "sw"]
    assert "learnt nothing" in learnt.sentence(spec, failures)


def test_of_stale_and_older_results_nothing_is_said(study, tmp_path):
    changed = load(tmp_path, YAML.replace("[mnli]", "[mnli], restarts: 2"), "learning")
    assert list(learnt.unlearnt(changed)) == ["both"], (
        "a recipe that is to be trained again is another run"
    )
    assert {
        spec.restarts
        for spec in changed.specs
        if isinstance(spec, IntermediateSpec) and spec.recipe == "mnli"
    } == {2}
    everywhere = load(tmp_path, YAML + "intermediate: {restarts: 1}\n", "learning")
    assert {spec.restarts for spec in everywhere.specs if isinstance(spec, IntermediateSpec)} == {1}
    forget(study)
    assert (
        learnt.unlearnt(study) == {}
        and analysis.learning(study).empty
        and sentences("remarks", **analysis.remarks(study)) == ""
    )
    assert sentences("unlearnt", unlearnt={}) == "" and learnt.marked("mnli", {}) == "mnli"


def test_status_says_it(study, capsys):
    place = str(Path(study.outputs))
    assert cli.main(["status", study.file, "--outputs", place]) == 0
    printed = capsys.readouterr().out
    assert f"did not learn: {LINE}\n" in printed and printed.count("did not learn: ") == 2
    assert cli.main(["status", study.file, "--outputs", place, "--json"]) == 0
    rows = {row["folder"]: row["not_learnt"] for row in json.loads(capsys.readouterr().out)}
    assert {folder for folder, tasks in rows.items() if tasks == ["mnli"]} == {
        f"intermediate/{run}" for run in ("mnli/seed1", "mnli/seed2", "both/seed1")
    }
    assert sum(map(len, rows.values())) == 3
    forget(study)
    cli.main(["status", study.file, "--outputs", place])
    assert "did not learn" not in capsys.readouterr().out


def test_the_end_of_a_run_says_it(study):
    out = Console(markup=False, width=140, file=io.StringIO())
    summary.print_gains(study, out)
    printed = out.file.getvalue()
    assert "mnli † (gain)" in printed and "both † (gain)" in printed and "ccg (gain)" in printed
    assert f"† {LINE}\n" in printed and OF_BOTH in printed and printed.count("spoilt") == 1
    forget(study)
    out = Console(markup=False, width=140, file=io.StringIO())
    summary.print_gains(study, out)
    assert "†" not in out.file.getvalue() and "mnli (gain)" in out.file.getvalue()


@pytest.mark.parametrize("report", ["00_study", "30_transfer"])
def test_the_reports_say_it_and_mark_the_rows(study, report, monkeypatch):
    kept, said = read(report, study, monkeypatch)
    assert (
        LINE in said
        and OF_BOTH in said
        and "mnli †" in said
        and "both †" in said
        and "ccg †" not in said
    )
    figure = words(kept["status" if report == "00_study" else "gains"])
    assert (
        "mnli †" in figure
        and "ccg †" not in figure
        and "†: did not learn in phase 2 (English development data)." in figure
    )
    folder = study.root / "report" / report
    if report == "00_study":
        table = pd.read_csv(folder / "learnt.csv")
        assert (
            len(table) == 7
            and not table.set_index(["recipe", "seed"]).loc[("mnli", 1), "learnt"].any()
        )
    else:
        assert list(pd.read_csv(folder / "main_table.csv")["recipe"]) == [
            "none (score)",
            "mnli †",
            "ccg",
            "both †",
        ]
        assert r"mnli $\dagger$" in (folder / "main_table.tex").read_text(encoding="utf-8")
        assert set(pd.read_csv(folder / "gains.csv")["recipe"]) == {"mnli", "both", "ccg"}, (
            "names are names where programs read them"
        )
    forget(study)
    kept, said = read(report, study, monkeypatch)
    assert (
        not any("†" in text for text in (said, *map(words, kept.values())))
        and "learnt nothing" not in said
    )


def test_one_seed_is_enough(tmp_path, monkeypatch):
    study = load(tmp_path, YAML.replace("[1, 2]", "[1]"), "learning")
    for spec in study.specs:
        names = getattr(spec, "targets", ())
        explored_study.write_result(
            spec,
            [
                results.Score(name, "de", "test", "accuracy" if name == "xnli" else "f1", 50.0, 10)
                for name in names
            ],
        )
        if isinstance(spec, IntermediateSpec):
            keep(spec, *(judgement(name, 33.0, -3.0) for name in spec.tasks))
    _, said = read("30_transfer", study, monkeypatch)
    assert "33.0 (seed 1), is not distinguishable from 33.3" in said and "ccg †" in said


def test_the_explorer_marks_the_row_and_says_it(study):
    shown = Gains(Reader(study)).matrix()
    heads = re.findall(r'<th scope="row"([^>]*)><bdi>([^<]*)</bdi></th>', shown)
    assert (
        [name for _, name in heads] == ["mnli †", "ccg", "both †"]
        and LINE in heads[0][0]
        and not heads[1][0]
    )
    assert f"† {LINE}" in shown and OF_BOTH in shown
    beside = Gains(Reader(study), Choice(baseline="mnli")).matrix()
    assert "<bdi>mnli †</bdi> <small>score" in beside
    forget(study)
    assert "†" not in Gains(Reader(study)).matrix()


def test_figures_without_a_marked_recipe_have_no_note():
    table = pd.DataFrame(
        [("ccg", "xnli", 1.0, float("nan"), float("nan"), 1, "")],
        columns=["recipe", "task", "gain", "low", "high", "seeds", "resampled"],
    )
    assert "†" not in words(figures.heat_map(table, unlearnt={"mnli": LINE})) and "ccg †" in words(
        figures.heat_map(table, unlearnt={"ccg"})
    )
