"""Memory: a step's examples go through the encoder in as many parts as it asks for, and gradients
do not depend on them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from xstilts_core import model
from xstilts_core import train as training
from xstilts_core.data.source import Embedded
from xstilts_core.encoders import memory
from xstilts_core.errors import UsageError
from xstilts_core.examples import Passage, RankingExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, mlm
from xstilts_core.formats.tokens import encode_texts
from xstilts_core.schedule import Schedule
from xstilts_core.streams import Stream
from xstilts_core.study.spec import TargetSpec
from xstilts_core.tasks import task

CPU = torch.device("cpu")
COUNT = 22
TASKS = {
    "pair": "mnli",
    "choice": "hellaswag",
    "span": "squad_v1",
    "tagging": "udpos",
    "ranking": "squad_sentences",
    "mlm": "",
}


def examples(name):
    if task(name).format != "ranking":
        return list(Embedded().load(name, "train", "en"))[:COUNT]
    found = list(Embedded().load("squad_v1", "train", "en"))[:COUNT]
    return [
        RankingExample(str(k), one.question, (Passage(str(k), "en", one.context),))
        for k, one in enumerate(found)
    ]


def stream_of(kind, encoder):
    """A step of COUNT rows, or a few more, of one format; of ranking in groups of 4, the last of
    them short."""
    torch.manual_seed(1)
    if kind == "mlm":
        encoded = encode_texts(
            [(one.text_a, None) for one in examples("mnli")], encoder.tokenizer, 64
        )
        mask = mlm.masking(encoder.tokenizer, 0.15, np.random.default_rng(4))
        head = model.language_head(encoder, model.SHIPPED, seed=1)
        return Stream("mlm", head, mlm.loss, encoded, COUNT, len(encoded), mask)
    entry = task(TASKS[kind])
    form = FORMATS[entry.format]
    entry = form.complete(entry, examples(entry.name))
    head = form.head(entry, HeadOptions(encoder.width, 0.0, "first"))
    encoded = form.encode(examples(entry.name), entry, encoder.tokenizer, Limits(64, 20))
    return Stream(kind, head, form.loss, encoded, COUNT, len(encoded), group=entry.group)


def gradients(kind, most, packed, monkeypatch):
    """(the gradients of one step with at most so many tokens at once, the loss in the log, forward
    passes)."""
    encoder = model.load(model.SHIPPED, dropout=0.0, packed=packed, device=CPU)
    stream, found, passes = stream_of(kind, encoder), [], []
    encoder.network.register_forward_hook(lambda *_: passes.append(1))

    def keep(weights, clip):
        found.extend(weight.grad.clone() for weight in weights)
        return torch.tensor(1.0)

    monkeypatch.setattr(training, "most_tokens", lambda network, streams: most)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", keep)
    done = training.train(
        encoder, [stream], np.ones(1), Schedule(1, 1e-3, 0.0, 0.01, clip=1.0, seed=2)
    )
    return found, done.log[-1]["loss"], len(passes)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", TASKS)
def test_gradients_do_not_depend_on_the_parts_of_a_step(kind, packed, monkeypatch):
    whole, loss, once = gradients(kind, 10**9, packed, monkeypatch)
    for most in (1, 100):
        parts, other, passes = gradients(kind, most, packed, monkeypatch)
        assert passes > once and other == pytest.approx(loss, abs=2e-5)
        largest = max(float(gradient.abs().max()) for gradient in whole)
        assert max(
            float((a - b).abs().max()) for a, b in zip(whole, parts, strict=True)
        ) < 1e-5 * max(1.0, largest)


def test_every_row_is_in_one_part_and_no_part_has_more_tokens_than_are_allowed():
    encoder = model.load(model.SHIPPED, dropout=0.0, packed=True, device=CPU)
    stream = stream_of("pair", encoder)
    rows = np.random.default_rng(0).permutation(COUNT)
    parts = stream.batches(rows, CPU, 120)
    assert len(parts) > 2 and all(len(part.sequences.ids) <= 120 for part in parts)
    assert sorted(length for part in parts for length in part.sequences.lengths) == sorted(
        stream.encoded.lengths[rows]
    )
    assert sum(part.terms for part in parts) == COUNT
    (whole,) = stream.batches(rows, CPU, int(stream.encoded.lengths.sum()))
    assert whole.sequences.lengths.tolist() == stream.encoded.lengths[rows].tolist(), (
        "as drawn where all fit"
    )


def test_ranked_rows_stay_with_those_that_they_are_told_apart_from():
    encoder = model.load(model.SHIPPED, dropout=0.0, packed=True, device=CPU)
    stream = stream_of("ranking", encoder)
    assert stream.group == 4
    assert [len(part.choices) % 4 for part in stream.batches(np.arange(COUNT), CPU, 200)].count(
        0
    ) >= 5


def kept_bytes(call: Callable[[], object], module: nn.Module) -> int:
    """The bytes that a training batch keeps between forward and backward pass: every distinct
    tensor except the weights."""
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    sizes: dict[int, int] = {}

    def record(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        call()
    return sum(sizes.values())


def test_what_a_token_keeps_is_not_underestimated_by_more_than_a_fifth_without_attention_dropout():
    from xstilts_core.packing import Sequences, flat_hidden

    encoder = model.load(model.SHIPPED, dropout=0.0, packed=True, device=CPU)
    encoder.network.train()
    batch = Sequences(np.full(8 * 64, 9, dtype=np.int32), np.full(8, 64))
    kept = kept_bytes(
        lambda: flat_hidden(encoder.network, batch, encoder.packed)[0].sum().backward(),
        encoder.network,
    ) / (8 * 64)
    assert kept < 1.2 * memory.token_bytes(encoder.network.config, 64)


def test_a_large_encoder_takes_fewer_tokens_at_once_and_a_gpu_what_is_free(monkeypatch):
    encoder = model.load(model.SHIPPED, dropout=0.0, packed=True, device=CPU)
    stream = stream_of("pair", encoder)
    found = memory.most_tokens(encoder.network, [stream])
    encoder.network.config.num_hidden_layers *= 4
    assert memory.most_tokens(encoder.network, [stream]) == pytest.approx(found / 4, abs=1)
    assert (
        memory.CPU_BYTES
        // memory.token_bytes(encoder.network.config, int(stream.encoded.lengths.max()))
        == found // 4
    )


def test_older_studies_say_accumulation_and_mean_the_same_step():
    values = {"train_on": "mnli", "targets": ["xnli"]}
    old = TargetSpec.of({**values, "batch_size": 4, "accumulation": 8})
    assert old == TargetSpec.of({**values, "batch_size": 32}) and old.changed()["batch_size"] == 32
    assert TargetSpec.of({**values, "batch_size": 16, "accumulation": 1}).batch_size == 16
    with pytest.raises(UsageError, match="accumulation 8 needs batch_size beside it"):
        TargetSpec.of({**values, "accumulation": 8})
