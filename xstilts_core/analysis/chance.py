"""Whether single gains are more than chance, in words: tests corrected for how many they are, other
languages, shares of variance."""

import pandas as pd

from xstilts_core.analysis.findings import cell, counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.mixed import CELL, NO_VARIANCE, RESIDUAL

LEVEL = 0.05
SHOWN = 3
NOTHING = "**Nothing to test yet.** A test needs finished runs of the baseline and of one other recipe on the same target and seed."


def chance_findings(
    items: pd.DataFrame, seeds: pd.DataFrame, wider: pd.DataFrame, shares: pd.DataFrame
) -> str:
    """A paragraph of Markdown from `item_tests`, `seed_tests`, `hierarchical_gains` over languages
    too, and `variance_shares`."""
    if seeds.empty:
        return NOTHING
    lines = [
        _item_sentences(items),
        _seed_sentence(seeds),
        _language_sentence(wider),
        _share_sentence(shares),
    ]
    limits = (
        "A test over items is of these very models: other seeds may do otherwise, and with many items a gain of a fraction of a point is "
        "told from 0. A test over seeds is of other trainings, and few seeds cannot show anything by it. The intervals of the table above "
        "are of both. Holm keeps the chance of any false finding at 5 %, Benjamini and Hochberg the share of false ones among findings."
    )
    return f"{' '.join(filter(None, lines))}\n\n**What this does not show.** {limits}"


def _item_sentences(table: pd.DataFrame) -> str:
    """How many gains the tests over test items tell from 0, and the largest of them."""
    if table.empty:
        return "No predictions were kept, so that no test over test items can be made."
    sure = table[table["p_holm"] < LEVEL]
    up = int((sure["gain"] > 0).sum())
    found = (
        f"Over test items, {len(sure)} of {counted(len(table), 'gain')} can be told from 0 after Holm's correction ({up} above, "
        f"{len(sure) - up} below) and {int((table['p_bh'] < LEVEL).sum())} after Benjamini and Hochberg's."
    )
    largest = sure.sort_values("gain", key=abs, ascending=False, kind="stable").head(SHOWN)
    named = "; ".join(
        f"{row.recipe} on {row.task} ({row.gain:+z.1f} points, p_holm = {row.p_holm:.3f})"
        for row in largest.itertuples()
    )
    return f"{found} The largest: {named}." if named else found


def _seed_sentence(table: pd.DataFrame) -> str:
    """What tests over seeds tell, and what so few seeds could."""
    single = table[table["task"] != AVERAGE]
    least, most = single["smallest"].min(), int(single["units"].max())
    if least >= LEVEL:
        return f"Over seeds nothing could be told: {counted(most, 'seed')} cannot give a p below {least:.2g}."
    sure = int((table["p_holm"] < LEVEL).sum())
    words = f"{sure} of {counted(len(table), 'gain')} can be told from 0 after Holm's correction"
    return f"Over seeds, {words}; the smallest p possible is {least:.2g}."


def _language_sentence(table: pd.DataFrame) -> str:
    """Which gains would hold in other languages too."""
    ranged = table.dropna(subset=["low"])
    if ranged.empty:
        return ""
    sure = ranged[(ranged["low"] > 0) | (ranged["high"] < 0)]
    listed = "; ".join(
        cell(row)
        for _, row in sure.sort_values("gain", ascending=False, kind="stable")
        .head(SHOWN)
        .iterrows()
    )
    found = f"With languages drawn too, as if others were asked, {len(sure)} of {counted(len(ranged), 'interval')} exclude 0"
    return (
        f"{found}: {listed}{' and others' if len(sure) > SHOWN else ''}." if listed else f"{found}."
    )


def _share_sentence(table: pd.DataFrame) -> str:
    """Which sources have how much of the variance, the largest first and the rest last, and which
    show none."""
    # The optimum of a likelihood is found to about six digits: what is told and sorted hangs on
    # four.
    known = (
        table.dropna(subset=["share"])
        .assign(share=lambda found: found["share"].round(4))
        .sort_values("share", ascending=False, kind="stable")
    )
    known = pd.concat([known[known["source"] != RESIDUAL], known[known["source"] == RESIDUAL]])
    names = {CELL: "recipe on target", RESIDUAL: "what is left"}
    shown = known[known["reason"] != NO_VARIANCE]
    words = [
        f"{names.get(row.source, row.source)} {100 * row.share:.0f} %" for row in shown.itertuples()
    ]
    none = [names.get(name, name) for name in table.loc[table["reason"] == NO_VARIANCE, "source"]]
    parts = [", ".join(words)] * bool(words) + [f"{NO_VARIANCE} of {' or '.join(none)}"] * bool(
        none
    )
    return (
        f"Of the variance of gains of a recipe on a target in a language with a seed: {'; '.join(parts)}."
        if parts
        else ""
    )
