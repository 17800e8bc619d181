"""Count the examples of an optimizer step and the passes over the training data."""

from collections.abc import Mapping
from typing import Any


def merge_accumulation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with batch_size as the number of examples of an optimizer step.

    Older studies split it into `accumulation` parts. Raise ValueError if they give no batch_size
    beside it, because a recipe's batch_size already counts the examples of a whole step.
    """
    parts, size = values.get("accumulation"), values.get("batch_size")
    if type(parts) is not int or parts < 2:
        return dict(values)
    if not size:
        raise ValueError(
            f"accumulation {parts} needs batch_size beside it; better give batch_size alone: "
            "the number of examples of an optimizer step"
        )
    return {**values, "accumulation": 0, "batch_size": parts * size if type(size) is int else size}


def passes(rows: float, batch_size: int, epochs: int, least_steps: int) -> int:
    """Return the passes over `rows` training rows in steps of `batch_size` rows: `epochs`, or as
    many more as `least_steps` requires."""
    steps = max(1, -(-rows // max(1, batch_size)))
    return max(epochs, int(-(-least_steps // steps)))
