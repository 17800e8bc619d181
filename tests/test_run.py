"""The steps that the run notebooks take, on the embedded suite with a tiny encoder: every format
from data to kept predictions."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from xstilts_core import metrics, model, results, retrieve, run
from xstilts_core.data.source import Embedded, Source
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample
from xstilts_core.formats import retrieval
from xstilts_core.study.spec import IntermediateSpec, RetrievalSpec, TargetSpec
from xstilts_core.tasks import TASKS

SMALL = {"train_examples": 48, "dev_examples": 10, "epochs": 1, "evaluations": 1, "batch_size": 16}


def target(folder, encoder, **changes) -> TargetSpec:
    return TargetSpec(
        **{
            "outputs": str(folder),
            "encoder": str(encoder),
            "test_examples": 12,
            "languages": ["en", "de", "zh"],
            **SMALL,
            **changes,
        }
    )


def run_target(spec) -> tuple[list[results.Score], dict]:
    record = run.Run(spec)
    encoder = run.load_encoder(spec)
    learners = run.learners(spec, encoder)
    trained = run.fit(record, encoder, learners)
    scores = run.score_targets(record, encoder, learners[0])
    details = run.details(encoder, trained, learners)
    record.finish(scores, details, torch.device("cpu"))
    return scores, details


@pytest.mark.parametrize(
    ("train_on", "targets", "metric"),
    [
        ("mnli", ["xnli"], "accuracy"),
        ("udpos", ["udpos"], "f1"),
        ("squad_v1", ["xquad", "mlqa"], "f1"),
        ("pawsx", ["pawsx"], "accuracy"),
    ],
)
def test_a_target_run_keeps_predictions_that_give_its_scores_again(
    tmp_path, encoders, train_on, targets, metric
):
    spec = target(tmp_path, encoders["xlmr"], train_on=train_on, targets=targets)
    scores, _ = run_target(spec)
    found = results.read(spec.folder / "result.json")
    assert found.scores == scores and found.phase == "target" and found.spec["train_on"] == train_on
    assert found.details["examples"] == {train_on: SMALL["train_examples"]}
    assert (
        found.provenance["versions"]["torch"] == torch.__version__
        and found.provenance["parents"] == []
    )
    for name in targets:
        languages = {
            score.language for score in scores if score.task == name and score.split == "test"
        }
        assert languages == {code for code in ("en", "de", "zh") if code in TASKS[name].languages}
        for code in languages:
            kept = gzip.decompress(
                (spec.folder / "predictions" / f"{name}.{code}.jsonl.gz").read_bytes()
            ).decode("utf-8")
            lines = [json.loads(line) for line in kept.splitlines()]
            columns, rows = lines[0]["columns"], np.array([line["stats"] for line in lines[1:]])
            again = metrics.score(rows, columns)
            for score in scores:
                if (score.task, score.language, score.split) == (name, code, "test"):
                    assert (
                        score.value == pytest.approx(again[score.metric], abs=1e-3)
                        and score.n == len(rows) == 12
                    )
            assert lines[0]["metric"] == metric
    log = [json.loads(line) for line in (spec.folder / "train_log.jsonl").read_text().splitlines()]
    assert log[-1]["dev"] is not None and {"loss", "tokens_per_second", "padding"} <= log[-1].keys()


def test_the_same_run_twice_gives_the_same_scores_and_predictions(tmp_path, encoders):
    found = []
    for name in ("a", "b"):
        spec = target(tmp_path, encoders["xlmr"], study=name, train_on="panx", targets=["panx"])
        scores, details = run_target(spec)
        files = {path.name: path.read_bytes() for path in (spec.folder / "predictions").iterdir()}
        found.append((scores, details["best_score"], files))
    assert found[0] == found[1]


def test_packed_and_padded_runs_agree(tmp_path, encoders):
    """The whole run, training included, without dropout: the same scores whether batches are packed
    or padded."""
    found = []
    for packed in (True, False):
        spec = target(tmp_path, encoders["xlmr"], study=f"p{packed}", packed=packed, dropout=0.0)
        scores, details = run_target(spec)
        assert details["packed"] is packed
        found.append((scores, details["padding"]))
    assert found[0][0] == found[1][0]
    assert max(found[0][1], found[1][1]) < 0.2


def test_anli_plus_draws_its_parts_in_proportion_and_records_the_counts(tmp_path, encoders):
    spec = IntermediateSpec(
        outputs=str(tmp_path),
        encoder=str(encoders["xlmr"]),
        recipe="anli_plus",
        tasks=["anli_plus"],
        **{**SMALL, "train_examples": 1200},
    )
    record = run.Run(spec)
    encoder = run.load_encoder(spec)
    learners = run.learners(spec, encoder)
    streams = learners[0].streams
    assert [stream.name for stream in streams] == ["mnli", "snli", "anli"] and len(
        {id(stream.head) for stream in streams}
    ) == 1
    trained = run.fit(record, encoder, learners)
    assert sum(trained.counts.values()) == sum(-(-len(stream.encoded) // 16) for stream in streams)
    assert all(10 <= count <= 40 for count in trained.counts.values())
    model.save(encoder, spec.folder / "model")
    follow = target(tmp_path, encoders["xlmr"], recipe="anli_plus")
    again = run.load_encoder(follow)
    states = encoder.network.state_dict()
    assert follow.parents == (spec.folder,)
    assert all(
        torch.equal(value, states[name]) for name, value in again.network.state_dict().items()
    )
    assert not [path for path in (spec.folder / "model").iterdir() if "head" in path.name]


def write_rows(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_xcopa_is_scored_after_siqa_and_copa(tmp_path, encoders):
    """XTREME-R's recipe from files: three choices, then two, one head; then other languages."""
    answers = {
        f"answer{letter}": f"She {word}."
        for letter, word in (("A", "reads"), ("B", "sleeps"), ("C", "eats"))
    }
    siqa = [
        {
            "context": f"Anna met Peter {k}.",
            "question": "What did she do?",
            **answers,
            "correct": "ABC"[k % 3],
        }
        for k in range(24)
    ]
    copa = [
        {
            "premise": f"Anna fell {k}.",
            "choice1": "It was dark.",
            "choice2": "She sang.",
            "question": "cause",
            "label": k % 2,
            "idx": k,
        }
        for k in range(12)
    ]
    for split, rows in (("trn", siqa), ("dev", siqa[:6])):
        write_rows(tmp_path / "data/siqa" / f"socialIQa_v1.4_{split}.jsonl", rows)
    write_rows(tmp_path / "data/xcopa/train-en.jsonl", copa)
    write_rows(tmp_path / "data/xcopa/val-en.jsonl", copa[:4])
    for code in ("et", "sw"):
        write_rows(tmp_path / f"data/xcopa/data/{code}/test.{code}.jsonl", copa)
    places = {
        "source": "files",
        "data_root": str(tmp_path / "data"),
        "languages": [],
        "max_length": 64,
        "train_examples": 0,
    }
    spec = target(
        tmp_path,
        encoders["xlmr"],
        train_on="siqa_copa",
        targets=["xcopa"],
        **places,
        batch_size=4,
        epochs=2,
    )
    scores, details = run_target(spec)
    assert [(score.task, score.language, score.metric, score.n) for score in scores] == [
        ("xcopa", "et", "accuracy", 12),
        ("xcopa", "sw", "accuracy", 12),
    ]
    assert details["counts"] == {"siqa": 12, "copa": 6} and details["best_step"] == 18


def test_texts_alone_are_classified(tmp_path, encoders, monkeypatch):
    labels = TASKS["tweet_sentiment"].labels
    tweets = [PairExample(str(k), f"Anna reads {k} books.", "", labels[k % 3]) for k in range(20)]
    monkeypatch.setattr(Source, "load", lambda *_: tweets)
    places = {"source": "hub", "languages": ["en", "de"], "max_length": 32}
    scores, _ = run_target(
        target(
            tmp_path,
            encoders["xlmr"],
            train_on="tweet_sentiment",
            targets=["tweet_sentiment"],
            **places,
        )
    )
    assert {(score.language, score.metric, score.n) for score in scores} == {
        ("en", "accuracy", 12),
        ("de", "accuracy", 12),
    }


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_other_families_run_every_head(tmp_path, encoders, family):
    for train_on, name in (("mnli", "xnli"), ("squad_v1", "xquad"), ("udpos", "udpos")):
        scores, details = run_target(
            target(tmp_path, encoders[family], train_on=train_on, targets=[name], languages=["en"])
        )
        assert details["packed"] and {score.task for score in scores} >= {name}


def test_random_init_forgets_the_weights_but_not_the_words(tmp_path, encoders):
    spec = target(tmp_path, encoders["xlmr"])
    control = target(tmp_path, encoders["xlmr"], recipe="random", control="random_init")
    one, other = run.load_encoder(spec), run.load_encoder(control)
    left, right = (
        one.network.get_input_embeddings().weight,
        other.network.get_input_embeddings().weight,
    )
    assert left.shape == right.shape and not torch.allclose(left, right)
    assert one.tokenizer.get_vocab() == other.tokenizer.get_vocab()
    assert torch.equal(right, run.load_encoder(control).network.get_input_embeddings().weight)


@pytest.mark.parametrize(
    ("name", "metrics_found"),
    [
        ("tatoeba", {"accuracy", "accuracy_raw"}),
        ("bucc2018", {"f1", "precision", "recall", "f1_raw"}),
    ],
)
def test_retrieval_chooses_its_layer_on_development_data(tmp_path, encoders, name, metrics_found):
    spec = RetrievalSpec(
        outputs=str(tmp_path), encoder=str(encoders["xlmr"]), task=name, languages=["de"]
    )
    record = run.Run(spec)
    encoder = run.load_encoder(spec)
    development = retrieve.sweep(spec, encoder)
    by_layer = development.by_layer
    layer = retrieve.choose(spec, encoder, by_layer)
    assert list(by_layer) == [0, 1, 2, 3] and by_layer[layer] == max(by_layer.values())
    assert retrieve.choose(spec.model_copy(update={"layer": 2}), encoder, by_layer) == 2
    scores = retrieve.score_retrieval(record, encoder, layer, development.thresholds)
    assert {score.metric for score in scores} == metrics_found
    assert {score.language for score in scores} == {"de"}
    assert (spec.folder / "predictions" / f"{name}.de.jsonl.gz").is_file()

    papers = spec.model_copy(update={"centred": False, "layer": 2, "outputs": str(tmp_path / "2")})
    thresholds = retrieve.sweep(papers, encoder).thresholds
    same = retrieve.score_retrieval(run.Run(papers), encoder, 2, thresholds)
    assert {score.metric for score in same} == {m for m in metrics_found if "raw" not in m}
    assert same[0].value == next(s.value for s in scores if s.metric == f"{same[0].metric}_raw")


def test_without_development_data_the_layer_is_at_the_papers_depth(encoders):
    encoder = run.load_encoder(RetrievalSpec(encoder=str(encoders["xlmr"])))
    assert retrieve.choose(RetrievalSpec(encoder=str(encoders["xlmr"])), encoder, {}) == round(
        14 / 24 * 3
    )


def test_mean_pooled_states_equal_the_padded_mean(encoders):
    encoder = run.load_encoder(RetrievalSpec(encoder=str(encoders["xlmr"])))
    texts = ["Anna reads.", "A doctor reads three old books today."]
    vectors = retrieval.embed(encoder, texts, 64, [0, 1, 2, 3])
    assert torch.allclose(vectors[2], retrieval.embed(encoder, texts, 64, [2])[0], atol=1e-6)
    for position, text in enumerate(texts):
        stock = model.load(
            str(encoders["xlmr"]), dropout=0.0, packed=False, device=torch.device("cpu")
        )
        states = stock.network(
            **stock.tokenizer(text, return_tensors="pt"), output_hidden_states=True
        ).hidden_states
        assert torch.allclose(
            vectors[:, position], torch.stack([state[0].mean(0) for state in states]), atol=1e-5
        )


def test_mining_finds_planted_pairs_and_leaves_distractors():
    rng = torch.Generator().manual_seed(0)
    gold = torch.randn(40, 16, generator=rng)
    english = retrieval.prepare(
        torch.cat([gold, torch.randn(30, 16, generator=rng)]), centred=False
    )
    other = retrieval.prepare(
        torch.cat(
            [gold + 0.05 * torch.randn(40, 16, generator=rng), torch.randn(20, 16, generator=rng)]
        ),
        centred=False,
    )
    for margin in (True, False):
        found = retrieval.mine(other, english, 4, margin)
        assert len(set(found.other)) == len(found.other) and len(set(found.english)) == len(
            found.english
        )
        right = found.other == found.english
        threshold = retrieval.best_threshold(found, right, 40)
        kept = found.scores >= threshold
        assert right[kept].mean() > 0.95 and right[kept].sum() >= 38
    assert retrieval.search(english[:40], other).tolist() == list(range(40))


def test_the_threshold_is_defined_when_every_candidate_is_right():
    """XTREME's code reads one past the end there."""
    found = retrieval.Candidates(np.arange(3), np.arange(3), np.array([3.0, 2.0, 1.0]))
    assert retrieval.best_threshold(found, np.array([True, True, True]), 3) == 1.0
    assert retrieval.best_threshold(found, np.array([True, False, False]), 1) == 2.5


def test_wrong_encoders_and_languages_are_named(tmp_path, encoders):
    with pytest.raises(UsageError, match="no folder with a config"):
        run.load_encoder(target(tmp_path, tmp_path / "nothing"))
    with pytest.raises(UsageError, match="at most 256 tokens"):
        run.load_encoder(target(tmp_path, encoders["xlmr"], max_length=300))
    with pytest.raises(UsageError, match="pawsx: no labelled test data in sw"):
        Embedded().evaluated("pawsx", "test", ["sw"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_where_there_is_none_is_a_clear_error():
    with pytest.raises(UsageError, match="no CUDA device"):
        model.device("cuda")


def test_the_seconds_of_a_run_are_those_of_all_its_processes(tmp_path):
    made = run.Run(IntermediateSpec(outputs=str(tmp_path)))
    path = made.finish([], {"seconds": 130.0, "earlier_seconds": 100.0}, torch.device("cpu"))
    assert 100 <= json.loads(path.read_text(encoding="utf-8"))["provenance"]["seconds"] < 130


def test_a_relative_encoder_is_one_of_the_projects_folder(tmp_path, monkeypatch, encoders):
    for name in ("notebooks", "params"):
        (tmp_path / name).mkdir()
    (tmp_path / "my_encoder").symlink_to(encoders["xlmr"])
    for place in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(place)
        assert model.locate("./my_encoder") == str(tmp_path / "my_encoder")
    monkeypatch.chdir("/")
    with pytest.raises(UsageError, match=r"encoder '\./my_encoder': no folder with a config"):
        model.locate("./my_encoder")
