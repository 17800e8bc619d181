"""Hidden states of an encoder: of one layer, or of several while one pass goes by; and what a trial
found out about the encoder.

Hidden state k is `hidden_states[k]` of transformers: 0 the embeddings, k what layer k gives, the
last one the encoder's output, with the final norm where the family has one (transformers 5 gives it
so for every architecture of the guide's table).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from torch import Tensor, nn

Take = Callable[[int, Tensor], None]


@dataclass(frozen=True, slots=True)
class Traits:
    """layers: modules that are each given one hidden state, in their order; none where states
    cannot be caught so. padding: whether a text's states stay the same beside longer texts."""

    layers: tuple[nn.Module, ...]
    padding: bool = True


# Kept beside the networks, which are transformers' own: `trial.examine` writes it. An entry goes
# with its network.
TRAITS: WeakKeyDictionary[nn.Module, Traits] = WeakKeyDictionary()


def traits(encoder: nn.Module) -> Traits:
    """What was found out about the encoder; of one that nobody tried what its modules suggest."""
    found = TRAITS.get(encoder)
    return Traits(likely_layers(encoder)) if found is None else found


def likely_layers(encoder: nn.Module) -> tuple[nn.Module, ...]:
    """The only list of so many modules as there are layers; empty where there is none (ALBERT's
    layers share their weights)."""
    count = encoder.config.num_hidden_layers
    lists = [
        part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == count
    ]
    return tuple(lists[0]) if len(lists) == 1 else ()


class _Reached(Exception):
    """A forward pass has gone as far as it was needed."""


def visit_states(
    encoder: nn.Module, layers: Sequence[int], inputs: dict[str, object], take: Take
) -> None:
    """Call take(k, hidden state k [batch, length, width]) for each of `layers` (0: the embeddings)
    while the pass goes by.

    No state is kept, and layers above the highest one are not computed: hidden state k is what
    layer k, counted from 0, is given.
    """
    parts, last = traits(encoder).layers, max(layers)
    if not parts:
        states = encoder(**inputs, output_hidden_states=True).hidden_states
        for layer in layers:
            # Longformer and BigBird pad texts to whole windows inside.
            take(layer, states[layer][:, : inputs["input_ids"].shape[1]])
        return

    def seen(layer: int, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        take(layer, given[0])
        if layer == last:
            raise _Reached

    hooks = [
        parts[layer].register_forward_pre_hook(partial(seen, layer))
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


def hidden_states(encoder: nn.Module, layer: int, inputs: dict[str, object]) -> Tensor:
    """[batch, length, width] of one layer: -1 the encoder's output, k >= 0 hidden state k (0: the
    embeddings)."""
    if layer < 0:
        return encoder(**inputs).last_hidden_state
    found: list[Tensor] = []
    visit_states(encoder, [layer], inputs, lambda _, hidden: found.append(hidden))
    return found[0]
