"""Planned contrasts in words: what they show, what they leave open."""

import pandas as pd

from xstilts_core.analysis.findings import FEW_SEEDS, counted

NOTHING = "**Nothing to compare yet.** A contrast needs finished runs of the baseline, of an English recipe and of the same in another language."


def _contrast_text(row: "pd.Series") -> str:
    """'several languages, against English: -0.4 points (-2.1 to 1.3; 3 recipes), cannot be told
    from 0'."""
    if pd.isna(row["low"]):
        return f"{row['contrast']}: {row['difference']:+z.1f} points (no interval: one seed; {counted(int(row['recipes']), 'recipe')})"
    verdict = (
        "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "cannot be told from 0"
    )
    interval = (
        f"{row['low']:+z.1f} to {row['high']:+z.1f}; {counted(int(row['recipes']), 'recipe')}"
    )
    return f"{row['contrast']}: {row['difference']:+z.1f} points ({interval}), **{verdict}**"


def contrast_findings(table: pd.DataFrame, scope: str) -> str:
    """Markdown from a table of contrasts: each in a line, then what it does not show. scope: what
    the data are, in a sentence."""
    known = table.dropna(subset=["difference"])
    if known.empty:
        return NOTHING
    lines = [f"- {_contrast_text(row)}" for _, row in known.iterrows()]
    seeds = int(known["seeds"].min())
    limits = [scope, f"The contrasts rest on {counted(seeds, 'seed')} each, at least."]
    if 1 < seeds < FEW_SEEDS:
        limits.append(
            "With so few the spread of seeds is hardly known: that 0 lies inside an interval does not show that there is no effect."
        )
    ranged = int(known["low"].notna().sum())
    if ranged > 1:
        limits.append(
            f"Of {ranged} intervals about {0.05 * ranged:.1f} would exclude 0 by chance alone; nothing is corrected for that."
        )
    missing = int(table["missing"].sum())
    if missing:
        limits.append(
            f"Runs are still missing: {counted(missing, 'comparison')} could not be made."
        )
    return "\n".join([*lines, "", "**What this does not show.** " + " ".join(limits)])
