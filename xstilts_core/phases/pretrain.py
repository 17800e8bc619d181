"""Phase 1: a small multilingual masked language model from scratch, and its tokenizer."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

from xstilts_core.data.source import source_of
from xstilts_core.encoders.finite import require_finite
from xstilts_core.formats import mlm
from xstilts_core.formats.tokens import encode_texts
from xstilts_core.mini import corpus, suite
from xstilts_core.model import Encoder, device
from xstilts_core.packing import budgeted, can_pack
from xstilts_core.schedule import Schedule
from xstilts_core.streams import Stream
from xstilts_core.study.spec import PretrainSpec

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_DEVELOPMENT_SHARE = 0.02


def documents(spec: PretrainSpec) -> list[tuple[str, str | None]]:
    """Return the texts of phase 1, each a text or a translation pair: for the embedded suite as
    described in `mini.corpus`, else the source's texts."""
    return source_of(spec).documents(spec.languages, spec.documents, spec.seed)


def vocabulary_texts(spec: PretrainSpec, texts: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the texts that the tokenizer learns from. The embedded suite separates words by spaces
    in every language, so that no piece crosses words in a language written without spaces."""
    if spec.embedded:
        yield from corpus.spaced_sentences(
            tuple(spec.languages) or suite.LANGUAGES, spec.seed, max(200, spec.documents // 4)
        )
    else:
        yield from (text for text, _ in texts)


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, max_length: int
) -> PreTrainedTokenizerFast:
    """Train byte-pair encoding over words, laid out like XLM-R's: "▁" begins a word, <s> A </s></s>
    B </s> for pairs."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace("¿", "¿ "), normalizers.Replace("¡", "¡ ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            # Chinese words and punctuation get no mark, so that they are the same pieces inside a
            # sentence and in a list of words.
            pre_tokenizers.Split(Regex(r"▁(?=[\p{Han}\p{P}])"), "removed"),
            pre_tokenizers.Punctuation("isolated"),
        ]
    )
    texts = list(texts)
    # At a limit the trainer drops one of equally rare characters at random, so choose them here in
    # a fixed order.
    counts = Counter(
        character
        for text in texts
        for character in tokenizer.normalizer.normalize_str(text)
        if not character.isspace()
    )
    by_count = sorted(counts, key=lambda character: (-counts[character], character))
    alphabet = ["▁", *by_count][: vocabulary // 2]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    first, padding, end, unknown, mask = SPECIAL
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {end}",
        pair=f"{first} $A {end} {end} $B {end}",
        special_tokens=[(first, 0), (end, 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        bos_token=first,
        cls_token=first,
        pad_token=padding,
        eos_token=end,
        sep_token=end,
        unk_token=unknown,
        mask_token=mask,
    )


def new_model(spec: PretrainSpec, tokenizer: PreTrainedTokenizerFast) -> tuple[Encoder, nn.Module]:
    """Return an encoder of XLM-R's architecture with random weights, and its language-model head
    (tied to the word embeddings)."""
    torch.manual_seed(spec.seed)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=spec.hidden_size,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        intermediate_size=4 * spec.hidden_size,
        max_position_embeddings=spec.max_length + 2,
        type_vocab_size=1,
        hidden_dropout_prob=spec.dropout,
        attention_probs_dropout_prob=spec.dropout,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    language_model = XLMRobertaForMaskedLM(config).to(device(spec.device))
    network = language_model.roberta
    return Encoder(network, tokenizer, can_pack(network)), language_model.lm_head


def stream(
    spec: PretrainSpec, encoder: Encoder, head: nn.Module, texts: list[tuple[str, str | None]]
) -> tuple[Stream, Stream]:
    """Return training and development texts as streams, split by the seed."""
    order = np.random.default_rng([spec.seed, 3]).permutation(len(texts))
    held_out = max(8, int(len(texts) * _DEVELOPMENT_SHARE))

    def part(number: int, rows: np.ndarray) -> Stream:
        encoded = encode_texts([texts[row] for row in rows], encoder.tokenizer, spec.max_length)
        draws = np.random.default_rng([spec.seed, 4, number])
        return Stream(
            name="mlm",
            head=head,
            loss=mlm.loss,
            encoded=encoded,
            size=len(encoded),
            batch_size=spec.batch_tokens,
            mask=mlm.masking(encoder.tokenizer, spec.mask_share, draws),
            by_length=True,
            draws=draws,
        )

    return part(0, order[held_out:]), part(1, order[:held_out])


def describe(
    texts: list[tuple[str, str | None]], training: Stream, encoder: Encoder
) -> dict[str, int]:
    """Return the sizes of the training texts, the vocabulary and the encoder."""
    return {
        "documents": len(texts),
        "pairs": sum(pair is not None for _, pair in texts),
        "tokens": len(training.encoded.ids),
        "vocabulary": len(encoder.tokenizer),
        "parameters": encoder.network.num_parameters(),
    }


def schedule(spec: PretrainSpec) -> Schedule:
    return Schedule(
        steps=spec.steps,
        learning_rate=spec.learning_rate,
        warmup=spec.warmup,
        weight_decay=spec.weight_decay,
        clip=1.0,
        seed=spec.seed,
        betas=(0.9, 0.98),
    )


def perplexity(encoder: Encoder, development: Stream) -> tuple[float, int]:
    """Return exp of the mean loss over masked development tokens, and the number of those tokens.
    Masks are drawn once, by the seed. Raise NotFinite if the value is undefined or too large."""
    encoder.network.eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for rows in budgeted(development.encoded.row_lengths, 4_000):
            batch = development.batches(rows, encoder.device)[0]
            hidden, _ = encoder.hidden(batch.sequences)
            total += float(mlm.loss(development.head, hidden, batch)) * batch.terms
            count += batch.terms
    value = torch.tensor(total / count, dtype=torch.float64).exp()
    require_finite("the losses of development texts, or their perplexities,", value)
    return float(value), count
