"""Small trained tokenizers of the kinds that encoders come with, made at test time."""

from collections.abc import Iterable

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

# wordpiece: BERT's. unigram: XLM-R's and ALBERT's (the space is written before the word as ▁). bpe:
# mBERT-like Metaspace BPE (Gemma). byte_bpe: RoBERTa's, ModernBERT's, EuroBERT's, mmBERT's (the
# space is written into the token as Ġ).
KINDS = ("wordpiece", "unigram", "bpe", "byte_bpe")
MARKS = {
    "wordpiece": {
        "cls_token": "[CLS]",
        "pad_token": "[PAD]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    },
    "unigram": {
        "cls_token": "<s>",
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    },
}


def trained(kind: str, texts: Iterable[str], vocabulary: int = 400) -> PreTrainedTokenizerFast:
    """Train a tokenizer of this kind on the texts; its special tokens have the ids 0 to 4: cls,
    pad, sep, unk, mask."""
    marks = MARKS.get(kind, MARKS["unigram"])
    special = list(marks.values())
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=marks["unk_token"]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special)
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=vocabulary, special_tokens=special, unk_token=marks["unk_token"]
        )
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token=marks["unk_token"]))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special)
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=max(vocabulary, len(alphabet) + 44),
            special_tokens=special,
            initial_alphabet=alphabet,
        )
    tokenizer.train_from_iterator(list(texts), trainer)
    first, last = marks["cls_token"], marks["sep_token"]
    between = [last] if kind == "wordpiece" else [last, last]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[first, "$A", last],
        pair=[
            first,
            "$A",
            *between,
            "$B:1" if kind == "wordpiece" else "$B:0",
            f"{last}:1" if kind == "wordpiece" else last,
        ],
        special_tokens=[(mark, tokenizer.token_to_id(mark)) for mark in special],
    )
    inputs = ["input_ids", *(["token_type_ids"] if kind == "wordpiece" else []), "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=inputs, model_max_length=512, **marks
    )
