"""Implement the public evaluation rules plainly, one example after another, as peers for the
benchmarks and oracles for the tests.

Sources: SQuAD 1.1's evaluation script and MLQA's mlqa_evaluation_v1.py (XTREME has both in
third_party/), the Trainer's question answering example (transformers,
examples/pytorch/question-answering/utils_qa.py), and bitext mining with its threshold in XTREME's
third_party/utils_retrieve.py.
"""

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

ARTICLES = {
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "en": r"\b(a|an|the)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "ar": r"\sال^|ال",
}


@lru_cache(maxsize=1)
def punctuation() -> frozenset[str]:
    """Return MLQA's punctuation: Unicode's category P and ASCII's marks and symbols."""
    return frozenset(
        chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i)).startswith("P")
    ) | frozenset(string.punctuation)


def squad_text(text: str) -> str:
    """Return SQuAD's normalized text."""
    marks = set(string.punctuation)
    plain = "".join(character for character in text.lower() if character not in marks)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def chinese_tokens(text: str) -> list[str]:
    """Split text into single characters from U+4E00 to U+9FA5 and marks; split the text between
    them at white space."""
    tokens, run = [], ""
    for character in text:
        if "\u4e00" <= character <= "\u9fa5" or character in punctuation():
            tokens += [*run.split(), character]
            run = ""
        else:
            run += character
    return [*tokens, *run.split()]


def mlqa_text(text: str, language: str) -> str:
    """Return MLQA's normalized text."""
    plain = "".join(character for character in text.lower() if character not in punctuation())
    if language in ARTICLES:
        plain = re.sub(ARTICLES[language], " ", plain)
    return " ".join(chinese_tokens(plain) if language == "zh" else plain.split())


def f1_of(predicted: str, gold: str, normal: Callable[[str], str]) -> float:
    """Return the F1 of two bags of tokens."""
    predicted_tokens, gold_tokens = normal(predicted).split(), normal(gold).split()
    shared = sum((Counter(predicted_tokens) & Counter(gold_tokens)).values())
    if shared == 0:
        return 0
    precision, recall = 1.0 * shared / len(predicted_tokens), 1.0 * shared / len(gold_tokens)
    return (2 * precision * recall) / (precision + recall)


def answers_score(
    answers: Sequence[Sequence[str]], predictions: Sequence[str], normal: Callable[[str], str]
) -> dict[str, float]:
    """Return exact match and F1 in percent, each the best over a question's answers."""
    exact, f1, total = 0.0, 0.0, 0
    for texts, guess in zip(answers, predictions, strict=True):
        total += 1
        exact += max(normal(guess) == normal(text) for text in texts)
        f1 += max(f1_of(guess, text, normal) for text in texts)
    return {"f1": 100.0 * f1 / total, "exact_match": 100.0 * exact / total}


def best_answers(
    contexts: Sequence[str],
    features: Sequence[dict[str, Any]],
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    count: int = 20,
) -> list[tuple[str, float]]:
    """Return (text, score) of every example from the n-best loops of the Trainer's example.

    features: "example" and "offsets" (characters, None outside the context) of each window. starts,
    ends: its logits. All pairs of the `count` best starts and ends are tried, for spans of at most
    30 tokens; the n best get probabilities, as in the original.
    """
    by_example: list[list[int]] = [[] for _ in contexts]
    for position, feature in enumerate(features):
        by_example[feature["example"]].append(position)
    answers = []
    for context, positions in zip(contexts, by_example, strict=True):
        spans = []
        for position in positions:
            start_logits, end_logits, offsets = (
                starts[position],
                ends[position],
                features[position]["offsets"],
            )
            for start in np.argsort(start_logits)[-1 : -count - 1 : -1].tolist():
                for end in np.argsort(end_logits)[-1 : -count - 1 : -1].tolist():
                    if (
                        start >= len(offsets)
                        or end >= len(offsets)
                        or offsets[start] is None
                        or offsets[end] is None
                    ):
                        continue
                    if end < start or end - start + 1 > 30:
                        continue
                    span = (offsets[start][0], offsets[end][1])
                    spans.append({"span": span, "score": start_logits[start] + end_logits[end]})
        best = sorted(spans, key=lambda entry: entry["score"], reverse=True)[:count]
        for entry in best:
            entry["text"] = context[entry["span"][0] : entry["span"][1]]
        if not best:
            best = [{"text": "", "score": -np.inf}]
        scores = np.array([entry["score"] for entry in best])
        shares = np.exp(scores - scores.max())
        for entry, share in zip(best, shares / shares.sum(), strict=True):
            entry["probability"] = share
        answers.append((best[0]["text"], best[0]["score"]))
    return answers


def neighbours(
    queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and indices of each query's nearest candidates; ties go to the first
    candidate."""
    cosines = queries @ candidates.T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(cosines, order, axis=1), order


Search = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def mine_bitext(
    x: np.ndarray, y: np.ndarray, count: int = 4, margin: bool = True, search: Search = neighbours
) -> list[tuple[int, int, float]]:
    """Return (x, y, score) of the pairs that XTREME's mine_bitext writes with retrieval "max", best
    first. x and y have unit length.

    XTREME's sort is unstable for equal scores; here the first comes first.
    """
    x_cosines, x_neighbours = search(x, y, min(len(y), count))
    y_cosines, y_neighbours = search(y, x, min(len(x), count))
    x_mean, y_mean = x_cosines.mean(axis=1), y_cosines.mean(axis=1)

    def score_pairs(
        queries: np.ndarray,
        others: np.ndarray,
        found: np.ndarray,
        mean: np.ndarray,
        other_mean: np.ndarray,
    ) -> np.ndarray:
        scores = np.zeros(found.shape)
        for i in range(found.shape[0]):
            for j in range(found.shape[1]):
                k = found[i, j]
                cosine = queries[i].dot(others[k])
                scores[i, j] = cosine / ((mean[i] + other_mean[k]) / 2) if margin else cosine
        return scores

    x_scores, y_scores = (
        score_pairs(x, y, x_neighbours, x_mean, y_mean),
        score_pairs(y, x, y_neighbours, y_mean, x_mean),
    )
    x_best = x_neighbours[np.arange(len(x)), x_scores.argmax(axis=1)]
    y_best = y_neighbours[np.arange(len(y)), y_scores.argmax(axis=1)]
    pairs = np.stack(
        (np.concatenate((np.arange(len(x)), y_best)), np.concatenate((x_best, np.arange(len(y))))),
        axis=1,
    )
    scores = np.concatenate((x_scores.max(axis=1), y_scores.max(axis=1)))
    seen_x, seen_y, chosen = set(), set(), []
    for position in np.argsort(-scores, kind="stable"):
        x_index, y_index = pairs[position]
        if x_index not in seen_x and y_index not in seen_y:
            seen_x.add(x_index)
            seen_y.add(y_index)
            if scores[position] > 0:
                chosen.append((int(x_index), int(y_index), float(scores[position])))
    return chosen


def mining_threshold(scores: Sequence[float], right: Sequence[bool], gold: int) -> float:
    """Return the threshold of XTREME's bucc_optimize for pairs sorted by descending score. Like the
    original, it fails if the best prefix is the whole list."""
    threshold, best, correct = 0.0, 0.0, 0
    for position, hit in enumerate(right):
        correct += hit
        if correct > 0:
            precision, recall = correct / (position + 1), correct / gold
            f1 = 2 * precision * recall / (precision + recall)
            if f1 > best:
                best, threshold = f1, (scores[position] + scores[position + 1]) / 2
    return threshold
