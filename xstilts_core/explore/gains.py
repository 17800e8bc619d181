"""Show the gain matrix (recipe x target) and each cell's languages, seeds and test items.

`Gains` holds the choices and makes the HTML without widgets; `gain_view` adds the controls.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Thread

import ipywidgets
import pandas as pd
from markupsafe import Markup

from xstilts_core.analysis.items import ItemScores
from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore import controls
from xstilts_core.explore.index import FACTS, SCOPES, Choice, fact
from xstilts_core.explore.items import item_cards
from xstilts_core.explore.markup import render
from xstilts_core.explore.page import Page, problem
from xstilts_core.explore.predictions import CHANGES, LOST, Compared
from xstilts_core.explore.reader import DRAWS, Reader
from xstilts_core.explore.text import note
from xstilts_core.report.figures.cells import scale
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import counted
from xstilts_core.wording.text import sentences

_OFF, _SEEDS, SEEDS_ITEMS = "off", "over seeds", "over seeds and items"
_INTERVALS = (_OFF, _SEEDS, SEEDS_ITEMS)
_ITEMS_SHOWN = 10
# Key of a button -> by how many items it moves on.
_STEPS = {"page:next": _ITEMS_SHOWN, "page:back": -_ITEMS_SHOWN}


@dataclass
class Gains:
    """The state of the view: the choice, the opened cell ("recipe/task"), its opened language and
    seed ("language/seed"), "" for none, the kind of change, and the first item shown."""

    reader: Reader
    choice: Choice = field(default_factory=Choice)
    intervals: str = _OFF
    with_controls: bool = False
    cell: str = ""
    spot: str = ""
    change: str = LOST
    first: int = 0

    @property
    def items(self) -> ItemScores | None:
        """Return the resampled items if the intervals should cover them."""
        if self.intervals not in _INTERVALS:
            raise unknown("interval", self.intervals, _INTERVALS)
        return self.reader.items if self.intervals == SEEDS_ITEMS else None

    def _shown(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table of gains without its intervals if these are switched off."""
        return table.assign(low=None, high=None) if self.intervals == _OFF else table

    def matrix(self) -> Markup:
        """Return the matrix as HTML. Raise UsageError if it would be empty."""
        study, index = self.reader.study, self.reader.index
        hidden = () if self.with_controls else study.controls
        table = index.matrix(self.choice, self.items, hidden)
        if table["gain"].isna().all():
            message = (
                f"{study.name}: no recipe has a gain over {self.choice.baseline} "
                "in the chosen languages and tasks yet"
            )
            if hidden and index.matrix(self.choice)["gain"].notna().any():
                message += ", but controls have one: switch on 'controls too'"
            raise UsageError(message)
        scores = index.baseline(self.choice)
        recipes = {*table["recipe"], self.choice.baseline}
        unlearnt = {key: line for key, line in self.reader.unlearnt.items() if key in recipes}
        rows = self._shown(table).groupby("recipe", sort=False)
        return render(
            "matrix.html",
            scores=scores,
            rows=[(recipe, cells.itertuples()) for recipe, cells in rows],
            limit=scale(table["gain"]),
            unlearnt=unlearnt,
            learnt=sentences("unlearnt", unlearnt=unlearnt),
            reason=partial(index.reason, choice=self.choice),
            view=self,
            seeds=counted(int(table["seeds"].max()), "seed"),
            languages=sorted(index.draws(self.choice).languages),
            draws=DRAWS,
        )

    @property
    def opened(self) -> tuple[str, str]:
        """Return recipe and task of the opened cell; "" without one."""
        recipe, _, task = self.cell.rpartition("/")
        return recipe, task

    def open(self, key: str) -> None:
        """Open the cell of the matrix with the key "recipe/task"; "" closes it."""
        self.cell, self.spot, self.first = key, "", 0

    def languages(self) -> Markup:
        """Return the languages and seeds of the opened cell as HTML."""
        if not self.cell:
            return note("Choose a cell above for its languages and seeds.")
        table = self.reader.index.by_language(*self.opened, self.choice, self.items)
        rows = self._shown(table).to_dict("records")
        return render("languages.html", view=self, rows=rows, limit=scale(table["gain"]))

    def open_items(self, key: str) -> None:
        """Open the items of the language and seed with the key "language/seed". The kind of change
        stays the same if there are such items; otherwise it becomes the first kind that occurs."""
        self.spot, self.first = key, 0
        with suppress(UsageError):  # the error is shown in place of the items
            changes = {item.change for item in self.compared()}
            kinds = (kind for kind in (self.change, *CHANGES) if kind in changes)
            self.change = next(kinds, self.change)

    def compared(self) -> list[Compared]:
        """Return every item of the opened language and seed."""
        if not self.spot:
            raise UsageError("no language and seed is chosen yet")
        (recipe, task), (language, seed) = self.opened, self.spot.split("/")
        return self.reader.compared(task, language, int(seed), self.choice.baseline, recipe)

    def select(self, key: str) -> None:
        """Select a kind of change, or go to the next or previous items."""
        if key in CHANGES:
            self.change, self.first = key, 0
        else:
            self.first = max(0, self.first + _STEPS.get(key, 0))

    def flips(self) -> Markup:
        """Return HTML with the opened language and seed's items that changed in the chosen way."""
        if not self.cell:
            return Markup()
        if not self.spot:
            return note("Choose the gain of one seed for the test items behind it.")
        (recipe, task), (language, _) = self.opened, self.spot.split("/")
        items = self.compared()
        selected = [item for item in items if item.change == self.change]
        shown = selected[self.first : self.first + _ITEMS_SHOWN]
        try:
            texts = self.reader.texts(task, language)
            cards = item_cards(shown, texts, (self.choice.baseline, recipe))
        except UsageError as error:
            cards = problem(UsageError(f"the texts cannot be shown: {error}"))
        return render(
            "flips.html",
            view=self,
            counts=Counter(item.change for item in items),
            changes=CHANGES,
            cards=cards,
            page_size=_ITEMS_SHOWN,
        )


def _warm(reader: Reader, task: str) -> None:
    """Read a task's texts ahead of time. Errors are ignored, because showing the texts reports
    them."""
    codes = TASKS[task].languages_of(reader.study.benchmark)
    with suppress(UsageError):
        reader.texts(task, next(code for code in reader.index.axes.languages if code in codes))


def gain_view(reader: Reader) -> ipywidgets.Widget:
    """Return the matrix with its controls; its cells open languages, seeds and items."""
    state, index = Gains(reader), reader.index
    axes = index.axes
    baseline = controls.dropdown(
        "baseline", axes.recipes, BASELINE if BASELINE in axes.recipes else axes.recipes[0]
    )
    metric = controls.dropdown("metric", index.metrics)
    intervals = controls.dropdown(
        "95 % intervals", _INTERVALS, _SEEDS if len(axes.seeds) > 1 else _OFF
    )
    others = controls.switch(
        "controls too", False, "also show the controls: random weights, hidden texts"
    )
    filters = {"scope": controls.dropdown("languages", SCOPES)}
    for key in FACTS:
        values = sorted({fact(code, key) for code in axes.languages})
        filters[key] = controls.dropdown(key.replace("_", " "), values, "", "all")
    kinds = sorted({TASKS[task].kind for task in axes.tasks})
    filters["kind"] = controls.dropdown("kind of task", kinds, "", "all")

    def draw() -> None:
        values = {key: box.value for key, box in filters.items()}
        state.choice = Choice(baseline=baseline.value, metric=metric.value, **values)
        state.intervals, state.with_controls = intervals.value, others.value
        if state.opened[0] == baseline.value:  # it has no gain over itself
            state.open("")
        if state.intervals == SEEDS_ITEMS and not reader.has_items:
            matrix.html = note("Reading and resampling all predictions, once: some seconds ...")
        matrix.show(state.matrix)
        show_cell()

    def show_cell() -> None:
        matrix.pressed, languages.pressed, items.pressed = state.cell, state.spot, state.change
        languages.show(state.languages)
        items.show(state.flips)

    def open_cell(key: str) -> None:
        # The texts are read while the person looks at the languages.
        then_show(state.open, key)
        Thread(target=_warm, args=(reader, state.opened[1]), daemon=True).start()

    def then_show(act: Callable[[str], None], key: str) -> None:
        act(key)
        show_cell()

    matrix = Page(open_cell)
    languages, items = (Page(partial(then_show, act)) for act in (state.open_items, state.select))
    controls.on_change(draw, baseline, metric, intervals, others, *filters.values())
    draw()
    top = controls.row(baseline, metric, intervals, others)
    return controls.column(top, controls.row(*filters.values()), matrix, languages, items)
