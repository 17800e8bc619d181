"""Controls: what they hide is hidden, what they count is counted by hand, and they answer the same
items as the study's models."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_studies import load

from xstilts_core import results, retrieve, run
from xstilts_core.data.source import Embedded, Files, Source
from xstilts_core.data.words import masked, words
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer, PairExample, SentenceExample, SpanExample
from xstilts_core.formats import retrieval
from xstilts_core.phases import control
from xstilts_core.study.spec import ControlSpec, RetrievalSpec, TargetSpec

SMALL = {"train_examples": 48, "dev_examples": 10, "epochs": 1, "evaluations": 1, "batch_size": 16}


def run_control(spec: ControlSpec) -> list[results.Score]:
    record = run.Run(spec)
    fitted = control.fit(spec)
    scores = control.score_targets(record, fitted)
    record.finish(scores, control.describe(fitted), torch.device("cpu"))
    return scores


def kept(spec, name: str) -> list[dict]:
    """The lines of a predictions file, its head left out."""
    text = gzip.decompress((spec.folder / "predictions" / f"{name}.jsonl.gz").read_bytes()).decode(
        "utf-8"
    )
    return [json.loads(line) for line in text.splitlines()][1:]


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("Anna's book, 3 kg.", "en", ["Anna", "s", "book", "3", "kg"]),
        ("मारिया को जानती है।", "hi", ["मारिया", "को", "जानती", "है"]),
        ("安娜用GPT4读书。", "zh", ["安", "娜", "用", "GPT4", "读", "书"]),
        ("... !", "en", []),
    ],
)
def test_words_of_four_scripts(text, code, found):
    assert words(text, code) == found


def test_the_longest_name_is_masked_and_nothing_else():
    names = {("Anna",), ("Anna", "Weber"), ("Anna", "yı"), ("New", "York")}
    assert (
        masked("Anna Weber, Anna and Annabel: New Anna.", "en", names, "<mask>")
        == "<mask>, <mask> and Annabel: New <mask>."
    )
    assert masked("Leo Anna'yı New York'ta gördü.", "tr", names, "#") == "Leo # #'ta gördü."
    assert masked("nobody", "en", frozenset(), "#") == "nobody"


@pytest.mark.parametrize("code", ["bg", "tr", "hi", "zh", "id"])
def test_translations_of_the_embedded_suite_have_equally_many_masks(code):
    """German and Swahili are left out: a fisher is a Fischer there, and leo is today."""
    examples = Embedded().load("tatoeba", "dev", code)
    names = Embedded().names(examples)
    marks = {
        entry.id: masked(entry.text, entry.language, names[entry.language], "#").count("#")
        for entry in examples
    }
    assert all(marks[entry.id] == marks[entry.match] for entry in examples)
    assert sum(marks.values()) > len(examples) / 2


def test_in_files_what_stands_on_both_sides_is_a_name():
    pairs = [("en", "Ann paid 30 euros in Rome."), ("de", "Ann zahlte 30 Euro in Rom.")]
    examples = [
        SentenceExample(str(row), code, text, None) for row, (code, text) in enumerate(pairs)
    ]
    names = Files().names(examples)
    assert names["en"] == names["de"] == {("Ann",), ("30",), ("in",)}


def test_masked_names_cannot_tell_sentences_apart(encoders):
    texts = {
        "en": ["Anna reads.", "Maria reads.", "Anna eats."],
        "de": ["Anna liest.", "Maria liest.", "Anna isst."],
    }
    examples = [
        SentenceExample(f"{code}{row}", code, text, None)
        for code in texts
        for row, text in enumerate(texts[code])
    ]
    for name, same in (("", False), ("names_masked", True)):
        spec = RetrievalSpec(encoder=str(encoders["xlmr"]), recipe=name or "none", control=name)
        measure = retrieve.Measure(3, spec.centred)
        vectors = retrieve.vectors_by_measure(spec, run.load_encoder(spec), examples, [measure])[
            measure
        ]
        for side in (vectors.english, vectors.other):
            assert torch.allclose(side[0], side[1], atol=1e-5) is same
            assert not torch.allclose(side[0], side[2], atol=1e-5)


def test_the_hypothesis_alone_is_all_the_model_sees(tmp_path, encoders, monkeypatch):
    """Two whole runs whose first texts differ everywhere: without the control other predictions'
    inputs, with it the same run."""
    load, found = Source.load, {}

    def changed(*arguments):
        return [
            replace(example, text_a=f"{example.text_b} {example.label}")
            for example in load(*arguments)
        ]

    for source, reader in (("true", load), ("changed", changed)):
        monkeypatch.setattr(Source, "load", reader)
        for name in ("", "hypothesis_only"):
            settings = {
                **SMALL,
                "outputs": str(tmp_path),
                "study": source,
                "test_examples": 12,
                "languages": ["en", "zh"],
            }
            spec = TargetSpec(
                encoder=str(encoders["xlmr"]), recipe=name or "none", control=name, **settings
            )
            record, encoder = run.Run(spec), run.load_encoder(spec)
            learners = run.learners(spec, encoder)
            run.fit(record, encoder, learners)
            scores = run.score_targets(record, encoder, learners[0])
            found[source, name] = (
                learners[0].streams[0].encoded.ids.tolist(),
                scores,
                kept(spec, "xnli.zh"),
            )
    assert found["true", ""][0] != found["changed", ""][0]
    assert found["true", "hypothesis_only"] == found["changed", "hypothesis_only"]
    assert [line["gold"] for line in found["true", "hypothesis_only"][2]] == [
        line["gold"] for line in found["true", ""][2]
    ]


def test_overlap_features_by_hand():
    examples = [
        PairExample("a", "The cat sat on the mat", "THE cat", "x"),
        PairExample("b", "a b", "c d e f", "y"),
    ]
    assert control.features(examples, "en") == pytest.approx(
        np.array([[2 / 6, 1, 1, -4 / 8], [0, 0, 0, 2 / 6]])
    )


def test_the_classifier_learns_what_overlap_tells_and_no_more():
    generator = np.random.default_rng(0)
    table = generator.random((600, 4))
    told = (table[:, 1] > 0.5).astype(np.int64)
    classifier = control.fit_classifier(table[:400], told[:400], 2)
    assert (classifier.choose(table[400:]) == told[400:]).mean() > 0.95
    blind = control.fit_classifier(table[:400], generator.permutation(told[:400]), 2)
    assert (blind.choose(table[400:]) == told[400:]).mean() < 0.7


@pytest.mark.parametrize(
    ("question", "context", "code", "length", "said"),
    [
        (
            "Who lives in Rome?",
            "Ann has a cat. In Rome lives Peter Weber. Rome is old.",
            "en",
            2,
            "Peter Weber",
        ),
        ("谁住在罗马？", "安娜有猫。彼得住在罗马。", "zh", 2, "彼得"),
        ("Who?", "...", "en", 2, ""),
    ],
)
def test_an_answer_stands_beside_the_words_of_its_question(question, context, code, length, said):
    assert control.answers(
        [SpanExample("q", question, context, (Answer("", 0),))], code, length
    ) == [said]


def test_trigrams_find_what_is_written_alike():
    vectors = retrieval.prepare(
        control.trigrams(["Anna visits Berlin", "Peter sleeps", "an old dog"]), False
    )
    other = retrieval.prepare(control.trigrams(["Peter schläft", "Anna besucht Berlin"]), False)
    assert retrieval.search(vectors[:2], other).tolist() == [1, 0]


def test_the_most_frequent_label_and_tag(tmp_path):
    spec = ControlSpec(
        outputs=str(tmp_path),
        targets=["xnli", "panx", "udpos"],
        languages=["en", "tr"],
        train_examples={"xnli": 100},
    )
    label = control.describe(control.fit(spec))["xnli"]["label"]
    scores = {
        (entry.task, entry.language, entry.metric): entry.value for entry in run_control(spec)
    }
    sample = [example.label for example in Embedded().training("mnli", 100, spec.seed)["mnli"]]
    assert len(sample) == 100 and sample.count(label) == max(map(sample.count, set(sample)))
    gold = [example.label for example in Embedded().load("xnli", "test", "tr")]
    assert scores["xnli", "tr", "accuracy"] == pytest.approx(
        100 * gold.count(label) / len(gold), abs=1e-3
    )
    tags = [tag for example in Embedded().load("panx", "test", "tr") for tag in example.tags]
    assert scores["panx", "tr", "accuracy"] == pytest.approx(
        100 * tags.count("O") / len(tags), abs=1e-3
    )
    assert scores["panx", "tr", "f1"] == 0


def test_overlap_answers_the_items_of_the_studys_models(tmp_path, encoders):
    """Same ids and gold as a target run with the same test_examples; rows of phase control in the
    table of scores."""
    targets, languages = ["xnli", "xquad", "tatoeba", "bucc2018"], ["en", "de", "zh"]
    sizes = {"train_examples": {"xnli": 200}, "test_examples": {"xnli": 12}}
    spec = ControlSpec(
        outputs=str(tmp_path),
        control="overlap",
        recipe="overlap",
        targets=targets,
        languages=languages,
        **sizes,
    )
    scores = {
        (entry.task, entry.language): entry
        for entry in run_control(spec)
        if entry.metric != "exact_match"
    }
    settings = {**SMALL, "outputs": str(tmp_path), "test_examples": 12, "languages": languages}
    model = TargetSpec(encoder=str(encoders["xlmr"]), **settings)
    record, encoder = run.Run(model), run.load_encoder(model)
    run.score_targets(record, encoder, run.learners(model, encoder)[0])
    for code in languages:
        asked = [(line["id"], line["gold"]) for line in kept(spec, f"xnli.{code}")]
        assert (
            asked == [(line["id"], line["gold"]) for line in kept(model, f"xnli.{code}")]
            and len(asked) == 12
        )
        assert scores["xnli", code].n == 12 and scores["xquad", code].n == 300
    assert 20 < scores["tatoeba", "de"].value < 90 and scores["tatoeba", "zh"].value < 5
    assert scores["bucc2018", "de"].value > 20
    table = results.frame([spec])
    assert (
        set(table["phase"]) == {"control"}
        and set(table["recipe"]) == {"overlap"}
        and set(table["seed"]) == {1}
    )


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (
            ControlSpec,
            {"targets": ["xquad"]},
            "control majority is for pair, tagging tasks: xquad has format span",
        ),
        (ControlSpec, {"targets": ["mnli"]}, "unknown target task 'mnli'"),
        (ControlSpec, {"test_examples": {"xnli": -1}}, "test_examples.xnli is -1"),
        (
            TargetSpec,
            {"train_on": "udpos", "targets": ["udpos"], "control": "hypothesis_only"},
            "hypothesis_only is for pair tasks",
        ),
        (
            TargetSpec,
            {"control": "names_masked"},
            "unknown control 'names_masked' .*legal: hypothesis_only, random_init",
        ),
    ],
)
def test_a_control_that_a_run_cannot_do(cls, settings, message):
    with pytest.raises(UsageError, match=message):
        cls.of(settings)


MINING = """
title: Mined by other rules
seeds: [1]
recipes:
  none:
  overlap: {control: overlap}
  majority: {control: majority}
targets: [xnli, bucc2018, tatoeba]
retrieval: {margin: false, neighbours: 8, centred: false, layer: 1}
"""


def test_the_overlap_control_mines_by_the_rules_of_the_study(tmp_path, monkeypatch):
    study = load(tmp_path, MINING)
    overlap_spec, majority = (
        next(spec for spec in study.specs if getattr(spec, "recipe", "") == name)
        for name in ("overlap", "majority")
    )
    assert (overlap_spec.margin, overlap_spec.neighbours) == (False, 8)
    assert majority.changed().keys().isdisjoint({"margin", "neighbours"}), "it mines nothing"
    usual = load(
        tmp_path,
        MINING.replace("retrieval: {margin: false, neighbours: 8, centred: false, layer: 1}\n", ""),
        "usual",
    )
    found = next(spec for spec in usual.specs if getattr(spec, "recipe", "") == "overlap")
    assert (found.margin, found.neighbours) == (True, 4) and found.changed().keys().isdisjoint(
        {"margin", "neighbours"}
    )
    asked, true = [], retrieval.mine

    def mine(other, english, neighbours, margin, where):
        asked.append((neighbours, margin))
        return true(other, english, neighbours, margin, where)

    monkeypatch.setattr(retrieval, "mine", mine)
    spec = ControlSpec(
        outputs=str(tmp_path),
        control="overlap",
        targets=["bucc2018"],
        languages=["de", "zh"],
        margin=False,
        neighbours=8,
    )
    run_control(spec)
    assert set(asked) == {(8, False)} and len(asked) == 4


def test_clamped_margins_are_counted_in_the_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(retrieval, "LEAST_MEAN", 0.1)
    spec = ControlSpec(
        outputs=str(tmp_path),
        control="overlap",
        targets=["bucc2018", "tatoeba"],
        languages=["de", "zh"],
    )
    run_control(spec)
    clamped = results.read(spec.folder / "result.json").details["clamped"]
    assert clamped["bucc2018"]["de"] == 0 < clamped["bucc2018"]["zh"] and list(clamped) == [
        "bucc2018"
    ]
    assert f"bucc2018 in zh: clamped {clamped['bucc2018']['zh']}" in capsys.readouterr().out
