"""Create the same work for both sides: random token ids with the lengths of real data, one model,
and one set of initial weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
    XLMRobertaModel,
)
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from xstilts_core.formats import FORMATS, HeadOptions
from xstilts_core.formats.span import windows
from xstilts_core.formats.tokens import Encoded
from xstilts_core.model import Encoder, set_dropout
from xstilts_core.packing import can_pack
from xstilts_core.tasks import task

VOCABULARY = 8_000
FIRST, PAD, LAST, SPECIAL = 0, 1, 2, 5
PAIR_LENGTH = 128
WINDOW_LENGTH, WINDOW_STRIDE, MARKS = 384, 128, 4
TAGGED, IGNORED = "udpos", -100


@dataclass(frozen=True, slots=True)
class Size:
    """An XLM-R encoder by its number of layers and width."""

    name: str
    layers: int
    width: int
    heads: int = 4


REAL = Size("12 layers of width 384", 12, 384, 12)
SMALL = Size("7M parameters", 6, 256)
NANO = Size("1.5M parameters", 2, 128)
TINY = Size("tiny, for tests", 1, 32)


class MaskedQuestions(XLMRobertaForQuestionAnswering):
    """The peer of the equality check. The stock model treats padding as a possible answer, so that
    its losses depend on the padding of a batch."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
    ) -> QuestionAnsweringModelOutput:
        output = super().forward(input_ids, attention_mask=attention_mask)
        start, end = (
            logits.masked_fill(attention_mask == 0, float("-inf"))
            for logits in (output.start_logits, output.end_logits)
        )
        has_positions = start_positions is not None and end_positions is not None
        loss = (
            (cross_entropy(start, start_positions) + cross_entropy(end, end_positions)) / 2
            if has_positions
            else None
        )
        return QuestionAnsweringModelOutput(
            loss=loss, start_logits=output.start_logits, end_logits=output.end_logits
        )


def sequences(
    lengths: np.ndarray,
    rng: np.random.Generator,
    columns: dict[str, np.ndarray],
    **tokens: np.ndarray,
) -> Encoded:
    """Return one sequence of random ids per row, between <s> and </s>."""
    ids = rng.integers(SPECIAL, VOCABULARY, lengths.sum(), dtype=np.int32)
    ends = np.cumsum(lengths)
    ids[ends - lengths], ids[ends - 1] = FIRST, LAST
    rows = np.arange(len(lengths))
    return Encoded(
        ids, lengths, np.arange(len(lengths) + 1), rows, columns=columns, token_columns=tokens
    )


def pairs(count: int, rng: np.random.Generator) -> Encoded:
    """Return sentence pairs with lognormal lengths: mean 39.5 and 99th percentile 108 tokens,
    truncated to 128."""
    lengths = np.clip(
        rng.lognormal(3.560, 0.4826, count).round().astype(np.int64), MARKS, PAIR_LENGTH
    )
    return sequences(lengths, rng, {"label": rng.integers(0, 3, count)})


def tags(count: int, rng: np.random.Generator) -> Encoded:
    """Return sentences with the lengths of pairs and a tag for every token except the special
    ones."""
    lengths = pairs(count, rng).lengths
    label = rng.integers(0, len(task(TAGGED).labels), lengths.sum())
    ends = np.cumsum(lengths)
    label[ends - lengths] = label[ends - 1] = IGNORED
    return sequences(lengths, rng, {}, label=label)


def questions(count: int, rng: np.random.Generator) -> Encoded:
    """Return windows of at most 384 tokens, 128 apart, over a question and its paragraph: about 205
    tokens on average, as in XQuAD."""
    window_lengths: list[int] = []
    while len(window_lengths) < count:
        question, paragraph = int(rng.integers(8, 24)), int(rng.lognormal(5.13, 0.42))
        spans = windows(paragraph, WINDOW_LENGTH - MARKS - question, WINDOW_STRIDE)
        window_lengths += [MARKS + question + end - first for first, end in spans]
    lengths = np.array(window_lengths[:count], dtype=np.int64)
    start = rng.integers(0, lengths)
    end = np.minimum(start + rng.integers(0, 5, count), lengths - 1)
    # Any token may be the answer, as for the peer, which does not mark the context.
    allowed = np.zeros(lengths.sum(), dtype=np.int64)
    return sequences(lengths, rng, {"start": start, "end": end}, first=allowed, last=allowed)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rows: a task, whose format defines our side, and the peer's model.

    exact: the peer's model that computes the same loss. labels: our columns -> the peer's
    arguments. heads: our layers -> the peer's.
    """

    task: str
    draw: Callable[[int, np.random.Generator], Encoded]
    peer: type[nn.Module]
    exact: type[nn.Module]
    labels: Mapping[str, str]
    heads: Mapping[str, str]


PAIRS = Kind(
    "mnli",
    pairs,
    XLMRobertaForSequenceClassification,
    XLMRobertaForSequenceClassification,
    MappingProxyType({"label": "labels"}),
    MappingProxyType({"dense": "classifier.dense", "out": "classifier.out_proj"}),
)
WINDOWS = Kind(
    "squad_v1",
    questions,
    XLMRobertaForQuestionAnswering,
    MaskedQuestions,
    MappingProxyType({"start": "start_positions", "end": "end_positions"}),
    MappingProxyType({"out": "qa_outputs"}),
)
TAGS = Kind(
    TAGGED,
    tags,
    XLMRobertaForTokenClassification,
    XLMRobertaForTokenClassification,
    MappingProxyType({"label": "labels"}),
    MappingProxyType({"out": "classifier"}),
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that only pads, which the peer's collator requires."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1}, "<s>")),
        pad_token="<pad>",
    )


def peer_model(
    kind: Kind, size: Size, dropout: float, seed: int, exact: bool, attention: float | None = None
) -> nn.Module:
    """Return the stock model with random weights from `seed`."""
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        max_position_embeddings=WINDOW_LENGTH + 2,
        type_vocab_size=1,
        num_labels=2 if kind is WINDOWS else len(task(kind.task).labels),
        pad_token_id=PAD,
        bos_token_id=FIRST,
        eos_token_id=LAST,
    )
    set_dropout(config, dropout, attention)
    torch.manual_seed(seed)
    return (kind.exact if exact else kind.peer)(config)


def our_model(
    kind: Kind, size: Size, dropout: float, seed: int, attention: float | None = None
) -> tuple[Encoder, nn.Module]:
    """Return our encoder and head with the peer's weights."""
    peer = peer_model(kind, size, dropout, seed, exact=False, attention=attention)
    network = XLMRobertaModel(peer.config, add_pooling_layer=False)
    network.load_state_dict(peer.roberta.state_dict())
    head = FORMATS[task(kind.task).format].head(
        task(kind.task), HeadOptions(size.width, dropout, "first")
    )
    for ours, theirs in kind.heads.items():
        head.get_submodule(ours).load_state_dict(peer.get_submodule(theirs).state_dict())
    return Encoder(network, tokenizer(), can_pack(network)), head


def peer_rows(encoded: Encoded, order: np.ndarray, labels: Mapping[str, str]) -> Dataset:
    """Return the rows in this order as an Arrow data set, the usual input of a Trainer."""
    starts, ends = encoded.starts[:-1][order], encoded.starts[1:][order]
    ids = [encoded.ids[start:end].tolist() for start, end in zip(starts, ends, strict=True)]
    columns = {
        theirs: encoded.columns[ours][order].tolist()
        for ours, theirs in labels.items()
        if ours in encoded.columns
    }
    for ours, values in encoded.token_columns.items():
        if ours in labels:
            columns[labels[ours]] = [
                values[start:end].tolist() for start, end in zip(starts, ends, strict=True)
            ]
    return Dataset.from_dict(
        {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids], **columns}
    )
