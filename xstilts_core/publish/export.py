"""Export a run's encoder as a plain Hugging Face folder that loads without this suite and computes
the same hidden states.

Weights are float32, whatever the run saved: AutoModel uses the type of the file, and half precision
would give other hidden states. A model of phase 1 keeps its language-model head, so that
AutoModelForMaskedLM also loads it; encoders of phase 2 have none.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts_core import model
from xstilts_core.encoders import loading
from xstilts_core.encoders.trial import quiet
from xstilts_core.errors import UsageError
from xstilts_core.files.encoder_files import LANGUAGE_HEAD
from xstilts_core.publish.cards import model_card
from xstilts_core.publish.records import Record, model_folder, new_folder

# Compared between the run's encoder and the exported one: several scripts, and lengths that need
# padding.
SENTENCES = (
    "Anna never reads in the garden.",
    "Der Arzt liest heute im Garten ein altes Buch, und niemand weiß, warum.",
    "Анна чете книга.",
    "安娜在花园里读书。",
    "मारिया बगीचे में किताब पढ़ती है।",
)
Layers = tuple[torch.Tensor, ...]


def export(run: Record, out: Path) -> Path:
    """Write config.json, model.safetensors, the tokenizer and a model card (README.md) to the new
    folder `out` and return `out`.

    The folder is read back with AutoModel and AutoTokenizer before it is renamed to `out`. Raise
    UsageError if the run has no model, if `out` is not empty, or if the model read back does not
    compute the same hidden states.
    """
    folder = model_folder(run)
    with new_folder(out) as partial_folder, quiet():
        network, tokenizer = loaded(folder)
        expected = hidden_states(network, tokenizer)
        whole(network, folder).save_pretrained(partial_folder)
        tokenizer.save_pretrained(partial_folder)
        del network  # keep only one copy of a large model in memory
        _read_back(partial_folder, run.name, expected)
        (partial_folder / "README.md").write_text(str(model_card(run)), encoding="utf-8")
    return out


def loaded(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the run's encoder in float32, without the untrained pooler, and its tokenizer."""
    what = str(folder)
    network = loading.network_of(folder, loading.configuration(folder, what), what)
    return network.eval(), loading.tokenizer_of(folder, what)


def whole(network: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the encoder with the language-model head of its folder, or alone if there is none."""
    if not (folder / LANGUAGE_HEAD).is_file():
        return network
    masked_model = AutoModelForMaskedLM.from_config(network.config, dtype=torch.float32)
    masked_model.base_model.load_state_dict(network.state_dict())
    head = model.head_of(masked_model, str(folder))
    mismatch = head.load_state_dict(load_file(folder / LANGUAGE_HEAD), strict=False)
    masked_model.tie_weights()
    embeddings = masked_model.get_input_embeddings().weight
    if mismatch.unexpected_keys or any(
        head.get_parameter(name) is not embeddings for name in mismatch.missing_keys
    ):
        raise UsageError(
            f"{folder / LANGUAGE_HEAD} is not a language-model head of "
            f"{type(masked_model).__name__}: run phase 1 again"
        )
    return masked_model


def hidden_states(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Layers:
    """Return all layers' hidden states of SENTENCES (sentences x tokens x width), 0 at padding."""
    batch = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
    with torch.inference_mode():
        layers = network(**batch, output_hidden_states=True).hidden_states
    return tuple(layer * batch["attention_mask"].unsqueeze(-1) for layer in layers)


def _read_back(folder: Path, name: str, expected: Layers) -> None:
    """Raise UsageError if the written folder, loaded with transformers alone, does not compute the
    hidden states of the run's encoder."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    hidden = hidden_states(
        loading.network_class(AutoConfig.from_pretrained(folder)).from_pretrained(folder).eval(),
        tokenizer,
    )
    if len(hidden) != len(expected) or not all(map(torch.equal, hidden, expected)):
        raise UsageError(
            f"{name}: the exported model does not compute the same as the run's own: "
            "nothing was written"
        )
