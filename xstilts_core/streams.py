"""The training data of a run: streams of rows, the order they are drawn in, how several are mixed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xstilts_core.formats import Batch, Encoded, gather


@dataclass(frozen=True, slots=True)
class Stream:
    """The training rows of one data set, and the head and loss that learn from them.

    collate: takes row indices, gives what the loss reads (MLM masks here); draws: the generator it draws from, if it does.
    size: examples that count in the mixture.
    """

    name: str
    head: nn.Module
    loss: Callable[[nn.Module, Tensor, Batch], Tensor]
    encoded: Encoded
    size: int
    batch_size: int
    collate: Callable[[Encoded, np.ndarray, torch.device], Batch] = gather
    by_length: bool = False
    draws: np.random.Generator | None = None

    def rows(self, rng: np.random.Generator) -> "Order":
        """Micro-batches without end."""
        return Order(self, rng)

    def one_pass(self, rng: np.random.Generator) -> list[np.ndarray]:
        """An exact random permutation of the rows, cut into batch_size rows."""
        order = rng.permutation(len(self.encoded))
        return list(self.by_tokens(order, rng)) if self.by_length else np.array_split(order, -(-len(order) // self.batch_size))

    def by_tokens(self, order: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """batch_size counts tokens: rows of like length together, the batches in random order (phase 1)."""
        lengths = self.encoded.row_lengths
        for part in np.array_split(order, -(-len(order) // 4096)):
            part = part[np.argsort(lengths[part], kind="stable")]
            cuts = np.flatnonzero(np.diff(np.cumsum(lengths[part]) // self.batch_size)) + 1
            batches = np.split(part, cuts)
            yield from (batches[k] for k in rng.permutation(len(batches)))


@dataclass(slots=True)
class Order:
    """A stream's micro-batches, pass after pass. Its place can be kept and found again, which a Python generator's cannot."""

    stream: Stream
    rng: np.random.Generator
    begun: dict[str, Any] = field(init=False)
    batches: list[np.ndarray] = field(init=False)
    position: int = field(init=False)

    def __post_init__(self) -> None:
        self.begin_pass()

    def begin_pass(self) -> None:
        """Draw the next pass; `begun` is the generator's state before it."""
        self.begun, self.position = self.rng.bit_generator.state, 0
        self.batches = self.stream.one_pass(self.rng)

    def __iter__(self) -> "Order":
        return self

    def __next__(self) -> np.ndarray:
        if self.position == len(self.batches):
            self.begin_pass()
        self.position += 1
        return self.batches[self.position - 1]

    def state(self) -> dict[str, Any]:
        """The generator as it was before this pass, the place in the pass, the generator that collate draws from."""
        draws = self.stream.draws.bit_generator.state if self.stream.draws else None
        return {"begun": self.begun, "position": self.position, "draws": draws}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the place that `state` gave."""
        self.rng.bit_generator.state = state["begun"]
        self.begin_pass()
        self.position = state["position"]
        if self.stream.draws:
            self.stream.draws.bit_generator.state = state["draws"]


def mixture(sizes: Sequence[int], cap: int, temperature: float) -> np.ndarray:
    """Probability of each task ~ min(size, cap) ** (1 / temperature) (Raffel et al. 2020; the paper's cap is 2 ** 17, recalled)."""
    weights = np.minimum(np.array(sizes, dtype=float), cap) ** (1 / temperature)
    return weights / weights.sum()
