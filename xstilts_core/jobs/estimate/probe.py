"""Measure this machine's speed with an encoder, in one short process.

`python -m xstilts_core.jobs.estimate.probe` reads a Question and prints an Answer, both as JSON.

Every stage of a study is trained and scored for a few batches with random weights of the encoder's
shape, because weights do not change the speed. An encoder too large for that is cut to one layer,
and the layer's time and memory are multiplied.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.utils import logging

from xstilts_core import evaluate, model
from xstilts_core.data.source import Embedded
from xstilts_core.encoders.dropout import use_bytes
from xstilts_core.encoders.memory import CPU_BYTES, token_bytes
from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, mlm, retrieval
from xstilts_core.jobs.estimate.bench import (
    CUDA_BYTES,
    Bench,
    bench,
    host_peak,
    memory,
    trained_parameters,
)
from xstilts_core.jobs.estimate.question import TEXTS, Answer, Question, Speed, Stage
from xstilts_core.jobs.estimate.sample import ASSUMED, SAMPLE, examples, timed
from xstilts_core.jobs.estimate.translating import rendered
from xstilts_core.model import Encoder
from xstilts_core.phases import pretrain
from xstilts_core.study.spec import PretrainSpec
from xstilts_core.tasks import Task, task
from xstilts_core.train import Stream, parameter_groups

_SAMPLE_DOCUMENTS = 60


def kept_bytes(call: Callable[[], object], modules: list[nn.Module]) -> int:
    """Return the bytes that a training batch keeps between forward and backward pass: every
    distinct tensor except the weights."""
    weights = {
        weight.untyped_storage().data_ptr() for module in modules for weight in module.parameters()
    }
    sizes: dict[int, int] = {}

    def record(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        call()
    return sum(sizes.values())


@contextmanager
def adapted(stage: Stage, made: Bench) -> Iterator[None]:
    """Prepare the network as the stage trains it, with frozen embeddings or with adapters only, and
    restore it afterwards."""
    network = made.encoder.network
    if stage.frozen:
        model.freeze_embeddings(network)
    if stage.lora:
        model.add_adapters(network, stage.lora, seed=0)
    try:
        yield
    finally:
        if stage.lora:
            model.merge_adapters(network)
        network.requires_grad_(True)


def encoder_of(stage: Stage, made: Bench) -> Encoder:
    """Return the encoder in the stage's precision."""
    bfloat16 = model.in_bfloat16(stage.precision, made.where, made.encoder.width)
    return replace(made.encoder, bfloat16=bfloat16)


def training(
    stage: Stage, stream: Stream, made: Bench, tokens: float
) -> tuple[float, float, float]:
    """Return (seconds per token in a step of this many tokens, seconds per optimizer step, bytes
    kept per token) of the whole encoder.

    The network is `adapted` to the stage.
    """
    encoder = encoder_of(stage, made)
    network, modules = encoder.network, [encoder.network, stream.head]
    for module in modules:
        use_bytes(module)
        module.train()
    groups = parameter_groups(modules, 0.01)
    weights = [weight for group in groups for weight in group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=1e-5, fused=True)
    mean = float(stream.encoded.row_lengths.mean())
    count = max(1, round(min(tokens, made.most_tokens()) / mean))
    rows = np.resize(np.random.default_rng(0).permutation(len(stream.encoded)), count)
    token_count = float(stream.encoded.row_lengths[rows].sum())
    bytes_per_token = (
        token_bytes(network.config, int(stream.encoded.lengths.max())) * made.scale
        + stream.token_bytes
    )
    chunk_tokens = int(CPU_BYTES / bytes_per_token) if made.where.type == "cpu" else sys.maxsize

    def batch() -> None:
        for minibatch in stream.batches(rows, made.where, chunk_tokens):
            hidden, _ = encoder.hidden(minibatch.sequences)
            stream.loss(stream.head, hidden, minibatch).backward()

    def step() -> None:
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    batch_seconds = timed(batch, made.where)
    own_parameters = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    trained = own_parameters * made.scale if stage.lora else trained_parameters(made, stage.frozen)
    made.trained = max(made.trained, int(trained))
    share = trained / max(1, sum(weight.numel() for weight in weights))
    step_seconds = timed(step, made.where) * max(1.0, share)
    size = kept_bytes(batch, modules)
    optimizer.zero_grad(set_to_none=True)
    return batch_seconds / token_count * made.scale, step_seconds, size / token_count * made.scale


def _head_and_rows(
    sampled: Task, stage: Stage, made: Bench, found: list[Any]
) -> tuple[Any, Stream]:
    """Return the completed task, and its sample as a stream with a new head."""
    form = FORMATS[sampled.format]
    completed = form.complete(sampled, found)
    dropout = (
        model.head_dropout(made.encoder.network.config) if stage.dropout is None else stage.dropout
    )
    head = form.head(completed, HeadOptions(made.encoder.width, dropout, stage.pooling)).to(
        made.where
    )
    encoded = form.encode(
        found, completed, made.encoder.tokenizer, Limits(stage.max_length, stage.doc_stride)
    )
    return completed, Stream(
        stage.task, head, form.loss, encoded, len(found), max(1, stage.batch_size)
    )


def tune(stage: Stage, made: Bench) -> Speed:
    """Measure a task that is trained on and scored. If the encoder is cut to one layer, each format
    is measured only once."""
    sampled, sample, read, at_hand = examples(stage)
    completed, stream = _head_and_rows(sampled, stage, made, sample)
    rows = len(stream.encoded) / len(sample)
    mean = float(stream.encoded.row_lengths.mean())
    known = at_hand and (made.own or stage.embedded)
    choices = len(stream.encoded.lengths) / len(stream.encoded)
    tokens = mean if known else min(ASSUMED[completed.format], stage.max_length * choices)
    batch = tokens * stage.batch_size
    variant = (stage.task, stage.batch_size) if made.depth == made.layers else (completed.format,)
    key = (*variant, stage.frozen, stage.dropout, stage.precision, stage.lora)
    if key not in made.measured:
        with adapted(stage, made):
            made.measured[key] = measure(stage, stream, completed, sample, made, batch)
    seconds, step, scored, activations = made.measured[key]
    made.hold(activations * batch)
    made.pool = max(made.pool, stage.pool)
    # Queries and passages alternate; the pool holds only the passages.
    passage = (
        float(stream.encoded.lengths[1::2].sum() / stream.encoded.lengths.sum())
        if stage.pool
        else 0.0
    )
    return Speed(
        rows,
        tokens,
        known,
        read,
        seconds * batch,
        step,
        scored * tokens * rows,
        once=stage.pool * passage * scored * tokens,
    )


def measure(
    stage: Stage, stream: Stream, entry: Any, found: list[Any], made: Bench, batch: float
) -> tuple[float, float, float, float]:
    """Return (seconds per token of a step of `batch` tokens, seconds per optimizer step, seconds
    per scored token, bytes kept per token)."""
    for module in made.encoder.network.modules():
        if isinstance(module, nn.Dropout) and stage.dropout is not None:
            module.p = stage.dropout
    trained, step, activations = training(stage, stream, made, batch)
    limits = Limits(stage.max_length, stage.doc_stride)
    subset = (
        found[: max(2, int(made.most_tokens() / len(stream.encoded.ids) * len(found)))]
        if made.scale > 1
        else found
    )
    tokens = len(stream.encoded.ids) * len(subset) / len(found)
    encoder = encoder_of(stage, made)
    scored = timed(
        lambda: evaluate.score(encoder, stream.head, entry, subset, "en", limits), made.where
    )
    return trained, step, scored / tokens * made.scale, activations


def embed(stage: Stage, made: Bench) -> Speed:
    """Measure a retrieval or probing task.

    Sentences of a retrieval task are embedded with the stage's layer, or with every layer if one is
    to be chosen. For a probing task, the second of two texts (or the only one) is embedded; the
    first, in English, is embedded once for all languages.
    """
    _, sample, read, at_hand = examples(stage)
    texts = [
        example.text if isinstance(example, SentenceExample) else example.text_b or example.text_a
        for example in sample
    ]
    lengths = retrieval.encode(texts, made.encoder, stage.max_length).lengths
    known = at_hand and (made.own or stage.embedded)
    tokens = float(lengths.mean()) if known else min(ASSUMED["retrieval"], float(stage.max_length))
    batch = texts[: max(2, int(min(len(texts), made.most_tokens() / lengths.mean())))]
    # Layers above the requested one are not computed.
    layers, share = (
        (range(made.depth + 1), 1.0)
        if stage.layer < 0
        else ([made.depth], stage.layer / made.layers)
    )
    encoder = encoder_of(stage, made)
    seconds = timed(
        lambda: retrieval.embed(encoder, batch, stage.max_length, layers), made.where
    ) / len(batch)
    return Speed(
        1.0,
        tokens,
        known,
        read,
        scored=seconds * share * tokens / float(lengths.mean()) * made.scale,
    )


def continued(stage: Stage, made: Bench) -> Speed:
    """Measure masked language modelling beside tasks. Short documents of the embedded suite
    represent the texts of every source."""
    started = time.process_time()
    texts = Embedded().unlabelled(("en", "de"), SAMPLE, 1)
    read = (time.process_time() - started) / len(texts)
    encoded = mlm.encode([(text, None) for text in texts], made.encoder.tokenizer, stage.max_length)
    width, vocabulary = made.encoder.width, made.encoder.network.config.vocab_size
    head = nn.Sequential(
        nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, vocabulary)
    ).to(made.where)
    head[-1].weight = made.encoder.network.get_input_embeddings().weight
    mask = mlm.masking(made.encoder.tokenizer, 0.15, np.random.default_rng(0))
    stream = Stream(stage.task, head, mlm.loss, encoded, len(texts), stage.batch_size, mask)
    tokens = float(encoded.row_lengths.mean()) if stage.embedded else float(stage.max_length)
    batch = tokens * stage.batch_size
    with adapted(stage, made):
        trained, step, size = training(stage, stream, made, batch)
        head_seconds, head_bytes = _vocabulary_head(stage, stream, made, batch)
    # Scaling by layers counts the measured head once per layer; the whole encoder has one head with
    # its full vocabulary.
    extra = made.vocabulary / vocabulary - made.scale
    trained, size = max(0.0, trained + extra * head_seconds), max(0.0, size + extra * head_bytes)
    made.hold(size * batch)
    return Speed(1.0, tokens, True, read, trained * batch, step)


def _vocabulary_head(
    stage: Stage, stream: Stream, made: Bench, tokens: float
) -> tuple[float, float]:
    """Return (seconds per token, bytes kept per token) of the language-model head in one training
    batch, without the encoder."""
    if made.scale == 1:
        return 0.0, 0.0
    mean = float(stream.encoded.row_lengths.mean())
    rows = np.resize(
        np.arange(len(stream.encoded)), max(1, round(min(tokens, made.most_tokens()) / mean))
    )
    minibatch = stream.batches(rows, made.where)[0]
    count = len(minibatch.sequences.ids)
    hidden = torch.randn(count, made.encoder.width, device=made.where, requires_grad=True)

    def batch() -> None:
        stream.loss(stream.head, hidden, minibatch).backward()

    return timed(batch, made.where) / count, kept_bytes(batch, [stream.head]) / count


def phase1(spec: PretrainSpec, stage: Stage, where: torch.device) -> tuple[Bench, Speed]:
    """Return the model of phase 1 and the speed of its training, on a few of its documents."""
    sample = spec.model_copy(update={"documents": min(spec.documents, _SAMPLE_DOCUMENTS)})
    started = time.process_time()
    texts = pretrain.documents(sample)
    read = (time.process_time() - started) / sample.documents
    started = time.process_time()
    tokenizer = pretrain.train_tokenizer(
        pretrain.vocabulary_texts(sample, texts), spec.vocabulary, spec.max_length
    )
    once = time.process_time() - started
    encoder, head = pretrain.new_model(spec, tokenizer)
    started = time.process_time()
    stream, _ = pretrain.stream(spec, encoder, head, texts)
    read += (time.process_time() - started) / sample.documents
    parameters = model.count_parameters(encoder.network)
    embeddings = model.count_parameters(encoder.network.embeddings)
    made = Bench(
        encoder, encoder.layers, encoder.layers, parameters, embeddings, len(tokenizer), True, where
    )
    trained, step, activations = training(stage, stream, made, float(stage.batch_size))
    made.hold(activations * stage.batch_size)
    return made, Speed(
        1.0, float(stage.batch_size), True, read, trained * stage.batch_size, step, once=once
    )


def answer(question: Question) -> Answer:
    """Measure what the question asks for. Raise UsageError if the encoder's shape is unknown."""
    where = model.device(question.device)
    speeds: dict[Stage, Speed] = {}
    ready = time.process_time()
    if question.pretrain is None:
        made, note = bench(question, where)
    else:
        spec = PretrainSpec(**question.pretrain)
        default_stage = Stage(
            "mlm", spec.source, spec.data_root, spec.max_length, precision="float32"
        )
        stage = next(
            (request for request in question.stages if request.task == "mlm"), default_stage
        )
        made, speeds[stage] = phase1(spec, replace(stage, batch_size=spec.batch_tokens), where)
        note = "the settings of phase 1"
    base = CUDA_BYTES if where.type == "cuda" else host_peak()
    for stage in question.stages:
        if stage.task == TEXTS:
            speeds[stage] = continued(stage, made)
        elif stage.task != "mlm":
            speeds[stage] = (tune if stage.batch_size else embed)(stage, made)
    costs = [rendered(request, made, question.translations) for request in question.renderings]
    layer_note = "" if made.depth == made.layers else f", one of its {made.layers} layers measured"
    assumed = {task(stage.task).format for stage, speed in speeds.items() if not speed.known}
    assumed |= {
        task(request.task).format
        for request, cost in zip(question.renderings, costs, strict=True)
        if not cost.known
    }
    return Answer(
        device=model.device_name(where),
        gpu=where.type == "cuda",
        shape=note + layer_note,
        parameters=made.parameters,
        vocabulary=made.vocabulary,
        start=ready,
        memory=memory(made, base),
        speeds=[speeds[stage] for stage in question.stages],
        assumed={name: ASSUMED[name] for name in sorted(assumed)},
        rendered=costs,
    )


def main() -> int:
    """Read a Question as JSON and print an Answer as JSON, or {"error": ...} with exit code 2."""
    logging.set_verbosity_error()
    try:
        print(json.dumps(asdict(answer(Question.of(json.load(sys.stdin))))))
    except UsageError as error:
        print(json.dumps({"error": str(error)}))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
