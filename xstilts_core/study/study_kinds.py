"""Define studies without runs of their own: published scores, runs kept in reference/, and groups
of studies."""

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.paths import expanded, home
from xstilts_core.study import Study, study_file
from xstilts_core.study.published import reference
from xstilts_core.study.recipe import Settings
from xstilts_core.study.spec import Spec, link_parents

_PUBLISHED_REPORTS = ["31_correlations"]
# The project's folder of finished runs, and the names of the files there (kept_runs.py).
REFERENCE, STUDY, RUNS = "reference", "study.yaml", "seed{}.runs.jsonl.gz"


class _WithoutRuns(Study):
    """A study that trains nothing itself."""

    seeds: list[int] = Field([])
    targets: list[str] = Field([])

    def expand(self) -> Iterator[Spec]:
        """Yield no runs."""
        return iter(())


class _PublishedStudy(_WithoutRuns):
    """A study of published scores: it has only reports."""

    keys = ("title", "published", "reports")
    reason = "published scores have no runs"

    reports: list[str] = Field(_PUBLISHED_REPORTS)

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> Study:
        """Build the study of a file that has `published`. Raise UsageError on the first mistake."""
        study = cls.parse(content, {**arguments, "given": {}})
        reference(study.published, study.where("published"))
        for name in study.reports:
            if name not in _PUBLISHED_REPORTS:
                kind, where = "report on published scores", study.where("reports")
                raise unknown(kind, name, _PUBLISHED_REPORTS, where)
        return study


class _Shown(_WithoutRuns):
    """What the file of a study of kept runs has itself."""

    keys = ("title", "reference", "reports")
    reason = "the kept runs define the study"


class _ReferenceStudy(Study):
    """A study of finished runs kept in reference/, possibly from another machine. Its reports need
    no training."""

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> Study:
        """Build the study of a file that has `reference`: the grid of study.yaml in that folder,
        with the kept seeds.

        Raise UsageError on the first mistake, or if the folder keeps no runs. No data are read, so
        data_root is ignored.
        """
        arguments = {**arguments, "data_root": "", "given": {}}
        shown = _Shown.parse(content, arguments)
        folder = reference_folder(shown.reference)
        if not (seeds := reference_seeds(folder)) or not (folder / STUDY).is_file():
            raise UsageError(
                f"{study_file.locate(content, shown.file, ['reference'])}: reference is "
                f"{shown.reference!r}: no runs are kept in {folder} "
                "(xstilts reference STUDY keeps the runs of a study)"
            )
        with gzip.open(folder / RUNS.format(seeds[0]), "rt", encoding="utf-8") as stream:
            source = json.loads(stream.readline())["result"]["spec"]["source"]
        grid = study_file.read(folder / STUDY)
        grid |= {"shares": [], "seeds": seeds, "source": source, **content}
        study = cls.parse(grid, arguments)
        study.check()
        return study

    @cached_property
    def specs(self) -> tuple[Spec, ...]:
        """Every run of the grid, without a run that fetches data."""
        return link_parents(self.expand())

    def goes_offline(self, spec: Spec) -> bool:
        """Return False: nothing is run, so nothing contacts the hub."""
        return False

    @property
    def lacking(self) -> tuple[str, ...]:
        """Always empty: nothing is run."""
        return ()


def reference_folder(reference: str) -> Path:
    """Return the folder that `reference` means. A plain name is a folder of reference/."""
    path = Path(reference)
    is_name = not path.parent.name and not path.is_absolute()
    return home() / (Path(REFERENCE) / reference if is_name else expanded(reference))


def require_answers(header: Mapping[str, object], path: Path) -> None:
    """Raise UsageError if the first line of a file of predictions marks it as having no answers."""
    if kept := header.get(REFERENCE):
        raise UsageError(
            f"{path}: {reference_folder(str(kept))} has no texts, gold answers or predictions: "
            "run that study yourself"
        )


def reference_seeds(folder: Path) -> list[int]:
    """Return the seeds whose runs are kept in this folder."""
    prefix, suffix = RUNS.split("{}")
    return sorted(
        int(path.name.removeprefix(prefix).removesuffix(suffix))
        for path in folder.glob(RUNS.format("*"))
    )


def references() -> list[str]:
    """Return the names of the studies in params/ that show kept runs, if any are kept."""
    names = []
    for name, path in study_file.studies().items():
        if "reference:" in path.read_text(encoding="utf-8"):
            content = study_file.read(path)
            folder = reference_folder(str(content.get("reference", "")))
            if "reference" in content and reference_seeds(folder):
                names.append(name)
    return names


class GroupStudy(_WithoutRuns):
    """Several studies under one name, run one after the other. Each reuses the finished runs of
    those before it."""

    keys = ("title", "parts")
    reason = "a study with parts has no runs of its own"

    reports: list[str] = Field([])
    parts: list[str] = Field(min_length=1)

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> Study:
        """Build the study of a file that has `parts`. Raise UsageError on the first mistake."""
        study = cls.parse(content, arguments)
        for name in study.parts:
            if "parts" in study_file.read(study_file.find_other(name, study.file)):
                raise UsageError(
                    f"{study.where('parts')}: {name} has parts of its own: list those instead"
                )
        return study

    @cached_property
    def members(self) -> tuple[Study, ...]:
        """The member studies. Each also shares the runs of those before it. Raise UsageError on the
        first mistake in one of them."""
        members: list[Study] = []
        for name in self.parts:
            path = str(study_file.find_other(name, self.file))
            study = Study.load(path, self.outputs, self.data_root, self.given)
            if not study.published:
                earlier = [other.name for other in members if not other.published]
                shares = list(dict.fromkeys((*study.shares, *earlier)))
                study = study.model_copy(update={"shares": shares})
            members.append(study)
        return tuple(members)


KINDS: Mapping[str, type[Study]] = {
    "published": _PublishedStudy,
    "reference": _ReferenceStudy,
    "parts": GroupStudy,
}
