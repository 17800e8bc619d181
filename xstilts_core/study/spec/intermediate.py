"""Define phase 2's spec: the intermediate tasks, their mixture, masked language modelling beside
them, and the languages of their data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xstilts_core.errors import unknown
from xstilts_core.languages import language
from xstilts_core.study.spec.base import TuneSpec
from xstilts_core.study.spec.reads import Read, training_reads
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    TASKS,
    TRANSLATIONS,
    XTREME_LANGUAGES,
    not_in_language,
    not_intermediate,
    task,
)

Size = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
MIXTURE = ("sampling", "temperature", "cap", "probabilities")
TEXT_FIELDS = ("mask_share", "mlm_languages", "mlm_documents")
"""Fields that control the mixture of tasks, and the masked language modelling beside them."""
ENGLISH = "en"
# Formats whose labels and answer positions stay valid when the text is translated or noised.
_WITH_LABELS = ("pair", "choice", "span", "tagging")


class IntermediateSpec(TuneSpec):
    """Phase 2: train on English intermediate tasks."""

    phase: ClassVar[str] = "intermediate"
    notebook: ClassVar[str] = "20_intermediate"

    recipe: str = Field(
        "mnli",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="name of the recipe: where the encoder is saved",
    )
    tasks: list[str] = Field(
        ["mnli"], min_length=1, description="intermediate tasks, each with its own head"
    )
    sequence: bool = Field(
        False,
        description="train on the tasks one after the other, in this order, instead of together",
    )
    sampling: Literal["proportional", "uniform"] = Field(
        "proportional",
        description="mixture: proportional (to size, as cap and temperature say) or uniform",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        description="mixture: probability of a task ~ min(size, cap) ** (1 / temperature)",
    )
    cap: int = Field(2**17, ge=1, description="examples of a task that count in the mixture")
    probabilities: dict[str, Share] = Field(
        {}, description="mixture: fixed probability of each task; none given: as sampling says"
    )
    task_examples: dict[str, Size] = Field(
        {}, description="by task: at most so many training examples, in place of train_examples"
    )
    mlm: float = Field(
        0.0,
        ge=0,
        le=100,
        description="batches of multilingual masked language modelling to one of the tasks; "
        "0: none",
    )
    mask_share: float = Field(
        0.15, gt=0, lt=1, description="mlm: share of the tokens to predict, masked as in phase 1"
    )
    mlm_languages: list[str] = Field(
        [], description="mlm: languages of the texts; empty: all of the source, on the hub XTREME's"
    )
    mlm_documents: int = Field(
        2000,
        ge=1,
        description="mlm: texts of a language (embedded suite: of one of full resources)",
    )
    lora: int = Field(
        0,
        ge=0,
        description="rank of low-rank adapters, trained instead of the encoder's weights and "
        "merged; 0: none",
    )
    data_languages: list[str] = Field(
        [],
        description="languages of the training data; several share the English size; "
        "empty: English",
    )
    noise: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the training data's words to drop, replace or displace",
    )
    restarts: int = Field(
        0,
        ge=0,
        le=20,
        description="further trainings, in another order with longer warm-up, while a task is not "
        "learnt",
    )
    translator: str = Field(
        "",
        description="model that translates the training data: hub name or folder; "
        "empty: published translations",
    )

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        return list(values.get("tasks") or cls.model_fields["tasks"].default)

    @property
    def start(self) -> str:
        return self.phase1

    @property
    def trains(self) -> tuple[str, ...]:
        return tuple(self.tasks)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the training data sets: each task's parts, or the task itself."""
        return tuple(part for name in self.tasks for part in TASKS[name].parts or (name,))

    @property
    def translated(self) -> tuple[str, ...]:
        """Languages other than English in which training data are read or generated."""
        return tuple(code for code in self.data_languages if code != ENGLISH)

    def translator_for(self, code: str) -> str:
        """Return the translation model for a language. {language} in the name is replaced by the
        code, for families with one model per language."""
        return self.translator.replace("{language}", code)

    @property
    def translators(self) -> tuple[str, ...]:
        """Names of all translation models of the run."""
        return (
            tuple(dict.fromkeys(self.translator_for(code) for code in self.translated))
            if self.translator
            else ()
        )

    @property
    def uses(self) -> tuple[str, ...]:
        published = self.translated and not self.translator and not self.embedded
        return (
            (*self.tasks, *(TRANSLATIONS[part] for part in self.parts if part in TRANSLATIONS))
            if published
            else tuple(self.tasks)
        )

    @property
    def reads(self) -> tuple[Read, ...]:
        published = [name for name in self.uses if name not in self.tasks]
        return (
            *(read for name in self.tasks for read in training_reads(name)),
            *(Read(name, "train", self.translated) for name in published),
        )

    @property
    def reads_texts(self) -> bool:
        return bool(self.mlm) and self.source == "files"

    @property
    def folder(self) -> Path:
        return self.root / "intermediate" / self.recipe / f"seed{self.seed}"

    def examples_of(self, name: str) -> int:
        return self.task_examples.get(name, self.train_examples)

    @property
    def text_languages(self) -> tuple[str, ...]:
        """Languages whose texts the run needs from the hub: with mlm the given ones, or
        XTREME's."""
        return (
            tuple(self.mlm_languages or XTREME_LANGUAGES)
            if self.mlm and self.source == "hub"
            else ()
        )

    @field_validator("tasks")
    @classmethod
    def check_tasks(cls, names: list[str]) -> list[str]:
        for name in names:
            if reason := not_intermediate(task(name, "tasks")):
                raise ValueError(reason)
        return names

    @field_validator("mlm_languages")
    @classmethod
    def check_mlm_languages(cls, codes: list[str]) -> list[str]:
        return [language(code, "mlm_languages").code for code in codes]

    @model_validator(mode="after")
    def mixture_fits(self) -> "IntermediateSpec":
        mixture_fields = [
            name for name in MIXTURE if getattr(self, name) != type(self).model_fields[name].default
        ]
        for name in self.tasks:
            if TASKS[name].staged and len(self.tasks) > 1 and not self.sequence:
                stages = ", then ".join(TASKS[name].parts)
                raise ValueError(
                    f"{name} is trained in stages ({stages}): it cannot be mixed with other tasks "
                    "(sequence: true trains on them one after the other)"
                )
        if self.sequence and len(self.tasks) < 2:
            raise ValueError(
                f"sequence needs two or more tasks: the only one here is {self.tasks[0]}"
            )
        if self.sequence and mixture_fields:
            raise ValueError(
                f"sequence and {mixture_fields[0]} exclude each other: "
                "tasks that follow one another are not mixed"
            )
        if self.sampling == "uniform" and "temperature" in mixture_fields:
            raise ValueError(
                "sampling uniform and temperature exclude each other: "
                "a temperature only changes the sampling by size"
            )
        if self.probabilities and len(mixture_fields) > 1:
            raise ValueError(
                f"probabilities and {mixture_fields[0]} exclude each other: "
                "fixed probabilities do not depend on sizes"
            )
        if self.probabilities and set(self.probabilities) != set(self.tasks):
            task_names = ", ".join(self.probabilities)
            raise ValueError(
                f"probabilities must have each of {', '.join(self.tasks)}, and nothing else: "
                f"it has {task_names}"
            )
        if self.probabilities and abs((total := sum(self.probabilities.values())) - 1) > 1e-6:
            raise ValueError(f"probabilities must sum to 1: they sum to {total:g}")
        for name in self.task_examples:
            if name not in self.tasks:
                raise unknown("task of this run", name, self.tasks, "task_examples")
        self.require_recipe()
        return self

    @model_validator(mode="after")
    def texts_fit(self) -> "IntermediateSpec":
        if self.mlm and self.layer != -1:
            raise ValueError(f"mlm reads the last layer, but layer is {self.layer}: leave it at -1")
        if self.mlm and self.control:
            raise ValueError(
                f"mlm and control {self.control} exclude each other: "
                "the language-model head belongs to the pretrained weights"
            )
        for code in self.mlm_languages if self.embedded else ():
            if code not in EMBEDDED_LANGUAGES:
                raise unknown(
                    "language of the embedded suite (source mini)",
                    code,
                    EMBEDDED_LANGUAGES,
                    "mlm_languages",
                )
        return self

    @field_validator("data_languages")
    @classmethod
    def check_data_languages(cls, codes: list[str]) -> list[str]:
        for code in codes:
            language(code, "data_languages")
            if codes.count(code) > 1:
                raise ValueError(f"{code!r} is listed twice: keep one of them")
        return codes

    @model_validator(mode="after")
    def data_are_available(self) -> "IntermediateSpec":
        """Check that training data are available in data_languages, with noise and from the
        translator."""
        if self.translator and not self.translated:
            raise ValueError(
                f"translator {self.translator!r} has nothing to translate into: "
                "give data_languages, such as [de, sw]"
            )
        for part in self.parts if self.translated or self.noise else ():
            form = TASKS[part].format
            if form not in _WITH_LABELS:
                raise ValueError(
                    f"{part} has format {form}: data_languages and noise are for tasks of format "
                    f"{', '.join(_WITH_LABELS)}"
                )
            if self.translator and form == "tagging":
                raise ValueError(
                    f"{part} has a tag for every word, but translated words have none "
                    "(source mini has exact translations)"
                )
            for code in self.translated:
                if reason := not_in_language(part, code, self.source, self.translator):
                    raise ValueError(f"data_languages: {reason}")
        return self
