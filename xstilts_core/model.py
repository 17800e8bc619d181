"""The encoder: any Hugging Face masked language model, by name or folder; saved and loaded without
heads between phases."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModelForMaskedLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts_core.data import hub_client
from xstilts_core.encoders import loading, trial
from xstilts_core.encoders.states import traits
from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.files.encoder_files import SHIPPED, shipped
from xstilts_core.files.paths import expanded, home
from xstilts_core.results import LANGUAGE_HEAD

# What the masked language models of transformers call the modules of their heads, in the order in
# which they are used: RoBERTa's family, BERT's, ModernBERT's, ALBERT's, ELECTRA's, DistilBERT's.
_HEADS = (
    ("lm_head",),
    ("cls",),
    ("head", "decoder"),
    ("predictions",),
    ("generator_predictions", "generator_lm_head"),
    ("vocab_transform", "activation", "vocab_layer_norm", "vocab_projector"),
)


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded encoder, its tokenizer, and whether its batches may be packed."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    packed: bool

    @property
    def width(self) -> int:
        return int(self.network.config.hidden_size)

    @property
    def layers(self) -> int:
        return int(self.network.config.num_hidden_layers)

    @property
    def batches(self) -> str:
        """How its batches are made: packed; padded; by equal length, where padding would change
        what it computes."""
        return (
            "packed"
            if self.packed
            else "padded"
            if traits(self.network).padding
            else "by equal length"
        )


def locate(name: str, kind: str = "encoder") -> str:
    """The folder or hub name to give to transformers. A relative folder is one of the project's.
    UsageError where there is none."""
    if name == SHIPPED:
        return str(shipped())
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    place = home() / expanded(name)
    if looks_local and not (place / "config.json").is_file():
        legal = "give 'mini', a hub name such as FacebookAI/xlm-roberta-large, or a folder"
        raise UsageError(f"{kind} {name!r}: no folder with a config.json there ({legal})")
    return str(place) if looks_local else name


def folder(name: str, kind: str = "encoder") -> str:
    """The folder that a model is loaded from; one of the hub is fetched at its locked commit
    (hub_client). kind: for errors."""
    place = locate(name, kind)
    return place if Path(place).is_dir() else str(hub_client.encoder(place, kind))


def device(wish: str) -> torch.device:
    """auto: CUDA where there is one. UsageError where CUDA is asked for and there is none."""
    if wish == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "device cuda: this machine or this build of torch has no CUDA device (use auto or cpu)"
        )
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(where: torch.device) -> str:
    """What provenance says of the device: the GPU's name, or cpu and the number of threads."""
    return (
        torch.cuda.get_device_name(where)
        if where.type == "cuda"
        else f"cpu, {torch.get_num_threads()} threads"
    )


def set_dropout(
    config: PretrainedConfig, share: float | None, attention: float | None = None
) -> None:
    """Write one dropout into every dropout field of the configuration, whatever its family calls
    them, or another into attention's.

    None: as it is, of attention: as the others.
    """
    for name, value in own_dropout(config).items():
        wanted = attention if "attention" in name and attention is not None else share
        if isinstance(value, float) and "classifier" not in name and wanted is not None:
            setattr(config, name, wanted)


def own_dropout(config: PretrainedConfig) -> dict[str, float]:
    """The dropout fields of a configuration as they stand, those of heads among them."""
    return {
        name: value
        for name, value in vars(config).items()
        if "dropout" in name and type(value) in (int, float)
    }


def head_dropout(config: PretrainedConfig) -> float:
    """The dropout that an encoder's configuration has for a head, or in default of one for hidden
    states; else 0.1, as BERT's."""
    own = own_dropout(config)
    wanted = [
        value
        for part in ("classif", "cls", "hidden")
        for name, value in own.items()
        if part in name
    ]
    return next(iter([*wanted, *own.values()]), 0.1)


def load(
    name: str,
    *,
    dropout: float | None,
    packed: bool,
    where: torch.device,
    attention_dropout: float | None = None,
    random_init: bool = False,
    seed: int = 0,
) -> Encoder:
    """Encoder and tokenizer by name ("mini", a hub name) or folder, in float32, checked as a whole
    before it is used.

    dropout: of this training alone: `save` writes the encoder's own again, which None leaves as it
    is. random_init: the control: the same architecture and tokenizer with weights drawn from
    `seed`. UsageError, in one line, where the folder's files are not whole or do not fit one
    another (`encoder_files`, `loading`) or it computes what no study can use (`trial`).
    """
    place, what = Path(folder(name)), f"encoder {name!r}"
    encoder_files.check(place, what)
    config, tokenizer = loading.configuration(place, what), loading.tokenizer_of(place, what)
    own = own_dropout(config)
    set_dropout(config, dropout, attention_dropout)
    if random_init:
        torch.manual_seed(seed)
        network = loading.new_network(config)
    else:
        network = loading.network_of(place, config, what)
    network.own_dropout = own
    loading.check_tokenizer(tokenizer, network, place, what)
    loading.without_types(tokenizer, network)
    network = network.to(where)
    return Encoder(network, tokenizer, trial.examine(network, what, packed))


def longest_input(network: PreTrainedModel) -> int:
    """Tokens that a text may have; sys.maxsize without a limit."""
    return encoder_files.positions(network.config.to_dict()) or sys.maxsize


def freeze_embeddings(network: PreTrainedModel) -> None:
    """Exclude the embedding layer (words, positions, types, its norm) from training."""
    part = getattr(network, "embeddings", None) or network.get_input_embeddings()
    for parameter in part.parameters():
        parameter.requires_grad_(False)


def language_head(encoder: Encoder, name: str, seed: int) -> nn.Module:
    """The masked language-model head of the encoder loaded from `name`: hidden states to logits.
    Its output matrix is the encoder's word embeddings where the architecture says so, else the
    head's own, as it was trained.

    A folder of phase 1 has it in a file of its own, a model of the hub among its weights. Where
    there is none, one with weights drawn from `seed` is trained from scratch, and a line says so.
    UsageError where the architecture has no head that is known here.
    """
    place, what = Path(folder(name)), f"encoder {name!r} has no masked language model"
    config, kept = loading.configuration(place, what), place / LANGUAGE_HEAD
    torch.manual_seed(seed)
    with loading.told(place, what):
        if kept.is_file():
            whole, missing = AutoModelForMaskedLM.from_config(config), []
        else:
            options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
            whole, report = AutoModelForMaskedLM.from_pretrained(place, **options)
            missing = [
                key
                for key in report["missing_keys"]
                if not key.startswith(f"{whole.base_model_prefix}.")
            ]
    if missing:
        print(
            f"encoder {name!r} was saved without its language-model head: a new one is trained, drawn from seed {seed}",
            flush=True,
        )
    head, output = head_of(whole, name), whole.get_output_embeddings()
    tied = output.weight is whole.get_input_embeddings().weight
    if kept.is_file():
        saved = load_file(kept)
        head.load_state_dict(saved, strict=False)
        tied = tied or not any(
            weight is output.weight and key in saved
            for key, weight in head.named_parameters(remove_duplicate=False)
        )
    if tied:
        output.weight = encoder.network.get_input_embeddings().weight
    return head.to(encoder.network.device)


def head_of(whole: PreTrainedModel, name: str) -> nn.Module:
    """The language-model head of a masked language model, what it shares with the embeddings
    included.

    name: for the UsageError where the architecture has none that is known here, or one that reads
    more than the last hidden states.
    """
    what = f"encoder {name!r}: {type(whole).__name__} has no language-model head"
    parts = next((found for found in _HEADS if all(hasattr(whole, part) for part in found)), ())
    if not parts:
        known = "; ".join(" and ".join(found) for found in _HEADS)
        raise UsageError(f"{what} that is known here ({known})")
    head = (
        getattr(whole, parts[0])
        if len(parts) == 1
        else nn.Sequential(*(getattr(whole, part) for part in parts))
    )
    if not trial.predicts(whole, head):
        raise UsageError(
            f"{what} that can be used alone: {' and '.join(parts)} reads more than the last hidden states"
        )
    return head


def add_adapters(network: PreTrainedModel, rank: int, seed: int) -> None:
    """Low-rank adapters (Hu et al. 2022) beside every linear layer, weights drawn from `seed`; the
    network's own weights are frozen.

    Their product is added as it is (alpha equal to the rank). UsageError where peft is not
    installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UsageError("lora needs the package peft: pip install 'xstilts[lora]'") from None
    torch.manual_seed(seed)
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=rank, target_modules="all-linear"), network
    )


def merge_adapters(network: PreTrainedModel) -> None:
    """Add what the adapters learnt to the weights beside them and take them out: the network is of
    its own architecture again."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            network.set_submodule(name, module.get_base_layer())
    # peft's mark of a network that has adapters.
    vars(network).pop("peft_config", None)


def save(
    encoder: Encoder,
    folder: Path,
    weights: Literal["float32", "float16"] = "float32",
    language_head: nn.Module | None = None,
) -> Path:
    """Write encoder and tokenizer as a plain Hugging Face folder. Task heads are not part of it.
    Returns the folder.

    language_head: kept in a file beside the weights, for masked language modelling that goes on
    later (`language_head`).
    """
    network = encoder.network
    attention = network.config._attn_implementation
    network.config._attn_implementation = None
    used = own_dropout(network.config)
    vars(network.config).update(getattr(network, "own_dropout", {}))
    dtype = torch.float16 if weights == "float16" else torch.float32
    state = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in network.state_dict().items()
    }
    network.save_pretrained(folder, state_dict=state)
    encoder.tokenizer.save_pretrained(folder)
    if language_head is not None:
        kept = untied(language_head, network)
        save_file(
            {name: value.detach().to("cpu", dtype).clone() for name, value in kept.items()},
            folder / LANGUAGE_HEAD,
        )
    network.config._attn_implementation = attention
    vars(network.config).update(used)
    return folder


def untied(head: nn.Module, network: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The head's weights but for the word embeddings, which are the network's."""
    words = network.get_input_embeddings().weight
    return {
        name: value
        for name, value in head.state_dict().items()
        if value.data_ptr() != words.data_ptr()
    }


def count_parameters(network: nn.Module) -> int:
    """Number of weights, each counted once."""
    return sum(parameter.numel() for parameter in network.parameters())
