"""`--source` and `--encoder`: one study's file for the hub and for a machine without it; what was
given is remembered beside the runs."""

import base64
import json
import shutil
from pathlib import Path

import pytest
from made_studies import load
from test_cli import TINY, command, project  # noqa: F401

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.jobs import grid
from xstilts_core.publish.cards import command as study_command
from xstilts_core.study import Study, study_file
from xstilts_core.study.spec import DataSpec
from xstilts_core.study.weights import fingerprint

HUB = TINY.replace("recipes:", "source: hub\nencoder: intfloat/multilingual-e5-small\nrecipes:")


def encoders_of(study: Study) -> set[str]:
    return {spec.encoder for spec in study.specs if hasattr(spec, "encoder")}


def again(study: Study, **given: str) -> Study:
    return Study.load(study.file, study.outputs, study.data_root, given)


def test_what_is_given_stands_in_place_of_the_file(tmp_path: Path) -> None:
    study = load(tmp_path, HUB)
    assert study.given == {} and isinstance(study.specs[0], DataSpec)
    given = again(study, source="files", encoder="my/encoder")
    assert given.given == {"source": "files", "encoder": "my/encoder"}
    assert {spec.source for spec in given.specs} == {"files"} and encoders_of(given) == {
        "my/encoder"
    }
    assert not any(isinstance(spec, DataSpec) for spec in given.specs)
    assert given.lacking == (
        "source files needs data_root: the folder that holds the original files",
    )
    assert again(study, source="hub", encoder="").given == {}


def test_snakemake_is_told(tmp_path: Path) -> None:
    given = again(load(tmp_path, HUB), encoder="my/encoder")
    told = grid.command(given, ["grid"], 1, "local")[-1].partition("grid=")[2]
    settings = json.loads(base64.urlsafe_b64decode(told))
    assert (settings["source"], settings["encoder"]) == ("hub", "my/encoder")


def test_what_was_given_is_remembered_until_file_or_command_say_otherwise(tmp_path: Path) -> None:
    study = load(tmp_path, TINY)
    shutil.copytree(study_file.encoder_files.shipped(), tmp_path / "encoder")
    folder = str(tmp_path / "encoder")
    with grid.only_grid(again(study, encoder=folder)) as _:
        pass
    assert encoders_of(again(study)) == {folder}
    assert encoders_of(again(study, encoder="mini")) == {"mini"}
    load(tmp_path, TINY.replace("recipes:", "encoder: FacebookAI/xlm-roberta-base\nrecipes:"))
    assert encoders_of(again(study)) == {"FacebookAI/xlm-roberta-base"}
    load(tmp_path, TINY)
    with grid.only_grid(again(study, encoder="mini")) as _:
        pass
    assert (
        encoders_of(again(study)) == {"mini"} and not (study.root / study_file.OVERRIDES).exists()
    )


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", '{"encoder": 3}', '{"encoder": ["mini"]}', "null"]
)
def test_a_damaged_memory_says_nothing(tmp_path: Path, text: str) -> None:
    study = load(tmp_path, TINY)
    results.write_text(study.root / study_file.OVERRIDES, text)
    assert again(study).given == {}


def test_the_parts_of_a_study_are_given_it_too(tmp_path: Path) -> None:
    load(tmp_path, TINY, "first")
    group = load(tmp_path, "title: Both\nparts: [first]\n", "both")
    (member,) = again(group, encoder="my/encoder").members
    assert encoders_of(member) == {"my/encoder"}


def test_a_data_card_says_what_was_given_and_no_place_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    study = again(load(tmp_path, HUB), source="files", encoder=str(tmp_path / "encoder"))
    assert study_command(study, []) == (
        "xstilts run made_up.yaml --source files --encoder DIR/encoder"
    )


@pytest.mark.parametrize("name", ["check", "run"])
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["--source", "fils"],
            "unknown source 'fils' in --source: did you mean 'files'? legal: files, hub, mini",
        ),
        (["--encoder", "minni"], "--encoder is 'minni': did you mean 'mini'?"),
        (["--encoder", "./nowhere"], "there is no such folder"),
        (["--encoder", "empty"], "that folder has no config.json"),
        (["--encoder", "encoders/mado"], "did you mean 'encoders/made'?"),
        (["--encoder", "encoders"], "did you mean 'encoders/made'?"),
        (["--encoder", "broken"], "config.json is not valid JSON"),
    ],
)
def test_mistakes_are_told_before_any_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    typed: list[str],
    message: str,
) -> None:
    for place, content in {"encoders/made": "{}", "broken": "{"}.items():
        results.write_text(tmp_path / place / "config.json", content)
    for folder in ("empty", "encoders/mado"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    assert cli.main([name, "quick", "--outputs", "outputs", *typed]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
@pytest.mark.release
def test_a_grid_with_another_encoder_and_its_status_without_the_option(
    project: Path,  # noqa: F811
    encoders: dict[str, Path],
) -> None:
    shutil.copytree(encoders["xlmr"], project / "encoder")
    planned = command("run", "tiny", "--encoder", "encoder", "--dry-run", folder=project)
    assert (
        "encoder encoder in place of what" in planned.communicate()[0] and planned.returncode == 0
    )
    assert not (project / "outputs").exists()
    run = command("run", "tiny", "--encoder", "encoder", "--jobs", "2", folder=project)
    assert "5 of 5 runs done" in run.communicate()[0] and run.returncode == 0
    root = project / "outputs/tiny"
    made = {path: json.loads(path.read_text()) for path in root.glob("target/**/result.json")}
    assert {result["identity"]["fingerprint"] for result in made.values()} == {
        fingerprint(project / "encoder")
    }
    assert "finished runs: 5" in (root / "report/index.html").read_text()
    status = command("status", "tiny", folder=project).communicate()[0]
    assert "5 done" in status and "encoder encoder in place of what" in status
    assert "5 done, 0 to do" in command("run", "tiny", "--dry-run", folder=project).communicate()[0]
    shutil.move(
        project / "encoder", project / "elsewhere"
    )  # results can be read where their encoder is not
    assert "5 done" in command("status", "tiny", folder=project).communicate()[0]
    assert (
        "5 done, 0 to do"
        in command(
            "run", "tiny", "--encoder", "elsewhere", "--dry-run", folder=project
        ).communicate()[0]
    )
    assert (
        "5 of them stale"
        in command("run", "tiny", "--encoder", "mini", "--dry-run", folder=project).communicate()[0]
    )
