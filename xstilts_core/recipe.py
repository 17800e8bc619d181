"""A recipe: how an encoder is prepared before the targets, as a study's file says it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Settings = dict[str, Any]


class Recipe(BaseModel):
    """How an encoder is prepared before the targets: a row of the main table. Nothing at all is the baseline.

    In a file the settings stand beside the other keys: `mnli_500: {intermediate: [mnli], train_examples: 500}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intermediate: list[str] = Field([], description="English intermediate tasks; several are trained together, one head each")
    sequence: bool = Field(False, description="several tasks one after the other, in this order, instead of together")
    control: Literal["", "random_init", "hypothesis_only", "names_masked", "majority", "overlap"] = Field(
        "", description="what a score is worth without: pretrained weights, a pair's first text, names, any model at all"
    )
    sampling: Literal["", "proportional", "uniform"] = Field("", description="mixture: proportional to size, or uniform")
    temperature: float | None = Field(None, gt=0, description="mixture temperature")
    cap: int | None = Field(None, ge=1, description="mixture cap")
    probabilities: dict[str, float] = Field({}, description="mixture: fixed probability of each task")
    mlm: float = Field(0.0, ge=0, le=100, description="batches of multilingual masked language modelling to one of the tasks")
    lora: int = Field(0, ge=0, description="rank of low-rank adapters, trained instead of the encoder's weights; 0: none")
    data_languages: list[str] | None = Field(None, min_length=1, description="languages of the intermediate data instead of English")
    noise: float | None = Field(None, ge=0, lt=1, description="share of the intermediate data's words to disturb")
    translator: str | None = Field(None, min_length=1, description="model that translates the intermediate data: hub name or folder")
    settings: Settings = Field({}, description="settings of phase 2 for this recipe alone")

    @model_validator(mode="before")
    @classmethod
    def gather(cls, values: Any) -> Any:
        """Keys that are no fields of a recipe are settings; the file's check has refused those that no run has."""
        if not isinstance(values, dict) or "settings" in values:
            return values
        own = {key: value for key, value in values.items() if key in cls.model_fields}
        return {**own, "settings": {key: value for key, value in values.items() if key not in own}}

    def own(self) -> Settings:
        """All that this recipe sets of its run of phase 2."""
        beside = {"intermediate", "control", "settings"}
        return {**self.settings, **self.model_dump(exclude_defaults=True, exclude=beside)}

    @property
    def plain(self) -> bool:
        """Whether it is what the paper's main table has: its tasks alone, in English, all weights trained, several of them together."""
        return not (self.sequence or self.mlm or self.lora or self.data_languages or self.noise)
