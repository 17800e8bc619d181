"""What the studies of the open questions find, in words made from their tables: the answer, and
what it does not show."""

from collections.abc import Sequence

import pandas as pd

from xstilts_core.analysis.contrast import LABELLING, PARTS, PLANNED, REST
from xstilts_core.analysis.findings import FEW_SEEDS, counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED

_NO_FITS = "**No curve yet.** It needs finished runs of at least three sizes on the same target, and the baseline's."
NO_CONTRAST = "**No contrast yet.** It needs finished runs of a syntactic and a semantic recipe on the same target, and the baseline's."
# A bend that is 0 in the two digits shown is none.
_LEAST_BEND = 0.005
ONE = f"There is one seed, so no number here has an interval ({ONE_SEED}): what it says of other seeds is not known."


def interval(low: float, high: float, digits: int = 1) -> str:
    """'-0.2 to 1.3', or that there is none."""
    return "no interval" if pd.isna(low) else f"{low:+z.{digits}f} to {high:+z.{digits}f}"


def number(size: float) -> str:
    return f"{size:,.0f}"


def seeds_words(seeds: Sequence[float]) -> str:
    """What the number of seeds behind each number allows."""
    known = [count for count in seeds if count > 1]
    if not known:
        return ONE
    if len(known) < len(seeds):
        without = len(seeds) - len(known)
        return f"{without} of {len(seeds)} numbers rest on one seed and have no interval; what they say of other seeds is not known."
    few = int(min(known))
    note = (
        ": the spread of seeds is hardly known, and intervals are wide for it"
        if few < FEW_SEEDS
        else ""
    )
    return f"Intervals (95 %) rest on {counted(few, 'seed')}{note}."


def _main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the average over targets, or where a target is missing, those of the targets."""
    whole = table[table["task"] == AVERAGE]
    return whole if len(whole) else table


def told(table: pd.DataFrame) -> str:
    """How many slopes can be told from 0, over all curves of single targets."""
    single = table[(table["task"] != AVERAGE) & table["low"].notna()]
    if single.empty:
        return ""
    up, down = int((single["low"] > 0).sum()), int((single["high"] < 0).sum())
    return (
        f"Of {counted(len(single), 'curve')} of single targets, {up} can be told to rise and {down} to fall, and {len(single) - up - down} "
        f"cannot be told from flat; about {0.05 * len(single):.1f} would be told by chance alone, and nothing is corrected for that."
    )


def _slope_sentence(row: "pd.Series", what: str) -> str:
    """'mnli on average: +0.8 points for a doubling (0.1 to 1.5): the gain grows.'"""
    where = "on average over the targets" if row["task"] == AVERAGE else f"on {row['task']}"
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
        way = "upwards" if row["bend"] > 0 else "downwards"
        bend = f" The curve bends {way} ({row['bend']:+z.2f}, {interval(row['bend_low'], row['bend_high'], 2)})."
    return f"{what} {where}: {row['slope']:+z.2f} points for a doubling ({interval(row['low'], row['high'], 2)}): {verdict}.{bend}"


def scaling_answer(fits: pd.DataFrame) -> str:
    """Markdown from `fits` of curves over the size of the intermediate task."""
    if fits.empty:
        return _NO_FITS
    lines = [_slope_sentence(row, row["series"]) for _, row in _main_rows(fits).iterrows()]
    limits = (
        "**What this does not show.** More examples are also more steps here, as passes over the data stay the same; what more steps "
        "over the same data would do is another question. A straight line in the logarithm is a summary of these sizes, no law beyond them."
    )
    return f"{' '.join(lines)} {told(fits)}\n\n{limits} {seeds_words(fits['seeds'])}"


def number_answer(fits: pd.DataFrame) -> str:
    """Markdown from `fits` of curves over the number of intermediate tasks."""
    if fits.empty:
        return _NO_FITS
    lines = [
        _slope_sentence(row, "More tasks of one total size,")
        for _, row in _main_rows(fits).iterrows()
    ]
    limits = (
        "**What this does not show.** The tasks were added in one order, so that the number of tasks and which tasks they are cannot be "
        "told apart; and each further task leaves fewer examples for the others."
    )
    return f"{' '.join(lines)} {told(fits)}\n\n{limits} {seeds_words(fits['seeds'])}"


def _stop_sentence(row: "pd.Series") -> str:
    """Up to which size one recipe helps."""
    where = "on average over the targets" if row["task"] == AVERAGE else f"on {row['task']}"
    lost = f" With {row['losses']} examples it lies below 0: a loss." if row["losses"] else ""
    if pd.isna(row["largest"]):
        return f"{row['series']} {where}: at none of {int(row['sizes'])} sizes does the interval of its gain lie above 0.{lost}"
    if pd.isna(row["stops"]):
        return f"{row['series']} {where}: its gain lies above 0 even with {number(row['largest'])} examples, the largest size.{lost}"
    return (
        f"{row['series']} {where}: the largest size with a gain above 0 is {number(row['largest'])} examples; from "
        f"{number(row['stops'])} on it cannot be told from 0 or is a loss.{lost}"
    )


def target_size_answer(fits: pd.DataFrame, stops: pd.DataFrame) -> str:
    """Markdown from `fits` and `helps` of curves over the size of the target's training set."""
    if fits.empty and stops.empty:
        return _NO_FITS
    lines = [_slope_sentence(row, row["series"]) for _, row in _main_rows(fits).iterrows()]
    lines += [_stop_sentence(row) for _, row in _main_rows(stops).iterrows()]
    limits = (
        "**What this does not show.** That a gain cannot be told from 0 is not that there is none: the intervals say how large it may be. "
        "Small sets are passed over more often, to as many steps as `least_steps` says; development data are the same at all sizes, more "
        "than who has 32 examples would have. Nothing is corrected for the number of sizes."
    )
    return f"{' '.join(lines)}\n\n{limits} {seeds_words(fits['seeds'] if len(fits) else [])}"


def _kinds_sentence(table: pd.DataFrame) -> str:
    """What the planned contrast says of the question; that each kind does better somewhere only
    where both of its parts say so."""
    planned, labelling, rest = (
        table[table["contrast"] == name].iloc[0] for name in (PLANNED, *PARTS)
    )
    if not (planned["low"] > 0 or planned["high"] < 0):
        return ""
    own = planned["low"] > 0
    if (
        (labelling["low"] > 0 and rest["high"] < 0)
        if own
        else (labelling["high"] < 0 and rest["low"] > 0)
    ):
        return f": each kind does better on {'its own' if own else 'the other'} kind of target, beside the other kind"
    return f": beside semantic tasks, syntactic ones do better on {LABELLING if own else REST} than on {REST if own else LABELLING}"


def contrast_answer(table: pd.DataFrame) -> str:
    """Markdown from `contrasts`."""
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
        tested = f"; over recipes p = {row['p_recipes']:.2f}, the smallest possible being {row['smallest']:.2f}"
        p = "" if pd.isna(row["p_recipes"]) else tested
        name = row["contrast"][0].upper() + row["contrast"][1:]
        lines.append(
            f"{name}: {row['points']:+z.1f} points ({interval(row['low'], row['high'])}), {verdict}{p}."
        )
    if PLANNED not in set(table["contrast"]):
        lines.append(
            "The planned contrast is missing: it needs both kinds of tasks on both groups of targets."
        )
    limits = (
        "**What this does not show.** The interval is for these intermediate tasks and targets; others of a kind may do otherwise, and "
        "with this few of them the test over recipes can hardly tell. The tasks differ in more than their kind: format and length too. "
        "One kind may do better than the other where neither gains over no intermediate training: the gains of the recipes say that."
    )
    return f"{' '.join(lines)}\n\n{limits} {seeds_words(table['seeds'])}"
