"""Whether a folder holds an encoder, as far as its files say: nothing here imports torch or
transformers.

What only a loaded network can tell stands in `loading` (do the weights fit, does the tokenizer) and
`trial` (what does it compute).
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from xstilts_core.errors import UsageError

SHIPPED = "mini"
POINTER = b"version https://git-lfs"
# What transformers loads weights from, in its order; an index names the shards that a large model
# is split into.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
# Tokenizers of bytes and characters, which need no vocabulary.
_WITHOUT_VOCABULARY = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
# The number of layers, by the names that families give it.
_DEPTH = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers")
# The hidden size, by the names that families give it.
WIDTH = ("hidden_size", "dim", "d_model", "n_embd", "emb_dim")
# Model types whose positions count from pad_token_id + 1, as fairseq's do: their table has so many
# rows more than a text may have tokens.
_AFTER_PADDING = (
    *("camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "mpnet"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


def shipped() -> Path:
    """Folder of the checkpoint that comes with the package: made by `make checkpoint`; its
    provenance.json is that run's result.json."""
    return Path(str(resources.files("xstilts_core.mini"))) / "checkpoint"


def check(folder: Path, what: str) -> None:
    """UsageError on the first thing that is wrong with an encoder's files, in one line with the
    folder. what: who names the folder."""
    looks: tuple[Callable[[Path], str], ...] = (
        _config_problem,
        _weights_problem,
        _tokenizer_problem,
    )
    if reason := next(filter(None, (look(folder) for look in looks)), ""):
        raise fault(what, reason, folder)


def fault(what: str, reason: str, folder: Path) -> UsageError:
    """The error that says what is wrong with a folder, and names the folder once."""
    return UsageError(f"{what}: {reason}{'' if str(folder) in what else f' ({folder})'}")


def pointer(path: Path) -> str:
    """Says so where a file is one of git-lfs's stand-ins, as a clone without git-lfs leaves
    them."""
    with path.open("rb") as stream:
        found = stream.read(len(POINTER)) == POINTER
    return (
        f"{path.name} is a git-lfs pointer, not the file itself: git lfs pull fetches it"
        if found
        else ""
    )


def parsed(path: Path) -> tuple[dict[str, Any], str]:
    """The object in a JSON file, and why there is none."""
    if path.is_file() and (reason := pointer(path)):
        return {}, reason
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, f"there is no {path.name}"
    except (ValueError, OSError) as error:
        return {}, f"{path.name} is no JSON: {' '.join(str(error).split())}"
    return (
        (found, "")
        if isinstance(found, dict)
        else ({}, f"{path.name} is no JSON object: it holds a {type(found).__name__}")
    )


def configuration(folder: Path) -> dict[str, Any]:
    """What config.json says; nothing where it is not to be read."""
    return parsed(folder / "config.json")[0]


def _config_problem(folder: Path) -> str:
    """What is wrong with config.json; whether its model_type is known only transformers can say."""
    config, reason = parsed(folder / "config.json")
    if reason:
        return reason
    if not isinstance(config.get("model_type"), str):
        return "config.json has no model_type, the name of the encoder's architecture (such as xlm-roberta)"
    if config["model_type"] == "xmod" and not config.get("default_language"):
        legal = ", ".join(map(str, config.get("languages") or ["en_XX"]))
        return f"X-MOD reads every text through one language's adapters: set default_language in config.json to one of {legal}"
    return ""


def _weights_problem(folder: Path) -> str:
    """What is wrong with the weights: none, a part missing, or cut off."""
    name = next((name for name in WEIGHTS if (folder / name).is_file()), "")
    if not name:
        return f"there are no weights: no {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}"
    shards = {name}
    if name.endswith(".index.json"):
        index, reason = parsed(folder / name)
        weights = index.get("weight_map")
        if reason or not isinstance(weights, dict) or not weights:
            return reason or f"{name} has no weight_map, which says where each weight is"
        shards = set(map(str, weights.values()))
    for shard in sorted(shards):
        if not (folder / shard).is_file():
            return f"{shard}, which {name} names, is missing"
        form = _safetensors_problem if shard.endswith(".safetensors") else _pickle_problem
        if reason := pointer(folder / shard) or form(folder / shard):
            return reason
    return ""


def _safetensors_problem(path: Path) -> str:
    """Why a file cannot be of safetensors: 8 bytes with the header's length, the header (JSON:
    where each tensor is), the tensors."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            return f"{path.name} is cut off, or no safetensors file: {size:,} bytes end before its header does"
        try:
            header = json.loads(stream.read(length))
            expected = (
                8
                + length
                + max(
                    (
                        entry["data_offsets"][1]
                        for key, entry in header.items()
                        if key != "__metadata__"
                    ),
                    default=0,
                )
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return f"{path.name} is no safetensors file: its header is no JSON that says where tensors are"
    if size < expected:
        return f"{path.name} is cut off: it has {size:,} of the {expected:,} bytes that its header names"
    return (
        f"{path.name} has {size:,} bytes, more than the {expected:,} that its header names"
        if size > expected
        else ""
    )


def _pickle_problem(path: Path) -> str:
    """Why a file cannot be one of torch.save: a zip archive, or of old versions a pickle."""
    with path.open("rb") as stream:
        begin = stream.read(2)
    if begin == b"PK":
        return (
            ""
            if zipfile.is_zipfile(path)
            else f"{path.name} is cut off: the end of its zip archive is missing"
        )
    return "" if begin[:1] == b"\x80" else f"{path.name} is no file of torch.save"


def _tokenizer_problem(folder: Path) -> str:
    """What is wrong with the tokenizer's files. Without any transformers makes an empty one, to
    which every word is unknown."""
    whole, settings = folder / "tokenizer.json", folder / "tokenizer_config.json"
    for path in (whole, settings):
        if path.is_file() and (reason := parsed(path)[1]):
            return reason
    # With tokenizer.json nobody reads the others.
    found = (
        [whole]
        if whole.is_file()
        else [
            path for kind in _VOCABULARIES for path in sorted(folder.glob(kind)) if path.is_file()
        ]
    )
    if any(path.stat().st_size for path in found):
        return next(filter(None, map(pointer, found)), "")
    if parsed(settings)[0].get("tokenizer_class") in _WITHOUT_VOCABULARY:
        return ""
    return "there are no tokenizer files: no tokenizer.json, vocab.txt, vocab.json or *.model"


def depth(config: Mapping[str, Any]) -> int | None:
    """Number of layers that a configuration states, whatever its family calls it; None where it
    states none."""
    found = (config[name] for name in _DEPTH if type(config.get(name)) is int)
    return next(found, None)


def width(config: Mapping[str, Any]) -> int | None:
    """Hidden size that a configuration states, whatever its family calls it; None where it states
    none."""
    return next((config[name] for name in WIDTH if type(config.get(name)) is int), None)


def first_position(config: Mapping[str, Any]) -> int:
    """Position id of the first token: pad_token_id + 1 in the families that fairseq trained, 0 in
    all others."""
    if (
        config.get("model_type") not in _AFTER_PADDING
        or config.get("position_embedding_type") == "rotary"
    ):
        return 0
    padding = config.get("pad_token_id")
    return 2 if padding is None else int(padding) + 1


def positions(config: Mapping[str, Any]) -> int | None:
    """Tokens that a text may have; None without a limit: where only distances between tokens count
    (T5, DeBERTa v2 and v3, XLNet)."""
    rows = config.get("max_position_embeddings")
    if type(rows) is not int or rows < 1 or config.get("position_biased_input") is False:
        return None
    return rows - first_position(config)


def beyond(config: Mapping[str, Any], start: str, layer: int, max_length: int) -> str:
    """Why a run cannot read that layer, or texts of that length, of the encoder `start`; "" where
    it can."""
    layers, longest = depth(config), positions(config)
    if layers is not None and layer > layers:
        return f"layer is {layer}: encoder {start!r} has the layers 0 (its embeddings) to {layers}"
    if longest is not None and max_length > longest:
        return f"max_length {max_length} is more than encoder {start!r} takes: at most {longest} tokens"
    return ""
