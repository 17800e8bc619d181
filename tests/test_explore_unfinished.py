"""The exploration of studies that are not finished: what is not there is said, and stops nothing else."""

import shutil
from pathlib import Path

import explored_study
import ipywidgets
import pytest

from xstilts_core.figures.style import several
from xstilts_core.names import UsageError
from xstilts_core.study import Study
from xstilts_core.widgets import Explorer, Gains, Reader, curves_view, explorer, gain_view, scatter_view
from xstilts_core.widgets.index import Choice


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Study:
    return explored_study.make(tmp_path_factory.mktemp("whole"))


def part(whole: Study, folder: Path, recipes: set[str]) -> Study:
    """The study as it is while only these recipes' runs have finished."""
    shutil.copytree(Path(whole.file).parent.parent, folder / "part")
    study = Study.load(str(folder / "part" / "params" / "explored.yaml"), str(folder / "part" / "outputs"))
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
    return next((found for child in getattr(view, "children", ()) if (found := control(child, label)) is not None), None)


class TestParts:
    """A study at work, and one whose lesson runs the baseline and controls alone."""

    @pytest.mark.parametrize(
        ("recipes", "said"),
        [
            ({"none"}, "no recipe has a gain over none"),
            ({"mnli"}, "no recipe has a gain over mnli"),
            ({"random"}, "no recipe has a gain over random"),
            ({"none", "random"}, "but controls have: switch on &#x27;controls too&#x27;"),
        ],
    )
    def test_no_gain_yet(self, whole, tmp_path, recipes, said):
        study = part(whole, tmp_path, recipes)
        view = gain_view(Reader(study))
        matrix, languages, _ = pages(view)
        assert "xs-error" in matrix.html and said in matrix.html and "Choose a cell" in languages.html
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
        assert "fault of the page: ZeroDivisionError" in pages(broken)[0].html and "mnli on xnli" in matrix.html
        shown.again.click()
        assert "ZeroDivisionError" in pages(broken)[0].html

    def test_a_page_that_fails_shows_nothing_old(self, whole, monkeypatch):
        view = gain_view(Reader(whole))
        monkeypatch.setattr(Gains, "matrix", lambda self: str(1 / 0))
        control(view, "script").value = "Han"
        matrix = pages(view)[0].html
        assert "fault of the page: ZeroDivisionError" in matrix and "mnli on xnli" not in matrix


def test_counts_of_seeds_that_are_missing():
    assert several([float("nan"), 2.0, 3.0]) == "2 to 3 seeds" and several([float("nan")]) == "0 seeds"
