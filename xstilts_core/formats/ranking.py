"""Rank a pool of passages for each query: one encoder for both sides, trained to find a query's
passage among those of its batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import PreTrainedTokenizerBase

from xstilts_core.examples import Passage, RankingExample
from xstilts_core.formats.format import Batch, Format, HeadOptions, Limits, pool
from xstilts_core.formats.tokens import Builder, Encoded, Template, encode_texts, tokenise
from xstilts_core.metrics import RANKING, TOP, ranking_statistics
from xstilts_core.tasks import Task

# XTREME-R's max_query_length for LAReQA; all inputs of Mewsli-X, mentions included, are shorter.
_LONGEST_QUERY = 96
_FIRST_SCALE = 100.0
# Tile of similarities: 1,024 queries by 32,768 candidates take 128 MB.
QUERIES, CANDIDATES = 1_024, 32_768


class _PassageHead(nn.Module):
    """Pooled state, dense, tanh, scaled to length 1, with a learned factor for the similarities
    (XTREME-R third_party/bert.py; it starts at 100).

    group: number of consecutive rows that are contrasted with each other in training.
    """

    def __init__(self, options: HeadOptions, group: int) -> None:
        super().__init__()
        self.options = options
        self.group = group
        self.dense = nn.Linear(options.width, options.width)
        nn.init.normal_(self.dense.weight, std=options.deviation)
        nn.init.zeros_(self.dense.bias)
        self.scale = nn.Parameter(torch.tensor(_FIRST_SCALE))

    def forward(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return float32 vectors [sequences, width] of length 1."""
        return normalize(
            torch.tanh(self.dense(pool(hidden, batch, self.options.pooling))).float(), dim=-1
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """The collection to search: ids, unit vectors [candidates, width]; 4 GB for a million of
    1,024."""

    ids: Sequence[str]
    vectors: Tensor

    def best(self, queries: Tensor, count: int = TOP) -> list[list[str]]:
        """Return the ids of the `count` nearest candidates of each query [queries, width], best
        first. The search is exact, in tiles of bounded size."""
        rankings = []
        for block in torch.split(queries, QUERIES):
            vectors = block.to(self.vectors.device)
            values = vectors.new_empty(len(vectors), 0)
            positions = values.long()
            for first in range(0, len(self.vectors), CANDIDATES):
                scores = vectors @ self.vectors[first : first + CANDIDATES].T
                tile = scores.topk(min(count, scores.shape[1]), dim=1)
                values = torch.cat([values, tile.values], 1)
                positions = torch.cat([positions, tile.indices + first], 1)
                merged = values.topk(min(count, values.shape[1]), dim=1)
                values, positions = merged.values, positions.gather(1, merged.indices)
            rankings += [[self.ids[position] for position in row] for row in positions.tolist()]
        return rankings


def encode_passages(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerBase, limits: Limits
) -> Encoded:
    """Encode a row per passage: text and paragraph as a pair, or the text alone."""
    texts = [(passage.text, passage.context or None) for passage in passages]
    return encode_texts(texts, tokenizer, limits.max_length)


@dataclass(frozen=True)
class Ranking(Format):
    """A dual encoder with shared weights, as in XTREME-R (third_party/run_retrieval_qa.py,
    run_retrieval_el.py).

    candidates: the embedded pool. Without one, a row is a query and its first passage. Training
    uses these rows, with the other passages of a row's group as negatives (repeated passages are
    not excluded, as in XTREME-R); so do development data, whose queries are ranked against each
    other's passages. XTREME-R's evaluation of LAReQA runs sentence and paragraph together without a
    separator; here they stay two texts, as in training.
    """

    candidates: Candidates | None = None
    name = "ranking"

    def encode(
        self,
        examples: Sequence[RankingExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        passages = [] if self.candidates else [example.passages[0] for example in examples]
        pairs = [(passage.text, passage.context or None) for passage in passages]
        texts = [text for pair in pairs for text in pair if text is not None]
        pieces = tokenise(tokenizer, [*(example.query for example in examples), *texts])
        builder = Builder(Template.of(tokenizer))
        for position, example in enumerate(examples):
            longest = min(_LONGEST_QUERY, limits.max_length)
            builder.add_texts(pieces[example.query].ids, None, longest)
            for text, context in pairs[position : position + 1]:
                ids = None if context is None else pieces[context].ids
                builder.add_texts(pieces[text].ids, ids, limits.max_length)
            builder.close(position)
        return builder.build()

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return _PassageHead(options, task.group)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        vectors = head(hidden, batch).unflatten(0, (-1, 2))
        losses = [
            cross_entropy(
                head.scale * (group[:, 0] @ group[:, 1].T),
                torch.arange(len(group), device=hidden.device),
                reduction="sum",
            )
            for group in vectors.split(head.group)
        ]
        return torch.stack(losses).sum() / len(vectors)

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """Return [rows, sequences of a row * width]: the vectors of a row side by side."""
        return super().outputs(head, hidden, batch).reshape(len(batch.choices), -1)

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[RankingExample], task: Task
    ) -> list[list[str]]:
        """Return the ids of the 20 nearest passages of each query, best first."""
        vectors = torch.from_numpy(outputs)
        if self.candidates:
            return self.candidates.best(vectors)
        queries, passages = vectors.chunk(2, dim=1)
        positions = {example.passages[0].id: position for position, example in enumerate(examples)}
        return Candidates(list(positions), passages[list(positions.values())]).best(queries)

    def statistics(
        self,
        examples: Sequence[RankingExample],
        predictions: Sequence[list[str]],
        task: Task,
        language: str,
    ) -> tuple[tuple[str, ...], np.ndarray]:
        right = [[passage.id for passage in example.passages] for example in examples]
        return RANKING, ranking_statistics(right, predictions)
