"""Relate the recipes of a study to each other and to the paper's: the same recipe without some
settings, and whether a gain is transfer from another task."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import FIELDS
from xstilts_core.tasks import TASKS, original

# Masked language modelling and the settings that only it reads; languages and noise of the data.
TEXT = ("mlm", *FIELDS["texts"])
DATA = ("data_languages", "translator", "noise")
# Kinds of recipes that are compared with the same tasks in plain English, by the settings that
# define them.
VARIANTS: Mapping[str, Sequence[str]] = MappingProxyType({"mlm": ("mlm",), "translated": DATA})
WORDS: Mapping[str, str] = MappingProxyType(
    {"mlm": "additional masked language modeling", "translated": "translated intermediate data"}
)
# Settings that may differ between a variant and its plain recipe without confounding them.
_TUNING = ("learning_rate", "epochs", *TEXT)
# Settings with which a recipe still counts as the paper's: how several tasks are mixed.
_MIXING = {"temperature", "cap"}
# Settings of how long and on how much a recipe trains. A small study needs its own for each task.
_TRAINING = {
    "batch_size",
    "doc_stride",
    "epochs",
    "learning_rate",
    "max_length",
    "restarts",
    "task_examples",
    "train_examples",
}


def twin(
    recipes: Mapping[str, Recipe],
    recipe: Recipe,
    without: Collection[str],
    ignored: Collection[str] = (),
) -> str:
    """Return the first recipe of the same tasks that has none of the settings `without`, and the
    same settings otherwise, apart from those `ignored`. Return an empty string if there is none."""

    def rest(entry: Recipe) -> tuple[set[str], Recipe]:
        others = entry.without("intermediate", "restarts", *without, *ignored)
        return set(entry.intermediate), others

    names = (name for name, other in recipes.items() if other.changed.isdisjoint(without))
    return next((name for name in names if rest(recipes[name]) == rest(recipe)), "")


def plain(recipes: Mapping[str, Recipe], tasks: Collection[str]) -> str:
    """Return the recipe that trains on exactly these intermediate tasks in plain English without
    additions. Return an empty string if there is none, or several that differ in how they train,
    such as the sizes of a curve."""
    names = [
        name
        for name, recipe in recipes.items()
        if set(recipe.intermediate) == set(tasks) and recipe.changed <= _MIXING | _TRAINING
    ]
    unchanged = [name for name in names if recipes[name].changed <= _MIXING]
    return next(iter(unchanged), names[0] if len(names) == 1 else "")


def variants(recipes: Mapping[str, Recipe], kind: str) -> dict[str, str]:
    """Return the recipes of a kind of VARIANTS, each with the recipe of the same tasks and other
    settings that lacks it (an empty string if there is none)."""
    settings = VARIANTS[kind]
    return {
        name: twin(recipes, recipe, settings, _TUNING)
        for name, recipe in recipes.items()
        if recipe.intermediate and not recipe.changed.isdisjoint(settings)
    }


def clean_variants(recipes: Mapping[str, Recipe], kind: str) -> dict[str, str]:
    """Return the `variants` on which a claim is tested: those without noise that have the same
    recipe in plain English."""
    return {
        name: other
        for name, other in variants(recipes, kind).items()
        if other and not recipes[name].setting("noise")
    }


def transfers(study: Study, recipe: str, task: str) -> bool:
    """Return whether the target trains on data that the recipe lacks; otherwise its gain is no
    transfer from another task.

    A task's version in another domain counts as the same task.
    """
    source = TASKS[task].train_on
    trained, needed = (
        {original(data) for name in names for data in TASKS[name].parts or (name,)}
        for names in (study.recipes[recipe].intermediate, [source] if source else [])
    )
    return trained.isdisjoint(needed)
