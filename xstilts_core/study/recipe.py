"""Define the blocks of a study's file: settings of a phase or task, and recipes; explain what is
wrong in them: the line, the key, what is legal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidateAs,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from xstilts_core.errors import UsageError
from xstilts_core.study.spec import (
    FIELDS,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    TuneSpec,
)
from xstilts_core.study.study_file import locate
from xstilts_core.study.wording import SENTENCE, Checked, first_error, sentence

Settings = dict[str, Any]


def _block(cls: type[Spec], **more: Any) -> type[Checked]:
    """Return a model of the fields of a spec that a study's file may set, and of `more` fields."""
    legal: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in cls.model_fields.items()
        if name not in FIELDS["assigned"]
    }
    return create_model(cls.__name__, __base__=Checked, **legal, **more)


# The block of both training phases may also set how many test examples are scored afterwards.
_TRAIN = _block(TuneSpec, test_examples=(int, TargetSpec.model_fields["test_examples"]))
BLOCKS: Mapping[str, type[Checked]] = {
    "pretrain": _block(PretrainSpec),
    "train": _TRAIN,
    "intermediate": _block(IntermediateSpec),
    "target": _block(TargetSpec),
    "retrieval": _block(RetrievalSpec),
    "probing": _block(ProbingSpec),
    "tasks": _TRAIN,
}


def _given(block: Checked) -> Settings:
    return block.model_dump(exclude_unset=True)


# A key without a value, such as `none:`, has no settings.
EMPTY = BeforeValidator(lambda value: {} if value is None else value)
Pretrain = Annotated[Settings, ValidateAs(BLOCKS["pretrain"], _given)]
Train = Annotated[Settings, ValidateAs(_TRAIN, _given), EMPTY]
Intermediate = Annotated[Settings, ValidateAs(BLOCKS["intermediate"], _given), EMPTY]
Target = Annotated[Settings, ValidateAs(BLOCKS["target"], _given), EMPTY]
Retrieval = Annotated[Settings, ValidateAs(BLOCKS["retrieval"], _given), EMPTY]
Probing = Annotated[Settings, ValidateAs(BLOCKS["probing"], _given), EMPTY]


if TYPE_CHECKING:
    _Phase2 = Checked  # a type checker cannot see the fields of a model that is made at run time
else:
    _Phase2 = BLOCKS["intermediate"]


class Recipe(_Phase2):
    """A way to prepare an encoder before the targets: a row of the main table.

    An empty recipe is the baseline. A recipe has settings of phase 2 beside its own two keys:
    `mnli_500: {intermediate: [mnli], train_examples: 500}`.
    """

    intermediate: list[str] = Field([])
    """English intermediate tasks; several are trained together, one head each"""
    control: Literal[
        "", "random_init", "hypothesis_only", "names_masked", "majority", "overlap"
    ] = ""
    """what a score is worth without: pretrained weights, a pair's first text, names, any model"""

    @field_validator("*")
    @classmethod
    def refuse_empty_settings(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse empty lists and texts, which do not say whether the study's setting is meant."""
        if value in ([], "") and info.field_name not in cls.__annotations__:
            raise PydanticCustomError(
                SENTENCE,
                "is {value}: it must not be empty (leave the key out to use the default)",
                {"value": repr(value)},
            )
        return value

    @property
    def settings(self) -> Settings:
        """The fields of phase 2's spec that this recipe alone sets."""
        return self.model_dump(exclude_unset=True, exclude=set(type(self).__annotations__))

    def setting(self, name: str) -> Any:
        """Return the value of a phase 2 field: the recipe's, otherwise the default."""
        return getattr(self, name)

    def without(self, *names: str) -> "Recipe":
        """Return the recipe without these settings."""
        return Recipe(**self.model_dump(exclude_unset=True, exclude=set(names)))

    @property
    def changed(self) -> frozenset[str]:
        """Names of the phase 2 fields with values other than the default. `restarts` does not
        count: retraining does not make a different recipe."""
        fields = type(self).model_fields
        settings = self.settings.items()
        changed = {name for name, value in settings if value != fields[name].get_default()}
        return frozenset(changed - {"restarts"})

    @property
    def plain(self) -> bool:
        """Whether the recipe is of the kind in the paper's main table: only its tasks, in English,
        trained together, with all weights updated."""
        return not any(
            self.setting(name) for name in ("sequence", "mlm", "lora", "data_languages", "noise")
        )


# How many keys lead to a block of settings.
_DEPTHS = {**dict.fromkeys(BLOCKS, 1), "tasks": 2, "recipes": 2}


def _named(keys: Sequence[Any], separator: str) -> str:
    """Return the name of a block or value in a message, such as "tasks, xnli", "recipe mnli"."""
    if len(keys) == 2 and keys[0] == "recipes":
        return f"recipe {keys[1]}"
    return separator.join(map(str, keys))


def explain(
    error: ValidationError, fields: Mapping[str, FieldInfo], content: Any, file: str
) -> UsageError:
    """Return pydantic's most helpful error on a study's content as one sentence with file, line
    and block. fields: those of the study."""
    details = first_error(error)
    keys = [key for key in details["loc"] if key != "[key]"]
    depth = _DEPTHS.get(str(keys[0]), 0)
    if details["type"] == "invalid_key" or "[key]" in details["loc"]:
        depth = len(keys) - 1
    section = keys[:depth] if len(keys) > depth else []
    where = locate(content, file, keys, _named(section, ", "))
    key = _named(keys[len(section) :], ".")
    if not section:
        return sentence(details, key, fields, where)
    block = Recipe if section[0] == "recipes" else BLOCKS[str(section[0])]
    legal = ", ".join(sorted(block.model_fields))
    if details["type"] == "extra_forbidden" and block is not Recipe:
        owners = [name for name in BLOCKS if name != "tasks" and key in BLOCKS[name].model_fields]
        if key in FIELDS["assigned"]:
            return UsageError(
                f"{where}: key {key!r} cannot be set here: the study sets it for every run. "
                f"Legal: {legal}"
            )
        if owners:
            blocks = " or ".join(f"{name}:" for name in owners)
            return UsageError(f"{where}: key {key!r} belongs in {blocks}, not here. Legal: {legal}")
    return sentence(details, key, block.model_fields, where)
