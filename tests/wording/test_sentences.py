"""Every template of sentences says what its numbers say, on full, partial, one-seed and empty
studies; and one spelling of a number."""

import re
from importlib.resources import files

import pandas as pd
import pytest
from jinja2 import UndefinedError
from sentence_tables import KINDS, NAN, all_tables

from xstilts_core.wording import numbers
from xstilts_core.wording.text import markdown_table, prose, sentences

TEMPLATES = {
    path.name.removesuffix(".txt.j2")
    for path in files("xstilts_core.wording").joinpath("templates").iterdir()
    if path.name.endswith(".txt.j2") and not path.name.startswith("tasks")
}
# What each template says of a full, a partial, a one-seed and an empty study.
SAID = {
    "transfer": (
        "Of 2 cells (recipe x target), the 95 % interval of the zero-shot gain lies above 0 in 1 and below 0 in 1; 0 cannot be told from 0. Largest such gains: mnli on xnli (+3.0 points, +0.5 to +5.5).",
        "The cells rest on 3 to 5 seeds. With fewer than 5 seeds",
        "0 cannot be told from 0, 2 have no interval. Best on average over all targets: mnli (+0.5 points, no interval)",
        "**No finished target runs to compare yet.**",
    ),
    "choice": (
        "gains +2.0 points (+0.5 to +3.5) over none on test data, mean of 1 target; ccg, the one recipe",
        "on 1 of 2; the oracle gains +2.5 points (+1.0 to +4.0), a regret of +0.5 points (+0.0 to +1.0). Development data favor no intermediate training on xquad.",
        "choosing per target adds +0.5 points (no interval) to that.",
        "**Nothing to choose yet.**",
    ),
    "chance": (
        "2 of 3 gains can be told from 0 after Holm's correction (1 above, 1 below) and 3 after Benjamini and Hochberg's. The largest: ccg on xquad (-4.0 points, p_holm = 0.010); mnli on xnli",
        "recipe on target 30 %, seed 20 %, what is left 50 %; no variance found of language or task.",
        "No result over seeds: 6 seeds cannot give a p below 0.25.",
        "**Nothing to test yet.**",
    ),
    "retrieval_measures": (
        "own measure moves tatoeba from 90.0 by -2.5 points on average (0 of 2 recipes clearly up, 1 clearly down). The paper's",
        "middle layer) moves tatoeba from 40.0 by +5.0 points on average (1 of 1 recipe clearly up, 0 clearly down).",
        "(0 of 2 recipes clearly up, 0 clearly down)",
        "",
    ),
    "controls": (
        "above 0, on xnli (random_init, +29.0 points, +25.0 to +33.0). **It is not above its strongest control** on xquad (majority, -1.8 points",
        "With names masked, tatoeba goes from 90.0 to 72.0, 20 % of the score less. These numbers rest on 1 seed.",
        "**It cannot be told from its strongest control** on xnli (random_init, +29.0 points, no interval)",
        "**This study has no controls with finished runs.**",
    ),
    "claims": (
        "Of 3 claims: 1 supported, 1 contradicted, 1 undecided at this sample size, 0 not measured.\n- **supported**: It helps (gain +4.2 points, +1.0 to +7.4).\n- **contradicted**: All help (mean gain -2.0 points, -3.0 to -1.0; 0 above 0, 2 below, of 3; 2 of 9 single tasks).\n- **undecided**: Less (gain +0.5 points, -1.0 to +2.0; 80 % power begins at 1.6 points; the paper's +3.0 would be told from 0 with 90 % power).",
        "1 difference missing; no possible difference of scores would be told from 0 with 80 % power; on xnli).\n- **not measured**: no runs (2 claims).\n\n**What",
        "Less (gain +0.5 points; no interval: one seed).",
        "0 supported, 0 contradicted, 0 undecided at this sample size, 2 not measured.",
    ),
    "scaling": (
        "mnli on average over the targets: +0.00 points for a doubling (-0.10 to +0.10): not told from 0. The curve bends downwards (-0.30, -0.50 to -0.10). Of 2 curves of single targets, 1 can be told to rise and 1 to fall",
        "1 of 4 numbers rest on one seed and have no interval",
        "one seed cannot tell it from 0.\n\n**What",
        "**No curve yet.**",
    ),
    "task_number": (
        "More tasks with the same total size, on average over the targets: +0.00 points",
        "The tasks were added in one order",
        "There is one seed, so no number here has an interval",
        "**No curve yet.**",
    ),
    "target_size": (
        "ccg on average over the targets: the largest size with a gain above 0 is 128 examples; from 512 on it cannot be told from 0 or is a loss. With 32 examples it lies below 0: a loss. The largest size with a gain above 0 on xnli: 8,000 examples after ccg.",
        "1 of 4 numbers rest on one seed",
        "There is one seed",
        "**No curve yet.**",
    ),
    "syntactic_semantic": (
        "Syntactic less semantic, sequence labelling less the rest: +3.0 points (+1.0 to +5.0), told from 0 for these tasks: each kind does better on its own kind of target than the other kind does; over recipes p = 0.10 (smallest possible: 0.10).",
        "Syntactic less semantic, more: +0.0 points (-1.0 to +1.0), not told from 0.",
        "+3.0 points (no interval), without an interval; over recipes",
        "**No contrast yet.**",
    ),
    "domains": (
        "targets of their own domain**: +3.5 points (+1.0 to +6.0; 5 recipe-target pairs), **told from 0**. On clinic targets alone: +2.0 points (-1.0 to +5.0; 3 recipe-target pairs, 1 more missing), not told from 0. In-domain less those of another",
        "The planned contrast is missing: no target of a domain has finished runs of both kinds. On clinic",
        "(86 % general, 7 % clinic, 7 % chat): a domain",
        "**No contrast yet.**",
    ),
    "data_contrasts": (
        "- German, against English: +1.0 points (+0.2 to +1.8; 3 recipes), **better**\n\n**What this does not show.** A scope. Each contrast rests on at least 2 seeds.",
        "- noise, against none: -1.0 points (-3.0 to +1.0; 1 recipe), **cannot be told from 0**\n\n",
        "(no interval: one seed; 3 recipes)",
        "**Nothing to compare yet.**",
    ),
    "variants": (
        "**All beside one**, mean of 2 targets: all beside mnli (+0.0 points, -0.3 to +0.6). By target the interval excludes 0 in 2 of 2 differences: all beside mnli on xquad (-2.2 points, -3.3 to -1.1); all beside mnli on xnli",
        "1 difference is missing: runs are not finished.",
        "With one seed there is no interval",
        "**No finished pair of recipes to compare yet.**",
    ),
    "languages": (
        "Mean of 2 recipes on 3 targets. By language, the mean gain is largest in Swahili (+3.0 points, +1.0 to +5.0) and smallest in German (+0.0 points, -1.0 to +1.0). Of 3 levels, these differ from the other languages of their targets (Holm): Swahili (+2.5 points, +0.5 to +4.5). For other languages of the same kind (over 9 languages, 2 effects in mixed-effects models): word order SOV against word order SVO (+2.0, +0.5 to +3.5).",
        "of its targets after Holm's correction; a difference of 1.3 points (median) would be told from 0 with 80 % power. For other languages of the same kind (over 9 languages, 2 effects in mixed-effects models) none can be told from 0 after Holm (nearest: word order SOV",
        "Whether levels differ among these languages is unknown: one seed, no interval. About other languages of the same kind nothing can be said yet: no variance found.",
        "**No finished target runs to compare yet.**",
    ),
    "correlations": (
        "After Holm's correction over 47 tests, 3 of 45 pairs of targets and 1 of 2 of a target and a probing task can be told from 0. Strongest between targets: rte with multirc (0.81, 0.60 to 0.92); udpos with panx (0.70, 0.20 to 0.90).",
        "Leaving out any single recipe never reduces",
        "pairs of targets can be told from 0. Strongest between targets: rte with multirc (0.81, no interval)",
        "**No correlations yet.**",
    ),
    "own_scores": (
        "1 of 2 correlations can be told from 0 after Holm's correction: own score with xnli (0.90, 0.50 to 0.99). With the average gain: own score with average (0.20, -0.50 to 0.80), p = 0.60.",
        "With n = 9 recipes, a single test detects a correlation of 0.83 with 80 % power",
        "0 of 2 correlations can be told from 0 after Holm's correction. With the average gain: own score with average (0.20, no interval), p = unknown.",
        "**No recipe has both its own score and gains yet.**",
    ),
    "headline": (
        "**3 runs in the grid:** 3 done.",
        "**4 runs in the grid:** 2 done, 1 missing, 1 failed.",
        "**1 run in the grid:** 1 done.",
        "**The grid has no runs.**",
    ),
    "origin": (
        "Study mine: 3 of 3 runs done, made from commit c0ffee; runs.csv lists their folders.",
        "Study mine: 2 of 4 runs done",
        "1 of 1 runs done",
        "Study mine: 0 of 0 runs done; runs.csv",
    ),
    "not_rebuilt": ("Not rebuilt: no gains; no size.",) * 3 + ("",),
    "performance": (
        "**3 runs in the grid:** 3 done.",
        "Authors (2020) <https://example.org>\n\nTaken from their table. A licence. Remarks.\n\n19 scores of 20 (recipe and run by task) are available, 1 are missing",
        "**1 run",
        "**The grid has no runs.**",
    ),
    "performance_origin": (
        "4 recipes, 1 seed. Study mine: 3 of 3",
        "4 recipes, 1 run. Scores of authors: scores.csv.",
        "4 recipes, 1 seed.",
        "4 recipes, 1 seed.",
    ),
    "remarks": (
        "",
        "**Left out of all tables**, because they are on other test items than the rest: udpos from none, seed 1, in English: dev (2 to 3 items), where the others have test (50 to 1,000 items); udpos from none, seed 1, in 4 languages: dev (2 items), where the others have none. **2 of the results are from a version that did not record what a result depends on: only settings are compared**. **Not every phase 2 run learnt its task.** † ccg: it learnt nothing. **Not all runs computed in the same precision**; averages include all of them: float32: a, b; bfloat16: c.",
        "",
        "",
    ),
    "unlearnt": ("", "† ccg: it learnt nothing.", "", ""),
    "not_learnt": (
        "multitask: not all of its tasks were learnt. English development scores after phase 2, beside those of one answer to all items: squad_v2 35.4 (seed 1; 49.9), mnli 50.5, 50.5 (seeds 1 and 2; 49.9) (restarts: 2 would train it again)",
        "these encoders learnt nothing, and their gains show the effect of spoilt encoders (the best of 2 attempts)",
        "one answer to all items: squad_v2 35.4 (seed 1; 49.9) (the best of 2 attempts)",
        "(the best of 2 attempts)",
    ),
    "advice_reasons": (
        "the target's format; +3.0 on xnli (measured, 2 runs); mean over all targets +3.0 (measured), -1.0 (other); similarity of texts 0.876",
        "the target's format; +3.0 on xnli (measured, 2 runs); mean",
        "-1.0 (other)",
        "the target alone",
    ),
    "advice_measured": (
        "**Advice from other tables.** measured (9 targets): the advisor's first choice loses 2.0 (2.0 to 6.0) points against the best choice, the best of its first three 0.5 (0.5 to 4.5); the best simple rule (best on average) 4.0 (2.0 to 6.0), chance 5.0 (2.0 to 6.0). The 80 % intervals hold 80 % of the gains, the 95 % intervals 96 %. All tables",
        "intervals 96 %.\n\n**What this does not show.**",
        "**Advice from other targets.** All tables",
        "**What this does not show.** Targets of one table",
    ),
}


def test_no_template_is_forgotten() -> None:
    assert SAID.keys() == TEMPLATES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(SAID))
def test_what_a_template_says(name: str, kind: str) -> None:
    text = sentences(name, **all_tables(kind)[name])
    expected = SAID[name][KINDS.index(kind)]
    assert expected in text if expected else text == ""
    assert not re.search(r"\bnan\b|None|-0\.0\b(?!\d)|[{}¶]|\.\.|  | [.,;:)]", text), text
    assert kind != "empty" or not re.search(r"\d points", text)


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="table"):
        sentences("transfer")


def test_one_spelling_of_a_number() -> None:
    assert [numbers.number(value) for value in (80.44, -0.04, NAN)] == ["80.4", "0.0", ""]
    assert [numbers.gain(value) for value in (1.25, -0.04, -1.7, NAN)] == [
        "+1.2",
        "+0.0",
        "-1.7",
        "",
    ]
    assert numbers.gain(0.005, 2) == "+0.01" and numbers.number(NAN, missing="-") == "-"
    assert numbers.interval(-0.2, 5) == "-0.2 to +5.0"
    assert numbers.interval(0.6, 0.92, 2, sign=False) == "0.60 to 0.92"
    assert numbers.interval(NAN, NAN) == "no interval"
    assert numbers.cell(4.2, 1.2, 7.4) == "+4.2 (1.2 to 7.4) *"
    assert numbers.cell(4.2, NAN, NAN) == "+4.2" and numbers.cell(NAN, NAN, NAN) == ""
    assert [numbers.counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert numbers.whole(392702.0) == "392,702"


def test_prose_joins_lines_and_keeps_paragraphs_and_items() -> None:
    assert (
        prose("One\n  line ,\n\ntwo\n.\n¶ Next:\n- a\n\n- b\n")
        == "One line, two.\n\nNext:\n- a\n- b\n"
    )
    rows = markdown_table(["a", "b"], [("x|y", 1)])
    assert rows == "| a | b |\n| --- | --- |\n| x\\|y | 1 |"


def test_a_table_is_given_as_its_rows() -> None:
    gains = pd.DataFrame({"reason": ["no runs"]})
    assert sentences("not_rebuilt", missing=gains) == "Not rebuilt: no runs."
