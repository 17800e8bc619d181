"""Phase 1: the tokenizer, the corpus as training rows, a tiny run, and the checkpoint that
ships."""

import json

import pytest
import torch
from transformers import AutoTokenizer

from xstilts_core import model
from xstilts_core.data.source import Embedded
from xstilts_core.mini import corpus, suite
from xstilts_core.phases import pretrain
from xstilts_core.study.spec import PretrainSpec
from xstilts_core.train import train

TINY = {
    "documents": 40,
    "vocabulary": 900,
    "hidden_size": 32,
    "layers": 2,
    "heads": 2,
    "steps": 60,
    "batch_tokens": 600,
}


@pytest.fixture(scope="module")
def tokenizer():
    return pretrain.train_tokenizer(corpus.spaced_sentences(suite.LANGUAGES, 1, 800), 6_000, 192)


def pieces(tokenizer, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_words_without_spaces_are_the_same_pieces_alone_and_in_a_sentence(tokenizer):
    assert pieces(tokenizer, "安娜在花园读书。") == [
        piece
        for word in ("安娜", "在", "花园", "读", "书", "。")
        for piece in pieces(tokenizer, word)
    ]
    assert pieces(tokenizer, "花园") == ["花园"]
    assert pieces(tokenizer, "Anna reads") == ["▁Anna", "▁reads"]


def test_opening_question_marks_and_suffixes_do_not_hide_a_word(tokenizer):
    assert pieces(tokenizer, "¿Quién vive en Roma?") == [
        "¿",
        "▁Quién",
        "▁vive",
        "▁en",
        "▁Roma",
        "?",
    ]
    assert pieces(tokenizer, "Berlin'de")[0] == "▁Berlin"


def test_offsets_point_into_the_text_as_it_was(tokenizer):
    text = "¿Quién vive en Roma?"
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert [text[first:last].strip(" ¿") or "¿" for first, last in found] == [
        "¿",
        "Quién",
        "vive",
        "en",
        "Roma",
        "?",
    ]


def test_the_tokenizer_survives_saving_and_loading_by_name(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("Anna reads.", "Анна чете.", "अन्ना पढ़ती है।", "安娜读书。", "¿Quién?"):
        assert again(text, text)["input_ids"] == tokenizer(text, text)["input_ids"]
    assert again.mask_token_id == tokenizer.mask_token_id == 4 and again.pad_token_id == 1


def test_most_words_of_the_suite_are_one_piece(tokenizer):
    words = {
        word
        for code in suite.LANGUAGES
        for example in Embedded().load("panx", "train", code)[:300]
        for word in example.words
    }
    assert sum(len(pieces(tokenizer, word)) == 1 for word in words) / len(words) > 0.95


def run(spec: PretrainSpec) -> tuple[float, list[float], dict[str, torch.Tensor]]:
    texts = pretrain.documents(spec)
    tokenizer = pretrain.train_tokenizer(
        pretrain.vocabulary_texts(spec, texts), spec.vocabulary, spec.max_length
    )
    encoder, head = pretrain.new_model(spec, tokenizer)
    training, development = pretrain.stream(spec, encoder, head, texts)
    assert len(training.encoded) + len(development.encoded) == len(texts)
    trained = train(encoder, [training], [1.0], pretrain.schedule(spec))
    return (
        pretrain.perplexity(encoder, development)[0],
        [line["loss"] for line in trained.log],
        encoder.network.state_dict(),
    )


def test_a_tiny_run_learns_and_repeats_bit_for_bit(tmp_path):
    spec = PretrainSpec(outputs=str(tmp_path), **TINY)
    (value, losses, weights), again = run(spec), run(spec)
    assert losses[-1] < losses[0] - 0.5 and value < spec.vocabulary
    assert value == again[0] and all(
        torch.equal(tensor, again[2][name]) for name, tensor in weights.items()
    )


def test_the_shipped_checkpoint_is_small_loads_and_says_how_it_was_made():
    folder = model.shipped()
    assert (folder / "model.safetensors").stat().st_size <= 3_000_000
    made = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert (
        made["phase"] == "pretrain"
        and made["provenance"]["commit"]
        and made["spec"]["source"] == "mini"
    )
    encoder = model.load("mini", dropout=0.0, packed=True, device=torch.device("cpu"))
    assert (
        encoder.packed
        and encoder.width == made["spec"]["hidden_size"]
        and encoder.layers == made["spec"]["layers"]
    )
    assert len(encoder.tokenizer) == encoder.network.config.vocab_size
    assert next(encoder.network.parameters()).dtype == torch.float32
