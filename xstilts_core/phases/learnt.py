"""Whether phase 2 learnt its tasks: the record in result.json, and the one sentence that all
reports give on a recipe that did not learn.

An encoder did not learn a task if its English development score does not exceed that of one answer
to everything (trivial.py). Degenerate runs are known from the first STILTs paper (Phang et al.
2018, arXiv 1811.01088). Results without such a record are not judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from xstilts_core import results
from xstilts_core.results import RESULT, Result
from xstilts_core.study import Study
from xstilts_core.study.spec import ENGLISH, IntermediateSpec
from xstilts_core.wording.text import sentences

# Key of result.json's details; the value is task -> the fields of a Judgement and `learnt`.
DETAIL = "learnt"
MARK = "\N{DAGGER}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A task after phase 2, judged on English development data.

    score, reference: the encoder's and the best trivial answer's, in percent of the task's own
    metric; answer: the trivial one; low, high: the 95 % interval of the difference over `items`
    items; attempts: how often it was trained.
    """

    task: str
    metric: str
    score: float
    reference: float
    answer: str
    low: float
    high: float
    items: int
    attempts: int = 1

    @property
    def learnt(self) -> bool:
        return self.low > 0

    def content(self) -> dict[str, Any]:
        """Return what result.json stores under the task's name."""
        return {**asdict(self), "learnt": self.learnt}


def judgements(result: Result) -> list[Judgement]:
    """Read the judgements that a result stores; [] for a result of an earlier version."""
    names = [field.name for field in fields(Judgement)]
    return [
        Judgement(**{name: content[name] for name in names if name in content})
        for content in result.details.get(DETAIL, {}).values()
    ]


def records(study: Study) -> list[tuple[IntermediateSpec, Judgement]]:
    """Return every judged task of the study's finished phase 2 runs, in the order of the grid."""
    runs = results.states(spec for spec in study.specs if isinstance(spec, IntermediateSpec))
    return [
        (run.spec, judgement)
        for run in runs
        if run.state == "done"
        for judgement in judgements(results.read(run.spec.folder / RESULT))
    ]


def missed(study: Study) -> list[tuple[IntermediateSpec, Judgement]]:
    """Return those of `records` that did not learn."""
    return [(spec, judgement) for spec, judgement in records(study) if not judgement.learnt]


def unlearnt(study: Study) -> dict[str, str]:
    """Return recipe -> `sentence` of the recipes that did not learn a task with some seed."""
    by_recipe: dict[str, list[tuple[IntermediateSpec, Judgement]]] = {}
    for spec, judgement in missed(study):
        by_recipe.setdefault(spec.recipe, []).append((spec, judgement))
    return {
        name: sentence(rows[0][0], [(spec.seed, row) for spec, row in rows])
        for name, rows in by_recipe.items()
    }


def listed(values: Iterable[object]) -> str:
    """Return '1', '1 and 2' or '1, 2 and 3'; each value once."""
    *most, last = dict.fromkeys(map(str, values))
    return f"{', '.join(most)} and {last}" if most else last


def sentence(spec: IntermediateSpec, failures: Sequence[tuple[int, Judgement]]) -> str:
    """Return a sentence on which of a recipe's tasks were not learnt with which seeds, and what
    that means for its gains. failures: (seed, judgement).

    Development data are English: what was learnt in other languages alone may not show in them.
    """
    by_task: dict[str, list[tuple[int, Judgement]]] = {}
    for seed, judgement in failures:
        by_task.setdefault(judgement.task, []).append((seed, judgement))
    return sentences(
        "not_learnt",
        recipe=spec.recipe,
        others=() if ENGLISH in spec.data_languages else spec.translated,
        by_task=by_task,
        listed=listed,
        seeds=len({seed for seed, _ in failures}),
        nothing=len(by_task) == len(spec.tasks),
        attempts=max(judgement.attempts for _, judgement in failures),
    )


def marked(recipe: str, recipes: Iterable[str]) -> str:
    """Return the name of a recipe for a table, with a dagger if it is in `recipes`, those that did
    not learn."""
    return f"{recipe} {MARK}" if recipe in recipes else recipe
