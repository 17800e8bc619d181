"""A run's encoder as a plain Hugging Face folder: loaded by anybody's means it computes what the
suite computes, to the last bit."""

import shutil
from pathlib import Path

import pytest
import torch
from hub_stand_in import serving
from made_encoders import save
from test_upload import TOKEN, run
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForTextEncoding, AutoTokenizer

from xstilts_core import model, results
from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.files.encoder_files import LANGUAGE_HEAD
from xstilts_core.mini import suite
from xstilts_core.publish import export
from xstilts_core.publish.records import Record, find
from xstilts_core.results import Score
from xstilts_core.study.spec import (
    ControlSpec,
    IntermediateSpec,
    PretrainSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
)

CPU = torch.device("cpu")
FILES = ["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
# One sentence of each language of the embedded suite, and some that its tokenizer has never seen.
TEXTS = [
    *(
        suite.load("tatoeba", "test", code, limit=1)[0].text
        for code in suite.LANGUAGES
        if code != "en"
    ),
    "Ο γιατρός διαβάζει.",
    "A <mask> reads in New York; 3 km.",
]


def finished(
    spec: Spec, folder: Path | None = None, head: bool = False, weights: str = "float32"
) -> Record:
    """A run with the encoder of `folder` for its model; none where there is no folder."""
    if folder is not None:
        encoder = model.load(str(folder), dropout=0.1, packed=False, device=CPU)
        language_head = model.language_head(encoder, str(folder), 1) if head else None
        model.save(encoder, spec.folder / "model", weights, language_head)
    results.write(spec, [Score("mnli", "en", "dev", "accuracy", 50.0, 10)], "cpu", 1.0)
    return find(str(spec.folder))


def states(network: torch.nn.Module, tokenizer: object) -> tuple[torch.Tensor, ...]:
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return network.eval()(**batch, output_hidden_states=True).hidden_states


def assert_equal(found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...]) -> None:
    assert len(found) == len(expected) > 3
    assert all(torch.equal(new, old) for new, old in zip(found, expected, strict=True))


@pytest.mark.parametrize("family", ["mini", "xlmr", "bert", "modernbert"])
def test_auto_model_computes_what_the_suite_computes(encoders, tmp_path, family) -> None:
    place = model.shipped() if family == "mini" else encoders[family]
    spec = IntermediateSpec(study="t", outputs=str(tmp_path / "outputs"))
    made = finished(spec, place)
    out = export.export(made, tmp_path / "exported")
    assert sorted(path.name for path in out.iterdir()) == FILES
    own = model.load(str(spec.folder / "model"), dropout=0.0, packed=False, device=CPU)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer(TEXTS)["input_ids"] == own.tokenizer(TEXTS)["input_ids"]
    assert (
        tokenizer(TEXTS[0], TEXTS[1])["input_ids"] == own.tokenizer(TEXTS[0], TEXTS[1])["input_ids"]
    )
    assert_equal(
        states(AutoModel.from_pretrained(out), tokenizer), states(own.network, own.tokenizer)
    )
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_a_model_of_phase_1_keeps_its_language_head(encoders, tmp_path, family) -> None:
    spec = PretrainSpec(study="t", outputs=str(tmp_path / "outputs"))
    out = export.export(finished(spec, encoders[family], head=True), tmp_path / "exported")
    own = model.load(str(spec.folder / "model"), dropout=0.0, packed=False, device=CPU)
    head = model.language_head(own, str(spec.folder / "model"), 7)
    tokenizer = AutoTokenizer.from_pretrained(out)
    whole = AutoModelForMaskedLM.from_pretrained(out).eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = head(own.network.eval()(**batch).last_hidden_state)
        assert torch.equal(whole(**batch).logits, expected)
    assert_equal(
        states(AutoModel.from_pretrained(out), tokenizer), states(own.network, own.tokenizer)
    )
    assert "AutoModelForMaskedLM" in (out / "README.md").read_text(encoding="utf-8")


def test_an_encoder_half_is_exported_and_the_card_says_how_it_is_loaded(tmp_path) -> None:
    spec = IntermediateSpec(study="t", outputs=str(tmp_path / "outputs"))
    out = export.export(finished(spec, save("T5", tmp_path / "t5")), tmp_path / "exported")
    assert "AutoModelForTextEncoding.from_pretrained" in (out / "README.md").read_text(
        encoding="utf-8"
    )
    network, report = AutoModelForTextEncoding.from_pretrained(out, output_loading_info=True)
    assert (
        type(network).__name__ == "T5EncoderModel"
        and not report["missing_keys"]
        and not report["unexpected_keys"]
    )
    own = model.load(str(spec.folder / "model"), dropout=0.0, packed=False, device=CPU)
    texts = ["Anna reads.", "A doctor reads three old books."]
    batch = own.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        assert torch.equal(
            network.eval()(**batch).last_hidden_state, own.network.eval()(**batch).last_hidden_state
        )


def test_half_precision_is_written_in_full(encoders, tmp_path) -> None:
    """AutoModel takes the type of the file: in float16 it would compute something else than the
    suite, which computes in float32."""
    spec = PretrainSpec(study="t", outputs=str(tmp_path / "outputs"))
    out = export.export(finished(spec, encoders["xlmr"], weights="float16"), tmp_path / "exported")
    own = model.load(str(spec.folder / "model"), dropout=0.0, packed=False, device=CPU)
    network = AutoModel.from_pretrained(out)
    assert network.dtype == torch.float32
    assert_equal(
        states(network, AutoTokenizer.from_pretrained(out)), states(own.network, own.tokenizer)
    )


def test_what_computes_something_else_is_not_written(encoders, tmp_path, monkeypatch) -> None:
    made, whole = (
        finished(IntermediateSpec(study="t", outputs=str(tmp_path / "outputs")), encoders["xlmr"]),
        export.whole,
    )

    def spoilt(network, place):
        with torch.no_grad():
            next(network.encoder.layer[2].parameters())[0, 0] += 1e-3
        return whole(network, place)

    monkeypatch.setattr(export, "whole", spoilt)
    with pytest.raises(
        UsageError, match="t/intermediate/mnli/seed1: the exported model does not compute the same"
    ):
        export.export(made, tmp_path / "exported")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs"]


def test_a_head_of_another_model_is_refused(encoders, tmp_path) -> None:
    made = finished(
        PretrainSpec(study="t", outputs=str(tmp_path / "outputs")), encoders["xlmr"], head=True
    )
    other = finished(
        PretrainSpec(study="t", outputs=str(tmp_path / "outputs"), seed=2),
        encoders["modernbert"],
        head=True,
    )
    shutil.copy(other.folder / "model" / LANGUAGE_HEAD, made.folder / "model")
    with pytest.raises(UsageError, match="is not a language-model head of XLMRobertaForMaskedLM"):
        export.export(made, tmp_path / "exported")


def test_nothing_is_overwritten(encoders, tmp_path) -> None:
    made = finished(
        IntermediateSpec(study="t", outputs=str(tmp_path / "outputs")), encoders["xlmr"]
    )
    (tmp_path / "empty").mkdir()
    assert (export.export(made, tmp_path / "empty") / "config.json").is_file(), (
        "an empty folder is new enough"
    )
    with pytest.raises(UsageError, match=r"empty is not empty \(it holds .*\): give a new folder"):
        export.export(made, tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file is a file: give a new folder"):
        export.export(made, tmp_path / "file")
    weights = made.folder / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match="model cannot be loaded: "):
        export.export(made, tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            TargetSpec(recipe="mnli"),
            "t/target/mnli/from-mnli/seed1: target models are not kept.*can be exported: t/intermediate/mnli/seed1",
        ),
        (
            TargetSpec(),
            "target models are not kept.*It started from encoder 'mini', which is a model folder already",
        ),
        (
            RetrievalSpec(recipe="mnli"),
            "a run of phase 'retrieval' trains no model. Its parent run can be exported",
        ),
        (ControlSpec(), "a run of phase 'control' trains no model$"),
        (
            IntermediateSpec(),
            "its folder model/ is missing: delete the run's folder and run it again",
        ),
    ],
)
def test_runs_without_a_model_say_so_and_show_the_way(tmp_path, spec, sentence) -> None:
    made = finished(spec.model_copy(update={"study": "t", "outputs": str(tmp_path / "outputs")}))
    with pytest.raises(UsageError, match=sentence):
        export.export(made, tmp_path / "exported")


@pytest.fixture
def project(encoders, tmp_path, monkeypatch) -> Path:
    """A project with one finished run, one that has failed."""
    for name in ("notebooks", "params"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    finished(IntermediateSpec(study="t"), encoders["xlmr"])
    failed = IntermediateSpec(study="t", recipe="ccg", tasks=["ccg"]).folder
    results.write_text(failed / results.FAILURE, "20_intermediate, cell 3: out of memory\n")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            "t/intermediate/mnil/seed1",
            "no run 't/intermediate/mnil/seed1': did you mean 't/intermediate/mnli/seed1'? Give a run's folder",
        ),
        ("/elsewhere/t/intermediate/mnli/seed2", "did you mean 't/intermediate/mnli/seed1'?"),
        (
            "t/intermediate/ccg/seed1",
            "has failed (20_intermediate, cell 3: out of memory): run it again",
        ),
        (
            "t/intermediate",
            "'t/intermediate' is not a finished run: that folder has no result.json",
        ),
        (
            "nothing/there",
            "no run 'nothing/there'. Give a run's folder, such as outputs/quick/intermediate/anli_plus/seed1",
        ),
        ("qiuck", "unknown study 'qiuck' in params/"),
    ],
)
def test_a_run_that_is_not_there(project, capsys, typed, sentence) -> None:
    assert cli.main(["export", typed, "out"]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (project / "out").exists()


def test_the_command_takes_a_folder_or_a_place_below_outputs(project, capsys) -> None:
    for number, typed in enumerate(
        (
            "t/intermediate/mnli/seed1",
            "outputs/t/intermediate/mnli/seed1",
            "outputs/t/intermediate/mnli/seed1/",
        )
    ):
        assert cli.main(["export", typed, f"out{number}"]) == 0
        said = capsys.readouterr().out
        assert said == f"t/intermediate/mnli/seed1: {', '.join(FILES)} in out{number}\n"
    assert cli.main(["export", "t/intermediate/mnli/seed1", "out9", "--public"]) == 2
    assert "--public has no effect without --push-to-hub" in capsys.readouterr().err


PUSH = """
import sys
from transformers import AutoModel, AutoTokenizer
from xstilts_core.commands import cli
run = "t/intermediate/mnli/seed1"
codes = [cli.main(["export", run, *more]) for more in (["a", "--push-to-hub", "anna/enc"], ["b", "--push-to-hub", "peter/enc"])]
here, there = (AutoModel.from_pretrained(place).state_dict() for place in ("a", "anna/enc"))
same = all(here[name].equal(there[name]) for name in here if "pooler" not in name)
print(codes, same, AutoTokenizer.from_pretrained("anna/enc")("Anna reads.") == AutoTokenizer.from_pretrained("a")("Anna reads."))
"""


def test_what_was_pushed_loads_from_the_hub(project, tmp_path) -> None:
    with serving(tmp_path / "hub") as server:
        server.uploads.users[TOKEN] = "anna"
        said = run(PUSH, server, tmp_path)
        lines = said.stdout.splitlines()
        assert lines[-1] == "[0, 2] True True", said.stdout + said.stderr
        assert lines[1].startswith(f"{server.address}/anna/enc (private), commit ")
        assert server.uploads.commits == [FILES]
    assert "the hub does not let anna write there" in said.stderr
    assert (
        "b is complete and can be uploaded later: hf upload peter/enc b --repo-type model --private"
        in said.stderr
        and (project / "b" / "config.json").is_file()
    )
