"""Create the controls of the views: ipywidgets with one look, in rows that wrap."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import ipywidgets

from xstilts_core.explore.text import visible

_LABEL = {"description_width": "initial"}


def dropdown(
    label: str, values: Iterable[str], value: str | None = None, every: str = ""
) -> ipywidgets.Dropdown:
    """Return a dropdown for one value, the first one if None. every: label of a first option ""
    that selects all."""
    options = [(visible(option), option) for option in values]
    options = [(every, ""), *options] if every else options
    chosen = value if value is not None else options[0][1] if options else None
    return ipywidgets.Dropdown(
        options=options, value=chosen, description=label, style=_LABEL, layout=_layout()
    )


def several(
    label: str, values: Iterable[str], chosen: Sequence[str], rows: int = 6
) -> ipywidgets.SelectMultiple:
    """Return a list from which any number of values can be selected."""
    return ipywidgets.SelectMultiple(
        options=[(visible(option), option) for option in values],
        value=tuple(chosen),
        description=label,
        rows=rows,
        style=_LABEL,
        layout=ipywidgets.Layout(width="min(100%, 34em)"),
    )


def switch(label: str, value: bool, tooltip: str = "") -> ipywidgets.ToggleButton:
    """Return a toggle button."""
    return ipywidgets.ToggleButton(
        value=value, description=label, tooltip=tooltip, layout=_layout()
    )


def button(
    label: str, tooltip: str, act: Callable[[], object], style: str = ""
) -> ipywidgets.Button:
    """Return a button that calls `act`."""
    widget = ipywidgets.Button(
        description=label, tooltip=tooltip, button_style=style, layout=_layout()
    )
    widget.on_click(lambda _: act())
    return widget


def _layout() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto", max_width="100%")


def row(*parts: ipywidgets.Widget) -> ipywidgets.Box:
    """Put controls side by side in a row that wraps on narrow screens and is not printed."""
    layout = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%")
    return ipywidgets.Box(children=parts, layout=layout).add_class("xs-controls")


def column(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """Put widgets one below the other."""
    layout = ipywidgets.Layout(width="100%", overflow="visible")
    return ipywidgets.VBox(children=parts, layout=layout)


def on_change(act: Callable[[], object], *parts: ipywidgets.Widget) -> None:
    """Call `act` whenever the value of a control changes, or the width of a page."""
    for part in parts:
        part.observe(lambda _: act(), names=["value", "narrow"])


def descendants(parts: Iterable[ipywidgets.Widget]) -> Iterator[ipywidgets.Widget]:
    """Yield the widgets and all that are inside them, from top to bottom."""
    for part in parts:
        yield part
        yield from descendants(getattr(part, "children", ()))
