"""Translate English sentences with any sequence-to-sequence model of Hugging Face, and keep the
translations on disk, so that none is computed twice.

outputs/translations/<model>-<checksum>/<language>.jsonl has a line per sentence: {"source",
"target"}. The checksum is over the model's own files, so that another model, or another version of
it, never reuses this one's translations. Lines are appended batch by batch: a stopped run resumes
where it was, and other runs read the finished lines. One process at a time translates into a
language; the others wait for it and use its sentences. The model is loaded only if a sentence is
missing.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts_core import model
from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.languages import language

# Source tokens in a batch: its longest sentence times its number of sentences.
BATCH_TOKENS = 4096
# Limit of a translation in tokens: STRETCH times the source's length, plus MARGIN.
STRETCH, MARGIN = 2, 16
_POLL_SECONDS, _REPORT_SECONDS = 0.2, 30
# ISO 15924 codes of scripts, and ISO 639-3 codes of languages for which NLLB differs from Tatoeba
# or Tatoeba has none. Source: the FLORES-200 list that transformers has for NLLB.
SCRIPTS = {
    "Latin": "Latn",
    "Arabic": "Arab",
    "Cyrillic": "Cyrl",
    "Bengali": "Beng",
    "Greek": "Grek",
    "Gujarati": "Gujr",
    "Hebrew": "Hebr",
    "Devanagari": "Deva",
    "Japanese": "Jpan",
    "Georgian": "Geor",
    "Hangul": "Hang",
    "Malayalam": "Mlym",
    "Burmese": "Mymr",
    "Gurmukhi": "Guru",
    "Tamil": "Taml",
    "Telugu": "Telu",
    "Thai": "Thai",
    "Han": "Hans",
}
_FLORES = {
    "ar": "arb",
    "az": "azj",
    "gu": "guj",
    "ht": "hat",
    "ms": "zsm",
    "my": "mya",
    "pa": "pan",
    "qu": "quy",
    "wo": "wol",
    "yo": "yor",
    "zh": "zho",
}


@dataclass(frozen=True, slots=True)
class _Translator:
    """A loaded model that translates into one language: the prefix of its sources, and the first
    token of its translations."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prefix: str
    first: int | None

    @property
    def longest(self) -> int:
        """Maximum length of a source in tokens."""
        return int(getattr(self.network.config, "max_position_embeddings", None) or 512)


def nllb_code(code: str) -> str:
    """Return NLLB's name of a language: deu_Latn."""
    row = language(code)
    return f"{_FLORES.get(code, row.tatoeba)}_{SCRIPTS[row.script]}"


def _first_tokens(code: str, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the tokens by which M2M-100, NLLB and mBART-50 name a language; a translation into it
    begins with that token."""
    regional = re.compile(rf"{code}_[A-Z]{{2}}")
    return [
        f"__{code}__",
        nllb_code(code),
        *filter(regional.fullmatch, sorted(tokenizer.get_added_vocab())),
    ]


def _in_vocabulary(token: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a token is in the vocabulary."""
    return tokenizer.convert_tokens_to_ids(token) not in (None, tokenizer.unk_token_id)


def target(
    name: str, code: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[str, int | None]:
    """Return the source prefix and forced first token that select the target language. Raise
    UsageError if the model has neither.

    M2M-100, NLLB and mBART-50 begin the translation with the language's token. Marian's models of
    several languages need >>code<< before the source. Its models of one language need nothing, and
    only their name tells which language it is.
    """
    for token in _first_tokens(code, tokenizer):
        if _in_vocabulary(token, tokenizer):
            return "", int(tokenizer.convert_tokens_to_ids(token))
    flores = nllb_code(code)
    for token in (
        f">>{code}<<",
        f">>{flores.split('_')[0]}<<",
        f">>{language(code).tatoeba}<<",
        f">>{flores}<<",
    ):
        if _in_vocabulary(token, tokenizer):
            return f"{token} ", None
    marks = [
        token for token in tokenizer.get_vocab() if token.startswith(">>") and token.endswith("<<")
    ]
    if network.config.model_type == "marian" and not marks:
        return "", None
    raise UsageError(
        f"translator {name!r} cannot be told to translate into {code!r}: its vocabulary has none "
        f"of {', '.join((*_first_tokens(code, tokenizer), f'>>{code}<<'))}. NLLB, M2M-100, "
        "mBART-50 and Marian models are supported; for Marian models of one language write "
        "{language} in the name, such as Helsinki-NLP/opus-mt-en-{language}"
    )


def source_language(tokenizer: PreTrainedTokenizerBase) -> None:
    """Set a multilingual tokenizer's source language to English, by the name in its vocabulary."""
    english = next(
        (token for token in _first_tokens("en", tokenizer) if _in_vocabulary(token, tokenizer)),
        None,
    )
    if english and hasattr(tokenizer, "src_lang"):
        # M2M-100's tokenizer expects the bare code.
        tokenizer.src_lang = english.strip("_") if english.startswith("__") else english


def load(name: str, folder: str, code: str, device: torch.device) -> _Translator:
    """Load the model in `folder` to translate into a language, in float32, on a GPU in
    bfloat16. Raise UsageError if it is no sequence-to-sequence model."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        network = AutoModelForSeq2SeqLM.from_pretrained(
            folder, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32
        )
    except (OSError, KeyError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:400]
        raise UsageError(
            f"translator {name!r} cannot be loaded as a sequence-to-sequence model: {reason}"
        ) from None
    prefix, first = target(name, code, network, tokenizer)
    source_language(tokenizer)
    # `generate` sets the limit batch by batch, in new tokens.
    network.generation_config.max_length = None
    return _Translator(network.to(device).eval(), tokenizer, prefix, first)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group positions of sentences of similar length, the longest first, so that a batch that
    exceeds the memory fails at once."""
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    start = 0
    while start < len(order):
        size = max(1, BATCH_TOKENS // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def generate(translator: _Translator, sentences: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Translate sentences with the model's own search; yield (sentence, translation) pairs, a batch
    at a time. A sentence that is too long for the model gets ""."""
    texts = [translator.prefix + sentence for sentence in sentences]
    lengths = [len(ids) for ids in translator.tokenizer(texts)["input_ids"]] if texts else []
    long = [position for position, length in enumerate(lengths) if length > translator.longest]
    if long:
        yield [(sentences[position], "") for position in long]
    short = [position for position, length in enumerate(lengths) if length <= translator.longest]
    for batch in batches([lengths[position] for position in short]):
        positions = [short[position] for position in batch]
        inputs = translator.tokenizer(
            [texts[position] for position in positions], return_tensors="pt", padding=True
        ).to(translator.network.device)
        inputs.pop("token_type_ids", None)
        room = min(
            translator.longest - 1,
            STRETCH * max(lengths[position] for position in positions) + MARGIN,
        )
        forced = {} if translator.first is None else {"forced_bos_token_id": translator.first}
        with torch.inference_mode():
            ids = translator.network.generate(
                **inputs, max_new_tokens=room, do_sample=False, **forced
            )
        translations = translator.tokenizer.batch_decode(ids, skip_special_tokens=True)
        yield [
            (sentences[position], text.strip())
            for position, text in zip(positions, translations, strict=True)
        ]


def identity(folder: str) -> str:
    """Return a short checksum over the files that a model is loaded from."""
    path = Path(folder)
    names = hub_client.encoder_files(sorted(file.name for file in path.iterdir()))
    sums = [f"{name} {hub_client.checksum(path / name)}" for name in sorted(names)]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()[:12]


def kept_file(name: str, model_folder: str, code: str, folder: Path) -> Path:
    """Return the file with a language's translations by the model in `model_folder`."""
    label = re.sub(r"[^A-Za-z0-9_.-]+", "--", name).strip("-.")
    return folder / f"{label}-{identity(model_folder)}" / f"{code}.jsonl"


def read(path: Path) -> dict[str, str]:
    """Return source -> translation from a file of translations. A line that a kill cut off is
    skipped, and its sentence is translated again."""
    translations: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            pair = json.loads(line)
        except json.JSONDecodeError:
            continue
        translations[pair["source"]] = pair["target"]
    return translations


@contextmanager
def append_lock(path: Path) -> Iterator[None]:
    """Hold the exclusive right to append to `path`; other processes wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        while not locks.acquire(lock):
            time.sleep(_POLL_SECONDS)
        yield


def translations(
    name: str,
    code: str,
    sentences: Iterable[str],
    folder: Path,
    get_device: Callable[[], torch.device],
) -> dict[str, str]:
    """Return sentence -> translation into a language; "" if the model has no translation.

    name: a hub name or a folder. folder: where translations are kept. get_device: returns the
    device, called only if a translation is missing. Raise UsageError if the model is unavailable,
    is no sequence-to-sequence model, or does not know the language.
    """
    model_folder = model.folder(name, "translator")
    path = kept_file(name, model_folder, code, folder)
    unique = list(dict.fromkeys(sentences))
    by_source = read(path)
    if not all(sentence in by_source for sentence in unique):
        with append_lock(path):
            by_source = read(path)
            missing = [sentence for sentence in unique if sentence not in by_source]
            if missing:
                translator = load(name, model_folder, code, get_device())
                by_source |= _translate_missing(translator, code, missing, path)
    return {sentence: by_source[sentence] for sentence in unique}


def _translate_missing(
    translator: _Translator, code: str, missing: Sequence[str], path: Path
) -> dict[str, str]:
    """Translate the missing sentences and append them, batch by batch."""
    translations: dict[str, str] = {}
    with (
        path.open("a", encoding="utf-8") as stream,
        tqdm(
            total=len(missing),
            desc=f"translated into {code}",
            bar_format="{desc}: {n_fmt} of {total_fmt} sentences, {rate_fmt}, {remaining} left",
            mininterval=_REPORT_SECONDS,
            file=sys.stdout,
        ) as progress,
    ):
        # End the line that a kill cut off.
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            stream.write("\n")
        for pairs in generate(translator, missing):
            for source, translation in pairs:
                stream.write(
                    json.dumps({"source": source, "target": translation}, ensure_ascii=False) + "\n"
                )
            stream.flush()
            translations.update(pairs)
            progress.update(len(pairs))
    return translations
