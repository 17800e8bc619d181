"""Lesson 8: the pupil's own study, from writing and checking it to reading its results."""

import os
import subprocess
import sys
import time

import pandas as pd

from course.check import Check
from course.exercise import Choice, Names, Number
from course.plan import ENGLISH, FLAWED, FLAWS, NAME, Plan, flaws, prepared
from xstilts_core import analysis, results
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

TOLD, _NOT_TOLD = "told from 0", "not told from 0"


def save(text: str, outputs: str = "outputs") -> str:
    """Write the study to <outputs>/my_study.yaml and return the path. Its runs go to
    <outputs>/my_study/. Raise UsageError if `text` is not a string."""
    if not isinstance(text, str):
        raise UsageError("my_study is not a text yet: write the YAML between three quotes, and check it")
    path = home() / outputs / f"{NAME}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(path, text)
    return str(path)


def saved(outputs: str) -> Study:
    """Return the saved study. Raise UsageError if there is none."""
    return Study.load(str(home() / outputs / f"{NAME}.yaml"), outputs)


def outputs() -> str:
    """Return the absolute path of outputs/, as notebooks in JupyterLab start in their folder."""
    return str(home() / "outputs")


def xstilts(*words: str) -> float:
    """Run the command `xstilts`, print its output line by line and return the seconds it took.
    Raise UsageError with the last line if it fails."""
    started = time.perf_counter()
    command_line = [sys.executable, "-m", "xstilts_core.commands.cli", *words]
    # A notebook's kernel requests colors, so the command would treat its pipe as a terminal and
    # redraw its progress bars.
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    lines: list[str] = []
    with subprocess.Popen(
        command_line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            print(line, end="", flush=True)
    if process.returncode:
        raise UsageError(f"xstilts {words[0]} ended with exit code {process.returncode}: {lines[-1].strip() if lines else 'no output'}")
    return time.perf_counter() - started


def first(study: Study) -> tuple[str, str]:
    """Return the study's first recipe with an intermediate task, and its first target."""
    recipe = next(name for name, settings in study.recipes.items() if settings.intermediate)
    return recipe, study.targets[0]


def gain_table(outputs: str = "outputs") -> pd.DataFrame:
    """Return the saved study's gains in points with 95 % intervals, as in the report."""
    study = saved(outputs)
    scores = analysis.contenders(analysis.finished(study), study.controls)
    return analysis.gain_table(analysis.gain_draws(scores, analysis.item_scores(study)))


def _gain_row(outputs: str) -> pd.Series:
    """Return the lesson's row of the gain table. Raise UsageError if its runs are not done."""
    (recipe, target), table = first(saved(outputs)), gain_table(outputs)
    rows = table[(table["recipe"] == recipe) & (table["task"] == target)]
    if rows.empty or rows["gain"].isna().any():
        raise UsageError(f"{recipe} on {target} has no finished runs yet: run the study first")
    return rows.iloc[0]


def gain(outputs: str = "outputs") -> float:
    """Return the gain that the lesson asks about, in points."""
    return float(_gain_row(outputs)["gain"])


def _english_gain(study: Study) -> float:
    """Return the same recipe's gain in English, in points."""
    table = analysis.gains(analysis.contenders(analysis.finished(study), study.controls))
    recipe, target = first(study)
    return float(table[(table["recipe"] == recipe) & (table["task"] == target) & (table["language"] == ENGLISH)]["gain"].mean())


def more_seeds(study: Study) -> int:
    """Return the number of runs that another seed adds."""
    fields = {name: getattr(study, name) for name in study.model_fields_set}
    return len(Study(**{**fields, "seeds": [*study.seeds, max(study.seeds) + 1]}).specs) - len(study.specs)


def check(outputs: str = "outputs") -> Check:
    """Return the exercises of the lesson. The last four are about the study saved in `outputs`."""
    flaws_exercise = Names(
        "flaws",
        f"What is wrong with the design of this study? A list, out of: {', '.join(FLAWS)}.",
        lambda: flaws(FLAWED),
        "All of them can be seen before anything runs. The suite does not forbid such a study: its syntax is right.",
        "Go through the list, and look for the line of the file that each item is about.",
        legal=tuple(FLAWS),
    )
    plan = Plan(
        "my_study",
        "The YAML text of a study of your own.",
        "It asks one question, has something to compare with, and can tell a large difference from chance.",
    )
    return Check(
        [
            flaws_exercise,
            plan,
            _runs_exercise(outputs),
            _again_exercise(outputs),
            gain_exercise(outputs),
            _verdict_exercise(outputs),
        ]
    )


def _runs_exercise(outputs: str) -> Number:
    return Number(
        "runs",
        "How many runs does your study have, in all phases?",
        lambda: float(len(saved(outputs).specs)),
        "Recipes times seeds, phase by phase; a control without an encoder needs no second seed. Grids grow by multiplication.",
        "Runs of phase 2: recipes with a task, times seeds. Then for every recipe and seed one "
        "run for each task that targets are trained on, and one for each retrieval target. "
        "Controls too.",
        "runs",
        0.0,
        lambda: {"Phase 2 has runs too.": float(len(saved(outputs).specs) - len(prepared(saved(outputs))))},
    )


def _again_exercise(outputs: str) -> Number:
    return Number(
        "third_seed",
        "You add another seed when all is done. How many runs does `xstilts run` then make?",
        lambda: float(more_seeds(saved(outputs))),
        "What is done stays done, as long as its settings are the same. So begin small, and add seeds.",
        "Only the runs that do not exist yet.",
        "runs",
        0.0,
        lambda: {"That would be all of them, again.": float(len(saved(outputs).specs) + more_seeds(saved(outputs)))},
    )


def gain_exercise(outputs: str) -> Number:
    return Number(
        "my_gain",
        "The gain of your first recipe with an intermediate task on your first target, zero-shot, in points.",
        lambda: gain(outputs),
        f"Over '{BASELINE}', of the same seed, on the same items, over all languages but English.",
        "In the report: the table of gains by recipe and target.",
        "points",
        0.06,
        lambda: {"That is English, in which the model was trained.": _english_gain(saved(outputs))},
    )


def _verdict_exercise(outputs: str) -> Choice:
    def verdict() -> str:
        row = _gain_row(outputs)
        return TOLD if row["low"] > 0 or row["high"] < 0 else _NOT_TOLD

    return Choice(
        "verdict",
        "By its 95 % interval over seeds and test items: is this gain told from 0?",
        (TOLD, _NOT_TOLD),
        verdict,
        "Whatever it is, report it, and not what you had hoped for.",
        "Is 0 between the ends of the interval?",
    )
