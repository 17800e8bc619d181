"""Write a report's files: figures as PDF, SVG and PNG, tables as CSV and LaTeX, a LaTeX document of
both, and last result.json, which lists them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from xstilts_core.analysis.rebuilt import PaperTable
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.report.figures.style import DOTS, PrintFigure, look
from xstilts_core.results import RESULT, write_text
from xstilts_core.study import Study
from xstilts_core.wording.text import page

KINDS = ("pdf", "svg", "png")
_TABLES = ("csv", "tex")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        # These print as other characters in LaTeX's default font encoding (without fontenc).
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        # After the end of a row, a bracket would begin an optional argument.
        "[": "{[}",
        "\N{MINUS SIGN}": "$-$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "\N{GREEK SMALL LETTER RHO}": r"$\rho$",
        "\N{DAGGER}": r"$\dagger$",
    }
)
# pdflatex stops at any character other than Latin letters and this punctuation.
_LATIN, _PUNCTUATION = "\u0180", "\u2013\u2014\u2018\u2019\u201c\u201d\u2026"
# Columns with longer cells (in characters) get a fixed width and line breaks.
_LONG_CELL = 50

# A hyphen before a number that is not within a word.
_MINUS_SIGN = re.compile(r"(?<![\w.$])-(?=\d)")
# Characters that fit on a line of an upright page.
_LINE_CHARACTERS = 110


def report_folder(study: Study, notebook: str, folder: str = "") -> Path:
    """Return the folder for a report notebook's files; create it if necessary.

    It is `folder` (absolute, or relative to the project) or, if that is empty,
    outputs/<study>/report/<notebook>/.
    """
    path = home() / folder if folder else study.root / "report" / _check_name(notebook)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _check_name(name: str) -> str:
    """Return `name`; raise UsageError if it would leave the folder or has its own suffix."""
    if not name or not all(letter.isalnum() or letter in "_-" for letter in name):
        raise UsageError(f"file name {name!r}: use only letters, digits, _ and -, without a suffix")
    return name


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write <folder>/<name>.pdf, .svg and .png at print size (300 dots per inch) with embedded
    fonts; return the paths.

    Files carry no date, so that the same numbers give the same files.
    """
    paths = [folder / f"{_check_name(name)}.{kind}" for kind in KINDS]
    with look():
        # Compute the layout once for all files. It takes longer than drawing, and with a layout
        # engine each savefig would draw the figure once more.
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        for path, metadata in zip(
            paths, ({"CreationDate": None}, {"Date": None}, None), strict=True
        ):
            figure.savefig(path, dpi=DOTS, metadata=metadata, facecolor="white")
    if isinstance(figure, PrintFigure):
        figure.printed = paths[-1]
    return paths


def latex(value: object, digits: int) -> str:
    """Format a value as a cell of a LaTeX table: numbers rounded, text escaped, NaN as a dash. A
    character that pdflatex lacks is replaced by its code point, such as U+4E2D."""
    if isinstance(value, float):
        return "--" if pd.isna(value) else f"${round(value, digits) + 0.0:.{digits}f}$"
    text = _MINUS_SIGN.sub("$-$", " ".join(str(value).split()).translate(_LATEX))
    return "".join(letter if is_set(letter) else f"(U+{ord(letter):04X})" for letter in text)


def is_set(letter: str) -> bool:
    """Return whether pdflatex can print the character without further packages."""
    return letter.isprintable() and (letter < _LATIN or letter in _PUNCTUATION)


def save_table(frame: pd.DataFrame, folder: Path, name: str, digits: int = 1) -> list[Path]:
    """Write <folder>/<name>.csv (full precision) and .tex (booktabs, rounded to `digits`, special
    characters escaped); return the paths.

    A named index becomes the first column.
    """
    table = frame.reset_index() if frame.index.name else frame
    paths = [folder / f"{_check_name(name)}.{kind}" for kind in _TABLES]
    write_text(paths[0], table.to_csv(index=False))
    numbers = set(table.select_dtypes("number"))
    lengths = {key: text.str.len().max() for key, text in table.astype(str).items()}
    kinds = {key: "p{50mm}" if lengths[key] > _LONG_CELL else "l" for key in table}
    columns = "".join("r" if key in numbers else kinds[key] for key in table)
    head, *body = (
        " & ".join(latex(value, digits) for value in row) + r" \\"
        for row in (table.columns, *table.itertuples(index=False, name=None))
    )
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    write_text(paths[1], "\n".join(lines) + "\n")
    return paths


def save_document(
    folder: Path,
    title: str,
    tables: Mapping[str, PaperTable],
    pictures: Mapping[str, str],
    note: str,
) -> Path:
    """Write the tables, and a document <folder>/paper.tex that includes them and the folder's
    figures (compile with `pdflatex paper.tex`); return its path.

    pictures: name of a figure saved there -> its caption. note: the numbers' origin, below the
    title.
    """
    floats = []
    for name, table in tables.items():
        save_table(table.frame, folder, name)
        texts = [table.frame[column].astype(str) for column in table.frame]
        length = sum(3 + max([len(text.name), *text.str.len()]) for text in texts)
        upright = length <= _LINE_CHARACTERS
        kind, height = ("table", r"\textheight") if upright else ("sidewaystable", r"\textwidth")
        body = rf"\small\fitted{{{name}}}{{0.85{height}}}"
        floats.append((kind, body, latex(table.caption, 1), f"tab:{name}"))
    floats += [
        ("figure", rf"\includegraphics{{{name}}}", latex(caption, 1), f"fig:{name}")
        for name, caption in pictures.items()
    ]
    text = page("paper.tex.j2", title=latex(title, 1), note=latex(note, 1), floats=floats)
    path = folder / "paper.tex"
    write_text(path, f"{text}\n")
    return path


def finish(folder: Path, notebook: str, answer: str = "") -> dict[str, object]:
    """Write result.json, which lists the folder's files and marks the report as done; return its
    content.

    answer: the report's answer in Markdown, shown on the page of a study of several studies.
    """
    files = sorted(path.name for path in folder.iterdir() if path.suffix[1:] in (*KINDS, *_TABLES))
    content: dict[str, object] = {"phase": "report", "notebook": notebook, "files": files}
    if answer:
        content["answer"] = answer
    write_text(folder / RESULT, json.dumps(content, indent=1) + "\n")
    return content
