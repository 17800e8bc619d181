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
from xstilts_core.formats import FORMATS, HeadOptions, Limits, mlm, pair
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
from xstilts_core.tasks import task
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
        (self.spec.folder / LOG).unlink(missing_ok=True)

    def log_anew(self, lines: Sequence[dict[str, Any]] = ()) -> None:
        """Replace train_log.jsonl by these lines: it holds only the attempt that is kept."""
        (self.spec.folder / LOG).write_text(
            "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines), encoding="utf-8"
        )

    def reporter(self, steps: int) -> Callable[[dict[str, Any]], None]:
        """Return a callback for train() that appends each line to train_log.jsonl.
        It also shows a bar in an interactive session, or else prints a line per evaluation."""
        path = self.spec.folder / LOG
        if _interactive():
            from tqdm.auto import tqdm

            bar = tqdm(total=steps, unit="step")

        def report(line: dict[str, Any]) -> None:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, allow_nan=False) + "\n")
            if _interactive():
                bar.update(line["step"] - bar.n)
                bar.set_postfix(loss=line["loss"], dev=line.get("dev"))
            elif "dev" in line or line["step"] == steps:
                dev = line.get("dev", "")
                dev_text = (
                    f"  dev {'not finite' if dev is None else f'{dev:.1f}'}" if dev != "" else ""
                )
                print(
                    f"step {line['step']}/{steps}  loss {line['loss']:.3f}{dev_text}  "
                    f"{line['tokens_per_second']} tokens/s",
                    flush=True,
                )

        return report

    def count(self, name: str, language: str, scored: Scored) -> None:
        """Record and print what the scoring of a task in one language counted."""
        for what, number in scored.counts.items():
            self.counts.setdefault(what, {}).setdefault(name, {})[language] = number
            print(f"{name} in {language}: {what} {number}", flush=True)

    def checkpoint(self: "Run[PretrainSpec | Tuning]") -> Checkpoint | None:
        """Return the checkpoint of the unfinished run, or None if the spec wants none."""
        every = self.spec.checkpoint_every
        return (
            Checkpoint(
                self.spec.folder,
                every,
                {**self.identity.changed_settings, "versions": self.identity.versions},
            )
            if every
            else None
        )

    def finish(self, scores: list[Score], details: dict[str, Any], device: torch.device) -> Path:
        """Write result.json, which marks the run as done, and return its path.
        Its seconds include those of earlier processes that the training was resumed from."""
        seconds = time.perf_counter() - self.started + details.get("earlier_seconds", 0.0)
        machine, revisions, dtype = (
            model.device_name(device),
            hub_client.revisions(self.spec),
            precision(self.spec),
        )
        facts = {
            **({learnt.DETAIL: self.learnt} if self.learnt else {}),
            **({"attempts": self.attempts} if self.attempts else {}),
        }
        details = {**({"precision": dtype} if dtype else {}), **facts, **self.counts, **details}
        path = results.write(
            self.spec,
            scores,
            machine,
            seconds,
            details,
            revisions=revisions,
            initial_identity=self.identity,
        )
        Checkpoint(self.spec.folder).remove()
        Checkpoint(self.spec.folder, name=attempts.FILE).remove()
        return path


def precision(spec: Spec) -> str:
    """Return the precision of the run's network, "" without one. Heads and losses are float32."""
    if not isinstance(spec, EncoderSpec):
        return "float32" if isinstance(spec, PretrainSpec) else ""
    return "bfloat16" if uses_bfloat16(spec) else "float32"


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
    """Return the examples as the model sees them.
    The control hypothesis_only hides the first text of a pair."""
    if spec.control != "hypothesis_only":
        return list(examples)
    return list(
        pair.second_only([example for example in examples if isinstance(example, PairExample)])
    )


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
    streams = []
    for part, examples in parts.items():
        encoded = form.encode(examples, entry, encoder.tokenizer, limits(spec))
        streams.append(
            Stream(
                name=part,
                head=head,
                loss=form.loss,
                encoded=encoded,
                size=len(examples),
                batch_size=spec.batch_size,
                group=entry.group,
            )
        )
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
    if len(members) == 1:
        return members
    # MNLI is both a task and a part of ANLI+: trained together, its streams need two names.
    return [
        member
        if len(member.streams) == 1
        else replace(
            member,
            streams=[
                replace(stream, name=f"{member.task.name}/{stream.name}")
                for stream in member.streams
            ],
        )
        for member in members
    ]


def unlabelled(spec: IntermediateSpec, encoder: Encoder) -> list[Stream]:
    """Return the texts of continued masked language modelling as a stream; [] without `mlm`.
    The stream learns with the encoder's own language-model head."""
    if not spec.mlm:
        return []
    texts = source_of(spec).unlabelled(spec.mlm_languages, spec.mlm_documents, spec.seed)
    encoded = mlm.encode([(text, None) for text in texts], encoder.tokenizer, spec.max_length)
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
    return [
        {
            "task": name,
            "part": stream.name,
            "examples": stream.size,
            "rows": len(stream.encoded),
            "tokens": len(stream.encoded.ids),
            **(
                {"languages": by_language}
                if (by_language := [asdict(count) for count in counts if count.part == stream.name])
                else {}
            ),
        }
        for name, counts, stream in [*streams, *((TEXTS, (), stream) for stream in texts)]
    ]


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
        judgements.append(
            None
            if count
            else trivial.judge(member.task, examples, scored.columns, scored.statistics, spec.seed)
        )
    return scores, [judgement for judgement in judgements if judgement]


def develop(
    spec: Tuning, encoder: Encoder, learners: list[Learner], count: int | None
) -> list[Score]:
    """Return scores on `count` English development examples of every task (see `examine`)."""
    return examine(spec, encoder, learners, count)[0]


def _judging_learners(spec: Tuning, learners: list[Learner]) -> list[Learner]:
    """Return the tasks by which a training is judged: all, or the last one of a sequence."""
    return learners[-1:] if spec.sequence else learners


def judge(run: Run[Tuning], encoder: Encoder, learners: list[Learner]) -> list[Score]:
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
        print(learnt.sentence(run.spec.recipe, len(learners), missed), flush=True)
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
    metrics = {member.task.name: member.task.metric for member in _judging_learners(spec, learners)}
    streams = [*(stream for member in learners for stream in member.streams), *texts]

    def evaluate() -> float:
        scores = develop(spec, encoder, _judging_learners(spec, learners), spec.dev_examples)
        return float(np.mean([item.value for item in scores if item.metric == metrics[item.task]]))

    def attempt(schedule: Schedule) -> Trained:
        run.log_anew()
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
        modules = [encoder.network, *{id(stream.head): stream.head for stream in streams}.values()]
        schedules = [attempts.schedule_of(schedule, number) for number in range(spec.restarts + 1)]
        training_identity = loop.identity(modules, streams, probabilities, schedule)
        trained, run.attempts = attempts.until_learnt(
            modules,
            streams,
            schedules,
            attempt,
            lambda: examine(spec, encoder, _judging_learners(spec, learners))[1],
            run.checkpoint(),
            training_identity,
        )
        run.log_anew(trained.log)
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
            write_predictions(spec.folder, target, language, examples, scored)
            scores += as_scores(scored, target, language, split)
    return scores


def details(encoder: Encoder, trained: Trained, learners: Sequence[Learner] = ()) -> dict[str, Any]:
    """Return what result.json records about the training besides the scores.

    learners: those whose examples are counted, with what became of them in other languages.
    """
    summary = {name: value for name, value in asdict(trained).items() if name != "log"}
    padding = float(np.mean([line["padding"] for line in trained.log]))
    facts = {
        "padding": round(padding, 4),
        "packed": encoder.packed,
        "parameters": model.count_parameters(encoder.network),
    }
    counts = [asdict(count) for member in learners for count in member.counts]
    examples = {stream.name: stream.size for member in learners for stream in member.streams}
    return {
        **summary,
        **facts,
        **({"examples": examples} if examples else {}),
        **({"translated": counts} if counts else {}),
    }
