"""The benchmarks' machinery on tiny sizes: equality comes before timing, a missed goal is exit code
1. No time is asserted."""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import measure, robustness, startup
from xstilts_core.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
FACTS = {
    "machine": measure.machine(),
    "rounds": 3,
    "load_before": [0.1, 0.2, 0.3],
    "load_after": [0.4, 0.5, 0.6],
}


def figure(*values: float, unit: str = "x", goal: float = 2.0) -> measure.Measure:
    return measure.Measure("train", "pairs", "the peer", unit, values, goal)


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    """Benchmarks pin torch to one thread: what is compared bit for bit after them needs as many as
    a process of its own has."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else int(os.environ["OMP_NUM_THREADS"])
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(before)


def test_the_median_is_held_against_the_goal_from_the_right_side():
    assert figure(1.0, 2.0, 9.0).passed and not figure(1.9, 1.99, 9.0).passed
    assert figure(1.0, 2.0, 9.0, unit="s").passed and not figure(1.0, 2.01, 9.0, unit="s").passed
    assert figure(3.0, 2.0, 9.0).cells() == (
        "train",
        "pairs",
        "the peer",
        "3.00x",
        "2.00x",
        "9.00x",
        ">= 2x",
        "pass",
    )
    assert figure(3.0, unit="s").cells()[-2:] == ("<= 2s", "MISSED")


@pytest.mark.parametrize(("values", "code"), [((2.5, 2.1, 2.4), 0), ((2.5, 1.1, 1.4), 1)])
def test_the_command_prints_the_table_writes_json_and_exits_by_the_goals(
    monkeypatch, capsys, tmp_path, values, code
):
    seen = []

    def part(options: Namespace) -> list[measure.Measure]:
        seen.append(options.rounds)
        return [figure(*values)]

    monkeypatch.setitem(command.PARTS, "train", part)
    path = tmp_path / "deep" / "figures.json"
    assert command.main(["train", "--rounds", "3", "--json", str(path)]) == code
    assert seen == [3]
    shown = capsys.readouterr().out
    assert (
        f"{sorted(values)[1]:.2f}x" in shown
        and ("MISSED" in shown) == bool(code)
        and "load average" in shown
    )
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content.keys() == {"machine", "rounds", "load_before", "load_after", "measures"}
    assert content["machine"].keys() == {
        "processor",
        "cores",
        "system",
        "versions",
        "commit",
        "dirty",
    }
    assert {"python", "torch", "transformers"} <= content["machine"]["versions"].keys()
    (entry,) = content["measures"]
    expected = {
        "part": "train",
        "name": "pairs",
        "peer": "the peer",
        "unit": "x",
        "values": list(values),
        "goal": 2.0,
        "details": {},
    }
    spread = {
        "median": sorted(values)[1],
        "lowest": min(values),
        "highest": max(values),
        "passed": not code,
    }
    assert entry == {**expected, **spread}


def test_sides_that_differ_are_exit_code_1_and_no_figure(monkeypatch, capsys, tmp_path):
    def part(options: Namespace) -> list[measure.Measure]:
        raise measure.Unequal("losses 1 and 2")

    monkeypatch.setitem(command.PARTS, "evaluate", part)
    assert command.main(["evaluate", "--json", str(tmp_path / "figures.json")]) == 1
    assert "losses 1 and 2" in capsys.readouterr().err
    assert not (tmp_path / "figures.json").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["trian"], "did you mean 'train'"), (["--rounds", "0"], "--rounds 0: give 1 or more")],
)
def test_a_mistake_in_the_command_is_exit_code_2(capsys, arguments, word):
    assert command.main(arguments) == 2
    assert word in capsys.readouterr().err


def test_the_table_stands_between_the_marks_of_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n{measure.BEGIN}old\n{measure.END}\nafter\n", encoding="utf-8")
    for _ in range(2):  # again over its own output
        measure.quote(page, [figure(2.5)], FACTS)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Before\n{measure.BEGIN}| part |") and text.endswith(
        f"{measure.END}\nafter\n"
    )
    assert (
        text.count("| train | pairs | the peer | 2.50x | 2.50x | 2.50x | >= 2x | pass |") == 1
        and "old" not in text
    )


def test_the_documentation_has_the_marks():
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count(measure.BEGIN) == text.count(measure.END) == 1


@pytest.fixture
def tiny():
    """The modules that need the Trainer, and a training and an evaluation case for each kind of
    rows."""
    pytest.importorskip("accelerate")
    from benchmarks import evaluation, training, workload
    from benchmarks.peer import DYNAMIC, PADDED

    goals = [(workload.PAIRS, {DYNAMIC: 2.0, PADDED: 2.7}), (workload.WINDOWS, {DYNAMIC: 1.9})]
    trained = [training.Case("tiny", kind, workload.TINY, 8, 5, wanted) for kind, wanted in goals]
    scored = [evaluation.Case("tiny", case.kind, workload.TINY, 20, 1.6) for case in trained]
    return training, evaluation, trained, scored


@pytest.mark.parametrize("kind", [0, 1])
def test_training_takes_the_same_steps_as_the_trainer(tiny, kind):
    training, _, trained, _ = tiny
    assert training.check(trained[kind]) < training.TOLERANCE
    found = training.measure(trained[kind], 1)
    assert [entry.peer for entry in found] == list(trained[kind].goals)
    assert all(len(entry.values) == 1 and entry.values[0] > 0 for entry in found)


@pytest.mark.parametrize("native", [True, False])
def test_cases_in_bfloat16_are_not_here_on_a_cpu_without_it(tiny, monkeypatch, native):
    training, evaluation, _, scored = tiny
    from benchmarks import workload
    from benchmarks.peer import HALF

    seen = []
    for module in (training, evaluation):
        monkeypatch.setattr(
            module, "in_bfloat16", lambda wish, where, width: seen.append(wish) or native
        )
    tags = training.Case(
        "tiny", workload.TAGS, workload.TINY, 8, 5, {HALF: None}, auto=True, attention=0.0
    )
    found = [*training.measure(tags, 1), evaluation.measure(replace(scored[0], auto=True), 1)]
    assert [bool(entry.values) for entry in found] == [native] * 2 and seen == ["auto"] * 2
    assert all((entry.cells()[3] == "not here") != native for entry in found)
    assert native or all(entry.passed and entry.content()["median"] is None for entry in found)


def test_training_on_other_rows_or_at_another_rate_counts_as_unequal(tiny, monkeypatch):
    training, _, trained, _ = tiny
    real = training.theirs

    def elsewhere(peer, case, encoded, order, *rest, **options):
        return real(peer, case, encoded, order[::-1], *rest, **options)

    monkeypatch.setattr(training, "theirs", elsewhere)
    with pytest.raises(measure.Unequal, match="losses"):
        training.check(trained[0])
    monkeypatch.setattr(training, "theirs", real)
    monkeypatch.setattr(training, "train", lambda *parts: None)
    with pytest.raises(measure.Unequal, match="steps"):
        training.check(trained[0])


@pytest.mark.parametrize("kind", [0, 1])
def test_evaluation_gives_the_outputs_of_the_trainer_in_their_order(tiny, monkeypatch, kind):
    _, evaluation, _, scored = tiny
    assert evaluation.check(scored[kind]) < evaluation.TOLERANCE
    real = evaluation.predict
    monkeypatch.setattr(
        evaluation, "predict", lambda *parts, **named: np.roll(real(*parts, **named), 1, 0)
    )
    with pytest.raises(measure.Unequal, match="outputs differ"):
        evaluation.check(scored[kind])


@pytest.fixture
def scoring():
    pytest.importorskip("accelerate")
    pytest.importorskip("seqeval")
    from benchmarks import scoring

    return scoring


@pytest.mark.parametrize("position", range(4))
def test_scores_equal_those_of_the_peers_or_nothing_is_timed(scoring, position):
    case = replace(scoring.CASES[position], size=30)
    found = scoring.measure(case, 2)
    assert found.peer == case.peer and len(found.values) == 2 and min(found.values) > 0
    wrong = (
        {"f1": 1.0, "precision": 1.0, "recall": 1.0, "exact_match": 1.0}
        if position < 3
        else ["?"] * 30
    )
    with pytest.raises(measure.Unequal, match=case.name[:4]):
        scoring.measure(replace(case, ours=lambda work: wrong), 1)


def test_mining_finds_the_pairs_of_both_searches_or_nothing_is_timed(monkeypatch):
    pytest.importorskip("faiss")
    from benchmarks import mining

    found = [mining.measure(peer, 150, 1) for peer in mining.PEERS]
    assert all(entry.values[0] > 0 and entry.details["pairs"] > 75 for entry in found)
    real = mining.retrieval.mine
    monkeypatch.setattr(
        mining.retrieval, "mine", lambda x, y, count, margin: real(x.flip(0), y, count, margin)
    )
    with pytest.raises(measure.Unequal, match="by one side only"):
        mining.measure(mining.PEERS[1], 150, 1)


def test_memory_is_that_of_a_process_of_its_own():
    pytest.importorskip("faiss")
    from benchmarks import mining

    found = mining.memory(50, 4_000.0)
    assert (
        100 < found.values[0] < 4_000
        and found.passed
        and found.cells()[-2:] == ("<= 4000MB", "pass")
    )


def test_vectors_equal_those_of_the_padded_loop_or_nothing_is_timed(monkeypatch):
    pytest.importorskip("accelerate")
    from benchmarks import embedding, workload

    case = embedding.Case(replace(workload.TINY, layers=3), 30, 4.0)
    found = embedding.measure(case, 1)
    assert found.details["largest_difference"] < 1e-5 and found.values[0] > 0 and case.layer == 2
    real = embedding.ours
    monkeypatch.setattr(
        embedding, "ours", lambda encoder, texts, layer: real(encoder, texts, layer - 1)
    )
    with pytest.raises(measure.Unequal, match="vectors of layer 2"):
        embedding.measure(case, 1)


def test_lengths_are_those_of_real_data():
    pytest.importorskip("accelerate")
    from benchmarks import workload

    rng = np.random.default_rng(0)
    pairs, windows = workload.pairs(20_000, rng).lengths, workload.questions(4_000, rng).lengths
    assert pairs.mean() == pytest.approx(39.5, rel=0.02) and pairs.max() == 128
    assert np.percentile(pairs, 99) == pytest.approx(108, rel=0.04)
    assert windows.mean() == pytest.approx(205, rel=0.03) and windows.max() == 384


def test_pinning_is_undone():
    before = os.sched_getaffinity(0)
    with measure.pinned():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def spinning() -> set[str]:
    """Process ids of busy processes."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if robustness.SPIN.encode() in path.read_bytes():
                found.add(path.parent.name)
    return found


def settled(count: int, before: set[str]) -> int:
    """How many busy processes there are beside `before`, once they are `count` or twenty seconds
    are over."""
    until = time.monotonic() + 20
    while len(spinning() - before) != count and time.monotonic() < until:
        time.sleep(0.05)
    return len(spinning() - before)


def test_busy_processes_are_as_many_as_asked_for_and_end_with_the_block():
    before = spinning()
    with robustness.busy(3):
        assert settled(3, before) == 3
    assert settled(0, before) == 0


def test_the_stages_of_a_notebook_add_up_to_the_time_of_its_runner(tmp_path):
    def cell(source: str, second: int, seconds: float) -> dict[str, object]:
        times = {
            "start_time": f"2026-01-01T00:00:{second:02}+00:00",
            "end_time": f"2026-01-01T00:00:{second + seconds:04.1f}+00:00",
        }
        return {
            "cell_type": "code",
            "source": [source],
            "metadata": {"papermill": {**times, "duration": seconds}},
        }

    start = {"papermill": {"start_time": "2026-01-01T00:00:02+00:00"}}
    page = {
        "metadata": start,
        "cells": [cell("import torch\nmore", 3, 4.0), cell("work()", 7, 2.5)],
    }
    path = tmp_path / "run.ipynb"
    path.write_text(json.dumps(page), encoding="utf-8")
    began = startup.moment("2026-01-01T00:00:01+00:00")
    found = startup.stages(path, began, began + 10)
    names = [
        "before papermill",
        "starting the kernel",
        "cell 1 (import torch)",
        "cell 2 (work())",
        "ending the kernel, saving",
    ]
    assert found == pytest.approx(dict(zip(names, [1, 1, 4, 2.5, 1.5], strict=True)))
    assert sum(found.values()) == pytest.approx(10)


def test_the_work_of_a_notebook_is_its_second_pass(tmp_path):
    """The first pass waits, the second does not: only the second is timed."""
    waits = f"from pathlib import Path\nimport time\nif not Path({str(tmp_path / 'flag')!r}).exists(): time.sleep(2)\n"
    page = {
        "cells": [
            {
                "cell_type": "code",
                "source": [waits, f"Path({str(tmp_path / 'flag')!r}).touch()\nprint('noise')"],
            }
        ]
    }
    path = tmp_path / "run.ipynb"
    path.write_text(json.dumps(page), encoding="utf-8")
    assert 0 <= float(startup.call(["-m", "benchmarks.repeat", str(path)])) < 2
    with pytest.raises(UsageError, match="no_such_file"):
        startup.call(["-m", "benchmarks.repeat", str(tmp_path / "no_such_file")])
