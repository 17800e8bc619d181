"""Scores by the benchmarks' own rules, in percent.

Every metric is computed in two steps, so that a bootstrap never has to score text again: a `..._statistics` function reduces
each example to one row of numbers (its sufficient statistics), and `score` turns the column sums into the metric. The names of
a row's columns stand beside each function as a constant.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

import numpy as np

from xstilts_core.names import unknown

ACCURACY = ("hit",)
BINARY = ("true_positive", "predicted", "gold", "hit")
SPAN = ("exact_match", "f1")
TAGGING = ("true_positive", "predicted", "gold", "token_hit", "token")
BITEXT = ("true_positive", "predicted", "gold")

# MLQA's articles (mlqa_evaluation_v1.py). The Arabic pattern is quoted as it stands there: because of the misplaced "^" it
# removes every "al", also inside words, and the published scores were made so.
MLQA_ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
    "hi": None,
    "zh": None,
}
ASCII_PUNCTUATION = frozenset(string.punctuation)


def check_lengths(gold: Sequence, predicted: Sequence, what: str) -> None:
    """ValueError unless there is something to score and one prediction per gold value."""
    if len(gold) == 0:
        raise ValueError(f"nothing to score: no {what} given")
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold {what} but {len(predicted)} predicted {what}: they must be equally many")


# ---- from statistics to scores


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, 0 where the denominator is 0 (the convention of seqeval and of XTREME's evaluate.py)."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    return np.divide(numerator, denominator, out=np.zeros(np.broadcast(numerator, denominator).shape), where=denominator > 0)


def score_sums(sums: np.ndarray, count: int, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Metrics in percent from column sums over `count` examples, for one sample or for many at once (bootstrap replicates).

    sums: [..., columns]; every value of the answer has the shape [...]. precision = TP / predicted, recall = TP / gold,
    f1 = 2PR / (P + R); accuracy, exact_match and span f1 are means.
    """
    column = {name: np.asarray(sums, float)[..., position] for position, name in enumerate(columns)}
    scores: dict[str, np.ndarray] = {}
    if "true_positive" in column:
        precision = ratio(column["true_positive"], column["predicted"])
        recall = ratio(column["true_positive"], column["gold"])
        scores = {"f1": 100 * ratio(2 * precision * recall, precision + recall), "precision": 100 * precision, "recall": 100 * recall}
    if "token" in column:
        scores["accuracy"] = 100 * ratio(column["token_hit"], column["token"])
    if "hit" in column:
        scores["accuracy"] = 100 * column["hit"] / count
    if "exact_match" in column:
        scores = {"f1": 100 * column["f1"] / count, "exact_match": 100 * column["exact_match"] / count}
    if not scores:
        raise ValueError(f"columns {', '.join(columns)} belong to no metric: legal are {ACCURACY}, {BINARY}, {SPAN}, {TAGGING}, {BITEXT}")
    return scores


def score(statistics: np.ndarray, columns: Sequence[str]) -> dict[str, float]:
    """The metrics of all examples: statistics [examples, columns]. ValueError where it is empty or the columns do not fit."""
    statistics = np.asarray(statistics)
    if statistics.ndim != 2 or statistics.shape[1] != len(columns):
        raise ValueError(f"statistics of shape {statistics.shape} do not fit the columns {', '.join(columns)}")
    if len(statistics) == 0:
        raise ValueError("nothing to score: no example given")
    return {name: float(value) for name, value in score_sums(statistics.sum(axis=0), len(statistics), columns).items()}


# ---- labels


def accuracy_statistics(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> np.ndarray:
    """[examples, 1], columns ACCURACY: 1 where the prediction equals the gold label. ValueError on an unlabelled example (None)."""
    check_lengths(gold, predicted, "labels")
    if None in gold:
        raise ValueError(f"example {list(gold).index(None)} (counted from 0) has no gold label: an unlabelled split cannot be scored")
    return np.array([[right == guess] for right, guess in zip(gold, predicted, strict=True)], dtype=np.int64)


def accuracy(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> dict[str, float]:
    """Share of equal labels: XNLI, PAWS-X, multiple choice; and sentence retrieval, where the label is the id of the sentence found."""
    return score(accuracy_statistics(gold, predicted), ACCURACY)


def binary_f1_statistics(gold: Sequence[Hashable], predicted: Sequence[Hashable], positive: Hashable) -> np.ndarray:
    """[examples, 4], columns BINARY: the example counts as found, predicted and gold positive, and as a hit."""
    hit = accuracy_statistics(gold, predicted)[:, 0]
    is_gold = np.array([label == positive for label in gold])
    is_predicted = np.array([label == positive for label in predicted])
    return np.stack([is_gold & is_predicted, is_predicted, is_gold, hit], axis=1).astype(np.int64)


def binary_f1(gold: Sequence[Hashable], predicted: Sequence[Hashable], positive: Hashable = "1") -> dict[str, float]:
    """F1, precision and recall of the positive class, and accuracy (QQP, as GLUE scores it)."""
    return score(binary_f1_statistics(gold, predicted, positive), BINARY)


# ---- answers


def squad_normalize(text: str) -> str:
    """SQuAD's normalization, in every language: lower case, no ASCII punctuation, no English article, single spaces."""
    text = "".join(character for character in text.lower() if character not in ASCII_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def is_mlqa_punctuation(character: str) -> bool:
    """Unicode's category P, and ASCII symbols such as "$" too."""
    return character in ASCII_PUNCTUATION or unicodedata.category(character).startswith("P")


def mlqa_normalize(text: str, language: str) -> str:
    """MLQA's normalization: lower case, no Unicode punctuation, no article of that language, tokens joined by single spaces.

    Chinese is cut into single characters from U+4E00 to U+9FA5, other text at white space. UsageError for a language outside MLQA.
    """
    if language not in MLQA_ARTICLES:
        raise unknown("MLQA language", language, MLQA_ARTICLES)
    text = "".join(character for character in text.lower() if not is_mlqa_punctuation(character))
    articles = MLQA_ARTICLES[language]
    text = re.sub(articles, " ", text) if articles else text
    if language == "zh":
        text = re.sub("([\u4e00-\u9fa5])", r" \1 ", text)
    return " ".join(text.split())


def token_f1(gold: str, predicted: str) -> float:
    """F1 of the two bags of tokens, 0 to 1 (Rajpurkar et al. 2016); both texts are normalized already."""
    gold_tokens, predicted_tokens = gold.split(), predicted.split()
    same = sum((Counter(gold_tokens) & Counter(predicted_tokens)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted_tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


def best_match(answers: Iterable[str], predicted: str, normalize: Callable[[str], str]) -> tuple[float, float]:
    """(exact match, F1) against the answer that fits best, each maximum taken on its own."""
    prediction = normalize(predicted)
    golds = [normalize(answer) for answer in answers]
    return float(prediction in golds), max(token_f1(gold, prediction) for gold in golds)


def span_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str], normalize: Callable[[str], str]) -> np.ndarray:
    """[questions, 2], columns SPAN, values 0 to 1. ValueError where a question has no answer text."""
    check_lengths(answers, predictions, "answers")
    for position, texts in enumerate(answers):
        if not any(texts):
            raise ValueError(
                f"question {position} (counted from 0) has no gold answer: score unanswerable questions by squad_v2; XTREME's files of "
                "MLQA and TyDiQA test questions have their answers removed"
            )
    return np.array([best_match(texts, guess, normalize) for texts, guess in zip(answers, predictions, strict=True)])


def squad_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
    """[questions, 2], columns SPAN, by SQuAD v1.1's evaluation (XTREME third_party/evaluate_squad.py)."""
    return span_statistics(answers, predictions, squad_normalize)


def squad(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 of SQuAD v1.1, XQuAD and TyDiQA-GoldP: English normalization whatever the language."""
    return score(squad_statistics(answers, predictions), SPAN)


def mlqa_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> np.ndarray:
    """[questions, 2], columns SPAN, by MLQA's evaluation; `language` is the language of the context."""
    return span_statistics(answers, predictions, lambda text: mlqa_normalize(text, language))


def mlqa(answers: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> dict[str, float]:
    """Exact match and F1 of MLQA (Lewis et al. 2020, mlqa_evaluation_v1.py)."""
    return score(mlqa_statistics(answers, predictions, language), SPAN)


def squad_v2_statistics(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> np.ndarray:
    """[questions, 2], columns SPAN, by SQuAD v2.0's evaluation.

    Answers that normalize to nothing do not count; a question without any is unanswerable. There only the empty prediction is
    right, and an empty prediction is wrong everywhere else.
    """
    check_lengths(answers, predictions, "answers")
    rows = []
    for texts, guess in zip(answers, predictions, strict=True):
        texts = [text for text in texts if squad_normalize(text)]
        if texts:
            rows.append(best_match(texts, guess, squad_normalize))
        else:
            right = float(not squad_normalize(guess))
            rows.append((right, right))
    return np.array(rows)


def squad_v2(answers: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 of SQuAD v2.0 over all questions; an empty list of answers marks an unanswerable one."""
    return score(squad_v2_statistics(answers, predictions), SPAN)


# ---- tags


def chunk_spans(letters: np.ndarray, types: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(type, first, last) of every chunk by the start and end rules of seqeval 0.0.x, as three arrays.

    letters, types: [tokens] codes of a tag's first letter and of its type, with an "O" after each sentence. The rules are
    conlleval's; a type is all that follows the last "-", the whole tag where there is none.
    """
    letter_before = np.concatenate([[ord("O")], letters[:-1]])
    type_before = np.concatenate([[-1], types[:-1]])
    changed = types != type_before
    now_starts = np.isin(letters, [ord("B"), ord("S")])
    ends = np.isin(letter_before, [ord("E"), ord("S")])
    ends |= np.isin(letter_before, [ord("B"), ord("I")]) & (now_starts | (letters == ord("O")))
    ends |= ~np.isin(letter_before, [ord("O"), ord(".")]) & changed
    starts = now_starts | np.isin(letter_before, [ord("E"), ord("S"), ord("O")]) & np.isin(letters, [ord("E"), ord("I")])
    starts |= ~np.isin(letters, [ord("O"), ord(".")]) & changed
    # A chunk that ends before token i began at the last start before i.
    last_start = np.maximum.accumulate(np.where(starts, np.arange(len(letters)), 0))
    after = np.flatnonzero(ends)
    return types[after - 1], last_start[after - 1], after - 1


def tagging_statistics(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> np.ndarray:
    """[sentences, 5], columns TAGGING: chunks found, predicted and gold, tokens right and all.

    ValueError where a sentence has another number of tags than its gold, or a tag is empty.
    """
    check_lengths(gold, predicted, "tag sequences")
    lengths = np.array([len(tags) for tags in gold])
    if not lengths.any():
        raise ValueError(f"nothing to score: all {len(gold)} tag sequences are empty")
    for position, (right, guess) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(guess):
            raise ValueError(f"sentence {position} (counted from 0) has {len(right)} gold tags but {len(guess)} predicted ones")
    codes: dict[str, int] = {"O": 0}
    flat = [np.array([codes.setdefault(tag, len(codes)) for tags in side for tag in (*tags, "O")]) for side in (gold, predicted)]
    if "" in codes:
        raise ValueError("a tag is the empty text: every token needs a tag such as O, B-PER or NOUN")
    kinds: dict[str, int] = {}
    letter_of = np.array([ord(tag[0]) for tag in codes])
    type_of = np.array([kinds.setdefault(tag.rsplit("-", 1)[-1], len(kinds)) for tag in codes])
    gold_chunks, predicted_chunks = (chunk_spans(letter_of[tags], type_of[tags]) for tags in flat)
    size = len(flat[0])
    sentence = np.repeat(np.arange(len(gold)), lengths + 1)
    # Ends are unique within a side, so a chunk is found if the other side ends one there, of the same type and start.
    gold_at = np.full((2, size), -1)
    gold_at[:, gold_chunks[2]] = gold_chunks[:2]
    found = (gold_at[:, predicted_chunks[2]] == np.stack(predicted_chunks[:2])).all(axis=0)
    is_hit = flat[0] == flat[1]
    is_hit[np.cumsum(lengths + 1) - 1] = False  # the "O" after each sentence is no token
    places = (predicted_chunks[2][found], predicted_chunks[2], gold_chunks[2], np.flatnonzero(is_hit))
    counts = [np.bincount(sentence[place], minlength=len(gold)) for place in places]
    return np.stack([*counts, lengths], axis=1)


def tagging(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Chunk F1, precision and recall by the rule of seqeval 0.0.x, and token accuracy.

    XTREME's numbers for PAN-X and UD POS were made so. For part-of-speech tags F1 is therefore not token accuracy: runs of equal
    tags merge into one chunk (but SCONJ and SYM, read as single-token chunks because of their first letter, do not).
    """
    return score(tagging_statistics(gold, predicted), TAGGING)


# ---- sentence pairs


def bitext_statistics(gold: Collection[tuple[str, str]], predicted: Collection[tuple[str, str]]) -> np.ndarray:
    """[source sentences, 3], columns BITEXT: a row per source id that stands in a gold or predicted pair, ids sorted."""
    gold, predicted = set(gold), set(predicted)
    if not gold:
        raise ValueError("nothing to score: no gold pairs given")
    counts = [Counter(source for source, _ in pairs) for pairs in (gold & predicted, predicted, gold)]
    sources = sorted(counts[1].keys() | counts[2].keys())
    return np.array([[count[source] for count in counts] for source in sources])


def bitext(gold: Collection[tuple[str, str]], predicted: Collection[tuple[str, str]]) -> dict[str, float]:
    """F1, precision and recall of the set of (source id, target id) pairs (BUCC 2018, XTREME evaluate.py)."""
    return score(bitext_statistics(gold, predicted), BITEXT)
