"""Generate docs/made/ before a build reads the pages: pictures of concepts, the reference, and
reports and lessons as pages."""

import shutil
from pathlib import Path

import concept_figures
import notebook_pages
import reference_pages
from myst_nb.sphinx_ext import OUTPUT_FOLDER
from sphinx.application import Sphinx

from xstilts_core.data.source import Embedded
from xstilts_core.study import Study

PICTURED = "mini"
ITEM_TASK = "xnli"


def make(app: Sphinx) -> None:
    """Write docs/made/ from scratch."""
    source = Path(app.srcdir)
    project, target = source.parent, source / "made"
    shutil.rmtree(target, ignore_errors=True)
    study = Study.load(PICTURED)
    concept_figures.write(study, target / "figures")
    suite = Embedded()
    codes = suite.languages(ITEM_TASK, "test")
    items = {code: suite.load(ITEM_TASK, "test", code)[0] for code in codes}
    write(target / "parts" / "same_item.md", reference_pages.item_table(items))
    write(target / "commands.md", reference_pages.commands_page())
    write(target / "parameters.md", reference_pages.parameters_page())
    for name, text in reference_pages.module_pages(project).items():
        write(target / "reference" / f"{name}.md", text)
    for name, text in notebook_pages.pages(project, study).items():
        write(target / name, text)


def tidy(app: Sphinx, exception: Exception | None) -> None:
    """Remove the pictures of notebooks that myst-nb leaves beside the site, which has its own
    copies."""
    shutil.rmtree(Path(app.outdir).parent / OUTPUT_FOLDER, ignore_errors=True)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", make)
    app.connect("build-finished", tidy)
    return {"parallel_read_safe": True}
