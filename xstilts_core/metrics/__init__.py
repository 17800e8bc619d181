"""Scores by the benchmarks' own rules, in percent.

Every metric is computed in two steps, so that a bootstrap never has to score text again: a
`..._statistics` function reduces each example to one row of numbers (its sufficient statistics),
and `score` turns the column sums into the metric. Constants such as ACCURACY name the columns of a
row.
"""

from xstilts_core.metrics.answers import (
    mlqa_statistics,
    squad_statistics,
    squad_v2_statistics,
)
from xstilts_core.metrics.scores import (
    ACCURACY,
    BITEXT,
    RANKING,
    SPAN,
    TAGGING,
    TOP,
    accuracy_statistics,
    average_precision,
    bitext_statistics,
    ranking_statistics,
    score,
    score_sums,
)
from xstilts_core.metrics.tags import tagging_statistics

__all__ = [
    "ACCURACY",
    "BITEXT",
    "RANKING",
    "SPAN",
    "TAGGING",
    "TOP",
    "accuracy_statistics",
    "average_precision",
    "bitext_statistics",
    "mlqa_statistics",
    "ranking_statistics",
    "score",
    "score_sums",
    "squad_statistics",
    "squad_v2_statistics",
    "tagging_statistics",
]
