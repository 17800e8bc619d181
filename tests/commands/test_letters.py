"""Any letter in any path: of the project, the study, its outputs, its data; a terminal without
them; a folder that cannot be written."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from test_cli import REPORT, ROOT, RUN, command, page

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.commands.places import place
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded
from xstilts_core.jobs import cluster, grid, runner
from xstilts_core.publish.records import new_folder
from xstilts_core.report import summary, webpage
from xstilts_core.study import Study

STUDY = "title: t\nseeds: [1]\nrecipes: {none: }\ntargets: [tatoeba]\nreports: [00_study]\n"
ALL = "ä '\"{x}#%41 $HOME&;()\\[b]~=,日本"
NAMES = [
    *(
        "ä",
        "it's",
        'a "b"',
        "{x}",
        "{",
        "a#b",
        "100%",
        "%41",
        "a b ",
        "$HOME",
        "`id`",
        "a&b;c",
        "(a)",
        "a\\b",
        "-x",
        "--help",
        "~y",
        "~",
    ),
    *(
        "[bold]",
        "*",
        "a:b",
        "a=b",
        "a,b",
        "1e3",
        "null",
        "true",
        "हिन्दी",
        "日本",
        "\u202eabc",
        "new\nline",
        "n" * 200,
        "日" * 80,
    ),
]
RELEASE = pytest.mark.release


def project(folder: Path) -> Path:
    """A project with the real Snakefile and profile, and notebooks that only write results."""
    shutil.copytree(ROOT / "params" / "profiles", folder / "params" / "profiles")
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "notebooks").mkdir()
    page(
        folder / "notebooks" / "22_retrieval.ipynb",
        'study: str = "by_hand"',
        RUN.format(phase="retrieval"),
    )
    page(
        folder / "notebooks" / "00_study.ipynb",
        'study: str = "tiny"\noutputs: str = "outputs"',
        REPORT,
    )
    return folder


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if ".snakemake" not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [ALL, *(pytest.param(name, marks=RELEASE) for name in NAMES)], ids=ascii
)
def test_a_study_is_made_whatever_its_places_are_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Project, study's folder, outputs, data root: each by this name, the outputs through a
    symbolic link."""
    here = project(tmp_path / name)
    for folder in (tmp_path / "real" / name, tmp_path / "data" / name, here / name):
        folder.mkdir(parents=True)
    (here / name / "größe.yaml").write_text(STUDY)
    (here / "link").symlink_to(tmp_path / "real")
    (
        here / ".snakemake"
    ).touch()  # where nobody can make a folder: as in a project for reading only
    before = files(tmp_path)
    places = [f"--outputs=link/{name}", f"--data-root={tmp_path / 'data' / name}"]
    monkeypatch.chdir(here)
    study = Study.load(f"./{name}/größe.yaml", place(f"link/{name}"))
    assert grid.dry_run(study, 2, "local") == "retrieval 1, report 1" and files(tmp_path) == before
    run = command("run", "--jobs", "2", *places, "--", f"./{name}/größe.yaml", folder=here)
    said = run.communicate()[0]
    assert run.returncode == 0 and "1 of 1 runs done, 0 running, 0 failed" in said, said
    root = tmp_path / "real" / name / "größe"
    assert f"report: {root / 'report' / 'index.html'}" in said
    assert "finished runs: 1" in (root / "report" / "index.html").read_text(encoding="utf-8")
    result = results.read(root / "retrieval" / "tatoeba" / "from-none" / "seed1" / results.RESULT)
    assert result.spec["outputs"] == str(tmp_path / "real" / name) and result.spec[
        "data_root"
    ] == str(tmp_path / "data" / name)
    made = files(tmp_path) - before
    assert made and all(Path(path).is_relative_to(Path("real", name, "größe")) for path in made), (
        "nothing is made elsewhere"
    )
    assert grid.dry_run(study, 2, "local") == "nothing"


@pytest.mark.parametrize("name", ["my study", "a.b", "{x}", "a#b", "a'b", "²"])
@pytest.mark.parametrize(
    "text",
    [STUDY, "title: t\npublished: hu2020\n", "title: t\nparts: [quick]\n"],
    ids=["runs", "published", "parts"],
)
def test_a_study_whose_own_name_cannot_be_used(
    name: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / f"{name}.yaml"
    file.write_text(text)
    assert cli.main(["check", str(file)]) == 2
    error = capsys.readouterr().err
    assert (
        error.startswith(
            f"xstilts check: {file}: a study's name may contain only letters, digits, _ and -, not "
        )
        and error.count("\n") == 1
    )


def test_a_name_as_long_as_the_system_takes(tmp_path: Path) -> None:
    results.write_text(tmp_path / ("n" * 255), "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["n" * 255]
    with new_folder(tmp_path / ("m" * 255)) as part:
        (part / "file").touch()
    assert (tmp_path / ("m" * 255) / "file").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("command", ["run", "status", "export"])
def test_a_name_that_is_no_text_is_one_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "quick", "--outputs", "a\udcff"]) == 2
    assert (
        capsys.readouterr().err
        == "xstilts: 'a\\udcff' is not UTF-8 text: rename the file or folder\n"
    )


def test_the_command_to_go_on_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    places = ["--outputs", str(tmp_path / ALL)]
    assert cli.main(["status", "smoke", *places]) == 0
    told = capsys.readouterr().out.splitlines()[-1].removeprefix("to go on: ")
    assert shlex.split(told) == ["xstilts", "run", "smoke", *places]


def test_a_tilde_is_a_user_s_folder_at_the_beginning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    expected = {
        "~": "/somewhere",
        "~/a": "/somewhere/a",
        "./~": "~",
        "~nobody-of-this-name/a": "~nobody-of-this-name/a",
        "a/~": "a/~",
    }
    assert {typed: str(expanded(typed)) for typed in expected} == expected


def test_a_place_of_a_notebook_is_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As YAML, "a #b" would be a, and {x} a mapping."""
    taken: list[dict[str, object]] = []
    monkeypatch.setattr(
        runner, "run_by_hand", lambda name, parameters, *rest: taken.append(parameters)
    )
    typed = {
        "outputs": "a #b",
        "data_root": "{x}: 'y'",
        "study": "1e3",
        "encoder": '"quoted: #"',
        "epochs": "3",
        "targets": "[a, b]",
    }
    pairs = [word for key, value in typed.items() for word in ("-p", key, value)]
    assert cli.main(["notebook", "21_target", *pairs]) == 0
    wanted = {
        "outputs": "a #b",
        "data_root": "{x}: 'y'",
        "study": "1e3",
        "encoder": "quoted: #",
        "epochs": 3,
        "targets": ["a", "b"],
    }
    assert taken == [wanted]


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "href"]
        self.names += [value or "" for name, value in attrs if name == "id"]


def test_links_of_a_page_lead_somewhere(tmp_path: Path) -> None:
    folder = tmp_path / ALL
    folder.mkdir()
    (folder / "größe.yaml").write_text(STUDY)
    (folder / "alle.yaml").write_text("title: t\nparts: [größe]\n")
    study = Study.load(str(folder / "alle.yaml"), str(folder / "out"))
    results.write_text(study.members[0].root / "report" / webpage.PAGE, "the reports")
    links = Links()
    links.feed(webpage.build(study).read_text(encoding="utf-8"))
    assert len(links.found) == 2 and all(link.isascii() for link in links.found)
    for link in links.found:
        file, _, name = link.partition("#")
        assert (
            (study.root / "report" / unquote(file)).is_file()
            if file
            else unquote(name) in links.names
        )


def test_a_path_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets are no markup of rich."""
    summary.console().print("in /tmp/[bold]/[/x]/a", highlight=False)
    assert capsys.readouterr().out == "in /tmp/[bold]/[/x]/a\n"


@pytest.mark.parametrize("letter", [*" '\"{}$&;()\\#%", "\n"])
def test_a_cluster_s_jobs_refuse_what_their_shells_read(
    letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text("executor: cluster-generic\n")
    monkeypatch.setattr(cluster, "executor", lambda profile: "cluster-generic")
    with pytest.raises(UsageError, match=r"cannot have .* in this path: rename the folder"):
        cluster.arguments(SimpleNamespace(root=tmp_path / f"a{letter}b"), tmp_path / "profile")
    assert cluster.arguments(SimpleNamespace(root=tmp_path / "größe"), tmp_path / "profile") == []


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    "words",
    [
        ("data", "xnli", "--language", "bg", "--split", "test", "--limit", "2"),
        ("tasks", "--json"),
        ("check", "größe"),
        ("check", "grösse"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("encoding", ["ascii", ""])
def test_a_terminal_without_the_letters(
    words: tuple[str, ...], encoding: str, tmp_path: Path
) -> None:
    for name in ("notebooks", "params"):
        (tmp_path / name).mkdir()
    (tmp_path / "notebooks" / "00_study.ipynb").touch()
    (tmp_path / "params" / "größe.yaml").write_text(
        STUDY.replace("title: t", "title: Größe?"), encoding="utf-8"
    )
    settings = {**os.environ, **ASCII, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "xstilts_core.commands.cli", *words],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
    )
    said = (done.stdout or done.stderr).decode("ascii")  # every byte of it
    assert "Traceback" not in said and done.returncode == (2 if "grösse" in words else 0), said
    if words[0] == "data":
        assert len([json.loads(line) for line in said.splitlines()]) == 2 and "\\u04" in said
    elif words[0] == "check":
        assert "gr\\xf6\\xdfe" in said


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A project on a disk for reading only."""
    here = project(tmp_path / "project")
    (here / "params" / "tiny.yaml").write_text(STUDY)
    ways = (["--bind", here, here], ["-o", "remount,ro,bind", here])
    if (
        shutil.which("mount") is None
        or os.getuid() != 0
        or any(subprocess.run(["mount", *way]).returncode for way in ways)
    ):
        pytest.skip("mounting a disk for reading only needs Linux and root")
    yield here
    subprocess.run(["umount", "--lazy", here], check=True)


@RELEASE
def test_a_project_that_cannot_be_written(read_only: Path, tmp_path: Path) -> None:
    refused = command("run", "tiny", folder=read_only)
    said = refused.communicate()[0]
    assert (
        refused.returncode == 2
        and said.count("\n") == 1
        and f"{read_only / 'outputs'} cannot be used (Read-only file system)" in said
    )
    elsewhere = command(
        "run", "tiny", "--outputs", str(tmp_path / "outputs"), "--jobs", "2", folder=read_only
    )
    said = elsewhere.communicate()[0]
    assert elsewhere.returncode == 0 and "1 of 1 runs done" in said, said


def test_outputs_that_cannot_be_written_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "smoke").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != tmp_path / "smoke"
    )  # as on a disk for reading only
    for more in ([], ["--dry-run"]):
        assert cli.main(["run", "smoke", "--outputs", str(tmp_path), *more]) == 2
        assert (
            capsys.readouterr().err
            == f"xstilts run: {tmp_path / 'smoke'} is not writable: choose another folder with --outputs\n"
        )
    assert list((tmp_path / "smoke").iterdir()) == []


def test_nothing_is_said_of_runs_that_were_never_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    summary.print_failures({}, {}, 3, tmp_path, summary.console())
    assert (
        capsys.readouterr().out
        == "3 runs were not started. Run the same command again to complete the study.\n"
    )
    summary.print_failures({}, {"report/00_study": "no"}, 1, tmp_path, summary.console())
    assert capsys.readouterr().out.startswith(
        "1 report failed:\n  report/00_study: no\n1 run was not started."
    )
    summary.print_failures({"target/a": "no"}, {}, 0, tmp_path, summary.console())
    assert capsys.readouterr().out == "1 run failed:\n  target/a: no\n"
