"""Name the task splits that a run reads."""

from typing import Literal, NamedTuple


class Read(NamedTuple):
    """A task split that a run reads. split: train, dev, or scored (the split whose scores are
    reported). languages: None for the scored languages."""

    task: str
    split: Literal["train", "dev", "scored"]
    languages: tuple[str, ...] | None = None


def training_reads(name: str) -> tuple[Read, ...]:
    """Return the English splits that training on a task reads."""
    return (Read(name, "train", ("en",)), Read(name, "dev", ("en",)))
