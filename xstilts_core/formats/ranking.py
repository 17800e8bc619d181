"""Queries ranked against a pool of passages: one encoder for both sides, trained to tell a query's
passage from the rest of its batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import PreTrainedTokenizerBase

from xstilts_core.examples import Passage, RankingExample
from xstilts_core.formats.format import Batch, HeadOptions, Limits, pool
from xstilts_core.formats.tokens import Builder, Encoded, Piece, Template, cut_pair, tokenise
from xstilts_core.metrics import RANKING, TOP, ranking_statistics
from xstilts_core.tasks import Task

# XTREME-R's max_query_length for LAReQA; Mewsli-X's mentions have less, as all its inputs.
_LONGEST_QUERY = 96
_FIRST_SCALE = 100.0
# A tile of similarities: 1,024 queries by 32,768 candidates are 128 MB.
QUERIES, CANDIDATES = 1_024, 32_768


class _PassageHead(nn.Module):
    """Pooled state, dense, tanh, length 1; and the learned factor of the similarities (XTREME-R
    third_party/bert.py, begins at 100).

    group: so many rows one after the other are told apart in training.
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
        """[sequences, width] float32, rows of length 1."""
        return normalize(
            torch.tanh(self.dense(pool(hidden, batch, self.options.pooling))).float(), dim=-1
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is searched: ids and unit vectors [candidates, width], a million of width 1,024 in 4
    GB."""

    ids: Sequence[str]
    vectors: Tensor

    def best(self, queries: Tensor, count: int = TOP) -> list[list[str]]:
        """Ids of the `count` nearest candidates of each query [queries, width], best first; exact,
        in tiles of bounded size."""
        found = []
        for block in queries.split(QUERIES):
            asked = block.to(self.vectors.device)
            values, places = (
                asked.new_empty(len(asked), 0),
                torch.empty(len(asked), 0, dtype=torch.long, device=asked.device),
            )
            for first in range(0, len(self.vectors), CANDIDATES):
                scores = asked @ self.vectors[first : first + CANDIDATES].T
                tile = scores.topk(min(count, scores.shape[1]), dim=1)
                values, places = (
                    torch.cat([values, tile.values], 1),
                    torch.cat([places, tile.indices + first], 1),
                )
                kept = values.topk(min(count, values.shape[1]), dim=1)
                values, places = kept.values, places.gather(1, kept.indices)
            found += [[self.ids[place] for place in row] for row in places.tolist()]
        return found


def texts(passages: Iterable[Passage]) -> Iterable[str]:
    for passage in passages:
        yield passage.text
        yield passage.context


def _passage_ids(
    passage: Passage, pieces: dict[str, Piece], template: Template, limits: Limits
) -> tuple[list[int], int | None]:
    """(token ids, where the second text begins): the text and the paragraph around it as a pair,
    the longer cut first; or it alone."""
    text, context = pieces[passage.text].ids, pieces[passage.context].ids
    if not passage.context:
        return template.single(text[: limits.max_length - template.single_size]), None
    first, second = cut_pair(text, context, limits.max_length - template.pair_size)
    return template.pair(first, second), template.second_start(first)


def encode_passages(
    passages: Sequence[Passage], tokenizer: PreTrainedTokenizerBase, limits: Limits
) -> Encoded:
    """A row per passage."""
    template = Template.of(tokenizer)
    pieces = tokenise(tokenizer, texts(passages))
    builder = Builder(template)
    for position, passage in enumerate(passages):
        builder.add(*_passage_ids(passage, pieces, template, limits))
        builder.close(position)
    return builder.build()


@dataclass(frozen=True, slots=True)
class Ranking:
    """A dual encoder with shared weights, as in XTREME-R (third_party/run_retrieval_qa.py,
    run_retrieval_el.py).

    candidates: the embedded pool. Without one a row is a query and its first passage: for training,
    where the other passages of its group are the wrong ones (repeated ones are not left out there,
    nor here), and for development data, whose queries are ranked against each other's passages.
    XTREME-R's evaluation of LAReQA runs sentence and paragraph together without a separator; here
    they stay the two texts that training saw.
    """

    candidates: Candidates | None = None
    name = "ranking"
    per_token = False

    def encode(
        self,
        examples: Sequence[RankingExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        template = Template.of(tokenizer)
        passages = [] if self.candidates else [example.passages[0] for example in examples]
        pieces = tokenise(tokenizer, [*(example.query for example in examples), *texts(passages)])
        room = min(_LONGEST_QUERY, limits.max_length) - template.single_size
        builder = Builder(template)
        for position, example in enumerate(examples):
            builder.add(template.single(pieces[example.query].ids[:room]))
            if passages:
                builder.add(*_passage_ids(passages[position], pieces, template, limits))
            builder.close(position)
        return builder.build()

    def complete(self, task: Task, examples: Sequence[RankingExample]) -> Task:
        return task

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return _PassageHead(options, task.group)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        vectors = head(hidden, batch).unflatten(0, (-1, 2))
        losses = [
            cross_entropy(
                head.scale * (part[:, 0] @ part[:, 1].T),
                torch.arange(len(part), device=hidden.device),
                reduction="sum",
            )
            for part in vectors.split(head.group)
        ]
        return torch.stack(losses).sum() / len(vectors)

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """[rows, sequences of a row * width]: the vectors of a row side by side."""
        return head(hidden, batch).reshape(len(batch.choices), -1)

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[RankingExample], task: Task
    ) -> list[list[str]]:
        """Ids of the 20 nearest passages of each query, best first."""
        vectors = torch.from_numpy(outputs)
        if self.candidates:
            return self.candidates.best(vectors)
        queries, passages = vectors.chunk(2, dim=1)
        places = {example.passages[0].id: position for position, example in enumerate(examples)}
        return Candidates(list(places), passages[list(places.values())]).best(queries)

    def statistics(
        self,
        examples: Sequence[RankingExample],
        predictions: Sequence[list[str]],
        task: Task,
        language: str,
    ) -> tuple[tuple[str, ...], np.ndarray]:
        return RANKING, ranking_statistics(
            [[passage.id for passage in example.passages] for example in examples], predictions
        )
