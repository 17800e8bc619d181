"""Write the tables of docs/guides/first.md anew: `python -m benchmarks.advice`, four minutes.

They follow from the gains that the repository keeps and, for the peers, from advice_peers.csv,
which advice_peers.py makes.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from xstilts_core import analysis
from xstilts_core.analysis.advice import ADVISOR, CHANCE, MODEL, ORIGINS, RULES, regret
from xstilts_core.report.advice import best_recipes, evidence
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import gain, interval, number
from xstilts_core.wording.text import markdown_table

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "guides" / "first.md"
_PEERS = Path(__file__).with_name("advice_peers.csv")
MEASURED, EMBEDDED, PUBLISHED = "measured", "measured_mini", "published"
_ORIGINS = dict(
    zip(
        ORIGINS,
        (
            "the other targets of the same study",
            "the other targets of all three",
            "the other two studies alone",
        ),
        strict=True,
    )
)
_TABLES = {
    MEASURED: "pretrained encoder",
    EMBEDDED: "embedded suite",
    PUBLISHED: "published",
    "all": "all three",
}
_RULES = list(RULES)
_END = "<!-- end -->"


def choices() -> str:
    """Return the first choice for each target of the study with a pretrained encoder, those of
    XTREME and XCOPA."""
    header = [
        "target",
        "first choice",
        "expected gain, 80 % interval",
        "helps",
        "measured behind it",
    ]
    rows = []
    for row in best_recipes(evidence([MEASURED, PUBLISHED])).itertuples():
        points = f"{gain(row.gain)} ({interval(row.low_80, row.high_80)})"
        choice = row.recipe if row.score > 0 else f"{BASELINE}; next {row.recipe}"
        helps = f"{100 * row.chance:.0f} %"
        rows.append([row.target, choice, points, helps, row.reasons])
    return markdown_table(header, rows)


def losses(summary: pd.DataFrame) -> str:
    """Return the mean loss of the first choice by what the advice is derived from, and how many
    gains the intervals hold."""
    cells = summary.set_index(["origin", "table", "rule", "measure"])
    value = cells["value"]
    rows = []
    for origin, source in _ORIGINS.items():
        for table, targets in _TABLES.items():
            first = cells.loc[(origin, table, ADVISOR, "regret_1")]
            shares = [value[origin, table, MODEL, f"covered_{level}"] for level in (80, 95)]
            rows.append(
                [
                    source,
                    targets,
                    f"{number(first['value'])} ({interval(*first[['low', 'high']], sign=False)})",
                    *(number(value[origin, table, name, "regret_1"]) for name in (*_RULES, CHANCE)),
                    *(f"{100 * share:.0f} %" for share in shares),
                ]
            )
    header = ["advice from", "targets", ADVISOR, *_RULES, CHANCE, "80 % hold", "95 % hold"]
    return markdown_table(header, rows)


def peers(measures: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Return the loss of the first choice by target, of the advisor, the rules and the peers."""
    scored = pd.read_csv(_PEERS)
    targets = list(scored["target"].unique())
    advice = measures[(measures["table"] == MEASURED) & (measures["origin"] == list(ORIGINS)[1])]
    table = advice.pivot(index="rule", columns="target", values="regret_1")[targets]
    table = table.loc[[ADVISOR, *_RULES, CHANCE]]
    gains = measured[measured["table"] == MEASURED].set_index(["target", "recipe"])["gain"]
    for (tool, target), rows in scored.groupby(["tool", "target"], sort=False):
        scores = rows.set_index("recipe")["score"]
        others = scores.drop(BASELINE)
        lost = regret(gains[target].loc[others.index], others - scores[BASELINE])
        table.loc[tool, target] = lost
    return markdown_table(
        ["first choice of", *targets, f"mean of {targets[0]} and {targets[1]}", "mean of all"],
        [
            [
                name,
                *(number(value, missing="-") for value in row),
                number(row.iloc[:2].mean()),
                number(row.mean(skipna=False), missing="-"),
            ]
            for name, row in table.iterrows()
        ],
    )


def tables() -> dict[str, str]:
    """Return all tables of the page by name."""
    measured = evidence([MEASURED, PUBLISHED])
    every = evidence([MEASURED, EMBEDDED, PUBLISHED])
    return {
        "choices": choices(),
        "losses": losses(analysis.measure_summary(analysis.measure(every))),
        "peers": peers(analysis.measure(measured), measured),
    }


def renewed(page: str, texts: Mapping[str, str]) -> str:
    """Return the page with new tables between their marks."""
    for name, text in texts.items():
        mark = f"<!-- begin {name}: python -m benchmarks.advice -->\n"
        before, rest = page.split(mark)
        page = f"{before}{mark}{text}\n{_END}{rest.partition(_END)[2]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
