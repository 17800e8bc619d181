"""Packed batches give what padded batches give, in logits and gradients, for every family; the
silent trap is shown and avoided."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xstilts_core import model, packing
from xstilts_core.examples import PairExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, gather
from xstilts_core.tasks import TASKS

CPU = torch.device("cpu")


def load(folder: object, packed: bool) -> model.Encoder:
    return model.load(str(folder), dropout=0.0, packed=packed, device=CPU)


def random_batch(words: int, count: int = 24) -> packing.Sequences:
    rng = np.random.default_rng(3)
    lengths = rng.integers(3, 60, count)
    return packing.Sequences(rng.integers(5, words, lengths.sum()), lengths)


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_packed_equals_padded_in_states_and_gradients(encoders, family, coarse, monkeypatch):
    """coarse: with the shapes that packs have in bfloat16, in float32, which can be compared."""
    folder = encoders[family]
    results = []
    for packed in (True, False):
        monkeypatch.setattr(packing, "few_shapes", lambda device: coarse)
        encoder = load(folder, packed)
        assert encoder.packed is packed
        batch = random_batch(encoder.network.config.vocab_size)
        hidden, padding = packing.flat_hidden(encoder.network, batch, packed)
        (hidden**2).mean().backward()
        gradients = {
            name: weight.grad
            for name, weight in encoder.network.named_parameters()
            if weight.grad is not None
        }
        results.append((hidden.detach(), gradients))
        assert hidden.shape == (batch.lengths.sum(), 32)
        assert 0 <= padding < (0.2 if packed and not coarse else 0.5)
    (packed_hidden, packed_gradients), (padded_hidden, padded_gradients) = results
    assert torch.allclose(packed_hidden, padded_hidden, atol=1e-5)
    assert packed_gradients.keys() == padded_gradients.keys()
    for name in packed_gradients:
        assert torch.allclose(packed_gradients[name], padded_gradients[name], atol=1e-5), name


def test_a_sequence_does_not_see_its_neighbours(encoders):
    encoder = load(encoders["xlmr"], packed=True)
    batch = random_batch(encoder.network.config.vocab_size, 6)
    with torch.no_grad():
        before, _ = packing.flat_hidden(encoder.network, batch, packed=True)
        changed = batch.ids.copy()
        changed[batch.lengths[0] :] = 7
        after, _ = packing.flat_hidden(
            encoder.network, packing.Sequences(changed, batch.lengths), packed=True
        )
    first = slice(0, batch.lengths[0])
    assert torch.equal(before[first], after[first])
    assert not torch.allclose(before[batch.lengths[0] :], after[batch.lengths[0] :])


def test_the_trap_position_ids_alone_attend_across_examples(encoders):
    """With stock "sdpa" and only position_ids, the same pack is silently wrong; this is why packing
    needs its own attention."""
    encoder = load(encoders["xlmr"], packed=False)
    batch = random_batch(encoder.network.config.vocab_size, 6)
    steps = np.arange(len(batch.ids)) - np.repeat(batch.starts, batch.lengths)
    with torch.no_grad():
        right, _ = packing.flat_hidden(encoder.network, batch, packed=False)
        ids = torch.from_numpy(batch.ids)[None]
        wrong = encoder.network(
            input_ids=ids, position_ids=torch.from_numpy(steps + 2)[None]
        ).last_hidden_state[0]
    assert (wrong - right).abs().max() > 1e-3


def test_packed_attention_without_a_plan_is_refused(encoders):
    encoder = load(encoders["xlmr"], packed=True)
    with pytest.raises(RuntimeError, match="without a plan"):
        encoder.network(input_ids=torch.tensor([[0, 5, 6, 2]]))


def test_can_pack_finds_an_encoder_that_cannot(encoders):
    encoder = load(encoders["xlmr"], packed=False)
    encoder.network.set_attn_implementation("eager")

    class Stubborn(type(encoder.network)):
        def set_attn_implementation(self, name: str) -> None:
            """Keeps the attention it has, as remote code may."""

    encoder.network.__class__ = Stubborn
    assert not packing.can_pack(encoder.network)
    assert encoder.network.config._attn_implementation == "eager"


def test_a_window_that_packed_attention_is_not_told_of_is_found_by_a_longer_text():
    """Short texts lie within the window, and show nothing."""
    from transformers import BertConfig, BertModel

    class Windowed(BertModel):
        def forward(self, input_ids, attention_mask=None, **others):
            """Every token sees 63 tokens to either side, by a mask."""
            if attention_mask is not None:
                steps = torch.arange(input_ids.shape[1])
                seen = (steps[:, None] - steps[None, :]).abs() < 64
                attention_mask = seen[None, None] & attention_mask[:, None, None, :].bool()
            return super().forward(input_ids, attention_mask=attention_mask, **others)

    size = {
        "vocab_size": 90,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    torch.manual_seed(0)
    network = Windowed(
        BertConfig(**size, max_position_embeddings=130, sliding_window=64), add_pooling_layer=False
    )
    assert packing.windows(network) == 64 and packing.sample(network).lengths.max() == 73
    assert not packing.can_pack(network)
    assert packing.can_pack(BertModel(network.config, add_pooling_layer=False))
    network.config.max_position_embeddings = 60
    assert packing.sample(network).lengths.max() == 60, "a text is no longer than its positions"
    network.config.max_position_embeddings, network.config.sliding_window = 8_192, 4_096
    assert not packing.can_pack(network), "so long a text is not tried"


def test_groups_waste_little_and_keep_every_sequence():
    lengths = np.random.default_rng(0).integers(1, 200, 300)
    groups = packing.group(lengths)
    assert sorted(np.concatenate(groups)) == list(range(300))
    for members in groups:
        assert lengths[members].max() * len(members) <= packing.WASTE * lengths[members].sum()


def test_coarse_plans_have_few_shapes_and_every_token():
    rng, shapes = np.random.default_rng(5), set()
    for _ in range(200):
        lengths = rng.integers(3, 128, rng.integers(1, 40))
        plan = packing.plan(lengths, coarse=True)
        places = torch.cat([part.tokens for part in plan.bins])
        assert torch.equal(places[plan.back], torch.arange(int(lengths.sum())))
        assert all(
            part.length % packing.COARSE_LENGTH == 0 and part.count & (part.count - 1) == 0
            for part in plan.bins
        )
        shapes |= {(part.count, part.length) for part in plan.bins}
    assert len(shapes) <= 5 * 8, "1, 2, 4, 8 or 16 sequences of 16 to 128 tokens"


def test_budgeted_covers_everything_once():
    lengths = np.array([5, 2000, 7, 7, 30])
    batches = list(packing.budgeted(lengths, 40))
    assert sorted(np.concatenate(batches)) == [0, 1, 2, 3, 4]
    assert all(lengths[batch].sum() <= 40 or len(batch) == 1 for batch in batches)


@pytest.mark.parametrize("family", ["xlmr", "bert"])
def test_pair_logits_equal_those_of_the_stock_padded_model(encoders, family):
    """Tokenisation, token types, positions and pooling together: the [CLS] state of transformers'
    own padded batch."""
    encoder = load(encoders[family], packed=True)
    texts = [
        ("Anna reads.", "A doctor reads three old books today."),
        ("Who lives in Rome?", "Peter."),
    ]
    examples = [PairExample(str(k), *pair, "neutral") for k, pair in enumerate(texts)]
    form, task = FORMATS["pair"], TASKS["mnli"]
    encoded = form.encode(examples, task, encoder.tokenizer, Limits(64))
    head = form.head(task, HeadOptions(32, 0.0, "first"))
    batch = gather(encoded, np.arange(2))
    hidden, _ = packing.flat_hidden(encoder.network, batch.sequences, packed=True)
    stock = load(encoders[family], packed=False)
    padded = stock.tokenizer(
        *map(list, zip(*texts, strict=True)), padding=True, return_tensors="pt"
    )
    states = stock.network(
        **{name: padded[name] for name in stock.tokenizer.model_input_names}
    ).last_hidden_state
    expected = head(states[:, 0], replace(batch, starts=torch.arange(2)))
    assert torch.allclose(form.outputs(head, hidden, batch), expected, atol=1e-5)
