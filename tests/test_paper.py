"""The study `paper`: its hyper-parameters are those of the sources, and one complete cell of it
runs on a tiny XLM-R from the hub."""

from pathlib import Path

import pytest
import yaml
from hub_stand_in import Hub

from xstilts_core import results, run
from xstilts_core.commands import cli
from xstilts_core.jobs import runner
from xstilts_core.streams import Stream
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, RetrievalSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME

ROOT = Path(__file__).resolve().parent.parent
PAPER = ROOT / "params" / "paper.yaml"
# Trained on -> epochs, micro-batch, accumulation, longest input: jiant
# scripts/benchmarks/xtreme/subscripts/{c,d,e}_*.sh.
RELEASED = {
    "mnli": (2, 4, 8, 256),
    "pawsx": (5, 4, 8, 256),
    "udpos": (10, 4, 8, 256),
    "panx": (10, 4, 8, 256),
    "squad_v1": (2, 4, 4, 384),
    "tydiqa": (2, 4, 4, 384),
}
# Epochs and batch of phase 2: the paper's appendix, as recalled.
RECALLED = {
    "anli_plus": (2, 24),
    "mnli": (2, 24),
    "qqp": (3, 24),
    "squad_v2": (3, 8),
    "squad_v1": (3, 8),
    "hellaswag": (7, 24),
    "ccg": (15, 24),
    "cosmosqa": (15, 4),
    "commonsenseqa": (10, 4),
    "multitask": (3, 24),
}


@pytest.fixture(scope="module")
def paper() -> Study:
    return Study.load(str(PAPER))


def test_the_grid_is_the_papers(paper):
    assert (
        paper.encoder == "FacebookAI/xlm-roberta-large"
        and paper.source == "hub"
        and len(paper.seeds) == 3
    )
    assert tuple(paper.targets) == XTREME
    singles = {name for name, recipe in paper.recipes.items() if recipe.intermediate == [name]}
    assert singles == set(INTERMEDIATE_NAMES) and set(
        paper.recipes["multitask"].intermediate
    ) == set(INTERMEDIATE_NAMES)
    assert {paper.recipes[name].control for name in paper.controls} == {
        "random_init",
        "hypothesis_only",
        "names_masked",
        "majority",
        "overlap",
    }
    phases = [spec.phase for spec in paper.specs]
    # Per seed: ten recipes; six models and two retrieval tasks from each, from none and from
    # random_init; two controls of fewer targets.
    assert phases[0] == "data" and phases.count("data") == 1 and len(phases) == 333
    assert paper.specs[0].encoder == paper.encoder and set(paper.targets) - set(
        paper.specs[0].tasks
    ) == {"bucc2018"}
    assert (
        phases.count("intermediate") == 3 * 10
        and phases.count("target") == 3 * (12 * 6 + 2)
        and phases.count("retrieval") == 3 * (12 * 2 + 2)
    )


def released(epochs, micro_batch, accumulation, longest):
    return epochs, micro_batch * accumulation, longest


def test_phase_3_is_the_released_recipe(paper):
    found = [spec for spec in paper.specs if isinstance(spec, TargetSpec)]
    for spec in found:
        assert (spec.epochs, spec.batch_size, spec.max_length) == released(
            *RELEASED[spec.train_on]
        ), spec.folder
    assert all(TASKS[name].published.confirmed for spec in found for name in spec.targets)


def test_phase_2_is_the_recalled_appendix_and_says_that_it_is_unconfirmed(paper):
    found = [spec for spec in paper.specs if isinstance(spec, IntermediateSpec)]
    for spec in found:
        assert (spec.epochs, spec.batch_size) == RECALLED[spec.recipe]
        assert spec.max_length == (
            384 if any(TASKS[name].format == "span" for name in spec.tasks) else 256
        )
    assert not any(TASKS[name].published.confirmed for spec in found for name in spec.tasks)
    assert {(spec.cap, spec.temperature) for spec in found if spec.recipe == "multitask"} == {
        (2**17, 1.0)
    }


def test_nothing_of_the_embedded_suite_leaks_in(paper):
    for spec in paper.specs:
        if isinstance(spec, IntermediateSpec | TargetSpec):
            assert (
                spec.learning_rate,
                spec.warmup,
                spec.weight_decay,
                spec.clip,
                spec.dropout,
            ) == (1e-5, 0.1, 0.01, 1.0, 0.1)
            assert (spec.doc_stride, spec.dev_examples, spec.patience, spec.evaluate_every) == (
                128,
                500,
                30,
                1000,
            )
            assert (spec.pooling, spec.layer, spec.freeze_embeddings) == ("first", -1, False)
            assert spec.train_examples == getattr(spec, "test_examples", 0) == 0
        if isinstance(spec, RetrievalSpec):
            assert (spec.max_length, spec.layer, spec.centred, spec.neighbours, spec.margin) == (
                512,
                14,
                False,
                4,
                True,
            )


@pytest.mark.parametrize(("steps", "evaluations"), [(24_544, 25), (6_250, 6), (462, 1), (1, 1)])
def test_evaluations_are_as_many_as_thousands_of_steps(paper, steps, evaluations):
    spec = next(spec for spec in paper.specs if isinstance(spec, TargetSpec))
    assert spec.evaluations_in(steps) == evaluations
    assert spec.model_copy(update={"evaluate_every": 0}).evaluations_in(steps) == min(5, steps)


def learner(name: str, *sizes: int) -> run.Learner:
    """A task with parts of these sizes, and as many rows."""
    return run.Learner(
        TASKS[name],
        None,
        [Stream(str(size), None, None, range(size), size, 24) for size in sizes],
        [],
    )


def test_the_cap_is_one_of_mixtures(paper):
    """ANLI+ alone draws its parts in proportion to their sizes; beside another task it counts as
    one, capped as one."""
    single = paper.spec(Path("intermediate/anli_plus/seed1"))
    several = paper.spec(Path("intermediate/multitask/seed1"))
    anli_plus, small = learner("anli_plus", 300_000, 100_000), learner("ccg", 2**16)
    assert run.shares(single, [anli_plus]) == pytest.approx([0.75, 0.25])
    assert run.plan(single, [anli_plus]).steps == 2 * (12_500 + 4_167)
    assert run.shares(several, [anli_plus, small]) == pytest.approx([0.5, 1 / 6, 1 / 3])
    assert run.plan(several, [anli_plus, small]).steps == 3 * (5_462 + 2_731)
    target = paper.spec(Path("target/mnli/from-none/seed1"))
    assert run.plan(target, [learner("mnli", 392_702)]).steps == 2 * 12_272
    assert run.plan(target, [learner("mnli", 392_702)]).evaluations == 25


def test_check_passes_and_says_what_the_hub_lacks(capsys):
    assert cli.main(["check", str(PAPER)]) == 0
    printed = capsys.readouterr().out
    assert "333 runs: 1 data, 30 intermediate, 222 target, 78 retrieval, 2 control" in printed
    for reason in (
        "before it can run: ccg needs data_root: CCGbank is licensed",
        "before it can run: bucc2018 needs data_root: google/xtreme",
    ):
        assert reason in printed
    assert cli.main(["run", str(PAPER)]) == 2
    assert "ccg needs data_root" in capsys.readouterr().err


def cell(folder: Path) -> Study:
    """`paper` with one seed, one intermediate task, few targets, languages and steps; encoder and
    data are still asked for by name."""
    content = yaml.safe_load(PAPER.read_text(encoding="utf-8"))
    content |= {
        "seeds": [1],
        "targets": ["xnli", "xquad", "tatoeba"],
        "languages": ["en", "de", "sw"],
    }
    content["recipes"] = {"none": None, "hellaswag": content["recipes"]["hellaswag"]}
    content["train"] |= {"epochs": 1, "batch_size": 8, "evaluate_every": 2, "checkpoint_every": 0}
    content["train"] |= {"train_examples": 32, "test_examples": 12, "dev_examples": 8}
    path = folder / "cell.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return Study.load(str(path), outputs=str(folder / "outputs"))


@pytest.mark.slow
def test_one_complete_cell_runs(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Phase 2, then phase 3 on every kind of target, as notebooks; the encoder's layer 14 is that
    of the paper: it has 24 layers."""
    for name, value in (
        ("HF_ENDPOINT", hub.address),
        ("HF_HOME", str(tmp_path / "cache")),
        ("HF_HUB_OFFLINE", "0"),
        ("NO_PROXY", "*"),
    ):
        monkeypatch.setenv(name, value)
    study = cell(tmp_path)
    assert study.lacking == ()
    trained = study.spec(Path("intermediate/hellaswag/seed1"))
    runner.run_spec(trained, threads=1)
    assert (trained.folder / "model" / "model.safetensors").is_file()
    scores: dict[str, set[str]] = {}
    for record in ("target/mnli", "target/squad_v1", "retrieval/tatoeba"):
        spec = study.spec(Path(record) / "from-hellaswag" / "seed1")
        assert spec.parents == (trained.folder,)
        found = results.read(runner.run_spec(spec, threads=1))
        assert found.provenance["parents"]
        if isinstance(spec, TargetSpec):
            assert found.details["packed"] and found.details["parameters"] < 10**6
        else:
            assert found.details["layer"] == 14
        for score in found.scores:
            assert 0 <= score.value <= 100 and score.n > 0
            scores.setdefault(score.task, set()).add(score.language)
    assert (
        scores["xnli"] == {"en", "de", "sw"}
        and scores["xquad"] == {"en", "de"}
        and scores["tatoeba"] == {"de", "sw"}
    )
    assert any("xlm-roberta-large/resolve" in request for request in hub.asked)
