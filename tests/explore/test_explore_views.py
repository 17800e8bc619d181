"""The views of the exploration without a browser: every control changes the page; files are read
when they change; nothing is shown raw."""

import os
from pathlib import Path

import explored_study
import nbformat
import numpy as np
import pytest
from matplotlib.colors import Normalize, to_hex

from xstilts_core import analysis
from xstilts_core.errors import UsageError
from xstilts_core.explore import (
    Logs,
    Reader,
    curves,
    curves_view,
    explorer,
    gain_view,
    page,
    scatter,
    scatter_view,
    space,
    variables,
)
from xstilts_core.explore.gains import SEEDS_ITEMS
from xstilts_core.explore.index import EVERY
from xstilts_core.explore.markup import paint
from xstilts_core.explore.predictions import WON
from xstilts_core.explore.reader import studies
from xstilts_core.jobs.notebook import notebook_path, run_notebook
from xstilts_core.report.figures.style import diverging, ink_on
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return explored_study.make(tmp_path_factory.mktemp("explored"))


@pytest.fixture
def reader(study) -> Reader:
    return Reader(study)


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


def choose(page, key: str) -> None:
    """What the page sends when a part is chosen."""
    page._handle_custom_msg({"chosen": key}, [])


class TestViews:
    def test_every_control_of_the_gains_changes_the_page(self, reader):
        view = gain_view(reader)
        matrix, languages, items = pages(view)
        for label, value in (
            ("baseline", "mnli"),
            ("metric", "accuracy"),
            ("95 % intervals", SEEDS_ITEMS),
            ("languages", EVERY),
            ("script", "Latin"),
            ("family", "Indo-European"),
            ("word order", "none"),
            ("resource level", "high"),
            ("kind of task", "semantic"),
            ("controls too", True),
        ):
            before, part = matrix.html, control(view, label)
            usual = part.value
            part.value = value
            assert matrix.html != before, label
            part.value = usual
            assert matrix.html == before, label
        choose(matrix, "mnli/xnli")
        assert "by language and seed" in languages.html and matrix.pressed == "mnli/xnli"
        choose(languages, "de/2")
        assert "seed 2" in items.html
        before = items.html
        choose(items, WON)
        assert items.html != before
        control(view, "script").value = "Han"
        assert (
            "xs-left-out" in languages.html and "In italics: left out of the mean" in languages.html
        )

    def test_a_filter_that_leaves_nothing_says_so(self, reader):
        view = gain_view(reader)
        control(view, "script").value = "Han"
        control(view, "word order").value = "SOV"
        assert "matches all filters" in pages(view)[0].html

    def test_title_of_a_study_is_escaped(self, study, monkeypatch):
        monkeypatch.setattr(explorer, "studies", lambda outputs: [])
        shown = explorer.Explorer(study.file, study.outputs)
        assert "&lt;b&gt;of gains" in shown.title.html and "<b>of gains" not in shown.title.html

    def test_read_again_keeps_controls_and_cells(self, study, monkeypatch):
        monkeypatch.setattr(explorer, "studies", lambda outputs: [])
        shown = explorer.Explorer(study.file, study.outputs)
        gains, training = shown.show(gain_view), shown.show(curves_view)
        control(gains, "baseline").value, control(gains, "script").value = "ccg", "Latin"
        control(training, "runs").value = ("target/mnli/from-ccg/seed2",)
        choose(pages(gains)[0], "mnli/xnli")
        choose(pages(gains)[1], "de/2")
        choose(pages(gains)[2], WON)
        before = [page.html for page in pages(gains)]
        old = control(gains, "script")
        shown.again.click()
        assert control(gains, "script") is not old and control(gains, "script").value == "Latin"
        assert [page.html for page in pages(gains)] == before and pages(gains)[2].pressed == WON
        assert control(training, "runs").value == ("target/mnli/from-ccg/seed2",)
        shown.change()
        assert control(gains, "script").value == ""

    def test_correlations_are_those_of_the_analysis(self, reader):
        found = variables(reader, "recipes and runs")
        expected = analysis.correlations(
            found.values[["xnli"]], found.values[["udpos"]], ("spearman", "pearson", "kendall")
        )
        page = scatter.statistics(found.values, "xnli", "udpos")
        for value in expected["estimate"]:
            assert f"{value:.3g}".replace("-", "\N{MINUS SIGN}") in page
        assert "too small" in found.caution
        with pytest.raises(UsageError, match="did you mean 'recipes'"):
            variables(reader, "recipe")

    def test_the_average_of_a_language_is_over_tasks_that_all_have(self, reader):
        values = variables(reader, "languages").values
        gains = values.filter(regex=r"^\w+: mean gain$")
        common = gains.dropna(axis="columns")
        assert 0 < common.shape[1] < gains.shape[1], "some task lacks a language"
        named = f"average ({common.shape[1]} task{'s' * (common.shape[1] > 1)} in all languages): mean gain"
        assert values.columns[-1] == named
        np.testing.assert_allclose(values[named], common.mean(axis=1))

    def test_every_control_of_the_correlations_changes_the_page(self, reader):
        view = scatter_view(reader)
        (page,) = pages(view)
        for label, value in (
            ("x", "udpos"),
            ("y", "xnli"),
            ("color", "kind of task"),
            ("labels", False),
            ("points", "languages"),
        ):
            before = page.html
            control(view, label).value = value
            assert page.html != before, label
            assert "<img" in page.html and "Spearman" in page.html

    def test_logs_are_read_again_only_when_they_change(self, study, tmp_path):
        logs = Logs(study)
        run = "target/mnli/from-none/seed1"
        first = logs.log(run)
        assert list(first["step"]) == [10 * step for step in range(1, 9)] and logs.log(run) is first
        path = study.root / run / "train_log.jsonl"
        kept = path.read_text(encoding="utf-8")
        path.write_text(kept + '{"step": 90, "loss": 0.1}\n{"step": 1', encoding="utf-8")
        assert logs.log(run)["step"].iloc[-1] == 90
        path.write_text(kept, encoding="utf-8")
        assert logs.log("retrieval/tatoeba/from-none/seed1").empty

    def test_standing_of_a_study(self, study):
        page = curves.standing(Logs(study).states())
        assert (
            "1 failed" not in page
            and "3 failed" in page
            and "&lt;script&gt;" in page
            and "<script>" not in page
        )

    def test_curves_follow_runs_and_clock(self, reader):
        view = curves_view(reader)
        state, page = pages(view)
        before = page.html
        control(view, "runs").value = ("target/mnli/from-none/seed1", "target/mnli/from-mnli/seed2")
        assert page.html != before
        before = page.html
        control(view, "show").value = "dev"
        assert page.html != before
        control(view, "Follow").value = True
        assert state.every > 0
        control(view, "Follow").value = False
        assert state.every == 0
        control(view, "phase").value = "intermediate"
        assert all(run.startswith("intermediate") for run in control(view, "runs").value)

    def test_sentences_before_and_after(self, reader):
        asked = []

        def embed(study, recipe, seed):
            asked.append((recipe, seed))
            rng = np.random.default_rng([len(recipe), seed])
            accuracy = {True: 100 * rng.random((3, 4)), False: 100 * rng.random((3, 4))}
            return Made(("en", "de", "hi", "zh"), rng.normal(size=(3, 4, 10, 8)), accuracy)

        view = space.space_view(embed)(reader)
        (page,) = pages(view)
        assert asked == [] and "<img" not in page.html
        control(view, "Load encoders").click()
        assert asked == [("none", 1), ("mnli", 1)] and "<img" in page.html
        for label, value in (("layer", 2), ("centered", False), ("after", "ccg"), ("seed", "2")):
            before = page.html
            control(view, label).value = value
            assert page.html != before, label

    def test_an_encoder_that_cannot_be_loaded_leaves_no_older_picture(self, reader):
        def embed(study, recipe, seed):
            if recipe == "ccg":
                raise UsageError("ccg: no folder model")
            layers = 3 if seed == 1 else 2
            accuracy = {centred: np.full((layers, 3), 50.0) for centred in (True, False)}
            return Made(
                ("en", "de", "hi"),
                np.random.default_rng(0).normal(size=(layers, 3, 10, 8)),
                accuracy,
            )

        view = space.space_view(embed)(reader)
        (page,) = pages(view)
        control(view, "Load encoders").click()
        control(view, "layer").value = 2
        control(view, "after").value = "ccg"
        assert "no folder model" in page.html and "<img" not in page.html
        control(view, "layer").value = 1
        page.narrow = True
        assert "no folder model" in page.html and "<img" not in page.html
        control(view, "after").value = "mnli"
        assert "<img" in page.html
        control(view, "layer").value = 2
        control(view, "seed").value = "2"
        assert "at layer 1" in page.html and control(view, "layer").value == 1

    def test_principal_components_are_those_of_scikit_learn(self):
        from sklearn.decomposition import PCA

        vectors = np.random.default_rng(0).normal(size=(40, 6)) * np.arange(1, 7)
        np.testing.assert_allclose(
            np.abs(space.principal(vectors)), np.abs(PCA(2).fit_transform(vectors)), atol=1e-9
        )
        with pytest.raises(UsageError, match="layers 0 to 2"):
            space.flat(Made(("en",), np.zeros((3, 1, 4, 5)), {}), 3, True)


def test_colors_are_those_of_the_figures():
    colors = diverging()
    for value in np.linspace(-7, 7, 301):
        color = colors(Normalize(-5, 5)(value))
        assert paint(float(value), 5.0) == f"background:{to_hex(color)};color:{ink_on(color)}"


def test_nothing_that_is_written_is_made_faint():
    """Opacity takes contrast from real numbers: English in every table of languages."""
    style = (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert "opacity" not in style and ".xs-left-out" in style


class Made:
    """Vectors as `embeddings.parallel_sentences` gives them."""

    def __init__(self, languages, vectors, accuracy):
        self.languages, self.vectors, self.accuracy = languages, vectors, accuracy


def test_a_study_without_runs_says_so(tmp_path: Path):
    path = tmp_path / "empty.yaml"
    path.write_text(explored_study.YAML, encoding="utf-8")
    reader = Reader(Study.load(str(path), str(tmp_path / "outputs")))
    with pytest.raises(UsageError, match="no finished target runs"):
        gain_view(reader)
    with pytest.raises(UsageError, match="quick"):
        explorer.Explorer("quik", str(tmp_path / "outputs"))


def test_studies_to_choose_from_have_runs(tmp_path: Path):
    """`everything` and `published` leave a report alone; the newest first, kept runs last."""
    for place, folder in enumerate(
        (
            "quick/target/xnli",
            "mini/pretrain",
            "everything/report",
            "published/report",
            "no_study/target",
        )
    ):
        (tmp_path / folder).mkdir(parents=True)
        os.utime((tmp_path / folder).parents[folder.count("/") - 1], (place, place))
    assert studies(str(tmp_path)) == ["mini", "quick", *references()]


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(study, tmp_path):
    copy = tmp_path / "run.ipynb"
    run_notebook(
        notebook_path("90_explore"),
        {"study": study.file, "outputs": study.outputs},
        copy,
        threads=1,
    )
    shown = [
        output
        for cell in nbformat.read(copy, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    assert len(shown) == 6 and all(
        "application/vnd.jupyter.widget-view+json" in output.data for output in shown
    )
