"""Hidden states of an encoder, of one layer or of several in a single pass, and the traits that a
trial of the encoder found.

Hidden state k is `hidden_states[k]` of transformers: 0 the embeddings, k the output of layer k, the
last one the encoder's output, with the final norm if the family has one (transformers 5 does so for
every architecture of the guide's table).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from transformers import PreTrainedModel

Take = Callable[[int, Tensor], None]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a trial found.
    layers: modules that each receive one hidden state, in order; empty if states cannot be captured
    so. padding: whether a text's states stay the same beside longer texts."""

    layers: tuple[nn.Module, ...]
    padding: bool = True


# Stored by `trial.examine` beside the networks, whose classes belong to transformers. An entry
# disappears with its network.
TRAITS: WeakKeyDictionary[nn.Module, Traits] = WeakKeyDictionary()


def traits(encoder: PreTrainedModel) -> Traits:
    """Return the encoder's traits, or those that its modules suggest if nobody tried it."""
    return TRAITS.get(encoder) or Traits(likely_layers(encoder))


def likely_layers(encoder: PreTrainedModel) -> tuple[nn.Module, ...]:
    """Return the only list of as many modules as there are layers; () if there is none (ALBERT's
    layers share their weights)."""
    count = encoder.config.num_hidden_layers
    lists = [
        part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == count
    ]
    return tuple(lists[0]) if len(lists) == 1 else ()


class _Reached(Exception):
    """Raised by a hook to skip the layers above the last one requested."""


def visit_states(
    encoder: PreTrainedModel, layers: Sequence[int], inputs: dict[str, object], take: Take
) -> None:
    """Call take(k, hidden state k [batch, length, width]) for each of `layers` (0: the embeddings)
    during one pass.

    No state is kept, and layers above the highest one are not computed: hidden state k is the input
    of layer k, counted from 0.
    """
    parts, last = traits(encoder).layers, max(layers)
    if not parts:
        states = encoder(**inputs, output_hidden_states=True).hidden_states
        for layer in layers:
            # Longformer and BigBird pad texts to whole windows internally.
            take(layer, states[layer][:, : inputs["input_ids"].shape[1]])
        return

    def capture(layer: int, module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        take(layer, arguments[0])
        if layer == last:
            raise _Reached

    hooks = [
        parts[layer].register_forward_pre_hook(partial(capture, layer))
        for layer in set(layers)
        if layer < len(parts)
    ]
    try:
        output = encoder(**inputs).last_hidden_state
        if last == len(parts):
            take(last, output)
    except _Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def hidden_states(encoder: PreTrainedModel, layer: int, inputs: dict[str, object]) -> Tensor:
    """Return [batch, length, width] of one layer: -1 for the encoder's output, k >= 0 for hidden
    state k (0: the embeddings)."""
    if layer < 0:
        return encoder(**inputs).last_hidden_state
    captured: list[Tensor] = []
    visit_states(encoder, [layer], inputs, lambda _, hidden: captured.append(hidden))
    return captured[0]
