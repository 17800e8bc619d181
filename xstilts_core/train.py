"""The training loop, shared by all phases."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import torch
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
        means = {
            "loss": round(float(self.loss) / self.steps, 5),
            "padding": round(float(self.padding) / self.steps, 4),
        }
        return {
            "step": step,
            "stream": stream,
            **means,
            "learning_rate": rate,
            "tokens_per_second": round(speed),
        }


@dataclass(slots=True)
class Best:
    """The best weights so far by development score, and the number of evaluations since then."""

    modules: list[nn.Module]
    done: Trained
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    since: int = 0

    def see(self, score: float, step: int) -> None:
        """Keep the weights if their score beats all before.
        Ties keep the earlier weights, and a score that is not finite never wins."""
        for module in self.modules:
            module.train()
        if isfinite(score) and (self.done.best_score is None or score > self.done.best_score):
            self.done.best_score, self.done.best_step, self.since = score, step, 0
            self.weights = [trained_weights(module) for module in self.modules]
        else:
            self.since += 1

    def restore(self) -> None:
        """Load the best weights and leave training mode."""
        for module, state in zip(self.modules, self.weights, strict=False):
            module.load_state_dict(state, strict=False)
        for module in self.modules:
            module.eval()


@dataclass(slots=True)
class Progress:
    """All state that changes from step to step.
    On a CPU, a training resumed from it ends bit for bit like one that was never interrupted."""

    modules: list[nn.Module]
    optimizer: torch.optim.Optimizer
    draws: np.random.Generator
    orders: list[Order]
    done: Trained
    best: Best
    window: _Window = field(default_factory=_Window)
    step: int = 0
    started: float = field(default_factory=time.perf_counter)
    watch: Watch = field(default_factory=Watch)

    @classmethod
    def begin(cls, encoder: Encoder, streams: list[Stream], schedule: Schedule) -> "Progress":
        """Start at step 0 with every generator seeded by the schedule."""
        modules = [encoder.network, *{id(stream.head): stream.head for stream in streams}.values()]
        for module in modules:
            use_bytes(module)
        groups = parameter_groups(modules, schedule.weight_decay)
        optimizer = torch.optim.AdamW(
            groups, lr=schedule.learning_rate, betas=schedule.betas, eps=1e-8, fused=True
        )
        orders = [
            stream.rows(np.random.default_rng([schedule.seed, 2, k]))
            for k, stream in enumerate(streams)
        ]
        torch.manual_seed(schedule.seed)
        done = Trained(schedule.steps, None, {stream.name: 0 for stream in streams})
        return cls(
            modules,
            optimizer,
            np.random.default_rng([schedule.seed, 1]),
            orders,
            done,
            Best(modules, done),
        )

    def log(self, line: dict[str, Any]) -> None:
        """Append a line to the log and open the next window."""
        self.done.log.append(line)
        self.done.tokens += self.window.tokens
        self.window = _Window()

    def judge(self, evaluate: Callable[[], float], line: dict[str, Any]) -> None:
        """Log the weights' development score, None if not finite, and keep the best weights."""
        try:
            score = float(evaluate())
        except NotFinite as error:
            moment = (
                f"evaluation after step {line['step']} ({line['stream']}, "
                f"learning rate {line['learning_rate']:.3g})"
            )
            raise NotFinite(f"{moment}: {error}") from None
        self.best.see(score, self.step)
        line["dev"] = score if isfinite(score) else None

    def finish(self, judged: bool) -> Trained:
        """Leave the best weights, or the last ones if nothing was `judged`.
        Raise NotFinite if no score was finite or a trained weight is not."""
        self.watch.check()
        if judged and self.done.best_score is None:
            raise NotFinite(f"no development score was finite: {HELP}")
        self.best.restore()
        for name, weight in (
            named for module in self.modules for named in module.named_parameters()
        ):
            if weight.requires_grad:
                require_finite(f"after step {self.done.best_step} weights {name}", weight)
        self.done.seconds = time.perf_counter() - self.started
        return self.done

    def over(self, schedule: Schedule) -> bool:
        """Return whether all steps are done or the patience is exhausted."""
        return self.step >= schedule.steps or self.best.since >= schedule.patience

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint stores. The learning rate follows from the step."""
        now = time.perf_counter()
        return {
            "step": self.step,
            "modules": [module.state_dict() for module in self.modules],
            "optimizer": self.optimizer.state_dict(),
            "draws": self.draws.bit_generator.state,
            "orders": [order.state() for order in self.orders],
            "done": {**asdict(self.done), "seconds": now - self.started},
            "best": {"weights": self.best.weights, "since": self.best.since},
            "window": {
                **asdict(self.window),
                "padding": float(self.window.padding),
                "since": now - self.window.since,
            },
            "random": random_states(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        now, where = time.perf_counter(), next(self.modules[0].parameters()).device
        for module, weights in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.draws.bit_generator.state = state["draws"]
        for order, order_state in zip(self.orders, state["orders"], strict=True):
            order.restore(order_state)
        for name, value in state["done"].items():
            setattr(self.done, name, value)
        self.done.earlier_seconds = self.done.seconds
        self.best.weights, self.best.since = state["best"]["weights"], state["best"]["since"]
        self.window = _Window(**{**state["window"], "since": now - state["window"]["since"]})
        if isinstance(self.window.loss, Tensor):
            self.window.loss = self.window.loss.to(where)
        self.step, self.started = state["step"], now - self.done.seconds
        set_random_states(state["random"])


def identity(
    modules: list[nn.Module], streams: list[Stream], probabilities: np.ndarray, schedule: Schedule
) -> dict[str, Any]:
    """Return what a checkpoint must share with a training besides its run's identity.
    A parent run made anew gives other starting weights."""
    rows = []
    for stream in streams:
        encoded = stream.encoded
        arrays = (
            encoded.ids,
            encoded.lengths,
            encoded.rows,
            *encoded.columns.values(),
            *encoded.token_columns.values(),
        )
        rows.append([stream.name, len(encoded), fingerprint(arrays)])
    return {
        "starting weights": fingerprint(
            value for module in modules for value in module.state_dict().values()
        ),
        "training rows": rows,
        "mixture": probabilities.tolist(),
        "schedule": asdict(schedule),
        "device or version of torch": [
            next(modules[0].parameters()).device.type,
            str(torch.__version__),
        ],
    }


def resume(
    now: Progress,
    checkpoint: Checkpoint,
    same: dict[str, Any],
    report: Callable[[dict[str, Any]], None],
) -> None:
    """Continue from the checkpoint if it belongs to this training.
    Its log lines are reported again, because the log file was begun anew."""
    state = checkpoint.read(same)
    if state is None:
        return
    now.restore(state)
    print(f"goes on after step {now.step}, from {checkpoint.path}", flush=True)
    for line in now.done.log:
        report(line)


def train(
    encoder: Encoder,
    streams: list[Stream],
    probabilities: np.ndarray,
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
    network, where = encoder.network, encoder.device
    now = Progress.begin(encoder, streams, schedule)
    same = identity(now.modules, streams, probabilities, schedule) if checkpoint else {}
    if checkpoint:
        resume(now, checkpoint, same, report)
    weights = [weight for group in now.optimizer.param_groups for weight in group["params"]]
    marks, shares = schedule.marks() if evaluate else set(), np.atleast_2d(probabilities)
    most = most_tokens(network, streams)
    for module in now.modules:
        module.train()
    while not now.over(schedule):
        if now.step in schedule.begins[1:]:
            now.optimizer.state.clear()
        now.step += 1
        rate = schedule.learning_rate * schedule.rate(now.step - 1)
        for group in now.optimizer.param_groups:
            group["lr"] = rate
        chosen = int(now.draws.choice(len(streams), p=shares[schedule.stage(now.step - 1)]))
        stream, loss_of_step = streams[chosen], torch.zeros((), device=where)
        batches = stream.batches(next(now.orders[chosen]), where, most)
        terms = sum(batch.terms for batch in batches)
        for batch in batches:
            if not batch.terms:
                continue  # no labelled token, so its mean loss is undefined
            hidden, padding = encoder.hidden(batch.sequences)
            loss = stream.loss(stream.head, hidden, batch) * (batch.terms / terms)
            loss.backward()
            loss_of_step += loss.detach()
            now.window.add(loss.detach(), padding / len(batches), len(batch.sequences.ids))
        norm = torch.nn.utils.clip_grad_norm_(weights, schedule.clip)
        now.watch.add(now.step, stream.name, rate, loss_of_step, norm)
        now.optimizer.step()
        now.optimizer.zero_grad(set_to_none=True)
        now.window.steps += 1
        now.done.counts[stream.name] += 1
        if now.step % max(1, schedule.steps // LOGS) == 0 or now.step in marks:
            now.watch.check()
            line = now.window.line(now.step, stream.name, rate)
            if evaluate and now.step in marks:
                now.judge(evaluate, line)
            now.log(line)
            report(line)
        if checkpoint and (now.step % checkpoint.every == 0 or now.over(schedule)):
            now.watch.check()
            checkpoint.write(now.state(), same)
    return now.finish(judged=bool(marks))
