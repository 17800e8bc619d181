"""The checker of a lesson: `check.<exercise>(answer)` confirms a right answer or gives a hint."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from course.exercise import Exercise, Feedback, filled
from course.values import as_number, same, short, unwrapped
from xstilts_core.errors import unknown


class Check:
    """The exercises of a lesson, and the names of those answered correctly."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self._exercises = {exercise.name: exercise for exercise in exercises}
        self._right: set[str] = set()

    def __getattr__(self, name: str) -> Callable[[Any], Feedback]:
        """Return the check of an exercise, or raise AttributeError with the nearest name."""
        if name.startswith("_") or name not in self._exercises:
            raise AttributeError(name if name.startswith("_") else str(unknown("exercise", name, self._exercises)))
        return lambda answer: self.answer(name, answer)

    def __dir__(self) -> list[str]:
        return [*self._exercises, "summary"]

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """All exercises, in the order of the lesson."""
        return tuple(self._exercises.values())

    def answer(self, name: str, answer: Any) -> Feedback:
        """Return feedback on the answer to an exercise."""
        exercise = self._exercises[name]
        if hint := exercise.hint(answer):
            self._right.discard(name)
            return Feedback(False, hint if filled(answer) else f"{hint} {exercise.question}")
        self._right.add(name)
        return Feedback(True, exercise.learnt)

    def summary(self) -> Feedback:
        """Return how many exercises are answered, and which are open."""
        open_exercises = [name for name in self._exercises if name not in self._right]
        done = f"{len(self._right)} of {len(self._exercises)} exercises are answered"
        return Feedback(
            not open_exercises,
            f"{done}; open: {', '.join(open_exercises)}." if open_exercises else f"{done}.",
            heading="This lesson",
        )


def compare(predicted: Any, measured: Any, unit: str = "") -> Feedback:
    """Compare a prediction with the measurement: a word, or a number with its error."""
    title, measured_text = (
        "Your prediction",
        f"{measured:.1f} {unit}".rstrip() if isinstance(measured, float) else str(measured),
    )
    if not filled(predicted):
        return Feedback(
            False,
            f"You made none. Measured: {measured_text}. A wrong prediction teaches more than none.",
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
                f"A finite number was expected, and this is {short(predicted)}. Measured: {measured_text}.",
                title,
            )
        error = value - measured
        direction = "too high" if error > 0 else "too low"
        return Feedback(
            abs(error) < 0.05,
            f"You said {value:.1f}, measured: {measured_text}: {abs(error):.1f} {direction}.",
            title,
        )
    predicted, measured = unwrapped(predicted), unwrapped(measured)
    if isinstance(measured, str) and not isinstance(predicted, str):
        return Feedback(
            False,
            f"One word in quotes was expected, and this is {short(predicted)}. Measured: {measured_text}.",
            title,
        )
    if same(predicted, measured):
        return Feedback(True, f"You said {predicted}, and that is right.", title)
    predicted_text = predicted if isinstance(predicted, str) else short(predicted)
    return Feedback(
        False,
        (f"You said {predicted_text}, measured: {measured_text}. What did you not think of?"),
        title,
    )
