"""A study: a YAML file that expands to the validated specs of its runs. The whole grid is checked before anything starts."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xstilts_core.languages import language
from xstilts_core.names import UsageError, unknown
from xstilts_core.spec import BASELINE, IntermediateSpec, PretrainSpec, RetrievalSpec, Source, Spec, TargetSpec, explain, home, make
from xstilts_core.tasks import TARGET_NAMES, TASKS, task

REPORTS = ["00_study", "30_transfer"]
Settings = dict[str, Any]


class Recipe(BaseModel):
    """How an encoder is prepared before the targets: a row of the main table. Nothing at all is the baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intermediate: list[str] = Field([], description="English intermediate tasks; several are trained together, one head each")
    random_init: bool = Field(False, description="control: random weights in place of the pretrained ones")
    temperature: float | None = Field(None, gt=0, description="mixture temperature")
    cap: int | None = Field(None, ge=1, description="mixture cap")

    def mixture(self) -> Settings:
        return {name: value for name in ("temperature", "cap") if (value := getattr(self, name)) is not None}


class Study(BaseModel):
    """The content of params/<study>.yaml. `name` and `file` come from the path, `outputs` and `data_root` from the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str
    outputs: str = "outputs"
    data_root: str = ""

    title: str = Field(description="one line: the question")
    source: Source = "mini"
    encoder: str = Field("mini", description="mini, pretrained (needs pretrain:), a hub name or a folder")
    seeds: list[int] = Field(min_length=1)
    recipes: dict[str, Recipe]
    targets: list[str] = Field(min_length=1)
    languages: list[str] = Field([], description="languages to evaluate; empty: all that task and source have")
    pretrain: Settings | None = Field(None, description="settings of phase 1; given: phase 1 is run for each seed")
    train: Settings = Field({}, description="settings of phases 2 and 3")
    intermediate: Settings = Field({}, description="settings of phase 2")
    target: Settings = Field({}, description="settings of phase 3")
    retrieval: Settings = Field({}, description="settings of the retrieval runs")
    tasks: dict[str, Settings] = Field({}, description="settings by the task that is trained on")
    reports: list[str] = Field(REPORTS, description="report notebooks")

    @classmethod
    def load(cls, name_or_path: str, outputs: str = "outputs", data_root: str = "") -> "Study":
        """Read and check the whole grid. `name_or_path`: a name in params/ or the path of a YAML file. UsageError on the first mistake."""
        path = find(name_or_path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: not a YAML file in UTF-8: {' '.join(str(error).split())}") from None
        if not isinstance(content, dict):
            raise UsageError(f"{path}: expected keys and values (title:, seeds:, recipes:, targets:), found {type(content).__name__}")
        content = {"recipes": {}, **content, "name": path.stem, "file": str(path), "outputs": outputs, "data_root": data_root}
        content["recipes"] = {name: {} if value is None else value for name, value in (content["recipes"] or {}).items()}
        try:
            study = cls(**content)
        except ValidationError as error:
            raise explain(error, cls, str(path)) from None
        study.check()
        return study

    def check(self) -> None:
        """UsageError on the first name, language or setting that is wrong anywhere in the grid."""
        for code in self.languages:
            language(code if isinstance(code, str) else str(code))
        for name in self.targets:
            if task(name, f"{self.file}, targets").role != "target":
                raise unknown("target task", name, TARGET_NAMES, f"{self.file}, targets")
        for name in self.tasks:
            task(name, f"{self.file}, tasks")
        if (self.encoder == "pretrained") != (self.pretrain is not None):
            raise UsageError(f"{self.file}: 'encoder: pretrained' and 'pretrain:' belong together: give both or neither")
        if BASELINE not in self.recipes or self.recipes[BASELINE].intermediate:
            raise UsageError(f"{self.file}: recipes needs the baseline 'none:' without intermediate tasks: gains are measured against it")
        for name, recipe in self.recipes.items():
            for entry in recipe.intermediate:
                task(entry, f"{self.file}, recipe {name}")
            if name != BASELINE and not recipe.intermediate and not recipe.random_init:
                raise UsageError(f"{self.file}: recipe {name} names no intermediate task (only 'none' is the baseline)")
            if recipe.intermediate and recipe.random_init:
                raise UsageError(f"{self.file}: recipe {name}: random_init is a control without intermediate tasks")
        folders = [spec.folder for spec in self.specs]
        if len(set(folders)) != len(folders):
            raise UsageError(f"{self.file}: seeds or targets are given twice")

    @property
    def root(self) -> Path:
        """outputs/<study>."""
        return home() / self.outputs / self.name

    @cached_property
    def specs(self) -> tuple[Spec, ...]:
        """Every run of the grid, phase by phase."""
        return tuple(self.expand())

    def expand(self) -> Iterator[Spec]:
        """pretrain, then intermediate, then target and retrieval runs, seeds outermost within each phase."""
        if self.pretrain is not None:
            yield from (self.make(PretrainSpec, seed, self.pretrain) for seed in self.seeds)
        for seed in self.seeds:
            for name, recipe in self.recipes.items():
                if recipe.intermediate:
                    settings = {**self.train, **self.intermediate, **self.by_task(recipe.intermediate), **recipe.mixture()}
                    yield self.make(IntermediateSpec, seed, {"tasks": recipe.intermediate, **self.start(name), **settings})
        for seed in self.seeds:
            for name in self.recipes:
                yield from self.expand_targets(seed, name)

    def expand_targets(self, seed: int, recipe: str) -> Iterator[Spec]:
        groups: dict[str | None, list[str]] = {}
        for name in self.targets:
            groups.setdefault(TASKS[name].train_on, []).append(name)
        evaluated = {**self.start(recipe), **({"languages": self.languages} if self.languages else {})}
        for train_on, targets in groups.items():
            if train_on is None:
                for name in targets:
                    yield self.make(RetrievalSpec, seed, {"task": name, **evaluated, **self.retrieval})
            else:
                settings = {**self.train, **self.target, **self.by_task([train_on])}
                yield self.make(TargetSpec, seed, {"train_on": train_on, "targets": targets, **evaluated, **settings})

    def start(self, recipe: str) -> Settings:
        """Which encoder a run of this recipe starts from."""
        control = {"random_init": True} if self.recipes[recipe].random_init else {}
        return {"recipe": recipe, "encoder": self.encoder, **control}

    def by_task(self, names: list[str]) -> Settings:
        return {key: value for name in names for key, value in self.tasks.get(name, {}).items()}

    def make(self, cls: type[Spec], seed: int, settings: Settings) -> Spec:
        place = {"study": self.name, "source": self.source, "outputs": self.outputs, "data_root": self.data_root, "seed": seed}
        return make(cls, {**place, **settings}, self.file)

    def spec(self, folder: Path) -> Spec:
        """The run that belongs in `folder` (absolute, or relative to outputs/<study>)."""
        for spec in self.specs:
            if spec.folder == self.root / folder:
                return spec
        raise UsageError(f"{self.file}: no run of this study belongs in {folder}")


def studies() -> dict[str, Path]:
    """The studies in params/."""
    return {path.stem: path for path in sorted((home() / "params").glob("*.yaml"))}


def find(name_or_path: str) -> Path:
    """The YAML file of a study: a name in params/ or a path."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UsageError(f"no study file {path}")
        return path.resolve()
    known = studies()
    if name_or_path not in known:
        raise unknown("study", name_or_path, known, "params/")
    return known[name_or_path]
