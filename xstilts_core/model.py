"""Encoders: any Hugging Face masked language model, loaded and saved without task heads."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoModelForMaskedLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts_core.data import hub_client
from xstilts_core.encoders import loading, trial
from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.files.encoder_files import LANGUAGE_HEAD, SHIPPED, shipped
from xstilts_core.files.paths import expanded, home
from xstilts_core.packing import Sequences, flat_hidden
from xstilts_core.study import precision

# Names of the head modules in transformers' masked language models, in the order in which they are
# applied: the families of RoBERTa, BERT, ModernBERT, ALBERT, ELECTRA and DistilBERT.
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
    """A loaded encoder, its tokenizer, and how it computes.

    packed: whether its batches may be packed. layer: the hidden state that heads read, -1 for the
    last; higher layers are not computed. bfloat16: whether it computes in bfloat16.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    packed: bool
    layer: int = -1
    bfloat16: bool = False

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def width(self) -> int:
        return int(self.network.config.hidden_size)

    @property
    def layers(self) -> int:
        return int(self.network.config.num_hidden_layers)

    def autocast(self) -> torch.autocast:
        """Return the context in which the network computes in its precision. One context for many
        batches casts the weights only once."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def hidden(self, batch: Sequences) -> tuple[Tensor, float]:
        """Return the hidden states that heads read [tokens, width], in float32, and the share of
        padding."""
        with self.autocast():
            hidden, padding = flat_hidden(self.network, batch, self.packed, self.layer)
        return hidden.float(), padding


def locate(name: str, kind: str = "encoder") -> str:
    """Return the folder or hub name to give to transformers.
    A relative folder belongs to the project. Raise UsageError if there is no such folder."""
    if name == SHIPPED:
        return str(shipped())
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    path = home() / expanded(name)
    if looks_local and not (path / "config.json").is_file():
        legal = "give 'mini', a hub name such as FacebookAI/xlm-roberta-large, or a folder"
        raise UsageError(f"{kind} {name!r}: no folder with a config.json there ({legal})")
    return str(path) if looks_local else name


def folder(name: str, kind: str = "encoder") -> str:
    """Return the folder to load a model from; a hub model is fetched at its locked commit
    (hub_client). kind: for error messages."""
    location = locate(name, kind)
    return location if Path(location).is_dir() else str(hub_client.encoder(location, kind))


def device(setting: str) -> torch.device:
    """Return the device. auto: CUDA if available. Raise UsageError if cuda is not available."""
    if setting == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "device cuda: this machine or this build of torch has no CUDA device (use auto or cpu)"
        )
    return torch.device("cuda" if setting != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return the device as in provenance: the GPU's name, or cpu and its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def in_bfloat16(setting: str, device: torch.device, width: int | None) -> bool:
    """Return whether a network of this hidden size computes in bfloat16 on this device.
    auto: if the device does so natively, as older GPUs emulate it slowly. On a CPU the network must
    be wide enough to gain from it."""
    if setting != "auto":
        return setting == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return precision.on_cpu(width)


def set_dropout(
    config: PretrainedConfig, share: float | None, attention: float | None = None
) -> None:
    """Write `share` into every dropout field of the configuration, whatever its family calls them.

    share: None leaves the fields as they are. attention: another value for attention's fields;
    None: like the others.
    """
    for name, value in dropout_rates(config).items():
        rate = attention if "attention" in name and attention is not None else share
        if isinstance(value, float) and "classifier" not in name and rate is not None:
            setattr(config, name, rate)


def dropout_rates(config: PretrainedConfig) -> dict[str, float]:
    """Return the dropout fields of a configuration as they are, including those of heads."""
    return {
        name: value
        for name, value in vars(config).items()
        if "dropout" in name and type(value) in (int, float)
    }


def head_dropout(config: PretrainedConfig) -> float:
    """Return the configuration's dropout for a head, else that for hidden states, else any other;
    0.1, as in BERT, if it has none."""
    words = "classif", "cls", "hidden", ""
    rates = dropout_rates(config).items()
    return next((value for word in words for name, value in rates if word in name), 0.1)


def load(
    name: str,
    *,
    dropout: float | None,
    packed: bool,
    device: torch.device,
    attention_dropout: float | None = None,
    random_init: bool = False,
    seed: int = 0,
    layer: int = -1,
    bfloat16: bool = False,
) -> Encoder:
    """Load encoder and tokenizer by name ("mini", a hub name) or folder, in float32, and check them
    as a whole.

    dropout: for this training only, as `save` writes the encoder's own values again; None keeps the
    encoder's own. random_init: the control with the same architecture and tokenizer but weights
    drawn from `seed`. Raise UsageError, in one line, if the folder's files are incomplete or do not
    fit together (`encoder_files`, `loading`) or if no study can use what it computes (`trial`).
    """
    path, what = Path(folder(name)), f"encoder {name!r}"
    encoder_files.check(path, what)
    config, tokenizer = loading.configuration(path, what), loading.tokenizer_of(path, what)
    rates = dropout_rates(config)
    set_dropout(config, dropout, attention_dropout)
    if random_init:
        torch.manual_seed(seed)
        network = loading.new_network(config)
    else:
        network = loading.network_of(path, config, what)
    network.original_dropout = rates  # type: ignore[assignment]  # a field of our own
    loading.check_tokenizer(tokenizer, network, path, what)
    loading.without_types(tokenizer, network)
    network = network.to(device)  # type: ignore[arg-type]  # its decorator hides the signature
    return Encoder(network, tokenizer, trial.examine(network, what, packed), layer, bfloat16)


def longest_input(network: PreTrainedModel) -> int:
    """Return the most tokens that a text may have; sys.maxsize without a limit."""
    return encoder_files.positions(network.config.to_dict()) or sys.maxsize


def freeze_embeddings(network: PreTrainedModel) -> None:
    """Exclude the embedding layer (words, positions, types, its norm) from training."""
    embeddings = getattr(network, "embeddings", None) or network.get_input_embeddings()
    for parameter in embeddings.parameters():
        parameter.requires_grad_(False)


def language_head(encoder: Encoder, name: str, seed: int) -> nn.Module:
    """Return the masked language-model head of the encoder loaded from `name`: hidden states to
    logits. Its output matrix is the encoder's word embeddings if the architecture ties them, else
    the head's own, as trained.

    A phase 1 folder stores the head in a separate file, a hub model among its weights. Without
    either, a head with weights drawn from `seed` is trained from scratch, and a printed line
    reports it. Raise UsageError if the architecture has no head that is known here.
    """
    path, what = Path(folder(name)), f"encoder {name!r} has no masked language model"
    config, head_file = loading.configuration(path, what), path / LANGUAGE_HEAD
    torch.manual_seed(seed)
    with loading.one_line_errors(path, what):
        if head_file.is_file():
            language_model, missing = AutoModelForMaskedLM.from_config(config), []
        else:
            options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
            language_model, report = AutoModelForMaskedLM.from_pretrained(path, **options)
            missing = [
                key
                for key in report["missing_keys"]
                if not key.startswith(f"{language_model.base_model_prefix}.")
            ]
    if missing:
        print(
            f"encoder {name!r} was saved without its language-model head: "
            f"a new one is trained, drawn from seed {seed}",
            flush=True,
        )
    head, output = head_of(language_model, name), language_model.get_output_embeddings()
    tied = output.weight is language_model.get_input_embeddings().weight
    if head_file.is_file():
        saved = load_file(head_file)
        head.load_state_dict(saved, strict=False)
        tied = tied or not any(
            weight is output.weight and key in saved
            for key, weight in head.named_parameters(remove_duplicate=False)
        )
    if tied:
        output.weight = encoder.network.get_input_embeddings().weight
    return head.to(encoder.network.device)


def head_of(language_model: PreTrainedModel, name: str) -> nn.Module:
    """Return the language-model head of a masked language model, including what it shares with the
    embeddings.

    name: for the UsageError if the architecture has no head that is known here, or one that reads
    more than the last hidden states.
    """
    what = f"encoder {name!r}: {type(language_model).__name__} has no language-model head"
    modules = dict(language_model.named_children())
    parts = next((names for names in _HEADS if modules.keys() >= set(names)), ())
    if not parts:
        supported = "; ".join(" and ".join(names) for names in _HEADS)
        raise UsageError(f"{what} that is known here ({supported})")
    head = modules[parts[0]]
    if len(parts) > 1:
        head = nn.Sequential(*(modules[part] for part in parts))
    if not trial.predicts(language_model, head):
        raise UsageError(
            f"{what} that can be used alone: "
            f"{' and '.join(parts)} reads more than the last hidden states"
        )
    return head


def add_adapters(network: PreTrainedModel, rank: int, seed: int) -> None:
    """Add low-rank adapters (Hu et al. 2022) beside every linear layer, with weights drawn from
    `seed`, and freeze the network's own weights.

    Their product is added unscaled (alpha equals the rank). Raise UsageError if peft is not
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
    """Merge the adapters into the weights beside them, removing the adapters."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            network.set_submodule(name, module.get_base_layer())
    # peft marks a network that has adapters by this attribute.
    vars(network).pop("peft_config", None)


def save(
    encoder: Encoder,
    folder: Path,
    weights: Literal["float32", "float16"] = "float32",
    language_head: nn.Module | None = None,
) -> Path:
    """Write encoder and tokenizer as a plain Hugging Face folder without task heads, and return the
    folder.

    language_head: stored in a file beside the weights, to continue masked language modelling later
    (`language_head`).
    """
    network = encoder.network
    attention = network.config._attn_implementation
    network.config._attn_implementation = None
    rates = dropout_rates(network.config)
    vars(network.config).update(getattr(network, "original_dropout", {}))
    dtype = getattr(torch, weights)
    state = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in network.state_dict().items()
    }
    network.save_pretrained(folder, state_dict=state)
    encoder.tokenizer.save_pretrained(folder)
    if language_head is not None:
        # The word embeddings belong to the network.
        embeddings = network.get_input_embeddings().state_dict()["weight"].data_ptr()
        head_weights = {
            name: value.detach().to("cpu", dtype).clone()
            for name, value in language_head.state_dict().items()
            if value.data_ptr() != embeddings
        }
        save_file(head_weights, folder / LANGUAGE_HEAD)
    network.config._attn_implementation = attention
    vars(network.config).update(rates)
    return folder
