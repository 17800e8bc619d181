"""Classification of text pairs (natural language inference, paraphrase) and of single texts."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.errors import unknown
from xstilts_core.examples import PairExample
from xstilts_core.formats.format import Batch, Format, HeadOptions, Limits, SentenceHead
from xstilts_core.formats.tokens import Encoded, encode_texts
from xstilts_core.tasks import Task


def label_indices(examples: Sequence[PairExample], task: Task) -> np.ndarray:
    """Return the position of each label name in task.labels, -1 for an example without a label.
    Raise UsageError on an unknown label."""
    order = {label: position for position, label in enumerate(task.labels)}
    for example in examples:
        if example.label is not None and example.label not in order:
            raise unknown(f"label of {task.name}", example.label, order, f"example {example.id}")
    return np.array([order.get(example.label or "", -1) for example in examples], dtype=np.int64)


class Pair(Format):
    """Pair classification: two texts in one sequence, or the first alone if the second is empty;
    the label is predicted from the pooled sequence."""

    name = "pair"

    def encode(
        self,
        examples: Sequence[PairExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        texts = [(example.text_a, example.text_b or None) for example in examples]
        labels = {"label": label_indices(examples, task)}
        return encode_texts(texts, tokenizer, limits.max_length, labels)

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return SentenceHead(options, len(task.labels))

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        return cross_entropy(head(hidden, batch), batch.columns["label"])

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[PairExample], task: Task
    ) -> list[str]:
        return [task.labels[best] for best in outputs.argmax(1)]
