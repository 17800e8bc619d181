"""Show the same sentences in all languages, before and after an intermediate task, by layer.

The vectors come from a function of the notebook, because nothing here may load an encoder.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Protocol

import ipywidgets
import numpy as np

from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore import controls
from xstilts_core.explore.page import Page
from xstilts_core.explore.pictures import picture, width
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.tables import language_name, plain_table
from xstilts_core.report import figures
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

PCA, _UMAP = "PCA", "UMAP"
NEIGHBOURS = 15


class Space(Protocol):
    """The return type of `embeddings.parallel_sentences`; see there for the shapes."""

    languages: tuple[str, ...]
    vectors: np.ndarray
    accuracy: Mapping[bool, np.ndarray]


_Embed = Callable[[Study, str, int], Space]


def principal(vectors: np.ndarray) -> np.ndarray:
    """Project onto the two directions of most variance, [rows, 2]. Each direction's sign is chosen
    so that its largest weight is positive."""
    centered = vectors - vectors.mean(axis=0)
    weights = np.linalg.svd(centered, full_matrices=False)[2][:2]
    oriented = (
        weights * np.sign(weights[np.arange(len(weights)), np.abs(weights).argmax(axis=1)])[:, None]
    )
    return centered @ oriented.T


def _umap(vectors: np.ndarray) -> np.ndarray:
    """Project by UMAP, [rows, 2] (McInnes, Healy and Melville 2018); requires umap-learn. Distances
    between groups mean little."""
    from umap import UMAP as Reducer

    return Reducer(n_neighbors=min(NEIGHBOURS, len(vectors) - 1), random_state=0).fit_transform(
        vectors
    )


METHODS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {PCA: principal, _UMAP: _umap}
)


def methods() -> list[str]:
    """Return the available projections: PCA, and UMAP if umap-learn is installed."""
    return [PCA, *([_UMAP] if find_spec("umap") else [])]


def flat(space: Space, layer: int, centred: bool, method: str = PCA) -> np.ndarray:
    """Project one layer to two dimensions, [languages, sentences, 2]. centred: subtract each
    language's mean first, as retrieval does."""
    if method not in methods():
        raise (
            unknown("projection", method, methods())
            if method not in METHODS
            else UsageError("UMAP needs the package umap-learn")
        )
    if not 0 <= layer < len(space.vectors):
        raise UsageError(f"layer {layer}: this encoder has layers 0 to {len(space.vectors) - 1}")
    vectors = space.vectors[layer].astype(float)
    if centred:
        vectors = vectors - vectors.mean(axis=1, keepdims=True)
    languages, sentences, size = vectors.shape
    return METHODS[method](vectors.reshape(-1, size)).reshape(languages, sentences, 2)


def space_html(
    spaces: Mapping[str, Space], layer: int, centred: bool, method: str = PCA, narrow: bool = False
) -> str:
    """Return HTML with the sentences and accuracies of encoders. spaces: title -> vectors."""
    points = {title: flat(space, layer, centred, method) for title, space in spaces.items()}
    accuracy = {title: space.accuracy[centred] for title, space in spaces.items()}
    languages = next(iter(spaces.values())).languages
    names = ("first component", "second component") if method == PCA else ("UMAP 1", "UMAP 2")
    figure = figures.sentence_map(points, accuracy, languages, layer, names, width=width(narrow))
    rows = [
        (language_name(code), *(float(table[layer, index]) for table in accuracy.values()))
        for index, code in enumerate(languages)
        if index
    ]
    means = ", ".join(
        f"{title}: {table[layer, 1:].mean():.1f} %" for title, table in accuracy.items()
    )
    alt = (
        f"sentences of {len(languages)} languages at layer {layer}; "
        f"nearest neighbor right, mean: {means}"
    )
    return picture(figure, alt) + plain_table(
        rows, [f"layer {layer}, nearest neighbor right, %", *spaces]
    )


def space_view(embed: _Embed) -> Callable[[Reader], ipywidgets.Widget]:
    """Return the view as a function of the reader. embed: (study, recipe, seed) -> vectors."""
    return partial(_sentence_view, embed=embed)


def _sentence_view(reader: Reader, embed: _Embed) -> ipywidgets.Widget:
    """Return the view with encoder, layer and projection. Only the button loads encoders."""
    study = reader.study
    recipes = [name for name, recipe in study.recipes.items() if recipe.intermediate]
    if not recipes:
        raise UsageError(f"{study.name} has no recipe with an intermediate task")
    spaces: dict[str, Space] = {}
    recipe = controls.dropdown("after", recipes)
    seed = controls.dropdown("seed", [str(number) for number in study.seeds])
    load = controls.button(
        "Load encoders", "embed the sentences with both encoders: some seconds", "primary"
    )
    layer = ipywidgets.IntSlider(
        value=0, min=0, max=0, description="layer", continuous_update=False
    )
    method = controls.dropdown("projection", methods())
    centred = controls.switch(
        "centered", True, "without each language's own mean, as retrieval compares them"
    )
    page = Page()
    page.html = '<p class="xs-note">Load the encoders to see the sentences.</p>'

    wanted = False

    def render() -> str:
        return space_html(spaces, layer.value, centred.value, method.value, page.narrow)

    def draw() -> None:
        if spaces:
            page.show(render)

    def get() -> str:
        pair = {name: embed(study, name, int(seed.value)) for name in (BASELINE, recipe.value)}
        layer.max = (
            len(pair[BASELINE].vectors) - 1
        )  # this may change the value; nothing is drawn because there are no vectors yet
        spaces.update(
            {f"before ({BASELINE})": pair[BASELINE], f"after {recipe.value}": pair[recipe.value]}
        )
        return render()

    def read() -> None:
        nonlocal wanted
        wanted = True
        spaces.clear()  # if loading fails, no older picture stays under the new name
        page.html = '<p class="xs-note">Embedding the sentences ...</p>'
        page.show(get)

    def reread() -> None:
        if wanted:
            read()

    load.on_click(lambda _: read())
    controls.on_change(reread, recipe, seed)
    controls.on_change(draw, layer, method, centred)
    page.observe(lambda _: draw(), names="narrow")
    return controls.column(
        controls.row(recipe, seed, load), controls.row(layer, centred, method), page
    )
