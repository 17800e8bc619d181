"""Define the fields that runs share. A run notebook's parameters are the fields of its spec, under
the same names."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.study.spec.reads import Read
from xstilts_core.study.spec.steps import merge_accumulation, passes
from xstilts_core.study.spec.weights import fingerprint
from xstilts_core.study.spec.wording import explain
from xstilts_core.tasks import (
    HUB,
    LOCAL,
    LOCAL_ADDED,
    RECIPE_FIELDS,
    TASKS,
    Benchmark,
    Published,
    SourceName,
    Task,
    not_at_source,
    recipe,
)

BASELINE = "none"
# A study's name: letters of any script (with their accents), digits, _ and -. It is used in folder
# names, links and job names.
NAME = r"^[\p{L}\p{M}\p{Nd}_-]+$"
# Names of the suite's own encoders; any other name is a hub name or a folder.
ENCODERS = ("mini", "pretrained")
# Each control with the formats of the targets it applies to. Those in DATA_ONLY need no encoder.
CONTROLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "random_init": ("pair", "span", "tagging", "retrieval", "ranking"),
        "hypothesis_only": ("pair",),
        "names_masked": ("retrieval",),
        "majority": ("pair", "tagging"),
        "overlap": ("pair", "span", "retrieval"),
    }
)
DATA_ONLY = ("majority", "overlap")
# Controls that compare or hide one of a pair's two texts, so they need tasks with two texts.
_TWO_TEXTS = ("hypothesis_only", "overlap")
Device = Literal["auto", "cpu", "cuda"]
SCORED_LANGUAGES = (
    "languages that a target is scored in: XTREME's, or with xtreme-r XTREME-R's, "
    "which has some more"
)


def misfit(control: str, entry: Task) -> str:
    """Return why `control` does not apply to a task, or "" if it does."""
    if entry.format not in CONTROLS[control]:
        return (
            f"control {control} is for {', '.join(CONTROLS[control])} tasks: "
            f"{entry.name} has format {entry.format}"
        )
    if entry.single_text and control in _TWO_TEXTS:
        return f"control {control} is for tasks of two texts: {entry.name} has one"
    return ""


class Spec(BaseModel):
    """The fields that every run has. `bookkeeping` lists those that do not affect its numbers (see
    identity.py): its name, and where and how it is made, which may differ between machines."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    phase: ClassVar[str]
    notebook: ClassVar[str]
    bookkeeping: ClassVar[frozenset[str]] = frozenset(
        {"outputs", "data_root", "device", "checkpoint_every", "study", "recipe", "by_size"}
    )
    # The runs of the same study that this one starts from, with the study's settings. It is not a
    # notebook parameter.
    _starts_from: tuple["Spec", ...] = PrivateAttr(())

    study: str = Field(
        "by_hand",
        pattern=NAME,
        description="name of the study: its results stand in outputs/<study>/",
    )
    seed: int = Field(
        1, ge=0, lt=2**31, description="seed of this run; seed k runs through all phases"
    )
    source: SourceName = Field(
        "mini",
        description="mini (the embedded suite), files (upstream layouts under data_root) or hub",
    )
    data_root: str = Field(
        "", description="folder of the original files, for source files and what the hub lacks"
    )
    outputs: str = Field("outputs", description="folder that holds outputs/<study>/")
    device: Device = Field("auto", description="auto takes a GPU where there is one")

    @property
    def root(self) -> Path:
        """Path of outputs/<study>."""
        return home() / self.outputs / self.study

    @property
    def folder(self) -> Path:
        """Folder of this run's result.json, notebook, log and model or predictions."""
        raise UsageError("a Spec without a phase has no folder")

    @property
    def parents(self) -> tuple[Path, ...]:
        """Folders of the runs of this study that must finish before this one."""
        return ()

    @property
    def starts_from(self) -> tuple["Spec", ...]:
        """Specs of the `parents`; empty for a spec outside a study."""
        return self._starts_from

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder if it is a folder, otherwise ""."""
        return ""

    @property
    def embedded(self) -> bool:
        """Whether the data are those of the embedded suite."""
        return self.source == "mini"

    @property
    def trains(self) -> tuple[str, ...]:
        """Tasks that the run trains on."""
        return ()

    @property
    def scores(self) -> tuple[str, ...]:
        """Targets that the run scores in the languages of the study."""
        return ()

    @property
    def reads(self) -> tuple[Read, ...]:
        """Splits whose labels the run reads."""
        return ()

    @property
    def reads_texts(self) -> bool:
        """Whether the run reads all texts below data_root, for masked language modelling."""
        return False

    @property
    def lacking(self) -> tuple[str, ...]:
        """Reasons why the missing data_root is needed; empty if the run can start."""
        if self.data_root or self.embedded:
            return ()
        if self.source == "files":
            return ("source files needs data_root: the folder that holds the original files",)
        names = dict.fromkeys(part for name in self.uses for part in TASKS[name].parts or (name,))
        undeclared = "no data set on the hub is declared for it (tasks/hub.yaml)"
        return tuple(
            f"{name} needs data_root: {LOCAL.get(name, undeclared)}"
            for name in names
            if name not in HUB
        )

    def require_data_root(self) -> None:
        """Raise UsageError if a required path is missing. It is called only when a run starts, so
        that a study can be checked without its data."""
        if self.lacking:
            raise UsageError(f"{'; '.join(self.lacking)} (xstilts run ... --data-root DIR)")

    def changed(self) -> dict[str, Any]:
        """Return the parameters to inject: values that differ from the defaults, as JSON types."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def uses(self) -> tuple[str, ...]:
        """Tasks whose data or scores this run touches."""
        return ()

    @model_validator(mode="after")
    def source_has_tasks(self) -> Self:
        # Check a target before its training task, because the user named the target.
        for name in reversed(self.uses):
            if name in TASKS and (reason := not_at_source(TASKS[name], self.source)):
                raise ValueError(reason)
        return self

    @classmethod
    def of(cls, names: Mapping[str, Any], where: str = "the notebook's parameters") -> Self:
        """Build the spec from a notebook's variables: `TargetSpec.of(globals())`. Raise UsageError
        if a value is wrong."""
        return make(cls, {name: names[name] for name in cls.model_fields if name in names}, where)


class ScoringSpec(Spec):
    """The fields of every run that scores targets."""

    benchmark: Benchmark = Field("xtreme", description=SCORED_LANGUAGES)
    languages: list[str] = Field(
        [], description="languages to evaluate; empty: all that task and source have"
    )

    @property
    def lacking(self) -> tuple[str, ...]:
        if self.source != "hub" or self.data_root or self.benchmark == "xtreme":
            return super().lacking
        added_languages = {
            name: [
                code for code in TASKS[name].added if not self.languages or code in self.languages
            ]
            for name in self.uses
        }
        reasons = [
            f"{name} in {', '.join(codes)} needs data_root: {LOCAL_ADDED[name]}"
            for name, codes in added_languages.items()
            if codes and name in LOCAL_ADDED
        ]
        return (*super().lacking, *reasons)


class EncoderSpec(Spec):
    """The fields of every run that starts from an encoder."""

    encoder: str = Field(
        "mini",
        description="phase 1 model: mini (shipped), pretrained (this study's phase 1), a hub name "
        "or a folder",
    )
    recipe: str = Field(
        BASELINE,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="the recipe (row of the main table); none is the baseline",
    )
    control: Literal["", "random_init"] = Field(
        "", description="control: random_init forgets the encoder's weights"
    )
    max_length: int = Field(
        128,
        ge=8,
        description="longest input in tokens; longer ones are split (tagging), windowed (spans) "
        "or cut",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 where GPU or CPU compute it natively (on a CPU from width 256 "
        "on), else float32",
    )

    @property
    def fingerprint(self) -> str:
        if self.encoder == "pretrained":
            return ""  # the encoder is a parent run of the study
        return fingerprint(
            encoder_files.shipped()
            if self.encoder == encoder_files.SHIPPED
            else home() / expanded(self.encoder)
        )

    @property
    def phase1(self) -> str:
        """Name or folder of the phase 1 encoder."""
        return (
            str(self.root / "pretrain" / f"seed{self.seed}" / "model")
            if self.encoder == "pretrained"
            else self.encoder
        )

    @property
    def start(self) -> str:
        """Name or folder of the encoder to load: the phase 1 encoder for the baseline and controls,
        otherwise the recipe's phase 2 model."""
        if self.recipe == BASELINE or self.control:
            return self.phase1
        return str(self.root / "intermediate" / self.recipe / f"seed{self.seed}" / "model")

    @property
    def parents(self) -> tuple[Path, ...]:
        return (Path(self.start).parent,) if Path(self.start).is_relative_to(self.root) else ()


class FrozenSpec(EncoderSpec):
    """The fields of runs that read an encoder without training it."""

    dropout: ClassVar[float] = 0.0
    attention_dropout: ClassVar[float | None] = None
    packed: ClassVar[bool] = True
    freeze_embeddings: ClassVar[bool] = False
    lora: ClassVar[int] = 0


class TuneSpec(EncoderSpec):
    """The fields of phases 2 and 3: fine-tuning with a head."""

    epochs: int = Field(0, ge=0, description="passes over the training data; 0: the task's recipe")
    batch_size: int = Field(
        0, ge=0, description="examples in an optimizer step; 0: the task's recipe"
    )
    accumulation: int = Field(
        0, ge=0, description="of older studies: so many times batch_size are in a step; 0: once"
    )
    learning_rate: float = Field(
        0, ge=0, lt=1, description="peak learning rate; 0: the task's recipe"
    )
    max_length: int = Field(0, ge=0, description="longest input in tokens; 0: the task's recipe")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the rate rises")
    weight_decay: float = Field(
        0.01, ge=0, description="AdamW's weight decay, not on biases and LayerNorms"
    )
    clip: float = Field(
        1.0, gt=0, description="largest norm of the gradient, at the optimizer step"
    )
    doc_stride: int = Field(
        64, ge=1, description="tokens between the starts of two windows of a long context"
    )
    train_examples: int = Field(0, ge=0, description="at most so many training examples; 0: all")
    least_steps: int = Field(
        0, ge=0, description="at least so many optimizer steps on each task, by more passes over it"
    )
    dev_examples: int = Field(
        500,
        ge=1,
        description="English development examples that choose the best checkpoint: a fixed sample",
    )
    evaluations: int = Field(5, ge=1, description="development evaluations in a run, evenly spaced")
    evaluate_every: int = Field(
        0,
        ge=0,
        description="steps between development evaluations, about; 0: as `evaluations` says",
    )
    patience: int = Field(
        30, ge=1, description="stop after so many evaluations without a better one"
    )
    freeze_embeddings: bool = Field(False, description="keep the embedding layer as it is")
    pooling: Literal["first", "mean"] = Field(
        "first", description="what a sentence head sees: the first token or the mean"
    )
    layer: int = Field(-1, ge=-1, description="hidden layer that the heads read; -1: the last")
    dropout: float | None = Field(
        0.1, ge=0, lt=1, description="dropout in encoder and head; null (None): the encoder's own"
    )
    attention_dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout of attention in the encoder; null: as dropout"
    )
    packed: bool = Field(True, description="batches without padding where the encoder allows it")
    checkpoint_every: int = Field(
        0, ge=0, description="steps between checkpoints of an unfinished training; 0: none"
    )

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        """Return the names of the tasks whose published recipes fill missing values."""
        return []

    def passes(self, rows: float) -> int:
        """Return the passes over `rows` rows: `epochs`, or as many more as `least_steps` needs."""
        return passes(rows, self.batch_size, self.epochs, self.least_steps)

    def examples_of(self, name: str) -> int:
        """Return the largest number of training examples of a task; 0: all."""
        return self.train_examples

    def evaluations_in(self, steps: int) -> int:
        """Return the number of development evaluations in a training of this many steps. They are
        evenly spaced, the last at the end."""
        count = round(steps / self.evaluate_every) if self.evaluate_every else self.evaluations
        return max(1, min(count, steps))

    @model_validator(mode="before")
    @classmethod
    def fill_from_recipe(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill missing values from the recipe of the first task that has one. max_length is the
        largest of all recipes."""
        values = merge_accumulation(values)
        tasks = [
            TASKS[name]
            for name in cls.recipe_tasks(values)
            if isinstance(name, str) and name in TASKS
        ]
        layers = [
            layer
            for task in tasks
            if isinstance(layer := recipe(task, values.get("source", "mini")), Published)
        ]
        if not layers:
            return values
        settings = {**layers[0].settings(), "max_length": max(layer.max_length for layer in layers)}
        return {
            **values,
            **{name: value for name, value in settings.items() if not values.get(name)},
        }

    def require_recipe(self) -> None:
        """Raise ValueError if a field is still 0, its placeholder for a recipe's value: no task of
        this run has a recipe."""
        if empty := [name for name in RECIPE_FIELDS if not getattr(self, name)]:
            tasks = ", ".join(self.recipe_tasks(self.model_dump()))
            remedy = (
                f"give {', '.join(empty)} (in a study under train: or tasks:), "
                "or give the task a published=Published(...)"
            )
            raise ValueError(f"no recipe is published for {tasks}: {remedy}")


SpecType = TypeVar("SpecType", bound=Spec)


def link_parents(runs: Iterable[Spec]) -> tuple[Spec, ...]:
    """Return the runs of a study after recording in each the runs that it starts from."""
    runs = tuple(runs)
    by_folder = {spec.folder: spec for spec in runs}
    for spec in runs:
        spec._starts_from = tuple(by_folder[folder] for folder in spec.parents)
    return runs


def make(cls: type[SpecType], values: dict[str, Any], where: str) -> SpecType:
    """Return a validated spec. Raise UsageError with a plain sentence if a value is wrong."""
    try:
        return cls(**values)
    except ValidationError as error:
        raise explain(error, cls, where) from None
