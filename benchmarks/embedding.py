"""Compare sentence vectors of one middle layer with the loop of XTREME's evaluate_retrieval.py:
equal vectors first, then CPU seconds.

That loop takes sentences in the order of the file, 100 at a time, pads them to the longest,
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

PART = "embed"
PEER = "XTREME's loop: file order, padded, all layers"
BATCH = 100
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Case:
    """An encoder, the number of sentences per round, and the goal as a multiple of the peer's
    speed. The layer is at the paper's relative depth."""

    size: Size
    sentences: int
    goal: float

    @property
    def layer(self) -> int:
        return round(retrieval.DEFAULT_DEPTH * self.size.layers)


CASES = (Case(SMALL, 1_000, 4.0),)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token per word: `w5`, `w6`, ..."""
    names = {"<s>": FIRST, "<pad>": PAD, "</s>": LAST, "<unk>": SPECIAL - 1}
    words = {f"w{number}": number for number in range(SPECIAL, VOCABULARY)}
    backend = Tokenizer(models.WordLevel({**names, **words}, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = [("<s>", FIRST), ("</s>", LAST)]
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=marks
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],
    )


def network(size: Size, seed: int) -> XLMRobertaModel:
    """Return a stock encoder with random weights from `seed`."""
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
    """Return sentences with lognormal lengths: about 31 words on average, at most 126."""
    lengths = np.clip(rng.lognormal(3.3, 0.5, count).round().astype(np.int64), 2, PAIR_LENGTH - 2)
    return [
        " ".join(f"w{number}" for number in rng.integers(SPECIAL, VOCABULARY, length))
        for length in lengths
    ]


def theirs(stock: XLMRobertaModel, texts: Sequence[str], layer: int) -> Tensor:
    """Return vectors [sentences, width] from XTREME's loop, including tokenization."""
    tokenize, vectors = tokenizer(), []
    with torch.no_grad():
        for first in range(0, len(texts), BATCH):
            batch = tokenize(
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
            vectors.append(pooled[layer])
    return torch.cat(vectors)


def ours(encoder: Encoder, texts: Sequence[str], layer: int) -> Tensor:
    """Return vectors [sentences, width], embedded as in a retrieval notebook."""
    return retrieval.embed(encoder, texts, PAIR_LENGTH, [layer])[0]


def measure(case: Case, rounds: int) -> Measure:
    """Measure the speed ratio; raise Unequal if vectors differ by more than TOLERANCE."""
    ratios, speeds, difference = [], [], 0.0
    for seed in range(rounds + 1):  # round 0 warms up both sides and is not counted
        texts = sentences(case.sentences, np.random.default_rng([seed, 3]))
        stock, our_network = network(case.size, seed), network(case.size, seed)
        encoder = Encoder(our_network, tokenizer(), can_pack(our_network))
        started = time.process_time()
        vectors = ours(encoder, texts, case.layer)
        middle = time.process_time()
        expected = theirs(stock, texts, case.layer)
        ended = time.process_time()
        difference = max(difference, float((vectors - expected).abs().max()))
        if not difference <= TOLERANCE:
            raise Unequal(
                f"vectors of layer {case.layer}, {case.size.name}: difference {difference:.1e}, "
                f"more than rounding (at most {TOLERANCE:g})"
            )
        if seed:
            ratios.append((ended - middle) / (middle - started))
            speeds.append(
                {
                    "ours": case.sentences / (middle - started),
                    PEER: case.sentences / (ended - middle),
                }
            )
    details = {"sentences_per_cpu_second": speeds, "largest_difference": difference}
    name = f"sentences, layer {case.layer} of {case.size.layers}, {case.size.name}"
    return Measure(PART, name, PEER, "x", tuple(ratios), case.goal, details)


def run(rounds: int, cases: Sequence[Case] = CASES) -> list[Measure]:
    """Measure all cases."""
    torch.set_num_threads(1)
    return [measure(case, rounds) for case in cases]
