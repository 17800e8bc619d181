"""`xstilts status` from another process: while a grid is at work, after it was stopped, over what
cannot be read."""

import json
import signal
import time
from pathlib import Path

import pytest
from test_cli import await_running, command, project  # noqa: F401

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.jobs import aside
from xstilts_core.study import Study

pytestmark = pytest.mark.usefixtures("project")


def test_status_while_a_grid_is_at_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = command("run", "tiny", "--jobs", "2", folder=tmp_path, sleep=60)
    study = Study.load("tiny")
    await_running(study)
    assert cli.main(["status", "tiny"]) == 0
    text = capsys.readouterr().out
    assert (
        "running  " in text
        and f"'xstilts run' is at work on it (process {run.pid})" in text
        and "to go on" not in text
    )
    for _ in range(20):
        cli.main(["status", "tiny", "--json"])
    assert run.poll() is None
    while not list(study.root.rglob(results.NOTEBOOK)):
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    assert (
        "the same command goes on from there" in run.communicate(timeout=60)[0]
        and run.returncode == 130
    )
    capsys.readouterr()
    assert cli.main(["status", "tiny"]) == 0
    text = capsys.readouterr().out
    assert (
        "interrupted: it was stopped before it finished" in text
        and text.splitlines()[-1] == "to go on: xstilts run tiny"
    )


def test_an_unreadable_result_is_a_failure_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = Study.load("tiny").specs[0]
    spec.folder.mkdir(parents=True)
    (spec.folder / results.RESULT).write_text("{ half")
    assert cli.main(["status", "tiny", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (
        row["state"] == "failed"
        and "result.json is not a result of this suite" in row["reason"]
        and row["notebook"] is None
    )
    assert (
        aside.prepare(Study.load("tiny")).stale == (spec.folder,)
        and not (spec.folder / results.RESULT).exists()
    )
