"""An encoder that guesses masked words: the shipped one or one of random weights, frozen, with a
new language-model head.

The checkpoint ships without the head that guesses words, for phases 2 and 3 need none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from xstilts_core import model
from xstilts_core.formats import Encoded, gather, mlm
from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.mini import corpus
from xstilts_core.model import Encoder
from xstilts_core.packing import flat_hidden
from xstilts_core.streams import Stream
from xstilts_core.train import Schedule, train

# Phase 1 of the shipped checkpoint drew its documents with seed 1.
_TRAINING_SEED, _DOCUMENTS = 101, 150
_STEPS, BATCH_TOKENS, RATE = 150, 1_000, 3e-3
LONGEST, MASKED = 128, 0.15
Gap = tuple[list[int], np.ndarray]
"""Ids of a sequence, and the places in it that are masked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Guesser:
    """An encoder with a language-model head: guesses what stands behind <mask>. log: mean loss by
    step while the head was trained."""

    encoder: Encoder
    head: nn.Module
    log: pd.Series


@lru_cache(maxsize=2)
def documents(seed: int, count: int) -> dict[str, list[str]]:
    """New documents of the suite's corpus by language, as many of each."""
    return {
        code: [
            found.text
            for found in corpus.documents((code,), seed, math.ceil(count / corpus.RESOURCE[code]))
        ][:count]
        for code in EMBEDDED_LANGUAGES
    }


def guesser() -> _Guesser:
    """The shipped encoder, frozen, with a new head."""
    return trained(False)


@lru_cache(maxsize=2)
def trained(random_weights: bool) -> _Guesser:
    """The shipped encoder, or one of its shape with random weights, frozen; with a new head,
    trained on some documents of all languages.

    The head begins with the frequencies of the pieces in these documents: what can be known without
    reading the sentence.
    """
    encoder = model.load(
        model.SHIPPED,
        dropout=0.0,
        packed=True,
        where=torch.device("cpu"),
        random_init=random_weights,
        seed=1,
    )
    encoder.network.requires_grad_(False)
    head = model.language_head(encoder, model.SHIPPED, seed=1)
    texts = [
        (text, None) for found in documents(_TRAINING_SEED, _DOCUMENTS).values() for text in found
    ]
    encoded = mlm.encode(texts, encoder.tokenizer, LONGEST)
    counts = np.bincount(encoded.ids, minlength=len(encoder.tokenizer)) + 1.0
    with torch.no_grad():
        head.decoder.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
    masks = mlm.masking(encoder.tokenizer, MASKED, np.random.default_rng(_TRAINING_SEED))
    stream = Stream(
        "mlm", head, mlm.loss, encoded, len(encoded), BATCH_TOKENS, masks, by_length=True
    )
    done = train(
        encoder,
        [stream],
        np.ones(1),
        Schedule(_STEPS, RATE, warmup=0.1, weight_decay=0.0, clip=1.0, seed=1),
    )
    return _Guesser(encoder, head, pd.Series({line["step"]: line["loss"] for line in done.log}))


@torch.inference_mode()
def guess(found: _Guesser, gaps: Sequence[Gap]) -> torch.Tensor:
    """[gaps, vocabulary]: log probabilities at every masked place, sequence after sequence."""
    found.encoder.network.eval()
    found.head.eval()
    rows = [np.array(ids, dtype=np.int32) for ids, _ in gaps]
    for row, (_, places) in zip(rows, gaps, strict=True):
        row[places] = found.encoder.tokenizer.mask_token_id
    parts = []
    for first in range(0, len(rows), 64):
        some, lengths = rows[first : first + 64], [len(row) for row in rows[first : first + 64]]
        starts = np.cumsum([0, *lengths])
        flat = Encoded(
            np.concatenate(some), np.array(lengths), np.arange(len(some) + 1), np.arange(len(some))
        )
        hidden, _ = flat_hidden(
            found.encoder.network,
            gather(flat, np.arange(len(some))).sequences,
            found.encoder.packed,
        )
        wanted = np.concatenate(
            [
                start + places
                for start, (_, places) in zip(starts, gaps[first : first + 64], strict=False)
            ]
        )
        parts.append(found.head(hidden[torch.from_numpy(wanted)]).log_softmax(-1))
    return torch.cat(parts)


def hidden_ids(gaps: Sequence[Gap]) -> torch.Tensor:
    """[gaps]: what stood at the masked places."""
    return torch.tensor([ids[place] for ids, places in gaps for place in places])
