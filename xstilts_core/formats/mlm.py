"""Masked language modelling: 80 % of the chosen tokens masked, 10 % random, 10 % kept; special
tokens never (Devlin et al. 2019)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.formats.format import Batch, select
from xstilts_core.formats.tokens import IGNORED, Builder, Encoded, Template, cut_pair, tokenise


def encode(
    texts: Sequence[tuple[str, str | None]], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Encoded:
    """A sequence per document; a document of two texts (a translation pair) is encoded as a pair.
    Longer ones are cut."""
    template = Template.of(tokenizer)
    pieces = tokenise(tokenizer, (text for pair in texts for text in pair if text is not None))
    builder = Builder(template)
    for position, (first, second) in enumerate(texts):
        if second is None:
            builder.add(template.single(pieces[first].ids[: max_length - template.single_size]))
        else:
            left, right = cut_pair(
                pieces[first].ids, pieces[second].ids, max_length - template.pair_size
            )
            builder.add(template.pair(left, right), template.second_start(left))
        builder.close(position)
    return builder.build()


def masking(
    tokenizer: PreTrainedTokenizerBase, share: float, rng: np.random.Generator
) -> Callable[[Encoded, np.ndarray], Encoded]:
    """A function that gives the rows that are drawn with new masks. token_columns label: the
    original token, IGNORED where not chosen."""
    special = np.zeros(len(tokenizer), dtype=bool)
    special[tokenizer.all_special_ids] = True
    ordinary = np.flatnonzero(~special)

    def mask(encoded: Encoded, rows: np.ndarray) -> Encoded:
        found = select(encoded, rows)
        ids = found.ids
        chosen = (rng.random(len(ids)) < share) & ~special[ids]
        if not chosen.any():
            chosen[np.flatnonzero(~special[ids])[:1]] = True
        fate = rng.random(len(ids))
        labels = np.where(chosen, ids, IGNORED).astype(np.int64)
        ids[chosen & (fate < 0.8)] = tokenizer.mask_token_id
        noise = chosen & (fate >= 0.9)
        ids[noise] = rng.choice(ordinary, noise.sum())
        return replace(found, token_columns={"label": labels})

    return mask


def loss(head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy at the chosen tokens only: the vocabulary's logits are made for these alone."""
    labels = batch.token_columns["label"]
    chosen = torch.nonzero(labels != IGNORED)[:, 0]
    return cross_entropy(head(hidden.index_select(0, chosen)), labels.index_select(0, chosen))
