"""A finished run is lost to nothing: not to a setting changed and changed back, nor to a run that
is begun and stopped."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from made_studies import load
from test_cli import TINY, await_running, command, project  # noqa: F401

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs import aside, grid, runner, sharing
from xstilts_core.results import ASIDE, EARLIER, RESULT, Score
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec

CHANGED = TINY + "train: {epochs: 7}\n"
RETRIEVAL = TINY + "retrieval: {neighbours: 5}\n"
PHASE2 = TINY + "intermediate: {epochs: 7}\n"


def finish(spec: Spec, text: str = "first") -> None:
    """A finished run with all that runs leave."""
    for part in results.MADE:
        results.write_text(spec.folder / part / "content", text)
    for name in aside.TOLD:
        results.write_text(spec.folder / name, text)
    results.write(spec, [Score("udpos", "de", "test", "f1", 50.0, 10)], "cpu", 2.0)


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its time stamp, but for the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != results.LOCK)
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
    }


def states(study: Study) -> dict[str, str]:
    return {
        str(spec.folder.relative_to(study.root)): results.state(spec).state for spec in study.specs
    }


@pytest.fixture
def done(tmp_path: Path) -> Study:
    study = load(tmp_path, TINY)
    for spec in study.specs:
        finish(spec)
    return study


def begin(folder: Path) -> None:
    """What a run does first."""
    aside.make_room(folder)
    for part in results.MADE:
        results.write_text(folder / part / "content", "half")
    results.write_text(folder / results.NOTEBOOK, "half")


def test_a_changed_setting_costs_nothing_until_its_runs_are_made(
    done: Study, tmp_path: Path
) -> None:
    before = content(done.root)
    changed = load(tmp_path, CHANGED)
    with pytest.raises(KeyboardInterrupt), aside.prepared(changed) as plan:
        assert len(plan.stale) == 3 and len(plan.after) == 1 and not plan.back
        assert not any((folder / RESULT).exists() for folder in (*plan.stale, *plan.after))
        assert "done" not in [
            results.state(changed.by_folder[folder]).state for folder in (*plan.stale, *plan.after)
        ]
        raise KeyboardInterrupt
    assert (
        results.state(changed.by_folder[changed.root / "target/mnli/from-none/seed1"]).reason
        == "made with other epochs"
    )
    again = load(tmp_path, TINY)
    assert aside.prepare(again).back == ()
    assert content(done.root) == before and set(states(again).values()) == {"done"}


def test_what_starts_from_a_changed_run_is_nobodys_result_until_it_is_made(
    done: Study, tmp_path: Path
) -> None:
    changed = load(tmp_path, PHASE2)
    with aside.prepared(changed) as plan:
        assert len(plan.stale) == 1 and len(plan.after) == 2
        finish(changed.by_folder[plan.stale[0]], "second")
        aside.forget(plan.stale[0])
    # The first has been made, those that start from it have not.
    names = [str(folder.relative_to(changed.root)) for folder in plan.after]
    assert [states(changed)[name] for name in names] == ["stale", "stale"]
    assert aside.prepare(changed).back == () and [states(changed)[name] for name in names] == [
        "stale",
        "stale",
    ]
    other = load(tmp_path, f"{TINY}shares: [made_up]\n", "other")
    assert not {changed.root / name for name in names} & {
        folder for entries in sharing.shared(other).values() for _, folder in entries
    }
    # Of the settings before, the first is gone now, and so they are not taken back either.
    again = load(tmp_path, TINY)
    assert aside.prepare(again).back == () and [states(again)[name] for name in names] == [
        "stale",
        "stale",
    ]


class Killed(Exception):
    """Stands for a killed process."""


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """The process is killed when it is about to rename or remove something for the so many-th time.
    Gives what it did before."""
    calls: list[str] = []

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **settings: object) -> object:
            if len(calls) == number:
                raise Killed
            calls.append(name)
            return real(*arguments, **settings)

        return call

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        for module, name in ((os, "rename"), (os, "replace"), (shutil, "rmtree")):
            patch.setattr(module, name, counted(name, getattr(module, name)))
        yield calls


@pytest.mark.parametrize("kill", range(16))
def test_a_kill_at_any_moment_loses_nothing(done: Study, tmp_path: Path, kill: int) -> None:
    """While results are set aside and a run is begun; then while results are taken back."""
    before, changed, again = content(done.root), load(tmp_path, CHANGED), load(tmp_path, TINY)
    with killed_at(kill):
        aside.prepare(changed)
        aside.make_room(changed.root / "target/mnli/from-none/seed1")
    with killed_at(kill):
        aside.prepare(again)
    aside.prepare(again)
    assert content(done.root) == before


def test_the_kills_are_at_every_moment(done: Study, tmp_path: Path) -> None:
    changed, again = load(tmp_path, CHANGED), load(tmp_path, TINY)
    with killed_at(99) as calls:
        aside.prepare(changed)
        aside.make_room(changed.root / "target/mnli/from-none/seed1")
        assert len(calls) <= 16, calls
        calls.clear()
        aside.prepare(again)
        assert len(calls) <= 16, calls


def test_an_interrupted_run_gives_its_folder_back(done: Study) -> None:
    before, spec = content(done.root), done.specs[-1]
    with pytest.raises(KeyboardInterrupt), aside.keeping(spec):
        begin(spec.folder)
        assert results.state(spec).reason.endswith("its earlier result is kept")
        raise KeyboardInterrupt
    assert content(done.root) == before
    with aside.keeping(spec):
        begin(spec.folder)
        finish(spec, "second")
    assert (spec.folder / "model" / "content").read_text() == "second"
    assert not (spec.folder / ASIDE).exists() and not (spec.folder / EARLIER).exists()


def test_a_failure_is_shown_and_the_earlier_result_is_taken_up_again(done: Study) -> None:
    before, spec = content(done.root), done.specs[-1]
    with pytest.raises(runner.NotebookFailure), aside.keeping(spec):
        begin(spec.folder)
        raise runner.failed(spec.folder, runner.NotebookFailure("no"), 0)
    assert results.state(spec) == results.State(spec, "failed", "no; its earlier result is kept")
    assert aside.prepare(done).back == (spec.folder,)
    assert content(done.root) == before


def test_a_folder_where_somebody_is_at_work_is_left_alone(done: Study, tmp_path: Path) -> None:
    spec = done.specs[-1]
    changed = load(tmp_path, RETRIEVAL)
    with aside.held(spec.folder):
        aside.prepare(changed)
        assert (spec.folder / RESULT).exists()


def await_that(seen: Callable[[], bool]) -> None:
    deadline = time.time() + 60
    while not seen():
        assert time.time() < deadline
        time.sleep(0.1)


@pytest.mark.usefixtures("project")
def test_ctrl_c_after_a_wrong_setting_keeps_every_run(tmp_path: Path) -> None:
    assert command("run", "tiny", "--jobs", "2", folder=tmp_path).wait() == 0
    root = tmp_path / "outputs" / "tiny"
    made = {
        path: path.read_bytes()
        for path in root.glob("*/**/result.json")
        if "report" not in path.parts
    }
    (tmp_path / "params" / "tiny.yaml").write_text(CHANGED)
    for number in (signal.SIGINT, signal.SIGKILL):
        run = command("run", "tiny", "--jobs", "1", folder=tmp_path, sleep=60)
        await_running(Study.load("tiny"))
        await_that(lambda: bool(list(root.glob(f"*/**/{EARLIER}/{ASIDE}"))))
        run.send_signal(number)
        run.communicate(timeout=60)
    (tmp_path / "params" / "tiny.yaml").write_text(TINY)
    run = command("run", "tiny", "--jobs", "2", folder=tmp_path)
    text = run.communicate()[0]
    assert run.returncode == 0 and "taken up again" in text and "5 of 5 runs done" in text, text
    assert {
        path: path.read_bytes()
        for path in root.glob("*/**/result.json")
        if "report" not in path.parts
    } == made


@pytest.mark.usefixtures("project")
def test_a_run_by_hand_that_is_stopped_leaves_the_finished_one(tmp_path: Path) -> None:
    assert command("run", "tiny", "--jobs", "2", folder=tmp_path).wait() == 0
    study = Study.load("tiny")
    spec = next(spec for spec in study.specs if spec.phase == "target")
    results.write_text(spec.folder / "predictions" / "content", "first")
    before = content(spec.folder)
    run = command(
        "notebook",
        "21_target",
        "-p",
        "study",
        "tiny",
        "-p",
        "epochs",
        "2",
        folder=tmp_path,
        sleep=60,
    )
    await_that(
        lambda: (
            (spec.folder / results.NOTEBOOK).exists() and (spec.folder / EARLIER / ASIDE).exists()
        )
    )
    run.send_signal(signal.SIGINT)
    assert "finished work is kept" in run.communicate(timeout=60)[0]
    assert content(spec.folder) == before and results.state(spec).state == "done"


def test_another_file_of_the_same_name_writes_over_nothing(tmp_path: Path) -> None:
    mine = load(tmp_path, TINY)
    with grid.only_grid(mine):
        pass
    (elsewhere := tmp_path / "elsewhere").mkdir()
    load(elsewhere, CHANGED)
    other = Study.load(str(elsewhere / "made_up.yaml"), mine.outputs)
    for asked in (
        lambda: sharing.require_own_folder(other),
        lambda: grid.only_grid(other).__enter__(),
    ):
        with pytest.raises(
            UsageError,
            match=r"made_up has the runs of .*made_up.yaml: rename one of the two, or choose another",
        ):
            asked()
    with grid.only_grid(mine):
        sharing.require_own_folder(mine)
    Path(mine.file).rename(tmp_path / "renamed.yaml")
    with grid.only_grid(other):
        sharing.require_own_folder(other)
