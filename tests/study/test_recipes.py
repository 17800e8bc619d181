"""Settings that belong to one recipe, and sizes of the target's training set as a dimension of the
grid."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from test_study import GOOD, study

from xstilts_core.errors import UsageError
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import IntermediateSpec, TargetSpec
from xstilts_core.study.wording import explain
from xstilts_core.tasks import RECIPE_FIELDS, TASKS


def test_a_recipe_has_settings_of_its_own(tmp_path: Path) -> None:
    text = (
        GOOD + "intermediate: {train_examples: 2000, epochs: 2}\ntasks:\n  mnli: {dropout: 0.0}\n"
    )
    made = study(
        tmp_path,
        text,
        "mnli: {intermediate: [mnli]}",
        "mnli: {intermediate: [mnli], train_examples: 500, dropout: 0.3}",
    )
    phase2 = {spec.recipe: spec for spec in made.specs if isinstance(spec, IntermediateSpec)}
    assert (phase2["mnli"].train_examples, phase2["mnli"].epochs, phase2["mnli"].dropout) == (
        500,
        2,
        0.3,
    )
    assert (phase2["both"].train_examples, phase2["both"].dropout) == (2000, 0.0)
    assert all(spec.train_examples == 0 for spec in made.specs if isinstance(spec, TargetSpec)), (
        "phase 3 is every recipe's own"
    )


def test_what_a_recipe_says_holds_before_the_study(tmp_path: Path) -> None:
    """Also where it says what the default is; and a number that YAML reads as text is one."""
    text = GOOD + "intermediate: {lora: 4, noise: 0.1}\n"
    made = study(
        tmp_path,
        text,
        "mnli: {intermediate: [mnli]}",
        "mnli: {intermediate: [mnli], lora: 0, noise: 5e-2}",
    )
    phase2 = {spec.recipe: spec for spec in made.specs if isinstance(spec, IntermediateSpec)}
    assert (phase2["mnli"].lora, phase2["mnli"].noise) == (0, 0.05)
    assert (phase2["both"].lora, phase2["both"].noise, phase2["both"].temperature) == (4, 0.1, 2.0)


def test_a_recipe_tells_every_field_of_phase_2() -> None:
    recipe = Recipe(intermediate=["mnli"], noise="5e-2", lora=0, epochs=3)
    assert (recipe.setting("noise"), recipe.setting("lora"), recipe.setting("temperature")) == (
        0.05,
        0,
        1.0,
    )
    assert recipe.changed == {"noise", "epochs"} and not recipe.plain
    assert Recipe(intermediate=["mnli"], restarts=2).changed == set(), (
        "another try is no other recipe"
    )
    plain = recipe.without("noise", "lora")
    assert plain == Recipe(intermediate=["mnli"], epochs=3) and plain.plain
    with pytest.raises(ValidationError) as error:
        Recipe(intermediate=["mnli"], noize=0.1)
    sentence = str(explain(error.value, Recipe, "a recipe"))
    assert re.search(r"unknown key 'noize' in a recipe.*did you mean 'noise'", sentence)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            "mnli: {intermediate: [mnli], train_examples: many}",
            "recipe mnli: train_examples is 'many': it must be a whole number",
        ),
        (
            "mnli: {intermediate: [mnli], train_exmples: 5}",
            "unknown key 'train_exmples'.*recipe mnli: did you mean 'train_examples'",
        ),
        ("mnli: {intermediate: [mnli], seed: 5}", "unknown key 'seed'.*recipe mnli"),
        (
            "mnli: {intermediate: [mnli], settings: {epochs: 5}}",
            "unknown key 'settings'.*recipe mnli",
        ),
        (
            "mnli: {intermediate: [mnli], mlm: often}",
            "recipe mnli: mlm is 'often': it must be a number",
        ),
        (
            "mnli: {intermediate: [mnli], mlm: 101}",
            "recipe mnli: mlm is 101: it must be 100 or less",
        ),
        (
            "mnli: {intermediate: [mnli], lora: 8.5}",
            "recipe mnli: lora is 8.5: it must be a whole number",
        ),
        (
            "mnli: {intermediate: [mnli], lora: yes}",
            "recipe mnli: lora is True: it must be a number",
        ),
        (
            "mnli: {intermediate: [mnli], sampling: unifrom}",
            "unknown sampling 'unifrom'.*recipe mnli: did you mean 'uniform'",
        ),
        ("mnli: {intermediate: [mnli], cap: 0}", "recipe mnli: cap is 0: it must be 1 or more"),
        (
            "mnli: {intermediate: [mnli], translator: ''}",
            "recipe mnli: translator is '': it must not be empty",
        ),
        (
            "mnli: {control: random_init, epochs: 5}",
            "recipe mnli sets epochs, but nothing is trained for it",
        ),
    ],
)
def test_settings_of_a_recipe_are_checked(tmp_path: Path, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study(tmp_path, GOOD, "mnli: {intermediate: [mnli]}", new)


def test_sizes_of_target_training_sets_are_a_dimension(tmp_path: Path) -> None:
    made = study(
        tmp_path,
        GOOD
        + "target_sizes: [32, 0]\ntarget: {least_steps: 50}\ntasks:\n  mnli: {train_examples: 700}\n",
    )
    targets = [spec for spec in made.specs if isinstance(spec, TargetSpec)]
    assert len(targets) == 24 and {spec.train_examples for spec in targets} == {32, 0}
    folders = {str(spec.folder.relative_to(made.root)) for spec in targets}
    assert {"target/mnli/from-both/size-32/seed1", "target/mnli/from-both/size-0/seed1"} <= folders
    assert {
        spec.train_examples
        for spec in made.specs
        if isinstance(spec, IntermediateSpec) and spec.recipe == "mnli"
    } == {700}
    assert made.spec(Path("target/mnli/from-none/size-32/seed2")).seed == 2
    with pytest.raises(UsageError, match=r"target_sizes.0 is 'all'"):
        study(tmp_path, GOOD + "target_sizes: [all]\n")
    with pytest.raises(UsageError, match="target_sizes has 32 twice"):
        study(tmp_path, GOOD + "target_sizes: [32, 32]\n")
    with pytest.raises(UsageError, match="by_size"):
        study(tmp_path, GOOD + "target: {by_size: true}\n")


def test_small_sets_are_passed_over_more_often() -> None:
    spec = TargetSpec(train_on="udpos", targets=["udpos"], epochs=2, batch_size=32, least_steps=100)
    assert [spec.passes(rows) for rows in (32, 33, 320, 1600, 5000)] == [100, 50, 10, 2, 2]
    assert TargetSpec(epochs=3).passes(10) == 3


@pytest.mark.parametrize(("name", "role"), [("xnli", "target"), ("mnli", "intermediate")])
def test_a_task_without_a_published_recipe_needs_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    monkeypatch.setitem(TASKS, name, replace(TASKS[name], published=None))
    text = GOOD + "source: files\n"
    wanted = rf"my_study.yaml: no recipe is published for {name}: give {', '.join(RECIPE_FIELDS)} "
    with pytest.raises(UsageError, match=wanted):
        study(tmp_path, text)
    some = f"{text}{role}: {{epochs: 2, batch_size: 8"
    with pytest.raises(UsageError, match=f"for {name}: give max_length, learning_rate "):
        study(tmp_path, some + "}\n")
    assert study(tmp_path, some + ", max_length: 64, learning_rate: 1e-5}\n").specs
