"""Locks: a GPU for each run, one writer in a folder for as long as anything of it lives, and
nothing left of killed processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_runner import STUDY, command, project

from xstilts_core import results
from xstilts_core.files import locks
from xstilts_core.jobs import kernel, runner


def test_one_gpu_for_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "test-a, test-b")
    with (
        runner.one_gpu("cuda") as first,
        runner.one_gpu("auto") as second,
        runner.one_gpu("cpu") as none,
    ):
        assert (first, second, none) == ("test-a", "test-b", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with runner.one_gpu("cuda") as only:
        assert only is None


def await_text(path: Path, seconds: float = 60) -> str:
    """The content of a file, as soon as there is any."""
    deadline = time.time() + seconds
    while not (path.is_file() and path.read_text()) and time.time() < deadline:
        time.sleep(0.1)
    return path.read_text()


def test_gpus_of_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs get an id each, a third waits until one is free: also where its holder was
    killed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the locks of these ids are this test's own
    cell = "import os, time\n(folder / 'gpu').write_text(os.environ['CUDA_VISIBLE_DEVICES'])\ntime.sleep(120)"
    study = project(tmp_path, cell, STUDY.replace("[1]", "[1, 2, 3]"))
    folders = [spec.folder for spec in study.specs]
    runs = [command(tmp_path, "tiny", str(folder)) for folder in folders[:2]]
    try:
        assert sorted(await_text(folder / "gpu") for folder in folders[:2]) == ["0", "1"]
        runs.append(command(tmp_path, "tiny", str(folders[2])))
        while not results.busy(folders[2]):
            time.sleep(0.1)
        time.sleep(2)
        assert not (folders[2] / "gpu").exists()
        freed = (folders[0] / "gpu").read_text()
        runs[0].kill()
        assert await_text(folders[2] / "gpu") == freed
    finally:
        for run in runs:
            run.terminate()
            run.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_kernel_holds_the_lock_and_follows_its_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = "import os, time\n(folder / 'kernel').write_text(str(os.getpid()))\ntime.sleep(120)"
    folder = project(tmp_path, cell).specs[0].folder
    run = command(tmp_path, "tiny", str(folder))
    process = Path("/proc", await_text(folder / "kernel"))
    assert str(folder / results.LOCK) in [os.readlink(link) for link in (process / "fd").iterdir()]
    run.kill()
    run.wait()
    deadline = time.time() + 20
    while results.busy(folder) and time.time() < deadline:
        time.sleep(0.1)
    assert not results.busy(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="starts a POSIX shell")
def test_a_runner_follows_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = "import os, time\n(folder / 'kernel').write_text(str(os.getpid()))\ntime.sleep(120)"
    folder = project(tmp_path, cell).specs[0].folder
    settings = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).parents[2])}
    call = f"{sys.executable} -m xstilts_core.jobs.runner --with-parent tiny {folder}; true"
    shell = subprocess.Popen(["/bin/sh", "-c", call], env=settings)
    await_text(folder / "kernel")
    shell.kill()
    shell.wait()
    deadline = time.time() + 20
    while results.busy(folder) and time.time() < deadline:
        time.sleep(0.1)
    assert not results.busy(folder)
    assert not (folder / results.FAILURE).exists()  # it was stopped, it has not failed


def test_what_killed_processes_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = time.time() - 2 * kernel.LEFT_AFTER_SECONDS
    for name in ("left", "used", "young"):
        folder = tmp_path / f"{kernel.PREFIX}{name}"
        folder.mkdir()
        (folder / kernel.LOCK).touch()
        if name != "young":
            os.utime(folder, (old, old))
    with (tmp_path / f"{kernel.PREFIX}used" / kernel.LOCK).open() as lock:
        assert locks.acquire(lock)
        kernel.remove_left(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{kernel.PREFIX}used",
        f"{kernel.PREFIX}young",
    ]
    monkeypatch.chdir(tmp_path)
    folder = project(tmp_path).specs[0].folder
    folder.mkdir(parents=True)
    (folder / ".result.json.abc.tmp").write_text("{ half")
    runner.clear(folder)
    assert list(folder.iterdir()) == []
