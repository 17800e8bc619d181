"""What the views read of a study: each part once, when it is first asked for. Nothing here
writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from xstilts_core import analysis, results
from xstilts_core.analysis.gains import PHASES, target_scores
from xstilts_core.analysis.items import ItemScores, Run, item_scores, prediction_files
from xstilts_core.errors import UsageError
from xstilts_core.explore.index import GainIndex
from xstilts_core.explore.items import Items, read_items
from xstilts_core.explore.predictions import Compared, compared
from xstilts_core.files.paths import home
from xstilts_core.phases import learnt
from xstilts_core.results import RESULT
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references

# Draws of the test items: a quarter of the reports', enough to see which intervals are wide.
DRAWS = 500


@dataclass(frozen=True)
class Reader:
    """A study and what its finished runs left. Made anew where the runs have changed."""

    study: Study

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Every score of the finished runs (`results.COLUMNS`)."""
        return analysis.finished(self.study)

    @cached_property
    def index(self) -> GainIndex:
        """UsageError where no target run of the baseline has finished yet."""
        if not self.frame["phase"].isin(("target", "retrieval")).any():
            raise UsageError(
                f"{self.study.name}: no finished target runs to compare yet (xstilts status {self.study.name})"
            )
        return GainIndex(self.frame)

    @cached_property
    def unlearnt(self) -> Mapping[str, str]:
        """Recipe -> what of it was not learnt in phase 2, and with which seeds."""
        return learnt.unlearnt(self.study)

    @cached_property
    def files(self) -> Mapping[str, Mapping[Run, Path]]:
        """Task -> (language, recipe, seed) -> its file of predictions."""
        return prediction_files(self.study)

    @cached_property
    def items(self) -> ItemScores:
        """Resampled scores: reads every prediction once, some seconds."""
        return item_scores(self.study, DRAWS)

    @property
    def has_items(self) -> bool:
        """Whether `items` has been made."""
        return "items" in self.__dict__

    @cached_property
    def splits(self) -> Mapping[str, str]:
        """Task -> the split that its scores are of."""
        scores = target_scores(self.frame).drop_duplicates("task")
        return dict(zip(scores["task"], scores["split"], strict=True))

    def compared(
        self, task: str, language: str, seed: int, baseline: str, recipe: str
    ) -> list[Compared]:
        """The answers of two runs to the same items. UsageError where one of them kept none."""
        known = self.files.get(task, {})
        for name in (baseline, recipe):
            if (language, name, seed) not in known:
                raise UsageError(f"{name} kept no predictions of {task} in {language}, seed {seed}")
        return compared(known[language, baseline, seed], known[language, recipe, seed])

    def texts(self, task: str, language: str) -> Items:
        """The texts of a task's scored items."""
        return read_items(
            task, self.splits[task], language, self.study.source, self.study.data_root
        )


def studies(outputs: str = "outputs") -> list[str]:
    """Names of the studies in params/ that have runs below `outputs`, the one that changed last
    first, and then of those that show the runs of reference/; a report alone is of other runs."""
    root, kept = home() / outputs, references()
    known = {path.stem for path in (home() / "params").glob("*.yaml")} - set(kept)
    found = (
        [path for path in root.iterdir() if path.name in known and _has_runs(path)]
        if root.is_dir()
        else []
    )
    return [*(path.name for path in sorted(found, key=newest, reverse=True)), *kept]


def first_shown(known: Sequence[str], outputs: str = "outputs") -> str:
    """The first of these `studies` that has scores of targets, those in reference/ among them; else
    the first of all, else quick."""
    kept, root = references(), home() / outputs
    scored = (
        name
        for name in known
        if name in kept or any(any((root / name).glob(f"{phase}/**/{RESULT}")) for phase in PHASES)
    )
    return next(scored, known[0] if known else "quick")


def _has_runs(folder: Path) -> bool:
    """Whether a study's folder holds more than its report."""
    return any(path.is_dir() and path.name != "report" for path in folder.iterdir())


def newest(folder: Path) -> float:
    """When the scores of a study were last collected, or its folder last changed."""
    scores = folder / results.SCORES
    return (scores if scores.is_file() else folder).stat().st_mtime
