"""Describe the contrasts of in-domain with general intermediate tasks in words: the answer and what
it does not show."""

import pandas as pd

from xstilts_core.analysis.answers import interval, seeds_words
from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN
from xstilts_core.analysis.findings import counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.study import Study
from xstilts_core.tasks import GENERAL
from xstilts_core.tasks.embedded_sizes import DOMAIN_SHARES

NO_CONTRAST = (
    "**No contrast yet.** It needs finished runs of an intermediate task in a target's domain and "
    "of a general one, both on that target, and finished runs of the baseline."
)


def verdict(row: "pd.Series") -> str:
    """Describe what the interval allows one to conclude."""
    if pd.isna(row["low"]):
        return "without an interval"
    return "**told from 0**" if row["low"] > 0 or row["high"] < 0 else "not told from 0"


def _row_sentence(row: "pd.Series", words: str) -> str:
    """Format 'On ...: +1.2 points (-0.3 to +2.7; 5 recipe-target pairs), not told from 0.'"""
    missing = f", {row['missing']} more missing" if row["missing"] else ""
    basis = (
        f"{interval(row['low'], row['high'])}; "
        f"{counted(int(row['recipes']), 'recipe-target pair')}{missing}"
    )
    return f"{words}: {row['difference']:+z.1f} points ({basis}), {verdict(row)}."


def _average_sentences(table: pd.DataFrame) -> list[str]:
    """Describe the averages: planned contrast, its domains, other domain, general targets."""
    rows = {
        (row["comparison"], row["group"]): row
        for _, row in table[table["task"] == AVERAGE].iterrows()
    }
    sentences = {
        (
            LESS_GENERAL,
            OWN,
        ): "**In-domain less general intermediate tasks, on the targets of their own domain**",
        **{
            key: f"On {key[1]} targets alone"
            for key in rows
            if key[0] == LESS_GENERAL and key[1] not in (OWN, GENERAL)
        },
        (LESS_OTHER, OWN): "In-domain less those of another special domain, on the same targets",
        (LESS_GENERAL, GENERAL): "Tasks of a special domain less general ones, on general targets",
    }
    lines = [_row_sentence(rows[key], words) for key, words in sentences.items() if key in rows]
    if (LESS_GENERAL, OWN) not in rows:
        lines.insert(
            0,
            "The planned contrast is missing: no target of a domain has finished runs of both "
            "kinds.",
        )
    return lines


def target_sentence(table: pd.DataFrame) -> str:
    """Count the single targets that can be told from 0."""
    single = table[
        (table["task"] != AVERAGE) & (table["comparison"] == LESS_GENERAL) & table["low"].notna()
    ]
    if single.empty:
        return ""
    up, down = int((single["low"] > 0).sum()), int((single["high"] < 0).sum())
    return (
        f"Of {counted(len(single), 'single target')}, including general ones, the special domain "
        f"is better on {up}, worse on {down}; about {0.05 * len(single):.1f} would be told from 0 "
        "by chance alone, and there is no correction for multiple comparisons."
    )


def scope(study: Study) -> str:
    """Describe the study's domains and therefore what they cannot show."""
    if not study.embedded:
        return (
            "General and in-domain data sets differ not only in their domain but also in task, "
            "format and size, and these effects are not separated."
        )
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in DOMAIN_SHARES.items())
    shipped = " of the shipped encoder" if study.encoder == "mini" else ""
    return (
        "The embedded domains share their grammar and most words; clinical and chat texts add some "
        "nouns, verbs and adjectives, and chat its register. The phase 1 corpus"
        f"{shipped} has all of them ({shares}): a domain that phase 1 has never seen may behave "
        "differently."
    )


def domain_answer(study: Study, table: pd.DataFrame) -> str:
    """Summarize `domain_contrasts` in Markdown."""
    if table.empty:
        return NO_CONTRAST
    lines = [*_average_sentences(table), target_sentence(table)]
    limits = (
        f"**What this does not show.** {scope(study)} The intervals are for these tasks and "
        "domains; others may behave differently."
    )
    return f"{' '.join(filter(None, lines))}\n\n{limits} {seeds_words(table['seeds'])}"
