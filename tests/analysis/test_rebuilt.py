"""The paper's tables from a made-up study: numbers, what is confirmed, what is missing; and a LaTeX
document that holds together."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from xstilts_core import analysis
from xstilts_core.analysis import published as published_numbers
from xstilts_core.analysis.published import known, published
from xstilts_core.analysis.rebuilt import UNCONFIRMED, PaperTable
from xstilts_core.report import figures
from xstilts_core.report.figures.files import is_set, latex
from xstilts_core.results import COLUMNS
from xstilts_core.study import Study
from xstilts_core.tasks import TARGET_NAMES, TASKS, XTREME
from xstilts_core.wording.text import sentences

GAINS = {"none": 0.0, "mnli": 7.5, "squad_v1": 2.0, "ccg": -1.0}
TARGETS = ("xnli", "tydiqa", "udpos", "tatoeba")


def study(folder: Path, targets: tuple[str, ...] = TARGETS) -> Study:
    recipes = "\n".join(
        f"  {name}: {{intermediate: [{name}]}}" if name != "none" else "  none:" for name in GAINS
    )
    path = folder / "made.yaml"
    text = f"title: A 100 % made-up study of R&D_1\nseeds: [1, 2, 3]\nrecipes:\n{recipes}\ntargets: [{', '.join(targets)}]\n"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def scores(seeds: int = 3, targets: tuple[str, ...] = TARGETS) -> pd.DataFrame:
    """60 points for the baseline, 10 more in English; each recipe gains the same on every
    target."""
    generator, rows = np.random.default_rng(0), []
    for recipe, gain in GAINS.items():
        for task in targets:
            retrieval = TASKS[task].format == "retrieval"
            for code in ("de", "es") if retrieval else ("en", "de", "es"):
                for seed in range(1, seeds + 1):
                    value = 60 + gain + 10 * (code == "en") + generator.normal(0, 0.05)
                    phase = "retrieval" if retrieval else "target"
                    rows.append(
                        (
                            "made",
                            phase,
                            recipe,
                            seed,
                            "",
                            task,
                            code,
                            "test",
                            TASKS[task].metric,
                            value,
                            100,
                        )
                    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def development(best: str = "squad_v1") -> pd.DataFrame:
    rows = [
        (name, task, seed, 90.0 if name == best else 50.0)
        for name in GAINS
        for task in TARGETS[:2]
        for seed in (1, 2, 3)
    ]
    return pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])


def rebuilt(folder: Path, frame: pd.DataFrame) -> dict[str, PaperTable]:
    return dict(
        analysis.paper_tables(study(folder), frame, {}, analysis.gain_draws(frame), development())
    )


def test_published_numbers_are_of_known_tasks_and_have_a_source():
    rows = published()
    assert set(rows["task"]) <= {*TARGET_NAMES, "average"} and rows["source"].str.len().gt(10).all()
    assert (
        set(rows["evidence"]) == {"confirmed", "second hand"}
        and rows["value"].between(-100, 100).all()
    )
    assert not rows.duplicated(["system", "quantity", "split", "task", "language"]).any()
    by_language = rows[(rows["system"] == "xlmr_large") & (rows["language"] != "mean")]
    for task, found in by_language.groupby("task"):
        assert set(found["language"]) == set(TASKS[task].languages), task
        assert found["value"].mean() == pytest.approx(known("xlmr_large", task)[0], abs=0.051)
    scored = rows[rows["quantity"] == "score"]
    assert (scored["metric"] == scored["task"].map(lambda name: TASKS[name].metric)).all()


def test_gains_beside_the_reported_average(tmp_path):
    table = rebuilt(tmp_path, scores())["gains"].frame.set_index("recipe")
    assert table.columns.tolist() == [
        *sorted(TARGETS, key=TARGET_NAMES.index),
        "average",
        "paper (average)",
        "difference",
    ]
    assert table.loc["none (score)", ["xnli", "average", "paper (average)"]].tolist() == [
        "60.0",
        "60.0",
        UNCONFIRMED,
    ]
    assert (
        table.loc["mnli", "xnli"] == "+7.5*"
        and table.loc["mnli", "paper (average)"] == "+7.5 (second hand)"
    )
    assert table.loc["mnli", "difference"] == UNCONFIRMED, "nobody has seen the paper's own number"
    assert table.loc["ccg", ["paper (average)", "difference"]].tolist() == [UNCONFIRMED] * 2


@pytest.fixture
def confirmed(monkeypatch) -> None:
    """As if somebody had seen the paper's tables."""
    monkeypatch.setattr(
        published_numbers, "published", lambda: published().assign(evidence="confirmed")
    )


@pytest.mark.usefixtures("confirmed")
def test_an_average_over_four_targets_is_another_quantity(tmp_path):
    table = rebuilt(tmp_path, scores())["gains"].frame.set_index("recipe")
    assert table.loc["mnli", ["paper (average)", "difference"]].tolist() == [
        "+7.5",
        "needs all nine targets",
    ]


@pytest.mark.usefixtures("confirmed")
def test_the_average_over_nine_targets_is_held_against_the_papers(tmp_path):
    frame = scores(targets=XTREME)
    draws = analysis.gain_draws(frame)
    chosen = pd.DataFrame(
        [(name, task, 1, 9.0 * (name == "mnli")) for name in GAINS for task in XTREME],
        columns=["recipe", "task", "seed", "value"],
    )
    tables = analysis.paper_tables(study(tmp_path, XTREME), frame, {}, draws, chosen)
    table = tables["gains"].frame.set_index("recipe")
    assert re.fullmatch(r"[+-]0\.\d \(-0\.\d to 0\.\d\)", table.loc["mnli", "difference"]), (
        "it gains what the paper reports"
    )
    assert table.loc["squad_v1", "difference"].startswith("-6.2 (") and table.loc[
        "squad_v1", "difference"
    ].endswith("*")
    last = tables["benchmark"].frame.set_index("target").loc["average"]
    assert last["gain"].startswith("+7.5 (") and last["difference of gains"].startswith("+2.1 (")


def test_the_benchmarks_scores(tmp_path):
    table = rebuilt(tmp_path, scores())["benchmark"].frame.set_index("target")
    assert table.loc["xnli", ["none", "XLM-R Large", "X-STILTs", "gain (published)"]].tolist() == [
        "63.3",
        "79.2 (test)",
        "80.4",
        "+1.2",
    ]
    assert table.loc["xnli", "difference"] == "-15.9" and table.loc["xnli", "chosen"] == "squad_v1"
    assert table.loc["xnli", "gain"].startswith("+2.0 (") and table.loc[
        "xnli", "difference of gains"
    ].startswith("+0.8 (")
    assert table.loc["tydiqa", "difference of gains"].startswith("-8.9 (")
    assert (
        table.loc["udpos", ["X-STILTs", "gain (published)", "difference of gains"]].tolist()
        == [UNCONFIRMED] * 3
    )
    assert table.loc["tatoeba", ["none", "XLM-R Large", "difference", "gain"]].tolist() == [
        "60.0",
        "31.0 (dev)",
        "+29.0",
        "",
    ]
    assert table.loc[
        "average", ["X-STILTs", "gain (published)", "difference of gains"]
    ].tolist() == [
        UNCONFIRMED,
        "+5.4",
        "needs all nine targets",
    ]


def test_scores_by_language_tasks_and_settings(tmp_path):
    tables = rebuilt(tmp_path, scores())
    german = tables["by_language"].frame.set_index("language").loc["German (de)"]
    assert german[["tatoeba", "tatoeba, XLM-R Large", "tatoeba, difference"]].tolist() == [
        "60.0",
        "63.9",
        "-3.9",
    ]
    tasks = tables["tasks"].frame.set_index(["role", "task"])
    assert (
        tasks.loc[("intermediate", "MNLI"), "train"] == "392,702"
        and tasks.loc[("intermediate", "ANLI+"), "train"] == UNCONFIRMED
    )
    settings = tables["training"].frame.set_index(["phase", "trained on"])
    assert (
        settings.loc[("target", "POS"), "epochs (published)"] == 10
        and settings.loc[("target", "POS"), "batch (published)"] == 32
    )
    assert settings.loc[("intermediate", "MNLI"), "epochs (published)"] == UNCONFIRMED, (
        "recalled from the appendix"
    )


def test_what_cannot_be_rebuilt_is_said(tmp_path):
    frame = scores()
    frame = frame[
        (frame["task"] != "udpos") & ~((frame["recipe"] == "ccg") & (frame["task"] == "tydiqa"))
    ]
    made, draws = study(tmp_path), analysis.gain_draws(frame)
    tables = analysis.paper_tables(made, frame, {}, draws, development())
    reasons = set(analysis.not_rebuilt(made, tables, draws)["reason"])
    assert {
        "no recipe of qqp",
        "no recipe of all nine tasks together",
        "no finished gains on udpos",
        "ccg on tydiqa: runs missing",
    } <= reasons
    assert {
        "no recipe of this study has additional masked language modeling",
        "no recipe of this study has translated intermediate data",
    } <= reasons and "no recipe of mnli" not in reasons
    sentence = sentences("not_rebuilt", missing=analysis.not_rebuilt(made, tables, draws))
    assert (
        sentence.startswith("Not rebuilt: no recipe of this study")
        and "ccg on tydiqa: runs missing" in sentence
    )
    gains = tables["gains"].frame.set_index("recipe")
    assert gains.loc["ccg", ["tydiqa", "average"]].tolist() == ["", ""]


def test_where_the_baseline_is_chosen_nothing_is_measured(tmp_path):
    none = analysis.paper_tables(
        study(tmp_path), scores(), {}, analysis.gain_draws(scores()), development("none")
    )
    row = none["benchmark"].frame.set_index("target").loc["xnli"]
    assert row[["chosen", "gain", "difference of gains"]].tolist() == [
        "none",
        "0 (the baseline)",
        "-1.2",
    ], "no interval, no star"


def test_one_seed(tmp_path):
    tables = rebuilt(tmp_path, scores(1))
    assert (
        "no intervals: one seed" in tables["gains"].caption and "1 seed;" in tables["gains"].caption
    )
    assert tables["gains"].frame.set_index("recipe").loc["mnli", "average"] in (
        "+7.4",
        "+7.5",
        "+7.6",
    )


def tabular_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(r"\\")]


def check_latex(text: str) -> None:
    """Environments and braces are closed in order, and no special character stands bare."""
    open_now = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_now.append(name)
        else:
            assert open_now.pop() == name
    assert not open_now
    bare = re.sub(r"\\[\\{}%&#_$]|^%.*$", "", text, flags=re.MULTILINE)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    words = re.sub(
        r"\\(fitted|includegraphics|input|newcommand|begin|end|label)\S*|#\d|%$",
        "",
        bare,
        flags=re.MULTILINE,
    )
    body = words.split(r"\maketitle")[-1]
    assert not re.search(r"[#%^~_]", words), re.findall(r".{20}[#%^~_].{20}", words)
    assert not re.search(r"[<>|]|\\\\\s*\[", body), (
        "another sign in another font encoding, and an option after the end of a row"
    )
    assert all(
        letter.isprintable() and is_set(letter) for line in text.splitlines() for letter in line
    )


def compiled(folder: Path, name: str) -> str:
    """What pdflatex says of <name>.tex; it must make a PDF without an error."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and (folder / f"{name}.pdf").stat().st_size > 1000, done.stdout[
        -2000:
    ]
    return done.stdout


def test_the_document_holds_together(tmp_path):
    made, tables = study(tmp_path), rebuilt(tmp_path, scores())
    figures.save(figures.phases(made, width=figures.COLUMN), tmp_path, "figure_phases")
    path = figures.save_document(
        tmp_path,
        made.title,
        tables,
        {"figure_phases": "The phases: 50 % of R&D_1"},
        "Study made_1.",
    )
    text = path.read_text(encoding="utf-8")
    check_latex(text)
    assert r"A 100 \% made-up study of R\&D\_1" in text and r"50 \% of R\&D\_1" in text
    assert set(re.findall(r"\\fitted\{(\w+)\}", text)) == set(tables), "each table stands in it"
    assert (tmp_path / "figure_phases.pdf").is_file() and r"\includegraphics{figure_phases}" in text
    for name, table in tables.items():
        content = (tmp_path / f"{name}.tex").read_text(encoding="utf-8")
        check_latex(content)
        rows = tabular_rows(content)
        assert len(rows) == len(table.frame) + 1
        assert {row.replace(r"\&", "").count("&") for row in rows} == {
            len(table.frame.columns) - 1
        }, name
        assert rf"\begin{{tabular}}{{{'l' * len(table.frame.columns)}}}"[:20] == content[:20]
    assert r"\begin{sidewaystable}" in text and r"\begin{table}" in text, (
        "wide tables lie on their side"
    )


# What an answer, an error or a name may hold: an escape sequence, lines, brackets, signs of other
# scripts.
HARD = [
    "100 % & R&D_1 {a} [b]",
    "[-1.2] <0.05 |x| ~ ^ \\ $5 #1",
    "\x1b[31mline\n\nline",
    "Sch\u00f6n \u4e2d\u6587 \u03c1 \u2212 \u00d7 \u2014 \u2019",
    "",
]


def test_hard_cells(tmp_path):
    figures.save_table(
        pd.DataFrame(
            {"[a]_b": HARD, "x": [1.0, np.nan, -0.04, 2.0, 3.0], "long": ["a sentence " * 9] * 5}
        ),
        tmp_path,
        "hard",
    )
    content = (tmp_path / "hard.tex").read_text(encoding="utf-8")
    check_latex(content)
    assert len(tabular_rows(content)) == len(HARD) + 1 and content.startswith(
        r"\begin{tabular}{lrp{50mm}}"
    ), "sentences are broken"
    assert "Sch\u00f6n (U+4E2D)(U+6587) $\\rho$ $-$ $\\times$" in content


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_document_compiles(tmp_path):
    made, tables = study(tmp_path), rebuilt(tmp_path, scores())
    tall = pd.DataFrame({"number": range(80), "text": "a cell of some length " * 5})
    tables |= {
        "hard": PaperTable(" ".join(HARD), pd.DataFrame({"cell": HARD})),
        "tall": PaperTable("Higher and wider than a page.", tall),
    }
    figures.save(figures.phases(made, width=figures.COLUMN), tmp_path, "figure_phases")
    figures.save_document(
        tmp_path, made.title, tables, {"figure_phases": "The phases."}, " ".join(HARD)
    )
    said = compiled(tmp_path, "paper")
    assert (
        "Overfull" not in said and "too large" not in said and "LaTeX Font Warning" not in said
    ), said
    inputs = [rf"\setbox0\hbox{{\input{{{name}}}}}" for name in tables]
    lines = [
        r"\documentclass{article}",
        r"\usepackage{booktabs}",
        r"\begin{document}",
        *inputs,
        "x",
        r"\end{document}",
    ]
    (tmp_path / "plain.tex").write_text("\n".join(lines), encoding="utf-8")
    assert "Missing character" not in compiled(tmp_path, "plain"), (
        "each table stands in a document of its own packages"
    )


def test_minus_signs():
    assert latex("-1.7 (-2.2 to -1.1) *", 1) == "$-$1.7 ($-$2.2 to $-$1.1) *"
    assert latex("TyDiQA-GoldP 1e-5 XLM-R-2", 1) == "TyDiQA-GoldP 1e-5 XLM-R-2"


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_phases(tmp_path, width):
    figure = figures.phases(study(tmp_path), width=width)
    figure.canvas.draw()
    found = " ".join(text.get_text() for text in figure.findobj(Text))
    for word in (
        "1  Pretraining",
        "not run here",
        "recipes: 3 with one task",
        "9 runs",
        "4 targets",
        "36 runs, 12 for retrieval",
        "the baseline (none)",
    ):
        assert word in found, (word, found)
