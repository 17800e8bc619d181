"""Build one self-contained HTML page from a study's executed report notebooks, code hidden.

The page is outputs/<study>/report/index.html; its look, also in print, is in report_page.html.j2.
Figures are embedded and nothing is loaded from elsewhere. If the study consists of several studies,
its page has the question of each, the answers found by its reports, and a link to its own page.
"""

import html
import json
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs.notebook import skip_address_grammar
from xstilts_core.study import Study
from xstilts_core.wording.text import page

PAGE = "index.html"
# The id of the cell of a report notebook that says how its numbers were made.
METHOD = "method"


def body(notebook: Path) -> str:
    """Convert a notebook's Markdown and outputs to HTML, without code, with embedded images, and
    with the cell METHOD folded. Links to tables lead from the page to the report's folder."""
    skip_address_grammar()
    import nbformat
    from nbconvert import HTMLExporter

    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if cell.get("id") == METHOD:
            head, _, text = cell.source.partition("\n")
            # Without empty lines, so that Markdown takes it as one block of HTML.
            lines = [line for line in markdown(text).splitlines() if line.strip()]
            title = head.removeprefix("## ")
            cell.source = "\n".join([f"<details><summary>{title}</summary>", *lines, "</details>"])
        for output in cell.get("outputs", []):
            metadata = output.get("metadata", {})
            if summary := metadata.get("summary"):
                text = markdown(output["data"]["text/markdown"])
                folded = f"<details><summary>{html.escape(summary)}</summary>{text}</details>"
                output["data"] = {"text/html": folded}
            if name := metadata.get("figure"):
                output["data"] = {"text/html": _picture(output, notebook.parent, name)}

    exporter = HTMLExporter(
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.embed_images = True
    text, _ = exporter.from_notebook_node(content)
    folder = notebook.parent.name
    return re.sub(r'href="([\w-]+\.csv)"', rf'href="{folder}/\1"', text)


def _picture(output: dict, folder: Path, name: str) -> str:
    """Return a figure as HTML, with the one at column width, if there is one, for phones."""
    column, source = folder / f"{name}_column.png", ""
    if column.is_file():
        data = b64encode(column.read_bytes()).decode("ascii")
        source = f'<source media="(max-width: 40rem)" srcset="data:image/png;base64,{data}">'
    picture = "".join(output["data"]["image/png"].split())
    image = f'<img alt="figure: {name}" src="data:image/png;base64,{picture}">'
    scrolls = output["metadata"]["wide"] and not source
    return f'<picture class="{"full" if scrolls else ""}">{source}{image}</picture>'


def markdown(text: str) -> str:
    """Convert Markdown to HTML; HTML within the Markdown is escaped and shown as text."""
    skip_address_grammar()
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    return MarkdownWithMath(renderer=IPythonRenderer(escape=True)).render(text)


def answer(study: Study, name: str) -> str:
    """Return a report's answer in Markdown, which its last cell wrote to result.json. Return "" if
    the report has no answer or has not run."""
    try:
        content = json.loads(
            (study.root / "report" / name / results.RESULT).read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return ""
    return str(content.get("answer", ""))


def _part(study: Study, folder: Path) -> dict[str, Any]:
    """Return the section of one study of several: its question, its progress and its answers. Links
    are relative to the page's `folder`."""
    done = sum(run.state == "done" for run in results.states(study.specs))
    own_page = study.root / "report" / PAGE
    answers = {name: answer(study, name) for name in study.reports}
    return {
        "name": study.name,
        "title": study.title,
        "state": f"{done} of {len(study.specs)} runs done"
        if study.specs
        else f"published scores ({study.published})",
        "address": quote(os.path.relpath(own_page, folder)),
        "present": own_page.is_file(),
        "answers": {name: markdown(text) for name, text in answers.items() if text},
    }


def build(study: Study) -> Path:
    """Write a study's page and return its path; raise UsageError if no report was executed."""
    path = study.root / "report" / PAGE
    if study.parts:
        sections = [_part(member, path.parent) for member in study.members]
    else:
        notebooks = {name: path.parent / name / results.NOTEBOOK for name in study.reports}
        sections = [
            {"name": name, "html": body(notebook)}
            for name, notebook in notebooks.items()
            if notebook.is_file()
        ]
        if not sections:
            raise UsageError(
                f"{path.parent}: no executed report notebook ({', '.join(study.reports)}): "
                "run the study first"
            )
    links = [section["name"] for section in sections]
    title = f"{study.name}: {study.title}"
    text = page("report_page.html.j2", title=title, links=links, sections=sections)
    results.write_text(path, f"{text}\n")
    return path
