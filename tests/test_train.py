"""The training loop: determinism, schedule, mixture, the best checkpoint, frozen parts, masking."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from xstilts_core import model
from xstilts_core.examples import PairExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, mlm
from xstilts_core.formats.tokens import IGNORED, Encoded, encode_texts
from xstilts_core.streams import Order, Stream, mixture
from xstilts_core.tasks import TASKS
from xstilts_core.train import Schedule, parameter_groups, train

CPU = torch.device("cpu")
TEXTS = [
    "Anna reads.",
    "A doctor reads three old books today.",
    "Peter Weber lives in Rome.",
    "Anna never eats an apple.",
]
EXAMPLES = [
    PairExample(str(k), TEXTS[k % 4], TEXTS[(k // 4) % 4], TASKS["mnli"].labels[k % 4 % 3])
    for k in range(48)
]


def setup(folder, batch_size=8, names=("mnli",), dropout=0.1):
    encoder = model.load(str(folder), dropout=dropout, packed=True, device=CPU)
    form, task = FORMATS["pair"], TASKS["mnli"]
    torch.manual_seed(5)
    head = form.head(task, HeadOptions(32, dropout, "first"))
    encoded = form.encode(EXAMPLES, task, encoder.tokenizer, Limits(64))
    return encoder, [
        Stream(name, head, form.loss, encoded, len(encoded), batch_size) for name in names
    ]


def schedule(**changes):
    values = {
        "steps": 12,
        "learning_rate": 1e-3,
        "warmup": 0.25,
        "weight_decay": 0.01,
        "clip": 1.0,
        "seed": 7,
    }
    return Schedule(**{**values, **changes})


def weights(encoder):
    return {name: value.clone() for name, value in encoder.network.state_dict().items()}


def equal(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others(encoders, family):
    found = []
    for seed in (7, 7, 8):
        encoder, streams = setup(encoders[family])
        train(encoder, streams, np.array([1.0]), schedule(seed=seed))
        found.append(weights(encoder))
    assert equal(found[0], found[1])
    assert not equal(found[0], found[2])


def test_training_learns(encoders):
    encoder, streams = setup(encoders["xlmr"], dropout=0.0)
    done = train(encoder, streams, np.array([1.0]), schedule(steps=150, learning_rate=3e-3))
    assert done.log[-1]["loss"] < 0.5 * done.log[0]["loss"]
    assert done.tokens == 150 // 6 * len(streams[0].encoded.ids)


def test_the_rate_rises_then_falls_to_zero():
    plan = schedule(steps=100, warmup=0.1)
    rates = [plan.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (k + 1) for k in range(10)])
    assert rates[10] == 1 and rates[55] == pytest.approx(0.5) and rates[100] == 0
    assert schedule(steps=10, warmup=0.0).rate(0) == 1


def test_every_pass_is_a_permutation_in_full_batches(encoders):
    _, streams = setup(encoders["xlmr"], batch_size=8)
    batches = list(islice(Order(streams[0], np.random.default_rng(0)), 12))
    for first in (0, 6):
        assert sorted(np.concatenate(batches[first : first + 6])) == list(range(48))
    assert {len(rows) for rows in batches} == {8}
    assert not np.array_equal(np.concatenate(batches[:6]), np.concatenate(batches[6:]))


def test_batches_by_tokens_hold_rows_of_like_length_each_once_a_pass():
    lengths = np.random.default_rng(1).integers(3, 60, 5_000)
    encoded = Encoded(
        np.zeros(lengths.sum(), dtype=np.int32), lengths, np.arange(5_001), np.arange(5_000)
    )
    stream = Stream("mlm", None, None, encoded, 5_000, 1_000, by_length=True)
    seen, sizes, spreads = [], [], []
    for rows in Order(stream, np.random.default_rng(0)):
        seen.append(rows)
        sizes.append(lengths[rows].sum())
        spreads.append(np.ptp(lengths[rows]))
        if sum(map(len, seen)) == 5_000:
            break
    assert sorted(np.concatenate(seen)) == list(range(5_000))
    assert np.median(sizes) == pytest.approx(1_000, rel=0.1) and max(sizes) < 1_200
    assert np.median(spreads) <= 1
    first = [int(lengths[rows[0]]) for rows in seen]
    assert first != sorted(first)


def test_the_mixture_follows_sizes_cap_and_temperature(encoders):
    sizes = [100, 300, 10_000]
    assert mixture(sizes, cap=600, temperature=1.0) == pytest.approx([0.1, 0.3, 0.6])
    assert mixture(sizes, cap=10**9, temperature=1e9) == pytest.approx([1 / 3] * 3)
    encoder, streams = setup(encoders["xlmr"], names=("a", "b"))
    counts = [
        train(encoder, streams, np.array([0.25, 0.75]), schedule(steps=60)).counts for _ in range(2)
    ]
    assert counts[0] == counts[1] and sum(counts[0].values()) == 60
    assert 5 <= counts[0]["a"] <= 25


def test_the_best_checkpoint_is_restored_and_patience_ends_the_run(encoders):
    encoder, streams = setup(encoders["xlmr"])
    seen, scores = [], iter([50.0, 70.0, 60.0, 65.0, 10.0, 10.0])

    def evaluate():
        seen.append(weights(encoder))
        return next(scores)

    done = train(encoder, streams, np.array([1.0]), schedule(evaluations=6, patience=2), evaluate)
    assert (done.best_step, done.best_score, len(seen)) == (4, 70.0, 4)
    assert equal(weights(encoder), seen[1])
    assert [line["dev"] for line in done.log if "dev" in line] == [50.0, 70.0, 60.0, 65.0]


def test_frozen_embeddings_stay_and_weight_decay_spares_norms_and_biases(encoders):
    encoder, streams = setup(encoders["xlmr"])
    model.freeze_embeddings(encoder.network)
    before = weights(encoder)
    train(encoder, streams, np.array([1.0]), schedule())
    after = weights(encoder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any(name.startswith("embeddings") for name in changed)
    decayed, spared = parameter_groups([encoder.network], 0.01)
    assert all(weight.ndim > 1 for weight in decayed["params"]) and all(
        weight.ndim <= 1 for weight in spared["params"]
    )
    assert spared["weight_decay"] == 0


def test_clipping_acts_on_the_whole_step(encoders, monkeypatch):
    monkeypatch.setattr(
        "xstilts_core.train.most_tokens", lambda network, streams: 60
    )  # in several parts
    encoder, streams = setup(encoders["xlmr"], dropout=0.0)
    before = weights(encoder)
    train(
        encoder,
        streams,
        np.array([1.0]),
        schedule(steps=1, warmup=0.0, clip=1e-12, weight_decay=0.0),
    )
    # AdamW divides by the gradient's size: with a clipped norm far below its epsilon the step is
    # next to nothing.
    assert all(
        torch.allclose(before[name], value, atol=1e-6) for name, value in weights(encoder).items()
    )


def test_masks_hit_the_share_asked_for_and_never_a_special_token(encoders):
    tokenizer = AutoTokenizer.from_pretrained(encoders["xlmr"])
    encoded = encode_texts(
        [(text, None) for text in TEXTS * 200] + [(TEXTS[0], TEXTS[1])], tokenizer, 64
    )
    mask = mlm.masking(tokenizer, 0.3, np.random.default_rng(0))
    masked = mask(encoded, np.arange(len(encoded)))
    labels, inputs = masked.token_columns["label"], masked.ids
    ordinary = ~np.isin(encoded.ids, tokenizer.all_special_ids)
    chosen = labels != IGNORED
    assert not chosen[~ordinary].any() and np.array_equal(labels[chosen], encoded.ids[chosen])
    assert chosen.sum() / ordinary.sum() == pytest.approx(0.3, abs=0.02)
    fate = Counter(
        "mask" if new == tokenizer.mask_token_id else "kept" if new == old else "random"
        for new, old in zip(inputs[chosen], labels[chosen], strict=True)
    )
    assert fate["mask"] / chosen.sum() == pytest.approx(0.8, abs=0.03)
    assert fate["random"] / chosen.sum() == pytest.approx(0.1, abs=0.03)
    assert np.array_equal(inputs[~chosen], encoded.ids[~chosen])
    # Masks are drawn anew each time.
    assert not np.array_equal(mask(encoded, np.arange(len(encoded))).ids, inputs)
