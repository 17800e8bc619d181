"""The dry run's estimate: what is counted, what earlier runs say, what a trial measures, and that
nothing is written to outputs or fetched."""

import io
from math import isnan
from pathlib import Path

import pytest
from rich.console import Console

from xstilts_core import results, run
from xstilts_core.data.source import Files, Hub
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate import forecast
from xstilts_core.jobs.estimate.forecast import Cost, by_earlier, finished, on_device
from xstilts_core.jobs.estimate.memory import shape_of
from xstilts_core.jobs.estimate.trial import Speed, measure
from xstilts_core.jobs.estimate.work import Work, size, work
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, PretrainSpec, RetrievalSpec, Spec, TargetSpec
from xstilts_core.wording import numbers

STUDY = """
title: How long?
encoder: {encoder}
source: {source}
seeds: [1, 2]
recipes:
  none:
  mnli: {{intermediate: [mnli]}}
targets: [xnli, panx, tatoeba]
reports: [00_study]
"""


def study(folder: Path, name: str = "long", encoder: str = "mini", source: str = "mini") -> Study:
    path = folder / f"{name}.yaml"
    path.write_text(STUDY.format(encoder=encoder, source=source))
    return Study.load(str(path), str(folder / "outputs"))


def shown(found: forecast.Forecast) -> str:
    console = Console(file=io.StringIO(), width=140)
    forecast.show(found, console)
    return console.file.getvalue()


def test_a_target_run_is_counted() -> None:
    spec = TargetSpec(
        train_on="mnli",
        targets=["xnli"],
        train_examples=1_000,
        test_examples=100,
        evaluations=4,
        dev_examples=50,
    )
    planned = work(spec)
    # Eight of XNLI's languages are in the embedded suite: 100 of the 300 test items of each are
    # scored, besides 4 x 50 English ones.
    assert (planned.languages, planned.scored) == (8, 4 * 50 + 8 * 100)
    assert (planned.steps, planned.trained) == (3 * 32, 3 * 32 * 32)
    assert planned.units == 3 * planned.trained + planned.scored


def test_retrieval_counts_both_sides_and_every_pass() -> None:
    # German and Chinese; 1,000 sentences a side: development twice (layer, threshold) and test
    # once.
    assert work(RetrievalSpec(task="bucc2018")).scored == 2 * 2_000 * 3
    assert work(RetrievalSpec(task="tatoeba", languages=["de"])).scored == 2 * (200 + 1_000)


def test_every_spec_of_the_shipped_studies_is_counted() -> None:
    for path in sorted((Path(__file__).parents[2] / "params").glob("*.yaml")):
        for spec in Study.load(str(path), "outputs", str(path.parent)).specs:
            assert work(spec).units > 0 or spec.phase in ("control", "data"), spec.folder


def test_public_sizes_stand_for_data_that_is_not_here(tmp_path: Path) -> None:
    assert size(Hub(), "mnli", "train") == 392_702
    assert size(Files(str(tmp_path)), "anli_plus", "train") == 392_702 + 549_367 + 162_865
    spec = TargetSpec(train_on="udpos", targets=["udpos"], source="files", data_root=str(tmp_path))
    assert work(spec).languages == 33


def test_steps_are_those_of_the_training_plan(encoders: dict[str, Path]) -> None:
    spec = IntermediateSpec(
        tasks=["panx", "udpos"],
        encoder=str(encoders["xlmr"]),
        train_examples=500,
        cap=300,
        batch_size=64,
        max_length=64,
    )
    found = run.learners(spec, run.load_encoder(spec))
    assert work(spec).steps == run.plan(spec, found).steps


def test_least_steps_are_planned_and_counted(encoders: dict[str, Path]) -> None:
    settings = {
        "encoder": str(encoders["xlmr"]),
        "train_examples": 32,
        "batch_size": 16,
        "epochs": 1,
        "max_length": 128,
    }
    spec = TargetSpec(train_on="udpos", targets=["udpos"], least_steps=21, **settings)
    found = run.learners(spec, run.load_encoder(spec))
    assert 21 <= run.plan(spec, found).steps <= 23
    assert (
        work(spec).units
        > work(TargetSpec(train_on="udpos", targets=["udpos"], **settings)).units + 3 * 10 * 32
    )
    assert work(spec).steps == 22


def remember(spec: Spec, seconds: float, device: str = "cpu, 1 threads") -> None:
    results.write(spec, [], device, seconds)


def test_earlier_runs_scale_by_the_examples_seen(tmp_path: Path) -> None:
    settings = {
        "train_on": "panx",
        "targets": ["panx"],
        "outputs": str(tmp_path),
        "evaluations": 1,
        "dev_examples": 1,
        "languages": ["en"],
        "batch_size": 20,
    }
    made = TargetSpec(study="before", train_examples=1_000, test_examples=100, **settings)
    next_one = TargetSpec(study="now", train_examples=2_000, test_examples=200, **settings)
    remember(made, 10.0)
    runs = finished(tmp_path)
    cost = by_earlier(next_one, work(next_one).units, runs)
    assert cost and cost.source == "other studies' runs"
    assert cost.seconds == pytest.approx(
        22.0, rel=0.01
    )  # twice the work, and two seconds around it
    # Ten times as much says too little; another encoder or device says nothing.
    much = TargetSpec(study="now", train_examples=4_000, epochs=10, **settings)
    other = next_one.model_copy(update={"encoder": "FacebookAI/xlm-roberta-large"})
    assert by_earlier(much, work(much).units, runs) is None
    assert by_earlier(other, work(other).units, runs) is None
    assert not on_device(runs, threads=4, gpu=False) and not on_device(runs, threads=1, gpu=True)
    # This study's own runs come first.
    remember(
        TargetSpec(study="now", seed=2, train_examples=2_000, test_examples=200, **settings), 30.0
    )
    cost = by_earlier(next_one, work(next_one).units, finished(tmp_path))
    assert cost and cost.source == "this study's runs" and cost.seconds == pytest.approx(32.0)


def test_an_unreadable_result_is_no_source(tmp_path: Path) -> None:
    path = tmp_path / "old" / "target" / "mnli" / "from-none" / "seed1" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert finished(tmp_path) == []


def test_wall_time_waits_for_what_a_run_starts_from(tmp_path: Path) -> None:
    found = study(tmp_path)
    costs = {spec.folder: Cost(10.0, 0, "test") for spec in found.specs}
    count = len(found.specs)
    assert forecast.wall_seconds(found.specs, costs, 1) == 10.0 * count
    # However many at once: phase 2, then phase 3.
    assert forecast.wall_seconds(found.specs, costs, 100) == 20.0
    assert (
        10.0 * count / 4 <= forecast.wall_seconds(found.specs, costs, 4) <= 10.0 * (count / 4 + 2)
    )


def test_seconds_add_up() -> None:
    speed = Speed(fixed=3.0, unit=0.01)
    # A trained row counts as three units.
    assert speed.seconds(Work(steps=4, trained=20, scored=300)) == pytest.approx(3.0 + 0.6 + 3.0)
    assert speed.seconds(Work()) == 3.0


def test_shapes_that_are_known_and_those_that_are_not() -> None:
    large = TargetSpec(encoder="FacebookAI/xlm-roberta-large", device="cpu", batch_size=32)
    shape = shape_of([large], False)
    assert shape and (shape.parameters, shape.gpu) == (558_840_832, False)
    assert "published shape" in shape.origin or shape.origin == "its configuration"
    assert shape.file_bytes == 4 * 558_840_832 + 60 * 250_002
    # Weights, gradients, two moments and the best weights so far; an encoder that only reads has
    # its weights alone.
    reading = shape_of([RetrievalSpec(encoder=large.encoder)], False)
    assert reading and shape.memory - reading.memory > 16 * 558_840_832
    with pytest.raises(UsageError, match="nobody/has-this"):
        shape_of([TargetSpec(encoder="nobody/has-this")], False)
    assert shape_of([], False) is None


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, where speeds are kept."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_trial_measures_every_kind(
    encoders: dict[str, Path], tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "outputs"
    place = {"encoder": str(encoders["xlmr"]), "outputs": str(outputs), "max_length": 64}
    specs = [
        IntermediateSpec(tasks=["hellaswag"], **place),
        IntermediateSpec(tasks=["mnli"], mlm=0.5, mlm_documents=20, recipe="texts", **place),
        TargetSpec(train_on="mnli", targets=["xnli", "pawsx"][:1], recipe="hellaswag", **place),
        RetrievalSpec(task="tatoeba", **place),
        TargetSpec(train_on="panx", targets=["panx"], source="files", **place),
    ]
    *speeds, missing = measure(specs, 1)
    for spec, speed in zip(specs, speeds, strict=False):
        assert isinstance(speed, Speed), (spec.folder, speed)
        assert 0 <= speed.fixed < 60 and speed.unit > 0
        assert (speed.fixed > 0) == (spec.phase != "retrieval")
    assert isinstance(missing, str) and "data_root" in missing and "\n" not in missing
    assert not outputs.exists(), "a trial writes to a folder of its own"
    assert list(temporary.iterdir()) == [], "an error is not kept"
    (speed,) = measure(specs[:1], 1)
    # The same run is not tried again, whatever its study is called and wherever it is made.
    monkeypatch.setattr("xstilts_core.jobs.estimate.trial.SECONDS", 0.0)
    again = specs[0].model_copy(update={"study": "other", "outputs": str(temporary)})
    assert measure([again], 1) == [speed]
    assert measure([again], 2) == ["the trial took more than 0.0 seconds"]


def test_a_trial_that_takes_too_long_is_no_measurement(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xstilts_core.jobs.estimate.trial.SECONDS", 0.1)
    specs = [PretrainSpec(outputs=str(tmp_path)), RetrievalSpec(outputs=str(tmp_path))]
    assert measure(specs, 1) == ["the trial took more than 0.1 seconds"] * 2
    assert measure([], 1) == [] and not list(temporary.iterdir())


@pytest.mark.slow
def test_an_estimate_without_network_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://192.0.2.1")  # a network that answers nobody
    found = study(tmp_path, encoder="FacebookAI/xlm-roberta-large", source="hub")
    said = forecast.forecast(found, 2, 1, gpu=False, local=True)
    text = shown(said)
    assert "558,840,832 parameters" in text and "15 runs: 0 done, 15 to do" in text
    # Without weights and data no time is known: one sentence says so.
    assert len(said.errors) >= 1 and text.count("no estimate for") == 1
    assert isnan(said.wall) and "parallel runs" not in text
    assert "not counted: downloads from the hub" in text
    # Two models of phase 2 at four bytes a parameter.
    assert said.size > 2 * 4 * 558_840_832
    assert not (tmp_path / "outputs").exists() and not (tmp_path / "cache").exists()


def test_what_is_done_costs_nothing(tmp_path: Path) -> None:
    found = study(tmp_path)
    for spec in found.specs:
        remember(spec, 1.0)
    said = forecast.forecast(found, 2, 1, gpu=False, local=True)
    assert (said.todo, said.costs, said.wall, said.shape) == ([], {}, 0.0, None)
    assert shown(said) == "long: 14 runs: 14 done, 0 to do\n"


def test_without_a_shape_the_runs_are_still_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        forecast, "measure", lambda specs, threads: ["its shape is not known"] * len(specs)
    )
    text = shown(forecast.forecast(study(tmp_path), 2, 1, gpu=False, local=True))
    assert (
        "14 to do" in text
        and "no estimate for 14 runs: its shape is not known" in text
        and "parallel runs" not in text
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (300, "5.0 min"), (4_000, "67 min"), (7_200, "2.0 h"), (864_000, "10 days")],
)
def test_times_are_said_in_a_unit_for_people(seconds: float, text: str) -> None:
    assert numbers.spent(seconds) == text


def test_text_beside_tasks_is_counted() -> None:
    spec = IntermediateSpec(
        tasks=["mnli"], train_examples=640, epochs=1, batch_size=32, mlm=0.5, mlm_documents=100
    )
    planned, plain = work(spec), work(spec.model_copy(update={"mlm": 0.0}))
    assert planned.units - plain.units == pytest.approx(3 * 0.5 * 640)
    assert (plain.steps, planned.steps) == (20, 30)
