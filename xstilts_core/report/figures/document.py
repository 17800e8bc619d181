"""Write a report's tables and figures as one LaTeX document (compile with `pdflatex paper.tex`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from xstilts_core.analysis.rebuilt import PaperTable
from xstilts_core.report.figures.files import latex, save_table
from xstilts_core.results import write_text

_DOCUMENT = "paper.tex"
HEAD = r"""\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
% Outline fonts instead of bitmaps, if they are installed.
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{rotating}
\sloppy
% {table}{height}: shrink a table that is wider than the line or taller than the height.
\newcommand{\fitted}[2]{%
  \resizebox*{!}{\ifdim\totalheight>#2 #2\else\totalheight\fi}{%
    \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{\input{#1}}}}
"""


# Characters that fit on a line of an upright page.
_LINE_CHARACTERS = 110


def _line_length(table: PaperTable) -> int:
    """Return the number of characters in a line made of each column's widest cell."""
    columns = [(name, table.frame[name]) for name in table.frame]
    return sum(
        3 + max([len(str(name)), *(len(str(value)) for value in cells)]) for name, cells in columns
    )


def save_tables(tables: Mapping[str, PaperTable], folder: Path) -> list[Path]:
    """Call `save_table` for each table, under its name; return the paths."""
    return [
        path for name, table in tables.items() for path in save_table(table.frame, folder, name)
    ]


def environment(kind: str, body: Sequence[str], caption: str, label: str) -> list[str]:
    """Return the lines of a float: `kind` is table, sidewaystable or figure."""
    ending = [rf"\caption{{{latex(caption, 1)}}}", rf"\label{{{label}}}"]
    return [rf"\begin{{{kind}}}[htbp]", r"\centering", *body, *ending, rf"\end{{{kind}}}", ""]


def save_document(
    folder: Path,
    title: str,
    tables: Mapping[str, PaperTable],
    pictures: Mapping[str, str],
    note: str,
) -> Path:
    """Write <folder>/paper.tex, which includes the folder's tables and figures; return its path.

    pictures: name of a figure saved there -> its caption. note: the numbers' origin, below the
    title.
    """
    lines = [
        HEAD,
        rf"\title{{{latex(title, 1)}}}",
        r"\author{}",
        r"\date{}",
        r"\begin{document}",
        r"\maketitle",
        "",
        latex(note, 1),
        "",
    ]
    for name, table in tables.items():
        kind, height = (
            ("table", r"\textheight")
            if _line_length(table) <= _LINE_CHARACTERS
            else ("sidewaystable", r"\textwidth")
        )
        body = [r"\small", rf"\fitted{{{name}}}{{0.85{height}}}"]
        lines += environment(kind, body, table.caption, f"tab:{name}")
    for name, text in pictures.items():
        lines += environment("figure", [rf"\includegraphics{{{name}}}"], text, f"fig:{name}")
    path = folder / _DOCUMENT
    write_text(path, "\n".join([*lines, r"\end{document}", ""]))
    return path
