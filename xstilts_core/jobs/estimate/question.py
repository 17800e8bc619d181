"""Define the question to a probe and its answer, which two processes exchange as JSON."""

from dataclasses import dataclass, field
from typing import Any

from xstilts_core.tasks import SourceName

# The task of a stage that continues masked language modelling beside tasks.
TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Stage:
    """Batches of one kind, whose speed is measured once for all the runs that use them.

    task: the task of the examples; "mlm": the texts of phase 1; TEXTS: those of masked language
    modelling in phase 2. batch_size: examples per step (tokens for "mlm"); 0: no training. lora:
    rank of the adapters trained instead of the weights. pool: passages embedded once, before the
    queries that are ranked against them. layer: the hidden state that sentences are embedded with;
    -1: all, to choose one.
    """

    task: str
    source: SourceName
    data_root: str
    max_length: int
    doc_stride: int = 64
    batch_size: int = 0
    frozen: bool = False
    dropout: float | None = 0.0
    pooling: str = "first"
    precision: str = "auto"
    lora: int = 0
    pool: int = 0
    layer: int = -1

    @property
    def embedded(self) -> bool:
        """Whether the examples are those of the embedded suite."""
        return self.source == "mini"


@dataclass(frozen=True, slots=True)
class Speed:
    """The cost of a stage in seconds: read (creating or reading one example), batch (the rows of a
    step), step (the optimizer), scored (one example), once (before everything). rows: training rows
    per example; tokens: per row; known: whether tokens were counted, not assumed."""

    rows: float
    tokens: float
    known: bool
    read: float = 0.0
    batch: float = 0.0
    step: float = 0.0
    scored: float = 0.0
    once: float = 0.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """English training examples of a task to translate into another language. translator: the name
    of the model for this language."""

    translator: str
    language: str
    task: str
    source: SourceName
    data_root: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The cost of a rendering: sentences per example, and seconds to translate an example. kept:
    sentences of this model and language on disk.

    known: whether the sentences were counted, not assumed. error: why nothing could be measured.
    """

    sentences: float = 0.0
    seconds: float = 0.0
    kept: int = 0
    known: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The question to a probe. pretrain: fields of the PretrainSpec that trains the encoder.
    translations: folder of stored translations."""

    encoder: str
    device: str
    stages: list[Stage]
    pretrain: dict[str, Any] | None = None
    renderings: list[Rendering] = field(default_factory=list)
    translations: str = ""

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Question":
        """Create a Question from parsed JSON."""
        stages = [Stage(**stage) for stage in content["stages"]]
        return cls(
            **{
                **content,
                "stages": stages,
                "renderings": [Rendering(**rendering) for rendering in content["renderings"]],
            }
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The measurements of a probe. start: seconds to import everything; memory: peak bytes of a
    run, of GPU memory if `gpu`.

    shape: origin of the encoder's shape; speeds: of the question's stages; rendered: of its
    renderings; assumed: tokens per row by format, for those not counted.
    """

    device: str
    gpu: bool
    shape: str
    parameters: int
    vocabulary: int
    start: float
    memory: int
    speeds: list[Speed]
    assumed: dict[str, float]
    rendered: list[Rendered] = field(default_factory=list)

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Answer":
        """Create an Answer from parsed JSON."""
        speeds = [Speed(**speed) for speed in content["speeds"]]
        return cls(
            **{
                **content,
                "speeds": speeds,
                "rendered": [Rendered(**rendered) for rendered in content["rendered"]],
            }
        )
