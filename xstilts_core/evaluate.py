"""Prediction and scoring: batches sorted by length under a token budget, predictions put back in
order and stored."""

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
from xstilts_core.formats.format import ranges
from xstilts_core.formats.ranking import Candidates, Ranking, encode_passages
from xstilts_core.model import Encoder
from xstilts_core.packing import BUDGET, budgeted
from xstilts_core.results import Score
from xstilts_core.tasks import Task

# Number of passages of a pool whose tokens are in memory at once.
BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions for one task in one language, their sufficient statistics [examples, columns] and
    the metrics in percent.

    counts: further counts for result.json's details.
    """

    predictions: list[Any]
    columns: tuple[str, ...]
    statistics: np.ndarray
    values: dict[str, float]
    counts: dict[str, int] = field(default_factory=dict)


def with_metrics(
    predictions: list[Any], columns: tuple[str, ...], statistics: np.ndarray, **counts: int
) -> Scored:
    """Return predictions with their metrics, computed from their statistics."""
    values = metrics.score(statistics, columns)
    return Scored(predictions, columns, statistics, values, counts)


def predict(encoder: Encoder, head: nn.Module, form: Format, encoded: Encoded) -> np.ndarray:
    """Return the format's outputs for every row [rows, k] or token [tokens, k], in the order of
    `encoded`. The head computes in float32.

    Raise NotFinite if hidden states or the head's weights are not finite: the best of such scores
    would look like any prediction.
    """
    device = encoder.device
    encoder.network.eval()
    head.eval()
    for name, weight in head.named_parameters():
        require_finite(f"weights {name} of the head", weight)
    lengths = encoded.row_lengths
    token_starts = np.cumsum(lengths) - lengths
    chunks, order = [], []
    # One context for all batches, so that the encoder's weights are cast to bfloat16 only once.
    with torch.inference_mode(), encoder.autocast():
        for rows in budgeted(lengths, BUDGET[device.type]):
            batch = gather(encoded, rows, device)
            hidden, _ = encoder.hidden(batch.sequences)
            require_finite("the encoder's hidden states", hidden)
            with torch.autocast(device.type, enabled=False):
                chunks.append(form.outputs(head, hidden, batch).float().cpu().numpy())
            order.append(ranges(token_starts[rows], lengths[rows]) if form.per_token else rows)
    table = np.concatenate(chunks)
    outputs = np.empty_like(table)
    outputs[np.concatenate(order)] = table
    return outputs


def format_with_pool(
    encoder: Encoder,
    head: nn.Module,
    task: Task,
    pool: Sequence[Passage],
    limits: Limits,
) -> Format:
    """Return the task's format. If queries are ranked against a pool, it holds the pool's vectors,
    embedded block by block, once for all languages."""
    if not pool:
        return FORMATS[task.format]
    vectors = torch.empty(len(pool), encoder.width, device=encoder.device)
    for first in range(0, len(pool), BLOCK):
        encoded = encode_passages(pool[first : first + BLOCK], encoder.tokenizer, limits)
        block = predict(encoder, head, FORMATS[task.format], encoded)
        vectors[first : first + len(block)] = torch.from_numpy(block)
    return Ranking(Candidates([passage.id for passage in pool], vectors))


def score(
    encoder: Encoder,
    head: nn.Module,
    task: Task,
    examples: Sequence[Any],
    language: str,
    limits: Limits,
    form: Format | None = None,
) -> Scored:
    """Predict every example and score it by the benchmark's rule.
    form: the result of `format_with_pool` if there is a pool to search."""
    form = form or FORMATS[task.format]
    encoded = form.encode(examples, task, encoder.tokenizer, limits)
    outputs = predict(encoder, head, form, encoded)
    predictions = form.decode(outputs, encoded, examples, task)
    return with_metrics(predictions, *form.statistics(examples, predictions, task, language))


def as_scores(scored: Scored, task: Task, language: str, split: str) -> list[Score]:
    """Return one Score per metric, the task's own metric first."""
    count = len(scored.statistics)
    return [
        Score(task.name, language, split, name, round(scored.values[name], 4), count)
        for name in sorted(scored.values, key=lambda name: (name != task.metric, name))
    ]


def gold(example: Any) -> Any:
    """Return the gold answer in the data set's own terms."""
    for name in ("label", "tags", "match"):
        if hasattr(example, name):
            return getattr(example, name)
    if hasattr(example, "passages"):
        return [passage.id for passage in example.passages]
    return [answer.text for answer in example.answers]


def write_predictions(
    folder: Path, task: Task, language: str, examples: Sequence[Any], scored: Scored
) -> Path:
    """Write predictions/<task>.<language>.jsonl.gz and return its path: a line that names the
    statistics' columns, then one line per example."""
    lines: list[dict[str, Any]] = [{"columns": list(scored.columns), "metric": task.metric}]
    rows = zip(examples, scored.predictions, scored.statistics.tolist(), strict=True)
    lines += [
        {"id": example.id, "gold": gold(example), "prediction": prediction, "stats": row}
        for example, prediction, row in rows
    ]
    path = folder / "predictions" / f"{task.name}.{language}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    # Without a time stamp, the same predictions give the same file.
    path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    return path
