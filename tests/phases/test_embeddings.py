"""Sentences of all languages in an encoder's layers: parallel, and searched by the suite's own
rule."""

import subprocess
import sys

import explored_study
import numpy as np
import pytest

from xstilts_core.errors import UsageError
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
