"""Score a folder of predictions against one of labels, both laid out as
<task>/test-<language>.<tsv|json|jsonl>."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.text import listing
from xstilts_core.errors import UsageError
from xstilts_core.publish.xtreme.kinds import kind_of
from xstilts_core.publish.xtreme.rules import Rules, mean
from xstilts_core.tasks import TASKS, Task

# What a task's own score is: the first that it has. Questions take the mean of the two.
_MAIN = ("f1", "accuracy", "map@20")


def score(rules: Rules, predictions: Path, labels: Path) -> dict[str, Any]:
    """All that the evaluator says of a submission, in percent, as JSON values.

    benchmark; tasks: {task: {"languages": {code: {metric: value}}, "avg_<metric>": value,
    "avg_metric": value}}; groups and overall: null where a task of theirs is missing; missing: task
    to what is not there; ignored: files and folders that no rule reads; notes. UsageError for a
    missing or broken file of a task that is there, and where no task is.
    """
    folders = [Path(predictions), Path(labels)]
    for folder, what in zip(folders, ("predictions", "labels"), strict=True):
        if not folder.is_dir():
            raise UsageError(
                f"the folder of {what} {folder} does not exist: expected one with a folder per task ({rules.tasks[0]}/ ...)"
            )
    missing = {name: lacking for name in rules.tasks if (lacking := _lacked(name, *folders))}
    if len(missing) == len(rules.tasks):
        raise UsageError(
            f"nothing to score: {folders[0]} and {folders[1]} have no task of {rules.title} in common: expected folders named "
            f"{', '.join(rules.tasks)}; {folders[0]} holds {listing(folders[0], '*')}"
        )
    scored = {
        name: _score_task(rules, TASKS[name], *folders)
        for name in rules.tasks
        if name not in missing
    }
    main = {name: values["avg_metric"] for name, values in scored.items()}
    return {
        "benchmark": rules.name,
        "tasks": scored,
        "groups": {group: _of_all(main, names) for group, names in rules.groups.items()},
        "overall": _of_all(main, rules.tasks),
        "missing": missing,
        "ignored": [path for folder in folders for path in unread(rules, folder, missing)],
        "notes": list(rules.notes),
    }


def _lacked(name: str, predictions: Path, labels: Path) -> str:
    """Why a task cannot be scored; "" where both folders have it."""
    absent = [
        str(folder / name) for folder in (predictions, labels) if not (folder / name).is_dir()
    ]
    return f"no folder {' and '.join(absent)}" if absent else ""


def _score_task(rules: Rules, task: Task, predictions: Path, labels: Path) -> dict[str, Any]:
    """By language, the means over the languages, and the task's own score."""
    kind, found = kind_of(task), {}
    for code in rules.languages[task.name]:
        file = Path(task.name, rules.file(task.name, code))
        found[code] = kind.score(task, code, labels / file, predictions / file)
    names = list(next(iter(found.values())))
    averages = {
        f"avg_{metric}": mean([values[metric] for values in found.values()]) for metric in names
    }
    if "exact_match" in names:
        main = (averages["avg_exact_match"] + averages["avg_f1"]) / 2
    else:
        main = next(averages[f"avg_{metric}"] for metric in _MAIN if metric in names)
    return {"languages": found, **averages, "avg_metric": main}


def _of_all(scores: Mapping[str, float], names: Sequence[str]) -> float | None:
    """The mean of these tasks' scores; None unless all are there."""
    return mean([scores[name] for name in names]) if all(name in scores for name in names) else None


def unread(rules: Rules, folder: Path, missing: Mapping[str, str]) -> list[str]:
    """What stands in a folder and is not scored: other names, and tasks that the other folder
    lacks."""
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.name not in rules.tasks or entry.name in missing or not entry.is_dir():
            found.append(str(entry))
        else:
            expected = {rules.file(entry.name, code) for code in rules.languages[entry.name]}
            found += [str(path) for path in sorted(entry.iterdir()) if path.name not in expected]
    return found


def table(report: Mapping[str, Any], rules: Rules) -> str:
    """The report for people: a line per task, then groups and overall, then what is missing or
    ignored."""
    rows = [("task", "languages", "score", "")]
    for name, values in report["tasks"].items():
        metrics = [
            metric for metric in values if metric.startswith("avg_") and metric != "avg_metric"
        ]
        shown = "  ".join(
            f"{metric.removeprefix('avg_')} {values[metric]:.2f}" for metric in sorted(metrics)
        )
        rows.append((name, str(len(values["languages"])), f"{values['avg_metric']:.2f}", shown))
    rows += [
        (f"group {group}", "", "-" if value is None else f"{value:.2f}", "")
        for group, value in report["groups"].items()
    ]
    rows.append(
        ("overall", "", "-" if report["overall"] is None else f"{report['overall']:.2f}", "")
    )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{rules.title}, in percent"]
    lines += [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    lines += [f"missing: {name} ({reason})" for name, reason in report["missing"].items()]
    if report["missing"]:
        lines.append(
            f"no score (-) where a task is missing: {rules.title} averages over all tasks of a group, and over all {len(rules.tasks)}"
        )
    lines += [f"ignored: {path}" for path in report["ignored"]]
    return "\n".join([*lines, *report["notes"]])
