"""Turn notebooks into pages of the site: the executed reports of a study, and the unexecuted
lessons."""

import re
from pathlib import Path

import nbformat

from xstilts_core import results
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references

# A path before outputs/ belongs to the machine that ran the study.
PLACE = re.compile(r"(?:/[\w.+-]+)+/(?=outputs/)")
# A report's table is beside it in outputs/, not on the site. Quotes are escaped in a notebook.
FILE = re.compile(r'<a href=\\"[\w-]+\.csv\\">([\w-]+\.csv)</a>')
# The folder that the runner sets for a report does not help readers.
FOLDER = re.compile(r"^folder = .*\n?", re.MULTILINE)


def pages(project: Path, study: Study) -> dict[str, str]:
    """Return texts by path below docs/made/: finished reports of `study` with a page about their
    origin, and lessons with their notes."""
    texts = report_pages(study, "reports") | kept_pages()
    lessons = project / "notebooks" / "lessons"
    lesson_notebooks, notes = sorted(lessons.glob("*.ipynb")), sorted(lessons.glob("*/*.md"))
    texts |= {
        f"lessons/{path.name}": nbformat.writes(python(path.read_text(encoding="utf-8")))
        for path in lesson_notebooks
    }
    texts |= {
        f"lessons/{path.relative_to(lessons)}": path.read_text(encoding="utf-8") for path in notes
    }
    for_instructors = [
        f"made/lessons/{path.relative_to(lessons).with_suffix('')}" for path in notes
    ]
    for_instructors += [
        f"lessons/{path.stem}" for path in sorted(project.glob("docs/lessons/*.md"))
    ]
    texts["parts/lessons.md"] = lesson_list(
        [f"made/lessons/{path.stem}" for path in lesson_notebooks], for_instructors
    )
    return texts


def report_pages(study: Study, place: str) -> dict[str, str]:
    """Return the finished reports of a study below `place`, and their page <place>.md."""
    root = study.root / "report"
    reports = [
        name
        for name in study.reports
        if (root / name / results.RESULT).is_file() and (root / name / results.NOTEBOOK).is_file()
    ]
    texts = {f"{place}/{name}.ipynb": report(root / name / results.NOTEBOOK) for name in reports}
    return {**texts, f"{place}.md": reports_page(study, reports, Path(place).name)}


def kept_pages() -> dict[str, str]:
    """Return the reports of the studies with runs in reference/, and a page that lists all of
    them."""
    texts, names = {}, references()
    for name in names:
        texts |= report_pages(Study.load(name), f"kept/{name}")
    listing = (
        toctree([f"kept/{name}" for name in names])
        if names
        else "None are kept in `reference/` yet."
    )
    return {**texts, "kept.md": f"# Runs that are kept in git\n\n{listing}\n"}


def lesson_list(pupils: list[str], instructors: list[str]) -> str:
    """Return the list on the page about lessons."""
    if not pupils:
        return "`notebooks/lessons/` has no lessons yet.\n"
    lists = [toctree(pupils), *(["For instructors:", toctree(instructors)] if instructors else [])]
    return "\n\n".join([*lists, ""])


def toctree(names: list[str]) -> str:
    return "\n".join(["```{toctree}", ":maxdepth: 1", "", *names, "```"])


def python(text: str) -> nbformat.NotebookNode:
    """Return a notebook with the language of its code, which a notebook that was never run may
    lack."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata.setdefault("language_info", {"name": "python", "pygments_lexer": "ipython3"})
    return notebook


def report(path: Path) -> str:
    """Return an executed notebook without the machine's folders and with its code folded."""
    text = path.read_text(encoding="utf-8")
    notebook = python(FILE.sub(r"\1", PLACE.sub("", text)))
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = FOLDER.sub("", cell.source)
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
    return nbformat.writes(notebook)


def reports_page(study: Study, reports: list[str], folder: str) -> str:
    """Return a page with the existing reports, which are in this folder beside it, and, if some are
    missing, how to create them."""
    missing = ", ".join(f"`{name}`" for name in study.reports if name not in reports)
    lines = [f"# Reports of `{study.name}`", "", study.title, ""]
    if reports:
        lines += [
            "Executed notebooks of a finished study, as its run left them; the code is folded.",
            "",
        ]
        lines += [toctree([f"{folder}/{name}" for name in reports]), ""]
    if missing:
        lines += [
            f"These reports did not exist when this site was built: {missing}. To create them:",
            "",
            "```bash",
            f"xstilts run {study.name}",
            "make docs",
            "```",
            "",
            "`xstilts notebook` with its name creates a single report from the finished runs.",
        ]
    return "\n".join([*lines, ""])
