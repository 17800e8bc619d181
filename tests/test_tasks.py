"""Every task is whole: the names it refers to exist, its data of the embedded suite fit its declaration."""

import pytest

from xstilts_core import data
from xstilts_core.examples import ChoiceExample, PairExample, SentenceExample, SpanExample, TagsExample
from xstilts_core.languages import LANGUAGES
from xstilts_core.metrics import ACCURACY, BITEXT, SPAN, TAGGING
from xstilts_core.mini import suite
from xstilts_core.names import UsageError
from xstilts_core.tasks import INTERMEDIATE_NAMES, TARGET_NAMES, TASKS, recipe, task

EXAMPLE = {"pair": PairExample, "choice": ChoiceExample, "span": SpanExample, "tagging": TagsExample, "retrieval": SentenceExample}
METRICS = {"pair": ACCURACY, "choice": ACCURACY, "span": SPAN, "tagging": TAGGING, "retrieval": (*ACCURACY, *BITEXT)}


def test_the_names_are_those_of_the_study():
    assert TARGET_NAMES == ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
    wanted = {"anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"}
    assert set(INTERMEDIATE_NAMES) == wanted


@pytest.mark.parametrize("entry", TASKS.values(), ids=lambda entry: entry.name)
def test_a_declaration_is_whole(entry):
    assert set(entry.languages) <= LANGUAGES.keys() and len(set(entry.languages)) == len(entry.languages)
    assert all(part in TASKS and TASKS[part].labels == entry.labels for part in entry.parts)
    assert entry.citation and entry.licence and entry.domain
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


@pytest.mark.parametrize("entry", TASKS.values(), ids=lambda entry: entry.name)
def test_the_embedded_suite_has_every_task_in_its_format(entry):
    languages = data.languages(entry.name, "test", "mini") or ("en",)
    assert set(languages) <= set(suite.LANGUAGES)
    examples = data.load(entry.name, "dev", languages[-1])
    assert examples and all(type(example) is EXAMPLE[entry.format] for example in examples)
    assert len({example.id for example in examples}) == len(examples)
    if entry.format == "pair":
        assert {example.label for example in examples} == set(entry.labels)
    if entry.format == "tagging" and entry.labels:
        assert {tag for example in examples for tag in example.tags} <= set(entry.labels)
    if entry.format == "span":
        assert any(not example.answers for example in examples) == (entry.scoring == "squad_v2")


def test_the_paper_lists_are_complete():
    """Language counts of XTREME (Hu et al. 2020, Table 1); English is the other side of the retrieval tasks."""
    counts = {"xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc2018": 4, "tatoeba": 36}
    assert {name: len(TASKS[name].languages) for name in TARGET_NAMES} == counts


def test_a_wrong_task_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"unknown task 'xnil' in params/a.yaml: did you mean 'xnli'\?"):
        task("xnil", "params/a.yaml")
