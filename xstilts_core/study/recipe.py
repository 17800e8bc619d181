"""A recipe: how an encoder is prepared before the targets, as a study's file says it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from xstilts_core.errors import UsageError, unknown
from xstilts_core.study.spec import MIXTURE, TEXT_FIELDS, IntermediateSpec

Settings = dict[str, Any]


class Recipe(BaseModel):
    """How an encoder is prepared before the targets: a row of the main table. Nothing at all is the
    baseline.

    In a file the settings stand beside the other keys: `mnli_500: {intermediate: [mnli],
    train_examples: 500}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intermediate: list[str] = Field(
        [], description="English intermediate tasks; several are trained together, one head each"
    )
    control: Literal[
        "", "random_init", "hypothesis_only", "names_masked", "majority", "overlap"
    ] = Field(
        "",
        description="what a score is worth without: pretrained weights, a pair's first text, names, any model at all",
    )
    settings: Settings = Field({}, description="fields of phase 2's spec, for this recipe alone")

    @model_validator(mode="before")
    @classmethod
    def gather(cls, values: Any) -> Any:
        """Keys that are no fields of a recipe are settings; the file's check has refused those that
        no run has."""
        if not isinstance(values, dict) or "settings" in values:
            return values
        own = {key: value for key, value in values.items() if key in cls.model_fields}
        return {**own, "settings": {key: value for key, value in values.items() if key not in own}}

    @field_validator("settings")
    @classmethod
    def typed(cls, settings: Settings) -> Settings:
        """Each as its field holds it: YAML reads 1e-5 as text, and what is read from a recipe is a
        number."""
        fields = IntermediateSpec.model_fields
        for name in settings:
            if name not in fields:
                raise unknown("key", name, fields, "a recipe")
        return {
            name: TypeAdapter(fields[name].annotation).validate_python(value)
            for name, value in settings.items()
        }

    def setting(self, name: str) -> Any:
        """What a field of phase 2 is by this recipe: as it says, else the field's default."""
        return self.settings.get(name, IntermediateSpec.model_fields[name].get_default())

    def without(self, *names: str) -> "Recipe":
        """The recipe that says nothing of these fields."""
        return self.model_copy(
            update={
                "settings": {
                    name: value for name, value in self.settings.items() if name not in names
                }
            }
        )

    def check_used(self, where: str, mlm: bool) -> None:
        """UsageError on a setting that would change nothing. mlm: whether the study sets it for all
        recipes."""
        needs = (
            {}
            if len(self.intermediate) > 1
            else dict.fromkeys(MIXTURE, "there is one intermediate task, so that nothing is mixed")
        )
        needs |= (
            {}
            if mlm or self.setting("mlm")
            else dict.fromkeys(TEXT_FIELDS, "mlm is 0, so that no text is read")
        )
        for name in self.settings if self.intermediate else ():
            if name in needs:
                raise UsageError(f"{where} sets {name}, which would change nothing: {needs[name]}")

    @property
    def changed(self) -> frozenset[str]:
        """The fields of phase 2 that are not what they are by default; how often it may be trained
        again makes no other recipe."""
        fields = IntermediateSpec.model_fields
        return frozenset(
            name
            for name, value in self.settings.items()
            if value != fields[name].get_default() and name != "restarts"
        )

    @property
    def plain(self) -> bool:
        """Whether it is what the paper's main table has: its tasks alone, in English, all weights
        trained, several of them together."""
        return not any(
            self.setting(name) for name in ("sequence", "mlm", "lora", "data_languages", "noise")
        )
