"""How many examples an optimizer step has, and how many passes over them are made."""

from collections.abc import Mapping
from typing import Any


def once_accumulated(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with batch_size as the examples of a step, where an older study writes them: in
    `accumulation` parts.

    ValueError where batch_size is not written beside it: the recipe's is that of a step.
    """
    parts, size = values.get("accumulation"), values.get("batch_size")
    if type(parts) is not int or parts < 2:
        return dict(values)
    if not size:
        raise ValueError(
            f"accumulation {parts} needs batch_size beside it; better write batch_size alone: the examples of an optimizer step"
        )
    return {**values, "accumulation": 0, "batch_size": parts * size if type(size) is int else size}


def passes(rows: float, batch_size: int, epochs: int, least_steps: int) -> int:
    """Passes over so many training rows in steps of `batch_size` rows: `epochs`, or as many more as
    `least_steps` needs."""
    steps = max(1, -(-rows // max(1, batch_size)))
    return max(epochs, int(-(-least_steps // steps)))
