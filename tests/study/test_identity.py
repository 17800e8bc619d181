"""One answer to "is this the result that the study asks for?": what makes which runs of quick's
grid stale, wherever it is asked."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from made_studies import load

from xstilts_core import analysis, mini, results
from xstilts_core.commands.cli import main
from xstilts_core.data.readers import text
from xstilts_core.data.source import Files, source_of
from xstilts_core.files import encoder_files
from xstilts_core.jobs import grid, sharing
from xstilts_core.results import RESULT, Score
from xstilts_core.study import Study, identity
from xstilts_core.study.spec import SPECS, PretrainSpec, Spec, TargetSpec
from xstilts_core.wording.text import sentences

QUICK = (Path(__file__).parents[2] / "params" / "quick.yaml").read_text(encoding="utf-8")
RECIPES = tuple(f"from-{name}/" for name in ("anli_plus", "squad_v1", "hellaswag", "ccg"))
TRAINED = ("intermediate/", "target/", *RECIPES)
PHASE2 = "from-anli_plus/", "intermediate/anli_plus/"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """git need not be asked for each of its runs."""
    monkeypatch.setattr(results, "git", lambda *words: "")


def finish(study: Study) -> Study:
    """Every run done."""
    for spec in study.specs:
        results.write(
            spec,
            [
                Score(name, "de", "test", "accuracy", 50.0, 10)
                for name in getattr(spec, "targets", ())
            ],
            "cpu",
            1.0,
        )
    return study


@pytest.fixture
def quick(tmp_path: Path, plain: None) -> Study:
    return finish(load(tmp_path, QUICK))


def stale(study: Study) -> set[str]:
    """Folders of the runs that are not done, the same in every place that tells."""
    found = {
        str(entry.spec.folder.relative_to(study.root))
        for entry in results.states(study.specs)
        if entry.state != "done"
    }
    assert {row["folder"] for row in grid.standing(study) if row["state"] == "stale"} == found
    table = analysis.runs(study)
    assert set(table.loc[table["state"] == "stale", "run"]) == found
    read = {str(Path(result.identity.run)) for result in results.finished(study.specs)}
    assert read == {str(spec.folder.relative_to(study.root)) for spec in study.specs} - found
    return found


def folders(study: Study, *beginnings: str) -> set[str]:
    every = {str(spec.folder.relative_to(study.root)) for spec in study.specs}
    return {name for name in every if any(part in f"{name}/" for part in beginnings)}


SCORING = ("target/", "retrieval/", "probing/", "control/")


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        (
            "  anli_plus: {intermediate: [anli_plus]}",
            "  anli_plus: {intermediate: [anli_plus], learning_rate: 1.0e-5}",
            PHASE2,
        ),
        (
            "intermediate: {train",
            "intermediate: {weight_decay: 0.1, train",
            ("intermediate/", *RECIPES),
        ),
        ("test_examples: 150", "test_examples: 50", ("target/", "control/")),
        ("probes: [", "languages: [en, de]\nprobes: [", SCORING),
        ("seeds: [1, 2, 3]", "seeds: [1, 2, 3]\nprobing: {layer: 1}", ("probing/",)),
        (
            "seeds: [1, 2, 3]",
            "seeds: [1, 2, 3]\nretrieval: {neighbours: 5}",
            ("retrieval/", "control/"),
        ),
        ("train_examples: 8000", "train_examples: 8000, checkpoint_every: 10", ()),
    ],
)
def test_a_change_in_the_file(
    quick: Study, tmp_path: Path, before: str, after: str, parts: tuple[str, ...]
) -> None:
    assert stale(quick) == set()
    assert before in QUICK
    changed = load(tmp_path, QUICK.replace(before, after, 1))
    found = stale(changed)
    if "control/" in parts:  # controls of data alone are fitted to the study's other settings
        assert found - folders(changed, "control/") == folders(changed, *parts) - folders(
            changed, "control/"
        )
    else:
        assert found == folders(changed, *parts)
    assert stale(load(tmp_path, QUICK)) == set()


def newer_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in SPECS.values():
        if "patience" in cls.model_fields:
            monkeypatch.setattr(cls.model_fields["patience"], "default", 31)
            cls.model_rebuild(force=True)


def newer_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(encoder_files.shipped(), tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "config.json").open("a").write("\n")
    monkeypatch.setattr(encoder_files, "shipped", lambda: tmp_path / "checkpoint")


ENCODED = ("intermediate/", "target/", "retrieval/", "probing/")


@pytest.mark.parametrize(
    ("change", "parts", "reason"),
    [
        (lambda patch, _: newer_default(patch), TRAINED, "made with other patience"),
        (
            lambda patch, _: patch.setattr(mini, "VERSION", mini.VERSION + 1),
            ("/",),
            f"made with version {mini.VERSION} of the embedded suite, now {mini.VERSION + 1}",
        ),
        (
            lambda patch, _: patch.setattr(identity, "CORE_VERSION", 9),
            ("/",),
            "made with version 3 of the core, now 9",
        ),
        (newer_checkpoint, ENCODED, "made with other weights"),
    ],
)
def test_a_change_in_the_suite(
    quick: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[..., None],
    parts: tuple[str, ...],
    reason: str,
) -> None:
    try:
        change(monkeypatch, tmp_path)
        changed = load(tmp_path, QUICK)
        assert stale(changed) == folders(changed, *parts)
        assert (
            results.state(
                next(spec for spec in changed.specs if spec.phase == "intermediate")
            ).reason
            == reason
        )
    finally:
        monkeypatch.undo()
        for cls in SPECS.values():
            cls.model_rebuild(force=True)


def rewrite(spec: Spec, change: Callable[[dict[str, Any]], None]) -> None:
    """Another content of a run's result.json."""
    content = json.loads((spec.folder / RESULT).read_text(encoding="utf-8"))
    change(content)
    (spec.folder / RESULT).write_text(json.dumps(content), encoding="utf-8")


def test_a_new_field_that_means_as_before_changes_nothing(quick: Study) -> None:
    for spec in quick.specs:
        rewrite(
            spec,
            lambda content: content["identity"]["settings"].pop(
                "neighbours", content["identity"]["settings"].pop("patience", None)
            ),
        )
        rewrite(spec, lambda content: content["identity"]["settings"].update(a_field_of_the_past=3))
    assert stale(quick) == set()


def test_where_it_runs_changes_nothing(quick: Study, tmp_path: Path) -> None:
    shutil.move(tmp_path / "outputs", tmp_path / "moved")
    study = Study.load(quick.file, str(tmp_path / "moved"))
    assert stale(study) == set()
    for spec in study.specs[::20]:
        elsewhere = spec.model_copy(update={"device": "cuda", "data_root": str(tmp_path)})
        assert results.state(elsewhere).state == "done"


def test_what_starts_from_a_changed_run_says_so(
    quick: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    changed = load(tmp_path, QUICK.replace("[anli_plus]}", "[anli_plus], learning_rate: 1.0e-5}"))
    target = changed.spec(Path("target/udpos/from-anli_plus/seed1"))
    reason = "starts from intermediate/anli_plus/seed1, which was made with other learning_rate"
    assert results.state(target) == results.State(target, "stale", reason)
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["status", changed.file, "--outputs", changed.outputs]) == 0
    said = capsys.readouterr().out
    assert f"stale    target/udpos/from-anli_plus/seed1  ({reason})\n" in said
    assert f"{len(changed.specs) - 30} done, 30 stale" in said.replace(
        "30 stale, 158 done", "158 done, 30 stale"
    )


def test_an_older_result_is_read_and_told(quick: Study, tmp_path: Path) -> None:
    """As versions before identities wrote it."""

    def older(content: dict[str, Any]) -> None:
        given = {
            name: value
            for name, value in content["provenance"].pop("parameters").items()
            if name not in Spec.bookkeeping
        }
        known = {
            name.removeprefix("task "): number
            for name, number in content["identity"]["versions"].items()
            if number > 1 and "task" in name
        }
        content["science"] = {
            **given,
            **({"versions": known} if known else {}),
        }  # of the shipped encoder no fingerprint was kept
        del content["identity"]

    for spec in quick.specs:
        rewrite(spec, older)
    assert {entry.reason for entry in results.states(quick.specs)} == {results.OLDER}
    assert results.state(quick.specs[0]).reason == results.OLDER
    changed = load(tmp_path, QUICK.replace("[anli_plus]}", "[anli_plus], learning_rate: 1.0e-5}"))
    found = {
        str(entry.spec.folder.relative_to(changed.root))
        for entry in results.states(changed.specs)
        if entry.state != "done"
    }
    assert found == folders(changed, *PHASE2)
    given = results.read(quick.specs[0].folder / RESULT).provenance["parameters"]
    assert given["train_examples"] == 8000


# ---- files below data_root

FILES = """
title: Real files
source: files
seeds: [1, 2]
recipes:
  none:
targets: [xnli, udpos]
train: {epochs: 1, batch_size: 2, learning_rate: 1.0e-4, max_length: 32}
"""
ROWS = "".join(
    f"A man reads {count} books.\tSomebody reads.\t{label}\n"
    for count in range(3)
    for label in ("entailment", "neutral")
)
TAGGED = "She\tPRON\nreads\tVERB\n\nHe\tPRON\nsleeps\tVERB\n\n"
NAMES = {
    **{
        f"xnli/{split}-{code}.tsv": ROWS
        for split, code in (("train", "en"), ("dev", "en"), ("dev", "de"))
    },
    **{
        f"udpos/{split}-{code}.tsv": TAGGED
        for split in ("train", "dev", "test")
        for code in ("en", "de")
    },
}


def read(study: Study, seed: int) -> None:
    """The runs of a seed, as far as files go."""
    for spec in study.specs:
        if isinstance(spec, TargetSpec) and spec.seed == seed:
            begun = identity.begin(spec)
            source_of(spec).training(spec.train_on, 0, spec.seed)
            source_of(spec).development(spec.train_on)
            scores = []
            for name in spec.targets:
                split = source_of(spec).test_split(name)
                for code in source_of(spec).evaluated(name, split, ()):
                    count = len(source_of(spec).load(name, split, code))
                    scores.append(
                        Score(
                            name, code, split, "accuracy" if name == "xnli" else "f1", 50.0, count
                        )
                    )
            results.write(spec, scores, "cpu", 1.0, initial_identity=begun)


@pytest.fixture
def rows(tmp_path: Path, plain: None) -> Study:
    for name, content in NAMES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(content, encoding="utf-8")
    load(tmp_path, FILES)
    return Study.load(
        str(tmp_path / "made_up.yaml"), str(tmp_path / "outputs"), str(tmp_path / "data")
    )


def reasons(study: Study) -> dict[str, str]:
    return {
        str(entry.spec.folder.relative_to(study.root)): entry.reason
        for entry in results.states(study.specs)
        if entry.state != "done"
    }


def test_other_rows_make_stale_what_read_them(rows: Study, tmp_path: Path) -> None:
    read(rows, 1)
    read(rows, 2)
    assert reasons(rows) == {}
    made = results.read(rows.specs[0].folder / RESULT).identity.files
    assert set(made) == {name for name in NAMES if name.startswith("xnli")}
    path = tmp_path / "data" / "udpos/test-de.tsv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"sleeps", b"dreams"))
    told = f"made with udpos/test-de.tsv below {tmp_path / 'data'}, which has other rows now"
    udpos = {f"target/udpos/from-none/seed{seed}": told for seed in (1, 2)}
    assert reasons(rows) == udpos
    # Looked at without its data, the study asks the folder that it has read from.
    assert reasons(load(tmp_path, FILES)) == udpos
    path.write_bytes(before)
    assert reasons(rows) == {}, "the time alone is no other content"
    path.unlink()
    assert reasons(rows) == {name: told.replace("has other rows now", "is gone") for name in udpos}
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    assert reasons(rows) == {}, "what cannot be looked up is believed"
    moved = Study.load(rows.file, rows.outputs, str(tmp_path / "elsewhere"))
    assert set(reasons(moved)) == set(udpos)


def test_texts_for_masked_language_modelling_are_all_there_are(rows: Study, tmp_path: Path) -> None:
    spec = PretrainSpec(
        source="files", data_root=str(tmp_path / "data"), outputs=str(tmp_path / "outputs")
    )
    begun = identity.begin(spec)
    assert len(list(Files(spec.data_root).texts((), 1000))) > 4
    results.write(spec, [], "cpu", 1.0, initial_identity=begun)
    assert (
        set(results.read(spec.folder / RESULT).identity.files) == set(NAMES)
        and results.state(spec).state == "done"
    )
    (tmp_path / "data" / "udpos" / "dev-bg.tsv").write_text(TAGGED, encoding="utf-8")
    assert (
        results.state(spec).reason
        == f"made without udpos/dev-bg.tsv, which is below {tmp_path / 'data'} now"
    )


def test_results_are_read_where_their_encoder_is_not(
    tmp_path: Path, encoders: dict[str, Path]
) -> None:
    shutil.copytree(encoders["xlmr"], tmp_path / "model")
    spec = TargetSpec(outputs=str(tmp_path), encoder=str(tmp_path / "model"))
    results.write(spec, [], "cpu", 1.0)
    shutil.rmtree(tmp_path / "model")
    assert results.state(spec).state == "done"
    shutil.copytree(encoders["bert"], tmp_path / "model")
    assert results.state(spec).reason == "made with other weights"


def test_labels_that_come_later_split_no_seeds(rows: Study, tmp_path: Path) -> None:
    """XNLI's labelled test stands there between two seeds: the first was scored on dev, the second
    on test."""
    read(rows, 1)
    for code in ("en", "de"):
        place = tmp_path / "data" / "xnli" / "labelled_test" / f"{code}.genre.test.tsv"
        place.parent.mkdir(exist_ok=True)
        place.write_text(
            f"genre\tlabel\tsentence1_{code}\tsentence2_{code}\nfiction\tneutral\tAn old man reads.\tHe sleeps.\n",
            encoding="utf-8",
        )
    read(rows, 2)
    told = (
        f"made without xnli/labelled_test/en.genre.test.tsv, which is below {tmp_path / 'data'} now"
    )
    assert reasons(rows) == {"target/mnli/from-none/seed1": told}
    scores = analysis.finished(rows)
    assert set(scores.loc[scores["task"] == "xnli", "seed"]) == {2} and set(scores["split"]) == {
        "test"
    }


def test_scores_of_other_test_items_are_left_out_and_named(rows: Study, tmp_path: Path) -> None:
    """Where no data folder tells: the runs of two machines, one with more test items than the
    other."""
    read(rows, 1)
    read(rows, 2)
    shutil.rmtree(tmp_path / "data")
    spec = rows.spec(Path("target/udpos/from-none/seed2"))
    rewrite(
        spec,
        lambda content: (
            content["scores"][0].update(n=50) or content["scores"][1].update(split="dev")
        ),
    )
    assert reasons(rows) == {}
    scores = analysis.finished(rows)
    kept = scores.loc[scores["task"] == "udpos", ["language", "seed"]].itertuples(
        index=False, name=None
    )
    assert sorted(kept) == [("de", 1), ("en", 2)] and set(
        scores.loc[scores["task"] == "xnli", "seed"]
    ) == {1, 2}
    told = sentences("remarks", **analysis.remarks(rows))
    assert (
        "udpos from none, seed 1, in English: test (2 items), where the others have test (50 items)"
        in told
    )
    assert (
        "udpos from none, seed 2, in German: dev (2 items), where the others have test (2 items)"
        in told
    )


def test_a_file_that_changes_while_it_is_read_is_no_record(rows: Study, tmp_path: Path) -> None:
    spec = rows.specs[0]
    begun = identity.begin(spec)
    Files(spec.data_root).load("xnli", "dev", "de")
    (tmp_path / "data" / "xnli" / "dev-de.tsv").write_text(ROWS + ROWS, encoding="utf-8")
    results.write(spec, [], "cpu", 1.0, initial_identity=begun)
    assert "xnli/dev-de.tsv" in results.state(spec).reason
    assert text.opened


def test_equal_runs_of_other_versions_are_shared(quick: Study, tmp_path: Path) -> None:
    """By what they depend on, not by how their versions wrote it down."""
    for spec in quick.specs:
        rewrite(spec, lambda content: content["identity"]["settings"].pop("patience", None))
    other = load(tmp_path, QUICK + "shares: [made_up]\n", "other")
    assert len(sharing.gather(other)) == len(other.specs)
    assert {entry.state for entry in results.states(other.specs)} == {"done"}


def test_it_is_kept_whole(quick: Study) -> None:
    for spec in quick.specs[:: len(quick.specs) // 10]:
        kept = results.read(spec.folder / RESULT).identity
        assert (
            identity.Identity.of(json.loads(json.dumps(asdict(kept))))
            == kept
            == identity.of_spec(spec)
        )
