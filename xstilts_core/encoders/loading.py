"""Loading an encoder from its folder, with configuration, weights and tokenizer checked together.

Every fault is reported in one line. Of an encoder-decoder the encoder half is used, if transformers
has a class for it alone (T5, mT5, UMT5, T5Gemma).
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from operator import itemgetter
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

from xstilts_core.encoders.trial import causal_message, quiet
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import encoder_files
from xstilts_core.files.encoder_files import fault

# Every executed notebook and the output of every command would show a bar per loaded model, stopped
# at some percentage.
logging.disable_progress_bar()

# Ordinary English, which every study trains on.
_SENTENCE = "The old doctor reads a new book in the garden, and two children write letters."
SHOWN = 3
# Listed among transformers' causal models, although their plain models read in both directions.
_BOTH_WAYS = ("bert-generation", "reformer", "xlnet")


def check(folder: Path, what: str) -> None:
    """Raise UsageError if the folder is not an encoder that a study can use, as far as can be told
    without its weights in memory."""
    encoder_files.check(folder, what)
    config = configuration(folder, what)
    tokenizer = tokenizer_of(folder, what)
    # transformers needs accelerate to place weights on "meta", where they take no memory.
    network = network_of(folder, config, what, device="meta" if find_spec("accelerate") else "cpu")
    check_tokenizer(tokenizer, network, folder, what)


@contextmanager
def one_line_errors(folder: Path, what: str) -> Iterator[None]:
    """Report any error of transformers about a folder in one line, and hide its tables."""
    try:
        with quiet():
            yield
    except UsageError:
        raise
    except Exception as error:
        # Every model family and the parsers below it raise exceptions of their own.
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise fault(f"{what} cannot be loaded", reason, folder) from None


def network_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """Return the class of the encoder alone: transformers' own choice for text encoding, else that
    of AutoModel."""
    choice = MODEL_FOR_TEXT_ENCODING_MAPPING.get(type(config), None) or MODEL_MAPPING[type(config)]
    return choice[0] if isinstance(choice, tuple) else choice


def configuration(folder: Path, what: str) -> PretrainedConfig:
    """Return the folder's configuration.
    Raise UsageError if transformers does not know its model type, or if that is not an encoder."""
    kind = encoder_files.configuration(folder).get("model_type")
    if kind not in CONFIG_MAPPING:
        model_types = sorted(cls.model_type for cls in MODEL_FOR_MASKED_LM_MAPPING)
        raise fault(what, str(unknown("model_type", kind, model_types, "config.json")), folder)
    with one_line_errors(folder, what):
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
    """Raise UsageError if the family itself declares that it is not an encoder; `trial` finds the
    other cases."""
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
    decoder = getattr(config, "is_decoder", False)
    if decoder or (left_to_right and family.model_type not in _BOTH_WAYS):
        raise fault(what, causal_message(name), folder)


def _options_of(config: PretrainedConfig) -> dict[str, bool]:
    """Return options of the constructor: BERT's family builds an unused pooler unless told not to,
    and others do not know the option."""
    parameters = inspect.signature(network_class(config).__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def new_network(config: PretrainedConfig) -> PreTrainedModel:
    """Return the encoder with weights from torch's generator."""
    return network_class(config)._from_config(config, **_options_of(config))


def network_of(
    folder: Path, config: PretrainedConfig, what: str, device: str = "cpu"
) -> PreTrainedModel:
    """Return the encoder in float32 with the folder's weights. Raise UsageError if they do not fit
    the configuration or some are missing.

    device: "meta" only checks that the weights exist, which takes no memory.
    """
    placement: dict[str, Any] = {} if device == "cpu" else {"device_map": device}
    with one_line_errors(folder, what):
        network, report = network_class(config).from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **placement,
            **_options_of(config),
        )
    if wrong := sorted(report["mismatched_keys"], key=str):
        name, has, needs = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        reason = (
            f"its weights do not match its config.json: {name} is {shape(has)} "
            f"and should be {shape(needs)}{more}"
        )
        raise fault(what, reason, folder)
    if missing := sorted(name for name in report["missing_keys"] if "pooler" not in name):
        some = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        total = len(network.state_dict())
        reason = f"its weights lack {len(missing)} of the encoder's {total} tensors: {some}"
        raise fault(what, reason, folder)
    return network


def shape(size: torch.Size) -> str:
    return " x ".join(map(str, size))


def tokenizer_of(folder: Path, what: str) -> PreTrainedTokenizerBase:
    """Return the folder's tokenizer.
    Raise UsageError if it is not a fast one, whose character offsets are needed."""
    with one_line_errors(folder, what):
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if not getattr(tokenizer, "is_fast", False):
        raise fault(
            f"{what} has no fast tokenizer",
            "character offsets are needed for questions and tags",
            folder,
        )
    return tokenizer


def without_types(tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel) -> None:
    """Remove token types from a tokenizer if its encoder has none, or only one for both texts: it
    would not accept them, or have no row for them."""
    has_types = (
        "token_type_ids" in inspect.signature(network.forward).parameters
        and getattr(network.config, "type_vocab_size", 2) > 1
    )
    if not has_types:
        tokenizer.model_input_names = [
            name for name in tokenizer.model_input_names if name != "token_type_ids"
        ]


def check_tokenizer(
    tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel, folder: Path, what: str
) -> None:
    """Raise UsageError if tokens have no row in the word embeddings, or if ordinary words are
    unknown tokens."""
    with one_line_errors(folder, what):
        rows = network.get_input_embeddings().weight.shape[0]
    token, last = max(tokenizer.get_vocab().items(), key=itemgetter(1), default=("", -1))
    if last >= rows:
        reason = (
            f"its tokenizer gives ids up to {last} ({token!r}), and its word embeddings have "
            f"{rows} rows, for 0 to {rows - 1}: they do not belong together, or tokens were added "
            "to the tokenizer alone"
        )
        raise fault(what, reason, folder)
    with one_line_errors(folder, what):
        pieces = tokenizer(_SENTENCE, add_special_tokens=False)["input_ids"]
    if not set(pieces) - {tokenizer.unk_token_id}:
        raise fault(
            what,
            f"its tokenizer knows no ordinary word: {_SENTENCE!r} becomes unknown tokens only",
            folder,
        )
