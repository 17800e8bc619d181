"""Every architecture of the guide's table trains, scores, retrieves, is saved and loaded again, or
is refused in one line."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_encoders import ARCHITECTURES, configuration, save

from xstilts_core import evaluate, model
from xstilts_core.data.source import Embedded
from xstilts_core.encoders import loading
from xstilts_core.encoders.states import traits
from xstilts_core.errors import UsageError
from xstilts_core.formats import FORMATS, HeadOptions, Limits, gather, retrieval
from xstilts_core.packing import Sequences, flat_hidden
from xstilts_core.streams import Stream
from xstilts_core.tasks import task
from xstilts_core.train import Schedule, train

CPU = torch.device("cpu")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "architectures.md"
ROW = re.compile(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \|$", re.MULTILINE)
LIMITS = Limits(60, 20)
NAMES = ("mnli", "udpos", "squad_v1")


def load(folder: Path) -> model.Encoder:
    return model.load(str(folder), dropout=0.0, packed=True, device=CPU)


def batches(encoder: model.Encoder) -> str:
    """How its batches are made."""
    if encoder.packed:
        return "packed"
    return "padded" if traits(encoder.network).padding else "by equal length"


def table() -> dict[str, tuple[str, str]]:
    """Architecture -> the class and what becomes of it, as the guide has it."""
    return {
        name: (network, fate)
        for name, network, fate in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }


@lru_cache
def examples(name: str) -> list[Any]:
    return list(Embedded().load(name, "train" if name == "mnli" else "dev", "en"))[:6]


def trained(encoder: model.Encoder) -> dict[str, torch.nn.Module]:
    """The heads of a pair, a tagging and a span task after six steps with the encoder."""
    streams = []
    for name in NAMES:
        form, entry = FORMATS[task(name).format], task(name)
        torch.manual_seed(1)
        head = form.head(entry, HeadOptions(encoder.width, 0.0, "first"))
        encoded = form.encode(examples(name), entry, encoder.tokenizer, LIMITS)
        streams.append(Stream(name, head, form.loss, encoded, len(encoded), 3))
    schedule = Schedule(6, 1e-3, 0.0, 0.01, clip=1.0, seed=2)
    done = train(encoder, streams, np.full(3, 1 / 3), schedule)
    assert all(np.isfinite(line["loss"]) for line in done.log)
    return {stream.name: stream.head for stream in streams}


def check_states(encoder: model.Encoder, folder: Path) -> None:
    """Batches of every kind of text give at every layer what transformers gives for each text
    alone; sentence vectors are their means."""
    encoder.network.eval()
    stock = loading.network_class(encoder.network.config).from_pretrained(folder).eval()
    pairs = FORMATS["pair"].encode(examples("mnli"), task("mnli"), encoder.tokenizer, LIMITS)
    batch = gather(pairs, np.arange(len(pairs))).sequences
    texts = [example.text_b for example in examples("mnli")]
    vectors = retrieval.embed(encoder, texts, 60, range(encoder.layers + 1))
    for layer in (*range(encoder.layers + 1), -1):
        with torch.no_grad():
            found, _ = flat_hidden(encoder.network, batch, encoder.packed, layer)
        expected = torch.cat(alone(stock, batch, layer))
        assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max())), (
            f"layer {layer}"
        )
        if layer >= 0:
            encoded = retrieval.encode(texts, encoder, 60)
            means = torch.stack(
                [
                    states.mean(0)
                    for states in alone(stock, Sequences(encoded.ids, encoded.lengths), layer)
                ]
            )
            assert torch.allclose(
                vectors[layer], means, atol=1e-5 * max(1.0, float(expected.abs().max()))
            ), f"vectors of layer {layer}"


def alone(stock: torch.nn.Module, batch: Sequences, layer: int) -> list[torch.Tensor]:
    """[length, width] of each text by itself, without padding."""
    found = []
    for start, length in zip(batch.starts, batch.lengths, strict=True):
        ids = torch.from_numpy(batch.ids[start : start + length].astype(np.int64))[None]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if batch.types is not None:
            inputs["token_type_ids"] = torch.from_numpy(
                batch.types[start : start + length].astype(np.int64)
            )[None]
        with torch.no_grad():
            output = stock(**inputs, output_hidden_states=True)
        found.append(
            (output.last_hidden_state if layer < 0 else output.hidden_states[layer])[0, :length]
        )
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_is_used_from_end_to_end_or_refused_in_one_line(
    architecture: str, tmp_path: Path
) -> None:
    folder = save(architecture, tmp_path / "encoder")
    name, fate = table()[architecture]
    assert loading.network_class(configuration(architecture)).__name__ == name
    if fate.startswith("refused: "):
        with pytest.raises(UsageError) as caught:
            load(folder)
        message = str(caught.value)
        assert message.startswith(f"encoder '{folder}'") and "\n" not in message
        assert fate.removeprefix("refused: ") in message
        return
    encoder = load(folder)
    assert (type(encoder.network).__name__, batches(encoder)) == (
        name,
        fate.removesuffix(", encoder half"),
    )
    heads = trained(encoder)
    for task_name, head in heads.items():
        entry = task(task_name)
        reading = replace(encoder, layer=1 if task_name == "udpos" else -1)
        scored = evaluate.score(reading, head, entry, examples(task_name), "en", LIMITS)
        assert len(scored.predictions) == 6 and 0 <= scored.values[entry.metric] <= 100
    saved = model.save(encoder, tmp_path / "saved")
    again = load(saved)
    assert batches(again) == batches(encoder) and type(again.network) is type(encoder.network)
    state = encoder.network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.network.state_dict().items())
    check_states(again, saved)


def test_the_table_of_the_guide_has_every_architecture_that_is_tried() -> None:
    assert list(table()) == list(ARCHITECTURES) and len(table()) > 40
    counts = re.search(
        r"(\d+) architectures .*\. (\d+) of them .*; (\d+) are refused",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    refused = sum(fate.startswith("refused: ") for _, fate in table().values())
    assert counts and [int(count) for count in counts.groups()] == [
        len(table()),
        len(table()) - refused,
        refused,
    ]
