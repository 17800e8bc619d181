"""Vectors of texts: of parallel sentences in all languages, before and after intermediate training,
and the mean vector of a task's texts."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xstilts_core.data.releases import Source, plain_texts
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example, PairExample
from xstilts_core.files import locks
from xstilts_core.files.paths import home
from xstilts_core.study import Study
from xstilts_core.study.spec import RetrievalSpec, TargetSpec
from xstilts_core.study.study_kinds import reference_folder
from xstilts_core.study.weights import fingerprint
from xstilts_core.tasks import EMBEDDED_LANGUAGES, task

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


# ---- the mean vector of a task's texts

# Examples of a task whose texts represent it, and texts that are embedded before they are kept.
_EXAMPLES, _AT_ONCE = 100, 64


def task_texts(source: Source, name: str) -> list[str]:
    """Return English texts of a task: those that it, or for a target its training task, is trained
    on; for retrieval the English side of its first language."""
    entry = task(name)
    if entry.format == "retrieval":
        split = source.test_split(name)
        examples = source.load(name, split, source.languages(name, split)[-1])
    else:
        by_part = source.training(entry.train_on or name, _EXAMPLES, seed=0)
        examples = [example for part in by_part.values() for example in part]
    return spread_texts(examples)


def spread_texts(examples: Sequence[Example], code: str = ENGLISH) -> list[str]:
    """Return the texts in one language of _EXAMPLES examples that are spread over all of them."""
    chosen = examples[:: max(1, len(examples) // _EXAMPLES)]
    return [text for language, text in plain_texts(chosen, code) if language == code]


def mean_vectors(
    name: str, texts: Mapping[str, Sequence[str]], outputs: str
) -> dict[str, np.ndarray]:
    """Return the mean vector of each collection of texts in an encoder's last layer, by name.

    Vectors are kept in <outputs>/embeddings/<encoder>/, so that each text is embedded once; after
    an interruption, nothing kept is embedded again. vectors.bin has a row of float32 per line of
    texts.txt, the digest of the text. Raise UsageError if the encoder does not know the letters of
    a collection.
    """
    from xstilts_core import model
    from xstilts_core.formats import retrieval

    path = Path(model.folder(name))
    folder = home() / outputs / "embeddings" / f"{path.name}-{fingerprint(path)[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = model.load(name, dropout=0.0, packed=True, device=model.device("auto"))
    _require_known_letters(encoder.tokenizer, name, texts)
    digests = {
        text: hashlib.sha256(text.encode()).hexdigest() for side in texts.values() for text in side
    }
    with (folder / "texts.txt").open("a+") as index, (folder / "vectors.bin").open("a+b") as rows:
        if not locks.acquire(index):
            raise UsageError(f"another command embeds texts in {folder}: wait until it has ended")
        index.seek(0)
        positions = {line.strip(): number for number, line in enumerate(index)}
        rows.truncate(4 * encoder.width * len(positions))
        todo = [text for text, digest in digests.items() if digest not in positions]
        max_length = min(128, model.longest_input(encoder.network))
        for first in range(0, len(todo), _AT_ONCE):
            chunk = todo[first : first + _AT_ONCE]
            vectors = retrieval.embed(encoder, chunk, max_length, [encoder.layers])[0]
            rows.write(vectors.numpy().tobytes())
            rows.flush()
            for text in chunk:
                positions[digests[text]] = len(positions)
                index.write(f"{digests[text]}\n")
            index.flush()
        table = np.fromfile(folder / "vectors.bin", np.float32).reshape(-1, encoder.width)
    return {
        name: table[[positions[digests[text]] for text in side]].mean(0)
        for name, side in texts.items()
    }


def _require_known_letters(tokenizer: Any, name: str, texts: Mapping[str, Sequence[str]]) -> None:
    """Raise UsageError if most tokens of a collection are the unknown token."""
    for collection, side in texts.items():
        rows = tokenizer(list(side[:_AT_ONCE]), truncation=True, max_length=128)["input_ids"]
        ids = [token for row in rows for token in row]
        share = ids.count(tokenizer.unk_token_id) / max(1, len(ids))
        if share > 0.2:
            raise UsageError(
                f"encoder {name!r} does not know the letters of {collection}: "
                f"{100 * share:.0f} % of the tokens are unknown"
            )
