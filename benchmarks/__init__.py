"""Speed as ratios to named peers, measured side by side in one run: `python -m benchmarks`. The
method is described in docs/benchmarks.md."""
