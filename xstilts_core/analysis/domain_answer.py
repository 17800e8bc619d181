"""In-domain against general intermediate tasks in words made from the contrasts: the answer, and
what it does not show."""

import pandas as pd

from xstilts_core.analysis.answers import interval, seeds_words
from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN
from xstilts_core.analysis.findings import counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.mini.corpus import DOMAIN_SHARES
from xstilts_core.study import Study
from xstilts_core.tasks import GENERAL

NO_CONTRAST = (
    "**No contrast yet.** It needs finished runs of an intermediate task in a target's domain and of a general one, both on that target, "
    "and the baseline's."
)


def verdict(row: "pd.Series") -> str:
    """What the interval allows to say."""
    if pd.isna(row["low"]):
        return "without an interval"
    return "**told from 0**" if row["low"] > 0 or row["high"] < 0 else "not told from 0"


def _row_sentence(row: "pd.Series", words: str) -> str:
    """'On ...: +1.2 points (-0.3 to 2.7; 5 recipe-target pairs), not told from 0.'"""
    missing = f", {row['missing']} more missing" if row["missing"] else ""
    behind = f"{interval(row['low'], row['high'])}; {counted(int(row['recipes']), 'recipe-target pair')}{missing}"
    return f"{words}: {row['difference']:+z.1f} points ({behind}), {verdict(row)}."


def _average_sentences(table: pd.DataFrame) -> list[str]:
    """The averages: the planned contrast, its domains, the other domain, general targets."""
    rows = {
        (row["comparison"], row["group"]): row
        for _, row in table[table["task"] == AVERAGE].iterrows()
    }
    wanted = {
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
    lines = [_row_sentence(rows[key], words) for key, words in wanted.items() if key in rows]
    if (LESS_GENERAL, OWN) not in rows:
        lines.insert(
            0,
            "The planned contrast is missing: no target has finished runs of both kinds of its domain.",
        )
    return lines


def target_sentence(table: pd.DataFrame) -> str:
    """How many single targets can be told from 0."""
    single = table[
        (table["task"] != AVERAGE) & (table["comparison"] == LESS_GENERAL) & table["low"].notna()
    ]
    if single.empty:
        return ""
    up, down = int((single["low"] > 0).sum()), int((single["high"] < 0).sum())
    return (
        f"Of {counted(len(single), 'single target')}, general ones among them, the special domain is better on {up}, worse on {down}; "
        f"about {0.05 * len(single):.1f} would be told by chance alone, and nothing is corrected for that."
    )


def scope(study: Study) -> str:
    """What the domains of this study are, and so what they cannot show."""
    if study.source != "mini":
        return (
            "General and in-domain data sets differ in more than their domain: task, format and size too. The domain is not told apart "
            "from these."
        )
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in DOMAIN_SHARES.items())
    shipped = " of the encoder that is shipped" if study.encoder == "mini" else ""
    return (
        "The embedded domains share their grammar and most words; a clinic's and a chat's texts add some nouns, verbs and adjectives, and "
        f"a chat its register. The phase 1 corpus{shipped} has all of them ({shares}): a domain that phase 1 has never seen may do "
        "otherwise."
    )


def domain_answer(study: Study, table: pd.DataFrame) -> str:
    """Markdown from `domain_contrasts`."""
    if table.empty:
        return NO_CONTRAST
    lines = [*_average_sentences(table), target_sentence(table)]
    limits = f"**What this does not show.** {scope(study)} The intervals are for these tasks and domains; others may do otherwise."
    return f"{' '.join(filter(None, lines))}\n\n{limits} {seeds_words(table['seeds'])}"
