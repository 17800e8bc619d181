"""Tiny encoders of many architectures with random weights, made at test time: width 32, two layers (Funnel: a block of two)."""

from functools import lru_cache
from pathlib import Path

from made_tokenizers import trained

from xstilts_core.mini import suite

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 130}
XLM_SIZE = {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 130}
T5_SIZE = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
BART_SIZE = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 130,
}  # fmt: skip
GPT_SIZE = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130}
# Architecture -> the class of its configuration, its tokenizer's kind, its sizes where they have other names, what else it needs.
ARCHITECTURES: dict[str, tuple[str, str, dict[str, object]]] = {
    "ALBERT": ("AlbertConfig", "unigram", {"embedding_size": 16}),
    "BART": ("BartConfig", "byte_bpe", BART_SIZE),
    "BERT": ("BertConfig", "wordpiece", {}),
    "BERT decoder": ("BertConfig", "wordpiece", {"is_decoder": True}),
    "BigBird": ("BigBirdConfig", "unigram", {"block_size": 4, "num_random_blocks": 1}),
    "Bloom": ("BloomConfig", "byte_bpe", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "CamemBERT": ("CamembertConfig", "unigram", {"type_vocab_size": 1}),
    "CANINE": ("CanineConfig", "wordpiece", {}),
    "ConvBERT": ("ConvBertConfig", "wordpiece", {"embedding_size": 32}),
    "Data2VecText": ("Data2VecTextConfig", "byte_bpe", {"type_vocab_size": 1}),
    "DeBERTa": ("DebertaConfig", "byte_bpe", {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 0}),
    "DeBERTa-v2": (
        "DebertaV2Config",
        "unigram",
        {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"], "share_att_key": True,
         "norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0},
    ),
    "DistilBERT": ("DistilBertConfig", "wordpiece", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 130}),
    "ELECTRA": ("ElectraConfig", "wordpiece", {"embedding_size": 16}),
    "Ernie": ("ErnieConfig", "wordpiece", {}),
    "ESM": ("EsmConfig", "byte_bpe", {"position_embedding_type": "rotary", "mask_token_id": 4}),
    "EuroBERT": ("EuroBertConfig", "byte_bpe", {}),
    "FlauBERT": ("FlaubertConfig", "bpe", XLM_SIZE),
    "FNet": ("FNetConfig", "unigram", {"tpu_short_seq_length": 130}),
    "Funnel": ("FunnelConfig", "wordpiece", {"d_model": 32, "block_sizes": [1, 1], "n_head": 4, "d_head": 8, "d_inner": 64}),
    "Gemma 3, both ways": ("Gemma3TextConfig", "bpe", {"head_dim": 8, "use_bidirectional_attention": True, "num_key_value_heads": 2}),
    "GPT-2": ("GPT2Config", "byte_bpe", GPT_SIZE),
    "GTE": ("GteConfig", "wordpiece", {}),
    "I-BERT": ("IBertConfig", "byte_bpe", {"type_vocab_size": 1}),
    "JinaBERT": ("JinaEmbeddingsV3Config", "unigram", {"type_vocab_size": 1}),
    "LayoutLM": ("LayoutLMConfig", "wordpiece", {}),
    "LLaMA": ("LlamaConfig", "bpe", {"num_key_value_heads": 2}),
    "Longformer": ("LongformerConfig", "byte_bpe", {"attention_window": [8, 8], "type_vocab_size": 1}),
    "LUKE": ("LukeConfig", "byte_bpe", {"entity_vocab_size": 10, "entity_emb_size": 32, "type_vocab_size": 1}),
    "mBART": ("MBartConfig", "unigram", BART_SIZE),
    "Megatron-BERT": ("MegatronBertConfig", "wordpiece", {}),
    "MobileBERT": ("MobileBertConfig", "wordpiece", {"embedding_size": 32, "intra_bottleneck_size": 32}),
    "ModernBERT": ("ModernBertConfig", "byte_bpe", {"local_attention": 8}),
    "MPNet": ("MPNetConfig", "wordpiece", {}),
    "MRA": ("MraConfig", "byte_bpe", {"type_vocab_size": 1, "num_block_per_row": 2}),
    "mT5": ("MT5Config", "unigram", T5_SIZE),
    "NomicBERT": ("NomicBertConfig", "wordpiece", {}),
    "Nyströmformer": ("NystromformerConfig", "unigram", {"segment_means_seq_len": 16, "num_landmarks": 4}),
    "Perceiver": ("PerceiverConfig", "byte_bpe", {"d_model": 32, "d_latents": 32, "num_latents": 8, "num_self_attends_per_block": 1, "num_self_attention_heads": 4, "num_cross_attention_heads": 4, "max_position_embeddings": 130}),
    "Pegasus": ("PegasusConfig", "unigram", BART_SIZE),
    "Reformer": ("ReformerConfig", "unigram", {"hidden_size": 32, "num_attention_heads": 2, "attention_head_size": 16, "attn_layers": ["local", "local"], "axial_pos_shape": [10, 13], "axial_pos_embds_dim": [16, 16], "max_position_embeddings": 130, "local_attn_chunk_length": 8, "feed_forward_size": 64, "is_decoder": False}),
    "RemBERT": ("RemBertConfig", "unigram", {"input_embedding_size": 16, "output_embedding_size": 48}),
    "RoBERTa": ("RobertaConfig", "byte_bpe", {"type_vocab_size": 1}),
    "RoBERTa, norm first": ("RobertaPreLayerNormConfig", "byte_bpe", {"type_vocab_size": 1}),
    "RoCBert": ("RoCBertConfig", "wordpiece", {"pronunciation_vocab_size": 20, "shape_vocab_size": 20}),
    "RoFormer": ("RoFormerConfig", "wordpiece", {"embedding_size": 32}),
    "SqueezeBERT": ("SqueezeBertConfig", "wordpiece", {"embedding_size": 32}),
    "T5": ("T5Config", "unigram", T5_SIZE),
    "UMT5": ("UMT5Config", "unigram", T5_SIZE),
    "XLM": ("XLMConfig", "bpe", XLM_SIZE),
    "XLM-R": ("XLMRobertaConfig", "unigram", {"type_vocab_size": 1}),
    "XLM-R-XL": ("XLMRobertaXLConfig", "unigram", {"type_vocab_size": 1}),
    "XLNet": ("XLNetConfig", "unigram", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}),
    "X-MOD": ("XmodConfig", "unigram", {"type_vocab_size": 1, "languages": ["en_XX", "de_DE"], "default_language": "en_XX"}),
    "X-MOD without a language": ("XmodConfig", "unigram", {"type_vocab_size": 1, "languages": ["en_XX", "de_DE"]}),
    "YOSO": ("YosoConfig", "byte_bpe", {"type_vocab_size": 1}),
}  # fmt: skip


@lru_cache
def tokenizer(kind: str):
    """A tokenizer of the kind that knows the embedded suite's English and German."""
    examples = [example for code in ("en", "de") for example in suite.load("xnli", "dev", code, limit=100)]
    return trained(kind, [text for example in examples for text in (example.text_a, example.text_b)])


def configuration(architecture: str):
    """The configuration of a tiny encoder of this architecture."""
    import transformers

    name, kind, settings = ARCHITECTURES[architecture]
    own = settings if {"d_model", "n_layers", "n_layer", "attn_layers"} & settings.keys() else {**SIZE, **settings}
    marks = tokenizer(kind)
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    return getattr(transformers, name)(vocab_size=len(marks), **{**ids, **own})


def save(architecture: str, folder: Path, head: bool = False) -> Path:
    """A folder with such an encoder. head: under its language-model head."""
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM

    torch.manual_seed(1)
    network = (AutoModelForMaskedLM if head else AutoModel).from_config(configuration(architecture))
    network.save_pretrained(folder)
    tokenizer(ARCHITECTURES[architecture][1]).save_pretrained(folder)
    return folder
