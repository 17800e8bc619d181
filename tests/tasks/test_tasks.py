"""Every task is whole: the names it refers to exist, its data of the embedded suite fit its
declaration."""

import pytest

from xstilts_core.data.source import Embedded, Hub
from xstilts_core.errors import UsageError
from xstilts_core.examples import (
    ChoiceExample,
    PairExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.languages import LANGUAGES
from xstilts_core.metrics import ACCURACY, BITEXT, SPAN, TAGGING
from xstilts_core.mini import suite
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME, recipe, task

EXAMPLE = {
    "pair": PairExample,
    "choice": ChoiceExample,
    "span": SpanExample,
    "tagging": TagsExample,
    "retrieval": SentenceExample,
}
METRICS = {
    "pair": ACCURACY,
    "choice": ACCURACY,
    "span": SPAN,
    "tagging": TAGGING,
    "retrieval": (*ACCURACY, *BITEXT),
}


def test_the_names_are_those_of_the_study():
    assert XTREME == (
        "xnli",
        "pawsx",
        "udpos",
        "panx",
        "xquad",
        "mlqa",
        "tydiqa",
        "bucc2018",
        "tatoeba",
    )
    wanted = {
        "anli_plus",
        "mnli",
        "qqp",
        "squad_v2",
        "squad_v1",
        "hellaswag",
        "ccg",
        "cosmosqa",
        "commonsenseqa",
    }
    assert set(INTERMEDIATE_NAMES) == wanted


@pytest.mark.parametrize("entry", TASKS.values(), ids=lambda entry: entry.name)
def test_a_declaration_is_whole(entry):
    languages = (*entry.languages, *entry.added)
    assert set(languages) <= LANGUAGES.keys() and len(set(languages)) == len(languages)
    assert all(part in TASKS and TASKS[part].labels == entry.labels for part in entry.parts)
    assert entry.title and entry.citation and entry.licence and entry.domain
    assert (entry.format == "span") == bool(entry.scoring)
    if entry.train_on:
        trained = TASKS[entry.train_on]
        assert trained.format == entry.format and trained.labels == entry.labels
    if entry.format in ("pair", "tagging") and entry.name != "ccg":
        assert len(entry.labels) >= 2
    if entry.role == "target":
        assert (entry.train_on is None) == (entry.format == "retrieval")
    if entry.published:
        assert entry.published.source and recipe(entry, "files") is entry.published


EMBEDDED = [
    entry
    for entry in TASKS.values()
    if "dev" in suite.SIZES.get(entry.name, {}) or entry.name in suite.PARTS
]


@pytest.mark.parametrize("entry", EMBEDDED, ids=lambda entry: entry.name)
def test_the_embedded_suite_has_every_task_in_its_format(entry):
    languages = Embedded().languages(entry.name, "test") or ("en",)
    assert set(languages) <= set(suite.LANGUAGES)
    examples = Embedded().load(entry.name, "dev", languages[-1])
    assert examples and all(type(example) is EXAMPLE[entry.format] for example in examples)
    assert len({example.id for example in examples}) == len(examples)
    if entry.format == "pair":
        assert {example.label for example in examples} == set(entry.labels)
    if entry.format == "tagging" and entry.labels:
        assert {tag for example in examples for tag in example.tags} <= set(entry.labels)
    if entry.format == "span":
        assert any(not example.answers for example in examples) == (entry.scoring == "squad_v2")


def test_the_paper_lists_are_complete():
    """Language counts of XTREME (Hu et al. 2020, Table 1); English is the other side of the
    retrieval tasks."""
    counts = {
        "xnli": 15,
        "pawsx": 7,
        "udpos": 33,
        "panx": 40,
        "xquad": 11,
        "mlqa": 7,
        "tydiqa": 9,
        "bucc2018": 4,
        "tatoeba": 36,
    }
    assert {name: len(TASKS[name].languages) for name in XTREME} == counts


@pytest.mark.parametrize("domain", ["biomedical", "social media"])
def test_another_domain_has_a_target_in_many_languages_and_an_english_intermediate_task(domain):
    found = [entry for entry in TASKS.values() if entry.domain == domain]
    (target,) = [entry for entry in found if entry.role == "target"]
    (intermediate,) = [entry for entry in found if entry.role == "intermediate"]
    assert (
        target.languages[0] == "en"
        and len(target.languages) >= 4
        and target.train_on == target.name
    )
    assert intermediate.languages == ("en",) and intermediate.name not in INTERMEDIATE_NAMES
    for entry in found:
        assert (
            Hub().languages(entry.name, "train")
            == ("en",)
            == Hub().languages(entry.name, "dev")[:1]
        )
        assert entry.published and not entry.published.confirmed


def test_translated_training_sets_have_the_labels_and_languages_of_their_targets():
    for name, original, target in (
        ("mnli_translated", "mnli", "xnli"),
        ("squad_translated", "squad_v1", "mlqa"),
        ("pawsx_translated", "pawsx", "pawsx"),
    ):
        entry = TASKS[name]
        assert (
            entry.role == "part"
            and entry.labels == TASKS[original].labels
            and entry.format == TASKS[original].format
        )
        assert {"en", *entry.languages} == set(
            TASKS[target].languages
        ) and "en" not in entry.languages


def test_a_wrong_task_is_answered_with_the_nearest():
    with pytest.raises(
        UsageError, match=r"unknown task 'xnil' in params/a.yaml: did you mean 'xnli'\?"
    ):
        task("xnil", "params/a.yaml")
