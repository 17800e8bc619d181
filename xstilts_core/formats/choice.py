"""Multiple choice: one sequence and one score per choice; all choices of a batch share a pack."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.examples import ChoiceExample
from xstilts_core.formats.format import Batch, Format, HeadOptions, Limits, SentenceHead
from xstilts_core.formats.tokens import Builder, Encoded, Template, tokenise
from xstilts_core.tasks import Task


def prompt(example: ChoiceExample) -> str:
    """Join context and question into the first segment, as in the paper's code."""
    return f"{example.context} {example.question}".strip()


def _by_row(scores: Tensor, batch: Batch) -> Tensor:
    """Arrange scores [sequences] as [rows, most choices]; absent choices score minus infinity."""
    table = scores.new_full((len(batch.choices), batch.choices.max()), float("-inf"))
    places = np.nonzero(np.arange(batch.choices.max()) < batch.choices[:, None])
    rows, columns = (torch.from_numpy(index).to(scores.device) for index in places)
    return table.index_put((rows, columns), scores)


class Choice(Format):
    """Multiple choice: each choice is read together with the prompt, and the best score wins."""

    name = "choice"

    def encode(
        self,
        examples: Sequence[ChoiceExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        texts = [prompt(example) for example in examples]
        choices = (choice for example in examples for choice in example.choices)
        pieces = tokenise(tokenizer, [*texts, *choices])
        builder = Builder(Template.of(tokenizer))
        for position, (example, text) in enumerate(zip(examples, texts, strict=True)):
            for choice in example.choices:
                builder.add_texts(pieces[text].ids, pieces[choice].ids, limits.max_length)
            builder.close(position)
        labels = [-1 if example.label is None else example.label for example in examples]
        return builder.build({"label": np.array(labels, dtype=np.int64)})

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return SentenceHead(options, 1)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        return cross_entropy(_by_row(head(hidden, batch)[:, 0], batch), batch.columns["label"])

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        return _by_row(head(hidden, batch)[:, 0], batch).argmax(1, keepdim=True)

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[ChoiceExample], task: Task
    ) -> list[int]:
        return [int(best) for best in outputs[:, 0]]
