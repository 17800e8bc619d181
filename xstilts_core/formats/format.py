"""What all formats share: the base class, the batch that a model reads, and the two kinds of head
of the paper's code."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from xstilts_core.encoders.dropout import dropout as drop
from xstilts_core.formats.tokens import IGNORED, Encoded
from xstilts_core.metrics import ACCURACY, accuracy_statistics
from xstilts_core.packing import Sequences
from xstilts_core.tasks import Task


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum input length in tokens, and the step between windows over a long context."""

    max_length: int
    doc_stride: int = 64


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Options of a head: encoder width, dropout, pooling ("first" token or "mean") and the standard
    deviation of the initial weights."""

    width: int
    dropout: float
    pooling: str
    deviation: float = 0.02


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of an Encoded: `sequences` for the encoder, `columns` [rows] and `token_columns`
    [tokens] for the head.

    starts [sequences]: position of each first token; owner [tokens]: the sequence of each token;
    choices [rows]: number of sequences of each row. terms: number of labels that the loss averages
    over: the labelled tokens if tokens have labels, otherwise the rows.
    """

    sequences: Sequences
    starts: Tensor
    owner: Tensor
    choices: np.ndarray
    columns: dict[str, Tensor]
    token_columns: dict[str, Tensor]
    terms: int


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Concatenate the ranges starts[i] .. starts[i] + lengths[i] - 1."""
    shifts = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    indices: np.ndarray = np.arange(lengths.sum()) + shifts
    return indices


def select(encoded: Encoded, rows: np.ndarray) -> Encoded:
    """Copy these rows, in this order, to new arrays."""
    choices = encoded.rows[rows + 1] - encoded.rows[rows]
    sequences = ranges(encoded.rows[rows], choices)
    lengths = encoded.lengths[sequences]
    tokens = ranges(encoded.starts[sequences], lengths)
    return Encoded(
        ids=encoded.ids[tokens],
        lengths=lengths,
        rows=np.concatenate([[0], np.cumsum(choices)]),
        example=encoded.example[rows],
        types=None if encoded.types is None else encoded.types[tokens],
        columns={name: values[rows] for name, values in encoded.columns.items()},
        token_columns={name: values[tokens] for name, values in encoded.token_columns.items()},
    )


def gather(encoded: Encoded, rows: np.ndarray, device: torch.device | str = "cpu") -> Batch:
    """Return the batch of these rows, in this order."""
    return batch_of(select(encoded, rows), device)


def batch_of(encoded: Encoded, device: torch.device | str = "cpu") -> Batch:
    """Return all rows as one batch."""
    sequences = Sequences(encoded.ids, encoded.lengths, encoded.types)
    owner = np.repeat(np.arange(len(encoded.lengths)), encoded.lengths)
    columns, token_columns = (
        {name: torch.from_numpy(values).to(device) for name, values in arrays.items()}
        for arrays in (encoded.columns, encoded.token_columns)
    )
    labels = encoded.token_columns.get("label")
    return Batch(
        sequences=sequences,
        starts=torch.from_numpy(sequences.starts).to(device),
        owner=torch.from_numpy(owner).to(device),
        choices=np.diff(encoded.rows),
        columns=columns,
        token_columns=token_columns,
        terms=len(encoded) if labels is None else int(np.count_nonzero(labels != IGNORED)),
    )


def pool(hidden: Tensor, batch: Batch, pooling: str) -> Tensor:
    """Pool hidden [tokens, width] to [sequences, width]: the first token of each sequence, or the
    mean over all its tokens."""
    if pooling == "first":
        return hidden.index_select(0, batch.starts)
    sums = hidden.new_zeros(len(batch.starts), hidden.shape[1]).index_add(0, batch.owner, hidden)
    return sums / torch.bincount(batch.owner, minlength=len(batch.starts)).unsqueeze(1)


class SentenceHead(nn.Module):
    """Classification head over the pooled sequence, RobertaClassificationHead of the paper's code:
    dropout, dense, tanh, dropout, linear."""

    def __init__(self, options: HeadOptions, labels: int) -> None:
        super().__init__()
        self.options = options
        self.dense = nn.Linear(options.width, options.width)
        self.out = nn.Linear(options.width, labels)
        for layer in (self.dense, self.out):
            nn.init.normal_(layer.weight, std=options.deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return logits [sequences, labels]."""
        pooled = drop(
            pool(hidden, batch, self.options.pooling), self.options.dropout, self.training
        )
        dense = drop(torch.tanh(self.dense(pooled)), self.options.dropout, self.training)
        logits: Tensor = self.out(dense)
        return logits


class TokenHead(nn.Module):
    """Dropout and a linear layer, applied to every token."""

    def __init__(self, options: HeadOptions, labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.out = nn.Linear(options.width, labels)
        nn.init.normal_(self.out.weight, std=options.deviation)
        nn.init.zeros_(self.out.bias)

    def forward(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return logits [tokens, labels]."""
        logits: Tensor = self.out(drop(hidden, self.dropout, self.training))
        return logits


class Format(ABC):
    """The only place where kinds of tasks differ. Outputs are [tokens, k] if `per_token`, else
    [rows, k]."""

    name: str
    per_token = False

    @abstractmethod
    def encode(
        self,
        examples: Sequence[Any],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        """Encode examples as token arrays, with columns for the labels that the examples have."""

    def complete(self, task: Task, examples: Sequence[Any]) -> Task:
        """Return the task with the labels that only its training data define."""
        return task

    @abstractmethod
    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        """Return a new head, whose initial weights come from torch's generator."""

    @abstractmethod
    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss over a batch's `terms`: its rows, or for tags its labelled
        tokens."""

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """Return what `decode` needs: [rows, k], or [tokens, k] if per_token."""
        logits: Tensor = head(hidden, batch)
        return logits

    @abstractmethod
    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[Any], task: Task
    ) -> list[Any]:
        """Return a prediction per example in the data set's terms (label, index, text, tags)."""

    def statistics(
        self, examples: Sequence[Any], predictions: Sequence[Any], task: Task, language: str
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return sufficient statistics for metrics.score: column names, values [examples,
        columns]; by default those of label accuracy."""
        return ACCURACY, accuracy_statistics([example.label for example in examples], predictions)
