"""List the files of sentence pairs: MNLI, SNLI, ANLI, QQP, XNLI, PAWS-X, and the translated
training sets."""

from collections.abc import Callable, Sequence
from pathlib import Path

from xstilts_core.data.readers import pairs
from xstilts_core.data.readers.layout import Layout, also_below
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample
from xstilts_core.tasks import TASKS

Read = Callable[[list[Path], str], list[PairExample]]
LANGUAGES = {name: entry.languages for name, entry in TASKS.items()}
_WITHOUT_ENGLISH = {
    name: tuple(code for code in LANGUAGES[name] if code != "en") for name in ("xnli", "pawsx")
}
_ROUNDS = ("R1", "R2", "R3")
# The few-shot seeds of the slices' training sets; seed 32, which shares no row with them, is the
# development set.
SEEDS = (0, 1, 42, 1024)


def table(shape: pairs.PairTable) -> Read:
    return lambda paths, code: pairs.joined(pairs.read_pairs(path, shape, code) for path in paths)


def xnli_of(paths: list[Path], code: str) -> list[PairExample]:
    return pairs.read_xtreme_pairs(paths[0])


def _pawsx_of(paths: list[Path], code: str) -> list[PairExample]:
    return pairs.read_xtreme_pairs(paths[0], pairs.PARAPHRASE)


def _json_nli_of(paths: list[Path], code: str) -> list[PairExample]:
    return pairs.read_json_pairs(paths[0], pairs.GOLD, pairs.ANNOTATED)


def _anli_round(path: Path) -> list[PairExample]:
    return pairs.read_json_pairs(path, ("context", "hypothesis", "label"), pairs.LETTERS)


def _anli_of(paths: list[Path], code: str) -> list[PairExample]:
    """Read the three rounds, one after another."""
    rounds = [path.parent.name for path in paths]
    if missing_rounds := [name for name in _ROUNDS if name not in rounds]:
        raise UsageError(
            f"{paths[0].parents[1]} has {paths[0].name} only in {', '.join(rounds)}: "
            f"expected {' and '.join(missing_rounds)} too"
        )
    return pairs.joined(map(_anli_round, paths))


def _mnli_slices_of(paths: list[Path], code: str) -> list[PairExample]:
    return pairs.distinct(pairs.joined(map(pairs.read_mnli, paths)))


def _snli_slices_of(paths: list[Path], code: str) -> list[PairExample]:
    return pairs.distinct(table(pairs.SNLI)(paths, code))


def _anli_slices_of(paths: list[Path], code: str) -> list[PairExample]:
    """Read rows of the release, and few-shot samples of its training set with Hugging Face's
    columns and class numbers."""
    columns = ("premise", "hypothesis", "label")
    samples = [
        pairs.read_json_pairs(path, columns, pairs.NUMBERS)
        for path in paths
        if path.name.endswith("_seed.jsonl")
    ]
    return pairs.distinct(
        pairs.joined(
            [
                *samples,
                *(_anli_round(path) for path in paths if not path.name.endswith("_seed.jsonl")),
            ]
        )
    )


def glue(name: str, split: str, shape: pairs.PairTable) -> tuple[Layout, ...]:
    """Return a table of GLUE: below its own folder, the download script's, or one with the task's
    name."""
    layout = Layout((f"{name}/{split}.tsv",), table(shape))
    return also_below(("glue_data", "glue", f"{name.lower()}/glue", name.lower()), layout)


def _released_nli(
    task: str, release: str, split: str, shape: pairs.PairTable
) -> tuple[Layout, ...]:
    """Return MultiNLI's and SNLI's own archives: the same rows as a table and as JSON lines."""
    texts = Layout((f"{release}/{release}_{split}.txt",), table(shape))
    return also_below((task,), texts, Layout((f"{release}/{release}_{split}.jsonl",), _json_nli_of))


def _anli_slices(split: str, seeds: Sequence[int]) -> Layout:
    samples = (f"anli/t-few/anli-r?/50_shot/{seed}_seed.jsonl" for seed in seeds)
    return Layout(
        (*samples, f"anli/anli_v0.1/R?/{split}.jsonl"), _anli_slices_of, requires="anli/t-few"
    )


def anli(split: str) -> tuple[Layout, ...]:
    return also_below(
        ("anli",),
        *(Layout((f"anli_{version}/R?/{split}.jsonl",), _anli_of) for version in ("v1.0", "v0.1")),
    )


def xnli(split: str) -> tuple[Layout, ...]:
    """Return XTREME's files, then XNLI's own, which hold all languages in one file."""
    released = Layout(
        (f"XNLI-1.0/xnli.{split}.tsv",),
        table(pairs.XNLI_RAW),
        languages=LANGUAGES["xnli"],
        excludes="xnli/labelled_test",
    )
    prepared = (
        Layout((f"{folder}/{split}-{{code}}.tsv",), xnli_of, 3)
        for folder in ("xnli/xtreme", "xnli")
    )
    return (*prepared, *also_below(("xnli", "xnli-tmp"), released))


def pawsx(split: str, release: str, languages: tuple[str, ...] = ()) -> tuple[Layout, ...]:
    """Return XTREME's files, then PAWS-X's own."""
    prepared = (
        Layout((f"{folder}/{split}-{{code}}.tsv",), _pawsx_of, 3, languages=languages)
        for folder in ("pawsx/xtreme", "pawsx")
    )
    return (
        *prepared,
        *also_below(
            ("pawsx",),
            Layout((f"x-final/{{code}}/{release}.tsv",), table(pairs.PAWS_X), languages=languages),
        ),
    )


def translated(task: str, folder: str, shape: pairs.PairTable) -> tuple[Layout, ...]:
    """Return XTREME's translations, the bucket xtreme_translations: English texts, their
    translations, label."""
    layout = Layout(
        (f"{folder}/translate-train/en-{{code}}-translated.tsv",),
        table(shape),
        languages=_WITHOUT_ENGLISH[task],
    )
    return also_below(("xtreme_translations", task), layout)


XNLI_MT = Layout(
    ("XNLI-MT-1.0/multinli/multinli.train.{code}.tsv",), table(pairs.XNLI_MT), languages=("en",)
)
_XNLI_MT_TRANSLATED = Layout(XNLI_MT.patterns, XNLI_MT.read, languages=_WITHOUT_ENGLISH["xnli"])
_MNLI_SLICES = (
    "mnli/glue/MNLI/train.tsv",
    "mnli/k-shot/MNLI/*/train.tsv",
    "mnli/XNLI-MT-1.0/multinli/multinli.train.en.tsv",
)

PAIRS: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("mnli", "train"): (
        Layout(_MNLI_SLICES, _mnli_slices_of, requires="mnli/k-shot"),
        *glue("MNLI", "train", pairs.GLUE_MNLI),
        *_released_nli("mnli", "multinli_1.0", "train", pairs.MULTINLI),
        # XTREME trains on the English side of XNLI's translations: MNLI's pairs, tokenized.
        *(Layout((f"{folder}/train-en.tsv",), xnli_of, 3) for folder in ("xnli/xtreme", "xnli")),
        *also_below(("xnli", "mnli", "xnli-tmp"), XNLI_MT),
    ),
    # The paper's development set is only the matched one. The k-shot development rows were drawn
    # from MNLI's training set, but none of them is in the k-shot training files.
    ("mnli", "dev"): (
        Layout(
            ("mnli/glue/MNLI/dev_matched.tsv", "mnli/k-shot/MNLI/*/dev_matched.tsv"),
            _mnli_slices_of,
            requires="mnli/k-shot",
        ),
        *glue("MNLI", "dev_matched", pairs.GLUE_MNLI),
        *_released_nli("mnli", "multinli_1.0", "dev_matched", pairs.MULTINLI),
        # XTREME's download has no development set of MNLI; it selects on XNLI's English one.
        *(
            Layout((f"{folder}/dev-en.tsv",), xnli_of, 3, excludes="mnli")
            for folder in ("xnli/xtreme", "xnli")
        ),
    ),
    ("snli", "train"): (
        Layout(
            ("snli/k-shot/SNLI/*/train.tsv", "snli/snli_1.0/snli_1.0_train.txt"),
            _snli_slices_of,
            requires="snli/k-shot",
        ),
        *_released_nli("snli", "snli_1.0", "train", pairs.SNLI),
        *glue("SNLI", "train", pairs.SNLI),
    ),
    ("snli", "dev"): (
        Layout(
            ("snli/k-shot/SNLI/*/dev.tsv", "snli/snli_1.0/snli_1.0_dev.txt"),
            _snli_slices_of,
            requires="snli/k-shot",
        ),
        *_released_nli("snli", "snli_1.0", "dev", pairs.SNLI),
        *glue("SNLI", "dev", pairs.SNLI),
    ),
    ("anli", "train"): (_anli_slices("train", SEEDS), *anli("train")),
    ("anli", "dev"): (_anli_slices("dev", (32,)), *anli("dev")),
    ("qqp", "train"): glue("QQP", "train", pairs.QQP),
    ("qqp", "dev"): glue("QQP", "dev", pairs.QQP),
    ("xnli", "dev"): xnli("dev"),
    ("xnli", "test"): (
        Layout(("xnli/labelled_test/xnli-{code}-original.tsv",), table(pairs.XNLI_NUMBERED)),
        Layout(("xnli/labelled_test/{code}.genre.test.tsv",), table(pairs.XNLI_GENRES)),
        *xnli("test"),
    ),
    ("pawsx", "train"): pawsx("train", "train", ("en",)),
    ("pawsx", "dev"): pawsx("dev", "dev_2k"),
    # XTREME's test files have no labels. Those of PAWS-X differ between languages, so none is
    # copied from another language.
    ("pawsx", "test"): pawsx("test", "test_2k"),
    ("mnli_translated", "train"): (
        *also_below(("xnli", "mnli"), _XNLI_MT_TRANSLATED),
        *translated("xnli", "XNLI", pairs.XNLI_TRANSLATION),
    ),
    ("pawsx_translated", "train"): (
        *also_below(
            ("pawsx",),
            Layout(
                ("x-final/{code}/translated_train.tsv",),
                table(pairs.PAWS_X),
                languages=_WITHOUT_ENGLISH["pawsx"],
            ),
        ),
        *translated("pawsx", "PAWSX", pairs.PAWS_X_TRANSLATION),
    ),
}
