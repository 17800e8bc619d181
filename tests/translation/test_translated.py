"""Intermediate data in other languages: which examples, how many, and what a study may ask for."""

import json
from collections import Counter
from pathlib import Path

import pytest
from made_studies import load

from xstilts_core import run
from xstilts_core.data import hub_client
from xstilts_core.data.hub_client import Repository
from xstilts_core.data.source import Embedded
from xstilts_core.encoders import loading
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample, TranslationCount
from xstilts_core.phases import fetch
from xstilts_core.study import Study, identity
from xstilts_core.study.spec import DataSpec, IntermediateSpec
from xstilts_core.study.study_file import check_model
from xstilts_core.tasks import TASKS, TRANSLATIONS
from xstilts_core.translation import translated


def made(**values) -> IntermediateSpec:
    return IntermediateSpec.of({"train_examples": 90, **values})


class TestTraining:
    def test_by_default_it_is_the_english_set_as_it_is(self):
        found = translated.training("mnli", made())
        assert found == translated.TrainingSet(Embedded().training("mnli", 90, 1))

    def test_one_language_has_the_same_examples_in_the_same_order(self):
        english = Embedded().training("mnli", 90, 1)["mnli"]
        german = translated.training("mnli", made(data_languages=["de"]))
        assert [example.id for example in german.parts["mnli"]] == [
            f"de-{example.id}" for example in english
        ]
        assert [example.label for example in german.parts["mnli"]] == [
            example.label for example in english
        ]
        assert not {example.text_a for example in german.parts["mnli"]} & {
            example.text_a for example in english
        }
        assert german.counts == (TranslationCount("mnli", "de", 90),)

    def test_several_share_the_english_size_and_each_example_is_there_once(self):
        english = Embedded().training("mnli", 90, 1)["mnli"]
        spec = made(data_languages=["de", "en", "sw", "tr"])
        found = translated.training("mnli", spec).parts["mnli"]
        codes = Counter(example.id.split("-")[0] for example in found)
        assert sorted(codes.values()) == [22, 22, 23, 23] and set(codes) == {
            "de",
            "mnli",
            "sw",
            "tr",
        }
        assert [example.id.removeprefix(f"{example.id.split('-')[0]}-") for example in found] == [
            example.id.removeprefix("mnli-")
            if example.id in {row.id for row in found}
            else example.id
            for example in english
        ]
        other = translated.training(
            "mnli", made(data_languages=["de", "en", "sw", "tr"], seed=2)
        ).parts["mnli"]
        assert {example.id for example in other} != {example.id for example in found}

    def test_parts_of_a_task_are_translated_one_by_one(self):
        found = translated.training(
            "anli_plus", made(tasks=["anli_plus"], data_languages=["hi", "en"])
        )
        assert {(count.part, count.language) for count in found.counts} == {
            (p, c) for p in ("mnli", "snli", "anli") for c in ("hi", "en")
        }
        assert (
            sum(count.found for count in found.counts) == sum(map(len, found.parts.values())) == 90
        )

    def test_noise_comes_on_top(self):
        clean = translated.training("mnli", made(data_languages=["de"])).parts["mnli"]
        noisy = translated.training("mnli", made(data_languages=["de"], noise=0.3)).parts["mnli"]
        assert [example.id for example in noisy] == [
            example.id for example in clean
        ] and noisy != clean

    def test_a_published_set_that_lacks_examples_gives_others(self):
        english = [PairExample(str(number), "a", "b", "neutral") for number in range(6)]
        own = [PairExample(str(number), "x", "y", "neutral") for number in (0, 2, 4, 7, 8)]
        got, filled = translated.match_by_id(english, own, 1)
        assert filled == 2 and got.count(None) == 1
        assert [example and example.id for example in got[::2]] == ["0", "2", "4"]
        assert {example.id for example in (got[1], got[3]) if example} == {"7", "8"} and got[
            5
        ] is None

    def test_published_files_are_matched_by_question(self, tmp_path):
        def squad(path: Path, answers: dict[str, str]) -> None:
            rows = [
                {"id": name, "question": f"{name}?", "answers": [{"text": text, "answer_start": 2}]}
                for name, text in answers.items()
            ]
            paragraphs = [
                {"context": f"- {row['answers'][0]['text']} -", "qas": [row]} for row in rows
            ]
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")

        squad(tmp_path / "squad" / "train-v1.1.json", {"q1": "one", "q2": "two", "q3": "three"})
        squad(
            tmp_path / "mlqa" / "mlqa-translate-train" / "de_squad-translate-train-train-v1.1.json",
            {"q3": "drei", "q1": "eins", "q9": "neun"},
        )
        values = {
            "source": "files",
            "data_root": str(tmp_path),
            "tasks": ["squad_v1"],
            "data_languages": ["de"],
        }
        found = translated.training("squad_v1", IntermediateSpec.of(values))
        assert [(example.id, example.answers[0].text) for example in found.parts["squad_v1"]] == [
            ("de-q1", "eins"),
            ("de-q9", "neun"),
            ("de-q3", "drei"),
        ]
        assert found.counts == (TranslationCount("squad_v1", "de", 2, 1, 0),)

    def test_tables_that_are_not_parallel_are_told_by_their_labels(self):
        english = [PairExample("1", "a", "b", "neutral"), PairExample("2", "a", "b", "entailment")]
        own = [
            PairExample("1", "x", "y", "entailment"),
            PairExample("2", "x", "y", "entailment"),
            PairExample("3", "x", "y", "neutral"),
        ]
        got, filled = translated.match_by_id(english, own, 1)
        assert filled == 1 and got[1] == own[1] and got[0] in (own[0], own[2])

    def test_a_run_learns_from_them_and_says_what_became_of_them(self, tmp_path):
        spec = made(data_languages=["de", "sw"], train_examples=40, outputs=str(tmp_path))
        found = run.learners(spec, run.load_encoder(spec))
        (row,) = run.describe(found)
        assert row["examples"] == 40
        assert row["languages"] == [
            {"part": "mnli", "language": code, "found": 20, "filled": 0, "dropped": 0}
            for code in ("de", "sw")
        ]
        assert all(example.id.startswith("mnli-dev") for example in found[0].development), (
            "development data stay English"
        )


class TestSpec:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"data_languages": ["german"]},
                "unknown language 'german' in data_languages: legal: de",
            ),
            ({"data_languages": ["de", "de"]}, "data_languages has 'de' twice"),
            (
                {"data_languages": ["ru"]},
                "the embedded suite .source mini. has no mnli in 'ru', only in en, de",
            ),
            ({"noise": 1.0}, "noise is 1.0: it must be less than 1"),
            ({"translator": "some/model"}, "has nothing to translate into: give data_languages"),
            (
                {"translator": "some/model", "data_languages": ["en"]},
                "has nothing to translate into",
            ),
            (
                {"tasks": ["ccg"], "translator": "some/model", "data_languages": ["de"]},
                "ccg has a tag for every word",
            ),
            (
                {"source": "hub", "tasks": ["hellaswag"], "data_languages": ["de"]},
                "no translation of hellaswag is published, only of mnli",
            ),
            (
                {"source": "hub", "data_languages": ["fi"]},
                "mnli_translated has no 'fi', only ar, bg",
            ),
            (
                {"source": "hub", "tasks": ["wikipedia_mentions"], "noise": 0.1},
                "has format ranking: data_languages and noise are for tasks of format",
            ),
        ],
    )
    def test_what_cannot_be_had_is_refused(self, values, message):
        with pytest.raises(UsageError, match=message):
            IntermediateSpec.of(values)

    def test_it_uses_the_published_set(self):
        spec = IntermediateSpec.of(
            {"source": "hub", "tasks": ["squad_v1"], "data_languages": ["de"]}
        )
        assert spec.uses == ("squad_v1", "squad_translated")
        assert IntermediateSpec.of({"tasks": ["squad_v1"], "data_languages": ["de"]}).uses == (
            "squad_v1",
        )

    def test_the_english_default_changes_nothing(self):
        assert (
            not {"data_languages", "noise", "translator"}
            & identity.of_spec(IntermediateSpec.of({})).changed_settings.keys()
        )

    def test_a_model_for_each_language(self):
        spec = IntermediateSpec.of(
            {
                "translator": "Helsinki-NLP/opus-mt-en-{language}",
                "data_languages": ["de", "en", "ru"],
                "source": "hub",
            }
        )
        assert spec.translators == ("Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-en-ru")
        assert spec.uses == ("mnli",)

    def test_published_translations_are_of_the_same_kind(self):
        for name, other in TRANSLATIONS.items():
            assert (TASKS[name].format, TASKS[name].labels) == (
                TASKS[other].format,
                TASKS[other].labels,
            )


STUDY = """
title: A made-up study
source: {source}
seeds: [1, 2]
recipes:
  none:
  here: {{intermediate: [mnli]{keys}}}
targets: [xnli]
"""


def study(folder: Path, keys: str, source: str = "mini") -> Study:
    return load(folder, STUDY.format(keys=keys, source=source))


class TestStudy:
    def test_keys_of_a_recipe_reach_its_runs(self, tmp_path):
        runs = [
            spec
            for spec in study(tmp_path, ", data_languages: [de, sw], noise: 0.2").specs
            if isinstance(spec, IntermediateSpec)
        ]
        assert [(spec.seed, spec.data_languages, spec.noise) for spec in runs] == [
            (1, ["de", "sw"], 0.2),
            (2, ["de", "sw"], 0.2),
        ]

    def test_what_the_hub_must_give_is_fetched_first(self, tmp_path):
        fetching = study(tmp_path, ", data_languages: [de, en, sw]", "hub").specs[0]
        assert fetching.tasks == [
            "mnli",
            "mnli_translated",
            "xnli",
        ] and fetching.data_languages == ["de", "sw"]
        fetching = study(
            tmp_path,
            ", data_languages: [de, fi], translator: facebook/nllb-200-distilled-600M",
            "hub",
        ).specs[0]
        assert fetching.tasks == ["mnli", "xnli"] and fetching.translators == [
            "facebook/nllb-200-distilled-600M"
        ]

    def test_of_a_translated_set_only_the_languages_wished_for_are_fetched(self):
        found = fetch.hub_splits(
            DataSpec(
                tasks=["mnli_translated", "xnli"], languages=["fr"], data_languages=["de", "sw"]
            )
        )
        places = {(name, config) for name, _, config, _ in found}
        assert {config for name, config in places if name == "mnli_translated"} == {"de", "sw"}
        assert {config for name, config in places if name == "xnli"} == {"en", "fr"}
        every = {
            config for name, _, config, _ in fetch.hub_splits(DataSpec(tasks=["mnli_translated"]))
        }
        assert every == set(TASKS["mnli_translated"].languages)

    def test_translators_are_fetched_and_their_commits_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv(hub_client.VARIABLE, str(tmp_path / "hub.lock"))

        def lock(name: str, kind: str) -> None:
            hub_client.settle(
                Repository("model", name), {"translator": "1", "encoder": "2"}[kind] * 40
            )

        monkeypatch.setattr(hub_client, "encoder", lock)
        monkeypatch.setattr(hub_client, "offline", lambda: True)
        monkeypatch.setattr(loading, "check", lambda folder, what: None)
        monkeypatch.setattr(fetch, "hub_splits", lambda spec: iter(()))
        found = fetch.fetch(DataSpec(encoder="org/encoder", translators=["org/to-de", "org/to-sw"]))
        assert [(row.task, row.repository, row.commit[:1]) for row in found] == [
            ("encoder", "org/encoder", "2"),
            ("translator", "org/to-de", "1"),
            ("translator", "org/to-sw", "1"),
        ]
        spec = IntermediateSpec.of(
            {
                "translator": "org/to-{language}",
                "data_languages": ["de", "en"],
                "encoder": "org/encoder",
            }
        )
        assert hub_client.revisions(spec) == {"org/encoder": "2" * 40, "org/to-de": "1" * 40}

    @pytest.mark.parametrize("name", ["./no/folder", "a/b/c", "facebook/nllb 200"])
    def test_a_translator_that_cannot_be_one_is_refused(self, name):
        with pytest.raises(
            UsageError, match=r"x.yaml: translator is .*Legal: a hub name such as facebook/nllb"
        ):
            check_model(name, "x.yaml: translator", "facebook/nllb-200-distilled-600M")

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            (", data_languages: []", "data_languages is .*: it must not be empty"),
            (", data_languages: de", "data_languages is 'de': it must be a list"),
            (", data_languages: [de, de]", "data_languages has 'de' twice"),
            (", noise: 1.5", "noise is 1.5: it must be less than 1"),
            (", data_langauges: [de]", "did you mean 'data_languages'"),
            (", data_languages: [dee]", "did you mean 'de'"),
        ],
    )
    def test_mistakes_are_explained(self, tmp_path, keys, message):
        with pytest.raises(UsageError, match=message) as caught:
            study(tmp_path, keys)
        assert "made_up.yaml" in str(caught.value)

    def test_they_need_intermediate_tasks(self, tmp_path):
        text = STUDY.format(keys="", source="mini").replace(
            "here: {intermediate: [mnli]}", "here: {control: random_init, noise: 0.2}"
        )
        with pytest.raises(
            UsageError, match="recipe here sets noise, but nothing is trained for it"
        ):
            load(tmp_path, text)
