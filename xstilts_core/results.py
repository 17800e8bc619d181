"""Results of runs: result.json, written last and named only when complete, and their tables."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.files.disk import sync, write_text
from xstilts_core.study import identity, precision
from xstilts_core.study.identity import DataRoots, Identity
from xstilts_core.study.spec import Spec

if TYPE_CHECKING:
    import pandas

RESULT = "result.json"
NOTEBOOK = "run.ipynb"
LOG = "train_log.jsonl"
# The keys of a training log's line that reports read.
LOGGED = ("step", "loss", "dev", "tokens_per_second", "padding")
FAILURE = "failure.txt"
LOCK = ".lock"
SCORES = "scores.csv"
# A kernel under the runner writes its result under this name. It becomes result.json once the
# notebook's copy is on the disk too.
UNFINISHED = ".result.json.unfinished"
NAME_VARIABLE = "XSTILTS_RESULT_NAME"
# A result that is to be replaced, and the folder that it and its files move to when the new run
# begins (see `aside`).
ASIDE = ".result.json.aside"
EARLIER = ".earlier"
# Folders that a run writes beside its result and notebook, and where it must not find the files of
# an earlier run with other settings.
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
# Extra column in studies that vary the size of the targets' training sets; 0: all examples.
SIZE = "size"
# Key of a result's provenance: the folder of reference/ it was unpacked from (kept_runs.py).
REFERENCE = "reference"
OLDER = "from a version that did not record what a result depends on: only settings are compared"
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "papermill")


@dataclass(frozen=True, slots=True)
class Score:
    """One score: `value` in percent over `n` test items."""

    task: str
    language: str
    split: str
    metric: str
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run. `identity`: what its numbers depend on.
    `details`: what it chose or counted (best step, layer, mixture counts, parameters, tokens)."""

    phase: str
    spec: dict[str, Any]
    identity: Identity
    provenance: dict[str, Any]
    scores: list[Score]
    details: dict[str, Any] = field(default_factory=dict)


def git(*arguments: str) -> str:
    """Return the output of git for the source tree; "" without git or a repository."""
    call = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.check_output(
            call, stderr=subprocess.DEVNULL, text=True, timeout=10
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of those packages that are installed."""
    by_package = {"python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            by_package[package] = version(package)
    return by_package


def provenance(
    spec: Spec, device: str, seconds: float, revisions: Mapping[str, str]
) -> dict[str, Any]:
    """Return commit (and whether the tree differs from it), versions, device, wall seconds, parents
    relative to the study's folder, and the parameters that were given.

    revisions: the commit used of each data set and model of the hub, by name.
    """
    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        "versions": versions(),
        "device": device,
        "seconds": round(seconds, 2),
        "parents": [str(parent.relative_to(spec.root)) for parent in spec.parents],
        "parameters": spec.changed(),
        "revisions": dict(revisions),
    }


def sync_run(folder: Path) -> None:
    """Flush a run's files to disk before result.json, which a power cut must not leave alone."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            sync(path)


def publish(folder: Path) -> Path:
    """Give a run's unfinished result its final name, result.json, and return that path.
    From now on the run is done."""
    sync_run(folder)
    os.replace(folder / UNFINISHED, folder / RESULT)
    sync(folder)
    return folder / RESULT


def write(
    spec: Spec,
    scores: Sequence[Score],
    device: str,
    seconds: float,
    details: Mapping[str, Any] = MappingProxyType({}),
    revisions: Mapping[str, str] = MappingProxyType({}),
    initial_identity: Identity | None = None,
) -> Path:
    """Write a run's result.json, which marks it as done, and return its path. Under the runner the
    file gets that name a moment later.

    initial_identity: what `identity.begin` returned at the start of the run; None: what it would
    return now. Raise UsageError if a score is not a finite number: such a run is not done.
    """
    for score in scores:
        if not isfinite(score.value):
            raise UsageError(
                f"the {score.metric} of {score.task} in {score.language} is {score.value}: "
                "a score must be a finite number"
            )
    result = Result(
        phase=spec.phase,
        spec=spec.model_dump(mode="json"),
        identity=replace(
            initial_identity or identity.of_spec(spec),
            files=identity.files_of(spec),
            precision=precision.of(spec),
        ),
        provenance=provenance(spec, device, seconds, revisions),
        scores=list(scores),
        details=dict(details),
    )
    spec.folder.mkdir(parents=True, exist_ok=True)
    sync_run(spec.folder)
    write_text(spec.folder / os.environ.get(NAME_VARIABLE, RESULT), text(result))
    return spec.folder / RESULT


def text(result: Result) -> str:
    """Return the content of result.json."""
    return json.dumps(asdict(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path) -> Result:
    """Read a result.json. Raise UsageError naming the file if it is not a result."""
    try:
        return parsed(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{path} is not a result of this suite ({problem}): delete its folder and run it again"
        ) from None


def parsed(content: dict[str, Any], folder: Path) -> Result:
    """Build the result from the content of a result.json.
    Raise KeyError or TypeError if it is not one."""
    values = {**content, "identity": identity.of_result(content, folder)}
    parameters = dict(values.pop("science", {}))  # of results from before identities
    for name in ("versions", "weights"):
        parameters.pop(name, None)
    values["provenance"] = {"parameters": parameters, **content["provenance"]}
    values["scores"] = [Score(**score) for score in content["scores"]]
    return Result(**values)


def finished(specs: Iterable[Spec]) -> list[Result]:
    """Return the results of those of these runs that are done, sorted by path.
    Stale results and other runs are left out."""
    run_states = states(sorted(specs, key=lambda spec: spec.folder))
    return [read(run.spec.folder / RESULT) for run in run_states if run.state == "done"]


def rows(results: Iterable[Result]) -> list[tuple[Any, ...]]:
    """Return one tuple per score, in the order of COLUMNS."""
    table = []
    for result in results:
        spec = result.spec
        recipe, train_on = (spec.get(name, "") for name in ("recipe", "train_on"))
        key = (spec["study"], result.phase, recipe, spec["seed"], train_on)
        table += [(*key, *astuple(score)) for score in result.scores]
    return table


def frame(specs: Iterable[Spec]) -> "pandas.DataFrame":
    """Return all scores of the `finished` runs as a tidy table (see `table`)."""
    return table(finished(specs))


def table(results: Sequence[Result]) -> "pandas.DataFrame":
    """Return the scores of these runs, tidy: one row per score, columns COLUMNS (and SIZE, see
    there), values in percent."""
    import pandas

    scores = pandas.DataFrame(rows(results), columns=list(COLUMNS))
    if not any(result.spec.get("by_size") for result in results):
        return scores
    sizes = [
        result.spec["train_examples"] if result.spec.get("by_size") else None
        for result in results
        for _ in result.scores
    ]
    return scores.assign(**{SIZE: pandas.array(sizes, dtype="Int64")})


def write_scores(root: Path, specs: Iterable[Spec]) -> Path:
    """Write all scores of the finished runs to outputs/<study>/scores.csv, as the reports do."""
    write_text(root / SCORES, frame(specs).to_csv(index=False))
    return root / SCORES


def token(spec: Spec) -> str:
    """Return a short text whose change makes Snakemake rerun a job: it identifies the result if
    that is the one requested, else the run."""
    current = identity.of_spec(spec)
    with suppress(OSError, UsageError):
        result = read(spec.folder / RESULT)
        current = current if difference(result, spec) else result.identity
    return current.token


@dataclass(frozen=True, slots=True)
class State:
    """The state of a run: done, running, failed, missing, or stale (made with another spec)."""

    spec: Spec
    state: str
    reason: str = ""


def busy(folder: Path) -> bool:
    """Return whether a live process works in this folder: its runner or kernel holds the lock."""
    return locks.busy(folder / LOCK)


def states(specs: Iterable[Spec]) -> list[State]:
    """Return the state of each run; files below data_root are looked up once for all of them."""
    below = DataRoots()
    return [state(spec, below) for spec in specs]


def state(spec: Spec, below: DataRoots | None = None) -> State:
    """Return the state of one run from its folder and the settings of its study.
    below: the files below data_root, if already looked up."""
    try:
        result = read(spec.folder / RESULT)
        if reason := difference(result, spec, below):
            return State(spec, "stale", reason)
        origin = result.provenance.get("shared_from")
        notes = [f"shared from {origin}"] if origin else []
        return State(spec, "done", "; ".join([*notes, OLDER] if result.identity.older else notes))
    except (FileNotFoundError, NotADirectoryError):
        pass  # not done, or being replaced
    except (UsageError, OSError) as error:
        return State(spec, "failed", str(error))
    if busy(spec.folder):
        return State(spec, "running")
    with suppress(OSError, UsageError):
        note = "set aside: xstilts run restores it or makes it again"
        return State(spec, "stale", difference(read(spec.folder / ASIDE), spec, below) or note)
    note = "; its earlier result is kept" if (spec.folder / EARLIER / ASIDE).is_file() else ""
    if (failure := spec.folder / FAILURE).is_file():
        return State(spec, "failed", failure.read_text(encoding="utf-8").strip() + note)
    if (spec.folder / NOTEBOOK).is_file():
        return State(spec, "failed", f"interrupted: it was stopped before it finished{note}")
    return State(spec, "missing")


def difference(result: Result, spec: Spec, below: DataRoots | None = None) -> str:
    """Explain what has changed since a result was made; "" if it is the one that `spec` requests
    (identity.py). Results kept in reference/ are shown as they are: nobody makes them again."""
    if REFERENCE in result.provenance:
        return ""
    if reason := identity.difference(result.identity, identity.of_spec(spec)):
        return reason
    # A study can be viewed without its data. Then the folder that the run read from is checked, if
    # it still exists.
    for root in (spec.data_root, result.spec.get("data_root", "")):
        if root and identity.has_files_below(result.identity, root):
            return (below or DataRoots()).difference(result.identity, spec, root)
    return ""
