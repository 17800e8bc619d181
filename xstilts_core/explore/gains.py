"""The gain matrix: recipe x target, and behind each cell its languages, seeds and test items.

`Gains` holds what is chosen and makes the HTML; it works without any widget. `gain_view` puts
controls around it.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Thread

import ipywidgets

from xstilts_core.analysis.intervals import NO_ITEMS
from xstilts_core.analysis.items import ItemScores
from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore import controls
from xstilts_core.explore.index import FACTS, PRIMARY, SCOPES, Choice, GainIndex, fact
from xstilts_core.explore.items import item_cards
from xstilts_core.explore.page import Page
from xstilts_core.explore.predictions import CHANGES, LOST, Compared
from xstilts_core.explore.reader import DRAWS, Reader
from xstilts_core.explore.tables import SEPARATOR, language_name, language_table, matrix_table
from xstilts_core.explore.text import name, plain
from xstilts_core.phases import learnt
from xstilts_core.report.figures.style import several as seeds_in_words
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS

_OFF, SEEDS, SEEDS_ITEMS = "off", "over seeds", "over seeds and items"
_INTERVALS = (_OFF, SEEDS, SEEDS_ITEMS)
_ITEMS_SHOWN = 10
MORE, _FEWER = "page:next", "page:back"


@dataclass
class Gains:
    """What is looked at: the choice, the opened cell, its language and seed, the kind of change,
    the first item shown."""

    reader: Reader
    choice: Choice = field(default_factory=Choice)
    intervals: str = _OFF
    with_controls: bool = False
    cell: tuple[str, str] | None = None
    spot: tuple[str, int] | None = None
    change: str = LOST
    first: int = 0

    @property
    def index(self) -> GainIndex:
        return self.reader.index

    @property
    def items(self) -> ItemScores:
        """The resampled items, where intervals shall cover them."""
        if self.intervals not in _INTERVALS:
            raise unknown("interval", self.intervals, _INTERVALS)
        return self.reader.items if self.intervals == SEEDS_ITEMS else NO_ITEMS

    def matrix(self) -> str:
        """The matrix as HTML. UsageError where it would be empty."""
        without = () if self.with_controls else self.reader.study.controls
        table = self.index.matrix(self.choice, self.items, without)
        if table["gain"].isna().all():
            raise UsageError(self.nothing(bool(without)))
        if self.intervals == _OFF:
            table = table.assign(low=float("nan"), high=float("nan"))
        base, note = self.index.baseline(self.choice), self.note(table["seeds"].max())
        unlearnt = {
            recipe: line
            for recipe, line in self.reader.unlearnt.items()
            if recipe in {*table["recipe"], self.choice.baseline}
        }
        note = " ".join(filter(None, [note, learnt.note(unlearnt)]))
        return matrix_table(
            table,
            base,
            self.choice.baseline,
            note,
            partial(self.index.reason, choice=self.choice),
            unlearnt,
        )

    def nothing(self, hidden: bool) -> str:
        """Why there is no gain to show. hidden: controls are left out."""
        words = f"{self.reader.study.name}: no recipe has a gain over {self.choice.baseline} in the chosen languages and tasks yet"
        others = self.index.matrix(self.choice) if hidden else None
        return (
            words
            if others is None or others["gain"].isna().all()
            else f"{words}, but controls have: switch on 'controls too'"
        )

    def note(self, seeds: float) -> str:
        """What the numbers are means of, and what the boxes mean."""
        codes = sorted(self.index.draws(self.choice).languages)
        metric = "each task's own metric" if self.choice.metric == PRIMARY else self.choice.metric
        means = f"mean over {seeds_in_words([seeds])} and, as far as a task has them, {', '.join(codes)}"
        words = f"Gains over {self.choice.baseline} in points of {metric}; {means}."
        if self.intervals == _OFF:
            return f"{words} Without intervals nobody knows which of these would be the same with other seeds: switch them on."
        over = f"seeds and test items ({DRAWS} draws; none of items where another metric is chosen)"
        return f"{words} Boxed: the 95 % interval over {over if self.intervals == SEEDS_ITEMS else 'seeds'} excludes 0."

    def open(self, key: str) -> None:
        """Open a cell of the matrix, "recipe/task"."""
        recipe, _, task = key.rpartition(SEPARATOR)
        self.cell, self.spot, self.first = (recipe, task), None, 0

    def close(self) -> None:
        """Close the cell, as when its recipe has become the baseline: it has no gain over
        itself."""
        self.cell, self.spot, self.first = None, None, 0

    def languages(self) -> str:
        """The languages and seeds of the opened cell as HTML."""
        if self.cell is None:
            return '<p class="xs-note">Choose a cell above for its languages and seeds.</p>'
        recipe, task = self.cell
        table = self.index.by_language(recipe, task, self.choice, self.items)
        if self.intervals == _OFF:
            table = table.assign(low=float("nan"), high=float("nan"))
        title = f"{name(recipe)} on {name(TASKS[task].title)}, by language and seed, beside {name(self.choice.baseline)}"
        return language_table(table, title)

    def open_items(self, key: str) -> None:
        """Open the items of a language and seed, "language/seed": of the kind looked at before, or
        of the first kind that there is."""
        language, _, seed = key.rpartition(SEPARATOR)
        self.spot, self.first = (language, int(seed)), 0
        with suppress(UsageError):  # said where the items are shown
            found = {item.change for item in self.compared()}
            self.change = next(
                (kind for kind in (self.change, *CHANGES) if kind in found), self.change
            )

    def compared(self) -> list[Compared]:
        """Every item of the opened language and seed."""
        if self.cell is None or self.spot is None:
            raise UsageError("no language and seed is chosen yet")
        return self.reader.compared(self.cell[1], *self.spot, self.choice.baseline, self.cell[0])

    def select(self, key: str) -> None:
        """A kind of change, or the next or previous items."""
        if key in CHANGES:
            self.change, self.first = key, 0
        else:
            self.first = max(
                0, self.first + {MORE: _ITEMS_SHOWN, _FEWER: -_ITEMS_SHOWN}.get(key, 0)
            )

    def flips(self) -> str:
        """The items of the opened language and seed that changed in the chosen way, as HTML."""
        if self.cell is None:
            return ""
        if self.spot is None:
            return (
                '<p class="xs-note">Choose the gain of one seed for the test items behind it.</p>'
            )
        (recipe, task), (language, seed) = self.cell, self.spot
        found = self.compared()
        counts = Counter(item.change for item in found)
        kept = [item for item in found if item.change == self.change]
        shown = kept[self.first : self.first + _ITEMS_SHOWN]
        try:
            cards = item_cards(
                shown, self.reader.texts(task, language), (self.choice.baseline, recipe)
            )
        except UsageError as error:
            cards = f'<p class="xs-error">the texts cannot be shown: {plain(error)}</p>'
        title = f"{name(TASKS[task].title)} in {name(language_name(language))}, seed {seed}: {len(found):,} items"
        choices = "".join(
            _choice_part(kind, f"{kind}: {counts[kind]:,}", kind == self.change) for kind in CHANGES
        )
        return f"<h3>{title}</h3>{KEY}<div class='xs-choices' role='group'>{choices}</div>{cards}{self.pager(len(kept))}"

    def pager(self, count: int) -> str:
        """Which items these are, with the ways on and back."""
        if count <= _ITEMS_SHOWN:
            return ""
        back = _choice_part(_FEWER, "previous", False) if self.first else ""
        more = _choice_part(MORE, "next", False) if self.first + _ITEMS_SHOWN < count else ""
        words = f"{self.first + 1} to {min(count, self.first + _ITEMS_SHOWN)} of {count:,}"
        return f'<div class="xs-choices">{back}<span>{words}</span>{more}</div>'


KEY = (
    '<p class="xs-note">Marks: <mark class="xs-gold">what is right</mark>, <mark class="xs-before">the baseline\'s answer</mark>, '
    "<mark class=\"xs-after\">the recipe's answer</mark>. Right means right in full: every tag, the answer's exact words.</p>"
)


READING = '<p class="xs-note">Reading and resampling every prediction, once: some seconds ...</p>'


def _choice_part(key: str, label: str, pressed: bool) -> str:
    """A small button of a page."""
    return f'<button type="button" data-key="{plain(key)}" aria-pressed="{str(pressed).lower()}">{plain(label)}</button>'


def facts(index: GainIndex, key: str) -> list[str]:
    """The values of a fact that the study's languages have."""
    return sorted({fact(code, key) for code in index.languages})


def warm(reader: Reader, task: str) -> None:
    """Read the texts of a task before they are asked for; what is wrong with them is said then."""
    with suppress(UsageError):
        reader.texts(
            task,
            next(
                code
                for code in reader.index.languages
                if code in TASKS[task].languages_of(reader.study.benchmark)
            ),
        )


def gain_view(reader: Reader) -> ipywidgets.Widget:
    """The matrix with its controls; cells open languages, seeds and items."""
    state, index = Gains(reader), reader.index
    baseline = controls.dropdown(
        "baseline", index.recipes, BASELINE if BASELINE in index.recipes else index.recipes[0]
    )
    metric = controls.dropdown("metric", index.metrics)
    intervals = controls.dropdown(
        "95 % intervals", _INTERVALS, SEEDS if len(index.seeds) > 1 else _OFF
    )
    scope = controls.dropdown("languages", SCOPES)
    filters = {
        key: controls.dropdown(key.replace("_", " "), facts(index, key), "", "all") for key in FACTS
    }
    kinds = controls.dropdown(
        "kind of task", sorted({TASKS[task].kind for task in index.tasks}), "", "all"
    )
    others = controls.switch(
        "controls too", False, "also show the controls: random weights, hidden texts"
    )
    matrix, languages, items = Page(), Page(), Page()

    def draw() -> None:
        kept = {key: part.value for key, part in filters.items()}
        state.choice = Choice(baseline.value, metric.value, scope.value, kind=kinds.value, **kept)
        state.intervals, state.with_controls = intervals.value, others.value
        if state.cell and state.cell[0] == baseline.value:
            state.close()
            matrix.pressed = languages.pressed = ""
        if state.intervals == SEEDS_ITEMS and not reader.has_items:
            matrix.html = READING
        matrix.show(state.matrix)
        languages.show(state.languages)
        items.show(state.flips)

    def open_cell(key: str) -> None:
        state.open(key)
        # The texts are read while the person looks at the languages.
        Thread(target=warm, args=(reader, state.cell[1]), daemon=True).start()
        matrix.pressed, languages.pressed = key, ""
        languages.show(state.languages)
        items.show(state.flips)

    def open_items(key: str) -> None:
        state.open_items(key)
        languages.pressed, items.pressed = key, state.change
        items.show(state.flips)

    def select(key: str) -> None:
        state.select(key)
        items.pressed = state.change
        items.show(state.flips)

    matrix.on_choice(open_cell)
    languages.on_choice(open_items)
    items.on_choice(select)
    items.pressed = state.change
    controls.on_change(draw, baseline, metric, intervals, scope, kinds, others, *filters.values())
    draw()
    top = controls.row(baseline, metric, intervals, others)
    return controls.column(
        top, controls.row(scope, *filters.values(), kinds), matrix, languages, items
    )
