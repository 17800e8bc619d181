"""Describe planned contrasts in words: what they show and what they leave open."""

import pandas as pd

from xstilts_core.analysis.findings import FEW_SEEDS, counted

NOTHING = (
    "**Nothing to compare yet.** A contrast needs finished runs of the baseline, of an English "
    "recipe and of the same recipe in another language."
)


def _contrast_text(row: "pd.Series") -> str:
    """Format a contrast as 'several languages, against English: -0.4 points (-2.1 to +1.3; 3
    recipes), cannot be told from 0'."""
    if pd.isna(row["low"]):
        return (
            f"{row['contrast']}: {row['difference']:+z.1f} points "
            f"(no interval: one seed; {counted(int(row['recipes']), 'recipe')})"
        )
    verdict = (
        "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "cannot be told from 0"
    )
    interval = (
        f"{row['low']:+z.1f} to {row['high']:+z.1f}; {counted(int(row['recipes']), 'recipe')}"
    )
    return f"{row['contrast']}: {row['difference']:+z.1f} points ({interval}), **{verdict}**"


def contrast_findings(table: pd.DataFrame, scope: str) -> str:
    """Format a table of contrasts in Markdown: one line each, then what it does not show. scope: a
    sentence that describes the data."""
    known = table.dropna(subset=["difference"])
    if known.empty:
        return NOTHING
    lines = [f"- {_contrast_text(row)}" for _, row in known.iterrows()]
    seeds = int(known["seeds"].min())
    limits = [scope, f"Each contrast rests on at least {counted(seeds, 'seed')}."]
    if 1 < seeds < FEW_SEEDS:
        limits.append(
            "With so few seeds their spread is poorly known; an interval that contains 0 does not "
            "show that there is no effect."
        )
    ranged = int(known["low"].notna().sum())
    if ranged > 1:
        limits.append(
            f"Of {ranged} intervals about {0.05 * ranged:.1f} would exclude 0 by chance alone; "
            "there is no correction for multiple comparisons."
        )
    missing = int(table["missing"].sum())
    if missing:
        limits.append(
            f"Runs are still missing: {counted(missing, 'comparison')} could not be made."
        )
    return "\n".join([*lines, "", "**What this does not show.** " + " ".join(limits)])
