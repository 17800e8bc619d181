"""Training in stages (SIQA, then COPA): the order of the batches, a schedule per stage, exact
resume, what chooses the checkpoint."""

import numpy as np
import pytest
import torch

from xstilts_core import model, run
from xstilts_core.checkpoint import Checkpoint
from xstilts_core.data import sampling
from xstilts_core.data.source import Files, Source
from xstilts_core.errors import UsageError
from xstilts_core.examples import ChoiceExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits
from xstilts_core.streams import Order, Stream
from xstilts_core.study.spec import IntermediateSpec, TargetSpec
from xstilts_core.tasks import TASKS
from xstilts_core.train import Schedule, train

CPU = torch.device("cpu")
PLAN = {"learning_rate": 3e-3, "warmup": 0.25, "weight_decay": 0.01, "clip": 1.0, "seed": 7}
STAGES = (8, 12)
TEXTS = (
    "Anna reads.",
    "A doctor reads three old books today.",
    "Peter Weber lives in Rome.",
    "Anna never eats an apple.",
)
PART_SIZES = {("siqa", "train"): 30, ("copa", "train"): 12, ("siqa", "dev"): 9, ("copa", "dev"): 8}


class Kill(Exception):
    """Stands for a killed process: nothing after it is done."""


def questions(part: str, count: int) -> list[ChoiceExample]:
    """Three choices in SIQA, two in COPA."""
    width = {"siqa": 3, "copa": 2}[part]
    choices = [tuple(TEXTS[(k + place) % 4] for place in range(width)) for k in range(count)]
    return [
        ChoiceExample(f"{part}{k}", TEXTS[k % 4], "What then?", choices[k], k % width)
        for k in range(count)
    ]


def staged(folder, checkpoint=None, kill=None, stages=STAGES, evaluations=2):
    """A training in two stages as in a process of its own, from the same weights. Raises Kill at
    the first line at step `kill` or later."""
    encoder = model.load(str(folder), dropout=0.1, packed=True, device=CPU)
    form, task = FORMATS["choice"], TASKS["siqa_copa"]
    torch.manual_seed(5)
    head = form.head(task, HeadOptions(32, 0.1, "first"))
    streams = []
    for part in task.parts:
        examples = questions(part, PART_SIZES[part, "train"])
        streams.append(
            Stream(
                part,
                head,
                form.loss,
                form.encode(examples, task, encoder.tokenizer, Limits(64)),
                len(examples),
                4,
            )
        )
    scores, lines, batches = iter((60.0, 50.0)), [], []

    def report(line):
        lines.append({name: value for name, value in line.items() if name != "tokens_per_second"})
        if kill is not None and line["step"] >= kill:
            raise Kill

    def next_batch(order, draw=Order.__next__):
        rows = draw(order)
        batches.append((order.stream.name, rows.tolist()))
        return rows

    schedule = Schedule(sum(stages), **PLAN, stages=stages, evaluations=evaluations)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Order, "__next__", next_batch)
        done = train(
            encoder, streams, np.eye(2), schedule, lambda: next(scores), report, checkpoint
        )
    weights = {
        **encoder.network.state_dict(),
        **{f"head {name}": value for name, value in head.state_dict().items()},
    }
    return done, lines, batches, weights


def test_the_rate_rises_and_falls_in_every_stage():
    plan = Schedule(30, **{**PLAN, "warmup": 0.1}, stages=(10, 20), evaluations=4)
    rates = [plan.rate(step) for step in range(30)]
    assert rates[0] == 1 and rates[1:10] == pytest.approx([(10 - k) / 9 for k in range(1, 10)])
    assert rates[10:12] == pytest.approx([0.5, 1.0]) and rates[12:] == pytest.approx(
        [(20 - k) / 18 for k in range(2, 20)]
    )
    alone = Schedule(20, **{**PLAN, "warmup": 0.1})
    assert rates[10:] == [alone.rate(step) for step in range(20)]
    assert plan.evaluation_steps() == {15, 20, 25, 30} and [
        plan.stage(step) for step in (0, 9, 10, 29)
    ] == [
        0,
        0,
        1,
        1,
    ]


def test_one_part_is_trained_on_after_the_other_in_whole_passes(encoders):
    done, lines, batches, _ = staged(encoders["xlmr"])
    names = [name for name, _ in batches]
    assert names == ["siqa"] * 8 + ["copa"] * 12 and done.counts == {"siqa": 8, "copa": 12}
    # Eight steps are a pass over SIQA's 30 rows, three one over COPA's 12.
    assert sorted(row for _, rows in batches[:8] for row in rows) == list(range(30))
    for first in range(8, 20, 3):
        assert sorted(row for _, rows in batches[first : first + 3] for row in rows) == list(
            range(12)
        )
    assert [line["step"] for line in lines if "dev" in line] == [14, 20]
    assert (done.best_step, done.best_score) == (14, 60.0)


def test_every_stage_begins_with_a_new_optimizer(encoders, monkeypatch):
    """AdamW counts its own steps: from 1 again in the second stage."""
    seen = []

    def watched(optimizer, *arguments, step=torch.optim.AdamW.step):
        found = step(optimizer, *arguments)
        seen.append({float(state["step"]) for state in optimizer.state.values()})
        return found

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    staged(encoders["xlmr"])
    assert seen == [{float(k)} for k in (*range(1, 9), *range(1, 13))]


@pytest.mark.parametrize(("every", "kill"), [(3, 7), (8, 10), (5, 11), (4, 14), (1, 9)])
def test_a_killed_training_goes_on_bit_for_bit_across_the_stages(
    encoders, tmp_path, capsys, every, kill
):
    """Checkpoints before, at and after the end of the first stage (step 8)."""
    whole = staged(encoders["xlmr"])
    checkpoint = Checkpoint(tmp_path, every)
    with pytest.raises(Kill):
        staged(encoders["xlmr"], checkpoint, kill)
    capsys.readouterr()
    # The score at step 14 was drawn by the killed process in the case (4, 14) too: its checkpoint
    # at 12 knows nothing of it.
    done, lines, batches, weights = staged(encoders["xlmr"], checkpoint)
    after = kill - 1 - (kill - 1) % every
    assert capsys.readouterr().out == f"goes on after step {after}, from {checkpoint.path}\n"
    assert batches == whole[2][after:] and lines == whole[1]
    assert (done.best_step, done.best_score, done.counts) == (
        whole[0].best_step,
        whole[0].best_score,
        whole[0].counts,
    )
    assert weights.keys() == whole[3].keys() and all(
        torch.equal(value, whole[3][name]) for name, value in weights.items()
    )


@pytest.fixture
def parts(monkeypatch):
    """SIQA and COPA in small, instead of files."""

    def load(source, name, split, code):
        return [
            example
            for part in sampling.parts(name)
            for example in questions(part, PART_SIZES[part, split])
        ]

    monkeypatch.setattr(Source, "load", load)


def spec_of(folder, encoder, **changes):
    values = {
        "outputs": str(folder),
        "encoder": str(encoder),
        "source": "files",
        "train_on": "siqa_copa",
        "targets": ["xcopa"],
    }
    return TargetSpec(
        **{**values, "epochs": 3, "batch_size": 4, "max_length": 64, "evaluations": 2, **changes}
    )


def test_the_plan_of_a_run_has_a_stage_per_part_and_is_judged_by_the_last(
    tmp_path, encoders, parts
):
    spec = spec_of(tmp_path, encoders["xlmr"])
    encoder = run.load_encoder(spec)
    learners = run.learners(spec, encoder)
    plan = run.plan(spec, learners)
    assert (
        plan.stages == (3 * 8, 3 * 3)
        and plan.steps == 33
        and plan.evaluation_steps() == {24 + 4, 33}
    )
    assert run.shares(spec, learners).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert [example.id for example in learners[0].development] == [f"copa{k}" for k in range(8)]
    trained = run.fit(run.Run(spec), encoder, learners)
    assert trained.counts == {"siqa": 24, "copa": 9} and trained.best_step in (28, 33)


def test_a_limit_is_one_for_each_stage(tmp_path, encoders, parts):
    found = Files("somewhere").training("siqa_copa", 10, 1)
    assert {part: len(examples) for part, examples in found.items()} == {"siqa": 10, "copa": 10}
    assert {
        part: len(examples)
        for part, examples in Files("somewhere").training("siqa_copa", 20, 1).items()
    } == {
        "siqa": 20,
        "copa": 12,
    }


def test_xcopa_takes_its_published_recipe():
    spec = TargetSpec(source="hub", train_on="siqa_copa", targets=["xcopa"])
    assert (spec.epochs, spec.batch_size, spec.max_length, spec.learning_rate) == (5, 32, 128, 3e-5)


def test_stages_are_not_mixed_with_other_tasks():
    assert IntermediateSpec(source="hub", tasks=["siqa_copa"]).tasks == ["siqa_copa"]
    with pytest.raises(
        UsageError,
        match=r"siqa_copa is trained in stages \(siqa, then copa\): it cannot be mixed",
    ):
        IntermediateSpec.of({"source": "hub", "tasks": ["mnli", "siqa_copa"]})
