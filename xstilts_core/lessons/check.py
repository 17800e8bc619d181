"""The checker of a lesson: `check.<exercise>(answer)` says whether an answer is right, or gives a
hint."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from xstilts_core.errors import unknown
from xstilts_core.lessons.exercise import Exercise, Feedback, filled
from xstilts_core.lessons.values import as_number, same, short, unwrapped


class Check:
    """The exercises of a lesson, and which of them have been answered."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self._exercises = {exercise.name: exercise for exercise in exercises}
        self._right: set[str] = set()

    def __getattr__(self, name: str) -> Callable[[Any], Feedback]:
        """The check of one exercise, as a method of its name. AttributeError with the nearest name
        where there is none."""
        if name.startswith("_") or name not in self._exercises:
            raise AttributeError(
                name if name.startswith("_") else str(unknown("exercise", name, self._exercises))
            )
        return lambda answer: self.answer(name, answer)

    def __dir__(self) -> list[str]:
        return [*self._exercises, "summary"]

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """All of them, in the order of the lesson."""
        return tuple(self._exercises.values())

    def answer(self, name: str, answer: Any) -> Feedback:
        """Judge the answer to an exercise."""
        exercise = self._exercises[name]
        if hint := exercise.hint(answer):
            self._right.discard(name)
            return Feedback(False, hint if filled(answer) else f"{hint} {exercise.question}")
        self._right.add(name)
        return Feedback(True, exercise.learnt)

    def summary(self) -> Feedback:
        """How many exercises are answered, and which are open."""
        left = [name for name in self._exercises if name not in self._right]
        done = f"{len(self._right)} of {len(self._exercises)} exercises are answered"
        return Feedback(
            not left,
            f"{done}; open: {', '.join(left)}." if left else f"{done}.",
            heading="This lesson",
        )


def compare(predicted: Any, measured: Any, unit: str = "") -> Feedback:
    """A prediction beside what was measured: words, or a number and how far off it was."""
    title, shown = (
        "Your prediction",
        f"{measured:.1f} {unit}".rstrip() if isinstance(measured, float) else str(measured),
    )
    if not filled(predicted):
        return Feedback(
            False,
            f"You made none. Measured: {shown}. A prediction that fails teaches more than none.",
            title,
        )
    if isinstance(measured, float):
        try:
            value = as_number(predicted)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            return Feedback(
                False,
                f"A finite number was asked for, and this is {short(predicted)}. Measured: {shown}.",
                title,
            )
        off = value - measured
        way = "too high" if off > 0 else "too low"
        return Feedback(
            abs(off) < 0.05,
            f"You said {value:.1f}, measured: {shown}: {abs(off):.1f} {way}.",
            title,
        )
    predicted, measured = unwrapped(predicted), unwrapped(measured)
    if isinstance(measured, str) and not isinstance(predicted, str):
        return Feedback(
            False,
            f"One word in quotes was asked for, and this is {short(predicted)}. Measured: {shown}.",
            title,
        )
    if same(predicted, measured):
        return Feedback(True, f"You said {predicted}, and so it is.", title)
    said = predicted if isinstance(predicted, str) else short(predicted)
    return Feedback(False, f"You said {said}, measured: {shown}. What did you not think of?", title)
