"""Load examples by task, split and language from the embedded suite, from local files or from the
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
# It does not depend on the run, so that recipes and seeds share their development examples.
_SAMPLE_SEED = 0


def load(
    name: str, split: str, code: str, source: Source = "mini", data_root: str = ""
) -> list[Example]:
    """Return all examples of a task's split in one language, in the order of the source.

    Raise UsageError with the wrong task, split, language, source or file line, and what is legal.
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
    """Return whether a task in a language is read from the hub. Data that the hub lacks are read
    from data_root if it is given."""
    return source == "hub" and (
        not data_root
        or (entry.name in HUB and not (code in entry.added and entry.name in LOCAL_ADDED))
    )


def files(name: str, split: str, code: str, source: Source, data_root: str) -> list[Path]:
    """Return the files below data_root that a run reads for a task's split in one language; none if
    it reads elsewhere.

    Raise UsageError for a task or split that has no files.
    """
    part_names = parts(name)[-1:] if split == "dev" and task(name).staged else parts(name)
    local = [
        part
        for part in part_names
        if source != "mini" and data_root and not on_hub(task(part), code, source, data_root)
    ]
    paths = [path for part in local for path in readers.located(part, split, code, Path(data_root))]
    return [*paths, *(readers.pool_files(name, Path(data_root)) if local else ())]


def languages(
    name: str,
    split: str,
    source: Source = "mini",
    data_root: str = "",
    benchmark: Benchmark = "xtreme",
) -> tuple[str, ...]:
    """Return the task's languages with labelled data for the split at the source: English first, in
    the benchmark's order.

    The hub's languages are declared, so no request is made. Data that the hub lacks are searched in
    data_root. A task of several parts has the languages that all of them have.
    """
    entry = task(name)
    if entry.parts:
        have = [languages(part, split, source, data_root, benchmark) for part in entry.parts]
        return tuple(
            code for code in entry.languages_of(benchmark) if all(code in codes for codes in have)
        )
    if source == "mini":
        codes = suite.LANGUAGES if split in suite.SIZES.get(name, {}) else ()
    elif source == "hub" and (name in HUB or not data_root):
        codes = readers.hub_languages(name, split)
        if data_root and name in LOCAL_ADDED and benchmark == "xtreme-r":
            codes += tuple(
                code for code in _local_languages(name, split, data_root) if code in entry.added
            )
    else:
        codes = _local_languages(name, split, data_root)
    return tuple(code for code in entry.languages_of(benchmark) if code in codes)


def _local_languages(name: str, split: str, data_root: str) -> tuple[str, ...]:
    """Return the languages with labelled files below data_root."""
    return readers.available(name, split, Path(data_root)) if (name, split) in readers.FILES else ()


def evaluated(
    name: str,
    split: str,
    wish: Sequence[str],
    source: Source,
    data_root: str,
    benchmark: Benchmark = "xtreme",
) -> tuple[str, ...]:
    """Return the languages to score: all available ones, or those of `wish` that the task has."""
    available = languages(name, split, source, data_root, benchmark)
    chosen = tuple(code for code in available if not wish or code in wish)
    if not chosen:
        wanted, legal = (", ".join(wish) or "any language", ", ".join(available) or "none")
        raise UsageError(
            f"{name}: no labelled {split} data in {wanted} (source {source}); available: {legal}"
        )
    return chosen


def test_split(name: str, source: Source, data_root: str, benchmark: Benchmark = "xtreme") -> str:
    """Return the split whose scores are reported: test, or dev if its labels cover more languages,
    or far more data of one language.

    Slices of real data have few labelled test rows: XTREME publishes its tests without labels.
    """
    test, dev = (languages(name, split, source, data_root, benchmark) for split in ("test", "dev"))
    scrap = source == "files" and any(
        readers.is_scrap(name, code, Path(data_root)) for code in test if code in dev
    )
    return "dev" if scrap or len(test) < len(dev) else "test"


def pool(name: str, source: Source, data_root: str) -> Sequence[Passage]:
    """Return the passages against which queries are ranked, in all languages at once; empty for a
    task without a pool."""
    return () if source == "mini" or not data_root else readers.read_pool(name, Path(data_root))


def parts(name: str) -> tuple[str, ...]:
    """Return the data sets that a task is trained on: its parts (ANLI+), or itself."""
    return task(name).parts or (name,)


def training(
    name: str, most: int, seed: int, source: Source, data_root: str
) -> dict[str, list[Example]]:
    """Return the English training examples of every part of a task: at most `most` in all (0: no
    limit), sampled with the seed.

    Parts that are trained on one after the other have at most `most` each, because COPA's few
    examples would be almost nothing beside SIQA's.
    """
    by_part = {part: load(part, "train", "en", source, data_root) for part in parts(name)}
    total = sum(len(examples) for examples in by_part.values())
    if not most or most >= total:
        return by_part
    # Each part keeps its share; the sample depends on the seed alone.
    rng = np.random.default_rng([seed, 5])
    for part, examples in by_part.items():
        share = most if task(name).staged else max(1, round(most * len(examples) / total))
        sampled = rng.permutation(len(examples))[:share]
        by_part[part] = [examples[position] for position in sorted(sampled)]
    return by_part


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
    taken: Counter[str] = Counter()
    for position in generator.permutation(len(groups)).tolist():
        round_index = taken[groups[position]]
        taken[groups[position]] += 1
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


def development(name: str, source: Source, data_root: str) -> list[Example]:
    """Return the English development examples from which a checkpoint is chosen (see `sample`):
    those of all parts, or of the last part for a task trained in stages."""
    return load(parts(name)[-1] if task(name).staged else name, "dev", "en", source, data_root)


def names(examples: Sequence[SentenceExample], source: Source) -> dict[str, frozenset[words.Name]]:
    """Return, by language of a two-sided collection, the names that give a translation away, as
    sequences of words.

    The embedded suite knows its own names (persons, cities, organisations). Elsewhere they are the
    words with the same spelling on both sides: proper names and numerals, but also loan words and,
    in related languages, common words that look the same.
    """
    codes = {example.language for example in examples}
    if source == "mini":
        return {
            code: frozenset(tuple(words.words(name, code)) for name in lexicon.names(code))
            for code in codes
        }
    by_code = {
        code: {
            word
            for entry in examples
            if entry.language == code
            for word in words.words(entry.text, code)
        }
        for code in codes
    }
    return dict.fromkeys(codes, frozenset((word,) for word in set.intersection(*by_code.values())))


def text_files(data_root: str) -> Iterator[Path]:
    """Yield the files whose texts `texts` reads."""
    for name, split in readers.FILES:
        for code in languages(name, split, "files", data_root, "xtreme-r"):
            yield from readers.located(name, split, code, Path(data_root))


def texts(data_root: str, wish: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
    """Yield (language, text) for all unlabelled text in the tasks' files, for pretraining: at most
    `most` texts per language.

    Labels and pairings are not read. The texts of evaluation data are included, as they may be in
    any web text.
    """
    counts: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for name, split in readers.FILES:
        for code in languages(name, split, "files", data_root, "xtreme-r"):
            for pair in _plain_texts(read(task(name), split, code, "files", data_root), code):
                if (
                    (not wish or pair[0] in wish)
                    and pair not in seen
                    and counts.get(pair[0], 0) < most
                ):
                    seen.add(pair)
                    counts[pair[0]] = counts.get(pair[0], 0) + 1
                    yield pair


def unlabelled(
    source: Source, data_root: str, wish: Sequence[str], most: int, seed: int
) -> list[str]:
    """Return texts for continued masked language modelling, each in one language: at most `most`
    per language, the same for the same arguments.

    The embedded suite gives documents of the corpus that phase 1 has read, without code-switched
    documents and translation pairs, so that no translations are learnt from unlabelled text. Files
    give the texts of `texts`. The hub gives first paragraphs of Wikipedia articles, drawn with the
    seed.
    """
    if source == "mini":
        codes = tuple(wish) or suite.LANGUAGES
        return [
            document.text
            for document in takewhile(
                lambda entry: entry.language in codes, corpus.documents(codes, seed, most)
            )
        ]
    if source == "files":
        file_texts = [text for _, text in texts(data_root, wish, most)]
        if not file_texts:
            raise UsageError(
                f"no text in {', '.join(wish) or 'any language'} below {data_root}: "
                "mlm has nothing to learn from"
            )
        return file_texts
    sampled_texts = []
    for position, code in enumerate(wish or XTREME_LANGUAGES):
        paragraphs = readers.read_hub_texts(code)
        sampled_texts += [
            paragraphs[index]
            for index in np.random.default_rng([seed, 8, position]).permutation(len(paragraphs))[
                :most
            ]
        ]
    return sampled_texts


def _plain_texts(examples: Sequence[Example], code: str) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of the examples. Tagged words are joined as in the language."""
    separator = " " if language(code).whitespace else ""
    for example in examples:
        match example:
            case PairExample():
                yield from ((code, text) for text in (example.text_a, example.text_b) if text)
            case SpanExample():
                yield from ((code, example.context), (code, example.question))
            case TagsExample():
                yield code, separator.join(example.words)
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
