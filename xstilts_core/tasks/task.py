"""What a task is: pure data. Behaviour lives once per format (`formats/`), never per task."""

from dataclasses import dataclass, field
from typing import Literal

from xstilts_core.errors import unknown

_FormatName = Literal["pair", "choice", "span", "tagging", "retrieval", "ranking"]
# part: only trained on, as one of the data sets behind a head, or before a target. probing: read
# off a frozen encoder.
Role = Literal["intermediate", "target", "part", "probing"]
Benchmark = Literal["xtreme", "xtreme-r"]
# The fields of a Spec that a published recipe fills.
RECIPE_FIELDS = ("epochs", "batch_size", "max_length", "learning_rate")


@dataclass(frozen=True, slots=True)
class Published:
    """Hyper-parameters of a published run: the second of the three parameter layers (Spec default,
    this, study YAML).

    batch_size: examples of an optimizer step, which the authors' code divides into micro-batches.
    `confirmed` is False where the figure is recalled from the paper's appendix and no code or text
    at hand confirms it, or where nothing is published and it was chosen; `source` says which.
    """

    epochs: int
    batch_size: int
    max_length: int
    source: str
    learning_rate: float = 1e-5
    confirmed: bool = True

    def settings(self) -> dict[str, float]:
        """The fields that a Spec takes."""
        return {name: getattr(self, name) for name in RECIPE_FIELDS}


@dataclass(frozen=True, slots=True)
class Task:
    """One data set with its format, languages, scoring and licence.

    title: the name that people use. added: the languages that XTREME-R has beside those of
    `languages`. train_on: the task whose English training split a target is trained on (xquad ->
    squad_v1); None: nothing is trained. languages: the benchmark's own list, English first where it
    is evaluated. metric: the benchmark's metric, shown first. scoring: the rule for answers of span
    questions. squad_v2 also means that a question may have no answer. parts: the data sets behind
    one head, sampled in proportion to their sizes (ANLI+), or trained on one after the other, in
    this order, where `staged` (SIQA, then COPA). single_text: a pair task whose examples have one
    text each. sizes: examples a split, of the first language; recalled: the splits whose size is
    from memory alone. pool: passages, in all languages, that the queries of a ranking task are
    ranked against; group: in training, so many queries have each other's passages as wrong answers.
    version: bump when reading or scoring changes; it is part of every run's spec, so that only
    these runs are run again.
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
    version: int = 1

    def languages_of(self, benchmark: Benchmark) -> tuple[str, ...]:
        """The languages that a benchmark scores the task in."""
        return self.languages if benchmark == "xtreme" else (*self.languages, *self.added)


def find(name: str, tasks: dict[str, Task], where: str = "") -> Task:
    """The task of that name; UsageError with the nearest name otherwise."""
    if name not in tasks:
        raise unknown("task", name, tasks, where)
    return tasks[name]
