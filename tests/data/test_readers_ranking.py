"""Readers of queries and passages: LAReQA, SQuAD by sentence, Mewsli-X; on written files, and on
the real slices where they are."""

import json
from itertools import pairwise

import pytest
import ranking_files
from ranking_files import LANGUAGES, write_json, write_lines
from test_readers_real import REAL

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers import hub as hub_reader
from xstilts_core.data.readers.spans import by_sentence, sentence_spans
from xstilts_core.data.source import Embedded, Files
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer, SpanExample
from xstilts_core.tasks import HUB

real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real slices are not at hand (set XSTILTS_REAL_DATA)"
)


@pytest.fixture
def root(tmp_path):
    ranking_files.write_lareqa(tmp_path)
    ranking_files.write_mewslix(tmp_path)
    return tmp_path


def lareqa(root, code="de"):
    return Files(str(root)).load("lareqa", "test", code)


def mewslix(root, code="en", split="dev"):
    return Files(str(root)).load("mewslix", split, code)


# ---- sentences


def cut(text):
    return [text[first:end] for first, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Anna reads.", "Who lives in Rome?", "Nobody!"],
        ["Mr. Weber met Dr. J. R. Smith in St. Louis.", "He left at 5 p.m. on Jan. 3."],
        ['He said "It is over."', "“Never,” she answered.", "(They left.)", "Then it rained."],
        ["Rome is old.[citation needed]", "Paris is not.[note 1][2]", "1,000 people came."],
        ["It cost 3.5 million, e.g. for houses vs. gardens, etc. and so on.", "The end."],
        ["He was born in the U.S.", "The family left.", "Vitamin C. Smith stayed."],
        ["Ända in Åland.", "Übrigens nicht."],
    ],
)
def test_sentences_end_where_a_reader_would_say(sentences):
    assert cut(" ".join(sentences)) == sentences


def test_every_visible_character_is_in_one_sentence():
    text = "  Anna reads.\nPeter   sleeps.  \n\n'No?' said St. Peter. "
    found = sentence_spans(text)
    inside = [any(first <= k < end for first, end in found) for k in range(len(text))]
    assert all(inside[k] for k in range(len(text)) if not text[k].isspace())
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert sentence_spans(" \n ") == []


@real
def test_the_sentence_rule_finds_the_sentences_of_lareqa_in_english():
    """Its authors' breaks of the same SQuAD paragraphs: at least 98 % found, and of those proposed
    right."""
    content = json.loads((REAL / "lareqa/xquad-r/en.json").read_text(encoding="utf-8"))
    gold = proposed = right = 0
    for paragraph in (
        paragraph for article in content["data"] for paragraph in article["paragraphs"]
    ):
        theirs, ours = (
            {tuple(span) for span in paragraph["sentence_breaks"]},
            set(sentence_spans(paragraph["context"])),
        )
        gold, proposed, right = gold + len(theirs), proposed + len(ours), right + len(theirs & ours)
    assert gold > 100 and right >= 0.98 * gold and right >= 0.98 * proposed


# ---- LAReQA and SQuAD


def test_a_question_of_one_language_is_answered_in_all(root):
    examples = lareqa(root)
    assert [example.id for example in examples] == [
        "where0",
        "what0",
        "where1",
        "what1",
        "where2",
        "what2",
    ]
    found = examples[3]
    assert found.query == "What does Peter own? (de)"
    assert [passage.id for passage in found.passages] == [f"{code}_2_1" for code in LANGUAGES]
    assert [passage.language for passage in found.passages] == list(LANGUAGES)
    german = found.passages[LANGUAGES.index("de")]
    assert (
        german.text == "The book belongs to Peter (de)."
        and german.text in german.context
        and german.context.endswith("It is old (de).")
    )


def test_the_pool_has_every_sentence_of_every_language_once(root):
    pool = Files(str(root)).pool("lareqa")
    assert len(pool) == len({passage.id for passage in pool}) == 9 * len(LANGUAGES)
    assert {passage.id for example in lareqa(root, "zh") for passage in example.passages} <= {
        passage.id for passage in pool
    }
    assert Files(str(root)).pool("xnli") == () == Embedded().pool("lareqa")


def test_equal_sentences_of_a_paragraph_are_both_right_and_answers_between_sentences_are_left_out(
    root,
):
    """As in XTREME-R's utils_lareqa.py; the sentences of a paragraph without a question left are
    not in the pool either."""
    path = root / "lareqa/xquad-r/de.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    first, second = (article["paragraphs"][0] for article in content["data"][:2])
    context = "Anna lives in Rome. Anna lives in Rome. No."
    first.update(context=context, sentence_breaks=[[0, 19], [20, 39], [40, 43]])
    first["qas"] = [{**first["qas"][0], "answers": [{"text": "Rome", "answer_start": 14}]}]
    second["sentence_breaks"] = second["sentence_breaks"][2:]
    write_json(path, content)
    examples = lareqa(root)
    assert [example.id for example in examples] == ["where0", "where2", "what2"]
    assert [passage.id for passage in examples[0].passages if passage.language == "de"] == [
        "de_1_0",
        "de_1_1",
    ]
    pool = {passage.id for passage in Files(str(root)).pool("lareqa") if passage.language == "de"}
    assert pool == {"de_1_0", "de_1_1", "de_1_2", "de_3_0", "de_3_1", "de_3_2"}


def test_what_is_wrong_with_lareqas_files_is_told_in_one_sentence(root):
    path = root / "lareqa/xquad-r/de.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    paragraph = content["data"][1]["paragraphs"][0]
    paragraph["sentence_breaks"][1] = [10, 400]
    write_json(path, content)
    with pytest.raises(
        UsageError,
        match=r"de\.json, data\[1\].paragraphs\[0\]: sentence break \[10, 400\] is not within the \d+ char",
    ):
        lareqa(root)
    del paragraph["sentence_breaks"]
    write_json(path, content)
    with pytest.raises(
        UsageError,
        match=r"data\[1\].paragraphs\[0\]: no sentence_breaks: expected .*plain XQuAD has none",
    ):
        lareqa(root)
    path.write_text(json.dumps(content)[:300], encoding="utf-8")
    with pytest.raises(UsageError, match=r"de\.json, line 1: JSON breaks off"):
        Files(str(root)).pool("lareqa")
    path.unlink()
    with pytest.raises(
        UsageError,
        match=r"xquad-r lacks de\.json: the sentences of all 11 languages are searched together",
    ):
        lareqa(root, "en")


def test_squad_questions_ask_for_the_sentence_with_the_answer(root):
    examples = Files(str(root)).load("squad_sentences", "train", "en")
    assert [example.passages[0].text for example in examples[:2]] == [
        "Anna lives in Rome (en).",
        "The apple belongs to Anna (en).",
    ]
    assert [example.passages[0].id for example in examples] == [
        "en_1_0",
        "en_1_1",
        "en_2_0",
        "en_2_1",
        "en_3_0",
        "en_3_1",
    ]
    assert all(len(example.passages) == 1 for example in examples)


def test_the_first_answer_counts_and_white_space_before_it_does_not():
    context = "Anna reads. Peter sleeps."
    example = SpanExample("1", " Who? ", context, (Answer(" Peter", 11), Answer("Anna", 0)))
    found = by_sentence([example])[0]
    assert (found.query, found.passages[0].text, found.passages[0].context) == (
        "Who?",
        "Peter sleeps.",
        context,
    )


def test_squad_on_the_hub_asks_for_sentences_too():
    answers = {"text": ["Peter"], "answer_start": [12]}
    cells = ("q", "Who sleeps?", "Anna reads. Peter sleeps.", answers)
    source = HUB["squad_sentences"]
    table = [dict(zip(source.columns, cells, strict=True))]
    rows = hub_reader.rows_of("squad_sentences", source, "here", table)
    found = hub_reader.examples_of("squad_sentences", source, rows, "en")
    assert [(example.id, example.query, example.passages[0].text) for example in found] == [
        ("q", "Who sleeps?", "Peter sleeps.")
    ]


@real
def test_lareqa_and_squad_on_the_real_slices():
    assert local_files.available("lareqa", "test", REAL) == tuple(sorted(LANGUAGES))
    pool = {passage.id: passage for passage in local_files.read_pool("lareqa", REAL)}
    assert len(pool) == 1292
    for code in LANGUAGES:
        examples = lareqa(REAL, code)
        assert len(examples) == 177
        assert all(
            len(example.passages) == 11
            and all(pool[entry.id] == entry for entry in example.passages)
            for example in examples
        )
    span = {
        example.id: example for example in local_files.read_files("squad_v1", "train", "en", REAL)
    }
    examples = Files(str(REAL)).load("squad_sentences", "train", "en")
    assert len(examples) == len(span) == 3286  # no answer falls between two sentences
    whole = [
        span[example.id].answers[0].text.strip() in example.passages[0].text for example in examples
    ]
    assert sum(whole) >= 0.995 * len(whole)


# ---- Mewsli-X


def test_a_mention_stands_before_its_sentence_and_between_braces(root):
    examples = mewslix(root, "de")
    assert [example.id for example in examples] == ["de0", "de1", "de2", "de3"]
    assert examples[1].query == "Peter: A (famous) doctor, { Peter } , reads."
    entity = examples[1].passages[0]
    assert (entity.id, entity.language, entity.context) == ("Q1", "de", "")
    assert entity.text == "Peter 1 is a doctor. Peter 1 lives in New York."
    assert Files(str(root)).languages("mewslix", "test")[:2] == ("en", "ar")


def test_the_pool_of_entities_and_the_training_pairs(root):
    pool = Files(str(root)).pool("mewslix")
    assert [passage.id for passage in pool] == [f"Q{number}" for number in range(40)]
    pairs = Files(str(root)).load("wikipedia_mentions", "train", "en")
    assert (
        len(pairs) == 12
        and pairs[2].query.startswith("Maria: ")
        and pairs[2].passages[0] == pool[2]
    )


def change_mention(root, **changed):
    path = root / "mewslix/wikinews_mentions-dev.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for key, value in changed.items():
        (rows[2]["context"] if key == "text" else rows[2]["mentions"][0])[key] = value
    write_lines(path, rows)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": ""}, "line 3: the article's text is empty: .* get-mewsli-x.sh"),
        (
            {"text": "Quite another text."},
            "line 3: expected the mention 'Maria' at characters 38 to 43 of the text, found ''",
        ),
        (
            {"entity_id": "Q99"},
            "line 3: entity Q99 is not in .*candidate_set_entities.jsonl: expected one of its 40 entities",
        ),
        ({"mention_span": {"start": 3}}, "line 3: no 'end'"),
    ],
)
def test_what_is_wrong_with_a_mention_names_its_line(root, changed, message):
    change_mention(root, **changed)
    with pytest.raises(UsageError, match=message):
        mewslix(root)


def test_a_language_without_mentions_and_a_missing_pool_are_told(root):
    with pytest.raises(UsageError, match="mewslix: split dev in ja is empty"):
        mewslix(root, "ja")
    (root / "mewslix/candidate_set_entities.jsonl").unlink()
    with pytest.raises(UsageError, match="no labelled mewslix dev files of language 'en'"):
        mewslix(root)
    with pytest.raises(
        UsageError,
        match=r"candidate_set_entities\.jsonl is missing: mewslix ranks its passages",
    ):
        Files(str(root)).pool("mewslix")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"entity_id": "Q3"', r"line 41: JSON breaks off at column 19"),
        (b'{"entity_id": "\xff"}', r"line 41: not UTF-8"),
        (b"[1]", "line 41: list instead of an object: expected one with 'description'"),
        (
            json.dumps(ranking_files.entity(3)).encode(),
            "line 41: entity Q3 is also on an earlier line",
        ),
        (
            json.dumps(
                {**ranking_files.entity(99), "description": "   ", "sentence_spans": []}
            ).encode(),
            "41: the description is empty",
        ),
        (
            json.dumps({**ranking_files.entity(99), "description": "It."}).encode(),
            "41: sentence 0 to 20: expected a span within the 3",
        ),
        (b'{"a": 1, "a": 2}', "line 41: key 'a' is repeated in an object"),
        (b"[" * 100_000, "line 41: JSON is nested too deeply"),
    ],
)
def test_what_is_wrong_with_an_entity_names_its_line(root, line, message):
    with (root / "mewslix/candidate_set_entities.jsonl").open("ab") as file:
        file.write(line)
    with pytest.raises(UsageError, match=message):
        Files(str(root)).pool("mewslix")


@pytest.mark.parametrize("name", ["lareqa", "mewslix", "wikipedia_mentions"])
def test_what_the_hub_lacks_is_told_with_the_reason(name):
    with pytest.raises(UsageError, match=f"{name} .*(sentence breaks|no parquet copy)"):
        hub_reader.read_hub(name, "test", "en")
