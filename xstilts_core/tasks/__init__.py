"""What each task is, and where its data are: declarations in tasks.yaml and hub.yaml.

Behavior is defined per format (`formats/`), never per task. `task(name)` has a helpful error.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import ConfigDict, TypeAdapter, with_config

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.disk import write_text
from xstilts_core.files.paths import home
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import EMBEDDED_LANGUAGES as EMBEDDED_LANGUAGES
from xstilts_core.languages import language

_FormatName = Literal["pair", "choice", "span", "tagging", "retrieval", "ranking"]
# part: only trained on, as one of the data sets behind a head, or before a target. probing:
# predicted from a frozen encoder.
Role = Literal["intermediate", "target", "part", "probing"]
Benchmark = Literal["xtreme", "xtreme-r"]
# The fields of a Spec that a published recipe sets.
RECIPE_FIELDS = ("epochs", "batch_size", "max_length", "learning_rate")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Published:
    """Hyper-parameters of a published run: the second of the three parameter layers (Spec default,
    this, study YAML).

    batch_size: examples per optimizer step, which the authors' code divides into micro-batches.
    `confirmed` is False if the figure is recalled from the paper's appendix without code or text at
    hand to confirm it, or if nothing is published and it was chosen; `source` states which.
    """

    epochs: int
    batch_size: int
    max_length: int
    source: str
    learning_rate: float = 1e-5
    confirmed: bool = True

    def settings(self) -> dict[str, float]:
        """Return the fields that a Spec takes."""
        return {name: getattr(self, name) for name in RECIPE_FIELDS}


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Task:
    """A data set with its format, languages, scoring and licence.

    title: the common name. added: the languages that XTREME-R adds to `languages`. train_on: the
    task whose English training split a target is trained on (xquad -> squad_v1); None if nothing is
    trained. languages: the benchmark's own list, English first if it is evaluated. metric: the
    benchmark's metric, shown first. scoring: the rule for answers to span questions; squad_v2 also
    means that a question may have no answer. parts: the data sets behind one head, sampled in
    proportion to their sizes (ANLI+) or, if `staged`, trained on one after the other in this order
    (SIQA, then COPA). single_text: a pair task whose examples have one text each. sizes: examples
    per split, in the first language; recalled: the splits whose size is from memory alone. pool:
    number of passages, in all languages, among which a ranking task's queries are ranked; group:
    number of queries that in training use each other's passages as negatives. file: the rows of a
    task of a user's own (`own_task`). version: increase it when reading or scoring changes; it is
    part of the identity of every run that uses the task, so that only these runs are repeated.
    """

    name: str
    title: str
    role: Role
    format: _FormatName
    metric: str
    kind: Literal["semantic", "syntactic", "reasoning", "retrieval"]
    domain: str
    citation: str
    licence: str
    languages: tuple[str, ...] = ("en",)
    added: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    train_on: str | None = None
    published: Published | None = None
    parts: tuple[str, ...] = ()
    staged: bool = False
    single_text: bool = False
    sizes: dict[str, int] = field(default_factory=dict, hash=False)
    recalled: tuple[str, ...] = ()
    pool: int = 0
    group: int = 1
    scoring: Literal["", "squad", "squad_v2", "mlqa"] = ""
    file: str = ""
    version: int = 1

    def languages_of(self, benchmark: Benchmark) -> tuple[str, ...]:
        """Return the languages in which a benchmark scores the task."""
        return self.languages if benchmark == "xtreme" else (*self.languages, *self.added)


GENERAL = "general"
OTHER_DOMAINS = ("clinic", "chat")
# Two intermediate tasks, and targets of three formats. Most cells are transfer: XNLI is the only
# target whose training task is also an intermediate task.
_IN_ALL_DOMAINS = ("mnli", "squad_v1", "xnli", "udpos", "tydiqa")


def content(name: str) -> Any:
    """Return the content of a file in this folder."""
    return yaml.load(Path(__file__).with_name(name).read_text("utf-8"), FastLoader)


def declared(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Task]:
    """Return tasks from their fields by name, as in a group of tasks.yaml."""
    named = {name: {"name": name, **fields} for name, fields in entries.items()}
    return TypeAdapter(dict[str, Task]).validate_python(named)


_TASKS = content("tasks.yaml")
INTERMEDIATE, TARGETS, XTREME_R, TRANSLATED, DOMAINS, PROBING = (
    declared(_TASKS[group])
    for group in ("intermediate", "targets", "xtreme_r", "translated", "domains", "probing")
)
# A task's English training set -> its published translations.
TRANSLATIONS: dict[str, str] = _TASKS["translations"]
# The embedded suite's own recipes, by format.
EMBEDDED = TypeAdapter(dict[str, Published]).validate_python(_TASKS["embedded_recipes"])


class _Version(NamedTuple):
    """The original task of a version, and its domain."""

    task: str
    domain: str


# Tasks of the embedded suite in its two other domains: short clinical texts and chat messages. They
# exist in no other source. A version is a task of its own, with a head, folders and scores of its
# own.
VERSIONS = {
    f"{name}_{domain}": _Version(name, domain)
    for name in _IN_ALL_DOMAINS
    for domain in OTHER_DOMAINS
}


def original(name: str) -> str:
    """Return the original task of a version, or the name itself for any other task."""
    return VERSIONS[name].task if name in VERSIONS else name


def _version(entry: Task, domain: str) -> Task:
    """Return a task's version in a domain. It differs from its original only in the words and the
    register of its texts: it has no settings of the original data set, and it trains on the version
    in the same domain."""
    return replace(
        entry,
        name=f"{entry.name}_{domain}",
        title=f"{entry.title}, {domain}",
        domain=domain,
        citation="made by xstilts_core/mini",
        licence="Apache-2.0",
        languages=tuple(code for code in entry.languages if code in EMBEDDED_LANGUAGES),
        added=(),
        train_on=entry.train_on and f"{entry.train_on}_{domain}",
        published=None,
        sizes={},
        recalled=(),
        version=1,
    )


TASKS: dict[str, Task] = {
    **INTERMEDIATE,
    **TARGETS,
    **XTREME_R,
    **TRANSLATED,
    **DOMAINS,
    **{
        name: _version((INTERMEDIATE | TARGETS)[version.task], version.domain)
        for name, version in VERSIONS.items()
    },
    **PROBING,
}


# A target of one's own: a file with its format and language, OWN/<name>.yaml in the project.
OWN = Path("params", "own")
# Which of ten rows in a sequence belong to a split.
OWN_SPLITS: dict[str, list[int]] = _TASKS["own_splits"]


def own_task(name: str, file: str, form: str, code: str) -> Task:
    """Return the target whose labelled rows, in one language, are the JSON lines of a file
    (data/own.py). Its version is a digest of the file, so that changed rows are run again."""
    try:
        rows = [json.loads(line) for line in Path(file).read_bytes().splitlines() if line.strip()]
        labels = {str(row.get("label")) for row in rows}
        complete = all(row.get("text_b") or row.get("answers") for row in rows)
    except (OSError, ValueError, AttributeError):  # reading the rows says what is wrong
        rows, labels, complete = [], set(), True
    sizes = {
        split: sum(number % 10 in tenths for number in range(len(rows)))
        for split, tenths in OWN_SPLITS.items()
    }
    digest = sha256(json.dumps(rows).encode()).hexdigest()
    return Task(
        **_TASKS["own"][form],
        name=name,
        title=name,
        citation=f"rows of {file}",
        languages=(code,),
        labels=tuple(sorted(labels)) if form == "pair" else (),
        train_on=name,
        single_text=form == "pair" and not complete,
        scoring="" if form != "span" else "squad" if complete else "squad_v2",
        sizes=sizes,
        file=file,
        version=int(digest[:8], 16),
    )


def _own_tasks() -> Iterator[Task]:
    """Yield the targets that the project declares. Raise UsageError for a wrong declaration."""
    for path in sorted((home() / OWN).glob("*.yaml")):
        content = yaml.load(path.read_text("utf-8"), FastLoader)
        if not isinstance(content, dict) or content.keys() != {"file", "format", "language"}:
            raise UsageError(f"{path}: expected the keys file, format and language")
        if content["format"] not in _TASKS["own"]:
            raise unknown("format", content["format"], _TASKS["own"], str(path))
        if path.stem in TASKS:
            raise UsageError(f"{path}: {path.stem} is a task of the suite: rename the file")
        code = language(content["language"], str(path)).code
        yield own_task(path.stem, str(home() / content["file"]), content["format"], code)


TASKS |= {entry.name: entry for entry in _own_tasks()}
# The format of every task of the suite, and of those that only published scores have.
FORMATS: dict[str, str] = {name: entry.format for name, entry in TASKS.items()} | _TASKS[
    "formats_elsewhere"
]
# The paper's nine intermediate and nine target tasks: rows and columns of its tables.
INTERMEDIATE_NAMES = tuple(
    entry.name for entry in INTERMEDIATE.values() if entry.role == "intermediate"
)
XTREME = tuple(TARGETS)
# Every language of an XTREME task, English first.
XTREME_LANGUAGES = tuple(
    dict.fromkeys(("en", *sorted(code for entry in TARGETS.values() for code in entry.languages)))
)
TARGET_NAMES = [entry.name for entry in TASKS.values() if entry.role == "target"]
PROBING_NAMES = tuple(PROBING)


def declare_own(name: str, file: str, form: str, code: str) -> None:
    """Write the declaration of a target of one's own, and add it to this process's tasks."""
    declaration = {"file": file, "format": form, "language": code}
    write_text(home() / OWN / f"{name}.yaml", yaml.safe_dump(declaration, allow_unicode=True))
    TARGET_NAMES.extend({name} - set(TARGET_NAMES))
    TASKS[name], FORMATS[name] = own_task(name, file, form, code), form


def task(name: str, where: str = "") -> Task:
    """Return the task called `name`; otherwise raise UsageError with the nearest name. `where` is
    the file or option that gave it."""
    if name not in TASKS:
        raise unknown("task", name, TASKS, where)
    return TASKS[name]


def recipe(entry: Task, source: str) -> Published | None:
    """Return the second layer of parameters: the embedded suite's recipe for the task's format, or
    the task's published recipe; None if nothing is trained (retrieval)."""
    return EMBEDDED.get(entry.format) if source == "mini" else entry.published


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class HubData:
    """The data of one task on the hub.

    config: the data set's configuration, with {code}, {name} (german), {tatoeba} or {treebank} of
    the language; configs: exceptions by our split. splits: our split -> the data set's splits, read
    one after another. shape: how a row becomes an example (`data/readers`). columns: those that the
    shape reads, in its order. classes: class name in the data set -> the task's label, if they
    differ. names: the documented names of classes 0, 1, ..., for a column that states none. absent:
    split -> languages of the task that it lacks. A task with English data trains on English only.
    by_language: one configuration has all languages, and an id begins with the language's name
    ("finnish-..."). revision: the branch to read, by default the main one; in CONVERTED a
    configuration is a folder. first_file: read only the first
    file of a split, if that is enough.
    """

    dataset: str
    config: str
    splits: Mapping[str, tuple[str, ...]]
    shape: str
    columns: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)
    names: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    configs: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_language: bool = False
    revision: str = ""
    first_file: bool = False

    def configuration(self, split: str, code: str) -> str:
        """Return the configuration that has a split (ours) in a language."""
        return self.configs.get(split, self.config).format(**language(code).file_names)

    def languages(self, split: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Return the task's declared languages that the split has."""
        if split not in self.splits:
            return ()
        if split == "train" and "en" in declared:
            return ("en",)
        return tuple(code for code in declared if code not in self.absent.get(split, ()))


_HUB = content("hub.yaml")
CONVERTED: str = _HUB["converted"]
HUB, ADDED, _TEXTS = (
    TypeAdapter(dict[str, HubData]).validate_python(_HUB[group])
    for group in ("hub", "added", "texts")
)
TEXTS = _TEXTS["mlm"]
# Task -> why the hub lacks its data, or those of its added languages.
LOCAL: dict[str, str] = _HUB["local"]
LOCAL_ADDED: dict[str, str] = _HUB["local_added"]


SourceName = Literal["mini", "files", "hub"]
# Tasks of the embedded suite: the paper's tasks and the parts of ANLI+, in nine languages, some of
# them in other domains, and probing tasks.
_EMBEDDED_TASKS = (*INTERMEDIATE, *TARGETS, *PROBING, *VERSIONS)


def not_at_source(entry: Task, source: str) -> str:
    """Explain why a source can never provide a task, and what it has instead; "" if it can. What
    files and hub need is in `Spec.lacking`."""
    name = entry.name
    if entry.file:
        return ""
    if source == "mini":
        similar = [
            task.name
            for task in (INTERMEDIATE | TARGETS).values()
            if (task.role == "target") == (entry.role == "target")
        ]
        return (
            ""
            if name in _EMBEDDED_TASKS
            else f"the embedded suite (source mini) has no {name}, only {', '.join(similar)}: read "
            "it with source files or hub"
        )
    if name in VERSIONS:
        return (
            f"{name} is made by the embedded suite (source mini) only: in other sources name "
            f"{VERSIONS[name].task}"
        )
    if entry.role == "probing":
        return (
            f"{name} is a probing task, and its sentences are made by the embedded suite "
            f"(source mini): source {source} has none"
        )
    return ""


def not_intermediate(entry: Task) -> str:
    """Explain why a task cannot be an intermediate one, trained on in English; "" if it can."""
    name, consequence = entry.name, "so it cannot be an intermediate task"
    if entry.format == "retrieval":
        return f"{name} is a retrieval task: it has no training data, {consequence}"
    if entry.role == "probing":
        return f"{name} is a probing task: its encoder is not trained, {consequence}"
    if entry.train_on not in (None, name):
        return (
            f"{name} has no training data of its own, {consequence}: "
            f"name {entry.train_on}, its training task"
        )
    if "en" not in entry.languages:
        return (
            f"{name} has no English data (only {', '.join(entry.languages)}), {consequence}: "
            "intermediate training is in English"
        )
    return ""


def not_in_language(name: str, code: str, source: str, translator: str) -> str:
    """Explain why a data set (a task, or one of its parts) cannot be trained on in a language, and
    what would help; "" if it can."""
    if code == "en" or translator:
        return ""
    if source == "mini":
        codes = ", ".join(EMBEDDED_LANGUAGES)
        return (
            ""
            if code in EMBEDDED_LANGUAGES
            else f"the embedded suite (source mini) has no {name} in {code!r}, only in {codes}"
        )
    advice = "name a translator, a sequence-to-sequence model on the hub or in a folder"
    if name not in TRANSLATIONS:
        return f"no translation of {name} is published, only of {', '.join(TRANSLATIONS)}: {advice}"
    published = TASKS[TRANSLATIONS[name]]
    if code not in published.languages:
        return f"{published.name} has no {code!r}, only {', '.join(published.languages)}: {advice}"
    return ""
