"""Compare scores and the search for answers with common implementations: equal numbers first, then
CPU seconds."""

import gc
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import official
from benchmarks.measure import Measure, Unequal
from benchmarks.workload import MARKS, WINDOW_LENGTH, WINDOW_STRIDE
from xstilts_core import metrics
from xstilts_core.examples import SpanExample
from xstilts_core.formats import FORMATS
from xstilts_core.formats.span import windows
from xstilts_core.formats.tokens import Encoded
from xstilts_core.tasks import TASKS, task

BIO = TASKS["panx"].labels

PART = "metrics"


@dataclass(frozen=True, slots=True)
class Case:
    """Work of a given size drawn from a generator, our side and the peer's. `differ` describes how
    their results differ, or returns an empty string."""

    name: str
    peer: str
    goal: float
    draw: Callable[[np.random.Generator, int], Any]
    size: int
    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    differ: Callable[[Any, Any], str]


# ---- tags


def sentences(rng: np.random.Generator, count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return gold and predicted entity tags of sentences with 20 tokens on average. One predicted
    tag in five is random."""
    lengths = rng.integers(5, 36, count)
    gold = rng.integers(0, len(BIO), lengths.sum())
    guess = np.where(rng.random(len(gold)) < 0.8, gold, rng.integers(0, len(BIO), len(gold)))
    ends = np.cumsum(lengths)[:-1]
    return tuple(
        [[BIO[tag] for tag in sentence.tolist()] for sentence in np.split(tags, ends)]
        for tags in (gold, guess)
    )


def seqeval_scores(work: tuple[list[list[str]], list[list[str]]]) -> dict[str, float]:
    """Return F1, precision and recall from one call each, as in XTREME's evaluate.py."""
    from seqeval.metrics import f1_score, precision_score, recall_score

    calls = {"f1": f1_score, "precision": precision_score, "recall": recall_score}
    return {name: 100 * float(call(*work)) for name, call in calls.items()}


# ---- answers

SYLLABLES = (
    "ka",
    "lo",
    "mer",
    "ti",
    "us",
    "an",
    "the",
    "berg",
    "o'",
    "ri-",
    "São",
    "élan",
    "Ж",
    "2",
    "der",
    "sta",
)


def answers(rng: np.random.Generator, count: int) -> tuple[list[list[str]], list[str]]:
    """Return for each question one gold answer of one to six words, all different, and a
    prediction. 60 % of the predictions are right, 20 % partly right."""
    short_words = ("the", "a", "der", "of", "die")

    def word() -> str:
        return (
            short_words[rng.integers(5)]
            if rng.random() < 0.2
            else "".join(SYLLABLES[k] for k in rng.integers(0, len(SYLLABLES), 3)).title()
        )

    gold, guesses = [], []
    for number in range(count):
        words = [word() for _ in range(rng.integers(1, 7))] + [str(number)]
        quality = rng.random()
        guess = (
            words
            if quality < 0.6
            else [*words[: len(words) // 2], word()]
            if quality < 0.8
            else [word(), word()]
        )
        gold.append([" ".join(words)])
        guesses.append(" ".join(guess) + string.punctuation[rng.integers(32)])
    return gold, guesses


def same_scores(found: dict[str, float], expected: dict[str, float]) -> str:
    """Compare every number of the peer to the last digit; describe the differences."""
    other = {name: value for name, value in expected.items() if found[name] != value}
    return f"{other} there, { ({name: found[name] for name in other}) } here" if other else ""


# ---- spans


@dataclass(frozen=True, slots=True)
class Questions:
    """Windows with logits: flat for our side, as features for the peer."""

    encoded: Encoded
    outputs: np.ndarray
    examples: list[SpanExample]
    features: list[dict[str, Any]]


def questions(rng: np.random.Generator, count: int) -> Questions:
    """Return questions about long paragraphs (about two windows each), with logits of noise and one
    clear span in most windows."""
    examples, features, lengths, owners, first, last, logits = [], [], [], [], [], [], []
    for number in range(count):
        query, size = int(rng.integers(8, 24)), int(rng.lognormal(5.7, 0.5))
        examples.append(
            SpanExample(str(number), "?", " ".join(f"{token:05}" for token in range(size)), ())
        )
        for begin, end in windows(size, WINDOW_LENGTH - MARKS - query, WINDOW_STRIDE):
            before, tokens = query + MARKS - 1, np.arange(begin, end)
            length = before + len(tokens) + 1
            spans = np.full((length, 2), -1)
            spans[before : before + len(tokens)] = np.stack([6 * tokens, 6 * tokens + 5], 1)
            scores = rng.normal(size=(length, 2)).astype(np.float32)
            start = before + int(rng.integers(len(tokens)))
            scores[start, 0] += 8
            scores[min(start + int(rng.integers(0, 6)), length - 2), 1] += 8
            scores[spans[:, 0] < 0] = -1e4
            features.append(
                {
                    "example": number,
                    "offsets": [tuple(span) if span[0] >= 0 else None for span in spans.tolist()],
                }
            )
            owners.append(number)
            lengths.append(length)
            first.append(spans[:, 0])
            last.append(spans[:, 1])
            logits.append(scores)
    flat = {"first": np.concatenate(first), "last": np.concatenate(last)}
    rows = np.arange(len(owners) + 1)
    encoded = Encoded(
        np.zeros(sum(lengths), dtype=np.int32),
        np.array(lengths),
        rows,
        np.array(owners),
        token_columns=flat,
    )
    return Questions(encoded, np.concatenate(logits), examples, features)


def our_answers(work: Questions) -> list[str]:
    return FORMATS["span"].decode(work.outputs, work.encoded, work.examples, task("xquad"))


def nbest_answers(work: Questions) -> list[str]:
    parts = np.split(work.outputs, work.encoded.starts[1:-1])
    contexts = [example.context for example in work.examples]
    return [
        text
        for text, _ in official.best_answers(
            contexts, work.features, [part[:, 0] for part in parts], [part[:, 1] for part in parts]
        )
    ]


def same_texts(found: list[str], expected: list[str]) -> str:
    """Compare the answers and describe the differences. Logits are peaked, so the best span is
    among the 20 best starts and ends."""
    other = [
        position
        for position, pair in enumerate(zip(found, expected, strict=True))
        if pair[0] != pair[1]
    ]
    return f"{len(other)} of {len(found)} answers differ, the first at {other[0]}" if other else ""


CASES = (
    Case(
        "tags: F1, precision, recall from lists",
        "seqeval",
        30,
        sentences,
        10_000,
        lambda work: metrics.score(metrics.tagging_statistics(*work), metrics.TAGGING),
        seqeval_scores,
        same_scores,
    ),
    Case(
        "answers: exact match and F1, all different",
        "SQuAD 1.1's script",
        4,
        answers,
        10_000,
        lambda work: metrics.score(metrics.squad_statistics(*work), metrics.SPAN),
        lambda work: official.answers_score(*work, official.squad_text),
        same_scores,
    ),
    Case(
        "answers: exact match and F1, German",
        "MLQA's script",
        4,
        answers,
        10_000,
        lambda work: metrics.score(metrics.mlqa_statistics(*work, "de"), metrics.SPAN),
        lambda work: official.answers_score(*work, lambda text: official.mlqa_text(text, "de")),
        same_scores,
    ),
    Case(
        "answers from start and end scores",
        "n-best loops of the Trainer's example",
        10,
        questions,
        400,
        our_answers,
        nbest_answers,
        same_texts,
    ),
)


def timed(call: Callable[[Any], Any], work: Any) -> tuple[Any, float]:
    """Return the result of a call and its CPU seconds. As in timeit, the garbage collector is off,
    because it would traverse all of torch's objects too."""
    gc.collect()
    gc.disable()
    try:
        started = time.process_time()
        result = call(work)
        return result, time.process_time() - started
    finally:
        gc.enable()


def measure(case: Case, rounds: int) -> Measure:
    """Measure the speed ratio. Both sides score new work in every round; raise Unequal if their
    results differ."""
    ratios, seconds = [], []
    small_work = case.draw(np.random.default_rng(0), 10)
    for side in (case.ours, case.theirs):
        side(small_work)  # one-time imports and tables are not timed
    for seed in range(1, rounds + 1):
        work = case.draw(np.random.default_rng([seed, 2]), case.size)
        result, ours = timed(case.ours, work)
        expected, theirs = timed(case.theirs, work)
        if difference := case.differ(result, expected):
            raise Unequal(f"{case.name}: {difference}")
        ratios.append(theirs / ours)
        seconds.append({"ours": ours, case.peer: theirs})
    return Measure(
        PART, case.name, case.peer, "x", tuple(ratios), case.goal, {"cpu_seconds": seconds}
    )


def run(rounds: int, cases: Sequence[Case] = CASES) -> list[Measure]:
    """Measure all cases."""
    return [measure(case, rounds) for case in cases]
