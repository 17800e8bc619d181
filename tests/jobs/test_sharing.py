"""Runs that several studies need are made once: what counts as the same run, and what a taken-over
one leaves."""

import json
import os
from pathlib import Path

import pytest
from made_studies import load

from xstilts_core import results
from xstilts_core.commands.cli import main
from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.jobs import sharing
from xstilts_core.jobs.estimate.forecast import forecast
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec
from xstilts_core.study.study_kinds import GroupStudy

FIRST = """
title: The first
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli], train_examples: 500}
targets: [udpos, tatoeba]
"""
# The same runs under other names, a recipe of another size, one more target.
SECOND = """
title: The second
shares: [first]
seeds: [1, 2]
recipes:
  none:
  inference: {intermediate: [mnli], train_examples: 500}
  mnli: {intermediate: [mnli], train_examples: 900}
targets: [udpos, tatoeba, panx]
"""


def finish(spec: Spec, value: float = 50.0) -> None:
    """A finished run with all that runs leave."""
    part = "model" if spec.phase == "intermediate" else "predictions"
    results.write_text(spec.folder / part / "content", f"{spec.phase} {value}")
    results.write_text(spec.folder / "run.ipynb", "{}")
    results.write_text(spec.folder / "train_log.jsonl", "{}\n")
    results.write(spec, [Score("udpos", "de", "test", "f1", value, 10)], "cpu", 2.0)


@pytest.fixture
def studies(tmp_path: Path) -> tuple[Study, Study]:
    first = load(tmp_path, FIRST, "first")
    for spec in first.specs:
        finish(spec)
    return first, load(tmp_path, SECOND, "second")


def names(study: Study, folders: list[Path]) -> set[str]:
    return {str(folder.relative_to(study.root)) for folder in folders if folder.name == "seed1"}


def test_the_same_science_is_taken_over_under_another_name(studies: tuple[Study, Study]) -> None:
    _, second = studies
    foreseen = sharing.foreseen(second)
    taken = sharing.gather(second)
    assert set(taken) == foreseen
    assert names(second, taken) == {
        "intermediate/inference/seed1",
        "target/udpos/from-none/seed1",
        "target/udpos/from-inference/seed1",
        "retrieval/tatoeba/from-none/seed1",
        "retrieval/tatoeba/from-inference/seed1",
    }, "not mnli: it has another size here; not panx: nobody has made it"
    assert all(results.state(second.by_folder[folder]).state == "done" for folder in taken)
    assert sharing.gather(second) == [] and not sharing.foreseen(second)


def test_what_is_taken_over_says_whose_it_was(studies: tuple[Study, Study]) -> None:
    first, second = studies
    sharing.gather(second)
    here, there = (
        second.root / "intermediate/inference/seed1",
        first.root / "intermediate/mnli/seed1",
    )
    made, origin = results.read(here / "result.json"), results.read(there / "result.json")
    assert made.provenance["shared_from"] == "first/intermediate/mnli/seed1"
    assert (made.spec["study"], made.spec["recipe"]) == ("second", "inference")
    assert made.scores == origin.scores and made.provenance["seconds"] == 2.0
    assert (
        results.state(second.by_folder[here]).reason == "shared from first/intermediate/mnli/seed1"
    )
    target = results.read(second.root / "target/udpos/from-inference/seed1/result.json")
    assert target.provenance["parents"] == ["intermediate/inference/seed1"]
    # The weights are the same file; what a later run writes into is not.
    assert os.path.samefile(here / "model/content", there / "model/content")
    assert not os.path.samefile(here / "train_log.jsonl", there / "train_log.jsonl")
    assert not (here / results.UNFINISHED).exists()


def test_a_name_alone_shares_nothing(studies: tuple[Study, Study], tmp_path: Path) -> None:
    other = load(
        tmp_path,
        SECOND.replace("train_examples: 500", "train_examples: 501").replace("[1, 2]", "[3]"),
        "other",
    )
    assert sharing.gather(other) == [], "another seed"
    again = load(tmp_path, SECOND + "target: {dropout: 0.2}\n", "again")
    assert names(again, sharing.gather(again)) == {"intermediate/inference/seed1"} | {
        f"retrieval/tatoeba/from-{recipe}/seed1" for recipe in ("none", "inference")
    }
    assert sharing.gather(load(tmp_path, SECOND.replace("shares: [first]", ""), "alone")) == []


def test_a_run_whose_parent_was_made_anew_is_not_taken(studies: tuple[Study, Study]) -> None:
    first, second = studies
    for seed in (1, 2):
        path = first.root / f"intermediate/mnli/seed{seed}/result.json"
        later = path.stat().st_mtime_ns + 10**12
        os.utime(path, ns=(later, later))
    assert "target/udpos/from-inference/seed1" not in names(second, sharing.gather(second))


def test_a_run_is_taken_only_after_its_parent(studies: tuple[Study, Study]) -> None:
    _, second = studies
    child = second.spec(Path("target/udpos/from-inference/seed1"))
    assert sharing.gather(second, [child]) == []
    parent = second.spec(Path("intermediate/inference/seed1"))
    assert len(sharing.gather(second, [parent])) == 1 and len(sharing.gather(second, [child])) == 1


def test_nobody_reads_a_run_that_somebody_writes(studies: tuple[Study, Study]) -> None:
    first, second = studies
    spec = second.spec(Path("target/udpos/from-none/seed1"))
    for folder in (first.root / "target/udpos/from-none/seed1", spec.folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / results.LOCK).open("a") as lock:
            assert locks.acquire(lock)
            assert sharing.gather(second, [spec]) == []
    assert len(sharing.gather(second, [spec])) == 1


def test_what_a_kill_left_is_replaced(studies: tuple[Study, Study]) -> None:
    """Killed while it was taken over: no result yet, half of the rest."""
    _, second = studies
    spec = second.spec(Path("intermediate/inference/seed1"))
    results.write_text(spec.folder / "model/left_over", "half")
    results.write_text(spec.folder / results.FAILURE, "killed")
    assert results.state(spec).state == "failed"
    assert len(sharing.gather(second, [spec])) == 1 and results.state(spec).state == "done"
    assert (
        not (spec.folder / "model/left_over").exists()
        and not (spec.folder / results.FAILURE).exists()
    )


def test_a_sized_run_is_the_same_as_one_of_that_size(tmp_path: Path) -> None:
    plain = load(tmp_path, FIRST + "target: {train_examples: 64}\n", "plain")
    for spec in plain.specs:
        finish(spec)
    sized = load(tmp_path, FIRST + "shares: [plain]\ntarget_sizes: [32, 64]\n", "sized")
    taken = names(sized, sharing.gather(sized))
    assert {"target/udpos/from-none/size-64/seed1", "target/udpos/from-mnli/size-64/seed1"} <= taken
    assert not any("size-32" in name for name in taken)


def test_a_group_makes_each_run_once(tmp_path: Path) -> None:
    load(tmp_path, FIRST, "first")
    load(tmp_path, SECOND.replace("shares: [first]\n", ""), "second")
    group = load(tmp_path, "title: Both\nparts: [first, second]\n", "group")
    assert isinstance(group, GroupStudy) and not group.specs
    first, second = group.members
    assert (first.shares, second.shares) == ([], ["first"])
    assert len(sharing.foreseen(second, [first])) == 10 and not sharing.foreseen(first)
    for spec in first.specs:
        finish(spec)
    assert len(sharing.gather(second)) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "title: Both\nparts: [first, secnd]\n",
            "unknown study 'secnd'.*parts: did you mean 'second'",
        ),
        ("title: Both\nparts: [first, first]\n", "parts has 'first' twice"),
        ("title: Both\nparts: [first, group]\n", "unknown study 'group'"),
        (
            "title: Both\nparts: [first]\nseeds: [1]\n",
            "seeds and parts exclude each other.*no runs of its own",
        ),
        ("parts: [first]\n", "title is missing"),
        ("title: None\nparts: []\n", r"parts is \[\]: it must not be empty"),
        (FIRST + "shares: [secnd]\n", "unknown study 'secnd'.*shares: did you mean 'second'"),
    ],
)
def test_mistakes_in_shares_and_parts(tmp_path: Path, text: str, message: str) -> None:
    load(tmp_path, FIRST, "first")
    (tmp_path / "second.yaml").write_text(SECOND, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load(tmp_path, text, "group")


def test_a_taken_over_result_reads_like_any_other(studies: tuple[Study, Study]) -> None:
    _, second = studies
    sharing.gather(second)
    frame = results.frame(second.specs)
    assert set(frame["study"]) == {"second"} and set(frame["recipe"]) == {"none", "inference"}
    content = json.loads((second.root / "target/udpos/from-none/seed2/result.json").read_text())
    assert content["spec"]["seed"] == 2 and content["provenance"]["parents"] == []


def test_a_group_is_checked_and_looked_at_part_by_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(tmp_path, FIRST, "first")
    load(tmp_path, SECOND, "second")
    group = load(tmp_path, "title: Both\nparts: [first, second]\n", "group")
    places = ["--outputs", str(tmp_path / "outputs")]
    assert main(["check", group.file, *places]) == 0
    said = capsys.readouterr().out
    assert (
        "first.yaml: The first\n10 runs: 2 intermediate, 4 target, 4 retrieval" in said
        and "22 runs: 4 intermediate" in said
    )
    assert main(["status", group.file, *places]) == 0
    said = capsys.readouterr().out
    assert "10 missing" in said and "22 missing" in said


def test_a_forecast_leaves_out_what_is_taken_over(studies: tuple[Study, Study]) -> None:
    _, second = studies
    shared = sharing.foreseen(second)
    found = forecast(
        second,
        jobs=1,
        threads=1,
        gpu=False,
        local=True,
        shared=frozenset(spec.folder for spec in second.specs),
    )
    assert found.todo == [] and found.wall == 0 and set(found.states.values()) == {"shared"}
    assert shared < set(found.states)
