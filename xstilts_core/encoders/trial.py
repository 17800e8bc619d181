"""What a loaded encoder computes, tried on a few texts: can a study use it at all, and how may its
batches be made?"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from transformers.utils import logging

from xstilts_core.encoders.states import TRAITS, Traits, likely_layers, visit_states
from xstilts_core.errors import UsageError
from xstilts_core.packing import can_pack, flat_hidden, near, sample


def examine(network: nn.Module, what: str, packed: bool = True) -> bool:
    """Try an encoder on a few texts and remember what it needs (`states.TRAITS`). Returns whether
    its batches may be packed.

    packed: whether they should be. what: the beginning of an error. UsageError where the states are
    not one of the hidden size for every token at every layer, where the first state sees no later
    token (causal models), or where a text's states depend on the other texts of a batch even if all
    are of one length.
    """
    training = network.training
    network.eval()
    TRAITS.pop(network, None)
    try:
        with torch.no_grad(), quiet():
            batch = sample(network)
            texts = np.split(batch.ids, np.cumsum(batch.lengths)[:-1])
            alone = [_states_alone(network, ids, what) for ids in texts]
            output = torch.cat([states[-1] for states in alone])
            if not output.isfinite().all():
                raise UsageError(
                    f"{what}: {type(network).__name__} gives states that are NaN or infinite: its weights are damaged"
                )
            _refuse_causal(network, texts[2], alone[2][-1], what)
            layers = likely_layers(network)
            layers = layers if layers and caught(network, layers, texts[2], alone[2]) else ()
            for padding in (True, False):
                TRAITS[network] = Traits(layers, padding)
                if near(flat_hidden(network, batch, packed=False)[0], output):
                    break
            else:
                raise UsageError(
                    f"{what}: {type(network).__name__} gives a text other states beside other texts of its own length"
                )
    finally:
        network.train(training)
    with quiet():
        return packed and can_pack(network)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the tables and warnings that transformers shows of what is missing in a folder, or of
    a text that is short."""
    loud = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(loud)


def predicts(whole: nn.Module, head: nn.Module) -> bool:
    """Whether a language model's logits are what its head makes of its encoder's output, tried on
    one text."""
    training = whole.training
    whole.eval()
    try:
        with torch.no_grad(), quiet():
            inputs = _inputs_of(whole, sample(whole).ids[:12])
            found = head(getattr(whole, whole.base_model_prefix)(**inputs).last_hidden_state)
            return isinstance(found, Tensor) and near(found, whole(**inputs).logits)
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError):
        return False
    finally:
        whole.train(training)


def _inputs_of(network: nn.Module, ids: np.ndarray) -> dict[str, object]:
    """One text as a batch of its own."""
    rows = torch.from_numpy(ids.astype(np.int64))[None].to(next(network.parameters()).device)
    return {"input_ids": rows, "attention_mask": torch.ones_like(rows)}


def _states_alone(network: nn.Module, ids: np.ndarray, what: str) -> list[Tensor]:
    """[length, width] of every layer, 0 to the last, and once more the encoder's output, for a text
    that stands alone."""
    name, length, config = type(network).__name__, len(ids), network.config
    try:
        output = network(**_inputs_of(network, ids), output_hidden_states=True)
        width, layers = int(config.hidden_size), int(config.num_hidden_layers)
        states = [*(state[:, :length] for state in output.hidden_states), output.last_hidden_state]
    except Exception as error:  # transformers' families each fail in ways of their own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(
            f"{what}: {name} cannot read a plain text of {length} tokens: {reason}"
        ) from None
    shapes = {tuple(state.shape) for state in states}
    if len(states) != layers + 2 or shapes != {(1, length, width)}:
        found = " and ".join(f"{shape[1]} x {shape[2]}" for shape in sorted(shapes))
        wanted = f"{layers + 1} of {length} x {width} for {layers} layers"
        raise UsageError(
            f"{what}: {name} gives {len(states) - 1} hidden states of {found} for a text of {length} tokens, not {wanted}"
        )
    return [state[0] for state in states]


def _refuse_causal(network: nn.Module, ids: np.ndarray, output: Tensor, what: str) -> None:
    """UsageError where the first token's state is the same whatever follows."""
    changed = np.concatenate([ids[:1], ids[:0:-1]])
    if torch.equal(_states_alone(network, changed, what)[-1][0], output[0]):
        raise UsageError(f"{what}: {causal(type(network).__name__)}")


def causal(name: str) -> str:
    """The sentence on a model that reads from left to right."""
    return (
        f"{name} is no encoder: the first token's state is the same whatever follows it (a causal model, or attention whose kernel "
        "is not on this machine): give a masked language model, such as FacebookAI/xlm-roberta-base"
    )


def caught(
    network: nn.Module, layers: tuple[nn.Module, ...], ids: np.ndarray, expected: list[Tensor]
) -> bool:
    """Whether what passes by at these modules is every hidden state."""
    TRAITS[network], seen = Traits(layers), {}
    try:
        visit_states(
            network,
            range(len(layers) + 1),
            _inputs_of(network, ids),
            lambda layer, hidden: seen.__setitem__(layer, hidden[0]),
        )
    except (IndexError, AttributeError):  # a layer that is given its states by another name
        return False
    return len(seen) == len(expected) - 1 and all(
        seen[layer].shape == expected[layer].shape and near(seen[layer], expected[layer])
        for layer in seen
    )
