"""The training loop: one page, for every phase."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xstilts_core.formats import Batch, Encoded, gather
from xstilts_core.model import Encoder
from xstilts_core.packing import flat_hidden

LOGS = 50


@dataclass(frozen=True, slots=True)
class Stream:
    """The training rows of one data set, and the head and loss that learn from them.

    batch: takes row indices, gives what the loss reads (MLM masks here). size: examples that count in the mixture.
    """

    name: str
    head: nn.Module
    loss: Callable[[nn.Module, Tensor, Batch], Tensor]
    encoded: Encoded
    size: int
    batch_size: int
    collate: Callable[[Encoded, np.ndarray, torch.device], Batch] = gather
    by_length: bool = False

    def rows(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Micro-batches without end: each pass is an exact random permutation, cut into batch_size rows."""
        while True:
            order = rng.permutation(len(self.encoded))
            yield from self.by_tokens(order, rng) if self.by_length else np.array_split(order, -(-len(order) // self.batch_size))

    def by_tokens(self, order: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """batch_size counts tokens: rows of like length together, the batches in random order (phase 1)."""
        lengths = self.encoded.row_lengths
        for part in np.array_split(order, -(-len(order) // 4096)):
            part = part[np.argsort(lengths[part], kind="stable")]
            cuts = np.flatnonzero(np.diff(np.cumsum(lengths[part]) // self.batch_size)) + 1
            batches = np.split(part, cuts)
            yield from (batches[k] for k in rng.permutation(len(batches)))


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how: see TuneSpec for the fields. evaluations: 0 never evaluates and keeps the last weights."""

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

    def rate(self, step: int) -> float:
        """Share of the peak rate at `step`: rises linearly during warm-up, falls linearly to zero after it."""
        rise = self.warmup * self.steps
        return (step + 1) / rise if step < rise else max(0.0, (self.steps - step) / max(1.0, self.steps - rise))


@dataclass(slots=True)
class Trained:
    """What a run did: the step and development score of the weights it left, steps per stream, tokens, wall seconds."""

    best_step: int
    best_score: float | None
    counts: dict[str, int]
    tokens: int = 0
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)


def mixture(streams: list[Stream], cap: int, temperature: float) -> np.ndarray:
    """Probability of each stream ~ min(size, cap) ** (1 / temperature) (Raffel et al. 2020; the paper's cap is 2 ** 17)."""
    weights = np.array([min(stream.size, cap) for stream in streams], dtype=float) ** (1 / temperature)
    return weights / weights.sum()


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


def train(
    encoder: Encoder,
    streams: list[Stream],
    probabilities: np.ndarray,
    schedule: Schedule,
    evaluate: Callable[[], float] | None = None,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Trained:
    """Train encoder and heads in place; leaves the weights of the best development score (the last without `evaluate`).

    Every step draws one stream and does its whole accumulation there, as the paper's code does. Same seed, same machine,
    same number of threads: the same weights, bit for bit. `report` gets one line at each evaluation and about LOGS in between.
    """
    network, where = encoder.network, next(encoder.network.parameters()).device
    modules = [network, *{id(stream.head): stream.head for stream in streams}.values()]
    groups = parameter_groups(modules, schedule.weight_decay)
    weights = [weight for group in groups for weight in group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=schedule.betas, eps=1e-8, fused=True)
    draws = np.random.default_rng([schedule.seed, 1])
    batches = [stream.rows(np.random.default_rng([schedule.seed, 2, k])) for k, stream in enumerate(streams)]
    torch.manual_seed(schedule.seed)
    done = Trained(schedule.steps, None, {stream.name: 0 for stream in streams})
    best, window, started = Best(modules, done), Window(), time.perf_counter()
    marks = {round(schedule.steps * (k + 1) / schedule.evaluations) for k in range(schedule.evaluations)} if evaluate else set()
    for module in modules:
        module.train()
    for step in range(1, schedule.steps + 1):
        rate = schedule.learning_rate * schedule.rate(step - 1)
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = int(draws.choice(len(streams), p=probabilities))
        stream = streams[chosen]
        for _ in range(schedule.accumulation):
            batch = stream.collate(stream.encoded, next(batches[chosen]), where)
            with torch.autocast(where.type, torch.bfloat16, enabled=schedule.bfloat16):
                hidden, padding = flat_hidden(network, batch.sequences, encoder.packed, schedule.layer)
                loss = stream.loss(stream.head, hidden, batch) / schedule.accumulation
            loss.backward()
            window.loss += loss.detach()
            window.padding += padding / schedule.accumulation
            window.tokens += len(batch.sequences.ids)
        torch.nn.utils.clip_grad_norm_(weights, schedule.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        window.steps += 1
        done.counts[stream.name] += 1
        if step % max(1, schedule.steps // LOGS) == 0 or step in marks:
            line = window.line(step, stream.name, rate)
            done.tokens += window.tokens
            if evaluate and step in marks:
                line["dev"] = evaluate()
                best.see(line["dev"], step)
            done.log.append(line)
            report(line)
            window = Window()
        if best.since >= schedule.patience:
            break
    best.restore()
    done.seconds = time.perf_counter() - started
    return done
