"""What a task is, as pure data. Behavior is defined per format (`formats/`), never per task."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import ConfigDict, with_config

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
    number of queries that in training use each other's passages as negatives. version: increase it
    when reading or scoring changes; it is part of the identity of every run that uses the task, so
    that only these runs are repeated.
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
        """Return the languages in which a benchmark scores the task."""
        return self.languages if benchmark == "xtreme" else (*self.languages, *self.added)
