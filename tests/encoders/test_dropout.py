"""dropout: null leaves an encoder's own, in a file and a notebook; what is saved keeps the encoder's
own too."""

import json
import math

import pytest
import torch
from made_studies import load
from test_run import run_target, target

from xstilts_core import model, results, run
from xstilts_core.errors import UsageError
from xstilts_core.formats import FORMATS
from xstilts_core.study import identity
from xstilts_core.study.spec import IntermediateSpec, TargetSpec, make

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path, encoders):
    """A ModernBERT with dropouts of its own."""
    encoder = model.load(str(encoders["modernbert"]), dropout=None, packed=True, device=CPU)
    encoder.network.original_dropout = {
        "attention_dropout": 0.0,
        "embedding_dropout": 0.0,
        "mlp_dropout": 0.05,
        "classifier_dropout": 0.3,
    }
    return model.save(encoder, tmp_path / "own")


def test_null_leaves_what_the_encoder_has(folder, encoders):
    own = model.dropout_rates(
        model.load(str(folder), dropout=None, packed=True, device=CPU).network.config
    )
    assert (own["mlp_dropout"], own["attention_dropout"], own["classifier_dropout"]) == (
        0.05,
        0.0,
        0.3,
    )
    given = model.load(str(folder), dropout=0.2, packed=True, device=CPU)
    rates = {part.p for part in given.network.modules() if isinstance(part, torch.nn.Dropout)}
    assert rates == {0.2} and model.dropout_rates(given.network.config)["mlp_dropout"] == 0.2


def test_a_phase_2_encoder_is_saved_with_the_dropout_that_it_came_with(folder, tmp_path):
    encoder = model.load(str(folder), dropout=0.2, packed=True, device=CPU)
    saved = model.save(encoder, tmp_path / "saved")
    kept = [
        json.loads((place / "config.json").read_text(encoding="utf-8")) for place in (folder, saved)
    ]
    assert kept[0] == kept[1] and kept[1]["mlp_dropout"] == 0.05
    assert model.dropout_rates(encoder.network.config)["mlp_dropout"] == 0.2, (
        "the encoder at hand is as it was"
    )


@pytest.mark.parametrize(("wish", "found"), [(None, 0.3), (0.2, 0.2), (0.0, 0.0)])
def test_the_head_takes_the_encoders_own(folder, tmp_path, monkeypatch, wish, found):
    seen = []
    true = FORMATS["pair"].head
    monkeypatch.setattr(
        type(FORMATS["pair"]),
        "head",
        lambda self, task, options: seen.append(options.dropout) or true(task, options),
    )
    spec = target(tmp_path, folder, dropout=wish)
    encoder = run.load_encoder(spec)
    run.learners(spec, encoder)
    assert seen == [found]
    assert model.dropout_rates(encoder.network.config)["mlp_dropout"] == (
        0.05 if wish is None else wish
    )


def test_what_a_head_has_by_family():
    from transformers import BertConfig, DistilBertConfig, ModernBertConfig, XLMRobertaConfig

    assert model.head_dropout(XLMRobertaConfig(hidden_dropout_prob=0.15)) == 0.15
    assert model.head_dropout(BertConfig(classifier_dropout=0.4)) == 0.4
    assert model.head_dropout(ModernBertConfig()) == 0.0
    assert model.head_dropout(DistilBertConfig(seq_classif_dropout=0.25)) == 0.25
    assert model.head_dropout(type("Bare", (), {})()) == 0.1


def test_a_run_with_null(folder, tmp_path):
    spec = target(tmp_path, folder, dropout=None)
    scores, _ = run_target(spec)
    assert scores and results.read(spec.folder / results.RESULT).spec["dropout"] is None


def test_a_study_a_recipe_and_a_task_may_say_null(tmp_path):
    text = """
title: Dropout of its own
seeds: [1]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  qqp: {intermediate: [qqp], dropout: null}
targets: [xnli, udpos]
train: {dropout: 0.3}
target: {dropout: null}
tasks:
  udpos: {dropout: ~}
"""
    study = load(tmp_path, text)
    found = {
        (spec.phase, getattr(spec, "recipe", ""), getattr(spec, "train_on", "")): spec.dropout
        for spec in study.specs
    }
    assert found["intermediate", "mnli", ""] == 0.3 and found["intermediate", "qqp", ""] is None
    assert found["target", "none", "mnli"] is None and found["target", "none", "udpos"] is None
    spec = next(spec for spec in study.specs if spec.phase == "target")
    assert TargetSpec(**json.loads(json.dumps(spec.changed()))) == spec, (
        "as a notebook's parameters"
    )
    assert identity.settings(spec)["dropout"] is None and IntermediateSpec().dropout == 0.1


@pytest.mark.parametrize("value", [True, 1.5, -0.1, "none", [], math.nan, math.inf])
def test_what_is_neither_null_nor_a_share_is_refused(value):
    with pytest.raises(UsageError, match=r"study\.yaml: dropout is .*: it must be "):
        make(IntermediateSpec, {"dropout": value}, "study.yaml")
