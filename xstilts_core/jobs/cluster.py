"""Run a study on a cluster: the options of its profile's executor, and the study's jobs in Slurm's
queue."""

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
# Characters in a path that Snakemake and Slurm pass on unquoted or interpret themselves.
_UNQUOTED = re.compile(r"[^\w./+,=@:~^-]")
# Characters of the study's name in a job's name, which the plugin limits to 50 characters.
_NAME_LENGTH = 30


@dataclass(frozen=True, slots=True)
class Job:
    """A job in Slurm's queue. `comment` contains the rule and its wildcards, which identify the
    run."""

    number: str
    state: str
    comment: str


def settings(profile: Path) -> dict[str, Any]:
    """Return the content of a profile's YAML file."""
    path = sorted(profile.glob("config*.yaml"))[-1]
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise UsageError(
            f"{path}: expected Snakemake's options as keys and values, "
            f"found {type(content).__name__}"
        )
    return content


def executor(profile: Path) -> str:
    """Return the executor of a profile: local, slurm, cluster-generic or another. Raise UsageError
    if its package is not installed."""
    name = str(settings(profile).get("executor", "local"))
    if name != "local" and find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}") is None:
        package = f"snakemake-executor-plugin-{name}"
        raise UsageError(
            f"profile {profile.name} needs the package {package}, which is not installed: "
            f"pip install {package}"
        )
    return name


def usual_jobs(profile: Path) -> int:
    """Return `jobs:` of a cluster's profile; raise UsageError if it is not a positive integer."""
    jobs = settings(profile).get("jobs")
    if not isinstance(jobs, int) or jobs < 1:
        raise UsageError(
            f"{profile}: jobs is {jobs!r}: give the maximum number of queued jobs, 1 or more"
        )
    return jobs


def job_prefix(study: Study) -> str:
    """Return the prefix of this study's job names, which identifies the study and its folder."""
    folder = hashlib.sha256(str(study.root.resolve()).encode()).hexdigest()[:8]
    return f"xstilts-{re.sub(r'[^A-Za-z0-9_-]', '_', study.name[:_NAME_LENGTH])}-{folder}"


def comment(spec: Spec) -> str:
    """Return the comment that the Slurm plugin gives to this run's job, such as
    rule_target_wildcards_mnli_none_1."""
    phase, *names = spec.folder.relative_to(spec.root).parts
    values = [name.removeprefix("from-").removeprefix("seed") for name in names]
    return f"rule_{phase}_wildcards_{'_'.join(values)}"


def ask(*call: str) -> str:
    """Return the output of a Slurm command. Raise UsageError if the command does not exist or the
    controller does not answer."""
    if shutil.which(call[0]) is None:
        raise UsageError(
            f"no command {call[0]} here: start this on a machine that submits Slurm jobs "
            "(a login node)"
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
    """Return the options of Snakemake's executor that depend on the study and the site. Raise
    UsageError if a path contains characters that the jobs' shells would interpret.

    Snakemake works in the study's folder, so a profile's own scripts need their path from the
    project's root. The Slurm plugin uses sacct wherever the program is installed; without
    accounting (slurmdbd) only squeue knows how a job ended.
    """
    if (name := executor(profile)) == "local":
        return []
    for path in (home(), study.root):
        if character := _UNQUOTED.search(str(path)):
            raise UsageError(
                f"{path}: cluster jobs (profile {profile.name}) cannot have {character[0]!r} "
                "in this path: rename the folder"
            )
    if name != "slurm":
        commands = (
            (key, str(value))
            for key, value in settings(profile).items()
            if key.startswith(name) and key.endswith("-cmd")
        )
        return [
            word
            for key, value in commands
            if (home() / value.split()[0]).is_file()
            for word in (f"--{key}", str(home() / value))
        ]
    options = ["--slurm-jobname-prefix", job_prefix(study)]
    try:
        accounting_lines = [
            line
            for line in ask("scontrol", "show", "config").splitlines()
            if line.startswith("AccountingStorageType")
        ]
    except UsageError:
        return options  # a dry run away from the cluster
    return (
        options
        if any("slurmdbd" in line for line in accounting_lines)
        else [*options, "--slurm-status-command", "squeue", "--slurm-no-account"]
    )


def live_jobs(study: Study) -> list[Job]:
    """Return this study's waiting and running jobs, whichever driver submitted them. Raise
    UsageError if Slurm does not answer."""
    rows = (
        line.split("|", 3)
        for line in ask("squeue", "--me", "--noheader", "--format=%i|%T|%j|%k").splitlines()
    )
    return [
        Job(number, state, note)
        for number, state, name, note in rows
        if name.startswith(f"{job_prefix(study)}_")
    ]


def wait(study: Study, seconds: float, say: Callable[[str], object]) -> int:
    """Wait until no job of an earlier driver is left, polling at this interval. Return their
    initial number.

    Jobs outlive a killed driver; a new driver would submit the same runs a second time.
    """
    first_jobs = jobs = live_jobs(study)
    last_count = -1
    while jobs:
        if len(jobs) != last_count:
            numbers = " ".join(job.number for job in jobs)
            say(
                "waiting for Slurm jobs of an earlier run of this study; "
                f"to cancel them: scancel {numbers}"
            )
            last_count = len(jobs)
        time.sleep(seconds)
        jobs = live_jobs(study)
    return len(first_jobs)


def seen(entry: State, jobs: Mapping[str, Job]) -> State:
    """Return a run's state from its folder, completed by the queue (`comment` -> job): locks are
    not always visible on other nodes."""
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
    """This study's live jobs by comment, queried at most once per interval; empty if Slurm cannot
    be queried."""

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
