"""A study is checked as a whole before anything starts; every mistake is one sentence that says
what is legal."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.jobs import runner
from xstilts_core.study import Study, identity
from xstilts_core.study.spec import (
    ControlSpec,
    IntermediateSpec,
    PretrainSpec,
    RetrievalSpec,
    TargetSpec,
)
from xstilts_core.study.study_file import check_encoder
from xstilts_core.tasks import TASKS

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
    assert (
        phases.count("intermediate") == 4
        and phases.count("target") == 12
        and phases.count("retrieval") == 6
    )
    assert len({spec.folder for spec in specs}) == len(specs)
    spec = next(
        spec
        for spec in specs
        if isinstance(spec, TargetSpec) and spec.train_on == "squad_v1" and spec.recipe == "both"
    )
    assert spec.targets == ["xquad", "mlqa"]
    assert str(spec.folder).endswith("outputs/my_study/target/squad_v1/from-both/seed1")
    assert [str(parent)[-27:] for parent in spec.parents] == ["study/intermediate/both/seed1"[-27:]]


def test_the_baseline_has_no_parents_and_one_model_serves_two_targets(tmp_path: Path) -> None:
    baseline = [
        spec
        for spec in study(tmp_path).specs
        if isinstance(spec, TargetSpec | RetrievalSpec) and spec.recipe == "none"
    ]
    assert len(baseline) == 6
    assert all(spec.parents == () and spec.start == "mini" for spec in baseline)


def test_phase_1_is_the_parent_where_it_is_run(tmp_path: Path) -> None:
    made = study(tmp_path, GOOD + "encoder: pretrained\npretrain: {steps: 10}\n")
    first = made.specs[0]
    assert isinstance(first, PretrainSpec) and first.steps == 10
    parents = {
        spec.phase: {str(parent.relative_to(made.root)) for parent in spec.parents}
        for spec in made.specs
        if spec.seed == 1
    }
    assert parents["intermediate"] == {"pretrain/seed1"} and parents["pretrain"] == set()


def test_later_layers_win(tmp_path: Path) -> None:
    layers = (
        "train: {epochs: 3, batch_size: 8}\ntarget: {epochs: 4}\ntasks:\n  squad_v1: {epochs: 5}\n"
    )
    specs = study(tmp_path, GOOD + layers).specs
    epochs = {spec.train_on: spec.epochs for spec in specs if isinstance(spec, TargetSpec)}
    assert epochs == {"mnli": 4, "squad_v1": 5}
    phase2 = {spec.recipe: spec for spec in specs if isinstance(spec, IntermediateSpec)}
    assert phase2["mnli"].epochs == 3 and phase2["both"].temperature == 2.0
    assert all(
        spec.batch_size == 8 for spec in specs if isinstance(spec, TargetSpec | IntermediateSpec)
    )


def test_only_what_differs_from_the_defaults_is_injected(tmp_path: Path) -> None:
    spec = next(
        spec
        for spec in study(tmp_path).specs
        if isinstance(spec, RetrievalSpec) and spec.recipe == "none" and spec.seed == 1
    )
    assert spec.changed() == {"study": "my_study"}


CONTROLS = """  random: {control: random_init}
  second: {control: hypothesis_only}
  masked: {control: names_masked}
  majority: {control: majority}
  words: {control: overlap}
"""


def test_a_control_is_made_for_the_targets_it_fits(tmp_path: Path) -> None:
    layers = "train: {train_examples: 500}\ntarget: {test_examples: 40}\ntasks:\n  squad_v1: {test_examples: 30}\n"
    made = study(
        tmp_path, GOOD + "languages: [en, de]\n" + layers, "targets:", f"{CONTROLS}targets:"
    )
    assert made.controls == ("random", "second", "masked", "majority", "words")
    runs = {
        name: [
            str(spec.folder.relative_to(made.root))
            for spec in made.specs
            if spec.changed().get("recipe") == name
        ]
        for name in made.controls
    }
    assert runs["second"] == ["target/mnli/from-second/seed1", "target/mnli/from-second/seed2"]
    assert runs["masked"] == [
        "retrieval/tatoeba/from-masked/seed1",
        "retrieval/tatoeba/from-masked/seed2",
    ]
    assert len(runs["random"]) == 6 and all(
        spec.parents == () for spec in made.specs if isinstance(spec, ControlSpec)
    )
    majority, overlap = [spec for spec in made.specs if isinstance(spec, ControlSpec)]
    assert (
        majority.folder == made.root / "control/majority/seed1"
        and majority.targets == ["xnli"]
        and overlap.seed == 1
    )
    assert overlap.changed() == {
        "study": "my_study",
        "control": "overlap",
        "recipe": "words",
        "targets": ["xnli", "xquad", "mlqa", "tatoeba"],
        "languages": ["en", "de"],
        "train_examples": {"xnli": 500, "xquad": 500, "mlqa": 500},
        "test_examples": {"xnli": 40, "xquad": 30, "mlqa": 30},
    }


def test_a_control_starts_from_phase_1(tmp_path: Path) -> None:
    text = GOOD + "encoder: pretrained\npretrain: {steps: 10}\n"
    made = study(tmp_path, text, "targets:", f"{CONTROLS}targets:")
    starts = {
        spec.parents
        for spec in made.specs
        if spec.seed == 2 and spec.changed().get("control") in ("random_init", "hypothesis_only")
    }
    assert starts == {(made.root / "pretrain/seed2",)}


def test_places_make_no_other_run(tmp_path: Path) -> None:
    path = tmp_path / "my_study.yaml"
    path.write_text(GOOD)
    here, there = Study.load(str(path)), Study.load(str(path), "/elsewhere")
    assert [identity.of_spec(spec) for spec in here.specs] == [
        identity.of_spec(spec) for spec in there.specs
    ]
    assert str(there.specs[0].folder).startswith("/elsewhere/my_study/")


def test_a_rate_that_yaml_reads_as_text_is_a_number(tmp_path: Path) -> None:
    spec = next(
        spec
        for spec in study(tmp_path, GOOD + "train: {learning_rate: 1e-5}\n").specs
        if isinstance(spec, TargetSpec)
    )
    assert spec.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[xnli, xquad", "[xnil, xquad", "unknown task 'xnil'.*targets: did you mean 'xnli'"),
        ("[xnli, xquad", "[ccg, xquad", "unknown target task 'ccg'"),
        (
            "intermediate: [mnli]}",
            "intermediate: [mnil]}",
            "unknown task 'mnil'.*recipe mnli: did you mean 'mnli'",
        ),
        ("intermediate: [mnli]}", "intermediate: [tatoeba]}", "tatoeba is a retrieval task"),
        ("intermediate: [mnli]}", "intermedate: [mnli]}", "intermedate"),
        ("title:", "titel:", "titel"),
        ("seeds: [1, 2]", "seeds: [1, 1]", "seeds has 1 twice"),
        ("seeds: [1, 2]", "seeds: [one]", r"seeds.0 is 'one'"),
        ("seeds: [1, 2]", "seeds: []", "seeds is"),
        ("seeds: [1, 2]", "seeds: [1]\nlanguages: [en, no]", "languages.1 is False.*quote it"),
        ("seeds: [1, 2]", "seeds: [1]\nlanguages: [en, dd]", "unknown language 'dd'"),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {epoch: 3}",
            "unknown key 'epoch'.*did you mean 'epochs'",
        ),
        ("seeds: [1, 2]", "seeds: [1]\ntrain: {learning_rate: fast}", "learning_rate is 'fast'"),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntasks: {squadv1: {epochs: 3}}",
            "unknown task 'squadv1'.*did you mean 'squad_v1'",
        ),
        ("seeds: [1, 2]", "seeds: [1]\nencoder: pretrained", "belong together"),
        ("  none:", "  nun:", "recipes needs the baseline"),
        ("  none:", "  none: {control: majority}", "recipes needs the baseline"),
        ("  none:", "  none:\n  plain: {}", "recipe plain names no intermediate task"),
        (
            "[mnli]}",
            "[mnli], control: overlap}",
            "recipe mnli: overlap is a control without intermediate tasks",
        ),
        (
            "[mnli]}",
            "[mnli], control: overlop}",
            "unknown control 'overlop'.*recipe mnli: did you mean 'overlap'",
        ),
        (GOOD, "- a\n- list\n", "expected keys and values"),
        (GOOD, "a: [1\n", "my_study.yaml, line 2: this is not valid YAML: expected ',' or ']'"),
        ("title:", "title: a\ntitle:", "line 3: key 'title' appears twice"),
        ("[mnli]}", "[mnli], intermediate: [qqp]}", "line 6: key 'intermediate' appears twice"),
        (
            "[mnli]}",
            "[mnli], tempreature: 2}",
            "recipe mnli: did you mean 'temperature'. legal: accumulation, ",
        ),
        ("[mnli]}", "[mnli, mnli]}", "recipe mnli: intermediate has 'mnli' twice"),
        (
            "[mnli]}",
            "mnli}",
            r"recipe mnli: intermediate is 'mnli': it must be a list, such as \[a, b\]",
        ),
        ("  mnli:", "  no:", "recipes: a key is False: it must be text .*quote it"),
        ("title:", "5: x\ntitle:", "a key is 5: it must be text"),
        ("title:", "outputs: x\ntitle:", "unknown key 'outputs'"),
        ("targets:", "#", "targets is missing"),
        ("seeds: [1, 2]", "seeds: [yes]", "seeds is True: it must be a number .*YAML reads no"),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {epochs: yes}",
            "train: epochs is True: it must be a number",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {epochs: -1}",
            "train: epochs is -1: it must be 0 or more",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {learning_rate: 2}",
            "train: learning_rate is 2: it must be less than 1$",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {learning_rate: .nan}",
            "line 4: learning_rate is .nan: it must be a finite number",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {train_examples: ~}",
            "line 4, train: train_examples is None.*nothing, ~ or null",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {x: " + "[" * 5000,
            "line 4: this YAML cannot be read: it is nested too deeply",
        ),
        (
            "title:",
            "title: \x07",
            r"line 2: this is not valid YAML: the character '\\x07' is not allowed",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {steps: 9}",
            "train: key 'steps' belongs in pretrain:, not here. Legal: .*epochs",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nretrieval: {epochs: 9}",
            "retrieval: key 'epochs' belongs in train: or .*Legal: centred, ",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntarget: {train_on: squad_v1}",
            "target: key 'train_on' cannot be set here",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntrain: {pooling: men}",
            "unknown pooling 'men'.*train: did you mean 'mean'. legal: first, mean",
        ),
        ("seeds: [1, 2]", "seeds: [1]\ntrain: 5", "train is 5: it must be keys and values"),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntasks: {mnli: {epoch: 3}}",
            "tasks, mnli: did you mean 'epochs'",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntasks: {ccg: {epochs: 3}}",
            "unknown task that a run trains on, 'ccg'.*legal: mnli, squad_v1",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nlanguages: [en, qu]",
            "unknown language of these targets 'qu'",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nlanguages: [en, pl]",
            "'pl' is one of the languages that XTREME-R added: it needs 'benchmark: xtreme-r'",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nlanguages: [en, fr]",
            "unknown language of the embedded suite .source mini. 'fr'.*languages: .*legal: bg, ",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nretrieval: {languages: [fr]}",
            "embedded suite .source mini. 'fr'.*retrieval, languages",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nlanguages: [sw]",
            "languages: sw leave target xquad without any: it has en, ar, de",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nbenchmark: xtremer",
            "unknown benchmark 'xtremer'.*legal: xtreme, xtreme-r",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\ntarget: {benchmark: xtreme-r}",
            "target: key 'benchmark' cannot be set here: the study sets it",
        ),
        (
            "[xnli, xquad",
            "[xcopa, xquad",
            "targets: the embedded suite .source mini. has no xcopa, only xnli, pawsx, .*source files or hub",
        ),
        (
            "intermediate: [mnli]}",
            "intermediate: [siqa]}",
            "the embedded suite .source mini. has no siqa, only anli_plus, mnli, ",
        ),
        (
            "intermediate: [mnli]}",
            "intermediate: [xquad]}",
            "xquad has no training data of its own.*: name squad_v1",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nretrieval: {languages: [dd]}",
            "unknown language 'dd'.*retrieval, languages",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nsource: minni",
            "unknown source 'minni'.*did you mean 'mini'",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nreports: [30_transfr]",
            "unknown report notebook '30_transfr'.*did you mean '30_transfer'",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nreports: [21_target]",
            "unknown report notebook '21_target'",
        ),
    ],
)
def test_every_mistake_is_one_sentence_with_the_file(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        study(tmp_path, GOOD, old, new)
    assert (
        "my_study.yaml" in str(error.value)
        or "tatoeba" in str(error.value)
        or "'dd'" in str(error.value)
    )
    assert "\n" not in str(error.value)


def test_added_languages_belong_to_xtreme_r(tmp_path: Path) -> None:
    """One key of the study, in every run that scores, and in their identity; XTREME's own studies
    say nothing of it."""
    text = (
        GOOD.replace("  none:\n", "  none:\n  words: {control: overlap}\n")
        + "source: hub\nlanguages: [en, pl]\n"
    )
    with pytest.raises(UsageError, match="'pl' is one of the languages that XTREME-R added"):
        study(tmp_path, text)
    with pytest.raises(UsageError, match="pl leave target xnli without any: it has en, ar, bg"):
        study(tmp_path, text.replace("en, pl", "pl") + "benchmark: xtreme-r\n")
    made = study(tmp_path, text + "benchmark: xtreme-r\n")
    scoring = [
        spec for spec in made.specs if isinstance(spec, TargetSpec | RetrievalSpec | ControlSpec)
    ]
    assert scoring and all(
        spec.benchmark == "xtreme-r" and identity.settings(spec)["benchmark"] == "xtreme-r"
        for spec in scoring
    )
    usual = study(tmp_path, text.replace("en, pl", "en, de"))
    assert [spec.folder for spec in usual.specs] == [spec.folder for spec in made.specs]
    assert not any("benchmark" in identity.of_spec(spec).changed_settings for spec in usual.specs)


def test_a_task_without_english_data_is_no_intermediate_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS, "qqp", replace(TASKS["qqp"], languages=("de", "sw")))
    with pytest.raises(
        UsageError, match=r"my_study.yaml: tasks: qqp has no English data \(only de, sw\)"
    ):
        study(tmp_path, GOOD, "[mnli]}", "[qqp]}")


def test_controls_of_two_texts_leave_out_a_task_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS, "pawsx", replace(TASKS["pawsx"], single_text=True))
    text = GOOD.replace("[xnli, xquad", "[pawsx, xnli, xquad").replace(
        "targets:", f"{CONTROLS}targets:"
    )
    specs = study(tmp_path, text).specs
    controlled = {spec.recipe: spec for spec in specs if isinstance(spec, ControlSpec)}
    assert "pawsx" in controlled["majority"].targets and "pawsx" not in controlled["words"].targets
    second = {
        spec.train_on for spec in specs if isinstance(spec, TargetSpec) and spec.recipe == "second"
    }
    assert second == {"mnli"}
    with pytest.raises(
        UsageError, match=r"control hypothesis_only needs a target of format pair with two texts$"
    ):
        study(tmp_path, text.replace("[pawsx, xnli, xquad", "[pawsx, xquad"))
    with pytest.raises(
        UsageError, match="control hypothesis_only is for tasks of two texts: pawsx has one"
    ):
        TargetSpec.of({"train_on": "pawsx", "targets": ["pawsx"], "control": "hypothesis_only"})


def test_a_control_needs_a_target_that_it_fits(tmp_path: Path) -> None:
    text = GOOD.replace("targets: [xnli, xquad, mlqa, tatoeba]", "targets: [xquad]")
    with pytest.raises(
        UsageError, match=r"recipe second: control hypothesis_only needs a target of format pair$"
    ):
        study(tmp_path, text, "targets:", "  second: {control: hypothesis_only}\ntargets:")


def test_a_run_is_found_by_its_folder(tmp_path: Path) -> None:
    made = study(tmp_path)
    assert made.spec(Path("retrieval/tatoeba/from-none/seed2")).seed == 2
    with pytest.raises(UsageError, match="no run of this study belongs in target/xnli"):
        made.spec(Path("target/xnli"))


def test_an_unknown_study_names_the_known_ones() -> None:
    with pytest.raises(
        UsageError,
        match=r"unknown study 'qiuck' in params/: did you mean 'quick'\? legal: .*quick, ",
    ):
        Study.load("qiuck")
    with pytest.raises(UsageError, match=r"no study file nowhere.yaml"):
        Study.load("nowhere.yaml")


def test_a_study_is_checked_without_its_places_and_says_what_they_will_be(tmp_path: Path) -> None:
    assert study(tmp_path).lacking == ()
    for source, lacking in (
        ("files", "source files needs data_root"),
        ("hub", "bucc2018 needs data_root: google/xtreme's bucc18"),
    ):
        made = study(tmp_path, GOOD.replace("tatoeba", "bucc2018") + f"source: {source}\n")
        assert len(made.lacking) == 1 and made.lacking[0].startswith(lacking)
        with pytest.raises(UsageError, match=f"my_study.yaml: {lacking}.*--data-root"):
            made.require_data_root()
        there = Study.load(made.file, data_root=str(tmp_path))
        assert there.lacking == () and there.require_data_root() is None
        with pytest.raises(UsageError, match=lacking):
            runner.run_spec(made.spec(Path("retrieval/bucc2018/from-none/seed1")))
    assert (
        study(tmp_path, GOOD + "source: hub\nencoder: pretrained\npretrain: {steps: 10}\n")
        .lacking[0]
        .startswith("phase 1 needs")
    )


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("mnii", "encoder is 'mnii': did you mean 'mini'.*Legal: mini, pretrained, a hub name"),
        ("./nowhere", "encoder is './nowhere': there is no such folder .*Legal: mini"),
        ("{folder}/mini_xmlr", "there is no such folder .*: did you mean '.*/mini_xlmr'"),
        ("{folder}/empty", "that folder has no config.json"),
        ("a b", "encoder is 'a b'. Legal"),
    ],
)
def test_an_encoder_that_cannot_be_there(tmp_path: Path, encoder: str, message: str) -> None:
    shutil.copytree(encoder_files.shipped(), tmp_path / "mini_xlmr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        check_encoder(encoder.format(folder=tmp_path), "my_study.yaml: encoder")
    for good in (
        "mini",
        "pretrained",
        "xlm-roberta-large",
        "FacebookAI/xlm-roberta-large",
        str(tmp_path / "mini_xlmr"),
    ):
        check_encoder(good, "my_study.yaml: encoder")


def test_empty_blocks_and_recipes_are_nothing(tmp_path: Path) -> None:
    assert study(tmp_path, GOOD + "train:\ntasks:\nretrieval: {}\n").specs == study(tmp_path).specs
