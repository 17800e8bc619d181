"""Sentence retrieval and bitext mining with pooled hidden states: no head, nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from xstilts_core.encoders.finite import require_finite
from xstilts_core.encoders.states import visit_states
from xstilts_core.examples import SentenceExample
from xstilts_core.formats.format import Batch, gather
from xstilts_core.formats.tokens import Builder, Encoded, Template, tokenise
from xstilts_core.model import Encoder
from xstilts_core.packing import BUDGET, Part, arrange, budgeted

# Rows and columns of similarities computed at once. On a GPU the columns are carried there for
# every tile: few, and many rows.
TILES = {"cpu": (2_048, 4_096), "cuda": (65_536, 8_192)}
_SEGMENT = 32
TEXTS_AT_ONCE = 10_000
# The least mean cosine that the ratio margin divides by. Neighbours that have next to nothing in
# common, or less, would make any pair look close by comparison: a ratio of two negative numbers, or
# one without bound. Real and embedded sentences stay above it.
LEAST_MEAN = 0.05
LOWEST = torch.iinfo(torch.int64).min
CPU = torch.device("cpu")
ENGLISH = "en"


def encode(texts: Sequence[str], encoder: Encoder, max_length: int) -> Encoded:
    """One sequence per text, cut at max_length; TEXTS_AT_ONCE at a time, as a tokenizer's own
    results take far more room than ids."""
    template = Template.of(encoder.tokenizer)
    parts = []
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[first : first + TEXTS_AT_ONCE]
        pieces = tokenise(encoder.tokenizer, some)
        builder = Builder(template)
        for position, text in enumerate(some, start=first):
            builder.add(template.single(pieces[text].ids[: max_length - template.single_size]))
            builder.close(position)
        parts.append(builder.build())
    ids, lengths, example = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("ids", "lengths", "example")
    )
    types = np.concatenate([part.types for part in parts]) if template.types else None
    return Encoded(ids, lengths, np.arange(len(texts) + 1), example, types)


def _sums_by_layer(encoder: Encoder, batch: Batch, layers: Sequence[int]) -> Tensor:
    """[layers, sequences, width]: sums of hidden states over each sequence's tokens, added up while
    one pass goes by.

    The states of different layers are never held together.
    """
    sums = torch.zeros(len(layers), len(batch.starts), encoder.width, device=batch.owner.device)
    place = {layer: position for position, layer in enumerate(layers)}

    def add(part: Part, layer: int, hidden: Tensor) -> None:
        sums[place[layer]].index_add_(0, batch.owner[part.tokens], part.flat(hidden).float())

    for part in arrange(encoder.network, batch.sequences, encoder.packed)[0]:
        visit_states(encoder.network, layers, part.inputs, partial(add, part))
    return sums


def embed(
    encoder: Encoder,
    texts: Sequence[str],
    max_length: int,
    layers: Sequence[int],
    bfloat16: bool = False,
) -> Tensor:
    """[layers, texts, width] float32: means over all tokens, special ones too, as in the paper's
    code (jiant MeanPoolerHead).

    layers: indices of hidden states, 0 the embeddings; layers above the highest one are not
    computed. bfloat16: what the network computes in; means are float32.
    """
    network = encoder.network
    where = next(network.parameters()).device
    network.eval()
    encoded = encode(texts, encoder, max_length)
    found = torch.zeros(len(layers), len(texts), encoder.width)
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=bfloat16):
        for rows in budgeted(encoded.lengths, BUDGET[where.type]):
            batch = gather(encoded, rows, where)
            counts = torch.from_numpy(batch.sequences.lengths).to(where)
            found[:, torch.from_numpy(rows)] = (
                _sums_by_layer(encoder, batch, layers) / counts[None, :, None]
            ).cpu()
    return found


def prepare(vectors: Tensor, centred: bool) -> Tensor:
    """[texts, width] of unit length, after taking off the mean vector of the collection. In place:
    collections may fill the memory.

    NotFinite where a vector is not, as a diverged encoder's are: its score would be one of chance.
    """
    if centred:
        vectors -= vectors.mean(0)
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    require_finite("the encoder's sentence vectors", lengths)
    vectors /= lengths.clamp_min(1e-12)
    return vectors


def keys(values: Tensor, indices: Tensor) -> Tensor:
    """int64 that sort by value, then by falling index: of equal values the one that stands first is
    the highest. values: float32."""
    bits = (values + 0.0).view(torch.int32)  # -0 is 0
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long() << 32 | (0x7FFFFFFF - indices)


def indices_of(key: Tensor) -> Tensor:
    """The indices in keys."""
    return 0x7FFFFFFF - (key & 0x7FFFFFFF)


def values_of(key: Tensor) -> Tensor:
    """The values in keys."""
    bits = (key >> 32).int()
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).view(torch.float32)


def best_in_rows(tile: Tensor, first: int, count: int) -> Tensor:
    """[rows, count]: keys of each row's highest values, highest first; column c has the index first
    + c.

    A row's best values stand in the segments with the best maxima: after one fast pass for these,
    few values are left to sort.
    """
    rows, width = tile.shape
    if over := -width % _SEGMENT:
        tile = pad(tile, (0, over), value=-torch.inf)
    segments = tile.view(rows, -1, _SEGMENT)
    numbers = torch.arange(segments.shape[1], device=tile.device)
    best = indices_of(keys(segments.amax(2), numbers).topk(min(count, len(numbers)), dim=1).values)
    values = segments.gather(1, best[:, :, None].expand(-1, -1, _SEGMENT)).view(rows, -1)
    columns = (best[:, :, None] * _SEGMENT + torch.arange(_SEGMENT, device=tile.device)).view(
        rows, -1
    )
    return keys(values, columns + first).topk(min(count, width), dim=1).values


def merge(best: Tensor, found: Tensor) -> None:
    """Keep the highest keys of both in `best` [rows, count], which is on the CPU."""
    best.copy_(torch.cat([best, found.cpu()], 1).topk(best.shape[1], dim=1).values)


@dataclass(frozen=True, slots=True)
class Nearest:
    """Each query's nearest candidates, nearest first: cosines and indices [queries, count]; of
    equal cosines the first sentence."""

    cosines: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, best: Tensor) -> "Nearest":
        return cls(values_of(best).numpy(), indices_of(best).numpy())


def nearest(x: Tensor, y: Tensor, count: int, where: torch.device = CPU) -> tuple[Nearest, Nearest]:
    """The `count` nearest y of every x, and the nearest x of every y; unit vectors [sentences,
    width] in.

    One pass over tiles of the similarities, each used for its rows and its columns: half the
    arithmetic of a search each way, and the memory is that of a tile whatever the collections'
    sizes. where: the device that computes.
    """
    forward = torch.full((len(x), min(count, len(y))), LOWEST)
    backward = torch.full((len(y), min(count, len(x))), LOWEST)
    rows, columns = TILES[where.type]
    for top in range(0, len(x), rows):
        block = x[top : top + rows].to(where)
        for left in range(0, len(y), columns):
            tile = block @ y[left : left + columns].to(where).T
            merge(forward[top : top + rows], best_in_rows(tile, left, count))
            merge(backward[left : left + columns], best_in_rows(tile.T.contiguous(), top, count))
    return Nearest.of(forward), Nearest.of(backward)


def two_sides(
    examples: Sequence[SentenceExample],
) -> tuple[list[SentenceExample], list[SentenceExample]]:
    """(English sentences, those of the other language)."""
    english = [example for example in examples if example.language == ENGLISH]
    return english, [example for example in examples if example.language != ENGLISH]


def search(english: Tensor, other: Tensor) -> np.ndarray:
    """[English sentences]: index of the nearest sentence of the other language (XTREME's direction
    for Tatoeba)."""
    return nearest(english, other, 1)[0].indices[:, 0]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Mined pairs, best first, each sentence at most once: indices into both sides and the scores.

    clamped: pairs of neighbours, of both directions, whose margin was taken over LEAST_MEAN instead
    of their own mean cosine.
    """

    other: np.ndarray
    english: np.ndarray
    scores: np.ndarray
    clamped: int = 0


def _best_partners(
    found: Nearest, own: np.ndarray, others: np.ndarray, margin: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Index and score of the best among each sentence's nearest, and how many means were clamped at
    LEAST_MEAN.

    own, others: mean cosines of both sides' sentences.
    """
    means = (own[:, None] + others[found.indices]) / 2
    scores = found.cosines / np.maximum(means, LEAST_MEAN) if margin else found.cosines
    best = scores.argmax(1)[:, None]
    clamped = int((means < LEAST_MEAN).sum()) if margin else 0
    return (
        np.take_along_axis(found.indices, best, 1)[:, 0],
        np.take_along_axis(scores, best, 1)[:, 0],
        clamped,
    )


def one_to_one(xs: np.ndarray, ys: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Positions of the proposals (x, y) taken greedily by score, each x and each y once; of equal
    scores the first. Best first."""
    order = np.argsort(-scores, kind="stable")
    used_x, used_y = bytearray(int(xs.max()) + 1), bytearray(int(ys.max()) + 1)
    kept = []
    for position, x, y in zip(order.tolist(), xs[order].tolist(), ys[order].tolist(), strict=True):
        if not (used_x[x] or used_y[y]):
            used_x[x] = used_y[y] = 1
            kept.append(position)
    return np.array(kept)


def mine(
    other: Tensor, english: Tensor, neighbours: int, margin: bool, where: torch.device = CPU
) -> Candidates:
    """Candidate pairs by ratio margin cos(x, y) / mean of both sides' k nearest cosines (Artetxe
    and Schwenk 2019), or by cosine.

    The mean counts as LEAST_MEAN where it is less. Each sentence proposes its best partner, in both
    directions; proposals are taken greedily by score, one to one, and only scores above 0 count, as
    in XTREME's mine_bitext with retrieval "max".
    """
    forward, backward = nearest(other, english, neighbours, where)
    mean_other, mean_english = forward.cosines.mean(1), backward.cosines.mean(1)
    english_best, forward_scores, clamped = _best_partners(
        forward, mean_other, mean_english, margin
    )
    other_best, backward_scores, more = _best_partners(backward, mean_english, mean_other, margin)
    xs = np.concatenate([np.arange(len(other)), other_best])
    ys = np.concatenate([english_best, np.arange(len(english))])
    scores = np.concatenate([forward_scores, backward_scores]).astype(np.float64)
    kept = one_to_one(xs, ys, scores)
    kept = kept[scores[kept] > 0]
    return Candidates(xs[kept], ys[kept], scores[kept], clamped + more)


def different(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Where each different text stands first, and whether it stands nowhere else."""
    places: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        places.setdefault(text, []).append(position)
    return np.array([found[0] for found in places.values()]), np.array(
        [len(found) == 1 for found in places.values()]
    )


def best_threshold(candidates: Candidates, right: np.ndarray, gold: int) -> float:
    """The score from which on a pair is accepted: the midpoint below the prefix of candidates with
    the best F1 on development data.

    right [candidates]: whether the pair is gold; gold: number of gold pairs. As XTREME's
    bucc_optimize, 0 where no candidate is right; where the best prefix is the whole list there is
    no next score to average with (XTREME's code fails there): the last score itself is the
    threshold.
    """
    if not right.any():
        return 0.0
    best = int(f1_of_prefixes(right, gold).argmax())
    below = candidates.scores[min(best + 1, len(right) - 1)]
    return float((candidates.scores[best] + below) / 2)


def f1_of_prefixes(right: np.ndarray, gold: int) -> np.ndarray:
    """[candidates]: F1, 0 to 1, if the pairs up to each one are accepted; XTREME's arithmetic,
    which decides between near ties."""
    found = np.cumsum(right)
    precision, recall = found / np.arange(1, len(right) + 1), found / gold
    return np.divide(
        2 * precision * recall, precision + recall, out=np.zeros(len(right)), where=found > 0
    )


def gold_pairs(examples: Sequence[SentenceExample]) -> set[tuple[str, str]]:
    """(id in the other language, English id) of every translation pair."""
    return {
        (example.id, example.match)
        for example in examples
        if example.language != ENGLISH and example.match is not None
    }
