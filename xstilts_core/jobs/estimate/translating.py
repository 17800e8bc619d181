"""How fast this machine translates intermediate data: a model of the translator's shape, without
its weights, on made-up sentences.

A translation is taken to be as long as its source: without its weights a model ends no sentence. A
model too large for a CPU is measured with one layer and with two, encoder and decoder alike: what
the second takes, all that are left take as well. What lies outside the layers, above all the
vocabulary at every token, is counted once.
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
# A row that nothing is cut from, to compare what is translated of an example with what is trained
# on.
WHOLE = Limits(100_000)
# NLLB's distilled model (its config.json): M2M-100's shape, which is transformers' default, with
# another vocabulary. M2M-100's own vocabulary is that default (unconfirmed).
KNOWN = {"facebook/nllb-200-distilled-600M": 256_206, "facebook/m2m100_418M": 128_112}


def rendered(asked: Rendering, made: Bench, kept: str) -> Rendered:
    """What one example costs, and how many sentences stand in `kept`, the folder of translations,
    already.

    Nothing is fetched: where the translator's shape is not known, the error says so and the rest of
    an estimate stands.
    """
    try:
        place = hub_client.encoder_at_hand(model.locate(asked.translator, "translator"))
        config = configuration(asked.translator, place)
        tokenizer = tokenizer_at_hand(place)
        sentences, tokens, length, known = translating(
            asked, made, tokenizer or made.encoder.tokenizer, tokenizer is not None
        )
        key = (asked.translator, round(length))
        if key not in made.translating:
            made.translating[key] = seconds_of_token(config, place, length, made)
        return Rendered(
            sentences, tokens * made.translating[key], _sentences_kept(asked, place, kept), known
        )
    except UsageError as error:
        return Rendered(error=str(error))


def configuration(name: str, place: str) -> PretrainedConfig:
    """The translator's configuration. UsageError where it is neither at hand nor known, or has no
    layers to count."""
    try:
        config = AutoConfig.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError):
        if name not in KNOWN:
            known = ", ".join(KNOWN)
            raise UsageError(
                f"translator {name!r}: its configuration is not on this machine, and its shape is none of {known}"
            ) from None
        config = M2M100Config(vocab_size=KNOWN[name])
    if not (hasattr(config, "encoder_layers") and hasattr(config, "decoder_layers")):
        raise UsageError(
            f"translator {name!r}: a {config.model_type} does not say its encoder_layers and decoder_layers"
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
    """(sentences of an example that are translated, their tokens, tokens of a sentence, whether
    these were counted).

    A sentence that several examples of the sample have counts once. Where data or tokenizer are not
    at hand, the tokens are the same share of the assumed ones of a training row as they are of the
    sample's.
    """
    entry, found, _, at_hand = examples(Stage(asked.task, asked.source, asked.data_root, 0))
    sources = list(
        dict.fromkeys(source for example in found for source in translated.sources_of(example))
    )
    if not sources:
        raise UsageError(
            f"{asked.task}: no sentence of a sample of its training data can be translated"
        )
    total = sum(len(ids) for ids in tokenizer(sources)["input_ids"])
    known = at_hand and own
    tokens = total / len(found)
    if not known:
        form = FORMATS[entry.format]
        rows = form.encode(found, form.complete(entry, found), made.encoder.tokenizer, WHOLE)
        plain = sum(len(ids) for ids in made.encoder.tokenizer(sources)["input_ids"])
        tokens = ASSUMED[entry.format] * plain / float(rows.row_lengths.sum())
    sentences = len(sources) / len(found)
    return sentences, tokens, tokens / sentences, known


def seconds_of_token(config: PretrainedConfig, place: str, length: float, made: Bench) -> float:
    """Seconds to read a token of a source of `length` tokens and to write one of its translation,
    in batches as the translator's."""
    layers = max(config.encoder_layers, config.decoder_layers)
    parameters = model.count_parameters(shaped(config, layers, torch.device("meta"), torch.float32))
    on_gpu = made.where.type == "cuda"
    kind = torch.bfloat16 if on_gpu else torch.float32
    size = parameters * (BYTES // 2 if on_gpu else BYTES)
    made.translator = max(made.translator, size)
    fits = (
        torch.cuda.mem_get_info()[0] > size + FREE_BYTES if on_gpu else parameters < CPU_PARAMETERS
    )
    beams = search(place)

    def measured(depth: int) -> float:
        network = shaped(config, depth, made.where, kind).eval()
        width = round(min(length, config.max_position_embeddings // 2))
        count = max(1, translator.BATCH_TOKENS // max(1, width)) if on_gpu else CPU_SENTENCES
        if not on_gpu:
            most = CPU_OPERATIONS / (2 * model.count_parameters(network) * count)
            width = round(max(min(width, most), min(width, _FEWEST_TOKENS)))
        width = max(1, width)
        return timed(lambda: translate(network, count, width, beams), made.where) / (count * width)

    if fits or layers < 2:
        return measured(layers)
    first, second = measured(1), measured(2)
    return first + (layers - 1) * max(0.0, second - first)


def shaped(
    config: PretrainedConfig, layers: int, where: torch.device, kind: torch.dtype
) -> PreTrainedModel:
    """A model of this shape, so many layers deep, its weights all 0: to draw a large vocabulary's
    would take longer than to measure it."""
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
    """Translations that the model looks at side by side, by its own settings; one where these are
    not at hand."""
    try:
        return int(GenerationConfig.from_pretrained(place, local_files_only=True).num_beams or 1)
    except (OSError, ValueError):
        return 1


def translate(network: PreTrainedModel, count: int, length: int, beams: int) -> torch.Tensor:
    """Translate `count` made-up sentences of `length` tokens into as many."""
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
    """Sentences of this model and language that are kept already."""
    if not kept or not Path(place).is_dir() or not Path(kept).is_dir():
        return 0
    return len(
        translator.read(translator.kept_file(asked.translator, place, asked.language, Path(kept)))
    )
