"""Check from its files whether a folder holds an encoder, without importing torch or transformers.

Checks that need a loaded network are in `loading` (do the weights and the tokenizer fit) and
`trial` (what the network computes).
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from xstilts_core.errors import UsageError

SHIPPED = "mini"
# File beside the weights that holds the head of a masked language model.
LANGUAGE_HEAD = "language_head.safetensors"
POINTER = b"version https://git-lfs"
# Files from which transformers loads weights, in its order; an index names the shards of a large
# model.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
# Tokenizers of bytes and characters need no vocabulary.
_WITHOUT_VOCABULARY = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
# Names that families give to the number of layers.
_DEPTH = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers")
# Names that families give to the hidden size.
WIDTH = ("hidden_size", "dim", "d_model", "n_embd", "emb_dim")
# Model types whose positions count from pad_token_id + 1, as fairseq's do: their table has that
# many more rows than a text may have tokens.
_AFTER_PADDING = (
    *("camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "mpnet"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


def shipped() -> Path:
    """Return the folder of the checkpoint that comes with the package. `make checkpoint` creates
    it; its provenance.json is that run's result.json."""
    return Path(str(resources.files("xstilts_core.mini"))) / "checkpoint"


class _Fault(Exception):
    """A fault of an encoder's files, in words."""


def check(folder: Path, what: str) -> None:
    """Raise UsageError on the first fault of an encoder's files, in one line with the folder. what:
    the setting that names the folder."""
    try:
        _check_config(folder)
        _check_weights(folder)
        _check_tokenizer(folder)
    except _Fault as reason:
        raise fault(what, str(reason), folder) from None


def fault(what: str, reason: str, folder: Path) -> UsageError:
    """Return the error that describes a fault of a folder, and names the folder once."""
    return UsageError(f"{what}: {reason}{'' if str(folder) in what else f' ({folder})'}")


def _refuse_pointer(path: Path) -> None:
    """Refuse a file that a clone without git-lfs left as a pointer."""
    with path.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            raise _Fault(
                f"{path.name} is a git-lfs pointer, not the file itself: git lfs pull fetches it"
            )


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file."""
    try:
        _refuse_pointer(path)
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise _Fault(f"there is no {path.name}") from None
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise _Fault(f"{path.name} is not valid JSON: {reason}") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise _Fault(f"{path.name} is not a JSON object: it holds a {kind}")
    return content


def configuration(folder: Path) -> dict[str, Any]:
    """Return the content of config.json, empty if it cannot be read."""
    try:
        return _read_json(folder / "config.json")
    except _Fault:
        return {}


def _check_config(folder: Path) -> None:
    """Check config.json. Only transformers knows whether its model_type exists."""
    config = _read_json(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise _Fault(
            "config.json has no model_type, the name of the encoder's architecture (such as "
            "xlm-roberta)"
        )
    if config["model_type"] == "xmod" and not config.get("default_language"):
        legal = ", ".join(map(str, config.get("languages") or ["en_XX"]))
        raise _Fault(
            "X-MOD reads every text through one language's adapters: set default_language in "
            f"config.json to one of {legal}"
        )


def _check_weights(folder: Path) -> None:
    """Check that the weights are there, complete and not cut off."""
    name = next((name for name in WEIGHTS if (folder / name).is_file()), "")
    if not name:
        raise _Fault(f"there are no weights: no {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}")
    shards = {name}
    if name.endswith(".index.json"):
        weights = _read_json(folder / name).get("weight_map")
        if not isinstance(weights, dict) or not weights:
            raise _Fault(f"{name} has no weight_map, which maps each weight to its file")
        shards = set(map(str, weights.values()))
    for shard in sorted(shards):
        if not (folder / shard).is_file():
            raise _Fault(f"{shard}, which {name} lists, is missing")
        _refuse_pointer(folder / shard)
        (_check_safetensors if shard.endswith(".safetensors") else _check_pickle)(folder / shard)


def _check_safetensors(path: Path) -> None:
    """Check the size of a file in safetensors format: 8 bytes with the length of the header, the
    header (JSON with the offsets of each tensor), and the tensors."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise _Fault(
                f"{path.name} is cut off, or not a safetensors file: {size:,} bytes end before its "
                "header does"
            )
        try:
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            ends = [entry["data_offsets"][1] for entry in header.values()]
            expected = 8 + length + max(ends, default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise _Fault(
                f"{path.name} is not a safetensors file: its header is not JSON with the offsets "
                "of tensors"
            ) from None
    if size < expected:
        raise _Fault(
            f"{path.name} is cut off: it has {size:,} of the {expected:,} bytes that its header "
            "states"
        )
    if size > expected:
        raise _Fault(
            f"{path.name} has {size:,} bytes, more than the {expected:,} that its header states"
        )


def _check_pickle(path: Path) -> None:
    """Check that a file is of torch.save: a zip archive or an old pickle."""
    with path.open("rb") as stream:
        magic = stream.read(2)
    if magic == b"PK" and not zipfile.is_zipfile(path):
        raise _Fault(f"{path.name} is cut off: the end of its zip archive is missing")
    if magic != b"PK" and magic[:1] != b"\x80":
        raise _Fault(f"{path.name} is not a file of torch.save")


def _check_tokenizer(folder: Path) -> None:
    """Check the tokenizer's files. Without any, transformers makes an empty tokenizer, to which
    every word is unknown."""
    complete, path = folder / "tokenizer.json", folder / "tokenizer_config.json"
    # If there is a tokenizer.json, the other files are never read.
    kinds = [complete.name] if complete.is_file() else _VOCABULARIES
    vocabularies = [file for kind in kinds for file in sorted(folder.glob(kind)) if file.is_file()]
    if complete.is_file():
        _read_json(complete)
    settings = _read_json(path) if path.is_file() else {}
    if any(file.stat().st_size for file in vocabularies):
        for file in vocabularies:
            _refuse_pointer(file)
    elif settings.get("tokenizer_class") not in _WITHOUT_VOCABULARY:
        raise _Fault(
            "there are no tokenizer files: no tokenizer.json, vocab.txt, vocab.json or *.model"
        )


def _stated(config: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """Return the number that a configuration has under one of these names; None if it has none."""
    return next((config[name] for name in names if type(config.get(name)) is int), None)


def depth(config: Mapping[str, Any]) -> int | None:
    """Return a configuration's number of layers under any family's name; None if not stated."""
    return _stated(config, _DEPTH)


def width(config: Mapping[str, Any]) -> int | None:
    """Return a configuration's hidden size under any family's name; None if not stated."""
    return _stated(config, WIDTH)


def first_position(config: Mapping[str, Any]) -> int:
    """Return the position id of the first token: pad_token_id + 1 in the families that fairseq
    trained, 0 in all others."""
    if (
        config.get("model_type") not in _AFTER_PADDING
        or config.get("position_embedding_type") == "rotary"
    ):
        return 0
    padding = config.get("pad_token_id")
    return 2 if padding is None else int(padding) + 1


def positions(config: Mapping[str, Any]) -> int | None:
    """Return the maximum number of tokens of a text; None without a limit, if only distances
    between tokens count (T5, DeBERTa v2 and v3, XLNet)."""
    rows = config.get("max_position_embeddings")
    if type(rows) is not int or rows < 1 or config.get("position_biased_input") is False:
        return None
    return rows - first_position(config)


def limits_problem(config: Mapping[str, Any], start: str, layer: int, max_length: int) -> str:
    """Explain why encoder `start` cannot read this layer or texts of this length; "" if it can."""
    layers, longest = depth(config), positions(config)
    if layers is not None and layer > layers:
        return f"layer is {layer}: encoder {start!r} has the layers 0 (its embeddings) to {layers}"
    if longest is not None and max_length > longest:
        return (
            f"max_length {max_length} is more than encoder {start!r} takes: at most {longest} "
            "tokens (set max_length, or another encoder)"
        )
    return ""
