"""Check from its files whether a folder holds an encoder, without importing torch or transformers.

Checks that need a loaded network are in `loading` (do the weights and the tokenizer fit) and
`trial` (what the network computes).
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


def check(folder: Path, what: str) -> None:
    """Raise UsageError on the first fault of an encoder's files, in one line with the folder. what:
    the setting that names the folder."""
    checks: tuple[Callable[[Path], str], ...] = (
        _config_problem,
        _weights_problem,
        _tokenizer_problem,
    )
    if reason := next(filter(None, (find_problem(folder) for find_problem in checks)), ""):
        raise fault(what, reason, folder)


def fault(what: str, reason: str, folder: Path) -> UsageError:
    """Return the error that describes a fault of a folder, and names the folder once."""
    return UsageError(f"{what}: {reason}{'' if str(folder) in what else f' ({folder})'}")


def pointer(path: Path) -> str:
    """Describe a file that a clone without git-lfs left as a pointer; "" for other files."""
    with path.open("rb") as stream:
        is_pointer = stream.read(len(POINTER)) == POINTER
    return (
        f"{path.name} is a git-lfs pointer, not the file itself: git lfs pull fetches it"
        if is_pointer
        else ""
    )


def _read_json(path: Path) -> tuple[dict[str, Any], str]:
    """Return the object in a JSON file, and the reason if there is none."""
    if path.is_file() and (reason := pointer(path)):
        return {}, reason
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, f"there is no {path.name}"
    except (ValueError, OSError) as error:
        return {}, f"{path.name} is not valid JSON: {' '.join(str(error).split())}"
    return (
        (content, "")
        if isinstance(content, dict)
        else ({}, f"{path.name} is not a JSON object: it holds a {type(content).__name__}")
    )


def configuration(folder: Path) -> dict[str, Any]:
    """Return the content of config.json, empty if it cannot be read."""
    return _read_json(folder / "config.json")[0]


def _config_problem(folder: Path) -> str:
    """Describe a fault of config.json. Only transformers knows whether its model_type exists."""
    config, reason = _read_json(folder / "config.json")
    if reason:
        return reason
    if not isinstance(config.get("model_type"), str):
        return (
            "config.json has no model_type, the name of the encoder's architecture (such as "
            "xlm-roberta)"
        )
    if config["model_type"] == "xmod" and not config.get("default_language"):
        legal = ", ".join(map(str, config.get("languages") or ["en_XX"]))
        return (
            "X-MOD reads every text through one language's adapters: set default_language in "
            f"config.json to one of {legal}"
        )
    return ""


def _weights_problem(folder: Path) -> str:
    """Describe a fault of the weights: missing, incomplete or cut off."""
    name = next((name for name in WEIGHTS if (folder / name).is_file()), "")
    if not name:
        return f"there are no weights: no {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}"
    shards = {name}
    if name.endswith(".index.json"):
        index, reason = _read_json(folder / name)
        weights = index.get("weight_map")
        if reason or not isinstance(weights, dict) or not weights:
            return reason or f"{name} has no weight_map, which maps each weight to its file"
        shards = set(map(str, weights.values()))
    for shard in sorted(shards):
        if not (folder / shard).is_file():
            return f"{shard}, which {name} lists, is missing"
        form = _safetensors_problem if shard.endswith(".safetensors") else _pickle_problem
        if reason := pointer(folder / shard) or form(folder / shard):
            return reason
    return ""


def _safetensors_problem(path: Path) -> str:
    """Describe why a file cannot be in safetensors format: 8 bytes with the length of the header,
    the header (JSON with the offsets of each tensor), and the tensors."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            return (
                f"{path.name} is cut off, or not a safetensors file: {size:,} bytes end before its "
                "header does"
            )
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
            return (
                f"{path.name} is not a safetensors file: its header is not JSON with the offsets "
                "of tensors"
            )
    if size < expected:
        return (
            f"{path.name} is cut off: it has {size:,} of the {expected:,} bytes that its header "
            "states"
        )
    return (
        f"{path.name} has {size:,} bytes, more than the {expected:,} that its header states"
        if size > expected
        else ""
    )


def _pickle_problem(path: Path) -> str:
    """Describe a file that torch.save did not write: neither a zip archive nor an old pickle."""
    with path.open("rb") as stream:
        magic = stream.read(2)
    if magic == b"PK":
        return (
            ""
            if zipfile.is_zipfile(path)
            else f"{path.name} is cut off: the end of its zip archive is missing"
        )
    return "" if magic[:1] == b"\x80" else f"{path.name} is not a file of torch.save"


def _tokenizer_problem(folder: Path) -> str:
    """Describe a fault of the tokenizer's files. Without any, transformers makes an empty
    tokenizer, to which every word is unknown."""
    complete, settings = folder / "tokenizer.json", folder / "tokenizer_config.json"
    for path in (complete, settings):
        if path.is_file() and (reason := _read_json(path)[1]):
            return reason
    # If there is a tokenizer.json, the other files are never read.
    vocabularies = (
        [complete]
        if complete.is_file()
        else [
            path for kind in _VOCABULARIES for path in sorted(folder.glob(kind)) if path.is_file()
        ]
    )
    if any(path.stat().st_size for path in vocabularies):
        return next(filter(None, map(pointer, vocabularies)), "")
    if _read_json(settings)[0].get("tokenizer_class") in _WITHOUT_VOCABULARY:
        return ""
    return "there are no tokenizer files: no tokenizer.json, vocab.txt, vocab.json or *.model"


def depth(config: Mapping[str, Any]) -> int | None:
    """Return a configuration's number of layers under any family's name; None if not stated."""
    depths = (config[name] for name in _DEPTH if type(config.get(name)) is int)
    return next(depths, None)


def width(config: Mapping[str, Any]) -> int | None:
    """Return a configuration's hidden size under any family's name; None if not stated."""
    return next((config[name] for name in WIDTH if type(config.get(name)) is int), None)


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
