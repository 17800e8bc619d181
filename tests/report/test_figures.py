"""Figures say what the tables say: labels, numbers and marks are read back from the drawn
figure."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from seaborn.utils import relative_luminance

from xstilts_core.errors import UsageError
from xstilts_core.report import figures
from xstilts_core.report.figures.cells import scale
from xstilts_core.report.figures.style import NOTHING, PALE, diverging, gain_limits, ink_on
from xstilts_core.wording.numbers import coefficient, ends, signed, span, told, typeset

NAN = float("nan")
GAINS = pd.DataFrame(
    [
        ("mnli", "xnli", 4.24, 1.2, 7.4, 3, 8, 24, "seeds and items"),
        ("mnli", "tatoeba", -3.0, -8.0, 1.0, 3, 8, 24, "seeds and items"),
        ("mnli", "average", 0.62, -2.0, 3.0, 3, 8, 48, "seeds and items"),
        ("ccg", "xnli", -2.0, -3.0, -1.0, 3, 8, 24, "seeds and items"),
        ("ccg", "tatoeba", NAN, NAN, NAN, 0, 0, 0, ""),
        ("ccg", "average", NAN, NAN, NAN, 0, 0, 24, ""),
    ],
    columns=["recipe", "task", "gain", "low", "high", "seeds", "languages", "n", "resampled"],
)
BASELINE = pd.DataFrame([[60.0, NAN, NAN]], index=["none"], columns=["xnli", "tatoeba", "average"])


def texts(figure) -> list[str]:
    figure.canvas.draw()
    return [
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]


def test_heat_map_shows_numbers_intervals_and_names():
    figure = figures.heat_map(GAINS, BASELINE, source="Runs of made_up.")
    found = texts(figure)
    for word in (
        "mnli",
        "ccg",
        "xnli",
        "tatoeba",
        "average",
        "+4.2",
        "\u22122.0",
        "1 to 7",
        "\u22123 to \u22121",
        "60.0",
        "none (score, %)",
    ):
        assert word in found, word
    (note,) = [" ".join(text.split()) for text in found if "3 seeds" in text]
    assert (
        "interval over seeds and items excludes 0" in note
        and "Hatched: missing" in note
        and note.endswith("Runs of made_up.")
    )
    bold = {text.get_text() for text in figure.findobj(Text) if text.get_fontweight() == "bold"}
    assert {"+4.2", "\u22122.0"} <= bold and "\u22123.0" not in bold
    assert figure.get_size_inches()[0] == figures.FULL


def test_heat_map_in_a_column_shows_whole_points():
    found = texts(figures.heat_map(GAINS, BASELINE, width=figures.COLUMN))
    assert "+4" in found and "60" in found and "+4.2" not in found


def test_signs():
    assert [signed(-0.04), signed(0.04), signed(-1.26), typeset(-0.3), typeset(-7.6)] == [
        "0.0",
        "0.0",
        "\u22121.3",
        "0",
        "\u22128",
    ]
    assert [coefficient(value) for value in (0.75, -0.131, -0.004, 1, -1)] == [
        ".75",
        "\u2212.13",
        ".00",
        "1",
        "\u22121",
    ]
    assert [span([3, 2, NAN]), span([3, 3]), span([])] == ["2 to 3", "3", "0"]
    assert scale(pd.Series([0.1, NAN])) == 3.0


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (4.24, 1.2, 7.4, "1 to 7"),
        (-12.35, -16.15, -8.55, "\u221216 to \u22129"),
        (-0.2, -0.4, -0.1, "\u22120.4 to \u22120.1"),
        (0.7, 0.35, 1.0, "0.3 to 1.0"),
        (6.0, -0.3, 12.3, "\u22120.3 to 12.3"),
        (-0.2, -0.38, 0.04, "\u22120.4 to 0.0"),
        (-0.2, -0.38, -0.04, "\u22120.38 to \u22120.04"),
        (4.2, 3.9, 4.4, "3.9 to 4.4"),
        (1.4, 0.8, 1.44, "0.8 to 1.4"),
        (0.0, 0.0, 0.0, "0.0 to 0.0"),
    ],
)
def test_an_interval_contradicts_neither_its_box_nor_its_value(value, low, high, said):
    assert ends(value, low, high) == said
    both = [float(end.replace("\u2212", "-")) for end in said.split(" to ")]
    assert both[0] <= round(value, 1) <= both[1] and (low > 0 or high < 0) == (
        both[0] > 0 or both[1] < 0
    )


def test_a_boxed_gain_is_not_0():
    small = (0.3, 0.1, 0.5), (-0.04, -0.07, -0.02), (0.3, -0.1, 0.7), (4.2, 1.0, 7.0)
    assert [told(*gain) for gain in small] == ["+0.3", "\u22120.04", "+0.3", "+4.2"]
    assert [told(*gain, 0) for gain in small] == ["+0.3", "\u22120.04", "0", "+4"]
    table = GAINS.assign(
        gain=[-0.2, *GAINS["gain"][1:]],
        low=[-0.4, *GAINS["low"][1:]],
        high=[-0.1, *GAINS["high"][1:]],
    )
    assert {"\u22120.2", "\u22120.4 to \u22120.1"} <= set(texts(figures.heat_map(table, BASELINE)))
    assert "\u22120.2" in texts(figures.heat_map(table, BASELINE, width=figures.COLUMN))


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_long_numbers_stay_in_their_boxes(width):
    """Ten columns, as the suite's targets and their average have; the longest gains and
    intervals."""
    tasks = [
        "xnli",
        "pawsx",
        "udpos",
        "panx",
        "xquad",
        "mlqa",
        "tydiqa",
        "bucc2018",
        "tatoeba",
        "average",
    ]
    longest = [
        (-12.1, -12.3, -11.9),
        (-6.1, -12.4, -0.3),
        (0.04, 0.02, 0.07),
        (-23.4, -46.6, -0.2),
        (7.0, -0.3, 14.3),
    ] * 2
    rows = [
        ("mnli", name, *gain, 3, 8, 24, "seeds") for name, gain in zip(tasks, longest, strict=True)
    ]
    figure = figures.heat_map(pd.DataFrame(rows, columns=GAINS.columns), width=width)
    figure.set_dpi(300)  # as in print: on a coarse grid letters are rounded to whole dots
    figure.canvas.draw()
    axes = figure.axes[0]
    cell = np.diff(axes.transData.transform([(0, 0), (0.92, 0)])[:, 0])[0]
    inside = [text for text in axes.texts if text.get_position()[1] > 0]
    wide = {text.get_text(): text.get_window_extent().width / cell for text in inside}
    assert len(wide) >= 5 and {words: share for words, share in wide.items() if share > 1} == {}


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_explorations_stay_inside_and_uncovered(width):
    """Wide numbers leave room for the name of y; the legend of encoders lies outside of the panel,
    where any place can have points."""
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "a name of y": [-0.125, -0.1255, -0.126]})
    figure = figures.scatter(table, "a", "a name of y", width=width)
    figure.canvas.draw()
    assert figure.axes[0].yaxis.get_tightbbox().x0 >= 0
    points = {
        name: np.random.default_rng(0).normal(size=(2, 9, 2))
        for name in ("before", "after squad_v1")
    }
    accuracy = {name: np.linspace(80, 1, 5)[:, None] * np.ones((5, 2)) for name in points}
    figure = figures.sentence_map(
        points, accuracy, ("en", "de"), 3, ("first", "second"), width=width
    )
    figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    legends = [legend.get_window_extent() for legend in figure.legends]
    assert len(legends) == 2 and not any(axes.get_legend() for axes in figure.axes)
    assert not any(legend.overlaps(box) for legend in legends for box in boxes) and not legends[
        0
    ].overlaps(legends[1])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in (*boxes, *legends))


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    """The contrast of two colors, from 1 to 21 (WCAG 2)."""
    dark, light = sorted((relative_luminance(first), relative_luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [diverging(), colormaps["Blues"]], ids=["gains", "scores"])
def test_numbers_can_be_read_on_every_color(colors):
    assert all(contrast(to_rgb(ink_on(color)), color) >= 4.5 for color in colors(range(colors.N)))
    assert contrast(to_rgb("black"), to_rgb("white")) == pytest.approx(21)
    assert contrast(to_rgb("#767676"), to_rgb("white")) == pytest.approx(4.54, abs=0.005)
    assert contrast(to_rgb(PALE), to_rgb(NOTHING)) >= 4.5


def languages(recipes: int = 2) -> pd.DataFrame:
    codes = (("en", "Latin", "high"), ("hi", "Devanagari", "high"), ("sw", "Latin", "low"))
    rows = [
        (
            f"r{i}",
            "xnli",
            code,
            5.0 - 4 * i,
            4.0 - 4 * i,
            6.0 - 4 * i,
            2,
            100,
            "seeds",
            script,
            level,
            "SVO",
        )
        for i in range(recipes)
        for code, script, level in codes
    ]
    names = "recipe task language gain low high seeds n resampled script resource_level word_order"
    return pd.DataFrame(rows, columns=names.split(" "))


def test_language_panels():
    table = languages()
    found = texts(figures.language_panels(table, "xnli"))
    for word in ("r0", "r1", "en", "hi", "sw", "Devanagari", "low resources", "above 0"):
        assert word in found, word
    assert any(text.startswith("xnli: gain over none") for text in found) and any(
        "2 seeds" in text for text in found
    )


def test_what_lies_beyond_the_axis_is_written_at_its_edge():
    table = languages(6)
    table.loc[table["recipe"] == "r5", ["gain", "low", "high"]] = (-90.0, -95.0, -85.0)
    assert gain_limits(table["gain"], table[["gain", "low", "high"]])[0] > -90
    assert gain_limits(table["gain"], table["gain"], -90.0)[0] < -90, "unless it is to be shown"
    assert "\u2190 \u221290" in texts(figures.language_panels(table, "xnli"))


def test_panels_without_intervals():
    table = languages().assign(low=NAN, high=NAN)
    assert "above 0" not in texts(figures.language_panels(table, "xnli"))


def test_baseline_scores():
    table = pd.DataFrame(
        [
            ("xnli", "en", 80.0, 1.0, 2, 100),
            ("xnli", "de", 61.5, 1.0, 2, 100),
            ("tatoeba", "de", 33.0, NAN, 2, 100),
        ],
        columns=["task", "language", "value", "spread", "seeds", "n"],
    )
    found = texts(figures.baseline_scores(table))
    for word in ("English (en)", "German (de)", "80.0", "61.5", "33.0", "xnli", "tatoeba"):
        assert word in found, word


CONTROLS = pd.DataFrame(
    [
        ("xnli", "none", "", 62.5, 80.0, NAN, NAN, NAN, 3),
        ("xnli", "random", "random_init", 33.0, 40.0, 29.5, 25.0, 33.0, 3),
        ("xnli", "majority", "majority", 36.0, 36.0, 26.5, 22.0, 30.0, 3),
        ("tatoeba", "none", "", 50.0, NAN, NAN, NAN, NAN, 3),
        ("tatoeba", "random", "random_init", 51.0, NAN, -1.0, -4.0, 2.0, 3),
        ("tatoeba", "no_names", "names_masked", 49.0, NAN, 1.0, -1.0, 2.0, 3),
    ],
    columns=["task", "recipe", "control", "zero_shot", "english", "above", "low", "high", "seeds"],
)


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_controls_beside_the_baseline(width):
    figure = figures.control_scores(CONTROLS, width=width)
    found = texts(figure)
    for word in (
        "none",
        "random",
        "majority",
        "no_names",
        "zero-shot mean",
        "English",
        "xnli",
        "tatoeba",
    ):
        assert word in found, word
    margins = ("+26.5", "\u22121.0") if width == figures.FULL else ("+26", "\u22121")
    assert set(margins) <= set(found), "the strongest control counts; masked names do not"
    bold = {text.get_text() for text in figure.findobj(Text) if text.get_fontweight() == "bold"}
    assert margins[0] in bold and margins[1] not in bold, "bold where the interval lies above 0"
    values = [axes.collections[-1].get_offsets()[:, 0].tolist() for axes in figure.axes]
    assert values == [[62.5, 33.0, 36.0, 50.0, 51.0, 49.0], [80.0, 40.0, 36.0]]


def test_status_grid_speaks_in_words():
    grid = pd.DataFrame(
        [
            ("none", "mnli", 2, 0, 0, 0, 0, 2),
            ("mnli", "mnli", 0, 0, 0, 1, 1, 2),
            ("mnli", "intermediate", 2, 0, 0, 0, 0, 2),
        ],
        columns=["recipe", "stage", "done", "running", "stale", "missing", "failed", "total"],
    )
    found = texts(figures.status_grid(grid))
    assert "2 done" in found and "1 missing\n1 failed" in found
    assert found.index("intermediate") < found.index("mnli")


@pytest.mark.parametrize(("low", "said"), [(1.0, "filled: it excludes 0"), (NAN, "no interval")])
def test_differences_of_any_kind(low, said):
    """A row per difference, its group before the first of its rows, and a note from the template."""
    rows = [
        ("mnli", "noise", "average", 2.0, low, low + 2, 3),
        ("mnli", "none", "average", 0.5, low, low, 3),
    ]
    table = pd.DataFrame(rows, columns=["group", "row", "panel", "value", "low", "high", "seeds"])
    found = texts(figures.forest(table.iloc[:1], "gain with noise", source="Runs of made_up."))
    assert {"mnli: noise", "average", "gain with noise, points"} <= set(found)
    (note,) = [" ".join(text.split()) for text in found if "Dot: the mean" in text]
    assert said in note and note.endswith("n = 1 differences. Runs of made_up.")
    assert "none" in texts(figures.forest(table, "gain with noise"))


def test_training_curves():
    log = pd.DataFrame(
        [("a", "none", 1, "mnli", step, 3 / step) for step in range(1, 5)],
        columns=["run", "recipe", "seed", "stage", "step", "loss"],
    )
    assert "mnli (1 run)" in texts(figures.training_curves(log))


def test_nothing_to_draw_is_said_in_words():
    empty = GAINS.iloc[:0]
    assert "no finished target runs to compare yet" in texts(figures.heat_map(empty))
    assert "no finished target runs to compare yet" in texts(
        figures.heat_map(GAINS.assign(gain=np.nan))
    )
    assert "no gains on xnli yet" in texts(figures.language_panels(languages().iloc[:0], "xnli"))
    assert "no finished baseline runs yet" in texts(
        figures.baseline_scores(pd.DataFrame(columns=["task", "language", "value", "seeds"]))
    )
    assert "no finished controls yet" in texts(figures.control_scores(CONTROLS.iloc[:0]))
    assert "no training logs yet" in texts(
        figures.training_curves(pd.DataFrame(columns=["run", "recipe", "stage", "step", "loss"]))
    )


def test_files_at_print_size(tmp_path):
    figure = figures.heat_map(GAINS)
    paths = figures.save(figure, tmp_path, "gains")
    assert [path.suffix for path in paths] == [".pdf", ".svg", ".png"]
    before = [path.read_bytes() for path in paths]
    figures.save(figures.heat_map(GAINS), tmp_path, "gains")
    assert [path.read_bytes() for path in paths] == before, "same numbers, same files"
    assert b"/Subtype /Type3" not in before[0] and b"FontFile2" in before[0], (
        "fonts are embedded as type 42"
    )
    assert b"tatoeba</text>" in before[1], "words stay words"
    from matplotlib.image import imread

    assert imread(paths[2]).shape[1] == round(figures.FULL * 300)


def test_tables_in_csv_and_latex(tmp_path):
    figures.save_table(GAINS.assign(note="50 % & more_"), tmp_path, "gains")
    assert pd.read_csv(tmp_path / "gains.csv")["gain"][0] == 4.24
    lines = (tmp_path / "gains.tex").read_text().splitlines()
    assert lines[0] == r"\begin{tabular}{llrrrrrrll}" and lines[1] == r"\toprule"
    assert lines[4].startswith("mnli & xnli & $4.2$ & $1.2$") and lines[4].endswith(
        r"50 \% \& more\_ \\"
    )
    assert "ccg & tatoeba & -- & --" in "\n".join(lines)
    with pytest.raises(UsageError, match=r"gains\.csv"):
        figures.save_table(GAINS, tmp_path, "gains.csv")
    with pytest.raises(UsageError, match="COLUMN"):
        figures.heat_map(GAINS, width=0.1)
    done = figures.finish(tmp_path, "30_transfer")
    assert json.loads((tmp_path / "result.json").read_text()) == done
    assert done == {
        "phase": "report",
        "notebook": "30_transfer",
        "files": ["gains.csv", "gains.tex"],
    }
