"""Scores for a card: as a Markdown table, and as the hub's model index."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from huggingface_hub import EvalResult

from xstilts_core.publish.cards.data import of_hub
from xstilts_core.publish.cards.record import Record
from xstilts_core.publish.task_table import pipes
from xstilts_core.results import Score
from xstilts_core.tasks import TASKS

# The hub's name for each of our formats. Phase 1 has no task.
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
    """Return a Markdown table with a row per score."""
    rows = [
        (
            score.task,
            score.language,
            score.split,
            score.metric,
            f"{score.value:.1f}",
            f"{score.n:,}",
        )
        for score in scores
    ]
    columns = ("task", "language", "split", "metric", "value", "n")
    return pipes([columns, ["---"] * len(columns), *rows])


def by_task(runs: Sequence[Record]) -> list[str]:
    """Return a Markdown table with a row per run, task, split and metric. One cell holds the values
    of all languages, another their n."""
    rows = []
    for run in runs:
        groups: dict[tuple[str, str, str], list[Score]] = {}
        for score in run.result.scores:
            groups.setdefault((score.task, score.split, score.metric), []).append(score)
        for (name, split, metric), task_scores in groups.items():
            sizes = sorted({score.n for score in task_scores})
            counts = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
            values = ", ".join(f"{score.language} {score.value:.1f}" for score in task_scores)
            rows.append((run.name.partition("/")[2], name, split, metric, values, counts))
    columns = ("run", "task", "split", "metric", "value by language", "n of a language")
    return pipes([columns, ["---"] * len(columns), *rows])


def index(runs: Sequence[Record]) -> list[EvalResult]:
    """Return the hub's model index: one entry per score of the model itself."""
    return [
        evaluated(score, run.spec, run.result.provenance.get("revisions", {}))
        for run in runs
        for score in run.result.scores
    ]


def evaluated(score: Score, spec: Mapping[str, object], revisions: Mapping[str, str]) -> EvalResult:
    """Return a score in the hub's format. Data of the embedded suite or of local files do not get
    the name of the hub's data set."""
    task = TASKS.get(score.task)
    hub_data = of_hub(score.task, spec) if spec["source"] == "hub" else []
    key = hub_data[0][0] if hub_data else ""
    return EvalResult(
        task_type=_HUB_TASKS[task.format] if task else _PRETRAINING,
        dataset_type=key.partition("@")[0] or f"xstilts-{spec['source']}-{score.task}",
        dataset_name=f"{task.title if task else score.task} ({SOURCES[str(spec['source'])]})",
        dataset_config=score.language,
        dataset_split=score.split,
        dataset_revision=revisions.get(key),
        dataset_args={"n": score.n},
        metric_type=score.metric,
        metric_value=round(score.value, 4),
    )
