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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
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
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import language

# Source tokens in a batch: its longest sentence times its number of sentences.
BATCH_TOKENS = 4096
# Limit of a translation in tokens: STRETCH times the source's length, plus MARGIN.
STRETCH, MARGIN = 2, 16
_REPORT_SECONDS = 30
_NLLB = yaml.load(Path(__file__).with_name("nllb.yaml").read_text("utf-8"), FastLoader)


@dataclass(frozen=True, slots=True)
class _Translator:
    """A loaded model that translates into one language: the prefix of its sources, and the first
    token of its translations."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prefix: str
    first: int | None


def nllb_code(code: str) -> str:
    """Return NLLB's name of a language: deu_Latn."""
    row = language(code)
    return f"{_NLLB['languages'].get(code, row.tatoeba)}_{_NLLB['scripts'][row.script]}"


def _first_tokens(code: str, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the tokens by which M2M-100, NLLB and mBART-50 name a language; a translation into it
    begins with that token."""
    regional = re.compile(rf"{code}_[A-Z]{{2}}")
    return [
        f"__{code}__",
        nllb_code(code),
        *filter(regional.fullmatch, sorted(tokenizer.get_added_vocab())),
    ]


def _known(tokens: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the first of the tokens that the vocabulary has; "" if it has none."""
    unknown = (None, tokenizer.unk_token_id)
    return next(
        (token for token in tokens if tokenizer.convert_tokens_to_ids(token) not in unknown), ""
    )


def target(
    name: str, code: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[str, int | None]:
    """Return the source prefix and forced first token that select the target language. Raise
    UsageError if the model has neither.

    M2M-100, NLLB and mBART-50 begin the translation with the language's token. Marian's models of
    several languages need >>code<< before the source. Its models of one language need nothing, and
    only their name tells which language it is.
    """
    first_tokens, flores = _first_tokens(code, tokenizer), nllb_code(code)
    if token := _known(first_tokens, tokenizer):
        return "", int(tokenizer.convert_tokens_to_ids(token))
    names = (code, flores.split("_")[0], language(code).tatoeba, flores)
    if token := _known((f">>{label}<<" for label in names), tokenizer):
        return f"{token} ", None
    several = any(re.fullmatch(">>.*<<", token) for token in tokenizer.get_vocab())
    if network.config.model_type == "marian" and not several:
        return "", None
    raise UsageError(
        f"translator {name!r} cannot be told to translate into {code!r}: its vocabulary has none "
        f"of {', '.join((*first_tokens, f'>>{code}<<'))}. NLLB, M2M-100, mBART-50 and Marian "
        "models are supported; for Marian models of one language write {language} in the name, "
        "such as Helsinki-NLP/opus-mt-en-{language}"
    )


def source_language(tokenizer: PreTrainedTokenizerBase) -> None:
    """Set a multilingual tokenizer's source language to English, by the name in its vocabulary."""
    english = _known(_first_tokens("en", tokenizer), tokenizer)
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


def batches(lengths: Mapping[str, int]) -> Iterator[list[str]]:
    """Group sentences of similar length, the longest first, so that a batch that exceeds the memory
    fails at once."""
    order = sorted(lengths, key=lambda sentence: -lengths[sentence])
    start = 0
    while start < len(order):
        size = max(1, BATCH_TOKENS // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def generate(translator: _Translator, sentences: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Translate distinct sentences with the model's own search; yield (sentence, translation)
    pairs, a batch at a time. A sentence that is too long for the model gets ""."""
    tokenizer = translator.tokenizer
    longest = int(getattr(translator.network.config, "max_position_embeddings", None) or 512)
    texts = {sentence: translator.prefix + sentence for sentence in sentences}
    ids = tokenizer([*texts.values()])["input_ids"] if texts else []
    lengths = {sentence: len(tokens) for sentence, tokens in zip(texts, ids, strict=True)}
    short = {sentence: length for sentence, length in lengths.items() if length <= longest}
    if len(short) < len(lengths):
        yield [(sentence, "") for sentence in lengths if sentence not in short]
    for batch in batches(short):
        inputs = tokenizer(
            [texts[sentence] for sentence in batch], return_tensors="pt", padding=True
        ).to(translator.network.device)
        inputs.pop("token_type_ids", None)
        room = min(longest - 1, STRETCH * lengths[batch[0]] + MARGIN)
        forced = {} if translator.first is None else {"forced_bos_token_id": translator.first}
        with torch.inference_mode():
            ids = translator.network.generate(
                **inputs, max_new_tokens=room, do_sample=False, **forced
            )
        translations = tokenizer.batch_decode(ids, skip_special_tokens=True)
        yield list(zip(batch, map(str.strip, translations), strict=True))


def identity(folder: str) -> str:
    """Return a short checksum over the files that a model is loaded from."""
    path = Path(folder)
    names = hub_client.encoder_files(sorted(file.name for file in path.iterdir()))
    sums = [f"{name} {hub_client.checksum(path / name)}" for name in sorted(names)]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()[:12]


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
    label = re.sub(r"[^A-Za-z0-9_.-]+", "--", name).strip("-.")
    path = folder / f"{label}-{identity(model_folder)}" / f"{code}.jsonl"
    unique = list(dict.fromkeys(sentences))
    by_source = read(path)
    if not by_source.keys() >= set(unique):
        with locks.hold(path.with_suffix(".lock")):
            by_source = read(path)
            if missing := [sentence for sentence in unique if sentence not in by_source]:
                _translate(load(name, model_folder, code, get_device()), code, missing, path)
                by_source = read(path)
    return {sentence: by_source[sentence] for sentence in unique}


def _translate(translator: _Translator, code: str, missing: Sequence[str], path: Path) -> None:
    """Translate the missing sentences and append them to the file, batch by batch."""
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
                pair = {"source": source, "target": translation}
                stream.write(json.dumps(pair, ensure_ascii=False) + "\n")
            stream.flush()
            progress.update(len(pairs))
