"""Examples by task, split and language, from the embedded suite, from local files or from the
hub."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import get_args

import numpy as np

from xstilts_core.data import readers, words
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import (
    ChoiceExample,
    Example,
    PairExample,
    Passage,
    RankingExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.languages import language
from xstilts_core.mini import corpus, lexicon, suite
from xstilts_core.tasks import (
    HUB,
    LOCAL_ADDED,
    XTREME_LANGUAGES,
    Benchmark,
    Source,
    Task,
    not_at_source,
    task,
)

SPLITS = ("train", "dev", "test")
# Not a run's seed: recipes and seeds are compared on the same development examples.
_SAMPLE_SEED = 0


def load(
    name: str, split: str, code: str, source: Source = "mini", data_root: str = ""
) -> list[Example]:
    """All examples of a task's split in one language, in the order of the source.

    UsageError names what is wrong (task, split, language, source, file and line) and what is legal.
    """
    entry = task(name)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if source not in get_args(Source):
        raise unknown("source", source, get_args(Source))
    if entry.role == "probing" and (reason := not_at_source(entry, source)):
        raise UsageError(reason)
    examples = read(entry, split, code, source, data_root)
    if not examples:
        raise UsageError(f"{name}: split {split} in {code} is empty in source {source}")
    return examples


def read(entry: Task, split: str, code: str, source: Source, data_root: str) -> list[Example]:
    if source == "mini":
        return suite.load(entry.name, split, code)
    if entry.parts:
        read_parts = {
            part: read(task(part), split, code, source, data_root) for part in entry.parts
        }
        return [
            replace(example, id=f"{part}-{example.id}")
            for part, examples in read_parts.items()
            for example in examples
        ]
    if on_hub(entry, code, source, data_root):
        return readers.read_hub(entry.name, split, code)
    if not data_root:
        raise UsageError("source files needs data_root: the folder that holds the original files")
    return readers.read_files(entry.name, split, code, Path(data_root))


def on_hub(entry: Task, code: str, source: Source, data_root: str) -> bool:
    """Whether a task in a language is read from the hub. What it lacks is read from data_root where
    there is one."""
    return source == "hub" and (
        not data_root
        or (entry.name in HUB and not (code in entry.added and entry.name in LOCAL_ADDED))
    )


def files(name: str, split: str, code: str, source: Source, data_root: str) -> list[Path]:
    """The files below data_root that a run reads for a task's split in one language; none where it
    reads them elsewhere.

    UsageError for a task or split that has no files.
    """
    read = parts(name)[-1:] if split == "dev" and task(name).staged else parts(name)
    local = [
        part
        for part in read
        if source != "mini" and data_root and not on_hub(task(part), code, source, data_root)
    ]
    found = [path for part in local for path in readers.located(part, split, code, Path(data_root))]
    return [*found, *(readers.pool_files(name, Path(data_root)) if local else ())]


def languages(
    name: str,
    split: str,
    source: Source = "mini",
    data_root: str = "",
    benchmark: Benchmark = "xtreme",
) -> tuple[str, ...]:
    """The task's languages in which the source has labelled data for the split, English first, in
    the benchmark's order.

    The hub is not asked: what it has is declared. What it lacks is looked for in data_root. A task
    of parts has what all parts have.
    """
    entry = task(name)
    if entry.parts:
        have = [languages(part, split, source, data_root, benchmark) for part in entry.parts]
        return tuple(
            code for code in entry.languages_of(benchmark) if all(code in found for found in have)
        )
    if source == "mini":
        found = suite.LANGUAGES if split in suite.SIZES.get(name, {}) else ()
    elif source == "hub" and (name in HUB or not data_root):
        found = readers.hub_languages(name, split)
        if data_root and name in LOCAL_ADDED and benchmark == "xtreme-r":
            found += tuple(
                code for code in _local_languages(name, split, data_root) if code in entry.added
            )
    else:
        found = _local_languages(name, split, data_root)
    return tuple(code for code in entry.languages_of(benchmark) if code in found)


def _local_languages(name: str, split: str, data_root: str) -> tuple[str, ...]:
    """The languages that have labelled files below data_root."""
    return readers.available(name, split, Path(data_root)) if (name, split) in readers.FILES else ()


def evaluated(
    name: str,
    split: str,
    wish: Sequence[str],
    source: Source,
    data_root: str,
    benchmark: Benchmark = "xtreme",
) -> tuple[str, ...]:
    """The languages to score: all there are, or those of `wish` that the task has."""
    available = languages(name, split, source, data_root, benchmark)
    chosen = tuple(code for code in available if not wish or code in wish)
    if not chosen:
        wanted, there = ", ".join(wish) or "any language", ", ".join(available) or "none"
        raise UsageError(
            f"{name}: no labelled {split} data in {wanted} (source {source}); available: {there}"
        )
    return chosen


def test_split(name: str, source: Source, data_root: str, benchmark: Benchmark = "xtreme") -> str:
    """The split that scores are reported on: test, or dev where the source has labels for more
    languages there, or far more of one.

    Slices of real data label few test files, or few rows: XTREME publishes them without labels.
    """
    test, dev = (languages(name, split, source, data_root, benchmark) for split in ("test", "dev"))
    thin = source == "files" and any(
        readers.is_scrap(name, code, Path(data_root)) for code in test if code in dev
    )
    return "dev" if thin or len(test) < len(dev) else "test"


def pool(name: str, source: Source, data_root: str) -> Sequence[Passage]:
    """What the queries of a task are ranked against, in all languages at once; empty where the task
    searches no pool."""
    return () if source == "mini" or not data_root else readers.read_pool(name, Path(data_root))


def parts(name: str) -> tuple[str, ...]:
    """The data sets that a task is trained on: its parts (ANLI+), or itself."""
    return task(name).parts or (name,)


def training(
    name: str, most: int, seed: int, source: Source, data_root: str
) -> dict[str, list[Example]]:
    """The English training examples of every part of a task: at most `most` in all (0: no limit), a
    sample that the seed fixes.

    Parts that are trained on one after the other have at most `most` each: COPA's few would be next
    to none beside SIQA's.
    """
    found = {part: load(part, "train", "en", source, data_root) for part in parts(name)}
    total = sum(len(examples) for examples in found.values())
    if not most or most >= total:
        return found
    # Each part keeps its share; which examples stay depends on the seed alone.
    rng = np.random.default_rng([seed, 5])
    for part, examples in found.items():
        share = most if task(name).staged else max(1, round(most * len(examples) / total))
        kept = rng.permutation(len(examples))[:share]
        found[part] = [examples[position] for position in sorted(kept)]
    return found


def sample(name: str, examples: Sequence[Example], most: int | None) -> list[Example]:
    """At most `most` development examples of a task (None: all), in their order: the same ones in
    every run of every study.

    Each part of a task has as many as is in proportion to its size, and one at least. Within a part
    they are spread over its groups (questions about one context, hypotheses on one premise), and
    over the order of the source, where SQuAD's articles stand together.
    """
    if most is None or most >= len(examples):
        return list(examples)
    places: dict[str, list[int]] = {}
    for position, example in enumerate(examples):
        part = next((part for part in parts(name) if example.id.startswith(f"{part}-")), "")
        places.setdefault(part, []).append(position)
    generator = np.random.default_rng(_SAMPLE_SEED)
    chosen = []
    for found, count in zip(
        places.values(), shares([len(found) for found in places.values()], most), strict=True
    ):
        chosen += [
            found[place]
            for place in spread([group(examples[position]) for position in found], count, generator)
        ]
    return [examples[position] for position in sorted(chosen)]


def shares(sizes: Sequence[int], most: int) -> list[int]:
    """`most` divided in proportion to the sizes by largest remainders, each 1 at least where there
    are enough."""
    least = 1 if most >= len(sizes) else 0
    exact = most * np.array(sizes) / sum(sizes)
    counts = np.maximum(np.floor(exact).astype(int), least)
    while counts.sum() != most:
        short = counts.sum() < most
        counts[
            np.argmax(
                np.where(short, exact - counts, np.where(counts > least, counts - exact, -np.inf))
            )
        ] += 1 if short else -1
    return counts.tolist()


def group(example: Example) -> str:
    """What several examples may have in common: a context or premise; an example's id where it has
    none."""
    match example:
        case SpanExample() | ChoiceExample():
            return example.context or example.id
        case PairExample():
            return example.text_a or example.id
        case RankingExample():
            return example.passages[0].context or example.passages[0].text
    return example.id


def spread(groups: Sequence[str], count: int, generator: np.random.Generator) -> list[int]:
    """`count` places of examples in these groups: one of every group, then a second one of each
    that has two, and so on.

    Where the last round does not fit, it is cut into `count` stretches of equal length, and each
    gives one.
    """
    rounds: list[list[int]] = []
    seen: Counter[str] = Counter()
    for place in generator.permutation(len(groups)).tolist():
        turn = seen[groups[place]]
        seen[groups[place]] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(place)
    chosen: list[int] = []
    for found in rounds:
        left = count - len(chosen)
        edges = np.arange(left + 1) * len(found) // max(1, left)
        chosen += (
            found
            if left >= len(found)
            else np.sort(found)[generator.integers(edges[:-1], edges[1:])].tolist()
        )
    return chosen


def development(name: str, source: Source, data_root: str) -> list[Example]:
    """The English development examples that a checkpoint is chosen from (`sample`): all parts', or
    the last part's where training ends with it."""
    return load(parts(name)[-1] if task(name).staged else name, "dev", "en", source, data_root)


def names(examples: Sequence[SentenceExample], source: Source) -> dict[str, frozenset[words.Name]]:
    """By language of a two-sided collection: the names that give a translation away, as sequences
    of words.

    The embedded suite knows its own (persons, cities, organisations). Elsewhere they are the words
    that stand letter by letter on both sides: proper names and numerals, but also loan words and,
    in related languages, common words that look the same.
    """
    codes = {example.language for example in examples}
    if source == "mini":
        return {
            code: frozenset(tuple(words.words(name, code)) for name in lexicon.names(code))
            for code in codes
        }
    seen = {
        code: {
            word
            for entry in examples
            if entry.language == code
            for word in words.words(entry.text, code)
        }
        for code in codes
    }
    return dict.fromkeys(codes, frozenset((word,) for word in set.intersection(*seen.values())))


def text_files(data_root: str) -> Iterator[Path]:
    """The files whose texts `texts` reads."""
    for name, split in readers.FILES:
        for code in languages(name, split, "files", data_root, "xtreme-r"):
            yield from readers.located(name, split, code, Path(data_root))


def texts(data_root: str, wish: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
    """(language, text) of everything unlabelled that the tasks' files hold: for pretraining. At
    most `most` texts a language.

    Labels and pairings are not read; the texts of evaluation data are among them, as they are among
    any web text.
    """
    count: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for name, split in readers.FILES:
        for code in languages(name, split, "files", data_root, "xtreme-r"):
            for found in _plain_texts(read(task(name), split, code, "files", data_root), code):
                if (
                    (not wish or found[0] in wish)
                    and found not in seen
                    and count.get(found[0], 0) < most
                ):
                    seen.add(found)
                    count[found[0]] = count.get(found[0], 0) + 1
                    yield found


def unlabelled(
    source: Source, data_root: str, wish: Sequence[str], most: int, seed: int
) -> list[str]:
    """Texts of one language each, for continued masked language modelling: at most `most` a
    language, the same for the same arguments.

    The embedded suite: documents of its corpus, which phase 1 has seen, without code-switched ones
    and translation pairs: what has no label teaches no translation here. Files: as `texts`. Hub:
    first paragraphs of Wikipedia articles, drawn by the seed.
    """
    if source == "mini":
        spoken = tuple(wish) or suite.LANGUAGES
        return [
            document.text
            for document in takewhile(
                lambda entry: entry.language in spoken, corpus.documents(spoken, seed, most)
            )
        ]
    if source == "files":
        found = [text for _, text in texts(data_root, wish, most)]
        if not found:
            raise UsageError(
                f"no text in {', '.join(wish) or 'any language'} below {data_root}: mlm has nothing to learn from"
            )
        return found
    drawn = []
    for position, code in enumerate(wish or XTREME_LANGUAGES):
        paragraphs = readers.read_hub_texts(code)
        drawn += [
            paragraphs[place]
            for place in np.random.default_rng([seed, 8, position]).permutation(len(paragraphs))[
                :most
            ]
        ]
    return drawn


def _plain_texts(examples: Sequence[Example], code: str) -> Iterator[tuple[str, str]]:
    """(language, text) of the examples' texts, tagged words joined as the language writes them."""
    between = " " if language(code).whitespace else ""
    for example in examples:
        match example:
            case PairExample():
                yield from ((code, text) for text in (example.text_a, example.text_b) if text)
            case SpanExample():
                yield from ((code, example.context), (code, example.question))
            case TagsExample():
                yield code, between.join(example.words)
            case SentenceExample():
                yield example.language, example.text
            case RankingExample():
                yield code, example.query
                yield from (
                    (passage.language, passage.context or passage.text)
                    for passage in example.passages
                )
            case ChoiceExample():
                yield from ((code, text) for text in (example.context, *example.choices) if text)
