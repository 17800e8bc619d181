"""The dry run's estimate: what is counted, what earlier runs say, what a probe measures, and that
nothing is written or fetched."""

import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from xstilts_core import model, results, run
from xstilts_core.data.source import Files, Hub
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate import bench, forecast, notes, probe
from xstilts_core.jobs.estimate.earlier import Cost, by_earlier, finished, on_device
from xstilts_core.jobs.estimate.question import TEXTS, Answer, Question, Speed, Stage
from xstilts_core.jobs.estimate.work import Work, size, steps, work
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, RetrievalSpec, Spec, TargetSpec

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
    notes.show(found, console)
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
    piece = planned.pieces[0]
    # Eight of XNLI's languages are in the embedded suite: 300 test items of each are read and 100
    # scored, besides 4 x 50 English ones.
    assert planned.languages == 8
    assert (piece.read, piece.trained, piece.scored) == (
        8_000 + 400 + 8 * 300,
        1_000,
        4 * 50 + 8 * 100,
    )
    assert planned.units == 3 * 3 * 1_000 + piece.scored


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
    planned = work(spec)
    rows = {
        piece.stage: len(entry.streams[0].encoded) / 500
        for piece, entry in zip(planned.pieces, found, strict=True)
    }
    counts = steps(planned, rows)
    assert sum(counts) == run.plan(spec, found).steps
    assert counts[0] == counts[1]


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
    assert sum(steps(work(spec))) == 22


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
    }
    made = TargetSpec(study="before", train_examples=1_000, test_examples=100, **settings)
    next_one = TargetSpec(study="now", train_examples=2_000, test_examples=200, **settings)
    remember(made, 10.0)
    runs = finished(tmp_path)
    cost = by_earlier(next_one, work(next_one).units, runs)
    assert cost and cost.source == "other studies' runs"
    assert cost.seconds == pytest.approx(
        21.0, rel=0.01
    )  # twice the work, and a second of the process around it
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
    assert cost and cost.source == "this study's runs" and cost.seconds == pytest.approx(31.0)


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
    spec = TargetSpec(
        train_on="panx",
        targets=["panx"],
        languages=["en"],
        train_examples=320,
        batch_size=64,
        evaluations=1,
        dev_examples=10,
    )
    planned = work(spec)
    stage = planned.pieces[0].stage
    speed = Speed(
        rows=2.0, tokens=10.0, known=True, read=0.001, batch=0.5, step=0.1, scored=0.01, once=3.0
    )
    # 2 epochs of 640 rows in steps of 64: 20 steps.
    expected = 3.0 + 0.001 * (4_000 + 400 + 300) + 0.01 * (10 + 300) + 20 * (0.5 + 0.1)
    assert forecast.seconds(planned, {stage: speed}) == pytest.approx(expected)
    assert forecast.seconds(Work(), {}) == 0.0


def test_shapes_that_are_known_and_those_that_are_not() -> None:
    config, note = bench.configuration("FacebookAI/xlm-roberta-large")
    assert bench.sizes(config) == (558_840_832, 250_002 * 1024 + 514 * 1024 + 1024 + 2 * 1024)
    assert "published shape" in note or note == "its configuration"
    with pytest.raises(UsageError, match="nobody/has-this"):
        bench.configuration("nobody/has-this")


def test_a_probe_measures_every_stage(encoders: dict[str, Path]) -> None:
    stages = [
        Stage(name, "mini", "", 64, batch_size=8)
        for name in ("mnli", "squad_v1", "hellaswag", "panx")
    ]
    stages += [Stage("tatoeba", "mini", "", 64), Stage("mnli", "hub", "", 64, batch_size=8)]
    answer = probe.answer(Question(str(encoders["xlmr"]), "cpu", stages))
    assert answer.parameters == model.count_parameters(
        run.load_encoder(TargetSpec(encoder=str(encoders["xlmr"]))).network
    )
    for stage, speed in zip(stages, answer.speeds, strict=True):
        assert speed.scored > 0 and speed.tokens > 0
        assert (speed.batch > 0 and speed.step > 0) == bool(stage.batch_size)
        assert speed.known == (stage.source == "mini")
    assert answer.assumed == {"pair": 40.0}
    assert answer.memory > 20 * answer.parameters
    assert Answer.of(json.loads(json.dumps(asdict(answer)))) == answer


def test_layers_above_the_one_that_is_asked_for_cost_nothing(
    encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "timed", lambda call, where: (call(), 1.0)[1])
    stages = [Stage("tatoeba", "mini", "", 64, layer=layer) for layer in (-1, 3, 1)]
    every, top, first = (
        speed.scored
        for speed in probe.answer(Question(str(encoders["xlmr"]), "cpu", stages)).speeds
    )
    assert every == top == pytest.approx(3 * first)
    assert work(RetrievalSpec(source="mini", layer=2)).pieces[0].stage.layer == 2


def test_a_large_encoder_is_cut_to_one_layer(
    encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(str(encoders["xlmr"]), "cpu", [])
    whole, _ = bench.bench(question, model.device("cpu"))
    monkeypatch.setattr(bench, "CPU_PARAMETERS", 1)
    cut, _ = bench.bench(question, model.device("cpu"))
    assert (whole.depth, cut.depth, cut.layers, cut.scale) == (3, 1, 3, 3.0)
    assert cut.encoder.layers == 1 and cut.parameters == whole.parameters
    # Each layer keeps the same for the way back, so that a third of the layers, times three, is the
    # whole but for the embeddings.
    stage = Stage("mnli", "mini", "", 64, batch_size=8)
    for made in (whole, cut):
        probe.tune(stage, made)
    assert whole.activations < cut.activations < 3 * whole.activations


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
    assert said.error == "" and "558,840,832 parameters" in text and "one of its 24 layers" in text
    assert (
        "15 runs: 0 done, 15 to do" in text
        and "assumed" in text
        and "not counted: downloads from the hub" in text
    )
    # Two models of phase 2 at four bytes a parameter.
    assert said.size > 2 * 4 * 558_840_832
    assert (
        said.wall
        < sum(cost.seconds for cost in said.costs.values()) + said.reports + forecast.GRID_SECONDS
    )
    assert not (tmp_path / "outputs").exists()


def test_what_is_done_costs_nothing(tmp_path: Path) -> None:
    found = study(tmp_path)
    for spec in found.specs:
        remember(spec, 1.0)
    said = forecast.forecast(found, 2, 1, gpu=False, local=True)
    assert (said.todo, said.costs, said.wall, said.answer) == ([], {}, 0.0, None)
    assert shown(said) == "long: 14 runs: 14 done, 0 to do\n"


def test_without_a_shape_the_runs_are_still_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        forecast, "probe", lambda question, threads: (None, "its shape is not known")
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
    assert notes.spent(seconds) == text


def test_text_beside_tasks_is_measured_and_counted() -> None:
    spec = IntermediateSpec(
        tasks=["mnli"], train_examples=640, epochs=1, batch_size=32, mlm=0.5, mlm_documents=100
    )
    planned, plain = work(spec), work(spec.model_copy(update={"mlm": 0.0}))
    tasks, texts = planned.pieces
    assert texts.stage.task == TEXTS and texts.read == 9 * 100 and plain.pieces == (tasks,)
    assert planned.units - plain.units == pytest.approx(3 * 0.5 * 640)
    assert steps(planned, {tasks.stage: 1.0, texts.stage: 1.0}) == [20.0, 10.0]
    found = probe.answer(Question("mini", "cpu", [tasks.stage, texts.stage]))
    assert (
        found.speeds[1].batch > 0
        and found.speeds[1].step > 0
        and found.speeds[1].read > 0
        and found.assumed == {}
    )
    speeds = dict(zip((tasks.stage, texts.stage), found.speeds, strict=True))
    assert forecast.seconds(planned, speeds) > forecast.seconds(plain, speeds)
