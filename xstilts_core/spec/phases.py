"""The spec of each phase: what its notebook's parameters are, and where its run goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xstilts_core.names import unknown
from xstilts_core.spec.base import EncoderSpec, Spec, TuneSpec
from xstilts_core.tasks import TASKS, task


class PretrainSpec(Spec):
    """Phase 1: a multilingual masked language model from scratch, on the texts of the source."""

    phase: ClassVar[str] = "pretrain"
    notebook: ClassVar[str] = "10_pretrain"

    languages: list[str] = Field([], description="languages to pretrain on; empty: all that the source has")
    documents: int = Field(16_000, ge=10, description="documents of a language of full resources")
    vocabulary: int = Field(6_000, ge=300, description="entries of the tokenizer's vocabulary")
    hidden_size: int = Field(128, ge=8, description="width of the encoder")
    layers: int = Field(3, ge=1, description="transformer layers")
    heads: int = Field(4, ge=1, description="attention heads")
    max_length: int = Field(192, ge=16, description="longest input in tokens")
    steps: int = Field(20_000, ge=1, description="optimizer steps")
    batch_tokens: int = Field(1_000, ge=32, description="tokens in a step, about")
    learning_rate: float = Field(2e-3, gt=0, lt=1, description="peak learning rate")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the rate rises")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled weight decay")
    mask_share: float = Field(0.3, gt=0, lt=1, description="share of the tokens to predict; of these 80 % masked, 10 % random, 10 % kept")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the encoder")
    weights: Literal["float32", "float16"] = Field("float32", description="type of the saved weights")

    @property
    def folder(self) -> Path:
        return self.root / "pretrain" / f"seed{self.seed}"

    @model_validator(mode="after")
    def heads_divide_width(self) -> "PretrainSpec":
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of heads {self.heads}")
        return self


class IntermediateSpec(TuneSpec):
    """Phase 2: English intermediate tasks."""

    phase: ClassVar[str] = "intermediate"
    notebook: ClassVar[str] = "20_intermediate"

    recipe: str = Field("mnli", pattern=r"^[A-Za-z0-9_-]+$", description="name of the recipe: where the encoder is saved")
    tasks: list[str] = Field(["mnli"], min_length=1, description="intermediate tasks, each with its own head")
    temperature: float = Field(1.0, gt=0, description="mixture: probability of a task ~ min(size, cap) ** (1 / temperature)")
    cap: int = Field(2**17, ge=1, description="examples of a task that count in the mixture")

    @classmethod
    def trained_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        return list(values.get("tasks") or cls.model_fields["tasks"].default)

    @property
    def start(self) -> str:
        return self.phase1

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.tasks)

    @property
    def folder(self) -> Path:
        return self.root / "intermediate" / self.recipe / f"seed{self.seed}"

    @field_validator("tasks")
    @classmethod
    def known(cls, names: list[str]) -> list[str]:
        for name in names:
            if task(name, "tasks").format == "retrieval":
                raise ValueError(f"{name} is a retrieval task: it has no training data, so it cannot be an intermediate task")
        return names


class TargetSpec(TuneSpec):
    """Phase 3: fine-tune on a target's English training split, score it zero-shot in every language."""

    phase: ClassVar[str] = "target"
    notebook: ClassVar[str] = "21_target"

    train_on: str = Field("mnli", description="task whose English training split is used")
    targets: list[str] = Field(["xnli"], min_length=1, description="target tasks to score with this model")

    @classmethod
    def trained_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        return [values.get("train_on") or cls.model_fields["train_on"].default]

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.train_on, *self.targets)))

    @property
    def folder(self) -> Path:
        return self.root / "target" / self.train_on / f"from-{self.recipe}" / f"seed{self.seed}"

    @model_validator(mode="after")
    def targets_fit(self) -> "TargetSpec":
        task(self.train_on, "train_on")
        trained = {entry.train_on for entry in TASKS.values() if entry.train_on}
        if self.train_on not in trained:
            raise unknown("task that targets are trained on,", self.train_on, trained, "train_on")
        for name in self.targets:
            if task(name, "targets").train_on != self.train_on:
                fitting = [entry.name for entry in TASKS.values() if entry.train_on == self.train_on]
                raise unknown(f"target trained on {self.train_on}", name, fitting, "targets")
        return self


class RetrievalSpec(EncoderSpec):
    """Phase 3 without training: bitext mining and sentence retrieval with pooled hidden states."""

    phase: ClassVar[str] = "retrieval"
    notebook: ClassVar[str] = "22_retrieval"

    task: str = Field("tatoeba", description="retrieval task")
    layer: int = Field(-1, ge=-1, description="hidden layer to pool; -1: chosen on development data where the task has them")
    centred: bool = Field(True, description="subtract each language's mean vector")
    neighbours: int = Field(4, ge=1, description="k of the ratio margin (mining)")
    margin: bool = Field(True, description="mining: ratio margin; off: plain cosine")

    @property
    def folder(self) -> Path:
        return self.root / "retrieval" / self.task / f"from-{self.recipe}" / f"seed{self.seed}"

    @property
    def uses(self) -> tuple[str, ...]:
        return (self.task,)

    @field_validator("task")
    @classmethod
    def retrieves(cls, name: str) -> str:
        if task(name).format != "retrieval":
            raise unknown("retrieval task", name, [entry.name for entry in TASKS.values() if entry.format == "retrieval"])
        return name


SPECS: dict[str, type[Spec]] = {cls.phase: cls for cls in (PretrainSpec, IntermediateSpec, TargetSpec, RetrievalSpec)}
