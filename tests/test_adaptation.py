"""Low-rank adapters and the language-model head: what they change, what is saved, and that an
interrupted training goes on exactly."""

import json
from pathlib import Path

import pytest
import torch

from xstilts_core import model, run
from xstilts_core.checkpoint import FILE
from xstilts_core.errors import UsageError
from xstilts_core.study.spec import IntermediateSpec

CPU = torch.device("cpu")
SMALL = {
    "tasks": ["qqp"],
    "train_examples": 64,
    "dev_examples": 8,
    "epochs": 1,
    "evaluations": 2,
    "batch_size": 8,
}


class Kill(Exception):
    """Stands for a killed process: nothing after it is done."""


def finished(
    folder: Path, encoder: Path, kill: int = 0, **changes: object
) -> tuple[IntermediateSpec, dict[str, torch.Tensor], list[float]]:
    """Phase 2 as its notebook does it. Raises Kill at the first line of the log at step `kill` or
    later."""
    spec = IntermediateSpec(
        outputs=str(folder), encoder=str(encoder), recipe="adapted", **{**SMALL, **changes}
    )
    started = run.Run(spec)
    loaded = run.load_encoder(spec)
    learners, texts = run.learners(spec, loaded), run.unlabelled(spec, loaded)
    report = started.reporter

    def reporter(steps: int):
        told = report(steps)

        def line(entry):
            told(entry)
            if kill and entry["step"] >= kill:
                raise Kill

        return line

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.Run, "reporter", lambda _, steps: reporter(steps))
        run.fit(started, loaded, learners, texts)
    scores = run.examine(spec, loaded, learners, 8)[0]
    model.save(loaded, spec.folder / "model")
    return spec, loaded.network.state_dict(), [score.value for score in scores]


def test_adapters_leave_embeddings_and_norms_alone_and_are_merged_before_the_encoder_is_saved(
    tmp_path, encoders
):
    pytest.importorskip("peft")
    before = model.load(
        str(encoders["xlmr"]), dropout=0.0, packed=True, device=CPU
    ).network.state_dict()
    spec, after, _ = finished(tmp_path, encoders["xlmr"], lora=4, learning_rate=5e-3)
    assert before.keys() == after.keys()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed and all(
        name.endswith((".query.weight", ".key.weight", ".value.weight", ".dense.weight"))
        for name in changed
    )
    assert all(
        torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-4) <= 4 for name in changed
    )
    saved = model.load(
        str(spec.folder / "model"), dropout=0.0, packed=True, device=CPU
    ).network.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in after.items())
    assert "lora" not in (spec.folder / "model" / "config.json").read_text()


def test_a_killed_training_with_adapters_and_texts_goes_on_bit_for_bit(tmp_path, encoders, capsys):
    pytest.importorskip("peft")
    changes = {"lora": 2, "mlm": 1.0, "mlm_documents": 20, "learning_rate": 5e-3}
    _, expected, scores = finished(tmp_path / "whole", encoders["xlmr"], **changes)
    with pytest.raises(Kill):
        finished(tmp_path / "cut", encoders["xlmr"], 11, checkpoint_every=3, **changes)
    capsys.readouterr()
    spec, found, again = finished(tmp_path / "cut", encoders["xlmr"], checkpoint_every=3, **changes)
    assert f"goes on after step 9, from {spec.folder / FILE}" in capsys.readouterr().out
    assert scores == again and all(
        torch.equal(value, found[name]) for name, value in expected.items()
    )


def test_without_peft_the_way_to_it_is_said(monkeypatch, encoders):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    encoder = model.load(str(encoders["xlmr"]), dropout=0.0, packed=True, device=CPU)
    with pytest.raises(
        UsageError, match=r"lora needs the package peft: pip install 'xstilts\[lora\]'"
    ):
        model.add_adapters(encoder.network, 4, 1)


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_the_language_head_of_phase_1_goes_on_in_phase_2(tmp_path, encoders, capsys, family):
    """An encoder saved without a head gets a new one and says so; saved with it, the very same head
    comes back, tied to the words."""
    encoder = model.load(str(encoders[family]), dropout=0.0, packed=True, device=CPU)
    head = model.language_head(encoder, str(encoders[family]), 1)
    assert (
        "was saved without its language-model head: a new one is trained, drawn from seed 1"
        in capsys.readouterr().out
    )
    words = encoder.network.get_input_embeddings().weight
    hidden = torch.randn(5, 32)
    assert head(hidden).shape == (5, len(words)) and any(
        weight is words for weight in head.parameters()
    )
    folder = model.save(encoder, tmp_path / "model", language_head=head)
    again = model.load(str(folder), dropout=0.0, packed=True, device=CPU)
    found = model.language_head(again, str(folder), 2)
    assert torch.equal(found(hidden), head(hidden)) and capsys.readouterr().out == ""
    assert any(
        weight is again.network.get_input_embeddings().weight for weight in found.parameters()
    )
    weights = json.loads((folder / "config.json").read_text())
    assert (
        weights["architectures"]
        == json.loads((encoders[family] / "config.json").read_text())["architectures"]
    )
