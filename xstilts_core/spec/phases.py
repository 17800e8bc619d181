"""The spec of each phase: what its notebook's parameters are, and where its run goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xstilts_core.languages import language
from xstilts_core.names import unknown
from xstilts_core.spec.base import SCORED_LANGUAGES, Device, EncoderSpec, ScoringSpec, Spec, TuneSpec, misfit
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    LOCAL,
    TARGET_NAMES,
    TASKS,
    TRANSLATIONS,
    XTREME_LANGUAGES,
    Benchmark,
    not_in_language,
    not_intermediate,
    task,
)

Size = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
MIXTURE = ("sampling", "temperature", "cap", "probabilities")
ENGLISH = "en"
# Formats whose texts can be translated or disturbed while labels, and the places of answers, stay true.
WITH_LABELS = ("pair", "choice", "span", "tagging")


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
    checkpoint_every: int = Field(0, ge=0, description="steps between checkpoints of an unfinished training; 0: none")

    @property
    def folder(self) -> Path:
        return self.root / "pretrain" / f"seed{self.seed}"

    @property
    def lacking(self) -> tuple[str, ...]:
        return () if self.data_root or self.source == "mini" else ("phase 1 needs data_root: its texts are those of the original files",)

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
    sequence: bool = Field(False, description="train on the tasks one after the other, in this order, instead of together")
    sampling: Literal["proportional", "uniform"] = Field(
        "proportional", description="mixture: proportional (to size, as cap and temperature say) or uniform"
    )
    temperature: float = Field(1.0, gt=0, description="mixture: probability of a task ~ min(size, cap) ** (1 / temperature)")
    cap: int = Field(2**17, ge=1, description="examples of a task that count in the mixture")
    probabilities: dict[str, Share] = Field({}, description="mixture: fixed probability of each task; none given: as sampling says")
    task_examples: dict[str, Size] = Field({}, description="by task: at most so many training examples, in place of train_examples")
    mlm: float = Field(0.0, ge=0, le=100, description="batches of multilingual masked language modelling to one of the tasks; 0: none")
    mask_share: float = Field(0.15, gt=0, lt=1, description="mlm: share of the tokens to predict, masked as in phase 1")
    mlm_languages: list[str] = Field([], description="mlm: languages of the texts; empty: all of the source, on the hub XTREME's")
    mlm_documents: int = Field(2000, ge=1, description="mlm: texts of a language (embedded suite: of one of full resources)")
    lora: int = Field(0, ge=0, description="rank of low-rank adapters, trained instead of the encoder's weights and merged; 0: none")
    data_languages: list[str] = Field([], description="languages of the training data; several share the English size; empty: English")
    noise: float = Field(0.0, ge=0, lt=1, description="share of the training data's words to drop, replace or displace")
    translator: str = Field("", description="model that translates the training data: hub name or folder; empty: published translations")

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        return list(values.get("tasks") or cls.model_fields["tasks"].default)

    @property
    def start(self) -> str:
        return self.phase1

    @property
    def parts(self) -> tuple[str, ...]:
        """The data sets that are trained on: a task's parts, or itself."""
        return tuple(part for name in self.tasks for part in TASKS[name].parts or (name,))

    @property
    def translated(self) -> tuple[str, ...]:
        """The languages other than English that training data are read or made in."""
        return tuple(code for code in self.data_languages if code != ENGLISH)

    def translator_for(self, code: str) -> str:
        """The translation model for a language: where each has a model of its own, {language} in the name stands for the code."""
        return self.translator.replace("{language}", code)

    @property
    def translators(self) -> tuple[str, ...]:
        """Every translation model of the run."""
        return tuple(dict.fromkeys(self.translator_for(code) for code in self.translated)) if self.translator else ()

    @property
    def uses(self) -> tuple[str, ...]:
        published = self.translated and not self.translator and self.source != "mini"
        return (*self.tasks, *(TRANSLATIONS[part] for part in self.parts if part in TRANSLATIONS)) if published else tuple(self.tasks)

    @property
    def folder(self) -> Path:
        return self.root / "intermediate" / self.recipe / f"seed{self.seed}"

    def examples_of(self, name: str) -> int:
        return self.task_examples.get(name, self.train_examples)

    @property
    def text_languages(self) -> tuple[str, ...]:
        """Languages whose texts the run needs from the hub: with mlm those asked for, or XTREME's."""
        return tuple(self.mlm_languages or XTREME_LANGUAGES) if self.mlm and self.source == "hub" else ()

    @field_validator("tasks")
    @classmethod
    def known(cls, names: list[str]) -> list[str]:
        for name in names:
            if reason := not_intermediate(task(name, "tasks")):
                raise ValueError(reason)
        return names

    @field_validator("mlm_languages")
    @classmethod
    def spoken(cls, codes: list[str]) -> list[str]:
        return [language(code, "mlm_languages").code for code in codes]

    @model_validator(mode="after")
    def mixture_fits(self) -> "IntermediateSpec":
        set_here = [name for name in MIXTURE if getattr(self, name) != type(self).model_fields[name].default]
        for name in self.tasks:
            if TASKS[name].staged and len(self.tasks) > 1 and not self.sequence:
                stages = ", then ".join(TASKS[name].parts)
                raise ValueError(f"{name} is trained on in stages ({stages}): it cannot be mixed with other tasks (sequence: true can)")
        if self.sequence and len(self.tasks) < 2:
            raise ValueError(f"sequence needs two or more tasks, and here is {self.tasks[0]} alone")
        if self.sequence and set_here:
            raise ValueError(f"sequence and {set_here[0]} exclude each other: tasks that follow one another are not mixed")
        if self.probabilities and len(set_here) > 1:
            raise ValueError(f"probabilities and {set_here[0]} exclude each other: fixed probabilities depend on no size")
        if self.probabilities and set(self.probabilities) != set(self.tasks):
            found = ", ".join(self.probabilities)
            raise ValueError(f"probabilities must have each of {', '.join(self.tasks)}, and nothing else: it has {found}")
        if self.probabilities and abs((total := sum(self.probabilities.values())) - 1) > 1e-6:
            raise ValueError(f"probabilities must sum to 1: they sum to {total:g}")
        for name in self.task_examples:
            if name not in self.tasks:
                raise unknown("task of this run", name, self.tasks, "task_examples")
        return self

    @model_validator(mode="after")
    def texts_fit(self) -> "IntermediateSpec":
        if self.mlm and self.layer != -1:
            raise ValueError(f"mlm reads the last layer, and layer is {self.layer}: leave it -1")
        if self.mlm and self.control:
            raise ValueError(f"mlm and control {self.control} exclude each other: its language-model head belongs to the trained weights")
        for code in self.mlm_languages if self.source == "mini" else ():
            if code not in EMBEDDED_LANGUAGES:
                raise unknown("language of the embedded suite (source mini)", code, EMBEDDED_LANGUAGES, "mlm_languages")
        return self

    @field_validator("data_languages")
    @classmethod
    def data_spoken(cls, codes: list[str]) -> list[str]:
        for code in codes:
            language(code, "data_languages")
            if codes.count(code) > 1:
                raise ValueError(f"{code!r} stands twice: keep one of them")
        return codes

    @model_validator(mode="after")
    def data_can_be_had(self) -> "IntermediateSpec":
        """Training data in the languages wished for, with noise and by the translator wished for."""
        if self.translator and not self.translated:
            raise ValueError(f"translator {self.translator!r} has nothing to translate into: give data_languages, such as [de, sw]")
        for part in self.parts if self.translated or self.noise else ():
            form = TASKS[part].format
            if form not in WITH_LABELS:
                raise ValueError(f"{part} has format {form}: data_languages and noise are for tasks of format {', '.join(WITH_LABELS)}")
            if self.translator and form == "tagging":
                raise ValueError(f"{part} has a tag for every word: a translator's words have none (source mini has exact translations)")
            for code in self.translated:
                if reason := not_in_language(part, code, self.source, self.translator):
                    raise ValueError(f"data_languages: {reason}")
        return self


class TargetSpec(TuneSpec, ScoringSpec):
    """Phase 3: fine-tune on a target's English training split, score it zero-shot in every language."""

    phase: ClassVar[str] = "target"
    notebook: ClassVar[str] = "21_target"

    train_on: str = Field("mnli", description="task whose English training split is used")
    targets: list[str] = Field(["xnli"], min_length=1, description="target tasks to score with this model")
    by_size: bool = Field(False, description="train_examples is a dimension of the study: a folder size-<n> of its own")
    control: Literal["", "random_init", "hypothesis_only"] = Field(
        "", description="control: random_init forgets the encoder's weights, hypothesis_only hides the first text of a pair"
    )

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        """The targets: XNLI's recipe trains on MNLI for XNLI; MNLI's own is that of phase 2."""
        return list(values.get("targets") or cls.model_fields["targets"].default)

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.train_on, *self.targets)))

    @property
    def folder(self) -> Path:
        size = f"size-{self.train_examples}" if self.by_size else ""
        return self.root / "target" / self.train_on / f"from-{self.recipe}" / size / f"seed{self.seed}"

    @model_validator(mode="after")
    def targets_fit(self) -> "TargetSpec":
        if self.control and (reason := misfit(self.control, task(self.train_on, "train_on"))):
            raise ValueError(reason)
        trained = {entry.train_on for entry in TASKS.values() if entry.train_on}
        if self.train_on not in trained:
            raise unknown("task that targets are trained on,", self.train_on, trained, "train_on")
        for name in self.targets:
            if task(name, "targets").train_on != self.train_on:
                fitting = [entry.name for entry in TASKS.values() if entry.train_on == self.train_on]
                raise unknown(f"target trained on {self.train_on}", name, fitting, "targets")
        return self


class RetrievalSpec(EncoderSpec, ScoringSpec):
    """Phase 3 without training: bitext mining and sentence retrieval with pooled hidden states."""

    phase: ClassVar[str] = "retrieval"
    notebook: ClassVar[str] = "22_retrieval"

    task: str = Field("tatoeba", description="retrieval task")
    layer: int = Field(-1, ge=-1, description="hidden layer to pool; -1: chosen on development data where the task has them")
    centred: bool = Field(True, description="subtract each language's mean vector")
    neighbours: int = Field(4, ge=1, description="k of the ratio margin (mining)")
    margin: bool = Field(True, description="mining: ratio margin; off: plain cosine")
    control: Literal["", "random_init", "names_masked"] = Field(
        "", description="control: random_init forgets the encoder's weights, names_masked hides names on both sides"
    )

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


class ControlSpec(ScoringSpec):
    """A control without an encoder: what the English training data's labels, or words in common, give away on their own."""

    phase: ClassVar[str] = "control"
    notebook: ClassVar[str] = "23_control"

    device: Device = Field("cpu", description="no GPU is needed")
    control: Literal["majority", "overlap"] = Field("majority", description="majority: most frequent label; overlap: words in common")
    recipe: str = Field("majority", pattern=r"^[A-Za-z0-9_-]+$", description="its name in the study: the row of its scores")
    targets: list[str] = Field(["xnli"], min_length=1, description="target tasks to score")
    train_examples: dict[str, Size] = Field({}, description="by target: at most so many English training examples; none given: all")
    test_examples: dict[str, Size] = Field({}, description="by target: at most so many test examples a language; none given: all")

    @property
    def folder(self) -> Path:
        return self.root / "control" / self.recipe / f"seed{self.seed}"

    @property
    def uses(self) -> tuple[str, ...]:
        trained = [TASKS[name].train_on for name in self.targets]
        return tuple(dict.fromkeys((*filter(None, trained), *self.targets)))

    @field_validator("targets")
    @classmethod
    def known(cls, names: list[str]) -> list[str]:
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
    """Before the phases: all that a study takes from the hub, fetched once, so that its runs need not ask there."""

    phase: ClassVar[str] = "data"
    notebook: ClassVar[str] = "01_data"

    source: Literal["hub"] = Field("hub", description="hub: nothing else is fetched")
    device: Device = Field("cpu", description="no GPU is needed")
    tasks: list[str] = Field(["mnli", "xnli"], description="tasks whose data sets are fetched, every split of them")
    benchmark: Benchmark = Field("xtreme", description=SCORED_LANGUAGES)
    languages: list[str] = Field([], description="languages to fetch beside English; empty: all that a task has on the hub")
    data_languages: list[str] = Field([], description="languages in which translated training data are fetched; empty: all")
    encoder: str = Field("mini", description="encoder to fetch: a hub name; mini, pretrained or a folder: none")
    texts: list[str] = Field([], description="languages whose texts are fetched, for continued masked language modelling")
    translators: list[str] = Field([], description="translation models to fetch: hub names; folders are not")

    @property
    def folder(self) -> Path:
        return self.root / "data"

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.tasks)

    @field_validator("texts")
    @classmethod
    def spoken(cls, codes: list[str]) -> list[str]:
        return [language(code, "texts").code for code in codes]

    @field_validator("tasks")
    @classmethod
    def on_the_hub(cls, names: list[str]) -> list[str]:
        for name in names:
            for part in task(name, "tasks").parts or (name,):
                if part in LOCAL:
                    raise ValueError(f"{part} cannot be fetched from the hub: {LOCAL[part]}")
        return names


SPECS: dict[str, type[Spec]] = {
    cls.phase: cls for cls in (DataSpec, PretrainSpec, IntermediateSpec, TargetSpec, RetrievalSpec, ControlSpec)
}
