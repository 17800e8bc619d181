"""Speed as ratios to named peers, measured side by side in one run: `python -m benchmarks`.
docs/benchmarks.md says how."""
