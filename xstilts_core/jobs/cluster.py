"""Run a study on a cluster: the options of its profile's executor, and waiting for the jobs of a
killed driver. The jobs themselves are Snakemake's."""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.study import Study

_SECONDS_TO_ANSWER = 60
# Characters in a path that Snakemake and Slurm pass on unquoted or interpret themselves.
_UNQUOTED = re.compile(r"[^\w./+,=@:~^-]")
# Characters of the study's name in a job's name, which the plugin limits to 50 characters.
_NAME_LENGTH = 30


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


def _ask(*call: str) -> list[str]:
    """Return the lines that a Slurm command prints. Raise UsageError if the command does not exist
    or the controller does not answer."""
    if shutil.which(call[0]) is None:
        raise UsageError(
            f"no command {call[0]} here: start this on a machine that submits Slurm jobs "
            "(a login node)"
        )
    try:
        return subprocess.run(
            call, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True
        ).stdout.splitlines()
    except subprocess.TimeoutExpired:
        problem = f"did not answer within {_SECONDS_TO_ANSWER} seconds"
    except subprocess.CalledProcessError as error:
        problem = f"failed: {' '.join(error.stderr.split())}"
    raise UsageError(f"Slurm: {call[0]} {problem}: try again later")


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
        return [
            word
            for key, value in settings(profile).items()
            if key.startswith(name) and key.endswith("-cmd")
            if (home() / str(value).split()[0]).is_file()
            for word in (f"--{key}", str(home() / value))
        ]
    options = ["--slurm-jobname-prefix", job_prefix(study)]
    try:
        lines = _ask("scontrol", "show", "config")
    except UsageError:
        return options  # a dry run away from the cluster
    if any(line.startswith("AccountingStorageType") and "slurmdbd" in line for line in lines):
        return options
    return [*options, "--slurm-status-command", "squeue", "--slurm-no-account"]


def live_jobs(study: Study) -> list[str]:
    """Return the numbers of this study's waiting and running jobs, whichever driver submitted them.
    Raise UsageError if Slurm does not answer."""
    rows = (line.split("|", 1) for line in _ask("squeue", "--me", "--noheader", "--format=%i|%j"))
    return [number for number, name in rows if name.startswith(f"{job_prefix(study)}_")]


def wait(study: Study, seconds: float, say: Callable[[str], object]) -> None:
    """Wait until no job of an earlier driver is left, polling at this interval. Jobs outlive a
    killed driver; a new driver would submit the same runs a second time."""
    said: list[str] = []
    while jobs := live_jobs(study):
        if len(jobs) != len(said):
            say(
                "waiting for Slurm jobs of an earlier run of this study; "
                f"to cancel them: scancel {' '.join(jobs)}"
            )
            said = jobs
        time.sleep(seconds)
