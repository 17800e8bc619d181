"""Define the validated, frozen, flat parameters of one run. A run notebook's parameters are the
fields of its spec, under the same names; their docstrings are the help of notebooks and cards."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import yaml
from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import language
from xstilts_core.study.weights import fingerprint
from xstilts_core.study.wording import EMBEDDED_LANGUAGE, Checked, explain, require_known
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    HUB,
    LOCAL,
    LOCAL_ADDED,
    PROBING_NAMES,
    RECIPE_FIELDS,
    TARGET_NAMES,
    TASKS,
    TRANSLATIONS,
    XTREME_LANGUAGES,
    Benchmark,
    SourceName,
    Task,
    not_at_source,
    not_in_language,
    not_intermediate,
    recipe,
    task,
)

BASELINE = "none"
# A study's name: letters of any script (with their accents), digits, _ and -. It is used in folder
# names, links and job names.
NAME = r"^[\p{L}\p{M}\p{Nd}_-]+$"
# Tables of names: fields, controls, formats.
FIELDS: Mapping[str, Any] = yaml.load(
    Path(__file__).with_name("fields.yaml").read_text(encoding="utf-8"), FastLoader
)
CONTROLS: Mapping[str, Sequence[str]] = FIELDS["controls"]
Device = Literal["auto", "cpu", "cuda"]
Size = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Layer = Annotated[int, Field(ge=-1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
RecipeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
ENGLISH = "en"


class Read(NamedTuple):
    """A task split that a run reads. split: train, dev, or scored (the split whose scores are
    reported). languages: None for the scored languages."""

    task: str
    split: Literal["train", "dev", "scored"]
    languages: tuple[str, ...] | None = None


def _training_reads(name: str) -> tuple[Read, ...]:
    """Return the English splits that training on a task reads."""
    return Read(name, "train", (ENGLISH,)), Read(name, "dev", (ENGLISH,))


def misfit(control: str, entry: Task) -> str:
    """Return why `control` does not apply to a task, or "" if it does."""
    if entry.format not in CONTROLS[control]:
        return (
            f"control {control} is for {', '.join(CONTROLS[control])} tasks: "
            f"{entry.name} has format {entry.format}"
        )
    if entry.single_text and control in FIELDS["two_texts"]:
        return f"control {control} is for tasks of two texts: {entry.name} has one"
    return ""


class Spec(Checked):
    """The fields that every run has. `bookkeeping` lists those that do not affect its numbers (see
    identity.py): its name, and where and how it is made, which may differ between machines."""

    phase: ClassVar[str]
    notebook: ClassVar[str]
    # The run's folder below outputs/<study>, with fields in braces.
    place: ClassVar[str]
    bookkeeping: ClassVar[frozenset[str]] = frozenset(FIELDS["bookkeeping"])
    # The runs of the same study that this one starts from, with the study's settings. It is not a
    # notebook parameter.
    _starts_from: tuple["Spec", ...] = PrivateAttr(())

    study: str = Field("by_hand", pattern=NAME)
    """name of the study: its results stand in outputs/<study>/"""
    seed: int = Field(1, ge=0, lt=2**31)
    """seed of this run; seed k runs through all phases"""
    source: SourceName = "mini"
    """mini (the embedded suite), files (upstream layouts under data_root) or hub"""
    data_root: str = ""
    """folder of the original files, for source files and what the hub lacks"""
    outputs: str = "outputs"
    """folder that holds outputs/<study>/"""
    device: Device = "auto"
    """auto takes a GPU where there is one"""

    @property
    def root(self) -> Path:
        """Path of outputs/<study>."""
        return home() / self.outputs / self.study

    @property
    def folder(self) -> Path:
        """Folder of this run's result.json, notebook, log and model or predictions."""
        return self.root / self.place.format_map(vars(self))

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
        return tuple(read.task for read in self.reads if read.split == "scored")

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
            if name not in HUB and not TASKS[name].file
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
        return tuple(dict.fromkeys(read.task for read in self.reads))

    @field_validator("mlm_languages", "data_languages", "texts", check_fields=False)
    @classmethod
    def check_languages(cls, codes: list[str], info: ValidationInfo) -> list[str]:
        return [language(code, str(info.field_name)).code for code in codes]

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

    benchmark: Benchmark = "xtreme"
    """languages that a target is scored in: XTREME's, or with xtreme-r XTREME-R's and some more"""
    languages: list[str] = Field([])
    """languages to evaluate; empty: all that task and source have"""

    @property
    def lacking(self) -> tuple[str, ...]:
        reasons = list(super().lacking)
        if self.source == "hub" and not self.data_root and self.benchmark != "xtreme":
            for name in self.uses:
                codes = [code for code in TASKS[name].added if code in (self.languages or [code])]
                if name in LOCAL_ADDED and codes:
                    added = ", ".join(codes)
                    reasons.append(f"{name} in {added} needs data_root: {LOCAL_ADDED[name]}")
        return tuple(reasons)


class EncoderSpec(Spec):
    """The fields of every run that starts from an encoder."""

    encoder: str = "mini"
    """phase 1 model: mini (shipped), pretrained (this study's phase 1), a hub name or a folder"""
    recipe: RecipeName = BASELINE
    """the recipe (row of the main table); none is the baseline"""
    control: Literal["", "random_init"] = ""
    """control: random_init forgets the encoder's weights"""
    max_length: int = Field(128, ge=8)
    """longest input in tokens; longer ones are split (tagging), windowed (spans) or cut"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where GPU or CPU compute it natively (CPU: from width 256), else float32"""

    @property
    def fingerprint(self) -> str:
        # The encoder "pretrained" is a parent run of the study.
        return "" if self.encoder == "pretrained" else fingerprint(self.encoder_folder)

    @property
    def encoder_folder(self) -> Path:
        """Folder that the name of the phase 1 encoder means; for a hub name there is none."""
        if self.encoder == encoder_files.SHIPPED:
            return encoder_files.shipped()
        return home() / expanded(self.phase1)

    @property
    def phase1(self) -> str:
        """Name or folder of the phase 1 encoder."""
        if self.encoder != "pretrained":
            return self.encoder
        return str(self.root / "pretrain" / f"seed{self.seed}" / "model")

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

    epochs: Size = 0
    """passes over the training data; 0: the task's recipe"""
    batch_size: Size = 0
    """examples in an optimizer step; 0: the task's recipe"""
    accumulation: Size = 0
    """of older studies: so many times batch_size are in a step; 0: once"""
    learning_rate: Share = 0
    """peak learning rate; 0: the task's recipe"""
    max_length: Size = 0
    """longest input in tokens; 0: the task's recipe"""
    warmup: Share = 0.1
    """share of the steps in which the rate rises"""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW's weight decay, not on biases and LayerNorms"""
    clip: float = Field(1.0, gt=0)
    """largest norm of the gradient, at the optimizer step"""
    doc_stride: Count = 64
    """tokens between the starts of two windows of a long context"""
    train_examples: Size = 0
    """at most so many training examples; 0: all"""
    least_steps: Size = 0
    """at least so many optimizer steps on each task, by more passes over it"""
    dev_examples: Count = 500
    """English development examples that choose the best checkpoint: a fixed sample"""
    evaluations: Count = 5
    """development evaluations in a run, evenly spaced"""
    evaluate_every: Size = 0
    """steps between development evaluations, about; 0: as `evaluations` says"""
    patience: Count = 30
    """stop after so many evaluations without a better one"""
    freeze_embeddings: bool = False
    """keep the embedding layer as it is"""
    pooling: Literal["first", "mean"] = "first"
    """what a sentence head sees: the first token or the mean"""
    layer: Layer = -1
    """hidden layer that the heads read; -1: the last"""
    dropout: float | None = Field(0.1, ge=0, lt=1)
    """dropout in encoder and head; null (None): the encoder's own"""
    attention_dropout: float | None = Field(None, ge=0, lt=1)
    """dropout of attention in the encoder; null: as dropout"""
    packed: bool = True
    """batches without padding where the encoder allows it"""
    checkpoint_every: Size = 0
    """steps between checkpoints of an unfinished training; 0: none"""

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        """Return the names of the tasks whose published recipes fill missing values."""
        return []

    def passes(self, rows: float) -> int:
        """Return the passes over `rows` rows: `epochs`, or as many more as `least_steps` needs."""
        steps = max(1, -(-rows // max(1, self.batch_size)))
        return max(self.epochs, int(-(-self.least_steps // steps)))

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
        largest of all recipes.

        batch_size counts the examples of an optimizer step, as in the recipes. Older studies split
        it into `accumulation` parts.
        """
        parts, size = values.get("accumulation"), values.get("batch_size")
        if type(parts) is int and parts > 1:
            if not size:
                raise ValueError(
                    f"accumulation {parts} needs batch_size beside it; better give batch_size "
                    "alone: the number of examples of an optimizer step"
                )
            size = parts * size if type(size) is int else size
            values = {**values, "accumulation": 0, "batch_size": size}
        names = [name for name in cls.recipe_tasks(values) if str(name) in TASKS]
        recipes = [recipe(TASKS[name], values.get("source", "mini")) for name in names]
        if published := [layer for layer in recipes if layer]:
            longest = max(layer.max_length for layer in published)
            settings = {**published[0].settings(), "max_length": longest}
            values = {**values, **{key: settings[key] for key in settings if not values.get(key)}}
        return values

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


class IntermediateSpec(TuneSpec):
    """Phase 2: train on English intermediate tasks."""

    phase = "intermediate"
    notebook = "20_intermediate"
    place = "intermediate/{recipe}/seed{seed}"

    recipe: RecipeName = "mnli"
    """name of the recipe: where the encoder is saved"""
    tasks: list[str] = Field(["mnli"], min_length=1)
    """intermediate tasks, each with its own head"""
    sequence: bool = False
    """train on the tasks one after the other, in this order, instead of together"""
    sampling: Literal["proportional", "uniform"] = "proportional"
    """mixture: proportional (to size, as cap and temperature say) or uniform"""
    temperature: float = Field(1.0, gt=0)
    """mixture: probability of a task ~ min(size, cap) ** (1 / temperature)"""
    cap: Count = 2**17
    """examples of a task that count in the mixture"""
    probabilities: dict[str, Probability] = Field({})
    """mixture: fixed probability of each task; none given: as sampling says"""
    task_examples: dict[str, Size] = Field({})
    """by task: at most so many training examples, in place of train_examples"""
    mlm: float = Field(0.0, ge=0, le=100)
    """batches of multilingual masked language modelling to one of the tasks; 0: none"""
    mask_share: Part = 0.15
    """mlm: share of the tokens to predict, masked as in phase 1"""
    mlm_languages: list[str] = Field([])
    """mlm: languages of the texts; empty: all of the source, on the hub XTREME's"""
    mlm_documents: Count = 2000
    """mlm: texts of a language (embedded suite: of one of full resources)"""
    lora: Size = 0
    """rank of low-rank adapters, trained instead of the encoder's weights and merged; 0: none"""
    data_languages: list[str] = Field([])
    """languages of the training data; several share the English size; empty: English"""
    noise: Share = 0.0
    """share of the training data's words to drop, replace or displace"""
    restarts: int = Field(0, ge=0, le=20)
    """further trainings, in another order with longer warm-up, while a task is not learnt"""
    translator: str = ""
    """model that translates the training data: hub name or folder; empty: published translations"""

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
        names = [self.translator_for(code) for code in self.translated if self.translator]
        return tuple(dict.fromkeys(names))

    @property
    def reads(self) -> tuple[Read, ...]:
        reads = [read for name in self.tasks for read in _training_reads(name)]
        if self.translated and not self.translator and not self.embedded:
            published = [TRANSLATIONS[part] for part in self.parts if part in TRANSLATIONS]
            others = [name for name in published if name not in self.tasks]
            reads += [Read(name, "train", self.translated) for name in others]
        return tuple(reads)

    @property
    def reads_texts(self) -> bool:
        return bool(self.mlm) and self.source == "files"

    def examples_of(self, name: str) -> int:
        return self.task_examples.get(name, self.train_examples)

    @property
    def text_languages(self) -> tuple[str, ...]:
        """Languages whose texts the run needs from the hub: with mlm the given ones, or
        XTREME's."""
        if not self.mlm or self.source != "hub":
            return ()
        return tuple(self.mlm_languages or XTREME_LANGUAGES)

    @field_validator("tasks")
    @classmethod
    def check_tasks(cls, names: list[str]) -> list[str]:
        for name in names:
            if reason := not_intermediate(task(name, "tasks")):
                raise ValueError(reason)
        return names

    @model_validator(mode="after")
    def mixture_fits(self) -> Self:
        fields = type(self).model_fields
        mixture_fields = [
            name for name in FIELDS["mixture"] if getattr(self, name) != fields[name].default
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
        require_known("task of this run", self.task_examples, self.tasks, "task_examples")
        self.require_recipe()
        return self

    @model_validator(mode="after")
    def texts_fit(self) -> Self:
        if self.mlm and self.layer != -1:
            raise ValueError(f"mlm reads the last layer, but layer is {self.layer}: leave it at -1")
        if self.mlm and self.control:
            raise ValueError(
                f"mlm and control {self.control} exclude each other: "
                "the language-model head belongs to the pretrained weights"
            )
        if self.embedded:
            codes = self.mlm_languages
            require_known(EMBEDDED_LANGUAGE, codes, EMBEDDED_LANGUAGES, "mlm_languages")
        return self

    @model_validator(mode="after")
    def data_are_available(self) -> Self:
        """Check that training data are available in data_languages, with noise and from the
        translator."""
        if self.translator and not self.translated:
            raise ValueError(
                f"translator {self.translator!r} has nothing to translate into: "
                "give data_languages, such as [de, sw]"
            )
        for part in self.parts if self.translated or self.noise else ():
            form = TASKS[part].format
            if form not in FIELDS["with_labels"]:
                raise ValueError(
                    f"{part} has format {form}: data_languages and noise are for tasks of format "
                    f"{', '.join(FIELDS['with_labels'])}"
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


class PretrainSpec(Spec):
    """Phase 1: train a multilingual masked language model from scratch on the source's texts."""

    phase = "pretrain"
    notebook = "10_pretrain"
    place = "pretrain/seed{seed}"

    languages: list[str] = Field([])
    """languages to pretrain on; empty: all that the source has"""
    documents: int = Field(16_000, ge=10)
    """documents of a language of full resources"""
    vocabulary: int = Field(6_000, ge=300)
    """entries of the tokenizer's vocabulary"""
    hidden_size: int = Field(128, ge=8)
    """width of the encoder"""
    layers: Count = 3
    """transformer layers"""
    heads: Count = 4
    """attention heads"""
    max_length: int = Field(192, ge=16)
    """longest input in tokens"""
    steps: Count = 20_000
    """optimizer steps"""
    batch_tokens: int = Field(1_000, ge=32)
    """tokens in a step, about"""
    learning_rate: Part = 2e-3
    """peak learning rate"""
    warmup: Share = 0.05
    """share of the steps in which the rate rises"""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW's decoupled weight decay"""
    mask_share: Part = 0.3
    """share of the tokens to predict; of these 80 % masked, 10 % random, 10 % kept"""
    dropout: Share = 0.0
    """dropout in the encoder"""
    weights: Literal["float32", "float16"] = "float32"
    """type of the saved weights"""
    checkpoint_every: Size = 0
    """steps between checkpoints of an unfinished training; 0: none"""

    @property
    def reads_texts(self) -> bool:
        return not self.embedded

    @property
    def lacking(self) -> tuple[str, ...]:
        if self.data_root or self.embedded:
            return ()
        return ("phase 1 needs data_root: it reads the texts of the original files",)

    @model_validator(mode="after")
    def heads_divide_width(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}"
            )
        return self


class TargetSpec(TuneSpec, ScoringSpec):
    """Phase 3: fine-tune on a target's English training split, then score zero-shot in every
    language."""

    phase = "target"
    notebook = "21_target"
    # What phase 2 alone can do.
    sequence: ClassVar[bool] = False
    mlm: ClassVar[float] = 0.0
    lora: ClassVar[int] = 0
    restarts: ClassVar[int] = 0

    train_on: str = "mnli"
    """task whose English training split is used"""
    targets: list[str] = Field(["xnli"], min_length=1)
    """target tasks to score with this model"""
    test_examples: Size = 0
    """at most so many test examples a language; 0: all"""
    by_size: bool = False
    """train_examples is a dimension of the study: a folder size-<n> of its own"""
    control: Literal["", "random_init", "hypothesis_only"] = ""  # type: ignore[assignment]  # one more
    """control: random_init forgets the weights, hypothesis_only hides the first text of a pair"""

    @classmethod
    def recipe_tasks(cls, values: Mapping[str, Any]) -> list[str]:
        """Return the targets: XNLI's recipe is to train on MNLI; MNLI's own is that of phase 2."""
        return list(values.get("targets") or cls.model_fields["targets"].default)

    @property
    def trains(self) -> tuple[str, ...]:
        return (self.train_on,)

    @property
    def reads(self) -> tuple[Read, ...]:
        return (*_training_reads(self.train_on), *(Read(name, "scored") for name in self.targets))

    @property
    def place(self) -> str:  # type: ignore[override]  # one more level for sizes
        size = "size-{train_examples}/" if self.by_size else ""
        return f"target/{{train_on}}/from-{{recipe}}/{size}seed{{seed}}"

    @model_validator(mode="after")
    def targets_fit(self) -> Self:
        if self.control and (reason := misfit(self.control, task(self.train_on, "train_on"))):
            raise ValueError(reason)
        possible = {entry.train_on for entry in TASKS.values() if entry.train_on}
        require_known("task that targets are trained on,", [self.train_on], possible, "train_on")
        legal = [entry.name for entry in TASKS.values() if entry.train_on == self.train_on]
        require_known(f"target trained on {self.train_on}", self.targets, legal, "targets")
        self.require_recipe()
        return self


class MiningSpec(ScoringSpec):
    """The fields of runs that mine sentences, with an encoder or without."""

    neighbours: Count = 4
    """k of the ratio margin (mining)"""
    margin: bool = True
    """mining: ratio margin; off: plain cosine"""


class RetrievalSpec(FrozenSpec, MiningSpec):
    """Phase 3 without training: mine bitext and retrieve sentences with pooled hidden states."""

    phase = "retrieval"
    notebook = "22_retrieval"
    place = "retrieval/{task}/from-{recipe}/seed{seed}"

    task: str = "tatoeba"
    """retrieval task"""
    layer: Layer = -1
    """hidden layer to pool; -1: chosen on development data where the task has them"""
    centred: bool = True
    """subtract each language's mean vector"""
    control: Literal["", "random_init", "names_masked"] = ""  # type: ignore[assignment]  # one more
    """control: random_init forgets the encoder's weights, names_masked hides names on both sides"""

    @property
    def reads(self) -> tuple[Read, ...]:
        return (Read(self.task, "dev"), Read(self.task, "scored"))

    @field_validator("task")
    @classmethod
    def check_task(cls, name: str) -> str:
        legal = [entry.name for entry in TASKS.values() if entry.format == "retrieval"]
        require_known("retrieval task", [name], legal)
        return name


class ProbingSpec(FrozenSpec):
    """Beside phase 3: train probes on a frozen encoder in English and score them zero-shot in every
    language."""

    phase = "probing"
    notebook = "24_probing"
    place = "probing/from-{recipe}/seed{seed}"

    languages: list[str] = Field([])
    """languages to evaluate; empty: all that the task has"""
    probes: list[str] = Field(["probe_negation"], min_length=1)
    """probing tasks, each with a classifier of its own"""
    layer: Layer = -1
    """hidden layer to pool; -1: the last, which the heads of targets read"""

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.probes)

    @field_validator("probes")
    @classmethod
    def check_probes(cls, names: list[str]) -> list[str]:
        require_known("probing task", names, PROBING_NAMES, "probes")
        return names


class ControlSpec(MiningSpec):
    """A control without an encoder: what training labels or shared words alone achieve."""

    phase = "control"
    notebook = "23_control"
    place = "control/{recipe}/seed{seed}"

    device: Device = "cpu"
    """no GPU is needed"""
    control: Literal["majority", "overlap"] = "majority"
    """majority: most frequent label; overlap: words in common"""
    recipe: RecipeName = "majority"
    """its name in the study: the row of its scores"""
    targets: list[str] = Field(["xnli"], min_length=1)
    """target tasks to score"""
    train_examples: dict[str, Size] = Field({})
    """by target: at most so many English training examples; none given: all"""
    test_examples: dict[str, Size] = Field({})
    """by target: at most so many test examples a language; none given: all"""

    @property
    def reads(self) -> tuple[Read, ...]:
        reads: list[Read] = []
        for name in self.targets:
            train_on = TASKS[name].train_on
            reads += _training_reads(train_on) if train_on else [Read(name, "dev")]
        return (*reads, *(Read(name, "scored") for name in self.targets))

    @field_validator("targets")
    @classmethod
    def check_targets(cls, names: list[str]) -> list[str]:
        require_known("target task", names, TARGET_NAMES, "targets")
        return names

    @model_validator(mode="after")
    def targets_fit(self) -> Self:
        for name in self.targets:
            if reason := misfit(self.control, TASKS[name]):
                raise ValueError(reason)
        return self


class DataSpec(Spec):
    """Before the phases: fetch everything a study takes from the hub, so that its runs can work
    offline."""

    phase = "data"
    notebook = "01_data"
    place = "data"

    source: Literal["hub"] = "hub"
    """hub: nothing else is fetched"""
    device: Device = "cpu"
    """no GPU is needed"""
    tasks: list[str] = Field(["mnli", "xnli"])
    """tasks whose data sets are fetched, every split of them"""
    benchmark: Benchmark = "xtreme"
    """languages that a target is scored in: XTREME's, or with xtreme-r XTREME-R's and some more"""
    languages: list[str] = Field([])
    """languages to fetch beside English; empty: all that a task has on the hub"""
    data_languages: list[str] = Field([])
    """languages in which translated training data are fetched; empty: all"""
    encoder: str = "mini"
    """encoder to fetch: a hub name; mini, pretrained or a folder: none"""
    texts: list[str] = Field([])
    """languages whose texts are fetched, for continued masked language modelling"""
    translators: list[str] = Field([])
    """translation models to fetch: hub names; folders are not"""

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.tasks)

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
