"""Measuring recipes within a budget: rounds, sizes, the clock, mistakes, and a trial that is
stopped and goes on."""

import json
import subprocess
import sys
from pathlib import Path

import made_studies
import pytest

from xstilts_core import analysis, results, tasks
from xstilts_core.data.source import find_source
from xstilts_core.errors import UsageError
from xstilts_core.jobs import halving
from xstilts_core.study.spec import IntermediateSpec

FIVE = {name: (name,) for name in ("mnli", "qqp", "squad_v1", "ccg", "hellaswag")}


def forecast(specs):
    """A forecast without a trial: 100 seconds for a run of phase 2, 10 for any other."""
    return [100.0 if isinstance(spec, IntermediateSpec) else 10.0 for spec in specs]


def made(folder, target="xnli", recipes=FIVE, minutes=10.0, like="mini", **places):
    places = {"source": "mini", "encoder": "mini", "data_root": ""} | places
    clock = halving.Clock(target, str(folder), minutes)
    return halving.trial(target, recipes, like, clock, 1, forecast, outputs=str(folder), **places)


def test_as_many_rounds_as_halve_the_recipes_to_one():
    assert [halving.rounds(count) for count in (2, 3, 4, 5, 9, 10)] == [1, 2, 2, 3, 4, 4]


def test_a_trial_has_the_settings_of_a_study_and_fewer_intermediate_examples(tmp_path):
    """Three rounds in ten minutes, 20 seconds of which are kept to end: 10 seconds of each round
    start Snakemake and 60 go to the target, so that phase 2 gets 123 of its 500."""
    study = made(tmp_path)
    assert study.name == "advise_xnli" and study.targets == ["xnli"] and len(study.seeds) == 7
    assert list(study.recipes) == ["none", *FIVE]
    sizes = {spec.train_examples for spec in study.specs if isinstance(spec, IntermediateSpec)}
    (size,) = sizes
    assert 1920 <= size <= 1980
    whole = made(tmp_path / "long", minutes=1000.0)
    sizes = {spec.train_examples for spec in whole.specs if isinstance(spec, IntermediateSpec)}
    assert sizes == {8000}
    targets = [spec for spec in study.specs if spec.phase == "target"]
    assert {spec.train_examples for spec in targets} == {300}
    assert all(spec.dropout == 0.15 for spec in targets), "the settings of tasks: mnli"


def test_a_target_is_trained_as_in_full(tmp_path):
    """The size of a target's set is none of phase 2."""
    study = made(tmp_path, "pawsx")
    assert {spec.train_examples for spec in study.specs if spec.phase == "target"} == {300}


def test_the_size_of_a_recipe_and_the_cap_of_several_tasks_shrink_too(tmp_path):
    nine = ["mnli", "anli_plus", "qqp", "squad_v2", "squad_v1"]
    nine += ["hellaswag", "ccg", "cosmosqa", "commonsenseqa"]
    study = made(tmp_path, recipes={"mnli": ("mnli",), "multitask": nine}, minutes=2)
    runs = {spec.recipe: spec for spec in study.specs if isinstance(spec, IntermediateSpec)}
    assert runs["multitask"].cap < 2667 and runs["multitask"].tasks == nine
    assert runs["mnli"].train_examples < 8000


def test_without_a_forecast_phase_2_is_short(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(globals(), "forecast", lambda specs: [float("nan")] * len(specs))
    study = made(tmp_path)
    sizes = {spec.train_examples for spec in study.specs if isinstance(spec, IntermediateSpec)}
    assert sizes == {800}
    assert "phase 2 has 10% of its examples" in capsys.readouterr().out


def test_a_budget_that_is_too_small_says_what_it_takes(tmp_path):
    with pytest.raises(UsageError, match=r"--budget 2: too short for 5 recipes .* give (\d+) min"):
        made(tmp_path, minutes=2.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder": "intfloat/multilingual-e5-small"}, "had encoder 'mini', now 'intfloat/"),
        ({"recipes": {"mnli": ("mnli",), "ccg": ("ccg",)}}, "had the recipes none, mnli, qqp"),
    ],
)
def test_another_trial_of_the_same_target_is_no_continuation(tmp_path, change, words):
    before = made(tmp_path)
    again = made(tmp_path, minutes=99.0)
    assert again.specs == before.specs, "a larger budget keeps the sizes"
    with pytest.raises(UsageError, match=words):
        made(tmp_path, **change)


def test_missing_training_data_are_said_before_anything_starts(tmp_path, capsys):
    """SQuAD is there; without the target's own set or two recipes nothing can be compared."""
    folder = tmp_path / "data" / "squad"
    folder.mkdir(parents=True)
    for name in ("train-v1.1.json", "train-v2.0.json"):
        (folder / name).write_text('{"data": []}', encoding="utf-8")
    places = {"source": "files", "data_root": str(tmp_path / "data")}
    with pytest.raises(UsageError, match="mnli: source files has no training data"):
        made(tmp_path / "out", **places)
    with pytest.raises(UsageError, match=r"two recipes .* for mnli, qqp, ccg, hellaswag"):
        made(tmp_path / "out", "xquad", **places)
    assert not (tmp_path / "out").exists()
    study = made(tmp_path / "out", "xquad", FIVE | {"squad_v2": ("squad_v2",)}, **places)
    assert list(study.recipes) == ["none", "squad_v1", "squad_v2"]
    assert "left out, as source files has no training data: mnli, qqp" in capsys.readouterr().out


def test_each_round_has_half_of_the_recipes_and_twice_as_many_new_seeds(tmp_path, monkeypatch):
    study, asked = made(tmp_path), []

    def run(part, *_):
        asked.append((sorted({spec.recipe for spec in part.specs}), part.specs[-1].seed))
        return True

    def rank(part):
        assert {spec.recipe for spec in part.specs} == {"none", *FIVE}, "of all recipes"
        return ["none", "ccg", "qqp", "mnli", "squad_v1", "hellaswag"]

    monkeypatch.setattr(halving, "_run", run)
    halving.halve(study, clock_of(tmp_path, 10.0), 1, rank)
    assert asked == [
        (sorted(["none", *FIVE]), 1),
        (["ccg", "mnli", "none", "qqp"], 3),
        (["ccg", "none", "qqp"], 7),
    ]


def clock_of(folder, minutes, target="xnli"):
    return halving.Clock(target, str(folder), minutes)


def test_nothing_more_begins_when_the_time_is_spent(tmp_path, monkeypatch, capsys):
    study, ranked = made(tmp_path), []
    monkeypatch.setattr(halving, "_run", lambda *_: False)
    halving.halve(study, clock_of(tmp_path, 10.0), 1, ranked.append)
    assert not ranked
    (study.root / "budget.json").write_text('{"seconds": 600}', encoding="utf-8")
    monkeypatch.setattr(halving, "_run", lambda *_: pytest.fail("beyond the budget"))
    halving.halve(study, clock_of(tmp_path, 10.0), 1, ranked.append)
    assert not ranked
    assert capsys.readouterr().out.count("a larger --budget goes on here") == 2


def test_the_clock_ends_a_process_before_the_budget_does_and_remembers(tmp_path):
    clock = clock_of(tmp_path, 0.4)
    clock.folder.mkdir()
    call = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(call, start_new_session=True)
    with clock.limiting(process):
        process.wait()
    assert process.returncode and clock.left < 0
    assert 2.0 < clock_of(tmp_path, 0.4).spent < 60


@pytest.mark.parametrize("minutes", [0.0, -3.0, float("nan")])
def test_a_budget_is_above_zero(tmp_path, minutes):
    with pytest.raises(UsageError, match=r"--budget .*: give a number of minutes above 0"):
        clock_of(tmp_path, minutes)


@pytest.fixture
def own_rows(tmp_path, monkeypatch):
    """A target of one's own: 60 Swahili questions in two classes, in a project of its own."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(made_studies.project(tmp_path / "project"))
    path = tmp_path / "even.jsonl"
    rows = [
        {"text_a": f"Nambari {number} ni shufwa?", "label": ("hapana", "ndiyo")[number % 2]}
        for number in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tasks.declare_own("even", str(path), "pair", "sw")
    yield "even"
    del tasks.TASKS["even"], tasks.FORMATS["even"]
    tasks.TARGET_NAMES.remove("even")


def test_rows_of_ones_own_are_a_target(own_rows):
    entry, source = tasks.task(own_rows), find_source("mini")
    assert entry.labels == ("hapana", "ndiyo") and entry.single_text and entry.train_on == own_rows
    assert source.languages(own_rows, "train") == ("sw",) == source.evaluated(own_rows, "test", [])
    sizes = {split: len(source.load(own_rows, split, "sw")) for split in ("train", "dev", "test")}
    assert sizes == entry.sizes == {"train": 36, "dev": 6, "test": 18}
    assert len({row.id for split in sizes for row in source.load(own_rows, split, "sw")}) == 60
    Path(entry.file).write_text('{"text_a": "x"}\n', encoding="utf-8")
    changed = tasks.own_task(own_rows, entry.file, "pair", "sw")
    assert changed.version != entry.version
    with pytest.raises(UsageError, match="line 1: no 'label' among text_a"):
        source.load(own_rows, "train", "sw")
    Path(entry.file).unlink()
    assert tasks.own_task(own_rows, entry.file, "pair", "sw").sizes["train"] == 0
    with pytest.raises(UsageError, match="cannot be read"):
        source.load(own_rows, "train", "sw")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file: rows.jsonl\n", "expected the keys file, format and language"),
        ("[]", "expected the keys file, format and language"),
        ("{file: rows.jsonl, format: pairs, language: sw}", "unknown format 'pairs'"),
        ("{file: rows.jsonl, format: pair, language: xx}", "unknown language 'xx'"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path, monkeypatch, text, words):
    monkeypatch.setenv("XSTILTS_HOME", str(tmp_path))
    path = tmp_path / tasks.OWN / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{file: rows.jsonl, format: tagging, language: sw}", encoding="utf-8")
    (entry,) = tasks._own_tasks()
    assert entry.name == "mine" and entry.file == str(tmp_path / "rows.jsonl")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words) as error:
        list(tasks._own_tasks())
    assert str(path) in str(error.value)
    path.rename(path.with_name("xnli.yaml"))
    path.with_name("xnli.yaml").write_text(
        "{file: rows.jsonl, format: pair, language: sw}", encoding="utf-8"
    )
    with pytest.raises(UsageError, match="xnli is a task of the suite: rename the file"):
        list(tasks._own_tasks())


@pytest.mark.slow
def test_a_trial_is_measured_stopped_and_continued(tmp_path, own_rows):
    """On rows of one's own: with seconds nothing is scored; a larger budget completes the same
    study, whose gains are evidence."""
    recipes = {"mnli": ("mnli",), "ccg": ("ccg",)}
    study = made(tmp_path, own_rows, recipes, minutes=30.0, like="smoke")
    spent = clock_of(tmp_path, 1.0, own_rows).spent
    few = clock_of(tmp_path, (spent + 24.0) / 60, own_rows)
    halving.halve(study, few, 2, lambda _: pytest.fail("too early"))
    assert not halving.has_gains(study)
    ranked = []
    many = clock_of(tmp_path, 30.0, own_rows)
    halving.halve(study, many, 2, lambda part: ranked.append(part) or ["mnli", "ccg"])
    assert len(ranked) == 1 and halving.has_gains(study)
    assert all(run.state == "done" for run in results.states(study.specs))
    gains = analysis.measured_gains([study])
    assert list(gains["recipe"]) == ["mnli", "ccg"] and set(gains["target"]) == {own_rows}
    assert set(gains["format"]) == {"pair"}
