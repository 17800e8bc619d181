"""Tasks, languages and groups of XTREME and XTREME-R, as rules.yaml lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import yaml

from xstilts_core.tasks import TASKS, Benchmark

_SUFFIXES = {"span": "json", "ranking": "json", "choice": "jsonl"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one benchmark.

    languages: the languages of each task, in the order in which their scores are summed. The
    overall score sums the tasks in their order here; evaluate.py sums over a set, so its last digit
    may differ between two of its own runs. groups: the evaluator's group scores. notes: where a
    published rule is followed instead of the evaluator.
    """

    name: Benchmark
    title: str
    languages: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, Sequence[str]]
    notes: Sequence[str] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.languages)

    def file(self, task: str, code: str) -> str:
        """Return the name of a language's file in a task's folder, such as test-de.tsv."""
        return f"test-{code}.{_SUFFIXES.get(TASKS[task].format, 'tsv')}"


_CONTENT = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text(encoding="utf-8"))
HUB_WARNINGS: dict[str, str] = _CONTENT["hub_warnings"]


def _rules(name: Benchmark, tasks: Sequence[str], **values: Any) -> Rules:
    """Return the rules of a benchmark. Its tasks' languages are in the order of summation."""
    languages = {}
    for task in map(TASKS.__getitem__, tasks):
        order = _CONTENT["summation"].get(task.name, " ".join(task.languages)).split()
        languages[task.name] = (*order, *(task.added if name == "xtreme-r" else ()))
    return Rules(name=name, languages=languages, **values)


RULES = {name: _rules(name, **values) for name, values in _CONTENT["benchmarks"].items()}
XTREME, XTREME_R = RULES.values()


def mean(values: Sequence[float]) -> float:
    """Return the mean, summed from left to right.

    The reference scores were made with the sum() of Python before 3.12, which does the same. Later
    versions correct the rounding and give other last digits.
    """
    return reduce(add, values) / len(values)
