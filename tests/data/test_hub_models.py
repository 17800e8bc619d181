"""Encoders at locked commits, through the real client; the lock as a file; what is fetched and what
a result says of it."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub_stand_in import Branch, Hub, serving
from test_hub_lock import forget, run

from xstilts_core.data import hub_client
from xstilts_core.data.hub_client import Content, Repository
from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.phases import fetch
from xstilts_core.study.spec import DataSpec, TargetSpec

MODEL = "FacebookAI/xlm-roberta-large"
ENCODER = f"from xstilts_core.data import hub_client; print(hub_client.encoder({MODEL!r}))"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hub]:
    with serving(tmp_path / "hub") as found:
        yield found


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def write_model(folder: Path, weights: bytes = b"weights") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        "config.json",
        "tokenizer.json",
        "README.md",
        "pytorch_model.bin",
        "flax_model.msgpack",
    ):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)


def test_an_encoder_is_locked_in_the_same_way(server, cache):
    place = server.root / "models" / MODEL / "main"
    write_model(place)
    found = Path(run(ENCODER, server, cache).stdout.strip())
    assert sorted(path.name for path in found.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    entry = yaml.safe_load((cache / "hub.lock").read_text(encoding="utf-8"))["models"][MODEL]
    assert entry["commit"] == found.name == Branch(server.root, "models", MODEL, "main").commit
    assert entry["files"]["model.safetensors"] == hashlib.sha256(b"weights").hexdigest()
    asked = len(server.asked)
    for offline in (False, True):
        assert Path(run(ENCODER, server, cache, offline=offline).stdout.strip()) == found
    assert len(server.asked) == asked
    place.with_name("main.commit").write_text(found.name, encoding="ascii")
    write_model(place, b"others!")
    forget(cache)
    error = run(ENCODER, server, cache).stderr
    assert (
        f"encoder '{MODEL}': model.safetensors differs from the file that {cache / 'hub.lock'} has "
        f"at commit {found.name[:12]}" in error
    )


def test_an_encoder_that_another_program_fetched_is_taken_offline(server, cache):
    write_model(server.root / "models" / MODEL / "main")
    assert "has no commit of" in run(ENCODER, server, cache, offline=True).stderr
    got = run(
        f"import huggingface_hub; print(huggingface_hub.snapshot_download({MODEL!r}))",
        server,
        cache,
    )
    assert got.returncode == 0, got.stderr
    found = run(ENCODER, server, cache, offline=True)
    assert found.stdout == got.stdout and Path(got.stdout.strip()).name in (
        cache / "hub.lock"
    ).read_text(encoding="utf-8")


def test_a_repository_without_weights_is_no_encoder(server, cache):
    write_model(server.root / "models" / MODEL / "main")
    for name in ("model.safetensors", "pytorch_model.bin"):
        (server.root / "models" / MODEL / "main" / name).unlink()
    assert "has no config.json with weights" in run(ENCODER, server, cache).stderr


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lock of this process."""
    monkeypatch.setenv(hub_client.VARIABLE, str(tmp_path / "hub.lock"))
    return tmp_path / "hub.lock"


def test_the_lock_stands_in_params_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv(hub_client.VARIABLE)
    for name in ("notebooks", "params"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert hub_client.lock_path() == tmp_path / "params" / "hub.lock"


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "datasets: [a]\n",
        "datasets: {a/b: {}}\n",
        "datasets: {a/b: {commit: main}}\n",
        "a: b: c\n",
        "other: {}\n",
    ],
)
def test_what_is_no_lock_is_refused(lock, text):
    lock.write_text(text)
    with pytest.raises(UsageError, match=f"^{lock} is not a lock that this suite wrote"):
        hub_client.locked_commit(Repository("dataset", "a/b"))


def test_entries_by_hand(lock):
    data, branch, model = (
        Repository("dataset", "a/b"),
        Repository("dataset", "a/b", "refs/convert/parquet"),
        Repository("model", "a/b"),
    )
    assert (
        hub_client.locked_commit(data) == ""
        and hub_client.locked_content(data, "no", "train") is None
    )
    assert (
        hub_client.settle(data, "1" * 40) == "1" * 40
        and hub_client.settle(data, "2" * 40) == "1" * 40
    ), "the first one counts"
    hub_client.record(data, "1" * 40, ("no", "train"), Content({"x": "y"}, 3))
    hub_client.record(model, "3" * 40, (), Content({"x": "y"}))
    assert hub_client.locked_content(data, "no", "train") == Content(
        {"x": "y"}, 3
    ) and hub_client.locked_content(model) == Content({"x": "y"})
    assert (
        hub_client.locked_commit(branch) == ""
        and hub_client.locked_content(data, "no", "test") is None
    )
    with pytest.raises(UsageError, match=r"a/b was locked to 1{40} while 2{40} was loaded"):
        hub_client.record(data, "2" * 40, ("no", "test"), Content({}, 1))
    before = lock.stat().st_mtime_ns
    hub_client.settle(data, "2" * 40)
    assert lock.stat().st_mtime_ns == before, "nothing new, nothing written"


def test_a_run_names_the_commits_it_stands_on(lock):
    for name, digit in (("nyu-mll/glue", "1"), ("facebook/xnli", "2"), ("tau/commonsense_qa", "3")):
        hub_client.settle(Repository("dataset", name), digit * 40)
    hub_client.settle(Repository("model", MODEL), "4" * 40)
    found = {"nyu-mll/glue": "1" * 40, "facebook/xnli": "2" * 40, MODEL: "4" * 40}
    assert hub_client.revisions(TargetSpec(source="hub", encoder=MODEL)) == found
    assert hub_client.revisions(TargetSpec(encoder=MODEL)) == {MODEL: "4" * 40}
    assert hub_client.revisions(TargetSpec()) == {}


def test_what_is_fetched_is_all_that_runs_read():
    spec = DataSpec(tasks=["anli_plus", "xnli", "tydiqa"], languages=["de"])
    places = {(name, config, split) for name, _, config, split in fetch.hub_splits(spec)}
    assert {name for name, _, _ in places} == {"mnli", "snli", "anli", "xnli", "tydiqa"}
    assert {(config, split) for name, config, split in places if name == "xnli"} == {
        (code, split) for code in ("en", "de") for split in ("validation", "test")
    }
    assert ("tydiqa", "tydiqa", "train") in places and ("anli", "plain_text", "train_r3") in places
    with pytest.raises(UsageError, match="ccg cannot be fetched from the hub: CCGbank is licensed"):
        DataSpec.of({"tasks": ["ccg"]})
    with pytest.raises(UsageError, match="source"):
        DataSpec.of({"source": "mini"})


def test_a_client_that_may_not_ask_does_not(lock, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub_client.encoder_at_hand("nobody/has-this") == "nobody/has-this"
    with pytest.raises(
        UsageError,
        match=r"encoder 'nobody/has-this' cannot be loaded from the hub \(HF_HUB_OFFLINE is set",
    ):
        hub_client.encoder("nobody/has-this")


def test_an_encoder_is_checked_where_it_is_fetched(lock, monkeypatch, tmp_path):
    place = shutil.copytree(encoder_files.shipped(), tmp_path / "encoder")
    monkeypatch.setattr(fetch, "_standing", lambda repository: ("locked", ""))
    monkeypatch.setattr(hub_client, "encoder", lambda name, kind: place)
    spec = DataSpec(tasks=[], encoder=MODEL)
    assert len(fetch.fetch(spec)) == 1
    (place / "tokenizer.json").unlink()
    with pytest.raises(
        UsageError, match=f"^encoder '{MODEL}': there are no tokenizer files: .* \\({place}\\)$"
    ):
        fetch.fetch(spec)
