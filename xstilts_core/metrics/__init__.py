"""Scores by the benchmarks' own rules, in percent.

Every metric is computed in two steps, so that a bootstrap never has to score text again: a
`..._statistics` function reduces each example to one row of numbers (its sufficient statistics),
and `score` turns the column sums into the metric. Constants such as ACCURACY name the columns of a
row.
"""

import re
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence, Sized
from itertools import chain, count
from operator import eq

import numpy as np

from xstilts_core.errors import unknown

ACCURACY = ("hit",)
SPAN = ("exact_match", "f1")
TAGGING = ("true_positive", "predicted", "gold", "token_hit", "token")
BITEXT = ("true_positive", "predicted", "gold")
RANKING = ("average_precision",)
TOP = 20
RAW = "_raw"
"""Ending of the name of a retrieval task's metric under the paper's measure (`retrieve.py`)."""
# Columns whose mean is a metric -> its name.
_MEANS = {
    "hit": "accuracy",
    "f1": "f1",
    "exact_match": "exact_match",
    "average_precision": "map@20",
}


def _check_lengths(gold: Sized, predicted: Sized, what: str) -> None:
    """Raise ValueError unless there is something to score and one prediction per gold value."""
    if len(gold) == 0:
        raise ValueError(f"nothing to score: no {what} given")
    if len(gold) != len(predicted):
        raise ValueError(
            f"{len(gold)} gold {what} but {len(predicted)} predicted {what}: the numbers must be "
            "equal"
        )


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, or 0 if the denominator is 0 (the convention of seqeval and
    of XTREME's evaluate.py)."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    return np.divide(
        numerator,
        denominator,
        out=np.zeros(np.broadcast(numerator, denominator).shape),
        where=denominator > 0,
    )


def score_sums(sums: np.ndarray, count: int, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Compute metrics in percent from column sums over `count` examples, for one sample or for many
    at once (bootstrap replicates).

    sums: [..., columns]; every returned value has the shape [...]. precision = TP / predicted,
    recall = TP / gold, f1 = 2PR / (P + R); accuracy, exact_match, span f1 and map@20 are means.
    """
    column = {name: np.asarray(sums, float)[..., position] for position, name in enumerate(columns)}
    scores: dict[str, np.ndarray] = {}
    if "true_positive" in column:
        precision = _ratio(column["true_positive"], column["predicted"])
        recall = _ratio(column["true_positive"], column["gold"])
        scores = {
            "f1": 100 * _ratio(2 * precision * recall, precision + recall),
            "precision": 100 * precision,
            "recall": 100 * recall,
        }
    if "token" in column:
        scores["accuracy"] = 100 * _ratio(column["token_hit"], column["token"])
    scores |= {name: 100 * column[key] / count for key, name in _MEANS.items() if key in column}
    if not scores:
        legal = (ACCURACY, SPAN, TAGGING, BITEXT, RANKING)
        raise ValueError(
            f"columns {', '.join(columns)} belong to no metric: legal are "
            f"{', '.join(map(str, legal))}"
        )
    return scores


def score(statistics: np.ndarray, columns: Sequence[str]) -> dict[str, float]:
    """Compute the metrics of all examples from statistics [examples, columns]. Raise ValueError if
    there are no examples or the columns do not fit."""
    statistics = np.asarray(statistics)
    if statistics.ndim != 2 or statistics.shape[1] != len(columns):
        raise ValueError(
            f"statistics of shape {statistics.shape} do not fit the columns {', '.join(columns)}"
        )
    if len(statistics) == 0:
        raise ValueError("nothing to score: no example given")
    return {
        name: float(value)
        for name, value in score_sums(statistics.sum(axis=0), len(statistics), columns).items()
    }


def accuracy_statistics(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> np.ndarray:
    """Return [examples, 1], columns ACCURACY: 1 if the prediction equals the gold label (for
    retrieval, the id of the right sentence). Raise ValueError on an unlabelled example (None)."""
    _check_lengths(gold, predicted, "labels")
    if None in gold:
        raise ValueError(
            f"example {list(gold).index(None)} (counted from 0) has no gold label: an unlabelled "
            "split cannot be scored"
        )
    return np.fromiter(map(eq, gold, predicted), dtype=np.int64, count=len(gold))[:, None]


def average_precision(right: Collection[str], ranked: Sequence[str], cutoff: int = TOP) -> float:
    """Average the precision at each right id among the first `cutoff`, over min(right, cutoff),
    0 to 1. A repeated id counts once.

    With one right id this is its reciprocal rank, 0 beyond `cutoff`, which XTREME-R calls map@20
    for Mewsli-X.
    """
    hits, total = set(), 0.0
    for rank, name in enumerate(ranked[:cutoff], start=1):
        if name in right and name not in hits:
            hits.add(name)
            total += len(hits) / rank
    return total / min(len(right), cutoff)


def ranking_statistics(
    right: Sequence[Collection[str]], ranked: Sequence[Sequence[str]]
) -> np.ndarray:
    """Return [queries, 1], columns RANKING: the average precision of the first 20, 0 to 1. Raise
    ValueError if a query has no right answer.

    XTREME-R's rule (third_party/utils_lareqa.py, average_precision_at_k with k = 20;
    utils_mewslix.py, mean_reciprocal_rank).
    """
    _check_lengths(right, ranked, "rankings")
    right = [frozenset(names) for names in right]
    if frozenset() in right:
        raise ValueError(
            f"query {right.index(frozenset())} (counted from 0) has no right answer: it cannot be "
            "scored"
        )
    return np.array(
        [[average_precision(names, guess)] for names, guess in zip(right, ranked, strict=True)]
    )


# ---- answer texts: exact match and F1 by the rules of SQuAD 1.1, SQuAD 2.0 and MLQA

_ASCII_PUNCTUATION = string.punctuation.encode()
_CHINESE = re.compile("([\u4e00-\u9fa5])")

# MLQA's articles (mlqa_evaluation_v1.py). The Arabic pattern is copied unchanged: because of the
# misplaced "^" it removes every "al", also inside words, and the published scores depend on that.
_MLQA_ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
    "hi": None,
    "zh": None,
}


def _without_ascii_punctuation(text: str) -> str:
    """Remove ASCII punctuation. The bytes can be deleted from UTF-8, where no longer character
    contains an ASCII byte; this is far faster than str.translate."""
    return (
        text.encode("utf-8", "surrogatepass")
        .translate(None, _ASCII_PUNCTUATION)
        .decode("utf-8", "surrogatepass")
    )


def _without_punctuation(text: str) -> str:
    """Remove Unicode's category P, and ASCII symbols such as "$"."""
    text = _without_ascii_punctuation(text)
    for character in set(text):
        if unicodedata.category(character)[0] == "P":
            text = text.replace(character, "")
    return text


def squad_plain(text: str) -> str:
    """Apply SQuAD's normalization except for white space, the same in every language: lower case,
    no ASCII punctuation, no English article."""
    return re.sub(_MLQA_ARTICLES["en"], " ", _without_ascii_punctuation(text.lower()))


def mlqa_plain(text: str, language: str) -> str:
    """Apply MLQA's normalization except for white space: lower case, no Unicode punctuation, no
    article of that language.

    Chinese is split into single characters from U+4E00 to U+9FA5, other text at white space. Raise
    UsageError for a language outside MLQA.
    """
    if language not in _MLQA_ARTICLES:
        raise unknown("MLQA language", language, _MLQA_ARTICLES)
    text = _without_punctuation(text.lower())
    articles = _MLQA_ARTICLES[language]
    text = re.sub(articles, " ", text) if articles else text
    return _CHINESE.sub(r" \1 ", text) if language == "zh" else text


def _normalized(
    answers: Sequence[Sequence[str]], predictions: Sequence[str], plain: Callable[[str], str]
) -> dict[str, str]:
    """Map each distinct text to its normal form. `plain`: the normalization without white space.

    All texts are normalized at once, as the lines of one text. This is safe because every rule
    treats a line end as white space, like the space that replaces a line end inside a text.
    """
    texts = dict.fromkeys(chain(chain.from_iterable(answers), predictions))
    lines = plain("\n".join([text.replace("\n", " ") for text in texts])).split("\n")
    return {text: " ".join(line.split()) for text, line in zip(texts, lines, strict=True)}


def _token_f1(gold: str, predicted: str) -> float:
    """Return the F1 of two bags of tokens, 0 to 1 (Rajpurkar et al. 2016), for normalized texts."""
    gold_tokens, predicted_tokens = gold.split(), predicted.split()
    gold_set, predicted_set = set(gold_tokens), set(predicted_tokens)
    if len(gold_set) == len(gold_tokens) or len(predicted_set) == len(predicted_tokens):
        # If one side has no repeated token, the bags share as many tokens as the sets.
        same = len(gold_set & predicted_set)
    else:
        same = sum((Counter(gold_tokens) & Counter(predicted_tokens)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted_tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


def _best_match(golds: Sequence[str], predicted: str) -> tuple[float, float]:
    """Return the highest exact match and the highest F1 over all answers, each maximum on its own,
    for normalized texts."""
    if predicted in golds:
        # F1 is 0 if both texts are empty: it has no token to count.
        return 1.0, 1.0 if predicted else 0.0
    return 0.0, max([_token_f1(gold, predicted) for gold in golds])


def _span_statistics(
    answers: Sequence[Sequence[str]], predictions: Sequence[str], plain: Callable[[str], str]
) -> np.ndarray:
    """Return [questions, 2], columns SPAN, values 0 to 1; `plain` as in `_normalized`. Raise
    ValueError if a question has no answer text."""
    _check_lengths(answers, predictions, "answers")
    for position, texts in enumerate(answers):
        if not any(texts):
            raise ValueError(
                f"question {position} (counted from 0) has no gold answer: score unanswerable "
                "questions by squad_v2; XTREME removed the answers from its files of MLQA and "
                "TyDiQA test questions"
            )
    normal = _normalized(answers, predictions, plain)
    return np.array(
        [
            _best_match([normal[text] for text in texts], normal[guess])
            for texts, guess in zip(answers, predictions, strict=True)
        ]
    )


def squad_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
    """Return [questions, 2], columns SPAN, by SQuAD v1.1's evaluation (XTREME
    third_party/evaluate_squad.py), which serves XQuAD and TyDiQA-GoldP too: with English
    normalization in every language."""
    return _span_statistics(answers, predictions, squad_plain)


def mlqa_statistics(
    answers: Sequence[Sequence[str]], predictions: Sequence[str], language: str
) -> np.ndarray:
    """Return [questions, 2], columns SPAN, by MLQA's evaluation (Lewis et al. 2020,
    mlqa_evaluation_v1.py); `language` is the context's."""
    return _span_statistics(answers, predictions, lambda text: mlqa_plain(text, language))


def squad_v2_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
    """Return [questions, 2], columns SPAN, by SQuAD v2.0's evaluation.

    Answers that normalize to nothing are ignored; a question without any other answer is
    unanswerable. Only the empty prediction is right for it, and an empty prediction is wrong for
    every other question.
    """
    _check_lengths(answers, predictions, "answers")
    normal = _normalized(answers, predictions, squad_plain)
    rows = []
    for texts, guess in zip(answers, predictions, strict=True):
        golds = [normal[text] for text in texts if normal[text]]
        if golds:
            rows.append(_best_match(golds, normal[guess]))
        else:
            right = float(not normal[guess])
            rows.append((right, right))
    return np.array(rows)


# ---- chunks of tags by the rule of seqeval 0.0.x, for all sentences at once

# A tag's first letter as a bit, so that testing for one of several letters is a single operation on
# a whole corpus.
_B, _I, _E, _S, _OUTSIDE, _DOT, _OTHER = (1 << position for position in range(7))
_LETTERS = {"B": _B, "I": _I, "E": _E, "S": _S, "O": _OUTSIDE, ".": _DOT}


def _find_chunks(letters: np.ndarray, types: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return type, first and last token of every chunk, by the start and end rules of seqeval
    0.0.x, which are conlleval's. Last tokens are unique and ascending.

    letters [tokens]: bits of the tags' first letters; types [tokens]: numbers of the tags' types. A
    type is all that follows the last "-", or the whole tag if it has no "-". An "O" follows each
    sentence.
    """
    before = np.concatenate([[_OUTSIDE], letters[:-1]]).astype(letters.dtype)
    changed = np.empty(len(types), dtype=bool)
    changed[0] = True
    np.not_equal(types[1:], types[:-1], out=changed[1:])
    ends = (before & (_E | _S)) != 0
    ends |= ((before & (_B | _I)) != 0) & ((letters & (_B | _S | _OUTSIDE)) != 0)
    ends |= ((before & (_OUTSIDE | _DOT)) == 0) & changed
    starts = (letters & (_B | _S)) != 0
    starts |= ((before & (_E | _S | _OUTSIDE)) != 0) & ((letters & (_E | _I)) != 0)
    starts |= ((letters & (_OUTSIDE | _DOT)) == 0) & changed
    # A chunk that ends before token i began at the last start before i.
    last_start = np.maximum.accumulate(np.where(starts, np.arange(len(letters)), 0))
    last = np.flatnonzero(ends) - 1
    return types[last], last_start[last], last


def tagging_statistics(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> np.ndarray:
    """Return [sentences, 5], columns TAGGING: chunks that are right, predicted and gold; tokens
    that are right, and all tokens.

    XTREME's numbers for PAN-X and UD POS were computed with the rule of seqeval 0.0.x. For
    part-of-speech tags F1 is therefore not token accuracy: runs of equal tags merge into one chunk,
    except SCONJ and SYM, which count as single-token chunks because of their first letter.

    Raise ValueError if a sentence has another number of tags than its gold, or a tag is empty.
    """
    _check_lengths(gold, predicted, "tag sequences")
    lengths, predicted_lengths = (
        np.fromiter(map(len, side), dtype=np.int64, count=len(side)) for side in (gold, predicted)
    )
    if not lengths.any():
        raise ValueError(f"nothing to score: all {len(gold)} tag sequences are empty")
    if (wrong := np.flatnonzero(lengths != predicted_lengths)).size:
        position = wrong[0]
        raise ValueError(
            f"sentence {position} (counted from 0) has {lengths[position]} gold tags but "
            f"{predicted_lengths[position]} predicted ones"
        )
    codes: defaultdict[str, int] = defaultdict(count().__next__)
    outside = codes["O"]
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(sentence)) + sentence  # each earlier sentence has an "O" after it
    size = len(sentence) + len(lengths)
    flat = []
    for side in (gold, predicted):
        tags = np.full(size, outside, dtype=np.int32)
        tags[position] = np.fromiter(
            map(codes.__getitem__, chain.from_iterable(side)), dtype=np.int32, count=len(sentence)
        )
        flat.append(tags)
    if "" in codes:
        raise ValueError(
            "a tag is the empty text: every token needs a tag such as O, B-PER or NOUN"
        )
    kinds: defaultdict[str, int] = defaultdict(count().__next__)
    letter_of = np.array([_LETTERS.get(tag[0], _OTHER) for tag in codes], dtype=np.uint8)
    type_of = np.array([kinds[tag.rsplit("-", 1)[-1]] for tag in codes], dtype=np.int32)
    (types, first, last), (guess_types, guess_first, guess_last) = (
        _find_chunks(letter_of[tags], type_of[tags]) for tags in flat
    )
    # A predicted chunk is right if a gold chunk of the same type has the same start and end.
    ends_at = np.full(size, -1)
    ends_at[last] = np.arange(len(last))
    match = ends_at[guess_last]
    correct = (match >= 0) & (first[match] == guess_first) & (types[match] == guess_types)
    hit = sentence[flat[0][position] == flat[1][position]]
    owner = np.repeat(np.arange(len(lengths)), lengths + 1)
    owners = (owner[guess_last[correct]], owner[guess_last], owner[last], hit)
    return np.stack(
        [*(np.bincount(sentences, minlength=len(lengths)) for sentences in owners), lengths], axis=1
    )
