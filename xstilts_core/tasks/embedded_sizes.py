"""How much there is of the embedded suite: examples of each task, and the shares of languages and
domains in the corpus of its encoder."""

from xstilts_core.tasks.registry import PROBING, VERSIONS

_TRAIN, DEV, _TEST = 8_000, 400, 300
RETRIEVAL = {"bucc2018": 500, "tatoeba": 0}
"""Retrieval task -> distractors per side."""
_EVALUATION = {"dev": DEV, "test": _TEST}
_TRAIN_SIZES = {
    **dict.fromkeys(("mnli", "snli", "anli", "qqp", "squad_v2", "squad_v1", "hellaswag"), _TRAIN),
    **dict.fromkeys(("ccg", "cosmosqa", "commonsenseqa"), _TRAIN),
    **dict.fromkeys(("xnli", "xquad", "mlqa"), 0),
    "pawsx": 6_000,
    **dict.fromkeys(("udpos", "panx", "tydiqa"), 4_000),
}
_ORIGINAL_SIZES: dict[str, dict[str, int]] = {
    **{
        name: {"train": size, **_EVALUATION} if size else _EVALUATION
        for name, size in _TRAIN_SIZES.items()
    },
    "bucc2018": {"dev": 500, "test": 500},
    "tatoeba": {"dev": 200, "test": 1_000},
    **{name: entry.sizes for name, entry in PROBING.items()},
}
SIZES = _ORIGINAL_SIZES | {name: _ORIGINAL_SIZES[entry.task] for name, entry in VERSIONS.items()}
"""Task -> split -> examples per language. For retrieval: translation pairs; BUCC has as many
distractors again on each side."""
RESOURCE: dict[str, float] = {
    "en": 1.0,
    "de": 1.0,
    "es": 1.0,
    "zh": 1.0,
    "bg": 0.6,
    "tr": 0.6,
    "hi": 0.6,
    "id": 0.6,
    "sw": 0.25,
}
"""Documents of a language relative to a high-resource one, by design: high 1.0, middle 0.6, low
(Swahili) 0.25. The same weights determine a language's share of code-switched text and of
translation pairs."""
DOMAIN_SHARES = {"general": 0.86, "clinic": 0.07, "chat": 0.07}
"""Share of each domain among the documents of the corpus."""
