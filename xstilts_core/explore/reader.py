"""Read what the views need of a study, each item once, on first request. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from xstilts_core import analysis, results
from xstilts_core.analysis.items import ItemScores, Run
from xstilts_core.analysis.scores import PHASES, target_scores
from xstilts_core.analysis.study_runs import item_scores, prediction_files
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError
from xstilts_core.explore.index import GainIndex
from xstilts_core.explore.items import Items, read_items
from xstilts_core.explore.predictions import Compared, compared
from xstilts_core.files.paths import home
from xstilts_core.phases import learnt
from xstilts_core.study import Study
from xstilts_core.study.study_kinds import references

# Resamples of the test items: a quarter of the reports' number, enough to see which intervals are
# wide.
DRAWS = 500


@dataclass(frozen=True)
class Reader:
    """A study and the output of its finished runs. Create a new reader if the runs have changed."""

    study: Study

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return every score of the finished runs, with the columns `results.COLUMNS`."""
        return analysis.finished(self.study)

    @cached_property
    def index(self) -> GainIndex:
        """Return the index of gains; raise UsageError if no target run has finished yet."""
        if not self.frame["phase"].isin(PHASES).any():
            raise UsageError(
                f"{self.study.name}: no finished target runs to compare yet "
                f"(xstilts status {self.study.name})"
            )
        return GainIndex(self.frame)

    @cached_property
    def unlearnt(self) -> Mapping[str, str]:
        """Return a mapping from recipe to what it did not learn in phase 2, with the seeds."""
        return learnt.unlearnt(self.study)

    @cached_property
    def files(self) -> Mapping[str, Mapping[Run, Path]]:
        """Return a mapping from task to (language, recipe, seed) to the file of predictions."""
        return prediction_files(self.study)

    @cached_property
    def items(self) -> ItemScores:
        """Return resampled scores. This reads every prediction once, which takes some seconds."""
        return item_scores(self.study, DRAWS)

    @property
    def has_items(self) -> bool:
        """Whether `items` has been computed."""
        return "items" in self.__dict__

    @cached_property
    def splits(self) -> Mapping[str, str]:
        """Return a mapping from task to the split on which it is scored."""
        scores = target_scores(self.frame).drop_duplicates("task")
        return dict(zip(scores["task"], scores["split"], strict=True))

    def compared(
        self, task: str, language: str, seed: int, baseline: str, recipe: str
    ) -> list[Compared]:
        """Return the answers of two runs to the same items; raise UsageError if one kept none."""
        known = self.files.get(task, {})
        for name in (baseline, recipe):
            if (language, name, seed) not in known:
                raise UsageError(f"{name} kept no predictions of {task} in {language}, seed {seed}")
        return compared(known[language, baseline, seed], known[language, recipe, seed])

    def texts(self, task: str, language: str) -> Items:
        """Return the texts of a task's scored items."""
        return read_items(task, self.splits[task], language, source_of(self.study))


def studies(outputs: str = "outputs") -> list[str]:
    """Return the names of the studies in params/ that have runs below `outputs`, the last changed
    first, followed by those that show the runs of reference/. A report alone does not count,
    because its runs can be elsewhere."""
    reference_names = references()
    known = {path.stem for path in (home() / "params").glob("*.yaml")} - set(reference_names)
    folders = [
        folder
        for folder in (home() / outputs).glob("*")
        if folder.name in known
        if any(path.is_dir() and path.name != "report" for path in folder.glob("*"))
    ]
    folders.sort(key=_last_change, reverse=True)
    return [*(folder.name for folder in folders), *reference_names]


def first_shown(known: Sequence[str], outputs: str = "outputs") -> str:
    """Return the first of these `studies` that has scores of targets, counting those in reference/;
    else the first of all, else "quick"."""
    reference_names = references()
    for name in known:
        results_of_targets = (
            path
            for phase in PHASES
            for path in (home() / outputs / name / phase).glob(f"**/{results.RESULT}")
        )
        if name in reference_names or any(results_of_targets):
            return name
    return known[0] if known else "quick"


def _last_change(folder: Path) -> float:
    """Return when a study's scores were last collected or, without scores, its folder changed."""
    scores = folder / results.SCORES
    return (scores if scores.is_file() else folder).stat().st_mtime
