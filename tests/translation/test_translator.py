"""Translation by a model: a tiny one with random weights, its languages, its kept sentences, and
several runs at once."""

import json
import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from xstilts_core import run
from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.languages import LANGUAGES
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.translation import translated, translator

WORDS = ("anna", "ben", "sees", "a", "dog", "runs", "here", ".", "[", "]")
SENTENCES = ["anna sees a dog .", "ben runs .", "a dog runs here .", "ben sees anna here ."]


def vocabulary(tokens: tuple[str, ...]) -> PreTrainedTokenizerFast:
    own = ["<s>", "<pad>", "</s>", "<unk>", *WORDS]
    raw = Tokenizer(models.WordLevel({word: number for number, word in enumerate(own)}, "<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    made.add_tokens(list(tokens), special_tokens=True)
    return made


def folder(
    place: Path,
    tokens: tuple[str, ...] = ("eng_Latn", "deu_Latn", "swh_Latn"),
    marian: bool = False,
    seed: int = 1,
) -> str:
    """A sequence-to-sequence model of a few thousand random weights."""
    tokenizer = vocabulary(tokens)
    size = {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    }
    size |= {
        "encoder_ffn_dim": 16,
        "decoder_ffn_dim": 16,
        "max_position_embeddings": 32,
        "vocab_size": len(tokenizer),
    }
    special = {
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": None,
    }
    torch.manual_seed(seed)
    network = (
        MarianMTModel(MarianConfig(**size, **special))
        if marian
        else M2M100ForConditionalGeneration(M2M100Config(**size, **special))
    )
    network.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def nllb(tmp_path_factory) -> str:
    return folder(tmp_path_factory.mktemp("models") / "tiny-nllb")


def cpu() -> torch.device:
    return torch.device("cpu")


def never() -> torch.device:
    raise AssertionError("the model was loaded though nothing was missing")


def kept(place: Path) -> Path:
    (path,) = place.glob("*/de.jsonl")
    return path


class TestKeeping:
    def test_every_sentence_is_translated_once(self, nllb, tmp_path, capsys):
        first = translator.translations(nllb, "de", [*SENTENCES, SENTENCES[0]], tmp_path, cpu)
        assert list(first) == SENTENCES
        assert "translated into de: 4 of 4 sentences" in capsys.readouterr().out
        assert translator.translations(nllb, "de", SENTENCES[1:], tmp_path, never) == {
            key: first[key] for key in SENTENCES[1:]
        }
        lines = [
            json.loads(line) for line in kept(tmp_path).read_text(encoding="utf-8").splitlines()
        ]
        assert {line["source"]: line["target"] for line in lines} == first and len(lines) == len(
            SENTENCES
        )

    def test_a_run_that_was_killed_goes_on(self, nllb, tmp_path):
        whole = translator.translations(nllb, "de", SENTENCES, tmp_path, cpu)
        path = kept(tmp_path)
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index("\n") + 20], encoding="utf-8")
        assert translator.translations(nllb, "de", SENTENCES, tmp_path, cpu) == whole
        assert len(translator.read(path)) == len(SENTENCES)

    def test_another_model_has_its_own_sentences(self, nllb, tmp_path):
        other = folder(tmp_path / "tiny-nllb", seed=2)
        assert translator.identity(nllb) != translator.identity(other)
        for name in (nllb, other):
            translator.translations(name, "de", SENTENCES[:1], tmp_path / "kept", cpu)
        assert len(list((tmp_path / "kept").glob("*/de.jsonl"))) == 2

    def test_runs_at_once_do_not_spoil_each_other(self, nllb, tmp_path):
        spawn = multiprocessing.get_context("fork")
        runs = [
            spawn.Process(target=write, args=(tmp_path / "de.jsonl", number)) for number in range(4)
        ]
        for record in runs:
            record.start()
        for record in runs:
            record.join()
        assert [record.exitcode for record in runs] == [0, 0, 0, 0]
        assert translator.read(tmp_path / "de.jsonl") == {
            f"sentence {number}": "x" * 20_000 for number in range(15)
        }
        assert len((tmp_path / "de.jsonl").read_text(encoding="utf-8").splitlines()) == 15, (
            "each was added once"
        )


def write(path: Path, _number: int) -> None:
    """What `translations` does around the model, many times."""
    for number in range(15):
        with locks.hold(path.with_suffix(".lock")):
            if f"sentence {number}" not in translator.read(path):
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(
                        json.dumps({"source": f"sentence {number}", "target": "x" * 20_000}) + "\n"
                    )


class TestGenerating:
    def test_batches_have_like_lengths_and_every_sentence_once(self):
        lengths = [5, 4000, 7, 2000, 2000, 9000, 6]
        found = list(translator.batches(dict(enumerate(lengths))))
        assert found[:3] == [[5], [1], [3, 4]]
        assert sorted(position for batch in found for position in batch) == list(range(7))
        assert all(
            max(lengths[p] for p in batch) * len(batch) <= translator.BATCH_TOKENS
            or len(batch) == 1
            for batch in found
        )

    def test_a_batch_says_what_sentences_alone_say(self, nllb):
        made = translator.load(nllb, nllb, "de", cpu())
        together = dict(pair for batch in translator.generate(made, SENTENCES) for pair in batch)
        alone = {
            sentence: next(iter(translator.generate(made, [sentence])))[0][1]
            for sentence in SENTENCES
        }
        room = {sentence: translator.STRETCH * len(sentence.split()) for sentence in SENTENCES}
        assert all(
            together[key].split()[: room[key]] == alone[key].split()[: room[key]]
            for key in SENTENCES
        )

    def test_the_language_comes_first(self, nllb):
        made = translator.load(nllb, nllb, "sw", cpu())
        assert (made.prefix, made.first) == ("", made.tokenizer.convert_tokens_to_ids("swh_Latn"))
        inputs = made.tokenizer(SENTENCES[:1], return_tensors="pt")
        ids = made.network.generate(
            input_ids=inputs["input_ids"], forced_bos_token_id=made.first, max_new_tokens=4
        )
        assert ids[0, 1] == made.first

    def test_what_is_too_long_has_no_translation(self, nllb):
        made = translator.load(nllb, nllb, "de", cpu())
        long = "anna " * 40
        found = dict(
            pair for batch in translator.generate(made, [long, SENTENCES[0]]) for pair in batch
        )
        assert found[long] == "" and set(found) == {long, SENTENCES[0]}
        assert list(translator.generate(made, [])) == []


class TestLanguages:
    def test_every_language_has_nllbs_name(self):
        assert {translator.nllb_code(code) for code in LANGUAGES} <= set(FAIRSEQ_LANGUAGE_CODES)

    @pytest.mark.parametrize(
        ("tokens", "marian", "prefix", "first"),
        [
            (("eng_Latn", "deu_Latn"), False, "", "deu_Latn"),
            (("__en__", "__de__"), False, "", "__de__"),
            (("en_XX", "de_DE"), False, "", "de_DE"),
            ((">>de<<", ">>fr<<"), True, ">>de<< ", None),
            ((">>deu<<", ">>fra<<"), True, ">>deu<< ", None),
            ((), True, "", None),
        ],
    )
    def test_how_each_family_is_told_its_language(self, tmp_path, tokens, marian, prefix, first):
        place = folder(tmp_path / "model", tokens, marian)
        made = translator.load(place, place, "de", cpu())
        assert made.prefix == prefix and made.first == (
            first and made.tokenizer.convert_tokens_to_ids(first)
        )
        assert len(translator.translations(place, "de", SENTENCES, tmp_path, cpu)) == len(SENTENCES)

    def test_the_families_own_tokenizers(self, tmp_path):
        """M2M-100's and Marian's classes, on sentence pieces of our own."""
        pieces = pytest.importorskip("sentencepiece")
        text = [f"{sentence} [ {WORDS[0]} ]" for sentence in SENTENCES] * 20
        prefix = str(tmp_path / "spm")
        pieces.SentencePieceTrainer.train(
            sentence_iterator=iter(text),
            model_prefix=prefix,
            vocab_size=40,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        made = pieces.SentencePieceProcessor(model_file=f"{prefix}.model")
        own = [made.id_to_piece(number) for number in range(made.get_piece_size())]
        for name, special in (
            ("many", ["<s>", "<pad>", "</s>", "<unk>"]),
            ("marian", ["</s>", "<unk>", ">>de<<", "<pad>"]),
        ):
            rows = {piece: number for number, piece in enumerate(dict.fromkeys([*special, *own]))}
            (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
        many = M2M100Tokenizer(str(tmp_path / "many.json"), f"{prefix}.model")
        assert translator.target("many", "de", SimpleNamespace(config=M2M100Config()), many) == (
            "",
            many.get_lang_id("de"),
        )
        many.src_lang = "fr"
        translator.source_language(many)
        assert many.convert_ids_to_tokens(many("anna")["input_ids"])[0] == "__en__"
        marian = MarianTokenizer(
            f"{prefix}.model", f"{prefix}.model", str(tmp_path / "marian.json")
        )
        assert translator.target(
            "marian", "de", SimpleNamespace(config=MarianConfig()), marian
        ) == (">>de<< ", None)
        assert marian.convert_ids_to_tokens(marian(">>de<< anna [ a ]")["input_ids"])[0] == ">>de<<"
        translator.source_language(marian)
        with pytest.raises(UsageError, match="cannot be told to translate into 'fr'"):
            translator.target("marian", "fr", SimpleNamespace(config=MarianConfig()), marian)

    @pytest.mark.parametrize(
        ("tokens", "marian"), [(("eng_Latn", "fra_Latn"), False), ((">>fra<<",), True), ((), False)]
    )
    def test_a_language_that_it_lacks_is_explained(self, tmp_path, tokens, marian):
        place = folder(tmp_path / "model", tokens, marian)
        with pytest.raises(
            UsageError,
            match=r"cannot be told to translate into 'de'.*none of __de__, deu_Latn.*>>de<<.*\{language\}",
        ):
            translator.load(place, place, "de", cpu())

    def test_a_model_that_cannot_translate_is_explained(self, tmp_path):
        with pytest.raises(
            UsageError, match="translator 'mini' cannot be loaded as a sequence-to-sequence model"
        ):
            translator.translations("mini", "de", SENTENCES, tmp_path, cpu)
        with pytest.raises(
            UsageError, match=r"translator '\./nowhere': no folder with a config\.json"
        ):
            translator.translations("./nowhere", "de", SENTENCES, tmp_path, cpu)


def test_a_run_is_trained_on_what_the_model_says(nllb, tmp_path):
    """Random weights keep no brackets around an answer: its examples are dropped and counted. Pairs
    lose none."""
    values = {
        "translator": nllb,
        "data_languages": ["de", "sw"],
        "train_examples": 6,
        "outputs": str(tmp_path),
    }
    spec = IntermediateSpec.of(values)
    found = run.learners(spec, run.load_encoder(spec))
    (row,) = run.describe(found)
    counts = {count["language"]: count for count in row["languages"]}
    assert row["examples"] + sum(count["dropped"] for count in counts.values()) == 6
    assert sorted(path.name for path in (tmp_path / "translations").glob("*/*.jsonl")) == [
        "de.jsonl",
        "sw.jsonl",
    ]
    again = translated.training("mnli", spec)
    assert [example.id[:3] in ("de-", "sw-") for example in again.parts["mnli"]] == [True] * row[
        "examples"
    ]
    spans = translated.training("squad_v1", IntermediateSpec.of({**values, "tasks": ["squad_v1"]}))
    assert sum(count.found + count.dropped for count in spans.counts) == 6
    assert all(
        example.context[a.start :].startswith(a.text)
        for example in spans.parts["squad_v1"]
        for a in example.answers
    )
