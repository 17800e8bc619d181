"""Read examples by task, split and language from the embedded suite, from files or from the hub."""

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Protocol

from xstilts_core.data import words
from xstilts_core.data.releases import RELEASES, Files, Hub, Source, Text
from xstilts_core.errors import unknown
from xstilts_core.examples import Example, SentenceExample
from xstilts_core.mini import corpus, lexicon, suite
from xstilts_core.tasks import Benchmark, SourceName, Task

__all__ = ["Embedded", "Files", "Hub", "Source", "find_source", "source_of"]


class Settings(Protocol):
    """The fields of a spec or study that name a source."""

    @property
    def source(self) -> SourceName: ...

    @property
    def data_root(self) -> str: ...


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


SOURCES: dict[str, type[Source]] = {Embedded.name: Embedded, **RELEASES}


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
