"""Span questions: the answer stands in the context, or nowhere (SQuAD 2.0). Long contexts are read in sliding windows."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core import metrics
from xstilts_core.examples import SpanExample
from xstilts_core.formats.format import Batch, HeadOptions, Limits, TokenHead
from xstilts_core.formats.tokens import Builder, Encoded, Piece, Template, tokenise
from xstilts_core.names import UsageError
from xstilts_core.tasks import Task

LONGEST_ANSWER = 30
LONGEST_QUESTION = 64
OUTSIDE = -1e4


def answer_tokens(example: SpanExample, offsets: np.ndarray) -> tuple[int, int] | None:
    """First and last token of the first answer in a context with these character offsets [n, 2]; None without an answer."""
    if not example.answers:
        return None
    answer = example.answers[0]
    end = answer.start + len(answer.text)
    inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > answer.start))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def windows(size: int, room: int, step: int) -> list[tuple[int, int]]:
    """(first, end) of windows of at most `room` tokens over `size`, each `step` tokens after the one before; the last ends at `size`."""
    found = [(0, min(room, size))]
    while found[-1][1] < size:
        first = found[-1][0] + min(step, room)
        found.append((first, min(first + room, size)))
    return found


class Span:
    """columns: start, end (token of the answer in its window; 0, the first token, where the window has none).

    token_columns: first, last (characters of the context; -1 outside it).
    """

    name = "span"
    per_token = True

    def encode(self, examples: Sequence[SpanExample], task: Task, tokenizer: PreTrainedTokenizerBase, limits: Limits) -> Encoded:
        template = Template.of(tokenizer)
        pieces = tokenise(tokenizer, (text for example in examples for text in (example.question, example.context)))
        offsets = {example.context: np.array(pieces[example.context].offsets, dtype=np.int64).reshape(-1, 2) for example in examples}
        builder = Builder(template)
        targets: list[tuple[int, int]] = []
        characters: list[np.ndarray] = []
        for position, example in enumerate(examples):
            question = pieces[example.question].ids[: min(LONGEST_QUESTION, limits.max_length // 2)]
            self.add_windows(
                builder, position, example, question, pieces[example.context], offsets[example.context], limits, targets, characters
            )
        flat = np.concatenate(characters)
        table = np.array(targets, dtype=np.int64)
        return builder.build({"start": table[:, 0], "end": table[:, 1]}, {"first": flat[:, 0], "last": flat[:, 1]})

    def add_windows(
        self,
        builder: Builder,
        position: int,
        example: SpanExample,
        question: list[int],
        context: Piece,
        offsets: np.ndarray,
        limits: Limits,
        targets: list[tuple[int, int]],
        characters: list[np.ndarray],
    ) -> None:
        """Add every window of one example, with its answer's tokens and its characters."""
        room = limits.max_length - builder.template.pair_size - len(question)
        if room < 1:
            raise UsageError(f"max_length {limits.max_length} leaves no room for the context of question {example.id}")
        answer = answer_tokens(example, offsets)
        before = builder.template.second_start(question)
        for first, end in windows(len(context.ids), room, limits.doc_stride):
            sequence = builder.template.pair(question, context.ids[first:end])
            builder.add(sequence, before)
            builder.close(position)
            inside = answer is not None and first <= answer[0] and answer[1] < end
            targets.append((before + answer[0] - first, before + answer[1] - first) if inside and answer else (0, 0))
            table = np.full((len(sequence), 2), -1, dtype=np.int64)
            table[before : before + end - first] = offsets[first:end]
            characters.append(table)

    def complete(self, task: Task, examples: Sequence[SpanExample]) -> Task:
        return task

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return TokenHead(options, 2, 0.0)

    def logits(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """[tokens, 2]: start and end; only the context and the first token (no answer) can be chosen."""
        outside = batch.token_columns["first"] < 0
        outside = outside.index_fill(0, batch.starts, False)
        return head(hidden, batch).float().masked_fill(outside[:, None], OUTSIDE)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        logits = self.logits(head, hidden, batch)
        longest = int(batch.sequences.lengths.max())
        table = logits.new_full((len(batch.starts), longest, 2), float("-inf"))
        step = batch.owner.new_tensor(np.arange(len(batch.sequences.ids))) - batch.starts[batch.owner]
        table = table.index_put((batch.owner, step), logits)
        return (cross_entropy(table[..., 0], batch.columns["start"]) + cross_entropy(table[..., 1], batch.columns["end"])) / 2

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        return self.logits(head, hidden, batch)

    def decode(self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[SpanExample], task: Task) -> list[str]:
        """The best span of at most LONGEST_ANSWER tokens over all windows; "" where no answer scores better (squad_v2 only)."""
        score, length = best_spans(outputs, encoded)
        token = best_start(score, encoded)
        null = no_answer(outputs, encoded)
        texts: list[str] = []
        first, last = encoded.token_columns["first"], encoded.token_columns["last"]
        for position, example in enumerate(examples):
            start = token[position]
            if start < 0 or (task.scoring == "squad_v2" and null[position] > score[start]):
                texts.append("")
            else:
                texts.append(example.context[first[start] : last[start + length[start]]].strip())
        return texts

    def statistics(
        self, examples: Sequence[SpanExample], predictions: Sequence[str], task: Task, language: str
    ) -> tuple[tuple[str, ...], np.ndarray]:
        gold = [[answer.text for answer in example.answers] for example in examples]
        if task.scoring == "mlqa":
            return metrics.SPAN, metrics.mlqa_statistics(gold, predictions, language)
        rule = metrics.squad_v2_statistics if task.scoring == "squad_v2" else metrics.squad_statistics
        return metrics.SPAN, rule(gold, predictions)


def best_spans(outputs: np.ndarray, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """For every token as a start: the best start + end score, and how many tokens later that end stands. -inf outside contexts.

    Exact: all ends within LONGEST_ANSWER tokens are tried, for all windows at once.
    """
    inside = encoded.token_columns["first"] >= 0
    window = np.repeat(np.arange(len(encoded.lengths)), encoded.lengths)
    ends = np.where(inside, outputs[:, 1], -np.inf)
    best, length = ends.copy(), np.zeros(len(ends), dtype=np.int64)
    for ahead in range(1, min(LONGEST_ANSWER, len(ends))):
        later = np.where(window[ahead:] == window[:-ahead], ends[ahead:], -np.inf)
        better = later > best[:-ahead]
        best[:-ahead][better] = later[better]
        length[:-ahead][better] = ahead
    return np.where(inside, outputs[:, 0] + best, -np.inf), length


def best_start(score: np.ndarray, encoded: Encoded) -> np.ndarray:
    """[examples]: the start token with the best score over an example's windows; -1 without any context token."""
    owner = np.repeat(encoded.example, encoded.row_lengths)
    order = np.lexsort((np.arange(len(score)), -score, owner))
    first = np.searchsorted(owner[order], np.arange(encoded.example.max() + 1))
    return np.where(np.isneginf(score[order[first]]), -1, order[first])


def no_answer(outputs: np.ndarray, encoded: Encoded) -> np.ndarray:
    """[examples]: the lowest score of "no answer" (the first token as start and end) over an example's windows."""
    null = outputs[encoded.starts[:-1]].sum(1)
    lowest = np.full(encoded.example.max() + 1, np.inf)
    np.minimum.at(lowest, encoded.example, null)
    return lowest
