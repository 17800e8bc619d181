"""Spell a number, a gain, an interval and a count, everywhere with the same rounding.

Numbers have a fixed number of decimals, and a number that rounds to 0 has no minus sign. Ends of an
interval have their signs in a sentence ("-0.2 to +5.0") and none in a table ("-0.2 to 5.0").
"""

from math import isnan


def number(value: float, digits: int = 1, sign: bool = False, missing: str = "") -> str:
    """Return a number such as "80.4", or "+1.2" if `sign`. NaN, a missing run, is `missing`."""
    return missing if isnan(value) else f"{value:{'+' if sign else ''}z.{digits}f}"


def gain(value: float, digits: int = 1) -> str:
    """Return a difference in points with its sign, such as "+1.2"; "" for NaN."""
    return number(value, digits, sign=True)


def whole(value: float) -> str:
    """Return a whole number with commas, such as "392,702"."""
    return f"{value:,.0f}"


def interval(low: float, high: float, digits: int = 1, sign: bool = True) -> str:
    """Return an interval such as "-0.2 to +5.0", or "no interval"."""
    if isnan(low):
        return "no interval"
    return f"{number(low, digits, sign)} to {number(high, digits, sign)}"


def cell(value: float, low: float, high: float) -> str:
    """Return a gain as a cell of a table, "+4.2 (1.2 to 7.4) *": the star marks an interval that
    excludes 0. The interval is left out if there is none, and everything for NaN."""
    if isnan(value):
        return ""
    ends = "" if isnan(low) else f" ({interval(low, high, sign=False)})"
    return f"{gain(value)}{ends}{' *' if excludes_zero(low, high) else ''}"


def excludes_zero(low: float, high: float) -> bool:
    """Return whether an interval lies above or below 0; False if there is none."""
    return low > 0 or high < 0


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or the plural: "1 seed", "3 seeds"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
