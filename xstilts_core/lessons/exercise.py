"""Exercises: a question, the true answer computed from the suite, and what to say to an answer that
is wrong.

A hint names the kind of mistake (a share for a percentage, the wrong direction, English forgotten)
and never the solution.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from xstilts_core.errors import unknown
from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.lessons.values import as_number, equal, short

# Units in which a share of 1 is 100.
_HUNDREDTHS = ("percent", "points")
NOTHING = "Nothing is filled in yet: put your answer in the place of the three dots."
# Blue and orange of Okabe and Ito (2008); the words say the same to who sees no color.
COLORS: Mapping[str, str] = MappingProxyType({"Right": "#0072B2", "Not yet": "#D55E00"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """What is said to an answer."""

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
        return (
            f'<div style="{box}"><b>{html.escape(self.title)}.</b> {html.escape(self.text)}</div>'
        )


class Exercise(Protocol):
    """name: that of the answer in the notebook. learnt: said to a right answer: what follows from
    it."""

    name: str
    question: str
    learnt: str

    def solution(self) -> Any:
        """The right answer, computed from the suite."""

    def hint(self, answer: Any) -> str:
        """What to think of next; "" where the answer is right."""

    def mistakes(self) -> list[Any]:
        """Wrong answers that a pupil may give: each must get a hint."""


def filled(answer: Any) -> bool:
    """Whether the pupil has put anything in the place of the three dots."""
    return answer is not ... and answer is not None


@dataclass(frozen=True, slots=True)
class Number:
    """A number, right within `tolerance` (in the unit of the answer).

    slips: hint -> the value that this slip leads to, computed like the truth. nudge: what is said
    to any other wrong number.
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
            return f"One number is asked for{f' (in {self.unit})' if self.unit else ''}; this is of type {type(answer).__name__}."
        if not math.isfinite(value):
            return "This is no finite number: is a score missing, or is something divided by zero?"
        truth = self.solution()
        return "" if abs(value - truth) <= self.tolerance else self.slip(value, truth)

    def slip(self, value: float, truth: float) -> str:
        """The hint for a wrong number."""

        def near(other: float) -> bool:
            return (
                abs(value - other) <= max(self.tolerance * abs(other / truth), 1e-9)
                if truth
                else abs(value - other) <= self.tolerance
            )

        for text, wrong in self.slips().items():
            if abs(value - wrong) <= self.tolerance:
                return text
        if truth and self.unit in _HUNDREDTHS and near(truth / 100):
            return f"The unit: the suite's scores are in {self.unit} (0 to 100), this is a share between 0 and 1."
        if truth and self.unit not in _HUNDREDTHS and near(100 * truth):
            return f"The unit: asked for is {self.unit or 'a plain number'}, this is a hundred times as much."
        if truth and near(-truth):
            return "The size is right, the direction is not: what is subtracted from what?"
        return self.nudge

    def mistakes(self) -> list[Any]:
        truth = self.solution()
        made = [
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
            *(value for value in made if abs(value - truth) > self.tolerance),
        ]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several options. hints: option -> what is said where it is chosen and wrong; nudge:
    what is said to the others."""

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
            return f"One word in quotes is asked for, and this is of type {type(answer).__name__}; legal: {', '.join(self.options)}."
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
    """Several names, of languages unless `legal` says otherwise; in the order asked for where
    `ordered`.

    slips: hint -> the names that this slip leads to.
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
            return 'The order counts, and a set has none: a list is asked for, ["en", "de"].'
        answer = [None] if isinstance(answer, str) else listed(answer)
        if not all(isinstance(entry, str) for entry in answer):
            return 'A list of names is asked for, each in quotes: ["en", "de"].'
        wrong = [entry for entry in answer if entry not in self.legal]
        if wrong:
            return f"{unknown('name', wrong[0], self.legal)}."
        if len(set(answer)) < len(answer):
            return "A name stands twice."
        truth = self.solution()
        if self.alike(answer, truth):
            return ""
        if text := next(
            (text for text, wrong in self.slips().items() if self.alike(answer, wrong)), ""
        ):
            return text
        if "en" in answer and "en" not in truth:
            return "English is among them: here it is the language of training, and not one to transfer to."
        if self.ordered and answer == truth[::-1]:
            return "The right ones in the wrong direction."
        if set(answer) == set(truth):
            return "The right ones in another order than asked for."
        if len(answer) != len(truth):
            return f"Too {'many' if len(answer) > len(truth) else 'few'} names. {self.nudge}"
        return f"{len(set(answer) & set(truth))} of {len(truth)} are right. {self.nudge}"

    def alike(self, answer: Sequence[str], names: Sequence[str]) -> bool:
        """Whether these are the names, in their order where it counts."""
        return list(answer) == list(names) if self.ordered else set(answer) == set(names)

    def mistakes(self) -> list[Any]:
        truth = self.solution()
        others = [entry for entry in self.legal if entry not in truth]
        swapped = [*others[:1], *truth[1:]]
        made = [
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
        made += [list(wrong) for wrong in self.slips().values()]
        return [answer for answer in made if answer != truth]


def listed(answer: Any) -> list[Any]:
    """The names of a list, a tuple, a set, an index of a table."""
    try:
        return list(answer)
    except TypeError:
        return [answer]


@dataclass(frozen=True, slots=True)
class Written:
    """A function that the pupil writes, compared with `truth` on cases (tuples of arguments).

    slips: hint -> a function that makes this slip. nudge: what is said where it is another one.
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
            return "The function itself is asked for: its name without brackets."
        found = []
        for case in self.cases():
            try:
                found.append(answer(*case))
            except (
                Exception
            ) as error:  # whatever a pupil's function raises is told, and stops nothing
                return (
                    f"Your function stopped with {type(error).__name__}: {error} for {short(case)}."
                )
        if all(value is None or value is ... for value in found):
            return "Your function gives nothing back: is there a `return`?"
        if self.same(self.truth, found):
            return ""
        text = next((text for text, wrong in self.slips.items() if self.same(wrong, found)), "")
        return text or f"{self.nudge} For {short(self.cases()[0])} it gives {short(found[0])}."

    def same(self, function: Callable[..., Any], found: Sequence[Any]) -> bool:
        """Whether a function gives these values on the cases."""
        return all(
            equal(function(*case), value, self.tolerance)
            for case, value in zip(self.cases(), found, strict=True)
        )

    def mistakes(self) -> list[Any]:
        return [
            ...,
            5,
            lambda *values: None,
            lambda *values: 1 / 0,
            lambda *values: -12345.0,
            *self.slips.values(),
        ]
