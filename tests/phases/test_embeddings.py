"""Sentences of all languages in an encoder's layers: parallel, and searched by the suite's own
rule."""

import subprocess
import sys

import explored_study
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from xstilts_core import model
from xstilts_core.data.source import Embedded
from xstilts_core.errors import UsageError
from xstilts_core.examples import ChoiceExample, PairExample, SpanExample, TagsExample
from xstilts_core.phases import embeddings
from xstilts_core.study import Study
from xstilts_core.tasks import EMBEDDED_LANGUAGES


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """Planned, and nothing of it run."""
    path = tmp_path_factory.mktemp("planned") / "planned.yaml"
    path.write_text(explored_study.YAML, encoding="utf-8")
    return Study.load(str(path), str(path.parent / "outputs"))


def test_sentences_are_parallel_and_different(study):
    texts = embeddings.parallel_texts(study, 30)
    assert tuple(texts) == EMBEDDED_LANGUAGES and {len(side) for side in texts.values()} == {30}
    assert len(set(texts["en"])) == 30
    assert embeddings.parallel_texts(study, 5)["de"] == texts["de"][:5]


def test_layers_and_accuracy_of_the_shipped_encoder(study):
    space = embeddings.parallel_sentences(study, "none", 1, 40)
    layers, languages, sentences, _ = space.vectors.shape
    assert (languages, sentences) == (len(EMBEDDED_LANGUAGES), 40) and np.isfinite(
        space.vectors
    ).all()
    for centred in (True, False):
        table = space.accuracy[centred]
        assert table.shape == (layers, languages) and (table[:, 0] == 100).all()
    german = EMBEDDED_LANGUAGES.index("de")
    sides = space.vectors[-1, [0, german]] - space.vectors[-1, [0, german]].mean(
        axis=1, keepdims=True
    )
    unit = sides / np.linalg.norm(sides, axis=-1, keepdims=True)
    found = 100 * np.mean((unit[0] @ unit[1].T).argmax(axis=1) == np.arange(40))
    assert space.accuracy[True][-1, german] == pytest.approx(found) and found > 30


def test_what_is_not_there_is_named(study):
    with pytest.raises(UsageError, match=r"intermediate/mnli/seed1/model.*no folder"):
        embeddings.parallel_sentences(study, "mnli", 1)
    with pytest.raises(UsageError, match="mnly"):
        embeddings.encoder_of(study, "mnly", 1)
    with pytest.raises(UsageError, match="two sentences or more"):
        embeddings.parallel_sentences(study, "none", 1, 1)


@pytest.mark.parametrize("module", ["phases.embeddings", "explore"])
def test_torch_is_loaded_only_when_an_encoder_is(module):
    code = f"import sys, xstilts_core.{module}; print('torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


PAIRS = [
    PairExample("1", "Anna never eats an apple.", "She eats.", None),
    PairExample("2", "A doctor reads three old books today.", "", None),
]
SENTENCES = [
    TagsExample("1", ("Der", "Arzt", "liest"), ("DET", "NOUN", "VERB")),
    TagsExample("2", ("Anna", "liest"), ("PROPN", "VERB")),
]


def test_vectors_are_means_of_texts_and_first_pieces_of_words(encoders, tmp_path, monkeypatch):
    """As from transformers, one text at a time. What is kept is read without loading weights."""
    folder = encoders["xlmr"]
    rows = {"pairs": PAIRS, "words": SENTENCES, "again": PAIRS[1:]}
    vectors = embeddings.vectors(str(folder), rows, str(tmp_path))
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    def states(*texts: object, **options: bool) -> tuple[np.ndarray, list[int | None]]:
        encoding = tokenizer(*texts, return_tensors="pt", **options)
        with torch.no_grad():
            return network.eval()(**encoding).last_hidden_state[0].numpy(), encoding.word_ids()

    texts = [(row.text_a, *([row.text_b] if row.text_b else [])) for row in PAIRS]
    np.testing.assert_allclose(
        vectors["pairs"], [states(*pair)[0].mean(0) for pair in texts], atol=1e-5
    )
    words = []
    for sentence in SENTENCES:
        table, ids = states(list(sentence.words), is_split_into_words=True)
        words += [table[ids.index(position)] for position in range(len(sentence.words))]
    np.testing.assert_allclose(vectors["words"], words, atol=1e-5)
    np.testing.assert_array_equal(vectors["again"], vectors["pairs"][1:])

    monkeypatch.setattr(model, "load", None)
    for name, table in embeddings.vectors(str(folder), rows, str(tmp_path)).items():
        np.testing.assert_array_equal(table, vectors[name])
    monkeypatch.undo()
    (kept,) = (tmp_path / "embeddings").iterdir()
    assert len((kept / "texts.txt").read_text().split()) == 2 + 5
    # Stopped in the middle of a sentence.
    (kept / "texts.txt").write_text("".join((kept / "texts.txt").open().readlines()[:4]))
    for name, table in embeddings.vectors(str(folder), rows, str(tmp_path)).items():
        np.testing.assert_allclose(table, vectors[name], atol=1e-6)


def test_labels_belong_to_vectors():
    rows, labels = embeddings.labelled([PairExample("1", "It rains.", "It pours.", "yes")])
    assert rows == [PairExample("1", "It rains.", "It pours.", None)] and labels == ["yes"]
    rows, labels = embeddings.labelled(SENTENCES)
    assert rows == SENTENCES and labels == ["DET", "NOUN", "VERB", "PROPN", "VERB"]
    choice = ChoiceExample("1", "It rained.", "What then?", ("It was wet.", "It was dry."), 0)
    rows, labels = embeddings.labelled([choice])
    assert [(row.text_a, row.text_b) for row in rows] == [
        ("It rained. What then?", "It was wet."),
        ("It rained. What then?", "It was dry."),
    ]
    assert labels == ["True", "False"]
    assert embeddings.labelled([SpanExample("1", "Who?", "Ada.", ())]) == ([], [])
    assert embeddings.labelled([]) == ([], [])


def test_rows_of_a_target_are_spread_over_those_that_nothing_was_trained_on():
    source = Embedded()
    dev = embeddings.labelled_rows(source, "xnli")
    assert dev == source.load("mnli", "dev", "en") and not embeddings.labelled_rows(
        source, "tatoeba"
    )
    rows, _ = embeddings.labelled(dev * 3)
    assert len(rows) == embeddings._ROWS and rows[-1].id == dev[-1].id
