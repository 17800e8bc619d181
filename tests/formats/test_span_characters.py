"""The gold answer comes back from its tokens whole: letters with their marks, in every script, by
every kind of tokenizer."""

import unicodedata
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_tokenizers import KINDS, trained
from tokenizers import normalizers
from transformers import PreTrainedTokenizerFast

from xstilts_core.examples import Answer, SpanExample, TagsExample
from xstilts_core.formats import FORMATS
from xstilts_core.formats.characters import widen_offsets
from xstilts_core.formats.format import Limits
from xstilts_core.formats.span import LONGEST_ANSWER
from xstilts_core.tasks import TASKS

SCRIPTS = {
    "hindi": "राम ने हिन्दी की किताब पढ़ी और क्रिकेट खेला",
    "arabic": "ذَهَبَ الوَلَدُ إِلَى المَدْرَسَةِ صَبَاحًا",
    "hebrew": "שָׁלוֹם עֲלֵיכֶם מַלְאֲכֵי הַשָּׁרֵת",
    "thai": "กำแพง น้ำใจ ที่ปรึกษา ผู้ใหญ่ สิ่งที่",
    "vietnamese": unicodedata.normalize("NFD", "Nguyễn Thị Ngọc sống ở Huế từng ngày"),
    "bengali": "আমি বাংলায় গান গাই কৃষ্ণ",
    "tamil": "தமிழ் மொழி கற்போம் ஸ்ரீ",
    "hangul": unicodedata.normalize("NFD", "한국어 사람들이 각각 말합니다"),
    "emoji": "👩‍👩‍👧 ok 👍🏽 go ❤️ 👩‍⚕️ end 🇩🇪 x",
    "german": unicodedata.normalize("NFD", "Die Straße über Köln führt nach Düren"),
    "persian": "می‌خواهم کتاب‌ها را بخوانم",
    "latin": "Ａｎｎａ ﬁne ½ İstanbul ÉTÉ Ǆ ŉ",
}
NORMALISERS = {
    "own": None,
    "nfc": normalizers.NFC(),
    "nfkc": normalizers.NFKC(),
    "nfd": normalizers.NFD(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
    "bert": normalizers.BertNormalizer(lowercase=True),
    "accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
}
WORDS = [word for text in SCRIPTS.values() for word in text.split(" ")]


@lru_cache(maxsize=8)
def tokenizer(kind: str, normaliser: str, known: bool = True) -> PreTrainedTokenizerFast:
    """known: trained on these scripts, so that whole words are tokens; otherwise on Latin letters,
    so that all else is bytes or unknown."""
    found = trained(
        kind,
        [*SCRIPTS.values()] * 3 if known else ["Anna reads an old book in the garden today."] * 5,
    )
    if NORMALISERS[normaliser] is not None:
        found.backend_tokenizer.normalizer = NORMALISERS[normaliser]
    return found


def questions(words: list[str], between: str) -> list[SpanExample]:
    """A question for each run of one to three words; the context begins with a blank."""
    context = between + between.join(words)
    starts = [
        len(between) + sum(len(word) + len(between) for word in words[:k])
        for k in range(len(words))
    ]
    runs = [
        (first, min(first + k % 3, len(words) - 1)) for k, first in enumerate(range(len(words)))
    ]
    answers = [
        Answer(context[starts[first] : starts[last] + len(words[last])], starts[first])
        for first, last in runs
    ]
    return [SpanExample(str(k), "Who?", context, (answer,)) for k, answer in enumerate(answers)]


def lost(found: PreTrainedTokenizerFast, examples: list[SpanExample]) -> list[tuple[str, str]]:
    """(gold answer, its tokens decoded) where the two differ; less answers of so many tokens that
    none so long is looked for."""
    encoded = FORMATS["span"].encode(examples, TASKS["xquad"], found, Limits(400))
    outputs = np.full((len(encoded.ids), 2), -5.0)
    for column, name in enumerate(("start", "end")):
        outputs[encoded.starts[:-1] + encoded.columns[name], column] = 5.0
    texts = FORMATS["span"].decode(outputs, encoded, examples, TASKS["xquad"])
    short = encoded.columns["end"] - encoded.columns["start"] < LONGEST_ANSWER
    pairs = zip(examples, texts, short, strict=True)
    return [
        (entry.answers[0].text, text)
        for entry, text, fits in pairs
        if fits and text != entry.answers[0].text
    ]


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("kind", KINDS)
def test_gold_tokens_decode_to_the_gold_answer(kind: str, normaliser: str) -> None:
    for known in (True, False):
        for text in SCRIPTS.values():
            assert lost(tokenizer(kind, normaliser, known), questions(text.split(" "), " ")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_drawn_words_come_back(kind: str) -> None:
    @given(
        st.sampled_from(sorted(NORMALISERS)),
        st.booleans(),
        st.lists(
            st.one_of(
                st.sampled_from(WORDS),
                st.sampled_from(WORDS).map(lambda word: unicodedata.normalize("NFC", word)),
            ),
            min_size=1,
        ),
        st.sampled_from([" ", "  ", "   "]),
    )
    @example("accents", True, ["Düren"], " ")
    def tried(normaliser: str, known: bool, words: list[str], between: str) -> None:
        assert lost(tokenizer(kind, normaliser, known), questions(words[:12], between)) == []

    tried()


def test_offsets_are_widened_to_whole_characters() -> None:
    text = "e\u0301 कि 각".replace("각", unicodedata.normalize("NFD", "각"))
    cut = np.array([[0, 1], [1, 2], [3, 4], [4, 5], [6, 7], [7, 9], [2, 2]])
    assert widen_offsets(text, cut).tolist() == [
        [0, 2],
        [0, 2],
        [3, 5],
        [3, 5],
        [6, 9],
        [6, 9],
        [2, 2],
    ]
    assert widen_offsets("\u0301a", np.array([[0, 1], [1, 2]])).tolist() == [[0, 1], [1, 2]], (
        "a mark that nothing stands before is its own"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_tags_as_words_whatever_the_words_are(kind: str) -> None:
    task = TASKS["udpos"]
    odd = [
        "",
        " ",
        "\u200c",
        "\u0301",
        "\xad",
        "\ufeff",
        "\U000e0001",
        "</s>",
        "[SEP]",
        "<mask>",
        "x" * 300,
        "☃",
        "\x00",
        "\ud7ff",
    ]

    @given(
        st.sampled_from(sorted(NORMALISERS)),
        st.booleans(),
        st.lists(
            st.lists(
                st.one_of(st.sampled_from(WORDS + odd), st.text(max_size=6)),
                min_size=1,
                max_size=30,
            ),
            min_size=1,
            max_size=4,
        ),
        st.integers(8, 64),
    )
    def tried(normaliser: str, known: bool, sentences: list[list[str]], longest: int) -> None:
        examples = [
            TagsExample(str(k), tuple(words), ("NOUN", "X", "VERB")[k % 3 :][:1] * len(words))
            for k, words in enumerate(sentences)
        ]
        encoded = FORMATS["tagging"].encode(
            examples, task, tokenizer(kind, normaliser, known), Limits(longest)
        )
        right = np.maximum(encoded.token_columns["label"], 0)[:, None]
        assert FORMATS["tagging"].decode(right, encoded, examples, task) == [
            list(each.tags) for each in examples
        ]
        assert encoded.lengths.max() <= longest

    tried()
