"""Cards say what result.json files say: scores, data, licences, limits, commands that make the same
run; nothing of this machine."""

import json
import os
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import made_studies
import pandas as pd
import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard
from made_studies import load

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.data import hub_client
from xstilts_core.data.hub_client import Repository
from xstilts_core.errors import UsageError
from xstilts_core.publish import cards
from xstilts_core.publish.records import Record, find
from xstilts_core.results import Score
from xstilts_core.study import Study, identity
from xstilts_core.study.spec import (
    SPECS,
    IntermediateSpec,
    PretrainSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
)

LARGE = "FacebookAI/xlm-roberta-large"
DEV = Score("mnli", "en", "dev", "accuracy", 81.25, 400)
FOUND = [
    Score("tatoeba", "de", "test", "accuracy", 61.5, 1000),
    Score("tatoeba", "sw", "test", "accuracy", 40.0, 990),
]
GRID = """
title: Does | it help?
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli], train_examples: 500}
  chance: {control: random_init}
targets: [xnli, tatoeba]
"""
PROBED = """
title: What is told?
seeds: [1]
recipes: {none: , mnli: {intermediate: [mnli]}, majority: {control: majority}}
targets: [xnli, xnli_chat]
probes: [probe_negation, probe_translation]
target: {train_examples: 500}
"""
VALUES = {"none": 50.0, "mnli": 53.0, "chance": 33.0}


def finish(spec: Spec, *scores: Score, **details: object) -> Record:
    results.write(
        spec, scores, "cpu, 1 threads", 12.0, details, revisions=hub_client.revisions(spec)
    )
    return find(str(spec.folder))


def text(run: Record) -> str:
    return str(cards.model_card(run))


def change(run: Record, **provenance: object) -> Record:
    """The run with another provenance on the disk."""
    made = replace(run.result, provenance={**run.result.provenance, **provenance})
    (run.folder / "result.json").write_text(json.dumps(asdict(made)), encoding="utf-8")
    return find(str(run.folder))


@pytest.fixture
def outputs(tmp_path: Path) -> str:
    return str(tmp_path / "outputs")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hub_client.VARIABLE, str(tmp_path / "hub.lock"))
    for digit, repository in (
        ("1", Repository("dataset", "nyu-mll/glue")),
        ("2", Repository("dataset", "allenai/cosmos_qa", "refs/convert/parquet")),
        ("4", Repository("model", LARGE)),
    ):
        hub_client.settle(repository, digit * 40)


def test_the_front_matter_has_the_measured_scores_alone(outputs: str) -> None:
    run = finish(
        IntermediateSpec(study="t", outputs=outputs), DEV, parameters=1_388_032, best_step=7
    )
    finish(RetrievalSpec(study="t", outputs=outputs, recipe="mnli"), *FOUND)
    finish(
        TargetSpec(study="t", outputs=outputs, recipe="mnli"),
        Score("xnli", "de", "test", "accuracy", 70.0, 300),
    )
    card = ModelCard(text(run))
    data = card.data
    measured = [
        (one.dataset_type, one.dataset_config, one.dataset_split, one.metric_type, one.metric_value)
        for one in data.eval_results
    ]
    assert measured == [
        ("xstilts-mini-mnli", "en", "dev", "accuracy", 81.25),
        ("xstilts-mini-tatoeba", "de", "test", "accuracy", 61.5),
        ("xstilts-mini-tatoeba", "sw", "test", "accuracy", 40.0),
    ], "not the fine-tuned model's"
    assert [one.dataset_args["n"] for one in data.eval_results] == [400, 1000, 990]
    assert all("made-up texts" in one.dataset_name for one in data.eval_results)
    assert (
        data.license == "apache-2.0"
        and data.get("datasets") is None
        and data.get("base_model") is None
    )
    assert data.language == sorted(["en", "de", "es", "bg", "tr", "hi", "zh", "id", "sw"])
    assert "| mnli | en | dev | accuracy | 81.2 | 400 |" in card.text
    assert "| target/mnli/from-mnli/seed1 | xnli | test | accuracy | de 70.0 | 300 |" in card.text
    assert (
        "| retrieval/tatoeba/from-mnli/seed1 | tatoeba | test | accuracy | de 61.5, sw 40.0 | 990 to 1,000 |"
        in card.text
    )
    assert (
        "- weights: 1,388,032" in card.text
        and "no evidence about the real tasks or languages" in card.text
    )


def test_data_of_the_hub_come_with_commit_and_licence(outputs: str, lock: None) -> None:
    spec = IntermediateSpec(
        study="t",
        outputs=outputs,
        source="hub",
        encoder=LARGE,
        recipe="both",
        tasks=["cosmosqa", "mnli"],
    )
    run = finish(spec, DEV)
    card = ModelCard(text(run))
    assert card.data.base_model == LARGE and card.data.datasets == [
        "allenai/cosmos_qa",
        "nyu-mll/glue",
    ]
    assert card.data.get("license") is None and card.data.language == ["en"], (
        "what the encoder saw is not on its record"
    )
    assert (
        card.data.eval_results[0].dataset_type == "nyu-mll/glue"
        and card.data.eval_results[0].dataset_revision == "1" * 40
    )
    rows = {line.split(" | ")[0]: line for line in card.text.splitlines()}
    assert (
        "CC BY 4.0 (unconfirmed)" in rows["| CosmosQA"]
        and f"commit `{'2' * 12}`" in rows["| CosmosQA"]
    )
    assert "OANC, CC BY 3.0, CC BY-SA 3.0" in rows["| MNLI"]
    assert f"| commit of {LARGE} | `{'4' * 40}` |" in card.text and "made-up" not in card.text
    assert "licence of the model it started from is on that model's own card" in card.text
    assert "recalled from the paper's appendix or chosen (unconfirmed)" in card.text


def test_nothing_of_this_machine_is_told(outputs: str, tmp_path: Path) -> None:
    settings = {
        "source": "files",
        "data_root": str(tmp_path / "data"),
        "encoder": str(tmp_path / "encoders" / "mine"),
    }
    spec = IntermediateSpec(
        study="t",
        outputs=outputs,
        **settings,
        data_languages=["de"],
        translator=str(tmp_path / "translators" / "own"),
    )
    found = text(
        finish(
            spec,
            DEV,
            translated=[{"part": "mnli", "language": "de", "found": 5, "filled": 1, "dropped": 2}],
        )
    )
    assert str(tmp_path) not in found and "/" + tmp_path.parts[1] + "/" not in found
    assert (
        "a local folder, mine" in found
        and "-p encoder DIR/mine" in found
        and "-p data_root DIR" in found
    )
    assert "- mnli: 5 examples in German, 1 filled up with others, 2 dropped" in found
    assert "nobody has checked the translations" in found and "local files" in found
    card = ModelCard(found)
    assert (
        card.data.get("base_model") is None
        and card.data.get("datasets") is None
        and card.data.language == ["de"]
    )


def commands(card: str) -> list[list[str]]:
    return [shlex.split(line) for line in card.splitlines() if line.startswith("xstilts notebook ")]


@pytest.mark.parametrize(
    "spec",
    [
        PretrainSpec(study="t", languages=["en", "sw"], steps=50),
        IntermediateSpec(
            recipe="123",
            tasks=["mnli", "ccg"],
            probabilities={"mnli": 0.7, "ccg": 0.3},
            learning_rate=1e-5,
        ),
        IntermediateSpec(
            study="t",
            recipe="no",
            data_languages=["de"],
            noise=0.1,
            freeze_embeddings=True,
            mlm=1.0,
        ),
        TargetSpec(
            study="t",
            train_on="squad_v1",
            targets=["xquad", "mlqa"],
            train_examples=32,
            by_size=True,
            encoder=LARGE,
        ),
    ],
)
def test_its_command_makes_the_very_same_run(outputs: str, spec: Spec) -> None:
    spec = spec.model_copy(update={"outputs": outputs})
    (words,) = commands(text(finish(spec, DEV)))
    given = {words[at + 1]: yaml.safe_load(words[at + 2]) for at in range(3, len(words), 3)}
    cls = next(entry for entry in SPECS.values() if entry.notebook == words[2])
    again = cls.of(given)
    assert identity.of_spec(again) == identity.of_spec(spec) and again.folder.relative_to(
        again.root
    ) == spec.folder.relative_to(spec.root)


def test_what_it_started_from_is_told_and_made_first(outputs: str) -> None:
    first = finish(
        PretrainSpec(study="t", outputs=outputs, languages=["en", "tr"]),
        Score("mlm", "all", "dev", "perplexity", 2.5, 99),
    )
    run = finish(IntermediateSpec(study="t", outputs=outputs, encoder="pretrained"), DEV)
    found = text(run)
    assert (
        ModelCard(found).data.language == ["en", "tr"]
        and ModelCard(found).data.license == "apache-2.0"
    )
    assert "- pretrain/seed1: masked language modelling" in found
    assert [words[2] for words in commands(found)] == ["10_pretrain", "20_intermediate"]
    later = (run.folder / "result.json").stat().st_mtime_ns + 10**12
    os.utime(first.folder / "result.json", ns=(later, later))
    found = text(run)
    assert "# first pretrain/seed1, whose record is missing or was made again since" in found
    assert ModelCard(found).data.get("license") is None, "what it stands on is not known any more"
    perplexity = ModelCard(text(first)).data.eval_results[0]
    assert (perplexity.task_type, perplexity.metric_value) == ("fill-mask", 2.5)


def test_controls_and_older_runs_are_no_scores_of_a_model(outputs: str) -> None:
    child = finish(
        TargetSpec(study="t", outputs=outputs, encoder="pretrained"),
        Score("xnli", "de", "test", "accuracy", 70.0, 300),
    )
    finish(
        TargetSpec(
            study="t", outputs=outputs, encoder="pretrained", recipe="chance", control="random_init"
        ),
        DEV,
    )
    run = finish(PretrainSpec(study="t", outputs=outputs), DEV)
    older = (run.folder / "result.json").stat().st_mtime_ns - 10**9
    os.utime(child.folder / "result.json", ns=(older, older))
    assert "target/" not in text(run).partition("## Scores")[2].partition("## Limits")[0]


def test_limits_and_provenance_come_from_the_record(outputs: str) -> None:
    spec = TargetSpec(
        study="t",
        outputs=outputs,
        train_examples=500,
        test_examples=150,
        control="hypothesis_only",
        recipe="second_only",
    )
    run = change(
        finish(spec, DEV),
        commit="c" * 40,
        dirty=True,
        shared_from="first/target/mnli/from-none/seed1",
    )
    found = text(run)
    for sentence in (
        "This is a control (hypothesis_only)",
        "At most 500 training examples of a task were used.",
        "At most 150 test examples of a language were used.",
        "One run with one seed",
        "Scores in languages other than English are zero-shot",
        f"| commit | `{'c' * 40}`, with changes that were not committed |",
        f"git checkout {'c' * 40}",
        "this commit alone may give other numbers",
        "| taken over from | first/target/mnli/from-none/seed1 |",
        "the fine-tuned model itself was not kept",
    ):
        assert sentence in found
    english = finish(IntermediateSpec(study="t", outputs=outputs), DEV)
    assert "are zero-shot" in text(english)
    finish(IntermediateSpec(study="t", outputs=outputs, data_languages=["de"]), DEV)
    assert "are zero-shot" not in text(
        finish(TargetSpec(study="t", outputs=outputs, recipe="mnli"), DEV)
    )
    assert "## Use" not in found and "pooler" not in found
    assert "not in git" in text(change(run, commit=""))


def test_a_run_that_trains_nothing_has_no_model_card(outputs: str) -> None:
    run = finish(RetrievalSpec(study="t", outputs=outputs), *FOUND)
    with pytest.raises(
        UsageError, match=r"a run of phase 'retrieval' trains no model.*xstilts card t$"
    ):
        cards.model_card(run)


@pytest.fixture
def grid(tmp_path: Path) -> Study:
    """A study with all its runs but those of seed 2's recipe."""
    study = load(tmp_path, GRID, "grid")
    for spec in study.specs:
        value = VALUES[spec.recipe] + spec.seed
        if (spec.recipe, spec.seed) != ("mnli", 2):
            scored = {"intermediate": "mnli", "target": "xnli", "retrieval": "tatoeba"}[spec.phase]
            rows = (
                [("en", value + 10), ("de", value), ("bg", value + 2)]
                if spec.phase != "intermediate"
                else [("en", 80.0)]
            )
            split = "dev" if spec.phase == "intermediate" else "test"
            finish(
                spec,
                *(Score(scored, code, split, "accuracy", number, 100) for code, number in rows),
            )
    return study


def test_the_card_of_a_study(grid: Study) -> None:
    card = DatasetCard(str(cards.study_card(grid)))
    assert (
        card.data.pretty_name == "xstilts: grid"
        and card.data.language == ["bg", "de", "en"]
        and card.data.multilinguality == "multilingual"
    )
    assert card.data.to_dict()["configs"] == [{"config_name": "scores", "data_files": "scores.csv"}]
    assert card.data.size_categories == "n<1K" and card.data.get("license") is None
    # Baseline: de 51, 52 and bg 53, 54 over the seeds; recipe, seed 1 alone: three points more.
    assert (
        "| none (score) | 52.5 | 52.5 | 52.5 |" in card.text
        and "| mnli (gain) | +3.0 | +3.0 | +3.0 |" in card.text
    )
    assert (
        "| XNLI | accuracy | 2 | en 61.5 (n 100), bg 53.5 (n 100), de 51.5 (n 100) |"
        in card.text.replace("de 51.5 (n 100), bg 53.5 (n 100)", "bg 53.5 (n 100), de 51.5 (n 100)")
    )
    assert (
        "chance (gain)" not in card.text
        and "Recipes that are controls, for comparison only: chance." in card.text
    )
    assert re.search(r"\| intermediate \| mnli \| 1 \| \d+ \| 32 \| .* \| 500 \|", card.text)
    assert (
        "The grid is not complete: 3 of its 14 runs are missing" in card.text
        and "2 seeds: small differences" in card.text
    )
    assert "xstilts run grid.yaml" in card.text and "**Does | it help?**" in card.text


def test_the_card_of_a_study_speaks_in_words(tmp_path: Path) -> None:
    study = made_studies.load(tmp_path, PROBED)
    for spec in study.specs:
        named = (
            getattr(spec, "targets", None)
            or getattr(spec, "probes", None)
            or getattr(spec, "tasks", [])
        )
        finish(
            spec,
            *(
                Score(name, "de", "test", "accuracy", 50.0 - 0.04 * (spec.recipe == "mnli"), 100)
                for name in named
            ),
        )
    card = DatasetCard(str(cards.study_card(study))).text
    assert "| mnli (gain) | +0.0 | +0.0 | +0.0 |" in card and "-0.0" not in card
    assert "| control |  | 1 |  |  |  |  | xnli 500, xnli_chat 500 |" in card and "{'" not in card
    assert "| `phase` | pretrain, intermediate, target, retrieval, probing or control |" in card
    for name, citation in (
        ("XNLI, chat", "the task after Conneau et al. 2018"),
        ("Negation", "after Conneau et al. 2018 (What you can cram into a single vector)"),
        ("Translation match", "made for this package"),
    ):
        assert (
            f"| {name} | embedded suite: made-up texts | apache-2.0 | this suite; {citation} |"
            in card
        )


def test_a_study_is_exported_with_the_scores_of_its_finished_runs(
    grid: Study, tmp_path: Path
) -> None:
    other = finish(TargetSpec(study="grid", outputs=grid.outputs, recipe="gone", seed=7), DEV)
    assert other.root == grid.root
    out = cards.export_study(grid, tmp_path / "exported")
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "grid.yaml", "scores.csv"]
    table = pd.read_csv(out / "scores.csv")
    assert (
        list(table.columns) == list(results.COLUMNS)
        and len(table) == 10 * 3 + 1
        and "gone" not in set(table["recipe"])
    )
    columns = re.findall(r"^\| `(\w+)` \|", (out / "README.md").read_text(encoding="utf-8"), re.M)
    assert columns == list(results.COLUMNS)
    with pytest.raises(UsageError, match="exported is not empty"):
        cards.export_study(grid, out)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("title: t\npublished: pruksachatkun2020\n", "these scores were published by others"),
        (
            "title: t\nparts: [quick]\n",
            "a study of parts has no runs of its own: name one of quick",
        ),
        (GRID, "grid has no scores yet below"),
    ],
)
def test_a_study_without_scores_of_its_own(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        cards.study_card(load(tmp_path, content, "grid"))


def test_the_command_writes_over_nothing_unasked(
    grid: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = grid.root / "intermediate" / "mnli" / "seed1"
    assert (
        cli.main(["card", str(folder)]) == 0
        and capsys.readouterr().out == f"{folder / 'README.md'}\n"
    )
    assert (
        cli.main(["card", str(folder), "--out", str(tmp_path)]) == 0
        and (tmp_path / "README.md").is_file()
    )
    (folder / "README.md").write_text("my own words", encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["card", str(folder)]) == 2
    assert "exists with other content: --force overwrites it" in capsys.readouterr().err
    assert (folder / "README.md").read_text(encoding="utf-8") == "my own words"
    assert cli.main(["card", str(folder), "--force"]) == 0 and cli.main(["card", str(folder)]) == 0
    capsys.readouterr()
    assert cli.main(["card", grid.file, "--outputs", grid.outputs, "--out", "-"]) == 0
    assert capsys.readouterr().out == str(cards.study_card(grid))
    assert (
        cli.main(["export", grid.file, str(tmp_path / "exported"), "--outputs", grid.outputs]) == 0
    )
    assert "grid: README.md, grid.yaml, scores.csv in " in capsys.readouterr().out
    for name in ("card", "export"):
        place = [str(tmp_path / "grid.yaml" / "deeper")]
        assert (
            cli.main(
                [
                    name,
                    grid.file,
                    "--outputs",
                    grid.outputs,
                    *(["--out"] if name == "card" else []),
                    *place,
                ]
            )
            == 2
        )
        assert re.search(r"cannot be (used|made) \(.*\): give a", capsys.readouterr().err)
