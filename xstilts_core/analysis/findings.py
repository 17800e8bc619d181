"""The numbers of the main table in words: what they show, and what they do not."""

from collections.abc import Collection

import pandas as pd

from xstilts_core.analysis.choice import DIFFERENCE, ONE, ORACLE, PER_TARGET, REGRET
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.analysis.intervals import SEEDS, SEEDS_ITEMS
from xstilts_core.analysis.runs import STATES
from xstilts_core.phases.learnt import marked
from xstilts_core.study.spec import BASELINE

FEW_SEEDS = 5
NOTHING = "**No finished target runs to compare yet.** Gains need the baseline and one other recipe on the same target and seed."

COVERS = {
    SEEDS_ITEMS: "Intervals cover other seeds and other test items of the same languages, which are the benchmark's fixed list.",
    SEEDS: "Where predictions are missing, intervals cover other seeds on the same test items.",
    ONE_SEED: "Where there is one seed there is no interval: nothing is known of another.",
}


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cell(row: "pd.Series") -> str:
    """'squad_v1 on xquad (+3.1 points, -0.2 to 5.0)'."""
    where = "" if row["task"] == AVERAGE else f" on {row['task']}"
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return f"{row['recipe']}{where} ({row['gain']:+z.1f} points, {interval})"


def main_table(
    table: pd.DataFrame, baseline: pd.DataFrame, unlearnt: Collection[str] = ()
) -> pd.DataFrame:
    """The table of a paper, as text: the baseline's scores, then "+4.2 (1.2 to 7.4) *" by recipe
    and target; "" where runs are missing.

    From `gain_table` and `baseline`. A star marks intervals that exclude 0, a dagger the recipes
    that did not learn.
    """
    columns = list(baseline.columns)
    scores = ["" if pd.isna(value) else f"{value:.1f}" for value in baseline.iloc[0]]
    rows = pd.DataFrame([scores], index=[f"{BASELINE} (score)"], columns=columns)
    texts = table.assign(text=[gain_text(row) for _, row in table.iterrows()])
    for name in dict.fromkeys(table["recipe"]):
        found = texts[texts["recipe"] == name].set_index("task")["text"]
        rows.loc[marked(name, unlearnt)] = [found.get(column, "") for column in columns]
    return rows.rename_axis(index="recipe")


def gain_text(row: "pd.Series") -> str:
    """'+4.2 (1.2 to 7.4) *'; what rounds to zero is never -0.0: the z of these formats."""
    if pd.isna(row["gain"]):
        return ""
    interval = "" if pd.isna(row["low"]) else f" ({row['low']:z.1f} to {row['high']:z.1f})"
    return f"{row['gain']:+z.1f}{interval}{' *' if row['low'] > 0 or row['high'] < 0 else ''}"


def headline(table: pd.DataFrame) -> str:
    """One sentence on how many runs of the grid stand where, from `runs`."""
    counts = table["state"].value_counts()
    parts = [f"{counts[name]} {name}" for name in STATES if counts.get(name, 0)]
    return (
        f"**{counted(len(table), 'run')} in the grid:** {', '.join(parts)}."
        if len(table)
        else "**The grid has no runs.**"
    )


def findings(table: pd.DataFrame) -> str:
    """A paragraph of Markdown from `gain_table`: gains and losses whose interval excludes 0, the
    best on average, and the limits."""
    cells = table[table["task"] != AVERAGE]
    filled = cells.dropna(subset=["gain"])
    if filled.empty:
        return NOTHING
    gained, lost = filled[filled["low"] > 0], filled[filled["high"] < 0]
    without = int(filled["low"].isna().sum())
    rest = len(filled) - len(gained) - len(lost) - without
    lines = [
        f"Of {counted(len(filled), 'cell')} (recipe x target), the 95 % interval of the zero-shot gain lies above 0 in {len(gained)} "
        f"and below 0 in {len(lost)}; {rest} cannot be told from 0{f', {without} have no interval' if without else ''}."
    ]
    for found, ascending, word in ((gained, False, "gains"), (lost, True, "losses")):
        if len(found):
            largest = found.sort_values("gain", ascending=ascending, kind="stable").head(3)
            lines.append(
                f"Largest such {word}: {'; '.join(cell(row) for _, row in largest.iterrows())}."
            )
    averages = (
        table[table["task"] == AVERAGE]
        .dropna(subset=["gain"])
        .sort_values("gain", ascending=False, kind="stable")
    )
    if len(averages):
        lines.append(
            f"Best on average over all targets: {cell(averages.iloc[0])}; worst: {cell(averages.iloc[-1])}."
        )
    return "\n".join(
        [" ".join(lines), "", "**What this does not show.** " + " ".join(limits(cells, filled))]
    )


def limits(cells: pd.DataFrame, filled: pd.DataFrame) -> list[str]:
    """Sentences on seeds, what the intervals cover, many comparisons, the average of languages, and
    missing cells."""
    few, most = int(filled["seeds"].min()), int(filled["seeds"].max())
    span = counted(most, "seed") if few == most else f"{few} to {most} seeds"
    lines = [f"The cells rest on {span}."]
    if 1 < few < FEW_SEEDS:
        words = f"With fewer than {FEW_SEEDS} the spread of seeds is hardly known, and intervals are wide for it"
        lines.append(f"{words}: that 0 lies inside one does not show that there is no gain.")
    lines += [COVERS[name] for name in COVERS if name in set(filled["resampled"])]
    ranged = int(filled["low"].notna().sum())
    if ranged > 1:
        lines.append(
            f"Among {ranged} intervals about {0.05 * ranged:.1f} would exclude 0 by chance alone; nothing is corrected for that here."
        )
    lines.append("A mean over languages can hide languages that lose: see the panels.")
    missing = len(cells) - len(filled)
    if missing:
        lines.append(
            f"{counted(missing, 'cell')} {'is' if missing == 1 else 'are'} missing, and so are the averages of their recipes."
        )
    return lines


def choice_findings(table: pd.DataFrame, averages: pd.DataFrame) -> str:
    """In words, from `choices` and `strategies`: what choosing on development data gives, and how
    far it falls short."""
    if table.empty:
        return "**Nothing to choose yet.** A choice needs development scores of the baseline and one other recipe on the same target and seed."
    found = averages.set_index("strategy")

    def amount(name: str) -> str:
        row = found.loc[name]
        interval = (
            "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
        )
        return f"{row['gain']:+z.1f} points ({interval})"

    same = int((table["chosen"] == table["oracle"]).sum())
    stay = list(table.loc[table["chosen"] == BASELINE, "task"])
    lines = [
        f"Choosing on development data gains {amount(PER_TARGET)} over {BASELINE} on test data, mean of {counted(len(table), 'target')};"
        f" {found.loc[ONE, 'recipe']}, the one recipe that development data choose for all, gains {amount(ONE)};"
        f" choosing per target adds {amount(DIFFERENCE)} to that.",
        f"The choice is also the best on test data on {same} of {len(table)}; the oracle gains {amount(ORACLE)}: a regret of"
        f" {amount(REGRET)}.",
    ]
    if stay:
        lines.append(
            f"Development data say to leave intermediate training out on {', '.join(stay)}."
        )
    return " ".join(lines)
