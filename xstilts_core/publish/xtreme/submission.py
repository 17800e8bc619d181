"""Write a study's kept predictions as a submission, <task>/test-<language>.<tsv|json|jsonl>: choose
the runs, list what a complete submission lacks, write the files."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from xstilts_core import analysis, results
from xstilts_core.analysis.choice import ONE
from xstilts_core.analysis.items import read_predictions
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError, unknown
from xstilts_core.publish.records import require_new
from xstilts_core.publish.xtreme.kinds import kind_of, write
from xstilts_core.publish.xtreme.rules import HUB_WARNINGS, RULES
from xstilts_core.results import RESULT
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, ControlSpec, Spec
from xstilts_core.tasks import TASKS

CHOSEN = "chosen"
SHOWN = 4


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
    baseline = dict.fromkeys(study.targets, BASELINE)
    frame = analysis.contenders(analysis.finished(study), study.controls)
    if frame.empty or set(frame["recipe"]) == {BASELINE}:
        return baseline
    draws, scores = analysis.gain_draws(frame), analysis.development(study)
    table = analysis.choices(draws, scores)
    if table.empty:
        return baseline
    best_recipe = analysis.strategies(draws, scores).set_index("strategy").loc[ONE, "recipe"]
    chosen = dict(zip(table["task"], table["chosen"], strict=True))
    return dict.fromkeys(study.targets, str(best_recipe)) | chosen


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
        _part(study, name, by_target.get(name, ""), number) for name in RULES[study.benchmark].tasks
    ]


def _part(study: Study, name: str, recipe: str, seed: int) -> Part:
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
    files, reasons = _predictions(spec, name), []
    languages = RULES[study.benchmark].languages[name]
    if missing_languages := [code for code in languages if code not in files]:
        reasons.append(f"has no predictions of test data in {' '.join(missing_languages)}")
    limit = getattr(spec, "test_examples", 0)
    if limit := limit.get(name, 0) if isinstance(limit, dict) else limit:
        reasons.append(f"was cut to {limit} test examples a language (test_examples)")
    present = {code: files[code] for code in languages if code in files}
    return Part(name, recipe, spec, present, tuple(reasons))


def _predictions(spec: Spec, name: str) -> dict[str, Path]:
    """Return the prediction files by language, for languages scored on test data. (Slices of real
    data may be scored on development data.)"""
    languages = {
        score.language
        for score in results.read(spec.folder / RESULT).scores
        if (score.task, score.split) == (name, "test")
    }
    files = {code: spec.folder / "predictions" / f"{name}.{code}.jsonl.gz" for code in languages}
    return {code: path for code, path in files.items() if path.is_file()}


def write_submission(
    study: Study, out: Path, recipe: str = CHOSEN, seed: int | None = None, incomplete: bool = False
) -> list[Part]:
    """Write the submission, read it back with the scorer's readers and return its parts.

    recipe: the recipe for all tasks, or CHOSEN. seed: None for the study's first. incomplete: write
    an incomplete submission instead of raising. Raise UsageError if a task, a language or test
    items are missing, if `out` is not empty, or if predictions do not make a legal file.
    """
    rules = RULES[study.benchmark]
    require_new(out)
    selected_parts = parts(study, recipe, seed)
    missing_parts = _missing(selected_parts)
    if missing_parts and not incomplete:
        more = f"; and {len(missing_parts) - SHOWN} more" if len(missing_parts) > SHOWN else ""
        raise UsageError(
            f"{study.name} makes no complete submission to {rules.title}: "
            f"{'; '.join(missing_parts[:SHOWN])}{more} (--partial writes it as it is)"
        )
    texts = {
        (part.task, code): _text_of(part, code) for part in selected_parts for code in part.files
    }
    if not texts:
        raise UsageError(
            f"{study.name} has no predictions of test data for {rules.title}: "
            f"{'; '.join(missing_parts[:SHOWN])}"
        )
    for (name, code), text in texts.items():
        path = out / name / rules.file(name, code)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        kind_of(TASKS[name]).read(TASKS[name], path)
    return selected_parts


def _missing(parts: list[Part]) -> list[str]:
    """Return what is missing in a submission."""
    return [f"{part.task} {reason}" for part in parts for reason in part.lacking]


def _text_of(part: Part, code: str) -> str:
    """Return the official file of one language."""
    path = part.files[code]
    kept = read_predictions(path, answers=True)
    predictions = {
        name: predicted for name, (_, predicted) in zip(kept.ids, kept.answers, strict=True)
    }
    task, numbered_ids = TASKS[part.task], [name for name in predictions if "#" in name]
    if task.format == "span" and numbered_ids:
        raise UsageError(
            f"{path}: question {numbered_ids[0]!r} has a number, because the source repeats its "
            "id: expected a source with unique ids"
        )
    return write(task, predictions, partial(source_of(part.spec).load, part.task, "test", code))


def cautions(parts: list[Part]) -> list[str]:
    """Return what is missing in a submission, and warnings about its data."""
    return _missing(parts) + [
        f"{part.task}: {HUB_WARNINGS[part.task]}"
        for part in parts
        if part.files and part.spec.source == "hub" and part.task in HUB_WARNINGS
    ]
