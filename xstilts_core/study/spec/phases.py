"""Define the specs of all phases but the second: each notebook's parameters and its run's
folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xstilts_core.errors import unknown
from xstilts_core.languages import language
from xstilts_core.study.spec.base import (
    SCORED_LANGUAGES,
    Device,
    FrozenSpec,
    ScoringSpec,
    Spec,
    TuneSpec,
    misfit,
)
from xstilts_core.study.spec.intermediate import IntermediateSpec
from xstilts_core.study.spec.reads import Read, training_reads
from xstilts_core.tasks import LOCAL, PROBING_NAMES, TARGET_NAMES, TASKS, Benchmark, task

Size = Annotated[int, Field(ge=0)]
# Settings of sentence mining, shared by encoders and the control without one.
NEIGHBOURS = Field(4, ge=1, description="k of the ratio margin (mining)")
MARGIN = Field(True, description="mining: ratio margin; off: plain cosine")


class PretrainSpec(Spec):
    """Phase 1: train a multilingual masked language model from scratch on the source's texts."""

    phase: ClassVar[str] = "pretrain"
    notebook: ClassVar[str] = "10_pretrain"

    languages: list[str] = Field(
        [], description="languages to pretrain on; empty: all that the source has"
    )
    documents: int = Field(16_000, ge=10, description="documents of a language of full resources")
    vocabulary: int = Field(6_000, ge=300, description="entries of the tokenizer's vocabulary")
    hidden_size: int = Field(128, ge=8, description="width of the encoder")
    layers: int = Field(3, ge=1, description="transformer layers")
    heads: int = Field(4, ge=1, description="attention heads")
    max_length: int = Field(192, ge=16, description="longest input in tokens")
    steps: int = Field(20_000, ge=1, description="optimizer steps")
    batch_tokens: int = Field(1_000, ge=32, description="tokens in a step, about")
    learning_rate: float = Field(2e-3, gt=0, lt=1, description="peak learning rate")
    warmup: float = Field(
        0.05, ge=0, lt=1, description="share of the steps in which the rate rises"
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled weight decay")
    mask_share: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="share of the tokens to predict; of these 80 % masked, 10 % random, 10 % kept",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the encoder")
    weights: Literal["float32", "float16"] = Field(
        "float32", description="type of the saved weights"
    )
    checkpoint_every: int = Field(
        0, ge=0, description="steps between checkpoints of an unfinished training; 0: none"
    )

    @property
    def folder(self) -> Path:
        return self.root / "pretrain" / f"seed{self.seed}"

    @property
    def reads_texts(self) -> bool:
        return not self.embedded

    @property
    def lacking(self) -> tuple[str, ...]:
        return (
            ()
            if self.data_root or self.embedded
            else ("phase 1 needs data_root: it reads the texts of the original files",)
        )

    @model_validator(mode="after")
    def heads_divide_width(self) -> "PretrainSpec":
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}"
            )
        return self


class TargetSpec(TuneSpec, ScoringSpec):
    """Phase 3: fine-tune on a target's English training split, then score zero-shot in every
    language."""

    phase: ClassVar[str] = "target"
    notebook: ClassVar[str] = "21_target"
    # What phase 2 alone can do.
    sequence: ClassVar[bool] = False
    mlm: ClassVar[float] = 0.0
    lora: ClassVar[int] = 0
    restarts: ClassVar[int] = 0

    train_on: str = Field("mnli", description="task whose English training split is used")
    targets: list[str] = Field(
        ["xnli"], min_length=1, description="target tasks to score with this model"
    )
    test_examples: int = Field(
        0, ge=0, description="at most so many test examples a language; 0: all"
    )
    by_size: bool = Field(
        False,
        description="train_examples is a dimension of the study: a folder size-<n> of its own",
    )
    control: Literal["", "random_init", "hypothesis_only"] = Field(  # type: ignore[assignment]  # one more
        "",
        description="control: random_init forgets the encoder's weights, hypothesis_only hides the "
        "first text of a pair",
    )

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        """Return the targets: XNLI's recipe is to train on MNLI; MNLI's own is that of phase 2."""
        return list(values.get("targets") or cls.model_fields["targets"].default)

    @property
    def trains(self) -> tuple[str, ...]:
        return (self.train_on,)

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(self.targets)

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.train_on, *self.targets)))

    @property
    def reads(self) -> tuple[Read, ...]:
        return (*training_reads(self.train_on), *(Read(name, "scored") for name in self.targets))

    @property
    def folder(self) -> Path:
        size = f"size-{self.train_examples}" if self.by_size else ""
        return (
            self.root / "target" / self.train_on / f"from-{self.recipe}" / size / f"seed{self.seed}"
        )

    @model_validator(mode="after")
    def targets_fit(self) -> "TargetSpec":
        if self.control and (reason := misfit(self.control, task(self.train_on, "train_on"))):
            raise ValueError(reason)
        possible = {entry.train_on for entry in TASKS.values() if entry.train_on}
        if self.train_on not in possible:
            raise unknown("task that targets are trained on,", self.train_on, possible, "train_on")
        for name in self.targets:
            if task(name, "targets").train_on != self.train_on:
                legal = [entry.name for entry in TASKS.values() if entry.train_on == self.train_on]
                raise unknown(f"target trained on {self.train_on}", name, legal, "targets")
        self.require_recipe()
        return self


class RetrievalSpec(FrozenSpec, ScoringSpec):
    """Phase 3 without training: mine bitext and retrieve sentences with pooled hidden states."""

    phase: ClassVar[str] = "retrieval"
    notebook: ClassVar[str] = "22_retrieval"

    task: str = Field("tatoeba", description="retrieval task")
    layer: int = Field(
        -1,
        ge=-1,
        description="hidden layer to pool; -1: chosen on development data where the task has them",
    )
    centred: bool = Field(True, description="subtract each language's mean vector")
    neighbours: int = NEIGHBOURS
    margin: bool = MARGIN
    control: Literal["", "random_init", "names_masked"] = Field(  # type: ignore[assignment]  # one more
        "",
        description="control: random_init forgets the encoder's weights, names_masked hides names "
        "on both sides",
    )

    @property
    def folder(self) -> Path:
        return self.root / "retrieval" / self.task / f"from-{self.recipe}" / f"seed{self.seed}"

    @property
    def scores(self) -> tuple[str, ...]:
        return (self.task,)

    @property
    def uses(self) -> tuple[str, ...]:
        return (self.task,)

    @property
    def reads(self) -> tuple[Read, ...]:
        return (Read(self.task, "dev"), Read(self.task, "scored"))

    @field_validator("task")
    @classmethod
    def check_task(cls, name: str) -> str:
        if task(name).format != "retrieval":
            raise unknown(
                "retrieval task",
                name,
                [entry.name for entry in TASKS.values() if entry.format == "retrieval"],
            )
        return name


class ProbingSpec(FrozenSpec):
    """Beside phase 3: train probes on a frozen encoder in English and score them zero-shot in every
    language."""

    phase: ClassVar[str] = "probing"
    notebook: ClassVar[str] = "24_probing"

    languages: list[str] = Field(
        [], description="languages to evaluate; empty: all that the task has"
    )
    probes: list[str] = Field(
        ["probe_negation"],
        min_length=1,
        description="probing tasks, each with a classifier of its own",
    )
    layer: int = Field(
        -1, ge=-1, description="hidden layer to pool; -1: the last, which the heads of targets read"
    )

    @property
    def folder(self) -> Path:
        return self.root / "probing" / f"from-{self.recipe}" / f"seed{self.seed}"

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.probes)

    @field_validator("probes")
    @classmethod
    def check_probes(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in PROBING_NAMES:
                raise unknown("probing task", name, PROBING_NAMES, "probes")
        return names


class ControlSpec(ScoringSpec):
    """A control without an encoder: what training labels or shared words alone achieve."""

    phase: ClassVar[str] = "control"
    notebook: ClassVar[str] = "23_control"

    device: Device = Field("cpu", description="no GPU is needed")
    control: Literal["majority", "overlap"] = Field(
        "majority", description="majority: most frequent label; overlap: words in common"
    )
    recipe: str = Field(
        "majority",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="its name in the study: the row of its scores",
    )
    targets: list[str] = Field(["xnli"], min_length=1, description="target tasks to score")
    train_examples: dict[str, Size] = Field(
        {}, description="by target: at most so many English training examples; none given: all"
    )
    test_examples: dict[str, Size] = Field(
        {}, description="by target: at most so many test examples a language; none given: all"
    )
    neighbours: int = NEIGHBOURS
    margin: bool = MARGIN

    @property
    def folder(self) -> Path:
        return self.root / "control" / self.recipe / f"seed{self.seed}"

    @property
    def scores(self) -> tuple[str, ...]:
        return tuple(self.targets)

    @property
    def uses(self) -> tuple[str, ...]:
        training_tasks = [TASKS[name].train_on for name in self.targets]
        return tuple(dict.fromkeys((*filter(None, training_tasks), *self.targets)))

    @property
    def reads(self) -> tuple[Read, ...]:
        label_reads = (
            training_reads(TASKS[name].train_on or "")
            if TASKS[name].train_on
            else (Read(name, "dev"),)
            for name in self.targets
        )
        return (
            *(read for reads in label_reads for read in reads),
            *(Read(name, "scored") for name in self.targets),
        )

    @field_validator("targets")
    @classmethod
    def check_targets(cls, names: list[str]) -> list[str]:
        for name in names:
            if task(name, "targets").role != "target":
                raise unknown("target task", name, TARGET_NAMES, "targets")
        return names

    @model_validator(mode="after")
    def targets_fit(self) -> "ControlSpec":
        for name in self.targets:
            if reason := misfit(self.control, TASKS[name]):
                raise ValueError(reason)
        return self


class DataSpec(Spec):
    """Before the phases: fetch everything a study takes from the hub, so that its runs can work
    offline."""

    phase: ClassVar[str] = "data"
    notebook: ClassVar[str] = "01_data"

    source: Literal["hub"] = Field("hub", description="hub: nothing else is fetched")
    device: Device = Field("cpu", description="no GPU is needed")
    tasks: list[str] = Field(
        ["mnli", "xnli"], description="tasks whose data sets are fetched, every split of them"
    )
    benchmark: Benchmark = Field("xtreme", description=SCORED_LANGUAGES)
    languages: list[str] = Field(
        [], description="languages to fetch beside English; empty: all that a task has on the hub"
    )
    data_languages: list[str] = Field(
        [], description="languages in which translated training data are fetched; empty: all"
    )
    encoder: str = Field(
        "mini", description="encoder to fetch: a hub name; mini, pretrained or a folder: none"
    )
    texts: list[str] = Field(
        [], description="languages whose texts are fetched, for continued masked language modelling"
    )
    translators: list[str] = Field(
        [], description="translation models to fetch: hub names; folders are not"
    )

    @property
    def folder(self) -> Path:
        return self.root / "data"

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.tasks)

    @field_validator("texts")
    @classmethod
    def check_texts(cls, codes: list[str]) -> list[str]:
        return [language(code, "texts").code for code in codes]

    @field_validator("tasks")
    @classmethod
    def check_tasks(cls, names: list[str]) -> list[str]:
        for name in names:
            for part in task(name, "tasks").parts or (name,):
                if part in LOCAL:
                    raise ValueError(f"{part} cannot be fetched from the hub: {LOCAL[part]}")
        return names


# A run of phase 2 or 3; any run that starts from an encoder.
Tuning = IntermediateSpec | TargetSpec
Encoding = Tuning | RetrievalSpec | ProbingSpec
# A run that scores targets.
Scoring = TargetSpec | RetrievalSpec | ControlSpec
SPECS: dict[str, type[Spec]] = {
    cls.phase: cls
    for cls in (
        DataSpec,
        PretrainSpec,
        IntermediateSpec,
        TargetSpec,
        RetrievalSpec,
        ProbingSpec,
        ControlSpec,
    )
}
