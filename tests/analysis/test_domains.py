"""Tasks in other domains of the embedded suite, and in-domain against general intermediate tasks on
made-up studies."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from made_studies import load
from matplotlib.text import Text

from xstilts_core import analysis, results
from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN, general_recipes, of_domains
from xstilts_core.analysis.recipes import transfers
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.commands import cli
from xstilts_core.data.source import Embedded, find_source
from xstilts_core.errors import UsageError
from xstilts_core.jobs.notebook import run_notebook
from xstilts_core.mini import suite
from xstilts_core.mini.lexicon import DOMAINS
from xstilts_core.report import figures
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    GENERAL,
    INTERMEDIATE_NAMES,
    TARGET_NAMES,
    TASKS,
    VERSIONS,
    XTREME,
)
from xstilts_core.tasks.embedded_sizes import DOMAIN_SHARES
from xstilts_core.wording.text import sentences

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EMBEDDED = """
title: A made-up study of embedded domains
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  mnli_clinic: {intermediate: [mnli_clinic]}
  mnli_chat: {intermediate: [mnli_chat]}
  squad_v1: {intermediate: [squad_v1]}
  squad_v1_clinic: {intermediate: [squad_v1_clinic]}
targets: [xnli, xnli_clinic, udpos, udpos_clinic, udpos_chat, tydiqa_clinic]
reports: [53_domains]
"""
# A word that stands in many texts of the domain, in every language of its targets.
NURSE = {"en": "nurse", "id": "perawat", "sw": "muuguzi"}
WARD = {
    "en": "ward",
    "de": "Station",
    "es": "planta",
    "bg": "отделението",
    "tr": "servis",
    "hi": "वार्ड",
    "zh": "病房",
    "id": "bangsal",
}
Gain = Callable[[Spec, str], float]


def fill(study: Study, gain: Gain, skip: str = "nothing") -> None:
    """Every run done but those with `skip` in their path; the score is 50 and the gain."""
    for spec in study.specs:
        scored = spec.targets if spec.phase == "target" else ()
        scores = [
            Score(name, code, "test", TASKS[name].metric, 50 + gain(spec, name), 100)
            for name in scored
            for code in TASKS[name].languages[:3]
        ]
        if skip not in str(spec.folder):
            results.write(spec, scores, "cpu", 1.0)


def by_domain(spec: Spec, name: str) -> float:
    """A recipe gains 1 point; in the target's domain 2 more (in a clinic 4, less with seed 2); a
    special one on general texts nothing."""
    recipe = getattr(spec, "recipe", "none")
    if recipe == "none" or spec.phase != "target":
        return 0.0
    own, there = (VERSIONS[key].domain if key in VERSIONS else GENERAL for key in (recipe, name))
    if TASKS[name].format == "pair" and recipe.startswith("mnli"):
        return 30.0
    if own == there and own != GENERAL:
        return 3.0 if own == "chat" else 5.0 + 0.2 * (1.5 - spec.seed)
    return 0.0 if own != GENERAL and there == GENERAL else 1.0


def draws_of(study: Study) -> analysis.Gains:
    return analysis.gain_draws(
        analysis.contenders(analysis.finished(study), study.controls), analysis.item_scores(study)
    )


def averages(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["task"] == AVERAGE].set_index(["comparison", "group"])


def test_versions_are_tasks_of_their_own_beside_the_papers() -> None:
    assert {version.domain for version in VERSIONS.values()} == set(DOMAINS) - {GENERAL}
    assert (
        VERSIONS.keys().isdisjoint((*INTERMEDIATE_NAMES, *XTREME))
        and set(TARGET_NAMES) & VERSIONS.keys()
    )
    for name, version in VERSIONS.items():
        entry, base = TASKS[name], TASKS[version.task]
        assert (
            entry.domain == version.domain
            and entry.format == base.format
            and entry.labels == base.labels
            and entry.role == base.role
        )
        assert set(entry.languages) == set(base.languages) & set(EMBEDDED_LANGUAGES)
        assert entry.train_on == (base.train_on and f"{base.train_on}_{version.domain}")
        assert suite.SIZES[name] == suite.SIZES[version.task]


@pytest.mark.parametrize("name", VERSIONS)
def test_texts_are_those_of_the_domain(name: str) -> None:
    version = VERSIONS[name]
    found = suite.load(name, "dev", "en", limit=60)
    assert found[0].id.startswith(f"{name}-dev-")
    told = [str(example).replace(example.id, "") for example in found]
    plain = [
        str(example).replace(example.id, "")
        for example in suite.load(version.task, "dev", "en", version.domain, limit=60)
    ]
    general = {
        str(example).replace(example.id, "")
        for example in suite.load(version.task, "dev", "en", limit=60)
    }
    # A short sentence may stand in the texts of any domain.
    assert told == plain and len(general.intersection(told)) < 6
    for code in Embedded().languages(name, "dev"):
        texts = [
            str(example)
            for example in suite.load(name, "test" if code in WARD else "dev", code, limit=300)
        ]
        # Questions about facts name no place, but occupations.
        words = NURSE if version.task == "tydiqa" else WARD
        if version.domain == "clinic" and code in words:
            assert sum(words[code] in text for text in texts) >= 10
        if version.domain == "chat":
            assert not any(mark in text for text in texts for mark in ('."', ".'", "。"))


def test_no_test_item_stands_in_a_training_set_of_any_domain() -> None:
    for source, target in (
        ("mnli", "xnli"),
        ("squad_v1", "tydiqa"),
        ("tydiqa", "tydiqa"),
        ("udpos", "udpos"),
    ):
        trained = {
            item.key for domain in DOMAINS for item in suite.items(source, "train", domain, 1_000)
        }
        for domain in DOMAINS:
            assert trained.isdisjoint(
                item.key for item in suite.items(target, "test", domain, 150)
            ), (source, target, domain)


def test_other_sources_refuse_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "udpos_clinic", "--language", "hi", "--limit", "3"]) == 0
    assert capsys.readouterr().out.count("udpos_clinic-train-") == 3
    for source in ("hub", "files"):
        reason = "udpos_clinic is made by the embedded suite .*in other sources name udpos"
        with pytest.raises(UsageError, match=reason):
            find_source(source, str(tmp_path)).load("udpos_clinic", "test", "hi")
        with pytest.raises(UsageError, match=reason):
            load(
                tmp_path,
                f"title: t\nsource: {source}\nseeds: [1]\nrecipes: {{none: }}\ntargets: [udpos_clinic]\n",
            )
    with pytest.raises(UsageError, match=r"udpos_clinic is of domain clinic, not chat"):
        suite.load("udpos_clinic", "test", "en", "chat")


def test_what_a_recipe_was_trained_on_is_no_transfer_in_any_domain(tmp_path: Path) -> None:
    study = load(tmp_path, EMBEDDED)
    assert not transfers(study, "mnli", "xnli_clinic") and not transfers(study, "mnli_chat", "xnli")
    assert transfers(study, "squad_v1_clinic", "xnli_clinic") and transfers(
        study, "mnli_clinic", "udpos_clinic"
    )


def test_the_planned_contrast(tmp_path: Path) -> None:
    study = load(tmp_path, EMBEDDED)
    fill(study, by_domain)
    assert of_domains(study) == {
        "mnli_clinic": "clinic",
        "mnli_chat": "chat",
        "squad_v1_clinic": "clinic",
    }
    assert general_recipes(study) == ["mnli", "squad_v1"]
    table = analysis.domain_contrasts(study, draws_of(study))
    assert table.iloc[0][["comparison", "group", "task"]].tolist() == [LESS_GENERAL, OWN, AVERAGE]
    rows = averages(table)
    # Three clinic targets with 4 points, one chat target with 2; on xnli_clinic squad_v1 alone is
    # transfer.
    assert rows.loc[
        (LESS_GENERAL, OWN), ["difference", "recipes", "missing"]
    ].tolist() == pytest.approx([(3 * 4 + 2) / 4, 6, 0])
    assert (
        rows.loc[(LESS_GENERAL, "clinic"), "difference"] == pytest.approx(4)
        and rows.loc[(LESS_GENERAL, "clinic"), "low"] > 0
    )
    assert rows.loc[(LESS_GENERAL, "chat"), "difference"] == pytest.approx(2)
    assert rows.loc[(LESS_GENERAL, GENERAL), ["difference", "recipes"]].tolist() == pytest.approx(
        [-1, 4]
    )
    # Only mnli has a recipe of another domain; on a foreign domain it gains 1, as a general one.
    assert rows.loc[(LESS_OTHER, OWN), ["difference", "recipes"]].tolist() == pytest.approx(
        [(4 + 4 + 2) / 3, 3]
    )
    cells = analysis.domain_cells(study, draws_of(study)).set_index(
        ["comparison", "task", "recipe"]
    )
    assert (LESS_GENERAL, "xnli_clinic", "mnli_clinic") not in cells.index, "no transfer"
    assert cells.loc[
        (LESS_GENERAL, "xnli_clinic", "squad_v1_clinic"), ["against", "gain"]
    ].tolist() == ["squad_v1", pytest.approx(5.0)]
    assert cells.loc[
        (LESS_GENERAL, "udpos_chat", "mnli_clinic"), ["against", "difference"]
    ].tolist() == ["mnli", pytest.approx(0.0)]
    answer = sentences("domains", table=table, study=study, shares=DOMAIN_SHARES)
    assert (
        "targets of their own domain**: +3.5 points" in answer
        and "86 % general, 7 % clinic, 7 % chat" in answer
    )
    assert (
        "On clinic targets alone: +4.0 points" in answer
        and "**told from 0**" in answer
        and "2 seeds" in answer
    )


def test_missing_runs_are_counted_and_one_seed_has_no_interval(tmp_path: Path) -> None:
    study = load(tmp_path, EMBEDDED)
    fill(study, by_domain, skip="from-mnli_chat")
    rows = averages(analysis.domain_contrasts(study, draws_of(study)))
    assert rows.loc[
        (LESS_GENERAL, OWN), ["difference", "recipes", "missing"]
    ].tolist() == pytest.approx([4, 5, 1])
    assert (LESS_GENERAL, "chat") not in rows.index and (LESS_OTHER, OWN) not in rows.index
    assert "5 recipe-target pairs, 1 more missing" in sentences(
        "domains",
        table=analysis.domain_contrasts(study, draws_of(study)),
        study=study,
        shares=DOMAIN_SHARES,
    )
    (one := tmp_path / "one").mkdir()
    study = load(one, EMBEDDED.replace("[1, 2]", "[1]"))
    fill(study, by_domain)
    table = analysis.domain_contrasts(study, draws_of(study))
    assert table["low"].isna().all() and "There is one seed" in sentences(
        "domains", table=table, study=study, shares=DOMAIN_SHARES
    )
    figure = figures.domain_differences(table, source="Made up.")
    said = " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))
    assert "no interval: 1 seed" in said and said.endswith("Made up."), said


def test_a_study_without_domains_has_nothing_to_compare(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        "title: t\nseeds: [1, 2]\nrecipes: {none: , ccg: {intermediate: [ccg]}}\ntargets: [udpos, xnli]\n",
    )
    fill(study, by_domain)
    table = analysis.domain_contrasts(study, draws_of(study))
    assert table.empty and "No contrast yet" in sentences(
        "domains", table=table, study=study, shares=DOMAIN_SHARES
    )
    assert "nothing to compare" in figures.domain_differences(table).texts[0].get_text()


def on_real_data(spec: Spec, name: str) -> float:
    """Each gains 1, pubmedqa 4 on abstrct, tweet_offensive 3 on tweet_sentiment and 2 elsewhere;
    squad_v1 2."""
    recipe = getattr(spec, "recipe", "none")
    special = {("pubmedqa", "abstrct"): 4.0, ("tweet_offensive", "tweet_sentiment"): 3.0}
    return special.get((recipe, name), {"none": 0.0, "mnli": 1.0, "pubmedqa": 1.0}.get(recipe, 2.0))


def test_real_domains_are_held_against_all_general_recipes(tmp_path: Path) -> None:
    study = Study.load("question_domains_xlmr", str(tmp_path / "outputs"))
    assert of_domains(study) == {"pubmedqa": "biomedical", "tweet_offensive": "social media"}
    assert general_recipes(study) == ["mnli", "squad_v1"], (
        "a domain without a target that it can help is no domain here"
    )
    fill(study, on_real_data)
    rows = averages(analysis.domain_contrasts(study, draws_of(study)))
    assert rows.loc[(LESS_GENERAL, "biomedical"), "difference"] == pytest.approx(2.5)
    assert rows.loc[(LESS_GENERAL, OWN), "difference"] == pytest.approx(2.0)
    assert rows.loc[(LESS_OTHER, OWN), "difference"] == pytest.approx(2.0)
    # mnli is no transfer to xnli: there they are held against squad_v1 alone.
    assert rows.loc[(LESS_GENERAL, GENERAL), "difference"] == pytest.approx(
        ((-1 + 0) / 2 + (-0.5 + 0.5) / 2) / 2
    )
    table = analysis.domain_contrasts(study, draws_of(study))
    assert "task, format and size" in sentences(
        "domains", table=table, study=study, shares=DOMAIN_SHARES
    )


def shown(path: Path) -> str:
    """All text that an executed notebook shows."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    return "\n".join(
        str(output.get("data", {}).get(kind, ""))
        for output in outputs
        for kind in ("text/plain", "text/markdown")
    )


@pytest.mark.slow
def test_the_report_on_an_unfinished_study(tmp_path: Path) -> None:
    study = load(tmp_path, EMBEDDED)
    target = study.root / "report" / "53_domains" / results.NOTEBOOK
    for words in ("No contrast yet", "targets of their own domain**: +4.0 points"):
        run_notebook(
            NOTEBOOKS / "53_domains.ipynb",
            {"study": study.file, "outputs": study.outputs},
            target,
            threads=1,
        )
        assert words in shown(target) and "missing" in shown(target)
        fill(study, by_domain, skip="from-mnli_chat")
    assert (target.parent / results.RESULT).is_file() and (
        target.parent / "contrasts_column.pdf"
    ).is_file()
