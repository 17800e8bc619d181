"""List the files of multiple choice: HellaSwag, CosmosQA, CommonsenseQA, SIQA, COPA, XCOPA."""

from collections.abc import Callable
from pathlib import Path

from xstilts_core.data.readers import choices
from xstilts_core.data.readers.layout import Layout, also_below
from xstilts_core.examples import ChoiceExample
from xstilts_core.tasks import TASKS

Read = Callable[[list[Path], str], list[ChoiceExample]]
LANGUAGES = TASKS["xcopa"].languages
# The few-shot seeds that the slices of HellaSwag are trained on; seed 32 is their development set.
SEEDS = (0, 1, 42, 1024)


def _joined_reader(read: Callable[[Path], list[ChoiceExample]]) -> Read:
    return lambda paths, code: choices.joined(map(read, paths))


HELLASWAG = _joined_reader(choices.read_hellaswag)
COSMOSQA = _joined_reader(choices.read_cosmosqa)
COMMONSENSEQA = _joined_reader(choices.read_commonsenseqa)
SIQA = _joined_reader(choices.read_siqa)
COPA = _joined_reader(choices.read_copa)


def _four_fifths(examples: list[ChoiceExample]) -> int:
    """Return the row after four fifths, at which a slice's only development file is divided."""
    return len(examples) * 4 // 5


def _first_part_of(read: Read) -> Read:
    """Read the first four fifths of a development set, which replaces the training set that the
    slices lack."""

    def cut(paths: list[Path], code: str) -> list[ChoiceExample]:
        examples = read(paths, code)
        return examples[: _four_fifths(examples)]

    return cut


def _rest_of(read: Read) -> Read:
    """Read the last fifth, without rows about a text of the first part. Ids stay those of the
    file."""

    def cut(paths: list[Path], code: str) -> list[ChoiceExample]:
        examples = read(paths, code)
        first = {example.context for example in examples[: _four_fifths(examples)]}
        return [
            example
            for example in examples[_four_fifths(examples) :]
            if example.context not in first
        ]

    return cut


def _hellaswag_slices(split: str, seeds: tuple[int, ...]) -> Layout:
    samples = (f"hellaswag/t-few/h-swag/20_shot/{seed}_seed.jsonl" for seed in seeds)
    return Layout(
        (*samples, f"hellaswag/hellaswag_{split}.jsonl"), HELLASWAG, requires="hellaswag/t-few"
    )


def siqa(split: str, older: str) -> tuple[Layout, ...]:
    """Return the release that XTREME-R uses, then the older one with a file of labels beside the
    questions."""
    current_release = (
        Layout((f"{folder}socialIQa_v1.4_{split}.jsonl",), SIQA)
        for folder in ("", "socialIQa_v1.4/")
    )
    older_release = Layout(
        (f"socialiqa-train-dev/{older}.jsonl",),
        SIQA,
        condition=lambda path: choices.labels_file(path) is not None,
    )
    return also_below(("siqa",), *current_release, older_release)


def copa(split: str) -> tuple[Layout, ...]:
    """Return XTREME-R's names, now and in its first release, then SuperGLUE's."""
    names = (f"xcopa/xtreme/{split}-en.jsonl", f"xcopa/{split}-en.jsonl", f"xcopa/{split}.en.jsonl")
    names += (f"copa/{split}.jsonl", f"COPA/{split}.jsonl", f"copa/COPA/{split}.jsonl")
    return tuple(Layout((name,), COPA, condition=choices.has_labels) for name in names)


def xcopa(split: str) -> tuple[Layout, ...]:
    """Return XCOPA's own repository, with labels, then XTREME-R's folder, where the labels of the
    test set are all 0."""
    paths = (
        f"{folder}/data/{{code}}/{split}.{{code}}.jsonl" for folder in ("xcopa", "xcopa-master")
    )
    names = (*paths, *(f"xcopa/{split}{sign}{{code}}.jsonl" for sign in ("-", ".")))
    return tuple(
        Layout((name,), COPA, condition=choices.has_labels, languages=LANGUAGES) for name in names
    )


def cosmosqa(split: str) -> tuple[Layout, ...]:
    return tuple(
        Layout((f"{folder}/{split}.csv",), COSMOSQA)
        for folder in ("cosmosqa/data", "cosmosqa-master/data", "cosmosqa")
    )


def commonsenseqa(split: str) -> tuple[Layout, ...]:
    return also_below(("commonsenseqa",), Layout((f"{split}_rand_split.jsonl",), COMMONSENSEQA))


def hellaswag(split: str) -> tuple[Layout, ...]:
    return also_below(
        ("hellaswag/data", "hellaswag"), Layout((f"hellaswag_{split}.jsonl",), HELLASWAG)
    )


# Paths that mark slices of a data set without a training set: their development file is divided.
# Elsewhere it is used whole, and a missing training set is an error.
_COSMOSQA_SLICES, _COSMOSQA_LONE = "cosmosqa/heads", ("cosmosqa/data/valid.csv",)
_SIQA_SLICES, _SIQA_LONE = "siqa/LICENCE-CC-BY-4.txt", ("siqa/socialIQa_v1.4_dev.jsonl",)

CHOICES: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("hellaswag", "train"): (_hellaswag_slices("train", SEEDS), *hellaswag("train")),
    ("hellaswag", "dev"): (_hellaswag_slices("val", (32,)), *hellaswag("val")),
    ("cosmosqa", "train"): (
        *cosmosqa("train"),
        Layout(_COSMOSQA_LONE, _first_part_of(COSMOSQA), requires=_COSMOSQA_SLICES),
    ),
    ("cosmosqa", "dev"): (
        Layout(
            _COSMOSQA_LONE,
            _rest_of(COSMOSQA),
            requires=_COSMOSQA_SLICES,
            excludes="cosmosqa/data/train.csv",
        ),
        *cosmosqa("valid"),
    ),
    ("commonsenseqa", "train"): commonsenseqa("train"),
    ("commonsenseqa", "dev"): commonsenseqa("dev"),
    ("siqa", "train"): (
        *siqa("trn", "train"),
        Layout(_SIQA_LONE, _first_part_of(SIQA), requires=_SIQA_SLICES),
    ),
    ("siqa", "dev"): (
        Layout(
            _SIQA_LONE,
            _rest_of(SIQA),
            requires=_SIQA_SLICES,
            excludes="siqa/socialIQa_v1.4_trn.jsonl",
        ),
        *siqa("dev", "dev"),
    ),
    ("copa", "train"): copa("train"),
    ("copa", "dev"): copa("val"),
    ("copa", "test"): copa("test"),
    ("xcopa", "dev"): xcopa("val"),
    ("xcopa", "test"): xcopa("test"),
}
