"""Describe the published scores that ship with the package: authors, origin and license.

This folder holds data: `analysis.performance` reads the files, and a study names one of them:
`published: pruksachatkun2020`. phang2020.csv holds the numbers of the paper that this suite
reproduces, if their source is at hand, with that source (a number that is absent is unconfirmed).
claims.yaml holds the claims of the paper and of reports about it, for `analysis/claims.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

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


REFERENCES: Mapping[str, Reference] = MappingProxyType(
    {
        "pruksachatkun2020": Reference(
            name="pruksachatkun2020",
            authors="Pruksachatkun et al. (2020)",
            title="RoBERTa Large: English intermediate tasks, English targets, probing tasks; "
            "three runs",
            citation=(
                "Yada Pruksachatkun, Jason Phang, Haokun Liu, Phu Mon Htut, Xiaoyi Zhang, Richard "
                "Yuanzhe Pang, Clara Vania, Katharina Kann, Samuel R. Bowman. 2020. "
                "Intermediate-Task Transfer Learning with Pretrained Language Models: When and Why "
                "Does It Work? ACL 2020, pages 5231-5247."
            ),
            url="https://aclanthology.org/2020.acl-main.467",
            source=(
                "github.com/nyu-mll/jiant, branch taskmaster, "
                "scripts/taskmaster/metadata/v1_data_files: the runs' result files (macro average "
                "of a task's metrics), base_results2.tsv (probing of the pretrained encoder; the "
                "last of duplicates, as in the authors' script) and single_task_metadata.csv (mean "
                "score of a task trained alone, number of examples)"
            ),
            license="MIT, copyright (c) 2019 New York University",
            remarks=(
                "Ten of the paper's eleven intermediate tasks (without CCG). Cells without a "
                "published score are absent. A score of 0 is as published: precision and recall of "
                "that probe were 0. For targets without intermediate training only the mean over "
                "runs is known; that this mean is the paper's baseline is inferred from the "
                "column's name (unconfirmed)."
            ),
        ),
    }
)


def reference(name: str, where: str = "") -> Reference:
    """Return the published scores of this name. Raise UsageError if there are none. `where` is the
    name's origin, for the message."""
    if name not in REFERENCES:
        raise unknown("published scores", name, REFERENCES, where)
    return REFERENCES[name]
