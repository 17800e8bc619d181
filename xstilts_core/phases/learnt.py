"""Tell whether phase 2 learnt its tasks: what result.json keeps of it, and the one sentence that
all places say of a recipe that did not.

An encoder whose English development score does not exceed what one answer to everything has
(trivial.py) did not learn: degenerate runs are known from the first STILTs paper (Phang et al.
2018, arXiv 1811.01088). Results that keep nothing of it say nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from xstilts_core import results
from xstilts_core.results import RESULT, Result
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec

DETAIL = "learnt"
"""Where result.json has it, among the details: task -> the fields of a Judgement and `learnt`."""
MARK = "\N{DAGGER}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A task after phase 2, on English development data: its score and the reference's (percent,
    the task's own metric), what answers as the reference does, the 95 % interval of the difference
    over so many items, and how often it was trained."""

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
        """Return what result.json keeps under the task's name."""
        return {**asdict(self), "learnt": self.learnt}


def judgements(result: Result) -> list[Judgement]:
    """Read what a result keeps; nothing from one of an earlier version."""
    names = [entry.name for entry in fields(Judgement)]
    return [
        Judgement(**{name: kept[name] for name in names if name in kept})
        for kept in result.details.get(DETAIL, {}).values()
    ]


def records(study: Study) -> list[tuple[IntermediateSpec, Judgement]]:
    """Every task of the study's finished runs of phase 2 that was judged, in the order of the
    grid."""
    found = results.states(spec for spec in study.specs if isinstance(spec, IntermediateSpec))
    done = [entry.spec for entry in found if entry.state == "done"]
    return [
        (spec, judged) for spec in done for judged in judgements(results.read(spec.folder / RESULT))
    ]


def missed(study: Study) -> list[tuple[IntermediateSpec, Judgement]]:
    """Those of `records` that did not learn."""
    return [(spec, judged) for spec, judged in records(study) if not judged.learnt]


def unlearnt(study: Study) -> dict[str, str]:
    """Recipe -> `sentence`, of the recipes that did not learn a task with some seed."""
    found: dict[str, list[tuple[IntermediateSpec, Judgement]]] = {}
    for spec, judged in missed(study):
        found.setdefault(spec.recipe, []).append((spec, judged))
    return {
        name: sentence(name, len(rows[0][0].tasks), [(spec.seed, judged) for spec, judged in rows])
        for name, rows in found.items()
    }


def listed(values: Iterable[object]) -> str:
    """'1', '1 and 2', '1, 2 and 3'; each once."""
    *most, last = dict.fromkeys(map(str, values))
    return f"{', '.join(most)} and {last}" if most else last


def sentence(recipe: str, tasks: int, found: Sequence[tuple[int, Judgement]]) -> str:
    """Say which of a recipe's `tasks` were not learnt with which seeds, and what that means of its
    gains. found: (seed, judgement)."""
    names, seeds = (
        list(dict.fromkeys(judged.task for _, judged in found)),
        {seed for seed, _ in found},
    )
    parts = []
    for name in names:
        own = [(seed, judged) for seed, judged in found if judged.task == name]
        first, word = own[0][1], "seed" if len(own) == 1 else "seeds"
        values = " and ".join(f"{judged.score:.1f}" for _, judged in own)
        told = "is not told from" if any(judged.high >= 0 for _, judged in own) else "is below"
        where = f"English development {first.metric} of {name} after phase 2, {values} ({word} {listed(seed for seed, _ in own)})"
        parts.append(f"{where}, {told} {first.reference:.1f} ({first.answer})")
    one = len(seeds) == 1
    what = "nothing" if len(names) == tasks else f"nothing of {listed(names)}"
    most = max(judged.attempts for _, judged in found)
    way = "restarts: 2 would train it again" if most == 1 else f"the best of {most} attempts"
    who, owner, such = (
        ("this encoder", "its", "a spoilt encoder does")
        if one
        else ("these encoders", "their", "spoilt encoders do")
    )
    return f"{recipe}: {'; '.join(parts)}: {who} learnt {what}, and {owner} gains say what {such} ({way})"


def marked(recipe: str, found: Iterable[str]) -> str:
    """The name of a recipe in a table, with a dagger if it is one of those found not to have
    learnt."""
    return f"{recipe} {MARK}" if recipe in found else recipe


def note(found: Mapping[str, str]) -> str:
    """What stands beneath a table with daggers, from `unlearnt`; "" where there are none."""
    return f"{MARK} {'; '.join(found.values())}." if found else ""
