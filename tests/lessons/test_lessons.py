"""Lessons: rules for their notebooks, wrong answers and their hints, and every lesson run with the
instructor's key put in."""

import ast
import importlib
import inspect
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from course import (
    Check,
    Choice,
    Feedback,
    Names,
    Number,
    Written,
    compare,
    tokenisation,
)

from xstilts_core.jobs.notebook import run_notebook

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks" / "lessons").glob("*.ipynb"))
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
)
HEADINGS = ("## Goals", "## Before you run: predict", "## What this shows and does not show")
# With the key in they take a minute and more: for a release (tests/conftest.py).
LONGEST = ("l3", "l4", "l6", "l8")
# By how much studies of lessons are cut: whole, they take six minutes of a core. XSTILTS_LESSONS=1
# leaves them whole.
CUT = int(os.environ.get("XSTILTS_LESSONS", "3"))
NOTES = ("## In class", "## Exercises", "## Misconceptions", "## Limits")


def cells(path: Path) -> list:
    return nbformat.read(path, as_version=4).cells


def tagged(path: Path, tag: str) -> dict[str, str]:
    """The code cells with a tag: id -> source."""
    return {
        cell.id: cell.source
        for cell in cells(path)
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", [])
    }


def plain(path: Path) -> list[str]:
    """The code cells that are not the pupil's."""
    mine = {*tagged(path, "answer"), *tagged(path, "prediction")}
    return [cell.source for cell in cells(path) if cell.cell_type == "code" and cell.id not in mine]


def check_of(path: Path) -> Check:
    """The checker that the lesson's first code cell makes."""
    (module,) = re.findall(
        r"^from course import (\w+) as lesson$", plain(path)[0], flags=re.MULTILINE
    )
    return importlib.import_module(f"course.{module}").check()


def key(path: Path) -> dict[str, str]:
    """The instructor's answers by exercise: the parts of keys/<lesson>.py that a line `# %%
    <exercise>` opens."""
    text = (path.parent / "keys" / f"{path.stem}.py").read_text(encoding="utf-8")
    parts = re.split(r"^# %% (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {name: code.strip() for name, code in zip(parts[::2], parts[1::2], strict=True)}


def test_there_are_lessons():
    assert [path.stem.split("_")[0] for path in LESSONS] == [
        f"l{number}" for number in range(1, len(LESSONS) + 1)
    ]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
class TestSource:
    def test_no_stored_outputs(self, path):
        assert all(
            cell.outputs == [] and cell.execution_count is None
            for cell in cells(path)
            if cell.cell_type == "code"
        )

    def test_headings(self, path):
        text = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
        assert (
            cells(path)[0].source.startswith("# ")
            and [line for line in HEADINGS if line not in text] == []
        )
        assert cells(path)[-1].source.startswith(HEADINGS[-1]), "what this does not show comes last"
        assert "keys" not in text and "instructor" not in text.lower()

    def test_thin(self, path):
        assert len(plain(path)) <= 16
        for source in plain(path):
            assert len(source.splitlines()) <= 12, source
            found = [
                type(node).__name__
                for node in ast.walk(ast.parse(source))
                if isinstance(node, LOGIC)
            ]
            assert not found, f"{found} in {source}"

    def test_predictions_are_empty(self, path):
        """`my_guess = ...  # what is asked for`, a line each."""
        assert tagged(path, "prediction")
        for source in tagged(path, "prediction").values():
            for line, node in zip(source.splitlines(), ast.parse(source).body, strict=True):
                assert isinstance(node, ast.Assign) and node.value.value is ... and "# " in line, (
                    line
                )

    def test_answers_are_empty_and_checked(self, path):
        """One cell for each exercise, named by it: a name or a function without a body, then its
        check."""
        answers = tagged(path, "answer")
        assert list(answers) == [exercise.name for exercise in check_of(path).exercises]
        for name, source in answers.items():
            assigned, checked = ast.parse(source).body
            assert ast.unparse(checked) == f"check.{name}({name})"
            if isinstance(assigned, ast.FunctionDef):
                assert assigned.name == name and [
                    ast.unparse(node) for node in assigned.body if not is_text(node)
                ] == ["..."]
            else:
                assert (
                    ast.unparse(assigned) == f"{name} = ..." and "# " in source.splitlines()[0]
                ), "a comment says what is asked for"

    def test_the_key_answers_every_exercise(self, path):
        assert list(key(path)) == list(tagged(path, "answer"))

    def test_notes_for_the_instructor(self, path):
        text = (ROOT / "docs" / "lessons" / f"{path.stem}.md").read_text(encoding="utf-8")
        assert [line for line in NOTES if line not in text] == []
        assert [name for name in tagged(path, "answer") if f"`{name}`" not in text] == []


def is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def with_key(path: Path) -> Any:
    """The lesson with the instructor's answers in the pupil's cells."""
    page, answers = nbformat.read(path, as_version=4), key(path)
    for cell in page.cells:
        if cell.id in answers:
            cell.source = f"{answers[cell.id]}\n\n{cell.source.splitlines()[-1]}"
    return page


def faults(check: Any) -> list[str]:
    """Wrong answers that are taken for right, or whose hint gives the solution away: a number at
    any rounding, a name, all names.

    Runs in the lesson's own kernel too, where what is true is computed already.
    """
    import re

    from course import Written

    def says(hint: str, solution: Any) -> bool:
        if isinstance(solution, float):
            found = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", hint)}
            return solution in found or bool(
                found & {round(solution, digits) for digits in range(1, 6)}
            )
        names = [solution] if isinstance(solution, str) else solution
        return bool(names) and all(
            re.search(rf"(?<!\w){re.escape(name)}(?!\w)", hint) for name in names
        )

    found = []
    for exercise in check.exercises:
        solution = exercise.solution()
        if exercise.hint(solution) or not exercise.mistakes():
            found.append(f"{exercise.name}: its own solution gets a hint")
        for answer in exercise.mistakes():
            hint = exercise.hint(answer)
            # An answer that is none of the legal ones is told them all.
            given_away = (
                not isinstance(exercise, Written) and "legal: " not in hint and says(hint, solution)
            )
            if not hint or given_away:
                found.append(f"{exercise.name}: {answer!r}: {hint}")
    return found


def cut(text: str) -> str:
    """A lesson's study in small: its answers are computed, so that the key holds at any size."""
    return re.sub(
        r"(train|test)_examples: (\d+)",
        lambda found: f"{found[1]}_examples: {int(found[2]) // CUT}",
        text,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.release] * (path.stem[:2] in LONGEST), id=path.stem)
        for path in LESSONS
    ],
)
def test_lesson_with_the_key(path, tmp_path, monkeypatch):
    """From a project of its own, without results, in a kernel as a pupil's: the key's answers are
    right, wrong ones get hints."""
    for name in ("notebooks", "params", "reference"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    for study in (tmp_path / "params").glob("lesson_*.yaml"):
        study.write_text(cut(study.read_text(encoding="utf-8")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = with_key(path)
    page.cells.append(
        nbformat.v4.new_code_cell(
            f"from typing import Any\n\n{inspect.getsource(faults)}\nfaults(check)", id="faults"
        )
    )
    solved = tmp_path / "notebooks" / "lessons" / path.name
    nbformat.write(page, solved)
    run_notebook(solved, {}, tmp_path / "executed.ipynb", threads=1, offline=True)
    shown = {
        cell.id: shown_by(cell)
        for cell in cells(tmp_path / "executed.ipynb")
        if cell.cell_type == "code"
    }
    for name in tagged(path, "answer"):
        assert shown[name].startswith("Right. "), f"{name}: {shown[name]}"
    assert "exercises are answered." in shown["summary"]
    assert shown["faults"] == "[]"


def shown_by(cell: Any) -> str:
    """The last value that a cell shows, as text."""
    return next(
        (
            output["data"].get("text/plain", "")
            for output in reversed(cell.outputs)
            if "data" in output
        ),
        "",
    )


def small() -> Check:
    """An exercise of every kind, their solutions known."""
    return Check(
        [
            Number(
                "mean",
                "?",
                lambda: 62.5,
                "So it is.",
                "Look again.",
                "percent",
                0.05,
                lambda: {"Without English.": 70.0},
            ),
            Choice(
                "why",
                "?",
                ("chance", "names", "order"),
                lambda: "names",
                "Yes.",
                "Think.",
                lambda: {"order": "What is in order?"},
            ),
            Names(
                "best",
                "?",
                lambda: ["de", "es"],
                "Yes.",
                "Sort by the mean.",
                ordered=True,
                slips=lambda: {"By the test.": ["sw", "de"]},
            ),
            Written(
                "ratio",
                "?",
                lambda a, b: a / b,
                lambda: [(3, 2), (5, 4)],
                "Yes.",
                "No.",
                {"The wrong way round.": lambda a, b: b / a},
            ),
        ]
    )


class TestCheck:
    @pytest.mark.parametrize(
        ("name", "answer", "said"),
        [
            ("mean", ..., "Nothing is filled in yet"),
            ("mean", 62.52, "So it is"),
            ("mean", 0.625, "a share between 0 and 1"),
            ("mean", 70, "Without English"),
            ("mean", -62.5, "direction"),
            ("mean", "62.5", "type str"),
            ("mean", math.inf, "not a finite number"),
            pytest.param("mean", 10**400, "not a finite number", id="mean-too-large"),
            ("mean", 12, "Look again"),
            ("why", "names", "Yes"),
            ("why", "order", "What is in order?"),
            ("why", "chance", "Think"),
            ("why", "nmaes", "did you mean 'names'"),
            ("best", ("de", "es"), "Yes"),
            ("best", ["es", "de"], "wrong direction"),
            ("best", ["en", "de"], "English is among them"),
            ("best", ["de"], "Too few"),
            ("best", ["de", "sw"], "1 of 2"),
            ("best", ["german", "es"], "unknown name 'german'"),
            ("best", "de", "A list of names"),
            ("best", ["sw", "de"], "By the test"),
            ("best", {"de", "es"}, "The order counts, and a set has none"),
            ("best", np.array(["de", "es"]), "Yes"),
            ("ratio", lambda a, b: a / b, "Yes"),
            ("ratio", lambda a, b: b / a, "The wrong way round"),
            ("ratio", lambda a: a, "stopped with TypeError"),
            ("ratio", lambda a, b: None, "return"),
            ("ratio", lambda a, b: a, "No. For (3, 2) it gives 3"),
            ("ratio", 1.5, "The function itself"),
            ("ratio", lambda a, b: str(a / b), "it gives '1.5'"),
            ("ratio", lambda a, b: 10**400, "it gives 1000"),
            ("ratio", lambda a, b: 10**5000, "something of type int"),
            ("ratio", lambda a, b: np.float64(3.25), "it gives 3.25."),
            ("ratio", lambda a, b: [np.int64(3)], "it gives [3]."),
            ("ratio", lambda a, b: np.float64(a / b), "Yes"),
        ],
    )
    def test_what_is_said(self, name, answer, said):
        assert said in getattr(small(), name)(answer).text

    def test_summary_counts_what_is_right(self):
        check = small()
        check.mean(62.5), check.best(["es"])
        assert check.summary().text == "1 of 4 exercises are answered; open: why, best, ratio."
        check.mean(3)
        assert "0 of 4" in check.summary().text

    def test_unknown_exercises(self):
        with pytest.raises(AttributeError, match="did you mean 'mean'"):
            small().meen(3)
        assert "mean" in dir(small()) and not hasattr(small(), "_repr_html_")

    def test_text_of_a_pupil_is_escaped(self):
        assert "<script>" not in small().why("<script>")._repr_html_()
        assert repr(Feedback(True, "Yes.")) == "Right. Yes."

    def test_predictions(self):
        assert (
            "2.5 too low" in compare(60, 62.5, "percent").text
            and "You made none" in compare(..., 62.5).text
        )
        assert compare("hi", "hi").right and not compare("zh", "hi").right
        for wrong in ("many", math.nan, math.inf, 10**400, np.array([1.0, 2.0]), "62.5"):
            assert (
                "A finite number was expected" in compare(wrong, 62.5).text
                and "Measured: 62.5" in compare(wrong, 62.5).text
            )
        for wrong in (np.array(["hi", "tr"]), pd.Series(["hi"]), pd.NA, 3, ["hi"]):
            assert "One word in quotes was expected" in compare(wrong, "hi").text
        assert compare(np.str_("hi"), "hi").right and compare(["hi", "tr"], ["hi", "tr"]).right

    def test_names_without_an_order_may_come_in_any(self):
        exercise = Names(
            "two",
            "?",
            lambda: ["de", "es"],
            "Yes.",
            "Look.",
            slips=lambda: {"By the test.": ["sw", "tr", "zh"]},
        )
        assert (
            exercise.hint({"es", "de"}) == ""
            and exercise.hint({"zh", "tr", "sw"}) == "By the test."
        )

    def test_sums_of_squares_are_as_good_as_the_squared_premium(self):
        small, exercise = tokenisation.small_tokenizer(), tokenisation.check().attention
        hindi, english = (tokenisation.lengths(small, code).astype(float) for code in ("hi", "en"))
        for special in (0, 2):
            assert exercise(
                float(((hindi + special) ** 2).sum() / ((english + special) ** 2).sum())
            ).right
        assert (
            exercise(1.5).right
            and not exercise(float(hindi.sum() / english.sum())).right
            and not exercise(1.35).right
        )

    def test_wrong_answers_get_hints_without_the_solution(self):
        assert faults(small()) == []

    def test_hints_that_give_the_solution_away_are_found(self):
        loud = [
            Number("a", "?", lambda: 62.5, "Yes.", "It is 62.5."),
            Choice("b", "?", ("x", "y"), lambda: "x", "Yes.", "Not y but x."),
            Names("c", "?", lambda: ["de"], "Yes.", "Take de."),
        ]
        assert {text[0] for text in faults(Check(loud))} == {"a", "b", "c"}
