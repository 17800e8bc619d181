"""Examples rebuilt from translated sentences: labels stay, an answer is found again by its marks or
its example is dropped."""

import pytest

from xstilts_core.examples import Answer, ChoiceExample, PairExample, SpanExample
from xstilts_core.translation import translated

SPANS = SpanExample(
    "q1",
    "Where did Mr. Adams win?",
    "Mr. Adams was born in 1735. He won in New York City in May! Nobody knew why.",
    (Answer("New York City", 38),),
)


def german(sentence: str) -> str:
    """A stand-in for a model: every letter a capital, marks where they were."""
    return sentence.upper()


class TestRebuilding:
    def test_sentences(self):
        text = 'Mr. Adams met J. Smith of the U.S. Army. "Why?" he said. It cost 3.5 dollars.\nThen no more'
        assert translated.sentences(text) == [
            "Mr. Adams met J. Smith of the U.S. Army.",
            '"Why?" he said.',
            "It cost 3.5 dollars.",
            "Then no more",
        ]
        assert translated.sentences(" \n ") == []

    def test_the_answer_is_marked_in_its_sentence(self):
        assert translated.sources_of(SPANS) == [
            "Where did Mr. Adams win?",
            "Mr. Adams was born in 1735.",
            "He won in [New York City] in May!",
            "Nobody knew why.",
        ]

    def test_an_answer_over_a_sentence_break_stays_whole(self):
        start = SPANS.context.index("1735")
        wide = SpanExample(
            "q2", "When?", SPANS.context, (Answer(SPANS.context[start : start + 9], start),)
        )
        assert (
            translated.mark_answer(wide)[0][0]
            == "Mr. Adams was born in [1735. He ]won in New York City in May!"
        )

    @pytest.mark.parametrize("code", ("de", "zh"))
    def test_it_is_found_again(self, code):
        told = {source: german(source) for source in translated.sources_of(SPANS)}
        found = translated.rebuild(SPANS, code, told)
        assert found.answers[0].text == "NEW YORK CITY"
        assert found.context[found.answers[0].start :].startswith("NEW YORK CITY IN MAY!")
        assert not set("[]") & set(found.context) and found.question == "WHERE DID MR. ADAMS WIN?"
        assert found.context == (
            SPANS.context.upper()
            if code == "de"
            else "MR. ADAMS WAS BORN IN 1735.HE WON IN NEW YORK CITY IN MAY!NOBODY KNEW WHY."
        )

    @pytest.mark.parametrize(
        "translation",
        [
            "Er gewann in New York im Mai!",
            "Er [gewann] in [New York] im Mai!",
            "Er ]gewann[ im Mai!",
            "Er gewann [ ] im Mai!",
            "Er [gewann im Mai!",
            "",
        ],
    )
    def test_a_lost_answer_drops_the_example(self, translation):
        told = {source: german(source) for source in translated.sources_of(SPANS)} | {
            "He won in [New York City] in May!": translation
        }
        assert translated.rebuild(SPANS, "de", told) is None

    @pytest.mark.parametrize(
        ("translation", "context"),
        [
            ("[ New York ] sah ihn.", "New York sah ihn."),
            ("Er sah [ New York ] .", "Er sah New York ."),
            ("Er sah[New York].", "Er sahNew York."),
        ],
    )
    def test_blanks_inside_the_marks_belong_outside(self, translation, context):
        before, answer, after = translated.project_answer(
            (["s"], 0, ("[", "]")), "de", {"s": translation}
        )
        assert (
            before + answer + after == context
            and context[len(before) :].startswith("New York")
            and answer == "New York"
        )

    def test_other_marks_where_the_context_has_brackets(self):
        example = SpanExample("q", "Who?", "Anna [1] saw Bo.", (Answer("Bo", 13),))
        assert translated.sources_of(example) == ["Who?", "Anna [1] saw {Bo}."]
        full = SpanExample("q", "Who?", "Anna [1] {2} <3> saw Bo.", (Answer("Bo", 21),))
        assert (
            translated.sources_of(full) == []
            and translated.rebuild(full, "de", {"Who?": "Wer?"}) is None
        )

    def test_pairs_choices_and_questions_without_an_answer(self):
        pair = PairExample("1", "One. Two.", "Three.", "neutral")
        choice = ChoiceExample("2", "He runs", "", ("fast.", "slowly."), 1)
        open_ = SpanExample("3", "Why?", "Nobody knew. Nobody asked.", ())
        told = {
            source: german(source)
            for example in (pair, choice, open_)
            for source in translated.sources_of(example)
        }
        assert translated.rebuild(pair, "de", told) == PairExample(
            "1", "ONE. TWO.", "THREE.", "neutral"
        )
        assert translated.rebuild(choice, "de", told) == ChoiceExample(
            "2", "HE RUNS", "", ("FAST.", "SLOWLY."), 1
        )
        assert translated.rebuild(open_, "de", told) == SpanExample(
            "3", "WHY?", "NOBODY KNEW. NOBODY ASKED.", ()
        )
        told["Two."] = told["fast."] = told["Why?"] = ""
        assert [translated.rebuild(example, "de", told) for example in (pair, choice, open_)] == [
            None,
            None,
            None,
        ]
