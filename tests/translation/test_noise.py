"""Noise in training texts: how much, which kinds, and what it must leave alone."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from xstilts_core.data import words
from xstilts_core.data.source import Embedded
from xstilts_core.examples import ChoiceExample, PairExample, SentenceExample, TagsExample
from xstilts_core.translation import noise

TASKS = ("mnli", "squad_v1", "squad_v2", "hellaswag", "ccg")


def some(task: str, code: str) -> list:
    return Embedded().load(task, "train", code)[:150]


@pytest.mark.parametrize("code", ("en", "hi", "zh"))
@pytest.mark.parametrize("task", TASKS)
def test_labels_and_answers_stay_true(task, code):
    clean = some(task, code)
    noisy = noise.add_noise(clean, code, 0.4, 1)
    assert noisy != clean and [example.id for example in noisy] == [example.id for example in clean]
    for before, after in zip(clean, noisy, strict=True):
        if task in ("mnli", "hellaswag"):
            assert after.label == before.label
        elif task == "ccg":
            assert len(after.words) == len(after.tags) > 0
        else:
            assert len(after.answers) == len(before.answers)
            for answer in after.answers:
                assert (
                    answer.text
                    and after.context[answer.start : answer.start + len(answer.text)] == answer.text
                )


@pytest.mark.parametrize("code", ("en", "zh"))
def test_the_share_of_disturbed_words_is_the_one_asked_for(code):
    clean = some("ccg", code)
    known = noise.vocabulary(word for example in clean for word in example.words)
    total = dropped = moved = replaced = 0
    for number, example in enumerate(clean):
        kept = noise.noisy_order(example.words, 0.3, known, Random(number))
        places = [place for _, place in kept]
        total += len(example.words)
        dropped += len(example.words) - len(kept)
        moved += sum(first > second for first, second in pairwise(places))
        replaced += sum(word != example.words[place] for word, place in kept)
    # A tenth each, less a displaced last word and what else happened to a displaced neighbour.
    assert dropped / total == pytest.approx(0.1, abs=0.03)
    assert replaced / total == pytest.approx(0.1, abs=0.03)
    assert 0.04 < moved / total < 0.12


def test_none_is_none_and_the_seed_decides():
    clean = some("mnli", "en")
    assert noise.add_noise(clean, "en", 0.0, 1) == clean
    assert noise.add_noise(clean, "en", 0.3, 1) == noise.add_noise(clean, "en", 0.3, 1)
    assert noise.add_noise(clean, "en", 0.3, 1) != noise.add_noise(clean, "en", 0.3, 2)


def test_more_noise_disturbs_the_same_words_and_others():
    clean = some("mnli", "en")
    weak, strong = noise.add_noise(clean, "en", 0.05, 1), noise.add_noise(clean, "en", 0.5, 1)
    touched = [number for number, example in enumerate(weak) if example != clean[number]]
    assert 0 < len(touched) < len(clean)
    assert all(strong[number] != clean[number] for number in touched)


def test_a_wrong_sense_is_a_word_of_the_set_that_is_about_as_frequent():
    known = noise.vocabulary([*"aaabbc", "d"])
    assert known.words == ("a", "b", "c", "d")
    assert {known.near("a", Random(seed)) for seed in range(50)} == {"b", "c", "d"}
    assert noise.vocabulary(["only"]).near("only", Random(1)) == "only"


def test_punctuation_stays_and_a_dropped_word_leaves_no_hole():
    text = "Anna sees a dog. In the park, she runs."
    known = noise.vocabulary(words.words(text, "en"))
    seen = Counter()
    for seed in range(60):
        told = noise.noisy_text(text, "en", 0.5, known, Random(seed))
        assert "  " not in told and not told.startswith(" ") and told.endswith("."), told
        assert words.words(told, "en")
        seen[told] += 1
    assert len(seen) > 50


def test_no_text_loses_its_last_word():
    example = PairExample("1", "Yes.", "", "neutral")
    for seed in range(20):
        noisy = noise.add_noise([example], "en", 0.99, seed)[0]
        assert noisy.text_a == "Yes." and noisy.text_b == ""


def test_tags_go_with_their_words():
    example = TagsExample("1", ("a", "b", "c", "d"), ("A", "B", "C", "D"))
    for seed in range(30):
        noisy = noise.add_noise([replace(example, id=str(seed))], "en", 0.9, seed)[0]
        assert set(noisy.tags) <= {"A", "B", "C", "D"} and len(noisy.words) == len(noisy.tags)


def test_what_has_no_labels_is_refused():
    with pytest.raises(TypeError, match="SentenceExample has no labels"):
        noise.add_noise([SentenceExample("1", "en", "Anna sees.", None)], "en", 0.2, 1)


def test_choices_are_disturbed_one_by_one():
    example = ChoiceExample(
        "1", "Anna sees a big dog.", "", ("It runs in the park.", "It eats a red apple."), 1
    )
    noisy = noise.add_noise([example], "en", 0.6, 3)[0]
    assert noisy.question == "" and len(noisy.choices) == 2 and noisy.choices != example.choices
