"""English sentences in another language by any sequence-to-sequence model of Hugging Face, kept on
disk: none is translated twice.

outputs/translations/<model>-<checksum>/<language>.jsonl has a line per sentence: {"source",
"target"}. The checksum is over the model's own files, so that another model, or another version of
it, never answers for this one. Lines are appended batch by batch: a run that was stopped goes on
where it was, and other runs read what is there. One process at a time translates into a language;
the others wait for it and take its sentences. The model is loaded only where a sentence is missing.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
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

# Tokens of the sources in a batch: its length times its sentences.
BATCH_TOKENS = 4096
# A translation may be so much longer than its source, in tokens.
STRETCH, MARGIN = 2, 16
_LOOK_SECONDS, _TELL_SECONDS = 0.2, 30
# The scripts' codes of ISO 15924, and the codes of ISO 639-3 where NLLB's differ from Tatoeba's or
# Tatoeba has none. Source: FLORES-200's list as transformers has it for NLLB.
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
    """A loaded model that translates into one language: what its sources begin with, and the token
    that its translations begin with."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prefix: str
    first: int | None

    @property
    def longest(self) -> int:
        """Tokens of the longest source."""
        return int(getattr(self.network.config, "max_position_embeddings", None) or 512)


def nllb_code(code: str) -> str:
    """NLLB's name of a language: deu_Latn."""
    row = language(code)
    return f"{_FLORES.get(code, row.tatoeba)}_{SCRIPTS[row.script]}"


def _first_tokens(code: str, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """What M2M-100, NLLB and mBART-50 call a language; a translation into it begins with this
    token."""
    regional = re.compile(rf"{code}_[A-Z]{{2}}")
    return [
        f"__{code}__",
        nllb_code(code),
        *filter(regional.fullmatch, sorted(tokenizer.get_added_vocab())),
    ]


def known(token: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a token stands in the vocabulary."""
    return tokenizer.convert_tokens_to_ids(token) not in (None, tokenizer.unk_token_id)


def target(
    name: str, code: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[str, int | None]:
    """(prefix of the source, first token of the translation) by which a model is told its language.
    UsageError where it has no such one.

    M2M-100, NLLB and mBART-50 begin the translation with the language's token; Marian's models of
    several languages want >>code<< before the source; its models of one language want nothing, and
    what language that is only their name says.
    """
    for token in _first_tokens(code, tokenizer):
        if known(token, tokenizer):
            return "", int(tokenizer.convert_tokens_to_ids(token))
    flores = nllb_code(code)
    for token in (
        f">>{code}<<",
        f">>{flores.split('_')[0]}<<",
        f">>{language(code).tatoeba}<<",
        f">>{flores}<<",
    ):
        if known(token, tokenizer):
            return f"{token} ", None
    marks = [
        token for token in tokenizer.get_vocab() if token.startswith(">>") and token.endswith("<<")
    ]
    if network.config.model_type == "marian" and not marks:
        return "", None
    raise UsageError(
        f"translator {name!r} does not say how it is told to translate into {code!r}: its vocabulary has none of "
        f"{', '.join((*_first_tokens(code, tokenizer), f'>>{code}<<'))}. NLLB, M2M-100, mBART-50 and Marian models are known; for Marian "
        "models of one language write {language} in the name, such as Helsinki-NLP/opus-mt-en-{language}"
    )


def source_language(tokenizer: PreTrainedTokenizerBase) -> None:
    """Tell a tokenizer of several languages that its sources are English, by the name that its
    vocabulary has for it."""
    found = next(
        (token for token in _first_tokens("en", tokenizer) if known(token, tokenizer)), None
    )
    if found and hasattr(tokenizer, "src_lang"):
        # M2M-100's tokenizer wants the bare code.
        tokenizer.src_lang = found.strip("_") if found.startswith("__") else found


def load(name: str, place: str, code: str, where: torch.device) -> _Translator:
    """The model in the folder `place`, ready to translate into a language: float32, on a GPU
    bfloat16. UsageError where it is none."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
        network = AutoModelForSeq2SeqLM.from_pretrained(
            place, dtype=torch.bfloat16 if where.type == "cuda" else torch.float32
        )
    except (OSError, KeyError, ValueError, ImportError) as error:
        plain = " ".join(str(error).split())[:400]
        raise UsageError(
            f"translator {name!r} cannot be loaded as a sequence-to-sequence model: {plain}"
        ) from None
    prefix, first = target(name, code, network, tokenizer)
    source_language(tokenizer)
    # The limit is set batch by batch, in new tokens.
    network.generation_config.max_length = None
    return _Translator(network.to(where).eval(), tokenizer, prefix, first)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions of sentences of like length together, the longest first: what does not fit into
    memory shows at once."""
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    begin = 0
    while begin < len(order):
        size = max(1, BATCH_TOKENS // max(1, lengths[order[begin]]))
        yield order[begin : begin + size]
        begin += size


def generate(made: _Translator, sentences: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """(sentence, its translation), a batch at a time, by the model's own kind of search. One that
    is too long for the model has ""."""
    texts = [made.prefix + sentence for sentence in sentences]
    lengths = [len(ids) for ids in made.tokenizer(texts)["input_ids"]] if texts else []
    long = [position for position, length in enumerate(lengths) if length > made.longest]
    if long:
        yield [(sentences[position], "") for position in long]
    short = [position for position, length in enumerate(lengths) if length <= made.longest]
    for batch in batches([lengths[position] for position in short]):
        chosen = [short[position] for position in batch]
        inputs = made.tokenizer(
            [texts[position] for position in chosen], return_tensors="pt", padding=True
        ).to(made.network.device)
        inputs.pop("token_type_ids", None)
        room = min(
            made.longest - 1, STRETCH * max(lengths[position] for position in chosen) + MARGIN
        )
        forced = {} if made.first is None else {"forced_bos_token_id": made.first}
        with torch.inference_mode():
            ids = made.network.generate(**inputs, max_new_tokens=room, do_sample=False, **forced)
        told = made.tokenizer.batch_decode(ids, skip_special_tokens=True)
        yield [
            (sentences[position], text.strip()) for position, text in zip(chosen, told, strict=True)
        ]


def identity(place: str) -> str:
    """A short checksum over the files that a model is loaded from."""
    folder = Path(place)
    names = hub_client.encoder_files(sorted(path.name for path in folder.iterdir()))
    sums = [f"{name} {hub_client.checksum(folder / name)}" for name in sorted(names)]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()[:12]


def kept_file(name: str, place: str, code: str, folder: Path) -> Path:
    """Where the sentences are kept that the model in the folder `place` says in a language."""
    label = re.sub(r"[^A-Za-z0-9_.-]+", "--", name).strip("-.")
    return folder / f"{label}-{identity(place)}" / f"{code}.jsonl"


def read(path: Path) -> dict[str, str]:
    """Source -> translation of a kept file. A line that a kill cut off is passed over: that
    sentence is translated again."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[entry["source"]] = entry["target"]
    return found


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """While this process alone may add to `path`; others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        while not locks.acquired(lock):
            time.sleep(_LOOK_SECONDS)
        yield


@dataclass(slots=True)
class Progress:
    """A line now and then while sentences are translated: how many, how fast, how long yet."""

    code: str
    total: int
    done: int = 0
    begun: float = 0.0
    told: float = 0.0

    def __post_init__(self) -> None:
        self.begun = self.told = time.perf_counter()

    def add(self, count: int) -> None:
        self.done += count
        now = time.perf_counter()
        if now - self.told >= _TELL_SECONDS or self.done == self.total:
            self.told, rate = now, self.done / max(now - self.begun, 1e-9)
            left = (self.total - self.done) / rate / 60
            print(
                f"translated into {self.code}: {self.done:,} of {self.total:,} sentences, {rate:,.0f} a second, {left:,.0f} min left"
            )


def translations(
    name: str, code: str, sentences: Iterable[str], folder: Path, where: Callable[[], torch.device]
) -> dict[str, str]:
    """Sentence -> its translation into a language; "" where the model has none for it.

    name: a hub name or a folder. folder: where translations are kept. where: the device, asked for
    only if something is missing. UsageError where the model cannot be had, is no
    sequence-to-sequence model, or does not know the language.
    """
    place = model.folder(name, "translator")
    path = kept_file(name, place, code, folder)
    wanted = list(dict.fromkeys(sentences))
    kept = read(path)
    if not all(sentence in kept for sentence in wanted):
        with turn(path):
            kept = read(path)
            missing = [sentence for sentence in wanted if sentence not in kept]
            if missing:
                kept |= add(load(name, place, code, where()), code, missing, path)
    return {sentence: kept[sentence] for sentence in wanted}


def add(made: _Translator, code: str, missing: Sequence[str], path: Path) -> dict[str, str]:
    """Translate what is missing and append it, batch by batch."""
    found: dict[str, str] = {}
    progress = Progress(code, len(missing))
    with path.open("a", encoding="utf-8") as stream:
        # The line that a kill cut off ends here.
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            stream.write("\n")
        for pairs in generate(made, missing):
            for source, told in pairs:
                stream.write(
                    json.dumps({"source": source, "target": told}, ensure_ascii=False) + "\n"
                )
            stream.flush()
            found.update(pairs)
            progress.add(len(pairs))
    return found
