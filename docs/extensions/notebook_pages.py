"""Notebooks as pages of the site: the executed reports of a study, and the lessons as they
stand."""

import re
from pathlib import Path

import nbformat

from xstilts_core import results
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references

# A folder in front of outputs/ belongs to the machine that ran the study.
PLACE = re.compile(r"(?:/[\w.+-]+)+/(?=outputs/)")
# The folder that the runner gave a report says nothing to a reader.
FOLDER = re.compile(r"^folder = .*\n?", re.MULTILINE)


def pages(project: Path, study: Study) -> dict[str, str]:
    """Path below docs/made/ -> text: finished reports of `study`, a page on where they come from;
    lessons and their notes."""
    found = report_pages(study, "reports") | kept_pages()
    lessons = project / "notebooks" / "lessons"
    pupils, notes = sorted(lessons.glob("*.ipynb")), sorted(lessons.glob("*/*.md"))
    found |= {
        f"lessons/{path.name}": nbformat.writes(python(path.read_text(encoding="utf-8")))
        for path in pupils
    }
    found |= {
        f"lessons/{path.relative_to(lessons)}": path.read_text(encoding="utf-8") for path in notes
    }
    for_instructors = [
        f"made/lessons/{path.relative_to(lessons).with_suffix('')}" for path in notes
    ]
    for_instructors += [
        f"lessons/{path.stem}" for path in sorted(project.glob("docs/lessons/*.md"))
    ]
    found["parts/lessons.md"] = lesson_list(
        [f"made/lessons/{path.stem}" for path in pupils], for_instructors
    )
    return found


def report_pages(study: Study, place: str) -> dict[str, str]:
    """The finished reports of a study below `place`, and the page <place>.md on them."""
    root = study.root / "report"
    reports = [
        name
        for name in study.reports
        if (root / name / results.RESULT).is_file() and (root / name / results.NOTEBOOK).is_file()
    ]
    found = {f"{place}/{name}.ipynb": report(root / name / results.NOTEBOOK) for name in reports}
    return {**found, f"{place}.md": reports_page(study, reports, Path(place).name)}


def kept_pages() -> dict[str, str]:
    """The reports of the studies whose runs are kept in reference/, and a page with all of
    these."""
    found, names = {}, references()
    for name in names:
        found |= report_pages(Study.load(name), f"kept/{name}")
    listed = (
        toctree([f"kept/{name}" for name in names])
        if names
        else "None are kept in `reference/` yet."
    )
    return {**found, "kept.md": f"# Runs that are kept in git\n\n{listed}\n"}


def lesson_list(pupils: list[str], instructors: list[str]) -> str:
    """The part of the page on lessons that lists them."""
    if not pupils:
        return "There are none in `notebooks/lessons/` yet.\n"
    lists = [toctree(pupils), *(["For instructors:", toctree(instructors)] if instructors else [])]
    return "\n\n".join([*lists, ""])


def toctree(names: list[str]) -> str:
    return "\n".join(["```{toctree}", ":maxdepth: 1", "", *names, "```"])


def python(text: str) -> nbformat.NotebookNode:
    """A notebook that says in which language its code is: one that was never run may not."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata.setdefault("language_info", {"name": "python", "pygments_lexer": "ipython3"})
    return notebook


def report(path: Path) -> str:
    """An executed notebook without the machine's folders, its code folded."""
    notebook = python(PLACE.sub("", path.read_text(encoding="utf-8")))
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = FOLDER.sub("", cell.source)
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
    return nbformat.writes(notebook)


def reports_page(study: Study, reports: list[str], folder: str) -> str:
    """The reports there are, in this folder beside the page, and, where some are missing, how they
    are made."""
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
            f"Not here, because this site was built where they had not been made: {missing}. They are made by",
            "",
            "```bash",
            f"xstilts run {study.name}",
            "make docs",
            "```",
            "",
            "and a single one, from the runs that are finished, by `xstilts notebook` with its name.",
        ]
    return "\n".join([*lines, ""])
