"""A study on the hub, as a grid: its data run first, all others without a hub that answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hub_stand_in import Hub, serving

from xstilts_core import results
from xstilts_core.jobs import aside, grid, runner
from xstilts_core.study import Study
from xstilts_core.study.spec import DataSpec

ROOT = Path(__file__).resolve().parents[2]
ENCODER = "FacebookAI/xlm-roberta-large"
STUDY = f"""
title: A grid on the hub
source: hub
encoder: {ENCODER}
seeds: [1, 2]
languages: [en, de]
recipes:
  none:
  majority: {{control: majority}}
targets: [xnli, tatoeba]
train: {{epochs: 1, train_examples: 16, test_examples: 8, dev_examples: 4, evaluations: 1, batch_size: 8}}
retrieval: {{layer: 14, centred: false}}
reports: [00_study]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with this project's notebooks and rules, one study, and a lock and a cache of its
    own."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "hub.yaml").write_text(STUDY, encoding="utf-8")
    for name in ("notebooks", "Snakefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "params" / "profiles").symlink_to(ROOT / "params" / "profiles")
    monkeypatch.chdir(tmp_path)
    settings = {
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "*",
        "PYTHONPATH": str(ROOT),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XSTILTS_HUB_LOCK")
    return tmp_path


def planned(study: Study) -> dict[str, int]:
    """Jobs by rule of the grid alone, its stale results removed as a run removes them."""
    aside.prepare(study)
    call = [*grid.command(study, ["grid"], 2, "local"), "--dry-run", "--quiet", "rules"]
    lines = [
        line.split()
        for line in subprocess.run(call, capture_output=True, text=True).stdout.splitlines()
    ]
    return {
        words[0]: int(words[1])
        for words in lines
        if len(words) == 2 and words[1].isdigit() and words[0] != "total"
    }


def test_a_study_on_the_hub_has_one_run_that_fetches(project: Path) -> None:
    study = Study.load("hub")
    first, *others = study.specs
    assert (
        isinstance(first, DataSpec)
        and first.folder == study.root / "data"
        and study.parents(first) == ()
    )
    assert (first.tasks, first.languages, first.encoder) == (
        ["mnli", "xnli", "tatoeba"],
        ["en", "de"],
        ENCODER,
    )
    assert all(
        study.parents(spec) == (first.folder, *spec.parents) and study.goes_offline(spec)
        for spec in others
    )
    assert not study.goes_offline(first)
    assert {spec.phase for spec in others} == {"target", "retrieval", "control"}
    assert grid.dry_run(study, 2, "local").startswith("data 1, control 1, retrieval 2, target 2")
    mini = project / "mini.yaml"
    mini.write_text(STUDY.replace("source: hub", "source: mini"), encoding="utf-8")
    study = Study.load(str(mini))
    assert not any(isinstance(spec, DataSpec) for spec in study.specs)
    assert all(
        study.parents(spec) == spec.parents and not study.goes_offline(spec) for spec in study.specs
    )


@pytest.mark.slow
def test_the_grid_runs_after_the_hub_has_gone(
    hub: Hub, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.load("hub")
    with serving(hub.root) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        assert runner.main(["hub", "data"]) == 0
    made = results.read(study.root / "data" / results.RESULT)
    rows = made.details["fetched"]
    assert {row["task"] for row in rows} == {"mnli", "xnli", "tatoeba", "encoder"} and {
        row["state"] for row in rows
    } == {"new"}
    lock = yaml.safe_load((project / "params" / "hub.lock").read_text(encoding="utf-8"))
    commits = {key: entry["commit"] for group in lock.values() for key, entry in group.items()}
    assert (
        set(commits) == {"nyu-mll/glue", "facebook/xnli", "google/xtreme", ENCODER}
        and made.provenance["revisions"] == commits
    )
    # The server's address is that of nobody now: a question would be an error. Only the environment
    # of this process allows one.
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    call = [sys.executable, "-m", "xstilts_core.commands.cli", "run", "hub", "--jobs", "2"]
    done = subprocess.run(call, capture_output=True, text=True, env=clean, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 runs done" in done.stdout
    used = {
        "target": {"nyu-mll/glue", "facebook/xnli", ENCODER},
        "retrieval": {"google/xtreme", ENCODER},
    }
    for spec in study.specs[1:]:
        found = results.read(spec.folder / results.RESULT)
        names = used.get(spec.phase, {"nyu-mll/glue", "facebook/xnli"})
        assert (
            found.provenance["revisions"] == {name: commits[name] for name in names}
            and found.scores
        )
    # One more target is fetched, and makes no other run anew.
    file = Path(study.file)
    file.write_text(
        file.read_text(encoding="utf-8").replace("targets: [xnli,", "targets: [xnli, panx,"),
        encoding="utf-8",
    )
    more = Study.load("hub")
    assert [spec.phase for spec in more.specs if results.state(spec).state == "stale"] == [
        "data",
        "control",
    ]
    assert planned(more) == {"data": 1, "control": 1, "target": 2, "grid": 1}
    shutil.rmtree(study.root / "data")
    assert planned(more) == {"data": 1, "control": 1, "target": 2, "grid": 1}
    shutil.rmtree(project / "cache" / "hub")
    assert runner.main(["hub", "control/majority/seed1"]) == 1
    reason = (study.root / "control" / "majority" / "seed1" / results.FAILURE).read_text(
        encoding="utf-8"
    )
    assert (
        "HF_HUB_OFFLINE is set: only the local cache is read" in reason
        and "xstilts notebook 01_data" in reason
    )
