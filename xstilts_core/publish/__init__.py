"""Results for other people: cards, exported encoders, uploads, submissions to the benchmarks and
their scores, and the page of tasks."""
