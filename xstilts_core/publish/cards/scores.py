"""Scores for a card: as a table that a person reads, and as the hub's model index."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from huggingface_hub import EvalResult

from xstilts_core.publish.cards.data import of_hub
from xstilts_core.publish.cards.record import Record
from xstilts_core.publish.task_table import pipes
from xstilts_core.results import Score
from xstilts_core.tasks import TASKS

# Our formats in the hub's words; phase 1 has no task of ours.
_HUB_TASKS = MappingProxyType(
    {
        "pair": "text-classification",
        "choice": "multiple-choice",
        "span": "question-answering",
        "tagging": "token-classification",
        "retrieval": "sentence-similarity",
        "ranking": "text-ranking",
    }
)
_PRETRAINING = "fill-mask"
SOURCES = MappingProxyType(
    {"mini": "embedded suite, made-up texts", "files": "local files", "hub": "Hugging Face hub"}
)


def score_table(scores: Iterable[Score]) -> list[str]:
    """A Markdown table of scores, a row each."""
    rows = [
        (
            entry.task,
            entry.language,
            entry.split,
            entry.metric,
            f"{entry.value:.1f}",
            f"{entry.n:,}",
        )
        for entry in scores
    ]
    columns = ("task", "language", "split", "metric", "value", "n")
    return pipes([columns, ["---"] * len(columns), *rows])


def by_task(runs: Sequence[Record]) -> list[str]:
    """A Markdown table of several runs' scores: a row per run, task, split and metric, its
    languages in one cell with their n."""
    rows = []
    for run in runs:
        groups: dict[tuple[str, str, str], list[Score]] = {}
        for entry in run.result.scores:
            groups.setdefault((entry.task, entry.split, entry.metric), []).append(entry)
        for (name, split, metric), found in groups.items():
            sizes = sorted({entry.n for entry in found})
            counts = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
            values = ", ".join(f"{entry.language} {entry.value:.1f}" for entry in found)
            rows.append((run.name.partition("/")[2], name, split, metric, values, counts))
    columns = ("run", "task", "split", "metric", "value by language", "n of a language")
    return pipes([columns, ["---"] * len(columns), *rows])


def index(runs: Sequence[Record]) -> list[EvalResult]:
    """The model index of the hub: one entry per score that was measured on the model itself."""
    return [
        evaluated(entry, run.spec, run.result.provenance.get("revisions", {}))
        for run in runs
        for entry in run.result.scores
    ]


def evaluated(score: Score, spec: Mapping[str, object], revisions: Mapping[str, str]) -> EvalResult:
    """A score as the hub writes it. Data of the embedded suite, or of local files, do not go by the
    name of the hub's data set."""
    entry = TASKS.get(score.task)
    places = of_hub(score.task, spec) if spec["source"] == "hub" else []
    key = places[0][0] if places else ""
    return EvalResult(
        task_type=_HUB_TASKS[entry.format] if entry else _PRETRAINING,
        dataset_type=key.partition("@")[0] or f"xstilts-{spec['source']}-{score.task}",
        dataset_name=f"{entry.title if entry else score.task} ({SOURCES[str(spec['source'])]})",
        dataset_config=score.language,
        dataset_split=score.split,
        dataset_revision=revisions.get(key),
        dataset_args={"n": score.n},
        metric_type=score.metric,
        metric_value=round(score.value, 4),
    )
