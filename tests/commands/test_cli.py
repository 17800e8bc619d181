"""The command: quick help, mistakes in one sentence with exit code 2, a whole tiny grid on
Snakemake, Ctrl-C."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.jobs import grid
from xstilts_core.study import Study

ROOT = Path(__file__).resolve().parents[2]
TINY = """
title: Does the machinery work?
seeds: [1]
recipes:
  none:
  mnli: {intermediate: [mnli]}
targets: [xnli, tatoeba]
reports: [00_study]
"""
# What a run notebook does, less the model: the spec from the parameters, then its result.
RUN = """
import os, time
from pathlib import Path
from xstilts_core import results
from xstilts_core.results import Score
from xstilts_core.study.spec import SPECS
spec = SPECS[{phase!r}].of(globals())
time.sleep(float(os.environ.get("TEST_SLEEP", "0")))
if (spec.root / "break").exists() and spec.phase == "intermediate":
    exec((spec.root / "break").read_text())
task = {{"target": "xnli", "retrieval": "tatoeba", "intermediate": "mnli"}}[spec.phase]
value = 60.0 + 5 * (spec.recipe != "none")
scores = [Score(task, "de", "test", "accuracy", value, 100), Score(task, "es", "test", "accuracy", value, 100)]
results.write(spec, scores, "cpu", 0.1)
"""
REPORT = """
from pathlib import Path
from xstilts_core import results
from xstilts_core.study import Study
made = Study.load(study, outputs)
count = len(results.finished(made.specs))
results.write_text(made.root / "report" / "00_study" / "result.json", "{}")
print("finished runs:", count)
"""


def command(*arguments: str, folder: Path, sleep: float = 0) -> "subprocess.Popen[str]":
    settings = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TEST_SLEEP": str(sleep),
        "OMP_NUM_THREADS": "1",
    }
    call = [sys.executable, "-m", "xstilts_core.commands.cli", *arguments]
    return subprocess.Popen(
        call, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=settings
    )


def page(path: Path, parameters: str, cell: str) -> None:
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(cell),
    ]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A test"), *cells]), path
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the real Snakefile and profile, and notebooks that only write results."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params" / "profiles", tmp_path / "params" / "profiles")
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "params" / "tiny.yaml").write_text(TINY)
    (tmp_path / "notebooks").mkdir()
    for phase, name in {
        "intermediate": "20_intermediate",
        "target": "21_target",
        "retrieval": "22_retrieval",
    }.items():
        page(
            tmp_path / "notebooks" / f"{name}.ipynb",
            'study: str = "by_hand"',
            RUN.format(phase=phase),
        )
    page(
        tmp_path / "notebooks" / "00_study.ipynb",
        'study: str = "tiny"\noutputs: str = "outputs"',
        REPORT,
    )
    return tmp_path


def test_help_is_quick() -> None:
    """It imports nothing that takes long."""
    call = [sys.executable, "-X", "importtime", "-m", "xstilts_core.commands.cli", "--help"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "run a whole study" in done.stdout
    imported = {
        line.split("|")[-1].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "argparse" in imported
    assert not imported & {
        "torch",
        "transformers",
        "datasets",
        "pandas",
        "numpy",
        "scipy",
        "matplotlib",
        "papermill",
        "snakemake",
    }


@pytest.mark.parametrize(
    "name", ["run", "tasks", "data", "notebook", "status", "check", "export", "card", "reference"]
)
def test_each_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        cli.main([name, "--help"])
    assert leave.value.code == 0
    assert f"xstilts {name} " in capsys.readouterr().out.split("example:")[1] + " "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "qiuck"], "xstilts run: unknown study 'qiuck' in params/: did you mean 'quick'"),
        (
            ["run", "quick", "--profile", "lcal"],
            "unknown profile 'lcal' in params/profiles/: did you mean 'local'",
        ),
        *(
            (["run", "quick", "--jobs", typed], f"--jobs {typed}: give 1 or more, up to ")
            for typed in ("-1", "0", "many", "1e3", "9" * 5000)
        ),
        (["run", "quick", "--jobs", "4000"], f"(this machine has {grid.cores()} core"),
        (["notebook", "30_transfer", "--threads", "-1"], "--threads -1: give 1 or more"),
        (["run", "real_slice"], "source files needs data_root"),
        (["run", "real_slice", "--data-root", "nowhere"], "--data-root nowhere: no such folder"),
        (["data", "xnil"], "unknown task 'xnil' in xstilts data: did you mean 'xnli'"),
        (["data", "xnli", "--language", "dd"], "unknown language 'dd'"),
        (
            ["data", "xnli", "--split", "test", "--limit", "-3"],
            "--limit -3: give 1 or more, or 0 for all",
        ),
        (
            ["submission", "everything", "--out", "nowhere"],
            "a study of parts has no runs of its own: name one of quick, ",
        ),
        (
            ["notebook", "21_targt"],
            "unknown notebook '21_targt' in notebooks/: did you mean '21_target'",
        ),
        (
            ["notebook", "21_target", "-p", "epochs", "[1"],
            "-p epochs [1, line 1: this is not valid YAML: expected",
        ),
        (
            ["notebook", "21_target", "-p", "epoch", "1"],
            "unknown key 'epoch' in -p: did you mean 'epochs'",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_tasks_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tasks", "--json"]) == 0
    tasks = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert tasks["xquad"]["train_on"] == "squad_v1" and tasks["tatoeba"]["format"] == "retrieval"
    assert cli.main(["tasks"]) == 0
    assert "commonsenseqa" in capsys.readouterr().out


def test_data_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "xnli", "--language", "de", "--split", "test", "--limit", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 and {"id", "text_a", "text_b", "label"} == set(rows[0])


def dry_run(project: Path) -> str:
    return command("run", "tiny", "--dry-run", folder=project).communicate()[0]


@pytest.mark.slow
def test_a_grid_from_nothing_to_the_report_and_again(project: Path) -> None:
    run = command("run", "tiny", "--jobs", "2", folder=project)
    text = run.communicate()[0]
    assert run.returncode == 0, text
    assert "5 of 5 runs done, 0 running, 0 failed" in text
    assert "+5.0" in text and "60.0" in text
    root = project / "outputs" / "tiny"
    assert (root / "scores.csv").read_text().splitlines()[0] == ",".join(results.COLUMNS)
    html = (root / "report" / "index.html").read_text()
    assert "finished runs: 5" in html and "http" not in html.replace("http://www.w3.org", "")
    assert f"report: {root / 'report' / 'index.html'}" in text
    # A changed study runs only what changed.
    before = {
        path: path.stat().st_mtime_ns
        for path in root.rglob("run.ipynb")
        if "report" not in path.parts
    }
    (project / "params" / "tiny.yaml").write_text(TINY + "retrieval: {neighbours: 5}\n")
    listed = command("run", "tiny", "--dry-run", folder=project)
    assert "retrieval" in listed.communicate()[0] and listed.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    run = command("run", "tiny", "--jobs", "2", folder=project)
    assert "2 of them made with other settings" in run.communicate()[0] and run.returncode == 0
    changed = [
        path.relative_to(root).parts[0]
        for path, made in before.items()
        if path.stat().st_mtime_ns != made
    ]
    assert changed == ["retrieval", "retrieval"]
    # A missing run is made again, and what starts from it; the reports of both.
    assert dry_run(project).splitlines() == [
        "tiny: 5 runs: 5 done, 0 to do",
        "jobs of Snakemake: nothing",
    ]
    (root / "intermediate" / "mnli" / "seed1" / "result.json").unlink()
    told = dry_run(project)
    assert "5 runs: 2 done, 3 to do, 2 of them again because the runs they start from" in told
    assert (
        told.splitlines()[-1]
        == "jobs of Snakemake: intermediate 1, retrieval 1, target 1, report 1"
    )
    (project / "params" / "tiny.yaml").write_text(TINY)
    told = dry_run(project)
    assert "1 done, 4 to do, 2 of them stale (made with other settings), 1 of them again" in told
    assert (
        told.splitlines()[-1]
        == "jobs of Snakemake: intermediate 1, retrieval 2, target 1, report 1"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        pytest.param(
            "raise ValueError('broken on purpose')",
            "20_intermediate, cell 3: ValueError: broken on purpose",
            marks=pytest.mark.release,
        ),
        (
            "import signal; os.kill(os.getpid(), signal.SIGKILL)",
            "20_intermediate, cell 3: the kernel died (out of memory, or killed?)",
        ),
    ],
)
def test_a_failure_is_named_last_and_the_rest_is_made(
    project: Path, cell: str, reason: str
) -> None:
    root = project / "outputs" / "tiny"
    root.mkdir(parents=True)
    (root / "break").write_text(cell)
    run = command("run", "tiny", "--jobs", "2", folder=project)
    text = run.communicate()[0]
    assert run.returncode == 1, text
    notebook = root / "intermediate" / "mnli" / "seed1" / "run.ipynb"
    assert text.splitlines()[-4:] == [
        "1 run failed:",
        f"  intermediate/mnli/seed1: {reason}",
        f"    traceback: {notebook}",
        "2 more could not be run without them. Run the same command again to complete the study.",
    ]
    assert notebook.is_file() and "2 of 5 runs done" in text
    assert "finished runs: 2" in (root / "report" / "index.html").read_text()
    status = command("status", "tiny", "--json", folder=project)
    rows = {row["folder"]: row for row in json.loads(status.communicate()[0])}
    row = rows["intermediate/mnli/seed1"]
    assert (row["state"], row["reason"], row["notebook"]) == ("failed", reason, str(notebook))
    (root / "break").unlink()
    run = command("run", "tiny", "--jobs", "2", folder=project)
    assert "5 of 5 runs done" in run.communicate()[0] and run.returncode == 0


@pytest.fixture
def small_disk(project: Path) -> Iterator[Path]:
    """outputs/ on a disk of its own with 2 MB."""
    disk = project / "outputs"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or os.getuid() != 0
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).returncode
    ):
        pytest.skip("mounting a small disk needs Linux and root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(path: Path) -> None:
    """Take all the room there is on the disk."""
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


@pytest.mark.slow
def test_a_full_disk_is_said_and_nothing_finished_is_lost(project: Path, small_disk: Path) -> None:
    root = small_disk / "tiny"
    root.mkdir()
    model = "(spec.folder / 'model').mkdir(); (spec.folder / 'model' / 'weights').write_bytes(bytes(4_000_000))"
    (root / "break").write_text(model)
    run = command("run", "tiny", "--jobs", "1", folder=project)
    text = run.communicate()[0]
    assert run.returncode == 1 and "Traceback" not in text, text
    assert re.search(
        rf"intermediate/mnli/seed1: no space left on {small_disk} for .*: at least \d+ MB are needed, .* MB are free",
        text,
    )
    assert (
        "Nothing finished is lost: make room, and the same command goes on" in text
        and "2 of 5 runs done" in text
    )
    made = {
        path: path.read_bytes()
        for path in root.glob("*/**/result.json")
        if "report" not in path.parts
    }
    assert len(made) == 2
    # Not a byte is left: not for a run, a log, a note or the scores.
    fill(small_disk / "filler")
    for _ in range(2):
        run = command("run", "tiny", "--jobs", "2", folder=project)
        text = run.communicate()[0]
        assert run.returncode == 1 and "Traceback" not in text, text
        assert f"no space left on {small_disk} for " in text and "MB are needed" in text, text
    assert {path: path.read_bytes() for path in made} == made
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    run = command("run", "tiny", "--jobs", "2", folder=project)
    text = run.communicate()[0]
    assert run.returncode == 0 and "5 of 5 runs done" in text, text
    assert {path: path.read_bytes() for path in made} == made
    assert (
        root / "intermediate" / "mnli" / "seed1" / "model" / "weights"
    ).stat().st_size == 4_000_000


def await_running(study: Study) -> None:
    deadline = time.time() + 60
    while (
        not any(results.state(spec).state == "running" for spec in study.specs)
        and time.time() < deadline
    ):
        time.sleep(0.2)


def test_after_a_kill_of_the_driver_the_same_command_takes_over(project: Path) -> None:
    run = command("run", "tiny", "--jobs", "2", folder=project, sleep=60)
    await_running(Study.load("tiny"))
    run.kill()
    run.wait()
    again = command("run", "tiny", "--jobs", "2", folder=project)
    text = again.communicate()[0]
    assert again.returncode == 0 and "5 of 5 runs done" in text, text


def test_ctrl_c_ends_everything_and_the_same_command_goes_on(project: Path) -> None:
    run = command("run", "tiny", "--jobs", "2", folder=project, sleep=60)
    study = Study.load("tiny")
    await_running(study)
    second = command("run", "tiny", folder=project)
    assert "another 'xstilts run' (process " in second.communicate()[0] and second.returncode == 2
    run.send_signal(signal.SIGINT)
    assert "the same command goes on from there" in run.communicate(timeout=30)[0]
    assert run.returncode == 130
    assert not any(results.busy(spec.folder) for spec in study.specs)


def test_status_and_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "tiny"]) == 0
    assert "5 runs: 1 intermediate, 2 target, 2 retrieval" in capsys.readouterr().out
    assert cli.main(["status", "tiny", "--json"]) == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"missing"}
    assert cli.main(["check", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["parameters"]["study"] == "tiny"
