"""Spell a number, a gain, an interval and a count, everywhere with the same rounding.

Numbers have a fixed number of decimals, and a number that rounds to 0 has no minus sign. Ends of an
interval have their signs in a sentence ("-0.2 to +5.0") and none in a table ("-0.2 to 5.0").
Figures and the explorer have a true minus sign and little room: `signed`, `told`, `ends`.
"""

from collections.abc import Iterable
from math import isnan

MINUS = "\N{MINUS SIGN}"
_MOST_DECIMALS = 4


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


def span(counts: Iterable[float]) -> str:
    """Return the smallest and the largest count as "22 to 30", or "28" if they are equal; skip NaN.
    No count is "0"."""
    known = {int(count) for count in counts if not isnan(count)} or {0}
    return " to ".join(str(count) for count in sorted({min(known), max(known)}))


def typeset(value: float, digits: int = 0) -> str:
    """Return a number with a true minus sign, for a figure."""
    return number(value, digits).replace("-", MINUS)


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign, such as +4.2, and a true minus sign; zero has no sign."""
    return number(value, digits, sign=round(value, digits) != 0).replace("-", MINUS)


def decimals(value: float, low: float, high: float) -> int:
    """Return the number of decimals with which to print an interval.

    It is 0 if whole points mislead nobody, else 1, or as many as are needed to keep 0 outside.
    Whole points mislead if an end rounds to 0, or if the value with one decimal lies outside.
    """
    significant = excludes_zero(low, high)
    for digits in range(_MOST_DECIMALS):
        ends = round(low, digits), round(high, digits)
        if (digits == 0 and 0 not in ends and ends[0] <= round(value, 1) <= ends[1]) or (
            digits > 0 and not (significant and 0 in ends)
        ):
            return digits
    return _MOST_DECIMALS


def ends(value: float, low: float, high: float) -> str:
    """Return an interval in points, such as "1 to 7" or "−0.3 to 2.1" (`decimals`)."""
    digits = decimals(value, low, high)
    return f"{typeset(low, digits)} to {typeset(high, digits)}"


def told(value: float, low: float, high: float, digits: int = 1) -> str:
    """Return a value with its sign and `digits` decimals; with more if its interval excludes 0 but
    the value would round to 0."""
    if excludes_zero(low, high) and round(value, digits) == 0:
        digits = max(1, decimals(value, low, high))
    return signed(value, digits)


def coefficient(value: float) -> str:
    """Return a coefficient with two decimals, a true minus sign and no leading zero: .75, 1."""
    text = typeset(value, 2)
    return text[:-3] if text.endswith("1.00") else text.replace("0.", ".", 1)


def spent(value: float) -> str:
    """Format seconds in a suitable unit; "?" if they are unknown."""
    for limit, unit, size in ((90, "s", 1), (90 * 60, "min", 60), (100 * 3600, "h", 3600)):
        if value < limit:
            return f"{value / size:.{0 if value / size >= 10 or unit == 's' else 1}f} {unit}"
    return "?" if isnan(value) else f"{value / 86400:,.0f} days"
