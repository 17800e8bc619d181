"""Examples by task, split and language, from the embedded suite or from local files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from xstilts_core import readers
from xstilts_core.examples import ChoiceExample, Example, PairExample, SentenceExample, SpanExample, TagsExample
from xstilts_core.languages import language
from xstilts_core.mini import suite
from xstilts_core.names import UsageError, unknown
from xstilts_core.spec import Source
from xstilts_core.tasks import Task, task

SPLITS = ("train", "dev", "test")


def load(name: str, split: str, code: str, source: Source = "mini", data_root: str = "") -> list[Example]:
    """All examples of a task's split in one language, in the order of the source.

    UsageError names what is wrong (task, split, language, source, file and line) and what is legal.
    """
    entry = task(name)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if source not in get_args(Source):
        raise unknown("source", source, get_args(Source))
    examples = read(entry, split, code, source, data_root)
    if not examples:
        raise UsageError(f"{name}: split {split} in {code} is empty in source {source}")
    return examples


def read(entry: Task, split: str, code: str, source: Source, data_root: str) -> list[Example]:
    if source == "mini":
        return suite.load(entry.name, split, code)
    if not data_root:
        raise UsageError("source files needs data_root: the folder that holds the original files")
    return readers.read_files(entry.name, split, code, Path(data_root))


def languages(name: str, split: str, source: Source = "mini", data_root: str = "") -> tuple[str, ...]:
    """The task's languages in which the source has labelled data for the split, English first, in the benchmark's order."""
    if source == "mini":
        found = suite.LANGUAGES if split in suite.SIZES.get(name, {}) else ()
    else:
        found = readers.available(name, split, Path(data_root)) if (name, split) in readers.FILES else ()
    return tuple(code for code in task(name).languages if code in found)


def evaluated(name: str, split: str, wish: Sequence[str], source: Source, data_root: str) -> tuple[str, ...]:
    """The languages to score: all there are, or those of `wish` that the task has."""
    available = languages(name, split, source, data_root)
    chosen = tuple(code for code in available if not wish or code in wish)
    if not chosen:
        wanted, there = ", ".join(wish) or "any language", ", ".join(available) or "none"
        raise UsageError(f"{name}: no labelled {split} data in {wanted} (source {source}); available: {there}")
    return chosen


def test_split(name: str, source: Source, data_root: str) -> str:
    """The split that scores are reported on: test, or dev where the source has labels for more languages there.

    Slices of real data label few test files: XTREME publishes them without labels.
    """
    count = {split: len(languages(name, split, source, data_root)) for split in ("test", "dev")}
    return "test" if count["test"] >= count["dev"] else "dev"


def parts(name: str) -> tuple[str, ...]:
    """The data sets that a task is trained on: its parts (ANLI+), or itself."""
    return task(name).parts or (name,)


def texts(data_root: str, wish: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
    """(language, text) of everything unlabelled that the tasks' files hold: for pretraining. At most `most` texts a language.

    Labels and pairings are not read; the texts of evaluation data are among them, as they are among any web text.
    """
    count: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for name, split in readers.FILES:
        for code in languages(name, split, "files", data_root):
            for found in plain_texts(read(task(name), split, code, "files", data_root), code):
                if (not wish or found[0] in wish) and found not in seen and count.get(found[0], 0) < most:
                    seen.add(found)
                    count[found[0]] = count.get(found[0], 0) + 1
                    yield found


def plain_texts(examples: Sequence[Example], code: str) -> Iterator[tuple[str, str]]:
    """(language, text) of the examples' texts, tagged words joined as the language writes them."""
    between = " " if language(code).whitespace else ""
    for example in examples:
        match example:
            case PairExample():
                yield from ((code, example.text_a), (code, example.text_b))
            case SpanExample():
                yield from ((code, example.context), (code, example.question))
            case TagsExample():
                yield code, between.join(example.words)
            case SentenceExample():
                yield example.language, example.text
            case ChoiceExample():
                yield from ((code, text) for text in (example.context, *example.choices) if text)
