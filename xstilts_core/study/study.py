"""Expand a study's YAML file into the validated specs of its runs. The whole grid is checked before
anything starts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationError

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.paths import home
from xstilts_core.languages import language
from xstilts_core.study import study_file
from xstilts_core.study.recipe import (
    EMPTY,
    Intermediate,
    Pretrain,
    Probing,
    Recipe,
    Retrieval,
    Settings,
    Target,
    Train,
    explain,
)
from xstilts_core.study.spec import (
    BASELINE,
    CONTROLS,
    FIELDS,
    SPECS,
    ControlSpec,
    DataSpec,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    ScoringSpec,
    Size,
    Spec,
    TargetSpec,
    link_parents,
    misfit,
)
from xstilts_core.study.wording import EMBEDDED_LANGUAGE, Checked, require_known
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    LOCAL,
    PROBING_NAMES,
    TARGET_NAMES,
    TASKS,
    Benchmark,
    SourceName,
    Task,
    not_at_source,
    task,
)

REPORTS = ["00_study", "30_transfer"]
# Fields that are not in the file: they come from its path and the command line.
_ARGUMENTS = ("name", "file", "outputs", "data_root", "given")


class Study(Checked):
    """The content of params/<study>.yaml. `name` and `file` come from the path, `outputs` and
    `data_root` from the command line; `given`: see study_file.py.

    Settings of a run, from the weakest: the spec's defaults, the published ones of its task, then
    in the file `train`, `intermediate` or `target`, `tasks: <task>` and the recipe's own keys.
    """

    # The legal keys of a file of this kind (empty: all), and why there are no others.
    keys: ClassVar[tuple[str, ...]] = ()
    reason: ClassVar[str] = ""
    # What the file has, for the lines of messages.
    _content: Settings = PrivateAttr(default_factory=dict)

    name: str
    file: str
    outputs: str = "outputs"
    data_root: str = ""
    given: dict[str, str] = Field({})

    title: str
    """one line: the question"""
    source: SourceName = "mini"
    """where the data come from: mini (the embedded suite), files or hub"""
    encoder: str = "mini"
    """mini, pretrained (needs pretrain:), a hub name or a folder"""
    seeds: list[int] = Field(min_length=1)
    """numbers that every random choice depends on, such as [1, 2, 3]; each is a run of its own"""
    recipes: Annotated[dict[str, Annotated[Recipe, EMPTY]], EMPTY] = Field({})
    targets: list[str] = Field(min_length=1)
    """target tasks, such as [xnli, udpos]"""
    probes: list[str] = Field([])
    """probing tasks: what is read off the encoder of each recipe"""
    languages: list[str] = Field([])
    """languages to evaluate; empty: all that task and source have"""
    target_sizes: list[Size] = Field([])
    """numbers of English training examples of the targets, each a run of its own; 0: all; reports
    compare recipes at the first"""
    benchmark: Benchmark = "xtreme"
    """whose languages a target is scored in: xtreme, or xtreme-r with some more"""
    pretrain: Annotated[Pretrain | None, EMPTY] = None
    """settings of phase 1; given: phase 1 is run for each seed"""
    train: Train = Field({})
    """settings of phases 2 and 3"""
    intermediate: Intermediate = Field({})
    """settings of phase 2"""
    target: Target = Field({})
    """settings of phase 3"""
    retrieval: Retrieval = Field({})
    """settings of the retrieval runs"""
    probing: Probing = Field({})
    """settings of the probing runs"""
    tasks: Annotated[dict[str, Train], EMPTY] = Field({})
    """settings by the task that is trained on"""
    reports: list[str] = Field(REPORTS)
    """report notebooks"""
    shares: list[str] = Field([])
    """studies whose finished runs are taken over where they are the same as one of these"""
    published: str = ""
    """published scores instead of runs: only title and reports are beside it"""
    parts: list[str] = Field([])
    """studies to run one after the other, instead of runs: only title is beside it"""
    reference: str = ""
    """finished runs kept in reference/<name>, or in a folder: title and reports are beside it"""

    @classmethod
    def load(
        cls,
        name_or_path: str,
        outputs: str = "outputs",
        data_root: str = "",
        given: Mapping[str, str] | None = None,
    ) -> "Study":
        """Read a study, given by its name in params/ or the path of a YAML file, and check its
        whole grid. Raise UsageError on the first mistake."""
        from xstilts_core.study.study_kinds import KINDS

        path = study_file.find(name_or_path)
        content = study_file.read(path)
        arguments = {
            "name": path.stem,
            "file": str(path),
            "outputs": outputs,
            "data_root": data_root,
            "given": dict(given or {}),
        }
        kind = next((kind for key, kind in KINDS.items() if key in content), cls)
        return kind.of(content, arguments)

    @classmethod
    def of(cls, content: Settings, arguments: Settings) -> "Study":
        """Build the study of a file's content. Raise UsageError on the first mistake."""
        root = home() / arguments["outputs"] / arguments["name"]
        given = study_file.override(content, root, arguments["given"])
        study = cls.parse(content, {**arguments, "given": given})
        study.check()
        for name in study.shares:
            study_file.find_other(name, study.file, "shares")
        return study

    @classmethod
    def parse(cls, content: Settings, arguments: Settings) -> Self:
        """Return the study of a file's content with each key and value checked by itself. Raise
        UsageError on the first wrong one."""
        file = arguments["file"]
        known = [name for name in Study.model_fields if name not in _ARGUMENTS]
        legal = {name: cls.model_fields[name] for name in cls.keys or known}
        for key in content:
            if key in known and key not in legal:
                raise UsageError(
                    f"{study_file.locate(content, file, [key])}: {key} and {cls.keys[1]} exclude "
                    f"each other: {cls.reason}. Legal: {', '.join(legal)}"
                )
            if isinstance(key, str) and key not in legal:
                raise unknown("key", key, legal, study_file.locate(content, file, [key]))
        try:
            study = cls.model_validate({**content, **arguments})
        except ValidationError as error:
            raise explain(error, cls.model_fields, content, file) from None
        study._content = content
        return study

    def where(self, *keys: str) -> str:
        """Return the file, line and keys of a value in it, for messages."""
        return study_file.locate(self._content, self.file, keys, ", ".join(keys))

    def check(self) -> None:
        """Raise UsageError on the first mistake in the grid as a whole."""
        if (self.encoder == "pretrained") != (self.pretrain is not None):
            raise UsageError(
                f"{self.file}: 'encoder: pretrained' and 'pretrain:' belong together: "
                "give both or neither"
            )
        self._check_names()
        baseline = self.recipes.get(BASELINE)
        if baseline is None or baseline.intermediate or baseline.control:
            raise UsageError(
                f"{self.file}: recipes needs the baseline 'none:' without intermediate tasks and "
                "control: gains are measured against it"
            )
        for name, recipe in self.recipes.items():
            self._check_recipe(name, recipe)
        # Expanding the specs also validates each of them.
        if len({spec.folder for spec in self.specs}) < len(self.specs):
            raise UsageError(f"{self.file}: two runs would have the same folder")

    def _check_names(self) -> None:
        """Check that targets, probes, tasks with settings and reports are known and used."""
        where = self.where
        targets = [task(name, where("targets")) for name in self.targets]
        for target in targets:
            if target.role != "target":
                raise unknown("target task", target.name, TARGET_NAMES, where("targets"))
        require_known("probing task", self.probes, PROBING_NAMES, where("probes"))
        for key in ("targets", "probes"):
            for name in getattr(self, key):
                if reason := not_at_source(TASKS[name], self.source):
                    raise UsageError(f"{where(key)}: {reason}")
        self._check_languages(targets)
        for block in ("pretrain", "target", "retrieval", "probing"):
            codes = (getattr(self, block) or {}).get("languages", ())
            self._check_at_source(codes, where(block, "languages"))
        intermediate_tasks = [
            name for recipe in self.recipes.values() for name in recipe.intermediate
        ]
        require_known(
            "intermediate task of a recipe",
            self.intermediate.get("task_examples", ()),
            set(intermediate_tasks),
            where("intermediate", "task_examples"),
        )
        training_tasks = {*intermediate_tasks, *(target.train_on for target in targets)} - {None}
        for name in self.tasks:
            if name not in training_tasks:
                kind = "task that a run trains on," if name in TASKS else "task"
                raise unknown(kind, name, map(str, training_tasks), where("tasks"))
        self.check_reports()

    def _check_languages(self, targets: Sequence[Task]) -> None:
        """Check the languages to evaluate: each is known, belongs to a target in the study's
        benchmark and exists at the source, and every target keeps at least one."""
        where = self.where("languages")
        by_target = {target.name: target.languages_of(self.benchmark) for target in targets}
        legal = {code for codes in by_target.values() for code in codes}
        added = {code for target in targets for code in target.added} - legal
        for code in self.languages:
            language(code, where)
            if code in added:
                raise UsageError(
                    f"{where}: {code!r} is one of the languages that XTREME-R added: "
                    "it needs 'benchmark: xtreme-r' in the study"
                )
        require_known("language of these targets", self.languages, legal, where)
        for name, codes in by_target.items():
            if self.languages and not set(self.languages) & set(codes):
                raise UsageError(
                    f"{where}: {', '.join(self.languages)} leave target {name} without any: "
                    f"it has {', '.join(codes)}"
                )
        self._check_at_source(self.languages, where)

    def _check_at_source(self, codes: Sequence[str], where: str) -> None:
        """Check that the source has texts in these languages."""
        for code in codes:
            language(code, where)
        if self.embedded:
            require_known(EMBEDDED_LANGUAGE, codes, EMBEDDED_LANGUAGES, where)

    def check_reports(self) -> None:
        """Raise UsageError if a name in the file's `reports` is not a report notebook. A project
        may lack the notebooks of the default."""
        run_notebooks = {cls.notebook for cls in SPECS.values()}
        reports = {path.stem for path in (home() / "notebooks").glob("*.ipynb")} - run_notebooks
        if "reports" in self.model_fields_set:
            require_known("report notebook", self.reports, reports, self.where("reports"))

    def _check_recipe(self, name: str, recipe: Recipe) -> None:
        """Check that a recipe is a control or has intermediate tasks, and only settings that its
        runs use."""
        where = study_file.locate(self._content, self.file, ("recipes", name))
        for task_name in recipe.intermediate:
            task(task_name, f"{where}, recipe {name}")
        where = f"{where}: recipe {name}"
        if name != BASELINE and not recipe.intermediate and not recipe.control:
            raise UsageError(f"{where} names no intermediate task (only 'none' is the baseline)")
        if recipe.settings and not recipe.intermediate:
            settings = ", ".join(recipe.settings)
            raise UsageError(
                f"{where} sets {settings}, but nothing is trained for it without intermediate tasks"
            )
        unused: dict[str, str] = {}
        if len(recipe.intermediate) < 2:
            unused |= dict.fromkeys(
                FIELDS["mixture"], "with one intermediate task nothing is mixed"
            )
        if not recipe.setting("mlm") and not self.intermediate.get("mlm"):
            unused |= dict.fromkeys(FIELDS["texts"], "mlm is 0, so no text is read")
        for setting in recipe.settings:
            if setting in unused:
                raise UsageError(
                    f"{where} sets {setting}, which would change nothing: {unused[setting]}"
                )
        if recipe.intermediate and recipe.control:
            raise UsageError(f"{where}: {recipe.control} is a control without intermediate tasks")
        if not self.targets_for(name):
            formats = " or ".join(CONTROLS[recipe.control])
            single_text = any(TASKS[target].single_text for target in self.targets)
            raise UsageError(
                f"{where}: control {recipe.control} needs a target of format {formats}"
                f"{' with two texts' if single_text else ''}"
            )

    @property
    def root(self) -> Path:
        """Path of outputs/<study>."""
        return home() / self.outputs / self.name

    @property
    def members(self) -> tuple["Study", ...]:
        """The parts of a study of parts, else the study itself."""
        return (self,)

    @property
    def embedded(self) -> bool:
        """Whether the data are those of the embedded suite."""
        return self.source == "mini"

    @property
    def on_hub(self) -> bool:
        """Whether the data come from the hub."""
        return self.source == "hub"

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the recipes that are controls: references for the scores, never candidates for
        the best recipe."""
        return tuple(name for name, recipe in self.recipes.items() if recipe.control)

    @cached_property
    def specs(self) -> tuple[Spec, ...]:
        """Every run of the grid, phase by phase."""
        runs = link_parents(self.expand())
        return (self._data_spec(runs), *runs) if self.on_hub else runs

    def part(self, seeds: Sequence[int] = (), recipes: Collection[str] = ()) -> "Study":
        """Return the study with only the runs of these seeds and recipes (empty: all), and the run
        that fetches their data. Raise UsageError for an unknown seed."""
        if unknown_seeds := [seed for seed in seeds if self.specs and seed not in self.seeds]:
            raise unknown("seed", unknown_seeds[0], map(str, self.seeds), self.file)
        all_runs, selection = self.by_folder, self.model_copy()
        specs = tuple(
            spec
            for spec in self.specs
            if isinstance(spec, DataSpec)
            or (
                (not seeds or spec.seed in seeds)
                and (not recipes or getattr(spec, "recipe", BASELINE) in recipes)
            )
        )
        selection.__dict__.update(specs=specs, by_folder=all_runs)
        return selection

    @cached_property
    def by_folder(self) -> dict[Path, Spec]:
        """The runs by folder. Cached, because Snakemake looks up each of them several times."""
        return {spec.folder: spec for spec in self.specs}

    def expand(self) -> Iterator[Spec]:
        """Yield the runs: pretrain, then intermediate, then target, retrieval and probing runs,
        with seeds outermost in each phase.

        Last comes one run per control without an encoder, since it does not depend on the seed.
        """
        if self.pretrain is not None:
            yield from (self._make(PretrainSpec, seed, self.pretrain) for seed in self.seeds)
        for seed in self.seeds:
            for name, recipe in self.recipes.items():
                if tasks := recipe.intermediate:
                    layers = (self.train, self.intermediate, self._task_settings(tasks))
                    own = {"recipe": name, "tasks": tasks}
                    yield self._make(IntermediateSpec, seed, own, *layers, recipe.settings)
        for seed in self.seeds:
            for name, recipe in self.recipes.items():
                if recipe.control not in FIELDS["data_only"]:
                    yield from self._expand_targets(seed, name)
        yield from (
            self._control_spec(name, recipe.control)
            for name, recipe in self.recipes.items()
            if recipe.control in FIELDS["data_only"]
        )

    def _data_spec(self, runs: Sequence[Spec]) -> Spec:
        """Return the run that fetches from the hub whatever these runs need. It has no seed of its
        own."""
        names = [name for spec in runs for name in spec.uses]
        lists = [spec.languages for spec in runs if isinstance(spec, ScoringSpec)]
        phase2 = [spec for spec in runs if isinstance(spec, IntermediateSpec)]
        settings = {
            "tasks": [
                name
                for name in names
                if LOCAL.keys().isdisjoint(TASKS[name].parts or [name]) and not TASKS[name].file
            ],
            "languages": [code for codes in lists for code in codes] if all(lists) else [],
            "texts": [code for spec in phase2 for code in spec.text_languages],
            "data_languages": [
                code for spec in phase2 if not spec.translator for code in spec.translated
            ],
            "translators": [name for spec in phase2 for name in spec.translators],
        }
        distinct = {key: list(dict.fromkeys(values)) for key, values in settings.items()}
        return self._make(DataSpec, 1, distinct)

    def goes_offline(self, spec: Spec) -> bool:
        """Return whether a run of this grid does without the hub because another run has already
        fetched its data."""
        return self.on_hub and not isinstance(spec, DataSpec)

    def parents(self, spec: Spec) -> tuple[Path, ...]:
        """Return the folders of the grid's runs that must finish before this one."""
        return (
            *(other.folder for other in self.specs[:1] if self.goes_offline(spec)),
            *spec.parents,
        )

    def targets_for(self, recipe: str) -> list[str]:
        """Return the targets that a recipe applies to: all, or those of its control's formats."""
        control = self.recipes[recipe].control
        return [name for name in self.targets if not control or not misfit(control, TASKS[name])]

    def _expand_targets(self, seed: int, recipe: str) -> Iterator[Spec]:
        groups: dict[str | None, list[str]] = {}
        for name in self.targets_for(recipe):
            groups.setdefault(TASKS[name].train_on, []).append(name)
        control = self.recipes[recipe].control
        shared = {"recipe": recipe, "control": control, "languages": self.languages}
        for train_on, targets in groups.items():
            if train_on is None:
                for name in targets:
                    yield self._make(RetrievalSpec, seed, shared, {"task": name}, self.retrieval)
            else:
                own = {"train_on": train_on, "targets": targets, **self._target_settings(train_on)}
                sizes = [{"train_examples": size, "by_size": True} for size in self.target_sizes]
                for size in sizes or [{}]:
                    yield self._make(TargetSpec, seed, shared, own, size)
        # Other controls concern a target's texts, so they have no probing runs.
        if self.probes and control in ("", "random_init"):
            yield self._make(ProbingSpec, seed, shared, {"probes": self.probes}, self.probing)

    def _control_spec(self, recipe: str, control: str) -> Spec:
        """Return the run of a control without an encoder. It uses the training and test items of
        the study's other runs and their rules of mining."""
        targets = self.targets_for(recipe)
        settings: Settings = {
            "control": control,
            "recipe": recipe,
            "targets": targets,
            "languages": self.languages,
        }
        if any(TASKS[name].format == "retrieval" for name in targets):
            rules = self.retrieval.items()
            settings |= {key: value for key, value in rules if key in ("neighbours", "margin")}
        for key in ("train_examples", "test_examples"):
            settings[key] = {
                name: size
                for name in targets
                if (size := self._target_settings(TASKS[name].train_on).get(key))
            }
        return self._make(ControlSpec, self.seeds[0], settings)

    def _target_settings(self, train_on: str | None) -> Settings:
        """Return the settings of the target runs that train on this task; none for retrieval."""
        if train_on is None:
            return {}
        return {**self.train, **self.target, **self.tasks.get(train_on, {})}

    def _task_settings(self, names: list[str]) -> Settings:
        """Return the settings by task for one run of phase 2. Several tasks each keep their number
        of examples, and all other settings are those of the first task."""
        first, limits = dict(self.tasks.get(names[0], {})), {}
        if len(names) > 1:
            first.pop("train_examples", None)
            sizes = {name: self.tasks.get(name, {}).get("train_examples") for name in names}
            limits = {name: size for name, size in sizes.items() if size is not None}
        limits |= self.intermediate.get("task_examples", {})
        return {**first, "task_examples": {name: limits[name] for name in names if name in limits}}

    def _make(self, cls: type[Spec], seed: int, *layers: Settings) -> Spec:
        """Return a run of this study with the settings of the layers, the last of which win. It
        takes those that its spec has: `train` may set test_examples, which phase 2 lacks."""
        settings: Settings = {
            "study": self.name,
            "source": self.source,
            "outputs": self.outputs,
            "data_root": self.data_root,
            "seed": seed,
            "encoder": self.encoder,
            "benchmark": self.benchmark,
        }
        for layer in layers:
            settings |= layer
        return cls.of(settings, self.file)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Reasons why the missing data_root is needed; empty if the study can be run."""
        return tuple(dict.fromkeys(reason for spec in self.specs for reason in spec.lacking))

    def require_runs(self) -> None:
        """Raise UsageError if the study has no runs of its own."""
        if self.published:
            raise UsageError(
                f"{self.file}: these scores were published by others ({self.published}), "
                "without runs or predictions"
            )
        if self.parts:
            raise UsageError(
                f"{self.file}: a study of parts has no runs of its own: "
                f"name one of {', '.join(self.parts)}"
            )

    def require_data_root(self) -> None:
        """Raise UsageError if a required path is missing. It is called before anything starts."""
        if self.lacking:
            raise UsageError(
                f"{self.file}: {'; '.join(self.lacking)} (xstilts run ... --data-root DIR)"
            )

    def spec(self, folder: Path) -> Spec:
        """Return the run that belongs in `folder` (absolute, or relative to outputs/<study>)."""
        if (spec := self.by_folder.get(self.root / folder)) is None:
            raise UsageError(f"{self.file}: no run of this study belongs in {folder}")
        return spec
