"""The cores and GPUs that this process may use."""

import os
from pathlib import Path


def cores() -> int:
    """Return the number of cores that this process may use: its CPU affinity, or a container's
    quota if that is smaller."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):
        return count


def visible_gpus() -> list[str]:
    """Return the ids of the NVIDIA GPUs that this process may use, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    return sorted(
        (path.name[6:] for path in Path("/dev").glob("nvidia[0-9]*")),
        key=lambda name: (len(name), name),
    )
