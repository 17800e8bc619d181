"""Queries against pools of passages: the metric, the head and loss, the tiled search, and whole
runs of LAReQA and Mewsli-X."""

import gzip
import json

import numpy as np
import pytest
import ranking_files
import torch
from ranking_files import LANGUAGES
from test_run import run_target, target

from xstilts_core import evaluate, metrics, model
from xstilts_core.data.source import Files
from xstilts_core.errors import UsageError
from xstilts_core.examples import Passage, RankingExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, gather
from xstilts_core.formats import ranking as form_of_ranking
from xstilts_core.formats.ranking import Candidates, Ranking, encode_passages
from xstilts_core.study.spec import TargetSpec
from xstilts_core.tasks import TASKS

TASK = TASKS["squad_sentences"]


@pytest.fixture(scope="module")
def encoder(encoders):
    return model.load(str(encoders["xlmr"]), dropout=0.0, packed=True, device=torch.device("cpu"))


def example(number: int, query: str, text: str, context: str = "") -> RankingExample:
    return RankingExample(str(number), query, (Passage(f"p{number}", "en", text, context),))


EXAMPLES = [
    example(1, "Who reads?", "Anna reads.", "Anna reads. Peter sleeps."),
    example(2, "Who lives in Rome?", "Peter Weber lives in Rome."),
    example(
        3,
        "What is in the garden?",
        "An apple is in the garden.",
        "An apple is in the garden. It is old.",
    ),
]


# ---- the metric


@pytest.mark.parametrize(
    ("right", "ranked", "expected"),
    [
        ("abc", "axbyz", (1 / 1 + 2 / 3) / 3),
        ("a", "xxa", 1 / 3),
        ("a", "xyz", 0.0),
        ("ab", "aab", (1 + 2 / 3) / 2),
        ("abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrst", 1.0),
        ("z", "abcdefghijklmnopqrstz", 0.0),
    ],
)
def test_average_precision_of_the_first_twenty(right, ranked, expected):
    assert metrics.average_precision(set(right), list(ranked)) == pytest.approx(expected)


def plain_average_precision(right, ranked, most):
    """XTREME-R's rule, slowly: average_precision_at_k of utils_lareqa.py."""
    total = 0.0
    for place in range(min(most, len(ranked))):
        if ranked[place] in right and ranked[place] not in ranked[:place]:
            total += len(set(ranked[: place + 1]) & set(right)) / (place + 1)
    return total / min(most, len(right))


def test_the_metric_equals_the_slow_rule_and_one_right_answer_its_reciprocal_rank():
    rng = np.random.default_rng(0)
    right = [
        set(map(str, rng.choice(60, size=rng.integers(1, 30), replace=False))) for _ in range(200)
    ]
    ranked = [list(map(str, rng.integers(0, 60, size=rng.integers(1, 40)))) for _ in range(200)]
    statistics = metrics.ranking_statistics(right, ranked)
    assert statistics[:, 0] == pytest.approx(
        [plain_average_precision(*pair, 20) for pair in zip(right, ranked, strict=True)]
    )
    assert (
        metrics.score(metrics.ranking_statistics(right, ranked), metrics.RANKING)
        == metrics.score(statistics, metrics.RANKING)
        == {"map@20": pytest.approx(100 * statistics.mean())}
    )
    replicates = metrics.score_sums(np.array([[1.0], [0.5]]), 2, metrics.RANKING)
    assert replicates["map@20"].tolist() == [50.0, 25.0]
    single = [[name] for name in map(str, rng.integers(0, 60, size=200))]
    places = [
        guess.index(name[0]) + 1 if name[0] in guess[:20] else np.inf
        for name, guess in zip(single, ranked, strict=True)
    ]
    assert metrics.ranking_statistics(single, ranked)[:, 0] == pytest.approx(1 / np.array(places))


def test_a_query_without_a_right_answer_cannot_be_scored():
    with pytest.raises(ValueError, match=r"query 1 \(counted from 0\) has no right answer"):
        metrics.ranking_statistics([["a"], []], [["a"], ["a"]])


# ---- what the model reads


def test_a_row_is_a_query_and_its_passage_with_the_paragraph_as_second_text(encoder):
    encoded = FORMATS["ranking"].encode(EXAMPLES, TASK, encoder.tokenizer, Limits(64))
    assert encoded.rows.tolist() == [0, 2, 4, 6] and encoded.example.tolist() == [0, 1, 2]
    rows = np.split(encoded.ids, encoded.starts[1:-1])
    for position, entry in enumerate(EXAMPLES):
        passage = entry.passages[0]
        assert rows[2 * position].tolist() == encoder.tokenizer(entry.query)["input_ids"]
        texts = (passage.text, passage.context) if passage.context else (passage.text,)
        assert rows[2 * position + 1].tolist() == encoder.tokenizer(*texts)["input_ids"]


def test_long_queries_end_at_96_tokens_and_passages_at_the_maximum(encoder):
    long = example(1, "who reads " * 200, "Anna reads. " * 100, "Peter sleeps. " * 100)
    encoded = FORMATS["ranking"].encode(
        [long, example(2, "who " * 200, "Anna reads. " * 100)], TASK, encoder.tokenizer, Limits(256)
    )
    assert encoded.lengths.tolist() == [96, 256, 96, 256]
    assert FORMATS["ranking"].encode(
        [long], TASK, encoder.tokenizer, Limits(32)
    ).lengths.tolist() == [32, 32]
    assert (
        encode_passages(long.passages, encoder.tokenizer, Limits(256)).ids.tolist()
        == encoded.ids[96 : 96 + 256].tolist()
    )


def test_the_loss_tells_a_query_from_the_other_passages_of_its_batch(encoder):
    form = FORMATS["ranking"]
    encoded = form.encode(EXAMPLES, TASK, encoder.tokenizer, Limits(64))
    batch = gather(encoded, np.array([2, 0]))
    head = form.head(TASK, HeadOptions(32, 0.0, "first", deviation=0.5))
    hidden = torch.randn(len(batch.sequences.ids), 32)
    vectors = torch.tanh(head.dense(hidden[batch.starts]))
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    logits = 100 * vectors[[0, 2]] @ vectors[[1, 3]].T
    expected = -(logits[0].log_softmax(0)[0] + logits[1].log_softmax(0)[1]) / 2
    loss = form.loss(head, hidden, batch)
    assert torch.isclose(loss, expected, rtol=1e-4)
    loss.backward()
    assert head.scale.grad is not None and head.dense.weight.grad.abs().sum() > 0
    with torch.autocast("cpu", torch.bfloat16):
        assert form.loss(head, hidden, batch).dtype == torch.float32


# ---- the search


def test_the_search_in_tiles_equals_an_exhaustive_one(monkeypatch):
    monkeypatch.setattr(form_of_ranking, "QUERIES", 7)
    monkeypatch.setattr(form_of_ranking, "CANDIDATES", 13)
    torch.manual_seed(0)
    queries, pool = torch.randn(30, 8), torch.randn(100, 8)
    ids = [f"c{number}" for number in range(100)]
    expected = (-(queries @ pool.T).numpy()).argsort(axis=1, kind="stable")
    found = Candidates(ids, pool).best(queries, 20)
    assert found == [[ids[place] for place in row[:20]] for row in expected]
    assert Candidates(ids[:5], pool[:5]).best(queries, 20)[0] == [
        ids[place] for place in expected[0] if place < 5
    ]


def test_development_queries_are_ranked_against_each_others_passages(encoder):
    twin = RankingExample("4", "Who reads a book?", EXAMPLES[0].passages)
    examples = [*EXAMPLES, twin]
    own = np.eye(3)[[0, 1, 2, 0]]
    nearest = np.array([[3, 2, 1], [2, 3, 1], [1, 2, 3], [2, 1, 3]])
    predictions = Ranking().decode(np.concatenate([nearest, own], axis=1), None, examples, TASK)
    assert predictions == [
        ["p1", "p2", "p3"],
        ["p2", "p1", "p3"],
        ["p3", "p2", "p1"],
        ["p3", "p1", "p2"],
    ]
    columns, statistics = Ranking().statistics(examples, predictions, TASK, "en")
    assert columns == metrics.RANKING and statistics[:, 0].tolist() == [1.0, 1.0, 1.0, 0.5]


def test_the_pool_is_embedded_alike_in_blocks_of_any_size(encoder, monkeypatch):
    torch.manual_seed(0)
    head = FORMATS["ranking"].head(TASK, HeadOptions(32, 0.0, "first", deviation=0.5))
    pool = [entry.passages[0] for entry in EXAMPLES] + [
        Passage(f"q{k}", "en", "Anna " * k + "reads.") for k in range(1, 9)
    ]
    found = []
    for block in (1, 4, 1_000):
        monkeypatch.setattr(evaluate, "BLOCK", block)
        form = evaluate.format_with_pool(encoder, head, TASK, pool, Limits(64))
        found.append(
            evaluate.score(encoder, head, TASK, EXAMPLES, "en", Limits(64), form=form).predictions
        )
        assert form.candidates.vectors.norm(dim=1).tolist() == pytest.approx(
            [1.0] * len(pool), abs=1e-5
        )
    assert found[0] == found[1] == found[2]
    assert all(sorted(row) == sorted(passage.id for passage in pool) for row in found[0])
    assert (
        evaluate.format_with_pool(encoder, head, TASKS["xnli"], (), Limits(64)) is FORMATS["pair"]
    )


# ---- whole runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking")
    ranking_files.write_lareqa(folder)
    ranking_files.write_mewslix(folder)
    return folder


def spec(tmp_path, encoder, root, train_on, name, **changes) -> TargetSpec:
    settings = {
        "source": "files",
        "data_root": str(root),
        "train_on": train_on,
        "targets": [name],
        "test_examples": 0,
        "dropout": 0.0,
    }
    return target(tmp_path, encoder, **{**settings, **changes})


def kept(run: TargetSpec, name: str, code: str) -> list[dict]:
    text = gzip.decompress(
        (run.folder / "predictions" / f"{name}.{code}.jsonl.gz").read_bytes()
    ).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_lareqa_run_embeds_the_pool_once_and_keeps_lists_of_ids(
    tmp_path, encoders, root, monkeypatch
):
    seen = []
    encode = evaluate.encode_passages
    monkeypatch.setattr(
        evaluate,
        "encode_passages",
        lambda passages, *rest: seen.append(len(passages)) or encode(passages, *rest),
    )
    run = spec(tmp_path, encoders["xlmr"], root, "squad_sentences", "lareqa", max_length=64)
    scores, _ = run_target(run)
    assert seen == [9 * len(LANGUAGES)]
    assert [(score.language, score.split, score.metric, score.n) for score in scores] == [
        (code, "test", "map@20", 6) for code in ("en", "de", "zh")
    ]
    lines = kept(run, "lareqa", "de")
    pool = {passage.id for passage in Files(str(root)).pool("lareqa")}
    assert lines[0] == {"columns": ["average_precision"], "metric": "map@20"} and len(lines) == 7
    for line in lines[1:]:
        assert (
            len(line["gold"]) == 11
            and len(line["prediction"]) == len(set(line["prediction"])) == 20
        )
        assert {*line["gold"], *line["prediction"]} <= pool
        assert line["stats"] == [
            pytest.approx(metrics.average_precision(line["gold"], line["prediction"]))
        ]
    value = next(score.value for score in scores if score.language == "de")
    assert value == pytest.approx(100 * np.mean([line["stats"][0] for line in lines[1:]]), abs=1e-3)


def test_training_finds_the_sentences_again(tmp_path, encoders, root):
    """The six English questions that it is trained on are its development questions too; the files
    say the same in every language."""
    changes = {"batch_size": 6, "max_length": 64, "languages": ["en"]}
    found = {}
    for name, more in {
        "trained": {"epochs": 40, "learning_rate": 3e-3},
        "random": {"learning_rate": 1e-9},
    }.items():
        scores, details = run_target(
            spec(
                tmp_path,
                encoders["xlmr"],
                root,
                "squad_sentences",
                "lareqa",
                study=name,
                **changes,
                **more,
            )
        )
        found[name] = details["best_score"], scores[0].value
    assert found["trained"][0] > 90 > 75 > found["random"][0]
    assert found["trained"][1] > 50 > 30 > found["random"][1]


def test_a_mewslix_run_ranks_the_entities(tmp_path, encoders, root):
    run = spec(
        tmp_path,
        encoders["xlmr"],
        root,
        "wikipedia_mentions",
        "mewslix",
        max_length=48,
        languages=["en", "de"],
    )
    scores, _ = run_target(run)
    assert [(score.language, score.metric, score.n) for score in scores] == [
        ("en", "map@20", 4),
        ("de", "map@20", 4),
    ]
    lines = kept(run, "mewslix", "de")
    assert (
        lines[2]["id"] == "de1" and lines[2]["gold"] == ["Q1"] and len(lines[2]["prediction"]) == 20
    )
    place = lines[2]["prediction"].index("Q1") + 1 if "Q1" in lines[2]["prediction"] else np.inf
    assert lines[2]["stats"] == [pytest.approx(1 / place)]


def test_the_published_recipes_and_the_controls(root):
    lareqa = TargetSpec(
        train_on="squad_sentences", targets=["lareqa"], source="hub", control="random_init"
    )
    assert (lareqa.learning_rate, lareqa.epochs, lareqa.batch_size, lareqa.max_length) == (
        2e-5,
        3,
        16,
        256,
    )
    mewslix = TargetSpec(
        train_on="wikipedia_mentions", targets=["mewslix"], source="files", data_root=str(root)
    )
    assert (mewslix.learning_rate, mewslix.epochs, mewslix.batch_size, mewslix.max_length) == (
        1e-5,
        2,
        32,
        64,
    )
    assert any("sentence breaks" in reason for reason in lareqa.lacking)
    with pytest.raises(UsageError, match="hypothesis_only"):
        TargetSpec.of(
            {
                "train_on": "squad_sentences",
                "targets": ["lareqa"],
                "source": "hub",
                "control": "hypothesis_only",
            }
        )
