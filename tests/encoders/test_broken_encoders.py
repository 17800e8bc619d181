"""A good encoder's folder, broken in many ways: `check`, and a run's first cell, name the folder
and the fault in one line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_encoders import save
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer, PerceiverTokenizer, PreTrainedTokenizerFast

from xstilts_core import model
from xstilts_core.commands import cli
from xstilts_core.errors import UsageError

CPU = torch.device("cpu")
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
STUDY = "title: An encoder of my own\nseeds: [1]\nencoder: {encoder}\nrecipes: {{none: {{}}}}\ntargets: [xnli, tatoeba]\n"
WEIGHTS, QUERY = "model.safetensors", "encoder.layer.1.attention.self.query.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save("XLM-R", tmp_path_factory.mktemp("encoder") / "good")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(good, tmp_path / "my_encoder")


def check(folder: Path, settings: str = "") -> int:
    file = folder.parent / "my_study.yaml"
    file.write_text(STUDY.format(encoder=folder) + settings, encoding="utf-8")
    return cli.main(["check", str(file)])


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8") and None


def remove(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def cut(name: str, size: int) -> Callable[[Path], None]:
    """Leave so many bytes of a file; less than 0: all but so many."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size]) and None


def append(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"more")


def configured(**changes: Any) -> Callable[[Path], None]:
    """Change config.json; None takes a key out."""

    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(
            json.dumps({key: value for key, value in config.items() if value is not None})
        )

    return change


def reweighted(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        state = load_file(folder / WEIGHTS)
        change(state)
        save_file(state, folder / WEIGHTS, {"format": "pt"})

    return rewrite


def sharded(folder: Path) -> None:
    network = AutoModel.from_pretrained(folder)
    (folder / WEIGHTS).unlink()
    network.save_pretrained(folder, max_shard_size="40kB")


def without_a_shard(folder: Path) -> None:
    sharded(folder)
    sorted(folder.glob("*-of-*"))[1].unlink()


def with_a_cut_shard(folder: Path) -> None:
    sharded(folder)
    cut(sorted(folder.glob("*-of-*"))[1].name, -9)(folder)


def without_map(folder: Path) -> None:
    sharded(folder)
    write("model.safetensors.index.json", "{}")(folder)


def pickled(folder: Path) -> None:
    """Weights as torch.save writes them."""
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def pickled_and_cut(folder: Path) -> None:
    pickled(folder)
    cut("pytorch_model.bin", -200)(folder)


def pickled_and_empty(folder: Path) -> None:
    pickled(folder)
    write("pytorch_model.bin", "")(folder)


def more_tokens(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<new>", "<newer>"])
    tokenizer.save_pretrained(folder)


def vocabulary_of_bert(folder: Path) -> None:
    remove("tokenizer.json")(folder)
    write("vocab.txt", POINTER)(folder)


def beside(folder: Path) -> None:
    """Files that nobody reads where there are better ones, as a clone leaves them."""
    for name in ("pytorch_model.bin", "sentencepiece.bpe.model", "onnx.bin"):
        write(name, POINTER)(folder)


def other_words(folder: Path) -> None:
    """A tokenizer that knows none of English's words."""
    words = {
        word: place
        for place, word in enumerate(("<s>", "<pad>", "</s>", "<unk>", "<mask>", "дом", "сад"))
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(folder)


def slow(folder: Path) -> None:
    remove("tokenizer.json", "tokenizer_config.json")(folder)
    PerceiverTokenizer().save_pretrained(folder)


def prefixed(state: dict[str, torch.Tensor]) -> None:
    """Names of another architecture's tensors."""
    for name in list(state):
        state[f"distilbert.{name}"] = state.pop(name)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no tokenizer": (remove("tokenizer.json", "tokenizer_config.json"), "there are no tokenizer files"),
    "only settings of a tokenizer": (remove("tokenizer.json"), "there are no tokenizer files"),
    "tokenizer without bytes": (write("tokenizer.json", ""), "tokenizer.json is not valid JSON"),
    "tokenizer cut": (cut("tokenizer.json", -20), "tokenizer.json is not valid JSON"),
    "tokenizer is a list": (write("tokenizer.json", "[]"), "tokenizer.json is not a JSON object: it holds a list"),
    "tokenizer without a vocabulary": (write("tokenizer.json", "{}"), "cannot be loaded: "),
    "tokenizer is a pointer": (write("tokenizer.json", POINTER), "tokenizer.json is a git-lfs pointer"),
    "vocabulary is a pointer": (vocabulary_of_bert, "vocab.txt is a git-lfs pointer"),
    "tokens were added": (more_tokens, "its tokenizer gives ids up to 401 ('<newer>'), and its word embeddings have 400 rows"),
    "no word is known": (other_words, "its tokenizer knows no ordinary word"),
    "slow tokenizer": (slow, " has no fast tokenizer: character offsets are needed for questions and tags"),
    "weights cut": (cut(WEIGHTS, -1), "model.safetensors is cut off: it has "),
    "weights cut in the middle": (cut(WEIGHTS, 9_000), "model.safetensors is cut off: it has 9,000 of the "),
    "weights cut in the header": (cut(WEIGHTS, 100), "model.safetensors is cut off, or not a safetensors file: 100 bytes"),
    "weights without bytes": (write(WEIGHTS, ""), "model.safetensors is cut off, or not a safetensors file: 0 bytes"),
    "weights of something else": (write(WEIGHTS, "\x02\0\0\0\0\0\0\0[]"), "its header is not JSON with the offsets of tensors"),
    "weights with more behind": (append, "more than the "),
    "weights are a pointer": (write(WEIGHTS, POINTER), "model.safetensors is a git-lfs pointer"),
    "no weights": (remove(WEIGHTS), "there are no weights: no model.safetensors, "),
    "shard missing": (without_a_shard, ", which model.safetensors.index.json lists, is missing"),
    "shard cut": (with_a_cut_shard, ".safetensors is cut off: it has "),
    "index without a map": (without_map, "model.safetensors.index.json has no weight_map"),
    "pickle cut": (pickled_and_cut, "pytorch_model.bin is cut off"),
    "pickle without bytes": (pickled_and_empty, "pytorch_model.bin is not a file of torch.save"),
    "one tensor missing": (reweighted(lambda state: state.pop(QUERY)), f"its weights lack 1 of the encoder's 37 tensors: {QUERY}"),
    "one layer missing": (configured(num_hidden_layers=3), "its weights lack 16 of the encoder's 53 tensors: encoder.layer.2."),
    "other weights": (reweighted(prefixed), "its weights lack 37 of the encoder's 37 tensors"),
    "another width": (configured(hidden_size=64), "its weights do not match its config.json: "),
    "another vocabulary": (configured(vocab_size=500), "embeddings.word_embeddings.weight is 400 x 32 and should be 500 x 32"),
    "another shape": (reweighted(lambda state: state.update({QUERY: torch.zeros(8, 8)})), f"{QUERY} is 8 x 8 and should be 32 x 32"),
    "config is not valid JSON": (write("config.json", "{model_type: bert}"), "config.json is not valid JSON: "),
    "config is a list": (write("config.json", "[1]"), "config.json is not a JSON object: it holds a list"),
    "config is a pointer": (write("config.json", POINTER), "config.json is a git-lfs pointer"),
    "no model type": (configured(model_type=None), "config.json has no model_type"),
    "unknown model type": (configured(model_type="xlm-robrta"), "unknown model_type 'xlm-robrta' in "),
    "model type of no text": (configured(model_type="vit"), "its weights "),
    "width is a word": (configured(hidden_size="wide"), "cannot be loaded: "),
    "X-MOD without a language": (configured(model_type="xmod", languages=["en_XX"]), "set default_language in config.json to one of en_XX"),
    "causal": (configured(model_type="gpt2"), "GPT2Model is no encoder: the first token's state is the same whatever follows it"),
    "decoder": (configured(is_decoder=True), "XLMRobertaModel is no encoder: "),
    "encoder-decoder": (configured(model_type="mbart"), "MBartModel is an encoder-decoder"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_encoder_is_refused_in_one_line_that_names_it(
    folder: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, sentence = FAULTS[fault]
    damage(folder)
    assert check(folder) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert (
        sentence in told.err
        and str(folder) in told.err
        and told.err.startswith(f"xstilts check: {folder.parent / 'my_study.yaml'}: encoder ")
    )
    with pytest.raises(UsageError) as caught:
        model.load(str(folder), dropout=0.0, packed=True, device=CPU)
    assert (
        sentence in str(caught.value)
        and str(folder) in str(caught.value)
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize(
    "change",
    [
        sharded,
        pickled,
        beside,
        configured(add_cross_attention=False),
        reweighted(lambda state: state.pop("pooler.dense.bias")),
    ],
)
def test_a_whole_encoder_is_accepted_in_every_form(
    folder: Path, change: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder)
    assert check(folder) == 0 and capsys.readouterr().err == ""
    assert model.load(str(folder), dropout=0.0, packed=True, device=CPU).packed


def test_weights_that_are_no_numbers_are_found_when_they_are_loaded(folder: Path) -> None:
    reweighted(lambda state: state[QUERY].fill_(torch.nan))(folder)
    with pytest.raises(
        UsageError,
        match=r"XLMRobertaModel gives states that are NaN or infinite: its weights are damaged",
    ):
        model.load(str(folder), dropout=0.0, packed=True, device=CPU)


def test_a_control_of_random_weights_needs_the_files_too(folder: Path) -> None:
    write("tokenizer.json", POINTER)(folder)
    with pytest.raises(UsageError, match=r"tokenizer.json is a git-lfs pointer"):
        model.load(str(folder), dropout=0.0, packed=True, device=CPU, random_init=True)


@pytest.mark.parametrize("fault", ["weights cut", "tokens were added", "causal"])
def test_a_forecast_is_not_begun_with_a_broken_encoder(
    folder: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, sentence = FAULTS[fault]
    damage(folder)
    check(folder)
    expected = capsys.readouterr().err.removeprefix("xstilts check: ")
    assert (
        cli.main(
            [
                "run",
                str(folder.parent / "my_study.yaml"),
                "--dry-run",
                "--outputs",
                str(folder.parent / "outputs"),
            ]
        )
        == 2
    )
    told = capsys.readouterr()
    assert told.out == "" and told.err == f"xstilts run: {expected}" and sentence in told.err


def test_looking_at_files_needs_no_torch() -> None:
    code = "import sys; from xstilts_core.files import encoder_files; from xstilts_core.study import study, study_file\n"
    code += "print({'torch', 'transformers'} & set(sys.modules))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )
