"""Probing tasks: properties predicted from a frozen encoder's sentence vectors, after those of
Conneau et al. (2018) in SentEval.

They exist only in the embedded suite, where an item has the same meaning in every language: a probe
is trained on English sentences and tested in the other languages. The originals use collected
sentences, these generated ones; further differences:

probe_negation      replaces Tense, since the suite's verbs have one tense: whether something is
                    said never to happen. Both labels have the same sentences, with and without
                    the word.
probe_number        is ObjNum, number of the object. A numeral comes with every plural here, so
                    that number can be read in every language.
probe_word_order    is BShift, two adjacent words that are swapped. The first word and punctuation
                    stay, and both labels have the same sentences.
probe_word_content  is WC, which one of the listed words a sentence has: 8 verbs instead of 1,000
                    words, in the same frames.
probe_translation   is new: whether a sentence has the meaning of an English one, or differs from
                    it at one place.
"""

from typing import Literal

from xstilts_core.languages import EMBEDDED_LANGUAGES
from xstilts_core.tasks.task import Task

_SOURCE = "after Conneau et al. 2018 (What you can cram into a single vector)"
LICENCE = "that of this package (sentences made by it)"
# Multiples of the number of labels.
SIZES = {"train": 1_000, "dev": 200, "test": 200}
_VERBS = ("sleep", "run", "work", "laugh", "sing", "cry", "wait", "talk")
Kind = Literal["semantic", "syntactic"]


def probe(
    name: str,
    title: str,
    kind: Kind,
    labels: tuple[str, ...],
    citation: str = _SOURCE,
    single_text: bool = True,
) -> Task:
    return Task(
        name,
        title=title,
        role="probing",
        format="pair",
        metric="accuracy",
        kind=kind,
        domain="everyday sentences, generated",
        citation=citation,
        licence=LICENCE,
        languages=EMBEDDED_LANGUAGES,
        labels=labels,
        single_text=single_text,
        sizes=SIZES,
    )


PROBING = (
    probe("probe_negation", "Negation", "semantic", ("plain", "negated")),
    probe("probe_number", "Number of the object", "syntactic", ("one", "several")),
    probe("probe_word_order", "Word order", "syntactic", ("kept", "swapped")),
    probe("probe_word_content", "Word content", "semantic", _VERBS),
    probe(
        "probe_translation",
        "Translation match",
        "semantic",
        ("other", "same"),
        "made for this package",
        single_text=False,
    ),
)
