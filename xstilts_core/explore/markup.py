"""Fill in the HTML templates of the views. What they show of the data is escaped by `text.plain`.

Color is never a cell's only cue.
"""

from functools import cache
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.colors import to_hex

from xstilts_core.explore import text
from xstilts_core.languages import LANGUAGES
from xstilts_core.phases.learnt import marked
from xstilts_core.report.figures.style import NOTHING, diverging, ink_on
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import decimals, ends, signed, told


@cache
def _colors() -> tuple[str, ...]:
    """Return the CSS of the color scale from the largest loss to the largest gain: purple, white,
    orange, each with a text color of sufficient contrast."""
    colormap = diverging()
    return tuple(
        f"background:{to_hex(color)};color:{ink_on(color)}" for color in colormap(range(colormap.N))
    )


def paint(value: float, limit: float) -> str:
    """Return the CSS of a cell; values beyond the limit get the outermost colors."""
    if pd.isna(value):
        return f"background:{NOTHING}"
    steps = _colors()
    return steps[min(max(int((value / limit + 1) / 2 * len(steps)), 0), len(steps) - 1)]


def language_name(code: str) -> str:
    """Return a language's name with its code, such as German (de)."""
    return f"{LANGUAGES[code].name} ({code})" if code in LANGUAGES else code


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    finalize=text.plain,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals.update(
    decimals=decimals,
    ends=ends,
    language_name=language_name,
    marked=marked,
    name=text.name,
    note=text.note,
    paint=paint,
    passage=text.passage,
    signed=signed,
    tasks=TASKS,
    told=told,
)
TEMPLATES.tests["missing"] = pd.isna


def render(template: str, **values: object) -> Markup:
    """Return a file of templates/, filled in with the values, as HTML."""
    return Markup(TEMPLATES.get_template(template).render(values))


def plain_table(table: pd.DataFrame) -> Markup:
    """Return any small table as HTML without its index, with numbers aligned to the right."""
    return render("table.html", columns=table.columns, rows=table.itertuples(index=False))
