"""Count the work of a run before it starts: examples read, trained on and scored. Nothing is
downloaded for this."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from xstilts_core.data.source import Source, source_of
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate.question import TEXTS, Stage
from xstilts_core.mini import suite
from xstilts_core.study.spec import (
    ControlSpec,
    DataSpec,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    Tuning,
    passes,
)
from xstilts_core.tasks import EMBEDDED_LANGUAGES, XTREME_LANGUAGES, task

# Larger files are not read for a count; the sizes of the public releases are used instead.
_LARGEST_FILE_BYTES = 8_000_000
# A training step costs about three times as much as the forward pass over the same tokens.
_BACKWARD = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """The work of a run on one stage, in examples: read (all that are loaded), trained (per pass),
    scored."""

    stage: Stage
    read: int = 0
    trained: int = 0
    scored: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a whole run. steps: optimizer steps if given (phase 1); otherwise they follow
    from the epochs and `least_steps`.

    in_turn: train on the pieces one after the other, each for its own steps, instead of mixing
    them. probabilities: fixed sampling weights of the pieces; empty if they follow from sizes. mlm:
    batches of text per batch of the tasks, for the piece TEXTS.
    """

    pieces: tuple[Piece, ...] = ()
    epochs: int = 0
    least_steps: int = 0
    steps: int = 0
    in_turn: bool = False
    cap: int = 2**62
    temperature: float = 1.0
    probabilities: tuple[float, ...] = ()
    mlm: float = 0.0
    languages: int = 0

    @property
    def scored(self) -> int:
        """The number of examples to predict."""
        return sum(piece.scored for piece in self.pieces)

    @property
    def units(self) -> float:
        """The number of examples seen, with trained examples counted as _BACKWARD: the relative
        cost among runs of one kind."""
        trained = sum(
            self.passes(piece, piece.trained) * min(piece.trained, self.cap)
            for piece in self.pieces
        ) * (1 + self.mlm)
        return _BACKWARD * (trained + self.steps) + sum(
            piece.scored + piece.stage.pool for piece in self.pieces
        )

    def effective(self, piece: Piece) -> int:
        """Return the rows of an optimizer step on a piece."""
        return max(1, piece.stage.batch_size)

    def passes(self, piece: Piece, rows: float) -> int:
        """Return the number of passes over this many rows of a piece."""
        return passes(rows, self.effective(piece), self.epochs, self.least_steps)


def published(name: str, split: str) -> int:
    """Return the examples of the public release. If the size of development or test is not stated,
    use the other's; return 0 if neither is."""
    sizes = task(name).sizes
    other = {"test": "dev", "dev": "test"}.get(split, "")
    return sizes.get(split) or sizes.get(other, 0)


def is_small(source: Source, name: str, split: str, code: str) -> bool:
    """Return whether local files of this split are small enough to be read for an estimate."""
    with suppress(UsageError):  # no files of this split are known
        if source.at_hand and (paths := source.split_files(name, split, code)):
            return sum(path.stat().st_size for path in paths) <= _LARGEST_FILE_BYTES
    return False


@lru_cache(maxsize=512)
def size(source: Source, name: str, split: str, code: str = "en") -> int:
    """Return the examples of a split in one language: exact for the embedded suite and for small
    files, otherwise those of the public release."""
    if task(name).parts:
        return sum(size(source, part, split, code) for part in task(name).parts)
    if source.name == "mini":
        return suite.SIZES.get(name, {}).get(split, 0)
    if is_small(source, name, split, code):
        return len(source.load(name, split, code))
    return published(name, split)


def evaluated(source: Source, name: str, split: str, wish: list[str]) -> tuple[str, ...]:
    """Return the languages that are scored: those on this machine, or the benchmark's if there are
    no data yet."""
    if source.at_hand:
        with suppress(UsageError):  # these files do not exist yet
            return source.evaluated(name, split, wish)
    codes = task(name).languages_of(source.benchmark)
    return tuple(code for code in codes if not wish or code in wish)


def test_split(source: Source, name: str) -> str:
    """Return the split that scores are reported on."""
    if source.at_hand and any(source.languages(name, split) for split in ("test", "dev")):
        return source.test_split(name)
    return "test" if "test" in task(name).sizes else "dev"


def tested(name: str, spec: TargetSpec) -> tuple[int, int, int]:
    """Return (number of languages, examples read, examples scored) of a target, assuming the first
    language's size for every language."""
    source = source_of(spec)
    split = test_split(source, name)
    codes = evaluated(source, name, split, spec.languages)
    rows = size(source, name, split, codes[0]) if codes else 0
    return len(codes), len(codes) * rows, len(codes) * min(rows, spec.test_examples or rows)


def _pool_size(source: Source, name: str) -> int:
    """Return the number of passages that a target's queries are ranked against, counted if the
    files are small, otherwise that of the public release."""
    with suppress(UsageError):  # some of these files do not exist yet
        files = source.pool_files(name)
        if files and sum(path.stat().st_size for path in files) <= _LARGEST_FILE_BYTES:
            return len(source.pool(name))
    return task(name).pool


def trained_on(name: str, spec: Tuning) -> list[Piece]:
    """Return a task's training examples, up to the spec's limit: one piece, or one for each of the
    task's stages, each with this limit.

    scored: the development examples that the last stage is evaluated on.
    """
    settings = (
        spec.max_length,
        spec.doc_stride,
        spec.batch_size,
        spec.freeze_embeddings,
        spec.dropout,
        spec.pooling,
        spec.precision,
    )
    source, pieces = source_of(spec), []
    for part in task(name).parts if task(name).staged else (name,):
        rows = size(source, part, "train")
        stage = Stage(part, spec.source, spec.data_root, *settings, lora=spec.lora)
        pieces.append(Piece(stage, rows, min(rows, spec.examples_of(name) or rows)))
    development = size(source, pieces[-1].stage.task, "dev") or spec.dev_examples
    pieces[-1] = replace(pieces[-1], read=pieces[-1].read + development, scored=development)
    return pieces


def tuned(spec: Tuning) -> Work:
    """Return the work of phases 2 and 3: training, evaluations on development data, and the final
    scores (development in phase 2, all targets in phase 3)."""
    pieces = tuple(piece for name in spec.trains for piece in trained_on(name, spec))
    in_turn = len(pieces) > len(spec.trains) or spec.sequence
    planned = Work(pieces, spec.epochs, spec.least_steps, in_turn=in_turn)
    planned = mixed(spec, planned) if isinstance(spec, IntermediateSpec) else planned
    planned = replace(planned, pieces=judged(spec, planned))
    return _with_targets(spec, planned) if isinstance(spec, TargetSpec) else planned


def judged(spec: Tuning, planned: Work) -> tuple[Piece, ...]:
    """Return the pieces with all scorings of their development examples.

    They are scored at every evaluation; for tasks in sequence only those of the last task, during
    its own steps. Phase 2 also scores all of them at the end.
    """
    counts = [
        count
        for piece, count in zip(planned.pieces, steps(planned), strict=True)
        if piece.stage.task != TEXTS
    ]
    rounds = spec.evaluations_in(
        max(1, round((counts[-1] if planned.in_turn else sum(counts)) * (1 + planned.mlm)))
    )
    pieces = []
    for position, piece in enumerate(planned.pieces):
        evaluations = (
            rounds * min(piece.scored, spec.dev_examples)
            if not planned.in_turn or position == len(counts) - 1
            else 0
        )
        pieces.append(
            replace(
                piece,
                scored=evaluations + (piece.scored if isinstance(spec, IntermediateSpec) else 0),
            )
        )
    return tuple(pieces)


def _with_targets(spec: TargetSpec, planned: Work) -> Work:
    """Add the targets to a run: their examples and the pools that they search, scored with the last
    training stage."""
    totals = [tested(name, spec) for name in spec.targets]
    pool = sum(_pool_size(source_of(spec), name) for name in spec.targets)
    *before, last = planned.pieces
    read = last.read + pool + sum(read for _, read, _ in totals)
    scored = last.scored + sum(scored for _, _, scored in totals)
    last = replace(last, stage=replace(last.stage, pool=pool), read=read, scored=scored)
    return replace(planned, pieces=(*before, last), languages=sum(count for count, _, _ in totals))


def mixed(spec: IntermediateSpec, planned: Work) -> Work:
    """Add the settings of a run's mixture, and the texts of masked language modelling as a separate
    piece."""
    if len(spec.tasks) > 1 and not spec.sequence:
        uniform = (
            dict.fromkeys(spec.tasks, 1 / len(spec.tasks)) if spec.sampling == "uniform" else {}
        )
        fixed = spec.probabilities or uniform
        shares = tuple(fixed[name] for name in spec.tasks) if fixed else ()
        planned = replace(planned, cap=spec.cap, temperature=spec.temperature, probabilities=shares)
    if not spec.mlm:
        return planned
    languages = len(
        spec.mlm_languages or (EMBEDDED_LANGUAGES if spec.embedded else XTREME_LANGUAGES)
    )
    texts = Piece(
        replace(planned.pieces[-1].stage, task=TEXTS), read=languages * spec.mlm_documents
    )
    return replace(planned, pieces=(*planned.pieces, texts), mlm=spec.mlm)


def sentences(name: str, split: str, spec: RetrievalSpec, code: str) -> int:
    """Return the number of sentences on both sides of one language pair."""
    source = source_of(spec)
    count = size(source, name, split, code)
    distractors = suite.RETRIEVAL[name] if spec.embedded and count else 0
    # A file's examples are single sentences of either side; a table's rows are pairs of sentences.
    return count if is_small(source, name, split, code) else 2 * (count + distractors)


def _retrieved(spec: RetrievalSpec) -> Work:
    """Return the work of a retrieval run: embed development data once for the layer and, for
    mining, once more for the threshold; then embed test data."""
    source = source_of(spec)
    split = test_split(source, spec.task)
    passes = [(split, 1)]
    if split == "test" and has_development(spec):
        passes.append(("dev", 1 + (task(spec.task).metric == "f1")))
    count = read = 0
    languages: tuple[str, ...] = ()
    for data_split, times in passes:
        codes = evaluated(source, spec.task, data_split, spec.languages)
        rows = sentences(spec.task, data_split, spec, codes[0]) if codes else 0
        count, read, languages = (
            count + times * len(codes) * rows,
            read + len(codes) * rows,
            languages or codes,
        )
    stage = Stage(
        spec.task,
        spec.source,
        spec.data_root,
        spec.max_length,
        precision=spec.precision,
        layer=spec.layer,
    )
    return Work((Piece(stage, read, 0, count),), languages=len(languages))


def has_development(spec: RetrievalSpec) -> bool:
    if (source := source_of(spec)).at_hand:
        return bool(source.languages(spec.task, "dev"))
    return "dev" in task(spec.task).sizes


def probed(spec: ProbingSpec) -> Work:
    """Return the work of a probing run: embed English training and development data once, and test
    data in every language."""
    source, pieces, languages = source_of(spec), [], 0
    for name in spec.probes:
        codes = source.evaluated(name, "test", spec.languages)
        sizes = [size(source, name, split) for split in ("train", "dev", "test")]
        count = sizes[0] + sizes[1] + len(codes) * sizes[2]
        pieces.append(
            Piece(
                Stage(name, spec.source, spec.data_root, spec.max_length, precision=spec.precision),
                count,
                0,
                count,
            )
        )
        languages += len(codes)
    return Work(tuple(pieces), languages=languages)


def work(spec: Spec) -> Work:
    """Return the work of the run of `spec`.

    A control without an encoder only reads and counts, and the speed of the hub is unknown; both
    are charged for their start-up only.
    """
    match spec:
        case PretrainSpec():
            stage = Stage(
                "mlm",
                spec.source,
                spec.data_root,
                spec.max_length,
                batch_size=spec.batch_tokens,
                dropout=spec.dropout,
                precision="float32",
            )
            return Work((Piece(stage, spec.documents, 1),), steps=spec.steps)
        case IntermediateSpec() | TargetSpec():
            return tuned(spec)
        case RetrievalSpec():
            return _retrieved(spec)
        case ProbingSpec():
            return probed(spec)
        case ControlSpec():
            codes = [
                evaluated(source_of(spec), name, "test", spec.languages) for name in spec.targets
            ]
            return Work(languages=sum(map(len, codes)))
        case DataSpec():
            return Work()
    raise UsageError(f"phase {spec.phase!r}: its work cannot be counted")


def steps(planned: Work, rows: Mapping[Stage, float] | None = None) -> list[float]:
    """Return the optimizer steps spent on each piece, as in the training schedule. rows: training
    rows per example, 1 if not given."""
    if planned.steps:
        return [float(planned.steps) for _ in planned.pieces]
    pieces = [piece for piece in planned.pieces if piece.stage.task != TEXTS]
    counts = []
    for piece in pieces:
        row_count = piece.trained * (rows[piece.stage] if rows else 1.0)
        counts.append(
            planned.passes(piece, row_count)
            * -(-min(row_count, planned.cap) // planned.effective(piece))
        )
    total = sum(counts)
    if not planned.in_turn:
        weights = planned.probabilities or [
            min(piece.trained, planned.cap) ** (1 / planned.temperature) for piece in pieces
        ]
        counts = [total * weight / sum(weights) if any(weights) else 0.0 for weight in weights]
    return counts + [total * planned.mlm] * (len(planned.pieces) - len(pieces))
