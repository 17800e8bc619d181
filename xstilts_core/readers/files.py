"""Where the files of a task stand below a data root, and which reader reads them: one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from xstilts_core.examples import Example, PairExample, SentenceExample, SpanExample, TagsExample
from xstilts_core.languages import LANGUAGES, language
from xstilts_core.names import UsageError, unknown
from xstilts_core.readers.pairs import distinct, read_mnli, read_pairs, read_xnli
from xstilts_core.readers.sentences import read_bucc, read_tatoeba
from xstilts_core.readers.spans import read_squad
from xstilts_core.readers.tags import read_ccg, read_conllu, read_panx


@dataclass(frozen=True, slots=True)
class Layout:
    """One place where labelled examples of a task and split may stand.

    patterns: globs below the data root with {code}, {tatoeba} or {treebank} of the language; all files they find are read together,
    in the order of the patterns and then of their names. A pattern without a language is for English.
    read: files and language code to examples. labelled_columns: how many columns a labelled file has, where the same file name is
    also used for a copy without labels; 0 where it is not. beside: suffixes of the files that a labelled one needs at its side.
    """

    patterns: tuple[str, ...]
    read: Callable[[list[Path], str], Sequence[Example]]
    labelled_columns: int = 0
    beside: tuple[str, ...] = ()

    def expected(self, code: str) -> list[str]:
        """The patterns of one language; none where files are named by a code that the language lacks."""
        row = language(code)
        names = {"code": code, "tatoeba": row.tatoeba, "treebank": row.treebank}
        return [
            pattern.format(**names)
            for pattern in self.patterns
            if ("{" in pattern or code == "en") and all(value or f"{{{key}}}" not in pattern for key, value in names.items())
        ]

    def present(self, code: str, data_root: Path) -> list[Path]:
        """The files of one language, labelled or not."""
        return [path for pattern in self.expected(code) for path in sorted(data_root.glob(pattern)) if path.is_file()]

    def find(self, code: str, data_root: Path) -> list[Path]:
        """The labelled files of one language."""
        return [path for path in self.present(code, data_root) if self.is_labelled(path)]

    def is_labelled(self, path: Path) -> bool:
        """Whether the first line that is not blank has as many columns as a labelled file; undecoded, as `available` asks many files."""
        if not all(path.with_suffix(suffix).is_file() for suffix in self.beside):
            return False
        if not self.labelled_columns:
            return True
        with path.open("rb") as file:
            first = next((line for line in file if line.strip()), b"")
        return first.count(b"\t") + 1 >= self.labelled_columns


def pairs_of(paths: list[Path], code: str) -> list[PairExample]:
    return distinct([example for path in paths for example in read_mnli(path)])


def xnli_of(paths: list[Path], code: str) -> list[PairExample]:
    return read_xnli(paths[0])


def numbered_xnli_of(paths: list[Path], code: str) -> list[PairExample]:
    return read_pairs(paths[0], ("premise", "hypothesis", "label"), numbered=True)


def genre_xnli_of(paths: list[Path], code: str) -> list[PairExample]:
    return read_pairs(paths[0], (f"sentence1_{code}", f"sentence2_{code}", "label"))


def panx_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_panx(paths[0])


def treebanks_of(paths: list[Path], code: str) -> list[TagsExample]:
    """All treebanks of a language in the order of their names, numbered through."""
    joined = [example for path in paths for example in read_conllu(path)]
    return [TagsExample(str(number), example.words, example.tags) for number, example in enumerate(joined, start=1)]


def squad_of(paths: list[Path], code: str) -> list[SpanExample]:
    return read_squad(paths[0])


def unchanged_squad_of(paths: list[Path], code: str) -> list[SpanExample]:
    """The questions of SQuAD 1.1's development set in Jia and Liang's adversarial file: ids with "-" are the altered ones."""
    return [example for example in read_squad(paths[0]) if "-" not in example.id]


def tatoeba_of(paths: list[Path], code: str) -> list[SentenceExample]:
    return read_tatoeba(paths[0], paths[0].with_suffix(".eng"), code)


def bucc_of(paths: list[Path], code: str) -> list[SentenceExample]:
    return read_bucc(paths[0], paths[0].with_suffix(".en"), paths[0].with_suffix(".gold"), code)


def ccg_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_ccg(paths[0])


def bucc(split: str, original: str) -> tuple[Layout, ...]:
    """XTREME's names, then those of the shared task's archive. XTREME deletes the test pairs, and a split without pairs is not there."""
    patterns = (f"bucc2018/{{code}}-en.{split}.{{code}}", f"bucc2018/{{code}}-en/{{code}}-en.{original}.{{code}}")
    return tuple(Layout((pattern,), bucc_of, beside=(".en", ".gold")) for pattern in patterns)


PANX = {split: (Layout((f"panx/xtreme/{split}-{{code}}.tsv",), panx_of, 2),) for split in ("train", "dev", "test")}
TREEBANKS = {
    split: (Layout((f"udpos/ud-treebanks-v2.5/UD_{{treebank}}-*/{{code}}_*-ud-{split}.conllu",), treebanks_of),)
    for split in ("train", "dev", "test")
}

# (task, split) -> the places to look, the first with labelled files wins.
FILES: Mapping[tuple[str, str], tuple[Layout, ...]] = MappingProxyType(
    {
        ("xnli", "dev"): (Layout(("xnli/xtreme/dev-{code}.tsv",), xnli_of, 3),),
        ("xnli", "test"): (
            Layout(("xnli/labelled_test/xnli-{code}-original.tsv",), numbered_xnli_of),
            Layout(("xnli/labelled_test/{code}.genre.test.tsv",), genre_xnli_of),
            Layout(("xnli/xtreme/test-{code}.tsv",), xnli_of, 3),
        ),
        ("mnli", "train"): (
            Layout(
                ("mnli/glue/MNLI/train.tsv", "mnli/k-shot/MNLI/*/train.tsv", "mnli/XNLI-MT-1.0/multinli/multinli.train.en.tsv"), pairs_of
            ),
        ),
        # The k-shot development rows were drawn from MNLI's training set, but none of them stands in the k-shot training files.
        ("mnli", "dev"): (Layout(("mnli/glue/MNLI/dev_matched.tsv", "mnli/k-shot/MNLI/*/dev_matched.tsv"), pairs_of),),
        ("panx", "train"): PANX["train"],
        ("panx", "dev"): PANX["dev"],
        ("panx", "test"): PANX["test"],
        ("udpos", "train"): TREEBANKS["train"],
        ("udpos", "dev"): TREEBANKS["dev"],
        ("udpos", "test"): TREEBANKS["test"],
        ("xquad", "test"): (Layout(("xquad/xquad.{code}.json",), squad_of),),
        ("tatoeba", "test"): (Layout(("tatoeba/v1/tatoeba.{tatoeba}-eng.{tatoeba}",), tatoeba_of),),
        ("squad_v1", "train"): (Layout(("squad_v1/train-v1.1.json",), squad_of),),
        ("squad_v1", "dev"): (
            Layout(("squad_v1/dev-v1.1.json",), squad_of),
            Layout(("squad_v1/adversarial/AddOneSent.json",), unchanged_squad_of),
        ),
        # The shared task's training part is XTREME's test set, and its sample the development set.
        ("bucc2018", "dev"): bucc("dev", "sample"),
        ("bucc2018", "test"): bucc("test", "training"),
        ("ccg", "train"): (Layout(("ccg/train.tsv",), ccg_of, 2),),
        ("ccg", "dev"): (Layout(("ccg/dev.tsv",), ccg_of, 2),),
    }
)


def layouts_of(task: str, split: str, data_root: Path) -> tuple[Layout, ...]:
    """The places of a task and split; UsageError for an unknown task or split, or a data root that is no folder."""
    if (task, split) not in FILES:
        splits = {known: [name for owner, name in FILES if owner == known] for known, _ in FILES}
        if task not in splits:
            raise unknown("task", task, splits, "the tasks that are read from files")
        raise unknown("split", split, splits[task], f"the files of {task}")
    if not Path(data_root).is_dir():
        raise UsageError(f"the data root {data_root} is no folder: expected one with a folder per task ({task}/ ...)")
    return FILES[task, split]


def available(task: str, split: str, data_root: Path) -> tuple[str, ...]:
    """Codes of the languages for which labelled files stand below the data root, in alphabetical order."""
    layouts = layouts_of(task, split, data_root)
    return tuple(code for code in LANGUAGES if any(layout.find(code, Path(data_root)) for layout in layouts))


def read_files(task: str, split: str, language: str, data_root: Path) -> list[Example]:
    """All labelled examples of a task, split and language below the data root.

    UsageError naming what was looked for and the languages that are there, or the file and line that cannot be read.
    """
    layouts = layouts_of(task, split, data_root)
    for layout in layouts:
        paths = layout.find(language, Path(data_root))
        if paths:
            return list(layout.read(paths, language))
    looked = [pattern for layout in layouts for pattern in layout.expected(language)]
    unlabelled = [str(path) for layout in layouts for path in layout.present(language, Path(data_root))]
    raise UsageError(
        f"no labelled {task} {split} files of language {language!r} below {data_root}: "
        + (f"looked for {' or '.join(looked)}" if looked else "the data set names no files of that language")
        + (f"; {' and '.join(unlabelled)} {'is' if len(unlabelled) == 1 else 'are'} empty or without labels" if unlabelled else "")
        + f"; languages there: {', '.join(available(task, split, data_root)) or 'none'}"
    )
