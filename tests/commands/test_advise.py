"""`xstilts advise` on the kept runs: a target, a language, rows of one's own, mistakes."""

import json
import shutil
from pathlib import Path

import explored_study
import made_studies
import pytest

from xstilts_core import tasks
from xstilts_core.commands import cli
from xstilts_core.files.encoder_files import shipped
from xstilts_core.files.paths import home
from xstilts_core.jobs import halving
from xstilts_core.jobs.estimate import forecast
from xstilts_core.phases import embeddings
from xstilts_core.study import Study


def advise(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["advise", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_measured_target(capsys):
    assert cli.main(["advise", "tydiqa"]) == 0
    out = capsys.readouterr().out
    assert (
        "before tydiqa (span), from gains on 10 targets (measured), 10 targets (published)" in out
    )
    assert "1  squad_v1" in out and "+12.1 on tydiqa (measured, 3 runs)" in out
    assert "the target's format" in out and "Points lost by the first choice" in out
    assert "xstilts notebook 20_intermediate -p recipe squad_v1 -p tasks '[squad_v1]'" in out
    assert "21_target -p recipe squad_v1 -p train_on tydiqa -p targets '[tydiqa]'" in out


def test_nothing_helps_retrieval_in_swahili(capsys):
    code, out, _ = advise(capsys, "tatoeba", "--languages", "sw", "--studies", "measured", "--json")
    answer = json.loads(out)
    first, *others = answer["ranks"]
    assert code == 0 and answer["language"] == "sw" and answer["rule"] == "the model"
    assert first["recipe"] == "none" and first["reasons"] == "the target alone"
    assert first["commands"] == ["xstilts notebook 22_retrieval -p recipe none -p task tatoeba"]
    assert len(others) == 10 and all(row["gain"] < 0 for row in others)
    assert all(row["low_95"] <= row["low_80"] <= row["gain"] <= row["high_80"] for row in others)


@pytest.fixture
def rows(tmp_path):
    """60 pairs: questions and answers."""
    path = tmp_path / "my_rows.jsonl"
    lines = [
        {"text_a": f"Is {number} even?", "text_b": "It is.", "label": str(number % 2)}
        for number in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_rows_of_ones_own(capsys, rows):
    code, out, _ = advise(capsys, "--data", str(rows), "--format", "pair")
    assert code == 0 and "before my_rows (pair)" in out
    assert "xstilts export by_hand/intermediate/" in out and "similarity" not in out


def test_texts_are_compared_and_each_is_embedded_once(capsys, rows, tmp_path, monkeypatch):
    """A second answer reads the vectors; an interrupted first one leaves those that it has."""
    monkeypatch.setattr(embeddings, "_EXAMPLES", 4)
    monkeypatch.setattr(forecast, "run_seconds", lambda specs, *_, **__: [120.0] * len(specs))
    typed = ("--data", str(rows), "--format", "pair", "--encoder", "mini", "--costs")
    typed = (*typed, "--outputs", str(tmp_path), "--studies", "measured")
    code, out, _ = advise(capsys, *typed)
    assert code == 0 and "similarity of texts 0." in out and "most similar texts" in out
    assert "training" in out and out.count("2.0 min") == 10, "of phase 2, not of rows of one's own"
    (folder,) = (tmp_path / "embeddings").iterdir()
    digests = (folder / "texts.txt").read_text().split()
    vectors = (folder / "vectors.bin").read_bytes()
    assert len(set(digests)) == len(digests) > 50
    (folder / "texts.txt").write_text("\n".join(digests[:40]) + "\n")
    assert advise(capsys, *typed)[1] == out
    assert (folder / "texts.txt").read_text().split() == digests
    assert len((folder / "vectors.bin").read_bytes()) == len(vectors)


@pytest.fixture
def study(tmp_path) -> Path:
    """A study of mnli and ccg, planned."""
    path = tmp_path / "my_study.yaml"
    path.write_text(explored_study.YAML, encoding="utf-8")
    return path


@pytest.mark.parametrize("own", [True, False])
def test_encoders_of_a_study_are_scored(capsys, rows, tmp_path, monkeypatch, study, own):
    """They are copies of the baseline's, so that no label can be read off them any better."""
    monkeypatch.setattr(embeddings, "_ROWS", 6)
    for recipe in ("mnli", "ccg"):
        shutil.copytree(shipped(), tmp_path / f"my_study/intermediate/{recipe}/seed1/model")
    target = ("--data", str(rows), "--format", "pair") if own else ("xnli",)
    typed = (*target, "--models", str(study), "--outputs", str(tmp_path), "--json")
    typed = (*typed, "--studies", "measured")
    code, out, _ = advise(capsys, *typed)
    reasons = {row["recipe"]: row["reasons"] for row in json.loads(out)["ranks"]}
    scores = "its encoder against the baseline's: H-score +0.000, log evidence +0.000"
    assert code == 0 and scores in reasons["mnli"] and scores in reasons["ccg"]
    assert "H-score" not in reasons["qqp"]
    assert advise(capsys, *typed)[1] == out


def test_a_study_without_models(capsys, tmp_path, study):
    typed = ("xnli", "--models", str(study), "--outputs", str(tmp_path))
    code, _, error = advise(capsys, *typed)
    assert code == 2 and "--models my_study: no model of mnli, ccg is on this disk" in error
    assert "(xstilts run my_study)" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a target of the suite (xstilts tasks), or rows with --data FILE"),
        (["xnil"], "unknown target 'xnil' in xstilts advise: did you mean 'xnli'?"),
        (["xnli", "--languages", "xx"], "unknown language 'xx' in --languages"),
        (["xnli", "--languages", "gu"], "unknown language of measured gains 'gu' in measured"),
        (["xnli", "--studies", "smok"], "smok"),
        (["xnli", "--models", "smok"], "smok"),
        (["xnli", "--models", "published"], "--models published: no model of any recipe"),
        (["xnli", "--models", "measured"], "--models measured: no model of anli_plus, mnli"),
        (["--data", "my.jsonl"], "--data FILE and --format F belong together"),
        (["xnli", "--encoder", "mini", "--source", "file"], "unknown source 'file'"),
    ],
)
def test_mistakes_are_one_sentence(capsys, arguments, message):
    code, out, error = advise(capsys, *arguments)
    assert code == 2 and not out and error.count("\n") == 1
    assert error.startswith("xstilts advise: ") and message in error


def test_a_file_with_the_name_of_a_task(capsys, rows):
    path = rows.rename(rows.with_name("xnli.jsonl"))
    code, _, error = advise(capsys, "--data", str(path), "--format", "pair")
    assert code == 2 and "xnli is a task of the suite: rename the file" in error


def test_an_encoder_that_does_not_know_the_letters(capsys, rows):
    text = rows.read_text(encoding="utf-8").replace("even", "ქართული ენა ძალიან ლამაზია")
    rows.write_text(text, encoding="utf-8")
    code, _, error = advise(capsys, "--data", str(rows), "--format", "pair", "--encoder", "mini")
    assert code == 2 and "encoder 'mini' does not know the letters of my_rows" in error


@pytest.fixture
def no_runs(monkeypatch):
    """Trials whose time is known and spent before a run ends."""
    monkeypatch.setattr(halving, "_share", lambda *_: 0.1)
    monkeypatch.setattr(halving, "_run", lambda *_: False)


def test_a_budget_that_ends_early_gives_the_answer_without_it(capsys, tmp_path, no_runs):
    code, out, said = advise(capsys, "udpos", "--budget", "3", "--outputs", str(tmp_path), "--json")
    assert code == 0 and json.loads(out)["ranks"], "nothing but the answer"
    assert "round 1 of 4: 10 recipes, 1 seed, 2:" in said
    assert "The budget of 3 minutes ended before a gain was measured" in said
    trial = Study.load(str(tmp_path / "advise_udpos" / "advise_udpos.yaml"), str(tmp_path))
    assert trial.targets == ["udpos"] and trial.encoder == "mini" and len(trial.recipes) == 11


def test_rows_of_ones_own_are_measured_as_a_target(capsys, tmp_path, no_runs, rows, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(made_studies.project(tmp_path / "project"))
    options = ["--format", "pair", "--languages", "sw", "--outputs", str(tmp_path / "out")]
    try:
        code, out, _ = advise(capsys, "--data", str(rows), *options, "--budget", "3")
        assert code == 0 and "before my_rows (pair), in Swahili" in out
        assert (tmp_path / "out" / "advise_my_rows" / "advise_my_rows.yaml").is_file()
        assert (home() / tasks.OWN / "my_rows.yaml").is_file()
        assert tasks.task("my_rows").languages == ("sw",)
        # From now on it has a name.
        code, out, _ = advise(capsys, "my_rows")
        assert code == 0 and "21_target -p recipe" in out and "-p targets '[my_rows]'" in out
    finally:
        for table in (tasks.TASKS, tasks.FORMATS):
            table.pop("my_rows", None)
        tasks.TARGET_NAMES.remove("my_rows")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget", "0"], "--budget 0: give a number of minutes above 0"),
        (["--budget", "9", "--source", "files"], "--budget with --source files needs --encoder E"),
        (["--budget", "9", "--like", "minni"], "unknown study 'minni' in params/: did you mean"),
        (["--budget", "9", "--jobs", "0"], "--jobs 0: give 1 or more"),
        (
            ["--budget", "9", "--languages", "fi"],
            "udpos: no labelled test data in fi (source mini)",
        ),
    ],
)
def test_mistakes_with_a_budget_are_said_before_anything_is_written(
    capsys, tmp_path, no_runs, options, words
):
    code, out, said = advise(capsys, "udpos", *options, "--outputs", str(tmp_path))
    assert code == 2 and words in said and not out
    assert not list(tmp_path.iterdir())
