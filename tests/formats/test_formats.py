"""Encoding, decoding and scoring of each format on a tiny tokenizer, with answers known by hand."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from benchmarks import official
from xstilts_core import model
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer, ChoiceExample, PairExample, SpanExample, TagsExample
from xstilts_core.formats import FORMATS, HeadOptions, Limits, gather
from xstilts_core.formats.span import LONGEST_ANSWER, best_spans, highest_ahead, windows
from xstilts_core.formats.tagging import split
from xstilts_core.formats.tokens import IGNORED, Template, cut_pair, tokenise
from xstilts_core.tasks import TASKS


@pytest.fixture(scope="module")
def encoder(encoders):
    return model.load(str(encoders["xlmr"]), dropout=0.0, packed=True, device=torch.device("cpu"))


@pytest.mark.parametrize("family", ["xlmr", "bert", "modernbert"])
def test_template_puts_the_special_tokens_that_the_tokenizer_itself_puts(encoders, family):
    tokenizer = AutoTokenizer.from_pretrained(encoders[family])
    template, first, second = Template.of(tokenizer), "Anna reads.", "Who lives in Rome?"
    pieces = tokenise(tokenizer, [first, second])
    assert (
        template.pair(pieces[first].ids, pieces[second].ids)
        == tokenizer(first, second)["input_ids"]
    )
    assert template.single(pieces[first].ids) == tokenizer(first)["input_ids"]
    form, task = FORMATS["pair"], TASKS["mnli"]
    encoded = form.encode([PairExample("1", first, second, "neutral")], task, tokenizer, Limits(64))
    types = tokenizer(first, second).get("token_type_ids")
    assert (encoded.types is None) == (family != "bert")
    if family == "bert":
        assert encoded.types.tolist() == types


@pytest.mark.parametrize(
    ("first", "second", "room"), [(10, 3, 8), (3, 10, 8), (6, 6, 7), (1, 1, 4), (50, 50, 9)]
)
def test_cut_pair_shortens_the_longer_text(first, second, room):
    left, right = cut_pair(list(range(first)), list(range(second)), room)
    assert len(left) + len(right) == min(room, first + second)
    assert left == list(range(len(left))) and right == list(range(len(right)))
    assert min(len(left), len(right)) >= min(first, second, room // 2)


def test_cut_pair_refuses_less_room_than_none():
    assert cut_pair([1, 2], [3], 0) == ([], [])
    with pytest.raises(UsageError, match="max_length is too small by 4"):
        cut_pair([1], [], -4)


def test_pair_labels_are_mapped_by_name(encoder):
    examples = [
        PairExample(str(k), "a", "b", label)
        for k, label in enumerate(("contradiction", "entailment", None))
    ]
    encoded = FORMATS["pair"].encode(examples, TASKS["xnli"], encoder.tokenizer, Limits(64))
    assert encoded.columns["label"].tolist() == [2, 0, -1]
    with pytest.raises(UsageError, match="did you mean 'entailment'"):
        FORMATS["pair"].encode(
            [PairExample("1", "a", "b", "entailmnt")], TASKS["xnli"], encoder.tokenizer, Limits(64)
        )


def test_choice_rows_hold_all_their_choices_and_take_the_best(encoder):
    examples = [
        ChoiceExample("1", "Anna", "", ("reads.", "sleeps.", "lives."), 2),
        ChoiceExample("2", "Peter", "who?", ("a", "b"), 0),
    ]
    form, task = FORMATS["choice"], TASKS["hellaswag"]
    encoded = form.encode(examples, task, encoder.tokenizer, Limits(64))
    assert encoded.rows.tolist() == [0, 3, 5]
    batch = gather(encoded, np.array([1, 0]))
    assert batch.choices.tolist() == [2, 3]
    head = form.head(task, HeadOptions(32, 0.0, "first"))
    hidden = torch.randn(len(batch.sequences.ids), 32)
    scores = head(hidden, batch)[:, 0]
    expected = torch.stack([-scores[:2].log_softmax(0)[0], -scores[2:].log_softmax(0)[2]]).mean()
    assert torch.isclose(form.loss(head, hidden, batch), expected)
    assert form.outputs(head, hidden, batch)[:, 0].tolist() == [
        int(scores[:2].argmax()),
        int(scores[2:].argmax()),
    ]


def test_tags_stand_on_first_subtokens_and_long_sentences_are_split(encoder):
    words = ("Anna", "never", "eats", "an", "apple", "in", "the", "garden", ".") * 3
    example = TagsExample(
        "1", words, ("PROPN", "ADV", "VERB", "DET", "NOUN", "ADP", "DET", "NOUN", "PUNCT") * 3
    )
    form, task = FORMATS["tagging"], TASKS["udpos"]
    encoded = form.encode([example], task, encoder.tokenizer, Limits(12))
    assert len(encoded) > 1 and encoded.lengths.max() <= 12 and set(encoded.example) == {0}
    chosen = encoded.token_columns["word"] >= 0
    assert encoded.token_columns["word"][chosen].tolist() == list(range(27))
    assert [task.labels[k] for k in encoded.token_columns["label"][chosen]] == list(example.tags)
    assert (encoded.token_columns["label"][~chosen] == IGNORED).all()
    perfect = np.where(
        encoded.token_columns["label"] == IGNORED, 0, encoded.token_columns["label"]
    )[:, None]
    predictions = form.decode(perfect, encoded, [example], task)
    assert predictions == [list(example.tags)]
    columns, statistics = form.statistics([example], predictions, task, "en")
    assert statistics[0, columns.index("token_hit")] == 27


def test_words_without_pieces_are_unknown_and_keep_their_tag(encoder):
    example = TagsExample("1", ("Anna", "\u200c", "reads"), ("PROPN", "X", "VERB"))
    encoded = FORMATS["tagging"].encode([example], TASKS["udpos"], encoder.tokenizer, Limits(64))
    assert encoded.token_columns["word"][encoded.token_columns["word"] >= 0].tolist() == [0, 1, 2]


def test_supertags_come_from_the_training_data_and_unseen_ones_are_not_learnt(encoder):
    form = FORMATS["tagging"]
    task = form.complete(TASKS["ccg"], [TagsExample("1", ("a", "b"), ("NP/N", "N"))])
    assert task.labels == ("N", "NP/N")
    encoded = form.encode(
        [TagsExample("2", ("a", "b"), ("NP/N", "S"))], task, encoder.tokenizer, Limits(64)
    )
    chosen = encoded.token_columns["word"] >= 0
    assert encoded.token_columns["label"][chosen].tolist() == [1, IGNORED]


def test_split_never_exceeds_the_room_and_keeps_the_order():
    parts = split([3, 3, 3, 9, 1, 1], 7)
    assert parts == [(0, 2), (2, 3), (3, 4), (4, 6)]


def test_windows_step_by_the_stride_and_reach_the_end():
    assert windows(10, 20, 5) == [(0, 10)]
    assert windows(20, 8, 4) == [(0, 8), (4, 12), (8, 16), (12, 20)]
    assert windows(9, 4, 50) == [(0, 4), (4, 8), (8, 9)]


CONTEXT = "Anna lives in Rome. " * 6 + "Peter Weber eats an apple in New York today."


def question(answers: tuple[Answer, ...]) -> SpanExample:
    return SpanExample("1", "Who lives in Rome?", CONTEXT, answers)


def perfect_outputs(encoded) -> np.ndarray:
    outputs = np.full((len(encoded.ids), 2), -5.0)
    for window, start in enumerate(encoded.starts[:-1]):
        outputs[start + encoded.columns["start"][window], 0] = 5.0
        outputs[start + encoded.columns["end"][window], 1] = 5.0
    return outputs


def test_span_answers_are_found_again_in_sliding_windows(encoder):
    answer = Answer("Peter Weber", CONTEXT.index("Peter"))
    example = question((answer,))
    form, task = FORMATS["span"], TASKS["xquad"]
    encoded = form.encode([example], task, encoder.tokenizer, Limits(30, 8))
    assert len(encoded) > 2 and encoded.lengths.max() <= 30
    has = encoded.columns["end"] > 0
    assert has.any() and not has.all()
    assert form.decode(perfect_outputs(encoded), encoded, [example], task) == ["Peter Weber"]
    covered = np.zeros(len(CONTEXT), dtype=bool)
    for first, last in zip(
        encoded.token_columns["first"], encoded.token_columns["last"], strict=True
    ):
        covered[max(first, 0) : max(last, 0)] = True
    assert all(covered[k] or CONTEXT[k].isspace() for k in range(len(CONTEXT)))


def test_unanswerable_questions_may_stay_unanswered_in_squad_v2_only(encoder):
    example = question(())
    form = FORMATS["span"]
    encoded = form.encode([example], TASKS["squad_v2"], encoder.tokenizer, Limits(64, 20))
    assert set(encoded.columns["start"]) == {0}
    outputs = perfect_outputs(encoded)
    assert form.decode(outputs, encoded, [example], TASKS["squad_v2"]) == [""]
    assert form.decode(outputs, encoded, [example], TASKS["xquad"]) != [""]


def test_best_spans_equal_an_exhaustive_search(encoder):
    """Against the plain double loop over starts and ends, on random logits."""
    form, task = FORMATS["span"], TASKS["xquad"]
    examples = [SpanExample(str(k), "Who reads?", CONTEXT[k:], ()) for k in range(5)]
    encoded = form.encode(examples, task, encoder.tokenizer, Limits(64, 20))
    outputs = np.random.default_rng(0).normal(size=(len(encoded.ids), 2))
    expected = []
    for position, example in enumerate(examples):
        best = (-np.inf, "")
        for window in np.flatnonzero(encoded.example == position):
            low, high = encoded.starts[window], encoded.starts[window + 1]
            inside = [t for t in range(low, high) if encoded.token_columns["first"][t] >= 0]
            for start in inside:
                for end in [t for t in inside if start <= t < start + LONGEST_ANSWER]:
                    score = outputs[start, 0] + outputs[end, 1]
                    first, last = (
                        encoded.token_columns["first"][start],
                        encoded.token_columns["last"][end],
                    )
                    best = max(
                        best, (score, example.context[first:last].strip()), key=lambda pair: pair[0]
                    )
        expected.append(best[1])
    assert form.decode(outputs, encoded, examples, task) == expected


@pytest.mark.parametrize("reach", [1, 2, 7, 29, 30, 31])
@pytest.mark.parametrize("size", [1, 2, 30, 100])
def test_the_highest_ahead_is_that_of_a_plain_loop(size, reach):
    values = np.random.default_rng(size).integers(0, 50, size).astype(np.float32)
    assert highest_ahead(values, reach).tolist() == [
        values[k : k + reach].max() for k in range(size)
    ]


def long_questions(encoder, count: int = 12):
    """Questions of one to several windows, and the features that the Trainer's example would have
    of them."""
    examples = [
        SpanExample(str(k), "Who reads?", CONTEXT[k:] * (1 + k % 3), ()) for k in range(count)
    ]
    encoded = FORMATS["span"].encode(examples, TASKS["xquad"], encoder.tokenizer, Limits(64, 20))
    first, last = (
        np.split(encoded.token_columns[name], encoded.starts[1:-1]) for name in ("first", "last")
    )
    features = [
        {
            "example": int(example),
            "offsets": [
                (int(a), int(b)) if a >= 0 else None for a, b in zip(begin, end, strict=True)
            ],
        }
        for example, begin, end in zip(encoded.example, first, last, strict=True)
    ]
    return examples, encoded, features


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_of_the_n_best_loops_or_score_higher(encoder, seed):
    """The loops try the 20 best starts and ends of a window only: with clear logits the same, with
    noise never better than all spans."""
    examples, encoded, features = long_questions(encoder)
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(len(encoded.ids), 2)).astype(np.float32)
    outputs[encoded.token_columns["first"] < 0] = -1e4
    for clear in (False, True):
        if clear:
            for begin, end in zip(encoded.starts[:-1], encoded.starts[1:], strict=True):
                context = begin + np.flatnonzero(encoded.token_columns["first"][begin:end] >= 0)
                start = int(rng.integers(len(context)))
                outputs[context[start], 0] += rng.uniform(8, 12)
                outputs[context[min(start + 4, len(context) - 1)], 1] += rng.uniform(8, 12)
        parts = np.split(outputs, encoded.starts[1:-1])
        contexts = [example.context for example in examples]
        expected = official.best_answers(
            contexts, features, [part[:, 0] for part in parts], [part[:, 1] for part in parts]
        )
        texts = FORMATS["span"].decode(outputs, encoded, examples, TASKS["xquad"])
        scores = best_spans(outputs, encoded, len(examples)).scores
        for found, score, (text, best) in zip(texts, scores, expected, strict=True):
            assert found == text.strip() or (score > best and not clear)
        assert (scores >= [best for _, best in expected]).all()


def test_of_equal_spans_the_first_and_shortest_is_taken_and_no_span_crosses_windows(encoder):
    examples, encoded, _ = long_questions(encoder, 3)
    form, task = FORMATS["span"], TASKS["xquad"]
    # The first token of each context, and no more of it.
    assert form.decode(np.zeros((len(encoded.ids), 2)), encoded, examples, task) == [
        "Anna",
        "n",
        "n",
    ]
    # A start at the end of the first window and an end at the beginning of the second do not make
    # an answer.
    outputs = np.zeros((len(encoded.ids), 2))
    second = np.flatnonzero(encoded.example == 1)[1]
    context = np.flatnonzero(encoded.token_columns["first"] >= 0)
    outputs[context[context < encoded.starts[second]][-1], 0] = 5
    outputs[context[context >= encoded.starts[second]][0], 1] = 5
    assert best_spans(outputs, encoded, 3).scores.tolist() == [0, 5, 0]


def test_logits_that_are_not_a_number_answer_nothing_instead_of_failing(encoder):
    examples, encoded, _ = long_questions(encoder, 3)
    outputs = np.zeros((len(encoded.ids), 2))
    outputs[np.repeat(encoded.example, encoded.lengths) == 1] = np.nan
    assert FORMATS["span"].decode(outputs, encoded, examples, TASKS["xquad"]) == ["Anna", "", "n"]


def test_span_loss_is_the_mean_of_start_and_end_over_the_context_and_no_answer(encoder):
    form, task = FORMATS["span"], TASKS["squad_v1"]
    example = SpanExample("1", "Who reads?", "Anna reads.", (Answer("Anna", 0),))
    encoded = form.encode([example], task, encoder.tokenizer, Limits(64))
    batch = gather(encoded, np.array([0]))
    head = form.head(task, HeadOptions(32, 0.0, "first"))
    hidden = torch.randn(len(encoded.ids), 32)
    logits = head(hidden, batch)
    legal = torch.from_numpy(
        np.flatnonzero((encoded.token_columns["first"] >= 0) | (np.arange(len(encoded.ids)) == 0))
    )
    expected = 0.0
    for column, name in enumerate(("start", "end")):
        target = int(torch.nonzero(legal == int(encoded.columns[name][0]))[0, 0])
        expected += -logits[legal, column].log_softmax(0)[target] / 2
    assert torch.isclose(form.loss(head, hidden, batch), expected, atol=1e-5)
