"""Text on the results of the open questions, made from their tables: the answer, and what it does
not show."""

from collections.abc import Sequence

import pandas as pd

from xstilts_core.analysis.contrast import LABELLING, PARTS, PLANNED, REST
from xstilts_core.analysis.findings import FEW_SEEDS, counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED

_NO_FITS = (
    "**No curve yet.** It needs finished runs of at least three sizes on the same target, and of "
    "the baseline."
)
NO_CONTRAST = (
    "**No contrast yet.** It needs finished runs of a syntactic and a semantic recipe on the same "
    "target, and of the baseline."
)
# A bend that rounds to 0 in the two digits shown is not reported.
_LEAST_BEND = 0.005
ONE = (
    f"There is one seed, so no number here has an interval ({ONE_SEED}), and nothing is known "
    "about other seeds."
)


def interval(low: float, high: float, digits: int = 1) -> str:
    """Return text such as '-0.2 to 1.3', or that there is no interval."""
    return "no interval" if pd.isna(low) else f"{low:+z.{digits}f} to {high:+z.{digits}f}"


def number(size: float) -> str:
    return f"{size:,.0f}"


def seeds_words(seeds: Sequence[float]) -> str:
    """Return a sentence on the number of seeds behind the numbers and what it allows."""
    counts = [count for count in seeds if count > 1]
    if not counts:
        return ONE
    if len(counts) < len(seeds):
        without = len(seeds) - len(counts)
        return (
            f"{without} of {len(seeds)} numbers rest on one seed and have no interval; nothing is "
            "known about other seeds."
        )
    fewest = int(min(counts))
    note = ": their spread is hardly known, so the intervals are wide" if fewest < FEW_SEEDS else ""
    return f"Intervals (95 %) rest on {counted(fewest, 'seed')}{note}."


def _main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the average over targets, or those of single targets if one is missing."""
    averages = table[table["task"] == AVERAGE]
    return averages if len(averages) else table


def told(table: pd.DataFrame) -> str:
    """Return a sentence on how many slopes differ from 0, over all curves of single targets."""
    single = table[(table["task"] != AVERAGE) & table["low"].notna()]
    if single.empty:
        return ""
    up, down = int((single["low"] > 0).sum()), int((single["high"] < 0).sum())
    return (
        f"Of {counted(len(single), 'curve')} of single targets, {up} can be told to rise and "
        f"{down} to fall, and {len(single) - up - down} cannot be told from flat. By chance alone, "
        f"about {0.05 * len(single):.1f} would seem to rise or fall, which is not corrected for."
    )


def _slope_sentence(row: "pd.Series", what: str) -> str:
    """Return text such as 'mnli on average: +0.8 points for a doubling (0.1 to 1.5): the gain
    grows.'"""
    scope = "on average over the targets" if row["task"] == AVERAGE else f"on {row['task']}"
    if pd.isna(row["low"]):
        verdict = "one seed cannot tell it from 0"
    elif row["low"] > 0:
        verdict = "the gain grows"
    elif row["high"] < 0:
        verdict = "the gain shrinks"
    else:
        verdict = "not told from 0"
    bend = ""
    if (row["bend_low"] > 0 or row["bend_high"] < 0) and abs(row["bend"]) >= _LEAST_BEND:
        direction = "upwards" if row["bend"] > 0 else "downwards"
        bend = (
            f" The curve bends {direction} ({row['bend']:+z.2f}, "
            f"{interval(row['bend_low'], row['bend_high'], 2)})."
        )
    return (
        f"{what} {scope}: {row['slope']:+z.2f} points for a doubling "
        f"({interval(row['low'], row['high'], 2)}): {verdict}.{bend}"
    )


def scaling_answer(fits: pd.DataFrame) -> str:
    """Return Markdown from `fits` of curves over the size of the intermediate task."""
    if fits.empty:
        return _NO_FITS
    lines = [_slope_sentence(row, row["series"]) for _, row in _main_rows(fits).iterrows()]
    limits = (
        "**What this does not show.** More examples also mean more steps here, as passes over the "
        "data stay the same; the effect of more steps over the same data is another question. A "
        "straight line in the logarithm summarizes these sizes and is not a law beyond them."
    )
    return f"{' '.join(lines)} {told(fits)}\n\n{limits} {seeds_words(fits['seeds'])}"


def number_answer(fits: pd.DataFrame) -> str:
    """Return Markdown from `fits` of curves over the number of intermediate tasks."""
    if fits.empty:
        return _NO_FITS
    lines = [
        _slope_sentence(row, "More tasks with the same total size,")
        for _, row in _main_rows(fits).iterrows()
    ]
    limits = (
        "**What this does not show.** The tasks were added in one order, so the effects of their "
        "number and of the particular tasks cannot be separated; and each further task leaves "
        "fewer examples for the others."
    )
    return f"{' '.join(lines)} {told(fits)}\n\n{limits} {seeds_words(fits['seeds'])}"


def _stop_sentence(row: "pd.Series") -> str:
    """Return a sentence on the largest size up to which one recipe helps."""
    scope = "on average over the targets" if row["task"] == AVERAGE else f"on {row['task']}"
    losses = f" With {row['losses']} examples it lies below 0: a loss." if row["losses"] else ""
    if pd.isna(row["largest"]):
        return (
            f"{row['series']} {scope}: the interval of its gain is not above 0 at any of "
            f"{int(row['sizes'])} sizes.{losses}"
        )
    if pd.isna(row["stops"]):
        return (
            f"{row['series']} {scope}: its gain lies above 0 even with {number(row['largest'])} "
            f"examples, the largest size.{losses}"
        )
    return (
        f"{row['series']} {scope}: the largest size with a gain above 0 is "
        f"{number(row['largest'])} examples; from {number(row['stops'])} on it cannot be told from "
        f"0 or is a loss.{losses}"
    )


def target_size_answer(fits: pd.DataFrame, stops: pd.DataFrame) -> str:
    """Return Markdown from `fits` and `helps` of curves over the size of the target's training
    set."""
    if fits.empty and stops.empty:
        return _NO_FITS
    lines = [_slope_sentence(row, row["series"]) for _, row in _main_rows(fits).iterrows()]
    lines += [_stop_sentence(row) for _, row in _main_rows(stops).iterrows()]
    limits = (
        "**What this does not show.** A gain that cannot be told from 0 may still exist: the "
        "intervals show how large it may be. Small sets are repeated more often, for as many steps "
        "as `least_steps` requires. Development data are the same at all sizes, and more than one "
        "would have with 32 examples. Nothing is corrected for the number of sizes."
    )
    return f"{' '.join(lines)}\n\n{limits} {seeds_words(fits['seeds'] if len(fits) else [])}"


def _kinds_sentence(table: pd.DataFrame) -> str:
    """Return the answer of the planned contrast. It states that each kind does better on one group
    of targets only if both parts of the contrast show it."""
    planned, labelling, rest = (
        table[table["contrast"] == name].iloc[0] for name in (PLANNED, *PARTS)
    )
    if not (planned["low"] > 0 or planned["high"] < 0):
        return ""
    own_kind = planned["low"] > 0
    if (
        (labelling["low"] > 0 and rest["high"] < 0)
        if own_kind
        else (labelling["high"] < 0 and rest["low"] > 0)
    ):
        return (
            f": each kind does better on {'its own' if own_kind else 'the other'} kind of target "
            "than the other kind does"
        )
    return (
        ": compared with semantic tasks, syntactic ones do better on "
        f"{LABELLING if own_kind else REST} than on {REST if own_kind else LABELLING}"
    )


def contrast_answer(table: pd.DataFrame) -> str:
    """Return Markdown from `contrasts`."""
    if table.empty:
        return NO_CONTRAST
    lines = []
    for _, row in table[table["targets"].gt(1) | (table["contrast"] == PLANNED)].iterrows():
        if pd.isna(row["low"]):
            verdict = "without an interval"
        elif row["low"] > 0 or row["high"] < 0:
            verdict = "told from 0 for these tasks"
        else:
            verdict = "not told from 0"
        if row["contrast"] == PLANNED and not pd.isna(row["low"]):
            verdict += _kinds_sentence(table)
        recipe_test = (
            f"; over recipes p = {row['p_recipes']:.2f} (smallest possible: {row['smallest']:.2f})"
        )
        p = "" if pd.isna(row["p_recipes"]) else recipe_test
        name = row["contrast"][0].upper() + row["contrast"][1:]
        lines.append(
            f"{name}: {row['points']:+z.1f} points ({interval(row['low'], row['high'])}), "
            f"{verdict}{p}."
        )
    if PLANNED not in set(table["contrast"]):
        lines.append(
            "The planned contrast is missing: it needs both kinds of tasks on both target groups."
        )
    limits = (
        "**What this does not show.** The interval is for these intermediate tasks and targets; "
        "others of the same kind may behave differently, and with so few of them the test over "
        "recipes has little power. The tasks differ not only in kind but also in format and "
        "length. One kind may do better than the other even if neither gains over no intermediate "
        "training: the gains of the recipes show that."
    )
    return f"{' '.join(lines)}\n\n{limits} {seeds_words(table['seeds'])}"
