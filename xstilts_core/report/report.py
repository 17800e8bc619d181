"""What the report notebooks share: a report reads a study's finished runs, shows figures, folded
tables and an answer, and leaves their files in a folder of its own."""

import html
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure

from xstilts_core import analysis
from xstilts_core.analysis.items import ItemScores
from xstilts_core.phases import learnt
from xstilts_core.report.figures.files import finish, report_folder, save, save_table
from xstilts_core.report.figures.style import COLUMN
from xstilts_core.study import Study
from xstilts_core.wording.numbers import counted
from xstilts_core.wording.text import sentences

_MOST_PRINTED_ROWS = 25
# Longer cells of a table are words, not numbers.
_MOST_LETTERS = 24


class Report:
    """A report notebook at work.

    notebook: its name, which names its folder too. folder: another folder for its files. A report
    reads results only, so any folder may be the data root of a study of local files.
    """

    def __init__(
        self,
        study: str,
        notebook: str,
        outputs: str = "outputs",
        data_root: str = "",
        folder: str = "",
    ) -> None:
        self.study = Study.load(study, outputs, data_root or ".")
        self.notebook = notebook
        self.folder = report_folder(self.study, notebook, folder)
        self.answers: list[str] = []

    @cached_property
    def runs(self) -> pd.DataFrame:
        return analysis.runs(self.study)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores of the finished runs of all recipes, without controls."""
        return analysis.contenders(analysis.finished(self.study), self.study.controls)

    @cached_property
    def items(self) -> ItemScores:
        return analysis.item_scores(self.study)

    @cached_property
    def draws(self) -> analysis.Gains:
        return analysis.gain_draws(self.scores, self.items, targets=self.study.targets)

    @cached_property
    def unlearnt(self) -> Mapping[str, str]:
        """The recipes that did not learn in phase 2, each with a sentence."""
        return learnt.unlearnt(self.study)

    @cached_property
    def source(self) -> str:
        """The runs behind the figures, for their notes."""
        return sentences("origin", study=self.study, runs=self.runs)

    def open(self, words: str = "", missing: pd.DataFrame | None = None) -> None:
        """Show the study's title, how much of it is done, and what is missing: the unfinished runs,
        unless `missing` is given, which is saved too."""
        save_table(self.runs, self.folder, "runs")
        if missing is not None:
            save_table(missing, self.folder, "missing")
        remarks = "" if words else sentences("remarks", **analysis.remarks(self.study))
        words = words or sentences("headline", states=self.runs)
        missing = analysis.unfinished(self.runs) if missing is None else missing
        done = f"{(self.runs['state'] == 'done').sum()} of {len(self.runs)} runs done"
        summary = f"{self.study.name}: {done if len(self.runs) else 'published scores'}"
        # The page folds a text with a summary, as it folds the method. Warnings stay visible.
        display(Markdown(f"**{self.study.title}**\n\n{words}"), metadata={"summary": summary})
        if remarks:
            display(Markdown(remarks))
        self.show(missing, "what is missing")

    @property
    def several_seeds(self) -> bool:
        """Whether there are gains with more than one seed."""
        return len(self.draws.seeds) > 1

    def table(self, frame: pd.DataFrame, name: str, title: str = "", digits: int = 1) -> None:
        """Save a table as CSV and LaTeX, and show it folded, rounded to `digits`, if it has a
        title. Recipes that did not learn in phase 2 have a dagger."""
        save_table(frame, self.folder, name, digits)
        if title:
            self.show(frame, title, digits, name)

    def show(self, frame: pd.DataFrame, title: str, digits: int = 1, name: str = "") -> None:
        """Show a table folded, unless it is empty. name: of its file, if it is saved. A named index
        is a column; a missing value is a dash."""
        if frame.empty:
            return
        marked = analysis.dagger(self.unlearnt, frame)
        title = html.escape(f"{title[:1].upper()}{title[1:]}")
        file = f', <a href="{name}.csv">{name}.csv</a>' if name else ""
        summary = f"<summary>{title} ({counted(len(frame), 'row')}{file})</summary>"
        # The page prints a short table, and of a long one its title alone. Words begin on the left.
        table = (marked.reset_index() if marked.index.name else marked).round(digits)
        longest = table.astype(str).apply(lambda column: column.str.len().max())
        kinds = [f"words{number}" for number, size in enumerate(longest, 1) if size > _MOST_LETTERS]
        kinds += ["long"] if len(table) > _MOST_PRINTED_ROWS else []
        cells = table.to_html(index=False, border=0, na_rep="\N{EN DASH}", justify="left")
        display(HTML(f'<details class="{" ".join(kinds)}">{summary}{cells}</details>'))

    def figure(
        self,
        name: str,
        draw: Callable[..., Figure],
        *data: object,
        narrow: bool = True,
        **options: object,
    ) -> None:
        """Draw a figure at full width, show and save it, and save another at column width if
        `narrow`, which the page shows on phones. If there is nothing to draw, show the reason."""
        options = {"source": self.source, **options}
        full = draw(*data, **options)
        save(full, self.folder, name)
        if narrow:
            save(draw(*data, **{**options, "width": COLUMN}), self.folder, f"{name}_column")
        if full.axes:
            display(full, metadata={"figure": name, "wide": bool(full.get_figwidth() > 5)})
        else:
            display(Markdown(f"*{' '.join(full.texts[0].get_text().split())}.*"))

    def figures(self, name: str, draw: Callable[..., Figure], data: pd.DataFrame, by: str) -> None:
        """Draw a figure for each value of the column `by`, which `draw` takes too; save each as
        <name>_<value>."""
        for value in dict.fromkeys(data[by]):
            self.figure(f"{name}_{value}", draw, data, value, narrow=False)

    def say(self, template: str, answer: bool = True, **values: Any) -> None:
        """Show the sentences of a template of `wording/templates/`, filled in with these values.
        answer: they are (part of) the report's answer, which is also on the page of a study of
        several studies."""
        text = sentences(template, **values)
        self.answers += [text] if answer else []
        if text:
            display(Markdown(text))

    def finish(self) -> None:
        """Write result.json, which marks the report as done."""
        finish(self.folder, self.notebook, "\n\n".join(self.answers))
