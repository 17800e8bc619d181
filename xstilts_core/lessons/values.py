"""A pupil's answer as a value: whether it is a number, whether it equals the truth, how it stands
in a sentence."""

import math
from typing import Any

import numpy as np


def as_number(answer: Any) -> float:
    """The answer as a number; infinite if it is too large for one. TypeError or ValueError for a
    text, a truth value, several numbers."""
    if isinstance(answer, str | bytes | bool | np.bool_):
        raise TypeError(f"{answer!r} is no number")
    try:
        return float(answer)
    except OverflowError:
        return math.inf
    except ArithmeticError as error:  # a decimal number's own kinds of nothing
        raise ValueError(str(error)) from None


def equal(expected: Any, found: Any, tolerance: float) -> bool:
    """Numbers within the tolerance; anything else, if it is the same. A wrong type is a wrong
    answer: a text of digits too."""
    try:
        return abs(as_number(expected) - as_number(found)) <= tolerance
    except (TypeError, ValueError):
        expected, found = unwrapped(expected), unwrapped(found)
        return type(expected) is type(found) and same(expected, found)


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal; what cannot be said in one word, as of two arrays, is a no."""
    try:
        return bool(first == second)
    except (TypeError, ValueError, ArithmeticError):
        return False


def unwrapped(value: Any) -> Any:
    """The value with Python's own numbers and texts in place of numpy's, in lists and tuples
    too."""
    if isinstance(value, np.generic):
        return value.item()
    return type(value)(map(unwrapped, value)) if type(value) in (list, tuple) else value


def short(value: Any) -> str:
    """A value as it stands in a sentence."""
    try:
        text = repr(unwrapped(value))
    except ValueError:  # an integer of thousands of digits
        text = f"something of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
