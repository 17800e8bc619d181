"""Show gains as HTML tables with cells that can be chosen. Color is never a cell's only cue."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

import pandas as pd
from matplotlib.colors import to_hex

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.explore.text import name, plain
from xstilts_core.languages import LANGUAGES
from xstilts_core.phases.learnt import marked
from xstilts_core.report.figures.cells import decimals, ink_on, interval, scale, signed, told
from xstilts_core.report.figures.style import NOTHING, diverging
from xstilts_core.tasks import TASKS

SEPARATOR = "/"
_MISSING = "\N{EN DASH}"


@cache
def colors() -> tuple[str, ...]:
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
    steps = colors()
    return steps[min(max(int((value / limit + 1) / 2 * len(steps)), 0), len(steps) - 1)]


def _missing_cell(label: str, why: str) -> str:
    """Return a cell without a gain; its tooltip gives the reason."""
    return f'<td class="xs-missing" title="{plain(label)}: {plain(why)}">{_MISSING}</td>'


def gain_cell(key: str, label: str, gain: float, low: float, high: float, limit: float) -> str:
    """Return one cell with the gain and the interval below it, boxed if the interval excludes 0.
    key: "" for a cell that cannot be chosen."""
    significant = low > 0 or high < 0
    has_interval = pd.notna(low)
    digits = max(1, decimals(gain, low, high)) if has_interval else 1
    interval_html = f"<small>{interval(gain, low, high)}</small>" if has_interval else ""
    number = told(gain, low, high)
    title = f"{label}: {number} points"
    title += (
        f", 95 % interval {signed(low, digits)} to {signed(high, digits)}" if has_interval else ""
    )
    kind = "xs-gain xs-sure" if significant else "xs-gain"
    text = f"{number}{interval_html}"
    if key:
        text = (
            f'<button type="button" data-key="{plain(key)}" aria-pressed="false" '
            f'aria-label="{plain(title)}">{text}</button>'
        )
    return (
        f'<td class="{kind}" style="{paint(float(gain), limit)}" title="{plain(title)}">{text}</td>'
    )


def heading(text: str, title: str = "") -> str:
    return f'<th scope="col" title="{plain(title)}">{name(text)}</th>'


def legend(limit: float) -> str:
    """Return the color scale as text and five boxes."""
    boxes = "".join(
        f'<span style="{paint(step * limit, limit)}">{signed(step * limit)}</span>'
        for step in (-1.0, -0.5, 0.0, 0.5, 1.0)
    )
    return (
        '<p class="xs-legend" aria-hidden="true">points over the baseline: '
        f'<span class="xs-scale">{boxes}</span></p>'
    )


def matrix_table(
    table: pd.DataFrame,
    baseline: Mapping[str, float],
    baseline_name: str,
    note: str,
    why: Callable[[str, str], str],
    unlearnt: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return recipes (down) by targets (across) as HTML, from `GainIndex.matrix`; the first row has
    the baseline's scores in percent. Keys: recipe/task.

    why: (recipe, task) -> the reason why there is no gain. unlearnt: recipe -> what it did not
    learn; these recipes are marked, and the tooltip gives the text.
    """
    tasks = [task for task in baseline if task != AVERAGE]
    limit = scale(table["gain"])
    heads = "".join(heading(task, TASKS[task].title if task in TASKS else "") for task in tasks)
    scores = "".join(
        f"<td>{_MISSING if pd.isna(value) else f'{value:.1f}'}</td>" for value in baseline.values()
    )
    body = []
    for recipe, rows in groupby(table.itertuples(), attrgetter("recipe")):
        cells = []
        for row in rows:
            key, label = (
                "" if row.task == AVERAGE else f"{recipe}{SEPARATOR}{row.task}",
                f"{recipe} on {row.task}",
            )
            if pd.isna(row.gain):
                cells.append(_missing_cell(label, why(recipe, row.task)))
            else:
                cells.append(gain_cell(key, label, row.gain, row.low, row.high, limit))
        title = f' title="{plain(unlearnt[recipe])}"' if recipe in unlearnt else ""
        body.append(
            f'<tr><th scope="row"{title}>{name(marked(recipe, unlearnt))}</th>{"".join(cells)}</tr>'
        )
    top = (
        f'<thead><tr><th scope="col">recipe</th>{heads}<th scope="col">{AVERAGE}</th></tr></thead>'
    )
    base = (
        '<tr class="xs-baseline"><th scope="row">'
        f"{name(marked(baseline_name, unlearnt))} <small>score, %</small></th>{scores}</tr>"
    )
    table_html = f'<table class="xs-matrix">{top}<tbody>{base}{"".join(body)}</tbody></table>'
    return (
        f'<div class="xs-scroll">{table_html}</div>{legend(limit)}'
        f'<p class="xs-note">{plain(note)}</p>'
    )


def language_name(code: str) -> str:
    """Return a language's name with its code, such as German (de)."""
    return f"{LANGUAGES[code].name} ({code})" if code in LANGUAGES else code


def language_table(table: pd.DataFrame, title: str) -> str:
    """Return a row per language with the mean and a column per seed as HTML, from
    `GainIndex.by_language`. Keys: language/seed.

    Languages that the filters exclude from the mean are in italics.
    """
    seeds = [column for column in table.columns if column.startswith("seed")]
    limit = scale(table["gain"])
    heads = "".join(heading(f"seed {column[4:]}") for column in seeds)
    body = []
    for row in table.itertuples():
        label = language_name(row.language)
        cells = [
            f"<td>{row.baseline:.1f}</td>",
            gain_cell("", label, row.gain, row.low, row.high, limit),
        ]
        for column in seeds:
            key, seed_label, gain = (
                f"{row.language}{SEPARATOR}{column[4:]}",
                f"{label}, seed {column[4:]}",
                float(getattr(row, column)),
            )
            cell = gain_cell(key, seed_label, gain, float("nan"), float("nan"), limit)
            cells.append(
                _missing_cell(seed_label, "no finished runs of both with this seed")
                if pd.isna(gain)
                else cell
            )
        kind = "" if row.counted else ' class="xs-left-out"'
        body.append(
            f'<tr{kind}><th scope="row">{name(label)}</th>{"".join(cells)}<td>{row.n:,}</td></tr>'
        )
    top = (
        f"<tr>{heading('language')}{heading('baseline, %')}{heading('mean gain')}{heads}"
        f"{heading('items')}</tr>"
    )
    table_html = (
        f'<table class="xs-matrix"><thead>{top}</thead><tbody>{"".join(body)}</tbody></table>'
    )
    note = (
        ""
        if table["counted"].all()
        else '<p class="xs-note">In italics: left out of the mean by the filters above.</p>'
    )
    return f'<h3>{title}</h3><div class="xs-scroll">{table_html}</div>{note}'


def plain_table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str:
    """Return any small table as HTML, with all text escaped and numbers aligned to the right."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            return (
                '<td class="xs-number">'
                f"{_MISSING if pd.isna(value) else f'{value:.3g}'.replace('-', chr(0x2212))}</td>"
            )
        return f"<td{' class=xs-number' if isinstance(value, int) else ''}>{name(value)}</td>"

    headings = "".join(heading(column) for column in columns)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return (
        f'<div class="xs-scroll"><table class="xs-plain"><thead><tr>{headings}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
