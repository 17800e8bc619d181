"""Words to tag have the pieces of running text, whatever a tokenizer does with the space before a
word."""

from functools import cache
from itertools import chain

import numpy as np
import pytest
from conftest import TEXTS
from made_tokenizers import KINDS, trained
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from xstilts_core import model
from xstilts_core.data.words import uses_spaces
from xstilts_core.examples import TagsExample
from xstilts_core.formats import FORMATS, Limits
from xstilts_core.formats.tokens import Template, tokenise, writes_space
from xstilts_core.mini import suite
from xstilts_core.tasks import TASKS

SENTENCES = {
    "en": (
        "Anna",
        "never",
        "reads",
        "3",
        "books",
        "in",
        "New",
        "York",
        ",",
        "they",
        "'re",
        "old",
        ".",
    ),
    "de": ("Der", "Arzt", "liest", "heute", "(", "im", "Garten", ")", "ein", "Buch", "!"),
    "bg": ("Анна", "чете", "книга", "в", "градината", "."),
}
UNSPACED = {
    "zh": ("安娜", "在", "花园", "里", "用", "GPT4", "读书", "。"),
    "ja": ("アンナ", "は", "庭", "で", "本", "を", "読む", "。"),
    "th": ("แอนนา", "อ่าน", "หนังสือ", "ใน", "สวน"),
    "my": ("အန်နာ", "စာ", "ဖတ်", "သည်"),
}


def gemma_like() -> PreTrainedTokenizerFast:
    """The space becomes ▁ and belongs to the word after it (Gemma, mmBERT); nothing stands before
    the first word."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    marks = {"unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    tokenizer.train_from_iterator(
        TEXTS * 5, trainers.BpeTrainer(vocab_size=400, special_tokens=list(marks.values()))
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)


def llama_like() -> PreTrainedTokenizerFast:
    """A ▁ before the whole text, and for every space: two before a text that begins with one."""
    tokenizer = gemma_like().backend_tokenizer
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )


def with_prefix() -> PreTrainedTokenizerFast:
    """RoBERTa's with add_prefix_space: a space before the first word too."""
    tokenizer = trained("byte_bpe", TEXTS * 5)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


@cache
def tokenizers() -> dict[str, PreTrainedTokenizerFast]:
    own = {"mini": AutoTokenizer.from_pretrained(str(model.shipped())), "prefix": with_prefix()}
    return {
        **{kind: trained(kind, TEXTS * 5) for kind in KINDS},
        "gemma": gemma_like(),
        "llama": llama_like(),
        **own,
    }


def pieces_of_words(tokenizer, words) -> list[list[int]]:
    """What the tagging format makes of a sentence: the ids of each word."""
    encoded = FORMATS["tagging"].encode(
        [TagsExample("1", words, ("NOUN",) * len(words))], TASKS["udpos"], tokenizer, Limits(512)
    )
    size = len(Template.of(tokenizer).before)
    starts = np.flatnonzero(encoded.token_columns["word"] >= 0)
    ends = [*starts[1:], len(encoded.ids) - (len(Template.of(tokenizer).single_after))]
    assert starts[0] == size and len(starts) == len(words)
    return [encoded.ids[first:end].tolist() for first, end in zip(starts, ends, strict=True)]


def pieces_in_text(tokenizer, text, words) -> list[list[int]]:
    """Of a text, the ids of each word: by the characters that they come from."""
    found = tokenise(tokenizer, [text], offsets=True)[text]
    ends = np.cumsum([len(word) for word in words]) + (np.arange(len(words)) if " " in text else 0)
    owner = np.searchsorted(ends, [last - 1 for _, last in found.offsets], side="right")
    return [
        [number for number, place in zip(found.ids, owner, strict=True) if place == word]
        for word in range(len(words))
    ]


@pytest.mark.parametrize("kind", ["byte_bpe", "gemma"])
@pytest.mark.parametrize("code", SENTENCES)
def test_words_have_the_pieces_of_the_text(kind, code):
    tokenizer, words = tokenizers()[kind], SENTENCES[code]
    assert writes_space(tokenizer)
    found = pieces_of_words(tokenizer, words)
    assert found == pieces_in_text(tokenizer, " ".join(words), words)
    assert list(chain(*found)) == tokenise(tokenizer, [" ".join(words)])[" ".join(words)].ids
    alone = tokenise(tokenizer, words)
    assert found[0] == alone[words[0]].ids and found[1] != alone[words[1]].ids


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "bpe", "llama", "prefix", "mini"])
def test_other_tokenizers_keep_the_pieces_of_words_alone(kind):
    tokenizer = tokenizers()[kind]
    assert not writes_space(tokenizer)
    for words in (*SENTENCES.values(), *UNSPACED.values()):
        alone = tokenise(tokenizer, words)
        assert pieces_of_words(tokenizer, words) == [alone[word].ids for word in words]


@pytest.mark.parametrize("code", UNSPACED)
def test_a_language_without_spaces_has_none_before_its_words(code):
    words = UNSPACED[code]
    alone = tokenise(tokenizers()["byte_bpe"], words)
    assert not uses_spaces(words) and pieces_of_words(tokenizers()["byte_bpe"], words) == [
        alone[word].ids for word in words
    ]


def test_a_long_sentence_is_split_and_no_part_begins_anew():
    tokenizer, words = tokenizers()["byte_bpe"], SENTENCES["en"] * 6
    parts = FORMATS["tagging"].encode(
        [TagsExample("1", words, ("NOUN",) * len(words))], TASKS["udpos"], tokenizer, Limits(24)
    )
    assert len(parts) > 3
    cut = [ids[1:-1] for ids in np.split(parts.ids, np.cumsum(parts.lengths)[:-1])]
    assert np.concatenate(cut).tolist() == list(chain(*pieces_of_words(tokenizer, words)))


def test_scripts_tell_spaces_in_the_embedded_suite():
    for code in suite.LANGUAGES:
        examples = suite.load("udpos", "dev", code, limit=50)
        assert {uses_spaces(example.words) for example in examples} == {code != "zh"}
    assert (
        uses_spaces(("The", "sign", "says", "猫", "."))
        and uses_spaces(("...", "3"))
        and uses_spaces(())
    )
