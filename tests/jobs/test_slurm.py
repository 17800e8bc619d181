"""The study smoke on a real Slurm on this machine: killed on the way, resumed, no job submitted
twice, a GPU for each job."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from xstilts_core import results
from xstilts_core.files import locks
from xstilts_core.jobs import cluster
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "slurm" / "one_machine.sh"
SECONDS = 600  # on a machine that is busy with other things
RUN = ("xstilts_core.commands.cli", "run", "smoke", "--profile", "slurm")


@pytest.fixture
def slurm() -> Iterator[None]:
    """A one-machine Slurm for the time of a test; skips where there can be none."""
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("snakemake-executor-plugin-slurm is not installed (extra: slurm)")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("starting a Slurm needs root")
    if shutil.which("slurmctld") is None or shutil.which("munged") is None:
        pytest.skip(
            "Slurm is not installed (Debian, Ubuntu: tests/slurm/one_machine.sh start installs it)"
        )
    with (Path(tempfile.gettempdir()) / "xstilts-one-machine-slurm.lock").open("a") as lock:
        if not locks.acquire(lock):
            pytest.skip("another test has this machine's Slurm")
        yield from started()


def started() -> Iterator[None]:
    begun = subprocess.run(["bash", str(SCRIPT), "start"], capture_output=True, text=True)
    if "of its own" in begun.stderr:
        pytest.skip(begun.stderr.strip())
    try:
        assert begun.returncode == 0, begun.stderr
        assert "gpu:2" in begun.stdout
        yield
    finally:
        subprocess.run(["bash", str(SCRIPT), "stop"], check=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's notebooks, studies and Snakefile; its Slurm profile with small jobs and short
    intervals."""
    monkeypatch.chdir(tmp_path)
    for folder in ("notebooks", "params"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    path = tmp_path / "params" / "profiles" / "slurm" / "config.yaml"
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    profile["set-threads"] = dict.fromkeys(profile["set-threads"], 1)
    profile["default-resources"] = {"mem_mb": 2000, "runtime": 10}
    profile |= {"slurm-init-seconds-before-status-checks": 1, "seconds-between-status-checks": 1}
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    return tmp_path


def start(project: Path, *module: str) -> "subprocess.Popen[bytes]":
    """`python -m ...` in the project's folder; what it says goes to driver.txt."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (project / "driver.txt").open("a") as said:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=project,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=settings,
        )


@pytest.fixture
def drivers(slurm: None, project: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The drivers that a test starts: those still alive at its end are killed."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for driver in started:
        if driver.poll() is None:
            driver.kill()  # its Snakemake follows; its jobs end with Slurm


class Job(NamedTuple):
    """A job of Slurm. The comment has the rule and its wildcards."""

    number: str
    state: str
    comment: str


def comment(spec: Spec) -> str:
    """The comment that the Slurm plugin gives to a run's job: rule_target_wildcards_mnli_none_1."""
    phase, *names = spec.folder.relative_to(spec.root).parts
    values = [name.removeprefix("from-").removeprefix("seed") for name in names]
    return f"rule_{phase}_wildcards_{'_'.join(values)}"


def submitted(study: Study) -> list[Job]:
    """Every job of the study that Slurm was ever given, ended ones included."""
    rows = subprocess.run(
        ["squeue", "--states=all", "--noheader", "--format=%i|%T|%j|%k"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.split("|", 3) for line in rows.stdout.splitlines()]
    return [
        Job(number, state, text)
        for number, state, name, text in found
        if name.startswith(cluster.job_prefix(study))
    ]


def kernels() -> Iterator[tuple[str, str]]:
    """Slurm's job number and CUDA_VISIBLE_DEVICES of each kernel that is alive."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"ipykernel_launcher" not in (folder / "cmdline").read_bytes():
                continue
            pairs = (
                entry.partition(b"=") for entry in (folder / "environ").read_bytes().split(b"\0")
            )
            variables = {key.decode(): value.decode() for key, _, value in pairs}
        except OSError:
            continue
        if "SLURM_JOB_ID" in variables:
            yield variables["SLURM_JOB_ID"], variables.get("CUDA_VISIBLE_DEVICES", "")


def scores(folder: Path) -> list[results.Score]:
    return results.read(folder / results.RESULT).scores


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.release
def test_smoke_survives_the_death_of_its_driver_without_duplicate_jobs(
    drivers: list["subprocess.Popen[bytes]"], project: Path
) -> None:
    study = Study.load("smoke")
    ids: dict[str, set[str]] = defaultdict(set)
    most = 0

    def look() -> None:
        nonlocal most
        alive = {number: gpu for number, gpu in kernels() if gpu}
        assert len(set(alive.values())) == len(alive), f"two jobs on one GPU: {alive}"
        most = max(most, len(alive))
        for number, gpu in alive.items():
            ids[number].add(gpu)

    first = start(project, *RUN)
    drivers.append(first)
    deadline = time.time() + SECONDS
    while not any(job.state == "RUNNING" and "_target_" in job.comment for job in submitted(study)):
        assert time.time() < deadline and first.poll() is None, (project / "driver.txt").read_text()
        look()
        time.sleep(0.5)
    first.kill()  # by -9: it tidies nothing up
    first.wait()
    left = cluster.live_jobs(study)
    assert left, "no job went on after the kill"

    second = start(project, *RUN)
    drivers.append(second)
    while second.poll() is None:
        assert time.time() < deadline, (project / "driver.txt").read_text()
        look()
        time.sleep(0.5)
    text = (project / "driver.txt").read_text()
    jobs = submitted(study)
    print(text, *(f"{job.number} {job.state} {job.comment}" for job in jobs), dict(ids), sep="\n")
    assert second.returncode == 0, text
    assert "waiting for Slurm jobs of an earlier run of this study" in text
    assert f"{len(study.specs)} of {len(study.specs)} runs done" in text
    assert Counter(job.comment for job in jobs) == Counter(comment(spec) for spec in study.specs)
    assert {job.state for job in jobs} == {"COMPLETED"}
    wanting = {job.number for job in jobs if not job.comment.startswith("rule_control_")}
    assert {number for number, gpus in ids.items() if gpus in ({"0"}, {"1"})} == wanting
    assert most == 2, "two GPUs were never at work together"

    for folder in ("pretrain/seed1", "target/udpos/from-none/seed1"):
        assert (
            start(project, "xstilts_core.jobs.runner", "smoke", folder, "--outputs", "here").wait(
                SECONDS
            )
            == 0
        )
    assert scores(study.root / folder) == scores(project / "here" / "smoke" / folder) != []
