"""Word overlap as a classifier, a reader and a search engine: the scores that need no language
model.

Language-independent: whatever is fitted on English data is applied unchanged to every language.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from xstilts_core.data.words import folded, spans
from xstilts_core.examples import PairExample, SpanExample

ENDS = frozenset(".!?。！？।\n")
_DIMENSIONS = 2_048
FEATURES = ("share_of_first", "share_of_second", "all_of_second", "longer")


def features(examples: Sequence[PairExample], code: str) -> np.ndarray:
    """Return [examples, FEATURES]: the share of each text's words that occur in the other, whether
    all of the second's do, and how much longer the second is, as a share of both lengths.

    These are the overlap heuristics that Naik et al. (2018) and McCoy et al. (2019) found in models
    of natural language inference.
    """
    rows = []
    for example in examples:
        first, second = folded(example.text_a, code), folded(example.text_b, code)
        common = (Counter(first) & Counter(second)).total()
        longer = (len(second) - len(first)) / max(1, len(first) + len(second))
        shares = common / max(1, len(first)), common / max(1, len(second))
        rows.append((*shares, float(common == len(second)), longer))
    return np.array(rows)


@dataclass(frozen=True, slots=True)
class _Classifier:
    """Multinomial logistic regression: standardised features times weights [FEATURES + 1, labels],
    the last row being the bias."""

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray

    def choose(self, table: np.ndarray) -> np.ndarray:
        """Return [examples]: the most probable label's index, from [examples, FEATURES]."""
        return (design(table, self.mean, self.deviation) @ self.weights).argmax(1)


def design(table: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return standardised features and a column of ones."""
    return np.column_stack([(table - mean) / deviation, np.ones(len(table))])


def fit_classifier(table: np.ndarray, labels: np.ndarray, count: int) -> _Classifier:
    """Fit on features [examples, FEATURES] and labels [examples] out of `count`.
    A small penalty keeps the weights finite on separable data."""
    mean, deviation = table.mean(0), np.maximum(table.std(0), 1e-9)
    inputs, gold = torch.from_numpy(design(table, mean, deviation)), torch.from_numpy(labels)
    weights = torch.zeros(inputs.shape[1], count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = cross_entropy(inputs @ weights, gold) + 1e-4 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return _Classifier(mean, deviation, weights.detach().numpy())


def answers(examples: Sequence[SpanExample], code: str, length: int) -> list[str]:
    """Return each question's answer by sliding window: `length` words (characters in scripts
    without spaces) of the context.

    Question words weigh log(1 + 1 / count in the context) (Richardson et al. 2013). A span scores
    the weights around it less those inside it. Around it are as many words on both sides as the
    question has, but not beyond the sentence: an answer is beside the words of its question and
    repeats none of them. The answer is "" if the context has no word.
    """
    return [answer(example, code, length) for example in examples]


def answer(example: SpanExample, code: str, length: int) -> str:
    context = example.context
    ranges = spans(context, code)
    if not ranges:
        return ""
    words = [context[first:end].casefold() for first, end in ranges]
    query, count = set(folded(example.question, code)), Counter(words)
    weights = np.array([np.log(1 + 1 / count[word]) if word in query else 0.0 for word in words])
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    breaks = [not ENDS.isdisjoint(context[end:first]) for (_, end), (first, _) in pairwise(ranges)]
    sentence = np.concatenate([[0], np.cumsum(breaks)]).astype(int)
    starts = np.searchsorted(sentence, sentence)
    ends = np.searchsorted(sentence, sentence, side="right")
    first = np.arange(len(ranges))
    end = np.minimum(first + length, ends)
    around = sums[np.minimum(end + len(query), ends)] - sums[np.maximum(first - len(query), starts)]
    best = int(np.argmax(around - 2 * (sums[end] - sums[first])))
    return context[ranges[best][0] : ranges[end[best] - 1][1]]


def trigrams(texts: Sequence[str]) -> torch.Tensor:
    """Return [texts, _DIMENSIONS] float32: which character trigrams a text has, hashed (Weinberger
    et al. 2009), without regard to case."""
    table = torch.zeros(len(texts), _DIMENSIONS)
    for row, text in enumerate(texts):
        padded = f" {text.casefold()} "
        indices = {
            zlib.crc32(padded[k : k + 3].encode("utf-8")) % _DIMENSIONS
            for k in range(len(padded) - 2)
        }
        table[row, list(indices)] = 1.0
    return table
