"""Exercises: a question, the true answer computed from the suite, and hints for wrong answers.

A hint names the kind of mistake (a share instead of a percentage, the wrong direction, English
included by mistake) and never the solution.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from course.values import as_number, equal, short
from xstilts_core.errors import unknown
from xstilts_core.languages import EMBEDDED_LANGUAGES

# Units in which a share of 1 is 100.
_HUNDREDTHS = ("percent", "points")
NOTHING = "Nothing is filled in yet: put your answer in the place of the three dots."
# Blue and orange of Okabe and Ito (2008). The title carries the same information without color.
COLORS: Mapping[str, str] = MappingProxyType({"Right": "#0072B2", "Not yet": "#D55E00"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback on an answer."""

    right: bool
    text: str
    heading: str = ""

    @property
    def title(self) -> str:
        return self.heading or ("Right" if self.right else "Not yet")

    def __repr__(self) -> str:
        return f"{self.title}. {self.text}"

    def _repr_html_(self) -> str:
        color = COLORS.get(self.title, "#666666")
        box = f"border-left:4px solid {color};padding:.3em .8em;margin:.3em 0"
        return f'<div style="{box}"><b>{html.escape(self.title)}.</b> {html.escape(self.text)}</div>'


class Exercise(Protocol):
    """An exercise. name: the answer's variable. learnt: conclusion shown after a right answer."""

    name: str
    question: str
    learnt: str

    def solution(self) -> Any:
        """Return the right answer, computed from the suite."""

    def hint(self, answer: Any) -> str:
        """Return a hint for a wrong answer; "" for a right one."""

    def mistakes(self) -> list[Any]:
        """Return wrong answers that a pupil may give. Each must get a hint."""


def filled(answer: Any) -> bool:
    """Return whether the pupil has replaced the three dots."""
    return answer is not ... and answer is not None


@dataclass(frozen=True, slots=True)
class Number:
    """A number, right within `tolerance` (in the unit of the answer).

    slips: for each hint the wrong value that this slip gives, computed like the truth. nudge: hint
    for any other wrong number.
    """

    name: str
    question: str
    truth: Callable[[], float]
    learnt: str
    nudge: str
    unit: str = ""
    tolerance: float = 0.05
    slips: Callable[[], Mapping[str, float]] = dict

    def solution(self) -> float:
        return float(self.truth())

    def hint(self, answer: Any) -> str:
        if not filled(answer):
            return NOTHING
        try:
            value = as_number(answer)
        except (TypeError, ValueError):
            return f"One number is expected{f' (in {self.unit})' if self.unit else ''}; this is of type {type(answer).__name__}."
        if not math.isfinite(value):
            return "This is not a finite number: is a score missing, or do you divide by zero?"
        truth = self.solution()
        return "" if abs(value - truth) <= self.tolerance else self.slip(value, truth)

    def slip(self, value: float, truth: float) -> str:
        """Return the hint for a wrong number."""

        def near(other: float) -> bool:
            return abs(value - other) <= max(self.tolerance * abs(other / truth), 1e-9) if truth else abs(value - other) <= self.tolerance

        for text, wrong in self.slips().items():
            if abs(value - wrong) <= self.tolerance:
                return text
        if truth and self.unit in _HUNDREDTHS and near(truth / 100):
            return f"The unit: the suite's scores are in {self.unit} (0 to 100), this is a share between 0 and 1."
        if truth and self.unit not in _HUNDREDTHS and near(100 * truth):
            return f"The unit should be {self.unit or 'a plain number'}; this is a hundred times as much."
        if truth and near(-truth):
            return "The size is right, the direction is not: what is subtracted from what?"
        return self.nudge

    def mistakes(self) -> list[Any]:
        truth = self.solution()
        wrong_numbers = [
            truth / 100 if self.unit in _HUNDREDTHS else 100 * truth,
            -truth,
            3 * truth + 10 * self.tolerance + 1,
            *self.slips().values(),
        ]
        return [
            ...,
            None,
            "a lot",
            math.nan,
            [1, 2],
            *(value for value in wrong_numbers if abs(value - truth) > self.tolerance),
        ]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several options. hints: by wrong option. nudge: hint for all other wrong options."""

    name: str
    question: str
    options: tuple[str, ...]
    truth: Callable[[], str]
    learnt: str
    nudge: str
    hints: Callable[[], Mapping[str, str]] = dict

    def solution(self) -> str:
        return self.truth()

    def hint(self, answer: Any) -> str:
        if not filled(answer):
            return NOTHING
        if not isinstance(answer, str):
            return f"One word in quotes is expected, and this is of type {type(answer).__name__}; legal: {', '.join(self.options)}."
        if answer not in self.options:
            return f"{unknown('answer', answer, self.options)}."
        return "" if answer == self.solution() else self.hints().get(answer, self.nudge)

    def mistakes(self) -> list[Any]:
        return [
            ...,
            3,
            "none of them all",
            *(option for option in self.options if option != self.solution()),
        ]


@dataclass(frozen=True, slots=True)
class Names:
    """Several names: of languages, or of `legal`. If `ordered`, their order counts.

    slips: for each hint the wrong names that this slip gives.
    """

    name: str
    question: str
    truth: Callable[[], Sequence[str]]
    learnt: str
    nudge: str
    ordered: bool = False
    legal: tuple[str, ...] = EMBEDDED_LANGUAGES
    slips: Callable[[], Mapping[str, Sequence[str]]] = dict

    def solution(self) -> list[str]:
        return list(self.truth())

    def hint(self, answer: Any) -> str:
        if not filled(answer):
            return NOTHING
        if self.ordered and isinstance(answer, set | frozenset):
            return 'The order counts, and a set has none: a list is expected, ["en", "de"].'
        answer = [None] if isinstance(answer, str) else listed(answer)
        if not all(isinstance(name, str) for name in answer):
            return 'A list of names is expected, each in quotes: ["en", "de"].'
        wrong = [name for name in answer if name not in self.legal]
        if wrong:
            return f"{unknown('name', wrong[0], self.legal)}."
        if len(set(answer)) < len(answer):
            return "A name occurs twice."
        truth = self.solution()
        if self.alike(answer, truth):
            return ""
        if text := next((text for text, wrong in self.slips().items() if self.alike(answer, wrong)), ""):
            return text
        if "en" in answer and "en" not in truth:
            return "English is among them: here it is the language of training, not one to transfer to."
        if self.ordered and answer == truth[::-1]:
            return "The right names in the wrong direction."
        if set(answer) == set(truth):
            return "The right names in the wrong order."
        if len(answer) != len(truth):
            return f"Too {'many' if len(answer) > len(truth) else 'few'} names. {self.nudge}"
        return f"{len(set(answer) & set(truth))} of {len(truth)} are right. {self.nudge}"

    def alike(self, answer: Sequence[str], names: Sequence[str]) -> bool:
        """Return whether the names are the same, in the same order if `ordered`."""
        return list(answer) == list(names) if self.ordered else set(answer) == set(names)

    def mistakes(self) -> list[Any]:
        truth = self.solution()
        others = [name for name in self.legal if name not in truth]
        swapped = [*others[:1], *truth[1:]]
        answers = [
            ...,
            "en",
            7,
            ["klingon"],
            [],
            truth[:-1],
            [*truth, *others[:1]],
            swapped,
            *([truth[::-1], set(truth)] if self.ordered else []),
        ]
        answers += [list(wrong) for wrong in self.slips().values()]
        return [answer for answer in answers if answer != truth]


def listed(answer: Any) -> list[Any]:
    """Return the items of a list, a tuple, a set or a table's index as a list."""
    try:
        return list(answer)
    except TypeError:
        return [answer]


@dataclass(frozen=True, slots=True)
class Written:
    """A function that the pupil writes, compared with `truth` on cases (tuples of arguments).

    slips: for each hint a function that makes this slip. nudge: hint for any other wrong function.
    """

    name: str
    question: str
    truth: Callable[..., Any]
    cases: Callable[[], Sequence[tuple[Any, ...]]]
    learnt: str
    nudge: str
    slips: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    tolerance: float = 1e-6

    def solution(self) -> Callable[..., Any]:
        return self.truth

    def hint(self, answer: Any) -> str:
        if not filled(answer):
            return NOTHING
        if not callable(answer):
            return "The function itself is expected: its name without brackets."
        values = []
        for case in self.cases():
            try:
                values.append(answer(*case))
            except Exception as error:  # any error of the pupil's function becomes a hint
                return f"Your function stopped with {type(error).__name__}: {error} for {short(case)}."
        if all(value is None or value is ... for value in values):
            return "Your function returns nothing: is there a `return`?"
        if self.same(self.truth, values):
            return ""
        text = next((text for text, wrong in self.slips.items() if self.same(wrong, values)), "")
        return text or f"{self.nudge} For {short(self.cases()[0])} it gives {short(values[0])}."

    def same(self, function: Callable[..., Any], found: Sequence[Any]) -> bool:
        """Return whether a function gives these values on the cases."""
        return all(equal(function(*case), value, self.tolerance) for case, value in zip(self.cases(), found, strict=True))

    def mistakes(self) -> list[Any]:
        return [
            ...,
            5,
            lambda *values: None,
            lambda *values: 1 / 0,
            lambda *values: -12345.0,
            *self.slips.values(),
        ]
