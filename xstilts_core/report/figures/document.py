"""A report's tables and figures as one LaTeX document that can be compiled as it stands: `pdflatex
paper.tex` in its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from xstilts_core.analysis.rebuilt import PaperTable
from xstilts_core.report.figures.files import latex, save_table
from xstilts_core.results import write_text

_DOCUMENT = "paper.tex"
HEAD = r"""\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
% Outlines instead of bitmaps, where they are installed.
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{rotating}
\sloppy
% {table}{height}: a table that is wider than the line, or higher than that, is made smaller.
\newcommand{\fitted}[2]{%
  \resizebox*{!}{\ifdim\totalheight>#2 #2\else\totalheight\fi}{%
    \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{\input{#1}}}}
"""


# Letters that fit side by side on an upright page.
_UPRIGHT = 110


def _breadth(table: PaperTable) -> int:
    """Letters of the widest cells, side by side."""
    columns = [(name, table.frame[name]) for name in table.frame]
    return sum(
        3 + max([len(str(name)), *(len(str(value)) for value in cells)]) for name, cells in columns
    )


def save_tables(tables: Mapping[str, PaperTable], folder: Path) -> list[Path]:
    """`save_table` for each, under its name."""
    return [
        path for name, table in tables.items() for path in save_table(table.frame, folder, name)
    ]


def environment(kind: str, body: Sequence[str], caption: str, label: str) -> list[str]:
    """The lines of a float: table, sidewaystable or figure."""
    below = [rf"\caption{{{latex(caption, 1)}}}", rf"\label{{{label}}}"]
    return [rf"\begin{{{kind}}}[htbp]", r"\centering", *body, *below, rf"\end{{{kind}}}", ""]


def save_document(
    folder: Path,
    title: str,
    tables: Mapping[str, PaperTable],
    pictures: Mapping[str, str],
    note: str,
) -> Path:
    """Write <folder>/paper.tex, which takes in the tables and the figures of this folder by their
    names; returns its path.

    pictures: name of a figure that was saved there -> its caption. note: where all of it comes
    from, below the title.
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
            if _breadth(table) <= _UPRIGHT
            else ("sidewaystable", r"\textwidth")
        )
        body = [r"\small", rf"\fitted{{{name}}}{{0.85{height}}}"]
        lines += environment(kind, body, table.caption, f"tab:{name}")
    for name, text in pictures.items():
        lines += environment("figure", [rf"\includegraphics{{{name}}}"], text, f"fig:{name}")
    path = folder / _DOCUMENT
    write_text(path, "\n".join([*lines, r"\end{document}", ""]))
    return path
