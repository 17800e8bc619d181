"""Places that cannot be used are said in one sentence; errors that may be the suite's own are not
hidden."""

import argparse
import errno
import os
from pathlib import Path

import pytest

from xstilts_core.commands import cli
from xstilts_core.commands.places import refusal
from xstilts_core.errors import UsageError
from xstilts_core.publish.records import new_folder

ROOT = Path(__file__).resolve().parents[2]
PROC = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="no /proc, in which nobody can make a folder"
)


@pytest.mark.parametrize(
    "command", [["run"], ["run", "--dry-run"], ["status"], ["check"], ["card"]], ids=" ".join
)
@pytest.mark.parametrize("study", ["quick", "everything"])
def test_a_file_in_place_of_outputs(
    command: list[str],
    study: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        assert cli.main([command[0], study, *command[1:], "--outputs", str(place)]) == 2
        assert (
            capsys.readouterr().err
            == f"xstilts {command[0]}: --outputs {place}: {tmp_path / 'file'} is a file: give a folder\n"
        )


@PROC
def test_a_place_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.main(["run", "smoke", "--outputs", "/proc/nope"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("xstilts run: /proc/nope cannot be used (") and error.endswith(
        "): give a place that can be read and written\n"
    )
    with (
        pytest.raises(UsageError, match=r"^/proc/nope cannot be made \(.*\): give another folder$"),
        new_folder(Path("/proc/nope")),
    ):
        pass


def told(number: int, path: Path | None, place: Path) -> str:
    error = OSError(number, os.strerror(number), *([str(path)] if path else []))
    return refusal(error, argparse.Namespace(outputs=str(place), command="run"))


def test_what_may_be_a_mistake_of_the_suite_is_no_refusal(tmp_path: Path) -> None:
    place = tmp_path / "above" / "outputs"
    for number in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG):
        assert told(number, ROOT / "somewhere", place) == (
            f"{ROOT / 'somewhere'} cannot be used ({os.strerror(number)}): give a place that can be read and written"
        )
    for number in (errno.ENOENT, errno.EEXIST, errno.EISDIR):
        assert told(number, place, place) and told(number, place.parent, place)
        assert not told(number, place / "quick" / "scores.csv", place) and not told(
            number, ROOT / "somewhere", place
        )
    assert (
        not told(errno.EACCES, None, place)
        and not told(errno.EIO, place, place)
        and not told(errno.ENOSPC, place, place)
    )


def test_an_error_that_is_no_refusal_is_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(options: argparse.Namespace) -> int:
        return len((tmp_path / "missing").read_text())

    monkeypatch.setitem(cli.COMMANDS, "check", broken)
    with pytest.raises(FileNotFoundError):
        cli.main(["check", "quick"])
