"""Probing: known answers, an encoder that stays as it is, items alike in every language, and probes
that are never taken for targets."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
import torch

from xstilts_core import analysis, results, run
from xstilts_core.analysis.abilities import by_run, tasks_of
from xstilts_core.analysis.study_runs import prediction_files
from xstilts_core.data.source import Embedded, find_source
from xstilts_core.errors import UsageError
from xstilts_core.jobs import grid, runner
from xstilts_core.jobs.estimate.trial import measure
from xstilts_core.jobs.estimate.work import work
from xstilts_core.mini import suite
from xstilts_core.phases import control, probing
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, ProbingSpec, TargetSpec
from xstilts_core.tasks import PROBING_NAMES, TASKS

STUDY = """
title: What can be read off?
seeds: [1, 2]
encoder: {encoder}
languages: [en, de]
recipes:
  none:
  mnli: {{intermediate: [mnli]}}
  qqp: {{intermediate: [qqp]}}
  ccg: {{intermediate: [ccg]}}
  random: {{control: random_init}}
  masked: {{control: names_masked}}
  majority: {{control: majority}}
targets: [xnli, tatoeba]
probes: [probe_negation, probe_translation]
probing: {{max_length: 64}}
"""


def study(folder: Path, encoder: str = "mini", old: str = "", new: str = "") -> Study:
    path = folder / "probed.yaml"
    text = STUDY.format(encoder=encoder)
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def run_probes(spec: ProbingSpec) -> tuple[list[Score], dict]:
    record, encoder = run.Run(spec), run.load_encoder(spec)
    fitted = probing.fit(spec, encoder)
    return control.score_targets(record, fitted), control.describe(fitted)


@pytest.mark.parametrize("name", PROBING_NAMES)
def test_items_are_the_same_in_every_language(name: str) -> None:
    entry = TASKS[name]
    assert entry.sizes == suite.SIZES[name] and entry.languages == suite.LANGUAGES
    for split, count in entry.sizes.items():
        found = {
            code: Embedded().load(name, split, code)
            for code in (suite.LANGUAGES if split == "test" else ("en", "tr", "zh"))
        }
        assert (
            len({tuple((item.id, item.label) for item in items) for items in found.values()}) == 1
        )
        for items in found.values():
            assert set(Counter(item.label for item in items).values()) == {
                count // len(entry.labels)
            }
            assert all(bool(item.text_b) != entry.single_text for item in items)


@pytest.mark.parametrize("name", ["probe_negation", "probe_number", "probe_word_order"])
def test_length_does_not_tell_the_label(name: str) -> None:
    """The best threshold on the number of words, fitted and judged on the same English
    sentences."""
    rows = [
        (len(item.text_a.split()), item.label == TASKS[name].labels[1])
        for item in Embedded().load(name, "train", "en")
    ]
    length, label = np.array(rows).T
    best = max(np.mean((length > limit) == label) for limit in range(1, 25))
    assert best < 0.62, (best, median(length))


@pytest.mark.parametrize("code", suite.LANGUAGES)
def test_word_order_changes_two_neighbours_and_no_word(code: str) -> None:
    """Both labels of a sentence are in one split: each swapped one has the letters of a kept
    one."""
    items = Embedded().load("probe_word_order", "test", code)
    kept, swapped = (
        [item.text_a for item in items if item.label == label] for label in ("kept", "swapped")
    )
    letters = {tuple(sorted(text)) for text in kept}
    assert sum(tuple(sorted(text)) in letters for text in swapped) >= 0.9 * len(swapped)
    assert set(kept).isdisjoint(swapped) and all(
        text[0] in {other[0] for other in kept} for text in swapped
    )


def test_labels_are_true_of_the_english_sentences() -> None:
    for item in Embedded().load("probe_negation", "test", "en"):
        assert ("never" in item.text_a) == (item.label == "negated")
    for item in Embedded().load("probe_word_content", "test", "en"):
        said = {
            verb: f" {'cries' if verb == 'cry' else f'{verb}s'}"
            for verb in TASKS["probe_word_content"].labels
        }
        assert [verb for verb, form in said.items() if re.search(rf"{form}\b", item.text_a)] == [
            item.label
        ]
    for item in Embedded().load("probe_translation", "test", "en"):
        words = [Counter(re.findall(r"\w+", text.lower())) for text in (item.text_a, item.text_b)]
        assert (words[0] == words[1]) == (item.label == "same")


def test_what_the_vectors_carry_is_read_off_and_nothing_else(
    tmp_path, encoders, monkeypatch
) -> None:
    """Planted vectors: one direction is the label, or nothing is."""
    labels = {
        item.text_a: TASKS["probe_word_content"].labels.index(item.label)
        for split, codes in (("train", ["en"]), ("dev", ["en"]), ("test", ["en", "de"]))
        for code in codes
        for item in Embedded().load("probe_word_content", split, code)
    }
    for carried, low, high in ((4.0, 100, 100), (0.0, 2, 25)):

        def planted(encoder, texts, longest, measures, carried=carried):
            noise = np.random.default_rng(len(texts)).normal(0, 0.1, (len(texts), 12))
            noise[np.arange(len(texts)), [labels[text] for text in texts]] += carried
            return [torch.from_numpy(noise)]

        monkeypatch.setattr(probing, "unit_vectors", planted)
        spec = ProbingSpec(
            outputs=str(tmp_path),
            encoder=str(encoders["xlmr"]),
            probes=["probe_word_content"],
            languages=["en", "de"],
            max_length=64,
        )
        scores, _ = run_probes(spec)
        assert {score.language for score in scores} == {"en", "de"} and all(
            low <= score.value <= high for score in scores
        ), carried


def test_the_encoder_stays_as_it_is_and_the_run_repeats(tmp_path, encoders) -> None:
    settings = {
        "encoder": str(encoders["xlmr"]),
        "probes": ["probe_number"],
        "languages": ["de"],
        "max_length": 64,
    }
    found = []
    for name in ("one", "two"):
        spec = ProbingSpec(outputs=str(tmp_path), study=name, **settings)
        record, encoder = run.Run(spec), run.load_encoder(spec)
        before = {key: value.clone() for key, value in encoder.network.state_dict().items()}
        scores = control.score_targets(record, probing.fit(spec, encoder))
        assert all(
            torch.equal(value, before[key]) for key, value in encoder.network.state_dict().items()
        )
        found.append(
            (
                scores,
                {path.name: path.read_bytes() for path in (spec.folder / "predictions").iterdir()},
            )
        )
    assert found[0] == found[1] and set(found[0][1]) == {"probe_number.de.jsonl.gz"}
    lines = [
        json.loads(line)
        for line in gzip.decompress(found[0][1]["probe_number.de.jsonl.gz"]).decode().splitlines()
    ]
    assert found[0][0][0].value == pytest.approx(
        100 * np.mean([line["gold"] == line["prediction"] for line in lines[1:]]), abs=1e-3
    )
    with pytest.raises(
        UsageError, match=r"layer is 4: encoder .* has the layers 0 \(its embeddings\) to 3"
    ):
        run_probes(ProbingSpec(outputs=str(tmp_path), **{**settings, "layer": 4}))


def test_the_grid_and_its_estimate(tmp_path) -> None:
    made = study(tmp_path)
    specs = [spec for spec in made.specs if isinstance(spec, ProbingSpec)]
    names = ["none", "mnli", "qqp", "ccg", "random"]
    assert [str(spec.folder.relative_to(made.root)) for spec in specs] == [
        f"probing/from-{name}/seed{seed}" for seed in (1, 2) for name in names
    ]
    assert specs[1].parents == (made.root / "intermediate/mnli/seed1",) and specs[0].parents == ()
    assert specs[4].changed() == {
        "study": "probed",
        "outputs": made.outputs,
        "recipe": "random",
        "control": "random_init",
        "max_length": 64,
        "languages": ["en", "de"],
        "probes": ["probe_negation", "probe_translation"],
    }
    planned = work(specs[0])
    assert (planned.scored, planned.languages) == (2 * (1_000 + 200 + 2 * 200), 4)
    (speed,) = measure(specs[:1], 1)
    assert not isinstance(speed, str) and speed.unit > 0 == speed.fixed
    assert "probing 10" in grid.dry_run(made, 1, "local")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "probes: [probe_negation",
            "probes: [probe_negatoin",
            "unknown probing task 'probe_negatoin'.*probes: did you mean 'probe_negation'",
        ),
        ("probes: [probe_negation", "probes: [xnli", "unknown probing task 'xnli'"),
        (
            "probes: [probe_negation",
            "probes: [probe_translation",
            "probes has 'probe_translation' twice",
        ),
        ("targets: [xnli", "targets: [probe_number", "unknown target task 'probe_number'"),
        (
            "[mnli]",
            "[probe_number]",
            "probe_number is a probing task.* cannot be an intermediate task",
        ),
        (
            "seeds: [1, 2]",
            "seeds: [1]\nsource: hub",
            "probes: probe_negation is a probing task.* source hub has none",
        ),
        (
            "{max_length",
            "{max_lenght",
            "unknown key 'max_lenght'.*probing: did you mean 'max_length'",
        ),
    ],
)
def test_mistakes(tmp_path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study(tmp_path, old=old, new=new)


def test_other_sources_refuse(tmp_path) -> None:
    for source in ("hub", "files"):
        with pytest.raises(
            UsageError, match=f"made by the embedded suite .source mini.: source {source} has none"
        ):
            find_source(source, str(tmp_path)).load("probe_number", "test", "en")
        with pytest.raises(UsageError, match=f"source {source} has none"):
            ProbingSpec.of({"source": source})


def fill(made: Study) -> None:
    """Every run done: seed and recipe differ in the targets, and in the probes the other way round;
    English would turn it again."""
    value = {"mnli": 3.0, "qqp": 1.0, "ccg": -2.0}
    for spec in made.specs:
        gain = value.get(getattr(spec, "recipe", ""), 0.0)
        scores = []
        if isinstance(spec, IntermediateSpec):
            scores = [Score(spec.recipe, "en", "dev", "accuracy", 70.0, 100)]
        elif isinstance(spec, ProbingSpec):
            scores = [Score(name, "de", "test", "accuracy", 80 - gain, 200) for name in spec.probes]
            scores += [
                Score(name, "en", "test", "accuracy", 80 + 9 * gain, 200) for name in spec.probes
            ]
            (spec.folder / "predictions").mkdir(parents=True)
            (spec.folder / "predictions" / "probe_negation.de.jsonl.gz").write_bytes(b"no target")
        else:
            scores = [
                Score(name, "de", "test", "accuracy", 50 + gain + spec.seed, 100)
                for name in ("xnli", "tatoeba")
                if name in spec.uses
            ]
        results.write(spec, scores, "cpu", 1.0)


def test_probes_are_correlated_with_targets_and_never_taken_for_them(tmp_path) -> None:
    made = study(tmp_path)
    fill(made)
    frame = analysis.finished(made)
    assert set(frame.loc[frame["phase"] == "probing", "task"]) == {
        "probe_negation",
        "probe_translation",
    }
    scores = analysis.performance(made)
    assert tasks_of(scores, "target") == ["xnli", "tatoeba"] and tasks_of(scores, "probing") == [
        "probe_negation",
        "probe_translation",
    ]
    assert by_run(scores, paired=True).loc[("mnli", 2)].tolist() == [3.0, 3.0, -3.0, -3.0], (
        "English does not count"
    )
    table = analysis.task_correlations(made, scores, resamples=50).set_index(["x", "y"])
    assert (
        table.loc[("xnli", "probe_negation"), "estimate"] == pytest.approx(-1)
        and table.loc[("xnli", "tatoeba"), "estimate"] == 1
    )
    kept = frame[frame["phase"] != "probing"]
    pd.testing.assert_frame_equal(analysis.gain_matrix(frame), analysis.gain_matrix(kept))
    assert list(analysis.gain_matrix(frame)) == ["xnli", "tatoeba", "average"]
    assert prediction_files(made) == {}
    analysis.item_scores(made)
    assert set(analysis.control_table(made, frame)["task"]) == {"xnli", "tatoeba"}
    saved = pd.read_csv(results.write_scores(made.root, made.specs))
    assert (saved["phase"] == "probing").sum() == 10 * 4


@pytest.mark.slow
def test_a_probing_run_end_to_end(tmp_path, encoders) -> None:
    """The real notebook under the runner."""
    made = study(
        tmp_path,
        str(encoders["xlmr"]),
        "[probe_negation, probe_translation]",
        "[probe_translation]",
    )
    folder = Path("probing/from-random/seed1")
    assert runner.main([made.file, str(folder), "--outputs", made.outputs]) == 0
    found = results.read(made.root / folder / "result.json")
    assert {(score.task, score.language, score.n) for score in found.scores} == {
        ("probe_translation", code, 200) for code in ("en", "de")
    }
    assert set(found.details["probe_translation"]) == {"strength", "development"}
    assert results.state(made.spec(folder)).state == "done"


def test_a_target_run_takes_no_probe() -> None:
    with pytest.raises(UsageError, match="unknown target trained on mnli 'probe_number'"):
        TargetSpec.of({"targets": ["probe_number"]})
