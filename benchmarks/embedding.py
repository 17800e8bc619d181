"""Sentence vectors of one middle layer against the loop of XTREME's evaluate_retrieval.py: equal
vectors first, then CPU seconds.

The loop there takes sentences in the order of the file, 100 at a time, pads them to the longest,
computes all layers and pools each.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from benchmarks.measure import Measure, Unequal
from benchmarks.workload import FIRST, LAST, PAD, PAIR_LENGTH, SMALL, SPECIAL, VOCABULARY, Size
from xstilts_core.formats import retrieval
from xstilts_core.model import Encoder
from xstilts_core.packing import can_pack
from xstilts_core.retrieve import DEFAULT_DEPTH

PART = "embed"
PEER = "XTREME's loop: file order, padded, all layers"
BATCH = 100
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Case:
    """An encoder, how many sentences a round, and how many times the peer's speed is the goal. The
    layer is at the paper's depth."""

    size: Size
    sentences: int
    goal: float

    @property
    def layer(self) -> int:
        return round(DEFAULT_DEPTH * self.size.layers)


CASES = (Case(SMALL, 1_000, 4.0),)


def tokenizer() -> PreTrainedTokenizerFast:
    """A word is a token: `w5`, `w6`, ..."""
    names = {"<s>": FIRST, "<pad>": PAD, "</s>": LAST, "<unk>": SPECIAL - 1}
    words = {f"w{number}": number for number in range(SPECIAL, VOCABULARY)}
    made = Tokenizer(models.WordLevel({**names, **words}, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = [("<s>", FIRST), ("</s>", LAST)]
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=marks
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", model_input_names=["input_ids", "attention_mask"]
    )


def network(size: Size, seed: int) -> XLMRobertaModel:
    """A stock encoder with weights from `seed`."""
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=4,
        intermediate_size=4 * size.width,
        max_position_embeddings=PAIR_LENGTH + 2,
        type_vocab_size=1,
        pad_token_id=PAD,
        bos_token_id=FIRST,
        eos_token_id=LAST,
    )
    torch.manual_seed(seed)
    return XLMRobertaModel(config, add_pooling_layer=False).eval()


def sentences(count: int, rng: np.random.Generator) -> list[str]:
    """Lognormal lengths with a mean of about 31 words, at most 126."""
    lengths = np.clip(rng.lognormal(3.3, 0.5, count).round().astype(np.int64), 2, PAIR_LENGTH - 2)
    return [
        " ".join(f"w{number}" for number in rng.integers(SPECIAL, VOCABULARY, length))
        for length in lengths
    ]


def theirs(stock: XLMRobertaModel, texts: Sequence[str], layer: int) -> Tensor:
    """[sentences, width]: the loop, tokenising included."""
    read, found = tokenizer(), []
    with torch.no_grad():
        for first in range(0, len(texts), BATCH):
            batch = read(
                list(texts[first : first + BATCH]),
                padding=True,
                truncation=True,
                max_length=PAIR_LENGTH,
                return_tensors="pt",
            )
            states = stock(**batch, output_hidden_states=True).hidden_states
            mask = batch["attention_mask"]
            pooled = [
                (state * mask.unsqueeze(2).float()).sum(dim=1) / mask.sum(dim=1).view(-1, 1).float()
                for state in states
            ]
            found.append(pooled[layer])
    return torch.cat(found)


def ours(encoder: Encoder, texts: Sequence[str], layer: int) -> Tensor:
    """[sentences, width], as a retrieval notebook embeds them."""
    return retrieval.embed(encoder, texts, PAIR_LENGTH, [layer])[0]


def measure(case: Case, rounds: int) -> Measure:
    """The ratio; Unequal where vectors differ by more than TOLERANCE."""
    ratios, speeds, apart = [], [], 0.0
    for seed in range(rounds + 1):  # round 0 warms both sides and is not counted
        texts = sentences(case.sentences, np.random.default_rng([seed, 3]))
        stock, own = network(case.size, seed), network(case.size, seed)
        encoder = Encoder(own, tokenizer(), can_pack(own))
        started = time.process_time()
        found = ours(encoder, texts, case.layer)
        middle = time.process_time()
        expected = theirs(stock, texts, case.layer)
        ended = time.process_time()
        apart = max(apart, float((found - expected).abs().max()))
        if not apart <= TOLERANCE:
            raise Unequal(
                f"vectors of layer {case.layer}, {case.size.name}: they differ by {apart:.1e}; at most {TOLERANCE:g} is rounding"
            )
        if seed:
            ratios.append((ended - middle) / (middle - started))
            speeds.append(
                {
                    "ours": case.sentences / (middle - started),
                    PEER: case.sentences / (ended - middle),
                }
            )
    details = {"sentences_per_cpu_second": speeds, "largest_difference": apart}
    name = f"sentences, layer {case.layer} of {case.size.layers}, {case.size.name}"
    return Measure(PART, name, PEER, "x", tuple(ratios), case.goal, details)


def run(rounds: int, cases: Sequence[Case] = CASES) -> list[Measure]:
    """All cases."""
    torch.set_num_threads(1)
    return [measure(case, rounds) for case in cases]
