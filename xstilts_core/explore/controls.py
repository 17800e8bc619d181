"""Create the controls of the views: ipywidgets with one look, in rows that wrap."""

from collections.abc import Callable, Iterator, Sequence

import ipywidgets

from xstilts_core.explore.text import visible

_CLASS = "xs-controls"


def dropdown(
    label: str, values: Sequence[str], value: str | None = None, every: str = ""
) -> ipywidgets.Dropdown:
    """Return a dropdown for one value. every: label of a first option "" that selects all."""
    options = [(visible(option), option) for option in values]
    options = [(every, ""), *options] if every else options
    chosen = value if value is not None else options[0][1] if options else None
    return ipywidgets.Dropdown(
        options=options, value=chosen, description=label, style=LABEL, layout=layout()
    )


def several(
    label: str, values: Sequence[str], chosen: Sequence[str], rows: int = 6
) -> ipywidgets.SelectMultiple:
    """Return a list from which any number of values can be selected."""
    options = [(visible(option), option) for option in values]
    box = ipywidgets.Layout(width="min(100%, 34em)")
    return ipywidgets.SelectMultiple(
        options=options, value=tuple(chosen), description=label, rows=rows, style=LABEL, layout=box
    )


def switch(label: str, value: bool, tooltip: str = "") -> ipywidgets.ToggleButton:
    """Return a toggle button."""
    return ipywidgets.ToggleButton(value=value, description=label, tooltip=tooltip, layout=layout())


def button(label: str, tooltip: str = "", style: str = "") -> ipywidgets.Button:
    return ipywidgets.Button(
        description=label, tooltip=tooltip, button_style=style, layout=layout()
    )


def layout() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto", max_width="100%")


def row(*parts: ipywidgets.Widget) -> ipywidgets.Box:
    """Put controls side by side in a row that wraps on narrow screens and is not printed."""
    box = ipywidgets.Box(
        children=parts,
        layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%"),
    )
    return box.add_class(_CLASS)


def column(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """Put widgets one below the other."""
    return ipywidgets.VBox(
        children=parts, layout=ipywidgets.Layout(width="100%", overflow="visible")
    )


def on_change(act: Callable[[], object], *parts: ipywidgets.Widget) -> None:
    """Call `act` whenever the value of one of the controls changes."""
    for control in parts:
        control.observe(lambda _: act(), names="value")


def settings(view: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """Yield the controls of a view that hold a value, from top to bottom."""
    if getattr(view, "description", "") and hasattr(view, "value"):
        yield view
    for child in getattr(view, "children", ()):
        yield from settings(child)


LABEL = {"description_width": "initial"}
