"""Measure how fast this machine translates intermediate data, with a model of the translator's
shape but without its weights, on artificial sentences.

A translation is assumed to be as long as its source, because a model without its weights ends no
sentence. A model too large for a CPU is measured with one layer and with two, in encoder and
decoder alike; each further layer is assumed to take as long as the second. The cost outside the
layers, above all the vocabulary at every token, is counted once.
"""

from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    M2M100Config,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts_core import model
from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError
from xstilts_core.formats import FORMATS, Limits
from xstilts_core.jobs.estimate.bench import (
    BYTES,
    CPU_OPERATIONS,
    CPU_PARAMETERS,
    FREE_BYTES,
    Bench,
)
from xstilts_core.jobs.estimate.question import Rendered, Rendering, Stage
from xstilts_core.jobs.estimate.sample import ASSUMED, examples, timed
from xstilts_core.translation import translated, translator

# Sentences of a measured batch on a CPU, and their fewest tokens.
CPU_SENTENCES, _FEWEST_TOKENS = 16, 4
# No truncation, to compare the translated part of an example with its training row.
WHOLE = Limits(100_000)
# Vocabulary sizes of models with M2M-100's shape, which is transformers' default: NLLB's distilled
# model (its config.json) and M2M-100 itself, whose vocabulary is that default (unconfirmed).
KNOWN = {"facebook/nllb-200-distilled-600M": 256_206, "facebook/m2m100_418M": 128_112}


def rendered(asked: Rendering, made: Bench, kept: str) -> Rendered:
    """Return the cost of one example, and the number of sentences already in `kept`, the folder of
    translations.

    Nothing is downloaded. If the translator's shape is unknown, the error states it, and the rest
    of an estimate remains valid.
    """
    try:
        location = hub_client.encoder_at_hand(model.locate(asked.translator, "translator"))
        config = configuration(asked.translator, location)
        tokenizer = tokenizer_at_hand(location)
        sentences, tokens, length, known = translating(
            asked, made, tokenizer or made.encoder.tokenizer, tokenizer is not None
        )
        key = (asked.translator, round(length))
        if key not in made.translating:
            made.translating[key] = seconds_of_token(config, location, length, made)
        return Rendered(
            sentences, tokens * made.translating[key], _sentences_kept(asked, location, kept), known
        )
    except UsageError as error:
        return Rendered(error=str(error))


def configuration(name: str, place: str) -> PretrainedConfig:
    """Return the translator's configuration. Raise UsageError if it is neither on this machine nor
    known, or has no numbers of layers."""
    try:
        config = AutoConfig.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError):
        if name not in KNOWN:
            known = ", ".join(KNOWN)
            raise UsageError(
                f"translator {name!r}: its configuration is not on this machine, "
                f"and its shape is known only for {known}"
            ) from None
        config = M2M100Config(vocab_size=KNOWN[name])
    if not (hasattr(config, "encoder_layers") and hasattr(config, "decoder_layers")):
        raise UsageError(
            f"translator {name!r}: the configuration of a {config.model_type} "
            "has no encoder_layers and decoder_layers"
        )
    return config


def tokenizer_at_hand(place: str) -> PreTrainedTokenizerBase | None:
    try:
        return AutoTokenizer.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None


def translating(
    asked: Rendering, made: Bench, tokenizer: PreTrainedTokenizerBase, own: bool
) -> tuple[float, float, float, bool]:
    """Return (sentences translated per example, their tokens, tokens per sentence, whether the
    tokens were counted).

    A sentence that occurs in several examples of the sample counts once. If data or tokenizer are
    not on this machine, the tokens are the same share of a training row's assumed tokens as in the
    sample.
    """
    sampled, sample, _, at_hand = examples(Stage(asked.task, asked.source, asked.data_root, 0))
    sources = list(
        dict.fromkeys(source for example in sample for source in translated.sources_of(example))
    )
    if not sources:
        raise UsageError(
            f"{asked.task}: a sample of its training data has no sentence to translate"
        )
    total = sum(len(ids) for ids in tokenizer(sources)["input_ids"])
    known = at_hand and own
    tokens = total / len(sample)
    if not known:
        form = FORMATS[sampled.format]
        rows = form.encode(sample, form.complete(sampled, sample), made.encoder.tokenizer, WHOLE)
        source_tokens = sum(len(ids) for ids in made.encoder.tokenizer(sources)["input_ids"])
        tokens = ASSUMED[sampled.format] * source_tokens / float(rows.row_lengths.sum())
    sentences = len(sources) / len(sample)
    return sentences, tokens, tokens / sentences, known


def seconds_of_token(config: PretrainedConfig, place: str, length: float, made: Bench) -> float:
    """Return the seconds to read a token of a source of `length` tokens and to write one of its
    translation, in batches of the translator's size."""
    layers = max(config.encoder_layers, config.decoder_layers)
    parameters = model.count_parameters(shaped(config, layers, torch.device("meta"), torch.float32))
    on_gpu = made.where.type == "cuda"
    precision = torch.bfloat16 if on_gpu else torch.float32
    size = parameters * (BYTES // 2 if on_gpu else BYTES)
    made.translator = max(made.translator, size)
    fits = (
        torch.cuda.mem_get_info()[0] > size + FREE_BYTES if on_gpu else parameters < CPU_PARAMETERS
    )
    beams = search(place)

    def measure(depth: int) -> float:
        network = shaped(config, depth, made.where, precision).eval()
        width = round(min(length, config.max_position_embeddings // 2))
        count = max(1, translator.BATCH_TOKENS // max(1, width)) if on_gpu else CPU_SENTENCES
        if not on_gpu:
            most_tokens = CPU_OPERATIONS / (2 * model.count_parameters(network) * count)
            width = round(max(min(width, most_tokens), min(width, _FEWEST_TOKENS)))
        width = max(1, width)
        return timed(lambda: translate(network, count, width, beams), made.where) / (count * width)

    if fits or layers < 2:
        return measure(layers)
    first, second = measure(1), measure(2)
    return first + (layers - 1) * max(0.0, second - first)


def shaped(
    config: PretrainedConfig, layers: int, where: torch.device, kind: torch.dtype
) -> PreTrainedModel:
    """Return a model of this shape with this many layers and with all weights 0, because random
    weights for a large vocabulary would take longer than the measurement."""
    cut = type(config).from_dict(
        {
            **config.to_dict(),
            "encoder_layers": layers,
            "decoder_layers": layers,
            "num_hidden_layers": layers,
        }
    )
    with torch.device("meta"):
        network = AutoModelForSeq2SeqLM.from_config(cut, dtype=kind)
    if where.type != "meta":
        network = network.to_empty(device=where)
        network.tie_weights()
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.detach().zero_()
    return network


def search(place: str) -> int:
    """Return the number of beams in the model's own settings; 1 if these are not on this
    machine."""
    try:
        return int(GenerationConfig.from_pretrained(place, local_files_only=True).num_beams or 1)
    except (OSError, ValueError):
        return 1


def translate(network: PreTrainedModel, count: int, length: int, beams: int) -> torch.Tensor:
    """Translate `count` artificial sentences of `length` tokens into sentences of the same
    length."""
    ids = (
        torch.arange(count * length, device=network.device).reshape(count, length)
        % (network.config.vocab_size - 8)
        + 8
    )
    settings = {
        "max_new_tokens": length,
        "min_new_tokens": length,
        "do_sample": False,
        "num_beams": beams,
    }
    with torch.inference_mode():
        return network.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **settings)


def _sentences_kept(asked: Rendering, place: str, kept: str) -> int:
    """Return the number of stored sentences of this model and language."""
    if not kept or not Path(place).is_dir() or not Path(kept).is_dir():
        return 0
    return len(
        translator.read(translator.kept_file(asked.translator, place, asked.language, Path(kept)))
    )
