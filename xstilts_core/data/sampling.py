"""Sample examples of a task: the same rows of every part and group, whatever the run."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from xstilts_core.examples import ChoiceExample, Example, PairExample, RankingExample, SpanExample
from xstilts_core.tasks import task

# It does not depend on the run, so that recipes and seeds share their development examples.
_SAMPLE_SEED = 0


def parts(name: str) -> tuple[str, ...]:
    """Return the data sets that a task is trained on: its parts (ANLI+), or itself."""
    return task(name).parts or (name,)


def capped(
    name: str, by_part: dict[str, list[Example]], most: int, seed: int
) -> dict[str, list[Example]]:
    """Return at most `most` training examples of a task in all (0: no limit), sampled with the
    seed. Each part keeps its share.

    Parts that are trained on one after the other have at most `most` each, because COPA's few
    examples would be almost nothing beside SIQA's.
    """
    total = sum(len(examples) for examples in by_part.values())
    if not most or most >= total:
        return by_part
    # The sample depends on the seed alone.
    rng = np.random.default_rng([seed, 5])
    sampled = {}
    for part, examples in by_part.items():
        share = most if task(name).staged else max(1, round(most * len(examples) / total))
        positions = rng.permutation(len(examples))[:share]
        sampled[part] = [examples[position] for position in sorted(positions)]
    return sampled


def sample(name: str, examples: Sequence[Example], most: int | None) -> list[Example]:
    """Return at most `most` development examples of a task (None: all), in their order. They are
    the same in every run of every study.

    Each part of a task gets a number in proportion to its size, at least one. Within a part they
    are spread over its groups (questions about one context, hypotheses for one premise) and over
    the order of the source, because SQuAD keeps the questions of an article together.
    """
    if most is None or most >= len(examples):
        return list(examples)
    groups: dict[str, list[int]] = {}
    for position, example in enumerate(examples):
        part = next((part for part in parts(name) if example.id.startswith(f"{part}-")), "")
        groups.setdefault(part, []).append(position)
    generator = np.random.default_rng(_SAMPLE_SEED)
    chosen = []
    for rows, count in zip(
        groups.values(), shares([len(rows) for rows in groups.values()], most), strict=True
    ):
        chosen += [
            rows[index]
            for index in spread([group(examples[position]) for position in rows], count, generator)
        ]
    return [examples[position] for position in sorted(chosen)]


def shares(sizes: Sequence[int], most: int) -> list[int]:
    """Divide `most` in proportion to the sizes by largest remainders. Each share is at least 1 if
    `most` is large enough."""
    least = 1 if most >= len(sizes) else 0
    exact = most * np.array(sizes) / sum(sizes)
    counts = np.maximum(np.floor(exact).astype(int), least)
    while counts.sum() != most:
        too_few = counts.sum() < most
        counts[
            np.argmax(
                np.where(too_few, exact - counts, np.where(counts > least, counts - exact, -np.inf))
            )
        ] += 1 if too_few else -1
    return counts.tolist()


def group(example: Example) -> str:
    """Return what several examples may share: a context or premise; the example's id if it has
    neither."""
    match example:
        case SpanExample() | ChoiceExample():
            return example.context or example.id
        case PairExample():
            return example.text_a or example.id
        case RankingExample():
            return example.passages[0].context or example.passages[0].text
    return example.id


def spread(groups: Sequence[str], count: int, generator: np.random.Generator) -> list[int]:
    """Return `count` positions of examples, given the group of each: one of every group, then a
    second one of each group that has two, and so on.

    If the last round does not fit, it is cut into `count` stretches of equal length, and each
    stretch gives one position.
    """
    rounds: list[list[int]] = []
    group_counts: Counter[str] = Counter()
    for position in generator.permutation(len(groups)).tolist():
        round_index = group_counts[groups[position]]
        group_counts[groups[position]] += 1
        if round_index == len(rounds):
            rounds.append([])
        rounds[round_index].append(position)
    chosen: list[int] = []
    for positions in rounds:
        missing = count - len(chosen)
        edges = np.arange(missing + 1) * len(positions) // max(1, missing)
        chosen += (
            positions
            if missing >= len(positions)
            else np.sort(positions)[generator.integers(edges[:-1], edges[1:])].tolist()
        )
    return chosen
