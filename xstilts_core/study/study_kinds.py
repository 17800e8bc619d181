"""Define studies without runs of their own: published scores, runs kept in reference/, and groups
of studies."""

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError

from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded, home
from xstilts_core.files.strict_yaml import location
from xstilts_core.study import Study, study_file
from xstilts_core.study.recipe import Recipe, Settings
from xstilts_core.study.spec import Spec, explain, link_parents

_PUBLISHED_REPORTS = ["31_correlations"]
# The project's folder of finished runs, and the names of the files there (kept_runs.py).
REFERENCE, STUDY, RUNS = "reference", "study.yaml", "seed{}.runs.jsonl.gz"


class _WithoutRuns(Study):
    """A study that trains nothing itself."""

    seeds: list[int] = Field([])
    recipes: dict[str, Recipe] = Field({})
    targets: list[str] = Field([])

    def expand(self) -> Iterator[Spec]:
        """Yield no runs."""
        return iter(())


class _PublishedStudy(_WithoutRuns):
    """A study of published scores: it has only reports."""

    reports: list[str] = Field(
        _PUBLISHED_REPORTS, description="report notebooks that read published scores"
    )

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> "_PublishedStudy":
        """Build the study of a file that has `published`. Raise UsageError on the first mistake."""
        legal = {name: cls.model_fields[name] for name in ("title", "published", "reports")}
        study_file.check_kind(
            content,
            "published",
            "published scores have no runs",
            legal,
            cls.model_fields,
            arguments["file"],
        )
        study_file.check_published(content, _PUBLISHED_REPORTS, arguments["file"])
        return cls(**content, **{**arguments, "given": {}})


class _ReferenceStudy(Study):
    """A study of finished runs kept in reference/, possibly from another machine. Its reports need
    no training."""

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> "_ReferenceStudy":
        """Build the study of a file that has `reference`: the grid of study.yaml in that folder,
        with the kept seeds.

        Raise UsageError on the first mistake, or if the folder keeps no runs. No data are read, so
        data_root is ignored.
        """
        file = arguments["file"]
        legal = {name: cls.model_fields[name] for name in ("title", "reference", "reports")}
        study_file.check_kind(
            content, "reference", "the kept runs define the study", legal, cls.model_fields, file
        )
        study_file.check_reports(content, file)
        folder = reference_folder(content["reference"])
        if not (seeds := reference_seeds(folder)) or not (folder / STUDY).is_file():
            where = f"{location(content, 'reference', file)}: reference is {content['reference']!r}"
            raise UsageError(
                f"{where}: no runs are kept in {folder} "
                "(xstilts reference STUDY keeps the runs of a study)"
            )
        with gzip.open(folder / RUNS.format(seeds[0]), "rt", encoding="utf-8") as stream:
            source = json.loads(stream.readline())["result"]["spec"]["source"]
        grid = {
            **study_file.read(folder / STUDY),
            "shares": [],
            "seeds": seeds,
            "source": source,
            **content,
        }
        try:
            study = cls(**grid, **{**arguments, "data_root": "", "given": {}})
        except ValidationError as error:
            raise explain(error, cls, str(folder / STUDY)) from None
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
    return home() / (
        expanded(reference)
        if Path(reference).parent.name or Path(reference).is_absolute()
        else Path(REFERENCE) / reference
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
    contents = {
        name: study_file.read(path)
        for name, path in study_file.studies().items()
        if "reference:" in path.read_text(encoding="utf-8")
    }
    return [
        name
        for name, content in contents.items()
        if "reference" in content and reference_seeds(reference_folder(str(content["reference"])))
    ]


class GroupStudy(_WithoutRuns):
    """Several studies under one name, run one after the other. Each reuses the finished runs of
    those before it."""

    reports: list[str] = Field([])

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> "GroupStudy":
        """Build the study of a file that has `parts`. Raise UsageError on the first mistake."""
        study_file.check_group(
            content,
            {name: cls.model_fields[name] for name in ("title", "parts")},
            Path(arguments["file"]),
        )
        return cls(**content, **arguments)

    @cached_property
    def members(self) -> tuple[Study, ...]:
        """The member studies. Each also shares the runs of those before it. Raise UsageError on the
        first mistake in one of them."""
        members: list[Study] = []
        for name in self.parts:
            study = Study.load(
                str(study_file.find_other(name, self.file)),
                self.outputs,
                self.data_root,
                self.given,
            )
            earlier = [
                other.name
                for other in members
                if not other.published and other.name not in study.shares
            ]
            members.append(
                study
                if study.published
                else study.model_copy(update={"shares": [*study.shares, *earlier]})
            )
        return tuple(members)


KINDS: Mapping[str, type[_PublishedStudy] | type[_ReferenceStudy] | type[GroupStudy]] = {
    "published": _PublishedStudy,
    "reference": _ReferenceStudy,
    "parts": GroupStudy,
}
