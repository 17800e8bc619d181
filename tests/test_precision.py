"""Which numbers a run computes with: bfloat16 where a GPU has it, heads and losses in float32, and
the result says so."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import made_studies
import numpy as np
import pytest
import torch
from test_run import run_target, target
from test_train import schedule as of_steps
from test_train import setup

from xstilts_core import analysis, evaluate, model, results, run
from xstilts_core import train as training
from xstilts_core.formats import FORMATS
from xstilts_core.packing import flat_hidden
from xstilts_core.results import Score
from xstilts_core.study import Study, identity, precision
from xstilts_core.study.spec import (
    ControlSpec,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    TargetSpec,
)
from xstilts_core.wording.text import sentences

CPU, CUDA = torch.device("cpu"), SimpleNamespace(type="cuda")


@pytest.mark.parametrize(
    ("wish", "where", "native", "found"),
    [
        ("auto", CPU, True, True),
        ("auto", CPU, False, False),
        ("float32", CPU, True, False),
        ("auto", CUDA, True, True),
        ("auto", CUDA, False, False),
        ("float32", CUDA, True, False),
        ("bfloat16", CUDA, False, True),
        ("bfloat16", CPU, False, True),
    ],
)
def test_auto_takes_bfloat16_where_gpu_or_cpu_compute_it_natively(
    monkeypatch, wish, where, native, found
):
    asked = []

    def supported(including_emulation=True):
        asked.append(including_emulation)
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(model, "device", lambda wish: where)
    monkeypatch.setattr(precision, "has_bfloat16", lambda: native)
    monkeypatch.setattr(precision, "width", lambda spec: 384)
    assert model.in_bfloat16(wish, where, 384) == found
    assert True not in asked
    for cls in (TargetSpec, RetrievalSpec, ProbingSpec):
        assert run.precision(cls(precision=wish)) == ("bfloat16" if found else "float32")
    assert run.precision(PretrainSpec()) == "float32" and run.precision(ControlSpec()) == ""


@pytest.mark.parametrize(("wish", "found"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_the_result_says_which(tmp_path, encoders, wish, found):
    spec = target(tmp_path, encoders["xlmr"], precision=wish)
    run_target(spec)
    assert results.read(spec.folder / results.RESULT).details["precision"] == found


def test_every_phase_with_a_network_says_it_and_a_control_does_not(tmp_path):
    specs = [PretrainSpec, IntermediateSpec, TargetSpec, RetrievalSpec, ProbingSpec]
    for cls in (*specs, ControlSpec):
        path = run.Run(cls(outputs=str(tmp_path), device="cpu")).finish([], {}, CPU)
        assert results.read(path).details.get("precision") == ("float32" if cls in specs else None)


@pytest.mark.parametrize("last", [torch.float32, torch.bfloat16])
def test_heads_and_losses_are_float32_under_bfloat16(encoders, monkeypatch, last):
    """Whether an encoder's last layer gives float32 (a norm does) or bfloat16."""
    monkeypatch.setattr(
        model,
        "flat_hidden",
        lambda *given: ((found := flat_hidden(*given))[0].to(last), found[1]),
    )
    encoder, streams = setup(encoders["xlmr"], dropout=0.0)
    encoder = replace(encoder, bfloat16=True)
    seen = []
    streams[0].head.register_forward_hook(
        lambda head, inputs, output: seen.append((inputs[0].dtype, output.dtype))
    )
    inner = []
    hook = encoder.network.encoder.layer[0].output.dense.register_forward_hook(
        lambda part, given, output: inner.append(output.dtype)
    )
    training.train(encoder, streams, np.array([1.0]), of_steps(steps=2))
    evaluate.predict(encoder, streams[0].head, FORMATS["pair"], streams[0].encoded)
    hook.remove()
    assert set(seen) == {(torch.float32, torch.float32)} and len(seen) > 2
    assert set(inner) == {torch.bfloat16}, "the encoder itself does compute in bfloat16"


STUDY = """
title: Two machines
seeds: [1, 2]
recipes:
  none:
  majority: {control: majority}
targets: [xnli, tatoeba]
"""


def finish(spec, **details) -> None:
    made = results.Result(
        spec.phase,
        spec.model_dump(mode="json"),
        identity.of_spec(spec),
        {"device": "x"},
        [Score("xnli", "en", "test", "a", 1.0, 1)],
        details,
    )
    results.write_text(spec.folder / results.RESULT, json.dumps(asdict(made)))


def precisions(study: Study) -> str:
    """What a report says of the precisions of the study's runs."""
    nothing = {"left_out": [], "older": 0, "unlearnt": {}}
    return sentences("remarks", **nothing, precisions=analysis.precisions(study))


def test_a_study_of_two_precisions_says_which_runs_have_which(tmp_path):
    study = made_studies.load(tmp_path, STUDY)
    specs = {str(spec.folder.relative_to(study.root)): spec for spec in study.specs}
    assert precisions(study) == ""
    for name, spec in specs.items():
        finish(spec, **({} if name.startswith("control") else {"precision": "float32"}))
    assert precisions(study) == "", (
        "all alike: nothing is said, and a control computes with no network"
    )
    finish(specs["target/mnli/from-none/seed2"], precision="bfloat16")
    said = precisions(study)
    assert "bfloat16: target/mnli/from-none/seed2;" in said
    assert (
        "float32: target/mnli/from-none/seed1, all retrieval runs" in said and "control" not in said
    )
    finish(specs["target/mnli/from-none/seed1"], precision="bfloat16")
    said = precisions(study)
    assert "bfloat16: all target runs" in said and "float32: all retrieval runs" in said
    finish(specs["target/mnli/from-none/seed1"])
    assert "not recorded: target/mnli/from-none/seed1" in precisions(study)
