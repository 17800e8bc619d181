"""A study on a cluster: what its profile's executor needs, and which of the study's jobs stand in
Slurm's queue."""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.results import State
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec

_SECONDS_TO_ANSWER = 60
# In a path: what Snakemake and Slurm hand on unquoted, or read themselves.
_UNQUOTED = re.compile(r"[^\w./+,=@:~^-]")
_NAME_LENGTH = 30  # of a study's name in a job's name, which the plugin limits to 50 characters


@dataclass(frozen=True, slots=True)
class Job:
    """A job in Slurm's queue. `comment` carries rule and wildcards, so it says which run it
    makes."""

    number: str
    state: str
    comment: str


def settings(profile: Path) -> dict[str, Any]:
    """The content of a profile's YAML file."""
    path = sorted(profile.glob("config*.yaml"))[-1]
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise UsageError(
            f"{path}: expected Snakemake's options as keys and values, found {type(content).__name__}"
        )
    return content


def executor(profile: Path) -> str:
    """What runs a profile's jobs: local, slurm, cluster-generic or another. UsageError where its
    package is missing."""
    name = str(settings(profile).get("executor", "local"))
    if name != "local" and find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}") is None:
        package = f"snakemake-executor-plugin-{name}"
        raise UsageError(
            f"profile {profile.name} needs the package {package}, which is not installed: pip install {package}"
        )
    return name


def usual_jobs(profile: Path) -> int:
    """`jobs:` of a cluster's profile; UsageError where it is none."""
    jobs = settings(profile).get("jobs")
    if not isinstance(jobs, int) or jobs < 1:
        raise UsageError(
            f"{profile}: jobs is {jobs!r}: give the number of jobs in the queue at once, 1 or more"
        )
    return jobs


def job_prefix(study: Study) -> str:
    """How the names of this study's jobs begin: they carry the study and its folder."""
    folder = hashlib.sha256(str(study.root.resolve()).encode()).hexdigest()[:8]
    return f"xstilts-{re.sub(r'[^A-Za-z0-9_-]', '_', study.name[:_NAME_LENGTH])}-{folder}"


def comment(spec: Spec) -> str:
    """What the Slurm plugin writes into the comment of the job that makes this run:
    rule_target_wildcards_mnli_none_1."""
    phase, *parts = spec.folder.relative_to(spec.root).parts
    values = [part.removeprefix("from-").removeprefix("seed") for part in parts]
    return f"rule_{phase}_wildcards_{'_'.join(values)}"


def ask(*call: str) -> str:
    """What a Slurm command prints. UsageError where there is none or the controller does not
    answer."""
    if shutil.which(call[0]) is None:
        raise UsageError(
            f"no command {call[0]} here: start this on a machine that submits Slurm jobs (a login node)"
        )
    try:
        return subprocess.run(
            call, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True
        ).stdout
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"Slurm: {call[0]} did not answer within {_SECONDS_TO_ANSWER} seconds: try again later"
        ) from None
    except subprocess.CalledProcessError as error:
        raise UsageError(
            f"Slurm: {call[0]} failed: {' '.join(error.stderr.split())}: try again later"
        ) from None


def arguments(study: Study, profile: Path) -> list[str]:
    """Options for Snakemake's executor that depend on study and site. UsageError where a place has
    letters that its jobs' shells read.

    Snakemake works in the study's folder: a profile's own scripts are named from the root. Slurm's
    plugin takes sacct wherever the program is installed; without accounting (slurmdbd) only squeue
    knows how a job ended.
    """
    if (name := executor(profile)) == "local":
        return []
    for place in (home(), study.root):
        if odd := _UNQUOTED.search(str(place)):
            raise UsageError(
                f"{place}: the jobs of a cluster (profile {profile.name}) cannot have {odd[0]!r} in this path: rename the folder"
            )
    if name != "slurm":
        given = (
            (key, str(value))
            for key, value in settings(profile).items()
            if key.startswith(name) and key.endswith("-cmd")
        )
        return [
            word
            for key, value in given
            if (home() / value.split()[0]).is_file()
            for word in (f"--{key}", str(home() / value))
        ]
    named = ["--slurm-jobname-prefix", job_prefix(study)]
    try:
        accounting = [
            line
            for line in ask("scontrol", "show", "config").splitlines()
            if line.startswith("AccountingStorageType")
        ]
    except UsageError:
        return named  # a dry run away from the cluster
    return (
        named
        if any("slurmdbd" in line for line in accounting)
        else [*named, "--slurm-status-command", "squeue", "--slurm-no-account"]
    )


def live_jobs(study: Study) -> list[Job]:
    """This study's jobs that wait or run, of whatever driver. UsageError where Slurm does not
    answer."""
    rows = (
        line.split("|", 3)
        for line in ask("squeue", "--me", "--noheader", "--format=%i|%T|%j|%k").splitlines()
    )
    return [
        Job(number, state, text)
        for number, state, name, text in rows
        if name.startswith(f"{job_prefix(study)}_")
    ]


def wait(study: Study, seconds: float, say: Callable[[str], object]) -> int:
    """Wait until no job of an earlier driver is left, asking every so many seconds. Returns how
    many there were.

    They go on after their driver was killed; starting beside them would submit them twice.
    """
    first = jobs = live_jobs(study)
    before = -1
    while jobs:
        if len(jobs) != before:
            numbers = " ".join(job.number for job in jobs)
            say(
                f"waiting for Slurm jobs of this study that go on from before; to give them up: scancel {numbers}"
            )
            before = len(jobs)
        time.sleep(seconds)
        jobs = live_jobs(study)
    return len(first)


def seen(entry: State, jobs: Mapping[str, Job]) -> State:
    """A run's state by its folder, completed by the queue (`comment` -> job): locks are not always
    seen on other nodes."""
    job = jobs.get(comment(entry.spec)) if jobs else None
    if (
        job is None
        or entry.state in ("done", "running")
        or (entry.spec.folder / results.FAILURE).is_file()
    ):
        return entry
    if job.state == "PENDING":
        return State(entry.spec, "missing", f"Slurm job {job.number} waits in the queue")
    return State(entry.spec, "running", f"Slurm job {job.number}")


@dataclass
class Queue:
    """This study's live jobs by comment, asked for at most once in so many seconds; empty where
    Slurm cannot be asked."""

    study: Study
    seconds: float = 0.0
    asked: float = float("-inf")
    jobs: dict[str, Job] = field(default_factory=dict)

    def look(self) -> Mapping[str, Job]:
        if time.monotonic() - self.asked > self.seconds:
            try:
                self.jobs = {job.comment: job for job in live_jobs(self.study)}
            except UsageError:
                self.jobs = {}
            self.asked = time.monotonic()
        return self.jobs
