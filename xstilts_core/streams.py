"""Training data of a run: streams of rows, the order they are drawn in, and how they are mixed."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xstilts_core.formats.format import Batch, batch_of, gather, select
from xstilts_core.formats.tokens import Encoded
from xstilts_core.packing import budgeted


@dataclass(frozen=True, slots=True)
class Stream:
    """The training rows of one data set, and the head and loss that learn from them.

    size: number of examples that count in the mixture. batch_size: rows per optimizer step. mask:
    function that turns drawn rows into what is learnt from (MLM), None to learn from them as they
    are; draws: the generator that it draws from. group: number of rows, consecutive as drawn, that
    share one loss. token_bytes: memory that the head and its loss keep per token until the backward
    pass, if large enough to count.
    """

    name: str
    head: nn.Module
    loss: Callable[[nn.Module, Tensor, Batch], Tensor]
    encoded: Encoded
    size: int
    batch_size: int
    mask: Callable[[Encoded, np.ndarray], Encoded] | None = None
    by_length: bool = False
    draws: np.random.Generator | None = None
    group: int = 1
    token_bytes: int = 0

    def batches(
        self, rows: np.ndarray, device: torch.device, most_tokens: int = sys.maxsize
    ) -> list[Batch]:
        """Return the rows of a step as micro-batches that pass through the encoder in turn: one, or
        several with rows of similar length if there are more than `most_tokens` tokens. The sum of
        their losses, each weighted by its share of `terms`, does not depend on the split."""
        step = (self.mask or select)(self.encoded, rows)
        if len(step.ids) <= most_tokens:
            return [batch_of(step, device)]
        groups = np.split(np.arange(len(rows)), range(self.group, len(rows), self.group))
        lengths = np.array([step.row_lengths[group].sum() for group in groups])
        # Groups stay in drawing order within a part: a short last group must come last.
        parts = (
            np.concatenate([groups[k] for k in np.sort(part)])
            for part in budgeted(lengths, most_tokens)
        )
        return [gather(step, part, device) for part in parts]

    def one_pass(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Return an exact random permutation of the rows, cut into batch_size rows."""
        order = rng.permutation(len(self.encoded))
        if self.by_length:
            return list(self.by_tokens(order, rng))
        return np.array_split(order, -(-len(order) // self.batch_size))

    def by_tokens(self, order: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield batches of batch_size tokens: rows of similar length together, the batches in
        random order (phase 1)."""
        lengths = self.encoded.row_lengths
        for part in np.array_split(order, -(-len(order) // 4096)):
            part = part[np.argsort(lengths[part], kind="stable")]
            cuts = np.flatnonzero(np.diff(np.cumsum(lengths[part]) // self.batch_size)) + 1
            batches = np.split(part, cuts)
            yield from (batches[k] for k in rng.permutation(len(batches)))


@dataclass(slots=True)
class Order:
    """The rows of every step of a stream, pass after pass without end.
    Its position can be saved and restored, which that of a Python generator cannot."""

    stream: Stream
    rng: np.random.Generator
    start_state: Mapping[str, Any] = field(init=False)
    batches: list[np.ndarray] = field(init=False)
    position: int = field(init=False)

    def __post_init__(self) -> None:
        self.begin_pass()

    def begin_pass(self) -> None:
        """Draw the next pass; `start_state` is the generator's state before it."""
        self.start_state, self.position = self.rng.bit_generator.state, 0
        self.batches = self.stream.one_pass(self.rng)

    def __iter__(self) -> "Order":
        return self

    def __next__(self) -> np.ndarray:
        if self.position == len(self.batches):
            self.begin_pass()
        self.position += 1
        return self.batches[self.position - 1]

    def state(self) -> dict[str, Any]:
        """Return the generator's state before this pass, the position in the pass, and the state of
        the generator that masks are drawn from."""
        draws = self.stream.draws.bit_generator.state if self.stream.draws else None
        return {"begun": self.start_state, "position": self.position, "draws": draws}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the position that `state` returned."""
        self.rng.bit_generator.state = state["begun"]
        self.begin_pass()
        self.position = state["position"]
        if self.stream.draws:
            self.stream.draws.bit_generator.state = state["draws"]


def mixture(sizes: Sequence[int], cap: int, temperature: float) -> np.ndarray:
    """Return each task's probability ~ min(size, cap) ** (1 / temperature) (Raffel et al. 2020; the
    paper's cap is 2 ** 17, recalled)."""
    weights = np.minimum(np.array(sizes, dtype=float), cap) ** (1 / temperature)
    probabilities: np.ndarray = weights / weights.sum()
    return probabilities
