"""Small tables by hand for each template of sentences: of a full, a partial, a one-seed and an empty
study."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from xstilts_core.phases.learnt import listed

KINDS = ("full", "partial", "one seed", "empty")
NAN = float("nan")
ONE_SEED = "no interval: one seed"


def _table(kind: str, columns: str, rows: list[tuple[Any, ...]], most: int = 99) -> pd.DataFrame:
    """A table of these rows; of the first `most` in a full study, of all in a partial one."""
    table = pd.DataFrame(rows, columns=columns.split())
    if kind == "empty":
        return table.iloc[:0]
    if kind == "full":
        return table.iloc[:most]
    if kind == "one seed":
        missing = {"low", "high", "bend_low", "bend_high", "p", "p_holm"} & set(table.columns)
        table = table.iloc[:most].assign(**dict.fromkeys(missing, NAN))
        given = {"seeds": 1, "resampled": ONE_SEED}
        table = table.assign(**{name: given[name] for name in given if name in table})
    return table


def _claims(kind: str) -> pd.DataFrame:
    columns = "claim evidence verdict estimate low high above below open missing published"
    columns += " detectable power scope measure rule reason"
    abstract = ("abstract", "supported", 4.2, 1.0, 7.4, 1, 0, 0, 0, 2.5, 3.0, 0.6, "", "gain", "r")
    reported = ("reported", "contradicted", -2.04, -3.0, -1.0, 0, 2, 1, 0, NAN, 1.5, NAN)
    rows = [
        ("It helps", *abstract, ""),
        ("All help", *reported, "2 of 9 single tasks", "mean gain", "r", ""),
        (
            "Less",
            "reported",
            "undecided at this sample size",
            0.5,
            -1.0,
            2.0,
            0,
            0,
            1,
            0,
            3.0,
            1.6,
            0.9,
            "",
            "gain",
            "r",
            "",
        ),
        (
            "Never",
            "reported",
            "undecided at this sample size",
            0.5,
            -99.0,
            99.0,
            0,
            0,
            2,
            0,
            NAN,
            140.0,
            NAN,
            "on xnli",
            "gain",
            "r",
            "1 difference missing",
        ),
        (
            "Nothing",
            "reported",
            "not measured",
            *([NAN] * 3),
            0,
            0,
            0,
            0,
            NAN,
            NAN,
            NAN,
            "",
            "gain",
            "",
            "no runs",
        ),
        (
            "Nor this",
            "reported",
            "not measured",
            *([NAN] * 3),
            0,
            0,
            0,
            0,
            NAN,
            NAN,
            NAN,
            "",
            "gain",
            "",
            "no runs",
        ),
    ]
    table = _table("full", columns, rows, most=6)
    if kind == "empty":
        return table.iloc[4:]
    if kind == "one seed":
        return table.iloc[2:4].assign(low=NAN, high=NAN, detectable=NAN, power=NAN, reason=ONE_SEED)
    return table.iloc[:3] if kind == "full" else table


def _curves(kind: str) -> pd.DataFrame:
    columns = "series task slope low high bend bend_low bend_high seeds"
    rows = [
        ("mnli", "xnli", 0.8, 0.1, 1.5, 0.3, 0.1, 0.5, 2),
        ("mnli", "udpos", -0.8, -1.5, -0.1, 0.003, 0.001, 0.005, 2),
        ("mnli", "average", 0.001, -0.1, 0.1, -0.3, -0.5, -0.1, 2),
        ("ccg", "xnli", 1.0, NAN, NAN, NAN, NAN, NAN, 1),
    ]
    return _table(kind, columns, rows, most=3)


def _languages(kind: str) -> dict[str, pd.DataFrame]:
    columns = "recipe factor level gain low high difference difference_low difference_high p p_holm"
    columns += " detectable recipes targets seeds resampled"
    rows = [
        (
            "all recipes",
            "language",
            "sw",
            3.0,
            1.0,
            5.0,
            2.5,
            0.5,
            4.5,
            0.001,
            0.01,
            1.2,
            2,
            3,
            3,
            "seeds and items",
        ),
        (
            "all recipes",
            "language",
            "de",
            -0.04,
            -1.0,
            1.0,
            -0.5,
            -1.5,
            0.5,
            0.5,
            0.6,
            1.3,
            2,
            3,
            3,
            "seeds and items",
        ),
        (
            "all recipes",
            "word_order",
            "SOV",
            1.0,
            0.1,
            2.0,
            0.5,
            -1.5,
            2.5,
            0.5,
            0.6,
            1.4,
            2,
            3,
            3,
            "seeds",
        ),
        (
            "mnli",
            "language",
            "sw",
            3.0,
            1.0,
            5.0,
            2.5,
            0.5,
            4.5,
            0.001,
            0.01,
            1.2,
            1,
            3,
            3,
            "seeds and items",
        ),
    ]
    effects = [
        ("word_order", "SOV", "SVO", 2.0, 0.5, 3.5, 0.01, 0.02, 9, ""),
        ("resource_level", "low", "high", 1.0, -0.5, 2.5, 0.2, 0.2, 9, ""),
    ]
    table = _table(kind, columns, rows, most=3)
    columns = "effect level reference estimate low high p p_holm units reason"
    effect_table = _table(kind, columns, effects)
    if kind == "one seed":
        effect_table["reason"] = "no variance found"
    if kind == "partial":
        table["p_holm"], effect_table["p_holm"] = 0.6, 0.3
    return {"table": table, "effects": effect_table}


def tables(kind: str) -> dict[str, dict[str, Any]]:
    """The values of each template, by its name."""
    gains = [
        ("mnli", "xnli", 3.04, 0.5, 5.5, 3, "seeds and items"),
        ("mnli", "xquad", -2.0, -3.0, -0.5, 3, "seeds and items"),
        ("mnli", "average", 0.5, -0.4, 1.6, 3, "seeds and items"),
        ("ccg", "xnli", 1.0, -1.0, 3.0, 5, "seeds"),
        ("ccg", "xquad", NAN, NAN, NAN, 0, ""),
        ("ccg", "average", NAN, NAN, NAN, 0, ""),
    ]
    transfer = _table(kind, "recipe task gain low high seeds resampled", gains, most=3)
    strategies = [
        ("a recipe per target", "as chosen", 2.0, 0.5, 3.5),
        ("one recipe for all targets", "ccg", 1.5, 0.2, 2.8),
        ("per target, beyond one for all", "", 0.5, -0.5, 1.5),
        ("oracle: best on test data", "as best", 2.5, 1.0, 4.0),
        ("regret of choosing on development data", "", 0.5, 0.0, 1.0),
    ]
    choices = [("xnli", "mnli", "mnli"), ("xquad", "none", "ccg")]
    items = [("mnli", "xnli", 3.0, 0.001, 0.001), ("ccg", "xquad", -4.0, 0.01, 0.01)]
    items += [("ccg", "xnli", 0.1, 0.9, 0.04)]
    seeds = [("xnli", 0.03, 6, 0.04), ("average", 0.03, 6, 0.5)]
    seed_table = _table(kind, "task smallest units p_holm", seeds)
    shares = [("residual", 0.5, ""), ("recipe x task", 0.3, ""), ("seed", 0.2, "")]
    shares += [("language", 0.0, "no variance found"), ("task", 0.0, "no variance found")]
    controls = [
        ("xnli", "none", "", 62.0, 79.0, NAN, NAN, NAN, 2),
        ("xnli", "random_init", "random_init", 33.0, 34.0, 29.0, 25.0, 33.0, 2),
        ("xquad", "majority", "majority", 12.0, 13.0, -1.8, -3.0, -0.6, 2),
        ("tatoeba", "masked", "names_masked", 72.0, NAN, 18.0, 9.0, 27.0, 2),
        ("udpos", "chance", "random_init", 50.0, 51.0, 0.5, -3.0, 4.0, 1),
    ]
    columns = "task recipe control zero_shot english above low high seeds"
    control_table = _table(kind, columns, controls, most=4)
    floors = control_table[~control_table["control"].isin(["", "names_masked"])]
    stops = [
        ("ccg", "average", 128.0, 512.0, 4, "32"),
        ("ccg", "xnli", 8000.0, NAN, 4, ""),
        ("mnli", "xnli", NAN, NAN, 4, ""),
    ]
    kinds = "syntactic less semantic, "
    contrasts = [
        (f"{kinds}sequence labelling less the rest", 4, 3.0, 1.0, 5.0, 0.1, 0.1, 2),
        (f"{kinds}sequence labelling", 2, 2.0, 0.5, 3.5, NAN, NAN, 2),
        (f"{kinds}the rest", 2, -1.0, -1.9, -0.1, 0.2, 0.1, 2),
        (f"{kinds}xnli", 1, 9.9, 1.0, 20.0, NAN, NAN, 2),
        (f"{kinds}more", 3, 0.0, -1.0, 1.0, NAN, NAN, 1),
    ]
    domains = [
        ("less general", "own domain", "average", 3.5, 1.0, 6.0, 5, 0, 2),
        ("less general", "clinic", "average", 2.0, -1.0, 5.0, 3, 1, 2),
        ("less another domain", "own domain", "average", 1.0, -1.0, 3.0, 5, 0, 2),
        ("less general", "general", "average", -1.0, -2.0, -0.5, 4, 0, 2),
        ("less general", "own domain", "xnli_clinic", 1.0, 0.5, 1.5, 1, 0, 2),
    ]
    columns = "comparison group task difference low high recipes missing seeds"
    data = [("German, against English", 1.0, 0.2, 1.8, 3, 0, 2)]
    data += [("noise, against none", -1.0, -3.0, 1.0, 1, 2, 2), ("all", NAN, NAN, NAN, 0, 1, 0)]
    pairs = [
        ("all beside one", "all", "mnli", "xnli", 1.2, 0.3, 2.1, 3),
        ("all beside one", "all", "mnli", "average", 0.04, -0.3, 0.6, 3),
        ("all beside one", "all", "mnli", "xquad", -2.2, -3.3, -1.1, 3),
        ("all beside one", "all", "mnli", "udpos", NAN, NAN, NAN, 0),
    ]
    correlations = [
        ("own score", "xnli", 0.9, 0.5, 0.99, 0.001, 0.01, 9),
        ("own score", "average", 0.2, -0.5, 0.8, 0.6, 0.7, 9),
    ]
    own = _table(kind, "x y estimate low high p p_holm n", correlations)
    states = {"full": ["done"] * 3, "partial": ["done", "failed", "done", "missing"]}
    runs = pd.DataFrame({"state": states.get(kind, ["done"])}).assign(commit="c0ffee")
    runs = runs.iloc[:0] if kind == "empty" else runs
    study = SimpleNamespace(name="mine", reference="", published="", embedded=kind != "partial")
    study.encoder = "mini"
    return {
        "transfer": {"table": transfer, "clear": 1},
        "retrieval_measures": {
            "table": _table(
                kind,
                "measure recipe task score gain low high seeds",
                [
                    ("own", "mnli", "tatoeba", 90.0, -6.0, -9.0, -3.0, 3),
                    ("own", "ccg", "tatoeba", 90.0, 1.0, -2.0, 4.0, 3),
                    ("paper", "mnli", "tatoeba", 40.0, 5.0, 2.0, 8.0, 3),
                    ("paper", "ccg", "tatoeba", 40.0, NAN, NAN, NAN, 0),
                ],
                most=3,
            )
        },
        "choice": {
            "choices": _table(kind, "task chosen oracle", choices, most=1),
            "strategies": _table(kind, "strategy recipe gain low high", strategies),
        },
        "chance": {
            "items": _table(kind, "recipe task gain p_holm p_bh", items),
            "seeds": seed_table.assign(smallest=0.25) if kind == "one seed" else seed_table,
            "languages": transfer[transfer["task"] != "average"],
            "shares": _table(kind, "source share reason", shares, most=3),
        },
        "controls": {"table": control_table, "strongest": floors},
        "claims": {"table": _claims(kind)},
        "scaling": {"fits": _curves(kind)},
        "task_number": {"fits": _curves(kind)},
        "target_size": {
            "fits": _curves(kind),
            "stops": _table(kind, "series task largest stops sizes losses", stops, most=2),
        },
        "syntactic_semantic": {
            "table": _table(
                kind, "contrast targets points low high p_recipes smallest seeds", contrasts, most=4
            )
        },
        "domains": {
            "table": _table(kind, columns, domains[kind == "partial" :]),
            "study": study,
            "shares": {"general": 0.86, "clinic": 0.07, "chat": 0.07},
        },
        "data_contrasts": {
            "table": _table(kind, "contrast difference low high recipes missing seeds", data, 1),
            "scope": "A scope.",
        },
        "variants": {
            "table": _table(kind, "question recipe beside task difference low high seeds", pairs, 3)
        },
        "languages": _languages(kind),
        "own_scores": {"table": own, "detectable": lambda rows: 0.83},
        "headline": {"states": runs},
        "origin": {"study": study, "runs": runs},
        "not_rebuilt": {"missing": _table(kind, "reason", [("no gains",), ("no size",)])},
    }


def _summary(kind: str) -> dict[str, Any]:
    """The values of `correlations`, as `correlation_summary` returns them."""
    if kind == "empty":
        return {"tests": 0}
    columns = "x y estimate low high"
    pairs = [("rte", "multirc", 0.81, 0.6, 0.92), ("udpos", "panx", 0.7, 0.2, 0.9)]
    left_out = SimpleNamespace(left_out="ccg", target_pairs=1, probing_pairs=0, mean_estimate=0.25)
    whole = SimpleNamespace(target_pairs=3, probing_pairs=1, mean_estimate=0.5)
    abilities = [("probe_negation", 2, 9, 0.44)]
    return {
        "tests": 47,
        "pairs": (45, 2),
        "significant": (3, 1),
        "probing": kind != "one seed",
        "strongest_targets": _table(kind, columns, pairs),
        "strongest_probing": _table("empty" if kind == "one seed" else kind, columns, pairs, 1),
        "abilities": _table(kind, "task significant targets mean_estimate", abilities),
        "recipes": 4,
        "runs": 1 if kind == "one seed" else 3,
        "whole_table": whole,
        "without_one": [] if kind == "one seed" else [left_out if kind == "full" else whole],
        "rows": 3 if kind == "one seed" else 12,
        "detectable_by_one": 0.73,
        "detectable_by_all": 0.91,
    }


def _not_learnt(kind: str) -> dict[str, Any]:
    """Two tasks not learnt with two seeds, or one with one; a study without failures has no such
    sentence, so an empty one has that of one seed."""
    failed = {"metric": "f1", "reference": 49.9, "answer": "no answer"}
    first = SimpleNamespace(**failed, score=35.4, high=-10.0)
    second = SimpleNamespace(**failed, score=50.5, high=1.5)
    several = {"squad_v2": [(1, first)], "mnli": [(1, second), (2, second)]}
    return {
        "recipe": "multitask",
        "by_task": several if kind in ("full", "partial") else {"squad_v2": [(1, first)]},
        "listed": listed,
        "others": (),
        "seeds": 2 if kind in ("full", "partial") else 1,
        "nothing": kind == "partial",
        "attempts": 1 if kind == "full" else 2,
    }


def _reasons(kind: str) -> dict[str, Any]:
    """A recipe whose gains were measured; on the target itself only in a partial study; none in an
    empty one."""
    columns = "table recipe target format gain runs"
    rows = [
        ("measured", "mnli", "xnli", "pair", 3.0, 2),
        ("other", "mnli", "xquad", "span", -1.0, 1),
    ]
    gains = pd.DataFrame(rows, columns=columns.split()).to_records()
    row = SimpleNamespace(recipe="mnli", format="pair", same_format=1.0)
    row.similarity = NAN if kind == "one seed" else 0.8765
    if kind == "empty":
        row.recipe = "none"
    target = "xnli" if kind == "partial" else "pawsx"
    return {"row": row, "gains": list(gains), "target": target}


def _measures(kind: str) -> pd.DataFrame:
    """Measures of advice on one or two tables."""
    numbers = [("regret_1", 2.0), ("regret_3", 0.5), ("covered_80", 0.8), ("covered_95", 0.96)]
    rules = ("the advisor", "the model", "best on average", "chance")
    rows = [
        (origin, table, rule, measure, value + rules.index(rule), value, value + 4, 9)
        for origin in ("other targets", "other tables")
        for table in ("measured", "all")
        for rule in rules
        for measure, value in numbers
        if rule in ("the advisor", "the model") or measure == "regret_1"
    ]
    columns = ["origin", "table", "rule", "measure", "value", "low", "high", "targets"]
    table = pd.DataFrame(rows, columns=columns)
    table.loc[table["measure"].str.startswith("covered"), "value"] -= 1.0
    kept = {"full": table, "partial": table[table["origin"] == "other targets"]}
    kept["one seed"] = table[(table["origin"] == "other targets") & (table["table"] == "all")]
    return kept.get(kind, table.iloc[:0])


def all_tables(kind: str) -> dict[str, dict[str, Any]]:
    """The values of every template of sentences, by its name."""
    values = tables(kind)
    states, study = values["headline"]["states"], values["origin"]["study"]
    publication = SimpleNamespace(
        citation="Authors (2020)",
        url="https://example.org",
        source="their table",
        license="A licence",
        remarks="Remarks.",
        authors="authors",
    )
    performance = {"study": study, "recipes": 4, "repeats": 1, "runs": states}
    performance |= {"publication": publication if kind == "partial" else None}
    performance |= {"cells": 20, "missing": 1}
    left_out = {"task": "udpos", "recipe": "none", "seed": 1, "split": "dev", "items": (2, 3)}
    left_out |= {"languages": ["English"], "others": [("test", (50, 1000))]}
    apart = {**left_out, "languages": ["one"] * 4, "items": (2, 2), "others": []}
    remarks = {
        "left_out": [left_out, apart] if kind == "partial" else [],
        "older": 2 if kind == "partial" else 0,
        "unlearnt": {"ccg": "ccg: it learnt nothing"} if kind == "partial" else {},
        "precisions": {"float32": ["a", "b"], "bfloat16": ["c"]} if kind == "partial" else {},
    }
    return values | {
        "not_learnt": _not_learnt(kind),
        "advice_reasons": _reasons(kind),
        "advice_measured": {"table": _measures(kind)},
        "correlations": _summary(kind),
        "performance": performance,
        "performance_origin": performance,
        "remarks": remarks,
        "unlearnt": {"unlearnt": remarks["unlearnt"]},
    }
