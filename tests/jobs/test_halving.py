"""Measuring recipes within a budget: rounds, sizes, the clock, mistakes, and a trial that is
stopped and goes on."""

import subprocess
import sys

import pytest

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs import halving
from xstilts_core.jobs.estimate.forecast import Cost, Forecast
from xstilts_core.study.spec import IntermediateSpec

FIVE = {name: (name,) for name in ("mnli", "qqp", "squad_v1", "ccg", "hellaswag")}


@pytest.fixture
def costs(monkeypatch):
    """Forecasts without a trial: 100 seconds for a run of phase 2, 10 for any other."""

    def forecast(study, jobs, threads, **options):
        seconds = {
            spec.folder: Cost(100.0 if isinstance(spec, IntermediateSpec) else 10.0, 0.0, "")
            for spec in study.specs
        }
        return Forecast(
            study=study,
            jobs=jobs,
            states={},
            todo=list(study.specs),
            costs=seconds,
            errors=(),
            wall=0.0,
            shape=None,
        )

    monkeypatch.setattr(halving.forecast, "forecast", forecast)


def made(folder, target="xnli", recipes=FIVE, minutes=10.0, like="mini", **places):
    places = {"source": "mini", "encoder": "mini", "data_root": ""} | places
    clock = halving.Clock(target, str(folder), minutes)
    return halving.trial(target, recipes, like, clock, 1, outputs=str(folder), **places)


def test_as_many_rounds_as_halve_the_recipes_to_one():
    assert [halving.rounds(count) for count in (2, 3, 4, 5, 9, 10)] == [1, 2, 2, 3, 4, 4]


def test_a_trial_has_the_settings_of_a_study_and_fewer_intermediate_examples(tmp_path, costs):
    """Three rounds in ten minutes, 10 seconds of which are kept to end: 10 seconds of each round
    start Snakemake and 60 go to the target, so that phase 2 gets 126 of its 500."""
    study = made(tmp_path)
    assert study.name == "advise_xnli" and study.targets == ["xnli"] and len(study.seeds) == 7
    assert list(study.recipes) == ["none", *FIVE]
    sizes = {spec.train_examples for spec in study.specs if isinstance(spec, IntermediateSpec)}
    # hellaswag has 1,000 in `mini`, the others 2,000.
    small, large = sorted(sizes)
    assert 490 <= large <= 507 and small == pytest.approx(large / 2, abs=1)
    whole = made(tmp_path / "long", minutes=1000.0)
    sizes = {spec.train_examples for spec in whole.specs if isinstance(spec, IntermediateSpec)}
    assert sizes == {2000, 1000}
    targets = [spec for spec in study.specs if spec.phase == "target"]
    assert {spec.train_examples for spec in targets} == {1500}
    assert all(spec.dropout == 0.0 for spec in targets), "the settings of tasks: mnli"


def test_a_target_is_trained_as_in_full(tmp_path, costs):
    """PAWS-X trains on a task with a size of its own, which is none of phase 2."""
    study = made(tmp_path, "pawsx")
    assert {spec.train_examples for spec in study.specs if spec.phase == "target"} == {1000}


def test_the_size_of_a_recipe_and_the_cap_of_several_tasks_shrink_too(tmp_path, costs):
    tasks = ["mnli", "anli_plus", "qqp", "squad_v2", "squad_v1"]
    tasks += ["hellaswag", "ccg", "cosmosqa", "commonsenseqa"]
    study = made(tmp_path, recipes={"mnli": ("mnli",), "multitask": tasks}, minutes=2)
    runs = {spec.recipe: spec for spec in study.specs if isinstance(spec, IntermediateSpec)}
    assert runs["multitask"].cap < 667 and runs["multitask"].tasks == tasks
    assert runs["mnli"].train_examples < 2000


def test_a_budget_that_is_too_small_says_what_it_takes(tmp_path, costs):
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
def test_another_trial_of_the_same_target_is_no_continuation(tmp_path, costs, change, words):
    before = made(tmp_path)
    again = made(tmp_path, minutes=99.0)
    assert again.specs == before.specs, "a larger budget keeps the sizes"
    with pytest.raises(UsageError, match=words):
        made(tmp_path, **change)


def test_missing_training_data_are_said_before_anything_starts(tmp_path, costs):
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match="mnli: source files has no training data"):
        made(tmp_path / "out", source="files", data_root=str(tmp_path / "data"))


def test_each_round_has_half_of_the_recipes_and_twice_as_many_new_seeds(
    tmp_path, costs, monkeypatch
):
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


def test_nothing_more_begins_when_the_time_is_spent(tmp_path, costs, monkeypatch):
    study, ranked = made(tmp_path), []
    monkeypatch.setattr(halving, "_run", lambda *_: False)
    halving.halve(study, clock_of(tmp_path, 10.0), 1, ranked.append)
    assert not ranked
    (study.root / "budget.json").write_text('{"seconds": 600}', encoding="utf-8")
    monkeypatch.setattr(halving, "_run", lambda *_: pytest.fail("beyond the budget"))
    halving.halve(study, clock_of(tmp_path, 10.0), 1, ranked.append)
    assert not ranked


def test_the_clock_ends_a_process_before_the_budget_does_and_remembers(tmp_path):
    clock = clock_of(tmp_path, 0.2)
    clock.folder.mkdir()
    call = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(call, start_new_session=True)
    with clock.limiting(process):
        process.wait()
    assert process.returncode and clock.left < 0
    assert 2.0 < clock_of(tmp_path, 0.2).spent < 60


@pytest.mark.parametrize("minutes", [0.0, -3.0, float("nan")])
def test_a_budget_is_above_zero(tmp_path, minutes):
    with pytest.raises(UsageError, match=r"--budget .*: give a number of minutes above 0"):
        clock_of(tmp_path, minutes)


@pytest.mark.slow
def test_a_trial_is_measured_stopped_and_continued(tmp_path, costs):
    """With seconds nothing is scored; a larger budget completes the same study."""
    recipes = {"mnli": ("mnli",), "ccg": ("ccg",)}
    study = made(tmp_path, "udpos", recipes, minutes=30.0, like="smoke")
    spent = clock_of(tmp_path, 1.0, "udpos").spent
    few = clock_of(tmp_path, (spent + 14.0) / 60, "udpos")
    halving.halve(study, few, 2, lambda _: pytest.fail("too early"))
    assert not halving.has_gains(study)
    ranked = []
    many = clock_of(tmp_path, 30.0, "udpos")
    halving.halve(study, many, 2, lambda part: ranked.append(part) or ["mnli", "ccg"])
    assert len(ranked) == 1 and halving.has_gains(study)
    assert all(run.state == "done" for run in results.states(study.specs))
    assert many.spent > few.spent
