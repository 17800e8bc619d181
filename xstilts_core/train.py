"""The training loop, shared by all phases."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from xstilts_core.checkpoint import Checkpoint, fingerprint, random_states, set_random_states
from xstilts_core.encoders.dropout import use_bytes
from xstilts_core.encoders.finite import HELP, NotFinite, Watch, require_finite
from xstilts_core.encoders.memory import most_tokens
from xstilts_core.model import Encoder
from xstilts_core.schedule import Schedule
from xstilts_core.streams import Order, Stream

LOGS = 50


@dataclass(slots=True)
class Trained:
    """The outcome of a training: step and development score of the weights it left, steps per
    stream, tokens and wall seconds.

    earlier_seconds: the part of `seconds` spent by earlier processes, up to the checkpoint that
    this one resumed from.
    """

    best_step: int
    best_score: float | None
    counts: dict[str, int]
    tokens: int = 0
    seconds: float = 0.0
    earlier_seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)


def parameter_groups(modules: list[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups with weight decay on matrices, not on biases and norms."""
    weights = {
        id(p): p for module in modules for p in module.parameters() if p.requires_grad
    }.values()
    return [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]


def modules_of(encoder: Encoder, streams: list[Stream]) -> list[nn.Module]:
    """Return the encoder's network and every head that the streams train, each once."""
    return [encoder.network, *{id(stream.head): stream.head for stream in streams}.values()]


def trained_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the trainable weights.
    Frozen embeddings are most of a multilingual encoder."""
    frozen = {
        name
        for name, weight in module.named_parameters(remove_duplicate=False)
        if not weight.requires_grad
    }
    return {
        name: value.detach().clone()
        for name, value in module.state_dict().items()
        if name not in frozen
    }


@dataclass(slots=True)
class _Window:
    """Sums since the last line of the log.
    The loss stays a tensor, because reading it would make a GPU wait at every step."""

    loss: Tensor | float = 0.0
    padding: float = 0.0
    tokens: int = 0
    steps: int = 0
    since: float = field(default_factory=time.perf_counter)

    def add(self, loss: Tensor, padding: float, tokens: int) -> None:
        """Add a micro-batch."""
        self.loss += loss
        self.padding += padding
        self.tokens += tokens

    def line(self, step: int, stream: str, rate: float) -> dict[str, Any]:
        """Return a line of the log with means over the window."""
        speed = self.tokens / max(1e-9, time.perf_counter() - self.since)
        return {
            "step": step,
            "stream": stream,
            "loss": round(float(self.loss) / self.steps, 5),
            "padding": round(float(self.padding) / self.steps, 4),
            "learning_rate": rate,
            "tokens_per_second": round(speed),
        }


@dataclass(slots=True)
class Progress:
    """All state that changes from step to step.

    best: the best weights so far by development score; since: number of evaluations since then. On
    a CPU, a training resumed from it ends bit for bit like one that was never interrupted.
    """

    modules: list[nn.Module]
    optimizer: torch.optim.Optimizer
    draws: np.random.Generator
    orders: list[Order]
    outcome: Trained
    best: list[dict[str, Tensor]] = field(default_factory=list)
    since: int = 0
    window: _Window = field(default_factory=_Window)
    step: int = 0
    started: float = field(default_factory=time.perf_counter)
    watch: Watch = field(default_factory=Watch)

    @classmethod
    def begin(cls, encoder: Encoder, streams: list[Stream], schedule: Schedule) -> "Progress":
        """Start at step 0 with every generator seeded by the schedule."""
        modules = modules_of(encoder, streams)
        for module in modules:
            use_bytes(module)
        groups = parameter_groups(modules, schedule.weight_decay)
        torch.manual_seed(schedule.seed)
        return cls(
            modules=modules,
            optimizer=torch.optim.AdamW(
                groups, lr=schedule.learning_rate, betas=schedule.betas, eps=1e-8, fused=True
            ),
            draws=np.random.default_rng([schedule.seed, 1]),
            orders=[
                Order(stream, np.random.default_rng([schedule.seed, 2, k]))
                for k, stream in enumerate(streams)
            ],
            outcome=Trained(schedule.steps, None, {stream.name: 0 for stream in streams}),
        )

    def log(self, line: dict[str, Any]) -> None:
        """Append a line to the log and open the next window."""
        self.outcome.log.append(line)
        self.outcome.tokens += self.window.tokens
        self.window = _Window()

    def judge(self, evaluate: Callable[[], float], line: dict[str, Any]) -> None:
        """Log the weights' development score, None if not finite, and keep the weights if it beats
        all before. Ties keep the earlier weights, and a score that is not finite never wins."""
        try:
            score = float(evaluate())
        except NotFinite as error:
            moment = (
                f"evaluation after step {line['step']} ({line['stream']}, "
                f"learning rate {line['learning_rate']:.3g})"
            )
            raise NotFinite(f"{moment}: {error}") from None
        for module in self.modules:
            module.train()
        best = self.outcome.best_score
        if isfinite(score) and (best is None or score > best):
            self.outcome.best_score, self.outcome.best_step, self.since = score, self.step, 0
            self.best = []  # two copies at once would be the peak of memory
            self.best = [trained_weights(module) for module in self.modules]
        else:
            self.since += 1
        line["dev"] = score if isfinite(score) else None

    def finish(self, evaluated: bool) -> Trained:
        """Leave the best weights, or the last ones if nothing was `evaluated`.
        Raise NotFinite if no score was finite or a trained weight is not."""
        self.watch.check()
        if evaluated and self.outcome.best_score is None:
            raise NotFinite(f"no development score was finite: {HELP}")
        for module, weights in zip(self.modules, self.best, strict=False):
            module.load_state_dict(weights, strict=False)
        for module in self.modules:
            module.eval()
            for name, weight in module.named_parameters():
                if weight.requires_grad:
                    require_finite(f"after step {self.outcome.best_step} weights {name}", weight)
        self.outcome.seconds = time.perf_counter() - self.started
        return self.outcome

    def over(self, schedule: Schedule) -> bool:
        """Return whether all steps are done or the patience is exhausted."""
        return self.step >= schedule.steps or self.since >= schedule.patience

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint stores. The learning rate follows from the step."""
        now = time.perf_counter()
        return {
            "step": self.step,
            "modules": [module.state_dict() for module in self.modules],
            "optimizer": self.optimizer.state_dict(),
            "draws": self.draws.bit_generator.state,
            "orders": [order.state() for order in self.orders],
            "done": {**asdict(self.outcome), "seconds": now - self.started},
            "best": {"weights": self.best, "since": self.since},
            "window": {
                **asdict(self.window),
                "padding": float(self.window.padding),
                "since": now - self.window.since,
            },
            "random": random_states(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        now, device = time.perf_counter(), next(self.modules[0].parameters()).device
        for module, weights in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.draws.bit_generator.state = state["draws"]
        for order, order_state in zip(self.orders, state["orders"], strict=True):
            order.restore(order_state)
        self.outcome = Trained(**state["done"])
        self.outcome.earlier_seconds = self.outcome.seconds
        self.best, self.since = state["best"]["weights"], state["best"]["since"]
        self.window = _Window(**{**state["window"], "since": now - state["window"]["since"]})
        if isinstance(self.window.loss, Tensor):
            self.window.loss = self.window.loss.to(device)
        self.step, self.started = state["step"], now - self.outcome.seconds
        set_random_states(state["random"])


def identity(
    modules: list[nn.Module], streams: list[Stream], probabilities: ArrayLike, schedule: Schedule
) -> dict[str, Any]:
    """Return what a checkpoint must share with a training besides its run's identity.
    A parent run made anew gives other starting weights."""
    rows = []
    for stream in streams:
        encoded = stream.encoded
        columns = *encoded.columns.values(), *encoded.token_columns.values()
        digest = fingerprint([encoded.ids, encoded.lengths, encoded.rows, *columns])
        rows.append([stream.name, len(encoded), digest])
    return {
        # Frozen weights are the encoder's own. Reading them would load all of its mapped file.
        "starting weights": fingerprint(
            value for module in modules for value in trained_weights(module).values()
        ),
        "training rows": rows,
        "mixture": np.asarray(probabilities).tolist(),
        "schedule": asdict(schedule),
        "device or version of torch": [
            next(modules[0].parameters()).device.type,
            str(torch.__version__),
        ],
    }


def resume(
    progress: Progress,
    checkpoint: Checkpoint,
    training_identity: dict[str, Any],
    report: Callable[[dict[str, Any]], None],
) -> None:
    """Continue from the checkpoint if it belongs to this training.
    Its log lines are reported again, because the log file was begun anew."""
    if state := checkpoint.read(training_identity):
        progress.restore(state)
        print(f"goes on after step {progress.step}, from {checkpoint.path}", flush=True)
        for line in progress.outcome.log:
            report(line)


def train(
    encoder: Encoder,
    streams: list[Stream],
    probabilities: ArrayLike,
    schedule: Schedule,
    evaluate: Callable[[], float] | None = None,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train encoder and heads in place and leave the weights of the best development score (without
    `evaluate`, the last ones).

    Every step draws one stream by its probability, [streams] or [stages, streams], and `batch_size`
    of its rows, as the paper's code does. The rows go through the encoder in as many parts as
    memory requires (`memory`). The loss is the mean over all rows, so gradients do not depend on
    the parts. On one CPU, the same seed and number of threads give the same weights bit for bit,
    even if training resumes from its `checkpoint`, which the caller removes. A GPU adds up in no
    fixed order. Heads and losses are float32. `report` receives one line at each evaluation and
    about LOGS in between. Raise UsageError naming the first step whose loss or gradient is not
    finite.
    """
    network, device = encoder.network, encoder.device
    progress = Progress.begin(encoder, streams, schedule)
    training_identity: dict[str, Any] = {}
    if checkpoint:
        training_identity = identity(progress.modules, streams, probabilities, schedule)
        resume(progress, checkpoint, training_identity, report)
    weights = [weight for group in progress.optimizer.param_groups for weight in group["params"]]
    evaluation_steps = schedule.evaluation_steps() if evaluate else set()
    shares = np.atleast_2d(probabilities)
    token_limit = most_tokens(network, streams)
    for module in progress.modules:
        module.train()
    while not progress.over(schedule):
        if progress.step in schedule.stage_starts[1:]:
            progress.optimizer.state.clear()
        progress.step += 1
        rate = schedule.learning_rate * schedule.rate(progress.step - 1)
        for group in progress.optimizer.param_groups:
            group["lr"] = rate
        stage = schedule.stage(progress.step - 1)
        index = int(progress.draws.choice(len(streams), p=shares[stage]))
        stream, loss_of_step = streams[index], torch.zeros((), device=device)
        batches = stream.batches(next(progress.orders[index]), device, token_limit)
        terms = sum(batch.terms for batch in batches)
        for batch in batches:
            if not batch.terms:
                continue  # no labelled token, so its mean loss is undefined
            hidden, padding = encoder.hidden(batch.sequences)
            loss = stream.loss(stream.head, hidden, batch) * (batch.terms / terms)
            loss.backward()
            loss_of_step += loss.detach()
            progress.window.add(loss.detach(), padding / len(batches), len(batch.sequences.ids))
        norm = torch.nn.utils.clip_grad_norm_(weights, schedule.clip)
        progress.watch.add(progress.step, stream.name, rate, loss_of_step, norm)
        progress.optimizer.step()
        progress.optimizer.zero_grad(set_to_none=True)
        progress.window.steps += 1
        progress.outcome.counts[stream.name] += 1
        if progress.step % max(1, schedule.steps // LOGS) == 0 or progress.step in evaluation_steps:
            progress.watch.check()
            line = progress.window.line(progress.step, stream.name, rate)
            if evaluate and progress.step in evaluation_steps:
                progress.judge(evaluate, line)
            progress.log(line)
            report(line)
        if checkpoint and (progress.step % checkpoint.every == 0 or progress.over(schedule)):
            progress.watch.check()
            checkpoint.write(progress.state(), training_identity)
    return progress.finish(evaluated=bool(evaluation_steps))
