"""Layers and lengths that an encoder has not: found by `check` and by a run's first cell, for what
every architecture can read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_encoders import ARCHITECTURES, LONGEST, configuration, save
from test_architectures import table
from test_broken_encoders import STUDY, check

from xstilts_core import run
from xstilts_core.commands import cli
from xstilts_core.encoders import loading, trial
from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.packing import Sequences, flat_hidden
from xstilts_core.study.spec import (
    EncoderSpec,
    IntermediateSpec,
    ProbingSpec,
    RetrievalSpec,
    TargetSpec,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save("XLM-R", tmp_path_factory.mktemp("encoder") / "good")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            "train: {layer: 3}\n",
            "target/mnli/from-none/seed1: layer is 3: encoder '{folder}' has the layers 0 (its embeddings) to 2",
        ),
        (
            "retrieval: {layer: 9}\n",
            "retrieval/tatoeba/from-none/seed1: layer is 9: encoder '{folder}' has the layers 0 ",
        ),
        (
            "probing: {layer: 4}\nprobes: [probe_negation]\n",
            "probing/from-none/seed1: layer is 4: encoder '{folder}' has the layers 0 ",
        ),
        ("tasks: {mnli: {layer: 5}}\n", "layer is 5: encoder '{folder}' has the layers 0 "),
        (
            "target: {max_length: 129}\n",
            "target/mnli/from-none/seed1: max_length 129 is more than encoder '{folder}' takes: at most 128 tokens (set max_length, or another encoder)",
        ),
        (
            "retrieval: {max_length: 512}\n",
            "max_length 512 is more than encoder '{folder}' takes: at most 128 tokens (set max_length, or another encoder)",
        ),
    ],
)
def test_what_lies_beyond_an_encoder_is_found_before_a_run(
    good: Path, settings: str, sentence: str, capsys
) -> None:
    assert check(good, settings) == 2
    told = capsys.readouterr().err
    assert sentence.format(folder=good) in told and told.count("\n") == 1


@pytest.mark.parametrize("encoder", ["mini", "pretrained\npretrain: {layers: 2, max_length: 60}"])
def test_it_is_found_of_the_suite_s_own_encoders_too(tmp_path: Path, encoder: str, capsys) -> None:
    file = tmp_path / "my_study.yaml"
    for settings, sentence in (
        ("target: {layer: 4}", "layer is 4: "),
        ("retrieval: {max_length: 400}", "max_length 400 is more than "),
    ):
        file.write_text(
            STUDY.format(encoder=encoder) + f"train: {{max_length: 60}}\n{settings}\n",
            encoding="utf-8",
        )
        assert cli.main(["check", str(file)]) == 2
        assert sentence in capsys.readouterr().err
    file.write_text(
        STUDY.format(encoder=encoder)
        + "train: {max_length: 60, layer: 2}\nretrieval: {max_length: 60}\n",
        encoding="utf-8",
    )
    assert cli.main(["check", str(file)]) == 0


@pytest.mark.parametrize(
    "spec",
    [
        TargetSpec(layer=3, max_length=60),
        IntermediateSpec(layer=3, max_length=60),
        RetrievalSpec(layer=3),
        ProbingSpec(layer=3),
    ],
    ids=lambda spec: spec.phase,
)
def test_the_first_cell_of_a_run_says_what_lies_beyond_the_encoder(
    good: Path, spec: EncoderSpec
) -> None:
    spec = spec.model_copy(update={"encoder": str(good), "device": "cpu"})
    with pytest.raises(
        UsageError,
        match=r"^layer is 3: encoder '.*/good' has the layers 0 \(its embeddings\) to 2$",
    ):
        run.load_encoder(spec)
    with pytest.raises(
        UsageError,
        match=r"^max_length 129 is more than encoder '.*/good' takes: at most 128 tokens \(set max_length, or another encoder\)$",
    ):
        run.load_encoder(spec.model_copy(update={"layer": 2, "max_length": 129}))
    assert run.load_encoder(spec.model_copy(update={"layer": 2, "max_length": 128})).layers == 2


# Positions that are turned, not looked up: texts may be longer than what the configuration states,
# and it is taken at its word.
ROTARY = ("ESM", "EuroBERT", "Gemma 3, both ways", "GTE", "Jina v3", "ModernBERT", "NomicBERT")
UNLIMITED = ("DeBERTa-v2", "mT5", "T5", "UMT5", "XLNet")


@pytest.mark.parametrize(
    "architecture", [name for name in ARCHITECTURES if not table()[name][1].startswith("refused: ")]
)
def test_the_longest_text_is_what_the_encoder_can_read(architecture: str) -> None:
    config = configuration(architecture)
    network, longest = loading.new_network(config).eval(), encoder_files.positions(config.to_dict())
    trial.examine(
        network, architecture, packed=False
    )  # BigBird leaves block-sparse attention at the first short text
    assert (longest is None) == (architecture in UNLIMITED) and encoder_files.depth(
        config.to_dict()
    ) == 2

    def read(length: int) -> None:
        with torch.no_grad():
            flat_hidden(network, Sequences(np.full(length, 7), np.array([length])), packed=False)

    read(longest or 4 * LONGEST)
    if longest and architecture not in ROTARY:
        with pytest.raises((IndexError, RuntimeError)):
            read(longest + 1)
