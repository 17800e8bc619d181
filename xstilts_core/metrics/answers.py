"""Answer texts: exact match and F1 by the rules of SQuAD 1.1, SQuAD 2.0 and MLQA."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from xstilts_core.errors import unknown
from xstilts_core.metrics.scores import check_lengths

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


def normalized(
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
    """Return [questions, 2], columns SPAN, values 0 to 1; `plain` as in `normalized`. Raise
    ValueError if a question has no answer text."""
    check_lengths(answers, predictions, "answers")
    for position, texts in enumerate(answers):
        if not any(texts):
            raise ValueError(
                f"question {position} (counted from 0) has no gold answer: score unanswerable "
                "questions by squad_v2; XTREME removed the answers from its files of MLQA and "
                "TyDiQA test questions"
            )
    normal = normalized(answers, predictions, plain)
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
    check_lengths(answers, predictions, "answers")
    normal = normalized(answers, predictions, squad_plain)
    rows = []
    for texts, guess in zip(answers, predictions, strict=True):
        golds = [normal[text] for text in texts if normal[text]]
        if golds:
            rows.append(_best_match(golds, normal[guess]))
        else:
            right = float(not normal[guess])
            rows.append((right, right))
    return np.array(rows)
