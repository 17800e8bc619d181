"""Masked language modelling (Devlin et al. 2019): of the chosen tokens 80 % are masked, 10 % become
random and 10 % stay; special tokens are never chosen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.formats.format import Batch, select
from xstilts_core.formats.tokens import IGNORED, Encoded


def masking(
    tokenizer: PreTrainedTokenizerBase, share: float, rng: np.random.Generator
) -> Callable[[Encoded, np.ndarray], Encoded]:
    """Return a function that selects rows and draws new masks for them. Its token column "label" is
    the original token, IGNORED for tokens that were not chosen."""
    special = np.zeros(len(tokenizer), dtype=bool)
    special[tokenizer.all_special_ids] = True
    ordinary = np.flatnonzero(~special)

    def mask(encoded: Encoded, rows: np.ndarray) -> Encoded:
        masked = select(encoded, rows)
        ids = masked.ids
        chosen = (rng.random(len(ids)) < share) & ~special[ids]
        if not chosen.any():
            chosen[np.flatnonzero(~special[ids])[:1]] = True
        draws = rng.random(len(ids))
        labels = np.where(chosen, ids, IGNORED).astype(np.int64)
        ids[chosen & (draws < 0.8)] = tokenizer.mask_token_id
        is_random = chosen & (draws >= 0.9)
        ids[is_random] = rng.choice(ordinary, is_random.sum())
        return replace(masked, token_columns={"label": labels})

    return mask


def loss(head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
    """Return the cross-entropy at the chosen tokens, computing vocabulary logits only for these."""
    labels = batch.token_columns["label"]
    positions = torch.nonzero(labels != IGNORED)[:, 0]
    return cross_entropy(head(hidden.index_select(0, positions)), labels.index_select(0, positions))
