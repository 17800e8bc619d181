"""Vectors of texts: of parallel sentences in all languages, before and after intermediate training,
of a task's texts, and of a target's labelled rows in the encoders of a study."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xstilts_core.data.releases import Source, plain_texts
from xstilts_core.data.source import source_of
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import ChoiceExample, Example, PairExample, TagsExample
from xstilts_core.files import locks
from xstilts_core.files.paths import home
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, RetrievalSpec, TargetSpec
from xstilts_core.study.study_kinds import reference_folder
from xstilts_core.study.weights import fingerprint
from xstilts_core.tasks import EMBEDDED_LANGUAGES, TASKS, task

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
    tables = {
        code: {example.id: example.text_b for example in source.load(SENTENCES, split, code)}
        for code in dict.fromkeys((ENGLISH, *codes))
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


# ---- vectors of texts and of words, each computed once

# Examples of a task whose texts represent it, labelled rows of a target that are scored, and
# examples that are embedded before they are kept.
_EXAMPLES, _ROWS, _AT_ONCE = 100, 200, 32
_Rows = Sequence[PairExample | TagsExample]


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
    """Return the mean vector of each collection of texts, by name, from `vectors`."""
    rows = {key: [PairExample("", text, "", None) for text in side] for key, side in texts.items()}
    return {key: table.mean(0) for key, table in vectors(name, rows, outputs).items()}


def study_encoders(study: Study) -> dict[str, str]:
    """Return the encoder that targets start from in a study's first seed, by recipe, the baseline
    among them. Raise UsageError if one after intermediate training is not on this disk."""
    recipes = [name for name in study.recipes if name not in (BASELINE, *study.controls)]
    encoders = {name: encoder_of(study, name, study.seeds[0]) for name in recipes}
    missing = [name for name in recipes if not Path(encoders[name], "config.json").is_file()]
    if missing or not recipes:
        raise UsageError(
            f"--models {study.name}: no model of {', '.join(missing) or 'any recipe'} is on this "
            f"disk: name a study that has finished here (xstilts run {study.name})"
        )
    return {BASELINE: encoder_of(study, BASELINE, study.seeds[0]), **encoders}


def labelled_rows(source: Source, name: str) -> list[Example]:
    """Return labelled English rows of a target that no run was trained on: the development rows of
    its training task; none for a task without training."""
    train_on = task(name).train_on
    return source.development(train_on) if train_on else []


def labelled(examples: Sequence[Example]) -> tuple[_Rows, list[str]]:
    """Return _ROWS examples, spread over all of them, as `vectors` reads them, and the label of
    each of their vectors.

    A choice is a row for each of its answers, joined to context and question, which is right or
    wrong. Both are empty for spans and retrieval, whose labels are no classes.
    """
    rows: list[PairExample | TagsExample] = []
    labels: list[str] = []
    for position in np.linspace(0, len(examples) - 1, min(len(examples), _ROWS)).astype(int):
        match examples[position]:
            case PairExample() as example:
                rows.append(replace(example, label=None))
                labels.append(str(example.label))
            case TagsExample() as example:
                rows.append(example)
                labels += example.tags
            case ChoiceExample() as example:
                prompt = f"{example.context} {example.question}".strip()
                rows += [PairExample("", prompt, choice, None) for choice in example.choices]
                labels += [str(number == example.label) for number in range(len(example.choices))]
    return rows, labels


def vectors(name: str, collections: Mapping[str, _Rows], outputs: str) -> dict[str, np.ndarray]:
    """Return vectors [n, width] of each collection of examples in an encoder's last layer, by name:
    the mean over the tokens of one text or two, the first sub-token of each word of a sentence.

    They are kept in <outputs>/embeddings/<encoder>/, so that each is computed once; after an
    interruption, nothing kept is computed again. vectors.bin has a row of float32 per line of
    texts.txt, the digest of the text. Raise UsageError if the encoder does not know the letters of
    a collection.
    """
    from xstilts_core import model
    from xstilts_core.encoders import loading

    path = Path(model.folder(name))
    width = loading.configuration(path, f"encoder {name!r}").hidden_size
    folder = home() / outputs / "embeddings" / f"{path.name}-{fingerprint(path)[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = None
    with (folder / "texts.txt").open("a+") as index, (folder / "vectors.bin").open("a+b") as file:
        if not locks.acquire(index):
            raise UsageError(f"another command embeds texts in {folder}: wait until it has ended")
        index.seek(0)
        lines = index.read().split()
        file.truncate(4 * width * len(lines))
        for key, side in collections.items():
            known = set(lines)
            todo = {
                row: example for example in side if not known.issuperset(row := _digests(example))
            }
            if todo:
                encoder = encoder or model.load(
                    name, dropout=0.0, packed=True, device=model.device("auto")
                )
                _require_known_letters(encoder.tokenizer, name, key, side)
            for first in range(0, len(todo), _AT_ONCE):
                chunk = list(todo.items())[first : first + _AT_ONCE]
                file.write(_states(encoder, [example for _, example in chunk]).tobytes())
                file.flush()
                digests = [digest for row, _ in chunk for digest in row]
                index.write("".join(f"{digest}\n" for digest in digests))
                index.flush()
                lines += digests
        table = np.fromfile(folder / "vectors.bin", np.float32).reshape(-1, width)
    positions = {digest: number for number, digest in enumerate(lines)}
    return {
        key: table[[positions[digest] for example in side for digest in _digests(example)]]
        for key, side in collections.items()
    }


def _digests(example: PairExample | TagsExample) -> tuple[str, ...]:
    """Return a digest for each vector of an example: of its texts, or of a sentence with the
    position of a word."""
    if isinstance(example, TagsExample):
        texts = [f"{position} of {example.words}" for position in range(len(example.words))]
    else:
        texts = [f"{example.text_a}\0{example.text_b}" if example.text_b else example.text_a]
    return tuple(hashlib.sha256(text.encode()).hexdigest() for text in texts)


def _states(encoder: Any, examples: _Rows) -> np.ndarray:
    """Return the vectors of examples of one kind, in their order."""
    import torch

    from xstilts_core import model
    from xstilts_core.encoders.finite import require_finite
    from xstilts_core.formats import FORMATS, Limits, batch_of
    from xstilts_core.formats.format import pool

    words = isinstance(examples[0], TagsExample)
    form, entry = ("tagging", TASKS["udpos"]) if words else ("pair", TASKS["xnli"])
    limits = Limits(min(128, model.longest_input(encoder.network)))
    encoded = FORMATS[form].encode(examples, entry, encoder.tokenizer, limits)
    batch = batch_of(encoded, encoder.device)
    encoder.network.eval()
    with torch.inference_mode():
        hidden, _ = encoder.hidden(batch.sequences)
        require_finite("the encoder's hidden states", hidden)
        states = hidden[batch.token_columns["word"] >= 0] if words else pool(hidden, batch, "mean")
    return states.float().cpu().numpy()


def _require_known_letters(tokenizer: Any, name: str, collection: str, side: _Rows) -> None:
    """Raise UsageError if most tokens of a collection are the unknown token."""
    texts = [text for _, text in plain_texts(side[:_AT_ONCE], ENGLISH)]
    rows = tokenizer(texts, truncation=True, max_length=128)["input_ids"]
    ids = [token for row in rows for token in row]
    share = ids.count(tokenizer.unk_token_id) / max(1, len(ids))
    if share > 0.2:
        raise UsageError(
            f"encoder {name!r} does not know the letters of {collection}: "
            f"{100 * share:.0f} % of the tokens are unknown"
        )
