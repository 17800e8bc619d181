"""The controls of the views: ipywidgets with the same look, in rows that break on narrow
screens."""

from collections.abc import Callable, Iterator, Sequence

import ipywidgets

from xstilts_core.explore.text import visible

_CLASS = "xs-controls"


def dropdown(
    label: str, values: Sequence[str], value: str | None = None, every: str = ""
) -> ipywidgets.Dropdown:
    """A choice of one value. every: the words for "", which then comes first and chooses all."""
    options = [(visible(entry), entry) for entry in values]
    options = [(every, ""), *options] if every else options
    chosen = value if value is not None else options[0][1] if options else None
    return ipywidgets.Dropdown(
        options=options, value=chosen, description=label, style=LABEL, layout=layout()
    )


def several(
    label: str, values: Sequence[str], chosen: Sequence[str], rows: int = 6
) -> ipywidgets.SelectMultiple:
    """A choice of any number of values."""
    options = [(visible(entry), entry) for entry in values]
    shown = ipywidgets.Layout(width="min(100%, 34em)")
    return ipywidgets.SelectMultiple(
        options=options,
        value=tuple(chosen),
        description=label,
        rows=rows,
        style=LABEL,
        layout=shown,
    )


def switch(label: str, value: bool, tooltip: str = "") -> ipywidgets.ToggleButton:
    """On or off."""
    return ipywidgets.ToggleButton(value=value, description=label, tooltip=tooltip, layout=layout())


def button(label: str, tooltip: str = "", style: str = "") -> ipywidgets.Button:
    return ipywidgets.Button(
        description=label, tooltip=tooltip, button_style=style, layout=layout()
    )


def layout() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto", max_width="100%")


def row(*parts: ipywidgets.Widget) -> ipywidgets.Box:
    """Controls side by side; the row breaks where the screen ends. Not printed."""
    box = ipywidgets.Box(
        children=parts,
        layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%"),
    )
    return box.add_class(_CLASS)


def column(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """Parts one below the other."""
    return ipywidgets.VBox(
        children=parts, layout=ipywidgets.Layout(width="100%", overflow="visible")
    )


def on_change(act: Callable[[], object], *parts: ipywidgets.Widget) -> None:
    """Call `act` whenever the value of one of the controls changes."""
    for part in parts:
        part.observe(lambda _: act(), names="value")


def settings(view: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """The controls of a view that hold a value, from its top to its end."""
    if getattr(view, "description", "") and hasattr(view, "value"):
        yield view
    for child in getattr(view, "children", ()):
        yield from settings(child)


LABEL = {"description_width": "initial"}
