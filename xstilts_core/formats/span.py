"""Span questions: the answer is in the context, or nowhere (SQuAD 2.0). Long contexts are read in
sliding windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from xstilts_core import metrics
from xstilts_core.errors import UsageError
from xstilts_core.examples import SpanExample
from xstilts_core.formats.characters import widen_offsets
from xstilts_core.formats.format import Batch, Format, HeadOptions, Limits, TokenHead
from xstilts_core.formats.tokens import Builder, Encoded, Template, tokenise
from xstilts_core.tasks import Task

LONGEST_ANSWER = 30
LONGEST_QUESTION = 64
OUTSIDE = -1e4


def answer_tokens(example: SpanExample, offsets: np.ndarray) -> tuple[int, int] | None:
    """Return the first and last token of the first answer, in a context with these character
    offsets [n, 2]; None without an answer."""
    if not example.answers:
        return None
    answer = example.answers[0]
    end = answer.start + len(answer.text)
    inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > answer.start))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def windows(size: int, room: int, step: int) -> list[tuple[int, int]]:
    """Return (first, end) of windows of at most `room` tokens over `size` tokens, `step` tokens
    apart; the last one ends at `size`."""
    bounds = [(0, min(room, size))]
    while bounds[-1][1] < size:
        first = bounds[-1][0] + min(step, room)
        bounds.append((first, min(first + room, size)))
    return bounds


class Span(Format):
    """Span prediction. columns: start, end (the answer's tokens in its window; 0, the first token,
    if the window has no answer).

    token_columns: first, last (characters of the context; -1 outside the context).
    """

    name = "span"
    per_token = True

    def encode(
        self,
        examples: Sequence[SpanExample],
        task: Task,
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
    ) -> Encoded:
        template = Template.of(tokenizer)
        builder = Builder(template)
        texts = (text for example in examples for text in (example.question, example.context))
        pieces = tokenise(tokenizer, texts, offsets=True)
        offsets = {
            text: widen_offsets(text, np.array(pieces[text].offsets, dtype=np.int64).reshape(-1, 2))
            for text in dict.fromkeys(example.context for example in examples)
        }
        targets: list[tuple[int, int]] = []
        characters: list[np.ndarray] = []
        for position, example in enumerate(examples):
            question = pieces[example.question].ids[: min(LONGEST_QUESTION, limits.max_length // 2)]
            context, context_offsets = pieces[example.context].ids, offsets[example.context]
            room = limits.max_length - template.pair_size - len(question)
            if room < 1:
                raise UsageError(
                    f"max_length {limits.max_length} leaves no room for the context of question "
                    f"{example.id}"
                )
            answer = answer_tokens(example, context_offsets)
            before = template.second_start(question)
            for first, end in windows(len(context), room, limits.doc_stride):
                sequence = template.pair(question, context[first:end])
                builder.add(sequence, before)
                builder.close(position)
                shift = before - first
                if answer is not None and first <= answer[0] and answer[1] < end:
                    targets.append((answer[0] + shift, answer[1] + shift))
                else:
                    targets.append((0, 0))
                table = np.full((len(sequence), 2), -1, dtype=np.int64)
                table[before : end + shift] = context_offsets[first:end]
                characters.append(table)
        starts, ends = np.array(targets, dtype=np.int64).T
        firsts, lasts = np.concatenate(characters).T
        return builder.build({"start": starts, "end": ends}, {"first": firsts, "last": lasts})

    def head(self, task: Task, options: HeadOptions) -> nn.Module:
        return TokenHead(options, 2, 0.0)

    def outputs(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """Return start and end logits [tokens, 2]; only context and first token (no answer) can
        win."""
        outside = batch.token_columns["first"] < 0
        outside = outside.index_fill(0, batch.starts, False)
        logits: Tensor = head(hidden, batch)
        return logits.float().masked_fill(outside[:, None], OUTSIDE)

    def loss(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        logits = self.outputs(head, hidden, batch)
        longest = int(batch.sequences.lengths.max())
        table = logits.new_full((len(batch.starts), longest, 2), float("-inf"))
        tokens = batch.owner.new_tensor(np.arange(len(batch.sequences.ids)))
        table = table.index_put((batch.owner, tokens - batch.starts[batch.owner]), logits)
        start_loss = cross_entropy(table[..., 0], batch.columns["start"])
        return (start_loss + cross_entropy(table[..., 1], batch.columns["end"])) / 2

    def decode(
        self, outputs: np.ndarray, encoded: Encoded, examples: Sequence[SpanExample], task: Task
    ) -> list[str]:
        """Return the best span of at most LONGEST_ANSWER tokens over all windows, or "" if "no
        answer" scores better (squad_v2 only)."""
        spans = best_spans(outputs, encoded, len(examples))
        empty = np.isneginf(spans.scores)
        if task.scoring == "squad_v2":
            # The first token as start and end scores "no answer"; the lowest of all windows counts.
            no_answer = np.full(len(examples), np.inf)
            np.minimum.at(no_answer, encoded.example, outputs[encoded.starts[:-1]].sum(1))
            empty |= no_answer > spans.scores
        first = encoded.token_columns["first"][spans.starts]
        last = encoded.token_columns["last"][spans.ends]
        rows = zip(examples, empty.tolist(), first.tolist(), last.tolist(), strict=True)
        return [
            "" if none else example.context[begin:end].strip() for example, none, begin, end in rows
        ]

    def statistics(
        self, examples: Sequence[SpanExample], predictions: Sequence[str], task: Task, language: str
    ) -> tuple[tuple[str, ...], np.ndarray]:
        gold = [[answer.text for answer in example.answers] for example in examples]
        if task.scoring == "mlqa":
            return metrics.SPAN, metrics.mlqa_statistics(gold, predictions, language)
        v2 = task.scoring == "squad_v2"
        rule = metrics.squad_v2_statistics if v2 else metrics.squad_statistics
        return metrics.SPAN, rule(gold, predictions)


@dataclass(frozen=True, slots=True)
class Spans:
    """The best span of each example: first and last token, and start + end score (-inf if the
    example has no context token)."""

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray


def highest_ahead(values: np.ndarray, reach: int) -> np.ndarray:
    """Return the maximum of each value and the `reach` - 1 values after it [n]. Doubling takes five
    passes for a reach of 30, not 29."""
    best, width = values, 1
    while width < reach:
        step = min(width, reach - width)
        padding = np.full(min(step, len(best)), -np.inf, dtype=best.dtype)
        best = np.maximum(best, np.concatenate([best[step:], padding])[: len(best)])
        width += step
    return best


def best_spans(outputs: np.ndarray, encoded: Encoded, count: int) -> Spans:
    """Return the best span of at most LONGEST_ANSWER tokens over all windows of each of `count`
    examples. All spans are compared, without a top-k cut.

    outputs: start and end scores [tokens, 2]. Of equal scores the first start wins, then the first
    end. The rows of an example are contiguous, as `encode` makes them.
    """
    # Contexts one after another, with LONGEST_ANSWER empty slots after each window, so that no span
    # reaches into the next window.
    context = np.flatnonzero(encoded.token_columns["first"] >= 0)
    window = np.repeat(np.arange(len(encoded.lengths)), encoded.lengths)[context]
    slots = np.arange(len(context)) + LONGEST_ANSWER * window
    size = len(context) + LONGEST_ANSWER * len(encoded.lengths)
    start, end = (np.full(size, -np.inf, dtype=outputs.dtype) for _ in range(2))
    start[slots], end[slots] = np.fmax(outputs[context], -np.inf).T  # fmax ignores NaN
    score = start + highest_ahead(end, LONGEST_ANSWER)
    # Start of each example: the first context token of its first window, or the first empty slot if
    # that window has no context token.
    tokens = np.bincount(encoded.example[window], minlength=count) + LONGEST_ANSWER * np.bincount(
        encoded.example, minlength=count
    )
    begins = np.cumsum(tokens) - tokens
    scores = np.maximum.reduceat(score, begins)
    best = np.flatnonzero(score == np.repeat(scores, tokens))
    best = best[np.searchsorted(best, begins)]
    last = best + end[np.minimum(best[:, None] + np.arange(LONGEST_ANSWER), size - 1)].argmax(1)
    token = np.zeros(size, dtype=np.int64)
    token[slots] = context
    return Spans(token[best], token[np.minimum(last, size - 1)], scores)
