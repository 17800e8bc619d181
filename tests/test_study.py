"""A study is checked as a whole before anything starts; every mistake is one sentence that says what is legal."""

from pathlib import Path

import pytest

from xstilts_core.names import UsageError
from xstilts_core.spec import IntermediateSpec, PretrainSpec, RetrievalSpec, TargetSpec
from xstilts_core.study import Study

GOOD = """
title: Does it help?
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  both: {intermediate: [mnli, squad_v1], temperature: 2.0}
targets: [xnli, xquad, mlqa, tatoeba]
"""


def study(folder: Path, text: str = GOOD, old: str = "", new: str = "") -> Study:
    """The study of `text` with `old` replaced by `new`."""
    path = folder / "my_study.yaml"
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return Study.load(str(path))


def test_the_grid(tmp_path: Path) -> None:
    specs = study(tmp_path).specs
    phases = [spec.phase for spec in specs]
    # 2 seeds x (2 intermediate; 3 recipes x (xnli, xquad with mlqa, tatoeba))
    assert phases.count("intermediate") == 4 and phases.count("target") == 12 and phases.count("retrieval") == 6
    assert len({spec.folder for spec in specs}) == len(specs)
    spec = next(spec for spec in specs if isinstance(spec, TargetSpec) and spec.train_on == "squad_v1" and spec.recipe == "both")
    assert spec.targets == ["xquad", "mlqa"]
    assert str(spec.folder).endswith("outputs/my_study/target/squad_v1/from-both/seed1")
    assert [str(parent)[-27:] for parent in spec.parents] == ["study/intermediate/both/seed1"[-27:]]


def test_the_baseline_has_no_parents_and_one_model_serves_two_targets(tmp_path: Path) -> None:
    baseline = [spec for spec in study(tmp_path).specs if isinstance(spec, TargetSpec | RetrievalSpec) and spec.recipe == "none"]
    assert len(baseline) == 6
    assert all(spec.parents == () and spec.start == "mini" for spec in baseline)


def test_phase_1_is_the_parent_where_it_is_run(tmp_path: Path) -> None:
    made = study(tmp_path, GOOD + "encoder: pretrained\npretrain: {steps: 10}\n")
    first = made.specs[0]
    assert isinstance(first, PretrainSpec) and first.steps == 10
    parents = {spec.phase: {str(parent.relative_to(made.root)) for parent in spec.parents} for spec in made.specs if spec.seed == 1}
    assert parents["intermediate"] == {"pretrain/seed1"} and parents["pretrain"] == set()


def test_later_layers_win(tmp_path: Path) -> None:
    layers = "train: {epochs: 3, batch_size: 8}\ntarget: {epochs: 4}\ntasks:\n  squad_v1: {epochs: 5}\n"
    specs = study(tmp_path, GOOD + layers).specs
    epochs = {spec.train_on: spec.epochs for spec in specs if isinstance(spec, TargetSpec)}
    assert epochs == {"mnli": 4, "squad_v1": 5}
    phase2 = {spec.recipe: spec for spec in specs if isinstance(spec, IntermediateSpec)}
    assert phase2["mnli"].epochs == 3 and phase2["both"].temperature == 2.0
    assert all(spec.batch_size == 8 for spec in specs if isinstance(spec, TargetSpec | IntermediateSpec))


def test_only_what_differs_from_the_defaults_is_injected(tmp_path: Path) -> None:
    spec = next(spec for spec in study(tmp_path).specs if isinstance(spec, RetrievalSpec) and spec.recipe == "none" and spec.seed == 1)
    assert spec.changed() == {"study": "my_study"}


def test_places_are_no_science(tmp_path: Path) -> None:
    path = tmp_path / "my_study.yaml"
    path.write_text(GOOD)
    here, there = Study.load(str(path)), Study.load(str(path), "/elsewhere")
    assert [spec.science() for spec in here.specs] == [spec.science() for spec in there.specs]
    assert str(there.specs[0].folder).startswith("/elsewhere/my_study/")


def test_a_rate_that_yaml_reads_as_text_is_a_number(tmp_path: Path) -> None:
    spec = next(spec for spec in study(tmp_path, GOOD + "train: {learning_rate: 1e-5}\n").specs if isinstance(spec, TargetSpec))
    assert spec.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[xnli, xquad", "[xnil, xquad", "unknown task 'xnil'.*targets: did you mean 'xnli'"),
        ("[xnli, xquad", "[ccg, xquad", "unknown target task 'ccg'"),
        ("intermediate: [mnli]}", "intermediate: [mnil]}", "unknown task 'mnil'.*recipe mnli: did you mean 'mnli'"),
        ("intermediate: [mnli]}", "intermediate: [tatoeba]}", "tatoeba is a retrieval task"),
        ("intermediate: [mnli]}", "intermedate: [mnli]}", "intermedate"),
        ("title:", "titel:", "titel"),
        ("seeds: [1, 2]", "seeds: [1, 1]", "seeds or targets are given twice"),
        ("seeds: [1, 2]", "seeds: [one]", r"seeds.0 is 'one'"),
        ("seeds: [1, 2]", "seeds: []", "seeds is"),
        ("seeds: [1, 2]", "seeds: [1]\nlanguages: [en, no]", "languages.1 is False.*quote it"),
        ("seeds: [1, 2]", "seeds: [1]\nlanguages: [en, dd]", "unknown language 'dd'"),
        ("seeds: [1, 2]", "seeds: [1]\ntrain: {epoch: 3}", "unknown key 'epoch'.*did you mean 'epochs'"),
        ("seeds: [1, 2]", "seeds: [1]\ntrain: {learning_rate: fast}", "learning_rate is 'fast'"),
        ("seeds: [1, 2]", "seeds: [1]\ntasks: {squadv1: {epochs: 3}}", "unknown task 'squadv1'.*did you mean 'squad_v1'"),
        ("seeds: [1, 2]", "seeds: [1]\nsource: files", "source files needs data_root"),
        ("seeds: [1, 2]", "seeds: [1]\nencoder: pretrained", "belong together"),
        ("  none:", "  nun:", "recipes needs the baseline"),
        (GOOD, "- a\n- list\n", "expected keys and values"),
        (GOOD, "a: [1\n", "not a YAML file"),
    ],
)
def test_every_mistake_is_one_sentence_with_the_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        study(tmp_path, GOOD, old, new)
    assert "my_study.yaml" in str(error.value) or "tatoeba" in str(error.value) or "'dd'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_is_found_by_its_folder(tmp_path: Path) -> None:
    made = study(tmp_path)
    assert made.spec(Path("retrieval/tatoeba/from-none/seed2")).seed == 2
    with pytest.raises(UsageError, match="no run of this study belongs in target/xnli"):
        made.spec(Path("target/xnli"))


def test_an_unknown_study_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown study 'qiuck' in params/: did you mean 'quick'\? legal: .*quick, "):
        Study.load("qiuck")
    with pytest.raises(UsageError, match=r"no study file nowhere.yaml"):
        Study.load("nowhere.yaml")
