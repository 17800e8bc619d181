"""The exploration of studies that are not finished: what is not there is said, and stops nothing
else."""

import shutil
from pathlib import Path

import explored_study
import ipywidgets
import pytest

from xstilts_core.errors import UsageError
from xstilts_core.explore import (
    Explorer,
    Gains,
    Reader,
    curves_view,
    explorer,
    gain_view,
    scatter_view,
)
from xstilts_core.explore.index import Choice
from xstilts_core.study import Study
from xstilts_core.wording.numbers import span


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Study:
    return explored_study.make(tmp_path_factory.mktemp("whole"))


def part(whole: Study, folder: Path, recipes: set[str]) -> Study:
    """The study as it is while only these recipes' runs have finished."""
    shutil.copytree(Path(whole.file).parent.parent, folder / "part")
    study = Study.load(
        str(folder / "part" / "params" / "explored.yaml"), str(folder / "part" / "outputs")
    )
    for spec in study.specs:
        if getattr(spec, "recipe", "") not in recipes:
            shutil.rmtree(spec.folder, ignore_errors=True)
    return study


def pages(view) -> list:
    """The pieces of HTML of a view, in their order."""
    found = [view] if hasattr(view, "html") else []
    return found + [page for child in getattr(view, "children", ()) for page in pages(child)]


def control(view, label: str):
    """The control with this description."""
    if getattr(view, "description", None) == label:
        return view
    return next(
        (
            found
            for child in getattr(view, "children", ())
            if (found := control(child, label)) is not None
        ),
        None,
    )


class TestParts:
    """A study at work, and one whose lesson runs the baseline and controls alone."""

    @pytest.mark.parametrize(
        ("recipes", "said"),
        [
            ({"none"}, "no recipe has a gain over none"),
            ({"mnli"}, "no recipe has a gain over mnli"),
            ({"random"}, "no recipe has a gain over random"),
            ({"none", "random"}, "but controls have one: switch on &#x27;controls too&#x27;"),
        ],
    )
    def test_no_gain_yet(self, whole, tmp_path, recipes, said):
        study = part(whole, tmp_path, recipes)
        view = gain_view(Reader(study))
        matrix, languages, _ = pages(view)
        assert (
            "xs-error" in matrix.html and said in matrix.html and "Choose a cell" in languages.html
        )
        with pytest.raises(UsageError, match="explored: no recipe has a gain over"):
            Gains(Reader(study), Choice(baseline=next(iter(sorted(recipes))))).matrix()
        control(view, "controls too").value = True
        assert ("random on xnli" in matrix.html) == (recipes == {"none", "random"})
        for other in (curves_view, scatter_view):
            assert all("fault of the page" not in page.html for page in pages(other(Reader(study))))

    def test_a_view_that_cannot_be_drawn_leaves_the_others(self, whole, monkeypatch):
        monkeypatch.setattr(explorer, "studies", lambda outputs: [])
        shown = Explorer(whole.file, whole.outputs)
        broken = shown.show(lambda reader: ipywidgets.HTML(f"{1 / 0}"))
        matrix = pages(shown.show(gain_view))[0]
        assert (
            "fault of the page: ZeroDivisionError" in pages(broken)[0].html
            and "mnli on xnli" in matrix.html
        )
        shown.again.click()
        assert "ZeroDivisionError" in pages(broken)[0].html

    def test_a_page_that_fails_shows_nothing_old(self, whole, monkeypatch):
        view = gain_view(Reader(whole))
        monkeypatch.setattr(Gains, "matrix", lambda self: str(1 / 0))
        control(view, "script").value = "Han"
        matrix = pages(view)[0].html
        assert "fault of the page: ZeroDivisionError" in matrix and "mnli on xnli" not in matrix


class TestReasons:
    """Why a cell has no gain: each in its own words."""

    @pytest.mark.parametrize(
        ("recipe", "task", "choice", "said"),
        [
            (
                "mnli",
                "xnli",
                Choice(baseline="mnli"),
                "mnli is the baseline: choose another one, or another recipe",
            ),
            (
                "mnli",
                "xnli",
                Choice(metric="exact_match"),
                "xnli is not scored by exact_match: it has accuracy",
            ),
            (
                "mnli",
                "xquad",
                Choice(metric="accuracy"),
                "xquad is not scored by accuracy: it has exact_match, f1",
            ),
            ("ccg", "tatoeba", Choice(), "no finished runs of ccg on tatoeba"),
            ("mnli", "tatoeba", Choice(baseline="ccg"), "no finished runs of ccg on tatoeba"),
            (
                "ccg",
                "tatoeba",
                Choice(baseline="random"),
                "no finished runs of ccg and of random on tatoeba",
            ),
            (
                "ccg",
                "xnli",
                Choice(baseline="mnli"),
                "the finished runs of ccg and mnli on xnli share no seed",
            ),
        ],
    )
    def test_a_cell_that_cannot_be_opened(self, odd, recipe, task, choice, said):
        state = Gains(odd, choice)
        state.open(f"{recipe}/{task}")
        with pytest.raises(UsageError, match=f"^{said}$"):
            state.languages()

    def test_cells_of_the_matrix(self, odd):
        page = Gains(odd).matrix()
        assert 'title="ccg on tatoeba: no finished runs of ccg on tatoeba"' in page
        assert 'title="ccg on average: not every target has a gain"' in page
        page = Gains(odd, Choice(script="Han")).matrix()
        assert "no finished runs of mnli" not in page
        only = Gains(odd, Choice(scope="English alone")).matrix()
        assert (
            'title="mnli on tatoeba: none of this task&#x27;s languages is chosen: de, hi, sw, zh"'
            in only
        )

    def test_a_recipe_that_becomes_the_baseline_closes_its_cell(self, odd):
        view = gain_view(odd)
        matrix, languages, items = pages(view)
        matrix.choose("mnli/xnli")
        languages.choose("de/2")
        assert "seed 2" in items.html
        control(view, "baseline").value = "ccg"
        assert (
            "mnli and ccg on xnli share no seed" in languages.html and matrix.pressed == "mnli/xnli"
        )
        control(view, "baseline").value = "mnli"
        assert (
            "Choose a cell" in languages.html
            and items.html == ""
            and matrix.pressed == languages.pressed == ""
        )


@pytest.fixture(scope="module")
def odd(whole, tmp_path_factory) -> Reader:
    """Runs of ccg without those on tatoeba, and with a seed of xnli that mnli lacks; of random on
    xnli alone."""
    study = part(whole, tmp_path_factory.mktemp("odd"), {"none", "mnli", "ccg", "random"})
    for spec in study.specs:
        recipe, phase = getattr(spec, "recipe", ""), spec.phase
        on_xnli = phase == "target" and "xnli" in spec.targets
        lost = (recipe in ("ccg", "random") and phase == "retrieval") or (
            recipe == "mnli" and on_xnli and spec.seed == 1
        )
        if lost or (recipe == "ccg" and on_xnli and spec.seed != 1):
            shutil.rmtree(spec.folder, ignore_errors=True)
    return Reader(study)


def test_counts_of_seeds_that_are_missing():
    assert span([float("nan"), 2.0, 3.0]) == "2 to 3" and span([float("nan")]) == "0"
