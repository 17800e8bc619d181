"""Text on whether single gains exceed chance: tests corrected for their number, other languages,
shares of variance."""

import pandas as pd

from xstilts_core.analysis.findings import cell, counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.mixed import CELL, NO_VARIANCE, RESIDUAL

LEVEL = 0.05
SHOWN = 3
NOTHING = (
    "**Nothing to test yet.** A test needs finished runs of the baseline and of one other recipe "
    "on the same target and seed."
)


def chance_findings(
    items: pd.DataFrame, seeds: pd.DataFrame, wider: pd.DataFrame, shares: pd.DataFrame
) -> str:
    """Return a paragraph of Markdown from `item_tests`, `seed_tests`, `hierarchical_gains` over
    languages too, and `variance_shares`."""
    if seeds.empty:
        return NOTHING
    lines = [
        _item_sentences(items),
        _seed_sentence(seeds),
        _language_sentence(wider),
        _share_sentence(shares),
    ]
    limits = (
        "A test over items holds for these trained models: other seeds may differ, and with many "
        "items even a gain of a fraction of a point is told from 0. A test over seeds holds for "
        "other trainings, but cannot show anything with few seeds. The intervals of the table "
        "above cover both. Holm keeps the chance of any false finding at 5 %, Benjamini and "
        "Hochberg the share of false ones among findings."
    )
    return f"{' '.join(filter(None, lines))}\n\n**What this does not show.** {limits}"


def _item_sentences(table: pd.DataFrame) -> str:
    """Return how many gains the tests over test items distinguish from 0, and the largest of
    them."""
    if table.empty:
        return "No predictions were kept, so no test over test items is possible."
    clear = table[table["p_holm"] < LEVEL]
    positive = int((clear["gain"] > 0).sum())
    summary = (
        f"Over test items, {len(clear)} of {counted(len(table), 'gain')} can be told from 0 after "
        f"Holm's correction ({positive} above, {len(clear) - positive} below) and "
        f"{int((table['p_bh'] < LEVEL).sum())} after Benjamini and Hochberg's."
    )
    largest = clear.sort_values("gain", key=abs, ascending=False, kind="stable").head(SHOWN)
    examples = "; ".join(
        f"{row.recipe} on {row.task} ({row.gain:+z.1f} points, p_holm = {row.p_holm:.3f})"
        for row in largest.itertuples()
    )
    return f"{summary} The largest: {examples}." if examples else summary


def _seed_sentence(table: pd.DataFrame) -> str:
    """Return what tests over seeds show, and what so few seeds could show."""
    single = table[table["task"] != AVERAGE]
    least, most = single["smallest"].min(), int(single["units"].max())
    if least >= LEVEL:
        return f"No result over seeds: {counted(most, 'seed')} cannot give a p below {least:.2g}."
    clear = int((table["p_holm"] < LEVEL).sum())
    words = f"{clear} of {counted(len(table), 'gain')} can be told from 0 after Holm's correction"
    return f"Over seeds, {words}; the smallest p possible is {least:.2g}."


def _language_sentence(table: pd.DataFrame) -> str:
    """Return which gains would also hold in other languages."""
    rows = table.dropna(subset=["low"])
    if rows.empty:
        return ""
    clear = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    examples = "; ".join(
        cell(row)
        for _, row in clear.sort_values("gain", ascending=False, kind="stable")
        .head(SHOWN)
        .iterrows()
    )
    summary = (
        "With languages drawn as well, as if others had been tested, "
        f"{len(clear)} of {counted(len(rows), 'interval')} exclude 0"
    )
    return (
        f"{summary}: {examples}{' and others' if len(clear) > SHOWN else ''}."
        if examples
        else f"{summary}."
    )


def _share_sentence(table: pd.DataFrame) -> str:
    """Return the share of each source in the variance, the largest first and the residual last, and
    the sources that have none."""
    # The optimum of a likelihood is exact to about six digits, so text and order use four.
    shares = (
        table.dropna(subset=["share"])
        .assign(share=lambda found: found["share"].round(4))
        .sort_values("share", ascending=False, kind="stable")
    )
    shares = pd.concat([shares[shares["source"] != RESIDUAL], shares[shares["source"] == RESIDUAL]])
    names = {CELL: "recipe on target", RESIDUAL: "what is left"}
    positive = shares[shares["reason"] != NO_VARIANCE]
    words = [
        f"{names.get(row.source, row.source)} {100 * row.share:.0f} %"
        for row in positive.itertuples()
    ]
    absent = [names.get(name, name) for name in table.loc[table["reason"] == NO_VARIANCE, "source"]]
    parts = [", ".join(words)] * bool(words) + [f"{NO_VARIANCE} of {' or '.join(absent)}"] * bool(
        absent
    )
    return (
        "Of the variance of gains of a recipe on a target in a language with a seed: "
        f"{'; '.join(parts)}."
        if parts
        else ""
    )
