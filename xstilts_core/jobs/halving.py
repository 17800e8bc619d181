"""Measure recipes before a target within a budget of time, by successive halving.

All recipes are run with one seed, the better half with two more, the better half of these with
four more, until one is left or the time is spent (Karnin et al. 2013; Jamieson and Talwalkar 2016;
here the resource is the number of seeds). They are runs of a study of their own,
outputs/advise_<target>/, so that the same command resumes them, and a larger budget continues.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil, isnan, log2
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from xstilts_core import results
from xstilts_core.data.source import find_source
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.jobs import aside, grid, progress, stopping
from xstilts_core.study import Study, study_file
from xstilts_core.study.spec import BASELINE, IntermediateSpec, ScoringSpec, Spec
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import counted

_CLOCK = "budget.json"
# The least share of the intermediate examples of the study `like` in a trial, and the time to end
# the runs when the budget is spent.
_LEAST_SHARE, _SECONDS_TO_END = 0.05, 20.0
# The share where no run can be timed before the budget begins.
_UNKNOWN_SHARE = 0.1
# Once per round: Snakemake and the first kernel's imports.
_ROUND_SECONDS = 10.0
# Intermediate examples where the study `like` takes all.
_EXAMPLES = 5000
# Keys of settings that are numbers of training examples.
_SIZES = ("train_examples", "cap")

Seconds = Callable[[Sequence[Spec]], Sequence[float]]
"""Forecast the seconds of each of these runs on this machine, NaN if they are unknown."""
Rank = Callable[[Study], Sequence[str]]
"""Return the recipes of a study, best first, by its finished runs and whatever else is known."""


def rounds(count: int) -> int:
    """Return the number of rounds that halve so many recipes to one."""
    return ceil(log2(count))


class Clock:
    """The seconds that this and earlier commands have spent on the trial of a target (kept in its
    folder), and its budget.

    Raise UsageError for a budget that is not above 0.
    """

    def __init__(self, target: str, outputs: str, minutes: float) -> None:
        if not minutes > 0:
            raise UsageError(f"--budget {minutes:g}: give a number of minutes above 0")
        self.folder = home() / outputs / f"advise_{target}"
        self.budget, self._begun, self._path = 60 * minutes, time.monotonic(), self.folder / _CLOCK
        before = json.loads(self._path.read_text("utf-8")) if self._path.is_file() else {}
        self._before = before.get("seconds", 0.0)

    @property
    def spent(self) -> float:
        return self._before + time.monotonic() - self._begun

    @property
    def left(self) -> float:
        """The seconds in which runs can be at work."""
        return self.budget - self.spent - _SECONDS_TO_END

    def save(self) -> None:
        results.write_text(self._path, json.dumps({"seconds": round(self.spent, 1)}))

    @contextmanager
    def limiting(self, process: Any) -> Iterator[None]:
        """Save the time every second, and end the process when none is left."""
        done = threading.Event()

        def tick() -> None:
            while not done.wait(1.0):
                self.save()
                if self.left <= 0:
                    stopping.end(process)
                    return

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.save()


def trial(
    target: str,
    recipes: Mapping[str, Sequence[str]],
    like: str,
    clock: Clock,
    jobs: int,
    forecast: Seconds,
    **places: str,
) -> Study:
    """Return the study of a target's trial. The first time it is written: all settings are those of
    the study `like`, but phase 2 has so many fewer examples that all rounds fit into the budget.

    recipes: tasks by name. places: source, encoder, outputs, data_root. Raise UsageError if the
    budget is too small, if data are missing, or if an earlier trial of the target had other
    settings.
    """
    outputs, data_root = places.pop("outputs"), places.pop("data_root")
    source = find_source(places["source"], data_root)
    train_on = TASKS[target].train_on

    def is_there(name: str) -> bool:
        return bool(TASKS[name].file) or "en" in source.languages(name, "train")

    if train_on and not is_there(train_on):
        raise UsageError(f"{train_on}: source {source.name} has no training data ({data_root})")
    absent = [name for name, tasks in recipes.items() if not all(map(is_there, tasks))]
    recipes = {name: tasks for name, tasks in recipes.items() if name not in absent}
    if len(recipes) < 2:
        raise UsageError(
            f"--budget compares two recipes or more, but source {source.name} has no training data "
            f"({data_root}) for {', '.join(absent)}"
        )
    if absent:
        print(f"left out, as source {source.name} has no training data: {', '.join(absent)}")
    content = _content(target, recipes, study_file.read(study_file.find(like))) | places
    arguments = {"name": clock.folder.name, "outputs": outputs, "data_root": data_root}
    whole = Study.of(content, {**arguments, "file": f"{like}, for {target}", "given": {}})
    path = clock.folder / f"{whole.name}.yaml"
    if path.is_file():
        return _earlier(path, content, outputs, data_root)
    share = _share(whole.part(whole.seeds[:1]), clock, jobs, forecast)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Plain dictionaries, without the lines of the file that they come from.
    plain = json.loads(json.dumps(_scaled(content, share, train_on)))
    clock.save()
    results.write_text(path, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return Study.load(str(path), outputs, data_root)


def _content(
    target: str, recipes: Mapping[str, Sequence[str]], like: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a study for these recipes before a target, at full size."""
    content = {
        key: value
        for key, value in like.items()
        if key in ("train", "intermediate", "target", "retrieval", "tasks")
    }
    settings = {
        name: recipe
        for name, recipe in like["recipes"].items()
        if recipe and recipe.get("intermediate") == list(recipes.get(name, ()))
    }
    trained = {TASKS[target].train_on, *(name for tasks in recipes.values() for name in tasks)}
    content["tasks"] = {
        name: value for name, value in like.get("tasks", {}).items() if name in trained
    }
    examples = content.get("train", {}).get("train_examples", _EXAMPLES)
    content["intermediate"] = {"train_examples": examples, **content.get("intermediate", {})}
    return {
        "title": f"Which intermediate task first for {target}? A trial of xstilts advise --budget",
        "seeds": list(range(1, 2 ** rounds(len(recipes)))),
        "recipes": {BASELINE: None}
        | {name: settings.get(name, {"intermediate": [*tasks]}) for name, tasks in recipes.items()},
        "targets": [target],
        "reports": [],
        **content,
    }


def _scaled(content: dict[str, Any], share: float, train_on: str | None) -> dict[str, Any]:
    """Return the settings with `share` of the examples of phase 2; those of the target's training
    task stay."""

    def scaled(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: {name: ceil(share * size) for name, size in inner.items()}
                if key == "task_examples"
                else ceil(share * inner)
                if key in _SIZES
                else scaled(inner)
                for key, inner in value.items()
            }
        return value

    unscaled = {name: value for name, value in content["tasks"].items() if name == train_on}
    parts = {key: scaled(content[key]) for key in ("recipes", "intermediate", "tasks")}
    return {**content, **parts, "tasks": parts["tasks"] | unscaled}


def _earlier(path: Path, content: Mapping[str, Any], outputs: str, data_root: str) -> Study:
    """Return the trial in a file. Raise UsageError if it differs in more than its sizes."""
    study = Study.load(str(path), outputs, data_root)
    before = study_file.read(path)
    for key in ("source", "encoder"):
        if before[key] != content[key]:
            raise UsageError(
                f"{path}: the trial before had {key} {before[key]!r}, now {content[key]!r}: "
                "give another folder with --outputs, or remove it"
            )
    if set(before["recipes"]) != set(content["recipes"]):
        raise UsageError(
            f"{path}: the trial before had the recipes {', '.join(before['recipes'])}, now "
            f"{', '.join(content['recipes'])}: give the same --studies, or another --outputs"
        )
    return study


def _share(first: Study, clock: Clock, jobs: int, forecast: Seconds) -> float:
    """Return the share of its intermediate examples with which all rounds fit into the budget.

    first: the runs of the first round, at full size. The other rounds take about as long.
    """
    costs = {True: 0.0, False: 0.0}
    for spec, seconds in zip(first.specs, forecast(first.specs), strict=True):
        costs[isinstance(spec, IntermediateSpec)] += seconds / min(jobs, grid.cores())
    if isnan(costs[True] + costs[False]):  # weights or data are not on this machine yet
        print(f"the time of a run is unknown: phase 2 has {_UNKNOWN_SHARE:.0%} of its examples")
        return _UNKNOWN_SHARE
    count = rounds(len(first.recipes) - 1)
    rest = _ROUND_SECONDS + costs[False]
    share = (clock.left / count - rest) / costs[True]
    if share < _LEAST_SHARE:
        least = clock.spent + count * (rest + _LEAST_SHARE * costs[True])
        raise UsageError(
            f"--budget {clock.budget / 60:g}: too short for {len(first.recipes) - 1} recipes on "
            f"this machine: give {ceil(least / 60)} minutes or more"
        )
    return min(1.0, share)


def has_gains(study: Study) -> bool:
    """Return whether the baseline and a recipe have been scored with the same seed."""
    done = {
        (spec.seed, spec.recipe == BASELINE)
        for spec in study.specs
        if isinstance(spec, ScoringSpec) and results.state(spec).state == "done"
    }
    return any({(seed, True), (seed, False)} <= done for seed in study.seeds)


def halve(study: Study, clock: Clock, jobs: int, rank: Rank) -> None:
    """Run a trial until one recipe is left or the time is spent.

    rank: is called after each round with the runs so far. Raise UsageError if a run fails.
    """
    console = Console(markup=False)
    chosen = [name for name in study.recipes if name != BASELINE]
    last = rounds(len(chosen))
    for number in range(1, last + 1):
        seeds = study.seeds[: 2**number - 1]
        part = study.part(seeds, {BASELINE, *chosen})
        console.print(
            f"round {number} of {last}: {counted(len(chosen), 'recipe')}, "
            f"{counted(len(seeds), 'seed')}, {progress.clock(max(0.0, clock.left))} left",
            highlight=False,
        )
        missing = any(run.state != "done" for run in results.states(part.specs))
        if missing and (clock.left <= 0 or not _run(part, jobs, clock, console)):
            console.print(
                "the budget is spent: runs under way are stopped; a larger --budget goes on here",
                highlight=False,
            )
            return
        ranked = [name for name in rank(study.part(seeds)) if name in chosen]
        chosen = ranked[: ceil(len(chosen) / 2)]


def _run(part: Study, jobs: int, clock: Clock, console: Console) -> bool:
    """Run a part of a trial. Return whether it was finished in time. Raise UsageError if a run
    failed."""
    with (
        grid.only_grid(part) as lock,
        grid.kernels(jobs, "local", part.on_hub),
        aside.prepared(part),
    ):
        watch = progress.Watch(part, jobs, console)

        def follow(process: Any) -> None:
            with clock.limiting(process):
                watch.follow(process)

        code = grid.run(grid.command(part, grid.targets(part), jobs, "local"), part, lock, follow)
        watch.look()
    if code and clock.left > 0:
        reasons = watch.failures() or {"": grid.why_stopped(part, code)}
        lines = "".join(f"\n  {name}: {reason}" for name, reason in reasons.items())
        raise UsageError(f"{counted(len(reasons), 'run')} of the trial failed:{lines}")
    return not code
