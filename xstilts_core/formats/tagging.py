"""Tagging of words: parts of speech, entities, supertags. A word's label is on its first sub-token;
long inputs are split."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core.examples import TagsExample
from xstilts_core.formats.format import Batch, Format, HeadOptions, Limits, TokenHead
from xstilts_core.formats.tokens import (
    IGNORED,
    Builder,
    Encoded,
    Template,
    sentence_words,
    tokenise,
    writes_space,
)
from xstilts_core.metrics import TAGGING, tagging_statistics
from xstilts_core.tasks import Task

_LONGEST_WORD = 100


def split(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Split words of these numbers of sub-tokens into (first, end) parts of at most `room` of
    them."""
    parts, first, length = [], 0, 0
    for position, size in enumerate(sizes):
        if length + size > room and position > first:
            parts.append((first, position))
            first, length = position, 0
        length += size
    return [*parts, (first, len(sizes))]


def _unknown_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id for a word without sub-tokens: <unk>, or another special token if the
    vocabulary has no <unk> (bytes)."""
    special = tokenizer.unk_token_id, tokenizer.mask_token_id, *tokenizer.all_special_ids
    return int(next(number for number in special if number is not None))


class Tagging(Format):
    """Word tagging. token_columns: label (index in the inventory; IGNORED except on first
    sub-tokens), word (its position, -1 elsewhere)."""

    name = "tagging"
    per_token = True

    def encode(
        self,
        examples: Sequence[TagsExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        template, unknown = Template.of(tokenizer), _unknown_id(tokenizer)
        spaced = writes_space(tokenizer)
        sentences = [sentence_words(example.words, spaced) for example in examples]
        pieces = tokenise(tokenizer, (word for words in sentences for word in words))
        room = limits.max_length - template.single_size
        longest = min(_LONGEST_WORD, room)
        builder = Builder(template)
        words: list[int] = []
        for position, sentence in enumerate(sentences):
            word_ids = [pieces[word].ids for word in sentence]
            # A word with no sub-tokens (a lone control character) or very many is unknown, as in
            # XTREME's code.
            word_ids = [ids if 0 < len(ids) <= longest else [unknown] for ids in word_ids]
            for first, end in split([len(ids) for ids in word_ids], room):
                builder.add(template.single([i for ids in word_ids[first:end] for i in ids]))
                builder.close(position)
                words += [-1] * len(template.before)
                for word in range(first, end):
                    words += [word, *[-1] * (len(word_ids[word]) - 1)]
                words += [-1] * len(template.single_after)
        columns = {"word": np.array(words, dtype=np.int64)}
        # A supertag that is missing from the training data cannot be learnt; scoring counts it as
        # an error.
        order = {tag: position for position, tag in enumerate(task.labels)}
        tags = (tag for example in examples for tag in example.tags or [""] * len(example.words))
        columns["label"] = np.full(len(words), IGNORED)
        columns["label"][columns["word"] >= 0] = [order.get(tag, IGNORED) for tag in tags]
        return builder.build(token_columns=columns)

    def complete(self, task: Task, examples: Sequence[TagsExample]) -> Task:
        """Return the task with the tags of its training data if it has no list of labels
        (supertags)."""
        if task.labels:
            return task
        tags = {tag for example in examples for tag in example.tags}
        return replace(task, labels=tuple(sorted(tags)))

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return TokenHead(options, len(task.labels), options.dropout)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        labels = batch.token_columns["label"]
        return cross_entropy(head(hidden, batch), labels, ignore_index=IGNORED)

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        return super().outputs(head, hidden, batch).argmax(1, keepdim=True)

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[TagsExample], task: Task
    ) -> list[list[str]]:
        # There is one first sub-token per word, in the order of examples and words: `encode` leaves
        # no word out.
        best = outputs[encoded.token_columns["word"] >= 0, 0].astype(np.int64)
        tags = np.array(task.labels, dtype=object)[best].tolist()
        ends = accumulate((len(example.words) for example in examples), initial=0)
        return [tags[first:end] for first, end in pairwise(ends)]

    def statistics(
        self,
        examples: Sequence[TagsExample],
        predictions: Sequence[list[str]],
        task: Task,
        language: str,
    ) -> tuple[tuple[str, ...], np.ndarray]:
        return TAGGING, tagging_statistics([example.tags for example in examples], predictions)
