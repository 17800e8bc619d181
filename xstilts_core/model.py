"""The encoder: any Hugging Face masked language model, by name or folder; saved and loaded without heads between phases."""

import inspect
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from xstilts_core import hub_client
from xstilts_core.names import UsageError
from xstilts_core.packing import can_pack, first_position

SHIPPED = "mini"

# A bar per loaded model would stand in every executed notebook, stopped at some percentage.
logging.disable_progress_bar()


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


def shipped() -> Path:
    """Folder of the checkpoint that comes with the package: made by `make checkpoint`; its provenance.json is that run's result.json."""
    return Path(str(resources.files("xstilts_core.mini"))) / "checkpoint"


def locate(name: str, kind: str = "encoder") -> str:
    """The folder or hub name to give to transformers. UsageError where a name that looks like a folder is none."""
    if name == SHIPPED:
        return str(shipped())
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1
    if looks_local and not (Path(name).expanduser() / "config.json").is_file():
        legal = "give 'mini', a hub name such as FacebookAI/xlm-roberta-large, or a folder"
        raise UsageError(f"{kind} {name!r}: no folder with a config.json there ({legal})")
    return str(Path(name).expanduser()) if looks_local else name


def folder(name: str, kind: str = "encoder") -> str:
    """The folder that a model is loaded from; one of the hub is fetched at its locked commit (hub_client). kind: for errors."""
    place = locate(name, kind)
    return place if Path(place).is_dir() else str(hub_client.encoder(place, kind))


def device(wish: str) -> torch.device:
    """auto: CUDA where there is one. UsageError where CUDA is asked for and there is none."""
    if wish == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: this machine or this build of torch has no CUDA device (use auto or cpu)")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(where: torch.device) -> str:
    """What provenance says of the device: the GPU's name, or cpu and the number of threads."""
    return torch.cuda.get_device_name(where) if where.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def without_pooler(config: PretrainedConfig) -> dict[str, bool]:
    """BERT's family builds a pooler that nothing here reads, unless told not to; others do not know the option."""
    known = inspect.signature(MODEL_MAPPING[type(config)].__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def set_dropout(config: PretrainedConfig, share: float) -> None:
    """Write one dropout into every dropout field of the configuration, whatever its family calls them."""
    for name in vars(config):
        if "dropout" in name and isinstance(getattr(config, name), float) and "classifier" not in name:
            setattr(config, name, share)


def load(name: str, *, dropout: float, packed: bool, where: torch.device, random_init: bool = False, seed: int = 0) -> Encoder:
    """Encoder and tokenizer by name ("mini", a hub name) or folder, in float32.

    random_init: the control: the same architecture and tokenizer with weights drawn from `seed`.
    """
    place = folder(name)
    try:
        config = AutoConfig.from_pretrained(place)
        tokenizer = AutoTokenizer.from_pretrained(place)
        set_dropout(config, dropout)
        options = without_pooler(config)
        if random_init:
            torch.manual_seed(seed)
            network = AutoModel.from_config(config, **options)
        else:
            network = AutoModel.from_pretrained(place, config=config, dtype=torch.float32, **options)
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"encoder {name!r} cannot be loaded: {' '.join(str(error).split())[:400]}") from None
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"encoder {name!r} has no fast tokenizer: character offsets are needed for questions and tags")
    network = network.to(where)
    return Encoder(network, tokenizer, packed and can_pack(network))


def longest_input(network: PreTrainedModel) -> int:
    """Tokens that the position embeddings reach; without a limit where the configuration states none."""
    return int(getattr(network.config, "max_position_embeddings", sys.maxsize)) - first_position(network)


def freeze_embeddings(network: PreTrainedModel) -> None:
    """Exclude the embedding layer (words, positions, types, its norm) from training."""
    part = getattr(network, "embeddings", None) or network.get_input_embeddings()
    for parameter in part.parameters():
        parameter.requires_grad_(False)


def save(encoder: Encoder, folder: Path, weights: Literal["float32", "float16"] = "float32") -> Path:
    """Write encoder and tokenizer as a plain Hugging Face folder. Heads are not part of it. Returns the folder."""
    network = encoder.network
    attention = network.config._attn_implementation
    network.config._attn_implementation = None
    dtype = torch.float16 if weights == "float16" else torch.float32
    state = {name: value.detach().to("cpu", dtype).contiguous() for name, value in network.state_dict().items()}
    network.save_pretrained(folder, state_dict=state)
    encoder.tokenizer.save_pretrained(folder)
    network.config._attn_implementation = attention
    return folder


def count_parameters(network: nn.Module) -> int:
    """Number of weights, each counted once."""
    return sum(parameter.numel() for parameter in network.parameters())
