"""Dropout from random bytes, and the attention that draws it: rate, mean, gradients, and the same
numbers again from the same state."""

import numpy as np
import pytest
import torch
from test_train import schedule, setup
from torch.nn.functional import scaled_dot_product_attention

from xstilts_core import checkpoint, model, packing
from xstilts_core import train as training
from xstilts_core.encoders import attention, dropout

COUNT = 400_001


@pytest.mark.parametrize("rate", [0.004, 0.1, 0.5, 0.75, 0.999])
def test_so_many_are_dropped_and_the_mean_stays(rate):
    torch.manual_seed(1)
    wanted = 1 - dropout.level(rate) / 256
    assert abs(1 - wanted - rate) <= 1 / 256
    found = dropout.dropout(torch.ones(COUNT), rate)
    tolerance = 5 * (wanted * (1 - wanted) / COUNT) ** 0.5
    assert (found != 0).float().mean().item() == pytest.approx(wanted, abs=tolerance)
    assert found.mean().item() == pytest.approx(1, abs=tolerance / wanted)
    assert set(dropout.mask(COUNT, rate).unique().tolist()) == {-1, 0}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_the_gradient_passes_where_the_value_did(dtype):
    torch.manual_seed(1)
    values = torch.randn(7, 33, dtype=dtype).T.requires_grad_()
    found = dropout.dropout(values, 0.3)
    found.backward(torch.ones_like(found))
    assert (
        torch.equal(found == 0, values.grad == 0)
        and (values.grad == 0).any()
        and values.grad.dtype == found.dtype == dtype
    )
    torch.testing.assert_close(
        found.detach(), values.detach() * dropout.scale(0.3) * (values.grad != 0)
    )


def test_other_masks_follow_and_the_states_of_a_checkpoint_give_them_again():
    kept = checkpoint.random_states()
    first, second = dropout.mask(COUNT, 0.1), dropout.mask(COUNT, 0.1)
    checkpoint.set_random_states(kept)
    assert torch.equal(dropout.mask(COUNT, 0.1), first) and not torch.equal(first, second)


def test_modules_draw_bytes_in_training_alone_and_keep_their_weights():
    network = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Dropout(0.5))
    before = network.state_dict()
    dropout.use_bytes(network)
    assert type(network[1]) is dropout.ByteDropout and network.state_dict().keys() == before.keys()
    torch.manual_seed(1)
    zeros = (network(torch.ones(9, 4)) == 0).sum()
    torch.manual_seed(1)
    assert zeros == (dropout.mask(9 * 64, 0.5) == 0).sum()
    network.eval()
    assert torch.equal(network(torch.ones(9, 4)), network[0](torch.ones(9, 4)))


def tokens(lengths, dtype=torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(2)
    return [torch.randn(sum(lengths), 2, 8, dtype=dtype).requires_grad_() for _ in range(3)]


def padded(query, key, value, lengths) -> torch.Tensor:
    """Each sequence alone through torch's kernel."""
    parts = zip(*(part.split(lengths) for part in (query, key, value)), strict=True)
    return torch.cat(
        [
            scaled_dot_product_attention(*(x.transpose(0, 1) for x in part)).transpose(0, 1)
            for part in parts
        ]
    )


def test_attention_equals_torchs_in_outputs_and_gradients():
    lengths = [3, 9, 8, 1, 9]
    plan, inputs = packing.plan(np.array(lengths)), tokens(lengths)
    assert any(part.valid is not None for part in plan.bins), "some padding must be in the bins"
    masks = [packing.bin_mask(part, None) for part in plan.bins]
    found, expected = (
        attention.BinAttention.apply(*inputs, plan, masks, 8**-0.5, 0.0),
        padded(*inputs, lengths),
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    wanted = torch.randn_like(found)
    gradients = (torch.autograd.grad(output, inputs, wanted) for output in (found, expected))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_the_gradient_of_attention_dropout_is_that_of_its_own_mask():
    lengths = [6, 5]
    plan, inputs = packing.plan(np.array(lengths)), tokens(lengths, torch.float64)
    masks = [packing.bin_mask(part, None) for part in plan.bins]

    def attend(*parts):
        torch.manual_seed(3)
        return attention.BinAttention.apply(*parts, plan, masks, 0.4, 0.3)

    assert not torch.equal(
        attend(*inputs), attention.BinAttention.apply(*inputs, plan, masks, 0.4, 0.0)
    )
    assert torch.autograd.gradcheck(attend, inputs)


@pytest.mark.parametrize(
    ("rate", "bfloat16", "own"), [(0.0, False, False), (0.1, False, True), (0.0, True, True)]
)
def test_without_attention_dropout_float32_takes_torchs_fused_kernel(
    encoders, monkeypatch, rate, bfloat16, own
):
    seen = []
    real = packing.scaled_dot_product_attention
    monkeypatch.setattr(
        packing,
        "scaled_dot_product_attention",
        lambda *given, **named: seen.append(named) or real(*given, **named),
    )
    _, streams = setup(encoders["xlmr"], dropout=0.1)
    loaded = model.load(
        str(encoders["xlmr"]),
        dropout=0.1,
        attention_dropout=rate,
        packed=True,
        device=torch.device("cpu"),
        bfloat16=bfloat16,
    )
    assert (
        loaded.network.config.attention_probs_dropout_prob == rate
        and loaded.network.config.hidden_dropout_prob == 0.1
    )
    seen.clear()
    training.train(loaded, streams, np.array([1.0]), schedule(steps=1))
    assert bool(seen) != own and all(named["dropout_p"] == 0 for named in seen)


def test_dropout_of_its_own_is_left_to_the_encoder(encoders):
    before = model.dropout_rates(
        model.load(
            str(encoders["xlmr"]), dropout=None, packed=True, device=torch.device("cpu")
        ).network.config
    )
    options = {
        "dropout": None,
        "attention_dropout": 0.0,
        "packed": True,
        "device": torch.device("cpu"),
    }
    found = model.dropout_rates(model.load(str(encoders["xlmr"]), **options).network.config)
    assert found == {**before, "attention_probs_dropout_prob": 0.0} != before
