"""Define a recipe: how a study prepares an encoder before the targets."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from xstilts_core.errors import UsageError, unknown
from xstilts_core.study.spec import MIXTURE, TEXT_FIELDS, IntermediateSpec

Settings = dict[str, Any]


class Recipe(BaseModel):
    """A way to prepare an encoder before the targets: a row of the main table.

    An empty recipe is the baseline. In a file the settings are written beside the other keys:
    `mnli_500: {intermediate: [mnli], train_examples: 500}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intermediate: list[str] = Field(
        [], description="English intermediate tasks; several are trained together, one head each"
    )
    control: Literal[
        "", "random_init", "hypothesis_only", "names_masked", "majority", "overlap"
    ] = Field(
        "",
        description="what a score is worth without: pretrained weights, a pair's first text, "
        "names, any model at all",
    )
    settings: Settings = Field({}, description="fields of phase 2's spec, for this recipe alone")

    @model_validator(mode="before")
    @classmethod
    def gather(cls, values: Any) -> Any:
        """Move keys that are not recipe fields into `settings`. The file's check has already
        refused keys that no run has."""
        if not isinstance(values, dict) or "settings" in values:
            return values
        fields = {key: value for key, value in values.items() if key in cls.model_fields}
        return {
            **fields,
            "settings": {key: value for key, value in values.items() if key not in fields},
        }

    @field_validator("settings")
    @classmethod
    def convert(cls, settings: Settings) -> Settings:
        """Convert each setting to its field's type. YAML reads 1e-5 as text, but readers of a
        recipe expect a number."""
        fields: Mapping[str, Any] = IntermediateSpec.model_fields
        for name in settings:
            if name not in fields:
                raise unknown("key", name, fields, "a recipe")
        return {
            name: TypeAdapter(fields[name].annotation).validate_python(value)
            for name, value in settings.items()
        }

    def setting(self, name: str) -> Any:
        """Return the value of a phase 2 field: the recipe's, otherwise the default."""
        return self.settings.get(name, IntermediateSpec.model_fields[name].get_default())

    def without(self, *names: str) -> "Recipe":
        """Return the recipe without these settings."""
        return self.model_copy(
            update={
                "settings": {
                    name: value for name, value in self.settings.items() if name not in names
                }
            }
        )

    def check_used(self, where: str, mlm: bool) -> None:
        """Raise UsageError for a setting that would change nothing. mlm: whether the study sets it
        for all recipes."""
        reasons = (
            {}
            if len(self.intermediate) > 1
            else dict.fromkeys(MIXTURE, "with one intermediate task nothing is mixed")
        )
        reasons |= (
            {}
            if mlm or self.setting("mlm")
            else dict.fromkeys(TEXT_FIELDS, "mlm is 0, so no text is read")
        )
        for name in self.settings if self.intermediate else ():
            if name in reasons:
                raise UsageError(
                    f"{where} sets {name}, which would change nothing: {reasons[name]}"
                )

    @property
    def changed(self) -> frozenset[str]:
        """Names of the phase 2 fields with values other than the default. `restarts` does not
        count: retraining does not make a different recipe."""
        fields = IntermediateSpec.model_fields
        return frozenset(
            name
            for name, value in self.settings.items()
            if value != fields[name].get_default() and name != "restarts"
        )

    @property
    def plain(self) -> bool:
        """Whether the recipe is of the kind in the paper's main table: only its tasks, in English,
        trained together, with all weights updated."""
        return not any(
            self.setting(name) for name in ("sequence", "mlm", "lora", "data_languages", "noise")
        )
