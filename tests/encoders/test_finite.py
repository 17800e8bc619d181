"""Numbers that are none: a run that diverged stops with one line, and no score, log or weight of it
looks like any other."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_run import run_target, target
from test_train import equal, schedule, setup, weights

from xstilts_core import evaluate, model, results, retrieve, run
from xstilts_core.encoders import trial
from xstilts_core.encoders.finite import NotFinite
from xstilts_core.errors import UsageError
from xstilts_core.evaluate import predict
from xstilts_core.formats import FORMATS, HeadOptions, Limits, retrieval
from xstilts_core.mini.suite import load as examples_of
from xstilts_core.phases import pretrain, probing
from xstilts_core.results import Score
from xstilts_core.study.spec import IntermediateSpec, PretrainSpec, ProbingSpec, RetrievalSpec
from xstilts_core.tasks import TASKS
from xstilts_core.train import train

CPU, ALONE = torch.device("cpu"), np.array([1.0])


def spoilt(stream, call: int, spoil):
    """The stream, its `call`-th loss being what `spoil` makes of it."""
    true, seen = stream.loss, []

    def loss(head, hidden, batch):
        seen.append(None)
        value = true(head, hidden, batch)
        return spoil(value, hidden) if len(seen) == call else value

    return replace(stream, loss=loss)


def broken(folder, place, value=math.nan):
    """A copy of an encoder with a weight that is no number."""
    encoder = model.load(str(folder), dropout=0.0, packed=True, device=CPU)
    with torch.no_grad():
        encoder.network.get_input_embeddings().weight[7:] = value
    return model.save(encoder, place / "broken")


SPOILT = {
    "the loss is nan": lambda loss, hidden: loss * math.nan,
    "the loss is inf": lambda loss, hidden: loss + math.inf,
    "the norm of the gradient is nan": lambda loss, hidden: loss + (0 * hidden.sum()).sqrt(),
}


@pytest.mark.parametrize("said", SPOILT)
@pytest.mark.parametrize(
    ("bad", "changes"),
    [(5, {}), (5, {"steps": 120}), (120, {"steps": 120}), (12, {"evaluations": 1})],
)
def test_the_first_step_that_is_not_finite_is_named(encoders, said, bad, changes):
    encoder, streams = setup(encoders["xlmr"])
    streams = [spoilt(streams[0], bad, SPOILT[said])]
    lines, plan = [], schedule(**changes)
    rate = f"{plan.learning_rate * plan.rate(bad - 1):.3g}"
    with pytest.raises(
        UsageError,
        match=rf"^step {bad} \(mnli, learning rate {rate}\): {said}: lower the learning rate or check",
    ) as caught:
        train(
            encoder,
            streams,
            ALONE,
            plan,
            (lambda: 50.0) if plan.evaluations else None,
            lines.append,
        )
    assert "\n" not in str(caught.value)
    json.dumps(lines, allow_nan=False)
    assert all(line["step"] < bad for line in lines), "nothing of the bad step is in the log"


def test_a_score_that_is_nan_is_never_kept(encoders):
    encoder, streams = setup(encoders["xlmr"])
    scores, seen, lines = iter([math.nan, 40.0, math.inf, math.nan, 50.0, math.nan]), [], []

    def judge():
        seen.append(weights(encoder))
        return next(scores)

    done = train(encoder, streams, ALONE, schedule(evaluations=6), judge, lines.append)
    assert (done.best_step, done.best_score) == (10, 50.0) and equal(weights(encoder), seen[4])
    assert [line["dev"] for line in lines if "dev" in line] == [None, 40.0, None, None, 50.0, None]
    json.dumps(lines, allow_nan=False)


@pytest.mark.parametrize("patience", [1, 30])
def test_without_a_finite_score_a_run_fails(encoders, patience):
    encoder, streams = setup(encoders["xlmr"])
    with pytest.raises(UsageError, match="no development score was finite"):
        train(encoder, streams, ALONE, schedule(evaluations=3, patience=patience), lambda: math.nan)


def test_a_weight_that_no_training_example_touches_is_found_at_the_end(encoders):
    encoder, streams = setup(encoders["xlmr"])
    unused = np.setdiff1d(np.arange(encoder.network.config.vocab_size), streams[0].encoded.ids)
    with torch.no_grad():
        encoder.network.get_input_embeddings().weight[unused[-1]] = math.inf
    with pytest.raises(
        UsageError, match=r"after step 12 weights .*word_embeddings.* are not finite"
    ):
        train(encoder, streams, ALONE, schedule())


def test_an_evaluation_of_what_diverged_names_the_step(encoders):
    encoder, streams = setup(encoders["xlmr"])
    head, entry = streams[0].head, TASKS["mnli"]

    def judge():
        with torch.no_grad():
            encoder.network.get_input_embeddings().weight.fill_(math.nan)
        return evaluate.score(
            encoder, head, entry, examples_of("mnli", "dev", "en", limit=4), "en", Limits(64)
        ).values["accuracy"]

    with pytest.raises(
        UsageError,
        match=r"evaluation after step 12 \(mnli, learning rate .*\): the encoder's hidden states are not finite",
    ):
        train(encoder, streams, ALONE, schedule(evaluations=1), judge)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["mnli", "hellaswag", "udpos", "squad_v1"])
def test_nothing_is_scored_with_hidden_states_or_heads_that_are_not_finite(encoders, name, value):
    encoder = model.load(str(encoders["xlmr"]), dropout=0.0, packed=True, device=CPU)
    form, entry = FORMATS[TASKS[name].format], TASKS[name]
    encoded = form.encode(
        examples_of(name, "dev", "en", limit=4), entry, encoder.tokenizer, Limits(64)
    )
    head = form.head(entry, HeadOptions(encoder.width, 0.0, "first"))
    assert len(predict(encoder, head, form, encoded))
    with torch.no_grad():
        kept = head.out.weight.clone()
        head.out.weight[0, 0] = value
        with pytest.raises(NotFinite, match=r"weights out\.weight of the head are not finite"):
            predict(encoder, head, form, encoded)
        head.out.weight.copy_(kept)
        encoder.network.get_input_embeddings().weight[7:] = value
    with pytest.raises(
        NotFinite,
        match="hidden states are not finite: lower the learning rate or check the encoder's weights",
    ):
        predict(encoder, head, form, encoded)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_vectors_of_a_diverged_encoder_have_no_neighbours(value):
    for centred in (False, True):
        with pytest.raises(NotFinite, match="sentence vectors are not finite"):
            retrieval.prepare(torch.tensor([[1.0, 2.0], [value, 1.0], [0.0, 0.0]]), centred)
    assert retrieval.prepare(torch.zeros(2, 3), True).tolist() == torch.zeros(2, 3).tolist(), (
        "a vector of zeros is a number"
    )


def test_a_broken_encoder_leaves_no_result_in_any_phase(tmp_path, encoders, monkeypatch):
    place = str(broken(encoders["xlmr"], tmp_path))
    spec = target(tmp_path, place)
    with pytest.raises(
        UsageError, match="gives states that are NaN or infinite: its weights are damaged"
    ):
        run.load_encoder(spec)
    # As one that breaks only after it was loaded.
    monkeypatch.setattr(trial, "examine", lambda network, what, packed: False)
    with pytest.raises(UsageError, match=r"^step 1 \(mnli, learning rate"):
        run_target(spec)
    assert (
        not (spec.folder / results.RESULT).exists() and not (spec.folder / "predictions").exists()
    )
    common = {"outputs": str(tmp_path), "encoder": place, "languages": ["de"]}
    for name in ("tatoeba", "bucc2018"):
        spec = RetrievalSpec(task=name, layer=1, **common)
        encoder = run.load_encoder(spec)
        with pytest.raises(NotFinite):
            retrieve.score_retrieval(
                run.Run(spec), encoder, 1, {retrieve.Measure(1, True): {"de": 0.0}}
            )
    spec = ProbingSpec(**common)
    with pytest.raises(NotFinite):
        probing.fit(spec, run.load_encoder(spec))
    spec = IntermediateSpec(outputs=str(tmp_path), encoder=place, train_examples=32, epochs=1)
    encoder = run.load_encoder(spec)
    with pytest.raises(UsageError, match="step 1"):
        run.fit(run.Run(spec), encoder, run.learners(spec, encoder))
    assert not (spec.folder / "model").exists()


TINY = {
    "documents": 40,
    "vocabulary": 900,
    "hidden_size": 32,
    "layers": 2,
    "heads": 2,
    "steps": 30,
    "languages": ["en", "de"],
}


def test_phase_1_stops_and_has_no_perplexity_that_is_none(tmp_path):
    spec = PretrainSpec(outputs=str(tmp_path), **TINY)
    texts = pretrain.documents(spec)
    tokenizer = pretrain.train_tokenizer(
        pretrain.vocabulary_texts(spec, texts), spec.vocabulary, spec.max_length
    )
    encoder, head = pretrain.new_model(spec, tokenizer)
    training, development = pretrain.stream(spec, encoder, head, texts)
    assert math.isfinite(pretrain.perplexity(encoder, development)[0])
    with torch.no_grad():
        head.bias += torch.linspace(0, 1e6, len(head.bias))
    with pytest.raises(UsageError, match="perplexities, are not finite"):
        pretrain.perplexity(encoder, development)
    with torch.no_grad():
        encoder.network.embeddings.word_embeddings.weight[50:] = math.nan
    with pytest.raises(UsageError, match=r"^step 1 \(mlm, learning rate"):
        train(
            encoder,
            [training],
            [1.0],
            pretrain.schedule(spec),
            None,
            run.Run(spec).reporter(spec.steps),
        )
    with pytest.raises(UsageError, match="not finite"):
        pretrain.perplexity(encoder, development)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_result_is_json_or_none_at_all(tmp_path, encoders, value):
    spec = target(tmp_path, encoders["xlmr"])
    with pytest.raises(
        UsageError, match=f"the f1 of udpos in de is {value}: a score must be a finite number"
    ):
        results.write(spec, [Score("udpos", "de", "test", "f1", value, 3)], "cpu", 1.0)
    with pytest.raises(ValueError):
        results.write(spec, [], "cpu", 1.0, {"padding": value})
    with pytest.raises(ValueError):
        run.Run(spec).reporter(10)({"step": 10, "loss": value, "tokens_per_second": 1})
    assert not (spec.folder / results.RESULT).exists()
