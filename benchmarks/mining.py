"""Compare bitext mining with exhaustive searches in both directions: equal pairs first, then CPU
seconds; and measure the memory of a large mining.

`python -m benchmarks.mining N` mines N x N sentences and prints the peak memory of the process in
MB (Linux).
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
    """A search in each direction, with XTREME's rule for the rest of the mining, and the goal as a
    multiple of its speed."""

    name: str
    search: official.Search
    goal: float


def by_faiss(
    queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search a flat index, as XTREME's code does."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(candidates.shape[1])
    index.add(candidates)
    return index.search(queries, count)


def by_torch(
    queries: np.ndarray, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search with blocks of a matrix product and topk."""
    blocks = [
        (block @ torch.from_numpy(candidates).T).topk(count, dim=1)
        for block in torch.from_numpy(queries).split(1_024)
    ]
    return torch.cat([topk.values for topk in blocks]).numpy(), torch.cat(
        [topk.indices for topk in blocks]
    ).numpy()


PEERS = (
    Peer("faiss, flat index each way", by_faiss, 1.2),
    Peer("torch, product and topk each way", by_torch, 1.2),
)


def sides(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors [count, WIDTH] of two collections; every sentence has a noisy translation
    on the other side."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(count, WIDTH, generator=rng)
    y = torch.randn(count, WIDTH, generator=rng).add_(
        x[torch.randperm(count, generator=rng)], alpha=0.35
    )
    return retrieval.prepare(x, False), retrieval.prepare(y, False)


def differ(found: retrieval.Candidates, expected: list[tuple[int, int, float]]) -> str:
    """Describe how the pairs differ; return an empty string if they do not."""
    pairs = dict(
        zip(
            zip(found.other.tolist(), found.english.tolist(), strict=True),
            found.scores.tolist(),
            strict=True,
        )
    )
    expected_scores = {(x, y): score for x, y, score in expected}
    if unmatched := pairs.keys() ^ expected_scores.keys():
        return f"{len(unmatched)} of {len(expected_scores)} pairs are found by one side only"
    difference = max(abs(score - expected_scores[pair]) for pair, score in pairs.items())
    return (
        f"scores differ by {difference:.1e}, more than rounding (at most {TOLERANCE:g})"
        if difference > TOLERANCE
        else ""
    )


def measure(peer: Peer, count: int, rounds: int) -> Measure:
    """Measure the speed ratio; raise Unequal if the pairs differ."""
    name, ratios, seconds = f"{count:,} x {count:,} sentences, width {WIDTH}", [], []
    for seed in range(1, rounds + 1):
        x, y = sides(count, seed)
        started = time.process_time()
        candidates = retrieval.mine(x, y, NEIGHBOURS, margin=True)
        middle = time.process_time()
        expected = official.mine_bitext(x.numpy(), y.numpy(), NEIGHBOURS, search=peer.search)
        ended = time.process_time()
        if difference := differ(candidates, expected):
            raise Unequal(f"mining against {peer.name}: {difference}")
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
    """Return the peak memory in MB of a separate process that mines count x count sentences,
    including interpreter, torch and vectors."""
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
    """Measure all peers, and the memory."""
    torch.set_num_threads(1)
    by_torch(*[side.numpy() for side in sides(100, 0)], 1)  # loads the library of matrix products
    return [*(measure(peer, count, rounds) for peer in peers), memory(large, MOST_MEMORY)]


def main(count: int) -> int:
    torch.set_num_threads(1)
    retrieval.mine(*sides(count, 1), NEIGHBOURS, margin=True)
    # getrusage is not used, because its peak includes the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1_024)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
