"""The development examples that choose a checkpoint: a fixed sample of every part, spread over
contexts and articles."""

from collections import Counter

import numpy as np
import pytest
import torch

from xstilts_core import run
from xstilts_core.data import sampling
from xstilts_core.data.source import Embedded
from xstilts_core.examples import (
    Answer,
    ChoiceExample,
    PairExample,
    Passage,
    RankingExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.study.spec import IntermediateSpec, TargetSpec


def part_of(example) -> str:
    return example.id.split("-")[0]


def pairs(part: str, count: int, premises: int = 0) -> list[PairExample]:
    return [
        PairExample(f"{part}-{k}", f"{part} {k // premises if premises else k}", "b", "neutral")
        for k in range(count)
    ]


@pytest.mark.parametrize("most", [3, 7, 50, 100, 500, 1199])
def test_every_part_has_its_share(most):
    everything = Embedded().development("anli_plus")
    found = sampling.sample("anli_plus", everything, most)
    counts = Counter(map(part_of, found))
    assert (
        len(found) == most
        and set(counts) == {"mnli", "snli", "anli"}
        and max(counts.values()) - min(counts.values()) <= 1
    )
    places = [everything.index(example) for example in found]
    assert places == sorted(set(places)), "in their order, none twice"


@pytest.mark.parametrize("sizes", [(9_815, 9_842, 3_200), (2_000, 30, 1), (5, 5, 600)])
def test_shares_are_in_proportion_and_none_is_left_out(sizes):
    everything = [
        example
        for part, size in zip(("mnli", "snli", "anli"), sizes, strict=True)
        for example in pairs(part, size)
    ]
    for most in (3, 4, 10, 500):
        counts = Counter(map(part_of, sampling.sample("anli_plus", everything, most)))
        assert sum(counts.values()) == min(most, sum(sizes)) and len(counts) == 3
        for part, size in zip(("mnli", "snli", "anli"), sizes, strict=True):
            assert abs(counts[part] - most * size / sum(sizes)) <= 2 and counts[part] <= size
    assert len(sampling.sample("anli_plus", everything, 1)) == 1


def questions(articles: int, contexts: int, each: int) -> list[SpanExample]:
    """As SQuAD's files have them: articles one after the other, each with its paragraphs, each with
    its questions."""
    places = [(a, c, q) for a in range(articles) for c in range(contexts) for q in range(each)]
    return [
        SpanExample(f"{a}-{c}-{q}", f"q{q}", f"article {a} paragraph {c}", (Answer("a", 0),))
        for a, c, q in places
    ]


def test_questions_are_spread_over_the_articles_and_contexts():
    found = sampling.sample("squad_v1", questions(48, 40, 5), 480)
    assert len({example.context for example in found}) == 480, (
        "no paragraph twice while others have none"
    )
    articles = Counter(example.context.split(" paragraph")[0] for example in found)
    assert len(articles) == 48 and max(articles.values()) <= 12 and min(articles.values()) >= 8
    more = Counter(
        example.context for example in sampling.sample("squad_v1", questions(10, 4, 5), 90)
    )
    assert len(more) == 40 and set(more.values()) == {2, 3}


@pytest.mark.parametrize(
    "examples",
    [
        pairs("x", 300, premises=3),
        [ChoiceExample(str(k), f"story {k // 3}", "", ("a", "b"), 0) for k in range(300)],
        [
            RankingExample(str(k), "q", (Passage("p", "en", "sentence", f"paragraph {k // 3}"),))
            for k in range(300)
        ],
    ],
    ids=["premises", "stories", "paragraphs"],
)
def test_examples_that_come_in_groups_are_one_of_each(examples):
    found = sampling.sample("mnli", examples, 100)
    assert [sampling.group(example) for example in found] == list(
        dict.fromkeys(map(sampling.group, examples))
    )
    assert len({int(example.id.removeprefix("x-")) % 3 for example in found}) == 3, (
        "not the first of each group"
    )


def test_sentences_and_examples_without_a_context_are_spread_over_the_file():
    sentences = [TagsExample(str(k), ("a",), ("X",)) for k in range(1_000)]
    empty = [ChoiceExample(str(k), "", "?", ("a", "b"), 0) for k in range(1_000)]
    for examples in (sentences, empty):
        places = np.array([int(example.id) for example in sampling.sample("udpos", examples, 100)])
        assert (places // 10).tolist() == list(range(100))
        assert len(set(places % 10)) > 5


def test_all_of_them_stay_in_their_order():
    everything = Embedded().development("anli_plus")
    for most in (None, len(everything), len(everything) + 1):
        assert sampling.sample("anli_plus", everything, most) == everything


def test_recipes_seeds_and_controls_are_judged_on_the_same_examples(
    tmp_path, encoders, monkeypatch
):
    seen = []

    def score(encoder, head, task, examples, *rest):
        seen.append([example.text_b for example in examples])
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "score", score)
    common = {
        "outputs": str(tmp_path),
        "encoder": str(encoders["xlmr"]),
        "train_examples": 32,
        "epochs": 1,
        "dev_examples": 40,
    }
    specs = [
        TargetSpec(**common),
        TargetSpec(**common, seed=2),
        TargetSpec(**common, control="hypothesis_only"),
        IntermediateSpec(**common, seed=3, data_languages=["de"]),
    ]
    for spec in specs:
        encoder = run.load_encoder(spec)
        learners = run.learners(spec, encoder)
        torch.manual_seed(spec.seed)
        with pytest.raises(KeyboardInterrupt):
            run.examine(spec, encoder, learners, spec.dev_examples)[0]
    assert len(seen) == 4 and len(seen[0]) == 40 and all(texts == seen[0] for texts in seen)
    first = [example.text_b for example in Embedded().development("mnli")[:40]]
    assert seen[0] != first
