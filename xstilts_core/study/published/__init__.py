"""Describe the published scores that ship with the package: authors, origin and license.

This folder holds data: `analysis.performance` reads the files, and a study names one of them:
`published: pruksachatkun2020`. phang2020.csv holds the numbers of the paper that this suite
reproduces, if their source is at hand, with that source (a number that is absent is unconfirmed).
claims.yaml holds the claims of the paper and of reports about it, for `analysis/claims.py`.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from xstilts_core.errors import unknown

FOLDER = Path(__file__).parent
PHANG, CLAIMS = FOLDER / "phang2020.csv", FOLDER / "claims.yaml"


@dataclass(frozen=True, slots=True)
class Reference:
    """Published scores of encoders after intermediate training, and of the same without it.

    <name>.csv: intermediate, kind (target or probing), task, run, score (0 to 1).
    <name>_baseline.csv, in the order of the paper's figures: kind (intermediate: the task's own
    score; target, probing: without intermediate training), task, label (as in those figures), run
    (empty: only the mean over runs is known), score, train_examples (empty: unknown).
    <name>.LICENSE: the license terms.
    """

    name: str
    authors: str
    title: str
    citation: str
    url: str
    source: str
    license: str
    remarks: str

    @property
    def scores(self) -> Path:
        return FOLDER / f"{self.name}.csv"

    @property
    def baseline(self) -> Path:
        return FOLDER / f"{self.name}_baseline.csv"

    @property
    def terms(self) -> Path:
        return FOLDER / f"{self.name}.LICENSE"


_CONTENT = yaml.safe_load((FOLDER / "references.yaml").read_text(encoding="utf-8"))
REFERENCES = {name: Reference(name=name, **fields) for name, fields in _CONTENT.items()}


def reference(name: str, where: str = "") -> Reference:
    """Return the published scores of this name. Raise UsageError if there are none. `where` is the
    name's origin, for the message."""
    if name not in REFERENCES:
        raise unknown("published scores", name, REFERENCES, where)
    return REFERENCES[name]
