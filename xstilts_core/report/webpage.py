"""Build one self-contained HTML page from a study's executed report notebooks, code hidden.

`python -m xstilts_core.report.webpage STUDY` writes outputs/<study>/report/index.html. Figures are
embedded and nothing is loaded from elsewhere. If the study consists of several studies, its page
has the question of each, the answers found by its reports, and a link to its own page.
"""

import argparse
import html
import json
import os
import re
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs.notebook import skip_address_grammar
from xstilts_core.study import Study

PAGE = "index.html"
# The id of the cell of a report notebook that says how its numbers were made.
METHOD = "method"
_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 0 auto; }
body { max-width: 72rem; padding: 1.5rem; overflow-wrap: break-word; } a { color: #0b57a4; }
h1, h2, h3 { line-height: 1.25; } nav a { margin-right: 1.2rem; } a.anchor-link { display: none; }
img, svg { max-width: 100%; height: auto; } pre { overflow-x: auto; background: #f6f8fa; }
pre { padding: .6rem .8rem; border-radius: 4px; }
.jp-OutputArea-output, .jp-RenderedHTMLCommon { overflow-x: auto; } code { background: #f6f8fa; }
table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; }
table { font-variant-numeric: tabular-nums; } th:first-child, td:first-child { text-align: left; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #d8dee4; }
thead th { border-bottom: 2px solid #57606a; } .state { color: #57606a; }
details { margin: .4rem 0; } summary { cursor: pointer; color: #57606a; }
section { border-top: 1px solid #d8dee4; margin-top: 2rem; padding-top: .5rem; }
.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"] { color: #8a1c1c; }
@media (max-width: 40rem) { body { padding: .8rem; } h1 { font-size: 1.45rem; } }
@media (max-width: 40rem) { .full img { min-width: 38rem; } }
@media print { picture, tr { break-inside: avoid; } }
@media print { body { font-size: 10pt; max-width: none; padding: 0; } nav { display: none; } }
@media print { h2, h3 { break-after: avoid; } }
"""


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


def part(study: Study, folder: Path) -> str:
    """Return the section of one study of several: its question, its progress and its answers. Links
    are relative to the page's `folder`."""
    done = sum(found.state == "done" for found in results.states(study.specs))
    state = (
        f"{done} of {len(study.specs)} runs done"
        if study.specs
        else f"published scores ({study.published})"
    )
    page = study.root / "report" / PAGE
    address = html.escape(quote(os.path.relpath(page, folder)))
    link = f'<a href="{address}">reports</a>' if page.is_file() else "no reports yet"
    lines = [f'<section id="{study.name}">', f"<h2>{html.escape(study.title)}</h2>"]
    lines.append(f'<p class="state">{html.escape(f"{study.name}: {state}")}; {link}</p>')
    found = {name: text for name in study.reports if (text := answer(study, name))}
    for name, text in found.items():
        lines += [f'<h3><a href="{address}#{name}">{name}</a></h3>', markdown(text)]
    lines += [] if found else ["<p>No answer yet.</p>"]
    return "\n".join([*lines, "</section>"])


def build(study: Study) -> Path:
    """Write a study's page and return its path; raise UsageError if no report was executed."""
    title = html.escape(f"{study.name}: {study.title}")
    path = study.root / "report" / PAGE
    if study.parts:
        links = " ".join(
            f'<a href="#{quote(member.name)}">{member.name}</a>' for member in study.members
        )
        sections = "\n".join(part(member, path.parent) for member in study.members)
    else:
        links, sections = reports(study)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    top = f'<!doctype html>\n<html lang="en"><head>{head}</head>'
    results.write_text(
        path, f"{top}<body>\n<h1>{title}</h1>\n<nav>{links}</nav>\n{sections}\n</body></html>\n"
    )
    return path


def reports(study: Study) -> tuple[str, str]:
    """Return the links to, and the sections of, the executed report notebooks, in the study's
    order. Raise UsageError if there are none."""
    executed = [(name, study.root / "report" / name / results.NOTEBOOK) for name in study.reports]
    present = [(name, path) for name, path in executed if path.is_file()]
    if not present:
        raise UsageError(
            f"{study.root / 'report'}: no executed report notebook ({', '.join(study.reports)}): "
            "run the study first"
        )
    links = " ".join(f'<a href="#{name}">{name}</a>' for name, _ in present)
    return links, "\n".join(
        f'<section id="{name}">\n{body(path)}\n</section>' for name, path in present
    )


def main(arguments: list[str] | None = None) -> int:
    """Write a study's page from the command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m xstilts_core.report.webpage", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "study", metavar="STUDY", help="name of a study in params/, or path of its YAML file"
    )
    parser.add_argument(
        "--outputs",
        default="outputs",
        metavar="DIR",
        help="folder that contains <study>/ (default: outputs)",
    )
    parser.add_argument(
        "--data-root",
        default="",
        metavar="DIR",
        help="folder of the original data files, for studies with `source: files`",
    )
    options = parser.parse_args(arguments)
    try:
        print(build(Study.load(options.study, options.outputs, options.data_root)))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
