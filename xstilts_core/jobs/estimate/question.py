"""What a probe is asked and what it answers: the two processes exchange these as JSON."""

from dataclasses import dataclass, field
from typing import Any

# The task of a stage that goes on with masked language modelling beside tasks.
TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Stage:
    """Batches of one kind: their speed is measured once for all the runs that make them.

    task: whose examples; "mlm": the texts of phase 1; TEXTS: those of masked language modelling in
    phase 2. batch_size: examples in a step (tokens for "mlm"); 0: nothing is trained. lora: rank of
    the adapters that are trained instead of the weights. pool: passages that are embedded once,
    before the queries that are ranked against them. layer: the hidden state that sentences are
    embedded with; -1: each, to choose one.
    """

    task: str
    source: str
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


@dataclass(frozen=True, slots=True)
class Speed:
    """What a stage costs, in seconds: read (making or reading one example), batch (the rows of a
    step), step (the optimizer), scored (one example), once (before everything). rows: training rows
    an example; tokens: of a row; known: counted, not assumed."""

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
    """English training examples of a task that a model says in another language. translator: its
    name for this language."""

    translator: str
    language: str
    task: str
    source: str
    data_root: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a rendering costs: sentences of an example, seconds to translate it. kept: sentences of
    this model and language on disk.

    known: the sentences were counted, not assumed. error: why nothing could be measured.
    """

    sentences: float = 0.0
    seconds: float = 0.0
    kept: int = 0
    known: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a probe shall measure. pretrain: fields of the PretrainSpec that makes the encoder.
    translations: folder of kept ones."""

    encoder: str
    device: str
    stages: list[Stage]
    pretrain: dict[str, Any] | None = None
    renderings: list[Rendering] = field(default_factory=list)
    translations: str = ""

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Question":
        """From JSON."""
        stages = [Stage(**stage) for stage in content["stages"]]
        return cls(
            **{
                **content,
                "stages": stages,
                "renderings": [Rendering(**entry) for entry in content["renderings"]],
            }
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe measured. start: seconds to import everything; memory: bytes of a run at its
    peak, of the GPU's where `gpu`.

    shape: where the encoder's shape is from; speeds: of the question's stages; rendered: of its
    renderings; assumed: tokens of a row by format, where not counted.
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
        """From JSON."""
        speeds = [Speed(**speed) for speed in content["speeds"]]
        return cls(
            **{
                **content,
                "speeds": speeds,
                "rendered": [Rendered(**entry) for entry in content["rendered"]],
            }
        )
