"""A pupil's answer as a value: convert it to a number, compare it, show it in a sentence."""

import math
from typing import Any

import numpy as np


def as_number(answer: Any) -> float:
    """Return the answer as a float, infinite if it is too large. Raise TypeError or ValueError for
    a text, a boolean or several numbers."""
    if isinstance(answer, str | bytes | bool | np.bool_):
        raise TypeError(f"{answer!r} is not a number")
    try:
        return float(answer)
    except OverflowError:
        return math.inf
    except ArithmeticError as error:  # special values of decimal numbers
        raise ValueError(str(error)) from None


def equal(expected: Any, found: Any, tolerance: float) -> bool:
    """Return whether numbers agree within the tolerance, or other values are the same. A value of
    the wrong type is wrong, even a text of digits."""
    try:
        return abs(as_number(expected) - as_number(found)) <= tolerance
    except (TypeError, ValueError):
        expected, found = unwrapped(expected), unwrapped(found)
        return type(expected) is type(found) and same(expected, found)


def same(first: Any, second: Any) -> bool:
    """Return whether two values are equal; False if that is undefined, as for two arrays."""
    try:
        return bool(first == second)
    except (TypeError, ValueError, ArithmeticError):
        return False


def unwrapped(value: Any) -> Any:
    """Return the value with numpy scalars converted to Python's types, also in lists and tuples."""
    if isinstance(value, np.generic):
        return value.item()
    return type(value)(map(unwrapped, value)) if type(value) in (list, tuple) else value


def short(value: Any) -> str:
    """Return a value as text for a sentence, at most 80 characters."""
    try:
        text = repr(unwrapped(value))
    except ValueError:  # an integer of thousands of digits
        text = f"something of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
