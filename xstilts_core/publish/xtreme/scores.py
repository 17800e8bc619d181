"""Score a folder of predictions against a folder of labels, both with files
<task>/test-<language>.<tsv|json|jsonl>."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.text import listing
from xstilts_core.errors import UsageError
from xstilts_core.publish.xtreme.kinds import kind_of
from xstilts_core.publish.xtreme.rules import Rules, mean
from xstilts_core.tasks import TASKS, Task
from xstilts_core.wording.text import page

# A task's score is its first metric in this list; for questions, the mean of exact match and F1.
_MAIN_METRICS = ("f1", "accuracy", "map@20")


def score(rules: Rules, predictions: Path, labels: Path) -> dict[str, Any]:
    """Return all scores of the evaluator for a submission, in percent, as JSON values.

    Keys: benchmark; tasks: {task: {"languages": {code: {metric: value}}, "avg_<metric>": value,
    "avg_metric": value}}; groups and overall: null if one of their tasks is missing; missing: the
    reason for each missing task; ignored: files and folders that are not scored; notes. Raise
    UsageError for a missing or malformed file of a present task, and if no task is present.
    """
    folders = [Path(predictions), Path(labels)]
    for folder, what in zip(folders, ("predictions", "labels"), strict=True):
        if not folder.is_dir():
            raise UsageError(
                f"the folder of {what} {folder} does not exist: expected one with a folder per "
                f"task ({rules.tasks[0]}/ ...)"
            )
    absent = {
        name: [str(folder / name) for folder in folders if not (folder / name).is_dir()]
        for name in rules.tasks
    }
    missing = {name: f"no folder {' and '.join(paths)}" for name, paths in absent.items() if paths}
    if len(missing) == len(rules.tasks):
        raise UsageError(
            f"nothing to score: {folders[0]} and {folders[1]} have no task of {rules.title} in "
            f"common: expected folders named {', '.join(rules.tasks)}; {folders[0]} holds "
            f"{listing(folders[0], '*')}"
        )
    task_scores = {
        name: _score_task(rules, TASKS[name], *folders)
        for name in rules.tasks
        if name not in missing
    }
    means = {
        group: None
        if missing.keys() & set(names)
        else mean([task_scores[name]["avg_metric"] for name in names])
        for group, names in {**rules.groups, "overall": rules.tasks}.items()
    }
    return {
        "benchmark": rules.name,
        "tasks": task_scores,
        "groups": {group: means[group] for group in rules.groups},
        "overall": means["overall"],
        "missing": missing,
        "ignored": [path for folder in folders for path in _unread(rules, folder, missing)],
        "notes": list(rules.notes),
    }


def _score_task(rules: Rules, task: Task, predictions: Path, labels: Path) -> dict[str, Any]:
    """Return the scores by language, their means over the languages, and the task's score."""
    kind, scores = kind_of(task), {}
    for code in rules.languages[task.name]:
        file = Path(task.name, rules.file(task.name, code))
        scores[code] = kind.score(task, code, labels / file, predictions / file)
    names = list(next(iter(scores.values())))
    averages = {
        f"avg_{metric}": mean([values[metric] for values in scores.values()]) for metric in names
    }
    if "exact_match" in names:
        main = (averages["avg_exact_match"] + averages["avg_f1"]) / 2
    else:
        main = next(averages[f"avg_{metric}"] for metric in _MAIN_METRICS if metric in names)
    return {"languages": scores, **averages, "avg_metric": main}


def _unread(rules: Rules, folder: Path, missing: Mapping[str, str]) -> list[str]:
    """Return the unscored paths of a folder: unknown names, and tasks missing in the other one."""
    ignored = []
    for child in sorted(folder.iterdir()):
        if child.name not in rules.tasks or child.name in missing or not child.is_dir():
            ignored.append(str(child))
        else:
            expected = {rules.file(child.name, code) for code in rules.languages[child.name]}
            ignored += [str(path) for path in sorted(child.iterdir()) if path.name not in expected]
    return ignored


def table(report: Mapping[str, Any], rules: Rules) -> str:
    """Return the report as text: a line per task, then the groups and the overall score, then
    missing tasks and ignored paths."""
    return page("official_scores.page.j2", report=report, rules=rules)
