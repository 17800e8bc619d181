"""How much there is of the embedded suite: examples of each task, and the shares of languages and
domains in the corpus of its encoder, as in embedded_sizes.yaml."""

from xstilts_core.tasks import PROBING, VERSIONS, content

_SIZES = content("embedded_sizes.yaml")
DEV: int = _SIZES["evaluation"]["dev"]
RETRIEVAL: dict[str, int] = _SIZES["distractors"]
"""Retrieval task -> distractors per side."""
RESOURCE: dict[str, float] = _SIZES["resource"]
DOMAIN_SHARES: dict[str, float] = _SIZES["domain_shares"]
_TASKS: dict[str, dict[str, int]] = {
    **{name: {"train": count, **_SIZES["evaluation"]} for name, count in _SIZES["train"].items()},
    **_SIZES["others"],
    **{name: entry.sizes for name, entry in PROBING.items()},
}
SIZES = _TASKS | {name: _TASKS[entry.task] for name, entry in VERSIONS.items()}
"""Task -> split -> examples per language. For retrieval: translation pairs; BUCC has as many
distractors again on each side."""
