"""Trials of a loaded encoder on a few texts: can a study use it, and how may it be batched?"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import logging

from xstilts_core.encoders.states import TRAITS, Traits, likely_layers, visit_states
from xstilts_core.errors import UsageError
from xstilts_core.packing import can_pack, flat_hidden, near, sample


def examine(network: PreTrainedModel, what: str, packed: bool = True) -> bool:
    """Try an encoder on a few texts and record what it needs (`states.TRAITS`). Return whether its
    batches may be packed.

    packed: whether they should be. what: the beginning of an error. Raise UsageError if the encoder
    does not give one state of the hidden size for every token at every layer, if the first state
    sees no later token (causal models), or if a text's states depend on the other texts of a batch
    even if all have the same length.
    """
    training = network.training
    network.eval()
    TRAITS.pop(network, None)
    try:
        with torch.no_grad(), quiet():
            batch = sample(network)
            texts = np.split(batch.ids, np.cumsum(batch.lengths)[:-1])
            text_states = [_states_alone(network, ids, what) for ids in texts]
            output = torch.cat([states[-1] for states in text_states])
            if not output.isfinite().all():
                raise UsageError(
                    f"{what}: {type(network).__name__} gives states that are NaN or infinite: "
                    "its weights are damaged"
                )
            # The first token's state, with the tokens after it in reverse.
            reverse = np.concatenate([texts[2][:1], texts[2][:0:-1]])
            if torch.equal(_states_alone(network, reverse, what)[-1][0], text_states[2][-1][0]):
                raise UsageError(f"{what}: {causal_message(type(network).__name__)}")
            layers = likely_layers(network)
            if not (layers and _receive_all_states(network, layers, texts[2], text_states[2])):
                layers = ()
            for padding in (True, False):
                TRAITS[network] = Traits(layers, padding)
                if near(flat_hidden(network, batch, packed=False)[0], output):
                    break
            else:
                raise UsageError(
                    f"{what}: {type(network).__name__} gives a text different states if other "
                    "texts of its length are in the batch"
                )
    finally:
        network.train(training)
    with quiet():
        return packed and can_pack(network)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the tables and warnings of transformers about what a folder lacks, or about a text that
    is short."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def predicts(language_model: nn.Module, head: nn.Module) -> bool:
    """Return whether a language model's logits are what its head computes from its encoder's
    output, tried on one text."""
    training = language_model.training
    language_model.eval()
    try:
        with torch.no_grad(), quiet():
            inputs = _inputs_of(language_model, sample(language_model).ids[:12])
            encoder = getattr(language_model, language_model.base_model_prefix)
            logits = head(encoder(**inputs).last_hidden_state)
            return isinstance(logits, Tensor) and near(logits, language_model(**inputs).logits)
    except (ValueError, TypeError, RuntimeError, AttributeError, IndexError):
        return False
    finally:
        language_model.train(training)


def _inputs_of(network: PreTrainedModel, ids: np.ndarray) -> dict[str, object]:
    """Return one text as a batch of its own."""
    rows = torch.from_numpy(ids.astype(np.int64))[None].to(next(network.parameters()).device)
    return {"input_ids": rows, "attention_mask": torch.ones_like(rows)}


def _states_alone(network: PreTrainedModel, ids: np.ndarray, what: str) -> list[Tensor]:
    """Return [length, width] of every layer, 0 to the last, followed by the encoder's output, for a
    text in a batch of its own."""
    name, length, config = type(network).__name__, len(ids), network.config
    try:
        output = network(**_inputs_of(network, ids), output_hidden_states=True)
        width, layers = int(config.hidden_size), int(config.num_hidden_layers)
        states = [*(state[:, :length] for state in output.hidden_states), output.last_hidden_state]
    except Exception as error:  # every model family fails in its own way
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(
            f"{what}: {name} cannot read a plain text of {length} tokens: {reason}"
        ) from None
    shapes = {tuple(state.shape) for state in states}
    if len(states) != layers + 2 or shapes != {(1, length, width)}:
        actual = " and ".join(f"{shape[1]} x {shape[2]}" for shape in sorted(shapes))
        expected = f"{layers + 1} of {length} x {width} for {layers} layers"
        raise UsageError(
            f"{what}: {name} gives {len(states) - 1} hidden states of {actual} "
            f"for a text of {length} tokens, not {expected}"
        )
    return [state[0] for state in states]


def causal_message(name: str) -> str:
    """Return the error message for a model that reads from left to right."""
    return (
        f"{name} is no encoder: the first token's state is the same whatever follows it (a causal "
        "model, or attention whose kernel is not on this machine): give a masked language model, "
        "such as FacebookAI/xlm-roberta-base"
    )


def _receive_all_states(
    network: PreTrainedModel, layers: tuple[nn.Module, ...], ids: np.ndarray, expected: list[Tensor]
) -> bool:
    """Return whether these modules receive every hidden state."""
    TRAITS[network], captured = Traits(layers), {}
    inputs, numbers = _inputs_of(network, ids), range(len(layers) + 1)
    try:
        visit_states(network, numbers, inputs, captured.__setitem__)
    except (IndexError, AttributeError):  # a layer that receives its states by another name
        return False
    return len(captured) == len(expected) - 1 and all(
        state[0].shape == expected[layer].shape and near(state[0], expected[layer])
        for layer, state in captured.items()
    )
