"""A run's encoder as a plain Hugging Face folder, which loads without this suite and computes the
same.

Layers are float32, whatever a run saved: AutoModel takes the type of the file, and in half
precision would compute something else. A model of phase 1 keeps its language-model head, so that
AutoModelForMaskedLM loads it too; encoders of phase 2 have none.
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
from xstilts_core.publish.cards import Record, model_card, model_folder, new_folder
from xstilts_core.results import LANGUAGE_HEAD

# Read by the run's own encoder and by the exported one: several scripts, and lengths that need
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
    """Write config.json, model.safetensors, the tokenizer and README.md, a model card, to the new
    folder `out`. Returns it.

    The folder is read back with AutoModel and AutoTokenizer before it gets its name. UsageError
    where the run has no model, where `out` holds something, and where the model read back does not
    compute the same hidden states.
    """
    place = model_folder(run)
    with new_folder(out) as part, quiet():
        network, tokenizer = loaded(place)
        expected = hidden_states(network, tokenizer)
        whole(network, place).save_pretrained(part)
        tokenizer.save_pretrained(part)
        del network  # of a large model there is one at a time
        _read_back(part, run.name, expected)
        (part / "README.md").write_text(str(model_card(run)), encoding="utf-8")
    return out


def loaded(place: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The run's encoder in float32, without a pooler, for none was trained; and its tokenizer."""
    what = str(place)
    network = loading.network_of(place, loading.configuration(place, what), what)
    return network.eval(), loading.tokenizer_of(place, what)


def whole(network: PreTrainedModel, place: Path) -> PreTrainedModel:
    """The encoder under its language-model head where its folder has one, else the encoder
    itself."""
    if not (place / LANGUAGE_HEAD).is_file():
        return network
    found = AutoModelForMaskedLM.from_config(network.config, dtype=torch.float32)
    found.base_model.load_state_dict(network.state_dict())
    head = model.head_of(found, str(place))
    lost = head.load_state_dict(load_file(place / LANGUAGE_HEAD), strict=False)
    found.tie_weights()
    words = found.get_input_embeddings().weight
    if lost.unexpected_keys or any(
        head.get_parameter(name) is not words for name in lost.missing_keys
    ):
        raise UsageError(
            f"{place / LANGUAGE_HEAD} is no language-model head of {type(found).__name__}: run phase 1 again"
        )
    return found


def hidden_states(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Layers:
    """Every layer's hidden states (sentences x tokens x width) of SENTENCES, 0 where there is
    padding."""
    batch = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
    with torch.inference_mode():
        layers = network(**batch, output_hidden_states=True).hidden_states
    return tuple(layer * batch["attention_mask"].unsqueeze(-1) for layer in layers)


def _read_back(folder: Path, name: str, expected: Layers) -> None:
    """UsageError where the written folder, loaded by anybody's means, does not compute what the
    run's encoder does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = hidden_states(
        loading.network_class(AutoConfig.from_pretrained(folder)).from_pretrained(folder).eval(),
        tokenizer,
    )
    same = len(found) == len(expected) and all(
        torch.equal(new, old) for new, old in zip(found, expected, strict=True)
    )
    if not same:
        raise UsageError(
            f"{name}: the exported model does not compute the same as the run's own: nothing was written"
        )
