"""What is given to others: cards, exported encoders, uploads, the benchmarks' submissions and
scores, the page of tasks."""
