"""Published scores as the package has them: whole, with their terms; broken tables and studies of
them are refused."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from xstilts_core.analysis.abilities import COLUMNS, ordered, published_scores
from xstilts_core.errors import UsageError
from xstilts_core.study import Study
from xstilts_core.study.published import FOLDER, REFERENCES, reference

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_is_whole_and_says_whose_it_is(name: str) -> None:
    entry = reference(name)
    published = {
        path for path in FOLDER.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {entry.scores, entry.baseline, entry.terms} <= published
    assert (
        "copyright" in entry.terms.read_text(encoding="utf-8").lower()
        and entry.citation
        and entry.url.startswith("https://")
    )
    table = published_scores(name)
    assert (
        list(table) == COLUMNS
        and table["score"].between(0, 100).all()
        and table["score"].max() > 90
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "qqp,target,rte,1,87.4",
            r"line 3: a score that is not between 0 and 1: qqp, target, rte, 1, 87.4",
        ),
        ("qqp,target,rte,1,", r"line 3: a score that is not between 0 and 1"),
        ("mnli,target,rte,1,0.5", r"line 3: a cell that occurs twice"),
    ],
)
def test_a_broken_table_is_refused(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xstilts_core.study.published.FOLDER", tmp_path)
    entry = reference("pruksachatkun2020")
    shutil.copy(FOLDER / entry.baseline.name, tmp_path)
    entry.scores.write_text(
        f"intermediate,kind,task,run,score\nmnli,target,rte,1,0.8\n{line}\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match=message):
        published_scores(entry.name)
    entry.scores.write_text("intermediate,task,run,score\nmnli,rte,1,0.8\n", encoding="utf-8")
    with pytest.raises(UsageError, match="lacks the columns kind"):
        published_scores(entry.name)


def test_names_without_a_baseline_are_refused() -> None:
    table = pd.DataFrame([("mnli", 1, "target", "rte", 80.0)], columns=COLUMNS)
    with pytest.raises(UsageError, match="scores of the task rte, which nothing else mentions"):
        ordered(table, ["mnli"], ["boolq"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("published: pruksachatkun2020", "title is missing: one line: the question"),
        (
            "title: T\npublished: pruksachatkun",
            "unknown published scores 'pruksachatkun' in .*mine.yaml, line 2, published: did you mean 'pruksachatkun2020'",
        ),
        ("title: T\npublished:", "published is None: it must be text"),
        (
            "title: T\npublished: pruksachatkun2020\nseeds: [1]",
            "seeds and published exclude each other: .* Legal: title, published, reports",
        ),
        (
            "title: T\npublished: pruksachatkun2020\nrecipes:",
            "recipes and published exclude each other",
        ),
        (
            "title: T\npublished: pruksachatkun2020\nencoder: mini",
            "encoder and published exclude each other",
        ),
        (
            "title: T\npublished: pruksachatkun2020\nreport: [a]",
            "unknown key 'report' .* did you mean 'reports'",
        ),
        (
            "title: T\npublished: pruksachatkun2020\nreports: [30_transfer]",
            "unknown report on published scores '30_transfer' .* 31_correlations",
        ),
    ],
)
def test_a_mistake_in_a_study_of_published_scores(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        Study.load(str(path), str(tmp_path / "outputs"))
