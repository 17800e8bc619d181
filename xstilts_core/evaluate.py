"""Predict and score: batches sorted by length under a token budget, predictions put back in order
and kept."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xstilts_core import metrics
from xstilts_core.encoders.finite import require_finite
from xstilts_core.examples import Passage
from xstilts_core.formats import FORMATS, Encoded, Format, Limits, gather
from xstilts_core.formats.ranking import Candidates, Ranking, encode_passages
from xstilts_core.model import Encoder
from xstilts_core.packing import BUDGET, budgeted, flat_hidden
from xstilts_core.results import Score
from xstilts_core.tasks import Task

# Passages of a pool whose tokens are in memory together.
BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions of one task in one language, their sufficient statistics [examples, columns] and
    the metrics in percent.

    counted: what else the scoring counted, for result.json's details.
    """

    predictions: list[Any]
    columns: tuple[str, ...]
    statistics: np.ndarray
    values: dict[str, float]
    counted: dict[str, int] = field(default_factory=dict)


def predict(
    encoder: Encoder,
    head: nn.Module,
    form: Format,
    encoded: Encoded,
    layer: int = -1,
    bfloat16: bool = False,
) -> np.ndarray:
    """The format's outputs for every row [rows, k] or token [tokens, k], in the order of `encoded`.
    The head computes in float32.

    NotFinite where hidden states or the head's weights are not: the best of such scores would look
    like any prediction.
    """
    where = next(encoder.network.parameters()).device
    encoder.network.eval()
    head.eval()
    for name, weight in head.named_parameters():
        require_finite(f"weights {name} of the head", weight)
    lengths = encoded.row_lengths
    found, order = [], []
    token_starts = np.concatenate([[0], np.cumsum(lengths)])
    # One context for all batches: the encoder's weights are turned into bfloat16 once.
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=bfloat16):
        for rows in budgeted(lengths, BUDGET[where.type]):
            batch = gather(encoded, rows, where)
            hidden, _ = flat_hidden(encoder.network, batch.sequences, encoder.packed, layer)
            require_finite("the encoder's hidden states", hidden)
            with torch.autocast(where.type, enabled=False):
                found.append(form.outputs(head, hidden.float(), batch).float().cpu().numpy())
            order.append(
                np.concatenate(
                    [np.arange(token_starts[row], token_starts[row + 1]) for row in rows]
                )
                if form.per_token
                else rows
            )
    width = max(part.shape[1] for part in found)
    # Choice rows of different widths: what a row does not have never wins.
    table = np.concatenate(
        [
            np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-np.inf)
            for part in found
        ]
    )
    outputs = np.empty_like(table)
    outputs[np.concatenate(order)] = table
    return outputs


def against(
    encoder: Encoder,
    head: nn.Module,
    task: Task,
    pool: Sequence[Passage],
    limits: Limits,
    layer: int = -1,
    bfloat16: bool = False,
) -> Format:
    """The task's format; where queries are ranked against a pool, with the pool embedded: once for
    all languages, block by block."""
    if not pool:
        return FORMATS[task.format]
    vectors = torch.empty(
        len(pool), encoder.width, device=next(encoder.network.parameters()).device
    )
    for first in range(0, len(pool), BLOCK):
        encoded = encode_passages(pool[first : first + BLOCK], encoder.tokenizer, limits)
        found = predict(encoder, head, FORMATS[task.format], encoded, layer, bfloat16)
        vectors[first : first + len(found)] = torch.from_numpy(found)
    return Ranking(Candidates([passage.id for passage in pool], vectors))


def score(
    encoder: Encoder,
    head: nn.Module,
    task: Task,
    examples: Sequence[Any],
    language: str,
    limits: Limits,
    layer: int = -1,
    bfloat16: bool = False,
    form: Format | None = None,
) -> Scored:
    """Predict every example and score it by the benchmark's rule. form: what `against` gave, where
    there is a pool to search."""
    form = form or FORMATS[task.format]
    encoded = form.encode(examples, task, encoder.tokenizer, limits)
    outputs = predict(encoder, head, form, encoded, layer, bfloat16)
    predictions = form.decode(outputs, encoded, examples, task)
    columns, statistics = form.statistics(examples, predictions, task, language)
    return Scored(predictions, columns, statistics, metrics.score(statistics, columns))


def as_scores(scored: Scored, task: Task, language: str, split: str) -> list[Score]:
    """One Score per metric, the task's own metric first."""
    names = sorted(scored.values, key=lambda name: (name != task.metric, name))
    return [
        Score(
            task.name, language, split, name, round(scored.values[name], 4), len(scored.statistics)
        )
        for name in names
    ]


def gold(example: Any) -> Any:
    """What is right, in the terms of the data set."""
    for name in ("label", "tags", "match"):
        if hasattr(example, name):
            return getattr(example, name)
    if hasattr(example, "passages"):
        return [passage.id for passage in example.passages]
    return [answer.text for answer in example.answers]


def write_predictions(
    folder: Path, task: Task, language: str, examples: Sequence[Any], scored: Scored
) -> Path:
    """predictions/<task>.<language>.jsonl.gz: a line that names the statistics' columns, then one
    line per example."""
    lines: list[dict[str, Any]] = [{"columns": list(scored.columns), "metric": task.metric}]
    for example, prediction, row in zip(
        examples, scored.predictions, scored.statistics.tolist(), strict=True
    ):
        lines.append(
            {"id": example.id, "gold": gold(example), "prediction": prediction, "stats": row}
        )
    path = folder / "predictions" / f"{task.name}.{language}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    # No time stamp inside: the same predictions give the same file.
    path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    return path
