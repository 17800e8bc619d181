"""Sentence retrieval and bitext mining with pooled hidden states, without a head or training."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from xstilts_core.encoders.finite import require_finite
from xstilts_core.encoders.states import visit_states
from xstilts_core.examples import SentenceExample
from xstilts_core.formats.format import Batch, gather
from xstilts_core.formats.tokens import Encoded, encode_texts
from xstilts_core.model import Encoder
from xstilts_core.packing import BUDGET, Part, arrange, budgeted

# Rows and columns of similarities computed at once. On a GPU the columns are copied there for every
# tile, so tiles have few columns and many rows.
TILES = {"cpu": (2_048, 4_096), "cuda": (65_536, 8_192)}
_SEGMENT = 32
TEXTS_AT_ONCE = 10_000
# Lower bound of the mean cosine that the ratio margin divides by. With neighbours that have almost
# nothing in common, the ratio of two negative numbers or an unbounded ratio would make any pair
# look close. Real and embedded sentences stay above the bound.
LEAST_MEAN = 0.05
LOWEST = torch.iinfo(torch.int64).min
CPU = torch.device("cpu")
ENGLISH = "en"
# The paper's code and XTREME's read hidden state 14 of XLM-R Large's 24 layers. Encoders of other
# depths use the same share.
DEFAULT_DEPTH = 14 / 24


def papers_layer(encoder: Encoder) -> int:
    """Return the layer at the depth that the paper's code reads. Its measure is the cosine of raw
    mean states of this layer; a metric by this measure is named `accuracy_raw` or `f1_raw`."""
    return round(DEFAULT_DEPTH * encoder.layers)


def select_rows(vectors: Tensor, positions: np.ndarray) -> Tensor:
    """Return these rows; all rows are returned without a copy."""
    return vectors if len(positions) == len(vectors) else vectors[torch.from_numpy(positions)]


def encode(texts: Sequence[str], encoder: Encoder, max_length: int) -> Encoded:
    """Encode one sequence per text, cut at max_length. Tokenize TEXTS_AT_ONCE texts at a time,
    because a tokenizer's own results take far more memory than ids."""
    rows = [(text, None) for text in texts]
    parts = [
        encode_texts(rows[first : first + TEXTS_AT_ONCE], encoder.tokenizer, max_length)
        for first in range(0, len(rows), TEXTS_AT_ONCE)
    ]
    types = [part.types for part in parts if part.types is not None]
    return Encoded(
        ids=np.concatenate([part.ids for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        rows=np.arange(len(texts) + 1),
        example=np.arange(len(texts)),
        types=np.concatenate(types) if types else None,
    )


def _sums_by_layer(encoder: Encoder, batch: Batch, layers: Sequence[int]) -> Tensor:
    """Return the sums of hidden states over each sequence's tokens [layers, sequences, width].

    They are accumulated during one pass: the states of different layers are never held together.
    """
    sums = torch.zeros(len(layers), len(batch.starts), encoder.width, device=batch.owner.device)

    def add(part: Part, layer: int, hidden: Tensor) -> None:
        sums[layers.index(layer)].index_add_(0, batch.owner[part.tokens], part.flat(hidden).float())

    for part in arrange(encoder.network, batch.sequences, encoder.packed)[0]:
        visit_states(encoder.network, layers, part.inputs, partial(add, part))
    return sums


def embed(encoder: Encoder, texts: Sequence[str], max_length: int, layers: Sequence[int]) -> Tensor:
    """Return mean hidden states [layers, texts, width] in float32. The mean is over all tokens,
    special tokens included, as in the paper's code (jiant MeanPoolerHead).

    layers: indices of hidden states, 0 for the embeddings; layers above the highest index are not
    computed.
    """
    device = encoder.device
    encoder.network.eval()
    encoded = encode(texts, encoder, max_length)
    means = torch.zeros(len(layers), len(texts), encoder.width)
    with torch.inference_mode(), encoder.autocast():
        for rows in budgeted(encoded.lengths, BUDGET[device.type]):
            batch = gather(encoded, rows, device)
            counts = torch.from_numpy(batch.sequences.lengths).to(device)
            means[:, torch.from_numpy(rows)] = (
                _sums_by_layer(encoder, batch, layers) / counts[None, :, None]
            ).cpu()
    return means


def prepare(vectors: Tensor, centred: bool) -> Tensor:
    """Scale vectors [texts, width] to unit length, after subtracting the collection's mean if
    `centred`. Works in place, as collections may fill the memory.

    Raise NotFinite if a vector is not finite, as with a diverged encoder: it would score at chance
    level.
    """
    if centred:
        vectors -= vectors.mean(0)
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    require_finite("the encoder's sentence vectors", lengths)
    vectors /= lengths.clamp_min(1e-12)
    return vectors


def keys(values: Tensor, indices: Tensor) -> Tensor:
    """Return int64 keys that sort by float32 value, then by descending index: of equal values the
    first has the highest key."""
    bits = (values + 0.0).view(torch.int32)  # turns -0 into 0
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long() << 32 | (0x7FFFFFFF - indices)


def indices_of(key: Tensor) -> Tensor:
    """Return the indices encoded in keys."""
    return 0x7FFFFFFF - (key & 0x7FFFFFFF)


def values_of(key: Tensor) -> Tensor:
    """Return the values encoded in keys."""
    bits = (key >> 32).int()
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).view(torch.float32)


def best_in_rows(tile: Tensor, first: int, count: int) -> Tensor:
    """Return keys [rows, count] of each row's highest values, highest first; column c has the index
    first + c.

    A row's best values lie in the segments with the highest maxima: one fast pass finds these, and
    few values are left to sort.
    """
    rows, width = tile.shape
    if padding := -width % _SEGMENT:
        tile = pad(tile, (0, padding), value=-torch.inf)
    segments = tile.view(rows, -1, _SEGMENT)
    numbers = torch.arange(segments.shape[1], device=tile.device)
    best = indices_of(keys(segments.amax(2), numbers).topk(min(count, len(numbers)), dim=1).values)
    values = segments.gather(1, best[:, :, None].expand(-1, -1, _SEGMENT)).view(rows, -1)
    columns = (best[:, :, None] * _SEGMENT + torch.arange(_SEGMENT, device=tile.device)).view(
        rows, -1
    )
    return keys(values, columns + first).topk(min(count, width), dim=1).values


def merge(best: Tensor, tile_best: Tensor) -> None:
    """Keep the highest keys of both in `best` [rows, count], which is on the CPU."""
    best.copy_(torch.cat([best, tile_best.cpu()], 1).topk(best.shape[1], dim=1).values)


class Nearest(NamedTuple):
    """The nearest candidates of each query, nearest first: cosines and indices [queries, count]. Of
    equal cosines the first sentence wins."""

    cosines: np.ndarray
    indices: np.ndarray


def nearest(
    x: Tensor, y: Tensor, count: int, device: torch.device = CPU
) -> tuple[Nearest, Nearest]:
    """Return the `count` nearest y of every x and the nearest x of every y, for unit vectors
    [sentences, width].

    One pass over tiles of similarities serves both directions: half the arithmetic of two searches,
    and memory for one tile whatever the collections' sizes. device: the device that computes.
    """
    forward = torch.full((len(x), min(count, len(y))), LOWEST)
    backward = torch.full((len(y), min(count, len(x))), LOWEST)
    rows, columns = TILES[device.type]
    for top in range(0, len(x), rows):
        block = x[top : top + rows].to(device)
        for left in range(0, len(y), columns):
            tile = block @ y[left : left + columns].to(device).T
            merge(forward[top : top + rows], best_in_rows(tile, left, count))
            merge(backward[left : left + columns], best_in_rows(tile.T.contiguous(), top, count))
    first, second = (
        Nearest(values_of(best).numpy(), indices_of(best).numpy()) for best in (forward, backward)
    )
    return first, second


def two_sides(
    examples: Sequence[SentenceExample],
) -> tuple[list[SentenceExample], list[SentenceExample]]:
    """Split examples into (English sentences, sentences of the other language)."""
    english = [example for example in examples if example.language == ENGLISH]
    return english, [example for example in examples if example.language != ENGLISH]


def search(english: Tensor, other: Tensor) -> np.ndarray:
    """Return the index of the nearest sentence of the other language for each English sentence
    (XTREME's direction for Tatoeba)."""
    return nearest(english, other, 1)[0].indices[:, 0]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Mined pairs, best first, each sentence in at most one pair: indices into both sides and
    scores.

    clamped: number of neighbour pairs, of both directions, whose margin was divided by LEAST_MEAN
    instead of their own mean cosine.
    """

    other: np.ndarray
    english: np.ndarray
    scores: np.ndarray
    clamped: int = 0


def _best_partners(
    neighbours: Nearest, means: np.ndarray, neighbour_means: np.ndarray, margin: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return index and score of the best of each sentence's nearest candidates, and how many means
    were clamped at LEAST_MEAN.

    means, neighbour_means: mean cosines of the sentences of both sides.
    """
    pair_means = (means[:, None] + neighbour_means[neighbours.indices]) / 2
    cosines = neighbours.cosines
    scores = cosines / np.maximum(pair_means, LEAST_MEAN) if margin else cosines
    best = scores.argmax(1)[:, None]
    clamped = int((pair_means < LEAST_MEAN).sum()) if margin else 0
    return (
        np.take_along_axis(neighbours.indices, best, 1)[:, 0],
        np.take_along_axis(scores, best, 1)[:, 0],
        clamped,
    )


def one_to_one(xs: np.ndarray, ys: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Select proposals (x, y) greedily by score, with each x and each y at most once; of equal
    scores the first wins. Return their positions, best first."""
    order = np.argsort(-scores, kind="stable")
    used_x, used_y = bytearray(int(xs.max()) + 1), bytearray(int(ys.max()) + 1)
    selected = []
    for position, x, y in zip(order.tolist(), xs[order].tolist(), ys[order].tolist(), strict=True):
        if not (used_x[x] or used_y[y]):
            used_x[x] = used_y[y] = 1
            selected.append(position)
    return np.array(selected)


def mine(
    other: Tensor, english: Tensor, neighbours: int, margin: bool, device: torch.device = CPU
) -> Candidates:
    """Mine candidate pairs by ratio margin cos(x, y) / mean of both sides' k nearest cosines
    (Artetxe and Schwenk 2019), or by cosine.

    Means below LEAST_MEAN count as LEAST_MEAN. Each sentence proposes its best partner, in both
    directions; proposals are selected greedily by score, one to one, and only scores above 0 count,
    as in XTREME's mine_bitext with retrieval "max".
    """
    forward, backward = nearest(other, english, neighbours, device)
    mean_other, mean_english = forward.cosines.mean(1), backward.cosines.mean(1)
    english_best, forward_scores, clamped = _best_partners(
        forward, mean_other, mean_english, margin
    )
    other_best, backward_scores, backward_clamped = _best_partners(
        backward, mean_english, mean_other, margin
    )
    xs = np.concatenate([np.arange(len(other)), other_best])
    ys = np.concatenate([english_best, np.arange(len(english))])
    scores = np.concatenate([forward_scores, backward_scores]).astype(np.float64)
    selected = one_to_one(xs, ys, scores)
    selected = selected[scores[selected] > 0]
    return Candidates(xs[selected], ys[selected], scores[selected], clamped + backward_clamped)


def distinct(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of each distinct text's first occurrence, and whether it is the only one."""
    counts = Counter(texts)
    firsts = {text: position for position, text in reversed(list(enumerate(texts)))}
    return np.array([firsts[text] for text in counts]), np.array(list(counts.values())) == 1


def best_threshold(candidates: Candidates, right: np.ndarray, gold: int) -> float:
    """Return the lowest accepted score: the midpoint below the prefix of candidates with the best
    F1 on development data.

    right [candidates]: whether the pair is gold; gold: number of gold pairs. As in XTREME's
    bucc_optimize, the threshold is 0 if no candidate is right. If the best prefix is the whole
    list, there is no next score to average with (XTREME's code fails there), and the last score is
    the threshold.
    """
    if not right.any():
        return 0.0
    best = int(f1_of_prefixes(right, gold).argmax())
    below = candidates.scores[min(best + 1, len(right) - 1)]
    return float((candidates.scores[best] + below) / 2)


def f1_of_prefixes(right: np.ndarray, gold: int) -> np.ndarray:
    """Return F1, 0 to 1, of accepting the pairs up to each candidate [candidates]. The arithmetic
    is XTREME's, because it decides between near ties."""
    hits = np.cumsum(right)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / gold
    return np.divide(
        2 * precision * recall, precision + recall, out=np.zeros(len(right)), where=hits > 0
    )
