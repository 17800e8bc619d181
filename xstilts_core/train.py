"""The training loop: one page, for every phase."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xstilts_core.checkpoint import Checkpoint, fingerprint, random_states, set_random_states
from xstilts_core.model import Encoder
from xstilts_core.packing import flat_hidden
from xstilts_core.streams import Order, Stream

LOGS = 50


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how: see TuneSpec for the fields. evaluations: 0 never evaluates and keeps the last weights.

    stages: steps of each stage, where data sets are trained on one after the other; empty: one stage of all steps. Every stage warms
    up and decays over its own steps and begins with a new optimizer, as a training of its own from the weights of the one before
    (XTREME-R, scripts/train_xcopa.sh). Evaluations are in the last.
    """

    steps: int
    learning_rate: float
    warmup: float
    weight_decay: float
    clip: float
    seed: int
    accumulation: int = 1
    evaluations: int = 0
    patience: int = 30
    betas: tuple[float, float] = (0.9, 0.999)
    bfloat16: bool = False
    layer: int = -1
    stages: tuple[int, ...] = ()

    @property
    def begins(self) -> list[int]:
        """Steps done before each stage."""
        return [0, *accumulate(self.stages[:-1])]

    def stage(self, step: int) -> int:
        """The stage that `step` (from 0) belongs to."""
        return bisect_right(self.begins, step) - 1

    def rate(self, step: int) -> float:
        """Share of the peak rate at `step`: rises linearly during warm-up, falls linearly to zero after it, in every stage."""
        stage = self.stage(step)
        steps, done = (self.stages or (self.steps,))[stage], step - self.begins[stage]
        rise = self.warmup * steps
        return (done + 1) / rise if done < rise else max(0.0, (steps - done) / max(1.0, steps - rise))

    def marks(self) -> set[int]:
        """Steps after which development data are scored: evenly spaced in the last stage, the last one at its end."""
        begin = self.begins[-1]
        return {begin + round((self.steps - begin) * (k + 1) / self.evaluations) for k in range(self.evaluations)}


@dataclass(slots=True)
class Trained:
    """What a run did: the step and development score of the weights it left, steps per stream, tokens, wall seconds.

    earlier_seconds: those of them that processes before this one spent, up to the checkpoint that this one went on from.
    """

    best_step: int
    best_score: float | None
    counts: dict[str, int]
    tokens: int = 0
    seconds: float = 0.0
    earlier_seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)


def parameter_groups(modules: list[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only: not on biases and norms."""
    found = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}.values()
    return [
        {"params": [p for p in found if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in found if p.ndim <= 1], "weight_decay": 0.0},
    ]


@dataclass(slots=True)
class Window:
    """What happened since the last line of the log. The loss stays a tensor: reading it would make a GPU wait at every step."""

    loss: Tensor | float = 0.0
    padding: float = 0.0
    tokens: int = 0
    steps: int = 0
    since: float = field(default_factory=time.perf_counter)

    def add(self, loss: Tensor, padding: float, tokens: int) -> None:
        """A micro-batch."""
        self.loss += loss
        self.padding += padding
        self.tokens += tokens

    def line(self, step: int, stream: str, rate: float) -> dict[str, Any]:
        """One line of the log: means over the window."""
        speed = self.tokens / max(1e-9, time.perf_counter() - self.since)
        means = {"loss": round(float(self.loss) / self.steps, 5), "padding": round(float(self.padding) / self.steps, 4)}
        return {"step": step, "stream": stream, **means, "learning_rate": rate, "tokens_per_second": round(speed)}


@dataclass(slots=True)
class Best:
    """The best weights so far by the development score, and how many evaluations ago they were seen."""

    modules: list[nn.Module]
    done: Trained
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    since: int = 0

    def see(self, score: float, step: int) -> None:
        """Keep the weights if they are better than all before; the earlier ones win a tie."""
        for module in self.modules:
            module.train()
        if self.done.best_score is None or score > self.done.best_score:
            self.done.best_score, self.done.best_step, self.since = score, step, 0
            self.weights = [{name: value.detach().clone() for name, value in module.state_dict().items()} for module in self.modules]
        else:
            self.since += 1

    def restore(self) -> None:
        """Put the best weights back and leave training mode."""
        for module, state in zip(self.modules, self.weights, strict=False):
            module.load_state_dict(state)
        for module in self.modules:
            module.eval()


@dataclass(slots=True)
class Progress:
    """All that changes from step to step: a training that goes on from it ends bit for bit as one that was never interrupted."""

    modules: list[nn.Module]
    optimizer: torch.optim.Optimizer
    draws: np.random.Generator
    orders: list[Order]
    done: Trained
    best: Best
    window: Window = field(default_factory=Window)
    step: int = 0
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(cls, encoder: Encoder, streams: list[Stream], schedule: Schedule) -> "Progress":
        """Step 0: every generator from the schedule's seed."""
        modules = [encoder.network, *{id(stream.head): stream.head for stream in streams}.values()]
        groups = parameter_groups(modules, schedule.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=schedule.betas, eps=1e-8, fused=True)
        orders = [stream.rows(np.random.default_rng([schedule.seed, 2, k])) for k, stream in enumerate(streams)]
        torch.manual_seed(schedule.seed)
        done = Trained(schedule.steps, None, {stream.name: 0 for stream in streams})
        return cls(modules, optimizer, np.random.default_rng([schedule.seed, 1]), orders, done, Best(modules, done))

    def log(self, line: dict[str, Any]) -> None:
        """Keep a line of the log and open the next window."""
        self.done.log.append(line)
        self.done.tokens += self.window.tokens
        self.window = Window()

    def over(self, schedule: Schedule) -> bool:
        """Whether all steps are done, or the patience is at its end."""
        return self.step >= schedule.steps or self.best.since >= schedule.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps. The learning rate follows from the step."""
        now = time.perf_counter()
        return {
            "step": self.step,
            "modules": [module.state_dict() for module in self.modules],
            "optimizer": self.optimizer.state_dict(),
            "draws": self.draws.bit_generator.state,
            "orders": [order.state() for order in self.orders],
            "done": {**asdict(self.done), "seconds": now - self.started},
            "best": {"weights": self.best.weights, "since": self.best.since},
            "window": {**asdict(self.window), "padding": float(self.window.padding), "since": now - self.window.since},
            "random": random_states(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        now, where = time.perf_counter(), next(self.modules[0].parameters()).device
        for module, weights in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.draws.bit_generator.state = state["draws"]
        for order, place in zip(self.orders, state["orders"], strict=True):
            order.restore(place)
        for name, value in state["done"].items():
            setattr(self.done, name, value)
        self.done.earlier_seconds = self.done.seconds
        self.best.weights, self.best.since = state["best"]["weights"], state["best"]["since"]
        self.window = Window(**{**state["window"], "since": now - state["window"]["since"]})
        if isinstance(self.window.loss, Tensor):
            self.window.loss = self.window.loss.to(where)
        self.step, self.started = state["step"], now - self.done.seconds
        set_random_states(state["random"])


def identity(modules: list[nn.Module], streams: list[Stream], probabilities: np.ndarray, schedule: Schedule) -> dict[str, Any]:
    """What a checkpoint must share with a training beside the spec's science. A parent run made anew gives other starting weights."""
    rows = []
    for stream in streams:
        encoded = stream.encoded
        arrays = (encoded.ids, encoded.lengths, encoded.rows, *encoded.columns.values(), *encoded.token_columns.values())
        rows.append([stream.name, len(encoded), fingerprint(arrays)])
    return {
        "starting weights": fingerprint(value for module in modules for value in module.state_dict().values()),
        "training rows": rows,
        "mixture": probabilities.tolist(),
        "schedule": asdict(schedule),
        "device or version of torch": [next(modules[0].parameters()).device.type, str(torch.__version__)],
    }


def resume(now: Progress, checkpoint: Checkpoint, same: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
    """Go on from the checkpoint if there is one of this training. Its lines of the log are reported again: the file was begun anew."""
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
    """Train encoder and heads in place; leaves the weights of the best development score (the last without `evaluate`).

    Every step draws one stream by its probability, [streams] or [stages, streams], and does its whole accumulation there, as the
    paper's code does. Same seed, same machine, same number of threads: the same weights, bit for bit, also where this training goes
    on from its `checkpoint`, which the caller removes. `report` gets one line at each evaluation and about LOGS in between.
    """
    network, where = encoder.network, next(encoder.network.parameters()).device
    now = Progress.begin(encoder, streams, schedule)
    same = identity(now.modules, streams, probabilities, schedule) if checkpoint else {}
    if checkpoint:
        resume(now, checkpoint, same, report)
    weights = [weight for group in now.optimizer.param_groups for weight in group["params"]]
    marks, shares = schedule.marks() if evaluate else set(), np.atleast_2d(probabilities)
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
        stream = streams[chosen]
        for _ in range(schedule.accumulation):
            batch = stream.collate(stream.encoded, next(now.orders[chosen]), where)
            with torch.autocast(where.type, torch.bfloat16, enabled=schedule.bfloat16):
                hidden, padding = flat_hidden(network, batch.sequences, encoder.packed, schedule.layer)
                loss = stream.loss(stream.head, hidden, batch) / schedule.accumulation
            loss.backward()
            now.window.add(loss.detach(), padding / schedule.accumulation, len(batch.sequences.ids))
        torch.nn.utils.clip_grad_norm_(weights, schedule.clip)
        now.optimizer.step()
        now.optimizer.zero_grad(set_to_none=True)
        now.window.steps += 1
        now.done.counts[stream.name] += 1
        if now.step % max(1, schedule.steps // LOGS) == 0 or now.step in marks:
            line = now.window.line(now.step, stream.name, rate)
            if evaluate and now.step in marks:
                line["dev"] = float(evaluate())
                now.best.see(line["dev"], now.step)
            now.log(line)
            report(line)
        if checkpoint and (now.step % checkpoint.every == 0 or now.over(schedule)):
            checkpoint.write(now.state(), same)
    now.best.restore()
    now.done.seconds = time.perf_counter() - now.started
    return now.done
