"""The ablations and open questions for XLM-R: the paper's settings, the same reports as on the
embedded suite, grids that can answer."""

import re
from functools import cache
from pathlib import Path

import pytest

from xstilts_core.analysis import recipes as recipe_pairs
from xstilts_core.analysis import scaling, translated, variants
from xstilts_core.analysis.contrast import SEMANTIC, SYNTACTIC, kinds
from xstilts_core.study import Study, identity
from xstilts_core.study.spec import DataSpec, IntermediateSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME

PARAMS = Path(__file__).resolve().parents[2] / "params"
SUFFIX = "_xlmr"
NAMES = [path.stem for path in sorted(PARAMS.glob(f"*{SUFFIX}.yaml"))]
QUESTIONS = (
    "multitask",
    "mlm",
    "translated",
    "resource_level",
    "scaling",
    "syntactic",
    "target_size",
)


@cache
def study(name: str) -> Study:
    return Study.load(name)


@cache
def identities(name: str) -> frozenset[str]:
    """What makes each run of a study the same as another's."""
    return frozenset(
        identity.of_spec(spec).key for spec in study(name).specs if not isinstance(spec, DataSpec)
    )


def of_question(question: str) -> Study:
    return study(next(name for name in NAMES if name.endswith(f"_{question}{SUFFIX}")))


def test_every_ablation_and_question_has_one():
    embedded = [
        path.stem
        for pattern in ("ablation_*.yaml", "question_*.yaml")
        for path in sorted(PARAMS.glob(pattern))
    ]
    assert {name for name in embedded if not name.endswith((SUFFIX, "_laptop"))} == {
        name.removesuffix(SUFFIX) for name in NAMES
    }
    assert len(NAMES) >= len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_asks_the_same_of_xlm_r_with_the_papers_settings(question: str):
    own, paper = of_question(question), study("paper")
    embedded = study(own.name.removesuffix(SUFFIX))
    assert (own.source, own.encoder) == (paper.source, paper.encoder) and len(own.seeds) >= 3
    assert own.reports == embedded.reports, "the same answer is looked for"
    assert own.train == paper.train and own.retrieval in (paper.retrieval, {})
    for spec in own.specs:
        if isinstance(spec, TargetSpec):
            published = next(
                other
                for other in paper.specs
                if isinstance(other, TargetSpec) and other.train_on == spec.train_on
            )
            for field in ("epochs", "batch_size", "max_length", "learning_rate"):
                assert getattr(spec, field) == getattr(published, field), (spec.folder, field)


@pytest.mark.parametrize("question", QUESTIONS)
def test_its_header_counts_its_runs_and_those_of_the_paper(question: str):
    own = of_question(question)
    header = Path(own.file).read_text(encoding="utf-8").splitlines()[0]
    counted = re.search(r"(\d+) runs, (\d+) of them `paper`'s", header)
    assert counted, header
    assert [int(number) for number in counted.groups()] == [
        len(own.specs),
        len(identities(own.name) & identities("paper")),
    ]
    assert ("--data-root" in header) == bool(own.lacking)


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_shares_with_studies_that_have_the_same_runs(question: str):
    own = of_question(question)
    assert own.shares[0] == "paper" and own.name not in own.shares
    for name in own.shares:
        assert identities(own.name) & identities(name), (
            f"{own.name} has no run in common with {name}"
        )


def test_all_nine_tasks_together_are_the_papers_and_are_needed_one_by_one():
    own = of_question("multitask")
    assert tuple(own.targets) == XTREME
    pairs = variants.multitask(own.recipes)
    asked = {
        question: [pair for pair in pairs if pair.question == question]
        for question in (variants.TOGETHER, variants.WITHOUT)
    }
    assert {pair.beside for pair in asked[variants.TOGETHER]} == set(INTERMEDIATE_NAMES)
    assert {pair.beside.removeprefix("without_") for pair in asked[variants.WITHOUT]} == set(
        INTERMEDIATE_NAMES
    )
    specs = {spec.recipe: spec for spec in own.specs if isinstance(spec, IntermediateSpec)}
    mixed = [spec for spec in specs.values() if len(spec.tasks) >= 8]
    assert len(mixed) == 12 and {(spec.epochs, spec.batch_size, spec.cap) for spec in mixed} == {
        (3, 24, 2**17)
    }
    for name in INTERMEDIATE_NAMES:
        assert set(specs[f"without_{name}"].tasks) == set(INTERMEDIATE_NAMES) - {name}


@pytest.mark.parametrize("name", ["mini", "paper", f"ablation_multitask{SUFFIX}"])
def test_claims_on_all_nine_together_can_be_tested(name: str):
    assert (
        recipe_pairs.plain(study(name).recipes, INTERMEDIATE_NAMES) == "multitask"
        and tuple(study(name).targets) == XTREME
    )


def test_the_mixture_of_mini_is_capped_as_the_papers():
    """The cap is as large a part of MNLI as in the paper, and no task is below it."""
    mini, paper = study("mini"), study("paper")
    cap, cut = mini.recipes["multitask"].setting("cap"), mini.intermediate["train_examples"]
    assert cap / cut == pytest.approx(
        paper.recipes["multitask"].setting("cap") / TASKS["mnli"].sizes["train"], rel=0.01
    )
    specs = [
        spec
        for spec in mini.specs
        if isinstance(spec, IntermediateSpec) and spec.recipe == "multitask"
    ]
    assert len(specs) == 5 and all(
        spec.examples_of(name) > cap for spec in specs for name in spec.tasks
    )


def test_texts_and_rate_can_be_told_apart():
    """The paper's comparison changes both; two recipes change one of them."""
    recipes = of_question("mlm").recipes
    beside = {pair.recipe: pair.beside for pair in variants.with_texts(recipes)}
    assert (
        beside["mnli_mlm"] == "mnli_half_rate"
        and beside["mnli_mlm_full_rate"] == "mnli"
        and len(beside) == 7
    )
    tested = recipe_pairs.clean_variants(recipes, "mlm")
    assert (
        tested["mnli_mlm"] == "mnli" and tested["multitask_mlm"] == "multitask" and len(tested) == 7
    )
    specs = {
        spec.recipe: spec for spec in of_question("mlm").specs if isinstance(spec, IntermediateSpec)
    }
    for name, spec in specs.items():
        reduced = ("_mlm" in name and "full" not in name) or "half" in name
        assert spec.learning_rate == (5e-6 if reduced else 1e-5) and (spec.mlm > 0) == (
            "_mlm" in name
        ), name
        assert len(spec.text_languages) == (40 if spec.mlm else 0)


def test_every_translation_has_its_english_recipe():
    own = of_question("translated")
    found = translated.compared(own)
    assert len(found) == len(own.recipes) - 5 and {condition.english for condition in found} == {
        "mnli",
        "qqp",
        "hellaswag",
        "squad_v1",
    }
    for task in ("mnli", "qqp", "hellaswag"):
        assert {condition.languages for condition in found if condition.intermediate == task} == {
            ("de",),
            ("ru",),
            ("sw",),
            ("de", "ru", "sw"),
        }
    assert len(recipe_pairs.clean_variants(own.recipes, "translated")) == len(found)


def test_resource_levels_differ_in_the_language_alone():
    own = of_question("resource_level")
    found = translated.compared(own)
    for task in ("mnli", "squad_v1"):
        conditions = [condition for condition in found if condition.intermediate == task]
        assert {condition.foreign for condition in conditions} == {"de", "es", "tr", "hi", "sw"}
        assert len({condition.translator for condition in conditions}) == 1, (
            "one system for all languages of a task"
        )
    assert {code: translated.resource_level(own, code) for code in ("de", "tr", "sw")} == {
        "de": "high",
        "tr": "high",
        "sw": "low",
    }
    for code in ("de", "es", "tr", "hi", "sw"):
        assert sum(code in TASKS[name].languages for name in own.targets) >= 3


def test_sizes_and_numbers_of_tasks():
    own = of_question("scaling")
    sizes = scaling.recipe_sizes(own)
    for task in ("mnli", "squad_v1"):
        assert len({size for tasks, size in sizes.values() if tasks == (task,)}) >= 5
        assert not any(TASKS[name].train_on == task for name in own.targets), (
            "no target trains on what the recipes do"
        )
    whole = sizes["tasks_9"][1]
    assert whole == 75_600
    assert {len(tasks) for tasks, size in sizes.values() if size == whole} == {1, 2, 3, 4, 6, 9}


def test_two_kinds_of_tasks():
    found = kinds(of_question("syntactic"))
    assert {name for name, kind in found.items() if kind == SYNTACTIC} == {"ccg", "udpos"}
    assert {name for name, kind in found.items() if kind == SEMANTIC} == set(INTERMEDIATE_NAMES) - {
        "ccg"
    }


def test_target_sizes_to_all():
    own = of_question("target_size")
    assert own.target_sizes == [0, 32, 128, 512, 2048, 8192] and len(own.seeds) == 5
    trained = {spec.train_on for spec in own.specs if isinstance(spec, TargetSpec)}
    assert not trained & {name for recipe in own.recipes.values() for name in recipe.intermediate}
    assert all(TASKS[name].sizes["train"] > 8192 for name in trained)
