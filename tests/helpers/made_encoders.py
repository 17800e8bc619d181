"""Tiny encoders of many architectures with random weights, made at test time: width 32, two
layers."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from made_tokenizers import trained

from xstilts_core.mini import suite

LONGEST = 130
SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LONGEST,
}
XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "max_position_embeddings": LONGEST}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
HALVES = ("encoder", "decoder")
BART = {
    **{f"{half}_layers": 2 for half in HALVES},
    **{f"{half}_attention_heads": 4 for half in HALVES},
    **{f"{half}_ffn_dim": 64 for half in HALVES},
    "d_model": 32,
    "max_position_embeddings": LONGEST,
}
PERCEIVER = {
    "d_model": 32,
    "d_latents": 32,
    "num_latents": 8,
    "num_self_attends_per_block": 1,
    "max_position_embeddings": LONGEST,
}
REFORMER = {
    "hidden_size": 32,
    "attn_layers": ["local", "local"],
    "local_attn_chunk_length": 8,
    "num_attention_heads": 2,
    "attention_head_size": 16,
    "axial_pos_shape": [10, 13],
    "axial_pos_embds_dim": [16, 16],
    "max_position_embeddings": LONGEST,
}
DEBERTA = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 0}
ONE_TYPE = {"type_vocab_size": 1}
# Architecture -> class of its configuration, kind of its tokenizer, what its configuration needs:
# SIZE too, unless it names its own.
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ALBERT": ("Albert", "unigram", {"embedding_size": 16}),
    "BART": ("Bart", "byte_bpe", BART),
    "BERT": ("Bert", "wordpiece", {}),
    "BERT as a decoder": ("Bert", "wordpiece", {"is_decoder": True}),
    "BigBird": ("BigBird", "unigram", {"block_size": 4, "num_random_blocks": 1}),
    "Bloom": ("Bloom", "byte_bpe", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "CamemBERT": ("Camembert", "unigram", ONE_TYPE),
    "CANINE": ("Canine", "CanineTokenizer", {"num_hash_buckets": 64}),
    "ConvBERT": ("ConvBert", "wordpiece", {"embedding_size": 32}),
    "Data2VecText": ("Data2VecText", "byte_bpe", ONE_TYPE),
    "DeBERTa": ("Deberta", "byte_bpe", DEBERTA),
    "DeBERTa-v2": (
        "DebertaV2",
        "unigram",
        {**DEBERTA, "position_buckets": 16, "share_att_key": True, "position_biased_input": False},
    ),
    "DistilBERT": (
        "DistilBert",
        "wordpiece",
        {
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 64,
            "max_position_embeddings": LONGEST,
        },
    ),
    "ELECTRA": ("Electra", "wordpiece", {"embedding_size": 16}),
    "Ernie": ("Ernie", "wordpiece", {}),
    "ESM": ("Esm", "byte_bpe", {"position_embedding_type": "rotary", "mask_token_id": 4}),
    "EuroBERT": ("EuroBert", "byte_bpe", {"mask_token_id": 4}),
    "FlauBERT": ("Flaubert", "bpe", XLM),
    "FNet": ("FNet", "unigram", {"tpu_short_seq_length": LONGEST}),
    "Funnel": (
        "Funnel",
        "wordpiece",
        {"d_model": 32, "block_sizes": [1, 1], "n_head": 4, "d_head": 8, "d_inner": 64},
    ),
    "Gemma 3, both ways": (
        "Gemma3Text",
        "bpe",
        {"head_dim": 8, "use_bidirectional_attention": True, "num_key_value_heads": 2},
    ),
    "GPT-2": (
        "GPT2",
        "byte_bpe",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": LONGEST},
    ),
    "GTE": ("Gte", "wordpiece", {}),
    "I-BERT": ("IBert", "byte_bpe", ONE_TYPE),
    "Jina v3": ("JinaEmbeddingsV3", "unigram", ONE_TYPE),
    "LayoutLM": ("LayoutLM", "wordpiece", {}),
    "LLaMA": ("Llama", "bpe", {"num_key_value_heads": 2}),
    "Longformer": ("Longformer", "byte_bpe", {"attention_window": [8, 8], **ONE_TYPE}),
    "LUKE": ("Luke", "byte_bpe", {"entity_vocab_size": 10, "entity_emb_size": 32, **ONE_TYPE}),
    "mBART": ("MBart", "unigram", BART),
    "Megatron-BERT": ("MegatronBert", "wordpiece", {}),
    "MobileBERT": ("MobileBert", "wordpiece", {"embedding_size": 32, "intra_bottleneck_size": 32}),
    "ModernBERT": ("ModernBert", "byte_bpe", {"local_attention": 8}),
    "MPNet": ("MPNet", "wordpiece", {}),
    "MRA": ("Mra", "byte_bpe", {**ONE_TYPE, "num_block_per_row": 2}),
    "mT5": ("MT5", "unigram", T5),
    "NomicBERT": ("NomicBert", "wordpiece", {}),
    "Nyströmformer": ("Nystromformer", "unigram", {}),
    "Nyströmformer, 4 landmarks": (
        "Nystromformer",
        "unigram",
        {"segment_means_seq_len": 16, "num_landmarks": 4},
    ),
    "Pegasus": ("Pegasus", "unigram", BART),
    "Perceiver": ("Perceiver", "PerceiverTokenizer", PERCEIVER),
    "Reformer": ("Reformer", "unigram", REFORMER),
    "RemBERT": ("RemBert", "unigram", {"input_embedding_size": 16, "output_embedding_size": 48}),
    "RoBERTa": ("Roberta", "byte_bpe", ONE_TYPE),
    "RoBERTa, WordPiece of two types": ("Roberta", "wordpiece", ONE_TYPE),
    "RoBERTa, norm first": ("RobertaPreLayerNorm", "byte_bpe", ONE_TYPE),
    "RoCBert": ("RoCBert", "wordpiece", {"pronunciation_vocab_size": 20, "shape_vocab_size": 20}),
    "RoFormer": ("RoFormer", "wordpiece", {"embedding_size": 32}),
    "SqueezeBERT": ("SqueezeBert", "wordpiece", {"embedding_size": 32}),
    "T5": ("T5", "unigram", T5),
    "UMT5": ("UMT5", "unigram", T5),
    "XLM": ("XLM", "bpe", XLM),
    "XLM-R": ("XLMRoberta", "unigram", ONE_TYPE),
    "XLM-R-XL": ("XLMRobertaXL", "unigram", ONE_TYPE),
    "XLNet": ("XLNet", "unigram", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}),
    "X-MOD": (
        "Xmod",
        "unigram",
        {**ONE_TYPE, "languages": ["en_XX", "de_DE"], "default_language": "en_XX"},
    ),
    "X-MOD without a language": ("Xmod", "unigram", {**ONE_TYPE, "languages": ["en_XX", "de_DE"]}),
    "YOSO": ("Yoso", "byte_bpe", ONE_TYPE),
}


@lru_cache
def tokenizer(kind: str) -> Any:
    """A tokenizer of the kind that knows the embedded suite's English and German, or one of the
    class of that name."""
    import transformers

    if kind.endswith("Tokenizer"):
        return getattr(transformers, kind)()
    examples = [
        example for code in ("en", "de") for example in suite.load("xnli", "dev", code, limit=200)
    ]
    return trained(
        kind, [text for example in examples for text in (example.text_a, example.text_b)]
    )


def configuration(architecture: str, **changes: Any) -> Any:
    """The configuration of a tiny encoder of this architecture."""
    import transformers

    name, kind, settings = ARCHITECTURES[architecture]
    named = {"d_model", "dim", "emb_dim", "n_layer", "attn_layers"} & settings.keys()
    size = settings if named else {**SIZE, **settings}
    marks = {
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "cls_token_id": 0,
        "sep_token_id": 2,
    }
    return getattr(transformers, f"{name}Config")(
        vocab_size=max(300, len(tokenizer(kind))), **{**marks, **size, **changes}
    )


def save(architecture: str, folder: Path, head: bool = False, **changes: Any) -> Path:
    """A folder with such an encoder. head: under its language-model head. changes: of its
    configuration."""
    import torch
    from transformers import MODEL_MAPPING, AutoModelForMaskedLM

    config = configuration(architecture, **changes)
    torch.manual_seed(1)
    if head:
        network = AutoModelForMaskedLM.from_config(config)
    else:
        plain = MODEL_MAPPING[type(config)]
        network = (plain[0] if isinstance(plain, tuple) else plain)(config)
    network.save_pretrained(folder)
    tokenizer(ARCHITECTURES[architecture][1]).save_pretrained(folder)
    return folder
