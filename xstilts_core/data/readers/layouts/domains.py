"""List the files of other domains: UMSAB, TweetEval's offensive tweets, AbstRCT, PubMedQA."""

from collections.abc import Callable
from pathlib import Path

from xstilts_core.data.readers.layout import Layout, also_below
from xstilts_core.data.readers.pairs import Spelling
from xstilts_core.data.readers.tags import read_tagged
from xstilts_core.data.readers.texts import read_abstracts, read_labelled_lines
from xstilts_core.examples import PairExample, TagsExample
from xstilts_core.tasks import task

# The class numbers of both releases (TweetEval's mapping.txt, which has "not-offensive").
POLARITY: Spelling = {"0": "negative", "1": "neutral", "2": "positive"}
_OFFENSIVE: Spelling = {"0": "non-offensive", "1": "offensive"}
_DECISIONS: Spelling = {label: label for label in task("pubmedqa").labels}

RELEASED = {"train": "train", "dev": "val", "test": "test"}
# The translator of AbstRCT in each language. All are machine translations, whose annotations were
# projected and corrected by hand.
_TRANSLATORS = {"es": "deepl", "fr": "nllb", "it": "nllb"}
LABELLED, _ARTIFICIAL = "data/ori_pqal.json", "data/ori_pqaa.json"


def _labelled_lines(spelling: Spelling) -> Callable[[list[Path], str], list[PairExample]]:
    return lambda paths, code: read_labelled_lines(paths[0], spelling)


def _abstracts_of(paths: list[Path], code: str) -> list[PairExample]:
    return read_abstracts(paths[0], _DECISIONS)


def _first_abstracts_of(paths: list[Path], code: str) -> list[PairExample]:
    """Read the first four fifths of the expert-answered questions, for use without the artificial
    training set."""
    examples = _abstracts_of(paths, code)
    return examples[: len(examples) * 4 // 5]


def _last_abstracts_of(paths: list[Path], code: str) -> list[PairExample]:
    """Read the last fifth, numbered as in the file."""
    examples = _abstracts_of(paths, code)
    return examples[len(examples) * 4 // 5 :]


def _components_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_tagged(paths[0], task("abstrct").labels, separator=" ")


def sentiment(split: str) -> tuple[Layout, ...]:
    """Return XLM-T's folder. Its other languages have training tweets too, but the suite trains on
    the English ones."""
    languages = ("en",) if split == "train" else task("tweet_sentiment").languages
    layout = Layout(
        (f"data/sentiment/{{name}}/{RELEASED[split]}_text.txt",),
        _labelled_lines(POLARITY),
        languages=languages,
    )
    return also_below(("tweet_sentiment", "xlm-t"), layout)


def offensive(split: str) -> tuple[Layout, ...]:
    texts = Layout((f"datasets/offensive/{RELEASED[split]}_text.txt",), _labelled_lines(_OFFENSIVE))
    return also_below(("tweet_offensive", "tweeteval"), texts)


def components(split: str) -> tuple[Layout, ...]:
    """Return the abstracts about neoplasm in abstrct-projections: the original, and each language's
    translation corrected by hand."""
    folder = "data/data_for_experiments"
    english = Layout(
        (f"{folder}/EN/argument_components/original_data/neoplasm_{split}.tsv",), _components_of
    )
    translations = [
        Layout(
            (
                f"{folder}/{code.upper()}/{translator}/argument_components/manual_revision/"
                f"{code}_neoplasm_{translator}_awesome_{split}.tsv",
            ),
            _components_of,
            languages=(code,),
        )
        for code, translator in _TRANSLATORS.items()
        if split != "train"
    ]
    return also_below(("abstrct", "abstrct-projections"), english, *translations)


# PubMedQA's authors keep the artificial training set apart from the rest. If it is missing, the
# expert-answered questions are divided into training and development set; with it they are the
# development set, as on the hub.
_PUBMEDQA: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("pubmedqa", "train"): tuple(
        Layout((f"{folder}{name}",), read)
        for name, read in ((_ARTIFICIAL, _abstracts_of), (LABELLED, _first_abstracts_of))
        for folder in ("pubmedqa/", "")
    ),
    ("pubmedqa", "dev"): tuple(
        Layout((f"{folder}{LABELLED}",), read, **conditions)
        for folder in ("pubmedqa/", "")
        for read, conditions in (
            (_last_abstracts_of, {"excludes": f"{folder}{_ARTIFICIAL}"}),
            (_abstracts_of, {}),
        )
    ),
}

DOMAINS: dict[tuple[str, str], tuple[Layout, ...]] = {
    **{("abstrct", split): components(split) for split in RELEASED},
    **_PUBMEDQA,
    **{("tweet_sentiment", split): sentiment(split) for split in RELEASED},
    **{("tweet_offensive", split): offensive(split) for split in ("train", "dev")},
}
