"""Multiple choice: one sequence and one score per choice; all choices of a batch share a pack."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.examples import ChoiceExample
from xstilts_core.formats.format import Batch, HeadOptions, Limits, SentenceHead
from xstilts_core.formats.tokens import Builder, Encoded, Template, cut_pair, tokenise
from xstilts_core.metrics import ACCURACY, accuracy_statistics
from xstilts_core.tasks import Task


def prompt(example: ChoiceExample) -> str:
    """Join context and question into the first segment, as in the paper's code."""
    return f"{example.context} {example.question}".strip()


def _by_row(scores: Tensor, batch: Batch) -> Tensor:
    """Arrange scores [sequences] as [rows, most choices]; absent choices score minus infinity."""
    most = int(batch.choices.max())
    table = scores.new_full((len(batch.choices), most), float("-inf"))
    rows = torch.from_numpy(np.repeat(np.arange(len(batch.choices)), batch.choices)).to(
        scores.device
    )
    columns = torch.from_numpy(np.concatenate([np.arange(count) for count in batch.choices])).to(
        scores.device
    )
    return table.index_put((rows, columns), scores)


class Choice:
    """Multiple choice: each choice is read together with the prompt, and the best score wins."""

    name = "choice"
    per_token = False

    def encode(
        self,
        examples: Sequence[ChoiceExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        template = Template.of(tokenizer)
        texts = [prompt(example) for example in examples]
        pieces = tokenise(
            tokenizer, [*texts, *(choice for example in examples for choice in example.choices)]
        )
        builder = Builder(template)
        for position, (example, text) in enumerate(zip(examples, texts, strict=True)):
            for choice in example.choices:
                first, second = cut_pair(
                    pieces[text].ids, pieces[choice].ids, limits.max_length - template.pair_size
                )
                builder.add(template.pair(first, second), template.second_start(first))
            builder.close(position)
        return builder.build(
            {
                "label": np.array(
                    [-1 if example.label is None else example.label for example in examples],
                    dtype=np.int64,
                )
            }
        )

    def complete(self, task: Task, examples: Sequence[ChoiceExample]) -> Task:
        return task

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

    def statistics(
        self,
        examples: Sequence[ChoiceExample],
        predictions: Sequence[int],
        task: Task,
        language: str,
    ) -> tuple[tuple[str, ...], np.ndarray]:
        return ACCURACY, accuracy_statistics([example.label for example in examples], predictions)
