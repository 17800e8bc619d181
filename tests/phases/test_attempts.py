"""Phase 2 is judged against what one answer to everything has, and trained again where it did not
learn; a killed run goes on exactly."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_resume import Kill, log_of

from xstilts_core import checkpoint, metrics, model, run
from xstilts_core.data.source import Source
from xstilts_core.examples import Answer, ChoiceExample, PairExample, SpanExample, TagsExample
from xstilts_core.phases import attempts, learnt, trivial
from xstilts_core.schedule import Schedule
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.tasks import TASKS

CPU = torch.device("cpu")
# Tags hang on the words alone: even random weights of width 32 learn them within a few steps.
LEARNS = {
    "tasks": ["ccg"],
    "train_examples": 96,
    "epochs": 3,
    "batch_size": 8,
    "accumulation": 1,
    "learning_rate": 1e-2,
}
SMALL = {**LEARNS, "dev_examples": 20, "evaluations": 2, "recipe": "made", "checkpoint_every": 7}
FAILS = {"learning_rate": 1e-9}
PLAN = Schedule(40, 1e-3, 0.1, 0.01, 1.0, 7)


@pytest.fixture(autouse=True)
def few_items(monkeypatch):
    """A quarter of the development data."""
    whole = Source.development
    monkeypatch.setattr(Source, "development", lambda *values: whole(*values)[::4])


def labels(*names: str) -> list[PairExample]:
    return [PairExample(str(k), "a", "b", name) for k, name in enumerate(names)]


def questions(*answers: str) -> list[SpanExample]:
    return [
        SpanExample(str(k), "?", "Anna reads", (Answer(text, 0),) if text else ())
        for k, text in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("name", "examples", "words", "value"),
    [
        (
            "mnli",
            labels("neutral", "neutral", "entailment", "contradiction"),
            "always neutral",
            50.0,
        ),
        (
            "hellaswag",
            [ChoiceExample(str(k), "", "", ("a", "b"), k % 2) for k in range(6)],
            "always choice 1",
            50.0,
        ),
        (
            "cosmosqa",
            [ChoiceExample(str(k), "", "", ("a", "b", "c")[: 2 + k % 2], k) for k in range(3)],
            "a guess",
            100 * (4 / 3) / 3,
        ),
        (
            "ccg",
            [TagsExample("0", ("a", "b", "c"), ("N", "N", "S")), TagsExample("1", ("d",), ("X",))],
            "every word N",
            50.0,
        ),
        ("squad_v2", questions("", "", "Anna reads", "Anna"), "never an answer", 50.0),
        ("squad_v1", questions("Anna reads", "Anna"), "all of the context", 100 * (1 + 2 / 3) / 2),
    ],
)
def test_the_reference_is_the_best_answer_to_everything(name, examples, words, value):
    found, statistics = trivial.reference(TASKS[name], examples)
    columns = (
        metrics.TAGGING
        if name == "ccg"
        else metrics.SPAN
        if name.startswith("squad")
        else metrics.ACCURACY
    )
    assert found == words and metrics.score(statistics, columns)[
        TASKS[name].metric
    ] == pytest.approx(value)


@pytest.mark.parametrize(
    ("right", "known"), [(1.0, True), (0.5, True), (0.36, False), (0.1, False)]
)
def test_learnt_is_what_lies_above_the_reference_beyond_the_draw_of_the_items(right, known):
    rng = np.random.default_rng(3)
    examples = labels(*(TASKS["mnli"].labels[k % 3] for k in range(300)))
    hits = (rng.random((300, 1)) < right).astype(float)
    told = trivial.judge(TASKS["mnli"], examples, metrics.ACCURACY, hits, 1)
    assert (
        told.learnt == known
        and told.low <= told.score - told.reference <= told.high
        and told.items == 300
    )
    assert told == trivial.judge(TASKS["mnli"], examples, metrics.ACCURACY, hits, 1)
    only = np.array([[float(example.label == "entailment")] for example in examples])
    assert not trivial.judge(TASKS["mnli"], examples, metrics.ACCURACY, only, 1).learnt, (
        "the same answer to everything"
    )


def test_an_attempt_has_another_order_and_a_longer_warm_up():
    found = [attempts.schedule_of(PLAN, number) for number in range(5)]
    assert found[0] == PLAN and [entry.warmup for entry in found] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert len({entry.seed for entry in found}) == 5 and found == [
        attempts.schedule_of(PLAN, number) for number in range(5)
    ]
    assert all(replace(entry, seed=7, warmup=0.1) == PLAN for entry in found)
    assert [
        attempts.schedule_of(replace(PLAN, warmup=start), 1).warmup for start in (0.0, 0.3, 0.8)
    ] == [0.1, 0.5, 0.8]


def finished(
    folder: Path, encoder: Path, kill: tuple[int, int] = (0, 0), **changes: object
) -> tuple[IntermediateSpec, dict]:
    """Phase 2 as its notebook does it. kill: (attempt, step), as a killed process; a step beyond
    the last: while it is judged."""
    spec = IntermediateSpec(outputs=str(folder), encoder=str(encoder), **{**SMALL, **changes})
    begun = run.Run(spec)
    encoder = run.load_encoder(spec)
    learners, texts = run.learners(spec, encoder), run.unlabelled(spec, encoder)
    report, examine, seen = run.Run.reporter, run.examine, [0]

    def reporter(self, steps):
        told = report(self, steps)
        seen[0] += 1

        def line(entry):
            told(entry)
            if seen[0] == kill[0] and entry["step"] >= kill[1]:
                raise Kill

        return line

    def examined(spec, encoder, found, count=None):
        if count is None and seen[0] == kill[0]:
            raise Kill
        return examine(spec, encoder, found, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.Run, "reporter", reporter)
        patch.setattr(run, "examine", examined)
        trained = run.fit(begun, encoder, learners, texts)
    scores = run.judge(begun, encoder, learners)
    model.save(encoder, spec.folder / "model")
    return spec, json.loads(
        begun.finish(scores, run.details(encoder, trained, learners), CPU).read_text(
            encoding="utf-8"
        )
    )


def without_seconds(content: object) -> object:
    if isinstance(content, dict):
        return {
            name: without_seconds(value) for name, value in content.items() if "seconds" not in name
        }
    return [without_seconds(value) for value in content] if isinstance(content, list) else content


@pytest.fixture
def first_fails(monkeypatch):
    """The first attempt learns nothing, as a degenerate run."""
    real = attempts.schedule_of
    monkeypatch.setattr(
        attempts, "schedule_of", lambda first, k: replace(real(first, k), **({} if k else FAILS))
    )


def test_what_learns_is_not_trained_again(tmp_path, encoders, capsys):
    spec, result = finished(tmp_path / "once", encoders["xlmr"])
    told = result["details"]["learnt"]["ccg"]
    assert (
        told["learnt"]
        and told["attempts"] == 1
        and told["low"] > 0
        and told["metric"] == "accuracy"
    )
    assert told["score"] == next(
        score["value"] for score in result["scores"] if score["metric"] == "accuracy"
    )
    assert "attempts" not in result["details"] and "learnt nothing" not in capsys.readouterr().out
    other, again = finished(tmp_path / "restarts", encoders["xlmr"], restarts=2)
    (record,) = again["details"].pop("attempts")
    assert (record["seed"], record["warmup"], record["learnt"], record["kept"]) == (
        1,
        0.1,
        True,
        True,
    )
    assert (
        without_seconds(again["details"]) == without_seconds(result["details"])
        and again["scores"] == result["scores"]
    )
    assert log_of(other) == log_of(spec)
    assert (
        len(
            {(entry.folder / "model" / "model.safetensors").read_bytes() for entry in (spec, other)}
        )
        == 1
    )


def test_what_cannot_learn_is_said_and_the_best_attempt_is_kept(tmp_path, encoders, capsys):
    spec, result = finished(tmp_path, encoders["xlmr"], restarts=2, **FAILS)
    records = result["details"]["attempts"]
    assert [record["warmup"] for record in records] == [0.1, 0.2, 0.4] and not any(
        record["learnt"] for record in records
    )
    best = max(records, key=lambda record: record["tasks"]["ccg"]["score"])
    assert [record for record in records if record["kept"]] == [best] and best[
        "best_score"
    ] == result["details"]["best_score"]
    told = result["details"]["learnt"]["ccg"]
    assert (
        not told["learnt"]
        and told["attempts"] == 3
        and told["score"] == best["tasks"]["ccg"]["score"]
    )
    printed = capsys.readouterr().out
    assert (
        f"attempt 2 did not learn ccg: again with seed {records[2]['seed']}, warm-up 0.4\n"
        in printed
    )
    assert (
        "made: English development accuracy of ccg after phase 2, " in printed
        and "(the best of 3 attempts)\n" in printed
    )
    assert log_of(spec)[-1]["dev"] is not None and max(line["step"] for line in log_of(spec)) == 36
    assert {path.name for path in spec.folder.iterdir()} == {"model", "result.json", run.LOG}


def test_a_failed_attempt_is_followed_by_one_from_the_same_weights(
    tmp_path, encoders, first_fails, monkeypatch
):
    spec, result = finished(tmp_path / "again", encoders["xlmr"], restarts=3)
    first, second = result["details"]["attempts"]
    assert (first["learnt"], first["kept"], second["learnt"], second["kept"]) == (
        False,
        False,
        True,
        True,
    )
    assert (
        result["details"]["learnt"]["ccg"]["learnt"]
        and result["details"]["learnt"]["ccg"]["attempts"] == 2
    )
    # The same as a training of its own with that seed of the order and that warm-up.
    plan = run.plan
    monkeypatch.setattr(
        run,
        "plan",
        lambda *values: replace(plan(*values), seed=second["seed"], warmup=second["warmup"]),
    )
    other, alone = finished(tmp_path / "alone", encoders["xlmr"])
    assert alone["scores"] == result["scores"] and log_of(spec) == log_of(other)
    assert (
        len(
            {(entry.folder / "model" / "model.safetensors").read_bytes() for entry in (spec, other)}
        )
        == 1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "changes", "said"),
    [
        ((1, 99), {}, "goes on after step 36,"),
        ((2, 3), {"mlm": 1.0, "mlm_documents": 20}, ""),
        ((2, 20), {"lora": 2}, "goes on after step 14,"),
        ((2, 99), {}, "goes on after step 36,"),
        ((3, 20), FAILS, "goes on after step 14,"),
    ],
)
def test_a_killed_run_goes_on_in_the_attempt_that_it_was_in(
    tmp_path, encoders, first_fails, capsys, kill, changes, said
):
    if "lora" in changes:
        pytest.importorskip("peft")
    one, expected = finished(tmp_path / "whole", encoders["xlmr"], restarts=2, **changes)
    with pytest.raises(Kill):
        finished(tmp_path / "cut", encoders["xlmr"], kill, restarts=2, **changes)
    folder = tmp_path / "cut" / "by_hand" / "intermediate" / "made" / "seed1"
    assert (folder / attempts.FILE).is_file() == (kill[0] > 1)
    capsys.readouterr()
    other, found = finished(tmp_path / "cut", encoders["xlmr"], restarts=2, **changes)
    printed = capsys.readouterr().out
    assert (
        f"{said} from {other.folder / checkpoint.FILE}" in printed
        if said
        else "goes on" not in printed
    )
    assert (
        "not used" not in printed
        and printed.count("did not learn") == len(expected["details"]["attempts"]) - kill[0]
    )
    assert (
        without_seconds(found["details"]) == without_seconds(expected["details"])
        and found["scores"] == expected["scores"]
    )
    assert found["provenance"]["seconds"] > found["details"]["earlier_seconds"] >= 0
    assert log_of(other) == log_of(one)
    assert (
        len({(spec.folder / "model" / "model.safetensors").read_bytes() for spec in (one, other)})
        == 1
    )
    assert {path.name for path in other.folder.iterdir()} == {"model", "result.json", run.LOG}


def test_of_several_tasks_each_is_judged_and_of_a_sequence_the_last(tmp_path, encoders, capsys):
    """Widths of 32 and few pairs: tags are learnt beside NLI, which is not."""
    both = {
        "tasks": ["mnli", "ccg"],
        "train_examples": 0,
        "task_examples": {"mnli": 16, "ccg": 96},
        "probabilities": {"mnli": 0.02, "ccg": 0.98},
    }
    _, result = finished(tmp_path / "both", encoders["xlmr"], **both)
    assert {name: told["learnt"] for name, told in result["details"]["learnt"].items()} == {
        "mnli": False,
        "ccg": True,
    }
    printed = capsys.readouterr().out
    assert (
        "not all of its tasks were learnt" in printed
        and "items: mnli" in printed
        and "ccg" not in printed
    )
    sequence = {"tasks": ["mnli", "ccg"], "sequence": True, "train_examples": 96}
    _, result = finished(tmp_path / "sequence", encoders["xlmr"], **sequence)
    assert set(result["details"]["learnt"]) == {"ccg"} and {
        score["task"] for score in result["scores"]
    } == {"mnli", "ccg"}
    assert learnt.Judgement(
        **{
            name: value
            for name, value in result["details"]["learnt"]["ccg"].items()
            if name != "learnt"
        }
    ).learnt
