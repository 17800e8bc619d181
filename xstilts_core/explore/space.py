"""Show the same sentences in all languages, before and after an intermediate task, by layer.

The vectors come from a function of the notebook, because nothing here may load an encoder.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Protocol

import ipywidgets
import numpy as np
import pandas as pd
from markupsafe import Markup

from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore import controls
from xstilts_core.explore.markup import language_name, plain_table
from xstilts_core.explore.page import Page, picture
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.text import note
from xstilts_core.report.figures.curves import sentence_map
from xstilts_core.report.figures.style import FULL
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

_PCA, _UMAP = "PCA", "UMAP"
_NEIGHBOURS = 15


class Space(Protocol):
    """The return type of `embeddings.parallel_sentences`; see there for the shapes."""

    languages: tuple[str, ...]
    vectors: np.ndarray
    accuracy: Mapping[bool, np.ndarray]


_Embed = Callable[[Study, str, int], Space]


def principal(vectors: np.ndarray) -> np.ndarray:
    """Project onto the two directions of most variance, [rows, 2]."""
    from sklearn.decomposition import PCA

    return PCA(2, svd_solver="full").fit_transform(vectors)


def _umap(vectors: np.ndarray) -> np.ndarray:
    """Project by UMAP, [rows, 2] (McInnes, Healy and Melville 2018); requires umap-learn. Distances
    between groups mean little."""
    from umap import UMAP

    neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    return UMAP(n_neighbors=neighbours, random_state=0).fit_transform(vectors)


_METHODS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {_PCA: principal, _UMAP: _umap}


def _methods() -> list[str]:
    """Return the available projections: PCA, and UMAP if umap-learn is installed."""
    return [_PCA, *([_UMAP] if find_spec("umap") else [])]


def flat(space: Space, layer: int, centred: bool, method: str = _PCA) -> np.ndarray:
    """Project one layer to two dimensions, [languages, sentences, 2]. centred: subtract each
    language's mean first, as retrieval does."""
    if method not in _METHODS:
        raise unknown("projection", method, _methods())
    if method not in _methods():
        raise UsageError("UMAP needs the package umap-learn")
    if not 0 <= layer < len(space.vectors):
        raise UsageError(f"layer {layer}: this encoder has layers 0 to {len(space.vectors) - 1}")
    vectors = space.vectors[layer].astype(float)
    if centred:
        vectors = vectors - vectors.mean(axis=1, keepdims=True)
    languages, sentences, size = vectors.shape
    return _METHODS[method](vectors.reshape(-1, size)).reshape(languages, sentences, 2)


def space_html(
    spaces: Mapping[str, Space], layer: int, centred: bool, method: str = _PCA, width: float = FULL
) -> Markup:
    """Return HTML with the sentences and accuracies of encoders. spaces: title -> vectors."""
    points = {title: flat(space, layer, centred, method) for title, space in spaces.items()}
    accuracy = {title: space.accuracy[centred] for title, space in spaces.items()}
    languages = next(iter(spaces.values())).languages
    names = ("first component", "second component") if method == _PCA else ("UMAP 1", "UMAP 2")
    figure = sentence_map(points, accuracy, languages, layer, names, width=width)
    means = ", ".join(
        f"{title}: {table[layer, 1:].mean():.1f} %" for title, table in accuracy.items()
    )
    alt = (
        f"sentences of {len(languages)} languages at layer {layer}; "
        f"nearest neighbor right, mean: {means}"
    )
    table = pd.DataFrame({title: rows[layer, 1:].astype(float) for title, rows in accuracy.items()})
    names_of_languages = [language_name(code) for code in languages[1:]]
    table.insert(0, f"layer {layer}, nearest neighbor right, %", names_of_languages)
    return picture(figure, alt) + plain_table(table)


def space_view(embed: _Embed) -> Callable[[Reader], ipywidgets.Widget]:
    """Return the view as a function of the reader. embed: (study, recipe, seed) -> vectors."""
    return partial(_sentence_view, embed=embed)


def _sentence_view(reader: Reader, embed: _Embed) -> ipywidgets.Widget:
    """Return the view with encoder, layer and projection. Only the button loads encoders."""
    study = reader.study
    recipes = [key for key, recipe in study.recipes.items() if recipe.intermediate]
    if not recipes:
        raise UsageError(f"{study.name} has no recipe with an intermediate task")
    spaces: dict[str, Space] = {}
    loaded = False

    def render() -> Markup:
        return space_html(spaces, layer.value, centred.value, method.value, page.width)

    def draw() -> None:
        if spaces:
            page.show(render)

    def embedded() -> Markup:
        before, after = (embed(study, key, int(seed.value)) for key in (BASELINE, recipe.value))
        # This may change the layer; nothing is drawn because there are no vectors yet.
        layer.max = len(before.vectors) - 1
        spaces.update({f"before ({BASELINE})": before, f"after {recipe.value}": after})
        return render()

    def load() -> None:
        nonlocal loaded
        loaded = True
        spaces.clear()  # if loading fails, no older picture stays under the new name
        page.html = note("Embedding the sentences ...")
        page.show(embedded)

    def reload() -> None:
        if loaded:
            load()

    recipe = controls.dropdown("after", recipes)
    seed = controls.dropdown("seed", map(str, study.seeds))
    button = controls.button(
        "Load encoders", "embed the sentences with both encoders: some seconds", load, "primary"
    )
    layer = ipywidgets.IntSlider(
        value=0, min=0, max=0, description="layer", continuous_update=False
    )
    centred = controls.switch(
        "centered", True, "without each language's own mean, as retrieval compares them"
    )
    method = controls.dropdown("projection", _methods())
    page = Page(html=note("Load the encoders to see the sentences."))
    controls.on_change(reload, recipe, seed)
    controls.on_change(draw, layer, method, centred, page)
    return controls.column(
        controls.row(recipe, seed, button), controls.row(layer, centred, method), page
    )
