"""Choose the runs of a study for a submission, and list what a complete submission lacks."""

from dataclasses import dataclass
from pathlib import Path

from xstilts_core import analysis, results
from xstilts_core.analysis.choice import ONE
from xstilts_core.errors import UsageError, unknown
from xstilts_core.publish.xtreme.rules import RULES
from xstilts_core.results import RESULT
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, ControlSpec, Spec

CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a submission: its run (None if there is none) and its predictions by language.

    lacking: the reasons why the part is incomplete.
    """

    task: str
    recipe: str
    spec: Spec | None
    files: dict[str, Path]
    lacking: tuple[str, ...]


def recipes(study: Study, wish: str) -> dict[str, str]:
    """Return a recipe for each target: `wish`, or for CHOSEN the best on the study's development
    data (analysis/choice.py).

    A target without development data, such as Tatoeba, takes the best recipe over the others.
    """
    if wish != CHOSEN:
        if wish not in study.recipes:
            raise unknown("recipe", wish, (CHOSEN, *study.recipes), study.file)
        return dict.fromkeys(study.targets, wish)
    frame = analysis.contenders(analysis.finished(study), study.controls)
    if frame.empty or set(frame["recipe"]) == {BASELINE}:
        return dict.fromkeys(study.targets, BASELINE)
    draws, scores = analysis.gain_draws(frame), analysis.development(study)
    table = analysis.choices(draws, scores)
    if table.empty:
        return dict.fromkeys(study.targets, BASELINE)
    best_recipe = analysis.strategies(draws, scores).set_index("strategy").loc[ONE, "recipe"]
    return {
        **dict.fromkeys(study.targets, str(best_recipe)),
        **dict(zip(table["task"], table["chosen"], strict=True)),
    }


def parts(study: Study, wish: str, seed: int | None) -> list[Part]:
    """Return a part for each task of the study's benchmark, in the benchmark's order. Raise
    UsageError for an unknown recipe or seed."""
    number = study.seeds[0] if seed is None else seed
    if number not in study.seeds:
        raise UsageError(
            f"seed {number} is not in {study.file}: legal: {', '.join(map(str, study.seeds))}"
        )
    by_target = recipes(study, wish)
    return [
        part(study, name, by_target.get(name, ""), number) for name in RULES[study.benchmark].tasks
    ]


def part(study: Study, name: str, recipe: str, seed: int) -> Part:
    """Return one task's part, by the run of a recipe."""
    # A control without a model runs once, for the first seed.
    runs = [
        spec
        for spec in analysis.of_size(study).specs
        if name in spec.scores
        and spec.recipe == recipe
        and (spec.seed == seed or isinstance(spec, ControlSpec))
    ]
    if not recipe or not runs:
        reason = f"is not scored by recipe {recipe}" if recipe else "is not a target of the study"
        return Part(name, recipe, None, {}, (reason,))
    spec, state = runs[0], results.state(runs[0])
    if state.state != "done":
        reason = f" ({state.reason})" if state.reason else ""
        folder = spec.folder.relative_to(study.root)
        missing = f"has no finished run: {folder} is {state.state}{reason}"
        return Part(name, recipe, None, {}, (missing,))
    files, reasons = predictions(spec, name), []
    languages = RULES[study.benchmark].languages[name]
    if missing_languages := [code for code in languages if code not in files]:
        reasons.append(f"has no predictions of test data in {' '.join(missing_languages)}")
    limit = getattr(spec, "test_examples", 0)
    if limit := limit.get(name, 0) if isinstance(limit, dict) else limit:
        reasons.append(f"was cut to {limit} test examples a language (test_examples)")
    present = {code: files[code] for code in languages if code in files}
    return Part(name, recipe, spec, present, tuple(reasons))


def predictions(spec: Spec, name: str) -> dict[str, Path]:
    """Return the prediction files by language, for languages scored on test data. (Slices of real
    data may be scored on development data.)"""
    languages = {
        score.language
        for score in results.read(spec.folder / RESULT).scores
        if (score.task, score.split) == (name, "test")
    }
    files = {code: spec.folder / "predictions" / f"{name}.{code}.jsonl.gz" for code in languages}
    return {code: path for code, path in files.items() if path.is_file()}
