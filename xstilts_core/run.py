"""Steps of the run notebooks: each function is one step and returns a value worth displaying."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from xstilts_core import model, results
from xstilts_core import train as loop
from xstilts_core.checkpoint import Checkpoint
from xstilts_core.data import hub_client, sampling
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError
from xstilts_core.evaluate import Scored, as_scores, format_with_pool, score, write_predictions
from xstilts_core.examples import Example, PairExample
from xstilts_core.files import encoder_files
from xstilts_core.formats import FORMATS, HeadOptions, Limits, mlm
from xstilts_core.formats.tokens import encode_texts
from xstilts_core.model import Encoder
from xstilts_core.phases import attempts, learnt, trivial
from xstilts_core.results import LOG, Score
from xstilts_core.schedule import Learner, Schedule, plan, shares
from xstilts_core.streams import Stream
from xstilts_core.study import identity
from xstilts_core.study import precision as study_precision
from xstilts_core.study.identity import Identity
from xstilts_core.study.spec import (
    EncoderSpec,
    Encoding,
    IntermediateSpec,
    PretrainSpec,
    Spec,
    TargetSpec,
    Tuning,
)
from xstilts_core.tasks import Task, task
from xstilts_core.train import Trained, train
from xstilts_core.translation import translated

TEXTS = "mlm"


def _interactive() -> bool:
    """Return whether a person is watching: a terminal, or a front end that can request input."""
    # papermill's kernels cannot request input; JupyterLab's can.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False)) if kernel else sys.stdout.isatty()


Kind = TypeVar("Kind", bound=Spec, covariant=True)


@dataclass(slots=True)
class Run(Generic[Kind]):
    """A run in progress: its spec, start time, identity (what its numbers depend on) and log.

    Three fields go into the details of result.json. `counts`: what the scoring counted, name ->
    task -> language -> number. `learnt`: whether the run's tasks were learnt, by task. `attempts`:
    a record of each training, if training may be repeated.
    """

    spec: Kind
    started: float = field(default_factory=time.perf_counter)
    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    learnt: dict[str, dict[str, Any]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.identity = identity.begin(self.spec)
        self.spec.folder.mkdir(parents=True, exist_ok=True)
        self.clear_log()

    def clear_log(self) -> None:
        """Begin train_log.jsonl anew: it holds only the attempt that is kept."""
        (self.spec.folder / LOG).unlink(missing_ok=True)

    def log(self, *lines: dict[str, Any]) -> None:
        """Append lines to train_log.jsonl."""
        with (self.spec.folder / LOG).open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line, allow_nan=False) + "\n" for line in lines)

    def reporter(self, steps: int) -> Callable[[dict[str, Any]], None]:
        """Return a callback for train() that appends each line to train_log.jsonl.
        It also shows a bar in an interactive session, or else prints a line per evaluation."""
        if _interactive():
            from tqdm.auto import tqdm

            bar = tqdm(total=steps, unit="step")

        def report(line: dict[str, Any]) -> None:
            self.log(line)
            if _interactive():
                bar.update(line["step"] - bar.n)
                bar.set_postfix(loss=line["loss"], dev=line.get("dev"))
            elif "dev" in line or line["step"] == steps:
                dev = ""
                if "dev" in line:
                    dev = "  dev not finite" if line["dev"] is None else f"  dev {line['dev']:.1f}"
                print(
                    f"step {line['step']}/{steps}  loss {line['loss']:.3f}{dev}  "
                    f"{line['tokens_per_second']} tokens/s",
                    flush=True,
                )

        return report

    def keep(
        self, task: Task, language: str, split: str, examples: Sequence[Any], scored: Scored
    ) -> list[Score]:
        """Write the predictions of a task in one language and return their scores. Record and print
        what the scoring counted."""
        write_predictions(self.spec.folder, task, language, examples, scored)
        for what, number in scored.counts.items():
            self.counts.setdefault(what, {}).setdefault(task.name, {})[language] = number
            print(f"{task.name} in {language}: {what} {number}", flush=True)
        return as_scores(scored, task, language, split)

    def checkpoint(self: "Run[PretrainSpec | Tuning]") -> Checkpoint | None:
        """Return the checkpoint of the unfinished run, or None if the spec wants none."""
        if not self.spec.checkpoint_every:
            return None
        settings = {**self.identity.changed_settings, "versions": self.identity.versions}
        return Checkpoint(self.spec.folder, self.spec.checkpoint_every, settings)

    def finish(self, scores: list[Score], details: dict[str, Any], device: torch.device) -> Path:
        """Write result.json, which marks the run as done, and return its path.
        Its seconds include those of earlier processes that the training was resumed from."""
        seconds = time.perf_counter() - self.started + details.get("earlier_seconds", 0.0)
        facts = {
            "precision": precision(self.spec),
            learnt.DETAIL: self.learnt,
            "attempts": self.attempts,
        }
        path = results.write(
            self.spec,
            scores,
            model.device_name(device),
            seconds,
            {**{key: fact for key, fact in facts.items() if fact}, **self.counts, **details},
            revisions=hub_client.revisions(self.spec),
            initial_identity=self.identity,
        )
        Checkpoint(self.spec.folder).remove()
        Checkpoint(self.spec.folder, name=attempts.FILE).remove()
        return path


def precision(spec: Spec) -> str:
    """Return the precision of the run's network, "" without one. Heads and losses are float32."""
    if isinstance(spec, EncoderSpec) and uses_bfloat16(spec):
        return "bfloat16"
    return "float32" if isinstance(spec, EncoderSpec | PretrainSpec) else ""


def uses_bfloat16(spec: EncoderSpec) -> bool:
    """Return whether the run computes in bfloat16."""
    return model.in_bfloat16(spec.precision, model.device(spec.device), study_precision.width(spec))


def load_encoder(spec: Encoding) -> Encoder:
    """Load the spec's starting encoder onto its device. Only training uses dropout."""
    encoder = model.load(
        spec.start,
        dropout=spec.dropout,
        attention_dropout=spec.attention_dropout,
        packed=spec.packed,
        device=model.device(spec.device),
        random_init=spec.control == "random_init",
        seed=spec.seed,
        layer=spec.layer,
        bfloat16=uses_bfloat16(spec),
    )
    configuration = encoder.network.config.to_dict()
    if reason := encoder_files.limits_problem(
        configuration, spec.start, spec.layer, spec.max_length
    ):
        raise UsageError(reason)
    if spec.freeze_embeddings:
        model.freeze_embeddings(encoder.network)
    if spec.lora:
        model.add_adapters(encoder.network, spec.lora, spec.seed)
    return encoder


def limits(spec: Tuning) -> Limits:
    return Limits(spec.max_length, spec.doc_stride)


def _apply_input_control(spec: Tuning, examples: Sequence[Example]) -> list[Example]:
    """Return the examples as the model sees them. The control hypothesis_only hides the first text
    of a pair, to measure what the second gives away on its own (Poliak et al. 2018)."""
    if spec.control != "hypothesis_only":
        return list(examples)
    return [replace(example, text_a="") for example in examples if isinstance(example, PairExample)]


def learner(name: str, spec: Tuning, encoder: Encoder) -> Learner:
    """Build the learner of one task: training data, English development data and a new head.
    The head's weights are drawn from the seed."""
    form, config = FORMATS[task(name).format], encoder.network.config
    if isinstance(spec, IntermediateSpec):
        training_set = translated.training(name, spec)
    else:
        training_set = translated.TrainingSet(
            source_of(spec).training(name, spec.train_examples, spec.seed)
        )
    parts = {
        part: _apply_input_control(spec, examples) for part, examples in training_set.parts.items()
    }
    entry = form.complete(
        task(name), [example for examples in parts.values() for example in examples]
    )
    torch.manual_seed(spec.seed)
    deviation = float(getattr(config, "initializer_range", 0.02))
    dropout = model.head_dropout(config) if spec.dropout is None else spec.dropout
    head = form.head(entry, HeadOptions(encoder.width, dropout, spec.pooling, deviation)).to(
        model.device(spec.device)
    )
    streams = [
        Stream(
            name=part,
            head=head,
            loss=form.loss,
            encoded=form.encode(examples, entry, encoder.tokenizer, limits(spec)),
            size=len(examples),
            batch_size=spec.batch_size,
            group=entry.group,
        )
        for part, examples in parts.items()
    ]
    return Learner(
        task=entry,
        head=head,
        streams=streams,
        development=source_of(spec).development(name),
        counts=training_set.counts,
    )


def learners(spec: Tuning, encoder: Encoder) -> list[Learner]:
    """Return one learner per task that the spec trains on."""
    members = [learner(name, spec, encoder) for name in spec.trains]
    for member in members:
        # MNLI is both a task and a part of ANLI+: trained together, its streams need two names.
        if len(members) > 1 and len(member.streams) > 1:
            member.streams[:] = [
                replace(stream, name=f"{member.task.name}/{stream.name}")
                for stream in member.streams
            ]
    return members


def unlabelled(spec: IntermediateSpec, encoder: Encoder) -> list[Stream]:
    """Return the texts of continued masked language modelling as a stream; [] without `mlm`.
    The stream learns with the encoder's own language-model head."""
    if not spec.mlm:
        return []
    texts = source_of(spec).unlabelled(spec.mlm_languages, spec.mlm_documents, spec.seed)
    encoded = encode_texts([(text, None) for text in texts], encoder.tokenizer, spec.max_length)
    head = model.language_head(encoder, spec.start, spec.seed)
    draws = np.random.default_rng([spec.seed, 6])
    mask = mlm.masking(encoder.tokenizer, spec.mask_share, draws)
    # The mean over masked tokens keeps their logits and softmax values over the whole vocabulary.
    logits = int(3 * 4 * spec.mask_share * encoder.network.config.vocab_size)
    return [
        Stream(
            name=TEXTS,
            head=head,
            loss=mlm.loss,
            encoded=encoded,
            size=len(encoded),
            batch_size=spec.batch_size,
            mask=mask,
            draws=draws,
            token_bytes=logits,
        )
    ]


def describe(learners: list[Learner], texts: Sequence[Stream] = ()) -> list[dict[str, Any]]:
    """List the task, part, examples, rows and tokens of every stream to train on.
    Streams that are not plain English also list what became of how many examples by language."""
    streams = [
        (member.task.name, member.counts, stream)
        for member in learners
        for stream in member.streams
    ]
    rows: list[dict[str, Any]] = []
    for name, counts, stream in [*streams, *((TEXTS, (), stream) for stream in texts)]:
        row = {
            "task": name,
            "part": stream.name,
            "examples": stream.size,
            "rows": len(stream.encoded),
            "tokens": len(stream.encoded.ids),
        }
        if by_language := [asdict(count) for count in counts if count.part == stream.name]:
            row["languages"] = by_language
        rows.append(row)
    return rows


def examine(
    spec: Tuning, encoder: Encoder, learners: list[Learner], count: int | None = None
) -> tuple[list[Score], list[learnt.Judgement]]:
    """Return scores on English development examples of every task, and which were learnt.

    count: size of the sample, which does not depend on the run's seed; None: all examples. Only
    then are the tasks judged.
    """
    scores, judgements = [], []
    for member in learners:
        examples = _apply_input_control(
            spec, sampling.sample(member.task.name, member.development, count)
        )
        scored = score(encoder, member.head, member.task, examples, "en", limits(spec))
        scores += as_scores(scored, member.task, "en", "dev")
        if not count:
            columns, statistics = scored.columns, scored.statistics
            verdict = trivial.judge(member.task, examples, columns, statistics, spec.seed)
            judgements += [verdict] if verdict else []
    return scores, judgements


def _judging_learners(spec: Tuning, learners: list[Learner]) -> list[Learner]:
    """Return the tasks by which a training is judged: all, or the last one of a sequence."""
    return learners[-1:] if spec.sequence else learners


def judge(run: Run[IntermediateSpec], encoder: Encoder, learners: list[Learner]) -> list[Score]:
    """Return scores on all English development examples of every task.

    Record in the run which of the tasks it is judged by were learnt, and print those that were not.
    """
    scores, judgements = examine(run.spec, encoder, learners)
    names = [member.task.name for member in _judging_learners(run.spec, learners)]
    verdicts = [
        replace(judgement, attempts=max(1, len(run.attempts)))
        for judgement in judgements
        if judgement.task in names
    ]
    run.learnt = {verdict.task: verdict.content() for verdict in verdicts}
    if missed := [(run.spec.seed, verdict) for verdict in verdicts if not verdict.learnt]:
        print(learnt.sentence(run.spec, missed), flush=True)
    return scores


def fit(
    run: Run[Tuning], encoder: Encoder, learners: list[Learner], texts: Sequence[Stream] = ()
) -> Trained:
    """Train, and leave the checkpoint of the best mean of the tasks' own metrics on English
    development data.

    In a sequence of tasks only the last one's metric counts, so checkpoints are chosen in its
    stage. texts: from `unlabelled`. With `restarts`, training is repeated while a task is not
    learnt (attempts.py). Low-rank adapters are merged into the encoder at the end.
    """
    spec = run.spec
    schedule, probabilities = plan(spec, learners), shares(spec, learners)
    judging = _judging_learners(spec, learners)
    metrics = {member.task.name: member.task.metric for member in judging}
    streams = [*(stream for member in learners for stream in member.streams), *texts]

    def evaluate() -> float:
        scores, _ = examine(spec, encoder, judging, spec.dev_examples)
        return float(np.mean([item.value for item in scores if item.metric == metrics[item.task]]))

    def attempt(schedule: Schedule) -> Trained:
        run.clear_log()
        return train(
            encoder,
            streams,
            probabilities,
            schedule,
            evaluate,
            run.reporter(schedule.steps),
            run.checkpoint(),
        )

    if spec.restarts:
        modules = loop.modules_of(encoder, streams)
        trained, run.attempts = attempts.until_learnt(
            modules,
            streams,
            [attempts.schedule_of(schedule, number) for number in range(spec.restarts + 1)],
            attempt,
            lambda: examine(spec, encoder, judging)[1],
            run.checkpoint(),
            loop.identity(modules, streams, probabilities, schedule),
        )
        run.clear_log()
        run.log(*trained.log)
    else:
        trained = attempt(schedule)
    if spec.lora:
        model.merge_adapters(encoder.network)
    return trained


def score_targets(run: Run[TargetSpec], encoder: Encoder, trained_on: Learner) -> list[Score]:
    """Score every target in every language, zero-shot, and write the predictions."""
    spec, source = run.spec, source_of(run.spec)
    scores: list[Score] = []
    for name in spec.targets:
        split = source.test_split(name)
        # The head belongs to the training task: the target contributes its languages and scoring
        # rule, but not its labels.
        target = replace(task(name), labels=trained_on.task.labels)
        form = format_with_pool(encoder, trained_on.head, target, source.pool(name), limits(spec))
        for language in source.evaluated(name, split, spec.languages):
            examples = source.load(name, split, language)[: spec.test_examples or None]
            inputs = _apply_input_control(spec, examples)
            scored = score(encoder, trained_on.head, target, inputs, language, limits(spec), form)
            scores += run.keep(target, language, split, examples, scored)
    return scores


def details(encoder: Encoder, trained: Trained, learners: Sequence[Learner] = ()) -> dict[str, Any]:
    """Return what result.json records about the training besides the scores.

    learners: those whose examples are counted, with what became of them in other languages.
    """
    facts = asdict(trained)
    log = facts.pop("log")
    facts |= {
        "padding": round(float(np.mean([line["padding"] for line in log])), 4),
        "packed": encoder.packed,
        "parameters": encoder.network.num_parameters(),
    }
    if examples := {stream.name: stream.size for member in learners for stream in member.streams}:
        facts["examples"] = examples
    if counts := [asdict(count) for member in learners for count in member.counts]:
        facts["translated"] = counts
    return facts
