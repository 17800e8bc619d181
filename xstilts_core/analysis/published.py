"""Look up the numbers of Phang et al. (2020) and of XTREME that are known with a source."""

from functools import cache
from typing import NamedTuple

import pandas as pd

from xstilts_core.study.published import PHANG

SECOND_HAND = "second hand"


class Published(NamedTuple):
    """A published number, its split, and whether only others reported it; NaN if there is none."""

    value: float = float("nan")
    split: str = ""
    second_hand: bool = False


@cache
def published() -> pd.DataFrame:
    """Return the numbers of `reference/phang2020.csv`: columns system quantity split task language
    metric value evidence source."""
    return pd.read_csv(PHANG)


def known(system: str, task: str, quantity: str = "score", language: str = "mean") -> Published:
    """Return a published number, on test data if available."""
    key = {"system": system, "task": task, "quantity": quantity, "language": language}
    rows = published().sort_values("split", ascending=False)
    rows = rows[(rows[list(key)] == pd.Series(key)).all(axis=1)]
    if rows.empty:
        return Published()
    first = rows.iloc[0]
    return Published(first["value"], first["split"], first["evidence"] == SECOND_HAND)
