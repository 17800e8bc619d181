"""What `precision: auto` takes on a CPU, told from the files of its system, and runs that were made
otherwise."""

import json

import pytest

from xstilts_core import model
from xstilts_core.study import identity, precision
from xstilts_core.study.spec import PretrainSpec, RetrievalSpec, TargetSpec, link_parents

FLAGS = {
    "amx": ("flags\t\t: fpu sse2 amx_bf16 amx_tile", True),
    "zen4": ("processor : 0\nflags : fpu avx512_bf16", True),
    "arm": ("Features\t: fp asimd bf16 i8mm", True),
    "old": ("flags : fpu avx2 avx512f amx_int8\nbugs : bf16", False),
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without a GPU whose CPU is said to be this one."""
    monkeypatch.setattr(precision, "DEVICES", tmp_path / "dev")
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "dev").mkdir()

    def said(text: str) -> None:
        (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
        precision.has_bfloat16.cache_clear()

    yield said
    precision.has_bfloat16.cache_clear()


@pytest.fixture
def folder(tmp_path):
    def made(width: int) -> str:
        place = tmp_path / f"encoder{width}"
        place.mkdir(exist_ok=True)
        (place / "config.json").write_text(
            json.dumps({"model_type": "xlm-roberta", "hidden_size": width}), encoding="utf-8"
        )
        return str(place)

    return made


@pytest.mark.parametrize("name", FLAGS)
def test_a_cpu_says_what_it_computes_natively(machine, name):
    text, found = FLAGS[name]
    machine(text)
    assert precision.has_bfloat16() is found
    precision.CPUINFO.unlink()
    precision.has_bfloat16.cache_clear()
    assert precision.has_bfloat16() is False, "nothing is known of other systems"


def test_narrow_encoders_stay_in_float32(machine, folder):
    machine(FLAGS["amx"][0])
    found = {
        width: precision.of(TargetSpec(encoder=folder(width)))
        for width in (128, precision.NARROWEST, 384)
    }
    assert found == {128: "float32", precision.NARROWEST: "bfloat16", 384: "bfloat16"}
    assert precision.of(TargetSpec()) == "float32", (
        "the shipped encoder: embedded results are the same on every CPU"
    )
    assert precision.of(RetrievalSpec(encoder=folder(384))) == "bfloat16", (
        "whatever computes with the encoder"
    )
    machine(FLAGS["old"][0])
    assert precision.of(TargetSpec(encoder=folder(384))) == "float32"


def test_what_cannot_be_known_yet_is_left_open(machine, folder, monkeypatch):
    machine(FLAGS["amx"][0])
    assert precision.of(TargetSpec(encoder="someone/never-fetched")) == ""
    phase1 = PretrainSpec(hidden_size=512)
    target = link_parents([phase1, TargetSpec(encoder="pretrained")])[1]
    assert precision.width(target) == 512
    (precision.DEVICES / "nvidia0").touch()
    assert precision.of(TargetSpec(encoder=folder(384))) == "", (
        "a GPU has its own rule, which torch alone knows"
    )
    assert precision.of(TargetSpec(encoder=folder(384), device="cpu")) == "bfloat16"


def test_a_run_made_in_another_precision_is_stale_and_the_reason_names_both(machine, folder):
    spec = TargetSpec(encoder=folder(384))
    machine(FLAGS["amx"][0])
    made = identity.of_spec(spec)
    machine(FLAGS["old"][0])
    asked = identity.of_spec(spec)
    assert (
        identity.difference(made, asked)
        == "made in bfloat16, and precision auto gives float32 here"
    )
    assert identity.difference(asked, asked) == ""
    assert identity.Identity.of(json.loads(json.dumps({**vars_of(made)}))).precision == "bfloat16"
    kept = identity.of_spec(spec.model_copy(update={"precision": "bfloat16"}))
    assert identity.difference(made, kept) == "", (
        "who says the precision keeps the results of another machine"
    )
    assert identity.difference(asked, kept) == "made with other precision"
    (precision.DEVICES / "nvidia0").touch()
    assert identity.difference(made, identity.of_spec(spec)) == ""


def vars_of(made: identity.Identity) -> dict:
    from dataclasses import asdict

    return asdict(made)


def test_a_run_after_one_of_another_precision_is_stale_too(machine, folder):
    from xstilts_core.study.spec import IntermediateSpec

    chain = link_parents(
        [
            IntermediateSpec(encoder=folder(384), recipe="mnli"),
            RetrievalSpec(encoder=folder(384), recipe="mnli", precision="float32"),
        ]
    )
    machine(FLAGS["amx"][0])
    made = identity.of_spec(chain[1])
    machine(FLAGS["old"][0])
    reason = identity.difference(made, identity.of_spec(chain[1]))
    assert reason.startswith(identity.STARTS) and reason.endswith(
        "which was made in bfloat16, and precision auto gives float32 here"
    )


def test_the_width_that_is_told_is_that_of_the_loaded_encoder(encoders):
    from xstilts_core.files import encoder_files

    for place in encoders.values():
        loaded = model.loading.configuration(place, "encoder")
        assert encoder_files.width(encoder_files.configuration(place)) in (None, loaded.hidden_size)
