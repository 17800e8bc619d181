"""Read the released data sets by task, split and language, from files or from the hub: a source is
a class."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from xstilts_core.data import sampling, words
from xstilts_core.data.own import read_own
from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers import hub
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
from xstilts_core.tasks import (
    HUB,
    LOCAL_ADDED,
    OWN_SPLITS,
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

    # ---- what follows for all of them

    def load(self, name: str, split: str, code: str) -> list[Example]:
        """Return all examples of a task's split in one language, in the order of the source.

        Raise UsageError with the wrong task, split, language or file line, and what is legal.
        """
        entry = task(name)
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if entry.file:
            rows = read_own(Path(entry.file), entry.format)
            return [row for number, row in enumerate(rows) if number % 10 in OWN_SPLITS[split]]
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
        if entry.file:
            return entry.languages
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
            raise UsageError(
                f"{name}: no labelled {split} data in {', '.join(languages) or 'any language'} "
                f"(source {self.name}); available: {', '.join(available) or 'none'}"
            )
        return chosen

    def test_split(self, name: str) -> str:
        """Return the split whose scores are reported: test, or dev if its labels cover more
        languages, or far more data of one language.

        Slices of real data have few labelled test rows: XTREME publishes its tests without labels.
        """
        test, dev = (self.languages(name, split) for split in ("test", "dev"))

        def size(split: str, code: str) -> int:
            return sum(path.stat().st_size for path in self.split_files(name, split, code))

        # Less than a twentieth of the development files is true of no release.
        scrap = any(20 * size("test", code) < size("dev", code) for code in test if code in dev)
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
        if task(name).file:
            return []  # its digest is the task's version
        parts = sampling.parts(name)
        parts = parts[-1:] if split == "dev" and task(name).staged else parts
        paths = [path for part in parts for path in self.split_files(part, split, code)]
        return [*paths, *self.pool_files(name)]


class Files(Source):
    """The data sets' own files below data_root."""

    name = "files"

    @property
    def root(self) -> Path:
        return Path(self.data_root)

    @property
    def at_hand(self) -> bool:
        return bool(self.data_root) and self.root.is_dir()

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
        return local_files.read_files(entry.name, split, code, self.root)

    def codes(self, name: str, split: str) -> Collection[str]:
        if (name, split) not in local_files.FILES:
            return ()
        return local_files.available(name, split, self.root)

    def split_files(self, name: str, split: str, code: str) -> list[Path]:
        is_local = self.is_local(task(name), code)
        return local_files.find_files(name, split, code, self.root) if is_local else []

    def pool_files(self, name: str) -> Sequence[Path]:
        return local_files.pool_files(name, self.root) if self.data_root else ()

    def pool(self, name: str) -> Sequence[Passage]:
        return local_files.read_pool(name, self.root) if self.data_root else ()

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
        texts_of: dict[str, set[str]] = {}
        for name, split, code in self.labelled_splits():
            examples = local_files.read_files(name, split, code, self.root)
            for text_code, text in plain_texts(examples, code):
                texts = texts_of.setdefault(text_code, set())
                chosen = not languages or text_code in languages
                if chosen and text not in texts and len(texts) < most:
                    texts.add(text)
                    yield text_code, text

    def text_files(self) -> Iterator[Path]:
        """Yield the files whose texts `texts` reads."""
        for name, split, code in self.labelled_splits():
            yield from local_files.find_files(name, split, code, self.root)

    def labelled_splits(self) -> Iterator[tuple[str, str, str]]:
        """Yield the task, split and language of everything that the files hold."""
        files = Files(self.data_root, "xtreme-r")
        for name, split in local_files.FILES:
            for code in files.languages(name, split):
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
        return hub.read_hub(entry.name, split, code)

    def codes(self, name: str, split: str) -> Collection[str]:
        if self.data_root and name not in HUB:
            return super().codes(name, split)
        codes = hub.hub_languages(name, split)
        if self.data_root and name in LOCAL_ADDED and self.benchmark == "xtreme-r":
            codes += tuple(code for code in super().codes(name, split) if code in task(name).added)
        return codes

    def unlabelled(self, languages: Sequence[str], most: int, seed: int) -> list[str]:
        """Return first paragraphs of Wikipedia articles, drawn with the seed."""
        texts = []
        for position, code in enumerate(languages or XTREME_LANGUAGES):
            paragraphs = hub.read_hub_texts(code)
            draws = np.random.default_rng([seed, 8, position]).permutation(len(paragraphs))
            texts += [paragraphs[index] for index in draws[:most]]
        return texts


RELEASES: dict[str, type[Source]] = {cls.name: cls for cls in (Files, Hub)}


def plain_texts(examples: Sequence[Example], code: str) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of the examples. Tagged words are joined as in the language."""
    separator = " " if language(code).whitespace else ""
    for example in examples:
        match example:
            case PairExample():
                texts = [example.text_a, example.text_b]
            case ChoiceExample():
                texts = [example.context, *example.choices]
            case SpanExample():
                texts = [example.context, example.question]
            case TagsExample():
                texts = [separator.join(example.words)]
            case SentenceExample():
                texts = [example.text]
            case RankingExample():
                texts = [example.query]
        side = getattr(example, "language", code)
        yield from ((side, text) for text in texts if text)
        for passage in getattr(example, "passages", ()):
            yield passage.language, passage.context or passage.text
