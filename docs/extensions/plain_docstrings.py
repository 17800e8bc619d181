"""The package's docstrings, plain text with backticks, as the reStructuredText that autodoc
reads."""

import re
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
# `name: what it is` and `name, other: what they are`, as the package's docstrings list fields and
# arguments.
FIELD = re.compile(r"(?P<names>[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*): (?P<text>\S.*)")
# `name      what it is`: the contents of a package, in columns.
COLUMNS = re.compile(r"(?P<names>[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*) {2,}(?P<text>\S.*)")
ITEM = re.compile(r"(- |\d+\. )")


def quoted(text: str) -> str:
    """Words in backticks as code, all else as it stands: no character has a meaning of its own."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(code(part) if place % 2 else escaped(part) for place, part in enumerate(parts))


def code(part: str) -> str:
    """A name in backticks becomes a link where the reference has it; other code is shown as it
    is."""
    return part if IDENTIFIER.fullmatch(part[1:-1]) else f"`{part}`"


def escaped(text: str) -> str:
    return re.sub(r"([\\*|`]|(?<=\w)_(?=\W|$)|(?<!\w)_(?=\w))", r"\\\1", text)


def rows(block: list[str], shape: re.Pattern[str]) -> list[str]:
    """A block whose rows begin with names, as a list of fields; lines in between go on with the row
    before them."""
    found: list[str] = []
    for line in block:
        row = shape.fullmatch(line)
        if row:
            found.append(f":{escaped(row['names'])}: {quoted(row['text'])}")
        else:
            found[-1] += f" {quoted(line.strip())}"
    return found


def paragraph(block: list[str]) -> list[str]:
    """One paragraph of a docstring."""
    if all(line.startswith("    ") for line in block):
        return ["::", "", *block]
    if COLUMNS.fullmatch(block[0]):
        return rows(block, COLUMNS)
    if FIELD.fullmatch(block[0]) and " " not in block[0].split(":")[0].replace(", ", ","):
        return rows(block, FIELD)
    if ITEM.match(block[0]):
        return [quoted(line) for line in block]
    return [quoted(" ".join(line.strip() for line in block))]


def restructured(lines: list[str]) -> list[str]:
    """The lines of a docstring, without its common indentation, as reStructuredText."""
    blocks = [
        list(block) for filled, block in groupby(lines, lambda line: bool(line.strip())) if filled
    ]
    return [line for block in blocks for line in (*paragraph(block), "")]


def process(
    app: Sphinx, what: str, name: str, subject: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = restructured(lines)


def skip(
    app: Sphinx, what: str, name: str, subject: Any, skipped: bool, options: Any
) -> bool | None:
    """What pydantic and matplotlib put into a class is not the package's: their own docstrings are
    in their own words."""
    module = getattr(subject, "__module__", None)
    return (
        True
        if name.startswith("model_") or (module and not module.startswith("xstilts_core"))
        else None
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
