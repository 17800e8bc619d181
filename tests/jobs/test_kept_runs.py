"""Runs that are kept in reference/: reports equal those of the study to the byte, seeds join, no
run takes another's place."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import explored_study
import pytest
from test_reports import read

from xstilts_core import analysis, results
from xstilts_core.analysis.items import read_predictions
from xstilts_core.errors import UsageError
from xstilts_core.explore import Explorer, Gains, Reader
from xstilts_core.explore.reader import first_shown, studies
from xstilts_core.files.paths import HOME
from xstilts_core.jobs import kept_runs, sharing
from xstilts_core.jobs.estimate import forecast
from xstilts_core.phases.embeddings import parallel_sentences
from xstilts_core.publish import cards, records
from xstilts_core.study import Study
from xstilts_core.study.identity import CORE_VERSION
from xstilts_core.study.study_kinds import references
from xstilts_core.wording.text import sentences

REPORTS = ("00_study", "30_transfer", "31_correlations", "32_languages", "60_paper", "61_claims")
YAML = explored_study.YAML.replace("[1, 2, 3]", "[1, 2]")


def shown(folder: Path, reference: Path | str, name: str = "measured") -> Study:
    """A study that shows the runs kept in `reference`, unpacked."""
    path = folder / f"{name}.yaml"
    path.write_text(f"title: What was measured\nreference: {reference}\n", encoding="utf-8")
    return kept_runs.ready(Study.load(str(path), str(folder / "shown")))


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Study:
    return explored_study.make(tmp_path_factory.mktemp("original"), YAML)


@pytest.fixture(scope="module")
def reference(original, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "explored"
    kept_runs.pack(original, folder)
    cards.write_tables(folder)
    return folder


@pytest.fixture(scope="module")
def measured(reference, tmp_path_factory) -> Study:
    return shown(tmp_path_factory.mktemp("shown"), reference)


@pytest.fixture
def copy(original, tmp_path) -> Study:
    """The study in a folder of its own, whose results may be changed."""
    shutil.copytree(original.root, tmp_path / "outputs" / "explored")
    return Study.load(original.file, str(tmp_path / "outputs"))


def change(study: Study, name: str, change: Callable[[results.Result], results.Result]) -> None:
    path = study.root / name / results.RESULT
    path.write_text(results.text(change(results.read(path))), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lines(path: Path) -> list[dict]:
    return [
        json.loads(line) for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS)
def test_every_table_of_a_report_is_that_of_the_study_to_the_byte(
    report, original, measured, monkeypatch
) -> None:
    for study in (original, measured):
        read(report, study, monkeypatch)
    tables = [
        {path.name: path.read_bytes() for path in (study.root / "report" / report).glob("*.csv")}
        for study in (original, measured)
    ]
    assert tables[0] == tables[1] and len(tables[0]) >= 4
    if report == "30_transfer":
        assert (
            tables[0]["gains.csv"].count(b"seeds and items") > 5
            and tables[0]["item_tests.csv"].count(b"\n") > 5
        )


def test_scores_and_resampled_items_are_those_of_the_study(original, measured, reference) -> None:
    one, other = (analysis.finished(study) for study in (original, measured))
    assert len(one) and one.drop(columns="study").equals(other.drop(columns="study"))
    before, after = (analysis.item_scores(study, draws=50) for study in (original, measured))
    assert before.keys() == after.keys() and all(
        (before[key] == after[key]).all() for key in before
    )
    gains = analysis.gain_table(
        analysis.gain_draws(
            analysis.contenders(one, original.controls), analysis.item_scores(original)
        )
    )
    assert (reference / "gains.csv").read_text() == gains.round(4).to_csv(index=False)


def test_what_is_kept_has_no_text_no_answer_and_no_place_of_the_machine(
    original, reference
) -> None:
    packed = sorted(reference.glob("*.jsonl.gz"))
    assert [path.name for path in packed] == [
        f"seed{seed}.{what}.jsonl.gz" for seed in (1, 2) for what in ("items", "runs")
    ]
    text = "".join(gzip.decompress(path.read_bytes()).decode("utf-8") for path in packed)
    assert (
        '"gold"' not in text.replace('["true_positive","predicted","gold"', "")
        and '"prediction"' not in text
    )
    answers = {
        str(line["gold"])
        for path in original.root.rglob("xquad.de.jsonl.gz")
        for line in lines(path)[1:]
    }
    assert len(answers) > 10 and not any(answer in text for answer in answers)
    assert original.outputs not in text and original.outputs not in "".join(
        path.read_text() for path in reference.glob("*.*[dv]")
    )
    assert (
        sum(path.stat().st_size for path in packed)
        < 40_000
        < sum(path.stat().st_size for path in original.root.rglob("*.gz"))
    )


def test_an_encoder_that_is_a_folder_is_named_as_the_study_names_it(
    copy, tmp_path, monkeypatch
) -> None:
    def elsewhere(result: results.Result) -> results.Result:
        made = replace(
            result.identity,
            settings={**result.identity.settings, "encoder": "/home/me/e5"},
            fingerprint="0" * 64,
        )
        return replace(
            result,
            identity=made,
            spec={**result.spec, "encoder": "/home/me/e5", "data_root": "/home/me/data"},
        )

    change(copy, MNLI, elsewhere)
    monkeypatch.setattr(results, "difference", lambda *_: "")
    folder = tmp_path / "kept"
    kept_runs.pack(copy.part([1]), folder)
    line = next(line for line in lines(folder / "seed1.runs.jsonl.gz") if line["folder"] == MNLI)
    assert (
        "/home/me" not in json.dumps(line) and line["result"]["identity"]["fingerprint"] == "0" * 64
    )
    assert (
        line["result"]["spec"]["encoder"] == "mini" and kept_runs.pack(copy.part([1]), folder) == []
    )


def test_the_readme_counts_what_is_kept(original, reference) -> None:
    text = (reference / "README.md").read_text(encoding="utf-8")
    done = len(original.specs)
    assert f"{done} finished runs of {done} (seeds: 1, 2)" in text and "are kept" not in text
    commit = results.read(original.specs[0].folder / results.RESULT).provenance["commit"]
    assert commit[:12] in text and "cpu" in text and "xstilts run explored" in text
    rows = (reference / "runs.csv").read_text().splitlines()
    assert len(rows) == done + 1 and all(commit[:12] in row for row in rows[1:])


def test_an_encoder_that_was_trained_on_the_tasks_before_is_said_to_be(
    original, reference, tmp_path
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "laptop"))
    (folder / "study.yaml").write_text(
        f"encoder: intfloat/multilingual-e5-small\n{YAML}train: {{train_examples: 500}}\n",
        encoding="utf-8",
    )
    study = cards.write_tables(folder)
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert (
        study.name == "laptop"
        and "not a plain masked language model" in text
        and "at most 500 rows" in text
    )
    assert "not a plain masked" not in (reference / "README.md").read_text(encoding="utf-8")


def test_packing_again_changes_no_byte(original, reference, tmp_path) -> None:
    before = contents(reference)
    assert (
        kept_runs.pack(original, reference) == []
        and cards.write_tables(reference)
        and contents(reference) == before
    )
    kept_runs.pack(original, tmp_path / "again")
    assert contents(tmp_path / "again").items() <= before.items()


def test_a_seed_of_another_machine_joins_those_that_are_there(
    original, copy, reference, tmp_path
) -> None:
    folder = tmp_path / "kept" / "explored"
    for spec in copy.specs:
        if spec.seed == 2:
            shutil.rmtree(spec.folder)
    shutil.rmtree(copy.root / "target" / "squad_v1" / "from-ccg")
    kept_runs.pack(copy, folder)
    assert len(cards.write_tables(folder).seeds) == 1
    assert "Seed 2 is not kept" in (folder / "README.md").read_text(encoding="utf-8")
    half = shown(tmp_path, folder)
    assert half.seeds == [1] and {entry.state for entry in results.states(half.specs)} == {
        "done",
        "missing",
    }
    first = contents(folder)
    # What was made since then joins, of either seed; the rest stands as it was.
    added = kept_runs.pack(original, folder)
    assert {name.rpartition("/")[2] for name in added} == {"seed1", "seed2"}
    cards.write_tables(folder)
    assert (
        contents(folder) == contents(reference)
        and first["seed1.items.jsonl.gz"] != contents(folder)["seed1.items.jsonl.gz"]
    )
    whole = shown(tmp_path, folder)
    assert whole.seeds == [1, 2] and {entry.state for entry in results.states(whole.specs)} == {
        "done"
    }


MNLI = "target/mnli/from-mnli/seed1"
CHANGES = {
    "other settings": (MNLI, "settings", "it was made with other learning_rate;"),
    "another seed's settings": (
        "target/mnli/from-mnli/seed2",
        "settings",
        "it was made with other learning_rate;",
    ),
    "another core": (
        MNLI,
        "versions",
        f"it was made with version {CORE_VERSION} of the core, now {CORE_VERSION + 1};",
    ),
    "other rows": (MNLI, "files", "it was made with other rows of xnli/test.tsv;"),
    "another encoder": (MNLI, "fingerprint", "it was made with other weights;"),
    "what it starts from": (
        MNLI,
        "parents",
        ": starts from intermediate/mnli/seed1, which was made with other epochs;",
    ),
    "other scores": (
        MNLI,
        "scores",
        "it was made with the same settings but has different scores;",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_run_takes_no_other_runs_place(case, original, copy, reference, monkeypatch) -> None:
    name, what, message = CHANGES[case]

    def other(result: results.Result) -> results.Result:
        made = result.identity
        new = {
            "settings": {**made.settings, "learning_rate": 0.5},
            "versions": {**made.versions, "the core": CORE_VERSION + 1},
            "files": {"xnli/test.tsv": (5, 7, "abc")},
            "fingerprint": "0" * 64,
            "parents": tuple(
                replace(parent, settings={**parent.settings, "epochs": 9})
                for parent in made.parents
            ),
        }
        changed = replace(made, **{what: new[what]}) if what in new else made
        provenance = {
            **result.provenance,
            "commit": "fedcba9876543210",
            "device": "another machine",
        }
        scores = (
            [replace(score, value=score.value + 1) for score in result.scores]
            if what == "scores"
            else result.scores
        )
        return replace(result, identity=changed, scores=scores, provenance=provenance)

    change(copy, name, other)
    monkeypatch.setattr(
        results, "difference", lambda *_: ""
    )  # it is what its study asks for: an older commit's, say
    folder, before = reference, contents(reference)
    if name.endswith("seed2"):
        folder = reference.parent / "first"
        kept_runs.pack(original.part([1]), folder)
        before = contents(folder)
    with pytest.raises(UsageError) as error:
        kept_runs.pack(copy, folder)
    assert message in str(error.value)
    made = original.root / MNLI / results.RESULT
    assert results.read(made).provenance["commit"][:12] in str(
        error.value
    ) and "fedcba987654 on another machine" in str(error.value)
    assert name in str(error.value) and contents(folder) == before


def test_unpacking_follows_what_is_kept(reference, original, tmp_path) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "kept"))
    study = shown(tmp_path, folder)
    made = study.root / MNLI / results.RESULT
    before = made.stat().st_mtime_ns
    assert kept_runs.ready(study) is study and made.stat().st_mtime_ns == before
    for path in folder.glob("seed2.*"):
        path.unlink()
    again = shown(tmp_path, folder)
    assert (
        again.seeds == [1]
        and not list(study.root.rglob("seed2"))
        and made.stat().st_mtime_ns != before
    )
    broken = folder / "seed1.runs.jsonl.gz"
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"seed1\.runs\.jsonl\.gz cannot be read"):
        shown(tmp_path, folder)


def test_kept_runs_are_shown_as_they_are(measured, monkeypatch) -> None:
    monkeypatch.setattr("xstilts_core.study.identity.CORE_VERSION", 99)
    assert {(entry.state, entry.reason) for entry in results.states(measured.specs)} == {
        ("done", "")
    }
    assert "version" not in sentences("remarks", **analysis.remarks(measured))


def test_what_a_kept_run_lacks_is_said(original, measured, tmp_path) -> None:
    path = measured.root / MNLI / "predictions" / "xnli.de.jsonl.gz"
    for ask in (
        lambda: read_predictions(path, answers=True),
        lambda: Reader(measured).compared("xnli", "de", 1, "none", "mnli"),
    ):
        with pytest.raises(
            UsageError,
            match=r"has no texts, gold answers or predictions: run that study yourself",
        ):
            ask()
    assert read_predictions(original.root / MNLI / "predictions" / "xnli.de.jsonl.gz", answers=True)
    with pytest.raises(UsageError, match="no models are kept"):
        parallel_sentences(measured, "mnli", 1)
    with pytest.raises(UsageError, match="no models are kept, only scores"):
        records.model_folder(records.find(str(measured.root / "intermediate" / "mnli" / "seed1")))
    # Nobody trains on with them, and another machine's seconds say nothing of this one's.
    other = tmp_path / "other.yaml"
    other.write_text(YAML + "shares: [measured]\n", encoding="utf-8")
    (tmp_path / "measured.yaml").write_text("", encoding="utf-8")
    assert sharing.gather(Study.load(str(other), measured.outputs)) == []
    assert forecast.finished(Path(measured.outputs)) == [] and forecast.finished(
        Path(original.outputs)
    )


def test_the_explorer_says_what_it_cannot_show_of_kept_runs(measured) -> None:
    view = Gains(Reader(measured))
    view.open("mnli/xnli")
    assert "Swahili" in view.languages()
    view.open_items("de/1")
    with pytest.raises(UsageError, match="has no texts, gold answers or predictions"):
        view.flips()


def test_the_explorer_opens_kept_runs_where_there_is_no_study_of_ones_own(
    original, reference, tmp_path, monkeypatch
) -> None:
    for name in ("notebooks", "params", "reference"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv(HOME, str(tmp_path))
    shutil.copytree(reference, tmp_path / "reference" / "explored")
    (tmp_path / "params" / "measured.yaml").write_text(
        "title: What was measured\nreference: explored\n", encoding="utf-8"
    )
    (tmp_path / "params" / "absent.yaml").write_text(
        "title: Not there\nreference: nowhere\n", encoding="utf-8"
    )
    (tmp_path / "params" / "own.yaml").write_text(YAML, encoding="utf-8")
    assert references() == ["measured"] == studies() and first_shown(studies()) == "measured"
    page = Explorer()
    assert (
        page.choice.value == "measured"
        and "runs from another machine" in page.title.html
        and len(page.reader.frame)
    )
    # A study of one's own comes first as soon as it has scores of targets.
    own = Study.load("own")
    shutil.copytree(original.root / "intermediate", own.root / "intermediate")
    assert studies() == ["own", "measured"] and first_shown(studies()) == "measured"
    shutil.copytree(original.root / "target", own.root / "target")
    assert first_shown(studies()) == "own" and Explorer().choice.options == (
        ("own", "own"),
        ("measured", "measured"),
    )
