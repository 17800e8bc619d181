"""`xstilts reference`, `run --seeds`, and studies of kept runs as they are typed: kept_runs.py has
the rest."""

import re
from pathlib import Path

import pytest
from test_cli import TINY, command, project  # noqa: F401

from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.study import Study


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reference: nowhere\n", "reference is 'nowhere': no runs are kept in"),
        (
            "reference: explored\nseeds: [1]\n",
            "seeds and reference exclude each other: the kept runs define the study",
        ),
        ("reference: mini\nreports: [30_transfr]\n", "unknown report notebook '30_transfr'"),
        ("reference: explored\npublished: pruksachatkun2020\n", "exclude each other"),
    ],
)
def test_a_mistake_in_a_study_of_kept_runs_is_named(text, message, tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"title: Mine\n{text}", encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(message)):
        Study.load(str(path))


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("published", "the study has no runs of its own to keep"),
        ("quick", "no run is finished below"),
    ],
)
def test_what_has_no_finished_runs_of_its_own_cannot_be_kept(
    study, message, tmp_path, capsys
) -> None:
    assert (
        cli.main(
            [
                "reference",
                study,
                "--outputs",
                str(tmp_path / "none"),
                "--out",
                str(tmp_path / "kept"),
            ]
        )
        == 2
    )
    assert message in capsys.readouterr().err and not (tmp_path / "kept").exists()


@pytest.mark.slow
@pytest.mark.release
def test_seeds_are_made_apart_kept_and_shown_together(project: Path) -> None:  # noqa: F811
    (project / "params" / "tiny.yaml").write_text(TINY.replace("[1]", "[1, 2]"))

    def done(*arguments: str) -> str:
        process = command(*arguments, folder=project)
        said = process.communicate()[0]
        assert process.returncode == 0, said
        return said

    # Two machines, of which each makes one seed; only what is kept goes from one to the other.
    assert (
        "10 runs" not in (told := done("run", "tiny", "--seeds", "1", "--dry-run"))
        and "5 to do" in told
    )
    for seed, place in (("1", "here"), ("2", "there")):
        assert "5 of 5 runs done" in done("run", "tiny", "--seeds", seed, "--outputs", place)
        assert {
            path.parent.name for path in (project / place / "tiny").rglob("seed*/result.json")
        } == {f"seed{seed}"}
        assert f"seeds {', '.join('12'[: int(seed)])}" in done(
            "reference", "tiny", "--outputs", place
        )
    (project / "params" / "measured.yaml").write_text("title: What was measured\nreference: tiny\n")
    assert "kept in reference (tiny): no training" in done("run", "measured", "--dry-run")
    said = done("run", "measured")
    assert "10 of 10 runs done" in said and "+5.0" in said
    assert (
        "finished runs: 10"
        in (project / "outputs" / "measured" / "report" / "index.html").read_text()
    )
    assert done("status", "measured").splitlines()[-1] == "10 done"
    wrong = command("run", "tiny", "--seeds", "3", folder=project)
    assert "unknown seed 3" in wrong.communicate()[0] and wrong.returncode == 2
    wrong = command("reference", "measured", folder=project)
    assert (
        "the study has no runs of its own to keep" in wrong.communicate()[0]
        and wrong.returncode == 2
    )
