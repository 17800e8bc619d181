"""Scores: hand-computed values, and an independent token-by-token reading of seqeval 0.0.x as the
oracle for tags."""

import random

import numpy as np
import pytest

from benchmarks import official
from xstilts_core import metrics
from xstilts_core.errors import UsageError
from xstilts_core.tasks import TASKS

BIO = TASKS["panx"].labels
UPOS = TASKS["udpos"].labels

ODD = [
    "O",
    "B-PER",
    "I-PER",
    "E-PER",
    "S-PER",
    "B-NP-SBJ",
    "I-VP-SBJ",
    "I-NP",
    "S-O",
    "E-LOC",
    ".",
    "N-PER",
]


COLUMNS = {
    "accuracy": metrics.ACCURACY,
    "squad": metrics.SPAN,
    "squad_v2": metrics.SPAN,
    "mlqa": metrics.SPAN,
    "tagging": metrics.TAGGING,
}


def scored(rule, *sides):
    return metrics.score(getattr(metrics, f"{rule}_statistics")(*sides), COLUMNS[rule])


def entities(sentences):
    """Chunks of the sentences by the loop of seqeval 0.0.x, written from its rules: end is asked
    before start at each token."""
    previous_letter, previous_type, begin, found = "O", "", 0, set()
    for position, tag in enumerate([tag for tags in sentences for tag in [*tags, "O"]] + ["O"]):
        letter, kind = tag[0], tag.split("-")[-1]
        ended = previous_letter in "ES" or (previous_letter in "BI" and letter in "BSO")
        ended = ended or (previous_letter not in "O." and previous_type != kind)
        started = letter in "BS" or (previous_letter in "ESO" and letter in "EI")
        started = started or (letter not in "O." and previous_type != kind)
        if ended:
            found.add((previous_type, begin, position - 1))
        if started:
            begin = position
        previous_letter, previous_type = letter, kind
    return found


def oracle(gold, predicted):
    right, guessed = entities(gold), entities(predicted)
    precision = len(right & guessed) / len(guessed) if guessed else 0.0
    recall = len(right & guessed) / len(right) if right else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"f1": 100 * f1, "precision": 100 * precision, "recall": 100 * recall}


def random_sentences(generator, tags, count, longest=12):
    lengths = [generator.randrange(0, longest) for _ in range(count)]
    gold = [[generator.choice(tags) for _ in range(length)] for length in lengths]
    predicted = [
        [tag if generator.random() < 0.7 else generator.choice(tags) for tag in sentence]
        for sentence in gold
    ]
    return gold, predicted


# ---- labels


def test_accuracy_by_hand():
    assert scored("accuracy", ["a", "b", "a", "c"], ["a", "b", "c", "c"]) == {"accuracy": 75.0}


@pytest.mark.parametrize(
    "call",
    [
        lambda: scored("accuracy", [], []),
        lambda: scored("squad", [], []),
        lambda: scored("squad_v2", [], []),
        lambda: scored("mlqa", [], [], "de"),
        lambda: scored("tagging", [], []),
        lambda: scored("tagging", [[], []], [[], []]),
        lambda: metrics.score(np.zeros((0, 1)), metrics.ACCURACY),
    ],
)
def test_empty_input_is_refused(call):
    with pytest.raises(ValueError, match="nothing to score"):
        call()


def test_unequal_lengths_and_missing_labels_are_refused():
    with pytest.raises(ValueError, match="2 gold labels but 1 predicted"):
        scored("accuracy", ["a", "b"], ["a"])
    with pytest.raises(ValueError, match=r"example 1 .* no gold label"):
        scored("accuracy", ["a", None], ["a", "b"])
    with pytest.raises(ValueError, match=r"sentence 1 .* has 2 gold tags but 1"):
        scored("tagging", [["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(ValueError, match="empty text"):
        scored("tagging", [["O"]], [[""]])
    with pytest.raises(ValueError, match="belong to no metric"):
        metrics.score(np.ones((2, 1)), ("hits",))
    with pytest.raises(ValueError, match="do not fit"):
        metrics.score(np.ones((2, 3)), metrics.SPAN)


# ---- answers


@pytest.mark.parametrize(
    ("answers", "prediction", "exact", "f1"),
    [
        (["The cat."], "cat", 100, 100),
        (["the big black cat"], "a black cat", 0, 80),  # 2 of 2 predicted, 2 of 3 gold
        (["Denver", "Denver Broncos"], "the Denver Broncos!", 100, 100),
        (["cat cat dog"], "cat dog dog", 0, 200 / 3),
        (["«Rom»"], "Rom", 0, 0),  # only ASCII punctuation is removed
        (["der Hund"], "Hund", 0, 200 / 3),  # English articles only
        (["北京"], "北京市", 0, 0),  # no word segmentation
        (["x"], "", 0, 0),
    ],
)
def test_squad_by_hand(answers, prediction, exact, f1):
    assert scored("squad", [answers], [prediction]) == pytest.approx(
        {"exact_match": exact, "f1": f1}
    )


def test_squad_refuses_questions_without_answers():
    for answers in ([], [""]):
        with pytest.raises(ValueError, match=r"question 1 .* no gold answer"):
            scored("squad", [["x"], answers], ["x", "x"])


def test_squad_v2_by_hand():
    answers = [["the cat"], ["the cat"], [], [], ["the"], [""]]
    predictions = ["cat", "", "", "cat", "", "a"]
    # The answers "the" and "" normalize to nothing: those two questions count as unanswerable, and
    # "a" normalizes to nothing.
    np.testing.assert_array_equal(
        metrics.squad_v2_statistics(answers, predictions)[:, 0], [1, 0, 1, 0, 1, 1]
    )
    assert scored("squad_v2", answers, predictions) == pytest.approx(
        {"exact_match": 400 / 6, "f1": 400 / 6}
    )
    assert scored("squad_v2", [["black cat"], []], ["cat", ""]) == pytest.approx(
        {"exact_match": 50.0, "f1": (200 / 3 + 100) / 2}
    )


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("en", "The $5 «cat»", "5 cat"),
        ("de", "Einer der Hunde, des Königs", "hunde königs"),
        ("de", "the Hund", "the hund"),
        ("es", "¿La casa de unos amigos?", "casa de amigos"),
        ("vi", "những con mèo của tôi là", "con mèo tôi"),
        ("ar", "في البيت الكبير", "في بيت كبير"),
        ("ar", "خالد", "خ د"),  # "al" goes inside words too, and leaves a space
        ("hi", "राम।", "राम"),  # the danda is punctuation
        ("zh", "2008年，北京奥运", "2008 年 北 京 奥 运"),
        ("zh", "New York市A", "new york 市 a"),
        ("zh", "龥龦", "龥 龦"),  # U+9FA5 is the last single character
        ("zh", "龦龦", "龦龦"),
    ],
)
def test_mlqa_normalization(language, text, normal):
    assert " ".join(metrics.mlqa_plain(text, language).split()) == normal


def test_mlqa_by_hand():
    assert scored("mlqa", [["北京市"]], ["北京"], "zh") == pytest.approx(
        {"exact_match": 0, "f1": 80.0}
    )
    assert scored("mlqa", [["der Hund"]], ["Hund"], "de") == {"exact_match": 100.0, "f1": 100.0}
    with pytest.raises(UsageError, match="unknown MLQA language 'ru'"):
        scored("mlqa", [["x"]], ["x"], "ru")


ODD_TEXTS = [
    "", " ", "a", "The", "the the", "«the»", "an-other", "A.B.C", "U.S.", "o'clock", "it’s", "x\ny", "two\r\nlines", "tab\there",
    "\x00the", "\u2028a\u2028", "\x1cthe\x1d", "ΟΔΟΣ", "ΟΔΟΣ.", "İstanbul", "ǅ", "Straße", "\ud800x", "$5", "5 €", "100%", "a_b",
    "الكتاب", "في البيت", "خالد", "der Hund", "Des Königs", "la casa", "el niño", "của tôi", "những con mèo", "राम।", "2008年，北京奥运",
    "New York市A", "龥龦", "北京 的", "a  b   c", "¿Qué?", "a\u0301", "e\u200cf",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("language", ["squad", "en", "es", "de", "vi", "ar", "hi", "zh"])
def test_answers_score_as_the_scripts_do_to_the_last_digit(language, seed):
    """Many texts are normalized at once, the scripts take one at a time: the results must not
    depend on the neighbours."""
    generator = random.Random(seed)

    def text() -> str:
        return " ".join(generator.choice(ODD_TEXTS) for _ in range(generator.randrange(1, 5)))

    answers = [[text() + "x" for _ in range(generator.randrange(1, 4))] for _ in range(700)]
    predictions = [
        generator.choice([*texts, text(), "", texts[0].upper(), texts[0] + " the"])
        for texts in answers
    ]
    if language == "squad":
        assert scored("squad", answers, predictions) == official.answers_score(
            answers, predictions, official.squad_text
        )
        single = {one: " ".join(metrics.squad_plain(one).split()) for one in predictions}
        assert single == {one: official.squad_text(one) for one in predictions}
    else:
        expected = official.answers_score(
            answers, predictions, lambda one: official.mlqa_text(one, language)
        )
        assert scored("mlqa", answers, predictions, language) == expected
        single = {one: " ".join(metrics.mlqa_plain(one, language).split()) for one in predictions}
        assert single == {one: official.mlqa_text(one, language) for one in predictions}


# ---- tags


def test_equal_neighbours_merge():
    scores = scored("tagging", [["NOUN", "NOUN", "VERB"]], [["NOUN", "NOUN", "NOUN"]])
    # Gold chunks: NOUN 0-1, VERB 2-2; predicted: NOUN 0-2. None is right, though two of three
    # tokens are.
    assert scores == pytest.approx({"f1": 0, "precision": 0, "recall": 0, "accuracy": 200 / 3})


def test_tags_that_begin_with_s_do_not_merge():
    assert metrics.tagging_statistics(
        [["SYM", "SYM", "NUM", "NUM"]], [["SYM", "SYM", "NUM", "NUM"]]
    ).tolist() == [[3, 3, 3, 4, 4]]


def test_types_are_read_after_the_last_hyphen():
    """seqeval 1.x reads SCONJ and CCONJ as one type CONJ, and NP-SBJ whole; 0.0.x does neither."""
    assert scored("tagging", [["CCONJ"]], [["SCONJ"]])["f1"] == 0.0
    assert scored("tagging", [["B-NP-SBJ"]], [["B-VP-SBJ"]])["f1"] == 100.0


def test_sentences_do_not_merge():
    assert metrics.tagging_statistics([["NOUN"], ["NOUN"]], [["NOUN"], ["NOUN"]])[
        :, :3
    ].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_entities_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["I-ORG", "I-ORG", "B-ORG"]]
    guess = [["B-PER", "I-PER", "O", "B-ORG"], ["B-ORG", "I-ORG", "I-ORG"]]
    # Gold: PER 0-1, LOC 3-3 | ORG 0-1, ORG 2-2. Predicted: PER 0-1, ORG 3-3 | ORG 0-2.
    assert metrics.tagging_statistics(gold, guess).tolist() == [[1, 2, 2, 3, 4], [0, 1, 2, 1, 3]]
    assert scored("tagging", gold, guess) == pytest.approx(
        {"precision": 100 / 3, "recall": 25, "f1": 200 / 7, "accuracy": 400 / 7}
    )


@pytest.mark.parametrize(
    "tags", [UPOS, BIO, ODD, [*UPOS[:2], "SYM", "O"]], ids=["upos", "bio", "odd", "few"]
)
@pytest.mark.parametrize("seed", range(25))
def test_tagging_equals_the_token_by_token_rule(tags, seed):
    gold, predicted = random_sentences(random.Random(seed), tags, 40)
    scores = scored("tagging", gold, predicted)
    assert {name: scores[name] for name in ("f1", "precision", "recall")} == oracle(gold, predicted)
    tokens = [
        (a, b)
        for right, guess in zip(gold, predicted, strict=True)
        for a, b in zip(right, guess, strict=True)
    ]
    assert scores["accuracy"] == pytest.approx(100 * sum(a == b for a, b in tokens) / len(tokens))


def test_tagging_equals_seqeval_where_its_versions_agree():
    """Entity tags alone: for part-of-speech tags and types with a hyphen seqeval 1.x has another
    rule (see above)."""
    found = pytest.importorskip("seqeval.metrics")
    gold, predicted = random_sentences(random.Random(5), BIO, 300)
    calls = {"f1": found.f1_score, "precision": found.precision_score, "recall": found.recall_score}
    scores = scored("tagging", gold, predicted)
    assert {name: scores[name] for name in calls} == {
        name: 100 * call(gold, predicted) for name, call in calls.items()
    }


# ---- sentence pairs, statistics


def test_bitext_by_hand():
    # Right, wrong, right and without a gold pair.
    rows = np.array([[1, 1, 1], [0, 1, 1], [1, 1, 1], [0, 1, 0]])
    assert metrics.score(rows, metrics.BITEXT) == pytest.approx(
        {"precision": 50.0, "recall": 200 / 3, "f1": 400 / 7}
    )
    rows[:, :2] = 0
    assert metrics.score(rows, metrics.BITEXT) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_column_sums_score_many_samples_at_once():
    gold, predicted = random_sentences(random.Random(1), BIO, 30)
    rows = metrics.tagging_statistics(gold, predicted)
    picks = np.random.default_rng(0).integers(0, 30, (50, 30))
    together = metrics.score_sums(rows[picks].sum(axis=1), 30, metrics.TAGGING)
    for sample, pick in enumerate(picks):
        alone = scored("tagging", [gold[item] for item in pick], [predicted[item] for item in pick])
        assert alone == {name: values[sample] for name, values in together.items()}
