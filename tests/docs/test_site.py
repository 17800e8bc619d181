"""The site: built as `make docs` builds it, whole and strict; its links, its docstrings, its pages
made of notebooks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from browsing import recipe

from xstilts_core import results
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references

pytest.importorskip("sphinx")
pytest.importorskip("furo")
pytest.importorskip("myst_nb")

import checked_links
import concept_figures
import notebook_pages
import plain_docstrings
import reference_pages

load = Study.load
ROOT = Path(__file__).resolve().parents[2]
LINKED = ("notebooks", "params", "xstilts_core", "pyproject.toml")
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def executed(text: str) -> str:
    """A report as a run leaves it: the runner's parameters name a folder of the machine, a cell
    shows a table and a picture."""
    cells = [
        nbformat.v4.new_markdown_cell("# A report\n\nWhat was found."),
        nbformat.v4.new_code_cell(
            'study = "mini"\nfolder = "/home/me/outputs/mini/report/00_study"',
            metadata={"tags": ["injected-parameters"]},
        ),
        nbformat.v4.new_code_cell(
            "show()",
            outputs=[
                nbformat.v4.new_output(
                    "display_data",
                    {"text/html": f"<table><tr><td>{text}</td></tr></table>", "text/plain": text},
                ),
                nbformat.v4.new_output(
                    "display_data", {"image/png": PICTURE, "text/plain": "a figure"}
                ),
            ],
        ),
    ]
    return nbformat.writes(
        nbformat.v4.new_notebook(
            cells=cells, metadata={"papermill": {"output_path": "/home/me/run.ipynb"}}
        )
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's files that the site is made of, with one finished report of `mini`."""
    shutil.copytree(
        ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("made", "__pycache__")
    )
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    for name, done in (("00_study", True), ("30_transfer", False)):
        folder = tmp_path / "outputs" / "mini" / "report" / name
        folder.mkdir(parents=True)
        (folder / results.NOTEBOOK).write_text(
            executed(f"found in {name} of /home/me/outputs/mini"), encoding="utf-8"
        )
        if done:
            (folder / results.RESULT).write_text("{}", encoding="utf-8")
    shutil.copy(ROOT / "outputs" / "README.md", tmp_path / "outputs")
    return tmp_path


@pytest.mark.slow
@pytest.mark.release
def test_the_whole_site(project):
    """Strict: a warning is an error, and so is a link without an end. No page fetches anything from
    elsewhere or names a folder."""
    program, *arguments = recipe("docs")
    assert program == "sphinx-build" and {"-W", "--keep-going"} <= set(arguments)
    call = [sys.executable, "-m", "sphinx", *arguments]
    done = subprocess.run(
        call,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (project / "jupyter_execute").exists()
    site = project / "site"
    assert checked_links.broken(site, str(project)) == []
    report = (site / "made" / "reports" / "00_study.html").read_text(encoding="utf-8")
    assert "found in 00_study" in report and "/home/me" not in report and "<img" in report
    assert not (site / "made" / "reports" / "30_transfer.html").exists(), (
        "a report that did not end is not shown"
    )
    start = (site / "index.html").read_text(encoding="utf-8")
    pages = [
        page
        for page in (ROOT / "docs").rglob("*.md")
        if page.name != "index.md" and "made" not in page.parts
    ]
    assert all(
        page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() in start for page in pages
    )
    assert all(
        (site / "made" / "reference" / f"{name}.html").is_file()
        for names in reference_pages.floors(ROOT)
        for name in names
    )
    assert "seed of this run" in (site / "made" / "parameters.html").read_text(encoding="utf-8")
    assert "The content of params/" in (site / "made" / "reference" / "study.html").read_text(
        encoding="utf-8"
    )
    lessons = (site / "lessons.html").read_text(encoding="utf-8")
    for path in (ROOT / "notebooks" / "lessons").glob("*.ipynb"):
        assert f"{path.stem}.html" in lessons


def page(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"<html><body>{body}</body></html>", encoding="utf-8")


def test_links_without_an_end_are_named(tmp_path):
    page(
        tmp_path,
        "a.html",
        '<h1 id="top">A</h1><a href="b.html#there">b</a> <a href="#top">up</a> <a href="https://example.org/x">elsewhere</a>',
    )
    page(
        tmp_path,
        "b.html",
        '<p id="there">B</p><img src="data:image/png;base64,AAAA"><a href="a.html">a</a>',
    )
    assert checked_links.broken(tmp_path) == []
    page(
        tmp_path,
        "c.html",
        '<a href="d.html">d</a><a href="b.html#nowhere">b</a><img src="no.png"><script src="https://cdn.example/x.js"></script>',
    )
    found = checked_links.broken(tmp_path)
    for word in (
        "d.html: no such file",
        "b.html#nowhere: no such anchor",
        "no.png: no such file",
        "fetches https://cdn.example/x.js",
    ):
        assert sum(word in sentence for sentence in found) == 1, word
    assert len(found) == 4
    page(tmp_path, "c.html", "made in /home/me/xstilts")
    assert checked_links.broken(tmp_path, "/home/me") == ["c.html names a folder of this machine"]


def test_docstrings_are_plain_text_with_lists_of_fields():
    text = ["A line with a `name`, `two words`, a *", "and under_ scores_.", "", "    code()"]
    expected = [
        r"A line with a `name`, ``two words``, a \* and under\_ scores\_.",
        "",
        "::",
        "",
        "    code()",
        "",
    ]
    assert plain_docstrings.restructured(text) == expected
    fields = ["added: the languages", "beside those before. split: not one", "first, last: bounds"]
    expected = [
        ":added: the languages beside those before. split: not one",
        ":first, last: bounds",
        "",
    ]
    assert plain_docstrings.restructured(fields) == expected
    columns = ["cells       figures of cells", "panels, more   small *multiples*"]
    assert plain_docstrings.restructured(columns) == [
        ":cells: figures of cells",
        r":panels, more: small \*multiples\*",
        "",
    ]
    assert plain_docstrings.restructured(["- one `a`", "- two"]) == ["- one `a`", "- two", ""]
    assert plain_docstrings.restructured(["Two words: no field."]) == ["Two words: no field.", ""]


def test_a_report_says_nothing_of_the_machine_that_made_it(project):
    study = Study.load(str(ROOT / "params" / "mini.yaml"), str(project / "outputs"))
    found = notebook_pages.pages(project, study)
    made = nbformat.reads(found["reports/00_study.ipynb"], as_version=4)
    assert "papermill" not in made.metadata and made.cells[1].source.strip() == 'study = "mini"'
    assert all(
        "hide-input" in cell.metadata.tags for cell in made.cells if cell.cell_type == "code"
    )
    assert "reports/30_transfer.ipynb" not in found
    assert (
        "reports/00_study" in found["reports.md"]
        and "`30_transfer`" in found["reports.md"]
        and "xstilts run mini" in found["reports.md"]
    )


def test_reports_on_kept_runs_are_shown_where_there_are_any(project, monkeypatch):
    assert "None are kept" in notebook_pages.kept_pages()["kept.md"] or references()
    monkeypatch.setattr(notebook_pages, "references", lambda: ["measured"])
    monkeypatch.setattr(
        Study,
        "load",
        lambda name: load(str(ROOT / "params" / "mini.yaml"), str(project / "outputs")),
    )
    found = notebook_pages.kept_pages()
    assert "kept/measured" in found["kept.md"] and "measured/00_study" in found["kept/measured.md"]
    assert (
        "found in 00_study" in found["kept/measured/00_study.ipynb"]
        and "kept/measured/30_transfer.ipynb" not in found
    )


def test_lessons_and_their_notes_are_picked_up(tmp_path):
    folder = tmp_path / "notebooks" / "lessons"
    (folder / "notes").mkdir(parents=True)
    assert (
        "no lessons"
        in notebook_pages.pages(tmp_path, Study.load("mini", str(tmp_path)))["parts/lessons.md"]
    )
    (folder / "L1_words.ipynb").write_text(executed("x"), encoding="utf-8")
    (folder / "notes" / "L1_words.md").write_text("# Notes", encoding="utf-8")
    found = notebook_pages.pages(tmp_path, Study.load("mini", str(tmp_path)))
    assert {"lessons/L1_words.ipynb", "lessons/notes/L1_words.md"} <= found.keys()
    before, after = found["parts/lessons.md"].split("For instructors:")
    assert "made/lessons/L1_words" in before and "made/lessons/notes/L1_words" in after


def test_the_reference_has_every_module_once():
    made = reference_pages.module_pages(ROOT)
    documented = re.findall(r"automodule:: xstilts_core\.(\S+)", "\n".join(made.values()))
    files = [
        path.relative_to(ROOT / "xstilts_core").with_suffix("")
        for path in (ROOT / "xstilts_core").rglob("*.py")
    ]
    names = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert sorted(documented) == sorted(names - {"__init__", "__main__"})


def test_pictures_of_concepts_are_drawn_in_colors_that_can_be_told_apart(tmp_path):
    concept_figures.write(Study.load("quick"), tmp_path / "figures")
    for name in ("phases", "zero_shot", "gain"):
        picture = (tmp_path / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert "<path" in picture and "<text" not in picture, "letters are outlines"
    gain = (tmp_path / "figures" / "gain.svg").read_text(encoding="utf-8")
    assert "#0072b2" in gain and "#d55e00" in gain
