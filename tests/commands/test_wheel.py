"""The wheel in a new environment, far from the repository: a project is laid out and works."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from xstilts_core import results
from xstilts_core.commands import cli

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def call(folder: Path, *words: str | Path) -> str:
    """Run a program outside the repository; return what it printed."""
    hidden = ("PYTHONPATH", "XSTILTS_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    # The dependencies' data, as their modules, are those of this environment.
    environment["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")
    done = subprocess.run(
        list(map(str, words)), cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a new environment with the wheel; dependencies are those of
    this environment."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (extra: test)")
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    call(folder, sys.executable, "-m", "pip", *build)
    venv.create(folder / "env", with_pip=False, symlinks=True)
    programs = folder / "env" / "bin"
    (wheel,) = folder.glob("*.whl")
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    call(folder, sys.executable, "-m", "pip", "--python", programs / "python", *install)
    site = Path(
        call(
            folder, programs / "python", "-c", "import site; print(site.getsitepackages()[0])"
        ).strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return programs


@pytest.fixture(scope="module")
def project(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    assert "xstilts check quick" in call(folder, programs / "xstilts", "init", "mine")
    return folder / "mine"


def test_the_package_is_that_of_the_wheel(programs: Path, project: Path) -> None:
    code = "import xstilts_core; print(xstilts_core.__file__)"
    assert Path(call(project, programs / "python", "-c", code).strip()).is_relative_to(
        programs.parent
    )


def test_the_wheel_has_every_file_of_the_package(programs: Path, project: Path) -> None:
    code = "import xstilts_core; print(xstilts_core.__path__[0])"
    package = Path(call(project, programs / "python", "-c", code).strip())
    listed = call(ROOT, "git", "ls-files", "xstilts_core").splitlines()
    assert len(listed) > 250
    assert [name for name in listed if not (package.parent / name).is_file()] == []


def test_a_project_has_what_git_has(project: Path) -> None:
    listed = call(
        ROOT, "git", "ls-files", "notebooks", "params", "reference", "outputs", "Snakefile"
    )
    laid_out = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert {name for name in listed.splitlines() if name != "params/hub.lock"} <= laid_out
    assert os.access(project / "params" / "profiles" / "kubernetes" / "submit", os.X_OK)


def test_a_study_is_checked_and_run(programs: Path, project: Path) -> None:
    assert "188 runs" in call(project, programs / "xstilts", "check", "quick")
    call(project, programs / "xstilts", "run", "smoke", "--jobs", "2")
    assert (project / "outputs" / "smoke" / results.SCORES).is_file()
    assert (project / "outputs" / "smoke" / "report" / "index.html").is_file()


def test_a_notebook_runs_by_plain_papermill(programs: Path, project: Path) -> None:
    settings = ("-p", "train_examples", "60", "-p", "test_examples", "10", "-p", "epochs", "1")
    notebook = ("notebooks/21_target.ipynb", "executed.ipynb", *settings)
    call(project, programs / "python", "-m", "papermill", *notebook)
    assert list((project / "outputs" / "by_hand").rglob(results.RESULT))


def test_outside_a_project_the_commands_name_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XSTILTS_HOME", raising=False)
    for words in (
        ["check", "quick"],
        ["run", "quick"],
        ["status", "quick"],
        ["notebook", "21_target"],
    ):
        assert cli.main(words) == 2
        assert "xstilts init DIR" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path)]) == 0
    study = tmp_path / "params" / "quick.yaml"
    study.write_text("title: mine\n", encoding="utf-8")
    (tmp_path / "Snakefile").unlink()
    capsys.readouterr()
    assert cli.main(["init", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert f"left as it is: {study}" in printed and "1 files written" in printed
    assert study.read_text(encoding="utf-8") == "title: mine\n"
    assert cli.main(["init", str(study)]) == 2
    assert "is a file" in capsys.readouterr().err
