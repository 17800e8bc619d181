"""Show the gain matrix (recipe x target) and each cell's languages, seeds and test items.

`Gains` holds the choices and makes the HTML without widgets; `gain_view` adds the controls.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Thread

import ipywidgets

from xstilts_core.analysis.items import NO_ITEMS, ItemScores
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
MORE, _PREVIOUS = "page:next", "page:back"


@dataclass
class Gains:
    """The state of the view: the choice, the opened cell, its language and seed, the kind of
    change, and the first item shown."""

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
        """Return the resampled items if the intervals should cover them, else NO_ITEMS."""
        if self.intervals not in _INTERVALS:
            raise unknown("interval", self.intervals, _INTERVALS)
        return self.reader.items if self.intervals == SEEDS_ITEMS else NO_ITEMS

    def matrix(self) -> str:
        """Return the matrix as HTML. Raise UsageError if it would be empty."""
        hidden_recipes = () if self.with_controls else self.reader.study.controls
        table = self.index.matrix(self.choice, self.items, hidden_recipes)
        if table["gain"].isna().all():
            raise UsageError(self.nothing(bool(hidden_recipes)))
        if self.intervals == _OFF:
            table = table.assign(low=float("nan"), high=float("nan"))
        scores, note = self.index.baseline(self.choice), self.note(table["seeds"].max())
        unlearnt = {
            recipe: line
            for recipe, line in self.reader.unlearnt.items()
            if recipe in {*table["recipe"], self.choice.baseline}
        }
        note = " ".join(filter(None, [note, learnt.note(unlearnt)]))
        return matrix_table(
            table,
            scores,
            self.choice.baseline,
            note,
            partial(self.index.reason, choice=self.choice),
            unlearnt,
        )

    def nothing(self, hidden: bool) -> str:
        """Explain why there is no gain to show. hidden: whether controls are left out."""
        sentence = (
            f"{self.reader.study.name}: no recipe has a gain over {self.choice.baseline} "
            "in the chosen languages and tasks yet"
        )
        all_gains = self.index.matrix(self.choice) if hidden else None
        return (
            sentence
            if all_gains is None or all_gains["gain"].isna().all()
            else f"{sentence}, but controls have one: switch on 'controls too'"
        )

    def note(self, seeds: float) -> str:
        """Describe what was averaged and what the boxes mean."""
        codes = sorted(self.index.draws(self.choice).languages)
        metric = "each task's own metric" if self.choice.metric == PRIMARY else self.choice.metric
        means = (
            f"mean over {seeds_in_words([seeds])} and, as far as a task has them, "
            f"{', '.join(codes)}"
        )
        sentence = f"Gains over {self.choice.baseline} in points of {metric}; {means}."
        if self.intervals == _OFF:
            return (
                f"{sentence} Switch on intervals to see which gains could change with other seeds."
            )
        covered = f"seeds and test items ({DRAWS} draws; seeds alone if another metric is chosen)"
        return (
            f"{sentence} Boxed: the 95 % interval over "
            f"{covered if self.intervals == SEEDS_ITEMS else 'seeds'} excludes 0."
        )

    def open(self, key: str) -> None:
        """Open the cell of the matrix with the key "recipe/task"."""
        recipe, _, task = key.rpartition(SEPARATOR)
        self.cell, self.spot, self.first = (recipe, task), None, 0

    def close(self) -> None:
        """Close the opened cell, for example if its recipe, now the baseline, has no gain over
        itself."""
        self.cell, self.spot, self.first = None, None, 0

    def languages(self) -> str:
        """Return the languages and seeds of the opened cell as HTML."""
        if self.cell is None:
            return '<p class="xs-note">Choose a cell above for its languages and seeds.</p>'
        recipe, task = self.cell
        table = self.index.by_language(recipe, task, self.choice, self.items)
        if self.intervals == _OFF:
            table = table.assign(low=float("nan"), high=float("nan"))
        title = (
            f"{name(recipe)} on {name(TASKS[task].title)}, by language and seed, "
            f"compared with {name(self.choice.baseline)}"
        )
        return language_table(table, title)

    def open_items(self, key: str) -> None:
        """Open the items of the language and seed with the key "language/seed". The kind of change
        stays the same if there are such items; otherwise it becomes the first kind that occurs."""
        language, _, seed = key.rpartition(SEPARATOR)
        self.spot, self.first = (language, int(seed)), 0
        with suppress(UsageError):  # the error is shown in place of the items
            changes = {item.change for item in self.compared()}
            self.change = next(
                (kind for kind in (self.change, *CHANGES) if kind in changes), self.change
            )

    def compared(self) -> list[Compared]:
        """Return every item of the opened language and seed."""
        if self.cell is None or self.spot is None:
            raise UsageError("no language and seed is chosen yet")
        return self.reader.compared(self.cell[1], *self.spot, self.choice.baseline, self.cell[0])

    def select(self, key: str) -> None:
        """Select a kind of change, or go to the next or previous items."""
        if key in CHANGES:
            self.change, self.first = key, 0
        else:
            self.first = max(
                0, self.first + {MORE: _ITEMS_SHOWN, _PREVIOUS: -_ITEMS_SHOWN}.get(key, 0)
            )

    def flips(self) -> str:
        """Return HTML with the opened language and seed's items that changed in the chosen way."""
        if self.cell is None:
            return ""
        if self.spot is None:
            return (
                '<p class="xs-note">Choose the gain of one seed for the test items behind it.</p>'
            )
        (recipe, task), (language, seed) = self.cell, self.spot
        items = self.compared()
        counts = Counter(item.change for item in items)
        selected = [item for item in items if item.change == self.change]
        page_items = selected[self.first : self.first + _ITEMS_SHOWN]
        try:
            cards = item_cards(
                page_items, self.reader.texts(task, language), (self.choice.baseline, recipe)
            )
        except UsageError as error:
            cards = f'<p class="xs-error">the texts cannot be shown: {plain(error)}</p>'
        title = (
            f"{name(TASKS[task].title)} in {name(language_name(language))}, "
            f"seed {seed}: {len(items):,} items"
        )
        choices = "".join(
            _choice_button(kind, f"{kind}: {counts[kind]:,}", kind == self.change)
            for kind in CHANGES
        )
        return (
            f"<h3>{title}</h3>{KEY}<div class='xs-choices' role='group'>{choices}</div>"
            f"{cards}{self.pager(len(selected))}"
        )

    def pager(self, count: int) -> str:
        """Return HTML with the range of the shown items, and buttons to go back and on."""
        if count <= _ITEMS_SHOWN:
            return ""
        back = _choice_button(_PREVIOUS, "previous", False) if self.first else ""
        more = _choice_button(MORE, "next", False) if self.first + _ITEMS_SHOWN < count else ""
        span = f"{self.first + 1} to {min(count, self.first + _ITEMS_SHOWN)} of {count:,}"
        return f'<div class="xs-choices">{back}<span>{span}</span>{more}</div>'


KEY = (
    '<p class="xs-note">Marks: <mark class="xs-gold">the right answer</mark>, '
    '<mark class="xs-before">the baseline\'s answer</mark>, '
    '<mark class="xs-after">the recipe\'s answer</mark>. '
    "An item is right only if all of it is: every tag, the answer's exact words.</p>"
)


READING = '<p class="xs-note">Reading and resampling all predictions, once: some seconds ...</p>'


def _choice_button(key: str, label: str, pressed: bool) -> str:
    """Return the HTML of a small button."""
    return (
        f'<button type="button" data-key="{plain(key)}" '
        f'aria-pressed="{str(pressed).lower()}">{plain(label)}</button>'
    )


def facts(index: GainIndex, key: str) -> list[str]:
    """Return the values that the study's languages have for a fact."""
    return sorted({fact(code, key) for code in index.languages})


def warm(reader: Reader, task: str) -> None:
    """Read a task's texts ahead of time. Errors are ignored, because showing the texts reports
    them."""
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
    """Return the matrix with its controls; its cells open languages, seeds and items."""
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
        values = {key: box.value for key, box in filters.items()}
        state.choice = Choice(baseline.value, metric.value, scope.value, kind=kinds.value, **values)
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
