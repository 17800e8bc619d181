"""The hub's lock, through the real client and a stand-in for the hub: what is fetched once stays
so, or a sentence says why not."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_stand_in import Branch, Hub, serving
from test_hub import ROOT, ask

from xstilts_core.data import hub_client

DATASET = "nyu-mll/glue"
TRAIN, DEV = ("mnli", "train", "en"), ("mnli", "dev", "en")
SPLITS = ("train", "validation_matched")
# What the data notebook calls, in a process of its own.
FETCH = """
import json, sys
from xstilts_core.phases import fetch
from xstilts_core.study.spec import DataSpec
print(json.dumps(fetch.details(fetch.fetch(DataSpec(**json.load(sys.stdin))))))
"""


def write_tables(folder: Path, rows: int = 5, named: bool = True) -> None:
    """The repository of GLUE with MNLI alone. named: the files themselves, not the card, name the
    classes."""
    import datasets
    import pyarrow.parquet

    names = ["entailment", "neutral", "contradiction"]
    features = datasets.Features(
        {
            "premise": datasets.Value("string"),
            "hypothesis": datasets.Value("string"),
            "label": datasets.ClassLabel(names=names),
        }
    )
    card: dict[str, Any] = {"configs": [{"config_name": "mnli", "data_files": []}]}
    for split in SPLITS:
        path = folder / "mnli" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            "premise": [f"{split} {row}" for row in range(rows)],
            "hypothesis": ["b"] * rows,
            "label": [row % 3 for row in range(rows)],
        }
        table = datasets.Dataset.from_dict(columns, features=features).data.table
        pyarrow.parquet.write_table(table if named else table.replace_schema_metadata(None), path)
        card["configs"][0]["data_files"].append({"split": split, "path": f"mnli/{split}-*"})
    if not named:
        columns = [{"name": name, "dtype": "string"} for name in ("premise", "hypothesis")]
        label = {
            "name": "label",
            "dtype": {
                "class_label": {"names": {str(number): name for number, name in enumerate(names)}}
            },
        }
        card["dataset_info"] = {"config_name": "mnli", "features": [*columns, label]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data set's main branch."""
    place = tmp_path / "hub" / "datasets" / DATASET / "main"
    write_tables(place)
    return place


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[Hub]:
    with serving(tmp_path / "hub") as found:
        yield found


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def locked(cache: Path) -> dict[str, Any]:
    """The entry of the data set."""
    return yaml.safe_load((cache / "hub.lock").read_text(encoding="utf-8"))["datasets"][DATASET]


def forget(cache: Path) -> None:
    """Empty the client's cache; the lock stays."""
    shutil.rmtree(cache / "hub")


def commit_of(server: Hub, revision: str = "main") -> str:
    return Branch(server.root, "datasets", DATASET, revision).commit


def run(
    code: str, server: Hub, cache: Path, sent: str = "", offline: bool = False
) -> "subprocess.CompletedProcess[str]":
    """A process that knows only this hub and this cache."""
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    places = {
        "HF_ENDPOINT": server.address,
        "HF_HOME": str(cache),
        "XSTILTS_HUB_LOCK": str(cache / "hub.lock"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        input=sent,
        capture_output=True,
        text=True,
        env={**clean, **places, "HF_HUB_OFFLINE": str(int(offline))},
        timeout=300,
    )


def test_the_first_fetch_locks_and_the_second_asks_nothing(server, cache, folder):
    first = ask(server.address, cache, [TRAIN, DEV])
    assert [example["label"] for example in first[0]] == [
        "entailment",
        "neutral",
        "contradiction",
        "entailment",
        "neutral",
    ]
    file = "mnli/train-00000-of-00001.parquet"
    entry = locked(cache)
    assert entry["commit"] == commit_of(server) and set(entry["configurations"]["mnli"]) == set(
        SPLITS
    )
    digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    assert entry["configurations"]["mnli"]["train"] == {"rows": 5, "files": {file: digest}}
    text, asked = (cache / "hub.lock").read_text(encoding="utf-8"), len(server.asked)
    assert text.startswith(hub_client.HEADER) and not list(cache.glob(".*.tmp"))
    assert (
        ask(server.address, cache, [TRAIN, DEV])
        == ask(server.address, cache, [TRAIN, DEV], offline=True)
        == first
    )
    assert len(server.asked) == asked and (cache / "hub.lock").read_text(encoding="utf-8") == text


def test_a_branch_that_moves_is_told_and_not_followed(server, cache, folder):
    first = ask(server.address, cache, [TRAIN])
    before = commit_of(server)
    shutil.copytree(folder, folder.with_name("was"))
    write_tables(folder, rows=7)
    assert commit_of(server, "was") == before != commit_of(server)
    forget(cache)
    # The split that is new to the lock comes from the locked commit too.
    assert [len(found) for found in ask(server.address, cache, [TRAIN, DEV])] == [5, 5] and ask(
        server.address, cache, [TRAIN]
    ) == first
    done = json.loads(run(FETCH, server, cache, json.dumps({"tasks": ["mnli"]})).stdout)
    assert [
        (row["split"], row["rows"], row["commit"], row["state"]) for row in done["fetched"]
    ] == [(split, 5, before, "moved") for split in SPLITS]
    (notice,) = done["notices"]
    assert (
        f"{DATASET} has moved on the hub to commit {commit_of(server)}; this study stays with commit {before}"
        in notice
    )
    assert str(cache / "hub.lock") in notice and "delete the entry" in notice
    offline = json.loads(
        run(FETCH, server, cache, json.dumps({"tasks": ["mnli"]}), offline=True).stdout
    )
    assert {row["state"] for row in offline["fetched"]} == {"locked"} and offline["notices"] == []


def test_a_commit_that_has_vanished_is_told(server, cache, folder):
    ask(server.address, cache, [TRAIN])
    before = commit_of(server)
    write_tables(folder, rows=7)
    assert len(ask(server.address, cache, [TRAIN])[0]) == 5, "what is in the cache is still there"
    forget(cache)
    (error,) = ask(server.address, cache, [TRAIN])
    assert error.startswith(
        f"mnli: data set {DATASET}, configuration mnli, split train cannot be loaded: the hub no longer has commit {before}"
    )
    assert f"delete the entry {DATASET} there" in error and locked(cache)["commit"] == before
    # As it says: without its entry, what the hub has now is locked.
    (cache / "hub.lock").unlink()
    assert len(ask(server.address, cache, [TRAIN])[0]) == 7 and locked(cache)[
        "commit"
    ] == commit_of(server)


def test_a_data_set_that_has_left_the_hub_is_told(server, cache, folder):
    ask(server.address, cache, [TRAIN, DEV])
    shutil.rmtree(folder.parent)
    done = json.loads(run(FETCH, server, cache, json.dumps({"tasks": ["mnli"]})).stdout)
    assert {row["state"] for row in done["fetched"]} == {
        "gone"
    } and "is no longer on the hub; this study stays" in done["notices"][0]


def test_other_bytes_under_the_same_commit_are_refused(server, cache, folder):
    ask(server.address, cache, [TRAIN])
    folder.with_name("main.commit").write_text(commit_of(server), encoding="ascii")
    write_tables(folder, rows=7)
    forget(cache)
    (error,) = ask(server.address, cache, [TRAIN])
    expected = locked(cache)["configurations"]["mnli"]["train"]["files"][
        "mnli/train-00000-of-00001.parquet"
    ]
    found = hashlib.sha256(
        (folder / "mnli" / "train-00000-of-00001.parquet").read_bytes()
    ).hexdigest()
    assert (
        f"expected SHA-256 {expected[:16]}..., found {found[:16]}..." in error
        and "the hub itself has changed the file" in error
    )
    assert error.startswith(
        f"mnli: data set {DATASET}, configuration mnli, split train: train-00000-of-00001.parquet differs from"
    )


def test_a_damaged_copy_in_the_cache_is_refused(server, cache):
    first = ask(server.address, cache, [TRAIN])
    (copy,) = cache.rglob("train-00000-of-00001.parquet")
    content = bytearray(copy.read_bytes())
    content[20] ^= 1
    copy.resolve().write_bytes(content)
    (error,) = ask(server.address, cache, [TRAIN], offline=True)
    place = re.search(r"Delete the cached copy, (\S+), and run again", error).group(1)
    shutil.rmtree(place)
    assert ask(server.address, cache, [TRAIN]) == first


def test_another_number_of_rows_is_refused(server, cache):
    ask(server.address, cache, [TRAIN])
    lock = cache / "hub.lock"
    lock.write_text(
        lock.read_text(encoding="utf-8").replace("rows: 5", "rows: 6"), encoding="utf-8"
    )
    (error,) = ask(server.address, cache, [TRAIN], offline=True)
    assert error.startswith(
        f"data set {DATASET}, configuration mnli, split train: 5 rows, but {lock} has 6 at commit {commit_of(server)[:12]}"
    )


@pytest.mark.slow
def test_a_download_that_breaks_off_is_told_and_leaves_nothing(server, cache):
    server.cut = "train-00000"
    error, development = ask(server.address, cache, [TRAIN, DEV])
    assert (
        error.startswith(
            f"mnli: data set {DATASET}, configuration mnli, split train cannot be loaded from the hub: "
        )
        and "\n" not in error
    )
    assert len(development) == 5 and set(locked(cache)["configurations"]["mnli"]) == {
        "validation_matched"
    }
    server.cut = ""
    assert len(ask(server.address, cache, [TRAIN])[0]) == 5


def test_first_fetches_at_once_agree(server, cache):
    code = "import sys, json; from xstilts_core.data.source import Hub; print(len(Hub().load('mnli', sys.stdin.read(), 'en')))"
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    places = {
        "HF_ENDPOINT": server.address,
        "HF_HOME": str(cache),
        "XSTILTS_HUB_LOCK": str(cache / "hub.lock"),
        "PYTHONPATH": str(ROOT),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**clean, **places, "HF_HUB_OFFLINE": "0"},
        )
        for _ in range(4)
    ]
    said = [
        process.communicate(split, timeout=300)[0]
        for process, split in zip(started, ("train", "dev", "train", "dev"), strict=True)
    ]
    assert said == ["5\n"] * 4 and set(locked(cache)["configurations"]["mnli"]) == set(SPLITS)


def test_no_entry_is_lost_between_writers(tmp_path):
    code = """
import sys
from xstilts_core.data import hub_client
for number in range(20):
    repository = hub_client.Repository("dataset", f"{sys.argv[1]}/{number}")
    hub_client.settle(repository, "0" * 40)
    hub_client.record(repository, "0" * 40, ("default", "train"), hub_client.Content({"a": "b"}, number))
"""
    settings = {
        **os.environ,
        "XSTILTS_HUB_LOCK": str(tmp_path / "hub.lock"),
        "PYTHONPATH": str(ROOT),
    }
    started = [
        subprocess.Popen([sys.executable, "-c", code, name], env=settings)
        for name in ("a", "b", "c")
    ]
    assert [process.wait(120) for process in started] == [0, 0, 0]
    found = yaml.safe_load((tmp_path / "hub.lock").read_text(encoding="utf-8"))["datasets"]
    assert {
        key: entry["configurations"]["default"]["train"]["rows"] for key, entry in found.items()
    } == {f"{name}/{number}": number for name in "abc" for number in range(20)}


def test_class_names_of_the_card_are_locked_with_the_files(server, cache, folder):
    write_tables(folder, named=False)
    first = ask(server.address, cache, [TRAIN])
    assert [example["label"] for example in first[0]][:3] == [
        "entailment",
        "neutral",
        "contradiction",
    ]
    assert set(locked(cache)["configurations"]["mnli"]["train"]["files"]) == {
        "README.md",
        "mnli/train-00000-of-00001.parquet",
    }
    assert ask(server.address, cache, [TRAIN], offline=True) == first


def test_what_is_no_parquet_is_refused(server, cache, folder):
    for path in list(folder.rglob("*.parquet")):
        path.with_suffix(".jsonl").write_text('{"premise": "a", "hypothesis": "b", "label": 0}\n')
        path.unlink()
    (error,) = ask(server.address, cache, [TRAIN])
    assert (
        "cannot be loaded from the hub: mnli/train-00000-of-00001.jsonl is not a parquet file"
        in error
    )
    shutil.rmtree(folder)
    write_tables(folder)
    (folder / "mnli" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 not a table")
    (error,) = ask(server.address, cache / "other", [TRAIN])
    assert "train-00000-of-00001.parquet is not a parquet table" in error


def test_offline_without_lock_or_cache_is_told(server, cache):
    (error,) = ask(server.address, cache, [TRAIN], offline=True)
    assert (
        f"HF_HUB_OFFLINE is set: only the local cache is read): {cache / 'hub.lock'} has no commit of {DATASET}"
        in error
    )
    ask(server.address, cache, [TRAIN])
    forget(cache)
    asked = len(server.asked)
    (error,) = ask(server.address, cache, [TRAIN], offline=True)
    assert (
        f"commit {commit_of(server)[:12]} is not there. xstilts notebook 01_data fetches what is missing"
        in error
    )
    assert len(server.asked) == asked
