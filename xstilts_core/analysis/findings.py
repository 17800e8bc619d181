"""Describe the numbers of the main table in words: what they show and what they do not show."""

from collections.abc import Collection

import pandas as pd

from xstilts_core.analysis.choice import DIFFERENCE, ONE, ORACLE, PER_TARGET, REGRET
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED, SEEDS, SEEDS_ITEMS
from xstilts_core.analysis.runs import STATES
from xstilts_core.phases.learnt import marked
from xstilts_core.study.spec import BASELINE

FEW_SEEDS = 5
NOTHING = (
    "**No finished target runs to compare yet.** Gains need the baseline and one other recipe on "
    "the same target and seed."
)

COVERS = {
    SEEDS_ITEMS: "Intervals cover other seeds and other test items of the same languages, which "
    "are the benchmark's fixed list.",
    SEEDS: "If predictions are missing, intervals cover other seeds on the same test items.",
    ONE_SEED: "With one seed there is no interval, because the spread of seeds is unknown.",
}


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural: "1 seed", "3 seeds"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cell(row: "pd.Series") -> str:
    """Describe a row of `gain_table`: 'squad_v1 on xquad (+3.1 points, -0.2 to +5.0)'."""
    where = "" if row["task"] == AVERAGE else f" on {row['task']}"
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return f"{row['recipe']}{where} ({row['gain']:+z.1f} points, {interval})"


def main_table(
    table: pd.DataFrame, baseline: pd.DataFrame, unlearnt: Collection[str] = ()
) -> pd.DataFrame:
    """Return a paper's table as text from `gain_table` and `baseline`.

    The first row has the baseline's scores, the others "+4.2 (1.2 to 7.4) *" by recipe and target,
    or "" if runs are missing. A star marks intervals that exclude 0, a dagger the recipes that did
    not learn.
    """
    columns = list(baseline.columns)
    scores = ["" if pd.isna(value) else f"{value:.1f}" for value in baseline.iloc[0]]
    rows = pd.DataFrame([scores], index=[f"{BASELINE} (score)"], columns=columns)
    texts = table.assign(text=[gain_text(row) for _, row in table.iterrows()])
    for recipe in dict.fromkeys(table["recipe"]):
        recipe_texts = texts[texts["recipe"] == recipe].set_index("task")["text"]
        rows.loc[marked(recipe, unlearnt)] = [recipe_texts.get(column, "") for column in columns]
    return rows.rename_axis(index="recipe")


def gain_text(row: "pd.Series") -> str:
    """Format a gain as '+4.2 (1.2 to 7.4) *'. The z in the formats turns -0.0 into 0.0."""
    if pd.isna(row["gain"]):
        return ""
    interval = "" if pd.isna(row["low"]) else f" ({row['low']:z.1f} to {row['high']:z.1f})"
    return f"{row['gain']:+z.1f}{interval}{' *' if row['low'] > 0 or row['high'] < 0 else ''}"


def headline(table: pd.DataFrame) -> str:
    """Count the runs of the grid by state in one sentence, from `runs`."""
    counts = table["state"].value_counts()
    state_counts = [f"{counts[name]} {name}" for name in STATES if counts.get(name, 0)]
    return (
        f"**{counted(len(table), 'run')} in the grid:** {', '.join(state_counts)}."
        if len(table)
        else "**The grid has no runs.**"
    )


def findings(table: pd.DataFrame) -> str:
    """Summarize `gain_table` in Markdown: the gains and losses whose interval excludes 0, the best
    recipe on average, and the limits."""
    cells = table[table["task"] != AVERAGE]
    filled = cells.dropna(subset=["gain"])
    if filled.empty:
        return NOTHING
    gained, lost = filled[filled["low"] > 0], filled[filled["high"] < 0]
    without_interval = int(filled["low"].isna().sum())
    undecided = len(filled) - len(gained) - len(lost) - without_interval
    lines = [
        f"Of {counted(len(filled), 'cell')} (recipe x target), the 95 % interval of the zero-shot "
        f"gain lies above 0 in {len(gained)} and below 0 in {len(lost)}; {undecided} cannot be "
        "told from "
        f"0{f', {without_interval} have no interval' if without_interval else ''}."
    ]
    for selected, ascending, word in ((gained, False, "gains"), (lost, True, "losses")):
        if len(selected):
            largest = selected.sort_values("gain", ascending=ascending, kind="stable").head(3)
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
            f"Best on average over all targets: {cell(averages.iloc[0])}; "
            f"worst: {cell(averages.iloc[-1])}."
        )
    return "\n".join(
        [" ".join(lines), "", "**What this does not show.** " + " ".join(limits(cells, filled))]
    )


def limits(cells: pd.DataFrame, filled: pd.DataFrame) -> list[str]:
    """Return sentences on the number of seeds, the coverage of the intervals, multiple comparisons,
    averages over languages and missing cells."""
    fewest, most = int(filled["seeds"].min()), int(filled["seeds"].max())
    seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    lines = [f"The cells rest on {seeds}."]
    if 1 < fewest < FEW_SEEDS:
        words = (
            f"With fewer than {FEW_SEEDS} seeds their spread is poorly known and intervals are wide"
        )
        lines.append(f"{words}; an interval that contains 0 does not show that there is no gain.")
    lines += [COVERS[name] for name in COVERS if name in set(filled["resampled"])]
    ranged = int(filled["low"].notna().sum())
    if ranged > 1:
        lines.append(
            f"Among {ranged} intervals about {0.05 * ranged:.1f} would exclude 0 by chance alone; "
            "there is no correction for multiple comparisons here."
        )
    lines.append("A mean over languages can hide languages that lose; see the panels.")
    missing = len(cells) - len(filled)
    if missing:
        lines.append(
            f"{counted(missing, 'cell')} {'is' if missing == 1 else 'are'} missing, and so are the "
            "averages of their recipes."
        )
    return lines


def choice_findings(table: pd.DataFrame, averages: pd.DataFrame) -> str:
    """Describe `choices` and `strategies` in words: the gain from choosing on development data and
    how far it falls short of the best choice."""
    if table.empty:
        return (
            "**Nothing to choose yet.** A choice needs development scores of the baseline and one "
            "other recipe on the same target and seed."
        )
    strategy_rows = averages.set_index("strategy")

    def amount(name: str) -> str:
        row = strategy_rows.loc[name]
        interval = (
            "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
        )
        return f"{row['gain']:+z.1f} points ({interval})"

    agreements = int((table["chosen"] == table["oracle"]).sum())
    unchanged_targets = list(table.loc[table["chosen"] == BASELINE, "task"])
    lines = [
        f"Choosing on development data gains {amount(PER_TARGET)} over {BASELINE} on test data, "
        "mean "
        f"of {counted(len(table), 'target')}; {strategy_rows.loc[ONE, 'recipe']}, the one recipe "
        "that "
        f"development data choose for all, gains {amount(ONE)}; choosing per target adds "
        f"{amount(DIFFERENCE)} to that.",
        f"The choice is also the best on test data on {agreements} of {len(table)}; the oracle "
        "gains "
        f"{amount(ORACLE)}, a regret of {amount(REGRET)}.",
    ]
    if unchanged_targets:
        lines.append(
            f"Development data favor no intermediate training on {', '.join(unchanged_targets)}."
        )
    return " ".join(lines)
