"""The language-model head of every architecture: it gives the whole model's logits, its output
matrix stays its own or the words', and it is saved and comes back; or a sentence says that there is
none to use."""

from pathlib import Path

import pytest
import torch
from made_encoders import save
from transformers import AutoModelForMaskedLM

from xstilts_core import model
from xstilts_core.errors import UsageError

CPU = torch.device("cpu")
# Architecture -> whether the output matrix is the word embeddings, by its configuration's default.
TIED = {
    "ALBERT": True, "BERT": True, "ConvBERT": True, "DeBERTa": True, "DistilBERT": True, "ELECTRA": True, "EuroBERT": False, "GTE": True,
    "Jina v3": True, "MobileBERT": True, "ModernBERT": True, "MPNet": True, "NomicBERT": True, "RemBERT": False, "RoBERTa": True,
    "XLM-R": True,
}  # fmt: skip
CASES = [
    *((name, None) for name in TIED),
    *((name, False) for name in ("ALBERT", "BERT", "DistilBERT", "ModernBERT", "RoBERTa", "XLM-R")),
]


def load(folder: Path) -> model.Encoder:
    return model.load(str(folder), dropout=0.0, packed=True, device=CPU)


@pytest.mark.parametrize(("architecture", "tie"), CASES)
def test_a_head_is_used_as_it_was_trained_and_comes_back(
    architecture: str, tie: bool | None, tmp_path: Path, capsys
) -> None:
    tied = TIED[architecture] if tie is None else tie
    folder = save(
        architecture,
        tmp_path / "whole",
        head=True,
        **({} if tie is None else {"tie_word_embeddings": tie}),
    )
    whole = AutoModelForMaskedLM.from_pretrained(folder).eval()
    assert (whole.get_output_embeddings().weight is whole.get_input_embeddings().weight) is tied
    encoder = load(folder)
    head = model.language_head(encoder, str(folder), 1).eval()
    ids = torch.arange(7, 30)[None]
    with torch.no_grad():
        logits = whole(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        states = whole.base_model(
            input_ids=ids, attention_mask=torch.ones_like(ids)
        ).last_hidden_state
        assert torch.allclose(head(states), logits, atol=1e-5)
    words = encoder.network.get_input_embeddings().weight
    assert any(weight is words for weight in head.parameters()) is tied
    with torch.no_grad():  # as training would
        for weight in (*head.parameters(), *encoder.network.parameters()):
            weight.add_(0.01 * torch.randn(weight.shape))
    saved = model.save(encoder, tmp_path / "saved", language_head=head)
    again = load(saved)
    found = model.language_head(again, str(saved), 2).eval()
    with torch.no_grad():
        assert torch.equal(found(states), head(states))
    assert (
        any(weight is again.network.get_input_embeddings().weight for weight in found.parameters())
        is tied
    )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("architecture", ["XLM", "FlauBERT", "T5", "XLNet"])
def test_where_there_is_no_head_to_use_one_line_says_so(architecture: str, tmp_path: Path) -> None:
    folder = save(architecture, tmp_path / "encoder")
    with pytest.raises(UsageError) as caught:
        model.language_head(load(folder), str(folder), 1)
    message = str(caught.value)
    assert (
        str(folder) in message
        and "\n" not in message
        and ("no masked language model" in message or "no language-model head" in message)
    )
