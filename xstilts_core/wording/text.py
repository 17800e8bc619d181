"""Fill in the templates of `templates/`: pages (*.md.j2, cards and the page of tasks;
*.page.j2, what a command prints), sentences (*.txt.j2, the answers of reports), and the notes below
figures (figure_notes.j2).

A table (DataFrame) is given to a template as the list of its rows. A name that a template lacks is
an error, not an empty text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from xstilts_core.languages import LANGUAGES
from xstilts_core.wording import numbers


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        {
            name: getattr(numbers, name)
            for name in ("number", "whole", "gain", "interval", "counted", "span", "spent")
        },
        median=median,
        language_name=_language_name,
        markdown_table=markdown_table,
    )
    environment.filters.update(prose=prose, largest=_largest, language_name=_language_name)
    environment.tests.update(known=_is_known, clear=_is_clear)
    return environment


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def page(template: str, **values: Any) -> str:
    """Return a filled-in template. Several empty lines become one."""
    text = _environment().get_template(template).render(_as_rows(values)).strip()
    return re.sub(r"\n{3,}", "\n\n", text)


def _as_rows(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with each table as the list of its rows."""
    return {
        name: list(value.itertuples()) if hasattr(value, "itertuples") else value
        for name, value in values.items()
    }


def prose(text: str) -> str:
    """Return the paragraphs of a text, each in one line, whatever its lines were.

    A pilcrow (¶) begins a paragraph, "- " at the beginning of a line an item of a list. A space
    before a closing mark is dropped, so that the mark may be on a line of its own in a template.
    """
    paragraphs = re.sub(r"\s+(?=[.,;:)](?:[\s.,;:)*]|$))", "", text).split("¶")
    items = (re.split(r"\n(?=- )", paragraph) for paragraph in paragraphs)
    lines = ("\n".join(filter(None, (" ".join(item.split()) for item in group))) for group in items)
    return "\n\n".join(filter(None, lines)) + "\n"


def sentences(name: str, **values: Any) -> str:
    """Return the text of <name>.txt.j2: a paragraph or several, in Markdown."""
    return prose(page(f"{name}.txt.j2", **values)).strip()


def note(figure: str, **values: Any) -> str:
    """Return the note below a figure, from the macro of figure_notes.j2 that is named after it."""
    macros = _environment().get_template("figure_notes.j2").module
    return prose(getattr(macros, figure)(**_as_rows(values))).strip()


def _language_name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def _largest(rows: Iterable[Any], attribute: str, digits: int = 12) -> list[Any]:
    """Return rows by the size of a number of theirs, whatever its sign, the largest first. Numbers
    that are equal when rounded to `digits` keep their order."""
    return sorted(rows, key=lambda row: round(abs(getattr(row, attribute)), digits), reverse=True)


def _is_known(value: float) -> bool:
    """Return whether a number is not NaN."""
    return value == value


def _is_clear(row: Any) -> bool:
    """Return whether the interval of a row excludes 0."""
    return numbers.excludes_zero(row.low, row.high)
