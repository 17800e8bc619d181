"""Read examples by task, split and language from the embedded suite, from files or from the hub: a
source is a class."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from xstilts_core.data import readers, sampling, words
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
    SourceName,
    Task,
    not_at_source,
    task,
)

SPLITS = ("train", "dev", "test")
# A text of phase 1, and its translation if it is one of a pair.
Text = tuple[str, str | None]


class Settings(Protocol):
    """The fields of a spec or study that name a source."""

    @property
    def source(self) -> SourceName: ...

    @property
    def data_root(self) -> str: ...


@dataclass(frozen=True)
class Source(ABC):
    """A place where examples are read.

    data_root: the folder of the original files, "" for none. benchmark: whose languages a target
    is scored in.
    """

    data_root: str = ""
    benchmark: Benchmark = "xtreme"
    name: ClassVar[SourceName]

    # ---- what a source is

    @property
    @abstractmethod
    def at_hand(self) -> bool:
        """Whether the examples can be read without a download."""

    @abstractmethod
    def read(self, entry: Task, split: str, code: str) -> list[Example]:
        """Return the examples of a task's split in one language, in the order of the source."""

    @abstractmethod
    def codes(self, name: str, split: str) -> Collection[str]:
        """Return the codes of the languages with labelled data for the split of a task without
        parts. No request is made."""

    @abstractmethod
    def names(self, examples: Sequence[SentenceExample]) -> dict[str, frozenset[words.Name]]:
        """Return, by language of a two-sided collection, the names that give a translation away, as
        sequences of words."""

    @abstractmethod
    def unlabelled(self, languages: Sequence[str], most: int, seed: int) -> list[str]:
        """Return texts for continued masked language modelling, each in one language: at most
        `most` per language, the same for the same arguments."""

    @abstractmethod
    def documents(self, languages: Sequence[str], most: int, seed: int) -> list[Text]:
        """Return the texts of phase 1: `most` for a language of full resources."""

    def split_files(self, name: str, split: str, code: str) -> list[Path]:
        """Return the files below data_root that hold a split in one language; none if it is read
        elsewhere."""
        return []

    def pool_files(self, name: str) -> Sequence[Path]:
        """Return the files below data_root that hold the passages of `pool`."""
        return ()

    def pool(self, name: str) -> Sequence[Passage]:
        """Return the passages against which queries are ranked, in all languages at once; empty for
        a task without a pool."""
        return ()

    def is_scrap(self, name: str, code: str) -> bool:
        """Return whether a language's test data are almost nothing beside its development data."""
        return False

    # ---- what follows for all of them

    def load(self, name: str, split: str, code: str) -> list[Example]:
        """Return all examples of a task's split in one language, in the order of the source.

        Raise UsageError with the wrong task, split, language or file line, and what is legal.
        """
        entry = task(name)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if entry.role == "probing" and (reason := not_at_source(entry, self.name)):
            raise UsageError(reason)
        examples = self.read(entry, split, code)
        if not examples:
            raise UsageError(f"{name}: split {split} in {code} is empty in source {self.name}")
        return examples

    def languages(self, name: str, split: str) -> tuple[str, ...]:
        """Return the task's languages with labelled data for the split: English first, in the
        benchmark's order. A task of several parts has the languages that all of them have."""
        entry = task(name)
        codes = [self.codes(part, split) for part in sampling.parts(name)]
        return tuple(
            code
            for code in entry.languages_of(self.benchmark)
            if all(code in present for present in codes)
        )

    def evaluated(self, name: str, split: str, languages: Sequence[str]) -> tuple[str, ...]:
        """Return the languages to score: all available ones, or those of `languages` that the
        task has."""
        available = self.languages(name, split)
        chosen = tuple(code for code in available if not languages or code in languages)
        if not chosen:
            request, legal = (
                ", ".join(languages) or "any language",
                ", ".join(available) or "none",
            )
            raise UsageError(
                f"{name}: no labelled {split} data in {request} (source {self.name}); "
                f"available: {legal}"
            )
        return chosen

    def test_split(self, name: str) -> str:
        """Return the split whose scores are reported: test, or dev if its labels cover more
        languages, or far more data of one language.

        Slices of real data have few labelled test rows: XTREME publishes its tests without labels.
        """
        test, dev = (self.languages(name, split) for split in ("test", "dev"))
        scrap = any(self.is_scrap(name, code) for code in test if code in dev)
        return "dev" if scrap or len(test) < len(dev) else "test"

    def training(self, name: str, most: int, seed: int) -> dict[str, list[Example]]:
        """Return the English training examples of every part of a task, at most `most` (see
        `sampling.capped`)."""
        by_part = {part: self.load(part, "train", "en") for part in sampling.parts(name)}
        return sampling.capped(name, by_part, most, seed)

    def development(self, name: str) -> list[Example]:
        """Return the English development examples from which a checkpoint is chosen (see
        `sampling.sample`): those of all parts, or of the last part for a task trained in stages."""
        return self.load(sampling.parts(name)[-1] if task(name).staged else name, "dev", "en")

    def files(self, name: str, split: str, code: str) -> list[Path]:
        """Return the files below data_root that a run reads for a task's split in one language;
        none if it reads elsewhere.

        Raise UsageError for a task or split that has no files.
        """
        parts = sampling.parts(name)
        parts = parts[-1:] if split == "dev" and task(name).staged else parts
        paths = [path for part in parts for path in self.split_files(part, split, code)]
        return [*paths, *self.pool_files(name)]


class Embedded(Source):
    """The embedded suite: examples that this package makes."""

    name = "mini"
    at_hand = True

    def read(self, entry: Task, split: str, code: str) -> list[Example]:
        return suite.load(entry.name, split, code)

    def codes(self, name: str, split: str) -> Collection[str]:
        return suite.LANGUAGES if split in suite.SIZES.get(name, {}) else ()

    def names(self, examples: Sequence[SentenceExample]) -> dict[str, frozenset[words.Name]]:
        """Return the suite's own names: persons, cities, organisations."""
        return {
            code: frozenset(tuple(words.words(name, code)) for name in lexicon.names(code))
            for code in {example.language for example in examples}
        }

    def unlabelled(self, languages: Sequence[str], most: int, seed: int) -> list[str]:
        """Return documents of the corpus that phase 1 has read, without code-switched documents and
        translation pairs, so that no translations are learnt from unlabelled text."""
        codes = tuple(languages) or suite.LANGUAGES
        documents = corpus.documents(codes, seed, most)
        monolingual = takewhile(lambda document: document.language in codes, documents)
        return [document.text for document in monolingual]

    def documents(self, languages: Sequence[str], most: int, seed: int) -> list[Text]:
        documents = corpus.documents(tuple(languages) or suite.LANGUAGES, seed, most)
        return [(document.text, document.pair) for document in documents]


class Files(Source):
    """The data sets' own files below data_root."""

    name = "files"

    @property
    def at_hand(self) -> bool:
        return bool(self.data_root) and Path(self.data_root).is_dir()

    def is_local(self, entry: Task, code: str) -> bool:
        """Return whether a task in a language is read from files."""
        return bool(self.data_root)

    def read(self, entry: Task, split: str, code: str) -> list[Example]:
        if entry.parts:
            by_part = {part: self.read(task(part), split, code) for part in entry.parts}
            return [
                replace(example, id=f"{part}-{example.id}")
                for part, examples in by_part.items()
                for example in examples
            ]
        return self._read(entry, split, code)

    def _read(self, entry: Task, split: str, code: str) -> list[Example]:
        """Return the examples of a task without parts."""
        if not self.data_root:
            raise UsageError(
                "source files needs data_root: the folder that holds the original files"
            )
        return readers.read_files(entry.name, split, code, Path(self.data_root))

    def codes(self, name: str, split: str) -> Collection[str]:
        if (name, split) not in readers.FILES:
            return ()
        return readers.available(name, split, Path(self.data_root))

    def split_files(self, name: str, split: str, code: str) -> list[Path]:
        if not self.is_local(task(name), code):
            return []
        return readers.find_files(name, split, code, Path(self.data_root))

    def pool_files(self, name: str) -> Sequence[Path]:
        return readers.pool_files(name, Path(self.data_root)) if self.data_root else ()

    def pool(self, name: str) -> Sequence[Passage]:
        return readers.read_pool(name, Path(self.data_root)) if self.data_root else ()

    def is_scrap(self, name: str, code: str) -> bool:
        return readers.is_scrap(name, code, Path(self.data_root))

    def names(self, examples: Sequence[SentenceExample]) -> dict[str, frozenset[words.Name]]:
        """Return the words with the same spelling on both sides: proper names and numerals, but
        also loan words and, in related languages, common words that look the same."""
        by_code: dict[str, set[str]] = {example.language: set() for example in examples}
        for example in examples:
            by_code[example.language].update(words.words(example.text, example.language))
        shared = frozenset((word,) for word in set.intersection(*by_code.values()))
        return dict.fromkeys(by_code, shared)

    def unlabelled(self, languages: Sequence[str], most: int, seed: int) -> list[str]:
        """Return the texts of `texts`."""
        texts = [text for _, text in self.texts(languages, most)]
        if not texts:
            raise UsageError(
                f"no text in {', '.join(languages) or 'any language'} below {self.data_root}: "
                "mlm has nothing to learn from"
            )
        return texts

    def documents(self, languages: Sequence[str], most: int, seed: int) -> list[Text]:
        return [(text, None) for _, text in self.texts(languages, most)]

    def texts(self, languages: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
        """Yield (language, text) for all unlabelled text in the tasks' files, for pretraining: at
        most `most` texts per language.

        Labels and pairings are not read. The texts of evaluation data are included, as they may be
        in any web text.
        """
        counts: dict[str, int] = {}
        seen: set[tuple[str, str]] = set()
        files = Files(self.data_root, "xtreme-r")
        for name, split, code in files.labelled_splits():
            for pair in plain_texts(files.read(task(name), split, code), code):
                if (
                    (not languages or pair[0] in languages)
                    and pair not in seen
                    and counts.get(pair[0], 0) < most
                ):
                    seen.add(pair)
                    counts[pair[0]] = counts.get(pair[0], 0) + 1
                    yield pair

    def text_files(self) -> Iterator[Path]:
        """Yield the files whose texts `texts` reads."""
        files = Files(self.data_root, "xtreme-r")
        for name, split, code in files.labelled_splits():
            yield from files.split_files(name, split, code)

    def labelled_splits(self) -> Iterator[tuple[str, str, str]]:
        """Yield the task, split and language of everything that the files hold."""
        for name, split in readers.FILES:
            for code in self.languages(name, split):
                yield name, split, code


class Hub(Files):
    """The Hugging Face hub. Data that it lacks are read from data_root if it is given."""

    name = "hub"
    at_hand = False

    def is_local(self, entry: Task, code: str) -> bool:
        on_hub = entry.name in HUB and not (code in entry.added and entry.name in LOCAL_ADDED)
        return bool(self.data_root) and not on_hub

    def _read(self, entry: Task, split: str, code: str) -> list[Example]:
        if self.is_local(entry, code):
            return super()._read(entry, split, code)
        return readers.read_hub(entry.name, split, code)

    def codes(self, name: str, split: str) -> Collection[str]:
        if self.data_root and name not in HUB:
            return super().codes(name, split)
        codes = readers.hub_languages(name, split)
        if self.data_root and name in LOCAL_ADDED and self.benchmark == "xtreme-r":
            codes += tuple(code for code in super().codes(name, split) if code in task(name).added)
        return codes

    def is_scrap(self, name: str, code: str) -> bool:
        return False

    def unlabelled(self, languages: Sequence[str], most: int, seed: int) -> list[str]:
        """Return first paragraphs of Wikipedia articles, drawn with the seed."""
        texts = []
        for position, code in enumerate(languages or XTREME_LANGUAGES):
            paragraphs = readers.read_hub_texts(code)
            draws = np.random.default_rng([seed, 8, position]).permutation(len(paragraphs))
            texts += [paragraphs[index] for index in draws[:most]]
        return texts


SOURCES: dict[str, type[Source]] = {cls.name: cls for cls in (Embedded, Files, Hub)}


def find_source(name: str, data_root: str = "", benchmark: Benchmark = "xtreme") -> Source:
    """Return the source of this name. Raise UsageError if there is none."""
    if name not in SOURCES:
        raise unknown("source", name, SOURCES)
    return SOURCES[name](data_root, benchmark)


def source_of(settings: Settings) -> Source:
    """Return the source that a spec or a study names."""
    return find_source(
        settings.source, settings.data_root, getattr(settings, "benchmark", "xtreme")
    )


def plain_texts(examples: Sequence[Example], code: str) -> Iterator[tuple[str, str]]:
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
