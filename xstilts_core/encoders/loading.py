"""An encoder read from its folder and checked as a whole: configuration, weights, tokenizer. Every
fault is one line.

Of encoder-decoders the encoder half is taken where transformers has it as a class of its own (T5,
mT5, UMT5, T5Gemma).
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_TEXT_ENCODING_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from xstilts_core.encoders.trial import causal, quiet
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import encoder_files
from xstilts_core.files.encoder_files import fault

# A bar per loaded model would stand in every executed notebook, stopped at some percentage, and in
# the output of every command.
logging.disable_progress_bar()

# Ordinary English, which every study trains on.
_SENTENCE = "The old doctor reads a new book in the garden, and two children write letters."
SHOWN = 3
# Counted among the causal models of transformers, and read in both directions by their plain model.
_BOTH_WAYS = ("bert-generation", "reformer", "xlnet")


def check(folder: Path, what: str) -> None:
    """UsageError where the folder is no encoder that a study can use, as far as that can be told
    without its weights in memory."""
    encoder_files.check(folder, what)
    config = configuration(folder, what)
    tokenizer = tokenizer_of(folder, what)
    # transformers places weights on "meta", where they take no memory, with the help of accelerate
    # alone.
    network = network_of(folder, config, what, device="meta" if find_spec("accelerate") else "cpu")
    check_tokenizer(tokenizer, network, folder, what)


@contextmanager
def told(folder: Path, what: str) -> Iterator[None]:
    """Whatever transformers says of a folder in one line, and without its tables."""
    try:
        with quiet():
            yield
    except UsageError:
        raise
    except Exception as error:  # transformers' families and the parsers below them each have exceptions of their own
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise fault(f"{what} cannot be loaded", reason, folder) from None


def network_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """The class of the encoder alone: transformers' own choice for a text, else what AutoModel
    takes."""
    found = MODEL_FOR_TEXT_ENCODING_MAPPING.get(type(config), None) or MODEL_MAPPING[type(config)]
    return found[0] if isinstance(found, tuple) else found


def configuration(folder: Path, what: str) -> PretrainedConfig:
    """The folder's configuration. UsageError where transformers does not know its model type, or
    where that is no encoder."""
    kind = encoder_files.configuration(folder).get("model_type")
    if kind not in CONFIG_MAPPING:
        text = sorted(cls.model_type for cls in MODEL_FOR_MASKED_LM_MAPPING)
        raise fault(what, str(unknown("model_type", kind, text, "config.json")), folder)
    with told(folder, what):
        config = AutoConfig.from_pretrained(folder)
        if type(config) not in MODEL_MAPPING:
            raise fault(
                what,
                f"transformers has no encoder for the model_type {kind!r} of its config.json",
                folder,
            )
    _refuse_family(config, folder, what)
    return config


def _refuse_family(config: PretrainedConfig, folder: Path, what: str) -> None:
    """UsageError where the family itself says that it is no encoder; `trial` finds out what it does
    not say."""
    family, name = type(config), network_class(config).__name__
    half = family in MODEL_FOR_TEXT_ENCODING_MAPPING
    if not half and (family in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING or config.is_encoder_decoder):
        raise fault(
            what,
            f"{name} is an encoder-decoder, and transformers has no class for its encoder alone",
            folder,
        )
    both_ways = (
        any("bidirectional" in key and value for key, value in vars(config).items())
        or getattr(config, "is_causal", None) is False
    )
    left_to_right = (
        family in MODEL_FOR_CAUSAL_LM_MAPPING
        and family not in MODEL_FOR_MASKED_LM_MAPPING
        and not half
        and not both_ways
    )
    if (left_to_right and family.model_type not in _BOTH_WAYS) or getattr(
        config, "is_decoder", False
    ):
        raise fault(what, causal(name), folder)


def _options_of(config: PretrainedConfig) -> dict[str, bool]:
    """BERT's family builds a pooler that nothing here reads, unless told not to; others do not know
    the option."""
    known = inspect.signature(network_class(config).__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def new_network(config: PretrainedConfig) -> PreTrainedModel:
    """The encoder with weights from torch's generator."""
    return network_class(config)._from_config(config, **_options_of(config))


def network_of(
    folder: Path, config: PretrainedConfig, what: str, device: str = "cpu"
) -> PreTrainedModel:
    """The encoder in float32 with the folder's weights. UsageError where these do not fit the
    configuration or lack some of it.

    device: meta: its weights are only looked for, and take no memory.
    """
    placed: dict[str, Any] = {} if device == "cpu" else {"device_map": device}
    with told(folder, what):
        network, report = network_class(config).from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **placed,
            **_options_of(config),
        )
    total = len(network.state_dict())
    if wrong := sorted(report["mismatched_keys"], key=str):
        name, has, needs = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        reason = f"its weights are not those of its config.json: {name} is {shape(has)} and should be {shape(needs)}{more}"
        raise fault(what, reason, folder)
    if missing := sorted(name for name in report["missing_keys"] if "pooler" not in name):
        some = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        raise fault(
            what,
            f"its weights lack {len(missing)} of the encoder's {total} tensors: {some}",
            folder,
        )
    return network


def shape(size: torch.Size) -> str:
    return " x ".join(map(str, size))


def tokenizer_of(folder: Path, what: str) -> PreTrainedTokenizerBase:
    """The folder's tokenizer. UsageError where it is none of the fast ones, whose character offsets
    are needed."""
    with told(folder, what):
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if not getattr(tokenizer, "is_fast", False):
        raise fault(
            f"{what} has no fast tokenizer",
            "character offsets are needed for questions and tags",
            folder,
        )
    return tokenizer


def without_types(tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel) -> None:
    """Take token types off a tokenizer whose encoder has none, or one for both texts: they would be
    no input of it, or have no row."""
    takes = (
        "token_type_ids" in inspect.signature(network.forward).parameters
        and getattr(network.config, "type_vocab_size", 2) > 1
    )
    if not takes:
        tokenizer.model_input_names = [
            name for name in tokenizer.model_input_names if name != "token_type_ids"
        ]


def check_tokenizer(
    tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel, folder: Path, what: str
) -> None:
    """UsageError where tokens have no row in the word embeddings, or where ordinary words are
    unknown tokens."""
    with told(folder, what):
        rows = network.get_input_embeddings().weight.shape[0]
    token, last = max(
        ((token, number) for token, number in tokenizer.get_vocab().items()),
        key=lambda entry: entry[1],
        default=("", -1),
    )
    if last >= rows:
        reason = f"its tokenizer gives ids up to {last} ({token!r}), and its word embeddings have {rows} rows, for 0 to {rows - 1}"
        raise fault(
            what,
            f"{reason}: they are not of one encoder, or tokens were added to the tokenizer alone",
            folder,
        )
    with told(folder, what):
        pieces = tokenizer(_SENTENCE, add_special_tokens=False)["input_ids"]
    if not set(pieces) - {tokenizer.unk_token_id}:
        raise fault(
            what,
            f"its tokenizer knows no ordinary word: {_SENTENCE!r} becomes unknown tokens only",
            folder,
        )
