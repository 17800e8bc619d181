"""A stop is quick, by whatever signal, of whatever command, also where the process was started with
Ctrl-C ignored; what is done stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from test_cli import REPORT, ROOT, RUN, TINY, page, project  # noqa: F401
from test_interrupt import MARK, Process, alive

from xstilts_core import results
from xstilts_core.jobs import stopping
from xstilts_core.study import Study

Limit = Callable[[float], AbstractContextManager[None]]
RELEASE = pytest.mark.release
LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes of a study in /proc, which is Linux's"
)
SECONDS = 5


def start(
    folder: Path, mark: str, *module: str, ignored: tuple[int, ...] = (signal.SIGINT,)
) -> "subprocess.Popen[str]":
    """The command, begun with these signals ignored, as nohup, a shell's background or a
    container's first process begin it."""

    def ignore() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    settings = {**os.environ, "PYTHONPATH": str(ROOT), MARK: mark}
    call = [sys.executable, "-m", *module]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(
        call, cwd=folder, env=settings, preexec_fn=ignore, start_new_session=True, **said
    )


def await_kernel(begun: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.time() + 90
    while not begun.exists():
        assert process.poll() is None and time.time() < deadline, process.communicate()[0]
        time.sleep(0.1)


def left(mark: str) -> list[Process]:
    """What is still alive of it, waited for as long as a busy machine may need."""
    deadline = time.time() + 20
    while (found := alive(mark)) and time.time() < deadline:
        time.sleep(0.1)
    return found


@pytest.fixture
def sleeping(project: Path) -> Path:  # noqa: F811
    """A project whose retrieval runs are done at once, and whose other runs sleep; its folder."""
    sleep = "(spec.root / 'begun').touch() if spec.phase == 'target' else None\ntime.sleep(120 * (spec.phase != 'retrieval'))"
    waits = RUN.replace('time.sleep(float(os.environ.get("TEST_SLEEP", "0")))', sleep)
    (project / "params" / "tiny.yaml").write_text(
        TINY.replace("  mnli: {intermediate: [mnli]}\n", "")
    )
    for phase, name in {"target": "21_target", "retrieval": "22_retrieval"}.items():
        page(
            project / "notebooks" / f"{name}.ipynb",
            'study: str = "tiny"',
            waits.format(phase=phase),
        )
    return project


@LINUX
@pytest.mark.parametrize(
    ("number", "ignored"),
    [
        (signal.SIGINT, (signal.SIGINT,)),
        pytest.param(signal.SIGTERM, (signal.SIGINT,), marks=RELEASE),
        pytest.param(signal.SIGTERM, (signal.SIGINT, signal.SIGHUP), marks=RELEASE),
        pytest.param(signal.SIGHUP, (), marks=RELEASE),
        pytest.param(signal.SIGINT, (), marks=RELEASE),
    ],
)
def test_a_stopped_study_leaves_no_process_and_what_is_done(
    number: int, ignored: tuple[int, ...], sleeping: Path, time_limit: Limit
) -> None:
    mark = f"{os.getpid()}-{sleeping.name}"
    run = start(
        sleeping, mark, "xstilts_core.commands.cli", "run", "tiny", "--jobs", "2", ignored=ignored
    )
    study = Study.load("tiny")
    done = study.root / "retrieval" / "tatoeba" / "from-none" / "seed1" / results.RESULT
    await_kernel(study.root / "begun", run)
    await_kernel(done, run)
    content = done.read_bytes()
    assert len(alive(mark)) > 4, "driver, Snakemake, runner, kernel server, kernel"
    if signal.SIGHUP in ignored:
        run.send_signal(signal.SIGHUP)  # the terminal is closed: nohup is for that
        time.sleep(1)
        assert run.poll() is None
    with time_limit(SECONDS):
        run.send_signal(number)
        time.sleep(0.3)
        if run.poll() is None:
            run.send_signal(signal.SIGINT)  # an impatient second Ctrl-C
        assert left(mark) == []
    said = run.communicate()[0]
    assert (
        run.returncode == 130
        and said.endswith("the same command goes on from there\n")
        and "Traceback" not in said
    ), said
    assert done.read_bytes() == content
    assert [results.state(spec).state for spec in study.specs] == ["failed", "done"]
    assert not any(results.busy(spec.folder) for spec in study.specs)


@LINUX
@pytest.mark.parametrize(
    ("number", "module"),
    [
        (
            signal.SIGINT,
            ("xstilts_core.commands.cli", "notebook", "21_target", "-p", "study", "tiny"),
        ),
        (signal.SIGTERM, ("xstilts_core.jobs.runner", "tiny", "target/mnli/from-none/seed1")),
        pytest.param(
            signal.SIGTERM,
            ("xstilts_core.commands.cli", "notebook", "21_target", "-p", "study", "tiny"),
            marks=RELEASE,
        ),
        pytest.param(
            signal.SIGHUP,
            ("xstilts_core.commands.cli", "notebook", "21_target", "-p", "study", "tiny"),
            marks=RELEASE,
        ),
        pytest.param(
            signal.SIGINT,
            ("xstilts_core.jobs.runner", "tiny", "target/mnli/from-none/seed1"),
            marks=RELEASE,
        ),
    ],
)
def test_a_stopped_notebook_leaves_no_process(
    number: int, module: tuple[str, ...], sleeping: Path, time_limit: Limit
) -> None:
    mark = f"{os.getpid()}-{sleeping.name}"
    run = start(sleeping, mark, *module)
    await_kernel(sleeping / "outputs" / "tiny" / "begun", run)
    with time_limit(SECONDS):
        run.send_signal(number)
        time.sleep(0.3)
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
        assert left(mark) == []
    assert run.returncode != 0 and "Traceback" not in run.communicate()[0]
    folder = sleeping / "outputs" / "tiny" / "target" / "mnli" / "from-none" / "seed1"
    assert not (folder / results.RESULT).exists() and not (folder / results.FAILURE).exists(), (
        "it was stopped, it has not failed"
    )


def test_a_signal_is_answered_once_and_the_former_answers_come_back() -> None:
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    ended = []
    with stopping.answered(ended.append, 60):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.raise_signal(number)
    assert (
        ended == [signal.SIGTERM]
        and {number: signal.getsignal(number) for number in stopping.SIGNALS} == before
    )


def test_what_is_raised_in_a_destructor_is_raised_again() -> None:
    """Python drops what is raised there, and says so on stderr."""

    class Ending:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.01)

    def leave(number: int) -> None:
        raise KeyboardInterrupt

    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), stopping.answered(leave, 60):
        Ending()
        time.sleep(20)
        pytest.fail("the signal was lost")
    assert sys.unraisablehook is hook


def test_who_does_not_unwind_is_ended_all_the_same() -> None:
    code = "import signal, time\nfrom xstilts_core.jobs import stopping\nwith stopping.answered(lambda number: time.sleep(60), 0.2):\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}    signal.raise_signal(signal.SIGTERM)"],
        cwd=ROOT,
        timeout=30,
    )
    assert done.returncode == 128 + signal.SIGTERM
