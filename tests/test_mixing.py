"""What each step of phase 2 learns from: shares and steps of mixtures, sequences and texts, the
same in plan, training and dry run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts_core import run
from xstilts_core.data import sampling
from xstilts_core.data.source import Embedded, Files, Source
from xstilts_core.errors import UsageError
from xstilts_core.formats import mlm
from xstilts_core.formats.tokens import IGNORED
from xstilts_core.jobs.estimate.work import work
from xstilts_core.mini import corpus, suite
from xstilts_core.schedule import plan, shares
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec

SMALL = {"dev_examples": 8, "epochs": 1, "evaluations": 1, "batch_size": 8, "max_length": 128}
TWO = {"tasks": ["qqp", "ccg"], "task_examples": {"qqp": 120, "ccg": 40}}


@pytest.fixture(autouse=True)
def quickly_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first examples of the suite, and no more drawn than are wanted."""

    def training(_: Source, name: str, most: int, seed: int) -> dict[str, list]:
        parts = sampling.parts(name)
        return {part: suite.load(part, "train", "en", limit=most // len(parts)) for part in parts}

    monkeypatch.setattr(Source, "training", training)
    monkeypatch.setattr(
        Source, "development", lambda _, name: suite.load(name, "dev", "en", limit=8)
    )


def spec(folder: Path, encoders: dict[str, Path], **changes: object) -> IntermediateSpec:
    return IntermediateSpec(
        outputs=str(folder),
        encoder=str(encoders["xlmr"]),
        recipe="mixed",
        **{**SMALL, **TWO, **changes},
    )


def loaded(made: IntermediateSpec):
    encoder = run.load_encoder(made)
    return encoder, run.learners(made, encoder), run.unlabelled(made, encoder)


@pytest.mark.parametrize(
    ("changes", "expected", "count"),
    [
        ({}, [0.75, 0.25], 20),
        ({"cap": 40}, [0.5, 0.5], 10),
        ({"temperature": 2.0}, [3**0.5 / (3**0.5 + 1), 1 / (3**0.5 + 1)], 20),
        ({"sampling": "uniform"}, [0.5, 0.5], 20),
        ({"sampling": "uniform", "cap": 80}, [0.5, 0.5], 15),
        ({"probabilities": {"ccg": 0.9, "qqp": 0.1}}, [0.1, 0.9], 20),
        ({"mlm": 1.0}, [0.375, 0.125, 0.5], 40),
        ({"mlm": 0.25, "probabilities": {"ccg": 0.9, "qqp": 0.1}}, [0.08, 0.72, 0.2], 25),
        ({"sequence": True}, [[1.0, 0.0], [0.0, 1.0]], 20),
        ({"sequence": True, "mlm": 1.0}, [[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]], 40),
    ],
)
def test_the_mixture_is_as_asked_for_and_the_dry_run_counts_it(
    tmp_path, encoders, changes, expected, count
):
    made = spec(tmp_path, encoders, mlm_documents=10, **changes)
    _, learners, texts = loaded(made)
    assert shares(made, learners) == pytest.approx(np.array(expected))
    assert [len(entry.streams[0].encoded) for entry in learners] == [120, 40]
    schedule = plan(made, learners)
    assert schedule.steps == count and len(texts) == bool(made.mlm)
    assert schedule.stages == ((15, 5) if "mlm" not in changes else (30, 10)) * bool(made.sequence)
    assert work(made).steps == count


def test_parts_share_their_tasks_probability_and_no_two_streams_a_name(tmp_path, encoders):
    made = spec(
        tmp_path,
        encoders,
        tasks=["mnli", "anli_plus"],
        task_examples={},
        train_examples=48,
        sampling="uniform",
    )
    _, learners, _ = loaded(made)
    assert [stream.name for entry in learners for stream in entry.streams] == [
        "mnli",
        "anli_plus/mnli",
        "anli_plus/snli",
        "anli_plus/anli",
    ]
    assert shares(made, learners) == pytest.approx(np.array([1 / 2, 1 / 6, 1 / 6, 1 / 6]), abs=0.01)
    assert plan(made, learners).steps == 6 + 3 * 2


def test_each_step_of_a_mixture_with_texts_is_drawn_by_its_share(tmp_path, encoders):
    made = spec(tmp_path, encoders, mlm=1.0, mlm_documents=30)
    encoder, learners, texts = loaded(made)
    assert [row["part"] for row in run.describe(learners, texts)] == ["qqp", "ccg", "mlm"]
    trained = run.fit(run.Run(made), encoder, learners, texts)
    assert sum(trained.counts.values()) == 40
    assert 12 <= trained.counts["mlm"] <= 28 and 1 <= trained.counts["ccg"] <= 12
    again = loaded(made)
    run.fit(run.Run(made), *again)
    states = again[0].network.state_dict()
    assert all(
        torch.equal(value, states[name]) for name, value in encoder.network.state_dict().items()
    )


def test_texts_change_what_is_learnt_and_are_masked_at_their_share(tmp_path, encoders):
    made = spec(tmp_path, encoders, mlm=1.0, mlm_documents=300, mlm_languages=["de", "sw"])
    encoder, _, (stream,) = loaded(made)
    # 300 German documents, and Swahili at a quarter of them: a language of few resources.
    assert len(stream.encoded) == 375 and stream.batch_size == 8
    (batch,) = stream.batches(np.arange(375), torch.device("cpu"))
    chosen = batch.token_columns["label"].numpy() != IGNORED
    ordinary = ~np.isin(stream.encoded.ids, encoder.tokenizer.all_special_ids)
    assert not chosen[~ordinary].any() and chosen.sum() / ordinary.sum() == pytest.approx(
        0.15, abs=0.01
    )
    masked = batch.sequences.ids[chosen] == encoder.tokenizer.mask_token_id
    kept = batch.sequences.ids[chosen] == stream.encoded.ids[chosen]
    assert masked.mean() == pytest.approx(0.8, abs=0.03) and kept.mean() == pytest.approx(
        0.1, abs=0.03
    )
    assert mlm.loss(stream.head, torch.zeros(len(chosen), 32), batch).ndim == 0


def test_the_texts_of_a_source_have_no_label_and_no_translation():
    found = Embedded().unlabelled(["en", "de"], 20, 3)
    expected = [
        entry
        for entry in corpus.documents(("en", "de"), 3, 20)
        if entry.language in ("en", "de") and entry.pair is None
    ]
    assert found == [entry.text for entry in expected][:40] and len(found) == 40
    assert len(Embedded().unlabelled([], 20, 3)) == sum(
        round(20 * corpus.RESOURCE[code]) for code in suite.LANGUAGES
    )


def test_files_without_text_in_a_language_say_so(tmp_path):
    with pytest.raises(UsageError, match=r"no text in de below .*: mlm has nothing to learn from"):
        Files(str(tmp_path)).unlabelled(["de"], 20, 3)


def test_a_sequence_ends_with_its_last_task_and_is_judged_by_it(tmp_path, encoders):
    made = spec(tmp_path, encoders, sequence=True, evaluations=2)
    encoder, learners, _ = loaded(made)
    trained = run.fit(run.Run(made), encoder, learners)
    assert trained.counts == {"qqp": 15, "ccg": 5} and trained.best_step > 15
    scores = run.examine(made, encoder, learners, 8)[0]
    assert {score.task for score in scores} == {"qqp", "ccg"}
    assert trained.best_score == pytest.approx(
        next(score.value for score in scores if (score.task, score.metric) == ("ccg", "accuracy"))
    )


STUDY = """
title: Which mixture?
seeds: [1]
recipes:
  none:
  qqp: {intermediate: [qqp]}
  both: {intermediate: [qqp, ccg], sampling: uniform, learning_rate: 3.0e-4}
  fixed: {intermediate: [qqp, ccg], probabilities: {qqp: 0.25, ccg: 0.75}}
  first: {intermediate: [qqp, ccg], sequence: true}
  texts: {intermediate: [qqp], mlm: 0.5, freeze_embeddings: true, epochs: 2}
  low_rank: {intermediate: [qqp], lora: 4}
targets: [xnli]
intermediate: {mlm_documents: 100}
tasks:
  qqp: {train_examples: 500, dropout: 0.0}
  ccg: {train_examples: 50, dropout: 0.2}
"""


def study(folder: Path, old: str = "", new: str = "") -> Study:
    path = folder / "mixtures.yaml"
    path.write_text(STUDY.replace(old, new) if old else STUDY)
    return Study.load(str(path))


def test_recipes_say_what_they_change_and_tasks_keep_their_sizes(tmp_path):
    made = study(tmp_path)
    found = {entry.recipe: entry for entry in made.specs if isinstance(entry, IntermediateSpec)}
    assert (found["qqp"].train_examples, found["qqp"].task_examples, found["qqp"].dropout) == (
        500,
        {},
        0.0,
    )
    assert (
        found["both"].task_examples == {"qqp": 500, "ccg": 50} and found["both"].train_examples == 0
    )
    assert (found["both"].dropout, found["both"].sampling, found["both"].learning_rate) == (
        0.0,
        "uniform",
        3e-4,
    )
    assert [found["both"].examples_of(name) for name in ("qqp", "ccg")] == [500, 50]
    assert found["fixed"].probabilities == {"qqp": 0.25, "ccg": 0.75} and found["first"].sequence
    assert (
        found["texts"].mlm,
        found["texts"].mlm_documents,
        found["texts"].freeze_embeddings,
        found["texts"].epochs,
    ) == (
        0.5,
        100,
        True,
        2,
    )
    assert not found["qqp"].freeze_embeddings and found["low_rank"].lora == 4
    assert [name for name, recipe in made.recipes.items() if recipe.plain] == [
        "none",
        "qqp",
        "both",
        "fixed",
    ]
    assert "mlm" not in found["qqp"].changed()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("uniform,", "unifrom,", "unknown sampling 'unifrom'.*recipe both: did you mean 'uniform'"),
        ("ccg: 0.75", "ccg: 0.5", "probabilities must sum to 1: they sum to 0.75"),
        (
            ", ccg: 0.75",
            "",
            "probabilities must have each of qqp, ccg, and nothing else: it has qqp",
        ),
        (
            "{qqp: 0.25,",
            "{qqp: 0.25, mnli: 0.1,",
            "probabilities must have each of qqp, ccg, and nothing else: it has qqp, mnli",
        ),
        (
            "{qqp: 0.25, ccg: 0.75}",
            "0.5",
            r"recipe fixed: probabilities is 0.5: it must be keys and values",
        ),
        (
            "{qqp: 0.25, ccg: 0.75}",
            "{qqp: 0.25, ccg: 0.75}, cap: 9",
            "probabilities and cap exclude each other",
        ),
        (
            "sequence: true",
            "sequence: true, temperature: 2",
            "sequence and temperature exclude each other: tasks that follow one another",
        ),
        (
            "[qqp, ccg], sequence: true",
            "[qqp], sequence: true",
            "sequence needs two or more tasks: the only one here is qqp",
        ),
        ("  none:", "  none: {mlm: 1}", "recipe none sets mlm, but nothing is trained for it"),
        (
            "  none:",
            "  none:\n  odd: {control: random_init, lora: 2}",
            "recipe odd sets lora, but nothing is trained for it",
        ),
        ("mlm: 0.5", "mlm: -1", "recipe texts: mlm is -1: it must be 0 or more"),
        ("mlm: 0.5", "mlm: yes", "recipe texts: mlm is True: it must be a number"),
        ("lora: 4", "lora: 4.5", "recipe low_rank: lora is 4.5: it must be a whole number"),
        (
            "mlm_documents: 100",
            "mlm_languages: [en, fr]",
            "unknown language of the embedded suite .source mini. 'fr'.*mlm_languages",
        ),
        ("mlm_documents: 100", "mlm_languages: [en, dd]", "unknown language 'dd'.*mlm_languages"),
        (
            "lora: 4",
            "mask_share: 0.2",
            "recipe low_rank sets mask_share, which would change nothing: mlm is 0",
        ),
        (
            "lora: 4",
            "lora: 4, temperature: 2",
            "recipe low_rank sets temperature, which would change nothing: with one intermediate",
        ),
        (
            "uniform,",
            "uniform, temperature: 2,",
            "sampling uniform and temperature exclude each other",
        ),
        (
            "mlm_documents: 100",
            "mlm_documents: 100, layer: 1",
            "mlm reads the last layer, but layer is 1: leave it at -1",
        ),
    ],
)
def test_a_mixture_that_cannot_be_is_one_sentence(tmp_path, old, new, message):
    with pytest.raises(UsageError, match=message) as error:
        study(tmp_path, old, new)
    assert "mixtures.yaml" in str(error.value) and "\n" not in str(error.value)
