"""What real inputs are like: words that give no piece, words of hundreds of pieces, long sentences
and contexts, single texts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from xstilts_core import model
from xstilts_core.evaluate import predict
from xstilts_core.examples import Answer, PairExample, SpanExample, TagsExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits
from xstilts_core.formats.span import LONGEST_QUESTION
from xstilts_core.formats.tokens import IGNORED, Template
from xstilts_core.tasks import TASKS

# No piece at all, one piece, several, hundreds; a lone zero-width non-joiner, one inside a word;
# what other scripts do without spaces.
WORDS = (
    "Anna",
    "",
    "\u200c",
    "می\u200cخواهد",
    "\x00",
    "\x07",
    " ",
    "\u2028",
    "x" * 700,
    "読書",
    "garden",
    "\ufeff",
    "ไทย",
    "🙂",
    "don't",
    ".",
)
FAMILIES = ("xlmr", "bert", "modernbert", "bytes", "cleaning")


def bytes_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, without an unknown token: every byte is a piece."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        vocab_size=300,
    )
    raw.train_from_iterator(["Anna reads in the garden."], trainer)
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def cleaning_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """One that removes control and format characters before it looks for pieces, as XLM-R's own
    does: such a word gives none."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex(r"\p{C}"), "")
    return tokenizer


@pytest.fixture(params=FAMILIES)
def tokenizer(request, encoders):
    made = {"bytes": bytes_tokenizer, "cleaning": lambda: cleaning_tokenizer(encoders["xlmr"])}
    return made.get(request.param, lambda: AutoTokenizer.from_pretrained(encoders[request.param]))()


def tagged(words: tuple[str, ...], number: int = 0) -> TagsExample:
    labels = TASKS["udpos"].labels
    return TagsExample(
        str(number),
        words,
        tuple(labels[(number + place) % len(labels)] for place in range(len(words))),
    )


@pytest.mark.parametrize("longest", [10, 24, 128])
def test_every_word_gets_exactly_one_prediction_in_order(tokenizer, longest):
    form, task = FORMATS["tagging"], TASKS["udpos"]
    examples = [
        tagged(WORDS, 0),
        tagged(("\u200c",), 1),
        tagged(WORDS[::-1] * 3, 2),
        tagged(("",) * 40, 3),
        tagged(("garden",) * 30, 4),
    ]
    encoded = form.encode(examples, task, tokenizer, Limits(longest))
    assert encoded.lengths.max() <= longest
    words, owner = encoded.token_columns["word"], np.repeat(encoded.example, encoded.row_lengths)
    for position, example in enumerate(examples):
        assert words[(owner == position) & (words >= 0)].tolist() == list(range(len(example.words)))
    assert ((encoded.token_columns["label"] == IGNORED) == (words < 0)).all()
    right = np.where(words >= 0, encoded.token_columns["label"], 0)[:, None]
    assert form.decode(right, encoded, examples, task) == [
        list(example.tags) for example in examples
    ]


def test_words_of_no_or_too_many_pieces_are_unknown(encoders):
    tokenizer = cleaning_tokenizer(encoders["xlmr"])
    words = ("\u200c", "\x07", "", "x" * 700, "Anna")
    sizes = [len(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in words]
    assert sizes[:3] == [0, 0, 0] and sizes[3] > 100
    encoded = FORMATS["tagging"].encode([tagged(words)], TASKS["udpos"], tokenizer, Limits(512))
    assert (
        encoded.ids[1:5].tolist() == [tokenizer.unk_token_id] * 4
        and len(encoded.ids) == 2 + 4 + sizes[4]
    )


def test_a_long_sentence_is_tagged_to_its_end(encoders):
    """XTREME splits what is longer than the maximum; truncation would leave the last words without
    a tag."""
    encoder = model.load(
        str(encoders["xlmr"]), dropout=0.0, packed=True, device=torch.device("cpu")
    )
    form, task = FORMATS["tagging"], TASKS["udpos"]
    examples = [tagged(("Anna", "never", "eats", "an", "apple", ".") * 60), tagged(("Anna",), 1)]
    torch.manual_seed(0)
    head = form.head(task, HeadOptions(32, 0.0, "first"))
    encoded = form.encode(examples, task, encoder.tokenizer, Limits(32))
    predictions = form.decode(predict(encoder, head, form, encoded), encoded, examples, task)
    assert [len(tags) for tags in predictions] == [360, 1]
    assert all(tag in task.labels for tags in predictions for tag in tags)
    columns, statistics = form.statistics(examples, predictions, task, "en")
    assert statistics[:, columns.index("token")].tolist() == [360, 1]


def test_a_sentence_without_tags_or_words_is_read(encoders):
    tokenizer = AutoTokenizer.from_pretrained(encoders["xlmr"])
    form, task = FORMATS["tagging"], TASKS["panx"]
    examples = [
        TagsExample("1", ("Anna", "reads"), ()),
        TagsExample("2", (), ()),
        TagsExample("3", ("Rome",), ()),
    ]
    encoded = form.encode(examples, task, tokenizer, Limits(16))
    assert (encoded.token_columns["label"] == IGNORED).all()
    assert form.decode(np.zeros((len(encoded.ids), 1)), encoded, examples, task) == [
        ["O", "O"],
        [],
        ["O"],
    ]


CONTEXT = (
    "Anna lives in Rome. " * 20
    + "Peter Weber eats an apple in New York today. "
    + "Anna never reads. " * 20
)


@pytest.mark.parametrize(("longest", "stride"), [(40, 5), (40, 16), (64, 64), (200, 128)])
def test_windows_cover_every_token_of_the_context(tokenizer, longest, stride):
    form = FORMATS["span"]
    question = "Who eats an apple in New York today, and why " + "on earth " * 60 + "?"
    example = SpanExample("1", question, CONTEXT, (Answer("New York", CONTEXT.index("New York")),))
    encoded = form.encode([example], TASKS["squad_v1"], tokenizer, Limits(longest, stride))
    assert encoded.lengths.max() <= longest and set(encoded.example) == {0} and len(encoded) > 1
    first, last = encoded.token_columns["first"], encoded.token_columns["last"]
    inside = [(int(a), int(b)) for a, b in zip(first, last, strict=True) if a >= 0]
    whole = tokenizer(CONTEXT, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    assert set(inside) == {tuple(pair) for pair in whole}
    # The question is cut at 64 tokens, and at half of the input where that is shorter.
    asked = np.diff(encoded.starts) - np.add.reduceat(first >= 0, encoded.starts[:-1])
    size = min(LONGEST_QUESTION, longest // 2) + Template.of(tokenizer).pair_size
    assert set(asked.tolist()) == {size}


def test_an_answer_in_several_windows_is_learnt_in_each_and_found_once(encoders):
    tokenizer = AutoTokenizer.from_pretrained(encoders["xlmr"])
    form, task = FORMATS["span"], TASKS["xquad"]
    answer = Answer("New York", CONTEXT.index("New York"))
    example = SpanExample("1", "Who eats?", CONTEXT, (answer,))
    encoded = form.encode([example], task, tokenizer, Limits(60, 12))
    has = encoded.columns["end"] > 0
    assert has.sum() > 1 and not has.all()
    first, last = encoded.token_columns["first"], encoded.token_columns["last"]
    for window in np.flatnonzero(has):
        start, end = (
            encoded.starts[window] + encoded.columns[name][window] for name in ("start", "end")
        )
        assert CONTEXT[first[start] : last[end]].strip() == "New York"
    # The window with the best score wins, wherever it stands.
    for best in np.flatnonzero(has):
        outputs = np.full((len(encoded.ids), 2), -5.0)
        for window in np.flatnonzero(has):
            height = 5.0 if window == best else 3.0
            outputs[encoded.starts[window] + encoded.columns["start"][window], 0] = height
            outputs[encoded.starts[window] + encoded.columns["end"][window], 1] = height
        assert form.decode(outputs, encoded, [example], task) == ["New York"]


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_one_text_alone_is_read_as_the_tokenizer_itself_reads_one(encoders, family):
    tokenizer = AutoTokenizer.from_pretrained(encoders[family])
    texts = ("Anna reads.", "A doctor reads three old books today. " * 20, "")
    examples = [PairExample(str(k), text, "", "neutral") for k, text in enumerate(texts)]
    encoded = FORMATS["pair"].encode(examples, TASKS["mnli"], tokenizer, Limits(24))
    rows = np.split(encoded.ids, encoded.starts[1:-1])
    for text, ids in zip(texts, rows, strict=True):
        assert ids.tolist() == tokenizer(text, truncation=True, max_length=24)["input_ids"]
    assert encoded.types is None or not encoded.types.any()


def test_an_empty_first_text_is_still_a_pair(encoders):
    """The control hypothesis_only hides the first text: the second stays where it stands in a
    pair."""
    tokenizer = AutoTokenizer.from_pretrained(encoders["xlmr"])
    encoded = FORMATS["pair"].encode(
        [PairExample("1", "", "Anna reads.", None)], TASKS["mnli"], tokenizer, Limits(24)
    )
    assert encoded.ids.tolist() == tokenizer("", "Anna reads.")["input_ids"]
