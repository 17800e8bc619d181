"""The study of lesson 8: weak designs that the suite accepts, and an exercise to detect them."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from course.exercise import NOTHING, filled
from xstilts_core.errors import UsageError
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, RetrievalSpec, TargetSpec

NAME = "my_study"
ENGLISH = "en"
REPORT = "30_transfer"
# Limits that keep the study to about a minute, which a class can wait for.
_MOST_RUNS, _MOST_EXAMPLES, _MOST_TESTED = 12, 400, 100

# A study that runs but shows nothing.
FLAWED = """\
title: MNLI and CCG
encoder: mini
seeds: [1]
recipes:
  none:
  mnli: {intermediate: [mnli], train_examples: 400}
  ccg: {intermediate: [ccg], train_examples: 100}
targets: [xnli]
languages: [en]
reports: [30_transfer]
train: {freeze_embeddings: true, evaluations: 1, dev_examples: 50, dropout: 0.0}
target: {train_examples: 200, test_examples: 60}
"""


def prepared(study: Study) -> list[IntermediateSpec]:
    """Return the study's runs of phase 2."""
    return [spec for spec in study.specs if isinstance(spec, IntermediateSpec)]


def _too_large(study: Study) -> bool:
    """Return whether a study has too many runs or examples for a class, or a phase 1 of its own."""
    runs = [spec for spec in study.specs if isinstance(spec, IntermediateSpec | TargetSpec)]
    train_sizes = [spec.train_examples or _MOST_EXAMPLES + 1 for spec in runs]
    test_sizes = [spec.test_examples or _MOST_TESTED + 1 for spec in runs if isinstance(spec, TargetSpec)]
    retrieval_runs = [spec for spec in study.specs if isinstance(spec, RetrievalSpec) and len(spec.languages or range(9)) > 4]
    many_runs = len(study.specs) > _MOST_RUNS or bool(retrieval_runs) or study.pretrain is not None
    return many_runs or max(train_sizes, default=0) > _MOST_EXAMPLES or max(test_sizes, default=0) > _MOST_TESTED


@dataclass(frozen=True, slots=True)
class _Flaw:
    """A weakness of a design. seen: test for it. hint: the question that it leaves open."""

    seen: Callable[[Study], bool]
    hint: str


FLAWS: Mapping[str, _Flaw] = MappingProxyType(
    {
        "no question": _Flaw(
            lambda study: not study.title.rstrip().endswith("?"),
            "What would you like to know? The title is the place to ask.",
        ),
        "nothing to compare": _Flaw(lambda study: not prepared(study), "Which recipe is compared with the baseline?"),
        "one seed": _Flaw(
            lambda study: len(study.seeds) < 2,
            "Would it come out the same a second time? One seed cannot tell.",
        ),
        "no control": _Flaw(
            lambda study: not study.controls,
            "What score would an untrained model reach, or counting common words without a model?",
        ),
        "recipes of different sizes": _Flaw(
            lambda study: len({spec.train_examples for spec in prepared(study)}) > 1,
            "If one recipe is better than the other: is it the task, or the number of examples?",
        ),
        "no transfer": _Flaw(
            lambda study: set(study.languages) == {ENGLISH},
            "Zero-shot transfer to which languages? Only the training language is scored.",
        ),
        "no English": _Flaw(
            lambda study: bool(study.languages) and ENGLISH not in study.languages,
            "If scores are low: was the task not learnt, or not transferred? The English score tells.",
        ),
        "too large": _Flaw(
            _too_large,
            f"It must end in about a minute: at most {_MOST_RUNS} runs, {_MOST_EXAMPLES} "
            f"training examples a run, {_MOST_TESTED} test examples a language, no phase 1 of "
            "its own, and at most four languages for retrieval.",
        ),
        "no report": _Flaw(
            lambda study: REPORT not in study.reports,
            f"Which report shows gains with intervals? {REPORT} does.",
        ),
    }
)


def loaded(text: str, outputs: str = "outputs") -> Study:
    """Load a study from YAML text with the checks of `xstilts check`. Raise UsageError for the
    first mistake, with "your study" as the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return Study.load(str(path), outputs)
        except UsageError as error:
            raise UsageError(str(error).replace(str(path.resolve()), "your study").replace(str(path), "your study")) from None


def flaws(text: str) -> list[str]:
    """Return the names of the FLAWS in a study's design."""
    study = loaded(text)
    return [name for name, flaw in FLAWS.items() if flaw.seen(study)]


@dataclass(frozen=True, slots=True)
class Plan:
    """An exercise whose answer is a study's YAML text that loads and has no flaws."""

    name: str
    question: str
    learnt: str

    def solution(self) -> str:
        """Return one of many solutions: the flawed study without its flaws."""
        swaps = (
            ("title: MNLI and CCG", "title: Which helps zero-shot XNLI more, MNLI or CCG?"),
            ("seeds: [1]", "seeds: [1, 2]"),
            ("train_examples: 400", "train_examples: 200"),
            ("train_examples: 100", "train_examples: 200"),
            ("targets:", "  overlap: {control: overlap}\ntargets:"),
            ("languages: [en]", "languages: [en, de, zh]"),
        )
        text = FLAWED
        for old, new in swaps:
            text = text.replace(old, new)
        return text

    def hint(self, answer: Any) -> str:
        if not filled(answer):
            return NOTHING
        if not isinstance(answer, str):
            return f"A text is expected, between three quotes; this is of type {type(answer).__name__}."
        try:
            names = flaws(answer)
        except UsageError as error:
            return f"The suite refuses it: {error}"
        return "" if not names else f"It runs. {FLAWS[names[0]].hint}"

    def mistakes(self) -> list[Any]:
        """Return a study for every flaw, and two that the suite refuses."""
        good = self.solution()
        swaps = (
            ("?", "."),
            ("seeds: [1, 2]", "seeds: [1]"),
            ("  overlap: {control: overlap}\n", ""),
            ("[mnli], train_examples: 200", "[mnli], train_examples: 300"),
            ("languages: [en, de, zh]", "languages: [en]"),
            ("languages: [en, de, zh]", "languages: [de, zh]"),
            ("test_examples: 60", "test_examples: 600"),
            (REPORT, "00_study"),
            ("[mnli]", "[mnlu]"),
            ("seeds:", "seed:"),
        )
        without_recipes = "\n".join(line for line in good.splitlines() if not line.startswith(("  mnli", "  ccg")))
        return [..., 3, FLAWED, without_recipes, *(good.replace(old, new) for old, new in swaps)]
