"""Bitext mining against exhaustive searches each way: equal pairs first, then CPU seconds; and the
memory that a large mining takes.

`python -m benchmarks.mining N` mines N x N sentences and prints the highest memory of the process
in MB (Linux).
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import official
from benchmarks.measure import Measure, Unequal
from benchmarks.startup import call
from xstilts_core.formats import retrieval

PART = "mine"
WIDTH, NEIGHBOURS = 768, 4
LARGE, MOST_MEMORY = 20_000, 1_000.0
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Peer:
    """A search each way, the rest of the mining by XTREME's rule; how many times its speed is the
    goal."""

    name: str
    search: official.Search
    goal: float


def by_faiss(
    queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """A flat index, as XTREME's code searches."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(candidates.shape[1])
    index.add(candidates)
    return index.search(queries, count)


def by_torch(
    queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of a matrix product and topk."""
    found = [
        (block @ torch.from_numpy(candidates).T).topk(count, dim=1)
        for block in torch.from_numpy(queries).split(1_024)
    ]
    return torch.cat([part.values for part in found]).numpy(), torch.cat(
        [part.indices for part in found]
    ).numpy()


PEERS = (
    Peer("faiss, flat index each way", by_faiss, 1.2),
    Peer("torch, product and topk each way", by_torch, 1.2),
)


def sides(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit vectors [count, WIDTH] of two collections; every sentence has a noisy translation on the
    other side."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(count, WIDTH, generator=rng)
    y = torch.randn(count, WIDTH, generator=rng).add_(
        x[torch.randperm(count, generator=rng)], alpha=0.35
    )
    return retrieval.prepare(x, False), retrieval.prepare(y, False)


def differ(found: retrieval.Candidates, expected: list[tuple[int, int, float]]) -> str:
    """Says in words where the pairs differ."""
    pairs = dict(
        zip(
            zip(found.other.tolist(), found.english.tolist(), strict=True),
            found.scores.tolist(),
            strict=True,
        )
    )
    others = {(x, y): score for x, y, score in expected}
    if only := pairs.keys() ^ others.keys():
        return f"{len(only)} of {len(others)} pairs are found by one side only"
    apart = max(abs(score - others[pair]) for pair, score in pairs.items())
    return (
        f"scores differ by {apart:.1e}; at most {TOLERANCE:g} is rounding"
        if apart > TOLERANCE
        else ""
    )


def measure(peer: Peer, count: int, rounds: int) -> Measure:
    """The ratio; Unequal where the pairs differ."""
    name, ratios, seconds = f"{count:,} x {count:,} sentences, width {WIDTH}", [], []
    for seed in range(1, rounds + 1):
        x, y = sides(count, seed)
        started = time.process_time()
        found = retrieval.mine(x, y, NEIGHBOURS, margin=True)
        middle = time.process_time()
        expected = official.mine_bitext(x.numpy(), y.numpy(), NEIGHBOURS, search=peer.search)
        ended = time.process_time()
        if words := differ(found, expected):
            raise Unequal(f"mining against {peer.name}: {words}")
        ratios.append((ended - middle) / (middle - started))
        seconds.append({"ours": middle - started, peer.name: ended - middle})
    return Measure(
        PART,
        name,
        peer.name,
        "x",
        tuple(ratios),
        peer.goal,
        {"cpu_seconds": seconds, "pairs": len(expected)},
    )


def highest_memory(count: int) -> float:
    """MB, of a process of its own that mines count x count sentences; interpreter, torch and the
    vectors included."""
    return float(call(["-m", "benchmarks.mining", str(count)]).split()[-1])


def memory(count: int, at_most: float) -> Measure:
    return Measure(
        PART,
        f"highest memory, {count:,} x {count:,}",
        "the whole process",
        "MB",
        (highest_memory(count),),
        at_most,
    )


def run(
    rounds: int, count: int = 10_000, peers: Sequence[Peer] = PEERS, large: int = LARGE
) -> list[Measure]:
    """All peers, and the memory."""
    torch.set_num_threads(1)
    by_torch(*[side.numpy() for side in sides(100, 0)], 1)  # loads the library of matrix products
    return [*(measure(peer, count, rounds) for peer in peers), memory(large, MOST_MEMORY)]


def main(count: int) -> int:
    torch.set_num_threads(1)
    retrieval.mine(*sides(count, 1), NEIGHBOURS, margin=True)
    # Not getrusage: its figure remembers the process that this one was started from.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1_024)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
