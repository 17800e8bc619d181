"""Which of a study's runs a submission takes, and what the study lacks for a whole one."""

from dataclasses import dataclass
from pathlib import Path

from xstilts_core import analysis, results
from xstilts_core.analysis.choice import ONE
from xstilts_core.errors import UsageError, unknown
from xstilts_core.publish.xtreme.rules import RULES
from xstilts_core.results import RESULT
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, ControlSpec, RetrievalSpec, Spec, TargetSpec

CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a submission: the run that it is taken from, None where there is none, and its
    predictions by language.

    lacking: what keeps the part from being whole.
    """

    task: str
    recipe: str
    spec: Spec | None
    files: dict[str, Path]
    lacking: tuple[str, ...]


def scored(spec: Spec) -> list[str]:
    """The targets that a run scores."""
    if isinstance(spec, RetrievalSpec):
        return [spec.task]
    return spec.targets if isinstance(spec, TargetSpec | ControlSpec) else []


def recipes(study: Study, wish: str) -> dict[str, str]:
    """Target -> recipe: `wish` for all, or as the study's development data choose
    (analysis/choice.py).

    A target without development data takes the recipe that is best over the others: Tatoeba has
    none, for one.
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
    one = analysis.strategies(draws, scores).set_index("strategy").loc[ONE, "recipe"]
    return {
        **dict.fromkeys(study.targets, str(one)),
        **dict(zip(table["task"], table["chosen"], strict=True)),
    }


def parts(study: Study, wish: str, seed: int | None) -> list[Part]:
    """A part for each task of the study's benchmark, in its order. UsageError for an unknown recipe
    or seed."""
    number = study.seeds[0] if seed is None else seed
    if number not in study.seeds:
        raise UsageError(
            f"seed {number} is none of {study.file}: legal: {', '.join(map(str, study.seeds))}"
        )
    by_target = recipes(study, wish)
    return [
        part(study, name, by_target.get(name, ""), number) for name in RULES[study.benchmark].tasks
    ]


def part(study: Study, name: str, recipe: str, seed: int) -> Part:
    if not recipe:
        return Part(name, "", None, {}, ("is no target of the study",))
    # A control without a model is run once, for the first seed.
    runs = [
        spec
        for spec in analysis.of_size(study).specs
        if name in scored(spec) and spec.recipe == recipe
    ]
    spec = next((spec for spec in runs if spec.seed == seed or isinstance(spec, ControlSpec)), None)
    if spec is None:
        return Part(name, recipe, None, {}, (f"is not scored by recipe {recipe}",))
    state = results.state(spec)
    if state.state != "done":
        reason = f" ({state.reason})" if state.reason else ""
        return Part(
            name,
            recipe,
            None,
            {},
            (
                f"has no finished run: {spec.folder.relative_to(study.root)} is {state.state}{reason}",
            ),
        )
    files = predictions(spec, name)
    wanted = RULES[study.benchmark].languages[name]
    lacking = []
    if absent := [code for code in wanted if code not in files]:
        lacking.append(f"has no predictions of test data in {' '.join(absent)}")
    if cut := most(spec, name):
        lacking.append(f"was cut to {cut} test examples a language (test_examples)")
    return Part(
        name, recipe, spec, {code: files[code] for code in wanted if code in files}, tuple(lacking)
    )


def most(spec: Spec, name: str) -> int:
    """The most test examples of a language that the run scored; 0: all."""
    if isinstance(spec, ControlSpec):
        return spec.test_examples.get(name, 0)
    return spec.test_examples if isinstance(spec, TargetSpec) else 0


def predictions(spec: Spec, name: str) -> dict[str, Path]:
    """Language -> file of predictions, of the languages that were scored on test data: slices of
    real data may be scored on dev."""
    made = {
        score.language
        for score in results.read(spec.folder / RESULT).scores
        if (score.task, score.split) == (name, "test")
    }
    files = {code: spec.folder / "predictions" / f"{name}.{code}.jsonl.gz" for code in made}
    return {code: path for code, path in files.items() if path.is_file()}
