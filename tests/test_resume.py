"""Exact resume: k steps, a kill, and the rest give bit for bit what all steps at once give; nothing
else is ever taken up."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts_core import model, run
from xstilts_core import train as loop
from xstilts_core.checkpoint import FILE, Checkpoint
from xstilts_core.evaluate import score
from xstilts_core.examples import PairExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits
from xstilts_core.phases import pretrain
from xstilts_core.streams import Order, Stream
from xstilts_core.study import identity
from xstilts_core.study.spec import IntermediateSpec, PretrainSpec, TargetSpec
from xstilts_core.tasks import TASKS
from xstilts_core.train import Schedule, train

CPU = torch.device("cpu")
TEXTS = [
    "Anna reads.",
    "A doctor reads three old books today.",
    "Peter Weber lives in Rome.",
    "Anna never eats an apple.",
]
EXAMPLES = [
    PairExample(str(k), TEXTS[k % 4], TEXTS[(k // 4) % 4], TASKS["mnli"].labels[k % 4 % 3])
    for k in range(44)
]
PLAN = {
    "steps": 24,
    "learning_rate": 3e-3,
    "warmup": 0.25,
    "weight_decay": 0.01,
    "clip": 1.0,
    "seed": 7,
}
TINY = {
    "documents": 40,
    "vocabulary": 900,
    "hidden_size": 32,
    "layers": 2,
    "heads": 2,
    "steps": 30,
    "batch_tokens": 600,
    "dropout": 0.1,
}


class Kill(Exception):
    """Stands for a killed process: nothing after it is done."""


def without_speed(log):
    return [
        {name: value for name, value in line.items() if name != "tokens_per_second"} for line in log
    ]


def pairs(
    folder,
    checkpoint=None,
    kill=None,
    examples=EXAMPLES,
    mix=(0.4, 0.6),
    scale=1.0,
    falling=False,
    **changes,
):
    """A training as in a process of its own: two tasks, two heads, dropout, and scores that also
    depend on the generators of numpy and Python. Raises Kill at the first line of the log at step
    `kill` or later."""
    random.seed(0)
    np.random.seed(0)
    encoder = model.load(str(folder), dropout=0.1, packed=True, device=CPU)
    with torch.no_grad():
        next(encoder.network.parameters()).mul_(scale)
    form, task = FORMATS["pair"], TASKS["mnli"]
    torch.manual_seed(5)
    heads = [form.head(task, HeadOptions(32, 0.1, "first")) for _ in mix]
    parts = [
        form.encode(part, task, encoder.tokenizer, Limits(64)) for part in (examples, examples[:20])
    ]
    streams = [
        Stream(f"part{k}", heads[k], form.loss, parts[k], len(parts[k]), 16)
        for k in range(len(mix))
    ]
    lines = []

    start = encoder.network.get_input_embeddings().weight.detach().clone()

    def evaluate():
        if falling:
            return -float(
                (encoder.network.get_input_embeddings().weight.detach() - start).abs().sum()
            )
        right = [
            score(encoder, head, task, examples, "en", Limits(64)).values["accuracy"]
            for head in heads
        ]
        return float(np.mean(right)) + random.random() + np.random.rand()

    def report(line):
        lines.append(line)
        if kill is not None and line["step"] >= kill:
            raise Kill

    done = train(
        encoder,
        streams,
        np.array(mix),
        Schedule(**{**PLAN, "evaluations": 3, **changes}),
        evaluate,
        report,
        checkpoint,
    )
    facts = {
        name: value
        for name, value in asdict(done).items()
        if name not in ("seconds", "earlier_seconds", "log")
    }
    draws = (random.random(), float(np.random.rand()), float(torch.rand(())))
    states = [
        {name: value.clone() for name, value in part.state_dict().items()}
        for part in (encoder.network, *heads)
    ]
    return states, (facts, draws, without_speed(lines), without_speed(done.log))


def same(left, right):
    assert left[1] == right[1]
    for one, other in zip(left[0], right[0], strict=True):
        assert one.keys() == other.keys() and all(
            torch.equal(value, other[name]) for name, value in one.items()
        )


@pytest.fixture
def folder(encoders):
    return encoders["xlmr"]


@pytest.fixture(autouse=True)
def few_lines(monkeypatch):
    """A line every six steps, so that checkpoints fall inside a window of the log."""
    monkeypatch.setattr(loop, "LOGS", 4)


@pytest.fixture(scope="module")
def whole(encoders):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "LOGS", 4)
        return pairs(encoders["xlmr"])


@pytest.mark.parametrize(
    ("every", "kills"),
    [(5, [6]), (5, [12]), (7, [16]), (1, [18]), (24, [24]), (30, [12]), (5, [6, 8, 18])],
)
def test_a_killed_training_goes_on_bit_for_bit(folder, tmp_path, capsys, whole, every, kills):
    checkpoint = Checkpoint(tmp_path, every, {"dropout": 0.1})
    for kill in kills:
        with pytest.raises(Kill):
            pairs(folder, checkpoint, kill)
    before = kills[-1] - 1 - (kills[-1] - 1) % every
    assert checkpoint.path.is_file() == (before > 0)
    capsys.readouterr()
    same(pairs(folder, checkpoint), whole)
    assert capsys.readouterr().out == (
        f"goes on after step {before}, from {checkpoint.path}\n" if before else ""
    )


def test_a_finished_training_is_not_done_again(folder, tmp_path, whole, monkeypatch):
    """Killed while it is scored: the training is in the checkpoint to its last step, whatever
    `every` is."""
    checkpoint = Checkpoint(tmp_path, 1_000)
    same(pairs(folder, checkpoint), whole)
    monkeypatch.setattr(Order, "__next__", lambda order: pytest.fail("another batch was drawn"))
    same(pairs(folder, checkpoint), whole)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_early_stopping_goes_on_where_it_was(folder, tmp_path):
    """Falling scores: the first evaluation stays the best, and the second after it ends the run."""
    plan = {"evaluations": 8, "patience": 2, "falling": True}
    undisturbed = pairs(folder, **plan)
    facts, last = undisturbed[1][0], undisturbed[1][3][-1]
    assert facts["best_step"] == 3 and last["step"] == 9
    checkpoint = Checkpoint(tmp_path, 2)
    with pytest.raises(Kill):
        pairs(folder, checkpoint, 9, **plan)
    same(pairs(folder, checkpoint, **plan), undisturbed)
    # And the end is an end: nothing is trained after it.
    same(pairs(folder, checkpoint, kill=10, **plan), undisturbed)


@pytest.mark.parametrize(
    ("changes", "record", "words"),
    [
        ({}, {"dropout": 0.1, "epochs": 9}, "epochs"),
        ({"learning_rate": 1e-4}, {"dropout": 0.1}, "schedule"),
        ({"examples": EXAMPLES[:40]}, {"dropout": 0.1}, "training rows"),
        (
            {"examples": [*EXAMPLES[:-1], PairExample("x", TEXTS[0], TEXTS[0], "neutral")]},
            {"dropout": 0.1},
            "training rows",
        ),
        ({"mix": (0.5, 0.5)}, {"dropout": 0.1}, "mixture"),
        ({"scale": 1.5}, {"dropout": 0.1}, "starting weights"),
    ],
)
def test_a_checkpoint_of_another_training_is_not_used(
    folder, tmp_path, capsys, changes, record, words
):
    with pytest.raises(Kill):
        pairs(folder, Checkpoint(tmp_path, 5, {"dropout": 0.1}), 12)
    capsys.readouterr()
    checkpoint = Checkpoint(tmp_path, 5, record)
    found = pairs(folder, checkpoint, **changes)
    assert (
        capsys.readouterr().out
        == f"{checkpoint.path} is not used, training begins anew: it was made with other {words}\n"
    )
    same(found, pairs(folder, **changes))


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[: len(content) // 2], "cannot be read (BadZipFile"),
        (lambda content: b"", "cannot be read (BadZipFile"),
        (flipped, "is damaged (archive/data/"),
    ],
)
def test_a_damaged_checkpoint_is_not_used(folder, tmp_path, capsys, whole, damage, words):
    checkpoint = Checkpoint(tmp_path, 5)
    with pytest.raises(Kill):
        pairs(folder, checkpoint, 12)
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    capsys.readouterr()
    same(pairs(folder, checkpoint), whole)
    printed = capsys.readouterr().out
    assert (
        printed.startswith(f"{checkpoint.path} is not used, training begins anew: it {words}")
        and printed.count("\n") == 1
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_and_leaves_the_checkpoint_before(tmp_path):
    checkpoint = Checkpoint(tmp_path, 5)
    checkpoint.write({"step": 5, "weights": torch.ones(100_000)}, {})
    checkpoint.temporary.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"no checkpoint can be written to .*: is the disk full"):
        checkpoint.write({"step": 10, "weights": torch.ones(100_000)}, {})
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert checkpoint.read({})["step"] == 5


def run_pretrain(spec, kill=None):
    """Phase 1 as its notebook does it; returns the perplexity and the weights."""
    record = run.Run(spec)
    texts = pretrain.documents(spec)
    tokenizer = pretrain.train_tokenizer(
        pretrain.vocabulary_texts(spec, texts), spec.vocabulary, spec.max_length
    )
    encoder, head = pretrain.new_model(spec, tokenizer)
    training, development = pretrain.stream(spec, encoder, head, texts)
    report = record.reporter(spec.steps)

    def killing(line):
        report(line)
        if line["step"] == kill:
            raise Kill

    trained = train(
        encoder,
        [training],
        [1.0],
        pretrain.schedule(spec),
        None,
        killing,
        record.checkpoint(),
    )
    found = pretrain.perplexity(encoder, development)
    record.finish([], run.details(encoder, trained), CPU)
    return found, {
        **encoder.network.state_dict(),
        **{f"head {name}": value for name, value in head.state_dict().items()},
    }


def log_of(spec):
    return without_speed(
        json.loads(line)
        for line in (spec.folder / run.LOG).read_text(encoding="utf-8").splitlines()
    )


def test_pretraining_goes_on_with_the_same_masks(tmp_path, capsys):
    """The kill is in the second pass over the text, beside a line of the log that no checkpoint
    knows."""
    one = PretrainSpec(study="one", outputs=str(tmp_path), **TINY)
    other = PretrainSpec(study="other", outputs=str(tmp_path), checkpoint_every=4, **TINY)
    perplexity, weights = run_pretrain(one)
    with pytest.raises(Kill):
        run_pretrain(other, kill=21)
    assert (other.folder / FILE).is_file() and len(log_of(other)) == 3
    found, again = run_pretrain(other)
    assert f"goes on after step 20, from {other.folder / FILE}\n" in capsys.readouterr().out
    assert found == perplexity and all(
        torch.equal(value, again[name]) for name, value in weights.items()
    )
    assert (
        log_of(other) == log_of(one)
        and not list(other.folder.glob("*.pt*"))
        and not list(other.folder.glob(".*.part"))
    )


INTERMEDIATE = {
    "recipe": "two",
    "tasks": ["qqp", "mnli"],
    "train_examples": 100,
    "dev_examples": 20,
    "epochs": 2,
    "evaluations": 3,
    "batch_size": 8,
    "learning_rate": 3e-3,
}
KILLED = """
import json, os, signal, sys
import test_resume
from xstilts_core import checkpoint, train

train.LOGS = 4
calls = []

def fsync(number):
    calls.append(number)
    if len(calls) == 3:
        os.ftruncate(number, os.fstat(number).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

checkpoint.os.fsync = fsync
test_resume.run_intermediate(test_resume.IntermediateSpec(**json.loads(sys.argv[1])))
"""


def run_intermediate(spec):
    """Phase 2 as its notebook does it."""
    record = run.Run(spec)
    encoder = run.load_encoder(spec)
    learners = run.learners(spec, encoder)
    trained = run.fit(record, encoder, learners)
    scores = run.examine(spec, encoder, learners, None)[0]
    model.save(encoder, spec.folder / "model")
    return json.loads(
        record.finish(scores, run.details(encoder, trained), CPU).read_text(encoding="utf-8")
    )


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_checkpoint(folder, tmp_path, capsys):
    """A real process, killed with a checkpoint half-written: the next one takes up the checkpoint
    before it."""
    one = IntermediateSpec(study="one", outputs=str(tmp_path), encoder=str(folder), **INTERMEDIATE)
    other = one.model_copy(update={"study": "other", "checkpoint_every": 5})
    paths, threads = (
        os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        str(torch.get_num_threads()),
    )
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "OMP_NUM_THREADS": threads,
    }  # bit for bit with as many threads alone
    call = [sys.executable, "-c", KILLED, json.dumps(other.changed())]
    assert subprocess.run(call, env=environment, timeout=300).returncode == -signal.SIGKILL
    assert (
        (other.folder / FILE).stat().st_size > (other.folder / f".{FILE}.part").stat().st_size > 0
    )
    expected = run_intermediate(one)
    capsys.readouterr()
    found = run_intermediate(other)
    assert f"goes on after step 10, from {other.folder / FILE}\n" in capsys.readouterr().out
    assert found["scores"] == expected["scores"] and found["identity"] == expected["identity"]
    times = {"seconds": 0, "earlier_seconds": 0}
    assert {**found["details"], **times} == {**expected["details"], **times} and found["details"][
        "earlier_seconds"
    ] > 0
    assert log_of(other) == log_of(one)
    assert (
        len({(spec.folder / "model" / "model.safetensors").read_bytes() for spec in (one, other)})
        == 1
    )
    assert {path.name for path in other.folder.iterdir()} == {"model", "result.json", run.LOG}


def test_how_often_makes_no_other_run(tmp_path):
    spec = TargetSpec(outputs=str(tmp_path))
    often = spec.model_copy(update={"checkpoint_every": 50})
    assert (
        identity.of_spec(spec) == identity.of_spec(often)
        and often.changed()["checkpoint_every"] == 50
    )
    assert run.Run(spec).checkpoint() is None
    assert run.Run(often).checkpoint() == Checkpoint(
        spec.folder,
        50,
        {**(own := identity.of_spec(spec)).changed_settings, "versions": own.versions},
    )
