"""Retrieval at full size: searches in tiles equal plain sorting, mining equals XTREME's rules
written out, repeated sentences, layers."""

from functools import partial

import numpy as np
import pytest
import torch

from benchmarks import official
from xstilts_core import model, retrieve, run
from xstilts_core.encoders.states import likely_layers, traits, visit_states
from xstilts_core.examples import SentenceExample
from xstilts_core.formats import retrieval
from xstilts_core.packing import Sequences, flat_hidden
from xstilts_core.study.spec import RetrievalSpec

TILES = [(2_048, 4_096), (7, 5), (64, 33), (1, 100)]


def random_vectors(count: int, seed: int, width: int = 24) -> torch.Tensor:
    return retrieval.prepare(
        torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), centred=False
    )


def coarse_vectors(count: int, seed: int) -> torch.Tensor:
    """Not of unit length: every product is a small whole number, so that most are equal to others,
    in any arithmetic."""
    return torch.randint(-2, 3, (count, 3), generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize("tiles", TILES)
@pytest.mark.parametrize("draw", [random_vectors, coarse_vectors])
@pytest.mark.parametrize(
    ("rows", "columns", "count"), [(40, 90, 4), (90, 40, 1), (3, 70, 4), (33, 2, 4), (1, 1, 4)]
)
def test_the_nearest_are_those_of_a_plain_sort_and_of_equal_ones_the_first(
    monkeypatch, tiles, draw, rows, columns, count
):
    monkeypatch.setitem(retrieval.TILES, "cpu", tiles)
    x, y = draw(rows, 0), draw(columns, 1)
    for found, (cosines, indices) in zip(
        retrieval.nearest(x, y, count),
        (
            official.neighbours(x.numpy(), y.numpy(), count),
            official.neighbours(y.numpy(), x.numpy(), count),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.cosines, cosines, atol=1e-6)
    assert (
        retrieval.search(x, y).tolist()
        == official.neighbours(x.numpy(), y.numpy(), 1)[1][:, 0].tolist()
    )


def test_keys_sort_by_value_and_then_by_index():
    values = torch.tensor([0.5, -0.25, 0.5, 0.0, -0.0, -1.0, 1.0, -torch.inf])
    indices = torch.tensor([7, 1, 2, 9, 3, 0, 5, 4])
    order = retrieval.keys(values, indices).sort(descending=True).values
    assert retrieval.values_of(order).tolist() == [1.0, 0.5, 0.5, 0.0, 0.0, -0.25, -1.0, -torch.inf]
    assert retrieval.indices_of(order).tolist() == [5, 2, 7, 3, 9, 1, 0, 4]


def test_no_more_than_a_tile_of_similarities_is_held_at_once(monkeypatch):
    monkeypatch.setitem(retrieval.TILES, "cpu", (50, 30))
    seen, real = [], retrieval.best_in_rows

    def watch(tile: torch.Tensor, first: int, count: int) -> torch.Tensor:
        seen.append(tile.numel())
        return real(tile, first, count)

    monkeypatch.setattr(retrieval, "best_in_rows", watch)
    retrieval.nearest(random_vectors(170, 0), random_vectors(400, 1), 4)
    # Each tile is looked at twice, for its rows and for its columns, and no similarity is computed
    # twice.
    assert max(seen) == 50 * 30 and sum(seen) == 2 * 170 * 400


@pytest.mark.parametrize("tiles", TILES[:3])
@pytest.mark.parametrize("margin", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_mining_gives_the_pairs_of_the_official_rule(monkeypatch, tiles, margin, seed):
    monkeypatch.setitem(retrieval.TILES, "cpu", tiles)
    x = random_vectors(120, seed)
    y = retrieval.prepare(
        torch.cat(
            [
                x[torch.arange(0, 120, 2)] + 0.6 * random_vectors(60, seed + 9),
                random_vectors(80, seed + 5),
            ]
        ),
        False,
    )
    found = retrieval.mine(x, y, 4, margin)
    expected = official.mine_bitext(x.numpy(), y.numpy(), 4, margin)
    assert list(zip(found.other.tolist(), found.english.tolist(), strict=True)) == [
        pair[:2] for pair in expected
    ]
    np.testing.assert_allclose(found.scores, [pair[2] for pair in expected], atol=1e-5)


def test_a_sentence_that_is_given_twice_to_mining_is_found_at_its_first_place():
    """Equal vectors have equal scores; signs of one axis each, so that the arithmetic is exact."""
    english = torch.eye(6)[[0, 1, 2, 1, 3]]
    other = torch.eye(6)[[1, 0, 1, 5]]
    found = retrieval.mine(other, english, 2, margin=False)
    pairs = set(zip(found.other.tolist(), found.english.tolist(), strict=True))
    assert (0, 1) in pairs and (1, 0) in pairs and (2, 3) not in pairs
    assert found.scores.min() > 0


def test_a_million_proposals_are_taken_one_to_one():
    rng = np.random.default_rng(0)
    size = 500_000
    xs = np.concatenate([np.arange(size), rng.integers(0, size, size)])
    ys = np.concatenate([rng.integers(0, size, size), np.arange(size)])
    scores = rng.integers(0, 1_000, 2 * size) / 1_000
    kept = retrieval.one_to_one(xs, ys, scores)
    assert len(set(xs[kept])) == len(set(ys[kept])) == len(kept) > size / 2
    assert (np.diff(scores[kept]) <= 0).all()
    # What was left out has a better or earlier pair of the same x or y.
    by_x, by_y = np.full(size, 2 * size), np.full(size, 2 * size)
    rank = np.empty(2 * size, dtype=np.int64)
    rank[np.argsort(-scores, kind="stable")] = np.arange(2 * size)
    by_x[xs[kept]], by_y[ys[kept]] = rank[kept], rank[kept]
    assert (np.minimum(by_x[xs], by_y[ys]) <= rank).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_threshold_is_that_of_the_official_loop(seed):
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.random(40))
    right = rng.random(40) < np.linspace(0.9, 0.0, 40) * (seed % 4 > 0)
    right[-1] = False  # the official loop reads past the end where the last pair is the best
    found = retrieval.Candidates(np.arange(40), np.arange(40), scores)
    assert retrieval.best_threshold(found, right, 25) == official.mining_threshold(
        scores.tolist(), right.tolist(), 25
    )


def test_without_any_right_pair_the_threshold_is_zero_and_of_no_candidates_too():
    none = retrieval.Candidates(np.arange(0), np.arange(0), np.zeros(0))
    assert retrieval.best_threshold(none, np.zeros(0, dtype=bool), 3) == 0.0
    assert retrieval.f1_of_prefixes(np.array([False, True]), 1).tolist() == [0.0, 2 * 0.5 * 1 / 1.5]


def sentence(name: str, language: str, text: str, match: str | None = None) -> SentenceExample:
    return SentenceExample(name, language, text, match)


def test_a_text_that_a_side_has_twice_is_in_no_pair_and_does_not_shift_the_others():
    """XTREME mines different texts and drops those that stand for two ids."""
    other = [
        sentence(f"de-{k}", "de", text, match)
        for k, (text, match) in enumerate([("A", "en-0"), ("B", None), ("A", None), ("C", "en-2")])
    ]
    english = [sentence(f"en-{k}", "en", text) for k, text in enumerate(["a", "x", "c", "x", "b"])]
    axes = {"a": 0, "b": 1, "c": 2, "x": 3}
    sides = [
        torch.stack([torch.eye(5)[axes[example.text.lower()]] for example in side])
        for side in (english, other)
    ]
    spec = RetrievalSpec(task="bucc2018", margin=False, device="cpu")
    found = retrieve.candidate_pairs(spec, retrieve.Vectors(*sides), [*other, *english])
    pairs = {(other[x].id, english[y].id) for x, y in zip(found.other, found.english, strict=True)}
    assert pairs == {("de-1", "en-4"), ("de-3", "en-2")}
    first, alone = retrieval.distinct(["A", "B", "A", "C"])
    assert first.tolist() == [0, 1, 3] and alone.tolist() == [False, True, True]


# ---- the encoder, cut at the layer that is pooled


def batch_of(words: int) -> Sequences:
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 40, 12)
    return Sequences(rng.integers(5, words, lengths.sum()), lengths)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_a_cut_pass_gives_the_states_of_a_whole_one_and_leaves_out_the_layers_above(
    encoders, family, packed
):
    encoder = model.load(
        str(encoders[family]), dropout=0.0, packed=packed, device=torch.device("cpu")
    )
    network, batch = encoder.network.eval(), batch_of(encoder.network.config.vocab_size)
    states = []
    for ids in np.split(batch.ids, np.cumsum(batch.lengths)[:-1]):
        alone = {
            "input_ids": torch.from_numpy(ids)[None],
            "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        }
        stock = model.load(
            str(encoders[family]), dropout=0.0, packed=False, device=torch.device("cpu")
        ).network.eval()
        with torch.no_grad():
            states.append(stock(**alone, output_hidden_states=True).hidden_states)
    calls = []
    hooks = [
        part.register_forward_hook(partial(lambda k, *_: calls.append(k), k))
        for k, part in enumerate(traits(network).layers)
    ]
    assert len(hooks) == 3
    for layer in range(4):
        calls.clear()
        with torch.no_grad():
            hidden, _ = flat_hidden(network, batch, packed, layer)
        assert set(calls) == set(range(layer))
        assert torch.allclose(hidden, torch.cat([state[layer][0] for state in states]), atol=1e-5)
    for hook in hooks:
        hook.remove()


def test_a_pass_that_fails_is_not_taken_for_one_that_is_over(encoders):
    encoder = model.load(
        str(encoders["xlmr"]), dropout=0.0, packed=False, device=torch.device("cpu")
    )
    layers = traits(encoder.network).layers

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    hook = layers[1].register_forward_hook(fail)
    inputs = {"input_ids": torch.tensor([[0, 7, 2]])}
    seen = []
    with pytest.raises(RuntimeError, match="out of memory"):
        visit_states(encoder.network, [0, 2], inputs, lambda layer, hidden: seen.append(layer))
    hook.remove()
    assert seen == [0] and not any(part._forward_pre_hooks for part in layers)


def test_layers_that_share_their_weights_are_read_from_all_states():
    from transformers import AlbertConfig, AlbertModel

    size = {
        "vocab_size": 40,
        "embedding_size": 8,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    network = AlbertModel(AlbertConfig(**size, num_hidden_layers=3), add_pooling_layer=False).eval()
    assert likely_layers(network) == ()
    inputs, seen = {"input_ids": torch.tensor([[2, 7, 3]])}, {}
    with torch.no_grad():
        visit_states(network, [1, 3], inputs, seen.__setitem__)
        states = network(**inputs, output_hidden_states=True).hidden_states
    assert seen.keys() == {1, 3} and all(torch.equal(seen[layer], states[layer]) for layer in seen)


@pytest.mark.parametrize("family", ["xlmr", "bert"])
def test_texts_are_tokenised_some_at_a_time_and_the_result_is_the_same(
    encoders, monkeypatch, family
):
    encoder = model.load(
        str(encoders[family]), dropout=0.0, packed=True, device=torch.device("cpu")
    )
    texts = [
        "Anna reads.",
        "A doctor reads three old books today.",
        "Anna reads.",
        "",
        "Who lives in Rome?",
    ]
    whole = retrieval.encode(texts, encoder, 8)
    monkeypatch.setattr(retrieval, "TEXTS_AT_ONCE", 2)
    parts = retrieval.encode(texts, encoder, 8)
    for name in ("ids", "lengths", "rows", "example", "types"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert whole.lengths.max() == 8 and (whole.types is None) == (family == "xlmr")
    stock = encoder.tokenizer(texts, truncation=True, max_length=8)["input_ids"]
    assert [part.tolist() for part in np.split(parts.ids, parts.starts[1:-1])] == stock


def test_english_is_embedded_once_where_it_stays_the_same(encoders, monkeypatch):
    spec = RetrievalSpec(task="bucc2018", encoder=str(encoders["xlmr"]), device="cpu")
    encoder = run.load_encoder(spec)
    seen, real = [], retrieval.embed

    def watch(encoder: model.Encoder, texts: tuple[str, ...], *rest: object) -> torch.Tensor:
        seen.append(len(texts))
        return real(encoder, texts, *rest)

    monkeypatch.setattr(retrieval, "embed", watch)
    english = [
        sentence("en-1", "en", "Anna reads."),
        sentence("en-2", "en", "A doctor reads three old books today."),
    ]
    found, measures = [], [retrieve.Measure(1, True), retrieve.Measure(2, True)]
    for text in ("Anna liest.", "安娜读书。", "Anna liest."):
        found.append(
            retrieve.vectors_by_measure(
                spec, encoder, [*english, sentence("xx-1", "xx", text)], measures
            )
        )
    assert seen == [2, 1, 1, 1]
    for measure in measures:
        one, same = found[0][measure], found[2][measure]
        assert torch.equal(one.english, same.english) and torch.equal(one.other, same.other)


# ---- neighbours that have nothing in common


def unit(rows) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=-1)


def test_a_margin_over_next_to_nothing_or_less_does_not_win(monkeypatch):
    """Pair 0: cosine 0.9 among neighbours of 0.5 or more. Pair 1: cosine 0.02 where every other one
    is far below zero."""
    cosines = np.array(
        [
            [0.9, -0.5, 0.6, 0.5],
            [-0.6, 0.02, -0.4, -0.3],
            [0.6, -0.5, 0.8, 0.6],
            [0.5, -0.4, 0.6, 0.85],
        ],
        dtype=np.float32,
    )

    def nearest(x, y, count, where):
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        back = np.argsort(-cosines.T, axis=1, kind="stable")[:, :count]
        return tuple(
            retrieval.Nearest(np.take_along_axis(table, places, 1), places)
            for table, places in ((cosines, order), (cosines.T, back))
        )

    monkeypatch.setattr(retrieval, "nearest", nearest)
    found = retrieval.mine(torch.zeros(4, 4), torch.zeros(4, 4), 3, True)
    pairs = list(zip(found.other.tolist(), found.english.tolist(), strict=True))
    assert (
        pairs[:3] == [(0, 0), (3, 3), (2, 2)]
        and (found.scores > 0).all()
        and np.isfinite(found.scores).all()
    )
    assert dict(zip(pairs, found.scores, strict=True))[1, 1] == pytest.approx(
        0.02 / retrieval.LEAST_MEAN
    )
    assert found.clamped > 0
    assert retrieval.mine(torch.zeros(4, 4), torch.zeros(4, 4), 3, False).clamped == 0, (
        "a cosine is divided by nothing"
    )


def test_means_of_zero_give_no_pair_and_are_counted():
    found = retrieval.mine(unit(np.eye(8)[:4]), unit(np.eye(8)[4:]), 2, True)
    assert len(found.scores) == 0 and found.clamped == 16
    far = retrieval.mine(unit([[1, 0.1], [1, 0.2]]), unit([[-1, 0.1], [-1, -0.1]]), 2, True)
    assert len(far.scores) == 0 and far.clamped == 8, (
        "a negative cosine over a negative mean is no ratio"
    )


def test_margins_above_the_least_mean_are_what_they_were():
    rng = np.random.default_rng(0)
    x = unit(rng.normal(size=(40, 6)) + 2)
    y = unit(x.numpy() + 0.1 * rng.normal(size=(40, 6)))
    found = retrieval.mine(x, y, 4, True)
    forward, backward = retrieval.nearest(x, y, 4)
    means = (forward.cosines.mean(1)[found.other] + backward.cosines.mean(1)[found.english]) / 2
    assert found.clamped == 0 and means.min() > retrieval.LEAST_MEAN
    assert found.scores == pytest.approx(
        (x @ y.T).numpy()[found.other, found.english] / means, rel=1e-5
    )
