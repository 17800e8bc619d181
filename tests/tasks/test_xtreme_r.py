"""XTREME-R as a study: its targets and languages, its hyper-parameters, what it needs beside the
hub, what it will cost."""

from pathlib import Path

import pytest

from xstilts_core.data.source import Hub
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate import work
from xstilts_core.study import Study
from xstilts_core.study.spec import RetrievalSpec, TargetSpec
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS

PARAMS = Path(__file__).parents[2] / "params"
# Epochs, effective batch, learning rate, longest input: google-research/xtreme,
# scripts/train_{xcopa,lareqa,mewslix}.sh for XLM-R Large.
SCRIPTS = {
    "siqa_copa": (5, 32, 3e-5, 128),
    "squad_sentences": (3, 16, 2e-5, 256),
    "wikipedia_mentions": (2, 32, 1e-5, 64),
}
# Languages of each task: google-research/xtreme, evaluate.py.
LANGUAGES = {
    "xnli": 15,
    "udpos": 38,
    "panx": 48,
    "xquad": 12,
    "mlqa": 7,
    "tydiqa": 9,
    "tatoeba": 41,
    "xcopa": 11,
    "lareqa": 11,
    "mewslix": 11,
}


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.load(str(PARAMS / "xtreme_r.yaml"))


def test_the_targets_and_their_languages(study):
    assert study.benchmark == "xtreme-r" and set(study.targets) == LANGUAGES.keys()
    assert {name: len(TASKS[name].languages_of("xtreme-r")) for name in study.targets} == LANGUAGES
    assert {name for name, recipe in study.recipes.items() if recipe.intermediate == [name]} == set(
        INTERMEDIATE_NAMES
    )
    scoring = [spec for spec in study.specs if isinstance(spec, TargetSpec | RetrievalSpec)]
    # Ten encoders, three seeds, nine models: XQuAD and MLQA share one, and nothing is trained for
    # Tatoeba.
    assert len(scoring) == 10 * 3 * 9 and all(spec.benchmark == "xtreme-r" for spec in scoring)


def test_its_own_targets_are_trained_as_its_scripts_do(study):
    found = {spec.train_on: spec for spec in study.specs if isinstance(spec, TargetSpec)}
    for name, expected in SCRIPTS.items():
        spec = found[name]
        assert (spec.epochs, spec.batch_size, spec.learning_rate, spec.max_length) == expected
    assert TASKS["siqa_copa"].parts == ("siqa", "copa") and TASKS["siqa_copa"].staged


def test_what_the_hub_lacks_is_told_with_its_reason(study):
    assert [reason.partition(" needs data_root: ")[0] for reason in study.lacking] == [
        "ccg",
        "udpos in lt, pl, uk, wo, ro",
        "lareqa",
        "wikipedia_mentions",
        "mewslix",
    ]
    assert Study.load(study.file, data_root="somewhere").lacking == ()
    without = TargetSpec(
        source="hub",
        train_on="udpos",
        targets=["udpos"],
        benchmark="xtreme-r",
        languages=["en", "de"],
    )
    assert without.lacking == ()


def test_languages_that_the_hub_lacks_are_read_beside_it(tmp_path):
    folder = tmp_path / "udpos" / "ud-treebanks-v2.7" / "UD_Polish-PDB"
    folder.mkdir(parents=True)
    word = "1\tkot\tkot\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
    (folder / "pl_pdb-ud-test.conllu").write_text(word, encoding="utf-8")
    found = Hub(str(tmp_path), "xtreme-r").languages("udpos", "test")
    assert found == (*TASKS["udpos"].languages, "pl")
    assert "pl" not in Hub(str(tmp_path)).languages("udpos", "test")
    assert [example.words for example in Hub(str(tmp_path)).load("udpos", "test", "pl")] == [
        ("kot",)
    ]


def test_the_work_of_a_run_counts_the_languages_of_its_benchmark():
    for benchmark, count in (("xtreme", 40), ("xtreme-r", 48)):
        spec = TargetSpec(source="hub", train_on="panx", targets=["panx"], benchmark=benchmark)
        assert work.work(spec).languages == count
    staged = TargetSpec(source="hub", train_on="siqa_copa", targets=["xcopa"], train_examples=1000)
    # Steps of 32 of SIQA's 1,000 examples, then of COPA's 400, five times each.
    assert work.work(staged).steps == 5 * 32 + 5 * 13
    assert work.size(Hub(), "siqa_copa", "train") == 33_810


def test_a_notebook_is_told_what_the_source_lacks() -> None:
    with pytest.raises(UsageError, match=r"the embedded suite \(source mini\) has no xcopa"):
        TargetSpec.of({"train_on": "siqa_copa", "targets": ["xcopa"]})
