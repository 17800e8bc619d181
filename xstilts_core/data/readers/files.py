"""Read a task from its original files below a data root. layouts.yaml lists where they are."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, with_config

from xstilts_core.data.readers import mentions, sentences, spans, tables, tags
from xstilts_core.data.readers.shapes import numbered, of_language
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example, PairExample, Passage, SpanExample
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import LANGUAGES, language
from xstilts_core.tasks import LOCAL, TASKS, not_at_source

# Names, or a single one, in layouts.yaml.
_Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One location of labelled examples of a task and split.

    files: globs below the data root with {code}, {tatoeba}, {treebank} or {name} of
    the language. All matching files are read together, in the order of the globs and then of their
    names. A glob without a language is for English. languages: the only languages of this location,
    even if its path names none. table: the files are tables of these names. read: otherwise, their
    reader and its arguments, with {code} of the language. keep: the parts of the examples that are
    used. labelled_columns: number of columns of a labelled file, if a copy without labels has the
    same file name; otherwise 0. beside: names of the files that must accompany a labelled one, with
    {stem} of its name, and are read with it. condition: a further test of a file, if neither of
    these shows whether it is labelled. refusal: why files there cannot be used: they are never
    read, and the error states the reason. requires, excludes: a path below the data root that must
    exist, or must not, for the location to apply (slices of a data set).
    """

    files: _Names
    languages: _Names = ()
    table: _Names = ()
    read: _Names = ()
    keep: _Names = ()
    labelled_columns: int = 0
    beside: _Names = ()
    condition: str = ""
    refusal: str = ""
    requires: str = ""
    excludes: str = ""

    def patterns_for(self, code: str) -> list[str]:
        """Return the globs of one language. There are none if files are named by a code that the
        language lacks."""
        names = language(code).file_names
        return [
            pattern.format(**names)
            for pattern in self.files
            if (code in self.languages if self.languages else "{" in pattern or code == "en")
            and all(value or f"{{{key}}}" not in pattern for key, value in names.items())
        ]

    def files_of(self, code: str, data_root: Path) -> list[Path]:
        """Return the files of one language, labelled or not."""
        if (self.requires and not (data_root / self.requires).exists()) or (
            self.excludes and (data_root / self.excludes).exists()
        ):
            return []
        return [
            path
            for pattern in self.patterns_for(code)
            for path in sorted(data_root.glob(pattern))
            if path.is_file()
        ]

    def find(self, code: str, data_root: Path) -> list[Path]:
        """Return the labelled files of one language."""
        if self.refusal:
            return []
        return [path for path in self.files_of(code, data_root) if self.is_labelled(path)]

    def files_beside(self, path: Path) -> list[Path]:
        """Return the files that accompany a labelled one."""
        return [path.with_name(name.format(stem=path.stem)) for name in self.beside]

    def is_labelled(self, path: Path) -> bool:
        """Return whether the first line that is not blank has as many columns as a labelled file.
        The line is not decoded, because `available` checks many files."""
        if not all(other.is_file() for other in self.files_beside(path)):
            return False
        if self.condition and not _CONDITIONS[self.condition](path):
            return False
        if not self.labelled_columns:
            return True
        with path.open("rb") as file:
            first = next((line for line in file if line.removeprefix(BOM_UTF8).strip()), b"")
        return first.count(b"\t") + 1 >= self.labelled_columns

    def examples(self, paths: list[Path], code: str) -> list[Example]:
        """Return the examples of these files in a language."""
        examples: list[Any]
        if self.table:
            examples = tables.read_tables(paths, code, self.table)
        else:
            name, *arguments = (argument.format(code=code) for argument in self.read)
            inputs = [paths] if name in _JOINT else [paths[0], *self.files_beside(paths[0])]
            examples = _READERS[name](*inputs, *arguments)
        for part in self.keep:
            examples = _kept(examples, part)
        return examples


# ---- readers and conditions by their names in layouts.yaml, and parts of the examples


def _squad_of_language(path: Path, code: str) -> list[SpanExample]:
    """Read one language's questions of TyDiQA's upstream file, which holds nine languages: their
    ids begin with its name ("finnish-...")."""
    examples = spans.read_squad(path)
    legal = [f"{language(other).name.lower()}-" for other in TASKS["tydiqa"].languages]
    for example in examples:
        if not example.id.lower().startswith(tuple(legal)):
            raise unknown("beginning of an id", example.id, legal, str(path))
    return of_language(examples, [example.id for example in examples], code, str(path))


def _other_articles(path: Path) -> list[SpanExample]:
    """Read the Stanford course's half of SQuAD 2.0's development set for training, without the
    texts of dev-v2.0.json in the folder above."""
    development = path.parent.parent / "dev-v2.0.json"
    held_out = spans.read_squad(development) if development.is_file() else []
    return _without_contexts(spans.read_squad(path), held_out)


# Readers of several files together. The others read one file with those beside it.
_JOINT = ("anli_rounds", "treebanks")
_READERS: Mapping[str, Callable[..., list[Any]]] = {
    "anli_rounds": tables.read_anli_rounds,
    "treebanks": tags.read_treebanks,
    "squad": spans.read_squad,
    "squad_of_language": _squad_of_language,
    "other_articles": _other_articles,
    "tagged": tags.read_tagged,
    "ccg": tags.read_ccg,
    "tatoeba": sentences.read_tatoeba,
    "bucc": sentences.read_bucc,
    "lareqa": spans.read_lareqa,
    "mentions": mentions.read_mentions,
    "mention_pairs": mentions.read_mention_pairs,
}


def _has_development(path: Path) -> bool:
    """Return whether labelled English development questions exist beside a training file of TyDiQA;
    if so, the whole file is for training."""
    root = next(parent for parent in path.parents if parent.name == "tydiqa").parent
    return any(layout.find("en", root) for layout in FILES["tydiqa", "test"])


_CONDITIONS: Mapping[str, Callable[[Path], bool]] = {
    "has_answers": spans.has_answers,
    "has_labels": tables.has_labels,
    "has_development": _has_development,
}


def _without_contexts(examples: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Return the examples whose context, if they have one, is that of no other example."""
    contexts = {getattr(example, "context", example.id) for example in others}
    return [
        example for example in examples if getattr(example, "context", example.id) not in contexts
    ]


def _distinct(examples: Sequence[PairExample]) -> list[PairExample]:
    """Return each pair of texts once, in order, renumbered from 1. Pairs that differ only in white
    space (tokenized text) count as copies."""
    first_copies: dict[tuple[str, str], PairExample] = {}
    for example in examples:
        texts = "".join(example.text_a.split()), "".join(example.text_b.split())
        first_copies.setdefault(texts, example)
    return numbered(first_copies.values())


def _kept(examples: list[Any], part: str) -> list[Any]:
    """Return the part of a file's examples that is used.

    The second part of a division has no row about a text of the first one used. Ids stay those of
    the file.
    """
    fifth, tenth = len(examples) * 4 // 5, len(examples) - max(1, len(examples) // 10)
    match part:
        case "first four fifths":
            return examples[:fifth]
        case "last fifth":
            return _without_contexts(examples[fifth:], examples[:fifth])
        case "last tenth":
            return examples[tenth:]
        case "before the last tenth":
            return _without_contexts(examples[:tenth], examples[tenth:])
        case "unaltered":
            return [example for example in examples if "-" not in example.id]
        case "by sentence":
            return spans.by_sentence(examples)
        case "distinct":
            return _distinct(examples)
    raise ValueError(f"no part {part!r} of a file's examples")


# ---- layouts.yaml


def layouts(content: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[Any, tuple[Layout, ...]]:
    """Return the layouts of (task, split), from entries as in layouts.yaml."""
    return {
        (name, split): tuple(
            layout
            for entry in entries
            if split in entry["splits"]
            for layout in _expanded(name, entry["splits"][split], entry)
        )
        for name, entries in content.items()
        for split in ("train", "dev", "test")
        if any(split in entry["splits"] for entry in entries)
    }


def _expanded(name: str, split: str, entry: Mapping[str, Any]) -> Iterator[Layout]:
    """Yield the layouts of an entry: one per folder and alternative. split: the release's name."""
    shared = {key: value for key, value in entry.items() if key not in ("splits", "below", "any")}
    for folder in entry.get("below", ["."]):
        prefix = "" if folder == "." else f"{folder}/"
        for alternative in entry.get("any", [{}]):
            fields = {**shared, **alternative}
            if isinstance(group := fields.get("languages"), str):
                fields["languages"] = list(
                    LANGUAGES
                    if group == "all"
                    else TASKS[name].added
                    if group == "added"
                    else TASKS[name].languages
                )
            layout = _LAYOUT.validate_python(fields)
            files = (prefix + path.replace("{split}", split) for path in layout.files)
            yield replace(layout, files=tuple(files))


_LAYOUT = TypeAdapter(Layout)
FILES = layouts(yaml.load(Path(__file__).with_name("layouts.yaml").read_text("utf-8"), FastLoader))


# ---- files of a split


def _matches(
    name: str, split: str, code: str, data_root: Path
) -> Iterator[tuple[Layout, list[Path]]]:
    """Yield the layouts with labelled files of a language below the data root, and these files.
    Raise UsageError for an unknown task or split, or a data root that is not a folder."""
    if name in TASKS and (reason := not_at_source(TASKS[name], "files")):
        raise UsageError(reason)
    if (name, split) not in FILES:
        if not (splits := [part for owner, part in FILES if owner == name]):
            tasks = {known for known, _ in FILES}
            raise unknown("task", name, tasks, "the tasks that are read from files")
        raise unknown("split", split, splits, f"the files of {name}")
    if not data_root.is_dir():
        raise UsageError(
            f"the data root {data_root} is not a folder: "
            f"expected one with a folder per task ({name}/ ...)"
        )
    for layout in FILES[name, split]:
        if paths := layout.find(code, data_root):
            yield layout, paths


def available(name: str, split: str, data_root: Path) -> tuple[str, ...]:
    """Return the codes of the languages with labelled files below the data root, in alphabetical
    order."""
    return tuple(code for code in LANGUAGES if any(_matches(name, split, code, data_root)))


def find_files(name: str, split: str, code: str, data_root: Path) -> list[Path]:
    """Return the labelled files of a task, split and language below the data root, as `read_files`
    reads them; none if there are none."""
    return next((paths for _, paths in _matches(name, split, code, data_root)), [])


def read_files(name: str, split: str, code: str, data_root: Path) -> list[Example]:
    """Return all labelled examples of a task, split and language below the data root.

    Raise UsageError with the paths that were searched and the languages that exist, or with the
    file and line that cannot be read.
    """
    for layout, paths in _matches(name, split, code, data_root):
        return layout.examples(paths, code)
    searched = FILES[name, split]
    patterns = [
        pattern
        for layout in searched
        if not (layout.refusal or layout.requires)
        for pattern in layout.patterns_for(code)
    ]
    problems = [
        f"looked for {' or '.join(patterns)}"
        if patterns
        else "the data set names no files of that language"
    ]
    present = {
        str(path): layout.refusal
        for layout in searched
        for path in layout.files_of(code, data_root)
    }
    unlabelled = [path for path, refusal in present.items() if not refusal]
    if unlabelled:
        verb = "is" if len(unlabelled) == 1 else "are"
        problems.append(
            f"{' and '.join(unlabelled)} {verb} empty or without labels "
            "(XTREME removes the labels of its tests)"
        )
    problems += [f"{path} {refusal}" for path, refusal in present.items() if refusal]
    there = ", ".join(available(name, split, data_root)) or "none"
    advice = f". {LOCAL[name]}" if name in LOCAL else ""
    raise UsageError(
        f"no labelled {name} {split} files of language {code!r} below {data_root}: "
        f"{'; '.join(problems)}; languages there: {there}{advice}"
    )


# ---- passages to search


# Task -> the file that leads to its passages, the names of all that hold them in its folder, and
# their reader.
_POOLS: Mapping[str, tuple[str, str, Callable[[Path], Sequence[Passage]]]] = {
    "lareqa": ("lareqa/xquad-r/en.json", "*.json", spans.read_sentences),
    "mewslix": (
        "mewslix/candidate_set_entities.jsonl",
        "candidate_set_entities.jsonl",
        lambda path: tuple(mentions.read_entities(path).values()),
    ),
}


def pool_files(name: str, data_root: Path) -> list[Path]:
    """Return the existing files of a task's pool."""
    if name not in _POOLS:
        return []
    file, names, _ = _POOLS[name]
    path = data_root / file
    return sorted(path.parent.glob(names)) if path.is_file() else []


def read_pool(name: str, data_root: Path) -> Sequence[Passage]:
    """Return the passages of all languages against which a task's queries are ranked; none for
    tasks without a pool."""
    if name not in _POOLS:
        return ()
    file, _, read = _POOLS[name]
    if not (path := data_root / file).is_file():
        raise UsageError(f"{path} is missing: {name} ranks its passages")
    return read(path)
