"""A frozen encoder with a new language-model head that guesses masked words. Its weights are those
of the shipped encoder, or random.

The checkpoint ships without a language-model head because phases 2 and 3 need none.
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
from xstilts_core.formats.tokens import encode_texts
from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.mini import corpus
from xstilts_core.model import Encoder
from xstilts_core.streams import Stream
from xstilts_core.train import Schedule, train

# Not seed 1, with which phase 1 of the shipped checkpoint drew its documents.
_TRAINING_SEED, _DOCUMENTS = 101, 150
_STEPS, BATCH_TOKENS, RATE = 150, 1_000, 3e-3
LONGEST, MASKED = 128, 0.15
Gap = tuple[list[int], np.ndarray]
"""Ids of a sequence, and the positions in it that are masked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Guesser:
    """An encoder with a head that guesses masked pieces. log: training loss of the head by step."""

    encoder: Encoder
    head: nn.Module
    log: pd.Series


@lru_cache(maxsize=2)
def documents(seed: int, count: int) -> dict[str, list[str]]:
    """Return `count` new documents of the suite's corpus for each language."""
    return {
        code: [document.text for document in corpus.documents((code,), seed, math.ceil(count / corpus.RESOURCE[code]))][:count]
        for code in EMBEDDED_LANGUAGES
    }


def guesser() -> _Guesser:
    """Return the shipped encoder, frozen, with a new head."""
    return trained(False)


@lru_cache(maxsize=2)
def trained(random_weights: bool) -> _Guesser:
    """Return a frozen encoder, shipped or of the same shape with random weights, with a new head
    trained on some documents of all languages.

    The head's bias starts at the log frequencies of the pieces in these documents, which is what
    can be known without reading the sentence.
    """
    encoder = model.load(
        model.SHIPPED,
        dropout=0.0,
        packed=True,
        device=torch.device("cpu"),
        random_init=random_weights,
        seed=1,
    )
    encoder.network.requires_grad_(False)
    head = model.language_head(encoder, model.SHIPPED, seed=1)
    texts = [(text, None) for language_documents in documents(_TRAINING_SEED, _DOCUMENTS).values() for text in language_documents]
    encoded = encode_texts(texts, encoder.tokenizer, LONGEST)
    counts = np.bincount(encoded.ids, minlength=len(encoder.tokenizer)) + 1.0
    with torch.no_grad():
        head.decoder.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
    masks = mlm.masking(encoder.tokenizer, MASKED, np.random.default_rng(_TRAINING_SEED))
    stream = Stream("mlm", head, mlm.loss, encoded, len(encoded), BATCH_TOKENS, masks, by_length=True)
    result = train(
        encoder,
        [stream],
        np.ones(1),
        Schedule(_STEPS, RATE, warmup=0.1, weight_decay=0.0, clip=1.0, seed=1),
    )
    return _Guesser(encoder, head, pd.Series({line["step"]: line["loss"] for line in result.log}))


@torch.inference_mode()
def guess(found: _Guesser, gaps: Sequence[Gap]) -> torch.Tensor:
    """Return log probabilities [gaps, vocabulary] at all masked positions, by sequence."""
    found.encoder.network.eval()
    found.head.eval()
    rows = [np.array(ids, dtype=np.int32) for ids, _ in gaps]
    for row, (_, positions) in zip(rows, gaps, strict=True):
        row[positions] = found.encoder.tokenizer.mask_token_id
    batches = []
    for first in range(0, len(rows), 64):
        batch, lengths = rows[first : first + 64], [len(row) for row in rows[first : first + 64]]
        starts = np.cumsum([0, *lengths])
        flat = Encoded(
            np.concatenate(batch),
            np.array(lengths),
            np.arange(len(batch) + 1),
            np.arange(len(batch)),
        )
        hidden, _ = found.encoder.hidden(gather(flat, np.arange(len(batch))).sequences)
        masked_indices = np.concatenate(
            [start + positions for start, (_, positions) in zip(starts, gaps[first : first + 64], strict=False)]
        )
        batches.append(found.head(hidden[torch.from_numpy(masked_indices)]).log_softmax(-1))
    return torch.cat(batches)


def hidden_ids(gaps: Sequence[Gap]) -> torch.Tensor:
    """Return the original ids at the masked positions, shape [gaps]."""
    return torch.tensor([ids[position] for ids, positions in gaps for position in positions])
