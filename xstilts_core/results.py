"""What a run leaves: result.json, written last and under its final name only when whole, and the
tables read from it."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.files.disk import sync, write_text
from xstilts_core.study import identity, precision
from xstilts_core.study.identity import Below, Identity
from xstilts_core.study.spec import Spec

if TYPE_CHECKING:
    import pandas

RESULT = "result.json"
NOTEBOOK = "run.ipynb"
FAILURE = "failure.txt"
LOCK = ".lock"
SCORES = "scores.csv"
# In a model's folder, beside its weights: a masked language model's head.
LANGUAGE_HEAD = "language_head.safetensors"
# A kernel under the runner writes its result under this name: it becomes result.json once the
# notebook's copy is on the disk too.
UNFINISHED = ".result.json.unfinished"
NAME_VARIABLE = "XSTILTS_RESULT_NAME"
# A result that is to be made again, and the folder that it and its files move to when the new run
# begins: see `aside`.
ASIDE = ".result.json.aside"
EARLIER = ".earlier"
# What a run makes beside its result and its notebook, and what it must not find there from an
# earlier run of other settings.
MADE = ("model", "predictions")
COLUMNS = (
    "study",
    "phase",
    "recipe",
    "seed",
    "train_on",
    "task",
    "language",
    "split",
    "metric",
    "value",
    "n",
)
# A further column, of studies in which the size of the targets' training sets is a dimension; 0:
# all examples.
SIZE = "size"
# In a result's provenance: the folder of reference/ that it was unpacked from (kept_runs.py).
REFERENCE = "reference"
OLDER = "of a version that did not keep what a result depends on: compared by its settings alone"
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "papermill")


@dataclass(frozen=True, slots=True)
class Score:
    """One number: `value` in percent over `n` test items."""

    task: str
    language: str
    split: str
    metric: str
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run. `identity`: what its numbers depend on. `details`: what it chose or counted
    (best step, layer, mixture counts, parameters, tokens)."""

    phase: str
    spec: dict[str, Any]
    identity: Identity
    provenance: dict[str, Any]
    scores: list[Score]
    details: dict[str, Any] = field(default_factory=dict)


def git(*arguments: str) -> str:
    """What git says of the source tree; "" where there is no git or no repository."""
    try:
        call = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(
            call, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def provenance(
    spec: Spec, device: str, seconds: float, revisions: Mapping[str, str]
) -> dict[str, Any]:
    """Commit (and whether the tree differs from it), versions, device, wall seconds, parents
    relative to the study's folder, and the parameters that were given.

    revisions: name of each data set and model of the hub to the commit that was used.
    """
    parents = [str(parent.relative_to(spec.root)) for parent in spec.parents]
    dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": dirty,
        "versions": versions(),
        "device": device,
        "seconds": round(seconds, 2),
        "parents": parents,
        "parameters": spec.changed(),
        "revisions": dict(revisions),
    }


def sync_run(folder: Path) -> None:
    """Have the disk hold all that a run wrote. Comes before its result.json: after a power cut that
    file must not stand there alone."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            sync(path)


def publish(folder: Path) -> Path:
    """Give a run's unfinished result its final name: from now on the run is done. Returns the path
    of result.json."""
    sync_run(folder)
    os.replace(folder / UNFINISHED, folder / RESULT)
    sync(folder)
    return folder / RESULT


def write(
    spec: Spec,
    scores: Sequence[Score],
    device: str,
    seconds: float,
    details: dict[str, Any] | None = None,
    folder: Path | None = None,
    revisions: Mapping[str, str] = MappingProxyType({}),
    begun: Identity | None = None,
) -> Path:
    """Write result.json of a run: its "done" flag. Returns its path. Under the runner, that gives
    it its name a moment later.

    begun: what `identity.begin` gave at the start of the run; None: what it would give now.
    UsageError where a score is no finite number: such a run is not done.
    """
    for score in scores:
        if not isfinite(score.value):
            raise UsageError(
                f"the {score.metric} of {score.task} in {score.language} is {score.value}: a score must be a finite number"
            )
    made = provenance(spec, device, seconds, revisions)
    own = replace(
        begun or identity.wanted(spec), files=identity.files_of(spec), precision=precision.of(spec)
    )
    result = Result(
        spec.phase, spec.model_dump(mode="json"), own, made, list(scores), details or {}
    )
    place = folder or spec.folder
    place.mkdir(parents=True, exist_ok=True)
    sync_run(place)
    write_text(place / os.environ.get(NAME_VARIABLE, RESULT), text(result))
    return place / RESULT


def text(result: Result) -> str:
    """The content of result.json."""
    return json.dumps(asdict(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path) -> Result:
    """Read a result.json; UsageError names the file where it is no result."""
    try:
        return parsed(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{path} is not a result of this suite ({problem}): delete its folder and run it again"
        ) from None


def parsed(content: dict[str, Any], folder: Path) -> Result:
    """The result that this content of a result.json is. KeyError or TypeError where it is none."""
    made = identity.of_result(content, folder)
    science = content.get("science", {})  # what results had before they had an identity
    given = {name: value for name, value in science.items() if name not in ("versions", "weights")}
    whole = {
        "provenance": {"parameters": given, **content["provenance"]},
        "scores": [Score(**score) for score in content["scores"]],
    }
    return Result(
        **{
            **{name: value for name, value in content.items() if name != "science"},
            **whole,
            "identity": made,
        }
    )


def finished(specs: Iterable[Spec]) -> list[Result]:
    """The results of those of these runs that are done, sorted by path: no stale ones, none of runs
    that are not among them."""
    found = states(sorted(specs, key=lambda spec: spec.folder))
    return [read(entry.spec.folder / RESULT) for entry in found if entry.state == "done"]


def rows(results: Iterable[Result]) -> list[tuple[Any, ...]]:
    """One tuple per score, in the order of COLUMNS."""
    table = []
    for result in results:
        spec = result.spec
        key = (
            spec["study"],
            result.phase,
            spec.get("recipe", ""),
            spec["seed"],
            spec.get("train_on", ""),
        )
        for score in result.scores:
            table.append(
                (*key, score.task, score.language, score.split, score.metric, score.value, score.n)
            )
    return table


def frame(specs: Iterable[Spec]) -> "pandas.DataFrame":
    """Every score of the `finished` runs, tidy: see `table`."""
    return table(finished(specs))


def table(found: Sequence[Result]) -> "pandas.DataFrame":
    """The scores of these runs, tidy: one row per score, columns COLUMNS (and SIZE, see there),
    values in percent."""
    import pandas

    scores = pandas.DataFrame(rows(found), columns=list(COLUMNS))
    if not any(result.spec.get("by_size") for result in found):
        return scores
    sizes = [
        result.spec["train_examples"] if result.spec.get("by_size") else None
        for result in found
        for _ in result.scores
    ]
    return scores.assign(**{SIZE: pandas.array(sizes, dtype="Int64")})


def write_scores(root: Path, specs: Iterable[Spec]) -> Path:
    """Collect every score of the study's finished runs in outputs/<study>/scores.csv, as the
    reports do."""
    path = root / SCORES
    write_text(path, frame(specs).to_csv(index=False))
    return path


def token(spec: Spec) -> str:
    """A short text for Snakemake, which runs a job again when it changes: of the result if that is
    the one asked for, else of the run."""
    made = identity.wanted(spec)
    with suppress(OSError, UsageError):
        result = read(spec.folder / RESULT)
        made = made if difference(result, spec) else result.identity
    return made.token


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands: done, running, failed, stale (its result was made with another spec) or
    missing."""

    spec: Spec
    state: str
    reason: str = ""


def busy(folder: Path) -> bool:
    """Whether a live process works in this folder: its runner or its kernel holds the lock."""
    return locks.busy(folder / LOCK)


def states(specs: Iterable[Spec]) -> list[State]:
    """The state of each of these runs; what stands below data_root is looked up once for all of
    them."""
    below = Below()
    return [state(spec, below) for spec in specs]


def state(spec: Spec, below: Below | None = None) -> State:
    """The state of one run, from its folder and what its study asks for. below: what stands below
    data_root, if it is known already."""
    try:
        result = read(spec.folder / RESULT)
        if reason := difference(result, spec, below):
            return State(spec, "stale", reason)
        origin = result.provenance.get("shared_from")
        told = [f"shared from {origin}"] if origin else []
        return State(spec, "done", "; ".join([*told, OLDER] if result.identity.older else told))
    except (FileNotFoundError, NotADirectoryError):
        pass  # not done, or made again just now
    except (UsageError, OSError) as error:
        return State(spec, "failed", str(error))
    if busy(spec.folder):
        return State(spec, "running")
    with suppress(OSError, UsageError):
        kept = "set aside: xstilts run takes it back or makes it again"
        return State(spec, "stale", difference(read(spec.folder / ASIDE), spec, below) or kept)
    kept = "; its earlier result is kept" if (spec.folder / EARLIER / ASIDE).is_file() else ""
    if (spec.folder / FAILURE).is_file():
        return State(
            spec, "failed", (spec.folder / FAILURE).read_text(encoding="utf-8").strip() + kept
        )
    if (spec.folder / NOTEBOOK).is_file():
        return State(spec, "failed", f"interrupted: it was stopped before it finished{kept}")
    return State(spec, "missing")


def difference(result: Result, spec: Spec, below: Below | None = None) -> str:
    """What a result was made with that is different now, in words; "" if it is the one that `spec`
    asks for (identity.py).

    What is kept in reference/ is shown as it is: nobody makes it again.
    """
    if REFERENCE in result.provenance:
        return ""
    if reason := identity.difference(result.identity, identity.wanted(spec)):
        return reason
    # A study can be looked at without its data: then the folder that the run has read from is
    # asked, if it is still there.
    roots = (spec.data_root, result.spec.get("data_root", ""))
    root = next(
        (root for root in roots if root and identity.stands_below(result.identity, root)), ""
    )
    return (below or Below()).difference(result.identity, spec, root) if root else ""
