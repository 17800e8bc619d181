"""What a run reads: splits of tasks."""

from typing import Literal, NamedTuple


class Read(NamedTuple):
    """A split of a task that a run reads. split: train, dev, or scored (the one that scores are
    reported on). languages: None: those that are scored."""

    task: str
    split: Literal["train", "dev", "scored"]
    languages: tuple[str, ...] | None = None


def trained(name: str) -> tuple[Read, ...]:
    """What training on a task reads, in English."""
    return (Read(name, "train", ("en",)), Read(name, "dev", ("en",)))
