"""Vectors of parallel sentences in all languages, before and after intermediate training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import PairExample
from xstilts_core.study import Study
from xstilts_core.study.spec import RetrievalSpec, TargetSpec
from xstilts_core.study.study_kinds import reference_folder
from xstilts_core.tasks import EMBEDDED_LANGUAGES

# XNLI's hypotheses are short sentences with the same meaning in every language.
SENTENCES = "xnli"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class SentenceSpace:
    """Parallel sentences and their vectors, means over tokens.

    texts [languages][sentences]; vectors [layers, languages, sentences, width], float32, layer 0:
    the embeddings. accuracy: whether each language's mean vector was subtracted -> [layers,
    languages] share of English sentences, in percent, whose nearest neighbour is their translation
    (XTREME's rule for Tatoeba); English itself is left at 100.
    """

    languages: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    vectors: np.ndarray
    accuracy: Mapping[bool, np.ndarray]


def parallel_texts(study: Study, count: int) -> dict[str, tuple[str, ...]]:
    """Return, by language with English first, the second texts of the first `count` test items that
    all languages have, each English text once.

    Raise UsageError if the study's source has none.
    """
    source = source_of(study)
    split = source.test_split(SENTENCES)
    codes: Sequence[str] = EMBEDDED_LANGUAGES
    if not study.embedded:
        codes = source.evaluated(SENTENCES, split, study.languages)
    tables: dict[str, dict[str, str]] = {}
    for code in dict.fromkeys((ENGLISH, *codes)):
        examples = source.load(SENTENCES, split, code)
        tables[code] = {
            example.id: example.text_b for example in examples if isinstance(example, PairExample)
        }
    shared = [key for key in tables[ENGLISH] if all(key in texts for texts in tables.values())]
    keys = list({tables[ENGLISH][key]: key for key in reversed(shared)}.values())[::-1][:count]
    return {code: tuple(texts[key] for key in keys) for code, texts in tables.items()}


def encoder_of(study: Study, recipe: str, seed: int) -> str:
    """Return the name or folder of the encoder that a recipe's target runs start from.
    Raise UsageError if the study has no such runs."""
    starts = {
        (spec.recipe, spec.seed): spec.start
        for spec in study.specs
        if isinstance(spec, TargetSpec | RetrievalSpec)
    }
    if (recipe, seed) not in starts:
        legal = (f"{name}, {number}" for name, number in starts)
        raise unknown("recipe and seed", f"{recipe}, {seed}", legal, study.file)
    return starts[recipe, seed]


@lru_cache(maxsize=8)
def _sentence_space(
    start: str, texts: tuple[tuple[str, ...], ...], languages: tuple[str, ...]
) -> SentenceSpace:
    """Return the vectors of one encoder, computed on the CPU."""
    # These imports take seconds: only those who look at vectors should wait for them.
    from xstilts_core import model
    from xstilts_core.formats import retrieval

    encoder = model.load(start, dropout=0.0, packed=False, device=model.device("cpu"))
    layers = range(encoder.layers + 1)
    max_length = min(128, model.longest_input(encoder.network))
    vectors = [retrieval.embed(encoder, side, max_length, layers) for side in texts]
    count = len(texts[0])
    accuracy = {}
    for centred in (True, False):
        sides = [
            [retrieval.prepare(side[layer].clone(), centred) for side in vectors]
            for layer in layers
        ]
        shares = [
            [
                (retrieval.search(row[0], other) == np.arange(count)).mean() if position else 1.0
                for position, other in enumerate(row)
            ]
            for row in sides
        ]
        accuracy[centred] = 100 * np.array(shares, dtype=float)
    table = np.stack([side.numpy() for side in vectors], axis=1)
    return SentenceSpace(languages, texts, table, accuracy)


def parallel_sentences(study: Study, recipe: str, seed: int, count: int = 150) -> SentenceSpace:
    """Return sentences of a study's source in the encoder of a recipe ("none": before intermediate
    training).

    This takes seconds for the embedded suite, and minutes for XLM-R Large without a GPU. Raise
    UsageError if the encoder or the sentences are not available here.
    """
    if count < 2:
        raise UsageError(f"count {count}: two sentences or more are needed to search among them")
    if study.reference:
        raise UsageError(
            f"{study.name}: no models are kept of the runs in {reference_folder(study.reference)}: "
            "run that study yourself"
        )
    texts = parallel_texts(study, count)
    return _sentence_space(encoder_of(study, recipe, seed), tuple(texts.values()), tuple(texts))
