"""Sentence retrieval and bitext mining with pooled hidden states: no head, nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from xstilts_core.examples import SentenceExample
from xstilts_core.formats.format import gather
from xstilts_core.formats.tokens import Builder, Encoded, Template, tokenise
from xstilts_core.model import Encoder
from xstilts_core.packing import BUDGET, budgeted, flat_hidden

BLOCK = 4_096
ENGLISH = "en"


def encode(texts: Sequence[str], encoder: Encoder, max_length: int) -> Encoded:
    """One sequence per text, cut at max_length."""
    template = Template.of(encoder.tokenizer)
    pieces = tokenise(encoder.tokenizer, texts)
    builder = Builder(template)
    for position, text in enumerate(texts):
        builder.add(template.single(pieces[text].ids[: max_length - template.single_size]))
        builder.close(position)
    return builder.build()


def embed(encoder: Encoder, texts: Sequence[str], max_length: int, layers: Sequence[int]) -> Tensor:
    """[layers, texts, width] float32: means over all tokens, special ones too, as in the paper's code (jiant MeanPoolerHead).

    layers: indices of hidden states, 0 the embeddings.
    """
    network = encoder.network
    where = next(network.parameters()).device
    network.eval()
    encoded = encode(texts, encoder, max_length)
    found = torch.zeros(len(layers), len(texts), encoder.width)
    with torch.inference_mode():
        for rows in budgeted(encoded.lengths, BUDGET[where.type]):
            batch = gather(encoded, rows, where)
            hidden, _ = flat_hidden(network, batch.sequences, encoder.packed, None if len(layers) > 1 else layers[0])
            hidden = hidden[:, list(layers)].transpose(0, 1) if len(layers) > 1 else hidden[None]
            sums = hidden.new_zeros(len(layers), len(rows), encoder.width).index_add(1, batch.owner, hidden)
            counts = torch.from_numpy(batch.sequences.lengths).to(where)
            found[:, torch.from_numpy(rows)] = (sums / counts[None, :, None]).float().cpu()
    return found


def prepare(vectors: Tensor, centred: bool) -> Tensor:
    """[texts, width] of unit length, after taking off the mean vector of the collection."""
    return normalize(vectors - vectors.mean(0) if centred else vectors, dim=-1)


def nearest(queries: Tensor, candidates: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and indices [queries, count] of each query's nearest candidates; unit vectors in, blocks of queries inside."""
    found = [(block @ candidates.T).topk(min(count, len(candidates)), dim=1) for block in queries.split(BLOCK)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def two_sides(examples: Sequence[SentenceExample]) -> tuple[list[SentenceExample], list[SentenceExample]]:
    """(English sentences, those of the other language)."""
    english = [example for example in examples if example.language == ENGLISH]
    return english, [example for example in examples if example.language != ENGLISH]


def search(english: Tensor, other: Tensor) -> np.ndarray:
    """[English sentences]: index of the nearest sentence of the other language (XTREME's direction for Tatoeba)."""
    return nearest(english, other, 1)[1][:, 0].numpy()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Mined pairs, best first, each sentence at most once: indices into both sides and the scores."""

    other: np.ndarray
    english: np.ndarray
    scores: np.ndarray


def mine(other: Tensor, english: Tensor, neighbours: int, margin: bool) -> Candidates:
    """Candidate pairs by ratio margin cos(x, y) / mean of both sides' k nearest cosines (Artetxe and Schwenk 2019), or by cosine.

    Each sentence proposes its best partner, in both directions; proposals are taken greedily by score, one to one, as in
    XTREME's mine_bitext with retrieval "max".
    """
    forward, forward_index = nearest(other, english, neighbours)
    backward, backward_index = nearest(english, other, neighbours)
    if margin:
        mean_other, mean_english = forward.mean(1), backward.mean(1)
        forward = forward / ((mean_other[:, None] + mean_english[forward_index]) / 2)
        backward = backward / ((mean_english[:, None] + mean_other[backward_index]) / 2)
    best_forward, best_backward = forward.max(1), backward.max(1)
    xs = np.concatenate([np.arange(len(other)), backward_index.gather(1, best_backward.indices[:, None])[:, 0].numpy()])
    ys = np.concatenate([forward_index.gather(1, best_forward.indices[:, None])[:, 0].numpy(), np.arange(len(english))])
    scores = torch.cat([best_forward.values, best_backward.values]).numpy()
    used_x, used_y, kept = set(), set(), []
    for position in np.argsort(-scores, kind="stable"):
        x, y = int(xs[position]), int(ys[position])
        if x not in used_x and y not in used_y:
            used_x.add(x)
            used_y.add(y)
            kept.append(position)
    return Candidates(xs[kept], ys[kept], scores[kept])


def best_threshold(candidates: Candidates, right: np.ndarray, gold: int) -> float:
    """The score above which a pair is accepted: the midpoint below the prefix of candidates with the best F1 on development data.

    right [candidates]: whether the pair is gold; gold: number of gold pairs. Where the best prefix is the whole list there is
    no next score to average with (XTREME's code fails there): the last score itself is the threshold.
    """
    if not len(right):
        return float("inf")
    found = np.cumsum(right)
    f1 = 2 * found / (np.arange(1, len(right) + 1) + gold)
    best = int(f1.argmax())
    below = candidates.scores[min(best + 1, len(right) - 1)]
    return float((candidates.scores[best] + below) / 2)


def gold_pairs(examples: Sequence[SentenceExample]) -> set[tuple[str, str]]:
    """(id in the other language, English id) of every translation pair."""
    return {(example.id, example.match) for example in examples if example.language != ENGLISH and example.match is not None}
