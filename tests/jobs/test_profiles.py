"""Profiles: Snakemake takes every one of their options, no science in them, clear errors where
something is missing."""

import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.jobs import cluster, grid
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted(path.parent.name for path in (ROOT / "params" / "profiles").glob("*/config.yaml"))


def planned(call: list[str]) -> list[str]:
    """What a dry run says of each job; every job begins with the time in brackets."""
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.split(r"\n\[", done.stdout + done.stderr)


EXECUTORS = {"local": "local", "slurm": "slurm", "kubernetes": "cluster-generic"}


def needs(profile: str) -> None:
    executor = EXECUTORS[profile]
    if (
        executor != "local"
        and find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}") is None
    ):
        pytest.skip(f"snakemake-executor-plugin-{executor} is not installed (extra: {profile})")


@pytest.fixture
def smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(ROOT)
    return Study.load("smoke", outputs=str(tmp_path / "outputs"))


def test_the_profiles_are_there() -> None:
    assert sorted(EXECUTORS) == PROFILES


@pytest.mark.parametrize("name", PROFILES)
def test_snakemake_takes_the_profile_and_gives_each_run_its_resources(
    name: str, smoke: Study
) -> None:
    needs(name)
    call = [*grid.command(smoke, ["grid"], 2, name), "--dry-run"]
    jobs = [job for job in planned(call) if "rule target:" in job]
    assert len(jobs) == 6
    content = cluster.settings(ROOT / "params" / "profiles" / name)
    assert content.get("executor", "local") == EXECUTORS[name]
    for job in jobs:
        resources = next(line for line in job.splitlines() if "resources:" in line)
        assert re.search(r"\bgpu=1\b", resources)
        if name != "local":
            assert f"mem_mb={content['default-resources']['mem_mb']}" in resources


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_holds_no_science(name: str) -> None:
    content = cluster.settings(ROOT / "params" / "profiles" / name)
    fields = {field.replace("_", "-") for spec in SPECS.values() for field in spec.model_fields}
    assert fields.isdisjoint(content) and "config" not in content
    assert (
        content["rerun-triggers"] == ["mtime", "input", "params"]
        and content["keep-going"]
        and content["ignore-incomplete"]
    )


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "local"])
def test_every_rule_that_asks_for_a_gpu_is_named(name: str) -> None:
    workflow = (ROOT / "Snakefile").read_text(encoding="utf-8")
    rules = re.findall(
        r"^rule (\w+):\n(?: .*\n)*?    resources: gpu=gpus\(", workflow, re.MULTILINE
    )
    asking = {rule for rule in rules if SPECS[rule].model_fields["device"].default != "cpu"}
    assert asking >= {"pretrain", "intermediate", "target", "retrieval", "probing"}
    path = ROOT / "params" / "profiles" / name / "config.yaml"
    (line,) = re.findall(r"^# (set-resources: .*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert yaml.safe_load(line)["set-resources"] == {rule: {"gpu": 0} for rule in asking}
    assert cluster.settings(path.parent)["set-threads"].keys() == asking


def test_a_run_that_wants_no_gpu_asks_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    content = yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["target"] = {"device": "cpu"}
    (tmp_path / "on_cpu.yaml").write_text(yaml.safe_dump(content))
    study = Study.load(str(tmp_path / "on_cpu.yaml"), outputs=str(tmp_path / "outputs"))
    jobs = planned([*grid.command(study, ["grid"], 2, "local"), "--dry-run"])
    asked = {
        rule: ["gpu=1" in job for job in jobs if f"rule {rule}:" in job]
        for rule in ("target", "retrieval")
    }
    assert asked == {"target": [False] * 6, "retrieval": [True] * 2}


def test_jobs_of_a_cluster_are_those_of_its_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needs("slurm")
    monkeypatch.chdir(ROOT)
    assert grid.usual_jobs("slurm") == 50
    (tmp_path / "config.yaml").write_text("executor: slurm\njobs: many\n")
    with pytest.raises(UsageError, match="jobs is 'many': give the maximum number"):
        cluster.usual_jobs(tmp_path)


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("executor: lsf\n")
    with pytest.raises(UsageError, match="needs the package snakemake-executor-plugin-lsf"):
        cluster.executor(tmp_path)


def test_without_slurm_a_run_says_so(
    smoke: Study,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    needs("slurm")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["run", "smoke", "--profile", "slurm", "--outputs", smoke.outputs]) == 2
    assert (
        "no command squeue here: start this on a machine that submits Slurm jobs"
        in capsys.readouterr().err
    )


def fake_queue(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[str]) -> None:
    """A `squeue` that prints `rows` the first time it is asked, and nothing from then on."""
    folder.mkdir()
    (folder / "rows").write_text("".join(f"{row}\n" for row in rows))
    (folder / "squeue").write_text(f"#!/bin/sh\ncd {folder} && cat rows && : > rows\n")
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_only_this_studys_jobs_are_waited_for(
    smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Study.load("smoke", outputs=str(tmp_path / "elsewhere"))
    assert cluster.job_prefix(other) != cluster.job_prefix(smoke)
    assert len(cluster.job_prefix(smoke)) <= 50
    ours, theirs = (f"{cluster.job_prefix(study)}_0f3a" for study in (smoke, other))
    rows = [f"7|{ours}", f"8|{theirs}", "9|mine"]
    fake_queue(tmp_path / "bin", monkeypatch, rows)
    said: list[str] = []
    cluster.wait(smoke, 0.01, said.append)
    assert said == [
        "waiting for Slurm jobs of an earlier run of this study; to cancel them: scancel 7"
    ]
    cluster.wait(other, 0.01, said.append)
    assert len(said) == 1


# Of `kubectl`, what the profile's scripts use: a job is a folder, its pod a process here.
KUBECTL = """
import re, shutil, subprocess, sys
from pathlib import Path
jobs = Path(__file__).parent / "jobs"
verb, *rest = sys.argv[1:]
if verb == "create":
    text = sys.stdin.read()
    job = jobs / re.search(r'name: "(xstilts-\\w+)"', text)[1]
    job.mkdir(parents=True)  # fails, as the real one does, where the name is taken
    (job / "manifest").write_text(text)
    script, folder = re.search(r'command: .sh, "(.*)".', text)[1], re.search(r'workingDir: "(.*)"', text)[1]
    command = f"sh {script} && echo '1 ' > {job}/end || echo ' 1' > {job}/end"
    subprocess.Popen(["sh", "-c", command], cwd=folder, stdout=(job / "log").open("w"), stderr=subprocess.STDOUT, start_new_session=True)
    with (jobs / "created").open("a") as names:
        names.write(job.name + "\\n")
elif verb == "get":
    job = jobs / rest[1]
    end = (job / "end").read_text().rstrip("\\n") if (job / "end").exists() else " "
    if job.exists():
        print(job.name, end, end="")
elif verb == "delete":
    for name in rest[1:]:
        shutil.rmtree(jobs / name, ignore_errors=True)
"""


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for kubectl, first in PATH; returns the folder of its jobs."""
    folder = tmp_path / "kubernetes"
    (folder / "jobs").mkdir(parents=True)
    (folder / "kubectl").write_text(f"#!{sys.executable}\n{KUBECTL}")
    (folder / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "jobs"


def ask(script: str, *arguments: str) -> str:
    call = [str(ROOT / "params" / "profiles" / "kubernetes" / script), *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()


def test_a_pod_gets_what_the_run_asks_for_and_its_end_is_told(
    pods: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XSTILTS_IMAGE", "site/xstilts:1")
    scripts = {"good": "until [ -e go ]; do sleep 0.1; done", "bad": "exit 3"}
    names = {}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        names[name] = ask(
            "submit", f"{name}/result.json", "4", "32000", "1" if name == "good" else "0", name
        )
    assert ask("status", names["good"]) == "running"
    assert (
        ask("submit", "good/result.json", "4", "32000", "1", "good") == names["good"]
    )  # as after the death of the driver
    (tmp_path / "go").touch()
    assert (pods / "created").read_text().split() == list(names.values())
    good, bad = (yaml.safe_load((pods / names[name] / "manifest").read_text()) for name in scripts)
    container = good["spec"]["template"]["spec"]["containers"][0]
    assert (
        container["image"] == "site/xstilts:1"
        and container["workingDir"] == str(tmp_path)
        and container["command"] == ["sh", "good"]
    )
    assert container["resources"] == {
        "requests": {"cpu": 4, "memory": "32000M"},
        "limits": {"memory": "32000M", "nvidia.com/gpu": 1},
    }
    assert (
        "nvidia.com/gpu"
        not in bad["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    )
    for name, end in (("good", "success"), ("bad", "failed")):
        deadline = time.time() + 30
        while ask("status", names[name]) == "running" and time.time() < deadline:
            time.sleep(0.1)
        assert ask("status", names[name]) == end
    assert ask("status", "xstilts-gone") == "failed"
    assert (
        ask("submit", "good/result.json", "4", "32000", "1", "good") == names["good"]
    )  # it has ended: a new one
    assert (pods / "created").read_text().split() == [*names.values(), names["good"]]
    ask("cancel", *names.values())
    assert ask("status", names["good"]) == "failed"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_one_machine_script_refuses_what_it_does_not_know() -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "tests" / "slurm" / "one_machine.sh"), "restart"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "unknown action 'restart': say start or stop" in done.stderr


def test_cluster_is_light() -> None:
    code = "import sys, xstilts_core.jobs.cluster; print(*sorted({'torch', 'pandas', 'papermill', 'snakemake'} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        == ""
    )
