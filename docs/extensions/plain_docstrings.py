"""Convert the package's docstrings, plain text with backticks, to the reStructuredText that autodoc
reads."""

import re
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
# `name: text` and `name, other: text`, the format of fields and arguments in the package's
# docstrings.
FIELD = re.compile(r"(?P<names>[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*): (?P<text>\S.*)")
# `name      text`: the contents of a package, in columns.
COLUMNS = re.compile(r"(?P<names>[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*) {2,}(?P<text>\S.*)")
ITEM = re.compile(r"(- |\d+\. )")


def quoted(text: str) -> str:
    """Format words in backticks as code and escape all other text, so that no character has a
    special meaning."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(code(part) if number % 2 else escaped(part) for number, part in enumerate(parts))


def code(part: str) -> str:
    """Turn a name in backticks into a link if the reference has it; show other code unchanged."""
    return part if IDENTIFIER.fullmatch(part[1:-1]) else f"`{part}`"


def escaped(text: str) -> str:
    return re.sub(r"([\\*|`]|(?<=\w)_(?=\W|$)|(?<!\w)_(?=\w))", r"\\\1", text)


def rows(block: list[str], shape: re.Pattern[str]) -> list[str]:
    """Convert a block whose rows begin with names to a list of fields; other lines continue the row
    before them."""
    fields: list[str] = []
    for line in block:
        row = shape.fullmatch(line)
        if row:
            fields.append(f":{escaped(row['names'])}: {quoted(row['text'])}")
        else:
            fields[-1] += f" {quoted(line.strip())}"
    return fields


def paragraph(block: list[str]) -> list[str]:
    """Convert one paragraph of a docstring."""
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
    """Convert the lines of a docstring, without its common indentation, to reStructuredText."""
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
    """Skip members that pydantic and matplotlib add to a class: they are not the package's, and
    their docstrings have another format."""
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
