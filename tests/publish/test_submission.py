"""The folder that a benchmark takes, from a study's kept predictions: scored again, it gives the
study's own scores."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xstilts_core import metrics, results, retrieve, run
from xstilts_core.commands import cli
from xstilts_core.data.source import Embedded
from xstilts_core.errors import UsageError
from xstilts_core.evaluate import Scored, as_scores, write_predictions
from xstilts_core.formats import FORMATS
from xstilts_core.publish.xtreme import XTREME, score
from xstilts_core.publish.xtreme.submission import cautions, recipes, write_submission
from xstilts_core.study import Study
from xstilts_core.study.spec import ControlSpec, RetrievalSpec, Spec, TargetSpec
from xstilts_core.tasks import TASKS

LANGUAGES = ("en", "de", "zh")
GRID = """
title: A submission
encoder: {encoder}
seeds: [3, 4]
recipes:
  none:
  mnli: {{intermediate: [mnli]}}
  majority: {{control: majority}}
targets: [{targets}]
languages: [en, de, zh]
"""
NINE = "xnli, pawsx, udpos, panx, xquad, mlqa, tydiqa, bucc2018, tatoeba"
SMALL = "train: {train_examples: 32, dev_examples: 10, epochs: 1, evaluations: 1, batch_size: 16}\n"


def study(folder: Path, targets: str = NINE, encoder: str = "mini", more: str = "") -> Study:
    path = folder / "grid.yaml"
    path.write_text(GRID.format(targets=targets, encoder=encoder) + more)
    return Study.load(str(path), outputs=str(folder / "outputs"))


def guessed(example: Any, examples: list[Any], generator: random.Random, task: str) -> Any:
    """What a bad model says of one example."""
    entry, good = TASKS[task], generator.random() < 0.6
    other = generator.choice(examples)
    match entry.format:
        case "pair":
            return example.label if good else other.label
        case "tagging":
            return [
                tag if generator.random() < 0.7 else generator.choice(entry.labels)
                for tag in example.tags
            ]
        case "span":
            return example.answers[0].text if good else " ".join(example.context.split()[:3])
        case "retrieval":
            return (
                example.match
                if good
                else generator.choice(
                    [None, other.match] if entry.metric == "f1" else [other.match]
                )
            )


def scored(task: str, code: str, generator: random.Random) -> tuple[list[Any], Scored]:
    """Examples asked for, and predictions of them with their statistics, as a run makes them."""
    entry, examples = TASKS[task], Embedded().load(task, "test", code)
    if entry.format == "retrieval":
        # Mining asks about every sentence of the other language, search about every English one.
        examples = [
            example
            for example in examples
            if (example.language == "en") == (entry.metric == "accuracy")
        ]
    found = [guessed(example, examples, generator, task) for example in examples]
    if entry.metric == "accuracy" and entry.format == "retrieval":
        columns = metrics.ACCURACY
        rows = metrics.accuracy_statistics([example.match for example in examples], found)
    elif entry.format == "retrieval":
        pairs = [
            (
                guess is not None and guess == example.match,
                guess is not None,
                example.match is not None,
            )
            for example, guess in zip(examples, found, strict=True)
        ]
        columns, rows = metrics.BITEXT, np.array(pairs, dtype=float)
    else:
        columns, rows = FORMATS[entry.format].statistics(examples, found, entry, code)
    return examples, Scored(found, columns, rows, metrics.score(rows, columns))


def write_run(spec: Spec, development: float) -> None:
    """Predictions and result.json of a finished run."""
    generator, scores = random.Random(f"{spec.recipe} {spec.seed}"), []
    for task in [spec.task] if isinstance(spec, RetrievalSpec) else spec.targets:
        for code in (code for code in LANGUAGES if code in TASKS[task].languages):
            examples, found = scored(task, code, generator)
            write_predictions(spec.folder, TASKS[task], code, examples, found)
            scores += as_scores(found, TASKS[task], code, "test")
    results.write(
        spec,
        scores,
        "cpu",
        1.0,
        {"best_score": development} if isinstance(spec, TargetSpec) else {},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """All runs are done. On development data the baseline is best for PAWS-X, mnli for all else;
    Tatoeba and BUCC have none."""
    made = study(tmp_path_factory.mktemp("whole"))
    for spec in made.specs:
        if isinstance(spec, TargetSpec | RetrievalSpec | ControlSpec):
            better = (getattr(spec, "train_on", "") == "pawsx") == (spec.recipe == "none")
            write_run(spec, 80.0 if better else 70.0)
    return made


def write_labels(root: Path, task: str, code: str) -> None:
    """The official file of labels, from the same data."""
    examples = Embedded().load(task, "test", code)
    path = root / task / XTREME.file(task, code)
    path.parent.mkdir(parents=True, exist_ok=True)
    if task in ("udpos", "panx"):
        text = "\n".join("".join(f"{tag}\n" for tag in example.tags) for example in examples)
    elif task in ("xquad", "mlqa", "tydiqa"):
        asked = [
            {
                "context": entry.context,
                "qas": [
                    {"id": entry.id, "answers": [{"text": answer.text} for answer in entry.answers]}
                ],
            }
            for entry in examples
        ]
        text = json.dumps({"data": [{"paragraphs": asked}]})
    elif task == "bucc2018":
        text = "".join(
            f"{entry.id}\t{entry.match}\n"
            for entry in examples
            if entry.language != "en" and entry.match
        )
    elif task == "tatoeba":
        # utils_preprocess.py: (line, its number) of the English file, sorted by the line; the
        # number is the label.
        other = [entry.id for entry in examples if entry.language != "en"]
        english = [entry for entry in examples if entry.language == "en"]
        text = "".join(
            f"{other.index(entry.match)}\n"
            for _, _, entry in sorted((e.text, n, e) for n, e in enumerate(english))
        )
    else:
        text = "".join(f"{example.label}\n" for example in examples)
    path.write_text(text, encoding="utf-8")


def scored_again(submission: Path, tasks: list[str], labels: Path) -> dict[str, Any]:
    """`score` for the languages of the embedded suite that the study has."""
    rules = dataclasses.replace(
        XTREME,
        languages={
            name: tuple(code for code in XTREME.languages[name] if code in LANGUAGES)
            for name in XTREME.tasks
        },
    )
    for name in tasks:
        for code in rules.languages[name]:
            write_labels(labels, name, code)
    return score(rules, submission, labels)


def own_scores(
    made: Study, recipe_of: dict[str, str], seed: int
) -> dict[tuple[str, str, str], float]:
    frame = results.frame(made.specs)
    rows = frame[
        [row.recipe == recipe_of[row.task] and row.seed == seed for row in frame.itertuples()]
    ]
    return {(row.task, row.language, row.metric): row.value for row in rows.itertuples()}


def assert_same(
    found: dict[str, Any], own: dict[tuple[str, str, str], float], tasks: list[str]
) -> None:
    assert list(found["tasks"]) == [name for name in XTREME.tasks if name in tasks]
    for task, values in found["tasks"].items():
        for code, by_metric in values["languages"].items():
            for metric, value in by_metric.items():
                assert own[task, code, metric] == round(value, 4), (task, code, metric)


def test_scored_again_it_gives_the_studys_scores(whole: Study, tmp_path: Path) -> None:
    for seed in (3, 4):
        out = tmp_path / f"seed{seed}"
        parts = write_submission(whole, out, "mnli", None if seed == 3 else seed, incomplete=True)
        assert [part.task for part in parts] == list(XTREME.tasks) and len(
            list(out.rglob("test-*"))
        ) == 23
        found = scored_again(out, whole.targets, tmp_path / "labels")
        assert_same(
            found, own_scores(whole, dict.fromkeys(whole.targets, "mnli"), seed), whole.targets
        )
        assert found["missing"] == {} and found["ignored"] == [] and 0 < found["overall"] < 100


def test_the_recipe_is_chosen_on_development_data(whole: Study, tmp_path: Path) -> None:
    chosen = recipes(whole, "chosen")
    # Retrieval runs kept no development score: the recipe that is best over the other targets.
    assert chosen == {name: "none" if name == "pawsx" else "mnli" for name in whole.targets}
    parts = write_submission(whole, tmp_path / "out", incomplete=True)
    assert {part.task: part.spec.recipe for part in parts} == chosen
    assert_same(
        scored_again(tmp_path / "out", whole.targets, tmp_path / "labels"),
        own_scores(whole, chosen, 3),
        whole.targets,
    )
    lacking = cautions(parts)
    assert "xnli has no predictions of test data in ar bg el es fr hi ru sw th tr ur vi" in lacking
    assert not any(sentence.startswith("udpos:") for sentence in lacking)
    of_hub = [
        dataclasses.replace(part, spec=part.spec.model_copy(update={"source": "hub"}))
        for part in parts
    ]
    assert any(
        sentence.startswith("udpos: XTREME's own test files fuse multiword tokens")
        for sentence in cautions(of_hub)
    )


def test_a_control_is_a_recipe_of_its_own_targets(whole: Study, tmp_path: Path) -> None:
    parts = {
        part.task: part
        for part in write_submission(whole, tmp_path / "out", "majority", seed=4, incomplete=True)
    }
    assert parts["xnli"].files and parts["xquad"].lacking == ("is not scored by recipe majority",)


def test_tatoeba_follows_the_sorted_english_file(whole: Study, tmp_path: Path) -> None:
    write_submission(whole, tmp_path / "out", "none", incomplete=True)
    numbers = (tmp_path / "out" / "tatoeba" / "test-de.tsv").read_text().split()
    write_labels(tmp_path / "labels", "tatoeba", "de")
    gold = (tmp_path / "labels" / "tatoeba" / "test-de.tsv").read_text().split()
    assert gold != sorted(gold, key=int) and sorted(gold, key=int) == [
        str(number) for number in range(1_000)
    ]
    assert 0.5 < sum(right == guess for right, guess in zip(gold, numbers, strict=True)) / 1_000 < 1


def test_what_is_not_whole_is_refused(whole: Study, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match=r"grid makes no complete submission to XTREME: pawsx has no predictions of test data in es fr ja ko; ",
    ):
        write_submission(whole, tmp_path / "out")
    with pytest.raises(UsageError, match=r"unknown recipe 'mnil'.*did you mean 'mnli'"):
        write_submission(whole, tmp_path / "out", "mnil")
    with pytest.raises(UsageError, match=r"seed 9 is not in .*grid.yaml: legal: 3, 4"):
        write_submission(whole, tmp_path / "out", seed=9)
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.tsv").write_text("0\n")
    with pytest.raises(
        UsageError, match=r"full is not empty \(it holds old.tsv\): give a new folder"
    ):
        write_submission(whole, tmp_path / "full", incomplete=True)


def test_unfinished_cut_and_broken_runs(tmp_path: Path) -> None:
    made = study(tmp_path, "xnli, xquad, tatoeba", more="train: {test_examples: 50}\n")
    with pytest.raises(
        UsageError,
        match="grid has no predictions of test data for XTREME: pawsx is not a target of the study; xnli has no fin",
    ):
        write_submission(made, tmp_path / "out", "none", incomplete=True)
    target = next(
        spec
        for spec in made.specs
        if isinstance(spec, TargetSpec) and spec.targets == ["xnli"] and spec.recipe == "none"
    )
    write_run(target, 50.0)
    with pytest.raises(
        UsageError, match=r"xnli was cut to 50 test examples a language \(test_examples\)"
    ):
        write_submission(made, tmp_path / "out", "none")
    assert {
        part.task
        for part in write_submission(made, tmp_path / "out", "none", incomplete=True)
        if part.files
    } == {"xnli"}
    (target.folder / "predictions" / "xnli.de.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match=r"xnli.de.jsonl.gz is not a file of predictions"):
        write_submission(made, tmp_path / "again", "none", incomplete=True)


def test_a_prediction_that_no_reader_takes_is_found(tmp_path: Path) -> None:
    made = study(tmp_path, "pawsx")
    target = next(spec for spec in made.specs if isinstance(spec, TargetSpec))
    write_run(target, 50.0)
    examples, found = scored("pawsx", "de", random.Random(1))
    write_predictions(
        target.folder,
        TASKS["pawsx"],
        "de",
        examples,
        dataclasses.replace(found, predictions=["yes"] * len(examples)),
    )
    with pytest.raises(
        UsageError, match=r"unknown label 'yes' in .*out/pawsx/test-de.tsv, line 1: legal: 0, 1"
    ):
        write_submission(made, tmp_path / "out", "none", incomplete=True)


@pytest.mark.slow
def test_a_run_of_the_embedded_suite(
    tmp_path: Path, encoders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model is trained, predicts, and its submission scores what its run says."""
    made = study(tmp_path, "xnli, udpos, xquad, mlqa, tatoeba", str(encoders["xlmr"]), SMALL)
    for spec in made.specs:
        if getattr(spec, "recipe", "") != "none" or spec.seed != 3:
            continue
        record, encoder = run.Run(spec), run.load_encoder(spec)
        if isinstance(spec, RetrievalSpec):
            record.finish(
                retrieve.score_retrieval(record, encoder, 1, {}), {"layer": 1}, torch.device("cpu")
            )
        else:
            learners = run.learners(spec, encoder)
            trained = run.fit(record, encoder, learners)
            record.finish(
                run.score_targets(record, encoder, learners[0]),
                run.details(encoder, trained),
                torch.device("cpu"),
            )
    out = tmp_path / "out"
    call = [
        "submission",
        str(tmp_path / "grid.yaml"),
        "--outputs",
        str(tmp_path / "outputs"),
        "--out",
        str(out),
    ]
    assert cli.main(call) == 2
    assert "makes no complete submission to XTREME" in capsys.readouterr().err
    assert cli.main([*call, "--partial"]) == 0
    shown = capsys.readouterr().out
    assert "xnli     " in shown and "note: pawsx is not a target of the study" in shown
    assert f"14 files of XTREME in {out}, each read back" in shown
    assert cli.main([*call[:-1], str(out / "xnli" / "test-en.tsv" / "deeper"), "--partial"]) == 2
    assert "cannot be used (Not a directory): give a place" in capsys.readouterr().err
    own = own_scores(made, dict.fromkeys(made.targets, "none"), 3)
    assert_same(scored_again(out, made.targets, tmp_path / "labels"), own, made.targets)
